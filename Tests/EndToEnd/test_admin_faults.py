"""The administration while something is in its way (FT-18, FT-36)."""

import pytest

from harness.admin import Admin, problem
from harness.waiting import Stopwatch, until
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


@pytest.fixture(scope="module")
def home(installation):
    return installation.workspace(keys=False)


@pytest.fixture(scope="module")
def service(installation, home):
    return installation.start_admin(SHUTDOWN_DRAIN="0s")


@pytest.fixture
def admin(service, home):
    service.settle()
    return Admin(service, home.admin_token)


def test_whoever_holds_a_lock_for_long_delays_that_change_alone(admin, home):
    with home.database.connect() as holder:
        holder.autocommit = False
        holder.execute("SELECT FROM apps WHERE workspace_id = %s AND id = 'acme' FOR UPDATE", [home.uuid])
        watch = Stopwatch()
        answer = admin.patch("applications/acme", {"name": "Later"})
        assert answer.status == 503 and problem(answer) == "temporarily_unavailable", answer
        assert int(answer.header("Retry-After")) >= 1 and watch.seconds < 6
        assert admin.get("applications/acme").status == 200
        assert admin.patch("applications/beta", {"name": "Beta"}).status == 200
        holder.rollback()
    assert admin.patch("applications/acme", {"name": "Now"}).json["name"] == "Now"
    assert home.database.value(
        "SELECT count(*) FROM audit_log WHERE workspace_id = %s AND after ->> 'name' = 'Later'", home.uuid
    ) == 0


def test_without_the_database_everything_is_refused_for_the_moment_and_comes_back(admin, home, service, durable_cluster):
    durable_cluster.stop("fast")
    try:
        for call in (
            lambda: admin.get("applications"),
            lambda: admin.post("sso-groups", {"id": "lost"}),
            lambda: admin.delete("applications/acme?force=true"),
        ):
            watch = Stopwatch()
            answer = call()
            assert answer.status == 503 and problem(answer) == "temporarily_unavailable", answer
            assert answer.header("Retry-After") and watch.seconds < 2
    finally:
        durable_cluster.start()
    until(lambda: admin.get("applications").status == 200, 5)
    assert admin.get("sso-groups/lost").status == 404 and admin.get("applications/acme").status == 200


def test_a_role_that_may_not_log_in_is_no_storm_and_no_end(admin, home, installation, service):
    database = installation.database
    database.execute("ALTER ROLE sso_admin NOLOGIN")
    try:
        database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sso_admin'")
        until(lambda: admin.get("applications").status == 503, 5)
        attempts = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
        before = database.value(attempts)
        watch = Stopwatch()
        while watch.seconds < 3:
            assert admin.get("applications").status == 503
        assert database.value(attempts) - before < 60
    finally:
        database.execute("ALTER ROLE sso_admin LOGIN")
    until(lambda: admin.get("applications").status == 200, 10)
