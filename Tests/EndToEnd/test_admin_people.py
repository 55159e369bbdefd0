"""Users, memberships and sessions by REST (contract §9)."""

import secrets

import pytest

from harness.admin import Admin, problem
from harness.appapi import AppAPI


@pytest.fixture(scope="module")
def service(installation):
    return installation.start_admin(SHUTDOWN_DRAIN="0s")


@pytest.fixture(scope="module")
def admin(service, workspace):
    return Admin(service, workspace.admin_token)


def address(prefix="ada"):
    return f"{prefix}.{secrets.token_hex(5)}@example.com"


def test_a_user_is_made_and_signs_in(admin, workspace, exchange):
    email, password = address("Ada"), secrets.token_urlsafe(12)
    made = admin.post("users", {"email": email, "name": "Ada", "password": password, "emailVerified": True})
    assert made.status == 201, made
    user = made.json
    assert user["email"] == email and user["hasPassword"] and user["emailVerified"] and user["status"] == "active"
    assert password not in made.text and "hash" not in made.text.lower()
    assert made.header("Location") == f"/api/admin/users/{user['id']}"
    assert admin.get(f"users/{user['id']}").json == user
    assert admin.get(f"users/{user['id'].replace('-', '')}").json == user
    answer = exchange.post(
        workspace.routes + "/sign-in/email",
        headers={"Origin": workspace.apps["acme"].origin},
        json={"email": email.lower(), "password": password},
    )
    assert answer.status == 200, answer
    again = admin.post("users", {"email": email.upper()})
    assert again.status == 409 and again.json["details"]["field"] == "email"
    assert admin.delete(f"users/{user['id']}").status == 204
    assert problem(admin.get(f"users/{user['id']}")) == "not_found"


