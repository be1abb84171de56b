package Test::Nginx::Spec::Scratch;

# The code of "eval" sections runs here, out of sight of this file's lexicals.
# As in Test::Base it must name the variables of the test file as $::name.

use strict;
use warnings;

sub evaluate { return eval $_[0] }


package Test::Nginx::Spec;

# Test::Base's block format: "=== name", then sections "--- name filters" or
# "--- name filters: inline value".

use strict;
use warnings;

my $section_re = qr/^--- +\(?(\w+)\)? *(.*)$/;


sub parse {
    my ($class, $text, %arg) = @_;
    my ($file, $line) = ($arg{file}, $arg{line} // 1);
    my @blocks;

    for my $hunk (_hunks($text, $line)) {
        my $block = _block($file, @$hunk);

        if ($block->_has('ONLY')) {
            return { blocks => [$block], only => 1 };
        }

        next if $block->_has('SKIP');

        push @blocks, $block;

        last if $block->_has('LAST');
    }

    return { blocks => \@blocks };
}


sub _hunks {
    my ($text, $line) = @_;
    my @hunks;

    for my $l (split /^/, $text) {
        push @hunks, [$line] if $l =~ /^===/;
        push @{$hunks[-1]}, $l if @hunks;
        $line++;
    }

    return @hunks;
}


sub _block {
    my ($file, $line, $head, @lines) = @_;
    my ($name) = $head =~ /^===[ \t]*(.*?)\s*$/;
    my $block = Test::Nginx::Spec::Block->new($name, $file, $line);
    my @sections;

    for my $l (@lines) {
        if ($l =~ $section_re) {
            push @sections, { name => $1, rest => $2, text => '' };

        } elsif (@sections) {
            $sections[-1]{text} .= $l;
        }
    }

    for my $s (@sections) {
        my ($filters, $value) = ($s->{rest}, $s->{text});

        if ($filters =~ /:(?:\s|\z)/) {
            if ($value =~ /\S/) {
                die "$file line $line: section \"$s->{name}\" has both "
                    . "an inline value and lines below\n";
            }

            ($filters, $value) = split /\s*:(?:\s+|\z)/, $filters, 2;
            $value //= '';
            $value =~ s/^\s+|\s+$//g;
        }

        $block->_add_section($s->{name}, $filters, $value);
    }

    return $block;
}


package Test::Nginx::Spec::Block;

# A section is a method of the block: $block->request.  All other methods
# begin with an underscore, but for the two that test files may call.

our $AUTOLOAD;

my %filters = (
    norm  => sub { my $s = shift // '';
                   $s =~ s/\r\n?/\n/g;
                   return $s },

    trim  => sub { map { my $s = $_;
                         if (defined $s && !ref $s) {
                             $s =~ s/\A(?:[ \t]*\n)+//;
                             $s =~ s/(?<=\n)\s*\z//;
                         }
                         $s } @_ },

    chomp => sub { map { my $s = $_; chomp $s; $s } @_ },
    chop  => sub { map { my $s = $_; chop $s; $s } @_ },

    lines => sub { return $_[0] =~ /^(.*\n?)/gm },

    eval  => sub { my @value = Test::Nginx::Spec::Scratch::evaluate($_[0]);
                   die $@ if $@;
                   return @value },
);


sub new {
    my ($class, $name, $file, $line) = @_;

    return bless {
        name    => $name,
        file    => $file,
        line    => $line,
        order   => [],
        filters => {},
        value   => {},
    }, $class;
}


sub name {
    my ($self) = @_;

    return $self->{name};
}


sub set_value {
    my ($self, $section, @value) = @_;

    if ($section eq 'name') {
        $self->{name} = $value[0];
        return;
    }

    $self->{value}{$section} = \@value;
}


sub _where {
    my ($self) = @_;

    return "$self->{file} line $self->{line}";
}


sub _has {
    my ($self, $section) = @_;

    return exists $self->{value}{$section};
}


sub _sections {
    my ($self) = @_;

    return keys %{$self->{value}};
}


sub _add_section {
    my ($self, $section, $filters, $value) = @_;

    push @{$self->{order}}, $section;
    $self->{filters}{$section} = $filters;
    $self->{value}{$section} = [$value];
}


# What goes wrong here is kept in the block: it fails when its turn comes.

sub _run_filters {
    my ($self) = @_;

    for my $section (@{$self->{order}}) {
        my @value = @{$self->{value}{$section}};

        for my $filter (_filter_list($self->{filters}{$section})) {
            @value = eval { _filter($filter, @value) };

            if ($@) {
                $self->{error} //= "section \"$section\", filter "
                                   . "\"$filter\": $@";
                last;
            }
        }

        $self->{value}{$section} = \@value;
    }
}


sub _filter_list {
    my ($names) = @_;
    my @list = qw(norm trim);

    for my $name (split ' ', $names) {
        if ($name =~ s/^-//) {
            @list = grep { $_ ne $name } @list;

        } else {
            push @list, $name;
        }
    }

    return @list;
}


sub _filter {
    my ($name, @value) = @_;

    if (my $code = main->can($name)) {
        return $code->(@value);
    }

    my $code = $filters{$name} or die "no such filter\n";

    return $code->(@value);
}


sub _error {
    my ($self) = @_;

    return $self->{error};
}


sub AUTOLOAD {
    my ($self, @value) = @_;
    my ($section) = $AUTOLOAD =~ /(\w+)$/;
    my $found = $self->{value}{$section};

    return $found->[0] if $found;

    return undef;
}


sub DESTROY { }


1;
