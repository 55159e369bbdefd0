"""One workspace, as its backends and its tests see it."""

import uuid

from .people import Person
from .waiting import until


class App:
    def __init__(self, made, origin):
        self.id = made["id"]
        self.client_id = made["client_id"]
        self.origin = origin


class Workspace:
    def __init__(self, installation, made):
        self.installation = installation
        self.id = made["id"]
        self.slug = made["slug"]
        self.issuer = made["issuer"]
        self.api_key = made["api_key"]
        self.admin_token = made["admin_token"]
        self.uuid = uuid.UUID(self.id.removeprefix("ws_"))
        self.database = installation.database.within(self.uuid)
        self.apps = {}

    # Making

    def create_group(self, name):
        self.installation.admin("create-group", "--workspace", self.slug, "--id", name)

    def create_app(self, name, groups=(), **options):
        """An app by the operator's command; options are the command's, with underscores."""
        origin = options.pop("origin", f"https://{name.lower().replace('_', '-')}.{self.slug}.example")
        arguments = ["--workspace", self.slug, "--id", name, "--origin", origin]
        for group in groups:
            arguments += ["--group", group]
        for option, value in options.items():
            arguments += ["--" + option.replace("_", "-"), str(value)]
        made = self.installation.admin("create-app", *arguments)
        app = self.apps[name] = App(made, origin)
        return app

    def change_app(self, name, **columns):
        """Changes columns of an app as an operator with SQL would."""
        assignments = ", ".join(f"{column} = %s" for column in columns)
        done = self.database.change(
            f"UPDATE apps SET {assignments} WHERE workspace_id = %s AND id = %s", *columns.values(), self.uuid, name
        )
        assert done == 1

    def change(self, **columns):
        assignments = ", ".join(f"{column} = %s" for column in columns)
        self.database.change(f"UPDATE workspaces SET {assignments} WHERE id = %s", *columns.values(), self.uuid)

    def force_keys(self, assignments, which="true"):
        """Sets columns of signing keys past what guards them, as only the table's owner can; wakes the services."""
        guards = ["guard", "guard_removal", "chain", "chain_change"]
        self.database.change(
            "; ".join(
                [f"ALTER TABLE signing_keys DISABLE TRIGGER signing_keys_{guard}" for guard in guards]
                + [f"UPDATE signing_keys SET {assignments} WHERE workspace_id = '{self.uuid}' AND ({which})"]
                + [f"ALTER TABLE signing_keys ENABLE TRIGGER signing_keys_{guard}" for guard in guards]
            )
        )

    def let_the_standby_sign(self, ago="1 second"):
        """Writes into the past that the standby took over from the first key, and that the worker has not seen it."""
        (signer,), (standby,) = self.keys()
        turn = f"now() - interval '{ago}'"
        self.force_keys(
            "published_at = now() - interval '90 days', activates_at = now() - interval '90 days',"
            f" retires_at = {turn}, expires_at = {turn} + make_interval(secs => longest_token) + key_margin()",
            f"kid = '{signer}'",
        )
        self.force_keys(
            "published_at = now() - interval '2 days', retires_at = NULL, expires_at = NULL,"
            f" activates_at = (SELECT retires_at FROM signing_keys WHERE kid = '{signer}')",
            f"kid = '{standby}'",
        )
        self.database.execute("UPDATE key_schedule SET next_at = now() WHERE workspace_id = %s", self.uuid)

    def keys(self, columns="kid", which="true"):
        """The workspace's signing keys, in the order in which they sign."""
        return self.database.rows(
            f"SELECT {columns} FROM signing_keys WHERE workspace_id = %s AND ({which}) ORDER BY activates_at", self.uuid
        )

    def new_key(self, kind="workspace", app_id=None, **columns):
        """Another API key, with any columns set, once the service knows it (or at once when it never will)."""
        key_id = uuid.uuid4()
        # The hash is copied: how it is made is the product's affair. Only the id differs.
        secret = self.api_key.split("_", 2)[2]
        original = uuid.UUID(self.api_key.split("_")[1])
        secret_hash = self.database.value("SELECT secret_hash FROM api_keys WHERE id = %s", original)
        names = ["workspace_id", "id", "kind", "app_id", "name", "secret_hash", *columns]
        values = [self.uuid, key_id, kind, app_id, "e2e", secret_hash, *columns.values()]
        marks = ["%s::cidr[]" if name == "networks" else "%s" for name in names]
        self.database.change(f"INSERT INTO api_keys ({', '.join(names)}) VALUES ({', '.join(marks)})", *values)
        prefix = "scwor" if kind == "workspace" else "scapp"
        key = f"{prefix}_{key_id.hex}_{secret}"
        self.wait_until_served()
        return key

    def change_key(self, key, **columns):
        assignments = ", ".join(f"{name} = %s" + ("::cidr[]" if name == "networks" else "") for name in columns)
        done = self.database.change(
            f"UPDATE api_keys SET {assignments} WHERE id = %s", *columns.values(), uuid.UUID(key.split("_")[1])
        )
        assert done == 1
        self.wait_until_served()

    @property
    def epoch(self):
        return self.database.value("SELECT epoch FROM workspace_epochs WHERE workspace_id = %s", self.uuid)

    def wait_until_served(self, within=5.0):
        """Waits until every live token-exchange says that it serves the workspace's newest epoch."""
        epoch = self.epoch
        wanted = sum(1 for s in self.installation.services if s.name == "token-exchange" and s.is_running)

        def served():
            return (
                self.database.value(
                    "SELECT count(*) FROM node_epochs e JOIN nodes n ON n.id = e.node_id"
                    " WHERE n.service = 'token-exchange' AND n.seen_at > now() - interval '6 s'"
                    " AND e.workspace_id = %s AND e.epoch >= %s",
                    self.uuid,
                    epoch,
                )
                >= wanted
            )

        until(served, within, what=f"every node serves epoch {epoch} of {self.slug}")

    # Using

    @property
    def routes(self):
        return f"/w/{self.slug}/api/auth"

    @property
    def sessions_path(self):
        return f"/v1/workspaces/{self.id}/sessions"

    def sign_up(self, app="acme", **fields):
        self.wait_until_served()
        return Person.sign_up(self, app, **fields)

    def exchange_headers(self, token, key=None):
        return [("Authorization", f"Bearer {key or self.api_key}"), ("X-Authorization", f"Bearer {token}")]

    def exchange(self, token, target="beta", key=None, service=None, **options):
        """The main job. `json` or other options replace the body."""
        service = service or self.installation.exchange
        if not {"json", "body", "form"} & options.keys():
            options["json"] = {"app_id": target}
        return service.post(self.sessions_path, headers=self.exchange_headers(token, key), **options)

    def forge(self):
        return self.installation.forge(self)

    # Looking

    def count(self, table):
        column = "id" if table == "workspaces" else "workspace_id"
        return self.database.value(f"SELECT count(*) FROM {table} WHERE {column} = %s", self.uuid)

    def footprint(self):
        """What is written down about people: how much of it there is."""
        return {table: self.count(table) for table in ("sessions", "memberships", "users", "audit_log")}

    def session(self, session_id):
        """The session's row as a dictionary."""
        cursor = self.database.execute(
            "SELECT * FROM sessions WHERE workspace_id = %s AND id = %s", self.uuid, session_id
        )
        row = cursor.fetchone()
        return None if row is None else dict(zip((column.name for column in cursor.description), row))

    def audit(self, action):
        return self.database.rows(
            "SELECT actor, subject, after FROM audit_log WHERE workspace_id = %s AND action = %s ORDER BY sequence",
            self.uuid,
            action,
        )

    def membership(self, user_id, app):
        return self.database.value(
            "SELECT status FROM memberships WHERE workspace_id = %s AND user_id = %s AND app_id = %s",
            self.uuid,
            user_id,
            app,
        )
