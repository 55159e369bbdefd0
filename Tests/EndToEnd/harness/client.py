"""HTTP as a client speaks it, one kept connection, nothing repeated and nothing followed."""

import http.client
import json as jsonlib
import time
import urllib.parse


class Answer:
    """Status, header fields in order, body, and how long it took."""

    def __init__(self, status, headers, body, seconds=0.0):
        self.status = status
        self.headers = headers
        self.body = body
        self.seconds = seconds

    def header(self, name):
        found = self.all_headers(name)
        assert len(found) <= 1, f"{name} came {len(found)} times"
        return found[0] if found else None

    def all_headers(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return jsonlib.loads(self.body)

    @property
    def code(self):
        """The error code of the service's own error body."""
        try:
            return self.json["error"]
        except (ValueError, KeyError, TypeError):
            return None

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Client:
    """One connection to one service."""

    def __init__(self, host, port, timeout=15.0):
        self.host = host
        self.port = port
        self._connection = http.client.HTTPConnection(host, port, timeout=timeout)

    def request(self, method, path, headers=None, body=None, json=None, form=None):
        fields = list(headers.items()) if isinstance(headers, dict) else list(headers or [])
        fields = [(name, value) for name, value in fields if value is not None]
        names = {name.lower() for name, _ in fields}
        if json is not None:
            body = jsonlib.dumps(json).encode()
        elif form is not None:
            body = urllib.parse.urlencode(form).encode()
        if body is not None and "content-type" not in names:
            fields.append(
                ("Content-Type", "application/x-www-form-urlencoded" if form is not None else "application/json")
            )
        if body is not None and "content-length" not in names:
            fields.append(("Content-Length", str(len(body))))
        if body is None and method in ("POST", "PUT", "PATCH") and "content-length" not in names:
            fields.append(("Content-Length", "0"))
        started = time.monotonic()
        connection = self._connection
        try:
            connection.putrequest(method, path, skip_host="host" in names, skip_accept_encoding=True)
            for name, value in fields:
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            content = response.read()
        except BaseException:
            connection.close()
            raise
        return Answer(response.status, response.getheaders(), content, time.monotonic() - started)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)

    def close(self):
        self._connection.close()
