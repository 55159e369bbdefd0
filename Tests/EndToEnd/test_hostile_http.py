"""Bytes no decent client sends (contract §10): a documented answer in bounded time, nothing written, still alive."""

import socket
import time

import pytest

from harness.raw import exchange_bytes, read_answers, request_bytes
from harness.refusals import nothing_written


@pytest.fixture
def good(workspace, person):
    """The fields of a request that would be allowed."""
    return [
        ("Authorization", f"Bearer {workspace.api_key}"),
        ("X-Authorization", f"Bearer {person.token()}"),
        ("Content-Type", "application/json"),
    ]


BODY = b'{"app_id": "beta"}'


def send(exchange, payload, **options):
    answers = exchange_bytes(exchange.host, exchange.port, payload, **options)
    assert exchange.is_running
    assert exchange.probe("/healthz").status == 200
    return answers


def post(workspace, fields, body=BODY, path=None):
    return request_bytes("POST", path or workspace.sessions_path, fields, body)


def test_the_fields_would_be_allowed(exchange, workspace, good):
    assert send(exchange, post(workspace, good))[0].status == 200


@pytest.mark.parametrize("name", ["Authorization", "X-Authorization", "authorization", "X-AUTHORIZATION"])
@pytest.mark.parametrize("where", ["before", "after"])
def test_two_fields_that_say_who_is_asking_are_400(exchange, workspace, good, name, where):
    table = {key.lower(): value for key, value in good}
    for value in ("Bearer other", table[name.lower()], ""):
        fields = [(name, value), *good] if where == "before" else [*good, (name, value)]
        with nothing_written(workspace):
            answer = send(exchange, post(workspace, fields))[0]
        assert answer.status in (400, 401), answer
        assert answer.json["request_id"]


def test_a_body_of_one_mib_is_413_before_it_is_read(exchange, workspace, good):
    head = request_bytes("POST", workspace.sessions_path, [*good, ("Content-Length", str(2**20))], None)
    with nothing_written(workspace):
        # Not a byte of the body is sent: the length alone decides.
        answer = send(exchange, head)[0]
        assert answer.status == 413 and answer.seconds < 2
        assert answer.json["error"] == answer.json["error_code"]
        answer = send(exchange, head + b"x" * 2**20)
        assert not answer or answer[0].status == 413


def test_a_body_of_one_mib_in_chunks_is_413(exchange, workspace, good):
    head = request_bytes("POST", workspace.sessions_path, [*good, ("Transfer-Encoding", "chunked")], None)
    chunk = b"2000\r\n" + b"x" * 0x2000 + b"\r\n"
    with nothing_written(workspace):
        answers = send(exchange, head + chunk * 128 + b"0\r\n\r\n")
    assert not answers or answers[0].status == 413


def test_a_body_in_chunks_is_as_good_as_one_with_a_length(exchange, workspace, good):
    head = request_bytes("POST", workspace.sessions_path, [*good, ("Transfer-Encoding", "chunked")], None)
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:5], BODY[5:6], BODY[6:]))
    assert send(exchange, head + body + b"0\r\n\r\n")[0].status == 200


def test_64_kib_is_the_largest_body(exchange, workspace, good):
    filler = 65_536 - len(BODY) - len(b', "x": ""')
    exact = b'{"app_id": "beta", "x": "' + b"y" * filler + b'"}'
    assert len(exact) == 65_536
    assert send(exchange, post(workspace, good, exact))[0].status in (200, 422)
    assert send(exchange, post(workspace, good, exact + b" "))[0].status == 413


def test_a_header_block_over_16_kib_is_431(exchange, workspace, good):
    answer = send(exchange, post(workspace, [*good, ("X-Filler", "x" * 17_000)]))[0]
    assert answer.status == 431
    many = [(f"X-F{number}", "y" * 150) for number in range(99)]
    assert send(exchange, post(workspace, [*good, *many]))[0].status == 431


