"""Nodes learn of changes through the database: by notification soon, without one a second later (contract §8)."""

import random
import statistics
import threading
import uuid

import pytest

from harness.appapi import AppAPI
from harness.tokens import claims_of
from harness.waiting import Stopwatch, holds_throughout, until

BOUND = 1.5


@pytest.fixture(scope="module")
def second(installation, exchange):
    """Another node of the same installation."""
    del exchange
    return installation.start_exchange(SHUTDOWN_DRAIN="0s")


def seconds_until_known(workspace, token, key, service, notify):
    """How long a node needs to hear of the end of an API key."""
    change = workspace.database.change if notify else workspace.database.execute
    watch = Stopwatch()
    change("UPDATE api_keys SET revoked_at = now() WHERE id = %s", key)
    until(
        lambda: workspace.exchange(token, key=key_text(workspace, key), service=service).status == 401, 10, every=0.005
    )
    return watch.seconds


def key_text(workspace, key):
    return f"scwor_{key.hex}_" + workspace.api_key.split("_", 2)[2]


def fresh_key(workspace):
    return uuid.UUID(workspace.new_key().split("_")[1])


def test_without_a_notification_a_change_is_known_within_a_second_and_a_half(workspace, person, exchange):
    token = person.token()
    times = [seconds_until_known(workspace, token, fresh_key(workspace), exchange, notify=False) for _ in range(6)]
    assert max(times) < BOUND, times


def test_with_a_notification_a_change_is_known_at_once(workspace, person, exchange):
    token = person.token()
    times = [seconds_until_known(workspace, token, fresh_key(workspace), exchange, notify=True) for _ in range(8)]
    assert statistics.median(times) < 0.25, times
    assert max(times) < BOUND, times


def test_the_operators_command_wakes_the_nodes_itself(installation, exchange):
    workspace = installation.workspace(apps=False)
    times = []
    for number in range(5):
        installation.admin("create-app", "--workspace", workspace.slug, "--id", f"app-{number}")
        watch = Stopwatch()
        until(lambda: exchange.get(f"/w/{workspace.slug}/v1/apps/app-{number}").status == 200, 5, every=0.005)
        times.append(watch.seconds)
    assert statistics.median(times) < 0.25, times


def test_a_listener_that_is_cut_again_and_again_delays_nothing_beyond_the_bound(
    installation, workspace, person, exchange
):
    token, stop = person.token(), threading.Event()
    cut = []

    def cutting():
        with installation.database.connect() as connection:
            while not stop.wait(0.05):
                cut.append(
                    connection.execute(
                        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
                        " AND usename = 'token_exchange' AND query ILIKE '%listen%'"
                    ).fetchone()[0]
                )

    thread = threading.Thread(target=cutting, daemon=True)
    thread.start()
    try:
        times = [seconds_until_known(workspace, token, fresh_key(workspace), exchange, notify=False) for _ in range(4)]
    finally:
        stop.set()
        thread.join(10)
    assert sum(cut) > 0
    assert max(times) < BOUND, times


def test_a_server_that_ends_idle_connections_does_not_end_ours(installation, workspace, person):
    """LN-9: what the server is set to for everybody does not cut the listener or the pool off."""
    name = installation.database.name
    installation.database.execute(f"ALTER DATABASE \"{name}\" SET idle_session_timeout = '1s'")
    listening = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = 'token_exchange'"
        " AND backend_start > %s ORDER BY pid"
    )
    started = installation.database.value("SELECT clock_timestamp()")
    service = installation.start_exchange(SHUTDOWN_DRAIN="0s")
    try:
        token = person.token()
        until(lambda: workspace.exchange(token, service=service).status == 200, 5)
        before = {row[0] for row in installation.database.rows(listening, started)}
        assert len(before) >= 2
        holds_throughout(lambda: service.is_ready, 3.5, every=0.1)
        assert before <= {row[0] for row in installation.database.rows(listening, started)}
        assert workspace.exchange(token, service=service).status == 200
    finally:
        installation.database.execute(f'ALTER DATABASE "{name}" RESET idle_session_timeout')
        assert service.stop() == 0


def test_every_node_hears_of_it(workspace, person, exchange, second):
    token, key = person.token(), fresh_key(workspace)
    text = key_text(workspace, key)
    for service in (exchange, second):
        assert workspace.exchange(token, key=text, service=service).status == 200
    workspace.database.execute("UPDATE api_keys SET revoked_at = now() WHERE id = %s", key)
    watch = Stopwatch()
    for service in (exchange, second):
        until(lambda: workspace.exchange(token, key=text, service=service).status == 401, BOUND)
    assert watch.seconds < BOUND + 0.2


def test_a_session_made_by_one_node_is_used_refreshed_and_ended_by_another_at_once(workspace, person, exchange, second):
    app = workspace.apps["beta"].client_id
    here, there = AppAPI(exchange, app), AppAPI(second, app)
    for _ in range(20):
        session = workspace.exchange(person.token(service=second), service=exchange).json
        assert there.current_user(session["access"]).status == 200
        renewed = there.refresh(session["refresh"])
        assert renewed.status == 200
        assert here.current_user(renewed.json["access"]).status == 200
        assert here.sign_out(renewed.json["access"]).status in (200, 204)
        assert there.current_user(session["access"]).status == 401
        assert there.refresh(renewed.json["refresh"]).status == 401


