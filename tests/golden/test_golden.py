#!/usr/bin/python3
"""The golden cases: what comes out is what the folders say, by whichever command it is asked for."""

import json
import unittest

import golden_case
import injector

SMALLEST_COUNT = 40


class GoldenCases(unittest.TestCase):
    maxDiff = None

    def for_each(self, check):
        for folder in golden_case.folders():
            with self.subTest(folder.name):
                check(golden_case.GoldenCase(folder))

    def test_there_are_enough(self):
        self.assertGreaterEqual(len(golden_case.folders()), SMALLEST_COUNT)

    def check_outputs(self, case):
        outputs, expectations = case.outputs(), case.expectations()
        self.assertEqual(outputs.keys(), expectations.keys())
        for name, text in outputs.items():
            self.assertEqual(text, expectations[name], name)

    def test_the_outputs_are_as_written_down(self):
        self.for_each(self.check_outputs)

    def check_review(self, case):
        code, response = case.review()
        expected = case.expectations()
        self.assertEqual(code, 1 if "denials.json" in expected else 0)
        self.assertEqual(response["allowed"], code == 0)
        if code == 0:
            self.assertEqual(injector.patch_text_of(response), case.render("-o", "patch").stdout.rstrip("\n"))
            return
        self.assertNotIn("patch", response)
        self.assertEqual((response["status"]["code"], response["status"]["reason"]), (403, "Forbidden"))
        self.assertEqual(response["status"]["details"]["causes"], json.loads(expected["denials.json"]))

    def test_the_server_answers_alike(self):
        self.for_each(self.check_review)

    def check_denial(self, case):
        expected = case.expectations()
        if "denials.json" not in expected or case.endpoint != "mutate":
            return
        result = case.render()
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        for denial in json.loads(expected["denials.json"]):
            self.assertIn(f"  {denial['field']}: {denial['message']} ({denial['reason']})\n", result.stderr)

    def test_a_denied_pod_is_not_printed(self):
        self.for_each(self.check_denial)

    def check_again(self, case):
        if "denials.json" in case.expectations():
            return
        printed = case.render("-o", "json")
        self.assertEqual(printed.returncode, 0, printed.stderr)
        self.assertEqual(case.render("-o", "patch", pod_text=printed.stdout).stdout, "[]\n")

    def test_what_came_out_needs_no_operation(self):
        self.for_each(self.check_again)


if __name__ == "__main__":
    unittest.main()