def test_ten_thousand_header_fields_are_431(exchange, workspace, good):
    answers = send(exchange, post(workspace, [*good, *((f"X{number}", "") for number in range(10_000))]))
    assert not answers or answers[0].status == 431


def test_a_header_of_one_mib_ends_the_connection(exchange, workspace, good):
    answers = send(exchange, post(workspace, [*good, ("X-Filler", "x" * 2**20)]))
    assert not answers or answers[0].status == 431


def test_a_token_of_nine_kib_is_a_documented_refusal(exchange, workspace, good):
    fields = [good[0], ("X-Authorization", "Bearer " + "a" * 9216), good[2]]
    with nothing_written(workspace):
        assert send(exchange, post(workspace, fields))[0].status in (401, 431)


def test_a_request_line_over_8_kib_is_414(exchange, workspace, good):
    answer = send(exchange, post(workspace, good, path=workspace.sessions_path + "?" + "q" * 9000))[0]
    assert answer.status in (414, 431)


# Each is one message that two readers may read in two ways. None is served, and nothing after it is.
SMUGGLING = {
    "length and chunks": [b"Content-Length: 18", b"Transfer-Encoding: chunked"],
    "chunks and length": [b"Transfer-Encoding: chunked", b"Content-Length: 18"],
    "two lengths": [b"Content-Length: 18", b"Content-Length: 19"],
    "two equal lengths": [b"Content-Length: 18", b"Content-Length: 18"],
    "a list of lengths": [b"Content-Length: 18, 18"],
    "a signed length": [b"Content-Length: +18"],
    "a negative length": [b"Content-Length: -1"],
    "a hexadecimal length": [b"Content-Length: 0x12"],
    "a length with a space": [b"Content-Length: 1 8"],
    "a length beyond any number": [b"Content-Length: 99999999999999999999"],
    "an empty length": [b"Content-Length:"],
    "a coding we do not know": [b"Transfer-Encoding: gzip"],
    "chunked twice": [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
    "chunked in a list": [b"Transfer-Encoding: chunked, identity"],
    "chunked after another": [b"Transfer-Encoding: identity, chunked"],
    "chunked with something": [b"Transfer-Encoding: xchunked"],
    "chunked in quotes": [b'Transfer-Encoding: "chunked"'],
    "a space before the colon": [b"Content-Length : 18"],
    "a space before the name": [b" Content-Length: 18"],
    "a tab before the name": [b"X-A: 1", b"\tContent-Length: 18"],
    "a folded field": [b"X-A: 1", b" folded"],
    "a field without a colon": [b"Content-Length"],
    "a field without a name": [b": 18"],
    "NUL in a value": [b"X-A: a\x00b", b"Content-Length: 18"],
    "NUL in a name": [b"X\x00A: ab", b"Content-Length: 18"],
    "a bare CR in a value": [b"X-A: a\rb", b"Content-Length: 18"],
    "a bare LF between fields": [b"X-A: a\nX-B: b", b"Content-Length: 18"],
    "a control character": [b"X-A: a\x0bb", b"Content-Length: 18"],
    "two hosts": [b"Host: other", b"Content-Length: 18"],
}


@pytest.mark.parametrize("case", SMUGGLING)
def test_a_message_of_two_meanings_is_refused_and_the_connection_ends(exchange, workspace, good, case):
    lines = [b"POST %s HTTP/1.1" % workspace.sessions_path.encode(), b"Host: 127.0.0.1"]
    lines += [f"{name}: {value}".encode() for name, value in good] + SMUGGLING[case]
    smuggled = request_bytes("GET", "/healthz", [], None)
    with nothing_written(workspace):
        answers = send(exchange, b"\r\n".join(lines) + b"\r\n\r\n" + BODY + smuggled, expect=3)
    assert len(answers) == 1, answers
    assert answers[0].status in (400, 411, 413, 501), answers
    assert answers[0].closed


HEADS = {
    "no host": b"POST {path} HTTP/1.1\r\n{fields}\r\n\r\n",
    "an empty request line": b"\r\n\r\n\r\n\r\n{fields}\r\n\r\n",
    "an unknown version": b"POST {path} HTTP/3.0\r\nHost: a\r\n{fields}\r\n\r\n",
    "version 0.9": b"POST {path}\r\n\r\n",
    "a version like 1.1x": b"POST {path} HTTP/1.1x\r\nHost: a\r\n{fields}\r\n\r\n",
    "a lower-case method": b"post {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\nContent-Length: 0\r\n\r\n",
    "two spaces": b"POST  {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\nContent-Length: 0\r\n\r\n",
    "a tab": b"POST\t{path}\tHTTP/1.1\r\nHost: a\r\n{fields}\r\nContent-Length: 0\r\n\r\n",
    "an absolute target elsewhere": b"POST http://elsewhere/ HTTP/1.1\r\nHost: a\r\n{fields}\r\nContent-Length: 0\r\n\r\n",
    "TRACE": b"TRACE / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n",
    "CONNECT": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: a\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n",
    "the HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "noise": bytes(range(256)) + b"\r\n\r\n",
    "NUL": b"\x00" * 1024 + b"\r\n\r\n",
    "invalid UTF-8 in the path": b"GET /v1/apps/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    "an encoded NUL in the path": b"GET /v1/apps/a%00b HTTP/1.1\r\nHost: a\r\n\r\n",
    "broken percent signs": b"GET /v1/apps/%zz%f%% HTTP/1.1\r\nHost: a\r\n\r\n",
    "overlong UTF-8": b"GET /v1/apps/%c0%af HTTP/1.1\r\nHost: a\r\n\r\n",
    "dots": b"GET /v1/../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("case", HEADS)
def test_a_head_that_is_not_http_1_1_is_4xx_or_505_never_500(exchange, workspace, good, case):
    fields = b"\r\n".join(f"{name}: {value}".encode() for name, value in good)
    payload = HEADS[case].replace(b"{path}", workspace.sessions_path.encode()).replace(b"{fields}", fields)
    with nothing_written(workspace):
        answers = send(exchange, payload)
    for answer in answers:
        assert 400 <= answer.status < 500 or answer.status in (501, 505), answer
        assert answer.seconds < 7


CHUNKS = {
    "no number": b"\r\n",
    "not hexadecimal": b"xyz\r\n",
    "negative": b"-5\r\n",
    "beyond any number": b"f" * 32 + b"\r\n",
    "signed": b"+12\r\n",
    "0x": b"0x12\r\n",
    "a bare LF": b"12\n" + BODY + b"\n0\n\n",
    "too long data": b"2\r\nabcdef\r\n0\r\n\r\n",
    "spaces": b" 12 \r\n" + BODY + b"\r\n0\r\n\r\n",
    "an endless extension": b"12;" + b"x" * 70_000 + b"\r\n",
}


@pytest.mark.parametrize("case", CHUNKS)
def test_chunks_that_are_none_are_400(exchange, workspace, good, case):
    head = request_bytes("POST", workspace.sessions_path, [*good, ("Transfer-Encoding", "chunked")], None)
    smuggled = request_bytes("GET", "/healthz", [], None)
    with nothing_written(workspace):
        answers = send(exchange, head + CHUNKS[case] + smuggled, expect=3)
    assert len(answers) <= 1 and all(answer.status in (400, 413) for answer in answers), answers


def test_pipelined_requests_are_answered_in_order(exchange, workspace, good):
    one = post(workspace, [*good, ("X-Request-Id", "first")])
    two = post(workspace, [("X-Request-Id", "second")])
    three = request_bytes("GET", "/healthz", [("X-Request-Id", "third")], None)
    answers = send(exchange, one + two + three, expect=3)
    assert [(a.status, a.header("X-Request-Id")) for a in answers] == [(200, "first"), (401, "second"), (200, "third")]


def test_expect_100_continue_is_honoured(exchange, workspace, good):
    head = request_bytes(
        "POST", workspace.sessions_path, [*good, ("Expect", "100-continue"), ("Content-Length", "18")], None
    )
    with socket.create_connection((exchange.host, exchange.port), timeout=10) as connection:
        connection.sendall(head)
        assert connection.recv(12) == b"HTTP/1.1 100"
        connection.sendall(BODY)
        connection.recv(64, socket.MSG_PEEK)
        remaining = b""
        while b"\r\n\r\n" not in remaining:
            remaining += connection.recv(1)
        assert read_answers(connection, 1)[0].status == 200


def dribble(exchange, head, pieces, pause, patience):
    """Sends slowly until the server answers or ends; answers the seconds that took and the answers."""
    started = time.monotonic()
    with socket.create_connection((exchange.host, exchange.port), timeout=patience) as connection:
        connection.sendall(head)
        connection.settimeout(pause)
        for piece in pieces:
            try:
                if not connection.recv(1, socket.MSG_PEEK):
                    return time.monotonic() - started, []
                break
            except TimeoutError:
                pass
            except ConnectionResetError:
                return time.monotonic() - started, []
            try:
                connection.sendall(piece)
            except OSError:
                break
        connection.settimeout(patience)
        return time.monotonic() - started, read_answers(connection, 1)


def test_a_body_that_dribbles_in_is_408_within_the_deadline(exchange, workspace, good):
    head = request_bytes("POST", workspace.sessions_path, [*good, ("Content-Length", "4000")], None)
    with nothing_written(workspace):
        seconds, answers = dribble(exchange, head, [b"x"] * 200, 0.2, 15)
    assert seconds < 13
    assert not answers or answers[0].status == 408, answers


def test_a_body_that_never_comes_is_408_within_the_deadline(exchange, workspace, good):
    head = request_bytes("POST", workspace.sessions_path, [*good, ("Content-Length", "18")], None)
    with nothing_written(workspace):
        seconds, answers = dribble(exchange, head, [b""] * 3, 5, 15)
    assert seconds < 16
    assert not answers or answers[0].status == 408, answers


def test_headers_that_dribble_in_are_408_within_the_deadline(exchange, workspace):
    head = f"POST {workspace.sessions_path} HTTP/1.1\r\nHost: a\r\n".encode()
    seconds, answers = dribble(exchange, head, [b"X-A: b\r\n"] * 200, 0.1, 10)
    assert seconds < 8
    assert not answers or answers[0].status == 408, answers


def test_two_hundred_dribbling_clients_do_not_slow_a_decent_one(exchange, workspace, person):
    idle = [socket.create_connection((exchange.host, exchange.port), timeout=10) for _ in range(200)]
    try:
        for connection in idle:
            connection.sendall(f"POST {workspace.sessions_path} HTTP/1.1\r\nHost: a\r\nX-A: ".encode())
        token = person.token()
        times = [workspace.exchange(token).seconds for _ in range(20)]
        assert sorted(times)[10] < 1, times
    finally:
        for connection in idle:
            connection.close()


@pytest.mark.parametrize("value", [b"Bearer \xff\xfe", b"Bearer caf\xc3\xa9", b"B\xe9arer x", b"Bearer \xe2\x80\x8b"])
def test_credentials_that_are_not_ascii_are_refused(exchange, workspace, good, value):
    for name in ("Authorization", "X-Authorization"):
        fields = [(key, val) for key, val in good if key != name] + [(name, value)]
        with nothing_written(workspace):
            assert send(exchange, post(workspace, fields))[0].status in (400, 401)


@pytest.mark.parametrize("value", ["../../x", "a b", "x" * 65, "{}", "é", "", "a;b", '"quoted"', "<script>"])
def test_a_request_id_that_is_not_well_formed_is_replaced(exchange, value):
    answer = send(exchange, request_bytes("GET", "/healthz", [("X-Request-Id", value)], None))[0]
    assert answer.status == 200
    made = answer.header("X-Request-Id")
    assert made != value and made.isalnum()
