#!/usr/bin/python3
"""Writes audit logs as `serve --audit-directory` does, of any length, for tests and benchmarks: the decisions are the
program's own, asked once for each kind of pod, and put into records by this independent writer.

As a program: audit_log.py DIRECTORY COUNT [--objects none|whole] [--seed N] [--api-audit-log FILE] [--reviews FILE]
"""

import argparse
import base64
import datetime
import hashlib
import json
import pathlib
import random
import re
import uuid

import injector
import yaml

CHAIN = "0123456789abcdef0123456789abcdef"
WEBHOOK = "inject.injector.openshell.ai"
REGISTRATION = "openshell-injector"
START = datetime.datetime(2026, 11, 1, tzinfo=datetime.timezone.utc)
ANNOTATION_PREFIX = "openshift.io/sa.scc."

# Stand in the templates for what differs from pod to pod.
MARK_ID = "00000000-mark-4000-8000-sandbox00id0"
MARK_NAME = "mark-of-the-name"

NAMESPACES = ("openshell", "team-atlas", "team-borealis", "research")
USERS = ("system:serviceaccount:openshell:openshell-driver-pods", "alice@example.com", "bob@example.com")
IMAGES = ("registry.example.com/agent:1.4", "registry.example.com/coder:2.0", "ghcr.io/example/runner@sha256:" + "0" * 64)

CONFIGURATIONS = (
    ("--grpc-endpoint=https://openshell.openshell.svc:8080", "--sandbox-uid=1000"),
    ("--grpc-endpoint=https://openshell.openshell.svc:8080", "--topology=sidecar"),
    ("--grpc-endpoint=https://openshell.openshell.svc:8080", "--supervisor-sideload-method=init-container"),
)


def canonical(value):
    """RFC 8785, as far as the tests' objects need it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def record_hash(line):
    """The hash of a record's line, which leaves out the patch at its end."""
    return digest(re.sub(rb',"patch":"[^"]*"\}$', b"}", line))


class Log:
    """A directory of records that are chained as they come."""

    def __init__(self, directory, records_per_file=20_000):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.directory / "configurations").mkdir(mode=0o700, exist_ok=True)
        self.records_per_file = records_per_file
        self.sequence = 0
        self.previous = "0" * 64
        self.file = None

    def append(self, fields, time):
        """Adds a record and returns what `audit-record` says of it."""
        self.sequence += 1
        if self.file is None or self.sequence % self.records_per_file == 1:
            self._open()
        patch = {"patch": fields["patch"]} if "patch" in fields else {}
        record = {"version": 1, "type": "decision", "sequence": self.sequence,
                  "time": time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "chain": CHAIN, "replica": "injector-0",
                  "product": "openshell-injector/0.1.0",
                  **{name: value for name, value in fields.items() if name != "patch"}, "previous": self.previous}
        line = compact(record | patch).encode()
        self.previous = digest(compact(record).encode())
        self.file.write(line + b"\n")
        return f"{self.sequence}:{self.previous}"

    def _open(self):
        if self.file:
            self.file.close()
        self.file = open(self.directory / f"audit-{self.sequence:020d}.jsonl", "wb")

    def add_configuration(self, text):
        path = self.directory / "configurations" / f"{digest(text)}.json"
        path.write_bytes(text)

    def close(self):
        if self.file:
            self.file.close()
            self.file = None
        head = {"version": 1, "chain": CHAIN, "sequence": self.sequence, "hash": self.previous,
                "fileOpened": int(START.timestamp())}
        (self.directory / "head.json").write_text(compact(head).ljust(2047) + "\n")


def template_pod(image, has_workspace):
    volumes = {"volumes": [{"name": "workspace", "persistentVolumeClaim":
                            {"claimName": f"openshell-workspace-{MARK_ID}"}}]} if has_workspace else {}
    mounts = {"volumeMounts": [{"name": "workspace", "mountPath": "/sandbox"}]} if has_workspace else {}
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": f"default--{MARK_NAME}", "namespace": "openshell", "labels": {
            "openshell.ai/managed-by": "openshell", "openshell.ai/sandbox-id": MARK_ID,
            "openshell.ai/sandbox-name": MARK_NAME, "openshell.ai/sandbox-workspace": "default"}},
        "spec": {"restartPolicy": "Never", "automountServiceAccountToken": False,
                 "containers": [{"name": "agent", "image": image, "command": ["/bin/agent", "--serve"],
                                 "env": [{"name": "GREETING", "value": f"hello {MARK_NAME}"}], **mounts}], **volumes},
    }


def configuration_text(flags):
    """The canonical JSON of the keys that shape pods, as `serve --print-config` has them."""
    result = injector.run("serve", "--print-config", *flags)
    assert result.returncode == 0, result.stderr
    document = yaml.safe_load(result.stdout)
    for key in ("apiVersion", "kind"):
        document.pop(key)
    return canonical(document)


