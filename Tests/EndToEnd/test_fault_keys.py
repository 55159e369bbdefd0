"""Keys that cannot be opened, nodes that slept, clocks that are wrong (FT-16, FT-33, FT-39, FT-40)."""

import base64
import os
import signal

import pytest

from harness.appapi import AppAPI
from harness.clock import Clock
from harness.programs import run_program
from harness.tokens import header_of
from harness.waiting import Stopwatch, holds_throughout, until

pytestmark = pytest.mark.fault


def beta_of(workspace, service):
    return AppAPI(service, workspace.apps["beta"].client_id)


def keys_file(path, *names_and_keys):
    path.write_text(
        "".join(f"{name}:{base64.b64encode(key).decode()}\n" for name, key in names_and_keys), encoding="utf-8"
    )
    return str(path)


@pytest.fixture(params=["missing", "wrong"])
def wrong_keys(request, tmp_path):
    """A file of master keys without the one that is needed, or with other bytes under its name."""
    return keys_file(tmp_path / "keys", ("e2e-9" if request.param == "missing" else "e2e-1", os.urandom(32)))


# FT-39: the master key


def test_without_the_master_key_a_node_is_not_ready_and_says_which_and_still_verifies(
    installation, exchange, workspace, person, wrong_keys
):
    session = person.exchanged()
    token = person.token()
    node = installation.start_exchange(MASTER_KEYS_FILE=wrong_keys, SHUTDOWN_DRAIN="0s", ready=False)
    try:
        ready = until(
            lambda: (answer := node.probe()) and "master key" in answer.json["checks"]["master_keys"] and answer, 10
        )
        assert ready.status == 503 and "e2e-1" in ready.json["checks"]["master_keys"], ready
        published = beta_of(workspace, exchange).jwks().json
        assert beta_of(workspace, node).jwks().json == published
        assert beta_of(workspace, node).verify_access(session["access"]).status == 200
        assert beta_of(workspace, node).current_user(session["access"]).status == 200
        answer = workspace.exchange(token, service=node)
        assert answer.status == 503 and int(answer.header("Retry-After")) >= 1, answer
        assert node.probe("/healthz").status == 200
    finally:
        node.kill()


def test_a_worker_without_the_master_key_makes_no_key_that_nobody_could_open(installation, wrong_keys):
    workspace = installation.workspace(algorithm="ES256", apps=False)
    workspace.let_the_standby_sign("70 seconds")
    before = workspace.keys("kid, sealed_private_key")
    done = run_program(
        "key-rotator",
        "run-once",
        environment=installation.environment("key_rotator", MASTER_KEYS_FILE=wrong_keys),
    )
    assert done.returncode == 1 and "1 workspaces could not be served" in done.stderr, done
    assert "master key e2e-1" in done.stdout + done.stderr, done
    assert workspace.keys("kid, sealed_private_key") == before
    worker = installation.start_rotator(MASTER_KEYS_FILE=wrong_keys, SHUTDOWN_DRAIN="0s", ready=False)
    try:
        ready = until(
            lambda: (answer := worker.probe()) and "e2e-1" in answer.json["checks"]["master_keys"] and answer, 10
        )
        assert ready.status == 503
    finally:
        worker.kill()
    workspace.database.execute("UPDATE key_schedule SET claimed_until = NULL")
    installation.make_keys()
    assert len(workspace.keys("kid")) == 3


@pytest.mark.parametrize("content", [None, "", "e2e-1:short\n"], ids=["no file", "no key", "no key's length"])
def test_without_any_master_key_the_start_fails_with_one_line(installation, tmp_path, content):
    path = tmp_path / "keys"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    for program, command in [("token-exchange", "serve"), ("key-rotator", "run")]:
        environment = installation.environment(program.replace("-", "_"), MASTER_KEYS_FILE=str(path))
        done = run_program(program, command, environment=environment)
        assert done.returncode != 0 and "MASTER_KEYS_FILE" in done.stderr, (program, done)
        assert len(done.stderr.strip().splitlines()) == 1 and "short" not in done.stderr, done.stderr


# FT-40: one damaged row


def test_a_damaged_private_half_stops_its_workspace_alone_until_the_key_is_replaced(installation, exchange, other):
    damaged = installation.workspace(algorithm="ES256")
    damaged.force_keys("published_at = now() - interval '1 day'", "haste IS NULL")
    damaged.wait_until_served()
    person, neighbour = damaged.sign_up(), other.sign_up()
    session, token, elsewhere = person.exchanged(), person.token(), neighbour.token()
    (signer,), (standby,) = damaged.keys()
    damaged.force_keys(
        "sealed_private_key = set_byte(sealed_private_key, 100, get_byte(sealed_private_key, 100) # 1)",
        f"kid = '{signer}'",
    )
    damaged.wait_until_served()
    assert damaged.exchange(token).status == 503
    assert beta_of(damaged, exchange).verify_access(session["access"]).status == 200
    assert len(beta_of(damaged, exchange).jwks().json["keys"]) == 2
    assert other.exchange(elsewhere).status == 200
    assert exchange.is_ready
    assert "A sealed secret cannot be opened." in exchange.log and damaged.id in exchange.log
    worker = installation.start_rotator(SHUTDOWN_DRAIN="0s")
    try:
        installation.admin("rotate-key", "--workspace", damaged.slug, "--at-once")
        until(lambda: damaged.exchange(token).status == 200, 5, what="the standby signs")
        assert header_of(person.token())["kid"] == standby
        assert worker.is_ready
    finally:
        worker.kill()


