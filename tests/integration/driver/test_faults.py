"""What is left when things break: afterwards there must be no orphan of any kind and no lost sandbox."""

import base64
import concurrent.futures
import http.server
import json
import os
import signal
import ssl
import threading
import time
import unittest

import grpc

import setting as parts
from api_proxy import ApiProxy
from setting import ready_condition, running_status, sandbox, wait_for

setting = None


def setUpModule():
    global setting
    setting = parts.acquire()
    unittest.addModuleCleanup(parts.release)


class FaultTest(unittest.TestCase):
    def start(self, *flags, **keywords):
        one = setting.start_driver(*flags, **keywords)
        self.addCleanup(lambda: one.process.poll() is None and one.stop(signal.SIGKILL))
        return one

    def assert_status(self, code, call, text="", **fields):
        with self.assertRaises(grpc.RpcError) as caught:
            call(**fields)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        self.assertIn(text, caught.exception.details())

    def die(self, point, act):
        """Runs `act(client)` on a driver that dies at `point`."""
        doomed = self.start(program="openshell-driver-pods-faults", environment={"OPENSHELL_DRIVER_TEST_DIE_AT": point})
        try:
            act(doomed.client)
        except grpc.RpcError as error:
            self.assertIn(error.code(), (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL))
        self.assertEqual(doomed.process.wait(40), -signal.SIGKILL, f"did not die at {point}")
        doomed.client.close()

    @staticmethod
    def is_stopped(driver, sandbox_id):
        found = driver.client.GetSandbox(sandbox_id=sandbox_id).sandbox
        return any(one.type == "Suspended" and one.status == "True" for one in found.status.conditions)

    def delete_all(self, driver):
        watcher = parts.Watcher(driver.client)
        for found in driver.client.ListSandboxes().sandboxes:
            driver.client.DeleteSandbox(sandbox_id=found.id)
        wait_for(lambda: not setting.leftovers(), timeout_s=60, what="the end of all sandboxes")
        watcher.close()

    def assert_clean(self):
        wait_for(lambda: not setting.leftovers(), timeout_s=30, what="the removal of all leftovers")


class Death(FaultTest):
    """The driver is killed right after each step of each operation; the next driver makes good."""

    def test_a_create_that_was_cut_off_leaves_nothing(self):
        for point in ("create.record", "create.claim", "pod.posted", "create.pod"):
            with self.subTest(point):
                message = sandbox("cut")
                self.die(point, lambda client: client.CreateSandbox(sandbox=message))
                self.assertTrue(setting.leftovers())
                heir = self.start()
                self.assert_clean()
                self.assert_status(grpc.StatusCode.NOT_FOUND, heir.client.GetSandbox, sandbox_id=message.id)
                self.assertEqual(heir.stop(), 0)

    def test_a_created_sandbox_outlives_the_driver(self):
        message = sandbox("kept")
        self.die("create.created", lambda client: client.CreateSandbox(sandbox=message))
        heir = self.start()
        self.assertEqual([found.id for found in heir.client.ListSandboxes().sandboxes], [message.id])
        self.delete_all(heir)
        self.assertEqual(heir.stop(), 0)

    def test_a_stop_that_was_cut_off_is_finished(self):
        for point in ("stop.record", "stop.pod"):
            with self.subTest(point):
                first = self.start()
                message = sandbox("stopped")
                first.client.CreateSandbox(sandbox=message)
                self.assertEqual(first.stop(), 0)
                self.die(point, lambda client: client.StopSandbox(sandbox_id=message.id))
                heir = self.start()
                wait_for(lambda: setting.api.find("pods", "default--stopped") is None)
                wait_for(lambda: self.is_stopped(heir, message.id), what="the end of the stop")
                self.delete_all(heir)
                self.assertEqual(heir.stop(), 0)

    def test_a_start_that_was_cut_off_is_finished(self):
        for point in ("start.record", "pod.posted", "start.pod"):
            with self.subTest(point):
                first = self.start()
                message = sandbox("started")
                first.client.CreateSandbox(sandbox=message)
                first.client.StopSandbox(sandbox_id=message.id)
                self.assertEqual(first.stop(), 0)
                self.die(point, lambda client: client.StartSandbox(sandbox_id=message.id))
                heir = self.start()
                wait_for(lambda: setting.api.find("pods", "default--started"), what="the pod")
                ready = ready_condition(heir.client.GetSandbox(sandbox_id=message.id).sandbox)
                self.assertEqual(ready.reason, "Starting")
                wait_for(lambda: "openshell.ai/starting" not in setting.api.get(
                    "secrets", "openshell-sandbox-" + message.id)["metadata"]["annotations"])
                self.delete_all(heir)
                self.assertEqual(heir.stop(), 0)

    def test_a_delete_that_was_cut_off_is_finished_and_told(self):
        for point in ("delete.record", "delete.pod", "delete.claim", "delete.objects", "delete.told"):
            with self.subTest(point):
                first = self.start()
                message = sandbox("deleted")
                first.client.CreateSandbox(sandbox=message)
                self.assertEqual(first.stop(), 0)

                def delete_and_watch(client):
                    watcher = parts.Watcher(client)  # noqa: F841 - open while the sandbox is deleted
                    client.DeleteSandbox(sandbox_id=message.id)

                self.die(point, delete_and_watch)
                heir = self.start()
                watcher = parts.Watcher(heir.client)
                watcher.wait_deleted(message.id)
                self.assert_clean()
                watcher.close()
                self.assertEqual(heir.stop(), 0)


