#!/usr/bin/python3
"""`openshell-injector doctor` without a cluster: mistakes, an API server that does not answer, and one of a few lines
that answers what it is told. What a real one answers: tests/e2e/test_doctor.py.
"""

import json
import pathlib
import socket
import tempfile
import unittest

import yaml

import sample  # noqa: F401, which knows the folder of what follows
from test_explain import ESCAPE, on_a_terminal
import fake_api
import injector
from fake_api import status

MANIFESTS = pathlib.Path(__file__).resolve().parents[3] / "manifests/policy"
VERSION = {"major": "1", "minor": "35", "gitVersion": "v1.35.0"}


class Doctor(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="test-doctor-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def kubeconfig(self, port):
        path = self.directory / f"{port}.kubeconfig"
        fake_api.write_kubeconfig(path, port)
        return path

    def serve(self, answers):
        server = fake_api.FakeServer(answers)
        self.addCleanup(server.close)
        return server, self.kubeconfig(server.server_address[1])

    def doctor(self, kubeconfig, *arguments):
        """Exit code, and the checks by name."""
        result = injector.run("doctor", "-o", "json", f"--kubeconfig={kubeconfig}", *arguments)
        self.assertEqual(result.stderr, "")
        document = json.loads(result.stdout)
        self.assertEqual(list(document), ["checks"])
        return result.returncode, {check["name"]: check for check in document["checks"]}

    def test_mistakes_are_wrong_usage(self):
        missing = self.directory / "missing"
        for arguments, message in ((["--nonsense"], "unknown option --nonsense"),
                                   (["pod.yaml"], 'unexpected argument "pod.yaml"'),
                                   (["-o", "yaml"], '--output: "yaml" is none of text, json'),
                                   (["--namespace="], "--namespace: must not be empty"),
                                   (["--namespace=Bad/Name"], '--namespace: "Bad/Name" cannot be the name of a namespace'),
                                   ([f"--namespace={'n' * 64}"], "--namespace: "),
                                   (["--mutating-configuration=.."], '--mutating-configuration: ".." cannot be'),
                                   (["--validating-configuration=A"], '--validating-configuration: "A" cannot be'),
                                   (["--mutating-configuration="], "--mutating-configuration: must not be empty"),
                                   (["--validating-configuration"], "--validating-configuration: needs a value"),
                                   (["--topology=round"], "flag --topology: "),
                                   ([f"--config={missing}"], f'config "{missing}"'),
                                   ([f"--kubeconfig={missing}"], str(missing))):
            result = injector.run("doctor", *arguments)
            self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
            self.assertTrue(result.stderr.startswith("openshell-injector doctor: "), result.stderr)
            self.assertIn(message, result.stderr)

    def test_help_has_usage_examples_and_exit_codes(self):
        result = injector.run("doctor", "--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for part in ("Usage: openshell-injector doctor [OPTION...]\n", "\nExamples:\n  openshell-injector doctor ",
                     "\nExit codes: 0 ", "  --topology "):
            self.assertIn(part, result.stdout)
        self.assertRegex(injector.run("--help").stdout, r"(?m)^  doctor ")

    def test_api_server_that_cannot_be_reached_is_said_with_status_3(self):
        with socket.socket() as taken:
            # Bound and not listening: whoever connects is refused.
            taken.bind(("127.0.0.1", 0))
            kubeconfig = self.kubeconfig(taken.getsockname()[1])
            code, checks = self.doctor(kubeconfig)
            self.assertEqual((code, {name: check["result"] for name, check in checks.items()}), (3, {"api-server": "failed"}))
            self.assertIn("http://127.0.0.1:", checks["api-server"]["message"])
            self.assertIn(str(kubeconfig), checks["api-server"]["advice"])
            result = injector.run("doctor", f"--kubeconfig={kubeconfig}")
            self.assertEqual(result.returncode, 3)
            self.assertTrue(result.stdout.endswith("\n\n0 ok, 0 warnings, 1 failed\n"))

    def test_credentials_that_are_refused_end_it_too(self):
        server, kubeconfig = self.serve({"/version": status(401, "Unauthorized")})
        code, checks = self.doctor(kubeconfig)
        self.assertEqual((code, list(checks)), (3, ["api-server"]))
        self.assertIn("401 Unauthorized", checks["api-server"]["message"])
        self.assertEqual(len(server.seen), 1)

    def test_version_that_may_not_be_read_is_a_warning(self):
        _, kubeconfig = self.serve({"/version": status(403, "forbidden")})
        checks = self.doctor(kubeconfig)[1]
        self.assertEqual(checks["api-server"]["result"], "ok")
        self.assertEqual(checks["kubernetes-version"]["result"], "warning")
        self.assertIn("/version", checks["kubernetes-version"]["advice"])

    def test_cluster_without_anything_has_all_of_it_failed(self):
        server, kubeconfig = self.serve({"/version": VERSION})
        code, checks = self.doctor(kubeconfig, "--client-tls-secret-name=client-tls")
        self.assertEqual((code, {name: check["result"] for name, check in checks.items()}), (1, {
            "api-server": "ok", "kubernetes-version": "ok", "image-volumes": "ok", "namespace": "failed",
            "mutating-webhook": "failed", "validating-webhook": "failed", "policy": "warning",
            "policy.bindings": "warning"}))
        # In a namespace that does not exist nothing can be.
        self.assertFalse([seen for seen in server.seen if "/namespaces/openshell/" in seen[1]])

    def test_only_a_secrets_metadata_is_asked_for(self):
        server, kubeconfig = self.serve({"/version": VERSION,
                                         "/api/v1/namespaces/boxes": {"metadata": {"name": "boxes"}}})
        checks = self.doctor(kubeconfig, "--namespace=boxes", "--client-tls-secret-name=client-tls",
                             "--sandbox-uid=1000")[1]
        self.assertEqual(checks["secret.client-tls"]["result"], "failed")
        self.assertIn(("GET", "/api/v1/namespaces/boxes/secrets/client-tls",
                       "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"), server.seen)
        self.assertEqual([seen[1] for seen in server.seen if seen[0] == "POST"],
                         ["/api/v1/namespaces/boxes/pods?dryRun=All"])

    def test_longest_name_of_a_namespace_is_asked_for(self):
        server, kubeconfig = self.serve({"/version": VERSION})
        self.doctor(kubeconfig, f"--namespace={'n' * 63}")
        self.assertIn(f"/api/v1/namespaces/{'n' * 63}", [seen[1] for seen in server.seen])

    def test_policies_must_be_in_force_where_the_sandboxes_are(self):
        answers = {"/version": VERSION, "/api/v1/namespaces/openshell": {
            "metadata": {"labels": {"kubernetes.io/metadata.name": "openshell"}}}}
        group = "/apis/admissionregistration.k8s.io/v1"
        for path in sorted(MANIFESTS.glob("*-policy*.yaml")):
            manifest = yaml.safe_load(path.read_text())
            kind = {"ValidatingAdmissionPolicy": "validatingadmissionpolicies",
                    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings"}[manifest["kind"]]
            answers[f"{group}/{kind}/{manifest['metadata']['name']}"] = manifest
        self.assertEqual(len(answers), 6)
        _, kubeconfig = self.serve(answers)
        checks = self.doctor(kubeconfig)[1]
        self.assertEqual((checks["policy"]["result"], checks["policy.bindings"]["result"]), ("ok", "ok"))
        for name, check, other in (("openshell-sandboxes", "policy", "policy.bindings"),
                                   ("openshell-bindings", "policy.bindings", "policy")):
            path = f"{group}/validatingadmissionpolicybindings/{name}"
            manifest = answers[path]
            for member, value, message in (
                    ("policyName", "another", "of another policy"),
                    ("matchResources", {"namespaceSelector": {"matchLabels": {"a": "b"}}}, "leaves out"),
                    ("matchResources", {"objectSelector": {"matchLabels": {"a": "b"}}}, "leaves some out"),
                    ("matchResources", {"resourceRules": [{
                        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                        "resources": ["pods", "bindings"]}]}, "matchResources.resourceRules leave out")):
                answers[path] = manifest | {"spec": manifest["spec"] | {member: value}}
                checks = self.doctor(kubeconfig)[1]
                self.assertEqual((checks[check]["result"], checks[other]["result"]), ("warning", "ok"))
                self.assertIn(message, checks[check]["message"])
            answers[path] = manifest

    def test_answer_that_is_none_is_a_failed_check_and_not_the_end(self):
        path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/openshell-injector"
        _, kubeconfig = self.serve({"/version": VERSION, path: status(400, "no")})
        code, checks = self.doctor(kubeconfig)
        self.assertEqual((code, checks["mutating-webhook"]["result"]), (1, "failed"))
        self.assertIn("400 BadRequest: no", checks["mutating-webhook"]["message"])
        self.assertIn("policy", checks)

    def test_pod_that_comes_back_as_none_is_a_failed_check(self):
        _, kubeconfig = self.serve({"/version": VERSION, "/api/v1/namespaces/openshell": {"metadata": {}},
                                    "/api/v1/namespaces/openshell/pods": {"kind": "Pod", "spec": 1}})
        code, checks = self.doctor(kubeconfig, "--sandbox-uid=1000")
        self.assertEqual((code, checks["sandbox-pod"]["result"]), (1, "failed"))
        self.assertIn("comes back as no pod: spec: ", checks["sandbox-pod"]["message"])

    def test_colours_on_a_terminal_alone(self):
        _, kubeconfig = self.serve({"/version": VERSION})
        arguments = ["doctor", f"--kubeconfig={kubeconfig}"]
        plain = injector.run(*arguments).stdout
        self.assertNotIn(ESCAPE, plain)
        coloured = on_a_terminal(arguments, "")
        for colour in ("\033[32mok ", "\033[33mwarning ", "\033[31mfailed "):
            self.assertIn(colour, coloured)
        self.assertEqual(on_a_terminal(arguments, "", NO_COLOR="1"), plain)
        self.assertEqual(on_a_terminal([*arguments, "-o", "json"], ""), injector.run(*arguments, "-o", "json").stdout)


if __name__ == "__main__":
    unittest.main()
