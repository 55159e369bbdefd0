"""Several workers: one is held up in the middle of its work, and two have a thousand workspaces before them (FT-21)."""

import re
import signal
import threading
import uuid

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness.keystate import BROKEN, assert_sound, state_of
from harness.programs import run_program, start_program
from harness.tap import Tap
from harness.tokens import sealed
from harness.waiting import until

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]

# Workspaces that are due at once.
MANY = 1_000

IDLE = """
    SELECT count(*)
    FROM pg_stat_activity
    WHERE datname = current_database() AND usename = 'key_rotator' AND state = 'idle in transaction'
"""


@pytest.fixture
def due(installation):
    """A workspace whose standby signs since seventy seconds, so that another is wanted."""
    workspace = installation.workspace(algorithm="ES256", apps=False)
    workspace.let_the_standby_sign("70 seconds")
    return workspace


def run_once(installation):
    return run_program("key-rotator", "run-once", environment=installation.environment("key_rotator"))


class HeldUp:
    """A worker that is stopped at the first statement of a form: just before it is sent, or just after."""

    def __init__(self, installation, text, sent):
        self._text = text
        self._sent = sent
        self._stopped = threading.Event()
        self._going_on = threading.Event()
        cluster = installation.cluster
        self._tap = Tap(cluster.host, cluster.port, before=self._look)
        url = self._tap.url(installation.database, "key_rotator")
        with self._tap.lock:
            self._process = start_program(
                "key-rotator", "run-once", environment=installation.environment("key_rotator", DATABASE_URL=url)
            )

    def _look(self, step):
        if re.search(self._text, step.text) and not self._stopped.is_set():
            self._process.send_signal(signal.SIGSTOP)
            self._stopped.set()
            # What it has written is in the line already; unsent is what does not leave the line.
            return self._sent or self._going_on.wait(60)
        return True

    def __enter__(self):
        assert self._stopped.wait(30), self._tap.steps
        return self

    def __exit__(self, *_):
        self._going_on.set()
        self._process.kill()
        self._process.communicate()
        self._tap.close()

    def go_on(self):
        """Wakes it. It does its work or says in a line that it could not; answers which."""
        self._process.send_signal(signal.SIGCONT)
        self._going_on.set()
        output, errors = self._process.communicate(timeout=30)
        assert self._process.returncode in (0, 1), (self._process.returncode, errors)
        assert self._process.returncode == 0 or errors.startswith("Error: failed: "), errors
        return self._process.returncode, output


def the_claim_runs_out(workspace):
    workspace.database.execute(
        "UPDATE key_schedule SET claimed_until = now() WHERE workspace_id = %s AND claimed_until IS NOT NULL",
        workspace.uuid,
    )


def made(workspace):
    return len(workspace.audit("signing_key.create"))


def test_held_up_inside_its_transaction_it_loses_it_and_says_so(installation, due):
    """It has the workspace's lock: others pass by, until the server ends a transaction that does nothing."""
    before = made(due)
    with HeldUp(installation, "ORDER BY activates_at, kid FOR UPDATE", sent=True) as worker:
        other = run_once(installation)
        assert (other.returncode, other.stdout) == (0, "0 workspaces served\n"), other
        assert installation.database.value(IDLE) == 1
        until(lambda: installation.database.value(IDLE) == 0, 15, what="the server ends it")
        the_claim_runs_out(due)
        other = run_once(installation)
        assert (other.returncode, other.stdout) == (0, "1 workspaces served\n"), other
        state = state_of(installation.database, due)
        assert worker.go_on() == (1, "")
    assert state_of(installation.database, due) == state
    assert made(due) == before + 1
    assert_sound(installation.database, due, installation.master_key)


@pytest.mark.parametrize(
    "text", ["^SELECT slug, rotation_interval", "^BEGIN"], ids=["before it has made a key", "with a key in its hands"]
)
def test_held_up_before_its_transaction_it_finds_the_work_done(installation, due, text):
    before = made(due)
    with HeldUp(installation, text, sent=False) as worker:
        the_claim_runs_out(due)
        other = run_once(installation)
        assert (other.returncode, other.stdout) == (0, "1 workspaces served\n"), other
        state = state_of(installation.database, due)
        # Its own deadlines may have passed meanwhile.
        assert worker.go_on() in ((0, "0 workspaces served\n"), (1, ""))
    assert state_of(installation.database, due) == state
    assert made(due) == before + 1
    assert_sound(installation.database, due, installation.master_key)


