SET LOCAL ROLE breezeway_owner;

-- A rotated client secret: the one before it is taken for a while, so that no instance of the app is locked out.
ALTER TABLE apps
    ADD COLUMN previous_client_secret_hash bytea
        CONSTRAINT apps_previous_client_secret_hash_length CHECK (octet_length(previous_client_secret_hash) = 32),
    ADD COLUMN previous_client_secret_until timestamptz,
    ADD CONSTRAINT apps_previous_client_secret
        CHECK ((previous_client_secret_hash IS NULL) = (previous_client_secret_until IS NULL));

-- Serve searches by the beginning of an id, a name or an address. The collation is that of the bytes, so that a beginning is a range.
CREATE INDEX apps_id_beginning ON apps (workspace_id, (lower(id) COLLATE "C"), id);
CREATE INDEX apps_name_beginning ON apps (workspace_id, (lower(name) COLLATE "C"), id);
CREATE INDEX sso_groups_name_beginning ON sso_groups (workspace_id, (lower(name) COLLATE "C"), id);
CREATE INDEX users_email_beginning ON users (workspace_id, (email_key COLLATE "C"), id);
CREATE INDEX users_name_beginning ON users (workspace_id, (lower(name) COLLATE "C"), id);

-- Serves the list of an app's sessions, newest first. The condition keeps it away from statements that go by the id.
CREATE INDEX sessions_app_id ON sessions (workspace_id, app_id, id) WHERE app_id IS NOT NULL;

-- When an operator's credential was last used; to the minute.
ALTER TABLE admin_tokens ADD COLUMN last_used_at timestamptz;
ALTER TABLE platform_admin_tokens ADD COLUMN last_used_at timestamptz;

-- When a backend's credential was last used; to the minute. Apart from the keys, whose every change is a new epoch.
CREATE TABLE api_key_uses (
    workspace_id uuid NOT NULL,
    api_key_id uuid NOT NULL,
    used_at timestamptz NOT NULL,
    CONSTRAINT api_key_uses_pkey PRIMARY KEY (workspace_id, api_key_id),
    CONSTRAINT api_key_uses_api_key
        FOREIGN KEY (workspace_id, api_key_id) REFERENCES api_keys (workspace_id, id) ON DELETE CASCADE
);

-- What a creation answered, for whoever repeats it under the same Idempotency-Key. The answer may hold a secret that is
-- shown once, so it is sealed under a key that only the caller can derive: from its credential and the Idempotency-Key.
CREATE TABLE idempotent_answers (
    workspace_id uuid NOT NULL,
    key_hash bytea NOT NULL CONSTRAINT idempotent_answers_key_hash_length CHECK (octet_length(key_hash) = 32),
    request_hash bytea NOT NULL
        CONSTRAINT idempotent_answers_request_hash_length CHECK (octet_length(request_hash) = 32),
    sealed_answer bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotent_answers_pkey PRIMARY KEY (workspace_id, key_hash)
);
-- Serves the removal of old answers.
CREATE INDEX idempotent_answers_created_at ON idempotent_answers (created_at);

-- Up to where a log was pruned by its age, and the hash that what is left follows: a log whose beginning is gone for any
-- other reason is then told from one that is old.
ALTER TABLE audit_heads
    ADD COLUMN pruned_through bigint NOT NULL DEFAULT 0,
    ADD COLUMN pruned_hash bytea;

-- Why exchanges were refused, for whoever has a request id and wonders: what was decided, and on which facts.
CREATE TABLE exchange_refusals (
    workspace_id uuid NOT NULL,
    request_id text NOT NULL CONSTRAINT exchange_refusals_request_id_length CHECK (length(request_id) <= 64),
    at timestamptz NOT NULL,
    code text NOT NULL CONSTRAINT exchange_refusals_code_length CHECK (length(code) <= 64),
    rule text NOT NULL CONSTRAINT exchange_refusals_rule_length CHECK (length(rule) <= 64),
    api_key_id uuid,
    user_id uuid,
    session_id uuid,
    source_app_id text CONSTRAINT exchange_refusals_source_length CHECK (length(source_app_id) <= 64),
    target_app_id text CONSTRAINT exchange_refusals_target_length CHECK (length(target_app_id) <= 64),
    CONSTRAINT exchange_refusals_pkey PRIMARY KEY (workspace_id, request_id)
);
-- Serves the removal of old refusals.
CREATE INDEX exchange_refusals_at ON exchange_refusals (at);
-- Serves the way from a request to what it changed.
CREATE INDEX audit_log_request_id ON audit_log (workspace_id, request_id) WHERE request_id IS NOT NULL;

