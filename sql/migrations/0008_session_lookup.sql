SET LOCAL ROLE breezeway_owner;

-- A session is looked up by its id. As long as a partition is small the planner finds this index just as cheap, and
-- keeps that plan while a user gathers thousands of sessions. The condition holds for every row; it keeps the index
-- away from statements that do not compare `user_id`, and open to those that do.
DROP INDEX sessions_user_id;
CREATE INDEX sessions_user_id ON sessions (workspace_id, user_id, app_id) WHERE user_id IS NOT NULL;

-- Partitions become weeks: a plan made once names every partition there is, and starting it costs something for each.

-- The day (UTC) a UUIDv7 was made on.
CREATE FUNCTION uuid_day(id uuid) RETURNS date LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT (to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000) AT TIME ZONE 'UTC')::date
$$;

-- The partitions and the days they hold: from `first_day` until before `end_day`.
CREATE FUNCTION session_partitions() RETURNS TABLE (partition text, first_day date, end_day date)
LANGUAGE sql STABLE SET search_path = pg_catalog, public AS $$
    SELECT relname::text, public.uuid_day(bounds[1]::uuid), public.uuid_day(bounds[2]::uuid)
    FROM pg_inherits
    JOIN pg_class ON pg_class.oid = inhrelid
    CROSS JOIN LATERAL regexp_match(pg_get_expr(relpartbound, inhrelid), '''([0-9a-f-]{36})''.+''([0-9a-f-]{36})''')
        AS bounds
    WHERE inhparent = 'public.sessions'::regclass
$$;

-- Makes the partitions that the given days need and that are missing; answers how many it made. Each is a week
-- (Monday to Sunday), or what is left of it between its neighbours. Definer's rights: a service may need a partition
-- but may not create tables. Bounded, so that no caller can fill the catalog.
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
            made := made + 1;
        END IF;
        day := until;
    END LOOP;
    RETURN made;
END
$$;

GRANT EXECUTE ON FUNCTION uuid_day(uuid), session_partitions() TO token_exchange, sso_admin, key_rotator;
