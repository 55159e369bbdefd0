"""The database goes away and comes back: 503 meanwhile, service by itself afterwards (FT-3, FT-4, LN-8, LN-12)."""

import socket
import threading

import pytest

from harness.appapi import AppAPI
from harness.load import Load
from harness.tokens import claims_of
from harness.waiting import Stopwatch, holds_throughout, until
from harness.world import Installation

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def installation(durable_cluster):
    made = Installation(durable_cluster)
    try:
        yield made
    finally:
        durable_cluster.start()
        made.close()


def routes(workspace, person, session):
    """Everything that needs the database, as a call of a client."""
    beta = f"/v1/auth/{workspace.apps['beta'].client_id}"
    source = session["source"]
    origin = {"Origin": workspace.apps["acme"].origin, "Cookie": person.cookie}
    return {
        "exchange": lambda c: c.post(
            workspace.sessions_path, headers=workspace.exchange_headers(source), json={"app_id": "beta"}
        ),
        "refresh": lambda c: c.post(f"{beta}/tokens/refresh", headers={"X-Refresh-Token": session["refresh"]}),
        "current user": lambda c: c.get(f"{beta}/current_user", headers={"X-Authorization": session["access"]}),
        "sign out": lambda c: c.delete(f"{beta}/current_user", headers={"X-Authorization": session["access"]}),
        "sessions": lambda c: c.get(f"{beta}/sessions", headers={"X-Authorization": session["access"]}),
        "verify": lambda c: c.post(f"{beta}/tokens/access/verify", headers={"X-Authorization": session["access"]}),
        "get-session": lambda c: c.get(workspace.routes + "/get-session", headers=origin),
        "token": lambda c: c.get(workspace.routes + "/token", headers=origin),
        "sign-in": lambda c: c.post(
            workspace.routes + "/sign-in/email",
            headers=origin,
            json={"email": person.email, "password": person.password},
        ),
        "sign-up": lambda c: c.post(
            workspace.routes + "/sign-up/email",
            headers=origin,
            json={"email": "while.away@example.com", "password": person.password, "name": "A"},
        ),
    }


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_while_the_database_is_away_every_answer_is_503_in_time_and_service_returns_by_itself(
    installation, durable_cluster, exchange, workspace, mode
):
    person = workspace.sign_up()
    source = person.token()
    session = {**workspace.exchange(source).json, "source": source}
    durable_cluster.stop(mode)
    try:
        for name, call in routes(workspace, person, session).items():
            client = exchange.client()
            answer = call(client)
            client.close()
            assert answer.status == 503, (name, answer)
            assert answer.seconds < 2, (name, answer.seconds)
            assert int(answer.header("Retry-After")) >= 1, name
            text = answer.text.lower()
            assert "sql" not in text and "postgres" not in text and str(durable_cluster.port) not in text, answer
        assert exchange.probe("/healthz").status == 200
        assert exchange.probe("/metrics").status == 200
        ready = until(lambda: (answer := exchange.probe("/readyz")).status == 503 and answer, 7)
        assert "database" in ready.text
        # Long enough for the view to be too old as well.
        holds_throughout(lambda: routes(workspace, person, session)["exchange"](exchange).status == 503, 1.5, every=0.1)
    finally:
        durable_cluster.start()
    watch = Stopwatch()
    call = routes(workspace, person, session)["exchange"]
    until(lambda: call(exchange).status == 200, 10, what="exchanges succeed again")
    assert watch.seconds < 2.5, watch.seconds
    until(lambda: exchange.is_ready, 5)
    # Nothing was changed by what was refused.
    beta = AppAPI(exchange, workspace.apps["beta"].client_id)
    assert beta.current_user(session["access"]).status == 200
    assert beta.refresh(session["refresh"]).status == 200
    assert workspace.database.value("SELECT count(*) FROM users WHERE email = 'while.away@example.com'") == 0
    assert beta.sign_out(session["access"]).status in (200, 204)


