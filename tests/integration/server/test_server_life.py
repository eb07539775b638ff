#!/usr/bin/python3
"""The server over time: slow clients, TLS, reloads under load, the end under load."""

import base64
import datetime
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import warnings

from certificates import Certificate
from cryptography import x509
from harness import CONFIGURATION, JSON_HEADERS, PROGRAM, Server, ServerTest, review, wait_until


class SlowClients(ServerTest):
    options = ("--header-timeout", "1s", "--request-timeout", "2s", "--idle-timeout", "4s")

    def seconds_until_closed(self, connection, piece=None):
        """How long until the server ends the connection, while `piece` is sent again and again."""
        start = time.monotonic()
        connection.settimeout(0.1)
        while time.monotonic() - start < 15:
            try:
                if piece:
                    connection.sendall(piece)
                if not connection.recv(4096):
                    break
            except socket.timeout:
                continue
            except (ssl.SSLError, OSError):
                break
        connection.close()
        return time.monotonic() - start

    def assert_closed_after(self, seconds, connection, piece=None):
        self.assertAlmostEqual(self.seconds_until_closed(connection, piece), seconds + 0.6, delta=1.1)

    def test_a_handshake_that_does_not_begin(self):
        self.assert_closed_after(1, socket.create_connection(("127.0.0.1", self.server.port)))

    def test_a_request_line_byte_by_byte(self):
        self.assert_closed_after(1.5, self.server.raw(), b"P")

    def test_a_header_byte_by_byte(self):
        connection = self.server.raw()
        connection.sendall(b"POST /mutate HTTP/1.1\r\n")
        self.assert_closed_after(1, connection, b"A: b\r\n")

    def test_a_body_byte_by_byte(self):
        connection = self.server.raw()
        connection.sendall(
            b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        )
        self.assert_closed_after(2, connection, b"x")
        wait_until(lambda: self.server.log("request ended without an answer"))
        labels = '{endpoint="mutate",operation="unknown",result="aborted"}'
        self.assertEqual(self.server.metrics()["openshell_injector_requests_total" + labels], 1)

    def test_an_unused_connection(self):
        self.assert_closed_after(4, self.server.raw())

    def test_a_used_connection_is_kept_longer_than_a_request_may_take(self):
        connection = self.server.connect()
        for _ in range(2):
            connection.request("POST", "/mutate", body=json.dumps(review()), headers=JSON_HEADERS)
            self.assertEqual(connection.getresponse().read()[:1], b"{")
            port = connection.sock.getsockname()
            time.sleep(2.5)
            self.assertEqual(connection.sock.getsockname(), port)
        connection.close()


class Connections(ServerTest):
    options = ("--threads", "1", "--max-connections", "4")

    def test_at_the_limit_and_one_past_it(self):
        held = []
        for _ in range(4):
            connection = self.server.connect()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            held.append(connection)
        waiting = socket.create_connection(("127.0.0.1", self.server.port), timeout=15)
        done = threading.Event()

        def shake():
            with self.server.context().wrap_socket(waiting, server_hostname="localhost"):
                done.set()

        thread = threading.Thread(target=shake)
        thread.start()
        self.assertFalse(done.wait(0.7))
        held.pop().close()
        self.assertTrue(done.wait(10))
        thread.join()
        for connection in held:
            connection.close()


