SET LOCAL ROLE breezeway_owner;

CREATE TABLE users (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    -- As the user wrote it, and the form two addresses are compared in.
    email text NOT NULL CONSTRAINT users_email_length CHECK (length(email) BETWEEN 3 AND 254),
    email_key text NOT NULL CONSTRAINT users_email_key_length CHECK (length(email_key) BETWEEN 3 AND 254),
    email_verified boolean NOT NULL DEFAULT false,
    name text NOT NULL CONSTRAINT users_name_length CHECK (length(name) <= 200),
    image text CONSTRAINT users_image_length CHECK (length(image) <= 2000),
    status text NOT NULL DEFAULT 'active' CONSTRAINT users_status CHECK (status IN ('active', 'disabled')),
    password_hash text CONSTRAINT users_password_hash_form CHECK (password_hash ~ '^[0-9a-f]{32}:[0-9a-f]{128}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT users_email UNIQUE (workspace_id, email_key),
    CONSTRAINT users_workspace FOREIGN KEY (workspace_id) REFERENCES workspaces (id) ON DELETE CASCADE
);

CREATE TABLE memberships (
    workspace_id uuid NOT NULL,
    user_id uuid NOT NULL,
    app_id text NOT NULL,
    status text NOT NULL DEFAULT 'active'
        CONSTRAINT memberships_status CHECK (status IN ('active', 'pending_approval', 'suspended', 'disabled')),
    role text NOT NULL DEFAULT 'member'
        CONSTRAINT memberships_role CHECK (role IN ('member', 'admin', 'billing_admin')),
    profile jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT memberships_pkey PRIMARY KEY (workspace_id, user_id, app_id),
    CONSTRAINT memberships_user FOREIGN KEY (workspace_id, user_id) REFERENCES users (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT memberships_app FOREIGN KEY (workspace_id, app_id) REFERENCES apps (workspace_id, id) ON DELETE CASCADE
);
-- Serves the removal of an app and the list of an app's users.
CREATE INDEX memberships_app_id ON memberships (workspace_id, app_id, user_id);

-- Sessions are partitioned by id, and an id begins with its time: a look-up by id reads one partition, and
-- sessions that can no longer live are dropped with their partition. Exchanged sessions form trees: `ancestors`
-- holds the path from the root to the parent, and a session lives only while none of them is revoked. So ending
-- one row ends its whole subtree at once, even a child that is being written at that very moment.
CREATE TABLE sessions (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    -- Null when the user signed in to the workspace without naming an app.
    app_id text,
    ancestors uuid[] NOT NULL DEFAULT '{}'
        CONSTRAINT sessions_depth CHECK (cardinality(ancestors) <= 8 AND NOT id = ANY (ancestors)),
    api_key_id uuid,
    authenticated_at timestamptz NOT NULL,
    amr text[] NOT NULL,
    scope text NOT NULL DEFAULT '',
    cookie_hash bytea CONSTRAINT sessions_cookie_hash_length CHECK (octet_length(cookie_hash) = 32),
    -- Of the refresh token: which one is current, and since when.
    generation integer NOT NULL DEFAULT 1 CONSTRAINT sessions_generation CHECK (generation > 0),
    rotated_at timestamptz,
    ip text CONSTRAINT sessions_ip_length CHECK (length(ip) <= 64),
    user_agent text CONSTRAINT sessions_user_agent_length CHECK (length(user_agent) <= 512),
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    -- Absolute, and seconds of idleness after which the session is over.
    expires_at timestamptz NOT NULL,
    idle_timeout integer NOT NULL CONSTRAINT sessions_idle_timeout CHECK (idle_timeout > 0),
    revoked_at timestamptz,
    revoked_reason text CONSTRAINT sessions_revoked_reason_length CHECK (length(revoked_reason) <= 64),
    CONSTRAINT sessions_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT sessions_membership FOREIGN KEY (workspace_id, user_id, app_id)
        REFERENCES memberships (workspace_id, user_id, app_id) ON DELETE CASCADE,
    CONSTRAINT sessions_order CHECK (created_at <= expires_at)
) PARTITION BY RANGE (id);
-- Serves a user's list of sessions, the end of a subtree, and the removal of a membership.
CREATE INDEX sessions_user_id ON sessions (workspace_id, user_id, app_id);

-- The smallest UUIDv7 of a moment.
CREATE FUNCTION uuid_at(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Makes the partitions of the given days (UTC) that are missing; answers how many it made. Definer's rights:
-- a service may need a day's partition but may not create tables. Bounded, so that no caller can fill the catalog.
CREATE FUNCTION ensure_session_partitions(first_day date, last_day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    day date;
    made integer := 0;
    partition text;
BEGIN
    IF last_day - first_day > 62 OR first_day < current_date - 800 OR last_day > current_date + 62 THEN
        RAISE EXCEPTION 'session partitions from % to % are out of bounds', first_day, last_day
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- One at a time, or two callers would both try to make the same day.
    PERFORM pg_advisory_xact_lock(hashtextextended('breezeway.session_partitions', 0));
    FOR day IN SELECT generate_series(first_day, last_day, interval '1 day')::date LOOP
        partition := 'sessions_' || to_char(day, 'YYYYMMDD');
        CONTINUE WHEN to_regclass('public.' || partition) IS NOT NULL;
        EXECUTE format(
            'CREATE TABLE public.%I PARTITION OF public.sessions FOR VALUES FROM (%L) TO (%L) WITH (fillfactor = 85,'
            || ' autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)',
            partition,
            public.uuid_at(day::timestamp AT TIME ZONE 'UTC'),
            public.uuid_at((day + 1)::timestamp AT TIME ZONE 'UTC')
        );
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', partition);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', partition);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

-- Whether any of the given sessions is revoked. A function of its own, called for exchanged sessions alone: inside
-- the statement its plan would reach for every partition on every call.
CREATE FUNCTION any_session_revoked(workspace uuid, session_ids uuid[]) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, public AS $$
DECLARE
    session_id uuid;
BEGIN
    FOREACH session_id IN ARRAY session_ids LOOP
        PERFORM 1 FROM sessions
        WHERE sessions.workspace_id = workspace AND sessions.id = session_id AND sessions.revoked_at IS NOT NULL;
        IF FOUND THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;

-- Counters of the rate limits, shared by all nodes. Losing them in a crash costs one window.
CREATE UNLOGGED TABLE rate_windows (
    workspace_id uuid NOT NULL,
    subject text NOT NULL CONSTRAINT rate_windows_subject_length CHECK (length(subject) <= 255),
    window_start timestamptz NOT NULL,
    count integer NOT NULL,
    CONSTRAINT rate_windows_pkey PRIMARY KEY (workspace_id, subject, window_start)
);
-- Serves the removal of windows that are over.
CREATE INDEX rate_windows_start ON rate_windows (window_start);
