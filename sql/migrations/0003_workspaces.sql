SET LOCAL ROLE breezeway_owner;

CREATE TABLE workspaces (
    id uuid NOT NULL,
    slug text NOT NULL CONSTRAINT workspaces_slug_form CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL CONSTRAINT workspaces_name_length CHECK (length(name) BETWEEN 1 AND 200),
    issuer text NOT NULL CONSTRAINT workspaces_issuer_length CHECK (length(issuer) BETWEEN 8 AND 512),
    status text NOT NULL DEFAULT 'active' CONSTRAINT workspaces_status CHECK (status IN ('active', 'suspended')),
    auth_host text CONSTRAINT workspaces_auth_host_form CHECK (auth_host ~ '^[a-z0-9.-]{1,253}(:[0-9]{1,5})?$'),
    cookie_domain text CONSTRAINT workspaces_cookie_domain_form CHECK (cookie_domain ~ '^[a-z0-9.-]{3,253}$'),
    require_app_identity boolean NOT NULL DEFAULT false,
    signing_algorithm text NOT NULL DEFAULT 'RS256'
        CONSTRAINT workspaces_signing_algorithm CHECK (signing_algorithm IN ('RS256', 'ES256', 'EdDSA')),
    rsa_bits integer NOT NULL DEFAULT 2048 CONSTRAINT workspaces_rsa_bits CHECK (rsa_bits IN (2048, 3072, 4096)),
    -- Per minute; no limit when null.
    exchange_limit integer CONSTRAINT workspaces_exchange_limit CHECK (exchange_limit > 0),
    -- Sign-in and sign-up, per address and minute.
    sign_in_limit integer NOT NULL DEFAULT 100 CONSTRAINT workspaces_sign_in_limit CHECK (sign_in_limit > 0),
    -- Failed sign-ins per account and 15 minutes.
    failure_limit integer NOT NULL DEFAULT 10 CONSTRAINT workspaces_failure_limit CHECK (failure_limit > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT workspaces_pkey PRIMARY KEY (id),
    CONSTRAINT workspaces_slug UNIQUE (slug),
    CONSTRAINT workspaces_issuer UNIQUE (issuer),
    CONSTRAINT workspaces_auth_host UNIQUE (auth_host)
);

-- What a workspace keys its cookies and CSRF tokens with, sealed under the master key.
CREATE TABLE workspace_secrets (
    workspace_id uuid NOT NULL,
    purpose text NOT NULL CONSTRAINT workspace_secrets_purpose CHECK (purpose IN ('browser')),
    id text NOT NULL CONSTRAINT workspace_secrets_id_length CHECK (length(id) BETWEEN 1 AND 64),
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT workspace_secrets_pkey PRIMARY KEY (workspace_id, purpose, id),
    CONSTRAINT workspace_secrets_workspace FOREIGN KEY (workspace_id) REFERENCES workspaces (id) ON DELETE CASCADE
);

-- A key carries instants, not a state: what it may do at any moment follows from the row and the clock.
CREATE TABLE signing_keys (
    workspace_id uuid NOT NULL,
    kid text NOT NULL CONSTRAINT signing_keys_kid_form CHECK (kid ~ '^[A-Za-z0-9_-]{16,64}$'),
    algorithm text NOT NULL CONSTRAINT signing_keys_algorithm CHECK (algorithm IN ('RS256', 'ES256', 'EdDSA')),
    public_key bytea NOT NULL,
    -- Erased once the key no longer signs nor verifies.
    sealed_private_key bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz NOT NULL,
    activates_at timestamptz NOT NULL,
    retires_at timestamptz,
    expires_at timestamptz,
    compromised_at timestamptz,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (workspace_id, kid),
    CONSTRAINT signing_keys_workspace FOREIGN KEY (workspace_id) REFERENCES workspaces (id) ON DELETE CASCADE,
    CONSTRAINT signing_keys_order CHECK (
        published_at <= activates_at
        AND (retires_at IS NULL OR activates_at <= retires_at)
        AND (expires_at IS NULL OR (retires_at IS NOT NULL AND retires_at <= expires_at))
    ),
    CONSTRAINT signing_keys_one_activation UNIQUE (workspace_id, activates_at)
);

CREATE FUNCTION schedule_keys() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO key_schedule (workspace_id) VALUES (NEW.id) ON CONFLICT (workspace_id) DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER workspaces_schedule_keys AFTER INSERT ON workspaces FOR EACH ROW EXECUTE FUNCTION schedule_keys();
