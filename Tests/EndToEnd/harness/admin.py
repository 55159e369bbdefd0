"""The administration as an operator's program calls it."""


class Admin:
    """One admin token's view of the REST."""

    def __init__(self, service, token, workspace=None):
        self.service = service
        self.token = token
        self.workspace = workspace

    def request(self, method, path, json=None, headers=None, **options):
        fields = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        if self.workspace is not None:
            fields.setdefault("X-Workspace", self.workspace)
        return self.service.request(method, "/api/admin/" + path, headers=fields, json=json, **options)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, json=None, **options):
        return self.request("POST", path, json=json, **options)

    def patch(self, path, json=None, **options):
        return self.request("PATCH", path, json=json, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)

    def everything(self, path, name, limit=200):
        """All of a list, page by page."""
        separator, cursor, found = "&" if "?" in path else "?", None, []
        while True:
            answer = self.get(f"{path}{separator}limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
            assert answer.status == 200, answer
            page = answer.json
            assert len(page[name]) <= limit
            found += page[name]
            cursor = page["nextCursor"]
            if cursor is None:
                return found


def problem(answer):
    """The code of a problem (RFC 9457), whose shape is looked at on the way."""
    assert answer.header("Content-Type") == "application/problem+json", answer
    body = answer.json
    assert set(body) - {"details"} == {"type", "title", "detail", "code", "requestId", "status"}, body
    assert body["status"] == answer.status and body["requestId"] == answer.header("X-Request-Id"), body
    return body["code"]
