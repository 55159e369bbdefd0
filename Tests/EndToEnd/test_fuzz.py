"""Requests spoilt at random: never a 500, never a hang, nothing written that was not asked for."""

import random
import time

import pytest

from harness.raw import exchange_bytes, request_bytes

# In all, over keep-alive-less connections; a second or two per thousand.
ROUNDS = 1500
PIECES = [
    b"\x00",
    b"\xff",
    b"\r",
    b"\n",
    b"\r\n",
    b" ",
    b":",
    b"%00",
    b"%ff",
    b"..",
    b"/",
    b"{",
    b"}",
    b"[",
    b'"',
    b"\\u0000",
    b"Bearer ",
    b"null",
    b"1e999",
    b"-0",
    b"\xf0\x9f\x92\xa9",
    b"A" * 300,
    b"Content-Length: 5\r\n",
    b"HTTP/1.1",
    b";",
    b"=",
]


def spoil(chance, data):
    data = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0 and place < len(data):
            data[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[place:place] = chance.choice(PIECES)
        elif kind == 2:
            del data[place : place + chance.randint(1, 12)]
        elif kind == 3:
            data[place:place] = data[place : place + chance.randint(1, 40)]
        else:
            other = chance.randrange(len(data) + 1)
            data[place : place + 3] = data[other : other + 3]
    return bytes(data)


def templates(workspace, session, source):
    beta = workspace.apps["beta"].client_id
    yield lambda: request_bytes(
        "POST",
        workspace.sessions_path,
        [*workspace.exchange_headers(source), ("Content-Type", "application/json")],
        b'{"app_id": "beta"}',
    )
    yield lambda: request_bytes(
        "POST", f"/v1/auth/{beta}/tokens/refresh/verify", [("X-Refresh-Token", session["refresh"])]
    )
    yield lambda: request_bytes("GET", f"/v1/auth/{beta}/current_user", [("X-Authorization", session["access"])], None)
    yield lambda: request_bytes("GET", f"/v1/auth/{beta}/.well-known/jwks.json?x=1", [("If-None-Match", '"x"')], None)
    yield lambda: request_bytes(
        "POST",
        workspace.routes + "/sign-in/email",
        [("Origin", workspace.apps["acme"].origin), ("Content-Type", "application/json"), ("Cookie", "a=b; c")],
        b'{"email": "nobody", "password": 1}',
    )


@pytest.mark.timeout(300)
def test_requests_spoilt_at_random_never_break_the_service(exchange, workspace, person):
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    session, source = person.exchanged(), person.token()
    makers = list(templates(workspace, session, source))
    users, started = workspace.count("users"), time.monotonic()
    for number in range(ROUNDS):
        payload = spoil(chance, chance.choice(makers)())
        began = time.monotonic()
        # The sender ends its side, so a request that is now too short ends too.
        answers = exchange_bytes(exchange.host, exchange.port, payload + b"\r\n\r\n", timeout=15, half_close=True)
        for answer in answers:
            assert answer.status < 500 or answer.status in (501, 505), (seed, number, payload, answer)
        assert time.monotonic() - began < 14, (seed, number, payload)
    assert exchange.is_running
    assert workspace.exchange(source).status == 200
    assert workspace.count("users") == users
    assert time.monotonic() - started < 280


@pytest.mark.timeout(200)
def test_bodies_spoilt_at_random_are_200_or_422(exchange, workspace, person):
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    source = person.token()
    headers = [*workspace.exchange_headers(source), ("Content-Type", "application/json")]
    body = b'{"app_id": "nothing", "a": [1, 2.5e3, true, null, "\\u00e9"], "b": {"c": "d"}}'
    sessions = workspace.count("sessions")
    for number in range(ROUNDS):
        spoilt = spoil(chance, body)
        answer = exchange.post(workspace.sessions_path, headers=headers, body=spoilt)
        assert answer.status in (404, 422), (seed, number, spoilt, answer)
    assert workspace.count("sessions") == sessions
