#!/usr/bin/python3
"""`audit replay` and `audit diff`: what was decided comes out again, and what was not is named."""

import base64
import hashlib
import json
import unittest

from audit_case import AuditCase


def patch_of(record):
    return json.loads(base64.b64decode(record["patch"]))


def with_patch(record, patch):
    text = json.dumps(patch, separators=(",", ":")).encode()
    return record | {"patch": base64.b64encode(text).decode(), "patchSha256": hashlib.sha256(text).hexdigest()}


def injected(records):
    return next(number for number, record in enumerate(records) if "patch" in record)


class Replay(AuditCase):
    def summary(self, *arguments, status=0):
        *findings, summary = self.json_lines("replay", *arguments, status=status)
        return findings, summary

    def test_recorded_objects_give_the_same_again(self):
        findings, summary = self.summary(self.whole)
        self.assertEqual(findings, [])
        self.assertEqual((summary["identical"], summary["notReplayable"]), (self.RECORDS, 0))

    def test_kept_reviews_give_the_same_again(self):
        findings, summary = self.summary(self.bare, "--reviews", self.reviews)
        self.assertEqual((findings, summary["identical"]), ([], self.RECORDS))

    def test_reviews_may_be_a_folder_of_files(self):
        folder = self.directory / "kept"
        folder.mkdir()
        for number, line in enumerate(self.reviews.read_text().splitlines()[:5]):
            (folder / f"{number}.json").write_text(json.dumps(json.loads(line), indent=2))
        _, summary = self.summary(self.bare, "--reviews", folder)
        self.assertEqual((summary["identical"], summary["no object"]), (5, self.RECORDS - 5))

    def test_nothing_to_replay_is_no_success(self):
        _, summary = self.summary(self.bare, status=2)
        self.assertEqual(summary["no object"], self.RECORDS)

    def test_an_altered_patch_is_shown(self):
        at = injected(self.records(self.whole))

        def alter(lines):
            record = json.loads(lines[at])
            patch = patch_of(record)
            patch[1]["value"] = "another"
            lines[at] = json.dumps(with_patch(record, patch)) + "\n"
        log = self.copy(self.whole, alter)
        findings, summary = self.summary(log, status=1)
        self.assertEqual(([finding["sequence"] for finding in findings], summary["different"]), ([at + 1], 1))
        text = self.audit("replay", log, status=1)
        self.assertIn('- {"op":"add","path":"/metadata/annotations/openshell.io~1sandbox-id","value":"another"}', text)
        self.assertEqual(len([line for line in text.splitlines() if line[0] in "+-"]), 2)

    def test_the_same_patch_in_other_bytes_is_a_difference(self):
        at = injected(self.records(self.whole))

        def alter(lines):
            record = json.loads(lines[at])
            spaced = base64.b64encode(json.dumps(patch_of(record), indent=1).encode()).decode()
            lines[at] = json.dumps(record | {"patch": spaced}) + "\n"
        self.assertIn("say the same in other bytes", self.audit("replay", self.copy(self.whole, alter), status=1))

    def test_another_decision_is_shown(self):
        def alter(lines):
            at = next(number for number, line in enumerate(lines) if '"denied"' in line)
            record = json.loads(lines[at]) | {"decision": "unchanged", "reason": "Unchanged"}
            lines[at] = json.dumps(record) + "\n"
        findings, _ = self.summary(self.copy(self.whole, alter), status=1)
        self.assertEqual([(finding["recorded"]["decision"], finding["replayed"]["decision"]) for finding in findings],
                         [("unchanged", "denied")])

    def test_a_patch_that_cannot_be_read_is_a_difference_like_others(self):
        at = injected(self.records(self.whole))

        def alter(lines):
            lines[at] = json.dumps(json.loads(lines[at]) | {"patch": "no base64", "reason": "\x1b[2J"}) + "\n"
        log = self.copy(self.whole, alter)
        text = self.audit("replay", log, status=1)
        self.assertIn("the recorded patch cannot be read", text)
        self.assertNotIn("\x1b", text)
        findings, summary = self.summary(log, status=1)
        self.assertEqual(([finding["sequence"] for finding in findings], summary["identical"]),
                         ([at + 1], self.RECORDS - 1))

    def test_a_redacted_object_is_not_taken_for_the_one_decided_on(self):
        def alter(lines):
            record = json.loads(lines[0])
            record["object"]["spec"]["containers"][0]["env"] = []
            lines[0] = json.dumps(record) + "\n"
        _, summary = self.summary(self.copy(self.whole, alter))
        self.assertEqual((summary["identical"], summary["object is not the one decided on"]), (self.RECORDS - 1, 1))

    def test_a_configuration_that_is_not_there(self):
        log = self.copy(self.whole, lambda lines: lines)
        (log / "configurations" / f"{self.records(log)[0]['configuration']}.json").unlink()
        _, summary = self.summary(log)
        self.assertGreater(summary["no configuration"], 0)
        self.assertEqual(summary["identical"] + summary["no configuration"], self.RECORDS)

    def test_a_configuration_whose_name_is_not_its_digest(self):
        log = self.copy(self.whole, lambda lines: lines)
        path = next((log / "configurations").iterdir())
        path.write_text(path.read_text().replace("https", "http"))
        self.audit("replay", log, status=2)

    def test_another_configuration_shows_what_it_would_change(self):
        path = self.directory / "next.yaml"
        path.write_text("apiVersion: injector.openshell.ai/v1alpha1\nkind: InjectorConfiguration\n"
                        "gateway: {endpoint: 'https://elsewhere.example.com'}\n")
        findings, summary = self.summary(self.whole, "--config", path, status=1)
        self.assertEqual(len(findings), summary["different"])
        self.assertGreater(summary["different"], 0)
        text = self.audit("replay", self.whole, "--config", path, status=1)
        self.assertIn("(values not shown)", text)
        shown = [line for line in text.splitlines() if "OPENSHELL_USER_ENVIRONMENT" in line]
        self.assertEqual([line for line in shown if "(values not shown)" not in line], [])

    def test_one_decision_alone(self):
        _, summary = self.summary(self.whole, "--uid", self.records(self.whole)[3]["uid"])
        self.assertEqual(summary["decisions"], 1)


