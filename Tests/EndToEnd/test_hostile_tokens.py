"""Tokens that somebody made up: always 401, never 500, nothing written, nobody called."""

import base64
import json
import random
import time
import uuid

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from harness.refusals import assert_refused, nothing_written
from harness.proxy import silent_listener
from harness.tokens import assemble, claims_of, compact, decode64, encode64, header_of, hmac_signer, signer_of, unsigned


@pytest.fixture(scope="module")
def forge(workspace):
    return workspace.forge()


@pytest.fixture(scope="module")
def token(person):
    return person.token()


@pytest.fixture(scope="module")
def own_key():
    return rsa.generate_private_key(65537, 2048)


def refuse(workspace, *tokens):
    """Each token is refused at the exchange and at the app's own routes, quickly, and nothing is written."""
    exchange = workspace.installation.exchange
    with nothing_written(workspace):
        for token in tokens:
            answer = workspace.exchange(token)
            assert_refused(answer, 401, "invalid_access_token")
            assert answer.seconds < 2
            for app in ("acme", "beta"):
                path = f"/v1/auth/{workspace.apps[app].client_id}"
                assert exchange.get(f"{path}/current_user", headers={"X-Authorization": token}).status == 401
                assert exchange.post(f"{path}/tokens/access/verify", headers={"X-Authorization": token}).status == 401


def test_the_forge_makes_tokens_that_pass(workspace, forge, token):
    assert workspace.exchange(forge.altered(token)).status == 200


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 0, ["RS256"], {"a": 1}, True], ids=repr)
def test_alg_none_in_every_spelling(workspace, forge, token, alg):
    header = {"alg": alg, "kid": forge.kid, "typ": "at+jwt"}
    signature = token.split(".")[2]
    unsigned_one = assemble(header, claims_of(token), unsigned)
    refuse(workspace, unsigned_one, unsigned_one + signature, unsigned_one.rstrip("."))


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_hs256_with_the_public_key_as_secret(workspace, forge, token, alg):
    public = forge.key.public_key()
    der = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    secrets = [
        forge.public_pem,
        forge.public_pem.strip(),
        public.public_bytes(*der),
        b"",
        forge.kid.encode(),
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1),
    ]
    header = {"alg": alg, "kid": forge.kid, "typ": "at+jwt"}
    refuse(workspace, *(assemble(header, claims_of(token), hmac_signer(secret or b"\0")) for secret in secrets))


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", "RS256 ", "RS256x"])
def test_another_algorithm_than_the_keys_although_rightly_signed(workspace, forge, token, alg):
    refuse(workspace, forge.sign(claims_of(token), alg=alg))


def test_a_key_of_our_own_under_the_workspaces_kid(workspace, forge, token, own_key):
    refuse(workspace, assemble(forge.header(), claims_of(token), signer_of(own_key)))
    elliptic = signer_of(ec.generate_private_key(ec.SECP256R1()))
    refuse(workspace, assemble(forge.header(alg="ES256"), claims_of(token), elliptic))


def test_the_kid_and_key_of_another_workspace(workspace, other, forge, token):
    theirs = other.forge()
    refuse(
        workspace,
        # Their key says that it is a token of this workspace.
        theirs.sign(claims_of(token)),
        # Their key under this workspace's kid, and this workspace's key under theirs.
        theirs.sign(claims_of(token), kid=forge.kid),
        forge.sign(claims_of(token), kid=theirs.kid),
    )


@pytest.mark.parametrize("wanted", ["iss", "wid"])
def test_a_token_that_names_two_workspaces(workspace, other, forge, token, wanted):
    values = {"iss": other.issuer, "wid": other.id}
    mixed = {**claims_of(token), wanted: values[wanted]}
    for made in (forge.sign(mixed), other.forge().sign(mixed)):
        answer = workspace.exchange(made)
        assert answer.status in (401, 403), answer
        answer = other.exchange(made)
        assert answer.status in (401, 403), answer


KIDS = [
    None,
    "",
    "../../../../etc/passwd",
    "/dev/null",
    "x' UNION SELECT 'k', 'k' --",
    "'; DROP TABLE signing_keys; --",
    "{kid}\u0000",
    "{kid} ",
    " {kid}",
    "{kid}/../{kid}",
    "{KID}",
    "é",
    "e\u0301",
    "k" * 4000,
    7,
    None,
    True,
    ["{kid}"],
    {"kid": "{kid}"},
    "http://127.0.0.1:1/key",
    "\r\nX-Injected: 1",
    "%2e%2e%2f",
    "${jndi:ldap://127.0.0.1/a}",
]


