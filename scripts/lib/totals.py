#!/usr/bin/python3
"""Counts the tests of a ctest run: prints "PASSED FAILED SKIPPED" and names what failed on stderr.

A ctest test is a program with many tests of its own. Where its output says how many (cmocka, unittest, pytest),
those are counted; a program that failed counts as one failure at least.

Usage: totals.py RESULTS.xml
"""

import re
import sys
import xml.etree.ElementTree


def number(pattern, text):
    return sum(int(match) for match in re.findall(pattern, text, re.MULTILINE))


def counts_of_output(output):
    """(passed, failed, skipped) as the program itself says, or None when it says nothing."""
    if re.search(r"^\[  PASSED  \] \d+ test", output, re.MULTILINE):
        return (number(r"^\[  PASSED  \] (\d+) test", output),
                number(r"^\[  FAILED  \] (\d+) test", output),
                number(r"^\[  SKIPPED \] (\d+) test", output))
    if re.search(r"^Ran \d+ tests? in ", output, re.MULTILINE):
        ran = number(r"^Ran (\d+) tests? in ", output)
        verdict = "\n".join(re.findall(r"^(?:OK|FAILED)(?: \(.*\))?$", output, re.MULTILINE))
        failed = number(r"(?:failures|errors|unexpected successes)=(\d+)", verdict)
        skipped = number(r"skipped=(\d+)", verdict)
        return max(ran - failed - skipped, 0), failed, skipped
    summary = re.findall(r"^=+ (.*(?:passed|failed|error).*) in .*=+$", output, re.MULTILINE)
    if summary:
        return (number(r"(\d+) passed", summary[-1]),
                number(r"(\d+) (?:failed|error)", summary[-1]),
                number(r"(\d+) skipped", summary[-1]))
    return None


def counts_of_test(case):
    output = case.findtext("system-out") or ""
    if case.get("status") == "run":
        counts = counts_of_output(output)
        if counts is None:
            return 1, 0, 0
        return counts
    if case.get("status") in ("notrun", "disabled") and case.find("failure") is None:
        return 0, 0, 1
    passed, failed, skipped = counts_of_output(output) or (0, 0, 0)
    return passed, max(failed, 1), skipped


def main():
    totals = [0, 0, 0]
    for case in xml.etree.ElementTree.parse(sys.argv[1]).iter("testcase"):
        counts = counts_of_test(case)
        totals = [total + count for total, count in zip(totals, counts)]
        if counts[1]:
            print(f"failed: {case.get('name')}", file=sys.stderr)
    print(*totals)


if __name__ == "__main__":
    main()
