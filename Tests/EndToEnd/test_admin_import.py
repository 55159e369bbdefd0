"""People taken over from elsewhere, with their passwords (contract §5, §9)."""

import hashlib
import json
import secrets
import signal
import unicodedata

from harness.programs import run_program, start_program
from harness.waiting import until


def better_auth_hash(password):
    """As better-auth stores a password: scrypt with N 16384, r 16, p 1 over NFKC, the salt's text as salt."""
    salt = secrets.token_hex(16)
    key = hashlib.scrypt(
        unicodedata.normalize("NFKC", password).encode(), salt=salt.encode(), n=16384, r=16, p=1, maxmem=2**26, dklen=64
    )
    return f"{salt}:{key.hex()}"


def lines(users):
    return "".join(json.dumps(user) + "\n" for user in users)


def run_import(installation, workspace, path, code=0):
    done = run_program(
        "sso-admin",
        "import-users",
        "--workspace",
        workspace.slug,
        str(path),
        environment={key: value for key, value in installation.environment("sso_admin").items() if key != "MASTER_KEYS_FILE"},
    )
    assert done.returncode == code, done
    return done


def test_users_of_better_auth_sign_in_with_their_passwords(installation, workspace, exchange, tmp_path):
    password = "correct horse ünïcode ﬁ"
    email = f"Old.{secrets.token_hex(4)}@example.com"
    file = tmp_path / "users.jsonl"
    file.write_text(
        lines(
            [
                {
                    "id": "Kx9aPq2fTz7bLm3cVw8dNr4e",
                    "email": email,
                    "emailVerified": True,
                    "name": "Old",
                    "image": None,
                    "password": better_auth_hash(password),
                    "createdAt": "2024-03-01T10:00:00.000Z",
                    "updatedAt": "2024-03-01T10:00:00.000Z",
                }
            ]
        ),
        encoding="utf-8",
    )
    assert json.loads(run_import(installation, workspace, file).stdout) == {
        "lines": 1,
        "added": 1,
        "there_already": 0,
        "refused": 0,
    }
    answer = exchange.post(
        workspace.routes + "/sign-in/email",
        headers={"Origin": workspace.apps["acme"].origin},
        json={"email": email, "password": password},
    )
    assert answer.status == 200 and answer.json["user"]["emailVerified"], answer
    assert answer.json["user"]["createdAt"].startswith("2024-03-01")
    again = json.loads(run_import(installation, workspace, file).stdout)
    assert again["added"] == 0 and again["there_already"] == 1


def test_wrong_lines_are_named_and_the_rest_is_taken(installation, workspace, tmp_path):
    mark = secrets.token_hex(4)
    file = tmp_path / "users.jsonl"
    file.write_bytes(
        lines([{"email": f"one.{mark}@example.com"}]).encode()
        + b"{not json}\n\n"
        + b'{"email":"nobody"}\n'
        + b'{"email":"a@b.example","colour":"green"}\n'
        + b'{"email":"c@b.example","password":"plain"}\n'
        + b'{"email":"d@b.example","createdAt":"yesterday"}\n'
        + b'{"email":"e@b.example","name":"a\\u0000b"}\n'
        + json.dumps({"email": f"two.{mark}@example.com"}).encode()
    )
    done = run_import(installation, workspace, file, code=1)
    assert json.loads(done.stdout) == {"lines": 8, "added": 2, "there_already": 0, "refused": 6}
    named = [int(line.split(":")[0].split()[1]) for line in done.stderr.splitlines() if line.startswith("line ")]
    assert named == [2, 4, 5, 6, 7, 8], done.stderr
    assert "plain" not in done.stderr
    long = tmp_path / "long.jsonl"
    long.write_bytes(b"x" * 70_000)
    assert "64 KiB" in run_import(installation, workspace, long, code=1).stderr
    assert "cannot be opened" in run_import(installation, workspace, tmp_path / "ghost", code=1).stderr


def test_an_import_that_is_killed_goes_on_where_it_was(installation, workspace, tmp_path):
    mark = secrets.token_hex(4)
    total = 30_000
    file = tmp_path / "users.jsonl"
    file.write_text(lines({"email": f"{mark}.{n}@example.com", "name": f"N {n}"} for n in range(total)), encoding="utf-8")
    count = "SELECT count(*) FROM users WHERE workspace_id = %s AND email_key LIKE %s"

    def there():
        return workspace.database.value(count, workspace.uuid, f"{mark}.%")

    environment = installation.environment("sso_admin")
    del environment["MASTER_KEYS_FILE"]
    process = start_program(
        "sso-admin", "import-users", "--workspace", workspace.slug, str(file), environment=environment
    )
    until(lambda: there() > 0 or process.poll() is not None, 20)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = there()
    assert before % 1000 == 0
    done = json.loads(run_import(installation, workspace, file).stdout)
    assert done["added"] + before == total and there() == total
    assert done["there_already"] == before