class Diff(AuditCase):
    def test_shows_the_change_and_every_reason(self):
        record = self.records(self.whole)[injected(self.records(self.whole))]
        text = self.audit("diff", self.whole, "--uid", record["uid"])
        self.assertIn("+ - name: OPENSHELL_SANDBOX_ID", text)
        for operation in patch_of(record):
            self.assertIn(f"\n  {operation['op']} {operation['path']}\n", text)
        self.assertIn("the supervisor starts first", text)
        self.assertNotIn("no reason is known", text)
        self.assertNotIn("hello sandbox", text.split("@@", 1)[0] + text.split("USER_ENVIRONMENT", 1)[1])
        self.assertNotIn("\033", text)

    def test_every_operation_has_a_reason_even_without_the_object(self):
        for record in self.records(self.bare)[:40]:
            text = self.audit("diff", self.bare, "--uid", record["uid"])
            self.assertNotIn("no reason is known", text)
            self.assertNotIn("@@", text)

    def test_takes_the_object_from_a_kept_review(self):
        record = self.records(self.bare)[injected(self.records(self.bare))]
        self.assertIn("@@ metadata @@", self.audit("diff", self.bare, "--uid", record["uid"], "--reviews",
                                                   self.reviews))

    def test_a_patch_that_does_not_fit_the_object_is_wrong_input(self):
        at = injected(self.records(self.whole))

        def alter(lines):
            record = json.loads(lines[at])
            lines[at] = json.dumps(with_patch(record, [{"op": "add", "path": "/nothing/here", "value": 1}])) + "\n"
        log = self.copy(self.whole, alter)
        self.audit("diff", log, "--uid", self.records(log)[at]["uid"], status=2)

    def test_no_such_record(self):
        self.audit("diff", self.bare, "--uid", "nobody", status=2)
        self.audit("diff", self.bare, status=2)


if __name__ == "__main__":
    unittest.main()
