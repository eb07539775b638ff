#!/usr/bin/python3
"""manifests/policy on a real API server: what it refuses without the webhook, and what it lets pass.

The pods in front of an absent webhook are what a webhook made before: conformance pods, supervised by `render`.
"""

import copy
import json
import pathlib
import subprocess
import sys
import unittest

import test_webhook_conformance as conformance
import webhook_server
from webhook_test_case import SELECTING_LABEL, WebhookTestCase, agent, ordinary, sandbox_pod

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import injector  # noqa: E402, the folder is known only now

PROJECT = pathlib.Path(__file__).resolve().parents[2]
POLICY = "openshell-sandboxes"


def supervised(pod, *flags):
    """The pod as the webhook would make it."""
    result = injector.run("render", "-o", "json", *flags, stdin=json.dumps(pod))
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


class PolicyTest(WebhookTestCase):
    """The policy alone: no webhook answers. With it: test_webhook_conformance.py."""

    @classmethod
    def setUpClass(cls):
        cls.set_up_cluster()
        cls.cluster.kubectl("apply", "-k", PROJECT / "manifests/policy")
        for manifest in conformance.SURROUNDINGS:
            path = cls.directory / "surroundings.json"
            path.write_text(json.dumps(manifest))
            cls.cluster.kubectl("apply", "-f", path)
        bare = json.dumps(sandbox_pod("probe"))

        def is_refused():
            answer = subprocess.run(cls.cluster.command("kubectl", "create", "--dry-run=server", "-f", "-"),
                                    env=cls.cluster.environment, input=bare, capture_output=True, text=True, check=False)
            return POLICY in answer.stderr
        webhook_server.wait_for(is_refused, webhook_server.REGISTRATION_LIMIT_S, "the API server knows the policy")

    def patch(self, pod, patch, *arguments):
        """The result of a merge patch on a stored pod."""
        return self.run_kubectl("patch", "pod", pod["metadata"]["name"], f"--namespace={pod['metadata']['namespace']}",
                                "--type=merge", f"--patch={json.dumps(patch)}", *arguments)

    def assert_refused(self, result, message):
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn(f"ValidatingAdmissionPolicy '{POLICY}' with binding '{POLICY}' denied request", result.stderr)
        self.assertIn(message, result.stderr)

    def assert_passes(self, result):
        self.assertEqual(result.returncode, 0, result.stderr)

    def try_to_create(self, pod):
        return self.run_kubectl("create", "-f", "-", "--dry-run=server", stdin=pod)

    def create_supervised(self, name, *flags):
        return self.create(supervised(sandbox_pod(name), "--sandbox-uid=1000", *flags))

    def test_api_server_finds_nothing_wrong_with_the_expressions(self):
        for policy in (POLICY, "openshell-bindings"):
            answer = self.cluster.kubectl("get", "validatingadmissionpolicy", policy, "-o", "json")
            self.assertEqual(json.loads(answer)["status"]["typeChecking"], {}, policy)

    def test_every_bare_pod_is_refused_and_every_supervised_one_passes(self):
        self.assertEqual(len(conformance.CASES), 40)
        bare, made = [], []
        for number, case in enumerate(conformance.CASES):
            flags = conformance.flags_of(case)
            for pods, pod in ((bare, case["bare_pod"]), (made, supervised(case["bare_pod"], *flags))):
                pod = copy.deepcopy(pod)
                pod["metadata"]["name"] = f"case-{number}"
                pods.append(pod)
        result = self.try_to_create({"apiVersion": "v1", "kind": "List", "items": made})
        self.assertEqual((result.returncode, result.stdout.count("created")), (0, 40), result.stderr)
        result = self.try_to_create({"apiVersion": "v1", "kind": "List", "items": bare})
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr.count("was not seen by the webhook"), 40)

    def test_paths_of_ones_own_pass(self):
        for flags in (["--supervisor-mount-path=/srv/supervisor"], ["--supervisor-sideload-method=init-container"],
                      ["--supervisor-binary-path=/usr/bin/supervisor"],
                      ["--topology=sidecar", "--sidecar-kind=native"], ["--topology=sidecar"]):
            with self.subTest(flags):
                self.assert_passes(self.try_to_create(supervised(sandbox_pod("paths"), "--sandbox-uid=1000", *flags)))

    def test_each_missing_mark_is_refused(self):
        def without_annotation(pod):
            del pod["metadata"]["annotations"]["openshell.ai/injection"]

        def without_volume(pod):
            pod["spec"]["volumes"] = []
            agent(pod)["volumeMounts"] = []

        def with_a_volume_of_another_kind(pod):
            volume = next(one for one in pod["spec"]["volumes"] if one["name"] == "openshell-supervisor-bin")
            volume.clear()
            volume |= {"name": "openshell-supervisor-bin", "configMap": {"name": "scripts"}}

        def without_install(pod):
            pod["spec"]["initContainers"] = []

        def without_mount(pod):
            agent(pod)["volumeMounts"] = []

        def with_a_writable_mount(pod):
            for mount in agent(pod)["volumeMounts"]:
                mount.pop("readOnly", None)

        def with_another_command(pod):
            agent(pod)["command"] = ["/bin/agent"]

        def without_command(pod):
            del agent(pod)["command"]

        def with_a_command_that_leaves(pod):
            agent(pod)["command"][0] = "/opt/openshell/bin/../../../bin/agent"

        def mount_a_volume_at(pod, path):
            pod["spec"]["volumes"].append({"name": "another", "emptyDir": {}})
            agent(pod)["volumeMounts"].append({"name": "another", "mountPath": path})

        def with_the_supervisors_directory_for_a_command(pod):
            agent(pod)["command"][0] = "/opt/openshell/bin/.."

        def with_args(pod):
            agent(pod)["args"] = ["--mode=process"]

        def with_a_mount_of_a_part(pod):
            for mount in agent(pod)["volumeMounts"]:
                if mount["name"] == "openshell-supervisor-bin":
                    mount["subPathExpr"] = "part"

        def with_a_container_that_writes_to_the_supervisor(pod, kind="containers"):
            pod["spec"].setdefault(kind, []).append({"name": "writer", "image": "example.com/writer:1", "volumeMounts": [
                {"name": "openshell-supervisor-bin", "mountPath": "/bin/supervisor"}]})

        def with_an_init_container_that_writes_to_the_supervisor(pod):
            with_a_container_that_writes_to_the_supervisor(pod, "initContainers")

        def with_the_mode_in_a_word_of_its_own(pod):
            agent(pod)["command"] = [agent(pod)["command"][0], "--mode", "process"]

        def with_a_volume_below_the_supervisor(pod):
            mount_a_volume_at(pod, "/opt/openshell/bin/another")
            agent(pod)["command"][0] = "/opt/openshell/bin/another/agent"

        def with_a_file_in_the_supervisors_place(pod):
            mount_a_volume_at(pod, agent(pod)["command"][0])

        def with_a_volume_at_the_same_place(pod):
            mount_a_volume_at(pod, "/opt/openshell/bin/")

        def with_a_volume_by_a_relative_path(pod):
            mount_a_volume_at(pod, "opt/openshell/bin/another")

        def with_a_volume_by_a_roundabout_path(pod):
            mount_a_volume_at(pod, "/opt/../opt/openshell/bin/another")

        def with_a_volume_below_a_path_that_ends_in_a_slash(pod):
            mount_a_volume_at(pod, "/opt/openshell/bin/another")
            for mount in agent(pod)["volumeMounts"]:
                if mount["name"] == "openshell-supervisor-bin":
                    mount["mountPath"] += "/"
            agent(pod)["command"][0] = "/opt/openshell/bin//another/agent"

        def without_network_init(pod):
            pod["spec"]["initContainers"] = [one for one in pod["spec"]["initContainers"]
                                             if one["name"] != "openshell-network-init"]

        def without_network_supervisor(pod):
            pod["spec"]["containers"] = [one for one in pod["spec"]["containers"]
                                         if one["name"] != "openshell-supervisor-network"]

        def beside_another_agent(pod):
            # Known by its name and not by its place.
            pod["spec"]["containers"] = [{"name": "agent", "image": "example.com/agent:1", "command": ["/bin/agent"]},
                                         agent(pod) | {"name": "other"}]

        init_container = ("--supervisor-sideload-method=init-container",)
        for change, flags, message in (
                (without_annotation, (), "was not seen by the webhook"),
                (without_volume, (), "must have the volume openshell-supervisor-bin"),
                (with_a_volume_of_another_kind, (), "must have the volume openshell-supervisor-bin"),
                (without_install, init_container, "the init container openshell-supervisor-install"),
                (without_mount, (), "mounted, read-only and whole"),
                (with_a_writable_mount, (), "mounted, read-only and whole"),
                (with_another_command, (), "must begin with the supervisor"),
                (without_command, (), "must begin with the supervisor"),
                (with_a_command_that_leaves, (), "must begin with the supervisor"),
                (with_the_supervisors_directory_for_a_command, (), "must begin with the supervisor"),
                (with_args, (), "has args"),
                (with_a_mount_of_a_part, (), "mounted, read-only and whole"),
                (with_a_container_that_writes_to_the_supervisor, (), "can write to the volume"),
                (with_an_init_container_that_writes_to_the_supervisor, (), "can write to the volume"),
                (with_an_init_container_that_writes_to_the_supervisor, init_container, "can write to the volume"),
                (with_the_mode_in_a_word_of_its_own, (), "openshell-network-init and openshell-supervisor-network"),
                (with_a_volume_below_the_supervisor, (), "could stand in the supervisor's place"),
                (with_a_file_in_the_supervisors_place, (), "could stand in the supervisor's place"),
                (with_a_volume_at_the_same_place, (), "could stand in the supervisor's place"),
                (with_a_volume_by_a_relative_path, (), "could stand in the supervisor's place"),
                (with_a_volume_by_a_roundabout_path, (), "could stand in the supervisor's place"),
                (with_a_volume_below_a_path_that_ends_in_a_slash, (), "must begin with the supervisor"),
                (without_network_init, ("--topology=sidecar",), "openshell-network-init and openshell-supervisor-network"),
                (without_network_supervisor, ("--topology=sidecar",), "openshell-network-init and"),
                (beside_another_agent, (), "mounted, read-only and whole")):
            with self.subTest(change.__name__):
                pod = supervised(sandbox_pod("marks"), "--sandbox-uid=1000", *flags)
                change(pod)
                self.assert_refused(self.try_to_create(pod), message)

    def test_ephemeral_container_is_refused(self):
        pod = self.create_supervised("debugged")
        result = self.run_kubectl("debug", "debugged", "--image=example.com/shell", "--profile=general")
        self.assert_refused(result, "an ephemeral container would run beside the supervisor")
        self.assertNotIn("ephemeralContainers", self.stored(pod)["spec"])

    def test_label_can_be_neither_taken_nor_changed_whatever_the_way(self):
        pod = self.create_supervised("labelled")
        for value in (None, "somebody-else"):
            for way in ([], ["--subresource=status"]):
                result = self.patch(pod, {"metadata": {"labels": {SELECTING_LABEL: value}}}, *way)
                self.assert_refused(result, "cannot be taken from a sandbox pod")
        self.assertEqual(self.stored(pod)["metadata"]["labels"], pod["metadata"]["labels"])

    def test_sandbox_that_a_pod_is_cannot_be_changed(self):
        pod = self.create_supervised("identified")
        for key in ("sandbox-id", "sandbox-name", "sandbox-workspace", "gateway-id"):
            for way in ([], ["--subresource=status"]):
                result = self.patch(pod, {"metadata": {"labels": {f"openshell.ai/{key}": "another"}}}, *way)
                self.assert_refused(result, "say which sandbox a pod is")
        result = self.patch(pod, {"metadata": {"labels": {"openshell.ai/sandbox-id": None}}})
        self.assert_refused(result, "say which sandbox a pod is")
        for key in ("openshell.io/sandbox-id", "openshell.ai/injection", "openshell.ai/injected-by"):
            for value in ("another", None):
                result = self.patch(pod, {"metadata": {"annotations": {key: value}}})
                self.assert_refused(result, "and how it was supervised")

    def test_running_pod_cannot_become_a_sandbox(self):
        pod = self.create(ordinary(sandbox_pod("late")))
        for way in ([], ["--subresource=status"]):
            result = self.patch(pod, {"metadata": {"labels": {SELECTING_LABEL: "openshell"}}}, *way)
            self.assert_refused(result, "was not seen by the webhook")
        result = self.patch(pod, {"metadata": {"labels": {SELECTING_LABEL: "openshell"},
                                               "annotations": {"openshell.ai/injection": "{}"}}})
        self.assert_refused(result, "must have the volume openshell-supervisor-bin")

    def bind(self, pod, **metadata):
        """Puts the pod on a node, as a scheduler does; the API server copies the Binding's annotations to it."""
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        path = self.directory / "binding.json"
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, **metadata},
                                    "target": {"apiVersion": "v1", "kind": "Node", "name": "node-1"}}))
        answers = []
        for way in (f"pods/{name}/binding", "bindings"):
            answers.append(self.run_kubectl("create", "--raw", f"/api/v1/namespaces/{namespace}/{way}", "-f", str(path)))
        return answers

    def test_binding_brings_nothing_of_ours(self):
        pod = self.create_supervised("bound")
        for metadata in ({"annotations": {"openshell.io/sandbox-id": "another"}},
                         {"annotations": {"openshell.ai/injection": "{}"}}, {"labels": {SELECTING_LABEL: "another"}}):
            for answer in self.bind(pod, **metadata):
                self.assertEqual(answer.returncode, 1, answer.stdout)
                self.assertIn("a Binding cannot bring labels or annotations of openshell.ai", answer.stderr)
        self.assertEqual(self.stored(pod)["metadata"]["annotations"], pod["metadata"]["annotations"])
        self.assert_passes(self.bind(pod, annotations={"example.com/a": "b"})[0])
        self.assertEqual(self.stored(pod)["metadata"]["annotations"]["example.com/a"], "b")

    def test_supervisors_image_cannot_be_changed(self):
        for name, kind in (("classic", "container"), ("native", "native")):
            pod = self.create_supervised(name, "--topology=sidecar", f"--sidecar-kind={kind}")
            result = self.run_kubectl("set", "image", f"pod/{name}", "openshell-supervisor-network=example.com/evil")
            self.assert_refused(result, "supervisor containers cannot be changed")
            self.assert_passes(self.run_kubectl("set", "image", f"pod/{name}", "agent=example.com/agent:2"))
            self.assertIn("example.com/agent:2", agent(self.stored(pod))["image"])

    def test_other_pods_and_excluded_namespaces_are_not_its_business(self):
        self.create(ordinary(sandbox_pod("other")))
        self.create(sandbox_pod("system", namespace="kube-system"))

    def test_life_of_a_sandbox_goes_on(self):
        pod = self.create_supervised("living")
        self.assert_passes(self.bind(pod)[0])
        status = {"phase": "Running", "podIP": "10.0.0.7", "conditions": [{"type": "Ready", "status": "True"}]}
        self.assert_passes(self.patch(pod, {"status": status}, "--subresource=status"))
        self.assertEqual(self.stored(pod)["status"]["phase"], "Running")
        self.assert_passes(self.patch(pod, {"metadata": {"labels": {"example.com/a": "b"}, "finalizers": ["example.com/a"],
                                                         "annotations": {"example.com/a": "b"}}}))
        self.assert_passes(self.patch(pod, {"spec": {"activeDeadlineSeconds": 600}}))

        # Its end is never in the way, even of one that somebody has meddled with meanwhile.
        self.assert_passes(self.run_kubectl("delete", "pod", "living", "--wait=false"))
        self.assertIn("deletionTimestamp", self.stored(pod)["metadata"])
        self.assert_passes(self.patch(pod, {"status": {"phase": "Failed"}}, "--subresource=status"))
        self.assert_passes(self.patch(pod, {"metadata": {"labels": {SELECTING_LABEL: None}}}))
        self.assert_passes(self.patch(pod, {"metadata": {"finalizers": None}}))

    def test_ignored_webhook_that_is_away_lets_nothing_through(self):
        webhook_server.make_certificate(self.directory, "127.0.0.1")
        webhook_server.register(self.cluster, self.directory, "https://127.0.0.1:1")
        kinds = ("mutatingwebhookconfiguration", "validatingwebhookconfiguration")
        for kind in kinds:
            self.addCleanup(self.cluster.kubectl, "delete", kind, "openshell-injector")

        def answer():
            return self.run_kubectl("create", "-f", "-", stdin=sandbox_pod("unsupervised"))
        webhook_server.wait_for(lambda: "failed calling webhook" in answer().stderr, 30, "the webhook is registered")
        ignore = json.dumps([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}])
        for kind in kinds:
            self.cluster.kubectl("patch", kind, "openshell-injector", "--type=json", f"--patch={ignore}")
        webhook_server.wait_for(lambda: POLICY in answer().stderr, 30, "the API server ignores the webhook")
        self.assert_refused(answer(), "was not seen by the webhook")

    def test_pod_from_before_the_policy_can_be_changed_and_deleted(self):
        self.cluster.kubectl("delete", "validatingadmissionpolicybinding", POLICY)
        self.addCleanup(self.cluster.kubectl, "apply", "-k", PROJECT / "manifests/policy")

        def create_unsupervised():
            return self.run_kubectl("create", "-f", "-", stdin=sandbox_pod("before")).returncode == 0
        webhook_server.wait_for(create_unsupervised, 30, "the policy is gone")
        self.cluster.kubectl("apply", "-k", PROJECT / "manifests/policy")
        webhook_server.wait_for(lambda: POLICY in self.try_to_create(sandbox_pod("probe")).stderr, 30,
                                "the policy is back")
        self.assert_passes(self.run_kubectl("annotate", "pod", "before", "example.com/note=kept"))
        self.assert_passes(self.run_kubectl("delete", "pod", "before", "--grace-period=0", "--force"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
