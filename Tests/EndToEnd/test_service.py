"""What every service does besides its job: health, readiness, metrics, request ids, settings, signals (contract §2)."""

import json
import re
import signal

import pytest

from harness.programs import plain_environment, run_program
from harness.waiting import until

SAMPLE = re.compile(
    r'^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*",?)*\})? (NaN|[+-]Inf|-?[0-9.eE+-]+)$'
)


@pytest.fixture(scope="module", params=["token-exchange", "sso-admin", "key-rotator"])
def service(request, installation):
    start = {
        "token-exchange": installation.start_exchange,
        "sso-admin": installation.start_admin,
        "key-rotator": installation.start_rotator,
    }[request.param]
    return start(SHUTDOWN_DRAIN="0s")


def test_is_alive_and_ready(service):
    assert service.get("/healthz").status == 200
    answer = service.get("/readyz")
    assert answer.status == 200
    assert {"database", "change_feed", "schema"} <= set(answer.json["checks"]) or service.name != "token-exchange", (
        answer.json
    )


def test_metrics_are_prometheus_text(service):
    service.get("/healthz")
    answer = service.get("/metrics")
    assert answer.status == 200 and answer.header("Content-Type").startswith("text/plain")
    samples = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
    assert len(samples) > 5
    for line in samples:
        assert SAMPLE.match(line), line
    assert all(
        re.match(r"^# (HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]*( |$)", line)
        for line in answer.text.splitlines()
        if line.startswith("#")
    )


def test_a_request_id_is_accepted_when_well_formed_and_made_otherwise(service):
    assert service.get("/healthz", headers={"X-Request-Id": "abc-1.2_3"}).header("X-Request-Id") == "abc-1.2_3"
    made = [service.get("/healthz").header("X-Request-Id") for _ in range(3)]
    assert len(set(made)) == 3
    assert service.get("/nothing", headers={"X-Request-Id": "abc"}).header("X-Request-Id") == "abc"


