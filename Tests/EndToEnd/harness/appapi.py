"""The app-scoped session API (contract §4) as one app calls it."""


class AppAPI:
    def __init__(self, service, app):
        self.service = service
        self.path = f"/v1/auth/{app}"

    def refresh(self, token, csrf=None, client=None):
        return (client or self.service).post(
            f"{self.path}/tokens/refresh", headers={"X-Refresh-Token": token, "X-CSRF-Token": csrf}
        )

    def verify_refresh(self, token, csrf=None):
        return self.service.post(
            f"{self.path}/tokens/refresh/verify", headers={"X-Refresh-Token": token, "X-CSRF-Token": csrf}
        )

    def verify_access(self, token):
        return self.service.post(f"{self.path}/tokens/access/verify", headers={"X-Authorization": token})

    def current_user(self, token, client=None):
        return (client or self.service).get(f"{self.path}/current_user", headers={"X-Authorization": token})

    def sign_out(self, token):
        return self.service.delete(f"{self.path}/current_user", headers={"X-Authorization": token})

    def sessions(self, token):
        return self.service.get(f"{self.path}/sessions", headers={"X-Authorization": token})

    def end(self, token, session_id):
        return self.service.delete(f"{self.path}/sessions/{session_id}", headers={"X-Authorization": token})

    def jwks(self, **headers):
        return self.service.get(f"{self.path}/.well-known/jwks.json", headers=headers)

    def public_key(self):
        return self.service.get(f"{self.path}/public_key")