class Tls(ServerTest):
    def version_with(self, least, most):
        context = self.server.context()
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = least, most
        context.set_ciphers("ALL:@SECLEVEL=0")
        with self.server.raw(context) as connection:
            return connection.version()

    def test_versions(self):
        versions = ssl.TLSVersion
        self.assertEqual(self.version_with(versions.TLSv1_3, versions.TLSv1_3), "TLSv1.3")
        self.assertEqual(self.version_with(versions.TLSv1_2, versions.TLSv1_2), "TLSv1.2")
        for version in (versions.TLSv1, versions.TLSv1_1):
            with self.assertRaises(ssl.SSLError):
                self.version_with(version, version)

    def test_no_weak_cipher(self):
        context = self.server.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AES128-SHA:AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0")
        with self.assertRaises(ssl.SSLError):
            self.server.raw(context)

    def test_sessions_resume(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.server.context()
            context.minimum_version = context.maximum_version = version
            with self.server.raw(context) as first:
                first.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
                first.recv(4096)
                session = first.session
            plain = socket.create_connection(("127.0.0.1", self.server.port), timeout=15)
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as second:
                self.assertTrue(second.session_reused, version)

    def test_only_http_1_1_is_negotiated(self):
        context = self.server.context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with self.server.raw(context) as connection:
            self.assertEqual(connection.selected_alpn_protocol(), "http/1.1")

    def test_plain_http_on_the_tls_port(self):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=15) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertNotIn(b"HTTP", connection.recv(4096))
        self.assertEqual(self.server.review()[0], 200)


class ClientCertificates(unittest.TestCase):
    def test_only_named_clients_of_the_authority_may_ask(self):
        authority = Certificate("clients", is_authority=True)
        with tempfile.NamedTemporaryFile() as file:
            file.write(authority.certificate_pem())
            file.flush()
            server = Server("--client-ca", file.name, "--client-name", "api-server", "--client-name", "other")
            self.addCleanup(server.remove)
            self.assertEqual(server.review(client=Certificate("api-server", authority))[0], 200)
            self.assertEqual(server.review(client=Certificate("other", authority))[0], 200)
            for client in (None, Certificate("stranger", authority), Certificate("api-server")):
                self.assertEqual(server.review(client=client)[0], 403)
            self.assertEqual(server.ask("GET", "/readyz")[0], 200)
            self.check_resumed_sessions(server, Certificate("stranger", authority), 403)
            self.check_resumed_sessions(server, Certificate("api-server", authority), 200)
            fresh = Certificate("clients", is_authority=True)
            os.truncate(file.name, 0)
            file.seek(0)
            file.write(fresh.certificate_pem())
            file.flush()
            wait_until(lambda: server.log("client authorities reloaded"))
            self.assertEqual(server.review(client=Certificate("api-server", authority))[0], 403)
            self.assertEqual(server.review(client=Certificate("api-server", fresh))[0], 200)

    def check_resumed_sessions(self, server, client, expected):
        """A resumed session is judged like the full handshake before it."""
        context = server.context(client)
        body = json.dumps(review()).encode()
        request = (
            b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % len(body)
        ) + body
        session = None
        for _ in range(2):
            plain = socket.create_connection(("127.0.0.1", server.port), timeout=15)
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as connection:
                self.assertEqual(connection.session_reused, session is not None)
                connection.sendall(request)
                self.assertEqual(int(connection.recv(65536).split()[1]), expected)
                session = connection.session


class Load:
    """Clients that send reviews without pause; counts what went well and keeps what did not."""

    def __init__(self, server, clients=4, is_kept_alive=True):
        self.server, self.is_kept_alive = server, is_kept_alive
        self.must_end = threading.Event()
        self.answered, self.closed, self.failures = 0, 0, []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self):
        context = self.server.context()
        connection = None
        while not self.must_end.is_set():
            if connection is None:
                connection = http.client.HTTPSConnection("localhost", self.server.port, context=context, timeout=15)
                try:
                    connection.connect()
                except (ConnectionRefusedError, ConnectionResetError):
                    # The server has left; nothing was sent that could be lost.
                    return
            try:
                connection.request("POST", "/mutate", body=json.dumps(review()), headers=JSON_HEADERS)
                answer = connection.getresponse()
                is_allowed = json.loads(answer.read())["response"]["allowed"]
                has_closed = answer.headers.get("Connection") == "close"
                with self.lock:
                    self.answered += is_allowed
                    self.closed += has_closed
            except (OSError, ValueError, http.client.HTTPException) as failure:
                with self.lock:
                    self.failures.append(repr(failure))
                has_closed = True
            if has_closed or not self.is_kept_alive:
                connection.close()
                connection = None
        if connection:
            connection.close()

    def end(self):
        self.must_end.set()
        for thread in self.threads:
            thread.join()
        return self.answered


