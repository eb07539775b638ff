"""Audit logs for the tests of `openshell-injector audit`, made once for each class, and copies to spoil."""

import json
import pathlib
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import audit_log  # noqa: E402, the folder is known only now
import injector  # noqa: E402


class AuditCase(unittest.TestCase):
    """`whole` has the objects; `bare` has not, but reviews and the API server's log beside it."""

    RECORDS = 200
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="test-audit-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.whole, cls.bare = cls.directory / "whole", cls.directory / "bare"
        cls.reviews, cls.api_log = cls.directory / "reviews.jsonl", cls.directory / "api.log"
        audit_log.write(cls.whole, cls.RECORDS, objects="whole")
        audit_log.write(cls.bare, cls.RECORDS, seed=2, reviews=cls.reviews, api_audit_log=cls.api_log)

    def audit(self, *arguments, status=0):
        result = injector.run("audit", *map(str, arguments))
        self.assertEqual(result.returncode, status, result.stderr + result.stdout[-2000:])
        return result.stdout

    def json_lines(self, *arguments, status=0):
        return [json.loads(line) for line in self.audit(*arguments, "-o", "json", status=status).splitlines()]

    @staticmethod
    def log_file(directory):
        return next(iter(sorted(directory.glob("*.jsonl"))))

    def records(self, directory):
        return [json.loads(line) for line in self.log_file(directory).read_text().splitlines()]

    def copy(self, directory, change):
        """A copy of a log whose lines `change` has changed."""
        copy = pathlib.Path(tempfile.mkdtemp(dir=self.directory))
        shutil.copytree(directory, copy, dirs_exist_ok=True)
        path = self.log_file(copy)
        lines = path.read_text().splitlines(keepends=True)
        changed = change(lines)
        path.write_text("".join(lines if changed is None else changed))
        return copy
