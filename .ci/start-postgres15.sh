#!/bin/sh
# Starts a throw-away PostgreSQL 15 (Debian's) on a free port of 127.0.0.1 and prints its URL; installs it when missing.
# Usage: SPARKIFY_TEST_POSTGRES="$(.ci/start-postgres15.sh start DIR)" … ; .ci/start-postgres15.sh stop DIR
set -eu
bin=/usr/lib/postgresql/15/bin
action="${1:?start or stop}"
dir="${2:?a folder for the cluster}"

# PostgreSQL refuses to run as root.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then (cd / && setpriv --reuid postgres --regid postgres --init-groups "$@"); else "$@"; fi
}

case "$action" in
  start)
    if [ ! -x "$bin/postgres" ]; then
      apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql-15 >&2
    fi
    mkdir -p "$dir"
    chmod 755 "$dir"
    [ "$(id -u)" = 0 ] && chown postgres "$dir"
    password="$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')"
    port="$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')"
    (umask 077 && printf '%s' "$password" > "$dir/password")
    [ "$(id -u)" = 0 ] && chown postgres "$dir/password"
    as_postgres "$bin/initdb" --pgdata="$dir/data" --username=sparkify --pwfile="$dir/password" --auth=scram-sha-256 \
      --encoding=UTF8 --locale=C --locale-provider=icu --icu-locale=en-US --no-sync >&2
    as_postgres "$bin/pg_ctl" --pgdata="$dir/data" --log="$dir/data/server.log" --wait --silent start -o \
      "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$dir -c fsync=off -c full_page_writes=off -c max_connections=200 -c max_wal_size=4GB" >&2
    echo "postgresql://sparkify:$password@127.0.0.1:$port/postgres"
    ;;
  stop)
    as_postgres "$bin/pg_ctl" --pgdata="$dir/data" --mode=immediate --silent stop >&2
    rm -rf "$dir"
    ;;
  *)
    echo "unknown action $action" >&2
    exit 2
    ;;
esac
