#!/usr/bin/python3
"""Line coverage of a build of the preset "coverage" after its tests have run, by gcov.

Prints it by folder and the files with the most lines that no test reached; fails when webhook/ and common/ together
are below what is required.

Usage: coverage.py BUILD_DIRECTORY REQUIRED_PERCENT
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

REQUIRED_FOLDERS = ("common", "webhook")
FOLDERS = ("common", "kubernetes", "certs", "webhook", "driver")
FILES_SHOWN = 12


def lines_of_object(data_file):
    """{source path: {line: times executed}} as one object file's counters say."""
    answer = subprocess.run(["gcov", "--json-format", "--stdout", data_file], check=True, capture_output=True,
                            text=True, cwd=os.path.dirname(data_file)).stdout
    found = {}
    for text in answer.splitlines():
        for entry in json.loads(text)["files"]:
            path = os.path.normpath(os.path.join(os.path.dirname(data_file), entry["file"]))
            found[path] = {line["line_number"]: line["count"] for line in entry["lines"]}
    return found


def collect(build, project):
    """The same for all of the project's own files, by path from the top; an inline function counts once."""
    # A file that no test program linked has no counters, but has its list of lines.
    objects = {path.with_suffix("") for suffix in ("gcda", "gcno") for path in build.rglob(f"*.{suffix}")}
    chosen = [str(path) + (".gcda" if pathlib.Path(f"{path}.gcda").exists() else ".gcno") for path in sorted(objects)]
    lines = collections.defaultdict(dict)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(lines_of_object, chosen):
            for path, counts in found.items():
                relative = os.path.relpath(path, project)
                if relative.split("/")[0] in FOLDERS:
                    for line, count in counts.items():
                        lines[relative][line] = max(count, lines[relative].get(line, 0))
    return lines


def percent(reached, total):
    return 100.0 * reached / total if total else 100.0


def count(lines, folders):
    """(lines reached, lines) of all files in the folders."""
    chosen = [counts for path, counts in lines.items() if path.split("/")[0] in folders]
    return sum(1 for counts in chosen for value in counts.values() if value), sum(map(len, chosen))


def main():
    build, required = pathlib.Path(sys.argv[1]).resolve(), float(sys.argv[2])
    lines = collect(build, build.parent.parent)
    for folder in FOLDERS:
        reached, total = count(lines, (folder,))
        if total:
            print(f"{folder + '/':<12} {percent(reached, total):5.1f} %  {reached} of {total} lines")
    missed = {path: sorted(line for line, value in counts.items() if not value) for path, counts in lines.items()
              if path.split("/")[0] in REQUIRED_FOLDERS}
    print("most lines not reached:")
    for path in sorted(missed, key=lambda path: -len(missed[path]))[:FILES_SHOWN]:
        print(f"  {path}: {len(missed[path])} of {len(lines[path])}, first at {missed[path][:8]}")
    result = percent(*count(lines, REQUIRED_FOLDERS))
    print(f"line coverage of {' and '.join(folder + '/' for folder in REQUIRED_FOLDERS)}: {result:.1f} %,"
          f" required {required:.0f} %")
    return 0 if result >= required else 1


if __name__ == "__main__":
    sys.exit(main())
