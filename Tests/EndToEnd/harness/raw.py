"""HTTP as an attacker speaks it: bytes on a socket."""

import socket
import time

from .client import Answer


class RawAnswer(Answer):
    """An answer, and whether the server closed the connection after it."""

    def __init__(self, status, headers, body, seconds, closed):
        super().__init__(status, headers, body, seconds)
        self.closed = closed


def exchange_bytes(host, port, payload, timeout=20.0, expect=1, half_close=False):
    """Sends bytes, then perhaps the end of them, and reads up to `expect` answers: fewer when the server closed."""
    started = time.monotonic()
    with socket.create_connection((host, port), timeout=timeout) as connection:
        connection.settimeout(timeout)
        try:
            connection.sendall(payload)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The server may answer and close before it has read everything.
        return read_answers(connection, expect, started)


def read_answers(connection, expect, started=None):
    started = started or time.monotonic()
    reader = connection.makefile("rb")
    answers = []
    while len(answers) < expect:
        try:
            line = reader.readline()
        except (ConnectionResetError, BrokenPipeError):
            break
        if not line:
            break
        status = int(line.split()[1])
        headers = []
        while field := reader.readline().strip():
            name, _, value = field.partition(b":")
            headers.append((name.decode("latin-1"), value.strip().decode("latin-1")))
        table = {name.lower(): value for name, value in headers}
        body = _body(reader, status, table)
        if status == 100:
            continue
        closes = table.get("connection", "").lower() == "close"
        answers.append(RawAnswer(status, headers, body, time.monotonic() - started, closes))
        if closes:
            break
    return answers


def _body(reader, status, headers):
    if status in (100, 204, 304):
        return b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while size := int(reader.readline().split(b";")[0], 16):
            body += reader.read(size)
            reader.readline()
        reader.readline()
        return body
    if "content-length" in headers:
        return reader.read(int(headers["content-length"]))
    return reader.read()


def request_bytes(method, path, headers, body=b"", host="127.0.0.1"):
    """A well formed request out of whatever bytes the fields hold."""
    lines = [f"{method} {path} HTTP/1.1".encode(), f"Host: {host}".encode()]
    for name, value in headers:
        name = name if isinstance(name, bytes) else name.encode()
        value = value if isinstance(value, bytes) else value.encode()
        lines.append(name + b": " + value)
    if body is not None:
        lines.append(b"Content-Length: " + str(len(body)).encode())
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")
