SET LOCAL ROLE breezeway_owner;

-- The times that keep a token from being broken: constraints, triggers and the worker ask these two.
-- Until every relying party that honours max-age has a key: 600 s of max-age, and 60 s for views that are five seconds
-- old and clocks that are apart.
CREATE FUNCTION key_publication() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT interval '660 seconds'
$$;
-- For how long a key outlives its last token: 30 s of leeway, and what clocks and views are apart.
CREATE FUNCTION key_margin() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT interval '60 seconds'
$$;
GRANT EXECUTE ON FUNCTION key_publication(), key_margin() TO key_rotator, sso_admin;

-- How often a workspace rotates, in seconds; signing_algorithm and rsa_bits say what to.
ALTER TABLE workspaces
    ADD COLUMN rotation_interval integer NOT NULL DEFAULT 7776000
        CONSTRAINT workspaces_rotation_interval CHECK (rotation_interval BETWEEN 3600 AND 63072000),
    ADD COLUMN rotation_lead integer NOT NULL DEFAULT 86400
        CONSTRAINT workspaces_rotation_lead CHECK (rotation_lead BETWEEN 660 AND 2592000),
    ADD CONSTRAINT workspaces_rotation_order CHECK (rotation_lead < rotation_interval);

ALTER TABLE signing_keys
    ADD COLUMN rsa_bits integer CONSTRAINT signing_keys_rsa_bits CHECK (rsa_bits IN (2048, 3072, 4096)),
    -- Why it may sign before relying parties can be sure to have it.
    ADD COLUMN haste text CONSTRAINT signing_keys_haste CHECK (haste IN ('first', 'emergency')),
    -- The longest life in seconds of any token it may have signed or may yet sign; only grows.
    ADD COLUMN longest_token integer NOT NULL DEFAULT 0
        CONSTRAINT signing_keys_longest_token CHECK (longest_token >= 0);

-- The keys there are were a workspace's first, and signed at once. Row-level security binds the owner too, unless it
-- is told otherwise for as long as this takes.
ALTER TABLE signing_keys NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER signing_keys_record_change;
ALTER TABLE apps NO FORCE ROW LEVEL SECURITY;
UPDATE signing_keys
SET rsa_bits = CASE octet_length(public_key) WHEN 294 THEN 2048 WHEN 422 THEN 3072 WHEN 550 THEN 4096 END,
    haste = CASE WHEN activates_at < published_at + key_publication() THEN 'first' END,
    longest_token = coalesce((
        SELECT max(greatest(access_expiration, refresh_expiration))
        FROM apps
        WHERE apps.workspace_id = signing_keys.workspace_id
    ), 0);
ALTER TABLE signing_keys FORCE ROW LEVEL SECURITY, ENABLE TRIGGER signing_keys_record_change;
ALTER TABLE apps FORCE ROW LEVEL SECURITY;

ALTER TABLE signing_keys
    -- Nobody meets a token whose key it cannot have.
    ADD CONSTRAINT signing_keys_published_before_use
        CHECK (haste IS NOT NULL OR activates_at >= published_at + key_publication()),
    -- Nobody meets a token whose key is gone.
    ADD CONSTRAINT signing_keys_outlive_their_tokens
        CHECK (expires_at IS NULL OR expires_at >= retires_at + make_interval(secs => longest_token) + key_margin()),
    DROP CONSTRAINT signing_keys_one_activation;
-- Two keys never begin at one instant; a key that was withdrawn before its turn, or compromised, claims none.
CREATE UNIQUE INDEX signing_keys_one_activation ON signing_keys (workspace_id, activates_at)
    WHERE compromised_at IS NULL AND (retires_at IS NULL OR retires_at > activates_at);
CREATE UNIQUE INDEX signing_keys_one_first ON signing_keys (workspace_id) WHERE haste = 'first';