def test_each_node_writes_back_the_epoch_it_serves_and_leaves_when_it_stops(installation, workspace, exchange):
    del exchange
    service = installation.start_exchange(SHUTDOWN_DRAIN="0s")
    workspace.change(name="Renamed")
    workspace.wait_until_served()
    nodes = "SELECT count(*) FROM nodes WHERE service = 'token-exchange'"
    before = installation.database.value(nodes)
    assert service.stop() == 0
    assert installation.database.value(nodes) == before - 1


def test_a_change_in_a_transaction_that_ends_late_is_not_missed(installation, workspace, person, exchange):
    """Writers that begin early and commit late, in any order, some not at all: every commit is seen (LN-3)."""
    keys = [fresh_key(workspace) for _ in range(24)]
    token, chance, doomed = person.token(), random.Random(7), set(range(0, 24, 4))

    def write(number):
        with installation.database.connect() as connection:
            connection.execute("BEGIN")
            connection.execute(
                "SELECT pg_current_xact_id(), set_config('app.workspace_id', %s, true)", [str(workspace.uuid)]
            )
            connection.execute("SELECT pg_sleep(%s)", [delays[number]])
            connection.execute("UPDATE api_keys SET revoked_at = now() WHERE id = %s", [keys[number]])
            connection.execute("SELECT pg_sleep(%s)", [delays[-number - 1] / 4])
            connection.execute("ROLLBACK" if number in doomed else "COMMIT")

    delays = [chance.random() * 0.6 for _ in keys]
    threads = [threading.Thread(target=write, args=(number,)) for number in range(len(keys))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    wanted = {number for number in range(len(keys)) if number not in doomed}

    def refused():
        return {n for n in wanted if workspace.exchange(token, key=key_text(workspace, keys[n])).status == 401}

    until(lambda: refused() == wanted, BOUND + 1, what="every committed change is known")
    for number in doomed:
        assert workspace.exchange(token, key=key_text(workspace, keys[number])).status == 200
    assert exchange.is_ready


def test_a_long_transaction_elsewhere_delays_nothing(installation, workspace, person, exchange):
    token = person.token()
    with installation.database.connect() as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT pg_current_xact_id()")
        times = [seconds_until_known(workspace, token, fresh_key(workspace), exchange, notify=False) for _ in range(2)]
        connection.execute("ROLLBACK")
    assert max(times) < BOUND, times


def test_a_flood_of_forged_notifications_changes_nothing_and_costs_little(installation, workspace, person, exchange):
    """Any role that may connect may notify: five seconds of it, with payloads (LN-5)."""
    token = person.token()
    scans = "SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'changes'"
    calm = statistics.median(workspace.exchange(token).seconds for _ in range(40))
    stop, sent = threading.Event(), [0, 0]

    def flood(number):
        with installation.database.connect("key_rotator") as connection:
            while not stop.is_set():
                connection.execute(f"NOTIFY breezeway_changes, '{random.random()}'")
                sent[number] += 1

    sessions, keys = workspace.count("sessions"), workspace.count("api_keys")
    threads = [threading.Thread(target=flood, args=(number,), daemon=True) for number in range(2)]
    before, watch = installation.database.value(scans), Stopwatch()
    for thread in threads:
        thread.start()
    try:
        answers = []
        while watch.seconds < 5:
            answers.append(workspace.exchange(token))
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
    took = watch.seconds
    assert {answer.status for answer in answers} == {200}
    assert workspace.count("sessions") == sessions + len(answers) and workspace.count("api_keys") == keys
    assert sum(sent) > 500
    # Statistics arrive late: only what was seen more than 20 times a second by each node would be too much.
    nodes = sum(1 for service in installation.services if service.is_running)
    assert installation.database.value(scans) - before <= (took + 2) * 21 * nodes * 2
    assert statistics.median(answer.seconds for answer in answers) < max(calm * 5, 0.1)
    assert exchange.is_ready


def test_a_workspace_that_is_deleted_is_gone_soon(installation, exchange):
    workspace = installation.workspace()
    person = workspace.sign_up()
    token = person.token()
    assert workspace.exchange(token).status == 200
    workspace.database.execute("DELETE FROM workspaces WHERE id = %s", workspace.uuid)
    until(lambda: exchange.get(f"/v1/apps/{workspace.apps['beta'].client_id}").status == 404, 3)
    answer = workspace.exchange(token)
    assert (answer.status, answer.code) == (401, "workspace_api_key_required")


def test_a_new_workspace_gets_its_first_key_from_a_worker_that_is_woken(installation, exchange):
    rotator = installation.start_rotator(SHUTDOWN_DRAIN="0s")
    try:
        workspace = installation.workspace(keys=False)
        until(lambda: workspace.count("signing_keys") == 2, 10, what="the first key and its standby")
        person = workspace.sign_up()
        assert claims_of(person.token())["wid"] == workspace.id
        assert workspace.count("workspace_secrets") == 1
    finally:
        assert rotator.stop() == 0


def test_many_workers_at_once_make_one_key_and_one_standby_each(installation):
    workspaces = [installation.workspace(keys=False, apps=False) for _ in range(3)]
    threads = [threading.Thread(target=installation.make_keys) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [workspace.count("signing_keys") for workspace in workspaces] == [2, 2, 2]
    assert [workspace.count("workspace_secrets") for workspace in workspaces] == [1, 1, 1]
