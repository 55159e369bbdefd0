#!/usr/bin/env bash
# A private PostgreSQL cluster on loopback, apart from any the system runs.
#
#   postgres.sh start DIR PORT [durable|throwaway]   initialise when new, start, wait until it answers
#   postgres.sh stop DIR [fast|immediate]            stop; quiet when it is not running
#   postgres.sh status DIR                           exit 0 while it runs
#
# PostgreSQL refuses to run as root: for root it runs as the user postgres, otherwise as the caller.
# The superuser is `breezeway`. A durable cluster asks for its password (DIR/superuser.password, mode 0600);
# a throwaway one trusts loopback and does not wait for the disk.
set -euo pipefail

command=${1:?start, stop or status}
directory=$(realpath -m "${2:?the cluster directory}")
data="$directory/data"

bin=$(pg_config --bindir 2>/dev/null || true)
[ -x "$bin/initdb" ] || bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -x "$bin/initdb" ] || { echo "postgres.sh: no PostgreSQL server found: apt-get install postgresql" >&2; exit 1; }

as_server() {
  if [ "$(id -u)" -eq 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

start() {
  local port=${1:?a port} kind=${2:-durable}
  mkdir -p "$directory"
  [ "$(id -u)" -ne 0 ] || chown postgres "$directory"
  if [ ! -f "$data/PG_VERSION" ]; then
    if [ "$kind" = durable ]; then
      (umask 077 && head -c 24 /dev/urandom | base64 | tr '+/' '-_' >"$directory/superuser.password")
      [ "$(id -u)" -ne 0 ] || chown postgres "$directory/superuser.password"
      as_server "$bin/initdb" -D "$data" -U breezeway -E UTF8 --locale=C.UTF-8 -A scram-sha-256 \
        --pwfile="$directory/superuser.password" >"$directory/initdb.log" 2>&1
    else
      as_server "$bin/initdb" -D "$data" -U breezeway -E UTF8 --locale=C.UTF-8 -A trust --no-sync \
        >"$directory/initdb.log" 2>&1
    fi || { cat "$directory/initdb.log" >&2; exit 1; }
  fi
  if status; then return; fi
  local options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories= -c max_connections=200"
  [ "$kind" = durable ] || options="$options -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
  as_server "$bin/pg_ctl" -D "$data" -l "$data/server.log" -o "$options ${POSTGRES_OPTIONS:-}" -w -t 60 start >/dev/null ||
    { as_server tail -n 20 "$data/server.log" >&2; exit 1; }
}

status() {
  [ -f "$data/postmaster.pid" ] && as_server "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1
}

case $command in
  start) start "${3:-}" "${4:-durable}" ;;
  stop) ! status || as_server "$bin/pg_ctl" -D "$data" -m "${3:-fast}" -w stop >/dev/null ;;
  status) status ;;
  *) echo "postgres.sh: unknown command $command" >&2; exit 2 ;;
esac
