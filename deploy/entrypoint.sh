#!/bin/sh
# Takes DATABASE_URL from the file DATABASE_URL_FILE when that is set, then becomes the program, which so gets the
# signals itself.
set -eu
if [ -n "${DATABASE_URL_FILE:-}" ]; then
  DATABASE_URL=$(cat "$DATABASE_URL_FILE")
  export DATABASE_URL
  unset DATABASE_URL_FILE
fi
# An empty value is an unset one, so that a compose file may pass a variable on.
[ -n "${DEFAULT_WORKSPACE:-}" ] || unset DEFAULT_WORKSPACE
exec "$@"
