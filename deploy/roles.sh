#!/bin/sh
# Sets the passwords of the three service roles from /run/secrets. psql reads them itself: no command line, and no
# server log, ever holds them.
set -eu
PGPASSWORD=$(cat /run/secrets/postgres_password)
export PGPASSWORD
exec psql -X -q -v ON_ERROR_STOP=1 <<'END'
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
\set password `cat /run/secrets/token_exchange_password`
ALTER ROLE token_exchange LOGIN PASSWORD :'password';
\set password `cat /run/secrets/sso_admin_password`
ALTER ROLE sso_admin LOGIN PASSWORD :'password';
\set password `cat /run/secrets/key_rotator_password`
ALTER ROLE key_rotator LOGIN PASSWORD :'password';
END
