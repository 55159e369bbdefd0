"""A request that breaks several rules is answered by the earliest: every combination (contract §3)."""

import contextlib
import itertools

import pytest

from harness.refusals import nothing_written

# Each knob of a request, and for each of its settings the rule it breaks (none when it is as it should be).
KEYS = {
    "a good key": None,
    "no key": (1, 401, "workspace_api_key_required"),
    "a key for other networks": (2, 403, "api_key_scope_denied"),
    "a key for other targets": (7.1, 403, "api_key_scope_denied"),
}
TOKENS = {
    "a good token": None,
    "a forged token": (3, 401, "invalid_access_token"),
    "another workspace's token": (4, 403, "workspace_access_denied"),
    "a suspended member's token": (4, 403, "workspace_access_denied"),
}
BODIES = {
    "a good body": None,
    "a malformed body": (5, 422, "invalid_request"),
    "an unknown app": (6, 404, "app_not_in_workspace"),
    "an app that takes no sessions": (7.2, 403, "sso_group_mismatch"),
    "an app for invited people": (8, 403, "app_access_denied"),
}
STATES = {
    "in order": None,
    "over its limit": (9, 429, "rate_limited"),
    "without a key that signs": (10, 503, "temporarily_unavailable"),
}


def expected(*broken):
    rules = sorted(rule for rule in broken if rule is not None)
    return rules[0][1:] if rules else (200, None)


@pytest.fixture(scope="module")
def scenes(installation, other):
    """A workspace in each state, with everything a combination needs."""
    made = {}
    stranger = other.sign_up().token()
    for state in STATES:
        workspace = installation.workspace()
        workspace.create_app("closed", groups=["suite"], exchange_policy="none")
        workspace.create_app("invited", groups=["suite"], signup_policy="invite_only")
        person, suspended = workspace.sign_up(), workspace.sign_up()
        tokens = {
            "a good token": person.token(),
            "a forged token": person.token()[:-8] + "AAAAAAAA",
            "another workspace's token": stranger,
            "a suspended member's token": suspended.token(),
        }
        suspended.set_membership("acme", "suspended")
        keys = {
            "a good key": workspace.api_key,
            "no key": None,
            "a key for other networks": workspace.new_key(networks=["10.0.0.0/8"]),
            "a key for other targets": workspace.new_key(target_apps=["gamma"]),
        }
        if state == "over its limit":
            workspace.change(exchange_limit=1)
            workspace.database.execute(
                "INSERT INTO rate_windows (workspace_id, subject, window_start, count)"
                " SELECT %s, 'exchange', to_timestamp(floor(extract(epoch FROM now()) / 60) * 60 + n * 60), 1000"
                " FROM generate_series(0, 15) n",
                workspace.uuid,
            )
        elif state == "without a key that signs":
            workspace.force_keys(
                "retires_at = greatest(now(), activates_at), expires_at = activates_at + interval '300 days'"
            )
        workspace.wait_until_served()
        made[state] = (workspace, keys, tokens)
    return made


COMBINATIONS = list(itertools.product(STATES, KEYS, TOKENS, BODIES))


@pytest.mark.parametrize("state, key, token, body", COMBINATIONS, ids=[" and ".join(c) for c in COMBINATIONS])
def test_the_first_rule_that_fails_answers(exchange, scenes, state, key, token, body):
    workspace, keys, tokens = scenes[state]
    content = {
        "a good body": b'{"app_id": "beta"}',
        "a malformed body": b'{"app_id": 7}',
        "an unknown app": b'{"app_id": "nothing"}',
        "an app that takes no sessions": b'{"app_id": "closed"}',
        "an app for invited people": b'{"app_id": "invited"}',
    }[body]
    status, code = expected(STATES[state], KEYS[key], TOKENS[token], BODIES[body])
    headers = {
        "Authorization": keys[key] and f"Bearer {keys[key]}",
        "X-Authorization": f"Bearer {tokens[token]}",
        "Content-Type": "application/json",
    }

    def ask():
        answer = exchange.post(workspace.sessions_path, headers=headers, body=content)
        assert (answer.status, answer.status == 200 or answer.code) == (status, status == 200 or code), answer

    with contextlib.nullcontext() if status == 200 else nothing_written(workspace):
        ask()
