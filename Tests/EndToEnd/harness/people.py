"""People who sign up and hold sessions."""

import secrets

from .tokens import claims_of


class Person:
    """A user with the cookie of a session begun in one app."""

    def __init__(self, workspace, app, email, password, name, user_id, cookie):
        self.workspace = workspace
        self.app = app
        self.email = email
        self.password = password
        self.name = name
        self.id = user_id
        self.cookie = cookie

    @classmethod
    def sign_up(cls, workspace, app, email=None, password=None, name="Ada Lovelace"):
        email = email or f"ada.{secrets.token_hex(5)}@example.com"
        password = password or secrets.token_urlsafe(15)
        answer = workspace.installation.exchange.post(
            workspace.routes + "/sign-up/email",
            headers={"Origin": workspace.apps[app].origin},
            json={"email": email, "password": password, "name": name},
        )
        assert answer.status == 200, answer
        return cls(workspace, app, email, password, name, answer.json["user"]["id"], cookies_of(answer))

    def sign_in(self, app=None, service=None, **fields):
        """Another session; answers the whole answer."""
        service = service or self.workspace.installation.exchange
        return service.post(
            self.workspace.routes + "/sign-in/email",
            headers={"Origin": self.workspace.apps[app or self.app].origin},
            json={"email": self.email, "password": self.password, **fields},
        )

    def browse(self, method, route, app=None, service=None, **options):
        """A call of /api/auth with the cookie, from the page of an app."""
        service = service or self.workspace.installation.exchange
        headers = {"Origin": self.workspace.apps[app or self.app].origin, "Cookie": self.cookie}
        headers.update(options.pop("headers", {}))
        return service.request(method, self.workspace.routes + route, headers=headers, **options)

    def token(self, app=None, service=None):
        """A fresh access token of the app the person is in."""
        answer = self.browse("GET", "/token", app, service)
        assert answer.status == 200, answer
        return answer.json["token"]

    def exchanged(self, target="beta", app=None):
        """A whole session of the target app, by exchange."""
        answer = self.workspace.exchange(self.token(app), target)
        assert answer.status == 200, answer
        return answer.json

    @property
    def session_id(self):
        return claims_of(self.token())["sid"]

    def disable(self):
        self._set("disabled")

    def _set(self, status):
        self.workspace.database.execute(
            "UPDATE users SET status = %s WHERE workspace_id = %s AND id = %s", status, self.workspace.uuid, self.id
        )

    def set_membership(self, app, status):
        """Sets, makes or (None) removes the standing in an app."""
        place = (self.workspace.uuid, self.id, app)
        if status is None:
            self.workspace.database.execute(
                "DELETE FROM memberships WHERE workspace_id = %s AND user_id = %s AND app_id = %s", *place
            )
            return
        self.workspace.database.execute(
            "INSERT INTO memberships (workspace_id, user_id, app_id, status) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (workspace_id, user_id, app_id) DO UPDATE SET status = excluded.status",
            *place,
            status,
        )


def cookies_of(answer):
    """What a browser would send back: the cookies that were set and not removed."""
    pairs = []
    for field in answer.all_headers("Set-Cookie"):
        pair, _, attributes = field.partition(";")
        if "max-age=0" not in attributes.lower().replace(" ", ""):
            pairs.append(pair)
    return "; ".join(pairs)
