"""What schemathesis is told: which things exist, and what is no news."""

import base64
import itertools
import json
import re
import uuid

import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.pytest.lazy import get_all_tests

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
REPEATS = itertools.count()
# Cases are made before there is a workspace: these stand for things that exist, three of a kind.
KINDS = ["user-id", "session-id", "api-key-id", "admin-token-id", "key-request-id"]
STANDING = {kind: [str(uuid.UUID(int=16 * k + n + 1)) for n in range(3)] for k, kind in enumerate(KINDS)}
STANDING["kid"] = [f"standing-kid-{n}" for n in range(3)]
APPS = ["fuzz-1", "fuzz-2", "fuzz-3"]
GROUPS = ["group-1", "group-2"]
SLUG = "fuzzed"
# What each of them stands for.
THINGS = {}


def cursor(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def register_formats():
    values = {
        "application-id": APPS,
        "sso-group-id": GROUPS,
        "workspace": [SLUG],
        "target-app": ["beta", "acme"],
        "cursor": [cursor("app"), cursor(str(uuid.UUID(int=1)))],
        "audit-cursor": [cursor("1"), cursor("100000")],
        "cookie-domain": ["apps.example.com", "a-1.example.org"],
        **STANDING,
    }
    for name, texts in values.items():
        schemathesis.openapi.format(name, st.sampled_from(texts))
    schemathesis.openapi.format("network", st.ip_addresses().map(str))
    schemathesis.openapi.format(
        "date-time",
        st.datetimes().map(lambda t: t.replace(year=2100 + t.year % 500, day=min(t.day, 28)).isoformat() + "Z"),
    )


def schema(document, examples, nul=True):
    """A document as schemathesis takes it; what is slow to make is left out: long lists, patterns that look ahead."""
    text = re.sub(r'"maxItems": 1000?, ', "", json.dumps(document)).replace("(?=[^@]{1,64}@)", "")
    return schemathesis.openapi.from_dict(json.loads(text), config=configuration(examples, nul))


def attack(schema, label, call):
    """Gives `call` every case of one operation; cases are made now, not when tests are collected."""
    for made in get_all_tests(schema=schema.include(name=label), test_func=call, settings=QUIET, given_kwargs={}):
        made.ok()[1]()


def stand_in(kind, texts):
    """Says what the standing ids of a kind stand for."""
    for n, standing in enumerate(STANDING[kind]):
        THINGS[standing] = texts[n % len(texts)]


def configuration(examples, nul):
    """Every check, the same cases in every run."""
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "generation": {
                "deterministic": True,
                "max-examples": examples,
                "no-shrink": True,
                "allow-x00": nul,
                "allow-extra-parameters": False,
                "database": "none",
            },
            # If-Match speaks of the thing's state, which no schema knows.
            "checks": {
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "3xx", "401", "403", "404", "409", "412", "429", "5xx"]
                }
            },
            "phases": {
                "examples": {"enabled": True},
                # TRACE is answered 501 before there is a route.
                "coverage": {"enabled": True, "unexpected-methods": ["GET", "PUT", "POST", "DELETE", "PATCH"]},
                "fuzzing": {"enabled": True},
            },
        }
    )


def soften(case):
    """Keeps a case of the class it was made for, and quick: short waits, no Idempotency-Key twice, what exists."""
    wait = (case.query or {}).get("wait")
    if isinstance(wait, str) and re.fullmatch(r"0*([0-9]{1,4}|10000)ms|0*([0-9]|10)s", wait):
        case.query["wait"] = "20ms"
    cursor_given = (case.query or {}).get("cursor")
    if isinstance(cursor_given, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,256}", cursor_given):
        # Only what nextCursor said is one.
        case.query["cursor"] = cursor("1" if "audit" in case.path else "app")
    tags = (case.headers or {}).get("If-Match")
    if tags == "0" and case.meta.generation.mode == schemathesis.GenerationMode.POSITIVE:
        # What stands for any text where the pattern was not asked.
        case.headers["If-Match"] = '"0"'
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(r"[!-~]{1,200}", key):
        case.headers["Idempotency-Key"] = f"{key}{next(REPEATS)}"
    for name, value in (case.path_parameters or {}).items():
        case.path_parameters[name] = THINGS.get(value, value) if isinstance(value, str) else value
    if isinstance(case.body, dict):
        _soften_body(case.operation.label, case.body)


def _soften_body(label, body):
    if isinstance(body.get("userId"), str):
        body["userId"] = THINGS.get(body["userId"], body["userId"])
    local, at, domain = body["email"].partition("@") if isinstance(body.get("email"), str) else ("", "", "")
    if len(local) > 64 and "@" not in domain and re.fullmatch(r"[A-Za-z0-9.-]+", domain):
        body["email"] = local[:64].rstrip(".") + at + domain
    password = body.get("password")
    if label.endswith(("/users", "/users/{user}")) and isinstance(password, str) and next(REPEATS) % 8:
        # A hash takes a tenth of a second: one in eight is enough.
        if 8 <= len(password) <= 128 and "\0" not in password:
            del body["password"]
    for name, known in (("appId", APPS), ("ssoGroupId", GROUPS)):
        if isinstance(body.get(name), str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", body[name]):
            body[name] = known[0]
    for name, most, known in [
        *[(name, 1000, APPS) for name in ("apps", "add", "remove", "sourceApps", "targetApps")],
        ("ssoGroups", 100, GROUPS),
    ]:
        ids = body.get(name)
        if isinstance(ids, list) and len(ids) <= most and all(isinstance(each, str) for each in ids):
            if len(set(ids)) == len(ids) and all(re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", each) for each in ids):
                body[name] = known[: len(ids)]
    if label == "PATCH /api/admin/rotation-policy":
        # The lead is less than the interval, which a schema cannot say.
        for name, least, most, base in (
            ("rotationLead", 660, 2_592_000, 1000),
            ("rotationInterval", 3600, 63_072_000, 5_000_000),
        ):
            value = body.get(name)
            if type(value) is int and least <= value <= most:
                body[name] = base + value % 1000
