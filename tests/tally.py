"""Adds up the results that ctest and pytest left as JUnit files. Exit status 1 when any failed.

usage: tally.py FOLDER

A unit test program counts as the tests it says it ran. Its last line is `N passed, N failed`.
"""
import collections
import pathlib
import re
import sys
import xml.etree.ElementTree as xml


def cmocka_counts(case):
    """(passed, failed) of one program; a program that ends badly has one failure more than said."""
    output = "".join(case.itertext())
    passed = sum(map(int, re.findall(r"\[  PASSED  \] (\d+) test", output)))
    failed = sum(map(int, re.findall(r"\[  FAILED  \] (\d+) test", output)))
    if case.get("status") == "run":
        return (passed or 1, failed)
    return (passed, failed or 1)


def pytest_outcome(case):
    kinds = {child.tag for child in case}
    return "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"


def pytest_group(case):
    """tests.scenario.test_origin is of `scenario`."""
    parts = case.get("classname", "").split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "tests" else parts[0] or "collection"


def tally(folder):
    counts = collections.defaultdict(collections.Counter)
    failures = []
    for file in sorted(folder.glob("*.xml")):
        for case in xml.parse(file).iter("testcase"):
            name = case.get("name")
            if file.name == "ctest.xml":
                passed, failed = cmocka_counts(case)
                group = "fuzz corpora" if name.startswith("fuzz/") else "unit"
                counts[group].update(passed=passed, failed=failed)
            else:
                outcome, group = pytest_outcome(case), pytest_group(case)
                counts[group][outcome] += 1
                failed, name = outcome == "failed", f"{group}: {name}"
            if failed:
                failures.append(name)
    return counts, failures


def reports(folder):
    """Those of valgrind and the thread sanitizer are failures of their own: a program may have been killed before its
    exit status."""
    return [file for pattern in ("valgrind.*.log", "tsan.log.*") for file in sorted(folder.glob(pattern))
            if file.stat().st_size > 0]


def main():
    folder = pathlib.Path(sys.argv[1])
    counts, failures = tally(folder)
    for report in reports(folder):
        tool = report.name.partition(".")[0]
        counts[tool]["failed"] += 1
        failures.append(f"{tool}: {report}")
    print()
    for name in failures:
        print(f"failed: {name}")
    for group, n in sorted(counts.items()):
        skipped = f", {n['skipped']} skipped" if n["skipped"] else ""
        print(f"  {group:<14} {n['passed']:>6} passed, {n['failed']} failed{skipped}")
    total = sum(counts.values(), collections.Counter())
    print(f"{total['passed']} passed, {total['failed']} failed")
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