@pytest.mark.parametrize("kid", KIDS, ids=lambda kid: repr(kid)[:30])
def test_a_kid_that_is_none_of_ours(workspace, forge, token, kid):
    if isinstance(kid, str):
        kid = kid.replace("{kid}", forge.kid).replace("{KID}", forge.kid.upper() + "X")
    header = {"alg": "RS256", "kid": kid, "typ": "at+jwt"}
    if kid is None:
        del header["kid"]
    refuse(workspace, assemble(header, claims_of(token), forge.signer))


@pytest.mark.parametrize("field", ["jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip"])
def test_header_fields_that_bring_a_key_or_an_extension(workspace, forge, token, own_key, field):
    numbers = own_key.public_key().public_numbers()
    jwk = {
        "kty": "RSA",
        "kid": forge.kid,
        "alg": "RS256",
        "n": encode64(numbers.n.to_bytes(256, "big")),
        "e": "AQAB",
    }
    with silent_listener() as listener:
        listener.settimeout(0.2)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/jwks.json"
        values = {
            "jku": url,
            "x5u": url,
            "jwk": jwk,
            "x5c": [base64.b64encode(b"x").decode()],
            "x5t": "AAAA",
            "x5t#S256": "AAAA",
            "crit": ["exp"],
            "b64": False,
            "zip": "DEF",
        }
        header = forge.header(**{field: values[field]})
        refuse(
            workspace,
            assemble(header, claims_of(token), signer_of(own_key)),
            forge.sign(claims_of(token), **{field: values[field]}),
        )
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.parametrize(
    "typ", [None, "JWT", "jwt", "AT+JWT", "application/at+jwt", "rt+jwt", "logout+jwt", "id+jwt", "", 1]
)
def test_another_typ_than_at_jwt(workspace, forge, token, typ):
    refuse(workspace, forge.sign(claims_of(token), typ=typ))


def test_a_refresh_token_and_one_dressed_up_as_access(workspace, forge, person):
    refresh = person.exchanged()["refresh"]
    refuse(workspace, refresh, forge.sign(claims_of(refresh), typ="at+jwt"))


def test_an_access_token_dressed_up_as_refresh(workspace, exchange, forge, person):
    access = person.exchanged()["access"]
    path = f"/v1/auth/{workspace.apps['beta'].client_id}/tokens/refresh"
    for made in (access, forge.sign(claims_of(access), typ="rt+jwt"), forge.sign({**claims_of(access), "gen": 1})):
        assert exchange.post(path, headers={"X-Refresh-Token": made}).status == 401


CLAIMS = {
    "without": ["iss", "sub", "aud", "aid", "wid", "sid", "jti", "iat", "exp", "uuid", "uid", "client_id"],
    "null": ["iss", "sub", "aid", "wid", "sid", "exp"],
    "a number": ["iss", "sub", "aid", "wid", "sid", "jti"],
    "an empty text": ["iss", "sub", "wid", "sid", "exp"],
    "an array": ["iss", "sub", "sid", "exp"],
}


@pytest.mark.parametrize("how, claim", [(how, claim) for how, claims in CLAIMS.items() for claim in claims])
def test_a_genuine_signature_over_claims_we_never_write(workspace, forge, token, how, claim):
    payload = claims_of(token)
    if how == "without":
        del payload[claim]
    else:
        payload[claim] = {"null": None, "a number": 7, "an empty text": "", "an array": [payload[claim]]}[how]
    refuse(workspace, forge.sign(payload))


@pytest.mark.parametrize(
    "exp", [0, -1, 1, 2**33, 2**53 + 1, 2**63, 1e300, "9999999999", 1.5, True, float("inf")], ids=repr
)
def test_an_expiry_that_is_no_sane_instant(workspace, forge, token, exp):
    refuse(workspace, forge.sign({**claims_of(token), "exp": exp}))


def test_a_token_from_the_future(workspace, forge, token):
    now = int(time.time())
    refuse(workspace, forge.altered(token, iat=now + 300, exp=now + 3900), forge.altered(token, nbf=now + 300))


def test_uuid_and_uid_that_contradict_sub_and_jti(workspace, forge, token):
    refuse(workspace, forge.altered(token, uuid=str(uuid.uuid4())), forge.altered(token, uid=str(uuid.uuid4())))


