"""A test class with a cluster and a registered webhook of its own, and what its tests say to them.

Not for: tests.
"""

import copy
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import webhook_server
from kubernetes_cluster import Cluster
from webhook_server import WebhookServer, make_certificate, register, unregister, wait_until_called

SELECTING_LABEL = "openshell.ai/managed-by"
SANDBOX_ID = "11111111-2222-4333-8444-555555555555"


def sandbox_pod(name, namespace="default", **spec):
    """A pod that the webhook takes; `spec` overrides its spec."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {
                SELECTING_LABEL: "openshell",
                "openshell.ai/sandbox-id": SANDBOX_ID,
                "openshell.ai/sandbox-name": "sandbox",
                "openshell.ai/sandbox-workspace": "default",
            },
        },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "containers": [{"name": "agent", "image": "example.com/agent:1", "command": ["/bin/agent", "--serve"]}],
        } | spec,
    }


def ordinary(pod):
    """The same pod, not selected by the webhook."""
    pod = copy.deepcopy(pod)
    pod["metadata"]["labels"][SELECTING_LABEL] = "somebody-else"
    return pod


def agent(pod):
    return next(container for container in pod["spec"]["containers"] if container["name"] == "agent")


def environment(container):
    return {variable["name"]: variable.get("value", "") for variable in container.get("env", [])}


class WebhookTestCase(unittest.TestCase):
    """One cluster and one webhook for all tests of a class; the webhook is found by URL on loopback, so a foreign
    cluster's API server must run on this machine."""

    FLAGS = ["--sandbox-uid=1000", "--drain-delay=0s"]
    maxDiff = None

    @classmethod
    def set_up_cluster(cls, may_be_foreign=False):
        """`directory`, of the class's own, and `cluster`."""
        # Says what is missing before anything is started.
        webhook_server.injector.programs()
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="test-webhook-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.cluster = Cluster(cls.directory / "cluster", may_be_foreign)
        cls.addClassCleanup(cls.cluster.run, "down")
        cls.cluster.succeed("up")

    @classmethod
    def setUpClass(cls):
        cls.set_up_cluster(may_be_foreign=True)
        make_certificate(cls.directory, "127.0.0.1")
        cls.webhook = WebhookServer(cls.directory)
        cls.addClassCleanup(cls.webhook.kill)
        cls.webhook.start(*cls.FLAGS)
        cls.addClassCleanup(unregister, cls.cluster, cls.directory)
        register(cls.cluster, cls.directory, cls.webhook.url())
        wait_until_called(cls.cluster, sandbox_pod("probe"))

    def need_own_cluster(self):
        if self.cluster.is_foreign:
            self.skipTest("stops the API server, which is not ours on the cluster of E2E_KUBECONFIG")

    def restart_webhook(self, *flags):
        """With these flags instead of FLAGS; the class's own come back after the test."""
        self.webhook.stop()
        self.webhook.start(*flags)
        self.addCleanup(self.start_as_usual)

    @classmethod
    def start_as_usual(cls):
        cls.webhook.stop()
        cls.webhook.start(*cls.FLAGS)

    def run_kubectl(self, *arguments, stdin=None):
        """The result, whatever it is."""
        return subprocess.run(self.cluster.command("kubectl", *arguments), env=self.cluster.environment,
                              input=None if stdin is None else json.dumps(stdin), capture_output=True, text=True,
                              timeout=60, check=False)

    def create(self, manifest, *arguments):
        """Creates it, for the length of the test unless it is a dry run, and returns it as the API server has it."""
        result = self.run_kubectl("create", "-o", "json", "-f", "-", *arguments, stdin=manifest)
        self.assertEqual(result.returncode, 0, result.stderr)
        created = json.loads(result.stdout)
        if "--dry-run=server" not in arguments:
            self.addCleanup(self.delete, created)
        return created

    def delete(self, created):
        namespace = created["metadata"].get("namespace")
        # A pod without a node, and so without a kubelet that would end it, is gone only by force.
        force = ["--grace-period=0", "--force"] if created["kind"] == "Pod" else ["--wait=false"]
        result = self.run_kubectl("delete", created["kind"].lower(), created["metadata"]["name"], "--ignore-not-found",
                                  *([f"--namespace={namespace}"] if namespace else []), *force)
        self.assertEqual(result.returncode, 0, result.stderr)

    def refusal(self, manifest, *arguments):
        """Tries to create it, which must fail, and returns what the person reads."""
        result = self.run_kubectl("create", "-f", "-", *arguments, stdin=manifest)
        self.assertEqual(result.returncode, 1, f"was created: {result.stdout}")
        return result.stderr

    def stored(self, created):
        """The object as it is stored now."""
        return json.loads(self.cluster.kubectl(
            "get", created["kind"].lower(), created["metadata"]["name"],
            f"--namespace={created['metadata']['namespace']}", "-o", "json"))

    def create_namespace(self, name, annotations=None):
        """With a default service account, which pods need."""
        self.create({"apiVersion": "v1", "kind": "Namespace",
                     "metadata": {"name": name, "annotations": annotations or {}}})
        webhook_server.wait_for(
            lambda: self.run_kubectl("get", "serviceaccount", "default", f"--namespace={name}").returncode == 0, 30,
            f"namespace {name} has its service account")

    def assert_supervised(self, pod):
        self.assertIn("openshell.ai/injection", pod["metadata"].get("annotations", {}))
        self.assertEqual(agent(pod)["command"][0], "/opt/openshell/bin/openshell-sandbox", pod)
        self.assertIn("openshell-supervisor-bin", [volume["name"] for volume in pod["spec"]["volumes"]])

    def assert_untouched(self, pod):
        self.assertNotIn("openshell", json.dumps([pod["metadata"].get("annotations"), pod["spec"]]))
