#!/bin/sh
# Makes roles, database, extensions and default privileges in a new PostgreSQL: the same statements as for the
# embedded one, then passwords. The image of PostgreSQL runs it when the data folder is new; it may be run again.
set -eu

secrets=${MEMOS_SECRETS:-/run/secrets}
provision=${MEMOS_PROVISION:-/usr/local/share/memos/provision.sql}
user=${POSTGRES_USER:-postgres}

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$user" --dbname=postgres --set=dbname=memos --file="$provision" > /dev/null
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$user" --dbname=memos \
    --set=owner="$(cat "$secrets/owner_password")" --set=app="$(cat "$secrets/app_password")" << 'SQL'
-- Not into the server's log, whatever it logs.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
ALTER ROLE memos_owner PASSWORD :'owner';
ALTER ROLE memos_app PASSWORD :'app';
SQL
