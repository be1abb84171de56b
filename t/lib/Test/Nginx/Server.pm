package Test::Nginx::Server;

# The nginx under test: its directory, its configuration and its process.

use strict;
use warnings;

use File::Path qw(make_path remove_tree);
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

use Test::Nginx::Log;

my $step = 0.005;

# Names that may be removed from a directory this driver did not make.
my $own_re = qr/^(?:conf|html|logs|cache|\.servroot|.*_temp|.*_cache)$/;

my $valgrind_options = '--tool=memcheck --leak-check=full '
                       . '--show-possibly-lost=no --num-callers=50';


# set: the settings of Test::Nginx::Socket, shared and not copied.

sub new {
    my ($class, $set) = @_;
    my $root = $set->{root};

    return bless {
        set        => $set,
        conf       => "$root/conf/nginx.conf",
        pid_file   => "$root/logs/nginx.pid",
        error_log  => Test::Nginx::Log->new("$root/logs/error.log"),
        access_log => Test::Nginx::Log->new("$root/logs/access.log"),
        stderr     => "$root/logs/stderr.log",
        owner      => $$,
        users      => [],
    }, $class;
}


sub error_log  { return $_[0]{error_log} }
sub access_log { return $_[0]{access_log} }
sub running    { return defined $_[0]{pid} }
sub users      { return @{$_[0]{users}} }


# Names the block that the running nginx serves, for the reports at its end.

sub used_by {
    my ($self, $block) = @_;

    push @{$self->{users}}, $block;
}


sub nginx_version {
    my ($self) = @_;

    $self->_probe;

    return $self->{version};
}


sub _probe {
    my ($self) = @_;

    return if defined $self->{version};

    my $text = '';

    if (open my $out, '-|') {
        local $/;
        $text = <$out> // '';
        close $out;

    } else {
        open STDERR, '>&', \*STDOUT;
        exec $self->{set}{binary}, '-V' or POSIX::_exit(127);
    }

    my ($version) = $text =~ m{nginx version: [^/\n]*/(\d+\.\d+\.\d+)};

    die "cannot run \"$self->{set}{binary} -V\": $text\n" if !defined $version;

    $self->{version} = version_number($version);
    $self->{options} = $text;
}


sub version_number {
    my ($major, $minor, $patch) = split /\./, $_[0];

    return $major * 1_000_000 + $minor * 1_000 + $patch;
}


# Empties the directory.  One that is not ours is left alone.

sub clean {
    my ($self, %arg) = @_;
    my $root = $self->{set}{root};

    if (-d $root) {
        my @names = _list($root);

        if (!-e "$root/.servroot" && (my @alien = grep { $_ !~ $own_re }
                                                  @names))
        {
            die "$root has files of others, it will not be emptied: @alien\n";
        }

        for my $name (@names) {
            next if $arg{keep_pid} && $name eq 'logs';
            remove_tree("$root/$name", { keep_root => 0 });
        }

        if ($arg{keep_pid}) {
            unlink map { "$root/logs/$_" }
                   grep { !/\.(?:pid|sock)$/ } _list("$root/logs");
        }
    }

    make_path(map { "$root/$_" } qw(conf html logs));

    _write("$root/.servroot", '');
    _write("$root/html/index.html",
           '<html><head><title>It works!</title></head>'
           . '<body>It works!</body></html>');
}


sub _list {
    my ($dir) = @_;

    opendir my $handle, $dir or return ();

    return grep { $_ ne '.' && $_ ne '..' } readdir $handle;
}


sub _write {
    my ($path, $text) = @_;

    open my $out, '>:raw', $path or die "cannot write $path: $!\n";
    print $out $text;
    close $out or die "cannot write $path: $!\n";
}


