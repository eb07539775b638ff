"""The contract of the compute driver, by a client that knows nothing of the driver's own code, on a real API server
with the real webhook."""

import base64
import json
import threading
import unittest

import grpc
from google.protobuf import json_format  # noqa: F401 - registers Struct's update

import setting as parts
import wire
from pod_comparison import comparable
from setting import sandbox, ready_condition, running_status, wait_for

setting = None
driver = None


def setUpModule():
    global setting, driver
    setting = parts.acquire()
    unittest.addModuleCleanup(parts.release)
    driver = setting.start_driver()


class DriverTest(unittest.TestCase):
    def setUp(self):
        self.client = driver.client

    def assert_status(self, code, call, *arguments, text="", **fields):
        with self.assertRaises(grpc.RpcError) as caught:
            call(*arguments, **fields)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        self.assertIn(text, caught.exception.details())
        return caught.exception.details()

    def create(self, name="sb", **keywords):
        message = sandbox(name, **keywords)
        self.client.CreateSandbox(sandbox=message)
        self.addCleanup(self.remove, message.id)
        return message

    def remove(self, sandbox_id):
        watcher = parts.Watcher(self.client)
        if self.client.DeleteSandbox(sandbox_id=sandbox_id).deleted:
            watcher.wait_deleted(sandbox_id)
        # A stream that ends too early may not have been told, for all the driver knows; it would wait for another.
        wait_for(lambda: not any(sandbox_id in name for name in setting.leftovers()), what="the end of the record")
        watcher.close()

    def ready(self, sandbox_id):
        return ready_condition(self.client.GetSandbox(sandbox_id=sandbox_id).sandbox)

    def wait_reason(self, sandbox_id, reason):
        return wait_for(lambda: self.ready(sandbox_id).reason == reason and self.ready(sandbox_id),
                        what=f"reason {reason}")


class Capabilities(DriverTest):
    def test_names_itself(self):
        answer = self.client.GetCapabilities()
        self.assertEqual(answer.driver_name, "pods")
        self.assertTrue(answer.driver_version)
        self.assertIn("sandboxes/base", answer.default_image)
        self.assertFalse(answer.gateway_manages_lifecycle)

    def test_refuses_gateways_of_the_next_contract(self):
        newer = wire.NewGetCapabilitiesRequest()
        newer.gateway.SetInParent()
        self.assert_status(grpc.StatusCode.FAILED_PRECONDITION, self.client.raw, "GetCapabilities",
                           newer.SerializeToString(), text="0.0.x")

    def test_needs_no_listener_of_the_gateway(self):
        self.assertEqual(len(self.client.GetGatewayListenerRequirements().requirements), 0)

    def test_does_not_implement_what_is_not_in_the_contract(self):
        self.assert_status(grpc.StatusCode.UNIMPLEMENTED, self.client.raw, "SnapshotSandbox", b"")
        call = self.client.channel.unary_unary("/other.Service/GetCapabilities")
        self.assert_status(grpc.StatusCode.UNIMPLEMENTED, call, b"", timeout=10)