def test_a_restart_under_load_gives_200_or_503_and_nothing_else(installation, durable_cluster, exchange, workspace):
    person = workspace.sign_up()
    token = person.token()

    def call(client):
        return client.post(workspace.sessions_path, headers=workspace.exchange_headers(token), json={"app_id": "beta"})

    with Load(lambda _: exchange.client(), call, threads=6) as load:
        for mode in ("fast", "immediate", "fast"):
            load.succeeds(40, within=20)
            durable_cluster.stop(mode)
            durable_cluster.start()
            watch = Stopwatch()
            load.succeeds(10, within=10)
            assert watch.seconds < 4, watch.seconds
    outcomes = load.outcomes
    assert {outcome.status for outcome in outcomes} <= {200, 503}, [o for o in outcomes if o.status not in (200, 503)][
        :5
    ]
    assert max(outcome.seconds for outcome in outcomes) < 4
    stored = {
        str(row[0])
        for row in workspace.database.rows(
            "SELECT id FROM sessions WHERE workspace_id = %s AND app_id = 'beta'", workspace.uuid
        )
    }
    acknowledged = {claims_of(outcome.answer.json["access"])["sid"] for outcome in load.succeeded()}
    assert acknowledged <= stored


def test_backends_terminated_under_load_fail_only_what_was_on_them(installation, exchange, workspace):
    person = workspace.sign_up()
    token = person.token()
    stop, ended = threading.Event(), [0]

    def call(client):
        return client.post(workspace.sessions_path, headers=workspace.exchange_headers(token), json={"app_id": "beta"})

    def terminate():
        with installation.database.connect() as connection:
            while not stop.wait(0.05):
                ended[0] += connection.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE usename = 'token_exchange'"
                    " AND datname = current_database() ORDER BY random() LIMIT 1) chosen"
                ).fetchone()[0]

    before = workspace.count("sessions")
    thread = threading.Thread(target=terminate, daemon=True)
    with Load(lambda _: exchange.client(), call, threads=4) as load:
        thread.start()
        until(lambda: ended[0] >= 40 and load.count > 200, 40, what="forty backends were ended")
        stop.set()
        thread.join(10)
        load.succeeds(40, within=10)
    outcomes = load.outcomes
    assert {outcome.status for outcome in outcomes} <= {200, 503}
    succeeded = len(load.succeeded())
    assert succeeded > len(outcomes) / 2
    acknowledged = {claims_of(outcome.answer.json["access"])["sid"] for outcome in load.succeeded()}
    assert len(acknowledged) == succeeded
    written = workspace.count("sessions") - before
    # An outcome that nobody knows may have been written; nothing was written twice for one request.
    assert succeeded <= written <= len(outcomes)
    until(lambda: exchange.is_ready, 5)


def test_a_start_without_the_database_waits_and_serves_as_soon_as_it_is_there(installation, durable_cluster, workspace):
    person = workspace.sign_up()
    token = person.token()
    durable_cluster.stop("fast")
    try:
        service = installation.start_exchange(ready=False, SHUTDOWN_DRAIN="0s")
        until(
            lambda: (answer := service.probe("/healthz")) and answer.status == 200,
            10,
            what="it is alive without a database",
        )
        ready = service.probe("/readyz")
        assert ready.status == 503 and "database" in ready.text
        assert workspace.exchange(token, service=service).status in (401, 503)
    finally:
        durable_cluster.start()
    watch = Stopwatch()
    until(lambda: workspace.exchange(token, service=service).status == 200, 10)
    assert watch.seconds < 3
    assert service.stop() == 0


def test_a_database_that_is_away_is_not_asked_in_a_storm(installation, durable_cluster, exchange, workspace):
    """Under load and without a server, attempts to connect stay few (FT-36, LN-14)."""
    until(lambda: exchange.is_ready, 10)
    token = workspace.sign_up().token()
    durable_cluster.stop("fast")
    attempts, stop = [0], threading.Event()
    with socket.create_server(("127.0.0.1", durable_cluster.port), backlog=256) as listener:
        listener.settimeout(0.1)

        def refuse():
            while not stop.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                attempts[0] += 1
                connection.close()

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        try:
            watch = Stopwatch()
            with Load(
                lambda _: exchange.client(),
                lambda c: c.post(
                    workspace.sessions_path, headers=workspace.exchange_headers(token), json={"app_id": "beta"}
                ),
                threads=4,
                pause=0.005,
            ) as load:
                until(lambda: watch.seconds > 4, 6)
        finally:
            stop.set()
            thread.join(5)
    durable_cluster.start()
    assert {outcome.status for outcome in load.outcomes} == {503}
    assert attempts[0] < 40 * watch.seconds, attempts
    until(lambda: workspace.exchange(token).status == 200, 10)
