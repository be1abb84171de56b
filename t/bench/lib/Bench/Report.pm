package Bench::Report;

# Medians, ratios, the table, what must be reached, and JSON.

use strict;
use warnings;

use JSON::PP;

# the columns of each kind of group: a heading, a format, and what of a row
# ("+": less that of "direct" in the same round)

my @shares = (['busy', '%.0f%%', 'busy'], ['client', '%.0f%%', 'client'],
              ['mock', '%.0f%%', 'mock']);

my @ratio = (['ratio', '%.2f', 'ratio'], ['rounds', '%s', 'range']);

my %columns = (
    buffered => [['us CPU/req', '%.1f', 'us'], @ratio,
                 ['req/s', '%.0f', 'rate'], @shares],

    stream   => [['us CPU/event', '%.3f', 'us'], @ratio,
                 ['events/s', '%.0f', 'rate'], @shares],

    paced    => [['us CPU/event', '%.1f', 'us'], @ratio,
                 ['TTFT us p50', '%.0f', 'ttft_p50'],
                 ['p99', '%.0f', 'ttft_p99'],
                 ['+p50', '%.0f', 'added_ttft_p50'],
                 ['+p99', '%.0f', 'added_ttft_p99'],
                 ['jitter +p99', '%.0f', 'added_jitter_p99'], @shares],

    latency  => [['us CPU/req', '%.1f', 'us'],
                 ['us p50', '%.0f', 'latency_p50'],
                 ['p99', '%.0f', 'latency_p99'],
                 ['+p50', '%.0f', 'added_latency_p50'],
                 ['+p99', '%.0f', 'added_latency_p99'], @shares],

    memory   => [['KB/stream', '%.1f', 'kb'], @ratio],
);


sub new {
    my ($class, %self) = @_;

    return bless \%self, $class;
}


sub note {
    my ($self, $name, $what) = @_;

    $self->{memory}{$name} = $what;
}


# the medians of all rounds; ratios and differences are of the same round

sub sum_up {
    my ($self) = @_;

    return if $self->{rows};

    for my $group (@{ $self->{groups} }) {
        my ($direct) = grep { $_->{server} eq 'mock' } @{ $group->{rows} };

        for my $row (grep { $_->{rounds} } @{ $group->{rows} }) {
            derive($row, $group->{kind} eq 'memory' ? 'kb' : 'us', $direct);

            my $all = $row->{rounds};

            $row->{median} = { map { $_ => median(@{ $all->{$_} }) }
                               keys %$all };

            if ($all->{ratio}) {
                my @ratios = sort { $a <=> $b } @{ $all->{ratio} };
                $row->{median}{range} = sprintf '%.2f-%.2f', @ratios[0, -1];
            }

            $self->{rows}{$row->{key}} = $row;
        }
    }
}


sub derive {
    my ($row, $cost, $direct) = @_;

    my $all = $row->{rounds};

    # the simulator itself costs the gateway nothing

    if ($direct && $row == $direct) {
        delete @$all{qw(us busy)};
        return;
    }

    $all->{ratio} = each_round(sub { $_[0] / $_[1] }, $all->{$cost},
                               $row->{base}{rounds}{$cost});

    if ($direct) {
        for my $what (grep { /^(?:latency|ttft|jitter)_/ } keys %$all) {
            $all->{"added_$what"} = each_round(sub { $_[0] - $_[1] },
                $all->{$what}, $direct->{rounds}{$what});
        }
    }
}


