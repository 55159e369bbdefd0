"""What changing keys and dropping old sessions costs, and what it costs those who exchange meanwhile."""

import ctypes
import ctypes.util
import os
import subprocess
import time

import load
import population
from rig import Failure, say

# Workspaces without a key. Triggers are off: the rows are right by construction.
CROWD = """
BEGIN;
SET LOCAL session_replication_role = replica;
CREATE TEMPORARY TABLE crowd ON COMMIT DROP AS
    SELECT gen_random_uuid() AS id, '{name}-' || number AS slug FROM generate_series(1, {count}) AS number;
INSERT INTO workspaces (id, slug, name, issuer, signing_algorithm)
    SELECT id, slug, 'Crowd', 'http://127.0.0.1:8080/w/' || slug, 'ES256' FROM crowd;
INSERT INTO workspace_epochs (workspace_id, epoch) SELECT id, 1 FROM crowd;
INSERT INTO key_schedule (workspace_id) SELECT id FROM crowd;
COMMIT;
"""

# Their first keys ended and their standbys sign; from now on they are to sign RS256, so each is due for one RSA key.
DUE = """
BEGIN;
SET LOCAL session_replication_role = replica;
CREATE TEMPORARY TABLE crowd ON COMMIT DROP AS SELECT id FROM workspaces WHERE slug LIKE '{name}-%';
UPDATE signing_keys
    SET published_at = now() - interval '90 days', activates_at = now() - interval '90 days',
        retires_at = now() - interval '1 hour', expires_at = now() + interval '30 days'
    FROM crowd WHERE workspace_id = id AND haste = 'first';
UPDATE signing_keys
    SET published_at = now() - interval '2 days', activates_at = now() - interval '1 hour'
    FROM crowd WHERE workspace_id = id AND haste IS NULL;
UPDATE workspaces SET signing_algorithm = 'RS256' FROM crowd WHERE workspaces.id = crowd.id;
UPDATE key_schedule SET next_at = {next_at} FROM crowd WHERE workspace_id = id;
COMMIT;
"""

MADE = """
SELECT count(*) FROM signing_keys JOIN workspaces ON workspaces.id = workspace_id
WHERE slug LIKE '{name}-%' AND algorithm = 'RS256'
"""

# Sessions of thirty days ago, all over since three weeks.
EXPIRED = f"""
SELECT ensure_session_partitions(current_date - 30, current_date - 30);
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO sessions (workspace_id, id, user_id, app_id, authenticated_at, amr, created_at, last_used_at, expires_at,
    idle_timeout)
    SELECT '{{pattern}}', {population.UUID_OF.format(moment="moment")}, gen_random_uuid(), 'source', moment,
        '{{{{pwd}}}}', moment, moment, moment + interval '7 days', 604800
    FROM (
        SELECT date_trunc('day', now(), 'UTC') - interval '30 days' + random() * interval '24 hours' AS moment
        FROM generate_series(1, {{count}})
    ) AS drawn;
COMMIT;
"""

# The partition that holds the oldest session, whatever it is called.
OLDEST = "SELECT tableoid::regclass FROM sessions WHERE created_at < now() - interval '25 days' LIMIT 1"


def uuid_of(workspace):
    return workspace.id.removeprefix("ws_")


def seconds_per_key(count):
    """Mean time in which one thread makes an RSA-2048 key with the library the worker uses, and nothing else."""
    crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
    crypto.EVP_PKEY_Q_keygen.restype = ctypes.c_void_p
    crypto.EVP_PKEY_free.argtypes = [ctypes.c_void_p]
    started = time.monotonic()
    for _ in range(count):
        key = crypto.EVP_PKEY_Q_keygen(None, None, b"RSA", ctypes.c_size_t(2048))
        if not key:
            raise Failure("libcrypto made no key")
        crypto.EVP_PKEY_free(key)
    return (time.monotonic() - started) / count


