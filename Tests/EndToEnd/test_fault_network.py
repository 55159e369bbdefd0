"""The line to the database falls silent, holds answers back, or is cut: no hang, no 500, and it heals (FT-6, FT-17)."""

import pytest

from harness.load import Load, at_once
from harness.namespace import Namespace
from harness.proxy import Proxy
from harness.tokens import claims_of
from harness.waiting import Stopwatch, holds_throughout, until

pytestmark = pytest.mark.fault

# The view may be five seconds old; what is silent is noticed within nine.
LEASE = 5


@pytest.fixture
def proxy(cluster):
    made = Proxy(cluster.host, cluster.port)
    try:
        yield made
    finally:
        made.close()


def through(installation, proxy, **environment):
    """A node whose database is behind the proxy."""
    url = installation.database.url("token_exchange", host=proxy.host, port=proxy.port)
    return installation.start_exchange(DATABASE_URL=url, SHUTDOWN_DRAIN="0s", **environment)


@pytest.fixture
def call(workspace, person, exchange):
    """An exchange by a client, with a token that a healthy node gave out."""
    del exchange
    token = person.token()

    def post(client):
        return client.post(workspace.sessions_path, headers=workspace.exchange_headers(token), json={"app_id": "beta"})

    return post


def assert_partition_is_survived(service, call, partition, heal):
    """Silence: every answer is 503 in time, readiness says so within the lease; healed, all is well soon."""

    def fresh():
        client = service.client(timeout=10)
        try:
            return call(client)
        finally:
            client.close()

    assert fresh().status == 200
    partition()
    watch = Stopwatch()
    answers = [fresh() for _ in range(3)]
    assert {answer.status for answer in answers} == {503}, answers
    assert max(answer.seconds for answer in answers) < 2.5, [answer.seconds for answer in answers]
    assert all(int(answer.header("Retry-After")) >= 1 for answer in answers)
    ready = until(lambda: (answer := service.probe("/readyz")).status == 503 and answer, 9 - watch.seconds + 1)
    assert watch.seconds < 9
    assert service.probe("/healthz").status == 200
    reasons = [text for text in ready.json["checks"].values() if text != "ok"]
    assert reasons, ready
    # Past the lease nothing is decided any more, and that is said at once.
    until(lambda: watch.seconds > LEASE + 2, LEASE + 4)
    late = at_once(8, lambda _: fresh())
    assert {answer.status for answer in late} == {503}, late
    assert max(answer.seconds for answer in late) < 2.5, [answer.seconds for answer in late]
    heal()
    watch = Stopwatch()
    until(lambda: fresh().status == 200, 15, what="exchanges succeed again")
    assert watch.seconds < 6, watch.seconds
    until(lambda: service.is_ready, 5)
    holds_throughout(lambda: fresh().status == 200, 1)


@pytest.mark.timeout(180)
def test_a_line_that_falls_silent_behind_a_living_proxy(installation, proxy, call):
    """The kernel of the proxy acknowledges every packet, so no keepalive helps: only deadlines and pings notice."""
    service = through(installation, proxy)
    assert_partition_is_survived(service, call, proxy.fall_silent, proxy.heal)
    assert service.stop() == 0


@pytest.mark.timeout(180)
def test_a_line_on_which_every_packet_is_lost(installation, cluster, call):
    """A real partition: the link of a network namespace goes down, and nobody is told."""
    if reason := Namespace.unavailable():
        pytest.skip(reason)
    namespace = Namespace()
    proxy = None
    try:
        proxy = Proxy(cluster.host, cluster.port, listen_host=namespace.outside)
        service = through(installation, proxy, host=namespace.host, prefix=namespace.prefix, HTTP_HOST=namespace.host)
        assert_partition_is_survived(service, call, namespace.partition, namespace.heal)
        assert service.stop() == 0
    finally:
        if proxy is not None:
            proxy.close()
        namespace.remove()