def test_held_up_after_its_commit_it_was_the_one(installation, due):
    before = made(due)
    with HeldUp(installation, "^COMMIT$", sent=True) as worker:
        until(lambda: made(due) == before + 1, 10, what="the commit is carried out")
        state = state_of(installation.database, due)
        other = run_once(installation)
        assert (other.returncode, other.stdout) == (0, "0 workspaces served\n"), other
        # Whether it still waited for the answer or not, nothing is done twice.
        assert worker.go_on() in ((0, "1 workspaces served\n"), (1, ""))
    assert state_of(installation.database, due) == state
    assert made(due) == before + 1


def crowd_of(installation, count):
    """So many workspaces that are due, as `due` is: rows that are right by construction, triggers off."""
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    turn = "interval '70 seconds'"
    turns = [(90, "interval '90 days'", turn, "'first'"), (2, turn, "NULL::interval", "NULL")]
    database, ids = installation.database, [uuid.uuid4() for _ in range(count)]
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.executemany(
            "INSERT INTO workspaces (id, slug, name, issuer, signing_algorithm)"
            " VALUES (%s, 'crowd-' || %s::text, 'Crowd', 'http://127.0.0.1:8080/w/' || %s::text, 'ES256')",
            [(id_, id_.hex, id_.hex) for id_ in ids],
        )
        cursor.execute("INSERT INTO workspace_epochs (workspace_id, epoch) SELECT unnest(%s), 1", (ids,))
        cursor.execute("INSERT INTO key_schedule (workspace_id) SELECT unnest(%s)", (ids,))
        cursor.execute(
            "INSERT INTO workspace_secrets (workspace_id, purpose, id, sealed) SELECT unnest(%s), 'browser', 'b', ''",
            (ids,),
        )
        for days, begins, ends, haste in turns:
            rows = []
            for id_ in ids:
                kid = f"{uuid.uuid4()}_1700000000"
                half = sealed(kid, "ES256", private, "ws_" + id_.hex, installation.master_key)
                rows.append((id_, kid, public, half))
            cursor.executemany(
                "INSERT INTO signing_keys (workspace_id, kid, algorithm, public_key, sealed_private_key, published_at,"
                " activates_at, retires_at, expires_at, haste)"
                f" VALUES (%s, %s, 'ES256', %s, %s, now() - interval '{days} days', now() - {begins},"
                f" now() - {ends}, now() - {ends} + key_margin(), {haste})",
                rows,
            )
    return ids


def test_two_workers_rotate_each_of_a_thousand_due_workspaces_once(installation):
    database = installation.database
    crowd = crowd_of(installation, MANY)
    workers = [
        start_program("key-rotator", "run-once", environment=installation.environment("key_rotator")) for _ in range(2)
    ]
    said = [worker.communicate(timeout=200) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    served = [int(output.split()[0]) for output, _ in said]
    assert sum(served) == MANY and min(served) > MANY // 10, served
    # Each has every step once: a key made, an end for the one that signs, a private half erased.
    steps = database.rows(
        "SELECT workspace_id, array_agg(action ORDER BY sequence) FROM audit_log"
        " WHERE workspace_id = ANY (%s) GROUP BY workspace_id",
        crowd,
    )
    wanted = ["signing_key.create", "signing_key.retire", "signing_key.erase"]
    assert len(steps) == MANY
    assert [row for row in steps if row[1] != wanted] == []
    assert database.value("SELECT count(*) FROM signing_keys WHERE workspace_id = ANY (%s)", crowd) == 3 * MANY
    assert database.value("SELECT count(*) FROM key_schedule WHERE next_at <= now() OR claimed_until IS NOT NULL") == 0
    assert database.rows(BROKEN, True, True) == []
