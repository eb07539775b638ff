#!/usr/bin/python3
"""The audit log of a running server: what was answered stands in it, whatever happens to the process or the disk.

AUDIT_KILLS (100): how often the server is killed under load.
"""

import http.client
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import jsonschema
from harness import JSON_HEADERS, PROGRAM, Server, review, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import audit_log  # noqa: E402, the folder is known only now

KILLS = int(os.environ.get("AUDIT_KILLS", "100"))
# A log is put away after so many kills, so that checking it does not grow without end.
KILLS_OF_A_LOG = 50
CLIENTS = 4


def verify(directory, *options):
    """The exit code of `audit verify`, and what it found."""
    ended = subprocess.run([PROGRAM, "audit", "verify", "-o", "json", *options, str(directory)], capture_output=True,
                           text=True, check=False)
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout)


def make_key(path):
    """Replaces the key as a whole, its public half beside it."""
    fresh = path.with_suffix(".fresh")
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", fresh], check=True)
    subprocess.run(["openssl", "pkey", "-in", fresh, "-pubout", "-out", path.with_suffix(".pub")], check=True)
    fresh.rename(path)


def lines_of(directory):
    """The whole lines. What a kill tore off has no end of line, and the next start marks it."""
    for path in sorted(pathlib.Path(directory).glob("*.jsonl")):
        yield from (line.rstrip(b"\n") for line in path.read_bytes().splitlines(True) if line.endswith(b"\n"))


def marks_of(directory):
    """The mark of each record with a uid, as an answer has it."""
    marks = {}
    for line in lines_of(directory):
        record = json.loads(line)
        if "uid" in record:
            marks[record["uid"]] = "%d:%s" % (record["sequence"], audit_log.record_hash(line))
    return marks


class Clients:
    """Send reviews with uids of their own until the server goes; keep the marks of what was answered."""

    def __init__(self, server, prefix):
        self.server, self.prefix, self.marks, self.lock = server, prefix, {}, threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        connection = self.server.connect()
        try:
            for count in range(1000000):
                uid = "%s-%d-%d" % (self.prefix, number, count)
                connection.request("POST", "/mutate", body=json.dumps(review(uid=uid)), headers=JSON_HEADERS)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status == 200:
                    with self.lock:
                        self.marks[uid] = json.loads(text)["response"]["auditAnnotations"]["audit-record"]
        except (OSError, http.client.HTTPException):
            connection.close()

    def join(self):
        for thread in self.threads:
            thread.join()
        return self.marks


class AuditTest(unittest.TestCase):
    def serve(self, *options):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="openshell-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.directory = self.folder / "log"
        server = Server("--audit-directory", str(self.directory), "--log-level", "info", *options)
        self.addCleanup(server.remove)
        return server

    def assert_intact(self, *options):
        code, found = verify(self.directory, *options)
        self.assertEqual(code, 0, found)
        return found


class Kills(AuditTest):
    def end_log(self, acknowledged):
        self.assert_intact()
        marks = marks_of(self.directory)
        for uid, mark in acknowledged.items():
            self.assertEqual(marks.get(uid), mark, uid)
        shutil.rmtree(self.directory)

    def test_nothing_answered_is_missing_after_kills_under_load(self):
        server = self.serve("--audit-required", "--audit-file-size", "1Mi")
        acknowledged, total, torn, recoveries = {}, 0, 0, 0
        for kill in range(1, KILLS + 1):
            clients = Clients(server, "kill-%d" % kill)
            time.sleep(random.uniform(0, 0.15))
            server.process.kill()
            server.process.wait()
            acknowledged.update(clients.join())
            if kill % 10 == 0 or kill == KILLS:
                found = self.assert_intact()
                torn += found["tornBytes"] > 0
                recoveries = max(recoveries, found["recoveries"])
            if kill % KILLS_OF_A_LOG == 0 or kill == KILLS:
                total += len(acknowledged)
                self.end_log(acknowledged)
                acknowledged = {}
            server.start()
        print("%d kills, %d answered and all recorded" % (KILLS, total))
        self.assertGreater(total, KILLS)


