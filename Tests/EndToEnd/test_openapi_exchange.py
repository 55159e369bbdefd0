"""token-exchange does what its document says (schemathesis)."""

import pytest
from schemathesis.specs.openapi.checks import positive_data_acceptance

from harness import fuzz
from harness.document import document, labels

fuzz.register_formats()
EXCHANGE = document("token-exchange")
DECIDED_BY_ITS_FORM = "POST /v1/workspaces/{workspace}/sessions"


@pytest.fixture(scope="module")
def schema():
    # A form that holds a NUL is malformed, which no schema of a form can say.
    return fuzz.schema(EXCHANGE, 10, nul=False)


@pytest.fixture(scope="module")
def inhabited(installation, exchange):
    """A workspace of the name and the apps that cases speak of."""
    made = installation.workspace(fuzz.SLUG)
    for app in fuzz.APPS:
        made.create_app(app, groups=["suite"])
    return made


@pytest.mark.parametrize("label", labels(EXCHANGE))
def test_token_exchange_does_as_its_document_says(schema, exchange, inhabited, label):
    person = inhabited.sign_up(fuzz.APPS[0])
    headers = {
        "Authorization": f"Bearer {inhabited.api_key}",
        "X-Authorization": f"Bearer {person.token()}",
        "Origin": inhabited.apps[fuzz.APPS[0]].origin,
    }
    if label.endswith(("/get-session", "/sign-out")):
        headers["Cookie"] = person.cookie
    # Whether somebody may sign in, and whether a token is good, no schema knows.
    excluded = [] if label == DECIDED_BY_ITS_FORM else [positive_data_acceptance]

    def call(case):
        fuzz.soften(case)
        case.call_and_validate(base_url=exchange.url, headers=headers, timeout=10, excluded_checks=excluded)

    fuzz.attack(schema, label, call)
