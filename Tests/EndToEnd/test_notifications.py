"""No business transaction contains NOTIFY (LN-1): the server's own log of everything is the witness."""

import re

import pytest

from harness.appapi import AppAPI
from harness.cluster import PrivateCluster
from harness.load import at_once
from harness.waiting import until
from harness.world import Installation

OPTIONS = "-c log_statement=all -c log_line_prefix=@%v@%u@%p@"
LINE = re.compile(r"^@([^@]*)@([^@]*)@(\d+)@LOG:  (?:statement|execute [^:]*): (.*)$")
WRITES = re.compile(r"^\s*(INSERT|UPDATE|DELETE|MERGE|WITH)\b", re.I)
NOTIFY = re.compile(r"\bNOTIFY\b|\bpg_notify\b", re.I)


@pytest.fixture(scope="module")
def transactions():
    """What each transaction of a whole run of the product executed, by virtual transaction."""
    cluster = PrivateCluster(options=OPTIONS)
    installation = Installation(cluster)
    try:
        installation.start_rotator(SHUTDOWN_DRAIN="0s")
        workspace = installation.workspace()
        person = workspace.sign_up()
        token = person.token()
        beta = AppAPI(installation.exchange, workspace.apps["beta"].client_id)
        sessions = [workspace.exchange(token).json for _ in range(20)]
        at_once(4, lambda n: beta.refresh(sessions[n]["refresh"], client=installation.exchange.client()))
        beta.sign_out(sessions[5]["access"])
        person.browse("POST", "/sign-out", json={})
        installation.admin("create-admin-token", "--workspace", workspace.slug)
        installation.workspace()
        for service in installation.services:
            assert service.stop() == 0
        until(lambda: "breezeway_changes" in cluster.log, 5)
        log = cluster.log
    finally:
        installation.close()
        cluster.remove()
    found = {}
    # A statement of several lines goes on behind tabs.
    for line in log.replace("\n\t", " ").splitlines():
        if match := LINE.match(line):
            place, user, pid, statement = match.groups()
            found.setdefault((pid, place), (user, []))[1].append(statement)
    assert len(found) > 50
    return found


def test_the_run_notified_at_all(transactions):
    assert any(NOTIFY.search(statement) for _, statements in transactions.values() for statement in statements)


def test_no_transaction_that_writes_notifies(transactions):
    for user, statements in transactions.values():
        if any(NOTIFY.search(statement) for statement in statements):
            assert not [statement for statement in statements if WRITES.match(statement)], (user, statements)


def test_every_notification_is_empty_and_on_the_one_channel(transactions):
    sent = {
        statement.strip(" ;")
        for _, statements in transactions.values()
        for statement in statements
        if NOTIFY.search(statement)
    }
    assert sent == {"NOTIFY breezeway_changes"}, sent


def test_nothing_truncates_and_nothing_sets_the_workspace_for_a_whole_connection(transactions):
    for user, statements in transactions.values():
        for statement in statements:
            assert not re.match(r"\s*TRUNCATE", statement, re.I), statement
            if user != "breezeway":
                assert not re.match(r"\s*SET\s+(SESSION\s+)?app\.", statement, re.I), statement
                assert not re.search(r"set_config\('app\.workspace_id',\s*\S+\s*false\)", statement), statement


def test_tenant_statements_come_after_the_tenant_is_set_in_the_same_transaction(transactions):
    tenant = re.compile(
        r"\b(FROM|INTO|UPDATE)\s+(sessions|users|memberships|signing_keys|api_keys|apps|workspace_secrets)\b"
    )
    looked = 0
    for user, statements in transactions.values():
        if user != "token_exchange":
            continue
        for number, statement in enumerate(statements):
            if tenant.search(statement):
                looked += 1
                assert any("app.workspace_id" in earlier for earlier in statements[:number]), statements
    assert looked > 10
