"""Processes that are stopped and killed under load: what was accepted is answered, peers never notice (FT-2, FT-22)."""

import signal
import socket
import threading

import pytest

from harness.load import Load
from harness.raw import read_answers, request_bytes
from harness.tokens import claims_of
from harness.waiting import Stopwatch, until

pytestmark = pytest.mark.fault


class Balanced:
    """A client as a load balancer makes it: kept connections, each to a node that says it is ready."""

    def __init__(self, nodes):
        self._nodes = nodes
        self._clients = {}

    def post(self, path, **options):
        node = next(node for node in self._nodes if node.accepting)
        client = self._clients.setdefault(node.name, node.service.client())
        return client.post(path, **options)


class Node:
    """A node, and what the balancer's health check last said of it."""

    def __init__(self, name, service):
        self.name = name
        self.service = service
        self.accepting = True

    def watch(self, stop):
        while not stop.wait(0.02):
            if self.accepting and not self.service.is_ready:
                self.accepting = False


@pytest.fixture
def call(workspace, person):
    token = person.token()

    def post(client):
        return client.post(workspace.sessions_path, headers=workspace.exchange_headers(token), json={"app_id": "beta"})

    return post


def test_sigterm_under_load_fails_no_request(installation, exchange, workspace, call):
    """FT-22: exchanges, never repeated, over kept connections, through health checks: not one fails, exit 0."""
    service = installation.start_exchange(SHUTDOWN_DRAIN="1s")
    node, peer, stop = Node("leaving", service), Node("staying", exchange), threading.Event()
    checker = threading.Thread(target=node.watch, args=(stop,), daemon=True)
    checker.start()
    before = workspace.count("sessions")
    with Load(lambda _: Balanced([node, peer]), call, threads=6) as load:
        until(lambda: load.count > 150, 20)
        watch = Stopwatch()
        service.signal(signal.SIGTERM)
        until(lambda: not node.accepting, 1, every=0.005, what="readiness says 503 at once")
        assert service.wait(15) == 0
        assert watch.seconds < 11
        done = load.count
        until(lambda: load.count > done + 50, 10)
    stop.set()
    checker.join(5)
    failed = [outcome for outcome in load.outcomes if outcome.status != 200]
    assert not failed, (len(failed), load.count, failed[:3])
    assert workspace.count("sessions") == before + load.count


def test_while_it_drains_it_serves_says_so_and_closes_politely(installation, call):
    service = installation.start_exchange(SHUTDOWN_DRAIN="2s")
    client = service.client()
    assert call(client).header("Connection") in (None, "keep-alive")
    service.signal(signal.SIGTERM)
    ready = until(lambda: (answer := service.probe("/readyz")) and answer.status == 503 and answer, 1)
    assert "drain" in ready.text
    answer = call(client)
    assert answer.status == 200 and answer.header("Connection") == "close"
    answer = call(service.client())
    assert answer.status == 200 and answer.header("Connection") == "close"
    assert service.probe("/healthz").status == 200
    assert service.wait(12) == 0


def test_a_request_that_is_half_sent_when_it_is_told_to_stop_is_finished(installation, workspace, person):
    service = installation.start_exchange(SHUTDOWN_DRAIN="0s")
    fields = [
        *workspace.exchange_headers(person.token()),
        ("Content-Type", "application/json"),
        ("Content-Length", "18"),
    ]
    head = request_bytes("POST", workspace.sessions_path, fields, None)
    with socket.create_connection((service.host, service.port), timeout=15) as connection:
        connection.sendall(head + b'{"app_id": ')
        until(lambda: service.probe("/healthz") is not None, 5)
        service.signal(signal.SIGTERM)
        until(lambda: service.probe("/healthz") is None, 5, what="it accepts no more")
        assert service.is_running
        connection.sendall(b'"beta"}')
        answer = read_answers(connection, 1)[0]
    assert answer.status == 200 and answer.closed, answer
    assert workspace.session(claims_of(answer.json["access"])["sid"]) is not None
    assert service.wait(12) == 0