class CertificateReload(ServerTest):
    def served_serial(self):
        text = ssl.get_server_certificate(("127.0.0.1", self.server.port))
        context = self.server.context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.assertTrue(text)
        with self.server.raw(context) as connection:
            return x509.load_der_x509_certificate(connection.getpeercert(True)).serial_number

    def rotate(self):
        fresh = Certificate("server", self.server.authority)
        self.server.write_pair(fresh)
        wait_until(lambda: self.served_serial() == fresh.serial)
        return fresh

    def test_a_new_pair_is_served_without_a_failed_request(self):
        loads = [Load(self.server, 2, True), Load(self.server, 2, False)]
        for _ in range(5):
            self.rotate()
        for load in loads:
            self.assertGreater(load.end(), 10)
            self.assertEqual(load.failures, [])
        metrics = self.server.metrics()
        self.assertEqual(metrics['openshell_injector_certificate_reloads_total{result="success"}'], 5)

    def test_an_open_connection_outlives_many_certificates(self):
        connection = self.server.connect()
        for _ in range(3):
            self.rotate()
            connection.request("POST", "/mutate", body=json.dumps(review()), headers=JSON_HEADERS)
            self.assertEqual(connection.getresponse().read()[:1], b"{")
        connection.close()

    def test_an_unusable_pair_is_refused_and_the_old_one_stays(self):
        old = self.served_serial()
        other = Certificate("server", self.server.authority)
        expired = Certificate("server", self.server.authority, valid=datetime.timedelta(seconds=-1))
        changes = (
            (lambda: self.server.write("tls.key", other.key_pem()), "does not belong"),
            (lambda: self.server.write_pair(expired), "expired"),
            (lambda: self.server.write("tls.crt", b"nonsense"), "certificate"),
            (lambda: (self.server.directory / "tls.crt").unlink(), "tls.crt"),
        )
        for number, (change, reason) in enumerate(changes, 1):
            change()
            lines = wait_until(
                lambda: len(self.server.log("the certificate was not reloaded, the old one stays")) == number
                and self.server.log("the certificate was not reloaded, the old one stays")
            )
            self.assertEqual(lines[-1]["level"], "error")
            self.assertIn(reason, lines[-1]["reason"])
            self.assertEqual(self.served_serial(), old)
            self.assertEqual(self.server.plain("/readyz")[0], 200)
        metrics = self.server.metrics()
        self.assertEqual(metrics['openshell_injector_certificate_reloads_total{result="failure"}'], 4)
        self.rotate()

    def test_a_secret_that_swaps_its_link(self):
        """As the kubelet does: the files are links through a link to a directory, which is replaced."""
        directory = self.server.directory
        for version in ("v1", "v2"):
            (directory / version).mkdir()
            pair = Certificate("server", self.server.authority)
            (directory / version / "tls.crt").write_bytes(pair.certificate_pem())
            (directory / version / "tls.key").write_bytes(pair.key_pem())
            os.symlink(version, directory / "..fresh")
            os.rename(directory / "..fresh", directory / "..data")
            for name in ("tls.crt", "tls.key"):
                if not (directory / name).is_symlink():
                    os.symlink("..data/" + name, directory / "fresh")
                    os.rename(directory / "fresh", directory / name)
            wait_until(lambda: self.served_serial() == pair.serial)

    def test_not_ready_once_the_certificate_has_expired(self):
        short = Certificate("server", self.server.authority, valid=datetime.timedelta(seconds=4))
        self.server.write_pair(short)
        wait_until(lambda: self.server.log("certificate reloaded"))
        wait_until(lambda: self.server.plain("/readyz")[0] == 503)
        self.assertIn("certificate: the certificate expired at", self.server.plain("/readyz")[1])


