"""Keys that change by themselves, on request, and when one leaks (contract §7)."""

import base64
import os
import threading
import uuid

import pytest

from harness.appapi import AppAPI
from harness.programs import run_program
from harness.tokens import claims_of, header_of
from harness.waiting import until


@pytest.fixture(scope="module")
def rotator(installation):
    """A worker that runs throughout the file."""
    service = installation.start_rotator(SHUTDOWN_DRAIN="0s")
    yield service
    assert service.stop() == 0


@pytest.fixture
def scene(installation, exchange, rotator):
    """A workspace of its own with a key that signs and a standby that every relying party has."""
    del exchange, rotator
    workspace = installation.workspace(keys=False)
    until(lambda: workspace.count("signing_keys") == 2, 20, what="the first key and its standby")
    age_standby(workspace)
    workspace.wait_until_served()
    return workspace


def age_standby(workspace):
    workspace.force_keys("published_at = now() - interval '1 day', created_at = now() - interval '1 day'", "haste IS NULL")


def kids(workspace):
    return [kid for (kid,) in workspace.keys()]


def beta_of(workspace):
    return AppAPI(workspace.installation.exchange, workspace.apps["beta"].client_id)


def published(workspace):
    return [key["kid"] for key in beta_of(workspace).jwks().json["keys"]]


def rotate(workspace, *options):
    return workspace.installation.admin("rotate-key", "--workspace", workspace.slug, *options)


def compromise(workspace, kid, *options):
    return workspace.installation.admin("compromise-key", "--workspace", workspace.slug, "--kid", kid, *options)


# On time and on request


def test_the_standby_is_published_before_it_signs(scene):
    signer, standby = kids(scene)
    assert set(published(scene)) == {signer, standby}
    assert header_of(scene.sign_up().token())["kid"] == signer


def test_a_scheduled_change_needs_no_worker(installation, exchange):
    del exchange
    workspace = installation.workspace()
    until(lambda: workspace.count("signing_keys") == 2, 20)
    signer, standby = kids(workspace)
    person = workspace.sign_up()
    old = person.token()
    assert header_of(old)["kid"] == signer
    workspace.force_keys("retires_at = now() + interval '2 s'", f"kid = '{signer}'")
    workspace.force_keys(
        f"published_at = now() - interval '1 day', activates_at = (SELECT retires_at FROM signing_keys WHERE kid = '{signer}')",
        f"kid = '{standby}'",
    )
    until(lambda: header_of(person.token())["kid"] == standby, 8, what="the standby signs")
    assert workspace.exchange(old).status == 200
    assert signer in published(workspace)


def test_a_rotation_on_request_breaks_no_token(scene):
    signer, standby = kids(scene)
    person = scene.sign_up()
    old, session = person.token(), person.exchanged()
    answer = rotate(scene)
    assert answer["outcome"] == "done" and answer["nodes"] >= 1 and answer["nodes_missing"] == 0, answer
    assert answer["acknowledged_ms"] < 1500, answer
    assert header_of(person.token())["kid"] == standby
    assert scene.exchange(old).status == 200
    renewed = beta_of(scene).refresh(session["refresh"])
    assert renewed.status == 200 and renewed.json["key_id"] == standby
    assert signer in published(scene)
    until(lambda: len(published(scene)) == 3, 10, what="the next standby is published")
    assert scene.keys("haste", f"kid = '{standby}'") == [(None,)]


def test_a_rotation_waits_until_relying_parties_have_the_key_unless_it_may_not(installation, exchange, rotator):
    del exchange, rotator
    workspace = installation.workspace(keys=False)
    until(lambda: workspace.count("signing_keys") == 2, 20)
    signer, standby = kids(workspace)
    assert rotate(workspace)["outcome"] == "done"
    waits = "activates_at - published_at = interval '660 s'"
    assert workspace.keys("kid", waits) == [(standby,)]
    person = workspace.sign_up()
    assert header_of(person.token())["kid"] == signer
    assert rotate(workspace, "--at-once")["nodes_missing"] == 0
    assert header_of(person.token())["kid"] == standby
    assert workspace.keys("haste", f"kid = '{standby}'") == [("emergency",)]


