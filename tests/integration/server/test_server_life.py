#!/usr/bin/python3
"""The server over time: its start, slow clients, TLS, the end under load."""

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
from harness import CONFIGURATION, JSON_HEADERS, PROGRAM, Server, ServerTest, review, wait_until
from load import Load


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
        wait_until(lambda: self.server.log("request refused"))
        self.assertEqual(self.server.log("request refused")[-1]["status"], 408)
        labels = '{endpoint="mutate",operation="unknown",result="invalid"}'
        self.assertEqual(self.server.metrics()["openshell_injector_requests_total" + labels], 1)

    def test_a_body_that_does_not_end(self):
        connection = self.server.raw()
        connection.settimeout(15)
        connection.sendall(
            b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
        )
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 408 Request Timeout\r\n"), head)
        self.assertIn(b"\r\nConnection: close", head)
        self.assertEqual(json.loads(body)["message"], "the body did not arrive in time")

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
            self.assertGreater(server.metrics()["openshell_injector_certificate_expiry_timestamp_seconds"
                                                '{certificate="client-authority"}'], time.time())
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

    def test_explains_itself(self):
        result = subprocess.run([PROGRAM, "serve", "--help"], capture_output=True, text=True, timeout=20)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("--drain-delay DURATION", result.stdout)

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
