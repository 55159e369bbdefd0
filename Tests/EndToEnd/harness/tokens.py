"""Tokens as their issuer, and as somebody who would like to be, makes them."""

import base64
import json
import os
import struct
import time
import uuid

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def encode64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def header_of(token):
    return json.loads(decode64(token.split(".")[0]))


def claims_of(token):
    return json.loads(decode64(token.split(".")[1]))


def compact(value):
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


def assemble(header, payload, signer):
    """A compact JWS of any header and payload (objects, or bytes as they are), signed by a function of the input."""
    signed = encode64(compact(header)) + "." + encode64(compact(payload))
    return signed + "." + encode64(signer(signed.encode()))


def signer_of(key):
    """A function that signs with a private key in JOSE's form."""

    def sign(data):
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if isinstance(key, ec.EllipticCurvePrivateKey):
            r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        assert isinstance(key, ed25519.Ed25519PrivateKey)
        return key.sign(data)

    return sign


def hmac_signer(secret):
    def sign(data):
        mac = hmac.HMAC(secret, hashes.SHA256())
        mac.update(data)
        return mac.finalize()

    return sign


def unsigned(_):
    return b""


def opened(kid, algorithm, sealed, names, master_key):
    """The private half of a key as it is stored, sealed for a workspace by one of its names."""
    length = sealed[1]
    kek, rest = sealed[2 : 2 + length].decode(), sealed[2 + length :]
    wrap, data = rest[:60], rest[60:]
    for name in names:
        try:
            data_key = AESGCM(master_key).decrypt(wrap[:12], wrap[12:], _prefixed("sso/kek/v1", name, kid, kek))
        except Exception:  # noqa: BLE001 - the id's other spelling is tried next
            continue
        bound = _prefixed("sso/key/v1", name, kid, "token-signing", algorithm)
        return serialization.load_der_private_key(AESGCM(data_key).decrypt(data[:12], data[12:], bound), None)
    raise AssertionError("the master key does not open the workspace's signing key")


def sealed(kid, algorithm, private, name, master_key, kek="e2e-1"):
    """A private half as the worker would store it."""
    plain = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    data_key, wrap, data = os.urandom(32), os.urandom(12), os.urandom(12)
    wrap += AESGCM(master_key).encrypt(wrap, data_key, _prefixed("sso/kek/v1", name, kid, kek))
    data += AESGCM(data_key).encrypt(data, plain, _prefixed("sso/key/v1", name, kid, "token-signing", algorithm))
    return bytes([1, len(kek)]) + kek.encode() + wrap + data


class Forge:
    """The workspace's own signing key, opened with the master key, to make genuine tokens of any content."""

    def __init__(self, database, workspace_id, workspace_uuid, master_key):
        row = database.execute(
            "SELECT kid, algorithm, sealed_private_key, public_key FROM signing_keys"
            " WHERE workspace_id = %s AND activates_at <= now() ORDER BY activates_at DESC LIMIT 1",
            workspace_uuid,
        ).fetchone()
        assert row is not None, "the workspace has no signing key"
        self.kid, self.algorithm, sealed, self.public = row
        self.key = opened(self.kid, self.algorithm, bytes(sealed), [workspace_id, str(workspace_uuid)], master_key)

    @property
    def public_pem(self):
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def signer(self):
        return signer_of(self.key)

    def header(self, **changes):
        header = {"alg": self.algorithm, "kid": self.kid, "typ": "at+jwt", **changes}
        return {name: value for name, value in header.items() if value is not None}

    def sign(self, payload, **header):
        """A genuine token: signed with the workspace's key whatever it says."""
        return assemble(self.header(**header), payload, self.signer)

    def altered(self, token, header=None, without=(), **claims):
        """The token again with some claims changed, and a good signature."""
        payload = {name: value for name, value in {**claims_of(token), **claims}.items() if name not in without}
        return self.sign(payload, **{**{"typ": header_of(token)["typ"]}, **(header or {})})

    def expired(self, token, seconds=31):
        """The same token as if its time had passed by so many seconds."""
        now = int(time.time())
        return self.altered(token, iat=now - 7200, exp=now - seconds, jti=(fresh := str(uuid.uuid4())), uid=fresh)


def _prefixed(*texts):
    return b"".join(struct.pack(">I", len(text.encode())) + text.encode() for text in texts)
