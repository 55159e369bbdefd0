SET LOCAL ROLE breezeway_owner;

-- An operator's credential for one workspace.
CREATE TABLE admin_tokens (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL CONSTRAINT admin_tokens_name_length CHECK (length(name) BETWEEN 1 AND 200),
    role text NOT NULL CONSTRAINT admin_tokens_role CHECK (role IN ('owner', 'admin', 'viewer')),
    secret_hash bytea NOT NULL CONSTRAINT admin_tokens_secret_hash_length CHECK (octet_length(secret_hash) = 32),
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT admin_tokens_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT admin_tokens_workspace FOREIGN KEY (workspace_id) REFERENCES workspaces (id) ON DELETE CASCADE
);

-- An operator's credential for the whole installation. Of no workspace, so apart.
CREATE TABLE platform_admin_tokens (
    id uuid NOT NULL,
    name text NOT NULL CONSTRAINT platform_admin_tokens_name_length CHECK (length(name) BETWEEN 1 AND 200),
    role text NOT NULL CONSTRAINT platform_admin_tokens_role CHECK (role IN ('owner', 'admin', 'viewer')),
    secret_hash bytea NOT NULL
        CONSTRAINT platform_admin_tokens_secret_hash_length CHECK (octet_length(secret_hash) = 32),
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT platform_admin_tokens_pkey PRIMARY KEY (id)
);

-- What was done, by whom, in order. Each row carries the hash of the one before it.
CREATE TABLE audit_log (
    workspace_id uuid NOT NULL,
    sequence bigint NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL CONSTRAINT audit_log_actor_length CHECK (length(actor) BETWEEN 1 AND 200),
    action text NOT NULL CONSTRAINT audit_log_action_form CHECK (action ~ '^[a-z_]{1,40}\.[a-z_]{1,40}$'),
    subject text NOT NULL CONSTRAINT audit_log_subject_length CHECK (length(subject) <= 200),
    before jsonb,
    after jsonb,
    request_id text CONSTRAINT audit_log_request_id_length CHECK (length(request_id) <= 64),
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT audit_log_pkey PRIMARY KEY (workspace_id, sequence)
);
CREATE TABLE audit_heads (
    workspace_id uuid NOT NULL,
    sequence bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT audit_heads_pkey PRIMARY KEY (workspace_id)
);

-- What a row's hash covers: every column but the hash itself, each behind its length, so that no two rows
-- read the same.
CREATE FUNCTION audit_hash(entry audit_log) RETURNS bytea
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public AS $$
    SELECT sha256(convert_to(
        string_agg(coalesce(octet_length(field)::text || ':' || field, '-'), ',' ORDER BY position), 'UTF8'
    ))
    FROM unnest(ARRAY[
        entry.workspace_id::text,
        entry.sequence::text,
        (extract(epoch FROM entry.at) * 1000000)::bigint::text,
        entry.actor,
        entry.action,
        entry.subject,
        entry.before::text,
        entry.after::text,
        entry.request_id,
        encode(entry.previous_hash, 'hex')
    ]) WITH ORDINALITY AS fields (field, position)
$$;

-- Gives a new row its place in the workspace's chain. Definer's rights: nobody but this function moves a head.
CREATE FUNCTION chain_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    head audit_heads;
BEGIN
    INSERT INTO audit_heads (workspace_id, sequence, hash)
    VALUES (NEW.workspace_id, 0, sha256(convert_to(NEW.workspace_id::text, 'UTF8')))
    ON CONFLICT (workspace_id) DO NOTHING;
    SELECT * INTO STRICT head FROM audit_heads WHERE workspace_id = NEW.workspace_id FOR UPDATE;
    NEW.sequence := head.sequence + 1;
    NEW.at := clock_timestamp();
    NEW.previous_hash := head.hash;
    NEW.hash := audit_hash(NEW);
    UPDATE audit_heads SET sequence = NEW.sequence, hash = NEW.hash WHERE workspace_id = NEW.workspace_id;
    RETURN NEW;
END
$$;
CREATE TRIGGER audit_log_chain BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION chain_audit();
