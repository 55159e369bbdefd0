#!/usr/bin/env bash
# A private PostgreSQL cluster on loopback, apart from any the system runs.
#
#   postgres.sh start DIR PORT [durable|throwaway]   initialise when new, start, wait until it answers
#   postgres.sh stop DIR [fast|immediate]            stop; quiet when it is not running
#   postgres.sh status DIR                           exit 0 while it runs
#   postgres.sh port DIR                             print the port it listens on
#   postgres.sh remove DIR                           stop it and delete its files
#
# PostgreSQL refuses to run as root: for root it runs as the user postgres, otherwise as the caller.
# When that user cannot reach DIR (a checkout under /root), DIR becomes a link to a folder under
# /var/lib/breezeway-local. The superuser is `breezeway`. A durable cluster asks for its password
# (DIR/superuser.password, mode 0600); a throwaway one trusts loopback and does not wait for the disk.
# POSTGRES_OPTIONS is appended to the server's command line.
set -euo pipefail

command=${1:?start, stop, status, port or remove}
given=$(realpath -ms "${2:?the cluster directory}")
directory=$(realpath -m "$given")
data="$directory/data"

bin=$(pg_config --bindir 2>/dev/null || true)
[ -x "$bin/initdb" ] || bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
[ -x "$bin/initdb" ] || { echo "postgres.sh: no PostgreSQL server found: apt-get install postgresql" >&2; exit 1; }

as_server() {
  if [ "$(id -u)" -eq 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

# Makes $directory exist, owned and reachable by the user the server runs as.
place() {
  mkdir -p "$(dirname "$given")"
  if [ "$(id -u)" -ne 0 ]; then
    mkdir -p "$directory"
    return
  fi
  if [ "$directory" = "$given" ] && ! as_server test -x "$(dirname "$given")"; then
    if [ -d "$given" ]; then rmdir "$given"; fi
    directory="/var/lib/breezeway-local/$(printf %s "$given" | sha256sum | cut -c1-16)"
    data="$directory/data"
    mkdir -p "$directory"
    ln -s "$directory" "$given"
    echo "postgres.sh: the user postgres cannot reach $given; the cluster lives in $directory" >&2
  fi
  mkdir -p "$directory"
  chown postgres "$directory"
}

initialise() {
  local kind=$1 arguments=(-D "$data" -U breezeway -E UTF8 --locale=C.UTF-8)
  if [ "$kind" = durable ]; then
    (umask 077 && head -c 24 /dev/urandom | base64 | tr '+/' '-_' >"$directory/superuser.password")
    [ "$(id -u)" -ne 0 ] || chown postgres "$directory/superuser.password"
    arguments+=(-A scram-sha-256 --pwfile="$directory/superuser.password")
  else
    arguments+=(-A trust --no-sync)
  fi
  as_server "$bin/initdb" "${arguments[@]}" >"$directory/initdb.log" 2>&1 ||
    { cat "$directory/initdb.log" >&2; exit 1; }
  # Many small commits: writing and flushing in one call is cheaper than in two, and just as durable.
  echo 'wal_sync_method = open_datasync' >>"$data/postgresql.conf"
}

# Half-open peers are noticed within 20 s and parameters of failed statements stay out of the log.
options() {
  local settings=(
    listen_addresses=127.0.0.1 "port=$1" unix_socket_directories= max_connections=200 shared_buffers=256MB
    tcp_keepalives_idle=10 tcp_keepalives_interval=3 tcp_keepalives_count=3 tcp_user_timeout=20000
    log_parameter_max_length=0 log_parameter_max_length_on_error=0 password_encryption=scram-sha-256
  )
  [ "$2" = durable ] || settings+=(fsync=off synchronous_commit=off full_page_writes=off)
  printf -- '-c %s ' "${settings[@]}"
}

start() {
  local port=${1:?a port} kind=${2:-durable}
  place
  [ -f "$data/PG_VERSION" ] || initialise "$kind"
  if status; then
    [ "$(port)" != "$port" ] || return 0
    stop fast
  fi
  # The server must not hold the caller's lock file or pipe open, so it gets none of our descriptors.
  as_server "$bin/pg_ctl" -D "$data" -l "$data/server.log" -w -t 60 \
    -o "$(options "$port" "$kind")${POSTGRES_OPTIONS:-}" start >/dev/null 3>&- 8>&- 9>&- ||
    { as_server tail -n 20 "$data/server.log" >&2; exit 1; }
}

status() {
  as_server test -f "$data/postmaster.pid" && as_server "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1
}

port() {
  as_server sed -n 4p "$data/postmaster.pid"
}

stop() {
  ! status || as_server "$bin/pg_ctl" -D "$data" -m "${1:-fast}" -w stop >/dev/null
}

remove() {
  [ ! -d "$data" ] || stop immediate
  rm -rf "$directory"
  rm -rf "$given"
}

case $command in
  start) start "${3:-}" "${4:-durable}" ;;
  stop) stop "${3:-fast}" ;;
  status) status ;;
  port) port ;;
  remove) remove ;;
  *) echo "postgres.sh: unknown command $command" >&2; exit 2 ;;
esac