class Supervision(FaultTest):
    """An agent never runs unsupervised."""

    def test_a_pod_that_no_webhook_changed_is_removed_at_once(self):
        one = self.start()
        stopped = sandbox("was-stopped")
        one.client.CreateSandbox(sandbox=stopped)
        one.client.StopSandbox(sandbox_id=stopped.id)
        setting.webhook.unregister()
        try:
            self.assert_status(grpc.StatusCode.FAILED_PRECONDITION, one.client.CreateSandbox, text="webhook",
                               sandbox=sandbox("alone"))
            self.assert_status(grpc.StatusCode.FAILED_PRECONDITION, one.client.StartSandbox, text="webhook",
                               sandbox_id=stopped.id)
            self.assertEqual(setting.api.list("pods"), [])
            self.assertTrue(self.is_stopped(one, stopped.id))
        finally:
            setting.webhook.register()
        one.client.StartSandbox(sandbox_id=stopped.id)
        self.delete_all(one)

    def test_a_driver_that_dies_before_it_looks_leaves_no_unsupervised_pod_to_the_next(self):
        first = self.start()
        message = sandbox("unseen")
        first.client.CreateSandbox(sandbox=message)
        first.client.StopSandbox(sandbox_id=message.id)
        self.assertEqual(first.stop(), 0)
        setting.webhook.unregister()
        try:
            self.die("pod.posted", lambda client: client.StartSandbox(sandbox_id=message.id))
            self.assertIsNotNone(setting.api.find("pods", "default--unseen"))
            heir = self.start()
            wait_for(lambda: setting.api.find("pods", "default--unseen") is None, what="the pod's end")
            wait_for(lambda: self.is_stopped(heir, message.id), what="the sandbox's return to where it was")
        finally:
            setting.webhook.register()
        heir.client.StartSandbox(sandbox_id=message.id)
        self.delete_all(heir)

    def test_a_webhook_that_allows_without_a_patch_is_noticed(self):
        one = self.start()
        setting.webhook.unregister()
        stand_in = StandInWebhook(setting.webhook)
        try:
            setting.api.request("POST", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
                                stand_in.registration())
            wait_for(lambda: self.asks_stand_in(one, stand_in), timeout_s=30, what="a call of the stand-in")
        finally:
            setting.api.request(
                "DELETE", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/stand-in")
            stand_in.close()
            setting.webhook.register()
        self.assert_clean()

    def asks_stand_in(self, one, stand_in):
        self.assert_status(grpc.StatusCode.FAILED_PRECONDITION, one.client.CreateSandbox, text="webhook",
                           sandbox=sandbox("unpatched"))
        return stand_in.calls > 0

    def test_what_the_webhook_denies_is_told_and_leaves_nothing(self):
        setting.webhook.run(["--config", self.write_configuration()])
        try:
            one = self.start()
            self.assert_status(grpc.StatusCode.FAILED_PRECONDITION, one.client.CreateSandbox, text="image",
                               sandbox=sandbox("denied"))
            self.assert_clean()
        finally:
            setting.webhook.run([])

    @staticmethod
    def write_configuration():
        path = setting.directory / "injector.yaml"
        path.write_text("apiVersion: injector.openshell.ai/v1alpha1\nkind: InjectorConfiguration\n"
                        "allowedImages: [\"nowhere.test/*\"]\n")
        return str(path)


class StandInWebhook:
    """Allows everything and changes nothing."""

    def __init__(self, webhook):
        self.calls = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.calls += 1
                body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                                   "response": {"uid": review["request"]["uid"], "allowed": True}}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(webhook.certificate, webhook.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.certificate = webhook.certificate
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def registration(self):
        return {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "stand-in"},
            "webhooks": [{
                "name": "stand-in.openshell.ai", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                "failurePolicy": "Fail", "objectSelector": {"matchLabels": {"openshell.ai/managed-by": "openshell"}},
                "clientConfig": {"url": f"https://127.0.0.1:{self.server.server_address[1]}/",
                                 "caBundle": base64.b64encode(self.certificate.read_bytes()).decode()},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
            }],
        }

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class FaultyServer(FaultTest):
    """The API server answers badly to one request or the other."""

    def setUp(self):
        self.proxy = ApiProxy(setting.api, setting.directory)
        self.addCleanup(self.proxy.close)
        directory = setting.directory / f"proxied-{time.monotonic_ns()}"
        directory.mkdir()
        self.driver = parts.DriverProcess(directory, self.proxy.kubeconfig())
        setting.drivers.append(self.driver)
        self.addCleanup(lambda: self.driver.process.poll() is None and self.driver.stop(signal.SIGKILL))

    def fail(self, method, part, fault, times=10**9):
        """The next `times` matching requests get the fault."""
        left = [times]

        def decide(request_method, path, body):
            if request_method == method and part in path and "watch=" not in path and left[0] > 0:
                left[0] -= 1
                return fault
            return None

        self.proxy.fault = decide

    def test_a_create_that_fails_at_any_step_leaves_nothing(self):
        for part in ("/secrets", "/persistentvolumeclaims", "/pods"):
            for fault in (500, 403, 409, "drop"):
                with self.subTest(part=part, fault=fault):
                    self.fail("POST", part, fault, 1)
                    message = sandbox("fails")
                    try:
                        self.driver.client.CreateSandbox(sandbox=message)
                        is_created = True
                    except grpc.RpcError:
                        is_created = False
                    self.proxy.fault = lambda method, path, body: None
                    if is_created:  # a lost answer that the driver found out about
                        self.delete_all(self.driver)
                    self.assert_clean()

    def test_a_create_whose_end_cannot_be_noted_is_taken_back(self):
        for fault in (500, 409, "drop"):
            with self.subTest(fault):
                self.fail("PATCH", "/secrets", fault)
                with self.assertRaises(grpc.RpcError):
                    self.driver.client.CreateSandbox(sandbox=sandbox("unnoted"))
                self.proxy.fault = lambda method, path, body: None
                self.assert_clean() if fault != "drop" else self.settle()

    def settle(self):
        """An end that was noted although its answer was lost is seen by the roll-back, or by the gateway's list."""
        if setting.leftovers():
            self.delete_all(self.driver)
        self.assert_clean()

    def test_a_roll_back_that_fails_is_made_good_later(self):
        # In the second case the record says that the create has ended, but the gateway was told that it failed.
        for failing, part, fault in (("POST", "/pods", 500), ("PATCH", "/secrets", "drop")):
            with self.subTest(failing):
                faults = {failing: (part, fault), "DELETE": ("/", 500)}
                self.proxy.fault = lambda method, path, body, faults=faults: next(
                    (fault for part, fault in [faults.get(method, ("?", None))] if part in path), None)
                with self.assertRaises(grpc.RpcError):
                    self.driver.client.CreateSandbox(sandbox=sandbox("later"))
                self.assertTrue(setting.leftovers())
                self.assertEqual(len(self.driver.client.ListSandboxes().sandboxes), 0)
                self.proxy.fault = lambda method, path, body: None
                self.assert_clean()

    def test_a_server_that_is_busy_is_asked_again(self):
        self.fail("POST", "/pods", 429, 2)
        message = sandbox("busy")
        self.driver.client.CreateSandbox(sandbox=message)
        self.delete_all(self.driver)

    def test_a_failed_start_leaves_the_sandbox_stopped(self):
        message = sandbox("start-fails")
        self.driver.client.CreateSandbox(sandbox=message)
        self.driver.client.StopSandbox(sandbox_id=message.id)
        self.fail("POST", "/pods", 500)
        with self.assertRaises(grpc.RpcError):
            self.driver.client.StartSandbox(sandbox_id=message.id)
        self.proxy.fault = lambda method, path, body: None
        wait_for(lambda: self.is_stopped(self.driver, message.id))
        self.driver.client.StartSandbox(sandbox_id=message.id)
        self.delete_all(self.driver)

    def test_a_failed_delete_goes_on_by_itself(self):
        message = sandbox("delete-fails")
        self.driver.client.CreateSandbox(sandbox=message)
        watcher = parts.Watcher(self.driver.client)
        self.fail("DELETE", "/", 500)
        self.assertTrue(self.driver.client.DeleteSandbox(sandbox_id=message.id).deleted)
        time.sleep(1)
        self.assertTrue(setting.leftovers())
        self.proxy.fault = lambda method, path, body: None
        watcher.wait_deleted(message.id, timeout_s=60)
        self.assert_clean()
        watcher.close()

    def test_requests_that_hang_end_with_their_time_and_delay_nobody(self):
        """Each of a create's requests, hung until after the driver gave up and then carried out all the same."""
        hanging = {"/secrets": sandbox("hung-record"), "/persistentvolumeclaims": sandbox("hung-claim"),
                   "/pods": sandbox("hung-pod"), "PATCH": sandbox("hung-end")}

        def hold(method, path, body):
            for part, message in hanging.items():
                is_step = method == "PATCH" if part == "PATCH" else method == "POST" and path.endswith(part)
                if is_step and (message.id in body or message.id in path):
                    return "hold"
            return None

        def create(message):
            with self.assertRaises(grpc.RpcError) as caught:
                self.driver.client.CreateSandbox(sandbox=message)
            return caught.exception.code()

        self.proxy.fault = hold
        with concurrent.futures.ThreadPoolExecutor(len(hanging)) as pool:
            creates = [pool.submit(create, message) for message in hanging.values()]
            wait_for(lambda: self.proxy.held >= len(hanging), what="all to hang")
            self.driver.client.CreateSandbox(sandbox=sandbox("passes"))
            self.assertEqual([found.name for found in self.driver.client.ListSandboxes().sandboxes], ["passes"])
            self.assertFalse(any(one.done() for one in creates))
            for one in creates:
                self.assertIn(one.result(), (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE))
        self.proxy.release()
        self.assertEqual([found.name for found in self.driver.client.ListSandboxes().sandboxes], ["passes"])
        self.delete_all(self.driver)

    def test_watches_that_are_cut_in_the_middle_of_an_event_go_on_where_they_were(self):
        message = sandbox("cut")
        self.driver.client.CreateSandbox(sandbox=message)
        watcher = parts.Watcher(self.driver.client)
        for number in range(1, 9):
            self.proxy.cuts = ["end" if number % 2 else "reset"]
            setting.api.set_pod_status("default--cut", parts.waiting_status("ImagePullBackOff", f"attempt {number}"))
            watcher.wait_snapshot(message.id, lambda found: f"attempt {number}" in ready_condition(found).message)
        self.assertEqual(self.proxy.cut_count, 8)
        self.assertIsNone(watcher.failure)
        watcher.close()
        self.delete_all(self.driver)


