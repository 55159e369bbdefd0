"""Nothing acknowledged is lost: the server is killed under load, and every 200 is found afterwards (I6, FT-15)."""

import os
import pathlib
import shutil
import signal
import statistics
import subprocess

import psycopg
import pytest

from harness.appapi import AppAPI
from harness.load import Load
from harness.tokens import claims_of
from harness.waiting import Stopwatch, until
from harness.world import Installation

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def installation(durable_cluster):
    made = Installation(durable_cluster)
    assert made.database.value("SHOW fsync") == "on" and made.database.value("SHOW synchronous_commit") == "on"
    try:
        yield made
    finally:
        durable_cluster.start()
        made.close()


def exchanging(workspace, token):
    def call(client):
        return client.post(workspace.sessions_path, headers=workspace.exchange_headers(token), json={"app_id": "beta"})

    return call


def kill_backend(cluster, database):
    """SIGKILL to a backend: the server ends all others, which is waited for, and recovers by itself."""
    with cluster.connect(database.name) as witness:
        pid = database.value(
            "SELECT pid FROM pg_stat_activity WHERE usename = 'token_exchange' AND datname = current_database() LIMIT 1"
        )
        os.kill(pid, signal.SIGKILL)
        until(lambda: is_cut_off(witness), 20, what="the server ends all its sessions")


def is_cut_off(connection):
    try:
        connection.execute("SELECT")
    except psycopg.OperationalError:
        return True
    return False


@pytest.mark.parametrize("way", ["the postmaster is killed", "a backend is killed", "it is stopped at once"])
def test_every_session_a_client_was_told_of_is_there_afterwards(
    installation, durable_cluster, exchange, workspace, way
):
    token = workspace.sign_up().token()
    with Load(lambda _: exchange.client(), exchanging(workspace, token), threads=8) as load:
        for _ in range(2):
            load.succeeds(150, within=30)
            if way == "the postmaster is killed":
                durable_cluster.kill()
                durable_cluster.start()
            elif way == "a backend is killed":
                kill_backend(durable_cluster, installation.database)
            else:
                durable_cluster.stop("immediate")
                durable_cluster.start()
            load.succeeds(20, within=20)
    outcomes = load.outcomes
    strange = [outcome for outcome in outcomes if outcome.status not in (200, 503)]
    assert not strange, strange[:5]
    acknowledged = [claims_of(outcome.answer.json["access"])["sid"] for outcome in load.succeeded()]
    assert len(set(acknowledged)) == len(acknowledged) > 300
    stored = {
        str(row[0])
        for row in workspace.database.rows("SELECT id FROM sessions WHERE workspace_id = %s", workspace.uuid)
    }
    lost = [each for each in acknowledged if each not in stored]
    assert not lost, f"{len(lost)} of {len(acknowledged)} sessions were acknowledged and lost"


def test_every_refresh_and_sign_out_a_client_was_told_of_holds_afterwards(
    installation, durable_cluster, exchange, workspace
):
    person = workspace.sign_up()
    beta = AppAPI(exchange, workspace.apps["beta"].client_id)
    pairs = {n: person.exchanged() for n in range(4)}
    ended = []

    def call(client):
        number = client.number
        pair = pairs[number]
        answer = beta.refresh(pair["refresh"], client=client)
        if answer.status == 200:
            pairs[number] = answer.json
            told[number] = claims_of(answer.json["refresh"])["gen"]
        return answer

    def client_of(number):
        client = exchange.client()
        client.number = number
        return client

    told = {}
    doomed = [person.exchanged() for _ in range(30)]
    with Load(client_of, call, threads=4) as load:
        load.succeeds(40, within=30)
        for session in doomed[:15]:
            if beta.sign_out(session["access"]).status in (200, 204):
                ended.append(session)
        durable_cluster.kill()
        durable_cluster.start()
        load.succeeds(20, within=20)
    assert {outcome.status for outcome in load.outcomes} <= {200, 503}, load.outcomes[-5:]
    for number, generation in told.items():
        row = workspace.session(claims_of(pairs[number]["access"])["sid"])
        assert row["generation"] >= generation and row["revoked_at"] is None
    assert ended
    for session in ended:
        assert beta.current_user(session["access"]).status == 401


def rate_of(service, call, threads, seconds):
    """Successful calls a second, and all outcomes."""
    with Load(lambda _: service.client(), call, threads=threads) as load:
        watch = Stopwatch()
        until(lambda: watch.seconds > seconds, seconds + 3)
    return len(load.succeeded()) / seconds, load.outcomes


def test_a_disk_that_takes_its_time_slows_and_fails_nothing(installation, durable_cluster, exchange, workspace):
    """FT-15: 20 ms for every flush, put into the running server with strace."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    token = workspace.sign_up().token()
    # A flush of its own, so that nothing but flushes is slowed.
    for statement in ("ALTER SYSTEM SET wal_sync_method = fdatasync", "SELECT pg_reload_conf()"):
        installation.database.execute(statement)
    until(lambda: installation.database.value("SHOW wal_sync_method") == "fdatasync", 5)
    tracer = subprocess.Popen(
        [
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-p",
            str(durable_cluster.postmaster),
            "-e",
            "trace=fdatasync",
            "-e",
            "inject=fdatasync:delay_enter=20000",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        status = pathlib.Path(f"/proc/{durable_cluster.postmaster}/status")
        until(lambda: "TracerPid:\t0\n" not in status.read_text(encoding="utf-8") or tracer.poll() is not None, 5)
        if tracer.poll() is not None:
            pytest.skip(f"strace may not attach: {tracer.stdout.read().decode()[:200]}")
        # Backends that ran before are traced only when they are new: the pool is made to start over.
        installation.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'token_exchange'"
        )
        until(lambda: workspace.exchange(token).status == 200, 10)
        slow = until(lambda: [a for a in [workspace.exchange(token)] if a.seconds > 0.018], 5, what="a flush is slow")
        assert slow
        alone, _ = rate_of(exchange, exchanging(workspace, token), threads=1, seconds=2)
        together, outcomes = rate_of(exchange, exchanging(workspace, token), threads=8, seconds=4)
    finally:
        tracer.terminate()
        tracer.wait(10)
    assert {outcome.status for outcome in outcomes} <= {200, 503}
    # Nothing serialises the commits: eight at once share their flushes.
    assert together > 1.5 * alone, (together, alone)
    assert statistics.quantiles([outcome.seconds for outcome in outcomes], n=100)[98] < 2
    assert workspace.exchange(token).status == 200
