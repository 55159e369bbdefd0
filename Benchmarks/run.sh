#!/usr/bin/env bash
# make bench: builds release programs, measures every bar on a private PostgreSQL with fsync on, prints the table.
#
#   Benchmarks/run.sh [bench.py's arguments, see --help]
#
# BINARIES names a folder with ready-made programs; then nothing is built.
set -euo pipefail
cd "$(dirname "$0")/.."
deploy/local/prerequisites.sh bench
if [ -z "${BINARIES:-}" ]; then
  echo '==> building release programs'
  swift build -c release -j "${JOBS:-$(nproc)}" </dev/null
fi
exec python3 Benchmarks/bench.py --binaries "${BINARIES:-.build/release}" "$@"
