"""Prints how many tests passed, failed and were skipped, from the reports of one run; exits 1 when any failed.

    count.py REPORTS FAILED     FAILED is 1 when a runner ended with an error

A runner that ended with an error although no test of it is known to have failed (a crash, a failed collection)
counts as one failure, and so does a run of no test, so the line never looks better than the run was.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree


def from_xml(path):
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def from_log(text):
    """The Swift tests by what they printed: all there is when one of them brought the process down."""
    started = set(re.findall(r"^◇ Test (?!run |case )(.+) started\.$", text, re.M))
    passed = set(re.findall(r"^✔ Test (?!run |case )(.+?)(?: with \d+ test cases?)? passed after", text, re.M))
    skipped = set(re.findall(r"^➜ Test (?!run |case )(.+?) skipped", text, re.M))
    return len(passed), len(started - passed - skipped), len(skipped)


def main():
    reports, error = pathlib.Path(sys.argv[1]), sys.argv[2] != "0"
    counts = [(0, 0, 0)]
    for log in sorted(reports.glob("swift-*.log")):
        text = log.read_text(encoding="utf-8", errors="replace")
        complete = re.search(r"^. Test run with \d+ tests?", text, re.M)
        try:
            counts.append(from_xml(log.with_suffix(".xml")) if complete else from_log(text))
        except (OSError, ElementTree.ParseError):
            counts.append(from_log(text))
    if (reports / "end-to-end.log").exists():
        try:
            counts.append(from_xml(reports / "end-to-end.xml"))
        except (OSError, ElementTree.ParseError):
            counts.append((0, 1, 0))
    total = [sum(column) for column in zip(*counts)]
    if total[1] == 0 and (error or total[0] == 0):
        total[1] = 1
    passed, failed, skipped = total
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
