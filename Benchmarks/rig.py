"""The machinery a measurement stands on: a private PostgreSQL, Breezeway's programs, and their ends."""

import base64
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
POSTGRES = ROOT / "deploy/local/postgres.sh"

# Everything is on this machine, whatever proxy leads out of it.
os.environ["no_proxy"] = "127.0.0.1,localhost"


class Failure(Exception):
    """The rig could not do what was asked; the message is for a person."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def say(text):
    print(f"==> {text}", flush=True)


class Rig(contextlib.AbstractContextManager):
    """A durable cluster in a folder of its own and whatever was started on it; all of it is gone at the end."""

    def __init__(self, binaries, log_level="info"):
        self.binaries = pathlib.Path(binaries).resolve()
        self.log_level = log_level
        # Not /tmp, which is memory on some machines: the figures are about a disk.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="breezeway-bench.", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.port = free_port()
        self.services = []

    def __enter__(self):
        try:
            self.cluster = self.folder / "cluster"
            subprocess.run([POSTGRES, "start", self.cluster, str(self.port), "durable"], check=True)
            self.password = (self.cluster / "superuser.password").read_text().strip()
            keys = self.folder / "master-keys"
            keys.touch(mode=0o600)
            keys.write_text("bench:" + base64.b64encode(os.urandom(32)).decode() + "\n")
            return self
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def close(self):
        for service in list(self.services):
            service.stop()
        subprocess.run([POSTGRES, "remove", self.folder / "cluster"], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, text, database="breezeway"):
        """Runs statements as superuser and returns the rows of the last one as text."""
        done = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
            input=text,
            env={
                **os.environ,
                "PGHOST": "127.0.0.1",
                "PGPORT": str(self.port),
                "PGUSER": "breezeway",
                "PGPASSWORD": self.password,
                "PGDATABASE": database,
                "PGOPTIONS": "-c client_min_messages=warning",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Failure(f"SQL failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def environment(self, database="breezeway", port=None, database_port=None):
        """The variables of a service. Its role follows from the program, so the superuser's URL will do."""
        http_port = port or free_port()
        return {
            # OPENSSL_ia32cap hides abilities of the processor from libcrypto, here as in `openssl speed`.
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "OPENSSL_ia32cap") if name in os.environ},
            "DATABASE_URL": f"postgresql://breezeway:{self.password}@127.0.0.1:{database_port or self.port}"
            f"/{database}?sslmode=disable&gssencmode=disable",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_PORT": str(http_port),
            # The same for every process, since issuers and links are stored.
            "PUBLIC_URL": "http://127.0.0.1:8080",
            "MASTER_KEYS_FILE": str(self.folder / "master-keys"),
            "LOG_LEVEL": self.log_level,
            "LOG_FORMAT": "json",
            "SHUTDOWN_DRAIN": "0s",
        }

    def run(self, program, *arguments, database="breezeway"):
        done = subprocess.run(
            [self.binaries / program, *arguments],
            env=self.environment(database),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Failure(f"{program} {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def admin(self, *arguments):
        return json.loads(self.run("sso-admin", *arguments))

    def serve(self, **environment):
        """Starts token-exchange and waits until it is ready."""
        return self.start("token-exchange", "serve", self.environment(**environment))

    def start_worker(self, **environment):
        """Starts key-rotator and waits until it is ready."""
        return self.start("key-rotator", "run", self.environment(**environment))

    def start(self, program, command, environment):
        service = Service(self, program, command, environment)
        self.services.append(service)
        service.wait_ready()
        return service


class Service:
    """One running program."""

    def __init__(self, rig, program, command, environment):
        self.rig = rig
        self.program = program
        self.url = f"http://127.0.0.1:{environment['HTTP_PORT']}"
        self.log = rig.folder / f"{program}.{environment['HTTP_PORT']}.log"
        self.started = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [rig.binaries / program, command],
                env=environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.seconds_to_ready = None

    def wait_ready(self):
        deadline = self.started + 30
        while True:
            with contextlib.suppress(OSError):
                with urllib.request.urlopen(self.url + "/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        self.seconds_to_ready = time.monotonic() - self.started
                        return
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = self.log.read_text(errors="replace").splitlines()[-20:]
                self.stop()
                raise Failure(f"{self.program} does not become ready:\n" + "\n".join(text))
            time.sleep(0.005)

    def resident_megabytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def stop(self):
        if self in self.rig.services:
            self.rig.services.remove(self)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
