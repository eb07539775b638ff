#!/usr/bin/python3
"""`openshell-injector explain`: in words and as JSON, on a terminal and in a pipe."""

import json
import os
import pty
import subprocess
import unittest

from sample import CONFIG_MAP, POD, pod
import injector

ESCAPE = "\033["


def explain(value, *arguments):
    return injector.run("explain", *arguments, stdin=json.dumps(value))


def on_a_terminal(arguments, text, **environment):
    """What a command prints on a terminal of its own."""
    main_end, other_end = pty.openpty()
    process = subprocess.Popen([injector.programs() / "openshell-injector", *arguments], stdin=subprocess.PIPE,
                               stdout=other_end, env=injector.environment() | {"TERM": "xterm"} | environment)
    os.close(other_end)
    process.stdin.write(text.encode())
    process.stdin.close()
    output = b""
    try:
        while piece := os.read(main_end, 65536):
            output += piece
    except OSError:  # the terminal's other end is closed
        pass
    os.close(main_end)
    process.wait(injector.TIME_LIMIT_S)
    return output.decode().replace("\r\n", "\n")


class Explain(unittest.TestCase):
    maxDiff = None

    def test_text_tells_decision_operation_and_reason(self):
        result = explain(POD)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        head, *operations = result.stdout.split("\n\n")
        self.assertEqual(head.splitlines()[:3], ["standard input: document 1: Pod openshell/default--demo",
                                                 "  decision       injected", "  topology       combined"])
        self.assertIn("  replace /spec/containers/0/command\n"
                      "      claude -> /opt/openshell/bin/openshell-sandbox --workdir /sandbox\n"
                      "      the supervisor starts first and starts the agent inside the fence", operations)

    def test_no_value_of_the_users_environment_is_shown(self):
        for form in ("text", "json"):
            result = explain(POD, "-o", form)
            self.assertIn("API_KEY (values not shown)", result.stdout)
            self.assertNotIn("hush-hush", result.stdout)

    def test_text_says_why_a_pod_is_denied(self):
        result = explain(pod(restartPolicy="Always"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("  decision       denied\n", result.stdout)
        self.assertIn('\n  RestartPolicy: spec.restartPolicy\n      "Always" is not accepted', result.stdout)

    def test_text_says_why_a_pod_is_skipped(self):
        plain = pod()
        del plain["metadata"]["labels"]
        result = explain(plain)
        self.assertEqual(result.returncode, 0)
        self.assertIn("  decision       skipped\n  because        not labelled openshell.ai/managed-by", result.stdout)
        self.assertIn("  because        not a pod\n", explain(CONFIG_MAP).stdout)

    def test_text_warns(self):
        bare = pod(containers=[{"name": "agent"}])
        self.assertIn("  warning        the container has no command", explain(bare).stdout)

    def test_json_has_a_line_for_each_object(self):
        items = {"apiVersion": "v1", "kind": "List", "items": [POD, CONFIG_MAP, pod(restartPolicy="Always")]}
        result = explain(items, "-o", "json")
        self.assertEqual(result.returncode, 1)
        injected, skipped, denied = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual([injected[key] for key in ("file", "document", "item", "object", "decision", "topology")],
                         ["standard input", 1, "items[0]", "Pod openshell/default--demo", "injected", "combined"])
        self.assertEqual(len(injected["configuration"]), 64)
        self.assertEqual(injected["denials"], [])
        self.assertEqual((skipped["decision"], skipped["because"]), ("skipped", "not a pod"))
        self.assertEqual(denied["operations"], [])
        self.assertEqual([sorted(denial) for denial in denied["denials"]], [["field", "message", "reason"]])

    def test_json_operations_are_those_of_the_patch(self):
        operations = json.loads(explain(POD, "-o", "json").stdout)["operations"]
        patch = json.loads(injector.run("render", "-o", "patch", stdin=json.dumps(POD)).stdout)
        self.assertEqual([(operation["op"], operation["path"]) for operation in operations],
                         [(operation["op"], operation["path"]) for operation in patch])

    def test_more_denials_than_are_kept_are_counted(self):
        containers = POD["spec"]["containers"] + [{"name": f"c{number}"} for number in range(66)]
        result = explain(pod(containers=containers), "-o", "json")
        explained = json.loads(result.stdout)
        self.assertEqual((len(explained["denials"]), explained["moreDenials"]), (64, 2))
        self.assertIn("\n  and 2 more\n", explain(pod(containers=containers)).stdout)
        rendered = injector.run("render", stdin=json.dumps(pod(containers=containers)))
        self.assertIn("\n  and 2 more\n", rendered.stderr)

    def test_names_the_document_of_a_pod_that_is_none(self):
        result = explain(pod(containers=[]))
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("openshell-injector explain: standard input: document 1: spec.containers: ", result.stderr)

    def test_colours_on_a_terminal_alone(self):
        text = json.dumps(POD)
        for arguments in (["explain"], ["render", "-o", "diff"]):
            plain = injector.run(*arguments, stdin=text).stdout
            self.assertNotIn(ESCAPE, plain)
            self.assertIn(ESCAPE, on_a_terminal(arguments, text))
            self.assertEqual(on_a_terminal(arguments, text, NO_COLOR="1"), plain)
            self.assertEqual(on_a_terminal(arguments, text, TERM="dumb"), plain)
        for arguments in (["explain", "-o", "json"], ["render"], ["render", "-o", "json"], ["render", "-o", "patch"]):
            self.assertEqual(on_a_terminal(arguments, text), injector.run(*arguments, stdin=text).stdout)


if __name__ == "__main__":
    unittest.main()