-- What operators ask of the worker, and what came of it.
CREATE TABLE key_requests (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT key_requests_kind CHECK (kind IN ('rotate', 'rotate_at_once', 'compromise')),
    kid text CONSTRAINT key_requests_kid CHECK ((kid IS NOT NULL) = (kind = 'compromise')),
    sessions text NOT NULL DEFAULT 'keep' CONSTRAINT key_requests_sessions
        CHECK (sessions = 'keep' OR sessions = 'revoke' AND kind = 'compromise'),
    reason text CONSTRAINT key_requests_reason_length CHECK (length(reason) <= 500),
    actor text NOT NULL CONSTRAINT key_requests_actor_length CHECK (length(actor) BETWEEN 1 AND 200),
    requested_at timestamptz NOT NULL DEFAULT now(),
    -- Null until the worker has seen to it.
    decided_at timestamptz,
    outcome text CONSTRAINT key_requests_outcome CHECK (outcome IN ('done', 'unknown_key', 'already_compromised')),
    -- The epoch whose view has it.
    epoch bigint,
    sessions_revoked integer,
    -- The last session that was seen to, while there may be more; the worker goes on after it.
    revoke_after uuid,
    -- When the last live node had it.
    acknowledged_at timestamptz,
    CONSTRAINT key_requests_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT key_requests_workspace FOREIGN KEY (workspace_id) REFERENCES workspaces (id) ON DELETE CASCADE,
    CONSTRAINT key_requests_key FOREIGN KEY (workspace_id, kid) REFERENCES signing_keys (workspace_id, kid),
    CONSTRAINT key_requests_decided CHECK ((decided_at IS NULL) = (outcome IS NULL))
);
-- Serves the worker: what is not done, oldest first.
CREATE INDEX key_requests_open ON key_requests (workspace_id, requested_at)
    WHERE decided_at IS NULL OR revoke_after IS NOT NULL;

-- Who has fetched a workspace's keys, and when last: the app at whose address, or '' for the workspace's own. Sampled.
CREATE TABLE jwks_fetches (
    workspace_id uuid NOT NULL,
    app_id text NOT NULL CONSTRAINT jwks_fetches_app_id_length CHECK (length(app_id) <= 64),
    fetched_at timestamptz NOT NULL,
    CONSTRAINT jwks_fetches_pkey PRIMARY KEY (workspace_id, app_id),
    CONSTRAINT jwks_fetches_workspace FOREIGN KEY (workspace_id) REFERENCES workspaces (id) ON DELETE CASCADE
);

-- What the worker will do next, and who is at it: a claim keeps others from the same work, and nothing depends on it.
ALTER TABLE key_schedule
    ADD COLUMN next_step text NOT NULL DEFAULT 'key'
        CONSTRAINT key_schedule_next_step CHECK (next_step IN ('key', 'rotation', 'erasure', 'look')),
    ADD COLUMN claimed_until timestamptz;

