#!/usr/bin/python3
"""`audit show` finds the records that were asked for, and shows nothing that could steer a terminal."""

import json
import unittest

from audit_case import AuditCase
import injector


class Show(AuditCase):
    def test_shows_every_record_in_a_table(self):
        lines = self.audit("show", self.whole).splitlines()
        self.assertEqual(len(lines), self.RECORDS + 1)
        self.assertEqual(lines[0].split(), ["SEQUENCE", "TIME", "DECISION", "REASON", "POD", "SANDBOX", "USER"])
        self.assertEqual([int(line.split()[0]) for line in lines[1:]], list(range(1, self.RECORDS + 1)))
        self.assertNotIn("\033", "".join(lines))

    def test_json_is_the_records_to_the_byte(self):
        self.assertEqual(self.audit("show", self.whole, "-o", "json"), self.log_file(self.whole).read_text())

    def test_filters(self):
        records = self.records(self.bare)
        some = records[7]
        for option, value, key in (("--namespace", some["namespace"], "namespace"), ("--user", some["user"], "user"),
                                   ("--pod", some["pod"], "pod"), ("--sandbox", some["sandboxId"], "sandboxId"),
                                   ("--sandbox", some["sandboxName"], "sandboxName"),
                                   ("--decision", "denied", "decision")):
            with self.subTest(option=option, key=key):
                expected = [record for record in records if record[key] == value]
                self.assertEqual(self.json_lines("show", self.bare, option, value), expected)
                self.assertTrue(expected)

    def test_a_decision_that_there_is_not_is_a_mistake(self):
        result = injector.run("audit", "show", "--decision", "refused", str(self.bare))
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn('--decision: "refused" is none of injected, unchanged, skipped, denied, error', result.stderr)

    def test_a_directory_without_a_log_is_a_mistake(self):
        # As when the folder of all replicas is given, and not one replica's.
        path = str(self.directory / "report.html")
        for arguments in (["show"], ["replay"], ["report", "-o", path], ["match", "--api-audit-log", str(self.api_log)]):
            result = injector.run("audit", *arguments, str(self.directory / "none"))
            self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
            self.assertIn("none", result.stderr)
            (self.directory / "replicas").mkdir(exist_ok=True)
            result = injector.run("audit", *arguments, str(self.directory / "replicas"))
            self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
            self.assertIn('replicas": no audit log is here', result.stderr)

    def test_filters_by_time(self):
        records = self.records(self.bare)
        limit = records[50]["time"]
        self.assertEqual(len(self.json_lines("show", self.bare, "--since", limit)), self.RECORDS - 50)
        self.assertEqual(len(self.json_lines("show", self.bare, "--until", limit)), 50)
        self.assertEqual(len(self.json_lines("show", self.bare, "--since", "2026-11-01")), self.RECORDS)
        self.assertEqual(len(self.json_lines("show", self.bare, "--until", "2026-11-01")), 0)
        self.assertEqual(len(self.json_lines("show", self.bare, "--since=2026-11-01T00:01Z")), self.RECORDS - 9)
        self.assertEqual(len(self.json_lines("show", self.bare, "--since", "100y")), self.RECORDS)

    def test_other_records_are_shown_unless_decisions_are_asked_for(self):
        def add(lines):
            record = json.loads(lines[-1])
            gap = {"version": 1, "type": "gap", "sequence": record["sequence"] + 1, "time": record["time"], "dropped": 3}
            return lines + [json.dumps(gap) + "\n"]
        log = self.copy(self.bare, add)
        self.assertIn(" gap", self.audit("show", log).splitlines()[-1])
        self.assertNotIn(" gap", self.audit("show", log, "--namespace", "openshell"))

    def test_lines_that_are_no_records_are_told_and_passed_over(self):
        log = self.copy(self.bare, lambda lines: ["{\n", *lines[:3], '{"version":2}\n', lines[3][:40]])
        result = injector.run("audit", "show", str(log))
        self.assertEqual((result.returncode, len(result.stdout.splitlines())), (1, 4))
        self.assertEqual(len(result.stderr.splitlines()), 3)
        self.assertIn("line 1", result.stderr)
        self.assertIn("its writing did not end", result.stderr.splitlines()[2])

    def test_characters_that_turn_the_text_around_do_not_reach_the_terminal(self):
        inside, outside = "\u202a\u202e\u2066\u2069", "\u2029\u202f\u2065\u206a\u2030"

        def alter(lines):
            return [json.dumps(json.loads(lines[0]) | {"user": f"a{inside}b{outside}c"}, ensure_ascii=False) + "\n"]
        self.assertIn(f"a????b{outside}c", self.audit("show", self.copy(self.whole, alter)))

    def test_control_characters_do_not_reach_the_terminal(self):
        def spoil(lines):
            record = json.loads(lines[0]) | {"user": "\033[2Jroot\u009b1m\r\n"}
            return [json.dumps(record) + "\n"]
        shown = self.audit("show", self.copy(self.bare, spoil))
        self.assertIn("?[2Jroot?1m??", shown)
        self.assertEqual(len(shown.splitlines()), 2)

    def test_wrong_usage(self):
        for arguments in ((), ("a", "b"), (self.bare, "--since", "yesterday"), (self.bare, "-o", "xml"), (self.bare, "--nothing"), (self.bare, "--pod"),
                          (self.bare, "--pod="), (self.directory / "absent",)):
            with self.subTest(arguments):
                self.audit("show", *arguments, status=2)
        self.assertIn("no subcommand", injector.run("audit").stderr)
        self.assertIn("is no subcommand", injector.run("audit", "nothing").stderr)


if __name__ == "__main__":
    unittest.main()
