#!/usr/bin/python3
"""The conformance cases through a real API server: each bare pod is created with kubectl, and what is stored is compared
with the pod of the case. The policy of manifests/policy is there too, and lets all of them pass; and `verify` finds each
stored as configured.

The API server adds defaults to what it stores. So the case's pod is given to it too, without the label that selects
the webhook and as a dry run: the defaults of both are its own.
"""

import copy
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import injector  # noqa: E402, the folder is known only now
from pod_comparison import comparable  # noqa: E402
from webhook_test_case import SELECTING_LABEL, WebhookTestCase, ordinary  # noqa: E402

PROJECT = pathlib.Path(__file__).resolve().parents[2]
CASES = json.loads((PROJECT / "tests/conformance/cases.json").read_text())

# What the cases' pods refer to.
SURROUNDINGS = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "openshell"}},
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "openshell"}},
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sandboxes", "namespace": "openshell"}},
    {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 1000},
    *({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": name}
      for name in ("kata", "kata-qemu", "gvisor")),
]


def as_stored(pod):
    """What of a stored pod can be compared: not its identity, nor how it was selected."""
    pod = copy.deepcopy(pod)
    metadata = pod["metadata"]
    for key in ("uid", "creationTimestamp", "resourceVersion", "managedFields", "generation"):
        metadata.pop(key, None)
    metadata["labels"].pop(SELECTING_LABEL)
    pod.pop("status", None)
    return comparable(pod)


def flags_of(case):
    """The case's configuration. Without a user the webhook would look at namespaces, for which these runs have no
    credentials; 1000 is what a namespace without annotations means."""
    flags = injector.flags_of(case["config"], case["credential"])
    return flags if "sandbox_uid" in case["config"] else [*flags, "--sandbox-uid=1000"]


class ConformanceTest(WebhookTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.kubectl("apply", "-k", PROJECT / "manifests/policy")
        for manifest in SURROUNDINGS:
            path = cls.directory / "surroundings.json"
            path.write_text(json.dumps(manifest))
            cls.cluster.kubectl("apply", "-f", path)

    def test_pods_are_stored_as_the_cases_say(self):
        self.assertEqual(len(CASES), 40)
        self.addCleanup(self.start_as_usual)
        for number, case in enumerate(CASES):
            with self.subTest(case=number):
                self.webhook.stop()
                self.webhook.start(*flags_of(case), "--drain-delay=0s")
                expected = self.create(ordinary(case["injected_pod"]), "--dry-run=server")
                created = self.create(case["bare_pod"])
                self.assertEqual(as_stored(created), as_stored(expected))
                self.assertEqual(as_stored(self.stored(created)), as_stored(expected))
                result = injector.run("verify", *flags_of(case), "-o", "json",
                                      f"--kubeconfig={self.cluster.kubeconfig}")
                self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
                self.assertEqual(json.loads(result.stdout)["state"], "supervised")
                self.delete(created)


if __name__ == "__main__":
    unittest.main(verbosity=2)
