package Test::Nginx::Log;

# Reads what nginx has written to a log file.  nginx may still be writing when
# the client has its response, so a reader says what it waits for.

use strict;
use warnings;

use Time::HiRes qw(sleep time);

my $step = 0.005;

# A check that something is absent waits until the file was quiet for so long.
my $quiet = 0.02;

our $patience = 0.5;


sub new {
    my ($class, $file) = @_;

    return bless { file => $file, pos => 0 }, $class;
}


sub rewind {
    my ($self) = @_;

    $self->{pos} = 0;
}


# The lines since the last call.  "found" gets them and tells whether all that
# is expected is there; with "settle" the file has to become quiet as well.

sub lines {
    my ($self, %arg) = @_;
    my $start = time;
    my $changed = $start;
    my @lines = split /^/, $self->_read;
    my $found = $arg{found}->(\@lines);

    while (1) {
        my $now = time;

        last if $now - $start >= $patience;
        last if $found && (!$arg{settle} || $now - $changed >= $quiet);

        sleep $step;

        my @more = split /^/, $self->_read or next;

        push @lines, @more;
        $found = $arg{found}->(\@lines);
        $changed = time;
    }

    return \@lines;
}


sub _read {
    my ($self) = @_;

    open my $in, '<', $self->{file} or return '';
    seek $in, $self->{pos}, 0;

    my $text = do { local $/; <$in> } // '';

    # the last line may be half written
    $text =~ s/[^\n]+\z//;
    $self->{pos} += length $text;

    return $text;
}


sub tail {
    my ($file, $count) = @_;

    open my $in, '<', $file or return ();

    my @lines = <$in>;

    splice @lines, 0, @lines - $count if @lines > $count;

    return @lines;
}


1;
