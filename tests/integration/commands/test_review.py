#!/usr/bin/python3
"""`openshell-injector review`: one AdmissionReview in, the server's response out."""

import json
import pathlib
import tempfile
import unittest

from sample import POD, pod
import injector

BODY_BYTES = 7 << 20


def review(body, *arguments):
    return injector.run("review", *arguments, stdin=body if isinstance(body, str) else json.dumps(body))


class Review(unittest.TestCase):
    maxDiff = None

    def test_allows_with_a_patch(self):
        result = review(injector.review_of(POD))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        answer = json.loads(result.stdout)
        self.assertEqual((answer["apiVersion"], answer["kind"]), ("admission.k8s.io/v1", "AdmissionReview"))
        response = answer["response"]
        self.assertEqual(response["uid"], injector.review_of(POD)["request"]["uid"])
        self.assertEqual((response["allowed"], response["patchType"]), (True, "JSONPatch"))
        patch = injector.run("render", "-o", "patch", stdin=json.dumps(POD)).stdout
        self.assertEqual(injector.patch_text_of(response) + "\n", patch)

    def test_is_one_line(self):
        result = review(injector.review_of(POD))
        self.assertEqual(result.stdout.count("\n"), 1)
        self.assertTrue(result.stdout.endswith("}\n"))

    def test_prints_the_response_of_a_denial_and_fails(self):
        result = review(injector.review_of(pod(restartPolicy="Always")))
        self.assertEqual((result.returncode, result.stderr), (1, ""))
        response = json.loads(result.stdout)["response"]
        self.assertFalse(response["allowed"])
        self.assertEqual(response["status"]["code"], 403)
        self.assertEqual([cause["reason"] for cause in response["status"]["details"]["causes"]], ["RestartPolicy"])

    def test_reads_a_file_too(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "review.json"
            path.write_text(json.dumps(injector.review_of(POD)), encoding="utf-8")
            self.assertEqual(review("", str(path)).stdout, review(injector.review_of(POD)).stdout)

    def test_asks_the_validating_endpoint(self):
        self.assertEqual(review(injector.review_of(POD), "--endpoint=validate").returncode, 1)
        supervised = json.loads(injector.run("render", "-o", "json", stdin=json.dumps(POD)).stdout)
        result = review(injector.review_of(supervised), "--endpoint", "validate")
        self.assertEqual((result.returncode, json.loads(result.stdout)["response"]["allowed"]), (0, True))

    def test_refuses_an_ephemeral_container(self):
        request = injector.review_of(POD, operation="UPDATE")
        request["request"]["subResource"] = "ephemeralcontainers"
        result = review(request, "--endpoint=validate")
        self.assertEqual(result.returncode, 1)
        self.assertIn("EphemeralContainers", result.stdout)

    def test_takes_the_creator_from_the_review(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "injector.yaml"
            path.write_text("apiVersion: injector.openshell.ai/v1alpha1\nkind: InjectorConfiguration\n"
                            "allowedCreators: {users: [driver]}\n", encoding="utf-8")
            request = injector.review_of(POD)
            self.assertEqual(review(request, f"--config={path}").returncode, 1)
            request["request"]["userInfo"]["username"] = "driver"
            self.assertEqual(review(request, f"--config={path}").returncode, 0)

    def test_takes_the_namespaces_annotations_from_the_command_line(self):
        result = review(injector.review_of(POD), "--namespace-annotation=openshift.io/sa.scc.uid-range=5000/1")
        response = json.loads(result.stdout)["response"]
        self.assertIn('{"name":"OPENSHELL_SANDBOX_UID","value":"5000"}', injector.patch_text_of(response))

    def test_refuses_what_is_no_review(self):
        request = injector.review_of(POD)
        for body, message in (("", "standard input: "), ("{", "standard input: JSON line 1"), ([], "AdmissionReview"),
                              (request | {"kind": "Pod"}, "kind"), (request | {"apiVersion": "v1"}, "apiVersion"),
                              ({"apiVersion": request["apiVersion"], "kind": request["kind"]}, "request")):
            result = review(body)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertIn(message, result.stderr)

    def test_takes_as_many_bytes_as_the_server_and_not_one_more(self):
        body = json.dumps(injector.review_of(POD))
        self.assertEqual(review(body.ljust(BODY_BYTES)).returncode, 0)
        result = review(body.ljust(BODY_BYTES + 1))
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("more than", result.stderr)


if __name__ == "__main__":
    unittest.main()
