"""Load from wrk and the yardstick of OpenSSL."""

import json
import os
import pathlib
import re
import subprocess

from rig import Failure

HERE = pathlib.Path(__file__).resolve().parent
CONNECTIONS = 32
THREADS = 2


class Result:
    """What one run of wrk saw."""

    def __init__(self, fields):
        self.requests, self.seconds = fields["requests"], fields["seconds"]
        self.p50, self.p99, self.slowest = fields["p50_ms"], fields["p99_ms"], fields["max_ms"]
        self.refused, self.broken = fields["refused"], fields["broken"]

    @property
    def rate(self):
        return (self.requests - self.refused) / self.seconds

    @property
    def errors(self):
        return self.refused + self.broken

    def __str__(self):
        return (
            f"{self.rate:,.0f}/s, p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms, slowest {self.slowest:.0f} ms, "
            f"{self.errors} errors"
        )


def wrk(url, script, arguments, seconds):
    done = subprocess.run(
        ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s",
         "-s", HERE / "lua" / script, url, "--", *map(str, arguments)],
        env={**os.environ, "BENCHMARKS": str(HERE)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds + 60, check=False,
    )  # fmt: skip
    found = re.search(r"^RESULT (\{.*\})$", done.stdout, re.M)
    if found is None:
        raise Failure(f"wrk failed:\n{done.stdout}{done.stderr}")
    return Result(json.loads(found.group(1)))


class Requests:
    """A list of requests in a file for replay.lua, which keeps credentials off command lines."""

    def __init__(self, file, method, path, headers=None, varying="", values=(), body=""):
        lines = [method, path, body, varying]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()] + ["", *values]
        self.file = file
        file.write_text("\n".join(lines) + "\n")

    def run(self, url, seconds, warm_up=3):
        if warm_up:
            wrk(url, "replay.lua", [self.file], warm_up)
        return wrk(url, "replay.lua", [self.file], seconds)


def exchanges(rig, workspace):
    return Requests(
        rig.folder / f"exchange.{workspace.slug}",
        "POST",
        workspace.exchange_path,
        {"Authorization": f"Bearer {workspace.api_key}", "Content-Type": "application/json"},
        "X-Authorization",
        [f"Bearer {token}" for token in workspace.access_tokens],
        json.dumps({"app_id": "target"}),
    )


def refreshes(rig, service, workspace, seconds):
    """Chains of refreshes. A token works once, so warming up takes sessions of its own."""
    path = f"/v1/auth/{workspace.target['client_id']}/tokens/refresh"
    share = len(workspace.refresh_tokens) // 3
    warm_up, measured = rig.folder / "refresh.warm-up", rig.folder / "refresh.measured"
    warm_up.write_text("\n".join([path, *workspace.refresh_tokens[:share]]) + "\n")
    measured.write_text("\n".join([path, *workspace.refresh_tokens[share:]]) + "\n")
    wrk(service.url, "refresh.lua", [warm_up, THREADS], 3)
    return wrk(service.url, "refresh.lua", [measured, THREADS], seconds)


def rsa_signatures(cores):
    """RSA-2048 signatures a second that OpenSSL makes on all cores."""
    done = subprocess.run(
        ["openssl", "speed", "-seconds", "3", "-multi", str(cores), "rsa2048"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"^rsa\s*2048 bits\s+\S+s?\s+\S+s?\s+([\d.]+)", done.stdout, re.M)
    if found is None:
        raise Failure(f"openssl speed printed no rsa 2048 line:\n{done.stdout}")
    return float(found.group(1))
