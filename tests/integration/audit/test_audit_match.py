#!/usr/bin/python3
"""`audit match`: what the API server wrote down and what we did are the same, and each way in which they are not is
found."""

import json
import unittest

from audit_case import AuditCase
import audit_log
import injector

WEBHOOK = "inject.injector.openshell.ai"


class Match(AuditCase):
    def events(self, change=None):
        """The path of the API server's log, with events that `change` has changed."""
        events = [json.loads(line) for line in self.api_log.read_text().splitlines()]
        if change:
            changed = change(events)
            events = events if changed is None else changed
        path = self.directory / f"api-{len(list(self.directory.iterdir()))}.log"
        path.write_text("".join(json.dumps(event, separators=(",", ":")) + "\n" for event in events))
        return path

    def with_record(self, number, fields, change_event=None):
        """A log whose record `number` has other fields, and the API server's log with the anchor of that."""
        def alter(lines):
            record = {key: value for key, value in (json.loads(lines[number]) | fields).items() if value is not None}
            return lines[:number] + [json.dumps(record) + "\n"] + lines[number + 1:]

        def follow(events):
            line = self.log_file(log).read_bytes().splitlines()[number]
            anchor = f"{number + 1}:{audit_log.record_hash(line)}"
            events[number]["annotations"][f"{WEBHOOK}/audit-record"] = anchor
            if change_event:
                change_event(events[number])
        log = self.copy(self.bare, alter)
        return log, self.events(follow)

    def match(self, log, *api_logs, status=0):
        options = [item for path in api_logs for item in ("--api-audit-log", path)]
        *findings, summary = self.json_lines("match", log, *options, status=status)
        return findings, summary

    def test_the_same_on_both_sides(self):
        findings, summary = self.match(self.bare, self.api_log)
        self.assertEqual((findings, summary["matched"]), ([], self.RECORDS))
        self.assertIn("0 findings", self.audit("match", self.bare, "--api-audit-log", self.api_log))

    def test_rotated_files_and_several_replicas(self):
        def half(events, begin, end):
            return self.events(lambda found: found[begin:end])
        logs = (half(None, 0, 90), half(None, 90, self.RECORDS))
        findings, summary = self.match(self.bare, *logs)
        self.assertEqual((findings, summary["matched"]), ([], self.RECORDS))
        replica = self.copy(self.bare, lambda lines: lines[100:])
        first = self.copy(self.bare, lambda lines: lines[:100])
        *findings, summary = self.json_lines("match", first, replica, "--api-audit-log", self.api_log)
        self.assertEqual((findings, summary["matched"]), ([], self.RECORDS))

    def test_a_record_whose_patch_was_changed_is_missing(self):
        """Although its hash leaves the patch out."""
        number = next(number for number, line in enumerate(self.log_file(self.bare).read_text().splitlines())
                      if "patch" in json.loads(line))

        def alter(lines):
            lines[number] = lines[number].replace('"patch":"', '"patch":"AAAA')
            return lines
        log = self.copy(self.bare, alter)
        findings, summary = self.match(log, self.api_log, status=1)
        self.assertEqual([finding["kind"] for finding in findings], ["missing-record", "unknown-record"])
        self.assertEqual(summary["matched"], self.RECORDS - 1)

    def test_a_file_that_is_no_audit_log_is_refused(self):
        for text, message in (("hello\n", "line 1"), ("hello", "line 1"), ('{"kind":"Pod"}\n', "must be an Event of audit.k8s.io/v1")):
            other = self.directory / "other.log"
            other.write_text(text)
            result = injector.run("audit", "match", str(self.bare), "--api-audit-log", str(other))
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertIn(f'"{other}" line 1', result.stderr)
            self.assertIn(message, result.stderr)
        other.write_text("")
        self.match(self.bare, self.api_log, other)

    def test_it_does_not_matter_how_the_log_is_printed(self):
        path = self.directory / "spaced.log"
        events = [json.loads(line) for line in self.api_log.read_text().splitlines()]
        events.append(json.loads(json.dumps(events[3])) | {"auditID": "unseen", "annotations": {}})
        path.write_text("".join(json.dumps(event, sort_keys=True) + "\n" for event in events))
        findings, summary = self.match(self.bare, path, status=1)
        self.assertEqual([(finding["kind"], finding["auditID"]) for finding in findings], [("unseen-pod", "unseen")])
        self.assertEqual(summary["matched"], self.RECORDS)

    def test_patches_are_not_compared_where_the_level_leaves_them_out(self):
        def lower(events):
            for event in events:
                event["level"] = "Metadata"
                event.pop("requestObject")
                event.pop("responseObject", None)
                event["annotations"] = {key: value for key, value in event["annotations"].items()
                                        if not key.startswith("patch.")}
        path = self.events(lower)
        findings, summary = self.match(self.bare, path)
        injected = sum(record["decision"] == "injected" for record in self.records(self.bare))
        self.assertEqual((findings, summary["matched"], summary["withoutPatch"]), ([], self.RECORDS, injected))
        self.assertIn("not compared", self.audit("match", self.bare, "--api-audit-log", path))

    def test_a_last_line_that_is_still_being_written_is_left_out(self):
        path = self.directory / "cut.log"
        text = self.api_log.read_bytes()
        path.write_bytes(text + text.splitlines()[0][:-100])
        findings, summary = self.match(self.bare, path)
        self.assertEqual((findings, summary["cutShort"]), ([], 1))
        self.assertIn("1 files of the API server's log whose last line is not whole",
                      self.audit("match", self.bare, "--api-audit-log", path))
        path.write_bytes(text.splitlines()[0][:-100] + b"\n" + text)
        self.audit("match", self.bare, "--api-audit-log", path, status=2)

    def test_an_altered_record(self):
        log = self.copy(self.bare, lambda lines: [lines[0].replace('"user":"', '"user":"x', 1), *lines[1:]])
        findings, _ = self.match(log, self.api_log, status=1)
        self.assertEqual([finding["kind"] for finding in findings], ["missing-record", "unknown-record"])
        self.assertTrue(findings[1]["record"].startswith("1:"))

    def test_a_removed_record(self):
        findings, _ = self.match(self.copy(self.bare, lambda lines: lines[:10] + lines[11:]), self.api_log, status=1)
        self.assertEqual([(finding["kind"], finding["record"].split(":")[0]) for finding in findings],
                         [("missing-record", "11")])

    def test_a_forged_record(self):
        def forge(lines):
            forged = json.loads(lines[20]) | {"uid": "forged", "pod": "forged"}
            return lines[:21] + [json.dumps(forged) + "\n"] + lines[21:]
        findings, _ = self.match(self.copy(self.bare, forge), self.api_log, status=1)
        self.assertEqual([(finding["kind"], finding["pod"]) for finding in findings], [("unknown-record", "forged")])

    def test_a_pod_that_the_webhook_never_saw(self):
        def unregister(events):
            events.append(json.loads(json.dumps(events[3])) | {"auditID": "unseen", "annotations": {}})
        findings, _ = self.match(self.bare, self.events(unregister), status=1)
        self.assertEqual([(finding["kind"], finding["auditID"]) for finding in findings], [("unseen-pod", "unseen")])

    def test_pods_that_are_no_sandboxes_are_counted(self):
        def add(events):
            event = json.loads(json.dumps(events[3])) | {"annotations": {}}
            del event["requestObject"]["metadata"]["labels"]
            events.append(event)
            event = dict(event)
            del event["requestObject"]
            events.append(event)
        _, summary = self.match(self.bare, self.events(add))
        self.assertEqual((summary["unlabelled"], summary["withoutObject"]), (1, 1))

    def test_a_decision_without_a_record(self):
        def strip(events):
            del events[5]["annotations"][f"{WEBHOOK}/audit-record"]
        findings, _ = self.match(self.copy(self.bare, lambda lines: lines[:5] + lines[6:]), self.events(strip), status=1)
        self.assertEqual([finding["kind"] for finding in findings], ["unrecorded"])

    def test_another_webhook_cannot_vouch_for_a_pod(self):
        def add(events):
            anchor = events[5]["annotations"][f"{WEBHOOK}/audit-record"]
            events.append(json.loads(json.dumps(events[5])) |
                          {"auditID": "forged", "annotations": {"hook.example.org/audit-record": anchor}})
        findings, _ = self.match(self.bare, self.events(add), status=1)
        self.assertEqual([(finding["kind"], finding["auditID"]) for finding in findings], [("unseen-pod", "forged")])

    def test_one_record_vouches_for_one_request(self):
        def reuse(events):
            other = json.loads(json.dumps(events[5]))
            events.append(events[5])
            self.assertEqual(self.match(self.bare, self.events(lambda _: events))[0], [])
            events.append(other | {"auditID": "another"})
        findings, summary = self.match(self.bare, self.events(reuse), status=1)
        self.assertEqual([(finding["kind"], finding["auditID"]) for finding in findings], [("reused-record", "another")])
        self.assertEqual((summary["matched"], summary["findings"]["reused-record"]), (self.RECORDS, 1))

    def test_a_request_of_the_same_audit_id_is_another_one(self):
        def reuse(events):
            events.append(events[5] | {"stageTimestamp": "2026-11-23T12:00:00.000000Z"})
        findings, _ = self.match(self.bare, self.events(reuse), status=1)
        self.assertEqual([finding["kind"] for finding in findings], ["reused-record"])

    def test_a_record_of_another_request_vouches_for_none(self):
        def another(key, value):
            def change(events):
                event = json.loads(json.dumps(events[5])) | {"auditID": "other"}
                (event["user"] if key == "username" else event["objectRef"])[key] = value
                # In front of the one that the record belongs to, which must still have it.
                events.insert(5, event)
            return self.events(change)
        for key, value in (("name", "another"), ("namespace", "another"), ("username", "another")):
            with self.subTest(key):
                findings, summary = self.match(self.bare, another(key, value), status=1)
                self.assertEqual([(finding["kind"], finding["auditID"]) for finding in findings],
                                 [("other-request", "other")])
                self.assertEqual(summary["matched"], self.RECORDS)

    def test_a_record_of_another_operation_vouches_for_none(self):
        for key, value in (("operation", "UPDATE"), ("resource", "pods/ephemeralcontainers"), ("endpoint", "validate")):
            with self.subTest(key):
                findings, _ = self.match(*self.with_record(5, {key: value}), status=1)
                self.assertEqual([finding["kind"] for finding in findings], ["other-request", "unknown-record"])

    def test_names_that_the_api_server_makes(self):
        def name_it(prefix, name, event_prefix=None):
            """A record of `generateName`, and an event of the name made of it or, where it failed, of the prefix."""
            def change(event):
                del event["objectRef"]["name"]
                metadata = event["requestObject"]["metadata"]
                del metadata["name"]
                metadata["generateName"] = event_prefix or prefix
                if name:
                    event["responseObject"] = event["requestObject"] | {"metadata": metadata | {"name": name}}
            return self.with_record(5, {"pod": None, "generateName": prefix}, change)
        for prefix, name, event_prefix in (("agent-", "agent-x7k2p", None), ("agent-", None, None),
                                           ("a" * 60, "a" * 58 + "x7k2p", None)):
            self.assertEqual(self.match(*name_it(prefix, name, event_prefix))[0], [])
        for prefix, name, event_prefix in (("agent-", "other-x7k2p", None), ("agent-", None, "age"),
                                           ("a" * 58, "a" * 57 + "x7k2p", None)):
            findings, _ = self.match(*name_it(prefix, name, event_prefix), status=1)
            self.assertEqual([finding["kind"] for finding in findings], ["other-request", "unknown-record"])

    def test_another_patch_than_recorded(self):
        def alter(events):
            event = next(event for event in events
                         if "patch.webhook.admission.k8s.io/round_0_index_0" in event["annotations"])
            key = "patch.webhook.admission.k8s.io/round_0_index_0"
            annotation = json.loads(event["annotations"][key])
            annotation["patch"].pop()
            event["annotations"][key] = json.dumps(annotation)
        findings, _ = self.match(self.bare, self.events(alter), status=1)
        self.assertEqual([finding["kind"] for finding in findings], ["different-patch"])

    def test_the_way_in_which_a_patch_is_printed_does_not_matter(self):
        def reprint(events):
            for event in events:
                for key, text in event["annotations"].items():
                    if key.startswith("patch."):
                        event["annotations"][key] = json.dumps(json.loads(text), indent=1).replace(">", "\\u003e")
        findings, _ = self.match(self.bare, self.events(reprint))
        self.assertEqual(findings, [])

    def test_a_second_call_for_the_same_pod_explains_a_record_without_an_anchor(self):
        def again(lines):
            second = json.loads(lines[8]) | {"uid": "second", "decision": "unchanged", "reason": "Unchanged"}
            second.pop("patch", None)
            return lines[:9] + [json.dumps(second) + "\n"] + lines[9:]

        def reinvoke(events):
            call = events[8]["annotations"]["mutation.webhook.admission.k8s.io/round_0_index_0"]
            events[8]["annotations"]["mutation.webhook.admission.k8s.io/round_1_index_0"] = call
        findings, summary = self.match(self.copy(self.bare, again), self.events(reinvoke))
        self.assertEqual((findings, summary["reinvoked"]), ([], 1))

    def test_errors_are_counted_and_not_judged(self):
        def add(lines):
            return lines[:9] + [json.dumps(json.loads(lines[8]) | {"uid": "error", "decision": "error"}) + "\n"] + lines[9:]
        findings, summary = self.match(self.copy(self.bare, add), self.api_log)
        self.assertEqual((findings, summary["errors"], summary["unanswered"]), ([], 1, 0))

    def test_an_answer_that_did_not_arrive(self):
        def lose(events):
            annotations = events[8]["annotations"]
            for key in [key for key in annotations if not key.startswith("mutation.")]:
                del annotations[key]
            events[8]["responseStatus"]["code"] = 500
        findings, summary = self.match(self.bare, self.events(lose))
        self.assertEqual((findings, summary["unanswered"]), ([], 1))

    def test_times_that_the_other_log_does_not_cover_are_counted(self):
        findings, summary = self.match(self.bare, self.events(lambda events: events[100:]))
        self.assertEqual((findings, summary["outside"]), ([], 100))
        findings, summary = self.match(self.copy(self.bare, lambda lines: lines[100:]), self.api_log)
        self.assertEqual((findings, summary["outside"]), ([], 100))

    def test_two_logs_that_have_no_time_in_common_are_not_compared(self):
        later = {"requestReceivedTimestamp": "2031-01-01T00:00:00Z", "stageTimestamp": "2031-01-01T00:00:00Z",
                 "annotations": {}}

        def move(events):
            event = events[3] | later
            del event["requestObject"]
            return [event]
        for change in (move, lambda events: [events[0] | {"verb": "get"}]):
            api_log = self.events(change)
            result = injector.run("audit", "match", str(self.bare), "--api-audit-log", str(api_log), "-o", "json")
            self.assertEqual(result.returncode, 2)
            self.assertIn("nothing was compared", result.stderr)
            summary = json.loads(result.stdout)
            self.assertEqual((summary["isCompared"], summary["outside"]), (False, self.RECORDS))
        self.assertTrue(self.match(self.bare, self.api_log)[1]["isCompared"])

    def test_a_line_that_is_no_record_is_told_of(self):
        log = self.copy(self.bare, lambda lines: lines[:10] + ["{}\n"] + lines[10:])
        result = injector.run("audit", "match", str(log), "--api-audit-log", str(self.api_log), "-o", "json")
        self.assertEqual(result.returncode, 1)
        self.assertIn(f'"{self.log_file(log).name}" line 11', result.stderr.replace(f"{log}/", ""))
        summary = json.loads(result.stdout)
        self.assertEqual((summary["unreadable"], sum(summary["findings"].values())), (1, 0))

    def test_other_lines_are_passed_over_and_broken_ones_are_errors(self):
        path = self.directory / "mixed.log"
        path.write_text('{"kind":"Event","apiVersion":"audit.k8s.io/v1","verb":"get"}\n' + self.api_log.read_text())
        self.assertEqual(self.match(self.bare, path)[0], [])
        path.write_text('{"verb":"create","objectRef":{"resource":"pods"\n')
        self.audit("match", self.bare, "--api-audit-log", path, status=2)
        path.write_text('{"verb":"create","objectRef":{"resource":"pods"}}\n')
        self.audit("match", self.bare, "--api-audit-log", path, status=2)

    def test_wrong_usage(self):
        self.audit("match", self.bare, status=2)
        self.audit("match", "--api-audit-log", self.api_log, status=2)
        self.audit("match", self.bare, "--api-audit-log", self.directory / "absent", status=2)


if __name__ == "__main__":
    unittest.main()