def test_another_algorithm_is_a_rotation_like_any_other(scene):
    signer, standby = kids(scene)
    scene.change(signing_algorithm="ES256")
    until(lambda: scene.count("signing_keys") == 3, 10, what="a standby of the new algorithm")
    new = scene.keys("kid, algorithm, activates_at - published_at >= interval '1 day'", "algorithm = 'ES256'")
    assert [row[1:] for row in new] == [("ES256", True)]
    assert scene.keys("retires_at = activates_at", f"kid = '{standby}'") == [(True,)]
    assert scene.keys("retires_at", f"kid = '{signer}'") == scene.keys("activates_at", "algorithm = 'ES256'")


def test_a_request_waits_for_a_worker_and_says_so(installation):
    workspace = installation.workspace(apps=False)
    until(lambda: workspace.count("signing_keys") == 2, 20)
    age_standby(workspace)
    rotators = [service for service in installation.services if service.name == "key-rotator" and service.is_running]
    for service in rotators:
        service.stop()
    try:
        done = run_program(
            "sso-admin",
            *["rotate-key", "--workspace", workspace.slug, "--wait", "1"],
            environment=installation.environment("sso_admin"),
        )
        assert done.returncode != 0 and "unanswered" in done.stderr, done
        installation.make_keys()
        assert workspace.database.value(
            "SELECT count(*) FROM key_requests WHERE workspace_id = %s AND outcome = 'done'", workspace.uuid
        ) == 1
    finally:
        for service in rotators:
            service.start()


