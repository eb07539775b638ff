"""Replicas of the webhook that keep their own certificates, behind one Service, and load that shows every gap.

There is no node, so the Deployment has no pods: each replica is a process on an address of its own, and the Service's
endpoints are kept here, by what the replicas themselves say at /readyz, as kubelet and controllers would do it.

Not for: what is done to them (test_certs.py).
"""

import base64
import concurrent.futures
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

import webhook_server
from webhook_server import NAMESPACE, SERVICE_NAME, wait_for

PORT = 8443
CONFIGURATIONS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
READINESS_PERIOD_S = 0.3
START_LIMIT_S = 60
# How long anything may take before the test gives up; what is waited for happens within seconds.
WAIT_LIMIT_S = 120
# Without a request for so long, while others get dozens, nobody uses a replica any more.
IDLE_S = 0.5
# A replica that is told to end goes on until it is told so again.
DRAIN_FLAG = "--drain-delay=1h"
SLICES = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
SLICE = "replicas"


def faketime_library():
    found = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise AssertionError("the Debian package faketime is missing")
    return found[0]


class ApiServer:
    """Requests as the cluster's administrator, on a kept-alive connection for each thread."""

    def __init__(self, cluster):
        config = json.loads(cluster.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
        self.host = config["clusters"][0]["cluster"]["server"].removeprefix("https://")
        self.context = ssl.create_default_context(
            cadata=base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode())
        self.token = config["users"][0]["user"]["token"]
        self.connections = threading.local()
        self.opened = []

    def request(self, method, path, body=None, content_type="application/json"):
        """Status and parsed answer. The API server closes connections that were idle for long: then once more, but for
        what creates."""
        try:
            return self._request(method, path, body, content_type)
        except (OSError, http.client.HTTPException):
            if method == "POST":
                raise
            return self._request(method, path, body, content_type)

    def _request(self, method, path, body, content_type):
        connection = getattr(self.connections, "connection", None)
        if connection is None:
            connection = http.client.HTTPSConnection(self.host, context=self.context, timeout=30)
            self.connections.connection = connection
            self.opened.append(connection)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            self.connections.connection = None
            raise

    def close(self):
        """When every thread has ended."""
        for connection in self.opened:
            connection.close()

    def bundles(self, plural):
        """The caBundle of each webhook in the object, "" for none."""
        _, answer = self.request("GET", f"/apis/admissionregistration.k8s.io/v1/{plural}/{NAMESPACE}")
        return [webhook["clientConfig"].get("caBundle", "") for webhook in answer["webhooks"]]

    def set_bundle(self, plural, value):
        """As another writer would: without asking what is there."""
        status, answer = self.request("PATCH", f"/apis/admissionregistration.k8s.io/v1/{plural}/{NAMESPACE}",
                                      [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": value}],
                                      "application/json-patch+json")
        assert status == 200, answer


class Replica:
    """One `openshell-injector serve` with certificates of its own."""

    def __init__(self, folder, kubeconfig, address, flags):
        self.address = address
        self.kubeconfig = kubeconfig
        self.flags = flags
        self.log = pathlib.Path(folder) / f"replica-{address}.log"
        self.process = None
        self.metrics_port = 0

    def start(self, clock_offset=None):
        """`clock_offset`: how far its clock is from the right time, such as "+240s"."""
        assert self.process is None
        environment = webhook_server.injector.environment()
        if clock_offset:
            # Not by the program faketime, which would stand between the test and the process. Waits and the Lease go by
            # the clock that does not jump, which is right on every machine.
            environment |= {"LD_PRELOAD": str(faketime_library()), "FAKETIME": clock_offset,
                            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        self.log.write_text("")
        with open(self.log, "ab") as log:
            # A test that is killed takes its replicas along: the next would meet them.
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", webhook_server.injector.programs() / "openshell-injector", "serve",
                 f"--listen={self.address}:{PORT}", "--metrics-listen=127.0.0.1:0",
                 f"--kubeconfig={self.kubeconfig}", *self.flags],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.metrics_port = wait_for(self._find_port, START_LIMIT_S, "the replica listens")

    def _find_port(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the replica ended: {self.log.read_text()}")
        return next((record["metrics_port"] for record in self.records("serving")), None)

    def has_failed(self):
        """Whether it ended though nobody ended it."""
        process = self.process
        return process is not None and process.poll() is not None

    def records(self, message):
        # What is being written at the moment may not be whole yet.
        lines = [line for line in self.log.read_text().splitlines(True) if line.startswith("{") and line.endswith("\n")]
        return [record for record in map(json.loads, lines) if record["message"] == message]

    def get(self, path):
        """The answer's text, or None when there is none or it is an error."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}{path}", timeout=1) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, OSError):
            return None

    def is_ready(self):
        return self.process is not None and "ready" in (self.get("/readyz") or "").splitlines()

    def metric(self, series):
        """The value of the series, written as in the metrics' text; 0 when it is not there."""
        for line in (self.get("/metrics") or "").splitlines():
            name, _, value = line.rpartition(" ")
            if name == series:
                return float(value)
        return 0.0

    def holds_lease(self):
        return self.metric("openshell_injector_certificate_lease_held") == 1

    def rotations(self, certificate="serving"):
        return self.metric(f'openshell_injector_certificate_rotations_total{{certificate="{certificate}"}}')

    def served(self):
        """The certificate that it serves."""
        # Only who it is is asked here; the load verifies.
        context = ssl._create_unverified_context()  # pylint: disable=protected-access
        with socket.create_connection((self.address, PORT), timeout=10) as plain, context.wrap_socket(plain) as secure:
            return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True))

    def served_issuer(self):
        """The common name of the authority that signed what it serves."""
        return self.served().issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value

    def end(self, how=signal.SIGTERM):
        """Its exit status, as subprocess has it."""
        if self.process is None:
            return None
        os.kill(self.process.pid, signal.SIGCONT)
        process, self.process = self.process, None
        process.send_signal(how)
        return process.wait(timeout=WAIT_LIMIT_S)


class Replicas:
    """Several of them, with the Service kept by their readiness."""

    def __init__(self, cluster, replicas):
        self.cluster = cluster
        self.api = ApiServer(cluster)
        self.items = replicas
        self.withheld = set()
        self.failed = []
        self.published = None
        self.is_ending = False
        self.thread = threading.Thread(target=self._keep_readiness)
        self.thread.start()

    def _keep_readiness(self):
        while not self.is_ending:
            self._note_failed()
            ready = {replica.address for replica in self.items if replica not in self.withheld and replica.is_ready()}
            if ready != self.published:
                self._publish(ready)
            time.sleep(READINESS_PERIOD_S)

    def _note_failed(self):
        for replica in self.items:
            if replica.has_failed() and replica not in self.failed:
                self.failed.append(replica)
                print(f"replica {replica.address} ended with {replica.process.returncode}:\n{replica.log.read_text()}",
                      flush=True)

    def _publish(self, ready):
        piece = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                 "metadata": {"name": SLICE, "labels": {"kubernetes.io/service-name": NAMESPACE}},
                 "ports": [{"name": "webhook", "port": PORT, "protocol": "TCP"}],
                 "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in sorted(ready)]}
        code, answer = self.api.request("PATCH", f"{SLICES}/{SLICE}?fieldManager=test&force=true", piece,
                                        "application/apply-patch+yaml")
        if code in (200, 201):
            self.published = ready
        else:
            print(f"endpoints: {answer}", flush=True)

    def endpoints(self):
        """The ready addresses of the Service, as the API server has them."""
        _, answer = self.api.request("GET", f"{SLICES}/{SLICE}")
        return {endpoint["addresses"][0] for endpoint in answer.get("endpoints") or []}

    def drain(self, replica):
        """Tells it to end, and waits until it has left the Service and nobody sends requests there any more: while it
        leaves, each of its answers closes the connection. It goes on running, see DRAIN_FLAG."""
        replica.process.send_signal(signal.SIGTERM)
        self._wait_until_left(replica)

    def end_orderly(self, replica):
        self.drain(replica)
        status = replica.end()
        assert status == 0, f"ended with {status}: {replica.log.read_text()}"

    def withhold(self, replica, renew_connections):
        """Takes it out of the Service though it is well. API servers go on using connections that they hold; they make
        new ones when the bundle is one that they have not seen, which is what `renew_connections` is to bring about."""
        self.withheld.add(replica)
        wait_for(lambda: replica.address not in self.endpoints(), WAIT_LIMIT_S, "the replica leaves the Service")
        renew_connections()
        self._wait_until_left(replica)

    def _wait_until_left(self, replica):
        def requests():
            return sum(float(line.rpartition(" ")[2]) for line in (replica.get("/metrics") or "").splitlines()
                       if line.startswith("openshell_injector_requests_total"))

        def is_left_alone():
            before = requests()
            time.sleep(IDLE_S)
            return requests() == before
        wait_for(lambda: replica.address not in self.endpoints(), WAIT_LIMIT_S, "the replica leaves the Service")
        wait_for(is_left_alone, WAIT_LIMIT_S, "nobody sends requests to the replica that has left the Service")

    def put_back(self, replica):
        self.withheld.discard(replica)
        self.wait_until_in_service([replica])

    def wait_until_in_service(self, replicas=None):
        wanted = {replica.address for replica in replicas or self.items}
        wait_for(lambda: wanted <= self.endpoints(), START_LIMIT_S, "the replicas are in the Service")

    def holder(self):
        """The replica that holds the Lease."""
        return wait_for(lambda: next((replica for replica in self.items if replica.process and replica.holds_lease()),
                                     None), WAIT_LIMIT_S, "somebody holds the Lease")

    def end(self):
        self.is_ending = True
        self.thread.join()
        for replica in self.items:
            replica.end(signal.SIGKILL)
        self.api.close()


class Load:
    """Creates pods without a pause, and makes handshakes with every replica as a client that trusts the caBundle of
    the moment; counts what fails."""

    def __init__(self, replicas, pod, clients=2):
        self.replicas = replicas
        self.pod = pod
        self.is_ending = False
        self.created = 0
        self.handshakes = 0
        self.failures = []
        self.lock = threading.Lock()
        self.pool = concurrent.futures.ThreadPoolExecutor(clients + 1)
        self.futures = [self.pool.submit(self._create) for _ in range(clients)]
        self.futures.append(self.pool.submit(self._shake_hands))

    def _note(self, failure):
        with self.lock:
            self.failures.append(f"{time.strftime('%H:%M:%S')} {failure}")

    def _create(self):
        while not self.is_ending:
            status, answer = self.replicas.api.request("POST", "/api/v1/namespaces/default/pods?dryRun=All", self.pod)
            if status == 201 and "openshell.ai/injection" in answer["metadata"].get("annotations", {}):
                with self.lock:
                    self.created += 1
            else:
                self._note(answer.get("message", answer))
            time.sleep(0.01)

    def _shake_hands(self):
        while not self.is_ending:
            for plural in CONFIGURATIONS:
                bundle = base64.b64decode(self.replicas.api.bundles(plural)[0]).decode()
                for address in self.replicas.endpoints():
                    self._shake_hand(address, bundle)
            time.sleep(0.05)

    def _shake_hand(self, address, bundle):
        try:
            context = ssl.create_default_context(cadata=bundle)
            with socket.create_connection((address, PORT), timeout=5) as plain, \
                    context.wrap_socket(plain, server_hostname=SERVICE_NAME):
                with self.lock:
                    self.handshakes += 1
        except ssl.SSLError as error:
            self._note(f"handshake with {address}: {error}")
        except OSError:
            # The replica was ended since the Service was asked; the pods show whether anybody missed it.
            pass

    def end(self):
        """What failed."""
        self.is_ending = True
        for future in self.futures:
            future.result()
        self.pool.shutdown()
        return self.failures


def verifications(replica, bundle):
    """What a replica serves, verified by two implementations that neither it nor the API server uses, with the PEM file
    `bundle` as all that they trust: results by name. OpenSSL makes the handshake; GnuTLS, which builds no paths and so
    would go along the cross certificates to their end, is given the certificate alone."""
    leaf = replica.log.with_suffix(".crt")
    leaf.write_bytes(replica.served().public_bytes(serialization.Encoding.PEM))
    commands = {
        "openssl": ["openssl", "s_client", "-connect", f"{replica.address}:{PORT}", "-servername", SERVICE_NAME,
                    "-verify_hostname", SERVICE_NAME, "-CAfile", bundle, "-verify_return_error", "-x509_strict"],
        "gnutls": ["certtool", "--verify", "--verify-profile=medium", f"--verify-hostname={SERVICE_NAME}",
                   "--load-ca-certificate", bundle, "--infile", leaf],
    }
    return {name: subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                                 check=False) for name, command in commands.items()}


def install(cluster, folder):
    """Applies manifests/base with the component for self-managed certificates, without pods, and gives the path of a
    kubeconfig with the rights of the webhook's own account and no more."""
    overlay = pathlib.Path(folder) / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(json.dumps({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(REPOSITORY / "manifests/base", overlay.resolve())],
        "components": [os.path.relpath(REPOSITORY / "manifests/components/self-managed-certificates",
                                       overlay.resolve())],
        "replicas": [{"name": NAMESPACE, "count": 0}],
        "patches": [{"target": {"kind": "Service"}, "patch": json.dumps([{"op": "remove", "path": "/spec/selector"}])}],
    }))
    cluster.kubectl("apply", "-k", overlay)
    kubeconfig = pathlib.Path(folder) / "account.kubeconfig"
    webhook_server.write_service_account_kubeconfig(cluster, kubeconfig)
    return kubeconfig