def test_a_line_that_is_cut_again_and_again_under_load(installation, proxy, call):
    service = through(installation, proxy)
    with Load(lambda _: service.client(), call, threads=4) as load:
        for _ in range(10):
            load.succeeds(10, within=10)
            proxy.cut()
    assert {outcome.status for outcome in load.outcomes} <= {200, 503}
    assert max(outcome.seconds for outcome in load.outcomes) < 3
    assert service.stop() == 0


def test_a_pool_whose_every_connection_is_busy_answers_503_in_time(installation, workspace, call):
    """FT-17: two connections, both waiting for a lock; nobody hangs, and health has a connection of its own."""
    service = installation.start_exchange(DATABASE_POOL_SIZE="2", SHUTDOWN_DRAIN="0s")
    database = installation.database
    with database.connect() as blocker:
        blocker.execute("BEGIN")
        blocker.execute("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")

        def ask(_):
            client = service.client(timeout=15)
            try:
                return call(client)
            finally:
                client.close()

        answers = at_once(16, ask)
        assert {getattr(answer, "status", answer) for answer in answers} == {503}, answers
        seconds = sorted(answer.seconds for answer in answers)
        assert seconds[-1] < 2.5, seconds
        assert service.probe("/healthz").seconds < 1
        assert service.probe("/readyz") is not None and service.probe("/metrics").status == 200
        blocker.execute("ROLLBACK")
    watch = Stopwatch()
    until(lambda: ask(0).status == 200, 10)
    assert watch.seconds < 3
    until(lambda: service.is_ready, 5)
    assert service.stop() == 0
    assert workspace.count("sessions") > 0


def test_answers_that_are_held_back_fill_the_pool_and_nothing_else(installation, proxy, call):
    """FT-17 through the proxy: requests reach the server, answers do not come back."""
    service = through(installation, proxy, DATABASE_POOL_SIZE="2")
    assert call(service.client()).status == 200
    proxy.hold_answers()

    def ask(_):
        client = service.client(timeout=15)
        try:
            return call(client)
        finally:
            client.close()

    answers = at_once(12, ask)
    assert {getattr(answer, "status", answer) for answer in answers} == {503}, answers
    assert max(answer.seconds for answer in answers) < 2.5, sorted(answer.seconds for answer in answers)
    assert service.probe("/healthz").seconds < 1
    proxy.heal()
    until(lambda: ask(0).status == 200, 10)
    assert service.stop() == 0


def test_a_row_that_is_locked_for_long_is_503_and_only_for_whoever_needs_it(installation, exchange, workspace, call):
    person = workspace.sign_up()
    session = person.exchanged()
    path = f"/v1/auth/{workspace.apps['beta'].client_id}/tokens/refresh"
    with installation.database.connect() as blocker:
        blocker.execute("BEGIN")
        blocker.execute("SELECT 1 FROM sessions WHERE id = %s FOR UPDATE", [claims_of(session["access"])["sid"]])
        client = exchange.client()
        answer = client.post(path, headers={"X-Refresh-Token": session["refresh"]})
        client.close()
        assert answer.status == 503 and answer.seconds < 2.5, answer
        assert call(exchange.client()).status == 200
        blocker.execute("ROLLBACK")
    assert exchange.post(path, headers={"X-Refresh-Token": session["refresh"]}).status == 200


def test_several_hosts_are_tried_in_turn(installation, cluster, proxy, call):
    """A libpq URI of two hosts, the first of which nobody answers."""
    place = f"{proxy.host}:{proxy.port},{cluster.host}:{cluster.port}"
    proxy.close()
    url = f"postgresql://token_exchange@{place}/{installation.database.name}?target_session_attrs=read-write&connect_timeout=2"
    service = installation.start_exchange(DATABASE_URL=url, SHUTDOWN_DRAIN="0s")
    assert call(service.client()).status == 200
    assert service.stop() == 0