def test_the_request_id_and_trace_are_in_the_log(service):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    service.get("/nothing", headers={"X-Request-Id": "find-me-1", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    line = until(lambda: next((line for line in service.log.splitlines() if "find-me-1" in line), None))
    assert trace in line


@pytest.mark.parametrize(
    "value", ["x", "00-0-0-00", "ff-" + "0" * 32 + "-" + "0" * 16 + "-00", "00-" + "z" * 55, "00" * 4000]
)
def test_a_traceparent_that_is_none_does_no_harm(service, value):
    assert service.get("/healthz", headers={"traceparent": value}).status in (200, 431)


def test_an_unknown_path_is_404_in_the_services_own_shape(service):
    answer = service.get("/nothing/here")
    assert answer.status == 404
    assert "json" in answer.header("Content-Type")


def test_head_is_answered_without_a_body(service):
    answer = service.request("HEAD", "/healthz")
    assert answer.status == 200 and answer.body == b""


def test_sigterm_ends_it_with_0(service):
    assert service.stop(15) == 0
    service.start()
    assert service.get("/healthz").status == 200


def test_sigint_ends_it_with_0(service):
    service.signal(signal.SIGINT)
    assert service.wait(15) == 0
    service.start()


COMMANDS = [("token-exchange", "serve"), ("sso-admin", "serve"), ("key-rotator", "run")]


@pytest.mark.parametrize("name, command", COMMANDS)
def test_help_says_everything_needed_to_run_it(name, command):
    for arguments in (["--help"], [command, "--help"]):
        done = run_program(name, *arguments)
        assert done.returncode == 0, done
    text = run_program(name, "--help").stdout
    assert command in text
    everything = text + run_program(name, command, "--help").stdout
    for variable in ("DATABASE_URL", "HTTP_HOST", "HTTP_PORT", "LOG_LEVEL", "LOG_FORMAT"):
        assert variable in everything, variable


@pytest.mark.parametrize("name, command", COMMANDS)
@pytest.mark.parametrize(
    "variable, value",
    [
        ("HTTP_PORT", "eighty"),
        ("HTTP_PORT", "70000"),
        ("HTTP_PORT", "-1"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("DATABASE_URL", "mysql://x"),
        ("DATABASE_URL", ""),
        ("PUBLIC_URL", "not a url"),
        ("SHUTDOWN_TIMEOUT", "soon"),
    ],
)
def test_a_malformed_variable_stops_the_start_with_one_line_that_names_it(installation, name, command, variable, value):
    environment = {**installation.environment(name.replace("-", "_")), "HTTP_PORT": "0", variable: value}
    done = run_program(name, command, environment=environment, timeout=20)
    assert done.returncode != 0
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert len(lines) == 1 and variable in lines[0], lines


@pytest.mark.parametrize("name, command", COMMANDS)
def test_a_missing_database_url_is_named(name, command):
    done = run_program(name, command, timeout=20)
    assert done.returncode != 0 and "DATABASE_URL" in done.stdout + done.stderr


@pytest.mark.parametrize("content", ["", "no colon", "a:AAAA", "a:!!!", f"a:{'A' * 43}=\na:{'A' * 43}=", "é:x"])
def test_a_master_key_file_that_is_none_stops_the_start_without_showing_it(installation, tmp_path, content):
    file = tmp_path / "keys"
    file.write_text(content, encoding="utf-8")
    environment = {**installation.environment("token_exchange"), "HTTP_PORT": "0", "MASTER_KEYS_FILE": str(file)}
    done = run_program("token-exchange", "serve", environment=environment, timeout=20)
    assert done.returncode != 0
    output = done.stdout + done.stderr
    assert "MASTER_KEYS_FILE" in output or "master key" in output.lower() or str(file) in output
    assert len([line for line in output.splitlines() if line.strip()]) == 1
    if len(content) > 20:
        assert "A" * 43 not in output


@pytest.mark.parametrize("name", ["token-exchange", "sso-admin", "key-rotator"])
def test_an_unknown_command_or_option_is_a_usage_error(name):
    for arguments in (["dance"], ["--dance"], ["--database-url", "x"], ["--api-key", "x"]):
        done = run_program(name, *arguments)
        assert done.returncode not in (0, -6, -11, 134, 139), arguments
        assert done.stderr


@pytest.mark.parametrize("name, command", COMMANDS)
@pytest.mark.parametrize(
    "variable, host",
    [("HTTP_PORT", "127.0.0.1"), ("HTTP_HOST", "192.0.2.1")],
    ids=["taken", "elsewhere"],
)
def test_an_address_that_cannot_be_listened_on_is_one_line_that_names_it(
    installation, exchange, name, command, variable, host
):
    environment = installation.environment(name.replace("-", "_"), HTTP_HOST=host, HTTP_PORT=str(exchange.port))
    done = run_program(name, command, environment=environment, timeout=30)
    assert done.returncode == 1, done
    lines = [line for line in (done.stdout + done.stderr).splitlines() if variable in line or host in line]
    assert len(lines) == 1 and variable in lines[0] and host in lines[0], done
    if variable == "HTTP_PORT":
        assert f"{host}:{exchange.port}" in lines[0]
    assert "errno" not in done.stderr and "critical" not in done.stderr, done


def test_it_reads_no_memory_that_it_has_freed(installation):
    """What the C library overwrites when it is freed, and hands out at once again, is not used any more."""
    workspace = installation.workspace()
    workspace.wait_until_served()
    token = workspace.sign_up().token()
    service = installation.start_exchange(
        MALLOC_PERTURB_="165", GLIBC_TUNABLES="glibc.malloc.tcache_count=0", SHUTDOWN_DRAIN="0s"
    )
    assert workspace.exchange(token, service=service).status == 200
    assert "cannot be read" not in service.log
    assert service.stop() == 0


def test_json_logs_are_one_object_a_line_whatever_the_request_says(installation):
    service = installation.start_exchange(LOG_FORMAT="json", LOG_LEVEL="debug", SHUTDOWN_DRAIN="0s")
    for path in ("/healthz", '/quote"%0a%22', "/v1/apps/%ff", "/nothing?x=%0d%0aInjected:%201"):
        service.get(path, headers={"User-Agent": 'a"b\\c', "X-Request-Id": "the-last-one"})
    until(lambda: service.log.count("the-last-one") >= 4)
    for line in service.log.splitlines():
        record = json.loads(line)
        assert isinstance(record, dict)
    assert service.stop() == 0


def test_text_logs_are_one_line_a_record_whatever_the_request_says(installation, exchange):
    exchange.get("/nothing%0a2026-01-01T00:00:00Z%20error%20forged", headers={"X-Request-Id": "forged-1"})
    until(lambda: "forged-1" in exchange.log)
    assert not [line for line in exchange.log.splitlines() if line.startswith("2026-01-01T00:00:00Z error forged")]


def test_port_0_means_any_free_port(installation):
    service = installation.start_exchange(HTTP_PORT="0", ready=False)
    line = until(lambda: next((text for text in service.log.splitlines() if "Listening" in text), None), 20)
    assert re.search(r"\b\d{4,5}\b", line)
    assert service.stop() == 0


def test_the_environment_of_the_tests_brings_no_settings():
    assert not {"DATABASE_URL", "HTTP_PORT", "LOG_LEVEL"} & set(plain_environment())
