"""Workspaces as namespaces, the renewal of tokens, and what an operator sees: check, metrics, flags."""

import base64
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import grpc

import setting as parts
import injector

from setting import make_token, sandbox, wait_for

setting = None


def setUpModule():
    global setting
    setting = parts.acquire()
    unittest.addModuleCleanup(parts.release)


class ProgramTest(unittest.TestCase):
    def start(self, *flags, **keywords):
        one = setting.start_driver(*flags, **keywords)
        self.addCleanup(lambda: one.process.poll() is None and one.stop(signal.SIGKILL))
        return one

    def assert_status(self, code, call, text="", **fields):
        with self.assertRaises(grpc.RpcError) as caught:
            call(**fields)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        self.assertIn(text, caught.exception.details())

    def delete(self, driver, sandbox_id):
        watcher = parts.Watcher(driver.client)
        driver.client.DeleteSandbox(sandbox_id=sandbox_id)
        watcher.wait_deleted(sandbox_id)
        # The record goes after the news; a driver that is killed before would leave it to the next one.
        wait_for(lambda: not setting.api.list("secrets", None, "openshell.ai/sandbox-id%3D" + sandbox_id))
        watcher.close()

    def namespace(self, name):
        try:
            return setting.api.request("GET", f"/api/v1/namespaces/{name}")
        except parts.NotFound:
            return None


class Shared(ProgramTest):
    def test_needs_nothing_for_a_workspace(self):
        one = self.start()
        one.client.EnsureWorkspace(workspace="team")
        one.client.DeleteWorkspace(workspace="team")
        self.assert_status(grpc.StatusCode.INVALID_ARGUMENT, one.client.EnsureWorkspace, workspace="a--b")


