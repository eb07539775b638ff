"""What the driver's tests run in: a cluster, the webhook registered with it, a driver, and a client of each.

A test module calls `acquire()` before its first test and `release()` after its last, whatever comes between; modules
that run together share one cluster. Nothing here decides whether a test passes.
"""

import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid

TESTS = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS / "support")]

import injector  # noqa: E402
import wire  # noqa: E402
from kubernetes_cluster import Cluster  # noqa: E402

NAMESPACE = "openshell"
TOKEN = "header.{payload}.signature"
PROGRAM = "openshell-driver-pods"


def wait_for(condition, timeout_s=20, what="the condition", interval_s=0.05):
    """Returns the first true value of `condition()`."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout_s} s")
        time.sleep(interval_s)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_token(issued_s=None, expires_s=None, sandbox_id="x"):
    """A token that looks like the gateway's; nobody here checks its signature."""
    claims = {"sub": f"spiffe://openshell/sandbox/{sandbox_id}", "iat": issued_s or int(time.time())}
    if expires_s is not None:
        claims["exp"] = expires_s
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return TOKEN.format(payload=payload)


class NotFound(Exception):
    pass


class Api:
    """The API server, over HTTP with the kubeconfig's token."""

    def __init__(self, kubeconfig):
        text = pathlib.Path(kubeconfig).read_text()
        field = lambda name: re.search(rf"^\s*{name}: (\S+)", text, re.M).group(1)
        self.server = field("server")
        self.token = field("token")
        authority = base64.b64decode(field("certificate-authority-data")).decode()
        self.tls = ssl.create_default_context(cadata=authority)

    def request(self, method, path, body=None, content_type="application/json"):
        request = urllib.request.Request(self.server + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Authorization": f"Bearer {self.token}", "Content-Type": content_type})
        try:
            with urllib.request.urlopen(request, context=self.tls, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                raise NotFound(path) from None
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None

    def get(self, kind, name, namespace=NAMESPACE):
        return self.request("GET", f"/api/v1/namespaces/{namespace}/{kind}/{name}")

    def find(self, kind, name, namespace=NAMESPACE):
        try:
            return self.get(kind, name, namespace)
        except NotFound:
            return None

    def list(self, kind, namespace=NAMESPACE, selector=""):
        where = f"/namespaces/{namespace}" if namespace else ""
        return self.request("GET", f"/api/v1{where}/{kind}?labelSelector={selector}")["items"]

    def create(self, kind, body, namespace=NAMESPACE):
        return self.request("POST", f"/api/v1/namespaces/{namespace}/{kind}", body)

    def delete(self, kind, name, namespace=NAMESPACE, **options):
        with contextlib.suppress(NotFound):
            self.request("DELETE", f"/api/v1/namespaces/{namespace}/{kind}/{name}", options or None)

    def patch(self, kind, name, patch, namespace=NAMESPACE, subresource=""):
        path = f"/api/v1/namespaces/{namespace}/{kind}/{name}{subresource}"
        return self.request("PATCH", path, patch, "application/merge-patch+json")

    def set_pod_status(self, name, status, namespace=NAMESPACE):
        return self.patch("pods", name, {"status": status}, namespace, "/status")


def running_status():
    """The status of a pod whose agent runs, as a kubelet would write it."""
    return {
        "phase": "Running",
        "podIP": "10.1.2.3",
        "podIPs": [{"ip": "10.1.2.3"}],
        "containerStatuses": [{
            "name": "agent", "image": "i", "imageID": "i", "ready": True, "restartCount": 0, "started": True,
            "state": {"running": {"startedAt": "2026-01-02T03:04:05Z"}},
        }],
    }


def waiting_status(reason, message="no"):
    return {
        "phase": "Pending",
        "containerStatuses": [{
            "name": "agent", "image": "i", "imageID": "", "ready": False, "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": message}},
        }],
    }


def ended_status(exit_code):
    return {
        "phase": "Succeeded" if exit_code == 0 else "Failed",
        "containerStatuses": [{
            "name": "agent", "image": "i", "imageID": "i", "ready": False, "restartCount": 0,
            "state": {"terminated": {"exitCode": exit_code, "reason": "Completed" if exit_code == 0 else "Error",
                                     "startedAt": "2026-01-02T03:04:05Z", "finishedAt": "2026-01-02T03:05:06Z"}},
        }],
    }


