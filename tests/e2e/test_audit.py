#!/usr/bin/python3
"""Audit records and the API server's own audit log, about the same real admissions: `audit match` finds nothing, and
then each thing that is wrong.

AUDIT_ADMISSIONS: pods to create (300); the full count is 10,000, with its result in docs/auditing.md.
"""

import base64
import collections
import concurrent.futures
import http.client
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

import webhook_server
from kubernetes_cluster import Cluster
from webhook_server import injector
from webhook_test_case import WebhookTestCase, sandbox_pod

ADMISSIONS = int(os.environ.get("AUDIT_ADMISSIONS", "300"))
THREADS = 4
POLICY = pathlib.Path(__file__).resolve().parent / "audit-policy.yaml"
PODS = "/api/v1/namespaces/default/pods"


class ApiServer:
    """Requests without kubectl, which would take most of the time; one connection for each thread."""

    def __init__(self, cluster):
        config = json.loads(cluster.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
        place = config["clusters"][0]["cluster"]
        self.address = urllib.parse.urlsplit(place["server"])
        self.headers = {"Content-Type": "application/json",
                        "Authorization": f"Bearer {config['users'][0]['user']['token']}"}
        self.context = ssl.create_default_context(
            cadata=base64.b64decode(place["certificate-authority-data"]).decode())
        self.local = threading.local()
        self.connections = []

    def close(self):
        for connection in self.connections:
            connection.close()

    def request(self, method, path, body):
        """Status and answer."""
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPSConnection(self.address.hostname, self.address.port, timeout=60,
                                                                context=self.context)
            self.connections.append(self.local.connection)
        connection = self.local.connection
        connection.request(method, path, json.dumps(body), self.headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def pod_number(number):
    """Most are injected; some are refused, some let the API server make the name, some are no sandboxes."""
    pod = sandbox_pod(f"pod-{number}")
    labels = pod["metadata"]["labels"]
    labels["openshell.ai/sandbox-id"] = f"11111111-2222-4333-8444-{number:012}"
    labels["openshell.ai/sandbox-name"] = f"sandbox-{number}"
    pod["spec"]["containers"][0]["env"] = [{"name": "NUMBER", "value": f"<{number}> & more"}]
    if number % 20 == 7:
        pod["spec"]["hostNetwork"] = True
    elif number % 20 == 11:
        pod["metadata"]["generateName"] = pod["metadata"].pop("name") + "-"
    elif number % 20 == 13:
        del labels["openshell.ai/managed-by"]
    return pod


class AuditTest(WebhookTestCase):
    FLAGS = [*WebhookTestCase.FLAGS, "--audit-required", "--audit-objects=whole", "--audit-sync=never"]

    @classmethod
    def set_up_cluster(cls, may_be_foreign=False):
        """Its API server has flags of its own, so it is never another's."""
        webhook_server.injector.programs()
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="test-audit-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.records = cls.directory / "records"
        cls.FLAGS = [*cls.FLAGS, f"--audit-directory={cls.records}"]
        cls.cluster = Cluster(cls.directory / "cluster")
        cls.addClassCleanup(cls.cluster.run, "down")
        # Small files, so that the log is several of them.
        cls.cluster.succeed("up", "--", f"--audit-policy-file={POLICY}", "--audit-log-maxsize=10",
                            f"--audit-log-path={cls.directory / 'api-audit.log'}")
        cls.api = ApiServer(cls.cluster)
        cls.addClassCleanup(cls.api.close)

    def audit(self, subcommand, *arguments, status=0):
        """The JSON lines that it prints."""
        result = subprocess.run([injector.programs() / "openshell-injector", "audit", subcommand, *arguments,
                                 "--output=json"], env=injector.environment(), capture_output=True, text=True,
                                check=False)
        self.assertEqual(result.returncode, status, result.stderr + result.stdout[-4000:])
        return [json.loads(line) for line in result.stdout.splitlines()]

    def match(self, records, status=0):
        logs = sorted(self.directory.glob("api-audit*.log"))
        *findings, summary = self.audit("match", records, *(f"--api-audit-log={path}" for path in logs),
                                        status=status)
        return findings, summary

    def create_and_delete(self, number):
        status, answer = self.api.request("POST", PODS, pod_number(number))
        if status == 201:
            self.api.request("DELETE", f"{PODS}/{answer['metadata']['name']}", {"gracePeriodSeconds": 0})
        return status

    def spoiled(self, change):
        """A copy of the records whose lines `change` has changed."""
        copy = self.directory / f"spoiled-{len(list(self.directory.iterdir()))}"
        shutil.copytree(self.records, copy)
        path = sorted(copy.glob("*.jsonl"))[0]
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(change(lines)))
        return copy

    def unregister(self):
        for kind in ("mutatingwebhookconfiguration", "validatingwebhookconfiguration"):
            self.cluster.kubectl("delete", kind, "openshell-injector")

    def create_without_webhook(self, name):
        """Tries until the API server has forgotten the webhook; whatever it takes is a pod that we never saw."""
        def is_untouched():
            status, answer = self.api.request("POST", PODS, sandbox_pod(name))
            if status != 201:
                return False
            self.api.request("DELETE", f"{PODS}/{name}", {"gracePeriodSeconds": 0})
            return "openshell.ai/injection" not in answer["metadata"].get("annotations", {})
        webhook_server.wait_for(is_untouched, 30, "the API server forgets the webhook")

    def test_every_admission_is_on_both_sides_and_what_is_not_is_found(self):
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
            statuses = collections.Counter(threads.map(self.create_and_delete, range(ADMISSIONS)))
        print(f"{ADMISSIONS} admissions in {time.monotonic() - started:.0f} s: {dict(statuses)}", flush=True)
        self.assertEqual(set(statuses), {201, 403})

        findings, summary = self.match(self.records)
        print(summary, flush=True)
        self.assertEqual(findings, [])
        self.assertEqual(summary["matched"], summary["records"])
        self.assertGreater(summary["unlabelled"], 0)
        self.assertGreaterEqual(summary["podCreations"], ADMISSIONS)
        *differences, replayed = self.audit("replay", self.records)
        print(replayed, flush=True)
        self.assertEqual((differences, replayed["identical"]), ([], replayed["decisions"]))

        def forge(lines):
            forged = json.loads(lines[20]) | {"uid": "forged", "pod": "forged"}
            return lines[:21] + [json.dumps(forged) + "\n"] + lines[21:]
        findings, _ = self.match(self.spoiled(forge), status=1)
        self.assertEqual([(finding["kind"], finding["pod"]) for finding in findings], [("unknown-record", "forged")])

        findings, _ = self.match(self.spoiled(lambda lines: lines[:30] + lines[31:]), status=1)
        self.assertEqual([(finding["kind"], finding["record"].split(":")[0]) for finding in findings],
                         [("missing-record", "31")])

        self.unregister()
        self.create_without_webhook("unseen")
        findings, _ = self.match(self.records, status=1)
        self.assertEqual({(finding["kind"], finding["pod"]) for finding in findings}, {("unseen-pod", "unseen")})


if __name__ == "__main__":
    unittest.main()
