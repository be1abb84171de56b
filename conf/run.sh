#!/bin/sh

# Starts nginx in the foreground with the files of this folder ("make run"
# calls it) and says what can be tried.
#
# NGINX_BINARY, OBJS and WORK say which nginx, which modules and where its logs
# and temporary files go; PORT and MOCK_PORT where it listens.

set -e

top=$(cd "$(dirname "$0")/.." && pwd)

NGINX_BINARY=${NGINX_BINARY:-nginx}
OBJS=${OBJS:-$top/objs}
WORK=${WORK:-$top/build}
PORT=${PORT:-8000}
MOCK_PORT=${MOCK_PORT:-$((PORT + 1))}

export PORT MOCK_PORT

# nginx would take it for the sockets of an nginx that is being upgraded
unset NGINX


# .env: KEY=VALUE lines; what the environment says already wins

read_env() {
    while IFS= read -r line || [ -n "$line" ]; do
        line=$(printf %s "$line" | sed 's/\r$//; s/^[[:space:]]*//
                                        s/^export[[:space:]]*//')

        case "$line" in
        '' | '#'*)
            continue
            ;;
        esac

        key=$(printf %s "${line%%=*}" | sed 's/[[:space:]]*$//')
        value=$(printf %s "${line#*=}" | sed 's/^[[:space:]]*//
                                              s/[[:space:]]*$//')

        case "$line" in
        *=*) ;;
        *)  key= ;;
        esac

        case "$key" in
        '' | [0-9]* | *[!A-Za-z0-9_]*)
            echo "a line in .env is not KEY=VALUE and is ignored" >&2
            continue
            ;;
        esac

        case "$value" in
        \"*\")
            value=${value#\"}
            value=${value%\"}
            ;;
        \'*\')
            value=${value#\'}
            value=${value%\'}
            ;;
        *)
            value=$(printf %s "$value" | sed 's/[[:space:]][[:space:]]*#.*//')
            ;;
        esac

        if eval "[ -z \"\${$key+set}\" ]"; then
            export "$key=$value"
        fi
    done
}

if [ -f "$top/.env" ]; then
    read_env <"$top/.env"
fi


for port in "$PORT" "$MOCK_PORT"; do
    if ! perl -MIO::Socket::INET -e 'IO::Socket::INET->new(Listen => 1,
            LocalPort => shift, ReuseAddr => 1) or exit 1' "$port"
    then
        echo "port $port is taken: choose another one, make run PORT=..." >&2
        exit 1
    fi
done


# nginx.conf itself, unless it is to listen elsewhere

mkdir -p "$WORK/run/logs" "$WORK/run/temp"

conf=$top/conf/nginx.conf

if [ "$PORT:$MOCK_PORT" != 8000:8001 ]; then
    mkdir -p "$WORK/run/conf"
    ln -sf "$top"/conf/*.yaml "$top"/conf/llmbroker_log.conf "$WORK/run/conf"

    sed "s/listen  8000;/listen  $PORT;/
         s/listen      127.0.0.1:8001;/listen  127.0.0.1:$MOCK_PORT;/" \
        "$conf" >"$WORK/run/conf/nginx.conf"

    conf=$WORK/run/conf/nginx.conf
fi


# as root, the workers stay root: a checkout below /root is closed to others

main="daemon off;
      load_module $OBJS/ngx_http_llmbroker_module.so;
      load_module $OBJS/ngx_http_llmbroker_mock_module.so;"

if [ "$(id -u)" = 0 ]; then
    main="$main user root;"
fi

"$NGINX_BINARY" -p "$WORK/run/" -c "$conf" -g "$main" &
pid=$!

perl "$top/conf/hello.pl" "$PORT" "$WORK/run/logs" &
hello=$!

# the first wait ends when a signal comes, the second one when nginx has ended

trap 'kill -TERM $pid 2>/dev/null' INT TERM HUP

status=0
wait $pid || status=$?
wait $pid 2>/dev/null || :

kill $hello 2>/dev/null || :

case $status in
129 | 130 | 143)
    exit 0
    ;;
esac

exit $status
