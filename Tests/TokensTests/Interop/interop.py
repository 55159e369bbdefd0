"""What PyJWT, joserfc, hashlib and hmac make of the same inputs. One JSON request a line in, one answer a line out."""

import base64
import hashlib
import hmac
import json
import sys
import unicodedata
import urllib.parse

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jwk as jose_jwk
from joserfc import jwt as jose_jwt


def generate(request):
    kinds = {
        "RS256": lambda: rsa.generate_private_key(65537, request.get("bits", 2048)),
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
    }
    key = kinds[request["alg"]]()
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {"pkcs8": base64.b64encode(private).decode(), "spki": base64.b64encode(public).decode()}


def pem(request):
    der = base64.b64decode(request["pkcs8"])
    return serialization.load_der_private_key(der, None).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def pyjwt_sign(request):
    header = {"kid": request["kid"], "typ": request["typ"]}
    return {"token": jwt.encode(request["claims"], pem(request), algorithm=request["alg"], headers=header)}


def joserfc_sign(request):
    name = {"RS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}[request["alg"]]
    key = jose_jwk.import_key(pem(request), name)
    header = {"alg": request["alg"], "kid": request["kid"], "typ": request["typ"]}
    return {"token": jose_jwt.encode(header, request["claims"], key, algorithms=[request["alg"]])}


def pyjwt_verify(request):
    keys = jwt.PyJWKSet.from_dict(json.loads(request["jwks"]))
    header = jwt.get_unverified_header(request["token"])
    claims = jwt.decode(
        request["token"],
        keys[header["kid"]].key,
        algorithms=[request["alg"]],
        audience=request["aud"],
        issuer=request["iss"],
        options={"verify_exp": False, "verify_iat": False},
    )
    return {"header": header, "claims": claims}


def pyjwt_verify_pem(request):
    claims = jwt.decode(
        request["token"],
        request["pem"],
        algorithms=[request["alg"]],
        audience=request["aud"],
        options={"verify_exp": False, "verify_iat": False},
    )
    return {"claims": claims}


def joserfc_verify(request):
    keys = jose_jwk.KeySet.import_key_set(json.loads(request["jwks"]))
    token = jose_jwt.decode(request["token"], keys, algorithms=[request["alg"]])
    return {"header": token.header, "claims": token.claims}


def rsa_sign(request):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    key = serialization.load_der_private_key(base64.b64decode(request["pkcs8"]), None)
    signature = key.sign(base64.b64decode(request["message"]), padding.PKCS1v15(), hashes.SHA256())
    return {"signature": base64.b64encode(signature).decode()}


def scrypt(request):
    password = unicodedata.normalize("NFKC", request["password"]).encode()
    salt = request["salt"].encode()
    key = hashlib.scrypt(password, salt=salt, n=16384, r=16, p=1, dklen=64, maxmem=1 << 27)
    return {"hash": request["salt"] + ":" + key.hex()}


def cookie(request):
    mac = hmac.new(request["secret"].encode(), request["token"].encode(), hashlib.sha256).digest()
    value = request["token"] + "." + base64.b64encode(mac).decode()
    return {"value": urllib.parse.quote(value, safe="!~*'()-_.")}


def main():
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = globals()[request["do"]](request)
        except Exception as error:
            answer = {"error": type(error).__name__ + ": " + str(error)}
        print(json.dumps(answer))


main()
