#!/bin/sh

# Whether "make conformance" would notice a fault.  Ends with a line that counts
# the tests.  NGINX_BINARY and OBJS say which nginx and which modules.

exec node "$(dirname "$0")/selftest.mjs"
