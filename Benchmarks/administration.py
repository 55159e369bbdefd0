"""What the administration costs: lists over a large database, an import, and the way of a change to the services."""

import json
import os
import statistics
import subprocess
import threading
import time

import population
from rig import Failure, say

READS = {
    "applications": "applications?limit=50",
    "applications, searched": "applications?limit=50&search=shelf",
    "sessions of an app": "applications/source/sessions?limit=50",
    "sessions of a user": "users/{user}/sessions?limit=50",
    "users": "users?limit=50",
    "members of an app": "applications/source/users?limit=50",
    "SSO groups": "sso-groups?limit=50",
    "audit log": "audit-log?limit=50",
}

# Apps beside the two there are. Triggers are off: no service runs on this database yet.
SHELF = """
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO apps (workspace_id, id, client_id, name, audience)
    SELECT '{workspace}', 'shelf-' || number, 'scli_' || substr(md5('{workspace}' || number), 1, 24), 'Shelf ' || number,
        'shelf-' || number
    FROM generate_series(1, {count}) AS number;
COMMIT;
VACUUM ANALYZE apps;
"""


def uuid_of(workspace):
    return workspace.id.removeprefix("ws_")


class Admin(population.Client):
    """The REST with one token."""

    def __init__(self, url, token):
        super().__init__(url)
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path):
        return self.expect("GET", "/api/admin/" + path, self.headers)[1]

    def change(self, path, body):
        return self.expect("PATCH", "/api/admin/" + path, self.headers, body)


def paced(count, rate, call):
    """Calls `call(n)` `count` times at an even rate from eight threads; answers each call's milliseconds.

    The time a call waited for its turn is part of it, so a stall is not hidden.
    """
    times, lock, start, turn = [], threading.Lock(), time.monotonic() + 0.1, [0]

    def work():
        while True:
            with lock:
                number, turn[0] = turn[0], turn[0] + 1
            if number >= count:
                return
            due = start + number / rate
            time.sleep(max(0, due - time.monotonic()))
            call(number)
            with lock:
                times.append(1000 * (time.monotonic() - due))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def p99(values):
    return sorted(values)[max(0, -(-99 * len(values) // 100) - 1)]


def measure_reads(rig, report, workspace, seconds):
    say("lists, with 1,000,000 sessions in 1,000 workspaces and 10,000 apps in one")
    for name, workspaces, sessions, apps in (("few", 10, 1000, 50), ("many", 1000, 1_000_000, 10_000)):
        rig.sql(f"CREATE DATABASE {name} TEMPLATE breezeway", "postgres")
        if workspaces > 10:
            population.grow(rig, name, workspaces, sessions)
        rig.sql(SHELF.format(workspace=uuid_of(workspace), count=apps), name)
    user = rig.sql(f"SELECT id FROM users WHERE workspace_id = '{uuid_of(workspace)}' LIMIT 1")
    paths = {name: path.format(user=user) for name, path in READS.items()}
    services = {name: rig.start("sso-admin", "serve", rig.environment(name)) for name in ("few", "many")}
    admins = {name: Admin(service.url, workspace.admin_token) for name, service in services.items()}
    times = {name: {read: [] for read in paths} for name in admins}
    for turn in range(60):
        for name in ("few", "many") if turn % 2 else ("many", "few"):
            for read, path in paths.items():
                began = time.monotonic()
                admins[name].get(path)
                times[name][read].append(1000 * (time.monotonic() - began))
    for read in paths:
        few, many = (statistics.median(times[name][read]) for name in ("few", "many"))
        report.bar(f"{read}, large database", f"{many:.1f} ms = {many / few:.2f} × {few:.1f} ms", "≤ 3 ×", many <= 3 * few)
    lists = [paths["applications"], paths["sessions of an app"]]
    answered = paced(100 * seconds, 100, lambda n: admins["many"].get(lists[n % 2]))
    report.bar("lists of 50 apps and sessions at 100 requests/s, p99", f"{p99(answered):.1f} ms", "≤ 25 ms",
               p99(answered) <= 25)  # fmt: skip
    for service in services.values():
        service.stop()


def measure_import(rig, report, workspace, count):
    say(f"importing {count:,} users")
    file = rig.folder / "users.jsonl"
    with open(file, "w", encoding="utf-8") as lines:
        for number in range(count):
            password = f"{number:032x}:{number:0128x}"
            lines.write(json.dumps({"email": f"new{number}@example.com", "name": f"New {number}", "password": password}))
            lines.write("\n")
    started = time.monotonic()
    with open(rig.folder / "import.log", "w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [rig.binaries / "sso-admin", "import-users", "--workspace", workspace.slug, file],
            env=rig.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        log.seek(0)
        said = log.read()
    if process.returncode != 0 or f'"added":{count}' not in said:
        raise Failure(f"import-users: {said}")
    report.bar(f"importing {count:,} users", f"{seconds:.1f} s", "≤ 60 s", seconds <= 60)
    report.bar("resident memory of the import, largest", f"{usage.ru_maxrss / 1024:.0f} MB", "≤ 100 MB",
               usage.ru_maxrss / 1024 <= 100)  # fmt: skip


def measure_propagation(rig, report, workspace, rounds):
    say("the way of a change to token-exchange")
    exchange, service = rig.serve(), rig.start("sso-admin", "serve", rig.environment())
    admin, client = Admin(service.url, workspace.admin_token), population.Client(exchange.url)
    headers = {
        "Authorization": f"Bearer {workspace.api_key}",
        "X-Authorization": f"Bearer {workspace.access_tokens[0]}",
    }
    place = f"workspace_id = '{uuid_of(workspace)}' AND id = 'target'"

    def by_rest(policy):
        admin.change("applications/target", {"exchangePolicy": policy})

    def by_sql(policy):
        # No notification follows: the service finds it at its next look.
        rig.sql(f"SELECT set_config('app.workspace_id', '{uuid_of(workspace)}', false);"
                f" UPDATE apps SET exchange_policy = '{policy}' WHERE {place}")  # fmt: skip

    for what, change, turns, most in (("with NOTIFY", by_rest, rounds, 250), ("with NOTIFY dead", by_sql, rounds // 4, 1500)):
        took = []
        for turn in range(turns):
            policy, wanted = (("none", 403), ("workspace", 200))[turn % 2]
            change(policy)
            began = time.monotonic()
            while client.send("POST", workspace.exchange_path, headers, {"app_id": "target"})[0] != wanted:
                if time.monotonic() - began > 10:
                    raise Failure(f"a change is not live after ten seconds ({what})")
            took.append(1000 * (time.monotonic() - began))
        if turns % 2:
            change("workspace")
        report.bar(f"a change is live in token-exchange, {what}, p99 of {turns}",
                   f"{p99(took):.0f} ms (median {statistics.median(took):.0f} ms)", f"≤ {most} ms", p99(took) <= most)  # fmt: skip
    exchange.stop()
    service.stop()


def measure(rig, report, workspace, seconds):
    """All of it."""
    measure_propagation(rig, report, workspace, rounds=200)
    measure_reads(rig, report, workspace, seconds)
    measure_import(rig, report, workspace, 100_000)
