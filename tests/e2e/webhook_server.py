"""A running webhook for tests: its certificate, its process, its registration with an API server.

Not for: what is tested with it.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import injector  # noqa: E402, the folder is known only now
import webhook_overlay  # noqa: E402

NAMESPACE = "openshell-injector"
SERVICE_NAME = f"{NAMESPACE}.{NAMESPACE}.svc"
START_LIMIT_S = 20
# The API server acts on a stored webhook a moment later.
REGISTRATION_LIMIT_S = 30


def wait_for(condition, limit_s, what):
    """Polls until condition() is true, and returns its value."""
    deadline = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {limit_s} s")
        time.sleep(0.05)


def make_certificate(folder, *addresses, days=1):
    """certificate.pem and key.pem in `folder`, for the Service and the addresses; its own authority."""
    names = ",".join([f"DNS:{SERVICE_NAME}", *(f"IP:{address}" for address in addresses)])
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", str(days), "-subj", "/CN=webhook under test", "-addext", f"subjectAltName={names}",
                    "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"],
                   check=True, capture_output=True)
    (folder / "key.pem").chmod(0o600)


class WebhookServer:
    """One `openshell-injector serve`. The certificate of make_certificate lies in `folder`."""

    def __init__(self, folder, address="127.0.0.1", port=0):
        self.folder = pathlib.Path(folder)
        self.address = address
        self.port = port
        self.process = None
        self.started = {}
        self.log = self.folder / f"webhook-{address}.log"

    def start(self, *flags):
        """Returns when it is ready. A port that was chosen once stays."""
        assert self.process is None
        with open(self.log, "ab") as log:
            # A test that is killed takes it along: the next would meet it.
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", injector.programs() / "openshell-injector", "serve",
                 f"--listen={self.address}:{self.port}", "--metrics-listen=127.0.0.1:0",
                 f"--tls-certificate={self.folder / 'certificate.pem'}", f"--tls-key={self.folder / 'key.pem'}", *flags],
                env=injector.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.started = wait_for(self._serving_record, START_LIMIT_S, "the webhook listens")
        self.port = self.started["port"]
        wait_for(self.is_ready, START_LIMIT_S, "the webhook is ready")

    def _serving_record(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the webhook ended: {self.log.read_text()}")
        # What is being written at the moment may not be whole yet.
        lines = [line for line in self.log.read_text().splitlines(True) if line.startswith("{") and line.endswith("\n")]
        records = [json.loads(line) for line in lines]
        serving = [record for record in records if record["message"] == "serving"]
        # The file holds earlier runs as well, each with one such record, all but the last with its end.
        ended = sum(1 for record in records if record["message"] == "ended")
        return serving[-1] if len(serving) > ended else None

    def url(self):
        return f"https://{self.address}:{self.port}"

    def _get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.started['metrics_port']}{path}", timeout=10) as answer:
            return answer.read().decode()

    def is_ready(self):
        try:
            return "ready" in self._get("/readyz").splitlines()
        except (urllib.error.URLError, ConnectionError):
            return False

    def metric(self, name, **labels):
        """The sum of the metric's values over all series that have these labels."""
        total = 0.0
        for line in self._get("/metrics").splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name and all(f'{key}="{text}"' in series for key, text in labels.items()):
                total += float(value)
        return total

    def requests(self, **labels):
        return self.metric("openshell_injector_requests_total", **labels)

    def stop(self):
        """Ends it in order; a server that does not end so is a failure."""
        if self.process is None:
            return
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        if status != 0:
            raise AssertionError(f"the webhook ended with {status}: {self.log.read_text()}")

    def kill(self):
        """For clean-up: ends it whatever its state is."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def register(cluster, folder, url=None):
    """Applies manifests/base with the certificate in `folder` as caBundle, and returns when the API server calls the
    webhook. `url`: see webhook_overlay."""
    overlay = pathlib.Path(folder) / "overlay"
    webhook_overlay.write(overlay, pathlib.Path(folder) / "certificate.pem", url)
    cluster.kubectl("apply", "-k", overlay)


def unregister(cluster, folder):
    """Takes back what `register` applied, where the cluster goes on."""
    if cluster.is_foreign:
        cluster.kubectl("delete", "--ignore-not-found", "-k", pathlib.Path(folder) / "overlay")


def wait_until_called(cluster, pod):
    """Returns when the API server has `pod`, a sandbox pod that is not stored, supervised."""
    said = []

    def is_called():
        answer = subprocess.run(cluster.command("kubectl", "create", "--dry-run=server", "-o", "json", "-f", "-"),
                                env=cluster.environment, input=json.dumps(pod), capture_output=True, text=True,
                                check=False)
        said[:] = [answer.stderr]
        return answer.returncode == 0 and "openshell.ai/injection" in answer.stdout
    try:
        wait_for(is_called, REGISTRATION_LIMIT_S, "the API server calls the webhook")
    except AssertionError as error:
        raise AssertionError(f"{error}; last it said: {said[0]}") from None


def write_service_account_kubeconfig(cluster, path, account=NAMESPACE):
    """A kubeconfig at `path` with the rights of a service account in the webhook's namespace: the webhook's own."""
    token = cluster.kubectl("create", "token", account, f"--namespace={NAMESPACE}", "--duration=1h").strip()
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    path = pathlib.Path(path)
    path.touch(mode=0o600)
    os.chmod(path, 0o600)
    path.write_text(json.dumps(config))