class Managed(ProgramTest):
    FLAGS = ("--workspace-mode", "managed", "--gateway-id", "gw")

    def test_makes_a_namespace_with_what_sandboxes_need(self):
        for name in ("tls", "pull"):
            setting.api.create("secrets", {"metadata": {"name": name}, "stringData": {"key": name}})
        one = self.start(*self.FLAGS, "--sandbox-service-account", "boxes", "--client-tls-secret-name", "tls",
                         "--sandbox-image-pull-secrets", "pull, ", "--managed-ssh-ingress-enabled",
                         "--managed-ssh-gateway-namespace", "gateway", "--managed-ssh-gateway-pod-selector",
                         "app=gateway,tier=a")
        message = sandbox("one", workspace="team")
        one.client.CreateSandbox(sandbox=message)
        labels = self.namespace("openshell-gw-team")["metadata"]["labels"]
        self.assertEqual((labels["openshell.ai/managed-by"], labels["openshell.ai/gateway-id"],
                          labels["openshell.ai/sandbox-workspace"]), ("openshell", "gw", "team"))
        self.assertEqual(setting.api.get("pods", "one", "openshell-gw-team")["spec"]["serviceAccountName"], "boxes")
        for name in ("tls", "pull"):
            copied = setting.api.get("secrets", name, "openshell-gw-team")
            self.assertEqual(base64.b64decode(copied["data"]["key"]).decode(), name)
        policy = setting.api.request("GET", "/apis/networking.k8s.io/v1/namespaces/openshell-gw-team/networkpolicies/"
                                            "openshell-sandbox-ssh")["spec"]
        self.assertEqual(policy["ingress"][0]["ports"], [{"protocol": "TCP", "port": 2222}])
        self.assertEqual(policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"], {"app": "gateway", "tier": "a"})
        one.client.EnsureWorkspace(workspace="team")
        self.delete(one, message.id)
        one.client.DeleteWorkspace(workspace="team")
        wait_for(lambda: self.namespace("openshell-gw-team") is None, timeout_s=60)
        one.client.DeleteWorkspace(workspace="team")

    def test_never_takes_a_namespace_of_others(self):
        setting.create_namespace("openshell-gw-theirs")
        one = self.start(*self.FLAGS)
        for call in (one.client.EnsureWorkspace, one.client.DeleteWorkspace):
            self.assert_status(grpc.StatusCode.FAILED_PRECONDITION, call, text="does not belong", workspace="theirs")
        self.assertIsNotNone(self.namespace("openshell-gw-theirs"))

    def test_sees_the_sandboxes_of_all_namespaces(self):
        one = self.start(*self.FLAGS)
        messages = [sandbox("same", workspace=name) for name in ("left", "right")]
        for message in messages:
            one.client.CreateSandbox(sandbox=message)
        heir = self.start(*self.FLAGS)
        self.assertEqual({found.id for found in heir.client.ListSandboxes().sandboxes},
                         {message.id for message in messages})
        for message in messages:
            self.delete(heir, message.id)


class Operated(ProgramTest):
    def check(self, one):
        message = sandbox("one", workspace="given")
        one.client.CreateSandbox(sandbox=message)
        self.assertIsNotNone(setting.api.find("pods", "one", "given"))
        self.delete(one, message.id)
        for workspace in ("default", "missing"):
            self.assert_status(grpc.StatusCode.FAILED_PRECONDITION, one.client.CreateSandbox, text="namespace",
                               sandbox=sandbox("one", workspace=workspace))
        one.client.DeleteWorkspace(workspace="given")
        self.assertIsNotNone(self.namespace("given"))

    def test_uses_the_namespaces_that_an_operator_names(self):
        setting.create_namespace("given", {"sandboxes": "yes"})
        self.check(self.start("--workspace-mode", "operator", "--operator-namespace-label", "sandboxes=yes"))
        listed = setting.directory / "namespaces"
        listed.write_text("# ours\nother, given\n")
        self.check(self.start("--workspace-mode=operator", f"--operator-namespace-file={listed}"))


class FakeGateway:
    """The gateway's RefreshSandboxToken, with and without TLS."""

    METHOD = "/openshell.v1.OpenShell/RefreshSandboxToken"

    def __init__(self, credentials=None):
        self.seen = []
        self.renewed = make_token(int(time.time()), int(time.time()) + 3600, "renewed")
        self.refuses = False
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        self.server.add_generic_rpc_handlers((self,))
        if credentials:
            self.port = self.server.add_secure_port("127.0.0.1:0", credentials)
        else:
            self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def service(self, details):
        if details.method != self.METHOD:
            return None
        return grpc.unary_unary_rpc_method_handler(self.renew)

    def renew(self, request, context):
        self.seen.append((dict(context.invocation_metadata()).get("authorization"), request))
        if self.refuses:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no")
        token = self.renewed.encode()
        # token = 1, expires_at_ms = 2, and a field that is to be ignored.
        length = bytes([len(token) & 0x7F | 0x80, len(token) >> 7]) if len(token) > 127 else bytes([len(token)])
        return b"\x0a" + length + token + b"\x10\x80\x08" + b"\x1a\x02hi"

    def close(self):
        self.server.stop(None)


class Renewal(ProgramTest):
    def token_of(self, sandbox_id):
        record = setting.api.get("secrets", "openshell-sandbox-" + sandbox_id)
        return base64.b64decode(record["data"]["sandbox.jwt"]).decode()

    def gateway(self, credentials=None):
        gateway = FakeGateway(credentials)
        self.addCleanup(gateway.close)
        return gateway

    def test_renews_tokens_before_they_end_also_of_stopped_sandboxes(self):
        gateway = self.gateway()
        one = self.start("--gateway-endpoint", f"http://127.0.0.1:{gateway.port}")
        now = int(time.time())
        due, young, forever = (sandbox("due", token=make_token(now - 900, now + 100)),
                               sandbox("young", token=make_token(now, now + 3600)),
                               sandbox("forever", token=make_token(now, 0)))
        for message in (due, young, forever):
            one.client.CreateSandbox(sandbox=message)
        one.client.StopSandbox(sandbox_id=due.id)
        wait_for(lambda: self.token_of(due.id) == gateway.renewed, what="the renewed token")
        self.assertEqual(gateway.seen, [("Bearer " + due.spec.sandbox_token, b"")])
        self.assertEqual(self.token_of(young.id), young.spec.sandbox_token)
        self.assertEqual(self.token_of(forever.id), forever.spec.sandbox_token)
        self.assertEqual(one.metric('openshell_driver_token_renewals_total{result="renewed"}'), 1)
        for message in (due, young, forever):
            self.assertNotIn(message.spec.sandbox_token, one.log_path.read_text())
            self.delete(one, message.id)
        self.assertNotIn(gateway.renewed, one.log_path.read_text())

    def test_a_refusal_leaves_the_old_token(self):
        gateway = self.gateway()
        gateway.refuses = True
        one = self.start("--gateway-endpoint", f"http://127.0.0.1:{gateway.port}")
        now = int(time.time())
        message = sandbox("refused", token=make_token(now - 900, now + 100))
        one.client.CreateSandbox(sandbox=message)
        wait_for(lambda: one.metric('openshell_driver_token_renewals_total{result="failed"}') >= 1)
        self.assertEqual(self.token_of(message.id), message.spec.sandbox_token)
        self.delete(one, message.id)

    def test_speaks_tls_with_a_client_certificate(self):
        certificate, key = setting.webhook.certificate.read_bytes(), setting.webhook.key.read_bytes()
        gateway = self.gateway(grpc.ssl_server_credentials([(key, certificate)], certificate, True))
        one = self.start("--gateway-endpoint", f"https://127.0.0.1:{gateway.port}", "--gateway-ca-file",
                         str(setting.webhook.certificate), "--gateway-certificate-file",
                         str(setting.webhook.certificate), "--gateway-key-file", str(setting.webhook.key))
        now = int(time.time())
        message = sandbox("secured", token=make_token(now - 900, now + 100))
        one.client.CreateSandbox(sandbox=message)
        wait_for(lambda: self.token_of(message.id) == gateway.renewed, what="the renewed token")
        self.delete(one, message.id)


class Operating(ProgramTest):
    def run_program(self, *arguments, environment=None):
        return subprocess.run([str(injector.programs() / parts.PROGRAM), *arguments], capture_output=True, text=True,
                              timeout=60, env=injector.environment() | (environment or {}))

    def check(self, kubeconfig, socket=None):
        return self.run_program("check", "--kubeconfig", str(kubeconfig), "--socket",
                                str(socket or setting.directory / "check" / "driver.sock"))

    def test_check_finds_nothing_to_complain_of(self):
        result = self.check(setting.kubeconfig)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("ok    permission to create pods", result.stdout)
        self.assertIn("ok    webhook supervises sandbox pods", result.stdout)
        self.assertNotIn("FAIL", result.stdout)
        self.assertEqual(setting.api.list("pods"), [])

    def test_check_names_what_is_missing(self):
        setting.webhook.unregister()
        try:
            result = self.check(setting.kubeconfig)
        finally:
            setting.webhook.register()
        self.assertEqual(result.returncode, 1)
        self.assertIn("FAIL  webhook supervises sandbox pods", result.stdout)

    def test_check_says_where_no_socket_can_be_made(self):
        file = setting.directory / "file"
        file.write_text("")
        for path, text in ((file / "driver.sock", "must be a directory"), (file / "run" / "driver.sock", "directory"),
                           (setting.directory / ("x" * 108), "longer than")):
            with self.subTest(path):
                result = self.check(setting.kubeconfig, path)
                self.assertEqual(result.returncode, 1)
                self.assertRegex(result.stdout, f"FAIL  socket path: .*{text}")
        made = setting.directory / "missing" / "deep" / "driver.sock"
        self.assertIn("ok    socket path\n", self.check(setting.kubeconfig, made).stdout)
        self.assertFalse(made.parent.exists())

    @unittest.skipUnless(os.geteuid() == 0, "root may write everywhere")
    def test_check_says_where_we_may_not_make_a_directory(self):
        place = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, place)
        place.chmod(0o755)
        # Where it was built it may be out of another user's reach.
        program = shutil.copy(injector.programs() / parts.PROGRAM, place)
        command = [program, "check", "--socket", str(place / "run" / "driver.sock")]
        result = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", *command], capture_output=True, text=True,
                                timeout=60, env=injector.environment())
        self.assertIn(f'cannot be made in "{place}": Permission denied', result.stdout)

    def kubeconfig_of(self, account):
        token = setting.cluster.kubectl("create", "token", account, "-n", "openshell").strip()
        path = setting.directory / f"{account}.kubeconfig"
        path.write_text(pathlib.Path(setting.kubeconfig).read_text().replace(setting.api.token, token))
        return path

    def test_the_roles_of_the_manifest_are_enough(self):
        manifests = pathlib.Path(__file__).resolve().parents[3] / "manifests/driver"
        self.addCleanup(setting.cluster.kubectl, "delete", "-k", manifests)
        setting.cluster.kubectl("apply", "-k", manifests)
        kubeconfig = self.kubeconfig_of("openshell-driver-pods")
        result = self.check(kubeconfig)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertNotIn("FAIL", result.stdout)
        one = self.start(kubeconfig=kubeconfig)
        message = sandbox("by-its-roles")
        one.client.CreateSandbox(sandbox=message)
        one.client.StopSandbox(sandbox_id=message.id)
        one.client.StartSandbox(sandbox_id=message.id)
        self.delete(one, message.id)
        self.assertNotIn("forbidden", one.log_path.read_text())

    def test_check_names_permissions_that_are_missing(self):
        result = self.check(self.kubeconfig_of("default"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("FAIL  permission to create pods: not granted", result.stdout)

    def test_check_shows_sandboxes_that_have_ended(self):
        one = self.start()
        message = sandbox("lost")
        one.client.CreateSandbox(sandbox=message)
        setting.api.set_pod_status("default--lost", parts.ended_status(1))
        result = self.check(setting.kubeconfig)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn(f"note  sandbox {message.id}", result.stdout)
        self.delete(one, message.id)

    def test_explains_bad_flags(self):
        for arguments, text in (
            (["--socket"], "needs a value"), (["--sockets", "x"], "unknown flag --sockets"), (["word"], "unknown command"),
            (["--workspace-mode", "x"], "--workspace-mode: must be shared"),
            (["--workspace-mode", "operator"], "exactly one of"), (["--image-pull-timeout-seconds", "0"], "1 to 86400"),
            (["--gateway-endpoint", "x"], "http://"), (["--gateway-endpoint", "https://x"], "--gateway-ca-file"),
            (["--workspace-storage-size", "much"], "quantity"), ([], "--socket"),
        ):
            with self.subTest(arguments):
                result = self.run_program(*arguments)
                self.assertEqual(result.returncode, 2)
                self.assertIn(text, result.stderr)

    def test_takes_the_environment_and_lets_flags_win(self):
        environment = {"OPENSHELL_COMPUTE_DRIVER_SOCKET": "", "OPENSHELL_WORKSPACE_MODE": "nonsense"}
        self.assertIn("OPENSHELL_WORKSPACE_MODE: must be", self.run_program(environment=environment).stderr)
        result = self.run_program("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("--bind-socket (OPENSHELL_COMPUTE_DRIVER_SOCKET)", result.stdout)
        self.assertIn("openshell-driver-pods ", self.run_program("--version").stdout)

    def test_tells_its_health_and_its_figures(self):
        one = self.start()
        self.assertEqual(one.http("/healthz"), (200, "ok\n"))
        message = sandbox("counted")
        one.client.CreateSandbox(sandbox=message)
        self.assertEqual(one.metric("openshell_driver_sandboxes_active"), 1)
        with self.assertRaises(grpc.RpcError):
            one.client.CreateSandbox(sandbox=message)
        self.assertEqual(one.metric('openshell_driver_sandbox_create_failures_total{reason="already_exists"}'), 1)
        self.assertEqual(one.metric('openshell_driver_rpc_duration_seconds_count{method="CreateSandbox",code="OK"}'), 1)
        self.assertGreaterEqual(
            one.metric('openshell_driver_api_requests_total{verb="create",resource="pods",status="201"}'), 1)
        self.delete(one, message.id)
        wait_for(lambda: one.metric("openshell_driver_sandboxes_deleted_total") == 1)

        def lines():
            # What is being written at the moment may not be whole yet.
            whole = [line for line in one.log_path.read_text().splitlines(True) if line.endswith("\n")]
            return [json.loads(line) for line in whole]

        wait_for(lambda: [line["message"] for line in lines() if line.get("sandbox_id") == message.id] ==
                 ["sandbox created", "sandbox deleted"])
        self.assertTrue(all("level" in line for line in lines()))


if __name__ == "__main__":
    unittest.main()
