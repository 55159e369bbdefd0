"""What every refusal looks like, and that it leaves nothing behind."""

import contextlib
import re

SENTENCE = re.compile(r"^[A-Z].*[.]$")


def assert_refused(answer, status, code, field=None):
    assert (answer.status, answer.code) == (status, code), answer
    body = answer.json
    assert body["error_code"] == code
    assert SENTENCE.match(body["message"]) and "\n" not in body["message"]
    assert body["request_id"] == answer.header("X-Request-Id")
    assert set(body) <= {"error", "error_code", "message", "request_id", "details"}
    assert answer.header("Content-Type").startswith("application/json")
    if field is not None:
        assert body["details"]["field"] == field, body


@contextlib.contextmanager
def nothing_written(workspace):
    before = workspace.footprint()
    yield
    assert workspace.footprint() == before
