"""Fails when a `package` declaration lacks a doc comment, naming each with its file and line.

Reads the symbol graphs that the compiler writes for what was just built. Test targets are left out, and so is
what needs no comment of its own: cases of an enum, initialisers that take nothing but the type's own properties, what the
compiler synthesised, and the members of a protocol from elsewhere that a conformance implements.
"""

import json
import pathlib
import re
import subprocess
import sys

SOURCES = pathlib.Path("Sources")


def symbol_graphs():
    done = subprocess.run(
        [
            "swift",
            "package",
            "dump-symbol-graph",
            "--minimum-access-level",
            "package",
            "--skip-synthesized-members",
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Files written to (.+)", done.stdout + done.stderr)
    if done.returncode != 0 or found is None:
        sys.exit("dump-symbol-graph failed:\n" + "\n".join((done.stdout + done.stderr).splitlines()[-30:]))
    folder = pathlib.Path(found.group(1).strip())
    for module in sorted(path.name for path in SOURCES.iterdir() if path.is_dir()):
        for file in sorted([*folder.glob(f"{module}.symbols.json"), *folder.glob(f"{module}@*.symbols.json")]):
            with open(file, encoding="utf-8") as text:
                yield json.load(text)


def undocumented(graph):
    # A requirement's documentation is the protocol's; an override's is its superclass's.
    inherited = {
        relation["source"]
        for relation in graph["relationships"]
        if relation["kind"] in ("defaultImplementationOf", "overrides")
    }
    implements = {
        relation["source"] for relation in graph["relationships"] if relation.get("sourceOrigin") is not None
    }
    properties = {tuple(symbol["pathComponents"]) for symbol in graph["symbols"]}
    for symbol in graph["symbols"]:
        if symbol["accessLevel"] not in ("package", "public", "open"):
            continue
        if "docComment" in symbol or "location" not in symbol:
            continue
        name = symbol["identifier"]["precise"]
        if name in inherited or name in implements or symbol["kind"]["identifier"] == "swift.extension":
            continue
        if symbol["kind"]["identifier"] == "swift.enum.case" or is_conformance_member(symbol):
            continue
        if is_memberwise(symbol, properties):
            continue
        yield symbol


def is_memberwise(symbol, properties):
    *owner, signature = symbol["pathComponents"]
    labels = re.fullmatch(r"init\(((?:[A-Za-z]\w*:)+)\)", signature)
    return labels is not None and all((*owner, label) in properties for label in labels.group(1).split(":")[:-1])


def is_conformance_member(symbol):
    """Members whose meaning their name alone fixes: Hashable, Comparable, CustomStringConvertible, Error, Codable."""
    return symbol["names"]["title"] in {
        "hash(into:)",
        "==(_:_:)",
        "<(_:_:)",
        "description",
        "debugDescription",
        "errorDescription",
        "encode(to:)",
        "init(from:)",
    }


def main():
    found = {}
    for graph in symbol_graphs():
        for symbol in undocumented(graph):
            path = symbol["location"]["uri"].removeprefix("file://")
            line = symbol["location"]["position"]["line"] + 1
            found[(path, line)] = ".".join(symbol["pathComponents"])
    here = str(pathlib.Path.cwd()) + "/"
    for (path, line), name in sorted(found.items()):
        print(f"{path.removeprefix(here)}:{line}: {name} has no doc comment")
    if found:
        sys.exit(f"{len(found)} declarations without a doc comment")


if __name__ == "__main__":
    main()
