#!/usr/bin/python3
"""`openshell-injector verify` on files: every pod of the conformance cases as an API server stores it, and each field of
ours in it meddled with in turn.
"""

import copy
import json
import os
import pathlib
import re
import tempfile
import unittest

import jsonpatch
from sample import CONFIG_MAP, POD
from test_explain import ESCAPE, on_a_terminal
import injector
import pod_comparison

CASES = json.loads((pathlib.Path(__file__).resolve().parents[2] / "conformance/cases.json").read_text())
# In how many of them each field is meddled with: 40 for all.
MEDDLED_CASES = int(os.environ.get("VERIFY_MEDDLED_CASES", "8"))
# What the pod's owner may say, whatever the configuration: so no change of it is a drift.
OWNERS_CHOICE = {("spec", "hostUsers")}
# A pod without these would not be stored.
REQUIRED = ("name", "mountPath", "containers")


def flags_of(case):
    flags = injector.flags_of(case["config"], case["credential"])
    return flags if "sandbox_uid" in case["config"] else [*flags, "--sandbox-uid=1000"]


def supervised(pod, flags):
    _, patch = injector.render_patch(pod, flags)
    return jsonpatch.apply_patch(pod, patch)


def stored(pod):
    """As a running pod is: with what API server, scheduler and kubelet have added."""
    pod = pod_comparison.with_server_defaults(pod)
    pod["spec"]["nodeName"] = "node-1"
    pod["metadata"] |= {"resourceVersion": "4711", "managedFields": [{"manager": "kubelet", "operation": "Update"}]}
    pod["status"] = {"phase": "Running", "qosClass": "BestEffort", "podIP": "10.0.0.7",
                     "conditions": [{"type": "Ready", "status": "True"}],
                     "containerStatuses": [{"name": "agent", "ready": True, "restartCount": 0}]}
    return pod


def verify(pods, *arguments):
    """Exit code and records for a list of pods."""
    result = injector.run("verify", "-o", "json", *arguments, "-", stdin="\n".join(map(json.dumps, pods)))
    assert result.returncode in (0, 1), result.stderr
    return result.returncode, [json.loads(line) for line in result.stdout.splitlines()]


def key_of(element):
    return element.get("mountPath") or element.get("name") if isinstance(element, dict) else None


def owned_paths(bare, pod, path=()):
    """Paths of what `pod` has and `bare` does not."""
    if isinstance(bare, dict) and isinstance(pod, dict):
        for key, value in pod.items():
            yield from owned_paths(bare[key], value, (*path, key)) if key in bare else [(*path, key)]
    elif isinstance(bare, list) and isinstance(pod, list) and all(map(key_of, bare + pod)):
        present = {key_of(element): element for element in bare}
        for index, element in enumerate(pod):
            known = present.get(key_of(element))
            yield from owned_paths(known, element, (*path, index)) if known else [(*path, index)]
    elif bare != pod:
        yield path


def with_members(value, path):
    """The path and those of everything below it."""
    yield path
    for key, member in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from with_members(member, (*path, key))


def at(value, path):
    for key in path:
        value = value[key]
    return value


def meddle(pod, path, how):
    """The pod without the value at the path, or with another one; None where that means nothing."""
    pod = copy.deepcopy(pod)
    owner, key = at(pod, path[:-1]), path[-1]
    # Absent, false, empty: to Kubernetes all the same, and what is empty is not even stored.
    value = owner[key] if isinstance(owner, list) else owner.get(key)
    if how == "removed":
        if key in REQUIRED or not value:
            return None
        del owner[key]
        return pod
    if value is None or isinstance(value, (dict, list)):
        return None
    if path[:2] == ("metadata", "annotations") and "openshell.ai/" in key:
        # One that says another configuration would be believed.
        owner[key] = "meddled with"
    elif isinstance(value, bool):
        owner[key] = not value
    else:
        owner[key] = value + 1 if isinstance(value, int) else value + "x"
    return pod


def name_of(path):
    """The path as Kubernetes names fields."""
    name = ""
    for key in path:
        is_plain = isinstance(key, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key)
        name += f".{key}" if is_plain else f"[{key}]"
    return name.removeprefix(".")


def is_part(inner, outer):
    return inner == outer or inner.startswith((outer + ".", outer + "["))


