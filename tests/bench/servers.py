"""The servers that are compared: ours, ours with its audit log, the floor and the Go webhook. Each is started with the same certificate,
on the same processor, and ends with the run.
"""

import contextlib
import http.client
import json
import pathlib
import socket
import ssl
import subprocess
import time

import yaml

FOLDER = pathlib.Path(__file__).resolve().parent
CONFIGURATION = FOLDER / "payload" / "configuration.yaml"
START_LIMIT_S = 30
STOP_LIMIT_S = 5

# The order in which they are shown.
NAMES = ("injector", "auditing", "floor", "gowebhook")


def free_port():
    """A port of the loopback address that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificate(folder):
    """tls.crt and tls.key in the folder, for localhost, valid for two days: the authority is the certificate
    itself."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", folder / "tls.key", "-out", folder / "tls.crt", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)


class Server:
    """One of the servers: its command line, and its process while it runs."""

    def __init__(self, name, port, command, log):
        self.name = name
        self.port = port
        self.command = [str(part) for part in command]
        self.log = log
        self.process = None

    def start(self, processors, certificate):
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=processors.on_server)
        end = time.monotonic() + START_LIMIT_S
        while True:
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{self.name} did not start:\n{pathlib.Path(self.log).read_text()}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask(certificate, "GET", "/readyz")[0] == 200:
                    return
            time.sleep(0.05)

    def ask(self, certificate, method, path, body=None):
        """Status and body of one request."""
        context = ssl.create_default_context(cafile=certificate)
        connection = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=START_LIMIT_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def injector(program, work, name="injector", options=()):
    port = free_port()
    return Server(name, port,
                  [program, "serve", "--listen", f"127.0.0.1:{port}", "--metrics-listen", f"127.0.0.1:{free_port()}",
                   "--tls-certificate", work / "tls.crt", "--tls-key", work / "tls.key", "--config", CONFIGURATION,
                   "--drain-delay", "0s", *options],
                  work / f"{name}.log")


def auditing(program, work):
    """The injector, which answers nothing that it has not recorded."""
    return injector(program, work, "auditing", ["--audit-directory", work / "audit", "--audit-required"])


def floor(program, work, answer):
    """`answer` is what it says to everything: the injector's own answer."""
    text = work / "answer.json"
    text.write_bytes(answer)
    port = free_port()
    return Server("floor", port, [program, port, work / "tls.crt", work / "tls.key", text], work / "floor.log")


class Settings:
    """What the injector has from its configuration, for the server that must do the same."""

    def __init__(self, program):
        printed = self._run(program, "serve", "--config", CONFIGURATION, "--print-config")
        self.configuration = yaml.safe_load(printed)
        mark = {"version": 1, "topology": "combined", "sideload": "image-volume",
                "config": printed.removeprefix("# sha256 ")[:16]}
        self.mark = json.dumps(mark, separators=(",", ":"))
        self.injected_by = "openshell-injector/" + self._run(program, "version").split()[2]

    @staticmethod
    def _run(*command):
        return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def gowebhook(program, work, settings):
    port = free_port()
    configuration = settings.configuration
    return Server("gowebhook", port,
                  [program, "--port", port, "--certificates", work,
                   "--supervisor-image", configuration["supervisor"]["image"],
                   "--endpoint", configuration["gateway"]["endpoint"],
                   "--client-tls-secret", configuration["gateway"]["clientTLSSecretName"],
                   "--sandbox-uid", configuration["sandbox"]["uid"], "--sandbox-gid", configuration["sandbox"]["gid"],
                   "--mark", settings.mark, "--injected-by", settings.injected_by],
                  work / "gowebhook.log")
