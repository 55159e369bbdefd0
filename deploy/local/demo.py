"""The demo data of `make up`: workspaces and apps by the operator's commands, users and an exchange by HTTP.

    demo.py workspaces   create what .local/demo.json does not list yet, then make sure each has a signing key
    demo.py users        sign the demo users up
    demo.py exchange     sign one user in to acme, exchange the token for a session in beta, print it

What was created is recorded in .local/demo.json (mode 0600) after every step, because keys and passwords are
shown only once; a later run continues from there. Needs the variables that up.sh exports.
"""

import json
import os
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

LOCAL = os.environ["LOCAL_DIR"]
BINARIES = os.environ["BINARIES"]
EXCHANGE = os.environ["EXCHANGE_URL"]
RECORD = os.path.join(LOCAL, "demo.json")
HEADERS = os.path.join(LOCAL, "exchange.headers")

# Origins share the exchange's host, so that a browser counts them as one site.
WORKSPACES = {
    "demo": {
        "name": "Demo",
        "groups": ["tobby-suite"],
        "apps": [
            {"id": "acme", "origin": "http://127.0.0.1:3001", "group": "tobby-suite"},
            {"id": "beta", "origin": "http://127.0.0.1:3002", "group": "tobby-suite"},
            {"id": "gamma", "origin": "http://127.0.0.1:3003"},
            {
                "id": "companion",
                "type": "native",
                "redirect": "com.example.companion:/callback",
                "group": "tobby-suite",
            },
        ],
        "users": ["Ada Lovelace", "Grace Hopper", "Mary Jackson"],
    },
    "rival": {
        "name": "Rival",
        "groups": [],
        "apps": [{"id": "storefront", "origin": "http://127.0.0.1:3004"}],
        "users": ["Ada Lovelace", "Rosa Parks"],
    },
}


class Record:
    """The contents of .local/demo.json, saved as a whole after each change."""

    def __init__(self):
        try:
            with open(RECORD, encoding="utf-8") as file:
                self.content = json.load(file)
        except FileNotFoundError:
            self.content = {}
        environment = operator_environment()
        addresses = {
            "exchange_url": EXCHANGE,
            "admin_url": os.environ["ADMIN_URL"],
            "rotator_url": os.environ["ROTATOR_URL"],
            "database_url": environment["DATABASE_URL"],
            "platform_admin_token": self.content.get("platform_admin_token"),
            "workspaces": self.content.get("workspaces", []),
        }
        if addresses != self.content:
            self.content = addresses
            self.save()

    def save(self):
        write_private(RECORD, json.dumps(self.content, indent=2) + "\n")

    def workspace(self, slug):
        return next((found for found in self.content["workspaces"] if found["slug"] == slug), None)


def write_private(path, text):
    # mkstemp creates with mode 0600; the rename makes the change whole or not at all.
    descriptor, fresh = tempfile.mkstemp(dir=LOCAL)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(fresh, path)


def operator_environment():
    with open(os.path.join(LOCAL, "operator.env"), encoding="utf-8") as file:
        pairs = (line.rstrip("\n").split("=", 1) for line in file if "=" in line)
        return {name: shlex.split(value)[0] for name, value in pairs}