-- Refuses what no later statement of the transaction could make right: what is published stays as it is, and what has
-- happened has happened. Definer's rights, to see the workspace's apps and requests.
CREATE FUNCTION guard_signing_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    broken text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.longest_token := greatest(NEW.longest_token, (
            SELECT max(greatest(access_expiration, refresh_expiration))
            FROM apps
            WHERE apps.workspace_id = NEW.workspace_id
        ));
        broken := CASE
            WHEN NEW.haste = 'first' AND EXISTS (SELECT 1 FROM signing_keys WHERE workspace_id = NEW.workspace_id)
                THEN 'signing_keys_first'
            -- A publication in the past would have begun without anybody seeing it.
            WHEN NEW.haste IS DISTINCT FROM 'first' AND NEW.published_at < now() THEN 'signing_keys_published_now'
        END;
    ELSE
        broken := CASE
            WHEN (NEW.workspace_id, NEW.kid, NEW.algorithm, NEW.rsa_bits, NEW.public_key, NEW.created_at,
                    NEW.published_at)
                IS DISTINCT FROM (OLD.workspace_id, OLD.kid, OLD.algorithm, OLD.rsa_bits, OLD.public_key,
                    OLD.created_at, OLD.published_at)
                THEN 'signing_keys_published_as_is'
            WHEN NEW.activates_at <> OLD.activates_at
                AND (OLD.activates_at <= now() OR NEW.activates_at < now()) THEN 'signing_keys_past_activation'
            WHEN NEW.retires_at IS DISTINCT FROM OLD.retires_at
                AND (OLD.retires_at <= now() OR NEW.retires_at < now()) THEN 'signing_keys_past_retirement'
            WHEN NEW.expires_at IS DISTINCT FROM OLD.expires_at
                AND (OLD.expires_at <= now() OR NEW.expires_at < now()) THEN 'signing_keys_past_expiry'
            WHEN OLD.compromised_at IS NOT NULL AND NEW.compromised_at IS DISTINCT FROM OLD.compromised_at
                THEN 'signing_keys_stay_compromised'
            WHEN NEW.longest_token < OLD.longest_token THEN 'signing_keys_longest_token'
            WHEN NEW.haste IS DISTINCT FROM OLD.haste
                AND (OLD.haste IS NOT NULL OR NEW.haste = 'first') THEN 'signing_keys_haste'
            WHEN OLD.sealed_private_key IS NULL AND NEW.sealed_private_key IS NOT NULL
                THEN 'signing_keys_stay_erased'
            -- Nodes whose clocks are behind still sign with it.
            WHEN OLD.sealed_private_key IS NOT NULL AND NEW.sealed_private_key IS NULL
                AND NEW.compromised_at IS NULL AND coalesce(NEW.retires_at + key_margin() > now(), true)
                THEN 'signing_keys_erased_late'
        END;
    END IF;
    IF broken IS NULL AND NEW.compromised_at > now() THEN
        broken := 'signing_keys_compromised_at_once';
    END IF;
    IF broken IS NULL AND NEW.haste = 'emergency' AND (TG_OP = 'INSERT' OR OLD.haste IS NULL)
        AND NOT EXISTS (
            SELECT 1 FROM key_requests
            WHERE workspace_id = NEW.workspace_id AND decided_at IS NULL AND kind IN ('rotate_at_once', 'compromise')
        )
        AND EXISTS (
            SELECT 1 FROM signing_keys
            WHERE workspace_id = NEW.workspace_id AND kid <> NEW.kid AND compromised_at IS NULL
                AND sealed_private_key IS NOT NULL AND activates_at <= now()
                AND (retires_at IS NULL OR retires_at > now())
        )
    THEN
        broken := 'signing_keys_emergency';
    END IF;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'a signing key may not be written so (%)', broken
            USING ERRCODE = 'check_violation', CONSTRAINT = broken, TABLE = 'signing_keys';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER signing_keys_guard BEFORE INSERT OR UPDATE ON signing_keys
    FOR EACH ROW EXECUTE FUNCTION guard_signing_key();

-- A key goes when no token of it can be good any more, or with its workspace. A compromised one stays, or its name
-- could be taken again.
CREATE FUNCTION guard_signing_key_removal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM workspaces WHERE id = OLD.workspace_id)
        AND (OLD.compromised_at IS NOT NULL OR coalesce(OLD.expires_at > now(), true))
    THEN
        RAISE EXCEPTION 'a signing key may not be removed yet'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signing_keys_kept', TABLE = 'signing_keys';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER signing_keys_guard_removal BEFORE DELETE ON signing_keys
    FOR EACH ROW EXECUTE FUNCTION guard_signing_key_removal();

-- From now on exactly one key signs at every instant: the keys that will sign follow each other, each ending where the
-- next begins, and the last has no end. Asked at the commit, when all of a change is there. Two transactions that
-- change keys of one workspace do so one after the other: each change takes the workspace's row in workspace_epochs.
CREATE FUNCTION check_signing_chain() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    workspace constant uuid := CASE WHEN TG_OP = 'DELETE' THEN OLD.workspace_id ELSE NEW.workspace_id END;
    entered constant text := coalesce(current_setting('app.workspace_id', true), '');
    broken text;
