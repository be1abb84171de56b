#!/usr/bin/perl

# What t/bench/gate.pl makes of what it has counted: up to 3 % more than the
# committed figure is allowed, more is not, nor is a row without a figure or a
# figure without a row; figures of other versions are none to compare with.

use strict;
use warnings;

use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;


my $dir = tempdir(CLEANUP => 1);
my $figures = JSON::PP->new->decode(read_file('t/bench/gate.json'));
my ($chain) = sort keys %$figures;

$_ = 10_000 for values %{ $figures->{$chain} };

my $same = judge(sub { });

is $same->{code}, 0, 'the figures themselves';
like $same->{out}, qr/^\Q$chain\E\n/m, 'versions are told';
like $same->{out}, qr/^openai, 1 KB .* \+0\.00 %$/m, 'each row is told';

is judge(sub { $_[0]{'openai, 1 KB'} *= 1.029 })->{code}, 0, '2.9 % more';

my $more = judge(sub { $_[0]{'openai, 1 KB'} *= 1.031 });

is $more->{code}, 1, '3.1 % more';
like $more->{out}, qr/^openai, 1 KB .* \+3\.10 % TOO MUCH$/m, 'where';

is judge(sub { $_[0]{'openai, 1 KB'} *= 0.5 })->{code}, 0, 'less';
is judge(sub { $_ *= 1.031 for values %{ $_[0] } })->{code}, 1, 'all of them';

is judge(sub { delete $_[0]{'claude, 1 MB'} })->{code}, 1, 'a row is missing';
is judge(sub { }, sub { delete $_[0]{'claude, 1 MB'} })->{code}, 1,
    'a figure is missing';

for my $case ([-100, -40, 0], [-100, -30, 1], [10, 70, 0], [10, 80, 1]) {
    my ($was, $is, $code) = @$case;

    is judge(sub { $_[0]{'openai, event'} = $is },
             sub { $_[0]{'openai, event'} = $was })->{code}, $code,
        "from $was to $is";
}

is judge(sub { $_[0]{'proxy_pass, 1 KB'} *= 2 })->{code}, 0,
    'proxy_pass is not ours';

my $other = judge(sub { $_ *= 2 for values %{ $_[0] } }, sub { }, 'nginx 9.9');

is $other->{code}, 0, 'other versions';
like $other->{out}, qr/nothing to compare with/, 'and that is said';

my $before = read_file('t/bench/gate.json');

judge(sub { $_[0]{'openai, 1 KB'} += 1 }, sub { }, 'nginx 9.9', UPDATE => 1);

is read_file('t/bench/gate.json'), $before, 'the committed file is not touched';

my $updated = JSON::PP->new->decode(read_file("$dir/figures.json"));

is_deeply [sort keys %$updated], [sort $chain, 'nginx 9.9'],
    'an update adds to the others';
is $updated->{'nginx 9.9'}{'openai, 1 KB'},
    $updated->{$chain}{'openai, 1 KB'} + 1, 'what was counted';

done_testing();


# changes what was counted and what is committed, and what of that is known

sub judge {
    my ($count, $commit, $as, %env) = @_;

    my %measured = %{ $figures->{$chain} };
    my %committed = %{ $figures->{$chain} };

    $count->(\%measured);
    $commit->(\%committed) if $commit;

    write_file('measured.json', { $as // $chain => \%measured });
    write_file('figures.json', { $chain => \%committed });

    local %ENV = (%ENV, %env, GATE_MEASURED => "$dir/measured.json",
                  GATE_FIGURES => "$dir/figures.json");

    my $out = `perl t/bench/gate.pl 2>&1`;

    return { code => $? >> 8, out => $out };
}


sub read_file {
    my ($file) = @_;

    open my $fh, '<', $file or die "$file: $!\n";
    local $/;

    return <$fh>;
}


sub write_file {
    my ($name, $what) = @_;

    open my $fh, '>', "$dir/$name" or die "$name: $!\n";
    print $fh JSON::PP->new->encode($what);
    close $fh or die "$name: $!\n";
}