class Validation(DriverTest):
    VOLUME = {"name": "d", "persistent_volume_claim": {"claim_name": "c", "read_only": False}}

    def refused(self, message, text):
        self.assert_status(grpc.StatusCode.INVALID_ARGUMENT, self.client.ValidateSandboxCreate, sandbox=message,
                           text=text)

    def mount(self, **mount):
        return {"volumes": [self.VOLUME], "containers": {"agent": {"volume_mounts": [{"name": "d", **mount}]}}}

    def refused_config(self, config, text):
        self.refused(sandbox(template={"driver_config": config}), "spec.template.driver_config" + text)

    def test_accepts_a_sandbox_without_token(self):
        self.client.ValidateSandboxCreate(sandbox=sandbox(token=""))

    def test_names_the_field_of_a_bad_identity(self):
        self.assert_status(grpc.StatusCode.INVALID_ARGUMENT, self.client.ValidateSandboxCreate, text="sandbox")
        self.refused(sandbox(sandbox_id="A"), "id:")
        self.refused(sandbox(sandbox_id="a" * 64), "id:")
        for name in ("", "a" * 20, "a--b", "-a", "a-", "A", "a.b"):
            self.refused(sandbox(name), "name:")
        self.refused(sandbox(workspace="a--b"), "workspace:")
        self.client.ValidateSandboxCreate(sandbox=sandbox("a" * 19, workspace="b" * 19, sandbox_id="c" * 63))

    def test_refuses_protected_and_impossible_variables(self):
        self.refused(sandbox(environment={"OPENSHELL_X": "1"}), "spec.environment.OPENSHELL_X")
        self.refused(sandbox(environment={"1X": "1"}), "spec.environment")
        self.refused(sandbox(template={"environment": {"A-B": "1"}}), "spec.template.environment")

    def test_refuses_what_would_not_fit(self):
        large = {f"V{number}": "x" * 8000 for number in range(16)}
        self.refused(sandbox(environment=large), "spec.environment")
        self.refused(sandbox(command=["x" * 1000] * 130), "spec.command")
        self.client.ValidateSandboxCreate(sandbox=sandbox(command=["x" * 1000] * 120))
        self.refused(sandbox(log_level="x" * 33), "spec.log_level")

    def test_refuses_no_gpu_at_all(self):
        message = sandbox()
        message.spec.resource_requirements.gpu.count = 0
        self.refused(message, "gpu.count")

    def test_checks_labels_annotations_and_quantities(self):
        self.refused(sandbox(template={"labels": {"a b": "c"}}), "spec.template.labels")
        self.refused(sandbox(template={"labels": {"a": "b c"}}), "spec.template.labels.a")
        self.refused(sandbox(template={"resources": {"cpu_limit": "lots"}}), "spec.template.resources.cpu_limit")
        self.refused(sandbox(template={"platform_config": {"annotations": {"a": 1}}}), "platform_config.annotations.a")
        self.refused(sandbox(template={"platform_config": {"runtime_class_name": "a_b"}}), "runtime_class_name")
        self.refused(sandbox(template={"platform_config": {"host_users": "no"}}), "host_users")

    def test_refuses_unknown_keys_of_driver_config_at_every_level(self):
        self.refused_config({"x": 1}, ".x")
        self.refused_config({"pod": {"x": 1}}, ".pod.x")
        self.refused_config({"containers": {"x": {}}}, ".containers.x")
        self.refused_config({"containers": {"agent": {"x": 1}}}, ".containers.agent.x")
        self.refused_config({"containers": {"agent": {"resources": {"x": {}}}}}, ".containers.agent.resources.x")
        self.refused_config({"volumes": [{**self.VOLUME, "x": 1}]}, ".volumes[0].x")
        self.refused_config(self.mount(mount_path="/a", x=1), ".containers.agent.volume_mounts[0].x")
        tolerated = {"pod": {"tolerations": [{"anything": 1}]}}
        self.client.ValidateSandboxCreate(sandbox=sandbox(template={"driver_config": tolerated}))

    def test_checks_volumes(self):
        for name in ("workspace", "openshell-supervisor-bin", "openshell-sa-token", "A"):
            self.refused_config({"volumes": [{**self.VOLUME, "name": name}]}, ".volumes[0].name")
        self.refused_config({"volumes": [self.VOLUME, self.VOLUME]}, ".volumes[1].name")
        self.refused_config({"volumes": [{"name": "d"}]}, ".volumes[0].persistent_volume_claim")
        self.refused_config({"volumes": [{"name": "d", "persistent_volume_claim": {"claim_name": "A_"}}]},
                            ".volumes[0].persistent_volume_claim.claim_name")

    def test_checks_where_volumes_are_mounted(self):
        refused = ("relative", "/", "/a//b", "/a//", "/a/./b", "/a/../b", "/a\nb", "/a\x85", "/a ", "/sandbox",
                   "/sandbox/", "/opt", "/opt/openshell/x", "/etc/openshell", "/etc", "/run", "/var/run/netns", "/var",
                   "/run/openshell/x", "/var/run/secrets/openshell")
        for path in refused:
            self.refused_config(self.mount(mount_path=path), ".containers.agent.volume_mounts[0].mount_path")
        for path in ("/data", "/data/", "/sandbox/x", "/etc/other", "/opt/openshellx", "/run/other"):
            message = sandbox(template={"driver_config": self.mount(mount_path=path)})
            self.client.ValidateSandboxCreate(sandbox=message)

    def test_checks_how_volumes_are_mounted(self):
        where = ".containers.agent.volume_mounts"
        self.refused_config(self.mount(mount_path="/a", name="other"), where + "[0].name")
        for path in ("", "/a", "a/../b"):
            self.refused_config(self.mount(mount_path="/a", sub_path=path), where + "[0].sub_path")
        read_only = {**self.mount(mount_path="/a", read_only=False),
                     "volumes": [{"name": "d", "persistent_volume_claim": {"claim_name": "c"}}]}
        self.refused_config(read_only, where + "[0].read_only")
        twice = self.mount(mount_path="/a")
        twice["containers"]["agent"]["volume_mounts"].append({"name": "d", "mount_path": "/a/"})
        self.refused_config(twice, where + "[1].mount_path")

    def test_takes_a_config_that_is_still_keyed_by_the_driver(self):
        for name in ("pods", "kubernetes"):
            config = {name: {"pod": {"priority_class_name": "A_"}}}
            self.refused_config(config, ".pod.priority_class_name")


