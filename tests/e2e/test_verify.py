#!/usr/bin/python3
"""`openshell-injector verify` on a real API server: its pages, its rights, and pods that were meddled with."""

import json
import pathlib
import unittest

import webhook_server
from webhook_test_case import WebhookTestCase, ordinary, sandbox_pod
import injector

# One past a page.
MANY = 101
ROLE = [
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "auditor", "namespace": "default"}},
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "auditor"},
     "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
               {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}]},
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "auditor"},
     "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "auditor"},
     "subjects": [{"kind": "ServiceAccount", "name": "auditor", "namespace": "default"}]},
]


class VerifyTest(WebhookTestCase):
    """With the rights of an account that may list pods and get namespaces, and no more."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        path = cls.directory / "role.json"
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": ROLE}))
        cls.cluster.kubectl("apply", "-f", path)
        token = cls.cluster.kubectl("create", "token", "auditor", "--namespace=default", "--duration=1h").strip()
        config = json.loads(cls.cluster.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
        config["users"][0]["user"] = {"token": token}
        cls.kubeconfig = pathlib.Path(cls.directory, "auditor.kubeconfig")
        cls.kubeconfig.touch(mode=0o600)
        cls.kubeconfig.write_text(json.dumps(config))

    def verify(self, *arguments):
        """Exit code, and the records by pod."""
        result = injector.run("verify", "-o", "json", f"--kubeconfig={self.kubeconfig}", *arguments)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        return result.returncode, {record["pod"]: record for record in map(json.loads, result.stdout.splitlines())}

    def fields(self, record):
        return [field["field"] for field in record["fields"]]

    def test_every_page_of_every_namespace_is_looked_at(self):
        self.create_namespace("elsewhere")
        pods = [sandbox_pod(f"many-{number}") for number in range(MANY)] + [sandbox_pod("one", namespace="elsewhere")]
        pods.append(ordinary(sandbox_pod("other")))
        path = self.directory / "pods.json"
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
        self.cluster.kubectl("apply", "-f", path)
        self.addCleanup(self.cluster.kubectl, "delete", "--grace-period=0", "--force", "-f", path)
        code, records = self.verify("--sandbox-uid=1000")
        self.assertEqual((code, len(records)), (0, MANY + 1))
        self.assertEqual({record["state"] for record in records.values()}, {"supervised"})
        code, records = self.verify("--sandbox-uid=1000", "--namespace=elsewhere")
        self.assertEqual((code, list(records)), (0, ["one"]))
        self.assertEqual(self.verify("--sandbox-uid=1000", "--topology=sidecar")[1]["one"]["state"], "outdated")

    def test_annotations_of_the_namespace_count(self):
        ranges = {"openshift.io/sa.scc.uid-range": "1000680000/10000"}
        self.create_namespace("ranged", ranges)
        self.restart_webhook("--sandbox-uid=1000680000", "--drain-delay=0s")
        self.create(sandbox_pod("ranged", namespace="ranged"))
        # Of another configuration: that one names the user. All that differs is the annotation that says so.
        code, records = self.verify("--namespace=ranged")
        self.assertEqual((code, records["ranged"]["state"]), (1, "outdated"))
        self.assertEqual(self.fields(records["ranged"]), ["metadata.annotations[openshell.ai/injection]"])
        other = self.verify("--namespace=ranged", "--namespace-annotation=a=b")[1]["ranged"]
        self.assertIn("OPENSHELL_SANDBOX_UID=1000", [field["expected"] for field in other["fields"]])

    def test_what_was_done_behind_the_webhooks_back_is_found(self):
        self.restart_webhook(*self.FLAGS, "--topology=sidecar")
        for name in ("image", "debugged", "ended"):
            self.create(sandbox_pod(name))
        self.cluster.kubectl("set", "image", "pod/image", "openshell-supervisor-network=example.com/evil")
        self.cluster.kubectl("delete", "mutatingwebhookconfiguration,validatingwebhookconfiguration", "openshell-injector")
        self.addCleanup(webhook_server.register, self.cluster, self.directory, self.webhook.url())

        def create_bare():
            created = self.create(sandbox_pod("bare"))
            if "openshell.ai/injection" not in created["metadata"].get("annotations", {}):
                return True
            self.delete(created)
            return False
        webhook_server.wait_for(create_bare, 30, "the webhook is gone")
        self.cluster.kubectl("debug", "debugged", "--image=example.com/shell", "--profile=general")
        code, records = self.verify("--sandbox-uid=1000", "--topology=sidecar", "--namespace=default")
        self.assertEqual(code, 1)
        self.assertEqual({name: record["state"] for name, record in records.items()},
                         {"image": "drifted", "debugged": "drifted", "ended": "supervised", "bare": "unsupervised"})
        self.assertEqual(self.fields(records["image"]), ["spec.containers[1].image"])
        self.assertEqual(records["image"]["fields"][0]["found"], "example.com/evil")
        self.assertEqual(self.fields(records["debugged"]), ["spec.ephemeralContainers"])

    def test_missing_right_is_said(self):
        self.cluster.kubectl("create", "serviceaccount", "nobody", "--namespace=default")
        token = self.cluster.kubectl("create", "token", "nobody", "--namespace=default").strip()
        config = json.loads(self.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": token}
        path = self.directory / "nobody.kubeconfig"
        path.write_text(json.dumps(config))
        result = injector.run("verify", f"--kubeconfig={path}")
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("cannot list resource", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