def test_idle_connections_do_not_hold_up_the_end(installation):
    service = installation.start_exchange(SHUTDOWN_DRAIN="0s")
    idle = [socket.create_connection((service.host, service.port), timeout=5) for _ in range(50)]
    watch = Stopwatch()
    assert service.stop(15) == 0
    assert watch.seconds < 5
    for connection in idle:
        connection.close()


def test_a_client_that_never_finishes_holds_up_the_end_no_longer_than_the_limit(installation, workspace):
    service = installation.start_exchange(SHUTDOWN_DRAIN="0s", SHUTDOWN_TIMEOUT="2s")
    with socket.create_connection((service.host, service.port), timeout=5) as connection:
        connection.sendall(request_bytes("POST", workspace.sessions_path, [("Content-Length", "18")], None))
        until(lambda: service.probe("/healthz") is not None, 5)
        watch = Stopwatch()
        assert service.stop(15) == 0
        assert watch.seconds < 5


def test_a_second_signal_ends_the_drain(installation):
    service = installation.start_exchange(SHUTDOWN_DRAIN="8s", SHUTDOWN_TIMEOUT="20s")
    service.signal(signal.SIGTERM)
    until(lambda: (answer := service.probe("/readyz")) and answer.status == 503, 2)
    watch = Stopwatch()
    service.signal(signal.SIGTERM)
    service.wait(15)
    assert watch.seconds < 7


def test_killed_again_and_again_under_load_only_what_was_in_flight_fails(installation, exchange, workspace, call):
    """FT-2: the peer answers every request; the killed node comes back by itself, ready within three seconds."""
    service = installation.start_exchange(SHUTDOWN_DRAIN="0s")
    acknowledged = []
    with (
        Load(lambda _: exchange.client(), call, threads=3) as calm,
        Load(lambda _: service.client(), call, threads=3) as hit,
    ):
        for _ in range(6):
            hit.succeeds(15, within=20)
            service.kill()
            watch = Stopwatch()
            service.start()
            assert watch.seconds < 3, watch.seconds
        done = calm.count
        until(lambda: calm.count > done + 20, 10)
    assert {outcome.status for outcome in calm.outcomes} == {200}, [o for o in calm.outcomes if o.status != 200][:3]
    assert {outcome.status for outcome in hit.outcomes} <= {200, None, 503}
    # A request that failed was in flight or met a closed door: as many as there were connections, each time.
    broken = [o for o in hit.outcomes if o.status is None and not isinstance(o.error, ConnectionRefusedError)]
    assert len(broken) <= 6 * 3 * 2, len(broken)
    for load in (calm, hit):
        acknowledged += [claims_of(outcome.answer.json["access"])["sid"] for outcome in load.succeeded()]
    stored = {
        str(row[0])
        for row in workspace.database.rows("SELECT id FROM sessions WHERE workspace_id = %s", workspace.uuid)
    }
    assert set(acknowledged) <= stored and len(set(acknowledged)) == len(acknowledged)


def test_a_node_that_was_stopped_for_long_asks_before_it_decides(installation, workspace, person, call):
    """SIGSTOP for longer than the lease (FT-33): on waking, what was revoked meanwhile is never let through."""
    service = installation.start_exchange(SHUTDOWN_DRAIN="0s")
    key, token = workspace.new_key(), person.token()
    assert workspace.exchange(token, key=key, service=service).status == 200
    service.signal(signal.SIGSTOP)
    try:
        workspace.database.execute(
            "UPDATE api_keys SET revoked_at = now() WHERE secret_hash IS NOT NULL AND id = %s", key.split("_")[1]
        )
        watch = Stopwatch()
        until(lambda: watch.seconds > 5.5, 7)
    finally:
        service.signal(signal.SIGCONT)
    answer = workspace.exchange(token, key=key, service=service)
    assert answer.status in (401, 503), answer
    until(lambda: call(service.client()).status == 200, 5)
    assert workspace.exchange(token, key=key, service=service).status == 401
