SET LOCAL ROLE breezeway_owner;

CREATE TABLE apps (
    workspace_id uuid NOT NULL,
    id text NOT NULL CONSTRAINT apps_id_form CHECK (id ~ '^[A-Za-z0-9_.-]{1,64}$' AND id !~ '^scli_'),
    client_id text NOT NULL CONSTRAINT apps_client_id_form CHECK (client_id ~ '^scli_[A-Za-z0-9]{16,59}$'),
    name text NOT NULL CONSTRAINT apps_name_length CHECK (length(name) BETWEEN 1 AND 200),
    audience text NOT NULL CONSTRAINT apps_audience_length CHECK (length(audience) BETWEEN 1 AND 255),
    client_type text NOT NULL DEFAULT 'web' CONSTRAINT apps_client_type CHECK (client_type IN ('web', 'native')),
    client_secret_hash bytea CONSTRAINT apps_client_secret_hash_length CHECK (octet_length(client_secret_hash) = 32),
    status text NOT NULL DEFAULT 'active' CONSTRAINT apps_status CHECK (status IN ('active', 'suspended')),
    exchange_policy text NOT NULL DEFAULT 'workspace'
        CONSTRAINT apps_exchange_policy CHECK (exchange_policy IN ('workspace', 'sso_group', 'none')),
    signup_policy text NOT NULL DEFAULT 'open' CONSTRAINT apps_signup_policy
        CHECK (signup_policy IN ('open', 'invite_only', 'admin_approval', 'auto_on_first_access')),
    -- Lifetimes in seconds.
    access_expiration integer NOT NULL DEFAULT 3600
        CONSTRAINT apps_access_expiration CHECK (access_expiration BETWEEN 60 AND 604800),
    refresh_expiration integer NOT NULL DEFAULT 604800
        CONSTRAINT apps_refresh_expiration CHECK (refresh_expiration BETWEEN 3600 AND 31536000),
    session_timeout integer NOT NULL DEFAULT 604800
        CONSTRAINT apps_session_timeout CHECK (session_timeout BETWEEN 60 AND 31536000),
    refresh_payload boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT apps_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT apps_client_id UNIQUE (client_id),
    CONSTRAINT apps_audience UNIQUE (workspace_id, audience),
    CONSTRAINT apps_workspace FOREIGN KEY (workspace_id) REFERENCES workspaces (id) ON DELETE CASCADE
);
-- A generated id names its app anywhere, so no two workspaces may have the same one.
CREATE UNIQUE INDEX apps_generated_id ON apps (id) WHERE id LIKE 'app\_%';

CREATE TABLE app_origins (
    workspace_id uuid NOT NULL,
    origin text NOT NULL CONSTRAINT app_origins_length CHECK (length(origin) BETWEEN 8 AND 255),
    app_id text NOT NULL,
    -- An origin names one app of the workspace.
    CONSTRAINT app_origins_pkey PRIMARY KEY (workspace_id, origin),
    CONSTRAINT app_origins_app FOREIGN KEY (workspace_id, app_id) REFERENCES apps (workspace_id, id) ON DELETE CASCADE
);
-- Serves the removal of an app.
CREATE INDEX app_origins_app_id ON app_origins (workspace_id, app_id);

CREATE TABLE app_redirect_uris (
    workspace_id uuid NOT NULL,
    app_id text NOT NULL,
    redirect_uri text NOT NULL CONSTRAINT app_redirect_uris_length CHECK (length(redirect_uri) BETWEEN 3 AND 2000),
    CONSTRAINT app_redirect_uris_pkey PRIMARY KEY (workspace_id, app_id, redirect_uri),
    CONSTRAINT app_redirect_uris_app
        FOREIGN KEY (workspace_id, app_id) REFERENCES apps (workspace_id, id) ON DELETE CASCADE
);

CREATE TABLE sso_groups (
    workspace_id uuid NOT NULL,
    id text NOT NULL CONSTRAINT sso_groups_id_form CHECK (id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    name text NOT NULL CONSTRAINT sso_groups_name_length CHECK (length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT sso_groups_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT sso_groups_workspace FOREIGN KEY (workspace_id) REFERENCES workspaces (id) ON DELETE CASCADE
);

CREATE TABLE sso_group_apps (
    workspace_id uuid NOT NULL,
    group_id text NOT NULL,
    app_id text NOT NULL,
    CONSTRAINT sso_group_apps_pkey PRIMARY KEY (workspace_id, group_id, app_id),
    CONSTRAINT sso_group_apps_group
        FOREIGN KEY (workspace_id, group_id) REFERENCES sso_groups (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT sso_group_apps_app
        FOREIGN KEY (workspace_id, app_id) REFERENCES apps (workspace_id, id) ON DELETE CASCADE
);
-- Serves the removal of an app.
CREATE INDEX sso_group_apps_app_id ON sso_group_apps (workspace_id, app_id);

CREATE TABLE api_keys (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT api_keys_kind CHECK (kind IN ('workspace', 'app')),
    app_id text,
    name text NOT NULL CONSTRAINT api_keys_name_length CHECK (length(name) BETWEEN 1 AND 200),
    secret_hash bytea NOT NULL CONSTRAINT api_keys_secret_hash_length CHECK (octet_length(secret_hash) = 32),
    -- No limit when null.
    source_apps text[],
    target_apps text[],
    networks cidr[],
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT api_keys_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT api_keys_workspace FOREIGN KEY (workspace_id) REFERENCES workspaces (id) ON DELETE CASCADE,
    CONSTRAINT api_keys_app FOREIGN KEY (workspace_id, app_id) REFERENCES apps (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT api_keys_app_of_kind CHECK ((kind = 'app') = (app_id IS NOT NULL))
);
-- Serves the removal of an app.
CREATE INDEX api_keys_app_id ON api_keys (workspace_id, app_id) WHERE app_id IS NOT NULL;

DO $$
DECLARE
    control text;
BEGIN
    FOREACH control IN ARRAY ARRAY[
        'workspaces', 'workspace_secrets', 'signing_keys', 'apps', 'app_origins', 'app_redirect_uris',
        'sso_groups', 'sso_group_apps', 'api_keys'
    ] LOOP
        EXECUTE format(
            'CREATE TRIGGER %I AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION record_change()',
            control || '_record_change', control
        );
    END LOOP;
END
$$;
