#!/usr/bin/env bash
# make down: stops what make up started, the services first so that they finish what they accepted. Keeps the data.
set -euo pipefail
# shellcheck source=deploy/local/settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
[ -d "$local_dir" ] || exit 0
lock_local 30

stopping=()
for service in "${services[@]}"; do
  "$root/deploy/local/service.sh" stop "${service%% *}" &
  stopping+=($!)
done
for pid in "${stopping[@]}"; do wait "$pid"; done
[ ! -e "$cluster" ] || "$root/deploy/local/postgres.sh" stop "$cluster" fast
say "stopped; the data stays in .local"