class Interruptions(FaultTest):
    def test_a_server_that_was_away_and_forgot_its_history_changes_nothing(self):
        one = self.start()
        kept, changed = sandbox("kept"), sandbox("changed")
        one.client.CreateSandbox(sandbox=kept)
        one.client.CreateSandbox(sandbox=changed)
        watcher = parts.Watcher(one.client)
        setting.cluster.succeed("stop-apiserver")
        self.assertEqual(len(one.client.ListSandboxes().sandboxes), 2)
        with self.assertRaises(grpc.RpcError):
            parts.wire.Driver(one.socket, timeout_s=45).CreateSandbox(sandbox=sandbox("away"))
        setting.cluster.succeed("compact")
        setting.cluster.succeed("start-apiserver")
        setting.api.set_pod_status("default--changed", running_status())
        watcher.wait_snapshot(changed.id, lambda found: ready_condition(found).status == "True", timeout_s=60)
        self.assertEqual(len(one.client.ListSandboxes().sandboxes), 2)
        self.delete_all(one)
        self.assert_clean()
        watcher.close()

    def test_a_gateway_that_connects_again_gets_everything_anew(self):
        one = self.start()
        message = sandbox("again")
        one.client.CreateSandbox(sandbox=message)
        for _ in range(5):
            client = parts.wire.Driver(one.socket)
            watcher = parts.Watcher(client)
            watcher.wait_snapshot(message.id, lambda found: True)
            client.close()
        self.delete_all(one)

    def test_a_driver_that_was_frozen_catches_up(self):
        one = self.start()
        runs, missing, ended = messages = [sandbox(name) for name in ("runs", "missing", "ended")]
        for message in messages:
            one.client.CreateSandbox(sandbox=message)
        watcher = parts.Watcher(one.client)
        os.kill(one.process.pid, signal.SIGSTOP)
        try:
            setting.api.set_pod_status("default--runs", running_status())
            setting.api.delete("pods", "default--missing", gracePeriodSeconds=0)
            setting.api.set_pod_status("default--ended", parts.ended_status(7))
            pool = concurrent.futures.ThreadPoolExecutor(2)
            stop = pool.submit(one.client.StopSandbox, sandbox_id=ended.id)
            create = pool.submit(one.client.CreateSandbox, sandbox=sandbox("late"))
            # Nothing can be waited for: nothing is to happen.
            time.sleep(1)
            self.assertFalse(stop.done() or create.done())
        finally:
            os.kill(one.process.pid, signal.SIGCONT)
        watcher.wait_snapshot(runs.id, lambda found: ready_condition(found).status == "True")
        watcher.wait_snapshot(missing.id, lambda found: ready_condition(found).reason == "PodMissing")
        stop.result(30)
        create.result(30)
        self.assertTrue(self.is_stopped(one, ended.id))
        self.assertEqual(len(one.client.ListSandboxes().sandboxes), 4)
        self.assertFalse(any(event.WhichOneof("payload") == "deleted" for event in watcher.events))
        pool.shutdown()
        watcher.close()
        self.delete_all(one)

    def test_ends_in_good_order_while_streams_and_calls_are_open(self):
        one = self.start()
        watchers = [parts.Watcher(one.client) for _ in range(10)]
        started = time.monotonic()
        self.assertEqual(one.stop(), 0)
        self.assertLess(time.monotonic() - started, 10)
        for watcher in watchers:
            watcher.thread.join(10)
            self.assertIn(watcher.failure.code(), (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED))
        self.assertFalse(one.socket.exists())

    def test_creates_two_hundred_at_once(self):
        one = self.start()
        messages = [sandbox(f"many-{number}") for number in range(200)]
        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            list(pool.map(lambda message: one.client.CreateSandbox(sandbox=message), messages))
        self.assertEqual({found.id for found in one.client.ListSandboxes().sandboxes},
                         {message.id for message in messages})
        self.assertEqual(one.metric("openshell_driver_sandboxes_created_total"), 200)
        self.delete_all(one)
        wait_for(lambda: one.metric("openshell_driver_sandboxes_deleted_total") == 200, what="200 finished deletes")
        self.assertEqual(len(one.client.ListSandboxes().sandboxes), 0)


if __name__ == "__main__":
    unittest.main()
