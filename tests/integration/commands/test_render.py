#!/usr/bin/python3
"""`openshell-injector render`, as a person and a pipeline use it."""

import json
import pathlib
import subprocess
import tempfile
import unittest

import jsonpatch
import yaml

from sample import CONFIG_MAP, POD, pod
import exact_json
import injector

OUTPUT_BYTES = 64 << 20


def documents(*values):
    return "---\n".join(yaml.safe_dump(value) for value in values)


def supervised(value, *flags):
    text = injector.run("render", "-o", "patch", *flags, stdin=json.dumps(value)).stdout
    return jsonpatch.apply_patch(value, json.loads(text))


class Render(unittest.TestCase):
    maxDiff = None

    def assert_fails(self, result, code, *messages):
        self.assertEqual((result.returncode, result.stdout), (code, ""), result.stderr)
        for message in messages:
            self.assertIn(message, result.stderr)

    # Forms

    def test_yaml_is_the_default_and_keeps_the_order_of_documents(self):
        result = injector.run("render", stdin=documents(CONFIG_MAP, POD, CONFIG_MAP))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(list(yaml.safe_load_all(result.stdout)), [CONFIG_MAP, supervised(POD), CONFIG_MAP])

    def test_json_has_one_document_behind_the_other(self):
        result = injector.run("render", "-o", "json", stdin=documents(POD, CONFIG_MAP))
        decoder = json.JSONDecoder()
        first, end = decoder.raw_decode(result.stdout)
        second, _ = decoder.raw_decode(result.stdout[end:].lstrip())
        self.assertEqual([first, second], [supervised(POD), CONFIG_MAP])

    def test_patches_stand_on_a_line_for_each_object(self):
        text = documents(POD, CONFIG_MAP, {"apiVersion": "v1", "kind": "List", "items": [POD, CONFIG_MAP]})
        lines = injector.run("render", "-o", "patch", stdin=text).stdout.splitlines()
        self.assertEqual(len(lines), 4)
        self.assertEqual([lines[1], lines[3], lines[2]], ["[]", "[]", lines[0]])
        self.assertEqual(jsonpatch.apply_patch(POD, json.loads(lines[0])), supervised(POD))

    def test_a_list_stays_a_list(self):
        items = {"apiVersion": "v1", "kind": "List", "metadata": {"x": "y"}, "items": [POD, CONFIG_MAP]}
        result = injector.run("render", "-o", "json", stdin=json.dumps(items))
        self.assertEqual(json.loads(result.stdout), items | {"items": [supervised(POD), CONFIG_MAP]})

    def test_a_list_of_pods_need_not_repeat_the_kind(self):
        bare = {key: POD[key] for key in ("metadata", "spec")}
        items = {"apiVersion": "v1", "kind": "PodList", "items": [bare]}
        result = injector.run("render", "-o", "json", stdin=json.dumps(items))
        self.assertIn("openshell-supervisor-bin", result.stdout)

    def test_what_is_no_sandbox_pod_passes_through(self):
        plain = pod()
        del plain["metadata"]["labels"]
        deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": POD}}
        result = injector.run("render", stdin=documents(plain, deployment))
        self.assertEqual(list(yaml.safe_load_all(result.stdout)), [plain, deployment])

    def test_unknown_fields_survive_to_the_letter_in_json(self):
        strange = pod(future={"ratio": exact_json.number("1.50"), "big": exact_json.number("12345678901234567890")})
        result = injector.run("render", "-o", "json", stdin=exact_json.dumps(strange))
        self.assertEqual(exact_json.loads(result.stdout)["spec"]["future"], strange["spec"]["future"])

    def test_a_diff_shows_each_field_and_no_value_of_the_users(self):
        result = injector.run("render", "-o", "diff", stdin=documents(CONFIG_MAP, POD))
        self.assertEqual(result.returncode, 0)
        lines = result.stdout.splitlines()
        self.assertEqual(lines[:2], ["--- standard input: document 2: Pod openshell/default--demo",
                                     "+++ the same, supervised"])
        start = lines.index("@@ spec.containers[agent] @@")
        self.assertEqual(lines[start + 1:start + 7], ["- command:", "- - claude", "+ command:",
                                                      "+ - /opt/openshell/bin/openshell-sandbox", "+ - --workdir",
                                                      "+ - /sandbox"])
        self.assertIn("+   value: API_KEY (values not shown)", lines)
        self.assertNotIn("hush-hush", result.stdout)

    def test_a_diff_of_what_is_supervised_is_empty(self):
        result = injector.run("render", "-o", "diff", stdin=documents(CONFIG_MAP, supervised(POD)))
        self.assertEqual((result.returncode, result.stdout), (0, ""))

    # Sources

    def test_reads_files_in_their_order_and_standard_input_by_its_dash(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, value in (("a.yaml", yaml.safe_dump(CONFIG_MAP)), ("b.json", json.dumps(POD))):
                (pathlib.Path(folder) / name).write_text(value, encoding="utf-8")
            result = injector.run("render", "b.json", "-", "a.yaml", stdin=documents(CONFIG_MAP), cwd=folder)
        self.assertEqual(list(yaml.safe_load_all(result.stdout)), [supervised(POD), CONFIG_MAP, CONFIG_MAP])

    def test_waits_for_a_pipe(self):
        program = injector.programs() / "openshell-injector"
        script = f"'{program}' render -o patch <(sleep 0.3; cat)"
        result = subprocess.run(["bash", "-c", script], input=json.dumps(POD), capture_output=True, text=True,
                                check=False, env=injector.environment())
        self.assertEqual((result.returncode, result.stdout[:6]), (0, '[{"op"'), result.stderr)

    def test_flag_wins_over_environment_wins_over_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "injector.yaml"
            path.write_text("apiVersion: injector.openshell.ai/v1alpha1\nkind: InjectorConfiguration\n"
                            "sandbox: {uid: 2001, gid: 3001}\nsupervisor: {image: from-file}\n", encoding="utf-8")
            result = injector.run("render", "-o", "json", f"--config={path}", "--sandbox-uid=2003", stdin=json.dumps(POD),
                                  extra_environment={"OPENSHELL_K8S_SANDBOX_UID": "2002",
                                                     "OPENSHELL_K8S_SANDBOX_GID": "3002"})
        for part in ('"2003"', '"3002"', '"from-file"'):
            self.assertIn(part, result.stdout)

    def test_annotations_of_the_namespace_give_the_user(self):
        result = injector.run("render", "--namespace-annotation", "openshift.io/sa.scc.uid-range=1000680000/10000",
                              stdin=json.dumps(POD))
        self.assertIn('value: "1000680000"', result.stdout)

    # Denials, warnings and mistakes

    def test_one_denied_pod_denies_all_and_every_cause_is_told(self):
        result = injector.run("render", stdin=documents(POD, pod(restartPolicy="Always", hostNetwork=True),
                                                        pod(ephemeralContainers=[{"name": "x"}])))
        self.assert_fails(
            result, 1, "standard input: document 2: Pod openshell/default--demo is denied:\n",
            '  spec.restartPolicy: "Always" is not accepted', "(RestartPolicy)\n", "  spec.hostNetwork: ",
            "standard input: document 3: Pod openshell/default--demo is denied:\n", "(EphemeralContainers)\n")
        self.assertNotIn("document 1", result.stderr)

    def test_a_creator_is_checked_when_given(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "injector.yaml"
            path.write_text("apiVersion: injector.openshell.ai/v1alpha1\nkind: InjectorConfiguration\n"
                            "allowedCreators: {users: [driver], groups: [makers]}\n", encoding="utf-8")

            def render(*creator):
                return injector.run("render", f"--config={path}", *creator, stdin=json.dumps(POD)).returncode
            self.assertEqual([render(), render("--as=driver"), render("--as=jo", "--as-group=makers")], [0, 0, 0])
            self.assertEqual([render("--as=jo"), render("--as=jo", "--as-group=others")], [1, 1])

    def test_warnings_go_to_standard_error(self):
        bare = pod(containers=[{"name": "agent", "image": "registry.example.com/agent:1"}])
        result = injector.run("render", stdin=documents(CONFIG_MAP, bare))
        self.assertEqual(result.returncode, 0)
        self.assertIn("standard input: document 2: warning: the container has no command", result.stderr)

    def test_names_file_and_document_of_a_pod_that_is_none(self):
        wrong = pod(containers=[])
        self.assert_fails(injector.run("render", stdin=documents(POD, wrong)), 2,
                          "openshell-injector render: standard input: document 2: spec.containers: ")
        items = {"apiVersion": "v1", "kind": "List", "items": [POD, pod(containers={})]}
        self.assert_fails(injector.run("render", stdin=json.dumps(items)), 2,
                          "standard input: document 1: items[1]: spec.containers: ")

    def test_wrong_input_is_told_from_failure(self):
        self.assert_fails(injector.run("render", stdin="a: [\n"), 2, "standard input: line ")
        self.assert_fails(injector.run("render", stdin=""), 2, "standard input: holds no object")
        self.assert_fails(injector.run("render", "/nowhere/pod.yaml"), 2, '"/nowhere/pod.yaml": No such file')
        self.assert_fails(injector.run("render", "--config=/nowhere/c.yaml", stdin=json.dumps(POD)), 2, "c.yaml")
        self.assert_fails(injector.run("render", "--topology=ring", stdin=json.dumps(POD)), 2, "topology")

    def test_says_when_standard_output_is_full(self):
        program = injector.programs() / "openshell-injector"
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([program, "render"], input=json.dumps(POD), stdout=full, stderr=subprocess.PIPE,
                                    text=True, check=False, env=injector.environment())
        self.assertEqual(result.returncode, 3)
        self.assertIn("standard output: No space left", result.stderr)

    @staticmethod
    def render_deep_list(count):
        """Depth makes every YAML line long: a file that is accepted can grow past what is written."""
        nested = "[" * 120 + ",".join("0" * count) + "]" * 120
        return injector.run("render", stdin='{"apiVersion":"v1","kind":"ConfigMap","x":%s}' % nested)

    def test_output_has_a_limit(self):
        one, two = len(self.render_deep_list(1).stdout), len(self.render_deep_list(2).stdout)
        most = (OUTPUT_BYTES - one) // (two - one) + 1
        result = self.render_deep_list(most)
        self.assertEqual((result.returncode, len(result.stdout)), (0, one + (most - 1) * (two - one)), result.stderr)
        self.assert_fails(self.render_deep_list(most + 1), 2, "render: the output: more than")


if __name__ == "__main__":
    unittest.main()