class ConfigurationReload(ServerTest):
    def uid(self):
        """The sandbox user that a pod gets."""
        patch = json.loads(base64.b64decode(self.server.review()[1]["response"]["patch"]))
        values = [operation.get("value") for operation in patch]
        return next(v["value"] for v in values if isinstance(v, dict) and v.get("name") == "OPENSHELL_SANDBOX_UID")

    def reloads(self, result):
        name = 'openshell_injector_configuration_reloads_total{result="%s"}' % result
        return self.server.metrics().get(name, 0)

    def test_a_changed_file_is_noticed(self):
        self.assertEqual(self.uid(), "2000")
        digest = [name for name in self.server.metrics() if "configuration_info" in name]
        self.server.write("config.yaml", (CONFIGURATION % 3000).encode())
        wait_until(lambda: self.uid() == "3000")
        self.assertNotEqual(digest, [name for name in self.server.metrics() if "configuration_info" in name])
        self.assertEqual(self.reloads("success"), 1)

    def test_sighup_reloads_at_once(self):
        (self.server.directory / "config.yaml").write_text(CONFIGURATION % 3000)
        self.server.signal(signal.SIGHUP)
        wait_until(lambda: self.server.log("configuration reloaded"))
        self.assertEqual(self.uid(), "3000")

    def test_a_bad_file_keeps_the_old_configuration(self):
        self.server.write("config.yaml", b"kind: Nonsense\n")
        lines = wait_until(lambda: self.server.log("the configuration was not reloaded, the old one stays"))
        self.assertEqual(lines[0]["level"], "error")
        self.assertIn("config.yaml", lines[0]["reason"])
        self.assertEqual(self.uid(), "2000")
        self.assertEqual((self.reloads("success"), self.reloads("failure")), (0, 1))
        self.assertEqual(self.server.plain("/readyz")[0], 200)

    def test_no_request_fails_meanwhile(self):
        load = Load(self.server)
        for uid in range(3000, 3020):
            (self.server.directory / "config.yaml").write_text(CONFIGURATION % uid)
            self.server.signal(signal.SIGHUP)
            time.sleep(0.05)
        self.assertGreater(load.end(), 10)
        self.assertEqual(load.failures, [])


class Drain(unittest.TestCase):
    def start(self, *options):
        server = Server(*options)
        self.addCleanup(server.remove)
        return server

    def test_loses_no_request_under_load(self):
        server = self.start("--drain-delay", "2s", "--drain-timeout", "5s")
        loads = [Load(server, 3, True), Load(server, 3, False)]
        time.sleep(1)
        server.signal(signal.SIGTERM)
        wait_until(lambda: server.plain("/readyz")[0] == 503, 1)
        self.assertIn("draining", server.plain("/readyz")[1])
        # The clients go on to the last moment.
        self.assertEqual(server.process.wait(10), 0)
        for load in loads:
            self.assertGreater(load.end(), 10)
            self.assertEqual(load.failures, [])
        self.assertGreater(loads[0].closed, 3)
        self.assertEqual(server.log("ended")[0]["cut_off"], 0)

    def test_finishes_a_request_that_began_before(self):
        server = self.start("--drain-timeout", "10s")
        body = json.dumps(review()).encode()
        connection = server.raw()
        connection.sendall(
            b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % len(body)
        )
        connection.sendall(body[:100])
        time.sleep(0.2)
        server.signal(signal.SIGTERM)
        wait_until(lambda: server.log("draining"))
        time.sleep(1.5)
        self.assertIsNone(server.process.poll())
        with self.assertRaises(ConnectionRefusedError):
            server.ask("GET", "/healthz")
        connection.sendall(body[100:])
        answer = connection.recv(65536)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"))
        self.assertIn(b"Connection: close", answer)
        connection.close()
        self.assertEqual(server.process.wait(5), 0)

    def test_cuts_off_what_takes_longer_than_the_limit(self):
        server = self.start("--drain-timeout", "1s")
        connection = server.raw()
        connection.sendall(
            b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        )
        time.sleep(0.2)
        server.signal(signal.SIGTERM)
        start = time.monotonic()
        self.assertEqual(server.process.wait(10), 0)
        self.assertAlmostEqual(time.monotonic() - start, 1.2, delta=1)
        self.assertEqual(server.log("ended")[0]["cut_off"], 1)
        connection.close()

    def test_a_second_signal_ends_the_delay(self):
        server = self.start("--drain-delay", "1m")
        server.signal(signal.SIGTERM)
        wait_until(lambda: server.log("draining"))
        server.signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(5), 0)

    def test_idle_connections_do_not_delay_the_end(self):
        server = self.start("--drain-timeout", "20s")
        held = [server.raw() for _ in range(5)]
        start = time.monotonic()
        server.signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(10), 0)
        self.assertLess(time.monotonic() - start, 3)
        for connection in held:
            connection.close()


