#!/bin/sh

# Runs fuzzers, each for TIME seconds; what they find stays in WORK.  The corpus
# of the repository is read, what is new goes to WORK.

set -e

for program in "$@"; do
    name=${program##*/fuzz_}
    log=$WORK/$name.log
    seeds=t/fuzz/corpus/$name

    mkdir -p "$WORK/$name"

    if [ ! -d "$seeds" ]; then
        seeds=
    fi

    # shellcheck disable=SC2086
    if ! ASAN_OPTIONS=detect_leaks=0 "$program" -print_final_stats=1 \
            -timeout=10 -rss_limit_mb=1024 -max_total_time="$TIME" \
            -artifact_prefix="$WORK/$name-" "$WORK/$name" $seeds \
            >"$log" 2>&1 </dev/null
    then
        tail -n 40 "$log"
        echo "fuzz_$name: failed, see $log" >&2
        exit 1
    fi

    runs=$(sed -n "s/^stat::number_of_executed_units: *//p" "$log")

    echo "fuzz_$name: $runs runs, nothing found"
done
