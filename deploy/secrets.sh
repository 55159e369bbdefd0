#!/usr/bin/env bash
# Makes what docker-compose.yml reads from deploy/secrets/: passwords, connection URLs, the master key.
# Leaves alone what exists, so it can be run again. The folder is open to its owner alone; the files in it are
# readable, because a container's user is another than yours.
set -euo pipefail
folder="$(cd "$(dirname "$0")" && pwd)/secrets"
mkdir -p "$folder"
chmod 700 "$folder"

# Writes standard input to a file that does not exist yet.
keep() {
  if [ -e "$folder/$1" ]; then cat >/dev/null; else cat >"$folder/$1" && chmod 644 "$folder/$1"; fi
}

random_secret() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }

# url FILE USER PASSWORD_FILE
url() {
  printf 'postgresql://%s:%s@postgres:5432/breezeway\n' "$2" "$(cat "$folder/$3")" | keep "$1"
}

random_secret | keep postgres_password
url migrate_url breezeway postgres_password
for role in token_exchange sso_admin key_rotator; do
  random_secret | keep "${role}_password"
  url "${role}_url" "$role" "${role}_password"
done
printf '%s:%s\n' "$(date +%Y-%m)" "$(head -c 32 /dev/urandom | base64)" | keep master_keys
echo "Secrets are in $folder. Back up master_keys apart from the database: without it no signing key can be opened."
