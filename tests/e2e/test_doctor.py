#!/usr/bin/python3
"""`openshell-injector doctor` on a real API server: an installation in order, and then each thing broken in turn.
Needs root and faketime.
"""

import base64
import copy
import json
import subprocess
import unittest

import webhook_server
from doctor_test_case import BINDING_POLICY, CONFIGURATION, KINDS, POLICY, SANDBOXES, DoctorTestCase, secret
from webhook_server import NAMESPACE, injector


class DoctorTest(DoctorTestCase):
    def test_everything_in_order_is_found_so(self):
        code, checks = self.doctor()
        self.assertEqual((code, self.not_ok(checks)), (0, {}), checks)
        self.assertEqual(list(checks), [
            "api-server", "kubernetes-version", "native-sidecar", "app-armor-profile", "namespace",
            "namespace.pod-security", "secret.client-tls", "secret.proxy-auth",
            *(f"mutating-webhook{part}" for part in (
                "", ".failure-policy", ".reinvocation-policy", ".match-policy", ".side-effects", ".rules",
                ".object-selector", ".namespace-selector", ".ca-bundle")),
            *(f"validating-webhook{part}" for part in (
                "", ".failure-policy", ".match-policy", ".side-effects", ".rules", ".object-selector",
                ".namespace-selector", ".ca-bundle")),
            "service", "policy", "policy.bindings", "sandbox-pod", "denial"])
        self.assertEqual({check["advice"] for check in checks.values()}, {None})
        self.assertEqual(set(map(tuple, checks.values())), {("name", "result", "message", "advice")})
        self.assertIn("1 of 1", checks["service"]["message"])
        # Nothing was left behind.
        self.assertEqual(self.cluster.kubectl("get", "pods", f"--namespace={SANDBOXES}", "-o", "name"), "")

    def test_table_is_for_people(self):
        result = injector.run("doctor", f"--kubeconfig={self.kubeconfig}", f"--config={self.configuration}",
                              "--sandbox-uid=1000")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"(?m)^ok +sandbox-pod +comes back supervised as this configuration")
        self.assertTrue(result.stdout.endswith("\n\n30 ok, 0 warnings, 0 failed\n"), result.stdout)

    def test_each_member_of_a_registration_counts(self):
        pods = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "scope": "Namespaced"}
        label = {"openshell.ai/managed-by": "openshell"}
        not_there = [{"key": "kubernetes.io/metadata.name", "operator": "NotIn",
                      "values": ["kube-system", NAMESPACE, "somewhere"]}]
        expired = self.make_expired_bundle()
        cases = [
            ("failure-policy", "failed", ("replace", "failurePolicy", "Ignore")),
            ("match-policy", "warning", ("replace", "matchPolicy", "Exact")),
            ("side-effects", "warning", ("replace", "sideEffects", "NoneOnDryRun")),
            ("rules", "warning", ("add", "rules/-", pods | {"operations": ["UPDATE"]})),
            ("object-selector", "failed", ("remove", "objectSelector")),
            ("namespace-selector", "warning", ("remove", "namespaceSelector")),
            ("match-conditions", "warning", ("add", "matchConditions", [{"name": "all", "expression": "true"}])),
            ("ca-bundle", "warning", ("replace", "clientConfig/caBundle", expired + self.bundle())),
        ]
        mutating = [("reinvocation-policy", "warning", ("replace", "reinvocationPolicy", "Never"))]
        # The policy and the mutating webhook go on holding while the validating one is not asked.
        validating = [
            ("rules", "failed", ("remove", "rules/1")),
            ("object-selector", "failed", ("replace", "objectSelector", {"matchLabels": label | {"a": "b"}})),
            ("rules", "failed", ("replace", "rules/0/operations", ["UPDATE"])),
        ]
        for check, own in (("mutating-webhook", mutating), ("validating-webhook", validating)):
            for member, result, operation in cases + own:
                with self.subTest(f"{check}.{member}"), self.broken_webhook(check, *operation):
                    self.assert_finds({f"{check}.{member}": result})
        with self.subTest("another namespace may be left out"), \
                self.broken_webhook("validating-webhook", "replace", "namespaceSelector/matchExpressions", not_there):
            self.assert_finds({})

    def bundle(self):
        return base64.b64encode((self.directory / "certificate.pem").read_bytes()).decode()

    def make_expired_bundle(self):
        """The base64 of a certificate that has expired."""
        path = self.directory / "expired.pem"
        subprocess.run(["faketime", "2020-01-01 00:00:00", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=expired", "-keyout",
                        "/dev/null", "-out", path], check=True, capture_output=True)
        # A length that ends without padding, so that more may follow.
        text = path.read_bytes()
        return base64.b64encode(text + b"\n" * (-len(text) % 3)).decode()

    def test_bundle_that_the_webhook_does_not_fit_is_found_with_the_api_servers_words(self):
        for bundle in ("", self.make_expired_bundle()):
            with self.subTest(bundle[:8]), \
                    self.broken_webhook("mutating-webhook", "replace", "clientConfig/caBundle", bundle):
                checks = self.assert_finds({"mutating-webhook.ca-bundle": "failed", "sandbox-pod": "failed"},
                                           says={"sandbox-pod": "x509: certificate signed by unknown authority"})
                self.assertIn('failed calling webhook "inject.injector.openshell.ai"', checks["sandbox-pod"]["message"])
                self.assertIn("caBundle", checks["sandbox-pod"]["advice"])
                self.assertNotIn("denial", checks)

    def test_registration_that_is_gone_is_found(self):
        self.remove(KINDS["mutating-webhook"], NAMESPACE)
        self.assert_finds({"mutating-webhook": "failed", "sandbox-pod": "failed"},
                          says={"mutating-webhook": "does not exist",
                                "sandbox-pod": f"ValidatingAdmissionPolicy '{POLICY}'"})
        # The other webhook sees that the pod is not supervised.
        self.remove("validatingadmissionpolicybinding", POLICY)
        denial = 'admission webhook "validate.injector.openshell.ai" denied the request'
        checks = self.assert_finds({"mutating-webhook": "failed", "policy": "warning", "sandbox-pod": "failed"},
                                   says={"sandbox-pod": denial})
        self.assertEqual(checks["denial"]["result"], "ok")

    def test_pod_that_nobody_sees_is_unsupervised(self):
        for kind in KINDS.values():
            self.addCleanup(self.put_back, self.stored_manifest(kind, NAMESPACE))
        for kind in KINDS.values():
            self.cluster.kubectl("delete", kind, NAMESPACE)
        expected = {"mutating-webhook": "failed", "validating-webhook": "failed", "sandbox-pod": "failed"}
        self.assert_finds(expected, says={"sandbox-pod": f"ValidatingAdmissionPolicy '{POLICY}'"})
        self.remove("validatingadmissionpolicybinding", POLICY)
        checks = self.assert_finds(expected | {"policy": "warning", "denial": "failed"},
                                   says={"sandbox-pod": "comes back unsupervised"})
        self.assertIn("spec.volumes", checks["sandbox-pod"]["message"])
        self.assertNotIn("service", checks)

    def test_registrations_may_have_other_names(self):
        names = []
        for check, kind in KINDS.items():
            manifest = self.stored_manifest(kind, NAMESPACE)
            self.addCleanup(self.put_back, copy.deepcopy(manifest))
            manifest["metadata"]["name"] = f"other-{check}"
            self.cluster.kubectl("delete", kind, NAMESPACE)
            self.cluster.kubectl("create", "-f", self.written(manifest))
            self.addCleanup(self.cluster.kubectl, "delete", kind, f"other-{check}")
            names.append(f"--{kind.removesuffix('webhookconfiguration')}-configuration=other-{check}")
        self.assert_finds({"mutating-webhook": "failed", "validating-webhook": "failed"})
        self.assert_finds({}, *names)

    def test_service_without_ready_replicas_is_found(self):
        self.addCleanup(self.set_ready, True)
        self.set_ready(False)
        # A connection that the API server holds open goes on being used.
        self.webhook.stop()
        self.addCleanup(self.webhook.start, *self.FLAGS)
        self.assert_finds({"service": "failed", "sandbox-pod": "failed"},
                          says={"service": "0 of 1", "sandbox-pod": "no endpoints available"})

    def test_service_that_is_gone_is_found(self):
        manifest = self.stored_manifest("service", NAMESPACE, f"--namespace={NAMESPACE}")
        for member in ("clusterIP", "clusterIPs"):
            del manifest["spec"][member]
        self.addCleanup(self.put_back, manifest)
        self.cluster.kubectl("delete", "service", NAMESPACE, f"--namespace={NAMESPACE}")
        self.addCleanup(self.set_ready, True)
        code, checks = self.doctor()
        self.assertEqual((code, checks["service"]["result"]), (1, "failed"))
        self.assertIn("does not exist", checks["service"]["message"])

    def test_policy_is_wanted_and_no_more(self):
        for manifest, patch, message in (
                (("validatingadmissionpolicybinding", POLICY), {"spec": {"validationActions": ["Warn"]}}, "does not deny"),
                (("validatingadmissionpolicybinding", POLICY), {"spec": {"matchResources": {"namespaceSelector": {
                    "matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}}}}}, "leaves out"),
                (("validatingadmissionpolicy", POLICY), {"spec": {"failurePolicy": "Ignore"}}, "failurePolicy")):
            with self.subTest(message):
                stored = self.stored_manifest(*manifest)
                self.cluster.kubectl("patch", *manifest, "--type=merge", f"--patch={json.dumps(patch)}")
                try:
                    self.assert_finds({"policy": "warning"}, says={"policy": message})
                finally:
                    self.put_back(stored)
                    self.wait_until_in_order()
        self.remove("validatingadmissionpolicy", POLICY)
        self.assert_finds({"policy": "warning"}, says={"policy": "not installed"})
        self.remove("validatingadmissionpolicybinding", BINDING_POLICY)
        self.assert_finds({"policy": "warning", "policy.bindings": "warning"},
                          says={"policy.bindings": "its binding is not installed"})

    def test_namespace_must_exist_and_admit_what_is_injected(self):
        code, checks = self.doctor("--namespace=nowhere", kubeconfig=self.cluster.kubeconfig)
        self.assertEqual((code, checks["namespace"]["result"]), (1, "failed"))
        for name in ("namespace.pod-security", "secret.client-tls", "sandbox-pod"):
            self.assertNotIn(name, checks)
        label = "pod-security.kubernetes.io/enforce"
        self.addCleanup(self.cluster.kubectl, "label", "namespace", SANDBOXES, f"{label}-")
        for level in ("baseline", "restricted"):
            self.cluster.kubectl("label", "--overwrite", "namespace", SANDBOXES, f"{label}={level}")
            self.assert_finds({"namespace.pod-security": "failed", "sandbox-pod": "failed"},
                              says={"sandbox-pod": f'violates PodSecurity "{level}'})
        self.cluster.kubectl("label", "--overwrite", "namespace", SANDBOXES, f"{label}=privileged")
        self.assert_finds({})

    def test_secrets_must_exist_with_their_keys(self):
        self.addCleanup(self.apply, secret("client-tls", "ca.crt", "tls.crt", "tls.key"))
        self.cluster.kubectl("delete", "secret", "client-tls", f"--namespace={SANDBOXES}")
        self.assert_finds({"secret.client-tls": "failed"}, says={"secret.client-tls": "does not exist"})
        self.apply(secret("client-tls", "ca.crt", "tls.key"))
        self.assert_finds({"secret.client-tls": "failed"}, says={"secret.client-tls": "Secret client-tls lacks tls.crt"})
        self.apply(secret("client-tls", "ca.crt", "tls.crt", "tls.key"))
        self.assert_finds({})
        self.cluster.kubectl("patch", "secret", "client-tls", f"--namespace={SANDBOXES}", "--type=json",
                             '--patch=[{"op": "remove", "path": "/data/ca.crt"}]')
        self.assert_finds({"secret.client-tls": "failed"}, says={"secret.client-tls": "Secret client-tls lacks ca.crt"})
        self.assert_finds({"secret.client-tls": "failed", "secret.proxy-auth": "failed", "sandbox-pod": "warning"},
                          "--proxy-auth-secret-key=other")

    def test_secret_that_does_not_tell_its_keys_is_no_failure(self):
        """What was applied as stringData by the server is not listed among what the managers have."""
        self.addCleanup(self.apply, secret("client-tls", "ca.crt", "tls.crt", "tls.key"))
        self.addCleanup(self.cluster.kubectl, "delete", "secret", "client-tls", f"--namespace={SANDBOXES}")
        self.cluster.kubectl("delete", "secret", "client-tls", f"--namespace={SANDBOXES}")
        self.apply(secret("client-tls", "ca.crt", "tls.crt", "tls.key"), "--server-side")
        self.assert_finds({"secret.client-tls": "warning"}, says={"secret.client-tls": "does not tell"})

    def test_another_configuration_of_the_server_is_said(self):
        checks = self.assert_finds({"sandbox-pod": "warning"}, "--grpc-endpoint=https://elsewhere.example:8080",
                                   says={"sandbox-pod": "the server runs another configuration"})
        self.assertIn("--config", checks["sandbox-pod"]["advice"])
        self.assert_finds({"image-volumes": "warning", "sandbox-pod": "warning"},
                          "--supervisor-sideload-method=image-volume", says={"image-volumes": "ImageVolume"})

    def test_namespace_annotations_count(self):
        self.restart_webhook(f"--config={self.configuration}", "--sandbox-uid=1000680000", "--drain-delay=0s")
        ranges = "openshift.io/sa.scc.uid-range"
        self.addCleanup(self.cluster.kubectl, "annotate", "namespace", SANDBOXES, f"{ranges}-")
        self.cluster.kubectl("annotate", "namespace", SANDBOXES, f"{ranges}=1000680000/10000")
        # The user comes from the namespace, and is the same: all that differs is what is configured.
        code, checks = self.doctor(user=())
        self.assertEqual((code, self.not_ok(checks)), (0, {"sandbox-pod": "warning"}))
        self.assertTrue(checks["sandbox-pod"]["message"].endswith("metadata.annotations[openshell.ai/injection]"))

    def test_restricted_images_and_creators(self):
        path = self.directory / "restricted.yaml"
        for members, expected in (({"allowedImages": ["registry.example/*/agent:?"]}, {}),
                                  ({"allowedImages": [f"sha256:{'a' * 64}"]}, {}),
                                  ({"allowedCreators": {"users": ["driver"]}}, {"sandbox-pod": "warning"})):
            with self.subTest(members):
                path.write_text(json.dumps(CONFIGURATION | members))
                self.restart_webhook(f"--config={path}", "--sandbox-uid=1000", "--drain-delay=0s")
                checks = self.assert_finds(expected, f"--config={path}")
                self.assertEqual(checks["denial"]["result"], "ok")
        self.assert_finds({"sandbox-pod": "warning"}, says={"sandbox-pod": "allowedCreators"})

    def test_missing_rights_are_named_and_no_failure(self):
        self.cluster.kubectl("create", "serviceaccount", "nobody", f"--namespace={NAMESPACE}")
        self.addCleanup(self.cluster.kubectl, "delete", "serviceaccount", "nobody", f"--namespace={NAMESPACE}")
        kubeconfig = self.directory / "nobody.kubeconfig"
        webhook_server.write_service_account_kubeconfig(self.cluster, kubeconfig, "nobody")
        code, checks = self.doctor(kubeconfig=kubeconfig)
        self.assertEqual(code, 0)
        self.assertEqual(self.not_ok(checks), dict.fromkeys(
            ("namespace", "secret.client-tls", "secret.proxy-auth", "mutating-webhook", "validating-webhook", "policy",
             "policy.bindings", "sandbox-pod"), "warning"))
        for name, right in (("namespace", "get namespaces"), ("secret.client-tls", "get secrets in namespace openshell"),
                            ("mutating-webhook", "get mutatingwebhookconfigurations"),
                            ("policy", "get validatingadmissionpolicies"),
                            ("sandbox-pod", "create pods in namespace openshell")):
            self.assertIn(f"this account may not {right}", checks[name]["message"])
        # The webhook's own account may look at some of it.
        webhook_server.write_service_account_kubeconfig(self.cluster, kubeconfig)
        self.assertEqual(self.doctor(kubeconfig=kubeconfig)[0], 0)

    def test_webhook_that_is_away_is_found_by_the_api_servers_words(self):
        self.webhook.stop()
        self.addCleanup(self.webhook.start, *self.FLAGS)
        self.assert_finds({"sandbox-pod": "failed"}, says={"sandbox-pod": "connection refused"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
