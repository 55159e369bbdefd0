#!/usr/bin/env bash
# Runs every test from nothing: throw-away PostgreSQL, Swift tests, end-to-end tests. Cleans up in any case.
#
#   Tests/run.sh [FILTER]   FILTER goes to `swift test --filter` and `pytest -k`
#
# The last line of the output is the count; the exit code is 0 only when nothing failed. Reports stay in
# .build/tests. E2E_WORKERS sets how many end-to-end tests run at once.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
reports="$root/.build/tests"
filter=${1:-}

cleanup() {
  [ -z "${cluster:-}" ] || deploy/local/postgres.sh remove "$cluster" || true
  cluster=
}

# However the run ends, its last line is a count.
finish() {
  cleanup
  [ -s "$reports/count" ] || echo '0 passed, 1 failed' | tee "$reports/count"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '==> %s\n' "$*"; }

rm -rf "$reports"
mkdir -p "$reports"
deploy/local/prerequisites.sh test

# The environment is made anew when a requirement changes.
requirements=(Tests/requirements.txt Tests/EndToEnd/requirements.txt)
wanted=$(sha256sum "${requirements[@]}" 2>/dev/null || true)
if [ "$(cat .venv/requirements.sum 2>/dev/null)" != "$wanted" ]; then
  say 'installing the Python packages the tests use'
  rm -rf .venv
  python3 -m venv .venv
  for file in "${requirements[@]}"; do
    [ ! -f "$file" ] || .venv/bin/pip install --disable-pip-version-check --no-input -q -r "$file"
  done
  echo "$wanted" >.venv/requirements.sum
fi

say 'starting a throw-away PostgreSQL'
cluster=$(mktemp -d "${TMPDIR:-/tmp}/breezeway-tests.XXXXXX")
chmod 755 "$cluster"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
deploy/local/postgres.sh start "$cluster" "$port" throwaway
export TEST_DATABASE_URL="postgresql://breezeway@127.0.0.1:$port/postgres"
export BIN_PATH="$root/.build/debug" PYTHON="$root/.venv/bin/python" no_proxy=127.0.0.1,localhost

say 'building'
swift build --build-tests -j "${JOBS:-$(nproc)}" --explicit-target-dependency-import-check error </dev/null

# A suite that has not ended after ten minutes hangs: none takes three.
swift_tests() {
  timeout --kill-after 10 600 swift test --skip-build --disable-xctest --xunit-output "$reports/swift-$1.xml" \
    --filter "^$1\.${filter:+.*$filter}" </dev/null 2>&1 | tee "$reports/swift-$1.log"
}

failed=0
# One target after the other, the tests of each side by side: suites that stop servers and measure time would
# otherwise starve each other.
for target in Tests/*Tests; do
  target=$(basename "$target")
  say "Swift tests: $target"
  status=0
  swift_tests "$target" || status=$?
  if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
    say "$target hung and was ended: once more"
    status=0
    swift_tests "$target" || status=$?
  fi
  [ "$status" -eq 0 ] || failed=1
done

if [ -n "$(find Tests/EndToEnd -name 'test_*.py' -print -quit)" ]; then
  say 'end-to-end tests'
  status=0
  .venv/bin/python -m pytest Tests/EndToEnd -q -n "${E2E_WORKERS:-4}" -p no:cacheprovider \
    --junit-xml="$reports/end-to-end.xml" ${filter:+-k "$filter"} </dev/null 2>&1 |
    tee "$reports/end-to-end.log" || status=$?
  # 5: nothing matched the filter.
  [ "$status" -eq 0 ] || [ "$status" -eq 5 ] || failed=1
fi

cleanup
python3 Tests/count.py "$reports" "$failed" | tee "$reports/count"