class Life(DriverTest):
    def test_ends_calls_for_unknown_sandboxes_as_the_gateway_expects(self):
        for call in (self.client.GetSandbox, self.client.StopSandbox, self.client.StartSandbox):
            self.assert_status(grpc.StatusCode.NOT_FOUND, call, sandbox_id="unknown")
            self.assert_status(grpc.StatusCode.INVALID_ARGUMENT, call, sandbox_id="", text="sandbox_id")
        self.assertFalse(self.client.DeleteSandbox(sandbox_id="unknown").deleted)
        self.assert_status(grpc.StatusCode.INVALID_ARGUMENT, self.client.DeleteSandbox, text="sandbox_id")

    def test_refuses_what_exists_and_leaves_it_alone(self):
        first = self.create("twice")
        before = setting.leftovers()
        self.assert_status(grpc.StatusCode.ALREADY_EXISTS, self.client.CreateSandbox, sandbox=first)
        self.assert_status(grpc.StatusCode.ALREADY_EXISTS, self.client.CreateSandbox, sandbox=sandbox("twice"))
        self.assertEqual(setting.leftovers(), before)
        self.create("twice", workspace="other")

    def test_refuses_a_sandbox_without_token(self):
        self.assert_status(grpc.StatusCode.FAILED_PRECONDITION, self.client.CreateSandbox, sandbox=sandbox(token=""),
                           text="token")

    def test_refuses_gpus_that_no_node_has(self):
        message = sandbox("gpu")
        message.spec.resource_requirements.gpu.SetInParent()
        for call in (self.client.ValidateSandboxCreate, self.client.CreateSandbox):
            self.assert_status(grpc.StatusCode.FAILED_PRECONDITION, call, sandbox=message, text="GPU")

    def test_keeps_the_token_in_its_secret_alone(self):
        token = parts.make_token(sandbox_id="very-secret")
        message = self.create("secret", token=token)
        record = setting.api.get("secrets", "openshell-sandbox-" + message.id)
        self.assertEqual(base64.b64decode(record["data"]["sandbox.jwt"]).decode(), token)
        document = base64.b64decode(record["data"]["sandbox.json"]).decode()
        self.assertNotIn(token, document)
        self.assertEqual(json.loads(document)["version"], 1)
        self.assertEqual(record["metadata"]["annotations"]["openshell.ai/desired-state"], "Running")
        self.assertEqual(record["metadata"]["annotations"]["openshell.ai/phase"], "Created")
        pod = setting.api.get("pods", "default--secret")
        self.assertNotIn(token, json.dumps(pod))
        self.assertEqual(pod["metadata"]["ownerReferences"][0]["uid"], record["metadata"]["uid"])
        self.assertNotIn(token, driver.log_path.read_text())
        self.assertNotIn(token, driver.http("/metrics")[1])

    def test_reports_what_the_pod_does(self):
        message = self.create("reports")
        self.assertEqual(self.ready(message.id).reason, "Starting")
        setting.api.set_pod_status("default--reports", running_status())
        condition = self.wait_reason(message.id, "BackendReady")
        self.assertEqual((condition.status, condition.last_transition_time), ("True", "2026-01-02T03:04:05Z"))
        endpoint = self.client.ResolveSandboxEndpoint(sandbox=message).endpoint
        self.assertEqual((endpoint.ip, endpoint.port), ("10.1.2.3", 2222))
        setting.api.set_pod_status("default--reports", parts.ended_status(3))
        condition = self.wait_reason(message.id, "ContainerExited")
        self.assertEqual(condition.status, "False")
        self.assertIn("exit code 3", condition.message)

    def test_resolves_a_pod_without_address_by_name(self):
        message = self.create("noip")
        endpoint = self.client.ResolveSandboxEndpoint(sandbox=message).endpoint
        self.assertEqual(endpoint.host, "default--noip.openshell.svc.cluster.local")

    def test_reports_the_gateway_names_and_not_the_pods(self):
        message = self.create("names", workspace="team")
        found = self.client.GetSandbox(sandbox_id=message.id, sandbox_name="ignored").sandbox
        self.assertEqual((found.id, found.name, found.workspace), (message.id, "names", "team"))
        self.assertEqual(found.status.instance_id, "team--names")
        self.assertFalse(found.HasField("spec"))

    def test_stops_and_starts(self):
        message = self.create("stops")
        claim = setting.api.get("persistentvolumeclaims", "openshell-workspace-" + message.id)
        first = setting.api.get("pods", "default--stops")
        self.client.StopSandbox(sandbox_id=message.id)
        self.assertIsNone(setting.api.find("pods", "default--stops"))
        found = self.client.GetSandbox(sandbox_id=message.id).sandbox
        self.assertIn(("Suspended", "True"), [(one.type, one.status) for one in found.status.conditions])
        self.assertIn(message.id, [one.id for one in self.client.ListSandboxes().sandboxes])
        self.client.StopSandbox(sandbox_id=message.id)
        self.client.StartSandbox(sandbox_id=message.id)
        second = setting.api.get("pods", "default--stops")
        self.assertNotEqual(first["metadata"]["uid"], second["metadata"]["uid"])
        self.assertEqual(comparable(first)["spec"], comparable(second)["spec"])
        self.client.StartSandbox(sandbox_id=message.id)
        self.assertEqual(setting.api.get("pods", "default--stops")["metadata"]["uid"], second["metadata"]["uid"])
        again = setting.api.get("persistentvolumeclaims", "openshell-workspace-" + message.id)
        self.assertEqual(claim["metadata"]["uid"], again["metadata"]["uid"])

    def test_a_stop_returns_when_the_pod_is_gone(self):
        message = self.create("slow")
        self.bind("default--slow")
        stop = threading.Thread(target=self.client.StopSandbox, kwargs={"sandbox_id": message.id})
        stop.start()
        wait_for(lambda: "deletionTimestamp" in setting.api.get("pods", "default--slow")["metadata"])
        found = self.client.GetSandbox(sandbox_id=message.id).sandbox
        self.assertIn(("Suspended", "False", "PodTerminating"),
                      [(one.type, one.status, one.reason) for one in found.status.conditions])
        self.assertFalse(found.status.deleting)
        self.assertTrue(stop.is_alive())
        setting.api.delete("pods", "default--slow", gracePeriodSeconds=0)
        stop.join(10)
        self.assertFalse(stop.is_alive())

    def bind(self, pod, node="node-1"):
        """Gives the pod a node without a kubelet, so that it ends only when a test says so."""
        if not setting.api.request("GET", "/api/v1/nodes?fieldSelector=metadata.name%3D" + node)["items"]:
            setting.api.request("POST", "/api/v1/nodes", {"metadata": {"name": node}})
        setting.api.request("POST", f"/api/v1/namespaces/openshell/pods/{pod}/binding",
                            {"metadata": {"name": pod}, "target": {"kind": "Node", "name": node}})

    def test_a_pod_that_others_delete_is_missing_and_can_be_started_again(self):
        message = self.create("missing")
        setting.api.delete("pods", "default--missing")
        condition = self.wait_reason(message.id, "PodMissing")
        self.assertEqual(condition.status, "False")
        self.assertFalse(self.client.GetSandbox(sandbox_id=message.id).sandbox.status.deleting)
        self.client.StartSandbox(sandbox_id=message.id)
        self.wait_reason(message.id, "Starting")

    def test_a_delete_ends_with_its_event_and_leaves_nothing(self):
        message = self.create("gone")
        watcher = parts.Watcher(self.client)
        self.assertTrue(self.client.DeleteSandbox(sandbox_id=message.id).deleted)
        watcher.wait_deleted(message.id)
        wait_for(lambda: not any(message.id in name or "gone" in name for name in setting.leftovers()))
        self.assertFalse(self.client.DeleteSandbox(sandbox_id=message.id).deleted)
        self.assert_status(grpc.StatusCode.NOT_FOUND, self.client.GetSandbox, sandbox_id=message.id)
        watcher.close()

    def test_what_has_been_told_to_be_gone_can_come_again_at_once(self):
        watcher = parts.Watcher(self.client)
        for same_id in (None, None, "again"):
            message = self.create("again", sandbox_id=same_id)
            self.client.DeleteSandbox(sandbox_id=message.id)
            watcher.wait_deleted(message.id)
        self.create("again", sandbox_id="again")
        watcher.close()

    def test_a_delete_without_watch_waits_for_one(self):
        message = self.create("waits")
        self.client.DeleteSandbox(sandbox_id=message.id)
        wait_for(lambda: setting.api.find("pods", "default--waits") is None)
        found = self.client.GetSandbox(sandbox_id=message.id).sandbox
        self.assertTrue(found.status.deleting)
        self.assert_status(grpc.StatusCode.FAILED_PRECONDITION, self.client.StartSandbox, sandbox_id=message.id)
        watcher = parts.Watcher(self.client)
        watcher.wait_deleted(message.id)
        watcher.close()


