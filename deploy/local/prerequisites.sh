#!/usr/bin/env bash
# Checks for what building, running, testing or measuring needs, and installs what is missing when run as root.
#
#   prerequisites.sh [run|test|bench]
#
# Not root: says exactly what to install and exits 1.
set -euo pipefail

purpose=${1:-run}
missing=()

# need PACKAGE TEST…: the package is missing when the test fails.
need() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}

header() { find /usr/include /usr/local/include -path "*/$1" -print -quit 2>/dev/null | grep -q .; }

server() { [ -x "$(pg_config --bindir 2>/dev/null)/initdb" ] || compgen -G '/usr/lib/postgresql/*/bin/initdb'; }

# A virtual environment needs ensurepip, which Debian packs apart from python3.
environments() { python3 -c 'import venv, ensurepip'; }

find_missing() {
  missing=()
  need libpq-dev header libpq-fe.h
  need libssl-dev header openssl/evp.h
  need libpsl-dev header libpsl.h
  # Newer than the list libpsl was built with, once the system is brought up to date.
  need publicsuffix test -s /usr/share/publicsuffix/public_suffix_list.dafsa
  need libutf8proc-dev header utf8proc.h
  # SwiftPM asks it where libpq's headers are.
  need pkg-config command -v pkg-config
  need postgresql server
  need postgresql-client command -v psql
  need curl command -v curl
  need ca-certificates test -s /etc/ssl/certs/ca-certificates.crt
  need git command -v git
  need python3 command -v python3
  need util-linux command -v setsid
  case $purpose in
    run) ;;
    test) need python3-venv environments ;;
    bench)
      need wrk command -v wrk
      need openssl command -v openssl
      ;;
    *) echo "prerequisites.sh: run, test or bench, not '$purpose'" >&2; exit 2 ;;
  esac
}

# Another apt-get may hold the lists for a while; this waits for it, at most two minutes.
apt() {
  local deadline=$((SECONDS + 120))
  until DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -qq "$@" </dev/null 2>"$errors"; do
    if ! grep -q 'Could not get lock' "$errors" || [ "$SECONDS" -ge "$deadline" ]; then
      cat "$errors" >&2
      return 1
    fi
    sleep 1
  done
}

if ! command -v swift >/dev/null; then
  echo "breezeway needs the Swift 6.3 toolchain: see https://www.swift.org/install/linux" >&2
  exit 1
fi

find_missing
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  {
    echo "Missing: ${missing[*]}. Install it and run this again:"
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
  } >&2
  exit 1
fi

echo "==> installing ${missing[*]}"
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
apt update
# Only the server's programs are wanted: the cluster that the package would create and start is not.
if [[ " ${missing[*]} " == *" postgresql "* ]] && ! dpkg -s postgresql-common >/dev/null 2>&1; then
  apt install -y --no-install-recommends postgresql-common >/dev/null
  sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
fi
apt install -y --no-install-recommends "${missing[@]}" >/dev/null

find_missing
if [ "${#missing[@]}" -gt 0 ]; then
  echo "Still missing after the installation: ${missing[*]}" >&2
  exit 1
fi