class Webhook:
    """The real webhook, run as a process and registered by URL."""

    NAME = "openshell-injector-test"

    def __init__(self, api, directory):
        self.api = api
        self.directory = pathlib.Path(directory)
        self.port = free_port()
        self.process = None
        self.flags = []
        self._make_certificate()

    def _make_certificate(self):
        self.certificate, self.key = self.directory / "tls.crt", self.directory / "tls.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=webhook", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(self.key),
             "-out", str(self.certificate)], check=True, capture_output=True)

    def run(self, flags=(), kubeconfig=None):
        """Starts it, or starts it again with other flags."""
        self.stop()
        self.flags = list(flags)
        self.kubeconfig = kubeconfig or self.kubeconfig
        with open(self.directory / "webhook.log", "ab") as log:
            self.process = subprocess.Popen(
                [str(injector.programs() / "openshell-injector"), "serve", "--listen", f"127.0.0.1:{self.port}",
                 "--metrics-listen", f"127.0.0.1:{free_port()}", "--tls-certificate", str(self.certificate), "--tls-key",
                 str(self.key), "--kubeconfig", str(self.kubeconfig), "--drain-delay", "0s", *self.flags],
                env=injector.environment(), stdout=log, stderr=log)
        wait_for(self._listens, what="the webhook")

    def _listens(self):
        assert self.process.poll() is None, (self.directory / "webhook.log").read_text()[-2000:]
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def register(self, failure_policy="Fail", url=None):
        """Tells the API server; returns when it uses it."""
        self.unregister()
        self.api.request("POST", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": self.NAME},
            "webhooks": [{
                "name": "pods.injector.openshell.ai", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                "failurePolicy": failure_policy, "reinvocationPolicy": "IfNeeded", "timeoutSeconds": 10,
                "objectSelector": {"matchLabels": {"openshell.ai/managed-by": "openshell"}},
                "clientConfig": {
                    "url": url or f"https://127.0.0.1:{self.port}/mutate",
                    "caBundle": base64.b64encode(self.certificate.read_bytes()).decode(),
                },
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"],
                           "scope": "Namespaced"}],
            }],
        })
        wait_for(self._is_used, what="the webhook's registration")

    def _is_used(self):
        probe = {"apiVersion": "v1", "kind": "Pod",
                 "metadata": {"name": "probe", "labels": {
                     "openshell.ai/managed-by": "openshell", "openshell.ai/sandbox-id": "probe",
                     "openshell.ai/sandbox-name": "probe", "openshell.ai/sandbox-workspace": "default"}},
                 "spec": {"restartPolicy": "Never", "automountServiceAccountToken": False,
                          "containers": [{"name": "agent", "image": "i", "command": ["x"]}]}}
        try:
            pod = self.api.request("POST", f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All", probe)
        except AssertionError:
            return False
        return any(volume["name"] == "openshell-supervisor-bin" for volume in pod["spec"].get("volumes", []))

    def unregister(self):
        """Takes it out; returns when the API server no longer uses it."""
        with contextlib.suppress(NotFound):
            self.api.request("DELETE", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/" + self.NAME)
        wait_for(lambda: not self._is_used(), what="the end of the webhook's registration")


class DriverProcess:
    """A driver and a client of it."""

    def __init__(self, directory, kubeconfig, flags=(), program=PROGRAM, environment=None, wait=True):
        self.directory = pathlib.Path(directory)
        self.socket = self.directory / "run" / "driver.sock"
        self.metrics_port = free_port()
        self.log_path = self.directory / "driver.log"
        self.log = open(self.log_path, "ab")
        wrapper = os.environ.get("DRIVER_WRAPPER", "").split()
        self.process = subprocess.Popen(
            [*wrapper, str(injector.programs() / program), "serve", "--socket", str(self.socket), "--kubeconfig", str(kubeconfig),
             "--namespace", NAMESPACE, "--metrics-address", f"127.0.0.1:{self.metrics_port}", "--log-level", "debug",
             *flags], env=injector.environment() | (environment or {}), stdout=self.log, stderr=self.log)
        self.client = None
        if wait:
            self._wait_until_ready()
            self.client = wire.Driver(self.socket)

    def _wait_until_ready(self):
        try:
            wait_for(self._is_ready, what="the driver")
        except AssertionError:
            self.process.kill()
            self.process.wait()
            raise

    def _is_ready(self):
        assert self.process.poll() is None, self.log_path.read_text()[-3000:]
        try:
            return self.http("/readyz")[0] == 200
        except OSError:
            return False

    def http(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name):
        """The value of a sample, by its name with labels as they are printed; 0 when it is not there."""
        for line in self.http("/metrics")[1].splitlines():
            if line.startswith(name + " "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def resident_kilobytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))

    def stop(self, how=signal.SIGTERM, timeout_s=60):
        if self.client:
            self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(timeout=timeout_s)
        self.log.close()
        return status


class Watcher:
    """Reads a watch stream in the background."""

    def __init__(self, client):
        self.stream = client.watch()
        self.events = []
        self.changed = threading.Condition()
        self.failure = None
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            for event in self.stream:
                with self.changed:
                    self.events.append(event)
                    self.changed.notify_all()
        except Exception as failure:  # noqa: BLE001 - kept for the test to look at
            self.failure = failure
        with self.changed:
            self.changed.notify_all()

    def wait(self, condition, timeout_s=20, what="an event"):
        """Returns the first event for which `condition(event)` holds, past ones included."""
        deadline = time.monotonic() + timeout_s
        with self.changed:
            while True:
                for event in self.events:
                    if condition(event):
                        return event
                if not self.changed.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    raise AssertionError(f"no {what} within {timeout_s} s; the last of {len(self.events)} events: "
                                         f"{self.events[-3:]}")

    def wait_snapshot(self, sandbox_id, condition, **keywords):
        return self.wait(lambda event: event.WhichOneof("payload") == "sandbox"
                         and event.sandbox.sandbox.id == sandbox_id and condition(event.sandbox.sandbox), **keywords)

    def wait_deleted(self, sandbox_id, **keywords):
        return self.wait(lambda event: event.WhichOneof("payload") == "deleted"
                         and event.deleted.sandbox_id == sandbox_id, **keywords)

    def close(self):
        self.stream.cancel()
        self.thread.join(10)


class Setting:
    """A cluster with the webhook registered, and a place for files."""

    def __init__(self, cluster=None, webhook_flags=()):
        """On a cluster of its own, or on one that somebody else starts and ends."""
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="driver-test-"))
        self.own_cluster = None if cluster else Cluster(self.directory / "cluster")
        self.cluster = cluster or self.own_cluster
        self.drivers = []
        self.webhook = None
        try:
            self._start(webhook_flags)
        except BaseException:
            self.stop()
            raise

    def _start(self, webhook_flags):
        self.kubeconfig = self.cluster.succeed("up").splitlines()[-1]
        self.api = Api(self.kubeconfig)
        self.create_namespace(NAMESPACE)
        self.create_service_account("sandboxes")
        self.webhook = Webhook(self.api, self.directory)
        self.webhook.run(webhook_flags, kubeconfig=self.kubeconfig)
        self.webhook.register()

    def create_namespace(self, name, labels=None):
        self.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels or {}}})
        wait_for(lambda: self.api.find("serviceaccounts", "default", name), what="the default service account")

    def create_service_account(self, name):
        self.api.create("serviceaccounts", {"metadata": {"name": name}})

    def start_driver(self, *flags, kubeconfig=None, **keywords):
        directory = tempfile.mkdtemp(prefix="driver-", dir=self.directory)
        driver = DriverProcess(directory, kubeconfig or self.kubeconfig, flags, **keywords)
        self.drivers.append(driver)
        return driver

    def stop_drivers(self):
        for driver in self.drivers:
            if driver.process.poll() is None:
                driver.stop(signal.SIGKILL)
        self.drivers = []

    def stop(self):
        self.stop_drivers()
        if self.own_cluster:
            self.own_cluster.run("down")
        elif self.webhook:
            self.webhook.unregister()
        if self.webhook:
            self.webhook.stop()
        if os.environ.get("KEEP_TEST_FILES"):
            print("kept", self.directory, file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def leftovers(self):
        """Names of everything that sandboxes have left in the namespace."""
        found = [f"{kind}/{item['metadata']['name']}" for kind in ("pods", "secrets", "persistentvolumeclaims")
                 for item in self.api.list(kind, selector="openshell.ai/managed-by%3Dopenshell")]
        return sorted(found)


_shared = []


def acquire():
    """The setting of all who ask for one in this program."""
    _shared.append(_shared[0] if _shared else Setting())
    return _shared[0]


def release():
    """Ends the drivers of one user of the setting, and with the last one all of it."""
    setting = _shared.pop()
    setting.stop_drivers() if _shared else setting.stop()


def sandbox(name="sb", sandbox_id=None, token=None, workspace="", **spec):
    """A DriverSandbox as the gateway sends it."""
    sandbox_id = sandbox_id or str(uuid.uuid4())
    message = wire.DriverSandbox(id=sandbox_id, name=name, workspace=workspace)
    message.status.SetInParent()
    template = spec.pop("template", {})
    message.spec.CopyFrom(wire.DriverSandboxSpec(sandbox_token=make_token() if token is None else token,
                                                 command=spec.pop("command", ["sleep", "1"]), **spec))
    message.spec.template.image = template.pop("image", "registry.test/agent:1")
    fill_template(message.spec.template, template)
    return message


def fill_template(message, template):
    for key, value in template.items():
        if key in ("platform_config", "driver_config"):
            getattr(message, key).update(value)
        elif key in ("labels", "environment"):
            getattr(message, key).update(value)
        elif key == "resources":
            message.resources.CopyFrom(wire.DriverResourceRequirements(**value))
        else:
            setattr(message, key, value)


def case_sandbox(document, token=None):
    """The DriverSandbox of a conformance case."""
    message = wire.DriverSandbox(id=document["id"], name=document["name"])
    spec = message.spec
    spec.sandbox_token = token or make_token()
    spec.command.extend(document.get("command", []))
    spec.tty = document.get("tty", False)
    spec.log_level = document.get("log_level", "")
    spec.environment.update(document.get("environment", {}))
    if "gpu" in document:
        spec.resource_requirements.gpu.SetInParent()
        if "count" in document["gpu"]:
            spec.resource_requirements.gpu.count = document["gpu"]["count"]
    fill_template(spec.template, document.get("template", {}))
    return message


def ready_condition(message):
    return next(condition for condition in message.status.conditions if condition.type == "Ready")
