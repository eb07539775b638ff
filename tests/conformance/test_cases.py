#!/usr/bin/python3
"""The conformance cases: each bare pod becomes the pod that is written down, and stays it.

The patch is applied by an implementation of JSON Patch that is not ours (python3-jsonpatch).
"""

import json
import pathlib
import sys
import unittest

import jsonpatch

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "support"))

import injector
import pod_comparison

CASES = [(case, injector.flags_of(case["config"], case["credential"]))
         for case in json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))]


class ConformanceCases(unittest.TestCase):
    maxDiff = None

    def assert_same_pod(self, actual, expected):
        self.assertEqual(pod_comparison.comparable(actual), pod_comparison.comparable(expected))

    def test_there_are_forty(self):
        self.assertEqual(len(CASES), 40)

    def test_the_patch_makes_the_supervised_pod(self):
        for case, flags in CASES:
            with self.subTest(case["name"]):
                _, patch = injector.render_patch(case["bare_pod"], flags)
                self.assert_same_pod(jsonpatch.apply_patch(case["bare_pod"], patch), case["injected_pod"])

    def test_the_supervised_pod_needs_no_operation(self):
        for case, flags in CASES:
            with self.subTest(case["name"]):
                _, patch = injector.render_patch(case["bare_pod"], flags)
                supervised = jsonpatch.apply_patch(case["bare_pod"], patch)
                for pod in (supervised, pod_comparison.with_server_defaults(supervised)):
                    self.assertEqual(injector.render_patch(pod, flags)[0], "[]")

    def test_a_pod_with_the_servers_defaults_is_supervised_alike(self):
        for case, flags in CASES:
            with self.subTest(case["name"]):
                bare = pod_comparison.with_server_defaults(case["bare_pod"])
                _, patch = injector.render_patch(bare, flags)
                supervised = pod_comparison.with_server_defaults(jsonpatch.apply_patch(bare, patch))
                expected = pod_comparison.with_server_defaults(case["injected_pod"])
                self.assert_same_pod(supervised, expected)
                self.assertEqual(injector.render_patch(supervised, flags)[0], "[]")

    def test_render_and_review_give_the_same_bytes(self):
        for case, flags in CASES:
            with self.subTest(case["name"]):
                text, patch = injector.render_patch(case["bare_pod"], flags)
                code, response = injector.review(case["bare_pod"], flags)
                self.assertEqual((code, response["allowed"], injector.patch_text_of(response)), (0, True, text))
                supervised = pod_comparison.with_server_defaults(jsonpatch.apply_patch(case["bare_pod"], patch))
                code, response = injector.review(supervised, flags)
                self.assertEqual((code, response["allowed"], injector.patch_text_of(response)), (0, True, "[]"))

    def test_the_pod_printed_is_the_pod_patched(self):
        for case, flags in CASES:
            with self.subTest(case["name"]):
                _, patch = injector.render_patch(case["bare_pod"], flags)
                result = injector.run("render", "-o", "json", *flags, stdin=json.dumps(case["bare_pod"]))
                self.assertEqual(json.loads(result.stdout), jsonpatch.apply_patch(case["bare_pod"], patch))

    def test_validation_accepts_the_supervised_pod_and_no_bare_one(self):
        for case, flags in CASES:
            with self.subTest(case["name"]):
                _, patch = injector.render_patch(case["bare_pod"], flags)
                supervised = pod_comparison.with_server_defaults(jsonpatch.apply_patch(case["bare_pod"], patch))
                self.assertEqual(injector.review(supervised, flags, "validate")[0], 0)
                code, response = injector.review(case["bare_pod"], flags, "validate")
                self.assertEqual(code, 1)
                self.assertEqual(response["status"]["details"]["causes"][0]["reason"], "InjectionMissing")


if __name__ == "__main__":
    unittest.main()