def concerns(field, path, pod):
    """The finding names the field, something in it, or what it is in: but never a whole container for something in one.
    An element that is gone is missing from its list; one that was renamed is wrong in itself."""
    if path[-1] == "name":
        path = path[:-1]
    if path[1] == "containers" and path[-1] == "mountPath" and at(pod, path[:-1])["name"] == "openshell-supervisor-bin":
        # The command does not start from that volume any more.
        path = (*path[:3], "command")
    name = name_of(path)
    is_lost_element = isinstance(path[-1], int) and field == name_of(path[:-1])
    is_container = re.fullmatch(r"spec(\.(containers|initContainers)(\[\d+\])?)?", field)
    # A variable without its value is one that is missing.
    is_variable = path[-1] == "value" and field == name_of(path[:-2])
    return is_part(field, name) or is_lost_element or is_variable or (is_part(name, field) and not is_container)


class ConformanceTest(unittest.TestCase):
    maxDiff = None

    def test_every_stored_pod_is_supervised(self):
        self.assertEqual(len(CASES), 40)
        for case in CASES:
            with self.subTest(case["name"]):
                flags = flags_of(case)
                pod = supervised(case["bare_pod"], flags)
                being_deleted = stored(pod)
                being_deleted["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
                code, records = verify([pod, stored(pod), being_deleted], *flags)
                self.assertEqual((code, [record["state"] for record in records]), (0, 3 * ["supervised"]), records)
                self.assertEqual([record["fields"] for record in records], 3 * [[]])

    def test_every_bare_pod_is_unsupervised(self):
        for case in CASES:
            with self.subTest(case["name"]):
                code, records = verify([case["bare_pod"], stored(case["bare_pod"])], *flags_of(case))
                self.assertEqual((code, [record["state"] for record in records]), (1, 2 * ["unsupervised"]))
                self.assertEqual([field["field"] for field in records[0]["fields"]],
                                 ["spec.volumes", "spec.containers[0].volumeMounts", "spec.containers[0].command"])

    def test_every_field_of_ours_that_was_meddled_with_is_named(self):
        tried = 0
        # Neighbours are of different topologies.
        for case in CASES[::-(-len(CASES) // MEDDLED_CASES)]:
            flags = flags_of(case)
            plain = supervised(case["bare_pod"], flags)
            paths = [inner for path in owned_paths(case["bare_pod"], plain)
                     for inner in with_members(at(plain, path), path) if inner not in OWNERS_CHOICE]
            changes = [(path, how, pod) for path in paths for how in ("removed", "changed")
                       if (pod := meddle(stored(plain), path, how)) is not None]
            code, records = verify([pod for _, _, pod in changes], *flags)
            self.assertEqual((code, len(records)), (1, len(changes)))
            tried += len(changes)
            for (path, how, pod), record in zip(changes, records):
                with self.subTest(case=case["name"], path=name_of(path), how=how):
                    self.assertIn(record["state"], ("drifted", "unsupervised"))
                    fields = [field["field"] for field in record["fields"]]
                    self.assertTrue(any(concerns(field, path, pod) for field in fields), fields)
        self.assertGreater(tried, 100 * MEDDLED_CASES)
        print(f"meddled with {tried} fields", flush=True)

class StateTest(unittest.TestCase):
    """One pod in the states that it can be in."""

    FLAGS = ["--sandbox-uid=1000"]

    def setUp(self):
        self.pod = stored(supervised(POD, self.FLAGS))
        self.container = self.pod["spec"]["containers"][0]

    def verify(self, *arguments):
        """Exit code, state, and the findings by field."""
        code, records = verify([self.pod], *(arguments or self.FLAGS))
        self.assertEqual(len(records), 1)
        return code, records[0]["state"], {field["field"]: field for field in records[0]["fields"]}

    def test_pod_of_another_configuration_is_outdated(self):
        code, state, fields = self.verify(*self.FLAGS, "--grpc-endpoint=https://elsewhere:8080")
        self.assertEqual((code, state), (1, "outdated"))
        endpoint = next(field for field in fields.values() if "OPENSHELL_ENDPOINT" in (field["expected"] or ""))
        self.assertEqual(endpoint["expected"], "OPENSHELL_ENDPOINT=https://elsewhere:8080")
        self.assertIn("metadata.annotations[openshell.ai/injection]", fields)

    def test_pod_of_another_topology_is_outdated(self):
        self.assertEqual(self.verify(*self.FLAGS, "--topology=sidecar")[:2], (1, "outdated"))

    def test_pod_of_another_version_is_outdated(self):
        self.pod["metadata"]["annotations"]["openshell.ai/injected-by"] = "openshell-injector/0.0.9"
        code, state, fields = self.verify()
        self.assertEqual((code, state, list(fields)),
                         (1, "outdated", ["metadata.annotations[openshell.ai/injected-by]"]))

    def test_pod_that_says_this_configuration_and_differs_is_drifted(self):
        self.container["securityContext"]["privileged"] = True
        code, state, fields = self.verify()
        self.assertEqual((code, state), (1, "drifted"))
        self.assertEqual(list(fields), ["spec.containers[0].securityContext.privileged"])
        finding = fields["spec.containers[0].securityContext.privileged"]
        self.assertEqual((finding["expected"], finding["found"]), (None, "true"))

    def test_ephemeral_container_is_drift_whatever_the_annotation_says(self):
        self.pod["spec"]["ephemeralContainers"] = [{"name": "debugger", "image": "example.com/shell"}]
        code, state, fields = self.verify(*self.FLAGS, "--grpc-endpoint=https://elsewhere:8080")
        self.assertEqual((code, state), (1, "drifted"))
        self.assertIn("spec.ephemeralContainers", fields)

    def test_agent_that_starts_something_else_is_unsupervised(self):
        self.container["command"] = ["/bin/sh"]
        code, state, fields = self.verify()
        self.assertEqual((code, state, list(fields)), (1, "unsupervised", ["spec.containers[0].command"]))
        self.assertEqual(fields["spec.containers[0].command"]["found"], "/bin/sh")

    def test_command_that_leaves_the_supervisors_volume_is_unsupervised(self):
        self.container["command"][0] = "/opt/openshell/bin/../../../bin/sh"
        self.assertEqual(self.verify()[1], "unsupervised")

    def test_arguments_of_the_supervisor_are_drift(self):
        self.container["command"] += ["--policy-rules", "/tmp/rules"]
        code, state, fields = self.verify()
        self.assertEqual((code, state, list(fields)), (1, "drifted", ["spec.containers[0].command"]))
        self.assertEqual(fields["spec.containers[0].command"]["expected"],
                         "/opt/openshell/bin/openshell-sandbox --workdir /sandbox")

    def test_pod_that_lost_its_label_is_drifted(self):
        for labels in ({**POD["metadata"]["labels"], "openshell.ai/managed-by": "nobody"},
                       {key: value for key, value in POD["metadata"]["labels"].items() if "managed-by" not in key}):
            self.pod["metadata"]["labels"] = labels
            code, state, fields = self.verify()
            self.assertEqual((code, state, list(fields)), (1, "drifted", ["metadata.labels[openshell.ai/managed-by]"]))

    def test_no_value_of_the_users_environment_is_shown(self):
        self.container["env"] = [variable for variable in self.container["env"]
                                 if variable["name"] != "OPENSHELL_USER_ENVIRONMENT"]
        for form in ("text", "json"):
            result = injector.run("verify", *self.FLAGS, "-o", form, "-", stdin=json.dumps(self.pod))
            self.assertEqual(result.returncode, 1)
            self.assertIn("API_KEY (values not shown)", result.stdout)
            self.assertNotIn("hush-hush", result.stdout)

    def test_namespace_annotations_count(self):
        annotation = "--namespace-annotation=openshift.io/sa.scc.uid-range=1000680000/10000"
        self.pod = stored(supervised(POD, [annotation]))
        self.assertEqual(self.verify(annotation)[:2], (0, "supervised"))
        self.assertEqual(self.verify("--topology=combined")[:2], (1, "drifted"))


class CommandTest(unittest.TestCase):
    """Inputs, output and exit codes."""

    FLAGS = StateTest.FLAGS

    def setUp(self):
        self.pod = stored(supervised(POD, self.FLAGS))
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_verify(self, *arguments, stdin="", **environment):
        return injector.run("verify", *self.FLAGS, *arguments, stdin=stdin, extra_environment=environment)

    def test_text_has_a_table_the_fields_and_the_totals(self):
        (self.folder / "pods.json").write_text(json.dumps(
            {"apiVersion": "v1", "kind": "PodList", "items": [self.pod, POD]}))
        result = self.run_verify(self.folder / "pods.json")
        self.assertEqual((result.returncode, result.stderr), (1, ""))
        lines = result.stdout.splitlines()
        self.assertRegex(lines[0], r"^STATE +NAMESPACE +POD +SANDBOX$")
        self.assertRegex(lines[1], r"^supervised +openshell +default--demo +default/demo$")
        self.assertRegex(lines[2], r"^unsupervised +openshell +default--demo +default/demo$")
        self.assertIn(f"openshell/default--demo is unsupervised in {self.folder}/pods.json: document 1: items[1]", lines)
        position = lines.index("  spec.containers[0].command")
        self.assertEqual(lines[position + 1:position + 3], ["    expected  a program in /opt/openshell/bin", "    found     claude"])
        self.assertEqual(lines[-2], "2 sandbox pods: 1 supervised, 0 outdated, 0 drifted, 1 unsupervised")
        self.assertRegex(lines[-1], r"^configuration [0-9a-f]{64}, topology combined$")

    def test_directory_is_read_file_by_file(self):
        (self.folder / "b.yaml").write_text(json.dumps(POD))
        (self.folder / "a.json").write_text(json.dumps(self.pod))
        (self.folder / "notes.txt").write_text("not a manifest")
        (self.folder / ".json").write_text("not a manifest either")
        result = self.run_verify("-o", "json", self.folder)
        self.assertEqual([json.loads(line)["place"] for line in result.stdout.splitlines()],
                         [f"{self.folder}/a.json: document 1", f"{self.folder}/b.yaml: document 1"])

    def test_directory_without_manifests_is_wrong_input(self):
        result = self.run_verify(self.folder)
        self.assertEqual(result.returncode, 2)
        self.assertIn("no .yaml, .yml or .json file", result.stderr)

    def test_other_objects_and_pods_are_passed_over(self):
        ordinary = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": [{"name": "x"}]}}
        result = self.run_verify("-", stdin=json.dumps(CONFIG_MAP) + json.dumps(ordinary))
        self.assertEqual((result.returncode, result.stdout), (0, "no sandbox pods\n"))

    def test_malformed_pod_is_wrong_input(self):
        self.pod["spec"]["containers"] = "agent"
        result = self.run_verify("-", stdin=json.dumps(self.pod))
        self.assertEqual(result.returncode, 2)
        self.assertIn("standard input: document 1: spec.containers", result.stderr)

    def test_missing_file_is_wrong_input(self):
        self.assertEqual(self.run_verify(self.folder / "none.yaml").returncode, 2)

    def test_options_of_the_cluster_mean_nothing_with_files(self):
        for option in ("--namespace=a", "--kubeconfig=a", "--context=a"):
            result = self.run_verify(option, "-", stdin=json.dumps(self.pod))
            self.assertEqual(result.returncode, 2)
            self.assertIn("--namespace", result.stderr)

    def test_cluster_that_does_not_answer_is_no_verdict(self):
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "c",
                  "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
                  "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
                  "users": [{"name": "c", "user": {}}]}
        (self.folder / "config").write_text(json.dumps(config))
        result = self.run_verify(f"--kubeconfig={self.folder / 'config'}")
        self.assertEqual((result.returncode, result.stdout), (3, ""))
        self.assertEqual(self.run_verify("--kubeconfig=/nonexistent").returncode, 2)

    def test_no_file_and_no_cluster_is_wrong_usage(self):
        result = self.run_verify(HOME=str(self.folder), KUBECONFIG="", KUBERNETES_SERVICE_HOST="")
        self.assertEqual(result.returncode, 2)
        self.assertIn("no file is given", result.stderr)

    def test_colours_are_for_terminals(self):
        pods = json.dumps(self.pod) + json.dumps(POD)
        self.assertNotIn(ESCAPE, self.run_verify("-", stdin=pods).stdout)
        arguments = ["verify", *self.FLAGS, "-"]
        self.assertIn(f"{ESCAPE}31m", on_a_terminal(arguments, pods))
        self.assertNotIn(ESCAPE, on_a_terminal(arguments, pods, NO_COLOR="1"))

    def test_names_cannot_steer_a_terminal(self):
        self.pod["metadata"]["name"] = "evil\x1b[2J"
        self.pod["spec"]["containers"][0]["command"] = ["\x1b[2J"]
        result = self.run_verify("-", stdin=json.dumps(self.pod))
        self.assertNotIn("\x1b", result.stdout)


if __name__ == "__main__":
    os.environ.pop("KUBECONFIG", None)
    unittest.main()
