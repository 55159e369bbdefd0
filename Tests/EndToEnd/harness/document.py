"""The OpenAPI documents, and the routes in the source that they must equal."""

import json
import re

from .cluster import ROOT

METHODS = ("get", "post", "put", "patch", "delete")
SERVICE_ROUTES = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/openapi.json")}


def document(name):
    """The document of a service, as it is in the repository."""
    return json.loads((ROOT / "openapi" / f"{name}.json").read_text(encoding="utf-8"))


def operations(doc):
    """Every method, path template and operation."""
    return [
        (method.upper(), path, operation)
        for path, item in doc["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def described(doc):
    return {(method, path) for method, path, _ in operations(doc)}


def labels(doc):
    """What tests of operations are called by."""
    return [f"{method} {path}" for method, path, _ in operations(doc)]


def template(path):
    return "/" + re.sub(r":(\w+)", r"{\1}", path.strip("/"))


def admin_routes():
    """What sso-admin's route table says."""
    text = (ROOT / "Sources/SSOAdmin/Routes.swift").read_text(encoding="utf-8")
    found = set(SERVICE_ROUTES)
    for variable, method, path in re.findall(r'(\w+)\.(get|post|put|patch|delete)\("([^"]+)"', text):
        prefix = {"admin": "api/admin/", "router": "api/admin/"}[variable]
        if path == "openapi.json":
            prefix = ""
        found.add((method.upper(), template(prefix + path)))
    return found
