"""A proxy to PostgreSQL that reads the protocol, so that a test may act at any statement of a program."""

import collections
import socket
import threading

from .ports import free_port

STARTUP = 196608

# What makes the server do something: one statement of a pipeline, the end of a pipeline, and a simple query.
KINDS = {b"E": "execute", b"S": "sync", b"Q": "query"}


class Step:
    """One thing a program asks of the server: its number over all connections, its kind, and the statement."""

    def __init__(self, number, kind, text):
        self.number = number
        self.kind = kind
        self.text = text

    @property
    def is_answered(self):
        """Whether the server says at once that it is done; a statement of a pipeline waits for the pipeline's end."""
        return self.kind != "execute"

    def __repr__(self):
        return f"<{self.number} {self.kind} {self.text[:60]}>"


class Tap:
    """Passes everything on; asks `before(step)` first, and `after(step)` when its answer is there but held back.

    Both are called one at a time over all connections. When either answers False the line is cut at that place.
    """

    def __init__(self, host, port, before=None, after=None):
        self._target = (host, port)
        self.before = before or (lambda step: True)
        self.after = after or (lambda step: True)
        self.host = "127.0.0.1"
        self.port = free_port()
        self.steps = []
        self.lock = threading.RLock()
        self._listener = socket.create_server((self.host, self.port), backlog=32)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Takes no more connections; those there are end with their program."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def url(self, database, user):
        return database.url(user, host=self.host, port=self.port, query="?sslmode=disable&gssencmode=disable")

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            _Line(self, near, socket.create_connection(self._target, timeout=10)).start()

    def step(self, kind, text):
        step = Step(len(self.steps) + 1, kind, text)
        self.steps.append(step)
        return step


class _Line:
    """One connection and its two directions."""

    def __init__(self, tap, near, far):
        self._tap = tap
        self._near = near
        self._far = far
        far.settimeout(None)
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._prepared = {}
        self._bound = ""
        # What is not answered yet; the first answer of all is to the start-up.
        self._waiting = collections.deque([None])

    def start(self):
        for direction in (self._requests, self._answers):
            threading.Thread(target=self._until_cut, args=(direction,), daemon=True).start()

    def _until_cut(self, direction):
        try:
            direction()
        except OSError:
            pass
        for end in (self._near, self._far):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _requests(self):
        reader = self._near.makefile("rb")
        started = False
        while frame := _frame(reader, started):
            kind, body = frame[:1] if started else b"", frame[5 if started else 4 :]
            if not started:
                started = int.from_bytes(body[:4], "big") == STARTUP
            elif kind == b"P":
                name, text = body.split(b"\0", 2)[:2]
                self._prepared[name] = " ".join(text.decode(errors="replace").split())
            elif kind == b"B":
                self._bound = self._prepared.get(body.split(b"\0", 2)[1], "?")
            if kind in KINDS:
                text = body.rstrip(b"\0").decode(errors="replace") if kind == b"Q" else self._bound
                with self._tap.lock:
                    step = self._tap.step(KINDS[kind], text)
                    if not self._tap.before(step):
                        return
                    if step.is_answered:
                        self._waiting.append(step)
            self._far.sendall(frame)

    def _answers(self):
        reader = self._far.makefile("rb")
        held = b""
        while frame := _frame(reader, True):
            held += frame
            if frame[:1] == b"Z":
                step = self._waiting.popleft()
                with self._tap.lock:
                    if step is not None and not self._tap.after(step):
                        return
            elif self._waiting:
                continue
            self._near.sendall(held)
            held = b""


def _frame(reader, typed):
    """The next message as it came; empty at the end. Before the start-up message there is no type."""
    head = reader.read(5 if typed else 4)
    if len(head) < (5 if typed else 4):
        return b""
    return head + reader.read(int.from_bytes(head[-4:], "big") - 4)