class Watching(DriverTest):
    def test_begins_with_a_snapshot_of_each_and_goes_on_with_changes(self):
        messages = [self.create(f"watch-{number}") for number in range(3)]
        watcher = parts.Watcher(self.client)
        for message in messages:
            watcher.wait_snapshot(message.id, lambda found: ready_condition(found).reason == "Starting")
        setting.api.set_pod_status("default--watch-1", running_status())
        watcher.wait_snapshot(messages[1].id, lambda found: ready_condition(found).status == "True")
        self.client.StopSandbox(sandbox_id=messages[1].id)
        watcher.wait_snapshot(messages[1].id,
                              lambda found: any(one.type == "Suspended" and one.status == "True"
                                                for one in found.status.conditions))
        self.assertFalse(any(event.WhichOneof("payload") == "deleted" and event.deleted.sandbox_id == messages[1].id
                             for event in watcher.events))
        watcher.close()

    def event(self, pod, reason, message):
        setting.api.create("events", {
            "metadata": {"generateName": "event-"}, "type": "Normal", "reason": reason, "message": message,
            "involvedObject": {"kind": "Pod", "name": pod, "namespace": "openshell"},
            "firstTimestamp": "2026-01-02T03:04:05Z", "lastTimestamp": "2026-01-02T03:04:06Z", "count": 2})

    def test_turns_events_into_progress(self):
        message = self.create("progress")
        watcher = parts.Watcher(self.client)
        watcher.wait_snapshot(message.id, lambda found: True)
        expected = {
            "Scheduled": ("placed", {"complete_step": "requesting_sandbox", "complete_label": "Sandbox allocated",
                                     "active_step": "pulling_image"}),
            "Pulling": ('Pulling image "img:1"', {"active_step": "pulling_image", "active_detail": "img:1"}),
            "Pulled": ("Pulled. Image size: 12500000 bytes.", {
                "complete_step": "pulling_image", "complete_label": "Image pulled (12.5 MB)",
                "active_step": "starting_sandbox"}),
        }
        for reason, (text, progress) in expected.items():
            self.event("default--progress", reason, text)
            found = watcher.wait(lambda event: event.WhichOneof("payload") == "platform_event"
                                 and event.platform_event.event.reason == reason, what=reason).platform_event
            self.assertEqual(found.sandbox_id, message.id)
            self.assertEqual(found.event.source, "kubernetes")
            self.assertEqual(found.event.timestamp_ms, 1767323046000)
            metadata = dict(found.event.metadata)
            self.assertEqual({key.rpartition(".")[2]: value for key, value in metadata.items()
                              if key.startswith("openshell.progress.")}, progress)
            self.assertEqual((metadata["count"], metadata["involved_name"]), ("2", "default--progress"))
        watcher.close()

    def test_serves_a_hundred_streams_at_once(self):
        message = self.create("hundred")
        watchers = [parts.Watcher(self.client) for _ in range(100)]
        setting.api.set_pod_status("default--hundred", running_status())
        for watcher in watchers:
            watcher.wait_snapshot(message.id, lambda found: ready_condition(found).status == "True")
        self.assertEqual(driver.metric("openshell_driver_watch_streams"), 100)
        for watcher in watchers:
            watcher.close()
        wait_for(lambda: driver.metric("openshell_driver_watch_streams") == 0)


class FailedPulls(DriverTest):
    def test_a_failing_pull_is_transient_until_patience_ends(self):
        patient = self.create("pull")
        setting.api.set_pod_status("default--pull", parts.waiting_status("ImagePullBackOff", "no such image"))
        wait_for(lambda: "no such image" in self.ready(patient.id).message)
        self.assertEqual(self.ready(patient.id).reason, "Starting")
        impatient = setting.start_driver("--image-pull-timeout-seconds", "1")
        watcher = parts.Watcher(impatient.client)
        watcher.wait_snapshot(patient.id, lambda found: ready_condition(found).reason == "ImagePullFailed")
        watcher.close()
        self.assertEqual(impatient.stop(), 0)


if __name__ == "__main__":
    unittest.main()