BEGIN
    -- The commit may be far from where the workspace was entered.
    PERFORM set_config('app.workspace_id', workspace::text, true);
    IF EXISTS (SELECT 1 FROM workspaces WHERE id = workspace) THEN
        SELECT CASE
            WHEN count(*) = 0 OR min(activates_at) > now()
                OR bool_or(retires_at < coalesce(following, 'infinity')) THEN 'signing_keys_always_one'
            WHEN bool_or(coalesce(retires_at, 'infinity') > following) THEN 'signing_keys_one_at_a_time'
        END
        INTO broken
        FROM (
            SELECT activates_at, retires_at, lead(activates_at) OVER (ORDER BY activates_at) AS following
            FROM signing_keys
            WHERE workspace_id = workspace AND compromised_at IS NULL AND sealed_private_key IS NOT NULL
                AND (retires_at IS NULL OR retires_at > greatest(activates_at, now()))
        ) AS signing;
    END IF;
    PERFORM set_config('app.workspace_id', entered, true);
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'the workspace''s keys would not sign one after the other (%)', broken
            USING ERRCODE = 'check_violation', CONSTRAINT = broken, TABLE = 'signing_keys';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER signing_keys_chain AFTER INSERT OR DELETE ON signing_keys
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_signing_chain();
CREATE CONSTRAINT TRIGGER signing_keys_chain_change AFTER UPDATE ON signing_keys
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.activates_at, OLD.retires_at, OLD.compromised_at, OLD.sealed_private_key IS NULL)
        IS DISTINCT FROM (NEW.activates_at, NEW.retires_at, NEW.compromised_at, NEW.sealed_private_key IS NULL))
    EXECUTE FUNCTION check_signing_chain();

-- An app whose tokens live longer keeps the keys that may sign them longer. Named so that it runs before the change is
-- recorded: whoever changes keys locks them first and the workspace's epoch second.
CREATE FUNCTION raise_longest_token() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    longest constant integer := greatest(NEW.access_expiration, NEW.refresh_expiration);
BEGIN
    -- A worker may be making a key that the next statement would not see, for tokens as they were: this waits for it,
    -- and makes it look again, since it does not wait for us.
    UPDATE key_schedule
    SET next_at = least(next_at, now()), claimed_until = NULL
    WHERE workspace_id = NEW.workspace_id;
    UPDATE signing_keys
    SET longest_token = longest,
        expires_at = greatest(expires_at, retires_at + make_interval(secs => longest) + key_margin())
    WHERE workspace_id = NEW.workspace_id
        AND longest_token < longest
        AND compromised_at IS NULL
        AND (retires_at IS NULL OR retires_at + key_margin() > now());
    RETURN NULL;
END
$$;
CREATE TRIGGER apps_longest_token AFTER INSERT OR UPDATE OF access_expiration, refresh_expiration ON apps
    FOR EACH ROW EXECUTE FUNCTION raise_longest_token();

-- Something was asked, or the policy changed: the worker looks now, whoever has claimed the workspace before.
CREATE FUNCTION hasten_keys() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE key_schedule
    SET next_at = least(next_at, now()), next_step = 'key', claimed_until = NULL
    WHERE workspace_id = CASE WHEN TG_TABLE_NAME = 'workspaces' THEN (to_jsonb(NEW) ->> 'id')::uuid
        ELSE (to_jsonb(NEW) ->> 'workspace_id')::uuid END;
    RETURN NULL;
END
$$;
CREATE TRIGGER key_requests_hasten AFTER INSERT ON key_requests FOR EACH ROW EXECUTE FUNCTION hasten_keys();
CREATE TRIGGER workspaces_hasten_keys
    AFTER UPDATE OF signing_algorithm, rsa_bits, rotation_interval, rotation_lead ON workspaces
    FOR EACH ROW EXECUTE FUNCTION hasten_keys();

