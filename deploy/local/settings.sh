# Sourced by the scripts beside it: where things are, which ports they use, how they speak.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
local_dir="$root/.local"
cluster="$local_dir/postgres"
binaries=${BINARIES:-$root/.build/release}

exchange_port=${EXCHANGE_PORT:-8080}
admin_port=${ADMIN_PORT:-8081}
rotator_port=${ROTATOR_PORT:-8082}
pg_port=${PG_PORT:-54329}

# program, its command, its port, its database role
services=(
  "token-exchange serve $exchange_port token_exchange"
  "sso-admin serve $admin_port sso_admin"
  "key-rotator run $rotator_port key_rotator"
)

# Everything here is on this machine, whatever proxy leads out of it.
export no_proxy=127.0.0.1,localhost

say() { printf '==> %s\n' "$*"; }

fail() {
  printf 'breezeway: %s\n' "$*" >&2
  exit 1
}

# Two runs at once would undo each other's work; this waits the given seconds for the other to end. Whatever is started closes descriptor 9 again.
lock_local() {
  mkdir -p "$local_dir"
  exec 9>"$local_dir/lock"
  flock -w "$1" 9 || fail "another make up, down or clean-local is at work in $local_dir"
}

# Writes standard input to a file of mode 0600, and leaves an equal file alone so its age keeps its meaning.
write_private() {
  local file=$1 fresh
  fresh=$(umask 077 && mktemp "$file.XXXXXX")
  cat >"$fresh"
  if cmp -s "$fresh" "$file"; then rm -f "$fresh"; else mv "$fresh" "$file"; fi
}

# 24 random bytes in letters that need no quoting in a URL.
random_secret() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
