#!/usr/bin/python3
"""Certificates that never interrupt admission: three replicas with certificates that live for seconds behind one
Service, on a real API server, while pods are created without a pause. Not one creation may fail while certificates and
authorities rotate, replicas are killed or frozen, the Secret is deleted, another writer puts an old caBundle back, or a
clock is wrong.

E2E_CERTIFICATE_ROTATIONS says how many serving certificates the first test waits for (300: about five minutes), and
how often is done what the others do. Needs root, for the addresses, and faketime.
"""

import base64
import os
import signal
import time
import unittest

import webhook_server
from certificate_replicas import CONFIGURATIONS, PORT, WAIT_LIMIT_S, Load, verifications
from replicas_test_case import ReplicasTestCase
from webhook_server import NAMESPACE, SERVICE_NAME, wait_for
from webhook_test_case import sandbox_pod

ROTATIONS = int(os.environ.get("E2E_CERTIFICATE_ROTATIONS", "12"))
LIFE_S = 8
SECRET = "openshell-injector-authorities"


class CertificatesTest(ReplicasTestCase):
    CERTIFICATE_FLAGS = [f"--certificate-life={LIFE_S}s", "--authority-life=1h", "--certificate-propagation=1s"]

    def setUp(self):
        self.replicas.wait_until_in_service()
        self.load = Load(self.replicas, sandbox_pod("load"))

    def tearDown(self):
        wait_for(lambda: self.load.created > 10 and self.load.handshakes > 10, WAIT_LIMIT_S, "the load is under way")
        failures = self.load.end()
        print(f"\n{self.id()}: {self.load.created} pods, {self.load.handshakes} handshakes, {len(failures)} failed",
              flush=True)
        if failures:
            for replica in self.replicas.items:
                print(replica.log.read_text()[-3000:])
        self.assertEqual(failures, [])
        self.assertEqual([replica.address for replica in self.replicas.failed], [], "replicas that ended by themselves")

    def certs(self, *arguments, kubeconfig=None):
        """Exit code and output; as the cluster's administrator unless a kubeconfig is given."""
        result = webhook_server.injector.run(
            "certs", *arguments, f"--namespace={NAMESPACE}",
            extra_environment={"KUBECONFIG": str(kubeconfig or self.cluster.kubeconfig)})
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
        """Asks for the next authority, and waits until it signs and all replicas serve by it; gives the one before."""
        before = self.authorities()["current"]
        code, text = self.certs("rotate", "--authority")
        self.assertEqual(code, 0, text)
        wait_for(lambda: self.authorities()["current"] != before, WAIT_LIMIT_S, "the next authority signs")
        self.wait_until_served_by(self.authorities()["current"])
        return before

    def wait_until_served_by(self, subject):
        for replica in self.replicas.items:
            wait_for(lambda: replica.served_issuer() == subject, WAIT_LIMIT_S, "the replica serves by the authority")

    def wait_for_fresh_certificates(self):
        """From every replica one that was made since now."""
        before = {replica: replica.rotations() for replica in self.replicas.items}
        wait_for(lambda: all(replica.rotations() > count for replica, count in before.items()), WAIT_LIMIT_S,
                 "every replica renews its certificate")

    def assert_verified_by_others(self):
        bundle = self.directory / "bundle.crt"
        for plural in CONFIGURATIONS:
            bundle.write_bytes(base64.b64decode(self.replicas.api.bundles(plural)[0]))
            for replica in self.replicas.items:
                for name, result in verifications(replica, bundle).items():
                    self.assertEqual(result.returncode, 0, f"{name}: {result.stdout}{result.stderr}")

    def test_rotations_of_everything_go_unnoticed(self):
        before = sum(replica.rotations() for replica in self.replicas.items)
        first = self.rotate_authority()
        second = self.rotate_authority()
        self.assertNotEqual(first, second)
        wait_for(lambda: sum(replica.rotations() for replica in self.replicas.items) - before >= ROTATIONS,
                 WAIT_LIMIT_S + ROTATIONS * LIFE_S, f"{ROTATIONS} rotations")
        self.assert_verified_by_others()
        for replica in self.replicas.items:
            address = f"--address={replica.address}:{PORT}"
            self.assertEqual(self.certs("check", address), (0, "ok\n"))
            code, text = self.certs("status", "--output=json", address)
            status = webhook_server.json.loads(text)
            self.assertEqual(status["serving"]["names"][0], SERVICE_NAME)
            self.assertEqual([webhook["verifies"] for webhook in status["webhooks"]], [True, True])
        # What somebody else serves, the API server in this case, is not verified.
        code, text = self.certs("check", f"--address={self.replicas.api.host}")
        self.assertEqual(code, 1, text)
        self.assertIn("the caBundle does not verify the certificate", text)

    def test_replicas_are_killed_and_come_back(self):
        for _ in range(1 + ROTATIONS // 50):
            for replica in self.replicas.items:
                self.replicas.drain(replica)
                replica.end(signal.SIGKILL)
                replica.start()
                self.replicas.wait_until_in_service([replica])

    def test_lease_holder_freezes_during_a_rotation(self):
        holder = self.replicas.holder()
        self.replicas.withhold(holder, self.rotate_authority)
        before = self.authorities()["current"]
        os.kill(holder.process.pid, signal.SIGSTOP)
        try:
            code, text = self.certs("rotate", "--authority")
            self.assertEqual(code, 0, text)
            wait_for(lambda: self.authorities()["current"] != before, WAIT_LIMIT_S,
                     "another replica carries the rotation on")
        finally:
            os.kill(holder.process.pid, signal.SIGCONT)
        self.wait_until_served_by(self.authorities()["current"])
        self.replicas.put_back(holder)
        self.assertEqual([replica.holds_lease() for replica in self.replicas.items].count(True), 1)
        self.assertFalse(holder.holds_lease())

    def test_another_writer_keeps_putting_an_old_bundle_back(self):
        """What a tool does that applies the state of yesterday again and again."""
        old = {plural: self.replicas.api.bundles(plural)[0] for plural in CONFIGURATIONS}
        self.rotate_authority()
        for _ in range(ROTATIONS):
            for plural in CONFIGURATIONS:
                self.replicas.api.set_bundle(plural, old[plural])
            time.sleep(0.4)
        # With the writer gone another rotation comes to its end.
        self.rotate_authority()

    def test_secret_is_deleted_and_overwritten(self):
        before = self.authorities()["current"]
        rubbish = base64.b64encode(b"rubbish").decode()
        for _ in range(2 + ROTATIONS // 20):
            self.cluster.kubectl("delete", "secret", SECRET, f"--namespace={NAMESPACE}")
            wait_for(lambda: self.certs("status")[0] == 0, WAIT_LIMIT_S, "the Secret is there again")
            self.cluster.kubectl("patch", "secret", SECRET, f"--namespace={NAMESPACE}", "--type=merge",
                                 '--patch={"data": {"authorities.json": "%s"}}' % rubbish)
            wait_for(lambda: self.certs("status")[0] == 0, WAIT_LIMIT_S, "the Secret is good again")
        self.wait_for_fresh_certificates()
        self.assertEqual(self.authorities()["current"], before)

    def test_clocks_of_two_replicas_are_wrong(self):
        """One is fast by less than certificates are backdated, one is slow by less than they are renewed early."""
        wrong = {self.replicas.items[1]: "+240s", self.replicas.items[2]: f"-{LIFE_S // 8}s"}
        for replica, offset in wrong.items():
            self.replicas.end_orderly(replica)
            replica.start(clock_offset=offset)
            self.replicas.wait_until_in_service([replica])
        self.rotate_authority()
        self.wait_for_fresh_certificates()
        for replica in wrong:
            self.replicas.end_orderly(replica)
            replica.start()
            self.replicas.wait_until_in_service([replica])

    def test_foreign_bundle_is_replaced_within_seconds(self):
        """A bundle that trusts nobody of ours cannot go unnoticed, so without load; it is put right within seconds."""
        wait_for(lambda: self.load.created > 10 and self.load.handshakes > 10, WAIT_LIMIT_S, "the load is under way")
        self.load.end()
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
                wait_for(lambda: right in self.replicas.api.bundles(plural), WAIT_LIMIT_S, "the bundle is right again")
                print(f"\n{plural}: right again after {time.monotonic() - begin:.3f} s", flush=True)
        webhook_server.wait_until_called(self.cluster, sandbox_pod("probe"))

    def may(self, verb, group, resource, name="", namespace=NAMESPACE):
        """Whether the webhook's own account may do this."""
        status, answer = self.replicas.api.request(
            "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
             "spec": {"user": f"system:serviceaccount:{NAMESPACE}:{NAMESPACE}",
                      "resourceAttributes": {"verb": verb, "group": group, "resource": resource, "name": name,
                                             "namespace": namespace}}})
        self.assertEqual(status, 201, answer)
        return answer["status"]["allowed"]

    def test_rights_are_for_named_objects_alone(self):
        lease = "openshell-injector-certificates"
        granted = [("", "secrets", SECRET, verb) for verb in ("get", "list", "watch", "update")]
        granted += [("coordination.k8s.io", "leases", lease, verb) for verb in ("get", "update")]
        granted += [("admissionregistration.k8s.io", plural, NAMESPACE, verb)
                    for plural in CONFIGURATIONS for verb in ("get", "list", "watch", "patch")]
        for group, resource, name, verb in granted:
            namespace = "" if group.startswith("admission") else NAMESPACE
            self.assertTrue(self.may(verb, group, resource, name, namespace), (verb, resource))
            self.assertFalse(self.may(verb, group, resource, "another", namespace), (verb, resource))
            self.assertFalse(self.may(verb, group, resource, "", namespace), (verb, resource))
            self.assertFalse(self.may("delete", group, resource, name, namespace), resource)
            if namespace:
                self.assertFalse(self.may(verb, group, resource, name, "default"), (verb, resource))
                self.assertTrue(self.may("create", group, resource), resource)

    def test_status_shows_the_holder_with_the_rights_of_the_account(self):
        code, text = self.certs("status", "--output=json", kubeconfig=self.account)
        self.assertEqual(code, 0, text)
        lease = webhook_server.json.loads(text)["lease"]
        holder = self.cluster.kubectl("get", "lease", lease["name"], f"--namespace={NAMESPACE}",
                                      "--output=jsonpath={.spec.holderIdentity}")
        self.assertEqual(lease["holder"], holder)
        self.assertNotEqual(holder, "")

    def test_missing_right_is_named(self):
        kubeconfig = self.directory / "nobody.kubeconfig"
        webhook_server.write_service_account_kubeconfig(self.cluster, kubeconfig, account="default")
        for arguments in (("status",), ("rotate", "--authority"), ("export",)):
            code, text = self.certs(*arguments, kubeconfig=kubeconfig)
            self.assertEqual(code, 2, text)
            self.assertIn(f'secrets "{SECRET}" is forbidden: User "system:serviceaccount:{NAMESPACE}:default"', text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
