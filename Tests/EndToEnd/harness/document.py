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


def exchange_routes():
    """What token-exchange's route table says, preflights aside."""
    text = (ROOT / "Sources/TokenExchange/Routes.swift").read_text(encoding="utf-8")
    found = set(SERVICE_ROUTES)
    folders = {"addAppRoutes": "/v1/", "addBrowserRoutes": "/api/auth/"}
    # What stands before the functions of folders is of none.
    for part in re.split(r"private func ", text):
        folder = folders.get(part.split("(")[0])
        for method, path in re.findall(r'router\.(get|post|put|patch|delete)\("([^"]+)"', part):
            if folder is None and "prefix" not in path:
                found.add((method.upper(), template(path)))
                continue
            for prefix in ("", "w/:workspace"):
                whole = path.replace("\\(prefix)", prefix) if folder is None else prefix + folder + path
                found.add((method.upper(), template(whole)))
    return found
