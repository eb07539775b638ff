#!/usr/bin/python3
"""Certificates that never interrupt admission: three replicas with certificates that live for seconds behind one
Service, on a real API server, while pods are created without a pause. Not one creation may fail while certificates and
authorities rotate, replicas are killed or frozen, the Secret is deleted, another writer puts an old caBundle back, or a
clock is wrong.

E2E_CERTIFICATE_ROTATIONS says how many serving certificates the first test waits for (60: about a minute). Needs root,
for the addresses, and faketime.
"""

import base64
import os
import signal
import subprocess
import time
import unittest

import webhook_server
from certificate_replicas import CONFIGURATIONS, Load, Replica, Replicas, install
from webhook_server import NAMESPACE, wait_for
from webhook_test_case import WebhookTestCase, sandbox_pod

# Reserved for documentation, so nobody's.
ADDRESSES = ("203.0.113.21", "203.0.113.22", "203.0.113.23")
INTERFACE = f"certs{os.getpid() % 10000}"
ROTATIONS = int(os.environ.get("E2E_CERTIFICATE_ROTATIONS", "20"))
LIFE_S = 8
FLAGS = ["--sandbox-uid=1000", "--drain-delay=2s", f"--namespace={NAMESPACE}", f"--certificate-life={LIFE_S}s",
         "--authority-life=1h", "--certificate-propagation=2s"]
SECRET = "openshell-injector-authorities"


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class CertificatesTest(WebhookTestCase):
    @classmethod
    def setUpClass(cls):
        # A bridge with nothing attached: not every kernel has dummy interfaces.
        ip("link", "add", INTERFACE, "type", "bridge")
        cls.addClassCleanup(ip, "link", "delete", INTERFACE)
        ip("link", "set", INTERFACE, "up")
        for address in ADDRESSES:
            ip("address", "add", f"{address}/32", "dev", INTERFACE)
        cls.set_up_cluster()
        kubeconfig = install(cls.cluster, cls.directory)
        items = [Replica(cls.directory, kubeconfig, address, FLAGS) for address in ADDRESSES]
        cls.replicas = Replicas(cls.cluster, items)
        cls.addClassCleanup(cls.replicas.end)
        for replica in items:
            replica.start()
        cls.replicas.wait_until_in_service()
        webhook_server.wait_until_called(cls.cluster, sandbox_pod("probe"))

    def setUp(self):
        self.replicas.wait_until_in_service()
        self.load = Load(self.replicas, sandbox_pod("load"))

    def tearDown(self):
        failures = self.load.end()
        print(f"\n{self.id()}: {self.load.created} pods, {self.load.handshakes} handshakes, {len(failures)} failed",
              flush=True)
        if failures:
            for replica in self.replicas.items:
                print(replica.log.read_text()[-3000:])
        self.assertEqual(failures, [])
        self.assertGreater(self.load.created, 10)
        self.assertGreater(self.load.handshakes, 10)

    def certs(self, *arguments):
        result = webhook_server.injector.run(
            "certs", *arguments, f"--namespace={NAMESPACE}",
            extra_environment={"KUBECONFIG": str(self.cluster.state / "kubeconfig")})
        return result.returncode, result.stdout + result.stderr

    def authorities(self):
        """Subject of each authority by its role; of several retired ones, the list."""
        code, text = self.certs("status", "--output=json")
        self.assertEqual(code, 0, text)
        roles = {"retired": []}
        for authority in webhook_server.json.loads(text)["authorities"]:
            if authority["role"] == "retired":
                roles["retired"].append(authority["subject"])
            else:
                roles[authority["role"]] = authority["subject"]
        return roles

    def rotate_authority(self):
        """Asks for the next authority, and waits until it signs and every replica serves by it."""
        before = self.authorities()["current"]
        code, text = self.certs("rotate", "--authority")
        self.assertEqual(code, 0, text)
        wait_for(lambda: self.authorities()["current"] != before, 60, "the next authority signs")
        self.wait_for_fresh_certificates()
        return before

    def wait_for_fresh_certificates(self, count=2):
        running = [replica for replica in self.replicas.items if replica.process]
        before = {replica: replica.rotations() for replica in running}
        wait_for(lambda: all(replica.rotations() >= before[replica] + count for replica in running), 90,
                 "every replica renews its certificate")

    def test_rotations_of_everything_go_unnoticed(self):
        before = sum(replica.rotations() for replica in self.replicas.items)
        first = self.rotate_authority()
        second = self.rotate_authority()
        self.assertNotEqual(first, second)
        wait_for(lambda: sum(replica.rotations() for replica in self.replicas.items) - before >= ROTATIONS,
                 60 + ROTATIONS * LIFE_S, f"{ROTATIONS} rotations")
        code, text = self.certs("check")
        self.assertEqual((code, text), (0, "ok\n"))

    def test_replicas_are_killed_and_come_back(self):
        for replica in self.replicas.items:
            self.replicas.take_out(replica)
            replica.end(signal.SIGKILL)
            time.sleep(1)
            replica.start()
            self.replicas.put_back(replica)

    def test_lease_holder_freezes_during_a_rotation(self):
        holder = self.replicas.holder()
        self.replicas.take_out(holder)
        os.kill(holder.process.pid, signal.SIGSTOP)
        try:
            before = self.authorities()["current"]
            code, text = self.certs("rotate", "--authority")
            self.assertEqual(code, 0, text)
            wait_for(lambda: self.authorities()["current"] != before, 90, "another replica carries the rotation on")
        finally:
            os.kill(holder.process.pid, signal.SIGCONT)
        self.replicas.put_back(holder)
        self.wait_for_fresh_certificates()
        self.assertEqual(sum(replica.holds_lease() for replica in self.replicas.items), 1)

    def test_another_writer_keeps_putting_an_old_bundle_back(self):
        """What a tool does that applies the state of yesterday again and again."""
        old = {plural: self.replicas.api.bundles(plural)[0] for plural in CONFIGURATIONS}
        self.rotate_authority()
        end = time.monotonic() + 15
        while time.monotonic() < end:
            for plural in CONFIGURATIONS:
                self.replicas.api.set_bundle(plural, old[plural])
            time.sleep(0.4)
        # With the writer gone another rotation comes to its end.
        self.rotate_authority()

    def test_secret_is_deleted_again_and_again(self):
        before = self.authorities()["current"]
        for _ in range(5):
            self.cluster.kubectl("delete", "secret", SECRET, f"--namespace={NAMESPACE}")
            time.sleep(1)
        wait_for(lambda: self.run_kubectl("get", "secret", SECRET, f"--namespace={NAMESPACE}").returncode == 0, 30,
                 "the Secret is there again")
        self.wait_for_fresh_certificates()
        self.assertEqual(self.authorities()["current"], before)

    def test_secret_is_overwritten_with_rubbish(self):
        before = self.authorities()["current"]
        rubbish = base64.b64encode(b"rubbish").decode()
        self.cluster.kubectl("patch", "secret", SECRET, f"--namespace={NAMESPACE}", "--type=merge",
                             '--patch={"data": {"authorities.json": "%s"}}' % rubbish)
        wait_for(lambda: self.certs("status")[0] == 0, 30, "the Secret is good again")
        self.assertEqual(self.authorities()["current"], before)
        self.wait_for_fresh_certificates()

    def test_clock_of_one_replica_is_fast(self):
        """By less than certificates are backdated."""
        replica = self.replicas.items[1]
        self.replicas.take_out(replica)
        replica.end()
        replica.start(clock_offset="+240s")
        self.replicas.put_back(replica)
        self.rotate_authority()
        self.replicas.take_out(replica)
        replica.end()
        replica.start()
        self.replicas.put_back(replica)


