#!/usr/bin/perl

# "config" lists exactly the files that are there.

use strict;
use warnings;

my $top = 'ngx_http_llmbroker_module';
my $bad = 0;
my (%listed, %there);

open my $fh, '<', 'config' or die "config: $!\n";

while (<$fh>) {
    $listed{"$top/$1"} = $. if m{^\s+\$llmbroker_dir/(\S+) \\$};
}

$there{$_} = 1 for glob "$top/*.[ch] $top/*/*.[ch] $top/module/*.{html,json}";

for my $file (sort keys %there) {
    complain("$file is not listed in config") if !$listed{$file};
}

for my $file (sort keys %listed) {
    complain("config:$listed{$file}: there is no $file") if !$there{$file};
}

print keys(%there) . " files, config: ", $bad ? "$bad complaints\n" : "ok\n";
exit($bad ? 1 : 0);


sub complain {
    print "$_[0]\n";
    $bad++;
}
