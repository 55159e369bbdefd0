"""What the measured database holds: workspaces, apps, users and sessions, made the way users make them.

Only the million sessions of the growth measurement are inserted by SQL.
"""

import concurrent.futures
import http.client
import json
import threading
import urllib.parse

from rig import Failure

SOURCE_ORIGIN = "http://127.0.0.1:4001"


class Workspace:
    """A workspace with two apps in one group, and the credentials of its users."""

    def __init__(self, made, source, target):
        self.id, self.slug, self.api_key = made["id"], made["slug"], made["api_key"]
        self.admin_token = made["admin_token"]
        self.source, self.target = source, target
        self.access_tokens, self.refresh_tokens = [], []

    @property
    def exchange_path(self):
        return f"/v1/workspaces/{self.id}/sessions"

    @property
    def jwks_path(self):
        return f"/v1/auth/{self.source['client_id']}/.well-known/jwks.json"


def create_workspace(rig, slug, algorithm="RS256"):
    made = rig.admin("create-workspace", "--slug", slug, "--name", slug, "--algorithm", algorithm)
    rig.run("sso-admin", "create-group", "--workspace", slug, "--id", "suite")

    def app(name, origin):
        return rig.admin(
            "create-app", "--workspace", slug, "--id", name, "--group", "suite",
            "--origin", origin, "--redirect-uri", origin + "/callback",
        )  # fmt: skip

    return Workspace(made, app("source", SOURCE_ORIGIN), app("target", "http://127.0.0.1:4002"))


def create_workspaces(rig, slugs):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda slug: create_workspace(rig, slug), slugs))


class Client:
    """HTTP with one kept-alive connection a thread."""

    def __init__(self, url):
        self.address = urllib.parse.urlsplit(url)
        self.local = threading.local()

    def send(self, method, path, headers=None, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = dict(headers or {})
        if data is not None:
            headers["Content-Type"] = "application/json"
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection(
                self.address.hostname, self.address.port, timeout=15
            )
        try:
            return self.once(method, path, data, headers)
        except (http.client.RemoteDisconnected, ConnectionError):
            # The service has closed a connection that was idle for long, before it read this request.
            self.local.connection.close()
            return self.once(method, path, data, headers)

    def once(self, method, path, data, headers):
        self.local.connection.request(method, path, data, headers)
        answer = self.local.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def expect(self, method, path, headers=None, body=None):
        status, answered, content = self.send(method, path, headers, body)
        if status != 200:
            raise Failure(f"{method} {path} answered {status}: {content[:300]!r}")
        return answered, json.loads(content)


def sign_up(client, workspace, count):
    """Signs users up in the source app and exchanges each once: two sessions and two tokens a user."""
    prefix = f"/w/{workspace.slug}/api/auth"

    def one(number):
        body = {
            "name": f"User {number}",
            "email": f"user{number}@{workspace.slug}.example",
            "password": f"not a secret {number}",
        }
        headers, _ = client.expect("POST", prefix + "/sign-up/email", {"Origin": SOURCE_ORIGIN}, body)
        cookies = "; ".join(cookie.split(";", 1)[0] for cookie in headers.get_all("Set-Cookie", []))
        _, token = client.expect("GET", prefix + "/token", {"Origin": SOURCE_ORIGIN, "Cookie": cookies})
        return token["token"], exchange(client, workspace, token["token"])["refresh"]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for access, refresh in pool.map(one, range(count)):
            workspace.access_tokens.append(access)
            workspace.refresh_tokens.append(refresh)


def exchange(client, workspace, access_token):
    headers = {"Authorization": f"Bearer {workspace.api_key}", "X-Authorization": f"Bearer {access_token}"}
    _, session = client.expect("POST", workspace.exchange_path, headers, {"app_id": "target"})
    return session


# A UUIDv7 of a moment, the rest of it random.
UUID_OF = """(lpad(to_hex((extract(epoch FROM {moment}) * 1000)::bigint), 12, '0') || '7'
    || substr(md5(random()::text), 1, 3) || 'a' || substr(md5(random()::text), 1, 15))::uuid"""


def grow(rig, database, workspaces, sessions):
    """Fills a database up to the given numbers, the sessions evenly over all workspaces and the last seven days.

    Each workspace gets one app and one user for every hundred sessions. Triggers are off: the rows are right by
    construction, and no service runs on this database yet that would have to hear of them.
    """
    have = int(rig.sql("SELECT count(*) FROM workspaces", database))
    existing = int(rig.sql("SELECT count(*) FROM sessions", database))
    each = -(-(sessions - existing) // (workspaces - have))
    users = max(1, each // 100)
    rig.sql("SELECT ensure_session_partitions(current_date - 8, current_date)", database)
    rig.sql(
        f"""
        BEGIN;
        SET LOCAL session_replication_role = replica;
        CREATE TEMPORARY TABLE grown ON COMMIT DROP AS
            SELECT {UUID_OF.format(moment="now()")} AS id, number FROM generate_series(1, {workspaces - have}) AS number;
        INSERT INTO workspaces (id, slug, name, issuer)
            SELECT id, 'grown-' || number, 'Grown', 'http://127.0.0.1:8080/w/grown-' || number FROM grown;
        INSERT INTO apps (workspace_id, id, client_id, name, audience)
            SELECT id, 'source', 'scli_' || substr(md5(id::text), 1, 20), 'Source', 'source' FROM grown;
        INSERT INTO workspace_epochs (workspace_id, epoch) SELECT id, 2 FROM grown;
        CREATE TEMPORARY TABLE people ON COMMIT DROP AS
            SELECT grown.id AS workspace_id, {UUID_OF.format(moment="now()")} AS id, number AS n
            FROM grown CROSS JOIN generate_series(1, {users}) AS person;
        INSERT INTO users (workspace_id, id, email, email_key, name)
            SELECT workspace_id, id, id || '@grown.example', id || '@grown.example', 'Grown' FROM people;
        INSERT INTO memberships (workspace_id, user_id, app_id) SELECT workspace_id, id, 'source' FROM people;
        INSERT INTO sessions (workspace_id, id, user_id, app_id, authenticated_at, amr, created_at, last_used_at,
            expires_at, idle_timeout)
            SELECT workspace_id, {UUID_OF.format(moment="moment")}, id, 'source', moment, '{{pwd}}', moment, moment,
                moment + interval '7 days', 604800
            FROM (
                SELECT people.workspace_id, people.id, now() - random() * interval '7 days' AS moment
                FROM people CROSS JOIN generate_series(1, {-(-each // users)}) AS session
            ) AS drawn;
        COMMIT;
        """,
        database,
    )
    rig.sql("VACUUM ANALYZE", database)
    rig.sql("CHECKPOINT", database)


def counts(rig, database):
    return tuple(
        int(rig.sql(f"SELECT count(*) FROM {table}", database)) for table in ("workspaces", "sessions")
    )