class FullDisk(AuditTest):
    """A limit of the process's files does what a full disk does."""

    def limit(self, server, size):
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def test_admission_is_refused_when_audit_is_required(self):
        server = self.serve("--audit-required")
        self.assertEqual(server.review(review(uid="before"))[0], 200)
        self.limit(server, 4096)
        status, answer = server.review(review(uid="refused"))
        self.assertEqual(status, 503)
        self.assertIn("the decision cannot be recorded", answer["message"])
        self.assertEqual(server.metrics()["openshell_injector_audit_refused_total"], 1)
        self.limit(server, resource.RLIM_INFINITY)
        self.assertEqual(server.review(review(uid="after"))[0], 200)
        server.end()
        self.assertEqual(self.assert_intact("--strict")["gaps"], 0)
        self.assertEqual(sorted(marks_of(self.directory)), ["after", "before"])

    def test_a_gap_is_marked_otherwise(self):
        server = self.serve()
        self.assertEqual(server.review(review(uid="before"))[0], 200)
        self.limit(server, 4096)
        for _ in range(3):
            status, answer = server.review(review(uid="lost"))
            self.assertEqual(status, 200)
            self.assertNotIn("audit-record", answer["response"]["auditAnnotations"])
        self.limit(server, resource.RLIM_INFINITY)
        self.assertEqual(server.review(review(uid="after"))[0], 200)
        self.assertEqual(server.metrics()["openshell_injector_audit_dropped_total"], 3)
        server.end()
        lines = server.log("decisions left without an audit record")
        self.assertEqual(sum(line["decisions"] for line in lines), 3)
        self.assertIn("cannot write a record", lines[0]["reason"])
        self.assertEqual([line["uid"] for line in server.log("decided")], ["lost"] * 3)
        self.assertEqual(self.assert_intact()["dropped"], 3)
        self.assertEqual(verify(self.directory, "--strict")[0], 1)

    def test_one_review_tells_of_it_by_its_exit_code_or_a_warning(self):
        server = self.serve()
        self.assertEqual(server.review(review(uid="before"))[0], 200)
        server.end()

        def run(*options, limit=4096):
            return subprocess.run(
                [PROGRAM, "review", "--config", str(server.directory / "config.yaml"), "--audit-directory",
                 str(self.directory), *options], input=json.dumps(review(uid="one")), text=True, capture_output=True,
                check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1)))
        lost = run()
        self.assertEqual((lost.returncode, json.loads(lost.stdout)["response"]["allowed"]), (0, True))
        self.assertIn("leaves without a record: cannot write a record", lost.stderr)
        refused = run("--audit-required")
        self.assertEqual((refused.returncode, refused.stdout), (3, ""))
        self.assertIn("the decision cannot be recorded", refused.stderr)
        written = run(limit=-1)
        self.assertEqual((written.returncode, written.stderr), (0, ""))
        self.assertEqual(self.assert_intact()["dropped"], 1)
        (self.directory / "head.json").unlink()
        refused = run("--audit-required", limit=-1)
        self.assertEqual((refused.returncode, refused.stdout), (3, ""))
        self.directory = self.folder / "file"
        self.directory.write_text("")
        for options, status in ((["--audit-required"], 3), ([], 2)):
            refused = run(*options, limit=-1)
            self.assertEqual((refused.returncode, refused.stdout), (status, ""))
            self.assertIn(str(self.directory), refused.stderr)


class Keys(AuditTest):
    def test_a_new_key_is_introduced_while_the_server_runs(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="openshell-test-"))
        self.addCleanup(shutil.rmtree, folder)
        key = folder / "key.pem"
        make_key(key)
        shutil.copy(key.with_suffix(".pub"), folder / "first.pub")
        server = self.serve("--audit-signing-key", str(key), "--audit-checkpoint-records", "2")
        for count in range(3):
            self.assertEqual(server.review(review(uid="a-%d" % count))[0], 200)
        make_key(key)
        server.signal(signal.SIGHUP)
        wait_until(lambda: server.log("audit signing key reloaded"))
        for count in range(3):
            self.assertEqual(server.review(review(uid="b-%d" % count))[0], 200)
        server.end()
        found = self.assert_intact("--public-key", str(folder / "first.pub"))
        self.assertEqual(found["keyRotations"], 1)
        self.assertEqual(found["signedUntil"], found["last"])
        # The second key alone is not where the chain of keys begins.
        self.assertEqual(verify(self.directory, "--public-key", str(key.with_suffix(".pub")))[0], 1)