def run(program, *arguments, may_exist=False):
    """Runs one of the operator's commands and returns what it printed; stops with its own words when it fails."""
    done = subprocess.run(
        [os.path.join(BINARIES, program), *arguments],
        env={**os.environ, **operator_environment()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 and not (may_exist and "conflict" in done.stderr):
        hint = ""
        if "conflict" in done.stderr:
            hint = "\nIt exists in the database but not in .local/demo.json: make clean-local starts over."
        sys.exit(f"{program} {' '.join(arguments)} failed:\n{done.stderr.strip()}{hint}")
    return done.stdout


def admin(*arguments):
    return json.loads(run("sso-admin", *arguments))


def create_workspaces():
    record = Record()
    if record.content["platform_admin_token"] is None:
        made = admin("create-admin-token", "--role", "owner", "--name", "local operator")
        record.content["platform_admin_token"] = made["token"]
        record.save()
    created = False
    for slug, wanted in WORKSPACES.items():
        workspace = record.workspace(slug)
        if workspace is None:
            made = admin("create-workspace", "--slug", slug, "--name", wanted["name"])
            workspace = {
                "id": made["id"],
                "slug": made["slug"],
                "admin_token": made["admin_token"],
                "api_key": made["api_key"],
                "apps": [],
                "users": [],
            }
            record.content["workspaces"].append(workspace)
            record.save()
            created = True
        if len(workspace["apps"]) < len(wanted["apps"]):
            for group in wanted["groups"]:
                run("sso-admin", "create-group", "--workspace", slug, "--id", group, may_exist=True)
        for app in wanted["apps"][len(workspace["apps"]) :]:
            workspace["apps"].append(create_app(slug, app))
            record.save()
    if created:
        run("key-rotator", "run-once")


def create_app(slug, app):
    redirect = app.get("redirect") or app["origin"] + "/callback"
    arguments = ["--workspace", slug, "--id", app["id"], "--name", app["id"].title()]
    arguments += ["--client-type", app.get("type", "web"), "--redirect-uri", redirect]
    if "origin" in app:
        arguments += ["--origin", app["origin"]]
    if "group" in app:
        arguments += ["--group", app["group"]]
    made = admin("create-app", *arguments)
    return {
        "id": made["id"],
        "client_id": made["client_id"],
        "client_secret": made["client_secret"],
        "sso_groups": made["sso_groups"],
        "origin": app.get("origin"),
        "redirect_uris": made["redirect_uris"],
    }


def request(method, path, headers, body=None):
    """One HTTP call, repeated while the service says 503, at most 15 seconds."""
    deadline = time.monotonic() + 15
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        headers = {**headers, "Content-Type": "application/json"}
    while True:
        call = urllib.request.Request(EXCHANGE + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(call, timeout=10) as answer:
                return answer.status, answer.headers, json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            if error.code == 503 and time.monotonic() < deadline:
                time.sleep(0.2)
                continue
            return error.code, error.headers, text


def routes(slug):
    """Where a workspace's sign-in lives: at the root for the default one."""
    return "/api/auth" if slug == "demo" else f"/w/{slug}/api/auth"


def sign_in(slug, origin, user):
    status, headers, answer = request(
        "POST",
        routes(slug) + "/sign-in/email",
        {"Origin": origin},
        {"email": user["email"], "password": user["password"]},
    )
    if status != 200:
        sys.exit(f"signing {user['email']} in to {slug} answered {status}: {answer}")
    return headers, answer


def create_users():
    record = Record()
    for slug, wanted in WORKSPACES.items():
        workspace = record.workspace(slug)
        origin = workspace["apps"][0]["origin"]
        for name in wanted["users"][len(workspace["users"]) :]:
            email = name.split()[0].lower() + "@example.com"
            workspace["users"].append(
                {"id": None, "email": email, "password": secrets.token_urlsafe(18), "name": name}
            )
            record.save()
        for user in workspace["users"]:
            if user["id"] is None:
                user["id"] = sign_up(slug, origin, user)
                record.save()


def sign_up(slug, origin, user):
    body = {"name": user["name"], "email": user["email"], "password": user["password"]}
    status, _, answer = request("POST", routes(slug) + "/sign-up/email", {"Origin": origin}, body)
    if status != 200:
        # An earlier run may have been stopped between the sign-up and the record of it.
        print(f"signing {user['email']} up answered {status}: {answer}", file=sys.stderr)
        _, answer = sign_in(slug, origin, user)
    return answer["user"]["id"]


def exchange():
    workspace = Record().workspace("demo")
    acme, beta = workspace["apps"][0], workspace["apps"][1]
    user = workspace["users"][0]
    headers, _ = sign_in("demo", acme["origin"], user)
    cookies = "; ".join(cookie.split(";", 1)[0] for cookie in headers.get_all("Set-Cookie", []))
    status, _, answer = request("GET", "/api/auth/token", {"Origin": acme["origin"], "Cookie": cookies})
    if status != 200:
        sys.exit(f"asking for {user['email']}'s access token of acme answered {status}: {answer}")
    # The credentials go through a file, since a command line is visible to every user of the machine.
    write_private(
        HEADERS,
        f"Authorization: Bearer {workspace['api_key']}\n"
        f"X-Authorization: Bearer {answer['token']}\n"
        "Content-Type: application/json\n",
    )
    url = f"{EXCHANGE}/v1/workspaces/{workspace['id']}/sessions"
    line = ["curl", "-sS", "-H", "@.local/exchange.headers", "-d", json.dumps({"app_id": beta["id"]}), url]
    done = subprocess.run(
        [*line, "-m", "15", "-w", "\n%{http_code}"], capture_output=True, text=True, check=False
    )
    body, _, code = done.stdout.rpartition("\n")
    if code != "200":
        sys.exit(f"the exchange answered {code or done.stderr}: {body}")
    session = json.loads(body)
    for name in ("access", "refresh", "csrf"):
        if name in session:
            session[name] = session[name][:40] + "…"
    print(f"==> {user['name']} is signed in to acme; this makes it a session in beta (tokens shortened here):")
    print("\n    " + shlex.join(line) + "\n")
    print("\n".join("    " + text for text in json.dumps(session, indent=2, ensure_ascii=False).splitlines()))
    print()


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    {"workspaces": create_workspaces, "users": create_users, "exchange": exchange}[sys.argv[1]]()
