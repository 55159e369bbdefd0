#!/usr/bin/env bash
# make clean-local: stops what make up started and deletes its data, keys and logs.
set -euo pipefail
# shellcheck source=deploy/local/settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
[ -d "$local_dir" ] || exit 0
"$root/deploy/local/down.sh"
if [ -e "$cluster" ] || [ -L "$cluster" ]; then "$root/deploy/local/postgres.sh" remove "$cluster"; fi
rm -rf "$local_dir"
say "deleted .local"