-- Ends the live sessions of the entered workspace that began before an instant, the next `batch` in the order of their
-- ids; answers how many, and the last id, after which to go on.
CREATE FUNCTION revoke_sessions(began_before timestamptz, after uuid, batch integer, OUT ended integer, OUT last uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    WITH chosen AS (
        SELECT workspace_id, id
        FROM sessions
        WHERE workspace_id = nullif(current_setting('app.workspace_id', true), '')::uuid
            AND id > after
            AND created_at < began_before
            AND revoked_at IS NULL
            AND expires_at > now()
        ORDER BY id
        LIMIT least(batch, 10000)
    ), revoked AS (
        UPDATE sessions
        SET revoked_at = now(), revoked_reason = 'key_compromised'
        FROM chosen
        WHERE sessions.workspace_id = chosen.workspace_id AND sessions.id = chosen.id AND sessions.revoked_at IS NULL
        RETURNING sessions.id
    )
    SELECT (SELECT count(*)::integer FROM revoked), (SELECT id FROM chosen ORDER BY id DESC LIMIT 1)
$$;

DO $$
DECLARE
    tenant text;
    of_workspace constant text := $q$nullif(current_setting('app.workspace_id', true), '')::uuid$q$;
BEGIN
    FOREACH tenant IN ARRAY ARRAY['key_requests', 'jwks_fetches'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant);
        EXECUTE format(
            'CREATE POLICY tenant ON %1$I USING (workspace_id = %2$s) WITH CHECK (workspace_id = %2$s)',
            tenant, of_workspace
        );
    END LOOP;
END
$$;

GRANT SELECT ON key_requests TO sso_admin, key_rotator;
GRANT INSERT (workspace_id, id, kind, kid, sessions, reason, actor) ON key_requests TO sso_admin;
GRANT UPDATE (decided_at, outcome, epoch, sessions_revoked, revoke_after, acknowledged_at) ON key_requests TO key_rotator;
GRANT SELECT, INSERT, UPDATE ON jwks_fetches TO token_exchange;
GRANT SELECT ON jwks_fetches TO sso_admin;
GRANT SELECT (rsa_bits, haste, longest_token) ON signing_keys TO sso_admin;
GRANT EXECUTE ON FUNCTION revoke_sessions(timestamptz, uuid, integer) TO key_rotator;

-- When the last session of a partition that is over ends: measured once, since no row is added to it and no end moves.
CREATE TABLE session_partition_ends (
    partition text NOT NULL,
    ends_at timestamptz NOT NULL,
    CONSTRAINT session_partition_ends_pkey PRIMARY KEY (partition)
);

-- As before, and each partition may be measured by the owner, whom row-level security binds too.
CREATE OR REPLACE FUNCTION ensure_session_partitions(first_day date, last_day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    day date := first_day;
    since date;
    until date;
    made integer := 0;
    made_name text;
BEGIN
    IF last_day - first_day > 62 OR first_day < current_date - 800 OR last_day > current_date + 62 THEN
        RAISE EXCEPTION 'session partitions from % to % are out of bounds', first_day, last_day
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- One at a time, or two callers would both try to make the same partition.
    PERFORM pg_advisory_xact_lock(hashtextextended('breezeway.session_partitions', 0));
    WHILE day <= last_day LOOP
        SELECT known.end_day INTO until FROM public.session_partitions() AS known
        WHERE known.first_day <= day AND day < known.end_day;
        IF NOT FOUND THEN
            SELECT
                greatest(date_trunc('week', day)::date, max(known.end_day) FILTER (WHERE known.end_day <= day)),
                least(date_trunc('week', day)::date + 7, min(known.first_day) FILTER (WHERE known.first_day > day))
            INTO since, until
            FROM public.session_partitions() AS known;
            made_name := 'sessions_' || to_char(since, 'YYYYMMDD');
            EXECUTE format(
                'CREATE TABLE public.%I PARTITION OF public.sessions FOR VALUES FROM (%L) TO (%L) WITH (fillfactor = 85,'
                || ' autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)',
                made_name,
                public.uuid_at(since::timestamp AT TIME ZONE 'UTC'),
                public.uuid_at(until::timestamp AT TIME ZONE 'UTC')
            );
            EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', made_name);
            EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', made_name);
            EXECUTE format('CREATE POLICY measure ON public.%I FOR SELECT TO breezeway_owner USING (true)', made_name);
            made := made + 1;
        END IF;
        day := until;
    END LOOP;
    RETURN made;
END
$$;
DO $$
DECLARE
    known text;
BEGIN
    FOR known IN SELECT partition FROM session_partitions() LOOP
        EXECUTE format('CREATE POLICY measure ON public.%I FOR SELECT TO breezeway_owner USING (true)', known);
    END LOOP;
END
$$;

-- Measures the oldest partition that is over and was not measured; answers it, or null when there is none. Reads the
-- partition once and holds no lock that anybody waits for.
CREATE FUNCTION measure_session_partition() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    found text;
    over timestamptz;
    last_end timestamptz;
BEGIN
    SELECT known.partition, known.end_day::timestamp AT TIME ZONE 'UTC' INTO found, over
    FROM public.session_partitions() AS known
    -- A clock may be behind: a partition is over a day later.
    WHERE known.end_day < (now() AT TIME ZONE 'UTC')::date
        AND NOT EXISTS (SELECT 1 FROM session_partition_ends AS measured WHERE measured.partition = known.partition)
    ORDER BY known.first_day
    LIMIT 1;
    IF found IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT max(expires_at) FROM public.%I', found) INTO last_end;
    INSERT INTO session_partition_ends (partition, ends_at)
    VALUES (found, coalesce(last_end, over))
    ON CONFLICT (partition) DO NOTHING;
    RETURN found;
END
$$;

-- Drops the partition whose sessions have all ended an hour ago, the first to end first; answers it, or null when there
-- is none. Waits a tenth of a second for the table and then gives up (55P03): whoever wants a session would wait behind.
CREATE FUNCTION drop_session_partition() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public SET lock_timeout = '100ms' AS $$
DECLARE
    gone text;
BEGIN
    SELECT partition INTO gone
    FROM session_partition_ends
    WHERE ends_at < now() - interval '1 hour'
    ORDER BY ends_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED;
    IF gone IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS public.%I', gone);
    DELETE FROM session_partition_ends WHERE partition = gone;
    RETURN gone;
END
$$;

-- What is past its time may be seen and removed by the owner, over all workspaces.
CREATE POLICY retention ON changes TO breezeway_owner USING (at < now() - interval '48 hours');
CREATE POLICY retention ON rate_windows TO breezeway_owner USING (window_start < now() - interval '1 hour');
CREATE POLICY retention ON audit_log TO breezeway_owner USING (at < now() - interval '30 days');
-- Serves the removal of old changes.
CREATE INDEX changes_at ON changes (at);
-- Serves the removal of old entries.
CREATE INDEX audit_log_at ON audit_log (at);

-- Removes at most `batch` rows that are past their time from one table; answers how many. Changes are kept for two
-- days, which every reader's cursor is younger than; the audit log for `audit_days`, at least thirty.
CREATE FUNCTION prune(what text, audit_days integer, batch integer) RETURNS integer
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
            DELETE FROM audit_log
            WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM audit_log
                WHERE at < now() - make_interval(days => greatest(audit_days, 30)) ORDER BY at LIMIT batch
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

-- Ends sessions of this database that keep the queue of notifications from being emptied: listeners that take nothing
-- from us, and transactions that do nothing, for longer than `patience`, when the queue is fuller than `usage`.
CREATE FUNCTION end_stuck_listeners(patience interval, usage double precision) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT count(pg_terminate_backend(pid))::integer
    FROM pg_stat_activity
    WHERE datname = current_database()
        AND pid <> pg_backend_pid()
        AND pg_notification_queue_usage() > usage
        AND state_change < now() - greatest(patience, interval '1 second')
        AND (state = 'idle' AND wait_event = 'ClientWrite' OR state LIKE 'idle in transaction%')
$$;

GRANT SELECT ON session_partition_ends TO key_rotator;
GRANT EXECUTE ON FUNCTION measure_session_partition(), drop_session_partition(), prune(text, integer, integer),
    end_stuck_listeners(interval, double precision) TO key_rotator;

-- Seeing and ending other roles' sessions takes two rights that only a superuser gives. Without them the worker says
-- that it ended nobody.
RESET ROLE;
DO $$
BEGIN
    IF NOT pg_has_role('breezeway_owner', 'pg_signal_backend', 'member')
        OR NOT pg_has_role('breezeway_owner', 'pg_read_all_stats', 'member')
    THEN
        GRANT pg_signal_backend, pg_read_all_stats TO breezeway_owner;
    END IF;
EXCEPTION
    -- Another database of the cluster may be giving them at this moment.
    WHEN insufficient_privilege OR unique_violation OR internal_error THEN
        NULL;
END
$$;
