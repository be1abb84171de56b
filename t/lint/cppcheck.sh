#!/bin/sh

# Static analysis.  INCS is the include path, WORK keeps what did not change.
#
# nginx's own headers are read but not judged.  ctuuninitvar does not see that a
# structure was filled by the call before; comparePointers does not know that
# two labels around an embedded file are in one section.  The two that name a
# file take a condition of a loop for a property of what follows it.

set -e

mkdir -p "$WORK/cppcheck"

# shellcheck disable=SC2086
cppcheck -q -j 2 --std=c99 --error-exitcode=1 --inline-suppr \
    --enable=warning,performance,portability --max-configs=1 \
    --cppcheck-build-dir="$WORK/cppcheck" \
    --template='{file}:{line}: {message} [{id}]' \
    --suppress='*:/usr/share/nginx/*' --suppress=missingIncludeSystem \
    --suppress=ctuuninitvar --suppress=comparePointers \
    --suppress='nullPointerArithmeticRedundantCheck:*_scan.c' \
    --suppress='uninitvar:*_yaml.c' \
    $INCS ngx_http_llmbroker_module

echo "cppcheck: ok"
