#!/usr/bin/python3
"""The API server identifies itself to the webhook by a client certificate, with the files that `certs
admission-kubeconfig` writes, and goes on doing so while that certificate is renewed. Needs root, for the address.
"""

import pathlib
import shutil
import ssl
import tempfile
import unittest
import urllib.error
import urllib.request

import webhook_server
from certificate_replicas import PORT, Replica, Replicas, install
from kubernetes_cluster import Cluster
from own_addresses import OwnAddresses
from webhook_server import NAMESPACE, wait_for, wait_until_called
from webhook_test_case import WebhookTestCase, sandbox_pod


class ClientCertificateTest(WebhookTestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="test-certs-client-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.admission = cls.directory / "admission"
        cls.make_client_certificate()
        addresses = OwnAddresses(1)
        cls.addClassCleanup(addresses.release)
        cls.cluster = Cluster(cls.directory / "cluster")
        cls.addClassCleanup(cls.cluster.run, "down")
        cls.flag = f"--admission-control-config-file={cls.admission / 'admission-configuration.yaml'}"
        cls.cluster.succeed("up", "--", cls.flag)
        kubeconfig = install(cls.cluster, cls.directory)
        cls.replica = Replica(cls.directory, kubeconfig, addresses.items[0],
                              ["--sandbox-uid=1000", f"--namespace={NAMESPACE}", "--drain-delay=0s",
                               f"--client-ca={cls.admission / 'client-ca.crt'}", "--client-name=kube-apiserver"])
        cls.replicas = Replicas(cls.cluster, [cls.replica])
        cls.addClassCleanup(cls.replicas.end)
        cls.replica.start()
        cls.replicas.wait_until_in_service()

    @classmethod
    def make_client_certificate(cls):
        result = webhook_server.injector.run("certs", "admission-kubeconfig", f"--directory={cls.admission}")
        assert result.returncode == 0, result.stderr

    def test_api_server_is_answered_and_nobody_else(self):
        wait_until_called(self.cluster, sandbox_pod("known"))
        request = urllib.request.Request(f"https://{self.replica.address}:{PORT}/mutate", data=b"{}",
                                         headers={"Content-Type": "application/json"})
        # Who the server is does not matter here: it is to refuse us.
        context = ssl._create_unverified_context()  # pylint: disable=protected-access
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, context=context, timeout=10)
        self.assertEqual(refused.exception.code, 403)
        refused.exception.close()

    def test_renewed_client_certificate_is_accepted_beside_the_old_one(self):
        wait_until_called(self.cluster, sandbox_pod("before"))
        self.make_client_certificate()
        wait_for(lambda: self.replica.records("client authorities reloaded"), 30, "the webhook takes the file in")
        self.create(sandbox_pod("old-certificate"), "--dry-run=server")
        self.cluster.succeed("stop-apiserver")
        self.cluster.succeed("start-apiserver", "--", self.flag)
        wait_until_called(self.cluster, sandbox_pod("new-certificate"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
