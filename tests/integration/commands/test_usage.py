#!/usr/bin/python3
"""Help, version, and mistakes on the command line."""

import json
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))

import injector

OF_PODS = ("render", "explain", "review")


class Usage(unittest.TestCase):
    def test_help_lists_the_commands(self):
        for arguments in (["--help"], ["-h"], ["help"]):
            result = injector.run(*arguments)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            for name in (*OF_PODS, "version", "serve"):
                self.assertRegex(result.stdout, rf"(?m)^  {name} ")
            self.assertIn("\nExamples:\n  openshell-injector ", result.stdout)

    def test_help_of_a_command_has_usage_examples_and_exit_codes(self):
        for name in (*OF_PODS, "version"):
            for option in ("--help", "-h"):
                result = injector.run(name, option)
                self.assertEqual((result.returncode, result.stderr), (0, ""), name)
                self.assertTrue(result.stdout.startswith(f"Usage: openshell-injector {name} [OPTION...]"))
                self.assertIn("\nExamples:\n  openshell-injector ", result.stdout)
                self.assertIn("\nExit codes: 0 ", result.stdout)
            if name in OF_PODS:
                self.assertIn("  --topology ", result.stdout)

    def test_the_examples_have_options_that_exist(self):
        for name in (*OF_PODS, "version"):
            text = injector.run(name, "--help").stdout
            examples = text.split("Examples:\n")[1].split("\n\n")[0]
            known = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text.replace(examples, "")))
            for line in examples.splitlines():
                own = line.split("openshell-injector ")[1].split("|")[0]
                for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", own):
                    self.assertIn(option, known, line)

    def test_no_command_is_a_mistake(self):
        result = injector.run()
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("Usage: openshell-injector COMMAND", result.stderr)
        result = injector.run("rendre")
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn('"rendre"', result.stderr)

    def test_mistakes_are_named_with_a_hint(self):
        for name in (*OF_PODS, "version"):
            result = injector.run(name, "--nonsense")
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertEqual(result.stderr, f"openshell-injector {name}: unknown option --nonsense\n"
                                            f"openshell-injector {name} --help shows how it is used.\n")
        for arguments, message in ((["render", "-o", "xml"], 'render: --output: "xml" is none of yaml, json, patch, diff'),
                                   (["explain", "-o", "yaml"], 'explain: --output: "yaml" is none of text, json'),
                                   (["render", "--config"], "render: --config: needs a value"),
                                   (["review", "a", "b"], 'review: unexpected argument "b"'),
                                   (["version", "a"], 'version: unexpected argument "a"'),
                                   (["review", "--as=jo"], "review: unknown option --as")):
            result = injector.run(*arguments)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertEqual(result.stderr.splitlines()[0], "openshell-injector " + message)

    def test_a_configuration_that_cannot_be_read_is_bad_input(self):
        for name in (*OF_PODS, "serve"):
            result = injector.run(name, "--config", "/")
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertEqual(result.stderr, f'openshell-injector {name}: config "/": Is a directory\n')

    def test_version_says_product_and_libraries(self):
        result = injector.run("version")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        first, *libraries = result.stdout.splitlines()
        self.assertRegex(first, r"^OpenShell Injector \d+\.\d+\.\d+$")
        document = json.loads(injector.run("version", "-o", "json").stdout)
        self.assertEqual(f"{document['product']} {document['version']}", first)
        self.assertEqual([line.split() for line in libraries], [list(item) for item in document["libraries"].items()])
        for version in document["libraries"].values():
            self.assertRegex(version, r"^\d+\.\d+")
        self.assertEqual(injector.run("--version").stdout, result.stdout)


if __name__ == "__main__":
    unittest.main()