# FT-33: a signer that slept


@pytest.mark.timeout(180)
def test_a_node_that_slept_through_a_leak_signs_nothing_with_the_leaked_key(installation, exchange):
    del exchange
    workspace = installation.workspace(algorithm="ES256")
    workspace.force_keys("published_at = now() - interval '1 day'", "haste IS NULL")
    node = installation.start_exchange(SHUTDOWN_DRAIN="0s")
    worker = installation.start_rotator(SHUTDOWN_DRAIN="0s")
    try:
        person = workspace.sign_up()
        (signer,), (standby,) = workspace.keys()
        session = person.exchanged()
        assert workspace.exchange(person.token(), service=node).json["key_id"] == signer
        node.signal(signal.SIGSTOP)
        # Says so when every node that was heard of lately has it: the one that sleeps is no longer of them.
        watch = Stopwatch()
        told = installation.admin("compromise-key", "--workspace", workspace.slug, "--kid", signer)
        assert told["nodes_missing"] == 0, told
        # Six seconds after it was last heard of, which it is every two.
        assert watch.seconds > 2
        token = person.token()
        assert header_of(token)["kid"] == standby
        node.signal(signal.SIGCONT)
        first = workspace.exchange(token, service=node)
        assert first.status == 503 or first.json["key_id"] == standby, first
        assert beta_of(workspace, node).current_user(session["access"]).status in (401, 503)
        until(lambda: workspace.exchange(token, service=node).status == 200, 5)
        assert workspace.exchange(token, service=node).json["key_id"] == standby
        assert beta_of(workspace, node).current_user(session["access"]).status == 401
    finally:
        # Or what comes after would share its work with them.
        node.kill()
        worker.kill()


# FT-16: clocks


@pytest.fixture
def clock(tmp_path):
    """A wall clock for one process."""
    if Clock.compiler() is None:
        pytest.skip("needs a C compiler")
    return Clock(tmp_path)


HOUR, DAY = 3_600, 86_400


@pytest.mark.timeout(180)
@pytest.mark.parametrize("step", [HOUR, -HOUR, DAY, -DAY, 45, -45])
def test_a_node_whose_clock_steps_decides_nothing_until_it_is_right_again(
    installation, exchange, workspace, person, clock, step
):
    node = installation.start_exchange(SHUTDOWN_DRAIN="0s", **clock.environment)
    token = person.token()
    until(lambda: workspace.exchange(token, service=node).status == 200, 5)
    before = workspace.count("sessions")
    clock.step(step)
    # Neither a token of its own time nor an expiry of everybody's: not one request is decided by the wrong clock.
    answers = [workspace.exchange(token, service=node) for _ in range(20)]
    assert {answer.status for answer in answers} == {503}, answers
    assert workspace.count("sessions") == before
    ready = until(lambda: (answer := node.probe()).status == 503 and answer, 5)
    assert ("ahead" if step > 0 else "behind") in ready.json["checks"]["clock"], ready
    assert workspace.exchange(token).status == 200 and exchange.is_ready
    clock.step(0)
    until(lambda: workspace.exchange(token, service=node).status == 200, 5)
    until(lambda: node.is_ready, 5)
    node.kill()


@pytest.mark.parametrize("step", [10, -10])
def test_a_clock_that_is_a_little_off_is_within_the_leeway(installation, exchange, workspace, person, clock, step):
    clock.step(step)
    node = installation.start_exchange(SHUTDOWN_DRAIN="0s", **clock.environment)
    token = person.token()
    made = workspace.exchange(token, service=node)
    assert made.status == 200
    assert beta_of(workspace, exchange).current_user(made.json["access"]).status == 200
    holds_throughout(lambda: node.is_ready, 2, every=0.1)
    node.kill()


@pytest.mark.parametrize("step", [HOUR, -HOUR, DAY])
def test_a_worker_plans_by_the_clock_of_the_database_alone(installation, clock, step):
    clock.step(step)
    workspace = installation.workspace(algorithm="ES256", apps=False)
    before = workspace.keys("kid, activates_at, retires_at")
    environment = {**installation.environment("key_rotator"), **clock.environment}
    workspace.database.execute("UPDATE key_schedule SET next_at = now(), claimed_until = NULL")
    done = run_program("key-rotator", "run-once", environment=environment)
    assert done.returncode == 0, done
    assert workspace.keys("kid, activates_at, retires_at") == before
    workspace.let_the_standby_sign("70 seconds")
    done = run_program("key-rotator", "run-once", environment=environment)
    assert (done.returncode, done.stdout) == (0, "1 workspaces served\n"), done
    assert workspace.keys("activates_at - published_at >= interval '1 day'", "activates_at > now()") == [(True,)]
    assert workspace.keys("abs(extract(epoch FROM published_at - now())) < 60", "activates_at > now()") == [(True,)]
