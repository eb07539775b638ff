#!/usr/bin/python3
"""Certificates and configurations that change while the server runs, under load."""

import base64
import datetime
import json
import os
import signal
import ssl
import time
import unittest

from certificates import Certificate
from cryptography import x509
from harness import CONFIGURATION, JSON_HEADERS, ServerTest, review, wait_until
from load import Load


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

    def test_sighup_reloads_it_too(self):
        self.server.signal(signal.SIGHUP)
        wait_until(lambda: self.server.log("certificate reloaded"))

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

    def test_a_pair_that_is_not_valid_yet_is_taken_in_once_it_is(self):
        """Who made it has a clock that is a little fast."""
        old = self.served_serial()
        early = Certificate("server", self.server.authority, begin=datetime.timedelta(seconds=5))
        self.server.write_pair(early)
        lines = wait_until(lambda: self.server.log("the certificate was not reloaded, the old one stays"))
        self.assertIn("not valid before", lines[0]["reason"])
        self.assertEqual(self.served_serial(), old)
        wait_until(lambda: self.served_serial() == early.serial)
        self.assertEqual(len(self.server.log("the certificate was not reloaded, the old one stays")), 1)
        metrics = self.server.metrics()
        self.assertEqual(metrics['openshell_injector_certificate_reloads_total{result="failure"}'], 1)
        self.assertEqual(metrics['openshell_injector_certificate_reloads_total{result="success"}'], 1)

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


if __name__ == "__main__":
    unittest.main()
