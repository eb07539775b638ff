#!/usr/bin/python3
"""`openshell-injector certs` on files: what it makes, as three other implementations see it, and what it refuses.

Needs openssl, certtool and Go.
"""

import base64
import contextlib
import datetime
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "support"))
import fake_api  # noqa: E402, the folder is known only now
import injector  # noqa: E402

HOST = "openshell-injector.openshell-injector.svc"
ALGORITHMS = ("ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072", "rsa-4096")
FILES = ("authorities.json", "ca-bundle.crt", "tls.crt", "tls.key")


def call(*command, stdin=None):
    return subprocess.run([str(part) for part in command], input=stdin, capture_output=True, text=True, timeout=120,
                          check=False)


class CertsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        injector.programs()
        cls.tools = tempfile.mkdtemp(prefix="test-certs-")
        cls.addClassCleanup(shutil.rmtree, cls.tools)
        cls.go_verify = pathlib.Path(cls.tools, "verify")
        built = subprocess.run(["go", "build", "-o", cls.go_verify, "."], cwd=HERE / "verify", capture_output=True,
                               text=True, timeout=300, check=False)
        assert built.returncode == 0, built.stderr

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="test-certs-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def certs(self, *arguments, code=0, folder="one"):
        """What is printed, standard error behind standard output."""
        result = injector.run("certs", *arguments, f"--directory={self.folder / folder}")
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout + result.stderr

    def bundle(self, folder="one"):
        return self.folder / folder / "ca-bundle.crt"

    def verifiers(self, bundle, chain):
        """The three verifications of the chain by the bundle."""
        return {
            "openssl": call("openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", HOST,
                            "-CAfile", bundle, "-untrusted", chain, chain),
            "go": call(self.go_verify, bundle, chain, HOST),
            "gnutls": call("certtool", "--verify", "--verify-profile=medium", f"--verify-hostname={HOST}",
                           "--load-ca-certificate", bundle, "--infile", chain),
        }

    def assert_verified(self, bundle, chain):
        for name, result in self.verifiers(bundle, chain).items():
            self.assertEqual(result.returncode, 0, f"{name}: {result.stdout}{result.stderr}")

    def assert_refused(self, bundle, chain):
        for name, result in self.verifiers(bundle, chain).items():
            self.assertNotEqual(result.returncode, 0, f"{name}: {result.stdout}")

    def test_certificates_of_every_algorithm_are_verified_by_three_others(self):
        for algorithm in ALGORITHMS:
            self.certs("init", f"--certificate-algorithm={algorithm}", folder=algorithm)
            self.assert_verified(self.bundle(algorithm), self.folder / algorithm / "tls.crt")
        self.assert_refused(self.bundle("ecdsa-p256"), self.folder / "ed25519" / "tls.crt")

    def test_rotation_is_verified_by_old_and_new_bundles(self):
        self.certs("init")
        first = self.folder / "first.crt"
        shutil.copy(self.bundle(), first)
        for _ in range(2):
            before = (self.folder / "one/tls.crt").read_text()
            self.certs("rotate", "--authority")
            self.assertEqual((self.folder / "one/tls.crt").read_text(), before)
            self.assert_verified(self.bundle(), self.folder / "one/tls.crt")
            self.certs("rotate", "--authority", "--promote")
            self.assertNotEqual((self.folder / "one/tls.crt").read_text(), before)
            self.assert_verified(self.bundle(), self.folder / "one/tls.crt")
            self.assert_verified(first, self.folder / "one/tls.crt")

    def test_certificate_is_verified_once_earlier_authorities_have_left_the_bundle(self):
        self.certs("init")
        for _ in range(2):
            self.certs("rotate", "--authority")
            self.certs("rotate", "--authority", "--promote")
        chain, alone = self.folder / "one/tls.crt", self.folder / "alone.crt"
        newest = self.folder / "newest.crt"
        newest.write_text(json.loads((self.folder / "one/authorities.json").read_text())["current"]["certificate"])
        alone.write_bytes(x509.load_pem_x509_certificate(chain.read_bytes()).public_bytes(serialization.Encoding.PEM))
        self.assert_verified(newest, alone)
        # With the cross certificates as well by those that look for a path. GnuTLS goes along all of them.
        results = self.verifiers(newest, chain)
        for name in ("openssl", "go"):
            self.assertEqual(results[name].returncode, 0, f"{name}: {results[name].stdout}{results[name].stderr}")

    def test_rotation_renews_the_pair_alone(self):
        self.certs("init")
        bundle, chain = self.bundle().read_text(), (self.folder / "one/tls.crt").read_text()
        self.certs("rotate")
        self.assertEqual(self.bundle().read_text(), bundle)
        self.assertNotEqual((self.folder / "one/tls.crt").read_text(), chain)
        self.assertEqual(self.certs("check", f"--host={HOST}"), "ok\n")

    def test_rotation_keeps_the_names_unless_others_are_given(self):
        def names():
            return json.loads(self.certs("status", "--output=json"))["serving"]["names"]
        self.certs("init", "--service=other", "--dns-name=webhook.example.com", "--dns-name=192.0.2.7")
        before = names()
        self.certs("rotate")
        self.assertEqual(names(), before)
        self.certs("rotate", "--authority")
        self.certs("rotate", "--authority", "--promote")
        self.assertEqual(names(), before)
        self.certs("rotate", "--dns-name=webhook.example.org")
        self.assertEqual(names()[0], HOST)
        self.assertEqual(names()[-1], "webhook.example.org")
        (self.folder / "one/tls.crt").write_text("damaged")
        self.assertIn("names that are to be kept, unless --service is given: tls.crt", self.certs("rotate", code=2))
        self.certs("rotate", "--service=other")

    def test_looking_makes_no_directory(self):
        for action in ("status", "check", "export", "rotate"):
            self.assertIn("No such file", self.certs(action, code=2, folder="nothing"))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_steps_out_of_order_are_wrong_usage(self):
        self.certs("init")
        self.assertIn("no next authority", self.certs("rotate", "--authority", "--promote", code=2))
        self.certs("rotate", "--authority")
        self.assertIn("made already", self.certs("rotate", "--authority", code=2))

    def test_authority_is_not_made_while_too_many_are_retired(self):
        self.certs("init")
        for _ in range(8):
            self.certs("rotate", "--authority")
            self.certs("rotate", "--authority", "--promote")
        before = (self.folder / "one/authorities.json").read_text()
        self.assertIn("8 authorities are retired already", self.certs("rotate", "--authority", code=2))
        self.assertEqual((self.folder / "one/authorities.json").read_text(), before)
        self.certs("rotate")
        self.assertEqual(self.certs("check"), "ok\n")

    def test_init_leaves_what_is_there(self):
        self.certs("init")
        before = {name: (self.folder / "one" / name).read_bytes() for name in FILES}
        self.assertIn("already", self.certs("init"))
        self.assertEqual(before, {name: (self.folder / "one" / name).read_bytes() for name in FILES})

    def test_files_are_readable_by_their_owner_alone(self):
        old = os.umask(0)
        self.addCleanup(os.umask, old)
        self.certs("init")
        self.assertEqual(sorted(path.name for path in (self.folder / "one").iterdir()), sorted(FILES))
        for name in FILES:
            self.assertEqual((self.folder / "one" / name).stat().st_mode & 0o777, 0o600, name)

    def test_private_keys_are_never_printed(self):
        printed = self.certs("init") + self.certs("rotate") + self.certs("rotate", "--authority")
        printed += self.certs("status") + self.certs("status", "-o", "json") + self.certs("export")
        printed += self.certs("export", "--output=base64") + self.certs("check")
        self.assertNotIn("PRIVATE", printed)
        key = (self.folder / "one/tls.key").read_text().splitlines()[1]
        self.assertNotIn(key, printed)

    def test_status_tells_names_days_and_chain(self):
        self.certs("init", "--dns-name=webhook.example.com", "--dns-name=192.0.2.7")
        status = json.loads(self.certs("status", "--output=json"))
        self.assertEqual([entry["role"] for entry in status["authorities"]], ["current"])
        # A whole life is left within the second in which they were made, less than that afterwards.
        self.assertIn(status["authorities"][0]["daysLeft"], (364, 365))
        self.assertIn(status["serving"]["chain"][0]["daysLeft"], (6, 7))
        self.assertEqual(status["serving"]["names"], [
            HOST, f"{HOST}.cluster.local", "openshell-injector.openshell-injector", "openshell-injector",
            "webhook.example.com", "192.0.2.7"])
        fingerprint = call("openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", self.bundle()).stdout
        self.assertEqual(fingerprint.partition("=")[2].strip().replace(":", "").lower(),
                         status["authorities"][0]["sha256"])
        table = self.certs("status")
        for part in ("ROLE", "current", "serving", "webhook.example.com"):
            self.assertIn(part, table)

    def test_export_is_the_bundle(self):
        self.certs("init")
        self.assertEqual(self.certs("export"), self.bundle().read_text())

    def test_check_says_what_is_wrong(self):
        self.certs("init")
        self.certs("init", folder="other")
        one, other = self.folder / "one", self.folder / "other"
        pair = (f"--certificate={one}/tls.crt", f"--key={one}/tls.key")

        def check(*arguments, code=1):
            result = injector.run("certs", "check", *arguments)
            self.assertEqual(result.returncode, code, result.stdout + result.stderr)
            return result.stdout + result.stderr
        check(*pair, code=0)
        check(*pair, f"--bundle={one}/ca-bundle.crt", f"--host={HOST}", code=0)
        check(*pair, "--days=6", code=0)
        self.assertRegex(check(*pair, "--days=8"), "expires in [67] days")
        self.assertIn("local issuer", check(*pair, f"--bundle={other}/ca-bundle.crt"))
        self.assertIn("hostname mismatch", check(*pair, f"--bundle={one}/ca-bundle.crt", "--host=example.com").lower())
        self.assertIn("does not belong", check(pair[0], f"--key={other}/tls.key"))
        self.assertIn("cut off", check(f"--certificate={self.cut(one / 'tls.crt')}", pair[1], code=2))
        self.assertIn("no private key", check(pair[0], f"--key={self.cut(one / 'tls.key')}", code=2))
        self.assertIn("without the other", check(pair[0], code=2))
        self.assertIn("not together", check(*pair, "--address=127.0.0.1:8443", code=2))

    def serve(self, folder="one", handshakes=1):
        """A server with the folder's pair, for so many handshakes; its address."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / folder / "tls.crt", self.folder / folder / "tls.key")
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        # A test that fails makes fewer handshakes.
        listener.settimeout(10)

        def shake_hands():
            for _ in range(handshakes):
                try:
                    plain, _ = listener.accept()
                except TimeoutError:
                    return
                plain.settimeout(10)
                # The client says no more, and may be gone already.
                with contextlib.suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as secure:
                    secure.recv(1)
        thread = threading.Thread(target=shake_hands)
        thread.start()
        self.addCleanup(thread.join)
        return f"127.0.0.1:{listener.getsockname()[1]}"

    def test_what_a_server_presents_is_shown_and_checked(self):
        self.certs("init", "--dns-name=webhook.example.com")
        self.certs("rotate", "--authority")
        self.certs("rotate", "--authority", "--promote")
        self.certs("init", folder="other")
        address = f"--address={self.serve(handshakes=5)}"
        status = json.loads(self.certs("status", "--output=json", address, folder="other"))
        shown = json.loads(self.certs("status", "--output=json"))
        self.assertEqual(status["serving"]["names"], shown["serving"]["names"])
        self.assertEqual([entry["sha256"] for entry in status["serving"]["chain"]],
                         [entry["sha256"] for entry in shown["serving"]["chain"]])
        self.assertEqual([entry["role"] for entry in status["serving"]["chain"]], ["serving", "cross"])
        self.assertEqual(self.certs("check", address), "ok\n")
        self.assertEqual(self.certs("check", address, "--host=webhook.example.com"), "ok\n")
        self.assertIn("hostname mismatch", self.certs("check", address, "--service=another", code=1).lower())
        self.assertIn("issuer", self.certs("check", address, folder="other", code=1))

    def test_address_without_a_tls_server_is_told(self):
        self.certs("init")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.assertIn(f"no handshake with 127.0.0.1:{port}", self.certs("check", f"--address=127.0.0.1:{port}", code=3))
        for address in ("127.0.0.1", ":8443", "::1:8443", "name:https", "name:"):
            self.assertIn("must be HOST:PORT", self.certs("status", f"--address={address}", code=2))

    def test_days_count_for_what_is_served(self):
        self.certs("init")
        self.sign_again(-datetime.timedelta(days=1), datetime.timedelta(days=6, minutes=5))
        address = f"--address={self.serve(handshakes=2)}"
        self.assertEqual(self.certs("check", address, "--days=6"), "ok\n")
        self.assertEqual(self.certs("check", address, "--days=7", code=1), "the served certificate expires in 6 days\n")

    def serve_cluster(self):
        """An API server that has the folder's authority, and webhooks that trust it; its kubeconfig."""
        encoded = {name: base64.b64encode((self.folder / "one" / name).read_bytes()).decode() for name in FILES}
        name = "openshell-injector"
        client = {"service": {"namespace": name, "name": name}, "caBundle": encoded["ca-bundle.crt"]}
        configuration = {"metadata": {"name": name}, "webhooks": [{"name": "ours", "clientConfig": client}]}
        kinds = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
        server = fake_api.FakeServer({
            f"/apis/admissionregistration.k8s.io/v1/{kind}/{name}": configuration for kind in kinds} | {
            f"/api/v1/namespaces/{name}/secrets/{name}-authorities": {
                "metadata": {"name": f"{name}-authorities"},
                "data": {"authorities.json": encoded["authorities.json"]}}})
        self.addCleanup(server.close)
        kubeconfig = self.folder / "kubeconfig"
        fake_api.write_kubeconfig(kubeconfig, server.server_address[1])
        return kubeconfig

    def test_days_count_for_what_a_replica_of_the_cluster_serves(self):
        self.certs("init")
        self.sign_again(-datetime.timedelta(days=1), datetime.timedelta(days=6, minutes=5))
        arguments = ("certs", "check", f"--kubeconfig={self.serve_cluster()}", "--namespace=openshell-injector")
        address = f"--address={self.serve(handshakes=2)}"
        for more, expected in ((("--days=7",), (0, "ok\n")),
                               (("--days=6", address), (0, "ok\n")),
                               (("--days=7", address), (1, "the served certificate expires in 6 days\n"))):
            result = injector.run(*arguments, *more)
            self.assertEqual((result.returncode, result.stdout), expected, result.stderr)

    def cut(self, path):
        shorter = self.folder / f"cut-{path.name}"
        shorter.write_text(path.read_text()[:-40])
        return shorter

    def sign_again(self, since, until):
        """Has the authority sign the serving certificate again, valid from now + `since` to now + `until`."""
        path = self.folder / "one/tls.crt"
        authority = json.loads((self.folder / "one/authorities.json").read_text())["current"]
        key = serialization.load_pem_private_key(authority["key"].encode(), None)
        made = x509.load_pem_x509_certificate(path.read_bytes())
        now = datetime.datetime.utcnow()
        builder = x509.CertificateBuilder(extensions=list(made.extensions)).subject_name(made.subject).issuer_name(
            made.issuer).public_key(made.public_key()).serial_number(x509.random_serial_number()).not_valid_before(
                now + since).not_valid_after(now + until)
        path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def test_expired_certificate_is_found(self):
        self.certs("init")
        self.assert_verified(self.bundle(), self.folder / "one/tls.crt")
        self.sign_again(-datetime.timedelta(days=10), -datetime.timedelta(days=3))
        self.assert_refused(self.bundle(), self.folder / "one/tls.crt")
        self.assertIn("the certificate has expired", self.certs("check", code=1))

    def test_damaged_authorities_are_refused_and_left_alone(self):
        self.certs("init")
        path = self.folder / "one/authorities.json"
        text = path.read_text()
        for damaged in ("", "{}", text[:-20], text.replace("BEGIN PRIVATE", "BEGIN PUBLIC")):
            path.write_text(damaged)
            for action in ("status", "rotate", "export", "init"):
                self.assertIn("authorities.json", self.certs(action, code=2))
            self.assertEqual(path.read_text(), damaged)

    def test_client_certificate_is_verified_by_three_others(self):
        for algorithm in ALGORITHMS:
            self.certs("admission-kubeconfig", f"--certificate-algorithm={algorithm}", folder=algorithm)
            folder = self.folder / algorithm
            user = yaml.safe_load((folder / "kubeconfig").read_text())["users"][0]["user"]
            chain = folder / "client.crt"
            chain.write_bytes(base64.b64decode(user["client-certificate-data"]))
            bundle = folder / "client-ca.crt"
            for result in (call("openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", bundle, chain),
                           call(self.go_verify, "-client", bundle, chain),
                           call("certtool", "--verify", "--verify-profile=medium", "--verify-purpose=1.3.6.1.5.5.7.3.2",
                                "--load-ca-certificate", bundle, "--infile", chain)):
                self.assertEqual(result.returncode, 0, f"{result.args}: {result.stdout}{result.stderr}")
            # It is for a client alone.
            self.assertNotEqual(call("openssl", "verify", "-purpose", "sslserver", "-CAfile", bundle, chain).returncode,
                                0)

    def test_wrong_command_lines_are_explained(self):
        for arguments, part in ((("status", "--nothing"), "unknown option --nothing"),
                                (("init", "--promote"), "unknown option --promote"),
                                (("rotate", "--promote"), "without --authority"),
                                (("init", "--certificate-life=1"), "--certificate-life"),
                                (("init", "--certificate-life=4s"), "5 seconds at least"),
                                (("init", "--authority-life=27d"), "4 times as long"),
                                (("init", "--certificate-algorithm=dsa"), "ecdsa-p256"),
                                (("init", "--dns-name=a b"), "neither a DNS name"),
                                (("init", "--service=a.b"), "no name of a Service"),
                                (("status", "--output=xml"), "table or json"),
                                (("check", "--days=x"), "--days")):
            self.assertIn(part, self.certs(*arguments, code=2))
        self.assertIn("is no action", injector.run("certs", "renew").stderr)
        self.assertIn("no action given", injector.run("certs").stderr)
        self.assertIn("Usage", injector.run("certs", "--help").stdout)

    def test_admission_kubeconfig_names_the_webhook_and_keeps_earlier_authorities(self):
        self.certs("admission-kubeconfig", "--server-path=/etc/kubernetes/admission", folder="admission")
        folder = self.folder / "admission"
        self.assertIn("kubeConfigFile: /etc/kubernetes/admission/kubeconfig",
                      (folder / "admission-configuration.yaml").read_text())
        self.assertIn(f"- name: {HOST}\n", (folder / "kubeconfig").read_text())
        self.assertEqual((folder / "kubeconfig").stat().st_mode & 0o777, 0o600)
        first = (folder / "client-ca.crt").read_text()
        self.certs("admission-kubeconfig", folder="admission")
        second = (folder / "client-ca.crt").read_text()
        self.assertTrue(second.endswith(first))
        self.assertEqual(second.count("BEGIN CERTIFICATE"), 2)
        for _ in range(4):
            self.certs("admission-kubeconfig", folder="admission")
        self.assertEqual((folder / "client-ca.crt").read_text().count("BEGIN CERTIFICATE"), 4)


if __name__ == "__main__":
    unittest.main(verbosity=2)