@pytest.mark.parametrize("sub", ["{}'", "{}\u0000", "{} ", "{{{}}}", "urn:uuid:{}", "{}\n"], ids=repr)
def test_ids_in_another_spelling(workspace, forge, token, sub):
    text = sub.format(claims_of(token)["sub"])
    refuse(workspace, forge.altered(token, sub=text, uuid=text))


def duplicated(payload, name, value):
    """The object as bytes with one member more of the same name, in front."""
    return b"{" + compact(name) + b":" + compact(value) + b"," + compact(payload)[1:]


def test_duplicate_names_in_header_and_payload(workspace, forge, token):
    claims, header = claims_of(token), forge.header()
    sign = forge.signer
    refuse(
        workspace,
        assemble(duplicated(header, "alg", "none"), claims, sign),
        assemble(duplicated(header, "alg", "RS256"), claims, sign),
        assemble(compact(header)[:-1] + b',"\\u0061lg":"none"}', claims, sign),
        assemble(compact(header)[:-1] + b',"kid":"x"}', claims, sign),
        assemble(header, duplicated(claims, "sub", str(uuid.uuid4())), sign),
        assemble(header, duplicated(claims, "aid", "beta"), sign),
        assemble(header, compact(claims)[:-1] + b',"\\u0065xp":9999999999}', sign),
    )


def test_json_that_is_not_quite_json(workspace, forge, token):
    claims, header, sign = compact(claims_of(token)), compact(forge.header()), forge.signer
    spoilt = [
        claims[:-1] + b",}",
        claims + b" x",
        b"\xef\xbb\xbf" + claims,
        claims_text_utf16(claims),
        claims[:-1],
        b"[]",
        b"",
        b"null",
        claims[:-1] + b',"x":' + b"[" * 200 + b"]" * 200 + b"}",
        claims[:-1] + b',"x":"\xff"}',
        claims[:-1] + b',"x":"\\ud800"}',
        claims[:-1] + b',"x":01}',
        claims[:-1] + b",'x':1}",
        claims + b"\0",
        claims[:-1] + b"," + b",".join(b'"m%d":1' % n for n in range(100)) + b"}",
    ]
    refuse(workspace, *(assemble(header, payload, sign) for payload in spoilt))
    refuse(workspace, assemble(header + b" ", claims, sign) + "=", assemble(header[:-1] + b",}", claims, sign))


def claims_text_utf16(claims):
    return claims.decode().encode("utf-16-le")


def test_a_token_spelt_another_way(workspace, token):
    header, payload, signature = token.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    alias = signature[:-1] + last[last.index(signature[-1]) ^ 1]
    assert base64.urlsafe_b64decode(alias + "==") == decode64(signature)
    refuse(
        workspace,
        f"{header}.{payload}.{alias}",
        f"{header}.{payload}.{signature}=",
        f"{header}.{payload}.{signature}==",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{header}..{signature}",
        f".{payload}.{signature}",
        f"{header}.{payload}.{signature}.",
        f"{header}.{payload}.{signature}.{signature}",
        f".{token}",
        f"{header}.{payload}.{signature[:-2]}",
        f"{header}.{payload}.{signature}AA",
        token.replace(".", ".."),
        json.dumps({"protected": header, "payload": payload, "signature": signature}),
        f"{token},{token}",
    )


def test_nine_kib_of_token(workspace, forge, token):
    refuse(workspace, forge.altered(token, filler="x" * 9000), "a" * 9216, "." * 9216, token + "." + "a" * 9000)


def test_a_thousand_mutations_of_a_good_token(workspace, forge, token):
    """Bits, bytes and slices changed at random: nothing but 401, and a good token passes afterwards."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/~ "
    exchange = workspace.installation.exchange
    with nothing_written(workspace):
        for _ in range(1000):
            text = list(token)
            for _ in range(chance.randint(1, 4)):
                place = chance.randrange(len(text))
                kind = chance.randrange(4)
                if kind == 0:
                    text[place] = chance.choice(alphabet)
                elif kind == 1:
                    del text[place]
                elif kind == 2:
                    text.insert(place, chance.choice(alphabet))
                else:
                    other = chance.randrange(len(text))
                    text[place], text[other] = text[other], text[place]
            made = "".join(text).strip()
            if made.split(" ")[-1] == token:
                continue
            answer = workspace.exchange(made)
            assert answer.status == 401, (seed, made, answer)
    assert exchange.is_running and workspace.exchange(token).status == 200
    assert header_of(token)["kid"] == forge.kid
