"""PostgreSQL clusters and databases."""

import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import tempfile
import urllib.parse

import psycopg

from .ports import free_port
from .waiting import until

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "deploy" / "local" / "postgres.sh"


class Cluster:
    """A running PostgreSQL, known by its superuser's URL."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.url = url
        self.superuser = parts.username or "postgres"
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port or 5432

    def url_of(self, database, user=None, host=None, port=None, query=""):
        user = user or self.superuser
        return f"postgresql://{user}@{host or self.host}:{port or self.port}/{database}{query}"

    def connect(self, database="postgres", user=None, **settings):
        return psycopg.connect(self.url_of(database, user), autocommit=True, connect_timeout=10, **settings)

    def create_database(self, template="template1"):
        """A new database, or a copy of one that nobody is connected to."""
        name = "e2e_" + secrets.token_hex(6)
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return Database(self, name)


class PrivateCluster(Cluster):
    """A cluster of one test file's own, to be stopped, killed and slowed."""

    def __init__(self, kind="throwaway", options=""):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="breezeway-e2e-"))
        os.chmod(self.directory, 0o755)
        self.kind = kind
        self.options = options
        super().__init__(f"postgresql://breezeway@127.0.0.1:{free_port()}/postgres")
        self.home = self.directory / "cluster"
        self.start()

    def _script(self, *arguments, **environment):
        done = subprocess.run(
            ["bash", str(SCRIPT), *arguments],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, f"postgres.sh {arguments[0]}: {done.stdout}{done.stderr}"

    def start(self):
        # A throw-away cluster with fsync on trusts loopback like one without: later settings win.
        options = self.options
        if self.kind == "durable":
            options += " -c fsync=on -c synchronous_commit=on -c full_page_writes=on"
        self._script("start", str(self.home), str(self.port), "throwaway", POSTGRES_OPTIONS=options)

    def stop(self, mode="fast"):
        self._script("stop", str(self.home), mode)

    @property
    def postmaster(self):
        return int((self.home / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])

    @property
    def log(self):
        return (self.home / "data" / "server.log").read_text(encoding="utf-8", errors="replace")

    def kill(self):
        """SIGKILL to the postmaster; its children notice and end, and then it may be started again."""
        postmaster = self.postmaster
        children = list(_children(postmaster))
        os.kill(postmaster, signal.SIGKILL)
        for child in children:
            _kill(child)
        until(lambda: not any(_exists(pid) for pid in [postmaster, *children]), 10, what="the end of the cluster")
        (self.home / "data" / "postmaster.pid").unlink(missing_ok=True)

    def remove(self):
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)


class Database:
    """One database, seen by its superuser."""

    def __init__(self, cluster, name):
        self.cluster = cluster
        self.name = name
        self._connection = None

    def url(self, user=None, **place):
        return self.cluster.url_of(self.name, user, **place)

    def connect(self, user=None, **settings):
        return self.cluster.connect(self.name, user, **settings)

    @property
    def connection(self):
        if self._connection is None or self.connection_is_over:
            self._connection = self.connect()
        return self._connection

    def execute(self, sql, *parameters):
        try:
            return self.connection.execute(sql, parameters or None)
        except psycopg.OperationalError:
            # A server that was stopped ended our connection; the statement did not begin.
            if not self.connection_is_over:
                raise
            return self.connection.execute(sql, parameters or None)

    @property
    def connection_is_over(self):
        return self._connection is not None and (self._connection.closed or self._connection.broken)

    def rows(self, sql, *parameters):
        return self.execute(sql, *parameters).fetchall()

    def value(self, sql, *parameters):
        row = self.execute(sql, *parameters).fetchone()
        return None if row is None else row[0]

    def change(self, sql, *parameters):
        """Changes control data and wakes the services, as an administering service does: after the commit."""
        done = self.execute(sql, *parameters).rowcount
        self.execute("NOTIFY breezeway_changes")
        return done

    def within(self, workspace_uuid):
        """The same database, inside one workspace: what control data changes is written down for it."""
        return _Within(self, workspace_uuid)

    def disconnect(self):
        if self._connection is not None:
            self._connection.close()

    def copy(self):
        """Another database with the same in it."""
        self.disconnect()
        return self.cluster.create_database(self.name)

    def drop(self):
        self.disconnect()
        with self.cluster.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')


class _Within(Database):
    def __init__(self, database, workspace_uuid):
        super().__init__(database.cluster, database.name)
        self._database = database
        self._workspace = str(workspace_uuid)

    @property
    def connection(self):
        self._database.execute("SELECT set_config('app.workspace_id', %s, false)", self._workspace)
        return self._database.connection

    @property
    def connection_is_over(self):
        return self._database.connection_is_over


def _children(parent):
    """The processes whose parent it is."""
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and _stat(int(entry.name))[1:2] == [str(parent)]:
            yield int(entry.name)


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _exists(pid):
    return _stat(pid)[:1] not in ([], ["Z"], ["X"])


def _stat(pid):
    """State, parent and so on; empty when there is no such process."""
    try:
        return (
            pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return []
