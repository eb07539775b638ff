#!/usr/bin/python3
"""`openshell-injector audit verify`, its options and limits, on logs that `review` has written."""

import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import audit_log  # noqa: E402, the folder is known only now
import injector  # noqa: E402

RECORD_BYTES = 4 * 1024 * 1024
# The room that sequence, time, the hash before and the newline may take.
END_BYTES = 192
ANCHORS = 64
DOCUMENTS = pathlib.Path(__file__).resolve().parents[3] / "docs"
KEYS = 16


def review(uid, annotations=None, environment=()):
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": uid, "operation": "CREATE", "namespace": "agents", "name": "one", "userInfo": {"username": "somebody"},
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "object": {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "one", "namespace": "agents", "annotations": annotations or {}, "labels": {
                "openshell.ai/managed-by": "openshell", "openshell.ai/sandbox-id": "one",
                "openshell.ai/sandbox-name": "one"}},
            "spec": {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [
                {"name": "agent", "image": "example.com/agent:1", "command": ["/bin/agent"], "env": list(environment)}]},
        }}}


def make_key(path):
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True, capture_output=True)
    path.chmod(0o600)
    public = path.with_suffix(".pub")
    subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-out", public], check=True, capture_output=True)
    return public


class VerifyCase(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="test-audit-verify-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.log = self.folder / "log"

    def record(self, uid="one", *options, status=0, **content):
        result = injector.run("review", "--sandbox-uid=1000", f"--audit-directory={self.log}", *options,
                              stdin=json.dumps(review(uid, **content)))
        self.assertEqual(result.returncode, status, result.stderr)
        return result.stderr

    def lines(self):
        return [line for path in sorted(self.log.glob("*.jsonl")) for line in path.read_bytes().splitlines()]

    def verify(self, *options, status=0):
        result = injector.run("audit", "verify", *map(str, options), str(self.log))
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result.stdout + result.stderr


class Anchors(VerifyCase):
    def test_records_known_from_elsewhere_must_be_in_the_log(self):
        self.record()
        self.record("two")
        hashes = [audit_log.record_hash(line) for line in self.lines()]
        self.verify(f"--anchor=1:{hashes[0]}", "--anchor", f"2:{hashes[1]}")
        self.assertIn("record 2", self.verify(f"--anchor=2:{hashes[0]}", status=1))
        self.assertIn("3", self.verify(f"--anchor=3:{hashes[0]}", status=1))

    def test_what_is_no_anchor_is_refused(self):
        self.record()
        for anchor in ("", "1", "1:", "0:" + "0" * 64, "-1:" + "0" * 64, "1:" + "0" * 63, "1:" + "0" * 65,
                       "1:" + "g" * 64, "99999999999999999999:" + "0" * 64):
            self.assertIn("--anchor", self.verify(f"--anchor={anchor}", status=2), anchor)

    def test_number_is_limited(self):
        self.record()
        anchor = f"--anchor=1:{audit_log.record_hash(self.lines()[0])}"
        self.verify(*[anchor] * ANCHORS)
        self.assertIn(f"more than {ANCHORS}", self.verify(*[anchor] * (ANCHORS + 1), status=2))


class Keys(VerifyCase):
    def test_only_signatures_of_trusted_keys_count(self):
        public, other = make_key(self.folder / "key.pem"), make_key(self.folder / "other.pem")
        self.record("one", f"--audit-signing-key={self.folder / 'key.pem'}")
        self.verify()
        self.verify(f"--public-key={public}")
        self.verify(f"--public-key={other}", status=1)
        self.verify(*[f"--public-key={public}"] * KEYS)
        self.assertIn(f"more than {KEYS}", self.verify(*[f"--public-key={public}"] * (KEYS + 1), status=2))

    def test_what_is_no_key_is_refused_by_name(self):
        self.record()
        path = self.folder / "none.pub"
        self.assertIn(str(path), self.verify(f"--public-key={path}", status=2))
        path.write_text("nothing")
        self.assertIn(str(path), self.verify(f"--public-key={path}", status=2))


class Files(VerifyCase):
    def test_a_log_whose_first_file_was_put_away_is_partial(self):
        for number in range(12):
            self.record(f"number-{number}", "--audit-file-size=64Ki", annotations={"long": "x" * 10000},
                        environment=[{"name": "LONG", "value": "y" * 10000}])
        files = sorted(self.log.glob("*.jsonl"))
        self.assertGreater(len(files), 2)
        self.verify()
        files[0].unlink()
        self.verify(status=1)
        self.verify("--partial")
        files[1].rename(self.folder / "aside")
        files[2].unlink()
        (self.folder / "aside").rename(files[1])
        self.verify("--partial", status=1)

    def test_wrong_usage_is_explained(self):
        self.assertIn(str(self.log), self.verify(status=2))
        self.record()
        self.assertIn("--nonsense", self.verify("--nonsense", status=2))
        self.assertIn("none of text, json", self.verify("--output=yaml", status=2))
        result = injector.run("audit", "verify")
        self.assertEqual(result.returncode, 2)
        self.assertIn("no directory", result.stderr)


class Damage(VerifyCase):
    """Which record is named, and in which file and line, when more is wrong than one record in the middle of a file."""

    RECORDS_A_FILE = 4

    def setUp(self):
        super().setUp()
        self.public = make_key(self.folder / "key.pem")
        for number in range(10):
            self.record(f"number-{number}", "--audit-file-size=64Ki", "--audit-objects=whole",
                        f"--audit-signing-key={self.folder / 'key.pem'}", "--audit-checkpoint-records=1",
                        annotations={"long": "x" * 25000})
        self.files = sorted(self.log.glob("*.jsonl"))
        self.assertEqual([path.name for path in self.files],
                         [f"audit-{number:020}.jsonl" for number in range(1, 21, self.RECORDS_A_FILE)])

    def blame(self, sequence, file, line, *options):
        """Expects the log to be not intact there, and returns the reason."""
        problem = json.loads(self.verify("-o", "json", *options, status=1))["problem"]
        place = (problem["sequence"], problem["file"], problem["line"])
        self.assertEqual(place, (sequence, getattr(file, "name", file), line), problem["message"])
        return problem["message"]

    def test_a_record_that_is_cut_short_before_others(self):
        self.files[1].write_bytes(self.files[1].read_bytes()[:-20])
        self.assertIn("cut short", self.blame(8, self.files[1], 4))

    def test_a_line_that_is_too_long(self):
        for end in (b"\n", b""):
            text = self.files[2].read_bytes()
            self.files[2].write_bytes(text + b"x" * (RECORD_BYTES + 1) + end)
            self.assertIn("longer than", self.blame(13, self.files[2], 5))
            self.files[2].write_bytes(text)

    def test_what_is_no_file(self):
        path = self.log / f"audit-{21:020}.jsonl"
        for make in (path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/zero"),
                     lambda: path.symlink_to(self.folder / "nothing"), lambda: path.symlink_to(path)):
            make()
            self.blame(21, path, 0)
            self.assertEqual(injector.run("audit", "show", str(self.log)).returncode, 2)
            path.rmdir() if path.is_dir() else path.unlink()
        self.verify()

    def test_a_record_that_is_cut_short_before_what_is_no_file(self):
        lines = self.files[-1].read_bytes().splitlines(keepends=True)
        self.files[-1].write_bytes(b"".join(lines)[:-20])
        os.mkfifo(self.log / f"audit-{21:020}.jsonl")
        self.assertIn("cut short", self.blame(20, self.files[-1], len(lines)))

    def test_a_torn_record_in_a_file_that_no_writer_made(self):
        for number, is_next in ((20, False), (21, True), (22, False)):
            path = self.log / f"audit-{number:020}.jsonl"
            path.write_text("torn")
            if is_next:
                self.verify()
            elif number > 21:
                self.assertIn("not named", self.blame(21, path, 1))
            else:
                self.verify(status=1)
            path.unlink()

    def test_a_changed_record_is_named_before_what_stands_beside_the_log(self):
        (self.log / "head.json").unlink()
        self.assertIn("missing", self.blame(0, "head.json", 0))
        shutil.rmtree(self.log / "configurations")
        self.blame(1, self.files[0], 1)
        self.files[2].write_bytes(self.files[2].read_bytes().replace(b"somebody", b"nobody--", 1))
        (self.log / "configurations").write_text("")
        self.blame(9, self.files[2], 1)

    def test_other_line_ends_in_all_of_the_log(self):
        for path in self.files:
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        self.blame(1, self.files[0], 1)

    def test_another_log_behind_this_one(self):
        self.log, log = self.folder / "other", self.log
        self.record("other")
        (other,) = self.log.glob("*.jsonl")
        joined = log / f"audit-{21:020}.jsonl"
        shutil.copy(other, joined)
        self.log = log
        self.assertIn("another chain", self.blame(21, joined, 1))

    def test_a_partial_log_begins_with_a_whole_file(self):
        self.files[0].unlink()
        self.verify("--partial", f"--public-key={self.public}")
        self.files[1].write_bytes(b"".join(self.files[1].read_bytes().splitlines(keepends=True)[1:]))
        self.assertIn("named after record 5", self.blame(6, self.files[1], 1, "--partial"))

    def test_a_partial_log_that_begins_with_a_loss(self):
        # A loss of power can leave the newest file without its records; the next run tells of it there.
        self.files[-1].write_bytes(b"")
        self.record("later", f"--audit-signing-key={self.folder / 'key.pem'}")
        for path in self.files[:-1]:
            path.unlink()
        result = json.loads(self.verify("--partial", "-o", "json", status=1))
        self.assertNotIn("problem", result)
        self.assertEqual((result["missing"], result["loss"]["sequence"]), (4, 17))

    def test_an_anchor_of_a_record_that_was_put_away(self):
        self.files[0].unlink()
        self.assertIn("begins after record 1", self.verify("--partial", f"--anchor=1:{'0' * 64}", status=1))

    def test_a_head_without_checkpoint_or_key(self):
        path = self.log / "head.json"
        text = path.read_bytes()
        for member in ("checkpoint", "keyId"):
            head = {key: value for key, value in json.loads(text).items() if key != member}
            path.write_bytes(json.dumps(head, separators=(",", ":")).encode().ljust(len(text) - 1) + b"\n")
            self.blame(0, "head.json", 0)


class Content(VerifyCase):
    def test_standard_tools_find_the_hash_of_a_record(self):
        self.record("one")
        self.record("two")
        first, last = self.lines()
        command = r'''sed -E 's/,"patch":"[^"]*"\}$/}/' | tr -d '\n' | sha256sum'''
        self.assertIn(command, (DOCUMENTS / "auditing.md").read_text().replace(' <<<"$line"', ""))
        found = subprocess.run(["bash", "-c", command], input=first + b"\n", capture_output=True, check=True).stdout
        self.assertEqual(found.decode().split()[0], json.loads(last)["previous"])

    def test_a_patch_that_was_changed_or_taken_out_is_found(self):
        self.record("one")
        self.record("two")
        (path,) = self.log.glob("*.jsonl")
        first, last = path.read_bytes().splitlines()
        patch = re.search(rb',"patch":"([^"]*)"', last)
        other = json.loads(base64.b64decode(patch[1]))
        other[0]["path"] += "x"
        forged = base64.b64encode(json.dumps(other).encode())
        for change, message in ((b',"patch":"' + forged + b'"', "patch: is not what patchSha256 is of"),
                                (b"", "patch: is missing"), (b',"patch":""', "patch: is not what patchSha256 is of")):
            path.write_bytes(b"\n".join((first, last.replace(patch[0], change), b"")))
            self.assertIn("record 2", self.verify(status=1))
            self.assertIn(message, self.verify(status=1))
            self.assertIn(message, self.record("three", "--audit-required", status=3))
            path.write_bytes(b"\n".join((first.replace(patch[0], change), last, b"")))
            self.assertIn("record 1", self.verify(status=1))

    def test_values_of_the_environment_are_redacted(self):
        copy = "kubectl.kubernetes.io/last-applied-configuration"
        self.record("one", "--audit-objects=redacted", annotations={copy: "a secret", "other": "stays"},
                    environment=[{"name": "TOKEN", "value": "a secret"}, {"name": "FROM", "valueFrom": {
                        "fieldRef": {"fieldPath": "metadata.name"}}}])
        record = json.loads(self.lines()[0])
        pod = record["object"]
        self.assertNotIn("a secret", json.dumps(pod))
        self.assertEqual(pod["metadata"]["annotations"], {copy: "[redacted]", "other": "stays"})
        self.assertEqual(pod["spec"]["containers"][0]["env"], [
            {"name": "TOKEN", "value": "[redacted]"},
            {"name": "FROM", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}])
        self.verify()

    def test_an_object_that_would_pass_the_limit_is_left_out_and_named(self):
        self.record("one", "--audit-objects=whole", annotations={"long": ""})
        short = self.lines()[0]
        spare = RECORD_BYTES + 1 - END_BYTES - short.rindex(b',"sequence":') - len(json.loads(short)["patch"])
        for more, is_whole in ((0, True), (1, False)):
            shutil.rmtree(self.log)
            self.record("one", "--audit-objects=whole", annotations={"long": "x" * (spare + more)})
            (line,) = self.lines()
            record = json.loads(line)
            self.assertEqual(("object" in record, record.get("omitted")), (True, None) if is_whole else (False, ["object"]))
            self.assertLessEqual(len(line), RECORD_BYTES)
            self.verify()


if __name__ == "__main__":
    unittest.main()
