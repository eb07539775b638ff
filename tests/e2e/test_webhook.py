#!/usr/bin/python3
"""The webhook in front of a real API server: what it does to pods, what it refuses, and what goes on without it."""

import json
import pathlib
import unittest

import webhook_server
from other_webhook import OtherWebhook
from webhook_test_case import WebhookTestCase, agent, environment, ordinary, sandbox_pod

PROXY_UID = 1337


class AdmissionTest(WebhookTestCase):
    """Everything that creates or changes pods, while the webhook runs."""

    def test_sandbox_pod_is_stored_supervised(self):
        created = self.create(sandbox_pod("supervised"))
        self.assert_supervised(created)
        self.assertEqual(self.stored(created)["spec"], created["spec"])
        main_process = json.loads(environment(agent(created))["OPENSHELL_MAIN_PROCESS_SPEC"])
        self.assertEqual(main_process["command"], ["/bin/agent", "--serve"])

    def test_unlabelled_pod_is_untouched(self):
        before = self.webhook.requests()
        unlabelled = sandbox_pod("unlabelled")
        del unlabelled["metadata"]["labels"]
        self.assert_untouched(self.create(unlabelled))
        self.assert_untouched(self.create(ordinary(sandbox_pod("other-label"))))
        self.assertEqual(self.webhook.requests(), before, "the webhook was asked")

    def test_pod_of_a_controller_is_supervised(self):
        pod = sandbox_pod("template")
        template = {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": pod["spec"]}
        job = self.create({"apiVersion": "batch/v1", "kind": "Job",
                           "metadata": {"name": "agents", "namespace": "default"}, "spec": {"template": template}})
        pods = webhook_server.wait_for(
            lambda: json.loads(self.cluster.kubectl("get", "pods", "--selector=job-name=agents", "-o", "json"))["items"],
            30, "the job has its pod")
        self.assert_supervised(pods[0])
        self.delete(job)

    def test_pods_in_the_webhooks_own_namespace_are_not_its_business(self):
        before = self.webhook.requests()
        self.assert_untouched(self.create(sandbox_pod("own", namespace=webhook_server.NAMESPACE) | {
            "spec": restricted_spec()}))
        self.assert_untouched(self.create(sandbox_pod("system", namespace="kube-system")))
        self.assertEqual(self.webhook.requests(), before, "the webhook was asked")

    def test_webhooks_deployment_gets_its_pods(self):
        # Without certificate, node or webhook: nothing of ours stands in the way of our own pods, and they meet the
        # Pod Security Standard that their namespace enforces.
        def pods():
            found = json.loads(self.cluster.kubectl(
                "get", "pods", f"--namespace={webhook_server.NAMESPACE}",
                f"--selector=app.kubernetes.io/name={webhook_server.NAMESPACE}", "-o", "json"))["items"]
            return found if len(found) == 2 else None
        webhook_server.wait_for(pods, 30, "the deployment has two pods")

    def test_denied_pods_are_refused_with_the_field_and_the_reason(self):
        no_id = sandbox_pod("no-id")
        del no_id["metadata"]["labels"]["openshell.ai/sandbox-id"]
        arguments_only = sandbox_pod("arguments-only")
        del agent(arguments_only)["command"]
        agent(arguments_only)["args"] = ["--serve"]
        foreign_variable = sandbox_pod("foreign-variable")
        agent(foreign_variable)["env"] = [{"name": "OPENSHELL_ENDPOINT", "value": "https://elsewhere"}]
        for pod, field in (
                (sandbox_pod("host-network", hostNetwork=True), "spec.hostNetwork"),
                (sandbox_pod("restarted", restartPolicy="Always"), "spec.restartPolicy"),
                (no_id, "openshell.ai/sandbox-id"),
                (arguments_only, "spec.containers[0].args"),
                (foreign_variable, "OPENSHELL_ENDPOINT")):
            with self.subTest(pod["metadata"]["name"]):
                message = self.refusal(pod)
                self.assertIn('admission webhook "inject.injector.openshell.ai" denied the request', message)
                self.assertIn(field, message)
                answer = self.run_kubectl("get", "pod", pod["metadata"]["name"])
                self.assertIn("NotFound", answer.stderr)

    def test_every_cause_of_a_denial_is_told(self):
        message = self.refusal(sandbox_pod("two-causes", hostNetwork=True, hostPID=True))
        self.assertIn("spec.hostNetwork", message)
        self.assertIn("spec.hostPID", message)

    def test_dry_run_shows_the_supervised_pod_and_stores_nothing(self):
        self.assert_supervised(self.create(sandbox_pod("dry"), "--dry-run=server"))
        self.assertIn("NotFound", self.run_kubectl("get", "pod", "dry").stderr)

    def test_kubectl_debug_on_a_sandbox_is_refused(self):
        supervised = self.create(sandbox_pod("debugged"))
        result = self.run_kubectl("debug", "debugged", "--image=example.com/shell", "--profile=general")
        self.assertEqual(result.returncode, 1)
        self.assertIn('admission webhook "validate.injector.openshell.ai" denied the request', result.stderr)
        self.assertNotIn("ephemeralContainers", self.stored(supervised)["spec"])

    def test_kubectl_debug_on_another_pod_works(self):
        other = self.create(ordinary(sandbox_pod("debugged-other")))
        result = self.run_kubectl("debug", "debugged-other", "--image=example.com/shell", "--profile=general")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("ephemeralContainers", self.stored(other)["spec"])

    def test_stored_sandbox_can_be_changed_and_deleted(self):
        created = self.create(sandbox_pod("changed"))
        self.cluster.kubectl("annotate", "pod", "changed", "example.com/note=kept")
        self.cluster.kubectl("label", "pod", "changed", "example.com/label=kept")
        self.assertEqual(self.stored(created)["metadata"]["annotations"]["example.com/note"], "kept")
        self.delete(created)
        self.assertIn("NotFound", self.run_kubectl("get", "pod", "changed").stderr)

    def test_supervised_pod_can_be_created_again_from_what_was_stored(self):
        created = self.create(sandbox_pod("again"))
        self.delete(created)
        for key in ("uid", "resourceVersion", "creationTimestamp"):
            del created["metadata"][key]
        del created["status"]
        self.assertEqual(self.create(created)["spec"], created["spec"])

    def test_sidecar_topology_is_stored_as_configured(self):
        self.restart_webhook("--drain-delay=0s", "--sandbox-uid=1000", "--topology=sidecar",
                             "--supervisor-sideload-method=init-container", "--sidecar-kind=native",
                             f"--sidecar-proxy-uid={PROXY_UID}", "--sidecar-process-binary-aware-network-policy=false")
        created = self.create(sandbox_pod("sidecar"))
        self.assertEqual([container["name"] for container in created["spec"]["initContainers"]],
                         ["openshell-supervisor-install", "openshell-network-init", "openshell-supervisor-network"])
        network = created["spec"]["initContainers"][2]
        self.assertEqual((network["restartPolicy"], network["securityContext"]["runAsUser"]), ("Always", PROXY_UID))
        self.assertTrue(created["spec"]["shareProcessNamespace"])


def restricted_spec():
    """What the webhook's own namespace accepts."""
    spec = sandbox_pod("any")["spec"]
    spec["securityContext"] = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    spec["containers"][0]["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return spec


class OtherWebhooksTest(WebhookTestCase):
    """Other mutating webhooks, called after ours, change the pod."""

    def mutations(self):
        return self.webhook.requests(endpoint="mutate")

    def serve(self, mutate, reinvocation_policy="Never"):
        """Another webhook, registered for the length of the test, and called."""
        other = self.enterContext(OtherWebhook(self.directory, mutate))
        self.create(other.registration("zz-other", reinvocation_policy))

        def is_called():
            self.create(ordinary(sandbox_pod("probe")), "--dry-run=server")
            return other.calls
        webhook_server.wait_for(is_called, 30, "the API server calls the other webhook")
        other.calls = 0
        return other

    def test_harmless_change_is_kept_and_looked_at_again(self):
        other = self.serve(lambda pod: [{"op": "add", "path": "/metadata/labels/example.com~1mesh", "value": "on"}])
        before = self.mutations()
        created = self.create(sandbox_pod("meshed"))
        self.assertEqual(other.calls, 1)
        self.assertEqual(self.mutations() - before, 2, "the webhook was not asked again")
        self.assertEqual(created["metadata"]["labels"]["example.com/mesh"], "on")
        self.assert_supervised(created)

    def test_rights_added_to_the_agent_are_taken_out_again(self):
        def weaken(pod):
            # Only a pod that our first round has supervised has these fields.
            if "securityContext" not in agent(pod):
                return []
            return [{"op": "add", "path": "/spec/containers/0/securityContext/privileged", "value": True},
                    {"op": "add", "path": "/spec/containers/0/securityContext/capabilities/add/-", "value": "SYS_MODULE"}]
        other = self.serve(weaken)
        created = self.create(sandbox_pod("weakened"))
        self.assertEqual(other.calls, 1)
        self.assert_supervised(created)
        self.assertNotIn("privileged", agent(created)["securityContext"])
        self.assertNotIn("SYS_MODULE", agent(created)["securityContext"]["capabilities"]["add"])

    def test_variable_that_would_change_our_own_container_is_taken_out_again(self):
        self.restart_webhook("--drain-delay=0s", "--sandbox-uid=1000", "--topology=sidecar")

        def position(pod):
            names = [container["name"] for container in pod["spec"]["containers"]]
            return names.index("openshell-supervisor-network") if "openshell-supervisor-network" in names else None

        def preload(pod):
            if position(pod) is None:
                return []
            return [{"op": "add", "path": f"/spec/containers/{position(pod)}/env/-",
                     "value": {"name": "LD_PRELOAD", "value": "/tmp/evil.so"}}]
        other = self.serve(preload)
        created = self.create(sandbox_pod("preloaded"))
        self.assertEqual(other.calls, 1)
        self.assertNotIn("LD_PRELOAD", environment(created["spec"]["containers"][position(created)]))

    def test_container_added_beside_the_agent_is_refused(self):
        self.serve(lambda pod: [{"op": "add", "path": "/spec/containers/-",
                                 "value": {"name": "beside", "image": "example.com/beside:1"}}])
        message = self.refusal(sandbox_pod("beside"))
        self.assertIn("spec.containers[1]", message)

    def test_supervisor_taken_out_in_the_last_round_is_refused_by_validation(self):
        def strip(pod):
            if "securityContext" not in agent(pod):
                return []
            return [{"op": "replace", "path": "/spec/containers/0/command", "value": ["/bin/agent", "--serve"]}]
        # It is asked again after our second round, and so has the last word.
        self.serve(strip, "IfNeeded")
        message = self.refusal(sandbox_pod("stripped"))
        self.assertIn('admission webhook "validate.injector.openshell.ai" denied the request', message)
        self.assertIn("spec.containers[0].command", message)


class OutageTest(WebhookTestCase):
    """The webhook is not there."""

    def setUp(self):
        self.created_before = self.create(sandbox_pod("created-before"))
        self.other_before = self.create(ordinary(sandbox_pod("other-before")))
        self.webhook.stop()
        self.addCleanup(self.start_as_usual)

    def test_sandbox_pods_are_refused(self):
        self.assertIn('failed calling webhook "inject.injector.openshell.ai"', self.refusal(sandbox_pod("unsupervised")))
        self.assertIn("NotFound", self.run_kubectl("get", "pod", "unsupervised").stderr)

    def test_other_pods_are_created(self):
        self.assert_untouched(self.create(ordinary(sandbox_pod("unaffected"))))

    def test_system_pods_are_created(self):
        self.create(sandbox_pod("system", namespace="kube-system"))

    def test_existing_sandboxes_are_changed_and_deleted(self):
        self.cluster.kubectl("label", "pod", "created-before", "example.com/label=kept")
        self.delete(self.created_before)
        self.assertIn("NotFound", self.run_kubectl("get", "pod", "created-before").stderr)

    def test_debugging_a_sandbox_is_refused(self):
        result = self.run_kubectl("debug", "created-before", "--image=example.com/shell", "--profile=general")
        self.assertEqual(result.returncode, 1)
        self.assertIn('failed calling webhook "validate.injector.openshell.ai"', result.stderr)

    def test_sandbox_pods_are_created_again_once_it_is_back(self):
        self.start_as_usual()
        self.assert_supervised(self.create(sandbox_pod("recovered")))


class NamespaceTest(WebhookTestCase):
    """User and group from the namespace's annotations, through the webhook's watch, with the rights of its own service
    account and no more."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kubeconfig = pathlib.Path(cls.directory, "service-account.kubeconfig")
        webhook_server.write_service_account_kubeconfig(cls.cluster, cls.kubeconfig)
        cls.FLAGS = ["--drain-delay=0s", f"--kubeconfig={cls.kubeconfig}"]
        cls.start_as_usual()

    def sandbox_user(self, namespace, name="who"):
        variables = environment(agent(self.create(sandbox_pod(name, namespace=namespace), "--dry-run=server")))
        return variables["OPENSHELL_SANDBOX_UID"], variables["OPENSHELL_SANDBOX_GID"]

    @staticmethod
    def ranges(uid, gid):
        return {"openshift.io/sa.scc.uid-range": f"{uid}/10000", "openshift.io/sa.scc.supplemental-groups": f"{gid}/10000"}

    def test_service_account_may_do_no_more_than_it_needs(self):
        def may(*what):
            return self.run_kubectl("--kubeconfig", str(self.kubeconfig), "auth", "can-i", *what).stdout.strip()
        for what in (("list", "namespaces"), ("watch", "namespaces")):
            self.assertEqual(may(*what), "yes", what)
        for what in (("list", "secrets", "--all-namespaces"), ("list", "pods", "--all-namespaces"), ("create", "pods"),
                     ("update", "namespaces"), ("get", "configmaps"),
                     ("patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io")):
            self.assertEqual(may(*what), "no", what)

    def test_user_and_group_come_from_the_namespace(self):
        self.assertEqual(self.sandbox_user("default"), ("1000", "1000"))
        self.create_namespace("ranged", self.ranges(1000680000, 1000690000))
        self.assertEqual(self.sandbox_user("ranged"), ("1000680000", "1000690000"))

    def test_changed_annotation_is_followed(self):
        self.create_namespace("changing", self.ranges(1000700000, 1000700000))
        self.assertEqual(self.sandbox_user("changing")[0], "1000700000")
        self.cluster.kubectl("annotate", "--overwrite", "namespace", "changing",
                             "openshift.io/sa.scc.uid-range=1000710000/10000")
        webhook_server.wait_for(lambda: self.sandbox_user("changing")[0] == "1000710000", 10, "the change is seen")

    def test_malformed_annotation_is_a_denial(self):
        self.create_namespace("malformed", {"openshift.io/sa.scc.uid-range": "many"})
        self.assertIn("openshift.io/sa.scc.uid-range", self.refusal(sandbox_pod("malformed", namespace="malformed")))

    def test_cache_survives_a_restart_of_the_api_server(self):
        self.need_own_cluster()
        self.create_namespace("before", self.ranges(1000720000, 1000720000))
        process = self.webhook.process.pid
        self.cluster.succeed("stop-apiserver")
        self.cluster.succeed("start-apiserver")
        self.assertEqual(self.sandbox_user("before")[0], "1000720000")
        self.create_namespace("after", self.ranges(1000730000, 1000730000))
        webhook_server.wait_for(lambda: self.sandbox_user("after")[0] == "1000730000", 30, "the new namespace is seen")
        self.assertEqual(self.webhook.process.pid, process)
        self.assertIsNone(self.webhook.process.poll())

    def test_cache_survives_a_forgotten_history(self):
        self.need_own_cluster()
        self.cluster.succeed("stop-apiserver", "--kill")
        self.cluster.succeed("compact")
        self.cluster.succeed("start-apiserver")
        self.create_namespace("compacted", self.ranges(1000740000, 1000740000))
        webhook_server.wait_for(lambda: self.sandbox_user("compacted")[0] == "1000740000", 30,
                                "the new namespace is seen")
        self.assertTrue(self.webhook.is_ready())


if __name__ == "__main__":
    unittest.main(verbosity=2)