sub each_round {
    my ($what, @lists) = @_;

    return [map { my $i = $_; $what->(map { $_->[$i] } @lists) }
            0 .. $#{ $lists[0] }];
}


sub median {
    my @sorted = sort { $a <=> $b } @_;

    return $sorted[@sorted / 2];
}


sub print {
    my ($self) = @_;

    $self->sum_up;

    for my $group (@{ $self->{groups} }) {
        my @rows = grep { $_->{median} } @{ $group->{rows} } or next;

        printf "\n%s\n", $group->{title};

        table([[''], @{ $columns{$group->{kind}} }], @rows);
    }

    my $m = $self->{memory};

    printf "\nmemory after %d requests: from %d to %d KB\n",
        @{ $m->{requests} }{qw(n before_kb after_kb)} if $m->{requests};

    printf "memory over a stream of %.0f MB: from %d to %d KB, %d at most\n",
        $m->{stream}{bytes} / 1e6, @{ $m->{stream} }{qw(before_kb after_kb
                                                        peak_kb)}
        if $m->{stream};

    $self->print_bottleneck;

    print "skipped: $_\n" for @{ $self->{skipped} };

    $self->print_limits;
}


# Who had nothing to wait for?  Rows of one nginx as gateway, without pauses.

sub print_bottleneck {
    my ($self) = @_;

    my @rows = grep { $_->{median} && $_->{base}
                      && $_->{kind} =~ /^(?:buffered|stream)$/
                      && $_->{server} =~ /^(?:gateway|keys|own)/ }
               map { @{ $_->{rows} } } @{ $self->{groups} } or return;

    my ($idle) = sort { $a->{median}{busy} <=> $b->{median}{busy} } @rows;
    my ($full) = sort { $self->others($b) <=> $self->others($a) } @rows;

    printf "without pauses, the gateway was %.0f %% busy at least (%s), the "
        . "others'\nprocessor %.0f %% at most (%s): %s\n",
        $idle->{median}{busy}, $idle->{key}, $self->others($full),
        $full->{key}, $self->others($full) < 95
        ? 'they were no bottleneck' : 'rates there are theirs';

    printf "the machine's load was %.1f when the bench began%s\n",
        $self->{load}, $self->{load} < 1 ? ''
        : ": times are not\nto be trusted, ratios as far as their range tells";
}


# the client's share of its processor, with the simulator's if it is the same

sub others {
    my ($self, $row) = @_;

    return $row->{median}{client}
           + ($self->{shared} ? $row->{median}{mock} : 0);
}


sub table {
    my ($columns, @rows) = @_;

    my @lines = ([map { $_->[0] } @$columns]);

    for my $row (@rows) {
        push @lines, [$row->{name}, map {
            my $value = $row->{median}{$_->[2]};
            defined $value ? sprintf $_->[1], $value : '';
        } @$columns[1 .. $#$columns]];
    }

    for my $line (@lines) {
        my @cells = map { sprintf '%*s', 2 + longest($_, @lines), $line->[$_] }
                    1 .. $#$line;
        printf "  %-26s%s\n", $line->[0], join '', @cells;
    }
}


sub longest {
    my ($column, @lines) = @_;

    my ($max) = sort { $b <=> $a } map { length $_->[$column] } @lines;

    return $max;
}


# What must be reached: a ratio, or a difference, and the limits.

sub limits {
    my ($self) = @_;

    my @limits;

    for my $row (map { @{ $_->{rows} } } @{ $self->{groups} }) {
        push @limits, { what => "$row->{title}: $row->{name}", unit => 'x',
                        is => $row->{median}{ratio}, must => $row->{must},
                        aim => $row->{aim} }
            if $row->{must} && $row->{median};
    }

    for my $p ('p50', 'p99') {
        push @limits, $self->limit("time to first token $p, openai less "
            . 'proxy_pass', 'us', 100, 20, sub { $_[0] - $_[1] },
            "ttft_$p", 'events/openai', 'events/proxy_pass');
    }

    # what more than one of something costs

    push @limits, $self->limit('two workers against one, of proxy_pass\'s own',
        'x', 1.05, 1.01, sub { $_[0] / $_[1] }, 'ratio', 'two/openai',
        'small/openai');

    push @limits, $self->limit('three deployments less one', 'us', 1, 0.5,
        sub { $_[0] - $_[1] }, 'us', 'small/openai, three deployments',
        'small/openai');

    push @limits, $self->limit('a KB of 8 MB against one of 100 KB, claude',
        'x', 2, 1.2, sub { $_[0] / $_[1] / 80 }, 'us', '8m/claude',
        '100k/claude');

    return @limits;
}


sub limit {
    my ($self, $what, $unit, $must, $aim, $of, $value, @keys) = @_;

    my @rows = map { $self->{rows}{$_} // () } @keys;

    return if @rows != @keys;

    my $is = median(@{ each_round($of, map { $_->{rounds}{$value} } @rows) });

    return { what => $what, unit => $unit, is => $is, must => $must,
             aim => $aim };
}


sub print_limits {
    my ($self) = @_;

    my @limits = $self->limits or return;

    printf "\n%-58s %9s %8s %8s\n", 'what must be reached', 'is', 'must', 'aim';

    for my $l (@limits) {
        my $format = $l->{unit} eq 'x' ? '%.2fx' : '%.1f us';

        printf "%-58s %9s %8s %8s  %s\n", substr($l->{what}, 0, 58),
            map({ sprintf $format, $_ } @$l{qw(is must aim)}),
            $l->{is} > $l->{must} ? 'MISSED'
            : $l->{is} > $l->{aim} ? 'ok' : 'ok, the aim too';
    }
}


sub missed {
    my ($self) = @_;

    return grep { $_->{is} > $_->{must} } $self->limits;
}


sub write {
    my ($self, $file) = @_;

    my ($nginx) = `$self->{nginx} -v 2>&1` =~ m{nginx/(\S+)};
    my ($cpu) = `lscpu 2>&1` =~ /^Model name:\s*(.*)/m;

    my ($commit) = `git -C $self->{top} rev-parse --short HEAD 2>&1`
                   =~ /^([0-9a-f]+)$/;

    my %result = (
        commit => $commit, time => time, nginx => $nginx, cpu => $cpu,
        kernel => scalar `uname -sr`,
        memory => $self->{memory}, skipped => $self->{skipped},
        limits => [$self->limits],
        map { $_ => $self->{$_} } qw(rounds ms cpus load),
    );

    chomp $result{kernel};

    for my $row (values %{ $self->{rows} }) {
        $result{rows}{$row->{key}} = { median => $row->{median},
                                       rounds => $row->{rounds} };
    }

    open my $fh, '>', $file or die "$file: $!\n";
    print $fh JSON::PP->new->pretty->canonical->encode(\%result);
    close $fh;
}

1;
