-- The owner of everything, and one role for each service. Roles belong to the cluster, not to the database,
-- so another database of the same cluster may have made them already, even at this very moment.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['breezeway_owner', 'token_exchange', 'sso_admin', 'key_rotator'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = wanted) THEN
                EXECUTE format(
                    'CREATE ROLE %I %s NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS',
                    wanted,
                    CASE WHEN wanted = 'breezeway_owner' THEN 'NOLOGIN' ELSE 'LOGIN' END
                );
            END IF;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL;
        END;
    END LOOP;
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO breezeway_owner;
GRANT USAGE ON SCHEMA public TO token_exchange, sso_admin, key_rotator;

-- Everything that later migrations create belongs to the owner, and nobody has it by default.
ALTER DEFAULT PRIVILEGES FOR ROLE breezeway_owner IN SCHEMA public REVOKE ALL ON TABLES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE breezeway_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- What `sso-admin migrate` has applied; every service reads it to know whether the schema is the one it was built for.
CREATE TABLE schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT schema_migrations_pkey PRIMARY KEY (version)
);
ALTER TABLE schema_migrations OWNER TO breezeway_owner;
GRANT SELECT ON schema_migrations TO token_exchange, sso_admin, key_rotator;
