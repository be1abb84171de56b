#!/bin/sh

# Checks the gateway with the clients that people use: the official "openai"
# package, Vercel's "ai", LangChain, a browser, and validators of OpenAPI and
# JSON Schema.  Ends with a line that counts the tests.
#
#   run.sh [FILE.test.mjs ...]
#
# Starts what "make run" starts, on a free port, and a second nginx that is
# below a prefix, wants keys and has models that do as they are told.  With
# BASE_URL it uses that server instead (API_KEY: its key); SECOND_URL and
# SECOND_KEY are the second one then. NGINX_BINARY and OBJS say which nginx and
# which modules.

set -u

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)

NGINX_BINARY=${NGINX_BINARY:-nginx}
OBJS=${OBJS:-$top/objs}
PATH=$PATH:/usr/sbin:/sbin

export NGINX_BINARY OBJS PATH

# no package sends anything to its makers

unset LANGSMITH_TRACING LANGCHAIN_TRACING LANGCHAIN_TRACING_V2
unset OPENAI_API_KEY OPENAI_BASE_URL OPENAI_ORG_ID OPENAI_PROJECT_ID
unset LANGSMITH_API_KEY LANGCHAIN_API_KEY AI_GATEWAY_API_KEY
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

work=$(mktemp -d)
first=
other=
extra=0


stop() {
    for pid in $first $other; do
        kill -TERM "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done

    first=
    other=
}

trap 'stop; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP


give_up() {
    echo "$1" >&2
    echo "0 passed, 1 failed"
    exit 1
}


# packages, unless those of this very list are there

cd "$here" || exit 1

if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 \
        || give_up "the packages of t/clients could not be installed"
    cp package-lock.json node_modules/.installed
fi


# N free ports that follow each other

free_ports() {
    node -e '
        const net = require("net");
        const listen = (port) => new Promise((resolve, reject) => {
            const server = net.createServer();
            server.on("error", reject);
            server.listen(port, "127.0.0.1", () => resolve(server));
        });

        (async () => {
            for (;;) {
                const servers = [await listen(0)];
                const { port } = servers[0].address();

                try {
                    for (let i = 1; i < Number(process.argv[1]); i++) {
                        servers.push(await listen(port + i));
                    }

                    console.log(port);
                    return;

                } catch (e) {
                    /* taken: elsewhere */

                } finally {
                    servers.forEach((server) => server.close());
                }
            }
        })();' "$1"
}


# waits for URL/health while the process lives

wait_for() {
    for i in $(seq 100); do
        if node -e 'fetch(process.argv[1]).then((r) => r.ok || r.status == 503,
                () => false).then((up) => process.exit(up ? 0 : 1))' \
            "$1/health"
        then
            return 0
        fi

        kill -0 "$2" 2>/dev/null || return 1
        sleep 0.1
    done

    return 1
}


start_first() {
    port=$(free_ports 2)

    PORT=$port MOCK_PORT=$((port + 1)) WORK=$work \
        sh "$top/conf/run.sh" >"$work/first.out" 2>&1 &
    first=$!

    BASE_URL=http://127.0.0.1:$port
    export BASE_URL

    if ! wait_for "$BASE_URL" "$first"; then
        cat "$work/first.out" "$work/run/logs/error.log" 2>/dev/null >&2
        give_up "the server of \"make run\" does not start"
    fi
}


start_second() {
    port=$(free_ports 1)
    user=

    if [ "$(id -u)" = 0 ]; then
        user='user root;'
    fi

    mkdir -p "$work/second/logs"

    cat >"$work/second/nginx.conf" <<END
daemon off;
$user
load_module $OBJS/ngx_http_llmbroker_module.so;
load_module $OBJS/ngx_http_llmbroker_mock_module.so;
error_log logs/error.log notice;
pid logs/nginx.pid;

events {
}

http {
    llmbroker_config llmbroker.yaml;
    access_log off;

    client_body_temp_path  logs/body;
    proxy_temp_path        logs/proxy;
    fastcgi_temp_path      logs/fastcgi;
    uwsgi_temp_path        logs/uwsgi;
    scgi_temp_path         logs/scgi;

    server {
        listen 127.0.0.1:$port;

        location /ai/gateway/ {
            llmbroker;
        }

        location / {
            llmbroker_mock script=on;
        }

        location = /requests {
            stub_status;
        }

        location /limited/openai/ {
            llmbroker_mock times=1 status=429 retry_after=3;
        }

        location /limited/ai/ {
            llmbroker_mock times=1 status=429 retry_after=3;
        }

        location /limited/langchain/ {
            llmbroker_mock times=1 status=429 retry_after=3;
        }
    }
}
END

    {
        echo 'models:'

        # the mock-* models of conf/, on this port and without their pauses

        awk '/^  [a-z]/ { on = /^  mock-/ } on && /^    /
             /^  mock-/' "$top/conf/llmbroker.yaml" \
            | sed "s/\${MOCK_PORT:-8001}/$port/"

        cat <<END
  scripted:
    provider: openai
    base_url: http://127.0.0.1:$port/mock/v1
    api_key: mock
  mock-new-claude:
    provider: claude
    model_name: claude-sonnet-4-6
    base_url: http://127.0.0.1:$port/anthropic/v1
    api_key: mock-key
END

        for name in openai ai langchain; do
            cat <<END
  limited-$name:
    provider: openai
    base_url: http://127.0.0.1:$port/limited/$name/v1
    api_key: mock-key
END
        done

        # failures are asked for one after the other

        cat <<END
proxy:
  breaker: {failures: 0, error_rate: 0}
security:
  enable_api_key_auth: true
  api_keys: ["open-sesame"]
END
    } >"$work/second/llmbroker.yaml"

    "$NGINX_BINARY" -p "$work/second/" -c "$work/second/nginx.conf" \
        >"$work/second.out" 2>&1 &
    other=$!

    SECOND_URL=http://127.0.0.1:$port/ai/gateway
    SECOND_KEY='open-sesame'
    export SECOND_URL SECOND_KEY

    if ! wait_for "$SECOND_URL" "$other"; then
        cat "$work/second.out" "$work/second/logs/error.log" 2>/dev/null >&2
        give_up "the second server does not start"
    fi
}


if [ -z "${BASE_URL:-}" ]; then
    start_first
    start_second
fi


[ $# -gt 0 ] || set -- *.test.mjs

node --test --test-concurrency=2 \
    --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$work/tap" "$@"
status=$?

stop


# what must not be in an error log, whatever the tests saw

for file in "$work"/run/logs/error.log "$work"/second/logs/error.log \
            "$work"/first.out "$work"/second.out; do
    [ -f "$file" ] || continue

    if grep -E '\[(alert|crit|emerg)\]|Sanitizer|runtime error:' "$file"; then
        echo "that is in the log $(basename "$file")"
        extra=$((extra + 1))
    fi
done


# "# pass 12" and the like, at the end of the TAP output

count() {
    sed -n "s/^# $1 \([0-9]*\)\$/\1/p" "$work/tap" | tail -n 1
}

passed=$(count pass)
failed=$(( $(count fail) + $(count cancelled) + extra ))
skipped=$(count skipped)

if [ "$failed" = 0 ] && { [ $status != 0 ] || [ "${passed:-0}" = 0 ]; }; then
    failed=1
fi

if [ "${skipped:-0}" != 0 ]; then
    echo "$skipped skipped"
fi

echo "${passed:-0} passed, $failed failed"

[ "$failed" = 0 ]