-- Whether any of the given sessions is revoked, or gone: what was exchanged from a session ends with it. (A session never
-- outlives the one it was exchanged from, so one whose partition was dropped has nobody who asks.)
CREATE OR REPLACE FUNCTION any_session_revoked(workspace uuid, session_ids uuid[]) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, public AS $$
DECLARE
    session_id uuid;
BEGIN
    FOREACH session_id IN ARRAY session_ids LOOP
        PERFORM 1 FROM sessions
        WHERE sessions.workspace_id = workspace AND sessions.id = session_id AND sessions.revoked_at IS NULL;
        IF NOT FOUND THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;

-- A workspace that is gone is due for nothing.
CREATE FUNCTION unschedule_keys() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    DELETE FROM key_schedule WHERE workspace_id = OLD.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER workspaces_unschedule_keys AFTER DELETE ON workspaces
    FOR EACH ROW EXECUTE FUNCTION unschedule_keys();

DO $$
DECLARE
    tenant text;
    of_workspace constant text := $q$nullif(current_setting('app.workspace_id', true), '')::uuid$q$;
BEGIN
    FOREACH tenant IN ARRAY ARRAY['api_key_uses', 'idempotent_answers', 'exchange_refusals'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant);
        EXECUTE format(
            'CREATE POLICY tenant ON %1$I USING (workspace_id = %2$s) WITH CHECK (workspace_id = %2$s)',
            tenant, of_workspace
        );
    END LOOP;
END
$$;

GRANT SELECT, INSERT, UPDATE ON api_key_uses TO token_exchange;
GRANT SELECT ON api_key_uses, exchange_refusals TO sso_admin;
GRANT SELECT, INSERT ON idempotent_answers TO sso_admin;
GRANT INSERT ON exchange_refusals TO token_exchange;
GRANT SELECT ON audit_heads, rate_windows TO sso_admin;

-- What is past its time may be seen and removed by the owner, over all workspaces.
CREATE POLICY retention ON idempotent_answers TO breezeway_owner USING (created_at < now() - interval '1 day');
CREATE POLICY retention ON audit_heads TO breezeway_owner USING (true);
CREATE POLICY retention ON exchange_refusals TO breezeway_owner USING (at < now() - interval '7 days');

-- As before, with the two tables more.
CREATE OR REPLACE FUNCTION prune(what text, audit_days integer, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    removed integer;
BEGIN
    CASE what
        WHEN 'changes' THEN
            DELETE FROM changes
            WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM changes WHERE at < now() - interval '48 hours' ORDER BY at LIMIT batch
            ));
        WHEN 'rate_windows' THEN
            DELETE FROM rate_windows
            WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM rate_windows WHERE window_start < now() - interval '1 hour'
                ORDER BY window_start LIMIT batch
            ));
        WHEN 'audit_log' THEN
            WITH gone AS (
                DELETE FROM audit_log
                WHERE ctid = ANY (ARRAY(
                    SELECT ctid FROM audit_log
                    WHERE at < now() - make_interval(days => greatest(audit_days, 30)) ORDER BY at LIMIT batch
                ))
                RETURNING workspace_id, sequence, hash
            ), last AS (
                SELECT DISTINCT ON (workspace_id) workspace_id, sequence, hash
                FROM gone
                ORDER BY workspace_id, sequence DESC
            ), noted AS (
                UPDATE audit_heads
                SET pruned_through = last.sequence, pruned_hash = last.hash
                FROM last
                WHERE audit_heads.workspace_id = last.workspace_id AND pruned_through < last.sequence
            )
            SELECT count(*) INTO removed FROM gone;
            RETURN removed;
        WHEN 'idempotent_answers' THEN
            DELETE FROM idempotent_answers
            WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM idempotent_answers WHERE created_at < now() - interval '1 day'
                ORDER BY created_at LIMIT batch
            ));
        WHEN 'exchange_refusals' THEN
            DELETE FROM exchange_refusals
            WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM exchange_refusals WHERE at < now() - interval '7 days' ORDER BY at LIMIT batch
            ));
        WHEN 'nodes' THEN
            DELETE FROM nodes
            WHERE id = ANY (ARRAY(
                SELECT id FROM nodes WHERE seen_at < now() - interval '1 day' ORDER BY seen_at LIMIT batch
            ));
    END CASE;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
