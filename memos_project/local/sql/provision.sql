-- Run by the superuser through psql at every start: each statement leaves alone what is already there.
-- memos_owner owns the database and its tables and runs migrations; memos_app reads and writes rows, owns nothing,
-- and is therefore subject to row-level security.

SELECT format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', role)
  FROM unnest(ARRAY['memos_owner', 'memos_app']) AS role
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)
\gexec

SELECT format('CREATE DATABASE %I OWNER memos_owner', :'dbname')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'dbname')
\gexec

SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'dbname')
\gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO memos_app', :'dbname')
\gexec

\connect :"dbname"

CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS btree_gin;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;

ALTER SCHEMA public OWNER TO memos_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO memos_app;

ALTER DEFAULT PRIVILEGES FOR ROLE memos_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO memos_app;
ALTER DEFAULT PRIVILEGES FOR ROLE memos_owner GRANT USAGE, SELECT ON SEQUENCES TO memos_app;
ALTER DEFAULT PRIVILEGES FOR ROLE memos_owner GRANT EXECUTE ON FUNCTIONS TO memos_app;
