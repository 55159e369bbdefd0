"""Rules of the house that no compiler checks. Prints each breach as file:line and exits 1 when there is any."""

import pathlib
import re
import sys

LONGEST = 350

# Files that may be longer, each with the reason.
LONGER = {}

# A statement in a Swift literal: our SQL writes keywords in upper case.
STATEMENT = re.compile(
    r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP|GRANT|REVOKE|TRUNCATE|SET|CALL|DO|COPY"
    r"|LOCK|BEGIN|COMMIT|LISTEN|NOTIFY|VALUES)\b"
)
LITERAL = re.compile(r'(?P<hash>#*)"""\n(?P<block>.*?)\n\s*"""(?P=hash)|(?P<raw>#*)"(?P<line>(?:\\.|[^"\\\n])*)"(?P=raw)', re.S)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
# The one thing that may be interpolated into a statement: a list of columns that the row's type declares.
COLUMNS = re.compile(r"\\\([A-Z]\w*\.columns\)")
FOUNDATION = re.compile(r"^\s*(?:@\w+\s+|\w+\s+)*import\s+(?:\w+\s+)?Foundation(?:\.\w+)?\s*$")


def literals(text):
    """Each string literal outside comments, with the line it starts on."""
    position = 0
    token = re.compile(f"(?P<comment>{COMMENT.pattern})|(?P<literal>{LITERAL.pattern})", re.S)
    while found := token.search(text, position):
        position = found.end()
        if found.group("comment") is None:
            content = found.group("block")
            content = found.group("line") if content is None else content
            yield text.count("\n", 0, found.start()) + 1, content


def swift_files(folder):
    return sorted(pathlib.Path(folder).rglob("*.swift"))


def no_foundation():
    for path in swift_files("Sources"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if FOUNDATION.match(line):
                yield path, number, "imports Foundation, which links ICU: import FoundationEssentials"


def no_interpolated_sql():
    for path in swift_files("Sources/Storage"):
        for number, content in literals(path.read_text(encoding="utf-8")):
            if STATEMENT.match(content) and re.search(r"\\#*\(", COLUMNS.sub("", content)):
                yield path, number, "interpolates into SQL: bind a parameter"


def no_long_files():
    folders = ["Sources", "Tests", "Benchmarks", "deploy", ".ci"]
    for path in sorted(file for folder in folders for file in pathlib.Path(folder).rglob("*")):
        if path.suffix not in (".swift", ".py", ".sh", ".lua", ".c", ".h") or str(path) in LONGER:
            continue
        length = path.read_text(encoding="utf-8").count("\n")
        if length > LONGEST:
            yield path, length, f"is {length} lines long, more than {LONGEST}: split it, or say in .ci/rules.py why not"


def one_notifier():
    """NOTIFY inside a business transaction costs most of the commit throughput, so one file alone may send it."""
    senders = []
    for path in swift_files("Sources"):
        for number, content in literals(path.read_text(encoding="utf-8")):
            if re.search(r"\bpg_notify\s*\(|\bNOTIFY\s+[\w\"\\]", content):
                senders.append((path, number))
    for path in sorted(pathlib.Path("sql").rglob("*.sql")):
        text = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))
        for found in re.finditer(r"\bpg_notify\s*\(|\bNOTIFY\s+\w", text, re.I):
            yield path, text.count("\n", 0, found.start()) + 1, "sends NOTIFY from the schema, inside transactions"
    if len({path for path, _ in senders}) > 1:
        for path, number in senders:
            yield path, number, "sends NOTIFY, and so does another file: one alone may"


def main():
    breaches = 0
    for rule in (no_foundation, no_interpolated_sql, no_long_files, one_notifier):
        for path, number, words in rule():
            print(f"{path}:{number}: {words}")
            breaches += 1
    for path, reason in LONGER.items():
        print(f"{path}: may be longer than {LONGEST} lines: {reason}")
    if breaches:
        sys.exit(f"{breaches} breaches of the rules of the house")


if __name__ == "__main__":
    main()