class ForeignBundleTest(CertificatesTest):
    """A bundle that trusts nobody of ours cannot go unnoticed; it is put right within seconds."""

    def setUp(self):
        self.replicas.wait_until_in_service()

    def tearDown(self):
        """No load: creations fail until the bundle is right again."""

    def test_foreign_bundle_is_replaced_within_seconds(self):
        right = self.replicas.api.bundles(CONFIGURATIONS[0])[0]
        for value in ("", right[:-8] + "AAAAAAA=", base64.b64encode(b"nonsense").decode()):
            for plural in CONFIGURATIONS:
                status, answer = self.replicas.api.request(
                    "PATCH", f"/apis/admissionregistration.k8s.io/v1/{plural}/{NAMESPACE}",
                    [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": value}],
                    "application/json-patch+json")
                # The API server itself refuses what is no PEM.
                self.assertIn(status, (200, 422), answer)
                begin = time.monotonic()
                wait_for(lambda: right in self.replicas.api.bundles(plural), 5, "the bundle is right again")
                print(f"\n{plural}: right again after {time.monotonic() - begin:.3f} s", flush=True)


# Its tests run in CertificatesTest already.
for name in [name for name in dir(CertificatesTest) if name.startswith("test_")]:
    setattr(ForeignBundleTest, name, None)


if __name__ == "__main__":
    unittest.main(verbosity=2)
