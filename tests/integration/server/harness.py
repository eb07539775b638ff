"""The real server as a test uses it: its process, its files, its log, and clients that say what they like."""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

from certificates import Certificate

PROGRAM = os.path.join(os.environ.get("OPENSHELL_PROGRAMS", "build/dev/bin"), "openshell-injector")
CONFIGURATION = """\
apiVersion: injector.openshell.ai/v1alpha1
kind: InjectorConfiguration
gateway: {endpoint: "https://gateway:8080"}
sandbox: {uid: %d}
"""
JSON_HEADERS = {"Content-Type": "application/json"}


def is_sanitized():
    """Whether the program is built with a sanitizer, whose own memory hides the program's."""
    content = pathlib.Path(PROGRAM).read_bytes()
    return b"__asan_init" in content or b"__tsan_init" in content


def review(name="pod-1", operation="CREATE", **request):
    """An AdmissionReview of a sandbox pod."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {
                "openshell.ai/managed-by": "openshell",
                "openshell.ai/sandbox-id": "id-1",
                "openshell.ai/sandbox-name": "name-1",
                "openshell.ai/sandbox-workspace": "default",
            },
        },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "name": "agent",
                    "image": "image",
                    "command": ["/bin/sh"],
                    "env": [{"name": "SECRET_WORD", "value": "do-not-log-me"}],
                }
            ],
        },
    }
    body = {
        "uid": "uid-" + name,
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "name": name,
        "namespace": "openshell",
        "operation": operation,
        "userInfo": {"username": "tester"},
        "object": pod,
    }
    body.update(request)
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": body}


def wait_until(condition, seconds=10):
    """The first true value of condition(); fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("waited %s seconds in vain" % seconds)


class Server:
    """A running `openshell-injector serve` with files in a directory of its own."""

    def __init__(self, *options, certificate=None, configuration=CONFIGURATION % 2000):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="openshell-test-"))
        self.authority = Certificate("authority", is_authority=True)
        self.write_pair(certificate or Certificate("server", self.authority))
        self.write("config.yaml", configuration.encode())
        self.log_path = self.directory / "log"
        self.arguments = [
            PROGRAM, "serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0",
            "--tls-certificate", str(self.directory / "tls.crt"), "--tls-key", str(self.directory / "tls.key"),
            "--config", str(self.directory / "config.yaml"), "--drain-delay", "0s", *options,
        ]  # fmt: skip
        self.start()

    def start(self):
        """Starts the program, also again after it ended."""
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(self.arguments, stderr=log)
        started = wait_until(self.find_start)
        self.port, self.plain_port = started["port"], started["metrics_port"]

    def find_start(self):
        if self.process.poll() is not None:
            raise AssertionError("the server ended: " + self.log_path.read_text())
        return next(iter(self.log("serving")), None)

    def write(self, name, content):
        """Replaces a file as a whole."""
        fresh = self.directory / (name + ".fresh")
        fresh.write_bytes(content)
        fresh.rename(self.directory / name)

    def write_pair(self, certificate):
        self.write("tls.key", certificate.key_pem())
        self.write("tls.crt", certificate.certificate_pem())

    def log(self, message=None):
        """The log's lines as objects; with `message` only those."""
        lines = [json.loads(line) for line in self.log_path.read_text().splitlines(True) if line.endswith("\n")]
        return [line for line in lines if message in (None, line["message"])]

    def context(self, client=None):
        context = ssl.create_default_context(cadata=self.authority.certificate_pem().decode())
        if client:
            pair = self.directory / "client.pem"
            pair.write_bytes(client.certificate_pem() + client.key_pem())
            context.load_cert_chain(pair)
        return context

    def connect(self, client=None, timeout=15):
        """An HTTP connection that checks the server's certificate."""
        return http.client.HTTPSConnection("localhost", self.port, context=self.context(client), timeout=timeout)

    def raw(self, context=None, timeout=15):
        """A TLS connection for bytes of one's own."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        return (context or self.context()).wrap_socket(plain, server_hostname="localhost")

    def ask(self, method, path, body=None, headers=None, client=None):
        """One request on a connection of its own: (status, headers, text)."""
        connection = self.connect(client)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def review(self, body=None, path="/mutate", client=None):
        status, _, text = self.ask("POST", path, json.dumps(body or review()), JSON_HEADERS, client)
        return status, json.loads(text)

    def plain(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.plain_port, timeout=15)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metrics(self):
        """Samples by name and labels, as in `name{label="value"}`. Checks the form of every line."""
        status, text = self.plain("/metrics")
        assert status == 200
        samples = {}
        for line in text.splitlines():
            if line.startswith("#"):
                assert re.fullmatch(r"# (HELP [a-z_]+ .+|TYPE [a-z_]+ (counter|gauge|histogram))", line), line
                continue
            match = re.fullmatch(r'([a-z_]+(?:\{(?:[a-z]+="[^"\\\n]*",?)+\})?) (\S+)', line)
            assert match, line
            assert match[1] not in samples, line
            samples[match[1]] = float(match[2])
        return samples

    def resident_kib(self):
        status = pathlib.Path("/proc/%d/status" % self.process.pid).read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])

    def signal(self, number):
        self.process.send_signal(number)

    def end(self, seconds=20):
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def remove(self):
        code = self.end()
        shutil.rmtree(self.directory)
        return code


class ServerTest(unittest.TestCase):
    """Tests that each start a server."""

    options = ()

    def setUp(self):
        self.server = Server(*self.options)
        self.addCleanup(self.check_end)

    def check_end(self):
        """However a test went, the server must end well, and its log be one JSON object a line."""
        code = self.server.end()
        lines = self.server.log()
        text = self.server.log_path.read_text()
        self.server.remove()
        self.assertEqual(code, 0, text)
        self.assertEqual(text.count("\n"), len(lines))
        self.assertNotIn("do-not-log-me", text)
        self.assertNotIn("PRIVATE KEY", text)
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
            self.assertIn(line["level"], ("debug", "info", "warn", "error"))

    def assert_refused(self, answer, status, message):
        """An answer is a Kubernetes Status that says so."""
        got, headers, text = answer
        self.assertEqual(got, status, text)
        self.assertEqual(headers["Content-Type"], "application/json")
        body = json.loads(text)
        self.assertEqual((body["kind"], body["apiVersion"], body["status"]), ("Status", "v1", "Failure"))
        self.assertEqual(body["code"], status)
        self.assertIn(message, body["message"])