class Start(unittest.TestCase):
    def test_ready_after_50_ms_of_work(self):
        """In processor time, which a busy machine does not stretch as it does the clock's."""
        with tempfile.TemporaryDirectory() as directory:
            self.assertLess(min(self.work_until_ready(directory) for _ in range(3)), 0.05)

    def work_until_ready(self, directory):
        pair = Certificate("server")
        for name, text in (("tls.crt", pair.certificate_pem()), ("tls.key", pair.key_pem())):
            with open(os.path.join(directory, name), "wb") as file:
                file.write(text)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        arguments = [
            PROGRAM, "serve", "--tls-certificate", directory + "/tls.crt", "--tls-key", directory + "/tls.key",
            "--sandbox-uid", "2000", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:%d" % port,
            "--drain-delay", "0s",
        ]  # fmt: skip
        start = time.monotonic()
        process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port)
                connection.request("GET", "/readyz")
                self.assertEqual(connection.getresponse().status, 200)
                break
            except ConnectionRefusedError:
                self.assertLess(time.monotonic() - start, 10)
        work = 0
        for thread in os.listdir("/proc/%d/task" % process.pid):
            with open("/proc/%d/task/%s/schedstat" % (process.pid, thread)) as file:
                work += int(file.read().split()[0])
        process.terminate()
        self.assertEqual(process.wait(10), 0)
        return work / 1e9

    def fails(self, *options):
        """What it says when it does not start."""
        result = subprocess.run([PROGRAM, "serve", *options], capture_output=True, text=True, timeout=20)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(result.stdout, "")
        return result.stderr

    def test_says_what_is_wrong(self):
        self.assertIn("one without the other", self.fails("--tls-key", "/nowhere/tls.key"))
        pair = ("--sandbox-uid", "2000", "--tls-certificate", "/nowhere/tls.crt", "--tls-key", "/nowhere/tls.key")
        self.assertIn("/nowhere/tls.crt", self.fails(*pair))
        self.assertIn("--client-ca", self.fails("--client-name", "a", *pair))
        self.assertIn("--nonsense", self.fails("--nonsense"))
        self.assertIn("--idle-timeout", self.fails("--idle-timeout", "5"))
        self.assertIn("/nowhere/config.yaml", self.fails("--config", "/nowhere/config.yaml"))

    def test_prints_the_effective_configuration(self):
        result = subprocess.run(
            [PROGRAM, "serve", "--print-config", "--topology", "sidecar"], capture_output=True, text=True, timeout=20
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"^# sha256 [0-9a-f]{64}\n")
        self.assertIn("topology: sidecar\n", result.stdout)

    def test_refuses_sandboxes_while_namespaces_are_unknown(self):
        """Without a configured user, and with an API server that is not there."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as kubeconfig:
            kubeconfig.write(
                "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:9'}}]\n"
                "contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n"
            )
            kubeconfig.flush()
            configuration = CONFIGURATION.replace("sandbox: {uid: %d}\n", "")
            server = Server("--kubeconfig", kubeconfig.name, configuration=configuration)
            self.addCleanup(server.remove)
            status, text = server.plain("/readyz")
            self.assertEqual(status, 503)
            self.assertIn("namespaces: not all namespaces are known yet", text)
            self.assertEqual(server.review()[0], 503)
            unlabelled = review()
            unlabelled["request"]["object"]["metadata"]["labels"] = {}
            self.assertEqual(server.review(unlabelled)[0], 200)
            self.assertEqual(server.metrics()["openshell_injector_namespace_cache_synced"], 0)


if __name__ == "__main__":
    unittest.main()
