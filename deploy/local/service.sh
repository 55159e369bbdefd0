#!/usr/bin/env bash
# One Breezeway service in the background, with its pid and log under .local/.
#
#   service.sh start PROGRAM COMMAND    start it, or restart it when its binary or environment is newer
#   service.sh ready PROGRAM [SECONDS]  wait until /readyz answers 200; show the end of its log if it does not
#   service.sh stop PROGRAM             SIGTERM, wait for what it accepted, SIGKILL after 15 s
#
# Its environment is .local/PROGRAM.env (mode 0600, KEY='value' lines).
set -euo pipefail
# shellcheck source=deploy/local/settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

action=${1:?start, ready or stop}
program=${2:?the program}
binary="$binaries/$program"
pid_file="$local_dir/run/$program.pid"
environment="$local_dir/$program.env"
log="$local_dir/log/$program.log"

# When the process with this id started, in clock ticks: a number that an unrelated process with the same id lacks.
# Nothing for one that has ended and only waits for its parent to notice.
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'; }

# Prints the id of the running service; fails when it is not running.
running() {
  local pid since
  [ -f "$pid_file" ] || return 1
  read -r pid since <"$pid_file"
  [ -n "$since" ] && [ "$(started_at "$pid")" = "$since" ] || return 1
  echo "$pid"
}

stop() {
  local pid deadline=$((SECONDS + 15))
  if pid=$(running); then
    kill -TERM "$pid" 2>/dev/null || true
    while running >/dev/null; do
      if [ "$SECONDS" -ge "$deadline" ]; then
        say "$program did not end within 15 s of SIGTERM and is killed"
        kill -KILL "$pid" 2>/dev/null || true
      fi
      sleep 0.05
    done
  fi
  rm -f "$pid_file"
}

start() {
  local command=$1 pid port
  [ -x "$binary" ] || fail "$binary does not exist: make build"
  if running >/dev/null; then
    if [ "$pid_file" -nt "$binary" ] && [ "$pid_file" -nt "$environment" ]; then return; fi
    say "restarting $program: its binary or its settings changed"
    stop
  fi
  # shellcheck disable=SC1090
  port=$(. "$environment" && echo "$HTTP_PORT")
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    fail "port $port, meant for $program, is taken: set EXCHANGE_PORT, ADMIN_PORT or ROTATOR_PORT"
  fi
  mkdir -p "$local_dir/run" "$local_dir/log"
  pid=$(
    set -a
    # shellcheck disable=SC1090
    . "$environment"
    set +a
    cd "$root"
    setsid nohup "$binary" "$command" </dev/null >>"$log" 2>&1 9>&- &
    echo "$!"
  )
  echo "$pid $(started_at "$pid")" >"$pid_file"
}

ready() {
  local deadline=$((SECONDS + ${1:-30})) port
  # shellcheck disable=SC1090
  port=$(. "$environment" && echo "$HTTP_PORT")
  until curl -fs -m 2 -o /dev/null "http://127.0.0.1:$port/readyz"; do
    if ! running >/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
      {
        echo "breezeway: $program is not ready on port $port: $(curl -s -m 2 "http://127.0.0.1:$port/readyz" || true)"
        echo "--- the end of $log"
        tail -n 20 "$log"
      } >&2
      exit 1
    fi
    sleep 0.05
  done
}

case $action in
  start) start "${3:?the command}" ;;
  ready) ready "${3:-30}" ;;
  stop) stop ;;
  *) fail "service.sh: unknown action $action" ;;
esac