@pytest.mark.parametrize(
    "body,field",
    [
        ({}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@b"}, "email"),
        ({"email": "a@b.example\u0000"}, "email"),
        ({"email": "a" * 65 + "@b.example"}, "email"),
        ({"email": "a@b.example", "name": "x" * 201}, "name"),
        ({"email": "a@b.example", "password": "short"}, "password"),
        ({"email": "a@b.example", "password": "x" * 129}, "password"),
        ({"email": "a@b.example", "emailVerified": "yes"}, "emailVerified"),
        ({"email": "a@b.example", "status": "active"}, "status"),
    ],
)
def test_a_wrong_user_is_refused_by_name(admin, workspace, body, field):
    before = workspace.count("users")
    answer = admin.post("users", body)
    assert answer.status == 422 and answer.json["details"]["field"] == field, answer
    assert workspace.count("users") == before


def test_a_disabled_user_is_out_everywhere_at_once(admin, workspace, exchange, beta, acme):
    person = workspace.sign_up()
    session, token = person.exchanged(), person.token()
    changed = admin.patch(f"users/{person.id}", {"status": "disabled"})
    assert changed.status == 200 and changed.json["status"] == "disabled", changed
    assert beta.current_user(session["access"]).status == 401
    assert acme.current_user(token).status == 401
    assert beta.refresh(session["refresh"]).status == 401
    live = "SELECT count(*) FROM sessions WHERE workspace_id = %s AND user_id = %s AND revoked_at IS NULL"
    assert workspace.database.value(live, workspace.uuid, person.id) == 0
    assert admin.patch(f"users/{person.id}", {"status": "active"}).status == 200
    # What ended stays ended.
    assert beta.current_user(session["access"]).status == 401


def test_users_are_searched_by_address_and_name(admin):
    mark = secrets.token_hex(4)
    emails = sorted(f"{mark}{n}@example.com" for n in range(7))
    for number, email in enumerate(emails):
        assert admin.post("users", {"email": email, "name": f"Zed{mark} {number}"}).status == 201
    found = admin.everything(f"users?search={mark.upper()}", "users", limit=3)
    assert sorted(user["email"] for user in found) == emails
    assert len(admin.everything(f"users?search=zed{mark}", "users", limit=2)) == 7
    assert admin.everything("users?search=nobody-begins-so", "users") == []


def test_a_membership_is_made_changed_suspended_activated_and_removed(admin, workspace, exchange, beta):
    user = admin.post("users", {"email": address()}).json["id"]
    place = f"applications/gamma/users/{user}"
    made = admin.post("applications/gamma/users", {"userId": user, "role": "admin", "profile": {"team": "é", "n": [1]}})
    assert made.status == 201 and made.json["role"] == "admin" and made.json["profile"] == {"team": "é", "n": [1]}, made
    assert made.header("Location") == f"/api/admin/{place}" and made.json["status"] == "active"
    assert problem(admin.post("applications/gamma/users", {"userId": user})) == "conflict"
    assert admin.post("applications/ghost/users", {"userId": user}).status == 404
    assert admin.post("applications/gamma/users", {"userId": "01a20000-0000-7000-8000-000000000000"}).status == 404
    assert admin.post("applications/gamma/users", {}).status == 422
    changed = admin.patch(place, {"role": "member"}, headers={"If-Match": made.header("ETag")})
    assert changed.status == 200 and changed.json["role"] == "member" and changed.json["profile"]["team"] == "é"
    assert admin.patch(place, {"role": "admin"}, headers={"If-Match": made.header("ETag")}).status == 412
    assert admin.post(f"{place}/suspend").json["status"] == "suspended"
    listed = admin.everything("applications/gamma/users?status=suspended", "users")
    assert [each["userId"] for each in listed] == [user]
    assert admin.get("applications/gamma/users?status=gone").status == 422
    assert admin.post(f"{place}/activate").json["status"] == "active"
    assert [each["appId"] for each in admin.everything(f"users/{user}/memberships", "memberships")] == ["gamma"]
    assert admin.delete(place).status == 204
    assert admin.get(place).status == 404 and admin.delete(place).status == 404
    assert admin.get(f"users/{user}").status == 200


def test_a_suspended_member_loses_that_app_with_all_that_came_of_it_and_keeps_the_others(
    admin, workspace, beta, acme, exchange
):
    person = workspace.sign_up()
    in_beta = person.exchanged()
    in_gamma = workspace.exchange(in_beta["access"], "gamma").json
    gamma = AppAPI(exchange, workspace.apps["gamma"].client_id)
    assert gamma.current_user(in_gamma["access"]).status == 200
    assert admin.post(f"applications/beta/users/{person.id}/suspend").status == 200
    assert beta.current_user(in_beta["access"]).status == 401
    assert gamma.current_user(in_gamma["access"]).status == 401
    assert acme.current_user(person.token()).status == 200


def test_a_removed_member_takes_along_what_was_exchanged_from_the_app(admin, workspace, exchange, beta):
    person = workspace.sign_up()
    in_beta = person.exchanged()
    in_gamma = workspace.exchange(in_beta["access"], "gamma").json
    gamma = AppAPI(exchange, workspace.apps["gamma"].client_id)
    assert admin.delete(f"applications/beta/users/{person.id}").status == 204
    assert beta.current_user(in_beta["access"]).status == 401
    # The session it was exchanged from is gone, and with it what came of it.
    assert gamma.current_user(in_gamma["access"]).status == 401
    assert gamma.refresh(in_gamma["refresh"]).status == 401


def test_sessions_are_listed_with_device_and_lineage_and_ended_one_by_one(admin, workspace, beta, acme):
    person = workspace.sign_up()
    token = person.token()
    session = person.exchanged()
    mine = admin.everything(f"users/{person.id}/sessions", "sessions")
    assert [each["appId"] for each in mine] == ["beta", "acme"]
    child, root = mine
    assert child["parentId"] == child["rootId"] == root["id"] and child["depth"] == 1 and root["depth"] == 0
    assert child["ip"] == "127.0.0.1" and child["apiKeyId"] and root["parentId"] is None
    listed = admin.everything("applications/beta/sessions", "sessions", limit=2)
    assert child["id"] in {each["id"] for each in listed}
    assert [each["id"] for each in listed] == sorted((each["id"] for each in listed), reverse=True)
    # Not through another app.
    assert problem(admin.delete(f"applications/gamma/sessions/{child['id']}")) == "not_found"
    assert admin.delete(f"applications/beta/sessions/{child['id']}").status == 204
    assert admin.delete(f"applications/beta/sessions/{child['id']}").status == 404
    assert beta.current_user(session["access"]).status == 401 and acme.current_user(token).status == 200
    assert admin.delete(f"applications/acme/sessions/{root['id']}").status == 204
    assert acme.current_user(token).status == 401
    assert admin.everything(f"users/{person.id}/sessions", "sessions") == []


@pytest.mark.parametrize("whose", ["a user's", "an app's", "a group's", "everybody's"])
def test_all_sessions_of_an_owner_end_and_no_other(installation, service, exchange, whose):
    workspace = installation.workspace()
    workspace.wait_until_served()
    admin = Admin(service, workspace.admin_token)
    people = [workspace.sign_up() for _ in range(3)]
    sessions = [person.exchanged() for person in people]
    aside = [workspace.exchange(person.token(), "gamma").json for person in people]
    path = {
        "a user's": f"users/{people[0].id}/sessions",
        "an app's": "applications/beta/sessions",
        "a group's": "sso-groups/suite/sessions",
        "everybody's": "sessions",
    }[whose]
    expected = {"a user's": 3, "an app's": 3, "a group's": 6, "everybody's": 9}[whose]
    answer = admin.delete(path)
    assert answer.status == 200 and answer.json == {"revoked": expected}, answer
    beta = AppAPI(exchange, workspace.apps["beta"].client_id)
    gamma = AppAPI(exchange, workspace.apps["gamma"].client_id)
    in_beta = [beta.current_user(session["access"]).status == 200 for session in sessions]
    in_gamma = [gamma.current_user(session["access"]).status == 200 for session in aside]
    assert in_beta == {"a user's": [False, True, True]}.get(whose, [False] * 3)
    # Those in gamma came from acme: where acme ended, they ended with it.
    assert in_gamma == {"a user's": [False, True, True], "an app's": [True] * 3}.get(whose, [False] * 3)
    assert admin.delete(path).json == {"revoked": 0}
    entries = admin.get("audit-log?limit=5").json["auditLog"]
    assert entries[0]["action"] == "session.revoke_all"


def test_nobody_is_listed_under_what_is_not_there(admin, person):
    for path in ("applications/ghost/sessions", "applications/ghost/users", f"users/{secrets.token_hex(16)}/sessions"):
        assert problem(admin.get(path)) == "not_found", path
    assert problem(admin.delete("sso-groups/ghosts/sessions")) == "not_found"
