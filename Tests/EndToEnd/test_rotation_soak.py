"""Keys change every few seconds under load, and whoever verifies tokens by the rules never meets one it cannot.

`SOAK_SECONDS` is how long (16 unless set; 60 and more for a whole soak).

Only this test's own database is hasty: its superuser replaces the two functions that the guards and the worker take
their times from, and takes away the limits of policies and lifetimes. The guards themselves are all in force, and
nothing of the kind can be set in the product. What is short keeps its proportions: a key is published for as long as
a relying party may keep what it fetched, and then for as long again.
"""

import heapq
import os
import threading
import time

import jwt
import pytest

from harness.appapi import AppAPI
from harness.load import Load
from harness.people import cookies_of
from harness.tokens import header_of
from harness.waiting import until

SECONDS = float(os.environ.get("SOAK_SECONDS", "16"))

pytestmark = [pytest.mark.fault, pytest.mark.timeout(int(SECONDS) + 120)]

# Seconds: what takes the place of 600 (max-age), of 660, 60 and 90 days, and of an hour and a week.
MAX_AGE, PUBLICATION, MARGIN, INTERVAL = 1.5, 3, 2, 3
ACCESS, REFRESH = 6, 10

HASTE = f"""
    CREATE OR REPLACE FUNCTION key_publication() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
        AS $$ SELECT interval '{PUBLICATION} seconds' $$;
    CREATE OR REPLACE FUNCTION key_margin() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
        AS $$ SELECT interval '{MARGIN} seconds' $$;
    ALTER TABLE workspaces
        DROP CONSTRAINT workspaces_rotation_interval,
        DROP CONSTRAINT workspaces_rotation_lead,
        DROP CONSTRAINT workspaces_rotation_order;
    ALTER TABLE apps DROP CONSTRAINT apps_access_expiration, DROP CONSTRAINT apps_refresh_expiration;
"""


class RelyingParty:
    """Verifies as a backend does, and by the letter: it keeps what it fetched for max-age, and never asks sooner.

    PyJWT's client would fetch again for a key it does not know, which hides one that was published too late; so the
    key is looked up in what the client keeps.
    """

    def __init__(self, url, issuer):
        self._client = jwt.PyJWKClient(url, cache_jwk_set=True, lifespan=MAX_AGE)
        self._issuer = issuer
        self.kids = set()

    def verify(self, token):
        kid = header_of(token)["kid"]
        kept = {key.key_id: key for key in self._client.get_jwk_set().keys}
        assert kid in kept, f"{kid} is not among {sorted(kept)}"
        key = kept[kid]
        jwt.decode(token, key, [key.algorithm_name], issuer=self._issuer, options={"verify_aud": False})
        self.kids.add(kid)


