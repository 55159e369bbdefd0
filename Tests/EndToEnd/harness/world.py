"""An installation with workspaces, apps and people in it."""

import base64
import json
import os
import pathlib
import secrets
import shutil
import tempfile

from .programs import Service, run_program
from .tokens import Forge
from .workspace import Workspace


class Installation:
    """One database, migrated, with the programs that work on it."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="breezeway-e2e-"))
        self.master_key = os.urandom(32)
        self.master_keys_file = self.directory / "master.keys"
        line = f"e2e-1:{base64.b64encode(self.master_key).decode()}\n"
        with open(os.open(self.master_keys_file, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
            file.write(line)
        self.public_url = "http://127.0.0.1:8080"
        self.services = []
        self._exchange = None
        self.database = cluster.create_database()
        self.run("sso-admin", "migrate", user=None)

    def environment(self, user, **changes):
        return {
            "DATABASE_URL": self.database.url(user),
            "MASTER_KEYS_FILE": str(self.master_keys_file),
            "PUBLIC_URL": self.public_url,
            **{name: value for name, value in changes.items() if value is not None},
        }

    def run(self, program, *arguments, user="sso_admin"):
        """Runs a command and returns what it printed, as JSON where it is."""
        environment = self.environment(user)
        if program == "sso-admin":
            del environment["MASTER_KEYS_FILE"]
        done = run_program(program, *arguments, environment=environment)
        assert done.returncode == 0, f"{program} {arguments[0]}: {done.stderr[-2000:]}"
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout

    def admin(self, *arguments):
        return self.run("sso-admin", *arguments)

    def make_keys(self):
        """What is due of the worker's work, once."""
        self.run("key-rotator", "run-once", user="key_rotator")

    def workspace(self, slug=None, algorithm=None, keys=True, apps=True):
        """A workspace with its first key; with the usual apps, unless none are wanted."""
        slug = slug or "w" + secrets.token_hex(4)
        chosen = ["--algorithm", algorithm] if algorithm else []
        made = self.admin("create-workspace", "--slug", slug, "--name", f"Workspace {slug}", *chosen)
        workspace = Workspace(self, made)
        # Everybody here comes from one address.
        workspace.change(sign_in_limit=1_000_000)
        if keys:
            self.make_keys()
        if apps:
            workspace.create_group("suite")
            workspace.create_app("acme", groups=["suite"])
            workspace.create_app("beta", groups=["suite"])
            workspace.create_app("gamma")
        return workspace

    def start(self, name, command, user, **environment):
        port = environment.pop("port", None)
        ready = environment.pop("ready", True)
        prefix = environment.pop("prefix", ())
        host = environment.pop("host", "127.0.0.1")
        log = self.directory / f"{name}.{len(self.services)}.log"
        service = Service(
            name, command, self.environment(user, **environment), log, port=port, ready=ready, prefix=prefix, host=host
        )
        self.services.append(service)
        return service

    def start_exchange(self, **environment):
        return self.start("token-exchange", "serve", "token_exchange", **environment)

    def start_admin(self, **environment):
        return self.start("sso-admin", "serve", "sso_admin", **environment)

    def start_rotator(self, **environment):
        return self.start("key-rotator", "run", "key_rotator", **environment)

    @property
    def exchange(self):
        """The token-exchange most tests speak to."""
        if self._exchange is None:
            self._exchange = self.start_exchange(SHUTDOWN_DRAIN="0s")
        return self._exchange

    def forge(self, workspace):
        return Forge(self.database, workspace.id, workspace.uuid, self.master_key)

    def close(self):
        try:
            for service in self.services:
                service.kill()
        finally:
            self.database.drop()
            shutil.rmtree(self.directory, ignore_errors=True)
