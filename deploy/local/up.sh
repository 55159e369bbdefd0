#!/usr/bin/env bash
# make up: from a fresh checkout to three running services with demo data and one exchange made.
#
# Everything it creates is under .local/ (and .build/). Each step leaves alone what is already so, so a second
# run is quick. BINARIES names a folder with ready-made programs; then nothing is built.
set -euo pipefail
# shellcheck source=deploy/local/settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
here="$root/deploy/local"
cd "$root"

"$here/prerequisites.sh" run
lock_local 0

if [ -z "${BINARIES:-}" ]; then
  say "building release programs (minutes the first time, seconds afterwards)"
  swift build -c release -j "${JOBS:-$(nproc)}" </dev/null 9>&-
fi

say "starting PostgreSQL on port $pg_port"
if ! "$here/postgres.sh" status "$cluster" || [ "$("$here/postgres.sh" port "$cluster")" != "$pg_port" ]; then
  if (exec 3<>"/dev/tcp/127.0.0.1/$pg_port") 2>/dev/null; then
    fail "port $pg_port, meant for PostgreSQL, is taken: set PG_PORT"
  fi
fi
"$here/postgres.sh" start "$cluster" "$pg_port" durable 9>&-

export PGHOST=127.0.0.1 PGPORT=$pg_port PGUSER=breezeway PGDATABASE=postgres PGPASSWORD PGOPTIONS='-c client_min_messages=warning'
PGPASSWORD=$(cat "$cluster/superuser.password")
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

[ "$(sql -c "SELECT count(*) FROM pg_database WHERE datname = 'breezeway'")" = 1 ] || sql -c 'CREATE DATABASE breezeway'
PGDATABASE=breezeway

# The base of issuers; a workspace keeps the one it was created with.
exchange_url="http://127.0.0.1:$exchange_port"
if [ ! -s "$local_dir/master-keys" ]; then
  echo "local:$(head -c 32 /dev/urandom | base64)" | write_private "$local_dir/master-keys"
fi

# service_environment ROLE PASSWORD PORT: the variables of one service, or of an operator's command. No balancer has
# to notice that a service is about to end, so none waits for that.
service_environment() {
  cat <<END
DATABASE_URL='postgresql://$1:$2@127.0.0.1:$pg_port/breezeway'
HTTP_HOST='127.0.0.1'
HTTP_PORT='$3'
PUBLIC_URL='$exchange_url'
MASTER_KEYS_FILE='$local_dir/master-keys'
DEFAULT_WORKSPACE='demo'
LOG_LEVEL='${LOG_LEVEL:-info}'
LOG_FORMAT='${LOG_FORMAT:-text}'
SHUTDOWN_DRAIN='0s'
END
}
service_environment breezeway "$PGPASSWORD" "$admin_port" | write_private "$local_dir/operator.env"

say "migrating"
(
  set -a
  # shellcheck disable=SC1091
  . "$local_dir/operator.env"
  exec "$binaries/sso-admin" migrate --migrations "$root/sql/migrations"
) </dev/null 9>&-

# Each role's password is made once and kept in its service's environment file. psql reads it from standard
# input, and a failing statement must not put it into the server's log either.
for service in "${services[@]}"; do
  read -r program command port role <<<"$service"
  password=$(sed -n "s|^DATABASE_URL='postgresql://$role:\([^@]*\)@.*|\1|p" "$local_dir/$program.env" 2>/dev/null || true)
  [ -n "$password" ] || password=$(random_secret)
  service_environment "$role" "$password" "$port" | write_private "$local_dir/$program.env"
  sql <<END
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
ALTER ROLE $role LOGIN PASSWORD '$password';
END
done

say "creating the demo workspaces"
export LOCAL_DIR="$local_dir" BINARIES="$binaries"
export EXCHANGE_URL="$exchange_url" ADMIN_URL="http://127.0.0.1:$admin_port" ROTATOR_URL="http://127.0.0.1:$rotator_port"
python3 "$here/demo.py" workspaces </dev/null 9>&-

say "starting the services"
for service in "${services[@]}"; do
  read -r program command port role <<<"$service"
  "$here/service.sh" start "$program" "$command"
done
for service in "${services[@]}"; do
  read -r program command port role <<<"$service"
  "$here/service.sh" ready "$program" 30
  printf '    %-15s http://127.0.0.1:%s\n' "$program" "$port"
done

python3 "$here/demo.py" users </dev/null 9>&-
python3 "$here/demo.py" exchange </dev/null 9>&-
say "ready: addresses, keys and demo users are in .local/demo.json; logs in .local/log; make down stops it"
