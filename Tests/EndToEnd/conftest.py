"""Fixtures: a cluster for the run, an installation for each file."""

import os

import pytest

from harness.appapi import AppAPI
from harness.cluster import Cluster, PrivateCluster
from harness.programs import missing_programs
from harness.world import Installation


def pytest_sessionstart():
    """Without programs there is nothing to test: said once."""
    if missing := missing_programs():
        pytest.exit(f"not built: {', '.join(missing)}; build first, or set BIN_PATH", returncode=1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """What failed is told with what its services said of it."""
    report = yield
    installation = getattr(item, "funcargs", {}).get("installation")
    if report.failed and isinstance(installation, Installation):
        for service in installation.services:
            report.sections.append((f"log of {service.name} on port {service.port}", service.troubles()))
    return report


@pytest.fixture(scope="session")
def cluster():
    """The throw-away cluster everybody shares; one of our own when none is given."""
    url = os.environ.get("TEST_DATABASE_URL")
    if url:
        yield Cluster(url)
        return
    private = PrivateCluster()
    try:
        yield private
    finally:
        private.remove()


@pytest.fixture(scope="module")
def installation(cluster):
    """A database with its services, for one file."""
    made = Installation(cluster)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def exchange(installation):
    """The token-exchange of the file."""
    return installation.exchange


@pytest.fixture(scope="module")
def workspace(installation, exchange):
    """A workspace with apps acme and beta (which share a group) and gamma (isolated)."""
    made = installation.workspace()
    made.wait_until_served()
    return made


@pytest.fixture(scope="module")
def other(installation, workspace):
    """Another workspace of the same installation, with apps of the same names."""
    made = installation.workspace()
    made.wait_until_served()
    return made


@pytest.fixture(scope="module")
def person(workspace):
    """Somebody signed in to acme whom no test changes."""
    return workspace.sign_up()


@pytest.fixture
def somebody(workspace):
    """Somebody signed in to acme, for one test."""
    return workspace.sign_up()


@pytest.fixture(scope="module")
def durable_cluster():
    """A cluster that may be killed, with fsync."""
    made = PrivateCluster("durable")
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture(autouse=True)
def settled(request):
    """Where servers are stopped, a test begins when the service knows that its server is back."""
    if {"durable_cluster", "exchange"} <= set(request.fixturenames):
        request.getfixturevalue("exchange").settle()


@pytest.fixture(scope="module")
def beta(exchange, workspace):
    """The session API as app beta calls it."""
    return AppAPI(exchange, workspace.apps["beta"].client_id)


@pytest.fixture(scope="module")
def acme(exchange, workspace):
    """The session API as app acme calls it."""
    return AppAPI(exchange, workspace.apps["acme"].client_id)
