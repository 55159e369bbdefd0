"""No secret is ever logged, measured or echoed: everything secret of one run, looked for everywhere (TS-29)."""

import pathlib
import secrets

import pytest

from harness.appapi import AppAPI
from harness.cluster import PrivateCluster
from harness.programs import run_program
from harness.tokens import claims_of
from harness.world import Installation


@pytest.fixture(scope="module")
def scene():
    """A talkative cluster and talkative services, and a run through everything that handles a secret."""
    cluster = PrivateCluster(options="-c log_statement=all -c log_min_duration_statement=0 -c log_min_messages=info")
    installation = Installation(cluster)
    try:
        yield run_through(installation)
    finally:
        installation.close()
        cluster.remove()


def run_through(installation):
    marked = {}
    services = [
        installation.start_exchange(LOG_LEVEL="trace", LOG_FORMAT="json", SHUTDOWN_DRAIN="0s"),
        installation.start_rotator(LOG_LEVEL="trace"),
        installation.start_admin(LOG_LEVEL="trace"),
    ]
    exchange = services[0]
    workspace = installation.workspace()
    marked["API key"] = workspace.api_key.split("_", 2)[2]
    marked["admin token"] = workspace.admin_token.split("_")[-1]
    password = marked["password"] = "Marked-" + secrets.token_urlsafe(20)
    person = workspace.sign_up(password=password)
    marked["cookie"] = person.cookie.partition("=")[2].partition(".")[0]
    marked["cookie signature"] = person.cookie.partition(".")[2]
    source = person.token()
    session = workspace.exchange(source).json
    beta = AppAPI(exchange, workspace.apps["beta"].client_id)
    renewed = beta.refresh(session["refresh"], csrf=session["csrf"]).json
    for name, token in (
        ("source token", source),
        ("access token", session["access"]),
        ("refresh token", session["refresh"]),
        ("renewed access token", renewed["access"]),
        ("renewed refresh token", renewed["refresh"]),
    ):
        marked[name + " signature"] = token.split(".")[2]
        marked[name + " payload"] = token.split(".")[1]
    marked["csrf"], marked["renewed csrf"] = session["csrf"], renewed["csrf"]
    # And everything that goes wrong.
    wrong = marked["wrong password"] = "Marked-" + secrets.token_urlsafe(20)
    person.sign_in()
    exchange.post(
        workspace.routes + "/sign-in/email",
        headers={"Origin": workspace.apps["acme"].origin},
        json={"email": person.email, "password": wrong},
    )
    exchange.post(
        workspace.routes + "/sign-up/email",
        headers={"Origin": workspace.apps["acme"].origin},
        json={"email": person.email, "password": wrong, "name": "Again"},
    )
    exchange.post(
        workspace.routes + "/sign-in/email",
        headers={"Origin": workspace.apps["acme"].origin},
        body=f'{{"email": "x", "password": "{wrong}"'.encode(),
    )
    marked["wrong key"] = secrets.token_urlsafe(32)
    workspace.exchange(source, key=f"scwor_{workspace.uuid.hex}_{marked['wrong key']}")
    marked["spoilt token"] = secrets.token_urlsafe(64)
    workspace.exchange(source[:-20] + marked["spoilt token"])
    workspace.exchange(source, body=f'{{"app_id": "x", "token": "{wrong}"'.encode())
    beta.refresh(session["refresh"][:-10] + marked["spoilt token"], csrf=marked["spoilt token"])
    marked["query token"] = secrets.token_urlsafe(32)
    exchange.get(
        f"/v1/apps/nothing?access_token={marked['query token']}",
        headers={"Cookie": f"better-auth.session_token={marked['spoilt token']}"},
    )
    installation.database.execute(
        "UPDATE sessions SET rotated_at = now() - interval '1 hour' WHERE id = %s", claims_of(session["access"])["sid"]
    )
    assert beta.refresh(session["refresh"]).status == 401
    answers = [exchange.get("/metrics"), exchange.get("/readyz")]
    for service in services:
        assert service.stop() == 0
    key_line = pathlib.Path(installation.master_keys_file).read_text(encoding="utf-8")
    marked["master key"] = key_line.split(":", 1)[1].strip()
    marked["stored password hash"] = installation.database.value("SELECT password_hash FROM users LIMIT 1").split(":")[
        1
    ]
    return {"installation": installation, "services": services, "marked": marked, "answers": answers}


def test_the_run_logged_something_at_all(scene):
    for service in scene["services"]:
        assert len(service.log) > 200, service.name
    assert len(scene["installation"].cluster.log) > 1000


@pytest.mark.parametrize("number, name", list(enumerate(["token-exchange", "key-rotator", "sso-admin"])))
def test_no_secret_is_in_a_services_log(scene, number, name):
    log = scene["services"][number].log
    assert [what for what, secret in scene["marked"].items() if secret in log] == []


def test_no_secret_of_a_client_is_in_the_servers_log(scene):
    log = scene["installation"].cluster.log
    # What is bound as a parameter is shown by a server that is told to; what the services send in clear must not be secret.
    kept = {name: secret for name, secret in scene["marked"].items() if name != "stored password hash"}
    assert [what for what, secret in kept.items() if secret in log] == []


def test_no_secret_is_in_the_metrics_or_the_readiness(scene):
    for answer in scene["answers"]:
        assert [what for what, secret in scene["marked"].items() if secret in answer.text] == []


def test_no_secret_is_stored_in_clear(scene):
    database = scene["installation"].database
    tables = [
        row[0]
        for row in database.rows(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
        )
    ]
    found = []
    for table in tables:
        content = database.value(f"SELECT coalesce(string_agg(t::text, chr(10)), '') FROM \"{table}\" t")
        found += [
            (table, what)
            for what, secret in scene["marked"].items()
            if secret in content and (table, what) != ("users", "stored password hash")
        ]
    assert found == []


def test_no_secret_is_on_a_command_line_and_none_is_accepted_there(scene):
    del scene
    for arguments in (["serve", "--master-keys-file", "x"], ["create-workspace", "--slug", "x", "--api-key", "x"]):
        program = "sso-admin" if arguments[0].startswith("create") else "token-exchange"
        assert run_program(program, *arguments).returncode != 0