class Audit:
    """Every token that was given out is verified at once, and again just before it ends."""

    def __init__(self, relying_parties):
        self._parties = relying_parties
        self._queue = []
        self._changed = threading.Condition()
        self._closed = False
        self.failures = []
        self.verified = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def take(self, token):
        expiry = jwt.decode(token, options={"verify_signature": False})["exp"]
        with self._changed:
            for due in (time.time(), expiry - 0.7):
                heapq.heappush(self._queue, (due, token, expiry))
            self._changed.notify()

    def close(self):
        """Ends when every token was seen twice."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(REFRESH + 30)
        assert not self._thread.is_alive()

    def _run(self):
        while True:
            with self._changed:
                while not self._queue or self._queue[0][0] > time.time():
                    if self._closed and not self._queue:
                        return
                    self._changed.wait(max(0.0, self._queue[0][0] - time.time()) if self._queue else None)
                _, token, expiry = heapq.heappop(self._queue)
            # Whatever keeps this thread for longer is no fault of the token's.
            if time.time() < expiry - 0.2:
                self._look(token)

    def _look(self, token):
        try:
            for party in self._parties:
                party.verify(token)
        except Exception as failure:  # noqa: BLE001 - whatever went wrong is what is recorded
            self.failures.append((time.time(), header_of(token), repr(failure)))
        self.verified += 1


@pytest.fixture(scope="module")
def installation(installation):
    installation.database.execute(HASTE)
    return installation


@pytest.fixture
def hasty(installation):
    """A workspace whose keys and tokens live for seconds."""
    workspace = installation.workspace(keys=False)
    for app in workspace.apps:
        workspace.change_app(app, access_expiration=ACCESS, refresh_expiration=REFRESH)
    workspace.change(rotation_interval=INTERVAL, rotation_lead=1)
    return workspace


class Visitor:
    """Somebody who uses one node, and signs in again well before a session ends with its refresh token's life."""

    def __init__(self, workspace, audit, node):
        self.workspace = workspace
        self.audit = audit
        self.node = node
        self._person = workspace.sign_up()
        self._beta = AppAPI(node, workspace.apps["beta"].client_id)
        self._ends = time.monotonic() + REFRESH / 2
        self._session = None

    def _stay_signed_in(self):
        if time.monotonic() < self._ends:
            return
        answer = self._person.sign_in(service=self.node)
        assert answer.status == 200, answer
        self._person.cookie = cookies_of(answer)
        self._ends = time.monotonic() + REFRESH / 2
        self._session = None

    def exchange(self, client):
        """With a token that is new each time, as a browser's page would have it."""
        self._stay_signed_in()
        source = self._person.token(service=self.node)
        self.audit.take(source)
        headers = self.workspace.exchange_headers(source)
        answer = client.post(self.workspace.sessions_path, headers=headers, json={"app_id": "beta"})
        if answer.status == 200:
            self.audit.take(answer.json["access"])
        return answer

    def refresh(self, client):
        """A session that lives by refreshes, and is asked for with each token it gets."""
        self._stay_signed_in()
        if self._session is None:
            answer = self.exchange(client)
        else:
            answer = self._beta.refresh(self._session["refresh"], client=client)
        if answer.status != 200:
            return answer
        self._session = answer.json
        self.audit.take(self._session["access"])
        return self._beta.current_user(self._session["access"], client=client)


def test_no_token_is_refused_while_keys_change_under_load(installation, hasty, record_property):
    nodes = [installation.exchange, installation.start_exchange(SHUTDOWN_DRAIN="0s")]
    rotators = [installation.start_rotator(SHUTDOWN_DRAIN="0s") for _ in range(2)]
    until(lambda: hasty.count("signing_keys") >= 2, 20, what="the first key and its standby")
    hasty.wait_until_served()
    path = f"/v1/auth/{hasty.apps['beta'].client_id}/.well-known/jwks.json"
    parties = [RelyingParty(node.url + path, hasty.issuer) for node in nodes]
    audit = Audit(parties)
    started = time.monotonic()
    visits = [Visitor(hasty, audit, node).exchange for node in nodes]
    visits += [Visitor(hasty, audit, node).refresh for node in nodes]
    loads = [
        Load(lambda _, node=node: node.client(), visit, threads=1, pause=0.02)
        for node, visit in zip(nodes * 2, visits)
    ]
    for load in loads:
        load.__enter__()
    try:
        until(lambda: time.monotonic() - started > SECONDS, SECONDS + 30, every=0.2)
    finally:
        for load in loads:
            load.stop()
    audit.close()
    outcomes = [outcome for load in loads for outcome in load.outcomes]
    refused = [outcome for outcome in outcomes if outcome.status != 200]
    rotations = hasty.database.value(
        "SELECT count(*) - 1 FROM signing_keys WHERE workspace_id = %s AND activates_at <= now()", hasty.uuid
    )
    for name, value in {"calls": len(outcomes), "verified": audit.verified, "rotations": rotations}.items():
        record_property(name, value)
    assert refused == [], ([load.summary for load in loads], [outcome.answer for outcome in refused[:3]])
    assert audit.failures == [], (len(audit.failures), audit.verified, audit.failures[:3])
    assert rotations >= SECONDS / 6 and len(parties[0].kids) >= SECONDS / 6, (rotations, parties[0].kids)
    assert audit.verified > 20 * SECONDS
    # Not for want of anything happening: keys came and went, each with its private half.
    gone = hasty.keys("kid, sealed_private_key IS NULL", "expires_at <= now()")
    assert gone and all(is_erased for _, is_erased in gone), gone
    assert hasty.keys("kid", "haste = 'emergency'") == []
    for service in rotators:
        assert service.stop() == 0