sub write_user_files {
    my ($self, $block, $vars) = @_;
    my $files = $block->user_files;

    return if !defined $files;

    for my $file (ref $files ? @$files : _parse_user_files($files)) {
        my ($name, $body, $date) = @$file;
        my $path = $name =~ m{^/} ? $name : "$self->{set}{root}/html/$name";

        make_path($1) if $path =~ m{^(.*)/};

        _write($path, $vars->expand($body // ''));
        _set_date($path, $date) if defined $date;
    }
}


sub _parse_user_files {
    my ($text) = @_;
    my @files;

    for my $line (split /^/, $text) {
        if ($line =~ />>> (\S+)(?:\s+(.+))?/) {
            push @files, [$1, '', $2];

        } elsif (@files) {
            $files[-1][1] .= $line;
        }
    }

    return @files;
}


# The date has the form of touch -t, CCYYMMDDhhmm.SS, in GMT.

sub _set_date {
    my ($path, $date) = @_;

    $date =~ s/\s+$//;

    local $ENV{TZ} = 'GMT';

    system('touch', '-t', $date, $path) == 0
        or die "bad date \"$date\" of $path\n";
}


sub write_conf {
    my ($self, $block, $config, $vars) = @_;

    $self->_probe;
    _write($self->{conf}, $self->_conf($block, $config, $vars));
}


sub _conf {
    my ($self, $block, $config, $vars) = @_;
    my $set = $self->{set};
    my $root = $set->{root};
    my $level = $block->log_level || $set->{log_level};
    my $http = $vars->expand($block->http_config) // '';
    my $main = $vars->expand($block->main_config) // '';
    my $post_main = $vars->expand($block->post_main_config) // '';
    my $name = $block->server_name // $set->{server_name};
    my $master = $set->{use_hup} ? 'on' : $set->{master};
    my $user = $set->{user} // ($> == 0 ? 'root' : undef);
    my $access = $set->{check_leak} ? 'off' : "$root/logs/access.log";
    my $temp_paths = $self->_temp_paths($http);
    my ($listen, $http2) = $self->_listen($block);
    my ($extra_http, $extra_server) = ('', '');
    my ($reload_server, $events) = ('', '');

    $level = 'warn' if $set->{check_leak};
    $name =~ s/([\\'])/\\$1/g;

    my $modules = join '', map { "load_module $_;\n" } @{$set->{modules}};
    my $env = join '', map { /\s/ ? "env '$_';\n" : "env $_;\n" }
                           @{$set->{env}};

    $user = defined $user ? "user $user;\n" : '';

    if (defined $set->{postpone_output} && $http !~ /\bpostpone_output\b/) {
        $extra_http = "    postpone_output $set->{postpone_output};\n";
    }

    if (!$set->{no_root_location}) {
        $extra_server = <<"END";
        location / {
            root $root/html;
            index index.html index.htm;
        }
END
    }

    if ($set->{use_hup}) {
        $reload_server = <<"END";
    server {
        listen $listen;
        server_name 'Test-Nginx';

        location = /ver {
            access_log off;
            return 200 '$self->{generation}';
        }
    }
END
    }

    $events = "    use $set->{event_type};\n" if $set->{event_type};

    return <<"END";
worker_processes $set->{workers};
daemon off;
master_process $master;
error_log $root/logs/error.log $level;
pid $self->{pid_file};
env LD_PRELOAD;
env LD_LIBRARY_PATH;
env ASAN_OPTIONS;
env LSAN_OPTIONS;
env UBSAN_OPTIONS;
$env$user
$modules
$main

http {
    access_log $access;
$temp_paths
    default_type text/plain;
    keepalive_timeout 68000ms;

$http
$extra_http
    server {
        listen $listen;
        $http2
        server_name '$name';
        client_max_body_size 30M;

$set->{preamble}
        # begin of the block's config
$config
        # end of the block's config

$extra_server    }
$reload_server}

$post_main

events {
    accept_mutex off;
    worker_connections $set->{worker_connections};
$events}
END
}


sub _temp_paths {
    my ($self, $http) = @_;
    my $out = '';

    for my $type (qw(client_body proxy fastcgi scgi uwsgi)) {
        next if $self->{options} =~ /--without-http_${type}_module/;
        next if $http =~ /\b${type}_temp_path\b/;

        $out .= "    ${type}_temp_path $self->{set}{root}/${type}_temp;\n";
    }

    return $out;
}


sub _listen {
    my ($self, $block) = @_;
    my $port = $self->{set}{server_port};

    return ($port, '') if !defined $block->http2;

    return $self->{version} >= version_number('1.25.1')
           ? ($port, 'http2 on;') : ("$port http2", '');
}


# Starts nginx and waits until it listens or has ended.
# Returns undef, or the wait status of an nginx that did not start.

sub start {
    my ($self) = @_;

    $self->_end_stale;
    $self->{error_log}->rewind;
    $self->{users} = [];

    my $pid = fork // die "cannot fork: $!\n";

    $self->_exec_nginx if $pid == 0;

    $self->{pid} = $pid;

    my $end = time + $self->{set}{start_timeout};

    while (1) {
        return undef if -s $self->{pid_file};

        if (waitpid($pid, WNOHANG) == $pid) {
            undef $self->{pid};
            return $?;
        }

        if (time > $end) {
            $self->stop;
            die "nginx wrote no pid file for $self->{set}{start_timeout} "
                . "seconds\n";
        }

        sleep $step;
    }
}


sub _exec_nginx {
    my ($self) = @_;
    my $set = $self->{set};
    my @command = ($set->{binary}, '-e', "$set->{root}/logs/error.log",
                   '-p', "$set->{root}/", '-c', $self->{conf});

    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);

    # Ctrl-C must reach nginx through the driver only
    setpgrp;

    open STDIN, '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>>', $self->{stderr};

    $ENV{LD_PRELOAD} = $set->{preload} if defined $set->{preload};

    unshift @command, _valgrind($set->{valgrind}) if $set->{valgrind};

    exec @command or POSIX::_exit(127);
}


sub _valgrind {
    my ($options) = @_;

    $options = $valgrind_options if $options =~ /^\d+$/;

    my @command = ('valgrind', '-q', split ' ', $options);

    for my $file ('valgrind.suppress', 't/valgrind.suppress') {
        push @command, "--suppressions=$file" if -f $file;
    }

    return @command;
}


# An earlier run may have been killed together with its END blocks.

sub _end_stale {
    my ($self) = @_;

    open my $in, '<', $self->{pid_file} or return;

    my ($pid) = (<$in> // '') =~ /^(\d+)/;

    close $in;
    unlink $self->{pid_file};

    return if !defined $pid;

    open my $cmd, '<', "/proc/$pid/cmdline" or return;

    return if (<$cmd> // '') !~ /\Q$self->{set}{root}\E/;

    kill 'TERM', $pid;

    for (1 .. 200) {
        last if !kill 0, $pid;
        sleep $step;
    }
}


# Loads the configuration that was just written into the running master.

sub reload {
    my ($self, $block, $ask_version) = @_;
    my $end = time + 10;
    my $matches = 0;

    $self->{error_log}->rewind;
    $self->{users} = [];

    kill 'USR1', $self->{pid};
    sleep $step while !-e "$self->{set}{root}/logs/error.log" && time < $end;

    kill 'HUP', $self->{pid};

    if (defined $block->reload_fails) {
        sleep 0.3;
        return;
    }

    # Old workers accept for the 100 ms that the master gives the new ones.

    sleep 0.12;

    while (time < $end) {
        $matches = $ask_version->() eq $self->{generation} ? $matches + 1 : 0;

        return if $matches == 10;

        sleep $step if $matches == 0;
    }

    die "the new configuration did not become active\n";
}


sub new_generation {
    my ($self) = @_;

    $self->{generation} = sprintf '%s-%d', $$, ++$self->{count};
}


# Ends nginx and waits for it.  Returns what was wrong with the way it ended.

sub stop {
    my ($self) = @_;
    my $pid = $self->{pid};

    return () if !defined $pid || $$ != $self->{owner};

    my $patience = $self->{set}{stop_timeout};
    my @signals = $self->{set}{fast_shutdown} ? ('TERM') : ('QUIT', 'TERM');
    my $status;

    for my $signal (@signals) {
        kill $signal, $pid;
        $status = _wait($pid, $patience);
        last if defined $status;
    }

    if (!defined $status) {
        kill 'KILL', -$pid;
        kill 'KILL', $pid;
        waitpid $pid, 0;
        $status = 'hang';
    }

    undef $self->{pid};
    unlink $self->{pid_file};

    return () if $status eq '0';
    return ('nginx did not end and was killed') if $status eq 'hang';

    return (describe_status($status));
}


sub describe_status {
    my ($status) = @_;
    my $signal = $status & 127;

    return $signal ? "nginx was ended by signal $signal"
                   : 'nginx ended with exit code ' . ($status >> 8);
}


sub _wait {
    my ($pid, $seconds) = @_;
    my $end = time + $seconds;

    while (1) {
        my $got = waitpid $pid, WNOHANG;

        return $? if $got == $pid;
        return 0 if $got < 0;
        return undef if time > $end;

        sleep 0.002;
    }
}


# What no test may leave in the logs; "expected" knows the exceptions.  What
# follows a sanitizer's first line is its report.

sub complaints {
    my ($self, $expected) = @_;
    my @found;

    for my $file ("$self->{set}{root}/logs/error.log", $self->{stderr}) {
        my $report = 0;

        open my $in, '<', $file or next;

        while (my $line = <$in>) {
            my $level = _complaint($line);

            if (defined $level) {
                next if $expected->($level, $line);

            } elsif (!$report || $line !~ /^(?:\s|=|$)/) {
                $report = 0;
                next;
            }

            $report = defined $level ? $level =~ /sanitizer|valgrind/
                                     : $report;

            # standard error repeats a line of the log
            my ($twin) = $line =~ /\[(?:alert|crit|emerg)\] (?:\d+#\d+: )?(.*)/;

            next if defined $twin && grep { /\Q$twin\E/ } @found;

            chomp $line;
            push @found, $line;

            return @found if @found == 60;
        }
    }

    return @found;
}


sub _complaint {
    my ($line) = @_;

    return $1 if $line =~ m{^[\d/]{10} [\d:]{8} \[(alert|crit|emerg)\] };
    return $1 if $line =~ m{^nginx: \[(alert|crit|emerg)\] };

    return 'sanitizer'
        if $line =~ /==\d+==(?:ERROR: )?\w+Sanitizer|SUMMARY: \w+Sanitizer/
           || $line =~ /:\d+:\d+: runtime error: /;

    return 'valgrind' if $line =~ /^==\d+== (?!Warning)\S/;

    return undef;
}


sub stderr_text {
    my ($self) = @_;

    return Test::Nginx::Log::tail($self->{stderr}, 20);
}


sub error_log_tail {
    my ($self) = @_;

    return Test::Nginx::Log::tail("$self->{set}{root}/logs/error.log", 20);
}


# Adds the log of this block to the file that keeps the logs of all.

sub save_error_log {
    my ($self, $title) = @_;
    my $file = $self->{set}{all_logs};

    return if !defined $file || $file eq '';

    open my $out, '>>', $file or die "cannot write $file: $!\n";
    open my $in, '<', "$self->{set}{root}/logs/error.log" or return;

    print $out "\n=== $title\n", <$in>;
}


# Samples the memory of the process that serves, in KB.

sub rss {
    my ($self) = @_;
    my $pid = $self->{pid} // return undef;

    open my $in, '<', "/proc/$pid/status" or return undef;

    my ($kb) = map { /^VmRSS:\s+(\d+)/ ? $1 : () } <$in>;

    return $kb;
}


1;