def run_worker(rig, database):
    """Runs `key-rotator run-once`; answers what it said, its seconds and its largest size in megabytes."""
    started = time.monotonic()
    with open(rig.folder / f"key-rotator.{database}.log", "w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [rig.binaries / "key-rotator", "run-once"],
            env=rig.environment(database), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        log.seek(0)
        said = log.read().strip()
    if process.returncode != 0:
        raise Failure(f"key-rotator run-once: {said}")
    return said, seconds, usage.ru_maxrss / 1024


def copy(rig, name):
    rig.sql(f"CREATE DATABASE {name} TEMPLATE breezeway", "postgres")
    return name


def crowd(rig, database, name, count, next_at):
    """So many workspaces, each due for one RSA key at a time of its own."""
    rig.sql(CROWD.format(name=name, count=count), database)
    run_worker(rig, database)
    rig.sql(DUE.format(name=name, next_at=next_at), database)
    rig.sql("VACUUM ANALYZE", database)


def measure_run_once(rig, report, count):
    say(f"{count:,} due workspaces")
    database = copy(rig, "due")
    crowd(rig, database, "due", count, "now()")
    sample = max(20, count // 2)
    pure = [seconds_per_key(sample)]
    said, seconds, megabytes = run_worker(rig, database)
    pure.append(seconds_per_key(sample))
    made = int(rig.sql(MADE.format(name="due"), database))
    if made != count:
        raise Failure(f"{made} of {count} due workspaces have a new key: {said}")
    cost = count * sum(pure) / 2
    report.note("libcrypto rsa2048 keys, before and after", " and ".join(f"{1000 * each:.1f} ms" for each in pure))
    report.bar(f"run-once, {count:,} due workspaces", f"{seconds:.1f} s = {seconds / cost:.2f} × making the keys",
               f"≤ {1.25 * cost:.1f} s (1.25 × {cost:.1f} s)", seconds <= 1.25 * cost)  # fmt: skip
    report.bar("resident memory of the worker, largest", f"{megabytes:.0f} MB", "≤ 80 MB", megabytes <= 80)


def measure_rate(rig, report, pattern, rounds, seconds):
    say("exchange while one workspace a second rotates")
    database = copy(rig, "rotating")
    # None is due until its turn is written.
    count = rounds * seconds
    crowd(rig, database, "turn", count, "'infinity'")
    service, worker = rig.serve(database=database), rig.start_worker(database=database)
    requests = load.exchanges(rig, pattern)
    requests.run(service.url, 1, warm_up=3)
    answered, errors = {"calm": 0, "rotating": 0}, 0
    for number in range(rounds):
        for kind in ("calm", "rotating") if number % 2 == 0 else ("rotating", "calm"):
            if kind == "rotating":
                schedule(rig, database, seconds)
            result = requests.run(service.url, seconds, warm_up=0)
            answered[kind] += result.requests
            errors += result.errors
    rotated = int(rig.sql(MADE.format(name="turn"), database))
    worker.stop()
    service.stop()
    if rotated < 0.9 * count:
        raise Failure(f"only {rotated} of {count} workspaces rotated")
    ratio = answered["rotating"] / answered["calm"]
    rates = {kind: count / (rounds * seconds) for kind, count in answered.items()}
    report.bar("exchange while one workspace a second rotates",
               f"{rates['rotating']:,.0f}/s = {ratio:.2f} × {rates['calm']:,.0f}/s, {errors} errors",
               "≥ 0.90 ×, 0 errors", ratio >= 0.9 and errors == 0)  # fmt: skip


def schedule(rig, database, count):
    """From now on one workspace more is due each second."""
    rig.sql(
        f"""
        UPDATE key_schedule
        SET next_at = now() + turns.number * interval '1 second'
        FROM (
            SELECT workspace_id, row_number() OVER () - 1 AS number
            FROM key_schedule
            WHERE next_at = 'infinity'
            LIMIT {count}
        ) AS turns
        WHERE key_schedule.workspace_id = turns.workspace_id
        """,
        database,
    )


def measure_drop(rig, report, pattern, sessions, seconds):
    say(f"dropping {sessions:,} expired sessions")
    database = copy(rig, "dropping")
    rig.sql(EXPIRED.format(pattern=uuid_of(pattern), count=sessions), database)
    rig.sql("VACUUM ANALYZE", database)
    rig.sql("CHECKPOINT", database)
    partition = rig.sql(OLDEST, database)
    service = rig.serve(database=database)
    requests = load.exchanges(rig, pattern)
    calm = [requests.run(service.url, seconds, warm_up=3)]
    command = [rig.binaries / "key-rotator", "run-once"]
    worker = subprocess.Popen(
        command, env=rig.environment(database), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    during = requests.run(service.url, seconds, warm_up=0)
    if worker.wait(timeout=120) != 0:
        raise Failure("key-rotator run-once failed while exchanges were made")
    calm.append(requests.run(service.url, seconds, warm_up=0))
    service.stop()
    if rig.sql(f"SELECT to_regclass('{partition}') IS NULL", database) != "t":
        raise Failure(f"{partition} was not dropped")
    p99 = sum(result.p99 for result in calm) / len(calm)
    report.bar(f"exchange p99 while {sessions:,} expired sessions are dropped",
               f"{during.p99:.1f} ms = {during.p99 / p99:.2f} × {p99:.1f} ms, {during.errors} errors",
               "≤ 2 ×, 0 errors", during.p99 <= 2 * p99 and during.errors == 0)  # fmt: skip


def measure(rig, report, pattern, scale):
    """All of it; `scale` 1 is the whole measure, less for a quick look."""
    measure_run_once(rig, report, max(20, int(1_000 * scale)))
    measure_rate(rig, report, pattern, rounds=4, seconds=max(3, int(8 * scale)))
    # As short as the worker takes, or the calm around it would hide it.
    measure_drop(rig, report, pattern, int(1_000_000 * scale), seconds=4)
