#!/usr/bin/python3
"""manifests/ on a real API server: installed from nothing as docs/operating.md says, and its parts put together.

There is no node, so pods stay pending; that they are there shows that Pod Security let them in.
"""

import base64
import json
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

import yaml

from webhook_server import NAMESPACE, SERVICE_NAME, make_certificate, wait_for
from webhook_test_case import WebhookTestCase

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import injector  # noqa: E402, the folder is known only now

PROJECT = pathlib.Path(__file__).resolve().parents[2]
MANIFESTS = PROJECT / "manifests"
SELF_MANAGED = "components/self-managed-certificates"
KINDS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
# Of the pods and of what makes them.
PODS_LIMIT_S = 60


def documented(language):
    """The blocks of that language in the installation's description."""
    return re.findall(rf"```{language}\n(.*?)```", (PROJECT / "docs/operating.md").read_text(), re.DOTALL)


def named(documents, kind):
    return {document["metadata"]["name"]: document for document in documents if document["kind"] == kind}


def pod_of(documents):
    return named(documents, "Deployment")[NAMESPACE]["spec"]["template"]["spec"]


class ManifestsTest(WebhookTestCase):
    @classmethod
    def setUpClass(cls):
        cls.set_up_cluster()

    def setUp(self):
        """A folder with the manifests in it, and beside them one for an overlay, as the description has it."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="test-manifests-"))
        self.addCleanup(shutil.rmtree, self.folder)
        shutil.copytree(MANIFESTS, self.folder / "manifests")
        self.overlay = self.folder / "overlay"
        self.overlay.mkdir()

    def build(self, kustomization):
        """What kustomize makes of that text, or of base with these components, as a list of documents."""
        if isinstance(kustomization, list):
            kustomization = json.dumps({"resources": ["../manifests/base"],
                                        "components": [f"../manifests/{place}" for place in kustomization]})
        (self.overlay / "kustomization.yaml").write_text(kustomization)
        return [document for document in yaml.safe_load_all(self.cluster.kubectl("kustomize", self.overlay)) if document]

    def pods(self):
        return json.loads(self.cluster.kubectl("get", "pods", f"--namespace={NAMESPACE}", "-o", "json"))["items"]

    def deployed(self):
        return self.cluster.kubectl("get", "deployment", NAMESPACE, f"--namespace={NAMESPACE}",
                                    "-o", "jsonpath={.spec}")

    def bundle(self, kind):
        return self.cluster.kubectl("get", kind, NAMESPACE, "-o", "jsonpath={.webhooks[*].clientConfig.caBundle}")

    def test_documented_overlay_installs_from_nothing_and_keeps_what_the_injector_wrote(self):
        (self.overlay / "configuration.yaml").write_text(
            (MANIFESTS / "base/configuration.yaml").read_text().replace("combined", "sidecar"))
        documents = self.build(documented("yaml")[0])
        self.cluster.kubectl("apply", "-k", self.overlay)
        wait_for(lambda: len(self.pods()) == 2, PODS_LIMIT_S, "the namespace lets two pods in")
        for pod in self.pods():
            self.assertEqual(pod["spec"]["containers"][0]["image"], "registry.example/openshell-injector:0.1.0")
            self.assertEqual(pod["spec"]["priorityClassName"], "system-cluster-critical")
        self.assertIn("topology: sidecar", named(documents, "ConfigMap")[NAMESPACE]["data"]["configuration.yaml"])
        make_certificate(self.folder, "127.0.0.1")
        bundle = base64.b64encode((self.folder / "certificate.pem").read_bytes()).decode()
        for kind in KINDS:
            self.cluster.kubectl("patch", kind, NAMESPACE, "--type=json", "--patch", json.dumps(
                [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]))
        # Applying again changes nothing, and so restarts nothing.
        self.cluster.kubectl("diff", "-k", self.overlay)
        deployed = self.deployed()
        for how in ((), ("--server-side", "--force-conflicts")):
            self.cluster.kubectl("apply", "-k", self.overlay, *how)
            self.assertEqual(self.deployed(), deployed)
            for kind in KINDS:
                self.assertEqual(self.bundle(kind), bundle, f"{kind} after apply {how}")

    def test_documented_patch_sets_both_bundles(self):
        patch = documented("yaml")[1].replace("BASE64_OF_THE_AUTHORITY", "QUJD")
        documents = self.build('resources: ["../manifests/base"]\n' + patch)
        for kind in KINDS:
            webhooks = named(documents, kind)[NAMESPACE]["webhooks"]
            self.assertEqual([webhook["clientConfig"]["caBundle"] for webhook in webhooks], ["QUJD"])

    def test_image_is_of_the_programs_version(self):
        version = json.loads(injector.run("version", "-o", "json").stdout)["version"]
        container = pod_of(self.build([]))["containers"][0]
        self.assertEqual(container["image"], f"openshell-injector:{version}")
        self.assertIn(f"newTag: {version}\n", documented("yaml")[0])

    def test_no_bundle_is_templated(self):
        for components in ([], [SELF_MANAGED]):
            documents = self.build(components)
            for kind in KINDS:
                for webhook in named(documents, kind)[NAMESPACE]["webhooks"]:
                    self.assertNotIn("caBundle", webhook["clientConfig"])

    def test_openshift_component_leaves_users_and_groups_open(self):
        usual = self.build([SELF_MANAGED, "components/audit"])
        documents = self.build([SELF_MANAGED, "components/audit", "components/openshift"])
        for key in ("runAsUser", "runAsGroup", "fsGroup"):
            self.assertIn(key, pod_of(usual)["securityContext"])
            self.assertNotIn(f'"{key}"', json.dumps(documents))
            del pod_of(usual)["securityContext"][key]
        self.assertEqual(documents, usual)

    def test_audit_component_fits_together(self):
        documents = self.build(["components/audit"])
        claims = list(named(documents, "PersistentVolumeClaim"))
        # All in one namespace, whatever the overlay's own is.
        homes = {document["metadata"].get("namespace") for document in documents
                 if document["kind"] in ("Deployment", "PersistentVolumeClaim")}
        self.assertEqual(homes, {NAMESPACE})
        pod = pod_of(documents)
        self.assertIn({"name": "audit", "persistentVolumeClaim": {"claimName": claims[0]}}, pod["volumes"])
        container = pod["containers"][0]
        options = dict(argument.split("=", 1) for argument in container["args"] if argument.startswith("--audit-") and
                       "=" in argument)
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        self.assertEqual(options["--audit-directory"], mounts["audit"] + "/$(POD_NAME)")
        self.assertTrue(options["--audit-signing-key"].startswith(mounts["audit-key"] + "/"))
        self.assertEqual(container["env"][0]["name"], "POD_NAME")

    def test_cert_manager_overlay_fits_together(self):
        documents = self.build('resources: ["../manifests/overlays/cert-manager"]\n')
        certificates, issuers = named(documents, "Certificate"), named(documents, "Issuer")
        mounted = {volume["secret"]["secretName"] for volume in pod_of(documents)["volumes"] if "secret" in volume}
        serving = next(certificate for certificate in certificates.values()
                       if certificate["spec"]["secretName"] in mounted)
        self.assertIn(SERVICE_NAME, serving["spec"]["dnsNames"])
        for certificate in certificates.values():
            self.assertIn(certificate["spec"]["issuerRef"]["name"], issuers)
        secret = issuers[serving["spec"]["issuerRef"]["name"]]["spec"]["ca"]["secretName"]
        authority = next(certificate for certificate in certificates.values()
                         if certificate["spec"]["secretName"] == secret)
        self.assertTrue(authority["spec"]["isCA"])
        # Another key would leave certificates that were signed before without trust.
        self.assertEqual(authority["spec"]["privateKey"]["rotationPolicy"], "Never")
        for kind in KINDS:
            configuration = named(documents, kind)[NAMESPACE]
            self.assertEqual(configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"],
                             f"{NAMESPACE}/{serving['metadata']['name']}")
            self.assertFalse(any("caBundle" in webhook["clientConfig"] for webhook in configuration["webhooks"]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