class Schema(AuditTest):
    """The schema in docs/schemas takes every type of record that there is, and nothing else."""

    def setUp(self):
        path = pathlib.Path(__file__).resolve().parents[3] / "docs/schemas/audit-record.schema.json"
        self.schema = jsonschema.Draft7Validator(json.loads(path.read_text()))

    def make_records(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="openshell-test-"))
        self.addCleanup(shutil.rmtree, folder)
        make_key(folder / "key.pem")
        server = self.serve("--audit-signing-key", str(folder / "key.pem"), "--audit-objects", "redacted",
                            "--audit-checkpoint-records", "1000")
        server.review(review(uid="injected"))
        server.review(review(uid="skipped", operation="DELETE"))
        invalid = review(uid="invalid")
        invalid["request"]["object"]["spec"]["containers"] = "none"
        server.review(invalid)
        denied = review(uid="denied")
        denied["request"]["object"]["spec"]["hostNetwork"] = True
        server.review(denied)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        server.review(review(uid="lost"))
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        make_key(folder / "key.pem")
        server.signal(signal.SIGHUP)
        wait_until(lambda: server.log("audit signing key reloaded"))
        server.end()
        with open(next(self.directory.glob("*.jsonl")), "ab") as log:
            log.write(b'{"version":1')
        server.start()
        server.review(review(uid="after"))
        server.end()
        self.assert_intact()
        return [json.loads(line) for line in lines_of(self.directory)]

    def test_every_record_is_of_the_schema(self):
        records = self.make_records()
        for record in records:
            self.schema.validate(record)
            self.assertNotIn("do-not-log-me", json.dumps(record.get("object", "")))
            self.assertFalse(self.schema.is_valid(record | {"unknown": 1}))
        self.assertEqual({record["type"] for record in records},
                         {"decision", "checkpoint", "key-rotation", "gap", "recovery"})
        self.assertEqual({record["decision"] for record in records if record["type"] == "decision"},
                         {"injected", "skipped", "error", "denied"})


class ProgramLog(AuditTest):
    def test_has_recorded_denials_alone_but_at_level_debug(self):
        denied = review(uid="denied")
        denied["request"]["object"]["spec"]["hostNetwork"] = True
        for options, expected in ([], ["denied"]), (["--log-level", "debug"], ["injected", "denied"]):
            server = self.serve(*options)
            self.assertEqual(server.review(review(uid="injected"))[0], 200)
            self.assertEqual(server.review(denied)[0], 200)
            server.end()
            self.assertEqual([line["uid"] for line in server.log("decided")], expected)


class Rotation(AuditTest):
    def test_files_rotate_under_load(self):
        server = self.serve("--audit-file-size", "64Ki")
        clients = Clients(server, "rotate")
        wait_until(lambda: len(list(self.directory.glob("*.jsonl"))) > 3, 60)
        server.process.kill()
        server.process.wait()
        acknowledged = clients.join()
        self.assert_intact()
        marks = marks_of(self.directory)
        self.assertEqual({uid: marks.get(uid) for uid in acknowledged}, acknowledged)
        server.start()


class Runs(AuditTest):
    def test_runs_of_review_at_the_same_time_share_a_chain(self):
        server = self.serve()
        server.end()
        runs = [subprocess.Popen([PROGRAM, "review", "--config", str(server.directory / "config.yaml"),
                                  "--audit-directory", str(self.directory)], stdin=subprocess.PIPE,
                                 stdout=subprocess.DEVNULL) for _ in range(10)]
        for number, run in enumerate(runs):
            # All of them run by now; none holds the log while it waits for its input.
            run.communicate(json.dumps(review(uid="run-%d" % number)).encode())
            self.assertEqual(run.returncode, 0)
        self.assertEqual(self.assert_intact()["decisions"], 10)


if __name__ == "__main__":
    unittest.main()