class Template:
    """One kind of pod and what the program decides about it, with marks for what is each pod's own."""

    def __init__(self, pod, flags, annotations):
        arguments = [*flags, *(f"--namespace-annotation={key}={value}" for key, value in annotations.items())]
        status, response = injector.review(pod, arguments)
        assert status in (0, 1)
        self.object = compact(pod)
        self.annotations = annotations
        self.marks = response["auditAnnotations"]
        self.patch = injector.patch_text_of(response) if "patch" in response else None
        self.status = response.get("status", {})

    def fields(self, sandbox_id, sandbox_name, namespace, user, dry_run, objects):
        """The record's own fields, the pod, and the patch's text or None."""
        def filled(text):
            return text.replace(MARK_ID, sandbox_id).replace(MARK_NAME, sandbox_name)
        pod = json.loads(filled(self.object))
        pod["metadata"]["namespace"] = namespace
        fields = {
            "endpoint": "mutate", "uid": str(uuid.UUID(int=random.getrandbits(128), version=4)),
            "operation": "CREATE", "resource": "pods", "user": user, "groups": ["system:authenticated"],
            "namespace": namespace, "pod": pod["metadata"]["name"], "sandboxId": sandbox_id,
            "sandboxName": sandbox_name, "dryRun": dry_run, "decision": self.marks["decision"],
            "reason": self.marks["reason"], "configuration": self.marks["configuration"],
            "objectSha256": digest(canonical(pod)), "namespaceAnnotations": self.annotations,
        }
        if self.status:
            fields["message"] = self.status["message"]
            fields["causes"] = self.status["details"]["causes"]
        patch = filled(self.patch) if self.patch else None
        if patch:
            fields["patch"] = base64.b64encode(patch.encode()).decode()
            fields["patchSha256"] = digest(patch.encode())
        if objects == "whole":
            fields["object"] = pod
        return fields, pod, patch


def templates():
    """Every configuration with every kind of pod, some of which are denied."""
    found = []
    for flags in CONFIGURATIONS:
        annotations = {} if "--sandbox-uid=1000" in flags else {ANNOTATION_PREFIX + "uid-range": "1000600000/10000"}
        for image in IMAGES:
            for has_workspace in (False, True):
                found.append(Template(template_pod(image, has_workspace), flags, annotations))
    denied = template_pod(IMAGES[0], False)
    denied["spec"]["hostNetwork"] = True
    found.append(Template(denied, CONFIGURATIONS[0], {}))
    return found


def api_events(fields, pod, patch, anchor, time):
    """The API server's event for the request, at level RequestResponse."""
    prefix = "round_0_index_0"
    annotations = {f"mutation.webhook.admission.k8s.io/{prefix}": compact(
        {"configuration": REGISTRATION, "webhook": WEBHOOK, "mutated": patch is not None})}
    if patch:
        annotations[f"patch.webhook.admission.k8s.io/{prefix}"] = compact(
            {"configuration": REGISTRATION, "webhook": WEBHOOK, "patch": json.loads(patch), "patchType": "JSONPatch"})
    annotations |= {f"{WEBHOOK}/decision": fields["decision"], f"{WEBHOOK}/audit-record": anchor}
    if patch:
        annotations[f"{WEBHOOK}/patch-sha256"] = fields["patchSha256"]
    denied = fields["decision"] == "denied"
    return {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "stage": "ResponseComplete",
        "auditID": str(uuid.UUID(int=random.getrandbits(128), version=4)), "verb": "create",
        "requestURI": f"/api/v1/namespaces/{fields['namespace']}/pods", "user": {"username": fields["user"]},
        "objectRef": {"resource": "pods", "namespace": fields["namespace"], "name": fields["pod"],
                      "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 403 if denied else 201}, "requestObject": pod,
        "requestReceivedTimestamp": time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "stageTimestamp": time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "annotations": annotations,
    }


def review_of(fields, pod):
    review = injector.review_of(pod)
    request = review["request"]
    request["uid"] = fields["uid"]
    request["userInfo"] = {"username": fields["user"], "groups": fields["groups"]}
    return review


def write(directory, count, objects="none", seed=1, api_audit_log=None, reviews=None):
    """A log of `count` decisions, and on request what the API server would have written and sent."""
    random.seed(seed)
    log = Log(directory)
    for flags in CONFIGURATIONS:
        log.add_configuration(configuration_text(flags))
    kinds = templates()
    weights = [10] * (len(kinds) - 1) + [3]
    outputs = [open(path, "w", encoding="utf-8") if path else None for path in (api_audit_log, reviews)]
    for number in range(count):
        time = START + datetime.timedelta(seconds=number * 7)
        template = random.choices(kinds, weights)[0]
        fields, pod, patch = template.fields(str(uuid.UUID(int=random.getrandbits(128), version=4)),
                                             f"sandbox-{number}", random.choice(NAMESPACES), random.choice(USERS),
                                             number % 50 == 49, objects)
        anchor = log.append(fields, time)
        for output, make in zip(outputs, (lambda: api_events(fields, pod, patch, anchor, time),
                                          lambda: review_of(fields, pod))):
            if output:
                output.write(compact(make()) + "\n")
    log.close()
    for output in outputs:
        if output:
            output.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory")
    parser.add_argument("count", type=int)
    parser.add_argument("--objects", choices=("none", "whole"), default="none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--api-audit-log")
    parser.add_argument("--reviews")
    arguments = parser.parse_args()
    write(arguments.directory, arguments.count, arguments.objects, arguments.seed, arguments.api_audit_log,
          arguments.reviews)


if __name__ == "__main__":
    main()