def test_two_workers_rotate_each_due_workspace_once(installation):
    workspaces = [installation.workspace(algorithm="ES256", keys=False, apps=False) for _ in range(12)]
    threads = [threading.Thread(target=installation.make_keys) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    until(lambda: all(workspace.count("signing_keys") == 2 for workspace in workspaces), 20)
    for workspace in workspaces:
        assert len(workspace.audit("signing_key.create")) == 2


# When a key leaks


def test_a_leaked_key_is_refused_at_once_and_sessions_go_on(scene):
    signer, standby = kids(scene)
    person = scene.sign_up()
    old, session = person.token(), person.exchanged()
    assert header_of(old)["kid"] == signer
    answer = compromise(scene, signer)
    assert answer["outcome"] == "done" and answer["nodes_missing"] == 0 and answer["acknowledged_ms"] < 1500, answer
    assert scene.exchange(old).status == 401
    assert beta_of(scene).current_user(session["access"]).status == 401
    assert signer not in published(scene)
    # The session is kept: its tokens are issued anew, in the browser and at the backend.
    assert header_of(person.token())["kid"] == standby
    renewed = beta_of(scene).refresh(session["refresh"])
    assert renewed.status == 200 and renewed.json["key_id"] == standby, renewed
    assert beta_of(scene).current_user(renewed.json["access"]).status == 200
    assert scene.keys("sealed_private_key", f"kid = '{signer}'") == [(None,)]
    until(lambda: len(published(scene)) == 2, 10, what="a new standby")


def test_whoever_has_the_leaked_key_renews_nothing_with_it(scene):
    forge = scene.forge()
    session = scene.sign_up().exchanged()
    forged = forge.altered(session["refresh"], jti=str(uuid.uuid4()))
    compromise(scene, forge.kid)
    assert beta_of(scene).refresh(forged).status == 401
    # Nor is it told from a token of no key at all, and the session lives.
    assert beta_of(scene).verify_refresh(session["refresh"]).status == 401
    assert beta_of(scene).refresh(session["refresh"]).status == 200


def test_a_leaked_key_takes_its_sessions_along_when_asked(scene):
    signer, _ = kids(scene)
    person = scene.sign_up()
    session = person.exchanged()
    impact = scene.installation.admin("key-impact", "--workspace", scene.slug, "--kid", signer)
    assert impact["state"] == "active" and impact["sessions"] == 2, impact
    assert {app["app_id"]: app["sessions"] for app in impact["apps"]} == {"acme": 1, "beta": 1, "gamma": 0}
    answer = compromise(scene, signer, "--revoke-sessions", "--reason", "laptop lost")
    assert answer["sessions_revoked"] == 2, answer
    assert beta_of(scene).refresh(session["refresh"]).status == 401
    assert person.browse("GET", "/get-session").json is None
    again = person.sign_in()
    assert again.status == 200
    assert len(scene.audit("signing_key.compromise")) == 1


def test_both_keys_may_leak_and_the_workspace_signs_on(scene):
    person = scene.sign_up()
    for kid in kids(scene):
        assert compromise(scene, kid)["outcome"] == "done"
    assert header_of(person.token())["kid"] not in kids(scene)[:2]
    assert compromise(scene, kids(scene)[0])["outcome"] == "already_compromised"


def test_an_app_that_fetched_the_keys_is_known(scene):
    beta_of(scene).jwks()
    place = "SELECT count(*) FROM jwks_fetches WHERE workspace_id = %s AND app_id = 'beta'"
    until(lambda: scene.database.value(place, scene.uuid) == 1, 8, what="the fetch is written down")
    impact = scene.installation.admin("key-impact", "--workspace", scene.slug, "--kid", kids(scene)[0])
    assert {app["app_id"]: app["has_newest_key"] for app in impact["apps"]}["beta"] is True


# Keeping house


def test_the_status_shows_every_key_and_what_is_next(installation, scene):
    done = run_program("key-rotator", "status", environment=installation.environment("key_rotator"))
    assert done.returncode == 0, done.stderr
    for kid in kids(scene):
        assert kid in done.stdout
    assert scene.slug in done.stdout
    for word in ("WORKSPACE", "active", "staged", "signs", "stops signing", "every 90 d"):
        assert word in done.stdout, (word, done.stdout)


def test_the_worker_shows_its_figures(rotator, scene):
    del scene
    for name in (
        "key_rotation_last_success_timestamp_seconds",
        "key_rotation_oldest_due_seconds",
        'key_schedule_workspaces{next="look"}',
        "key_propagation_seconds_bucket",
        "session_partitions_to_drop",
        "signing_keys_made_total",
    ):
        until(lambda: name in rotator.get("/metrics").text, 10, what=name)


def test_everything_is_sealed_anew_under_a_new_master_key_while_services_run(installation, exchange, tmp_path):
    workspace = installation.workspace()
    until(lambda: workspace.count("signing_keys") == 2, 20)
    person = workspace.sign_up()
    token = person.token()
    new_line = f"e2e-2:{base64.b64encode(os.urandom(32)).decode()}\n"
    both = tmp_path / "both.keys"
    both.write_text(new_line + installation.master_keys_file.read_text(encoding="utf-8"), encoding="utf-8")
    node = installation.start_exchange(MASTER_KEYS_FILE=str(both), SHUTDOWN_DRAIN="0s")

    def rewrap():
        environment = installation.environment("key_rotator", MASTER_KEYS_FILE=str(both))
        return run_program("key-rotator", "rewrap-keys", environment=environment)

    try:
        done = rewrap()
        assert done.returncode == 0 and "0 left under other master keys" in done.stdout, done
        sealed = [bytes(row[0]) for row in workspace.keys("sealed_private_key")]
        assert len(sealed) == 2 and all(b"e2e-2" in value for value in sealed)
        assert rewrap().stdout.strip().splitlines()[-1].startswith("0 moved")
        alone = tmp_path / "new.keys"
        alone.write_text(new_line, encoding="utf-8")
        after = installation.start_exchange(MASTER_KEYS_FILE=str(alone), SHUTDOWN_DRAIN="0s")
        until(lambda: workspace.exchange(token, service=after).status == 200, 5)
        assert workspace.exchange(token, service=node).status == 200
        after.kill()
    finally:
        node.kill()
        # The others of the file know the old master key alone.
        back = tmp_path / "back.keys"
        back.write_text(installation.master_keys_file.read_text(encoding="utf-8") + new_line, encoding="utf-8")
        environment = installation.environment("key_rotator", MASTER_KEYS_FILE=str(back))
        assert run_program("key-rotator", "rewrap-keys", environment=environment).returncode == 0
    assert claims_of(token)["wid"] == workspace.id
    del exchange


def test_a_day_whose_sessions_all_ended_is_dropped(installation):
    database = installation.database
    database.execute("SELECT ensure_session_partitions(current_date - 20, current_date - 20)")
    partition = database.value("SELECT 'sessions_' || to_char(current_date - 20, 'YYYYMMDD')")
    installation.make_keys()
    until(lambda: database.value("SELECT to_regclass(%s)", partition) is None, 5)
