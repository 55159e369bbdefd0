"""Measures every bar of Breezeway and prints figure, bar and verdict beside what the machine itself can do.

Exit code 0 when every bar holds, 1 when one does not, 2 when the measurement itself failed.
"""

import argparse
import datetime
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import time

import administration
import load
import population
import rotation
import round_trips
from rig import Failure, Rig, say

USERS = 256
PARTS = ["rates", "memory", "round-trips", "growth", "rotation", "administration"]


class Report:
    """The bars in the order they were measured, and the figures that have none."""

    def __init__(self):
        self.rows, self.notes, self.failed = [], [], 0

    def bar(self, name, figure, bar, holds):
        self.rows.append((name, figure, bar, "holds" if holds else "MISSED"))
        self.failed += not holds
        print(f"    {name}: {figure} (bar: {bar}) {'holds' if holds else 'MISSED'}", flush=True)

    def note(self, name, figure):
        self.notes.append((name, figure))
        print(f"    {name}: {figure}", flush=True)

    def markdown(self):
        lines = ["| what | measured | bar | verdict |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in self.rows]
        lines += ["", "| beside it | |", "|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in self.notes]
        return "\n".join(lines)


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return (done.stdout or done.stderr).strip().split("\n")[0]


def synced_writes(folder):
    """8 KiB writes, each followed by fdatasync, that one thread manages in a second."""
    page, count = b"\0" * 8192, 0
    with open(folder / "sync-probe", "wb") as file:
        until = time.monotonic() + 1
        while time.monotonic() < until:
            file.seek(0)
            file.write(page)
            file.flush()
            os.fdatasync(file.fileno())
            count += 1
    return count


def machine(rig, report):
    cpu = next(
        (line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    memory = int(next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1]) / 2**20
    report.note("date", datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"))
    report.note("machine", f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}")
    report.note("load average before", f"{os.getloadavg()[0]:.2f}")
    filesystem = first_line("stat", "-f", "-c", "%T", str(rig.folder))
    report.note("disk under the cluster", f"{filesystem}, {synced_writes(rig.folder):,} synced 8 KiB writes/s")
    versions = rig.sql("SHOW server_version", "postgres"), first_line("openssl", "version")
    report.note("software", f"PostgreSQL {versions[0]} (fsync on), {versions[1]}, wrk over loopback, "
                f"{load.CONNECTIONS} connections, {load.THREADS} threads")  # fmt: skip


def populate(rig):
    """Ten workspaces; 256 users each in one that signs RS256 and one that signs ES256; about 1,000 sessions."""
    rig.sql("CREATE DATABASE breezeway", "postgres")
    rig.run("sso-admin", "migrate", "--migrations", "sql/migrations")
    first = population.create_workspace(rig, "bench")
    second = population.create_workspace(rig, "bench-es256", "ES256")
    others = population.create_workspaces(rig, [f"other-{number}" for number in range(8)])
    # Everyone signs up from one address here. No service runs yet, so none needs to hear of the change.
    rig.sql("SET session_replication_role = replica; UPDATE workspaces SET sign_in_limit = 1000000")
    # The days of a service that has run for a week, in every database that is measured.
    rig.sql("SELECT ensure_session_partitions(current_date - 7, current_date + 7)")
    rig.run("key-rotator", "run-once")
    service = rig.serve()
    client = population.Client(service.url)
    await_keys(client, [first, second, *others])
    population.sign_up(client, first, USERS)
    population.sign_up(client, second, USERS)
    service.stop()
    # Two copies for the measurement of growth: one stays as it is, one will be filled.
    for copy in ("small", "grown"):
        rig.sql(f"CREATE DATABASE {copy} TEMPLATE breezeway", "postgres")
    return first, second, others


def await_keys(client, workspaces):
    deadline = time.monotonic() + 60
    for workspace in workspaces:
        while True:
            status, _, content = client.send("GET", workspace.jwks_path)
            if status == 200 and b'"kid"' in content:
                break
            if time.monotonic() > deadline:
                raise Failure(f"{workspace.slug} has no signing key: {status} {content[:200]!r}")
            time.sleep(0.05)


def measure_rates(rig, report, first, second, seconds):
    cores = os.cpu_count()
    say(f"openssl speed -seconds 3 -multi {cores} rsa2048")
    signatures = [load.rsa_signatures(cores)]
    service = rig.serve()

    say("exchange, RS256")
    _, before = population.counts(rig, "breezeway")
    rs256 = load.exchanges(rig, first).run(service.url, seconds)
    _, after = population.counts(rig, "breezeway")
    signatures.append(load.rsa_signatures(cores))
    mean = sum(signatures) / 2
    report.note("openssl rsa2048 signatures/s before and after", " and ".join(f"{s:,.0f}" for s in signatures))
    least = 0.60 * mean / 2
    report.bar("exchange RS256", f"{rs256.rate:,.0f}/s = {rs256.rate * 2 / mean:.2f} of the machine's signing rate",
               f"≥ {least:,.0f}/s (0.60 × {mean:,.0f} ÷ 2)", rs256.rate >= least)  # fmt: skip
    report.bar("exchange RS256 p99", f"{rs256.p99:.1f} ms", "< 60 ms", rs256.p99 < 60)
    report.bar("exchange RS256 errors", str(rs256.errors), "0", rs256.errors == 0)
    report.bar("sessions committed", f"{after - before:,} rows for {rs256.requests:,} answers and a warm-up",
               "≥ answers", after - before >= rs256.requests)  # fmt: skip

    say("exchange, ES256")
    es256 = load.exchanges(rig, second).run(service.url, seconds)
    report.bar("exchange ES256", f"{es256.rate:,.0f}/s = {es256.rate / rs256.rate:.2f} × RS256",
               f"≥ {2.5 * rs256.rate:,.0f}/s (2.5 × RS256)", es256.rate >= 2.5 * rs256.rate)  # fmt: skip
    report.bar("exchange ES256 errors", f"{es256.errors}, p99 {es256.p99:.1f} ms", "0", es256.errors == 0)

    say("refresh, RS256")
    refresh = load.refreshes(rig, service, first, seconds)
    report.bar("refresh RS256", f"{refresh.rate:,.0f}/s, p99 {refresh.p99:.1f} ms, {refresh.errors} errors",
               f"≥ {rs256.rate:,.0f}/s (exchange), 0 errors",
               refresh.rate >= rs256.rate and refresh.errors == 0)  # fmt: skip

    say("JWKS and current_user")
    jwks = load.Requests(rig.folder / "jwks", "GET", first.jwks_path).run(service.url, 10)
    report.bar("JWKS", f"{jwks.rate:,.0f}/s, {jwks.errors} errors", "≥ 10,000/s",
               jwks.rate >= 10000 and jwks.errors == 0)  # fmt: skip
    path = f"/v1/auth/{first.source['client_id']}/current_user"
    user = load.Requests(rig.folder / "user", "GET", path, {}, "X-Authorization", first.access_tokens)
    user = user.run(service.url, 10)
    report.bar("current_user", f"{user.rate:,.0f}/s, p99 {user.p99:.1f} ms, {user.errors} errors", "≥ 4,000/s",
               user.rate >= 4000 and user.errors == 0)  # fmt: skip
    return service


def measure_memory_and_start(rig, report, service, first, known):
    say("100 workspaces")
    more = population.create_workspaces(rig, [f"more-{number}" for number in range(100 - len(known))])
    rig.run("key-rotator", "run-once")
    await_keys(population.Client(service.url), [*known, *more])
    load.exchanges(rig, first).run(service.url, 5, warm_up=0)
    resident = service.resident_megabytes()
    report.bar("resident memory after the run, 100 workspaces loaded", f"{resident:.0f} MB", "≤ 120 MB",
               resident <= 120)  # fmt: skip
    service.stop()
    starts = []
    for _ in range(3):
        service = rig.serve()
        starts.append(service.seconds_to_ready)
        service.stop()
    report.bar("start to ready, slowest of three", f"{max(starts):.2f} s", "≤ 1 s", max(starts) <= 1)


def measure_round_trips(rig, report, workspace):
    say("database round trips")
    each, made = round_trips.measure(rig, workspace)
    report.bar("database round trips an exchange", f"{each:.3f}", "1", abs(each - 1) < 0.01)
    for unit, count in sorted(made.items(), key=lambda item: -item[1])[:5]:
        print(f"        {count} × " + "; ".join(text[:100] for text in unit))


def measure_growth(rig, report, workspace, rounds, seconds):
    say("filling a copy with 1,000,000 sessions in 1,000 workspaces")
    population.grow(rig, "grown", 1000, 1_000_000)
    sizes = {name: population.counts(rig, name) for name in ("small", "grown")}
    services = {name: rig.serve(database=name) for name in sizes}
    requests = load.exchanges(rig, workspace)
    answered, spent, errors = dict.fromkeys(sizes, 0), dict.fromkeys(sizes, 0), 0
    for name, service in services.items():
        requests.run(service.url, 1, warm_up=3)
    # In turns, so that what else the machine does meets both alike.
    for number in range(rounds):
        for name in ("small", "grown") if number % 2 == 0 else ("grown", "small"):
            result = requests.run(services[name].url, seconds, warm_up=0)
            answered[name] += result.requests
            spent[name] += result.seconds
            errors += result.errors
    rates = {name: answered[name] / spent[name] for name in sizes}
    for name, service in services.items():
        service.stop()
        report.note(f"exchange rate, {sizes[name][0]:,} workspaces and {sizes[name][1]:,} sessions at the start",
                    f"{rates[name]:,.0f}/s")  # fmt: skip
    ratio = rates["grown"] / rates["small"]
    report.bar("growth: the large database's rate", f"{ratio:.2f} × the small one's, {errors} errors",
               "≥ 0.90 ×, 0 errors", ratio >= 0.9 and errors == 0)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", default=".build/release", help="folder of the three programs")
    parser.add_argument("--seconds", type=int, default=30, help="of each measured exchange and refresh run (30)")
    parser.add_argument("--log-level", default="info", help="LOG_LEVEL of the measured service (info)")
    parser.add_argument("--only", choices=PARTS, action="append",
                        help="measure only this part; may be repeated")  # fmt: skip
    parser.add_argument("--scale", type=float, default=1, help="of the rotation part's numbers, for a quick look (1)")
    parser.add_argument("--keep-logs", metavar="DIR", help="copy the services' logs there at the end")
    options = parser.parse_args()
    # Asked to end, it still stops what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parts = options.only or PARTS
    report = Report()
    try:
        with Rig(options.binaries, options.log_level) as rig:
            say("machine")
            machine(rig, report)
            say(f"ten workspaces, {2 * USERS} users, {4 * USERS} sessions")
            first, second, others = populate(rig)
            service = None
            if "rates" in parts:
                service = measure_rates(rig, report, first, second, options.seconds)
            if "memory" in parts:
                service = service or rig.serve()
                measure_memory_and_start(rig, report, service, first, [first, second, *others])
            elif service is not None:
                service.stop()
            if "round-trips" in parts:
                measure_round_trips(rig, report, first)
            if "growth" in parts:
                measure_growth(rig, report, first, rounds=4, seconds=8)
            if "rotation" in parts:
                rotation.measure(rig, report, first, options.scale)
            if "administration" in parts:
                administration.measure(rig, report, second, seconds=10)
            if options.keep_logs:
                pathlib.Path(options.keep_logs).mkdir(parents=True, exist_ok=True)
                for log in rig.folder.glob("*.log"):
                    shutil.copy(log, options.keep_logs)
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    print("\n" + report.markdown())
    print(f"\n{len(report.rows) - report.failed} bars hold, {report.failed} missed")
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
