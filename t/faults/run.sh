#!/bin/sh

# Checks the gateway with providers and clients that fail in every way they
# can.  Ends with a line that counts the tests.
#
#   run.sh [FILE.test.mjs ...]
#
# NGINX_BINARY and OBJS say which nginx and which modules, BUILD=asan that they
# are slow.  FAULTS_SLACK multiplies what is tolerated of times (1); what they
# cannot help on a busy machine is measured, and tolerated as well.

set -u

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)

NGINX_BINARY=${NGINX_BINARY:-nginx}
OBJS=${OBJS:-$top/objs}
PATH=$PATH:/usr/sbin:/sbin

export NGINX_BINARY OBJS PATH

unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NODE_OPTIONS

work=$(mktemp -d)

trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP


cd "$here" || exit 1

if [ ! -f "$OBJS/ngx_http_llmbroker_module.so" ]; then
    echo "there is no module in $OBJS: make" >&2
    echo "0 passed, 1 failed"
    exit 1
fi

[ $# -gt 0 ] || set -- *.test.mjs

node --test --test-concurrency=3 \
    --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$work/tap" "$@"
status=$?


# "# pass 12" and the like, at the end of the TAP output

count() {
    sed -n "s/^# $1 \([0-9]*\)\$/\1/p" "$work/tap" | tail -n 1
}

passed=$(count pass)
failed=$(( $(count fail) + $(count cancelled) ))
skipped=$(count skipped)

if [ "$failed" = 0 ] && { [ $status != 0 ] || [ "${passed:-0}" = 0 ]; }; then
    failed=1
fi

if [ "${skipped:-0}" != 0 ]; then
    echo "$skipped skipped"
fi

echo "${passed:-0} passed, $failed failed"

[ "$failed" = 0 ]
