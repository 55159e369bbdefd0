"""The three programs as processes."""

import os
import pathlib
import re
import signal
import subprocess
import threading
import time

from .client import Client
from .cluster import ROOT
from .ports import free_port
from .waiting import until


def binary(name):
    return str(pathlib.Path(os.environ.get("BIN_PATH", ROOT / ".build" / "debug")) / name)


def missing_programs():
    """The programs that are not where they are looked for."""
    return [
        path for path in map(binary, ("token-exchange", "sso-admin", "key-rotator")) if not os.access(path, os.X_OK)
    ]


def plain_environment():
    """The variables a program needs to run at all, none of ours."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ}


def run_program(name, *arguments, environment=None, timeout=60, cwd=ROOT):
    """Runs a command to its end."""
    return subprocess.run(
        [binary(name), *arguments],
        env={**plain_environment(), **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        check=False,
    )


def start_program(name, *arguments, environment=None, prefix=()):
    """Starts a command that ends by itself."""
    return subprocess.Popen(
        [*prefix, binary(name), *arguments],
        env={**plain_environment(), **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


class Service:
    """A running program that answers HTTP."""

    def __init__(self, name, command, environment, log, port=None, host="127.0.0.1", prefix=(), ready=True):
        self.name = name
        self.host = host
        self.port = port or free_port()
        self.log_path = pathlib.Path(log)
        self.environment = {**plain_environment(), "HTTP_HOST": host, "HTTP_PORT": str(self.port), **environment}
        self._command = [*prefix, binary(name), command]
        self.process = None
        self.start(ready)

    def start(self, ready=True):
        self._clients = threading.local()
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT
            )
        if ready:
            self.wait_ready()

    @property
    def pid(self):
        return self.process.pid

    @property
    def is_running(self):
        return self.process.poll() is None

    @property
    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def troubles(self, most=60):
        """The last lines of its log that are not of requests that went well."""
        lines = [line for line in self.log.splitlines() if not re.search(r" status=[1-4]\d\d$", line)]
        return "\n".join(lines[-most:])

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    def client(self, **options):
        """A connection of its own."""
        return Client(self.host, self.port, **options)

    def request(self, *arguments, **options):
        """A request over this thread's connection."""
        client = getattr(self._clients, "client", None)
        if client is None:
            client = self._clients.client = self.client()
        try:
            return client.request(*arguments, **options)
        except OSError as failure:
            until(
                lambda: self.process.poll() is not None or self.probe("/healthz"),
                1.0,
                what=f"{self.name} lives or has ended",
            )
            assert self.is_running, f"{self.name} ended with {self.process.returncode}:\n{self.log[-6000:]}"
            raise failure

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)

    def probe(self, path="/readyz", timeout=3.0):
        """The answer over a new connection, or None when there is none."""
        client = self.client(timeout=timeout)
        try:
            return client.get(path)
        except OSError:
            return None
        finally:
            client.close()

    def metric(self, name):
        """What `/metrics` says of a figure that has no labels."""
        answer = self.probe("/metrics")
        found = answer and re.search(rf"^{name} (\S+)$", answer.text, re.MULTILINE)
        return float(found[1]) if found else None

    @property
    def is_ready(self):
        answer = self.probe()
        return answer is not None and answer.status == 200

    def wait_ready(self, within=30.0):
        def look():
            assert self.is_running, f"{self.name} ended with {self.process.returncode}:\n{self.log[-3000:]}"
            return self.is_ready

        until(look, within, every=0.03, what=f"{self.name} is ready")

    def settle(self, within=10.0):
        """Waits until it has read what it knows anew: what it says of itself may be some seconds old."""
        began = time.time()
        until(
            lambda: (self.metric("change_feed_confirmed_timestamp_seconds") or 0) > began,
            within,
            what=lambda: f"{self.name} reads its configuration\n{self.troubles()}",
        )

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, within=30.0):
        return self.process.wait(within)

    def stop(self, within=30.0):
        """SIGTERM, and what the program ends with."""
        if self.is_running:
            self.signal(signal.SIGTERM)
        return self.wait(within)

    def kill(self):
        if self.is_running:
            self.signal(signal.SIGKILL)
        self.wait(10)
