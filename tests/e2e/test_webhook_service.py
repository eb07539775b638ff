#!/usr/bin/python3
"""The webhook as it is installed: behind its Service, two replicas, manifests/base with nothing added but the caBundle.

There is no node, so the Deployment's pods never run. Each replica is a process of this test on an address of its own,
and the test says in an EndpointSlice beside the Service's own which of them are ready, as kubelet and controller would
do. Needs root, for the addresses.
"""

import concurrent.futures
import json
import signal
import unittest

import webhook_server
from own_addresses import OwnAddresses
from webhook_server import WebhookServer
from webhook_test_case import WebhookTestCase, sandbox_pod

REPLICAS = 2
PORT = 8443
FLAGS = ["--sandbox-uid=1000", "--drain-delay=2s"]
PODS_PER_CLIENT = 100
CLIENTS = 4


class ServiceTest(WebhookTestCase):
    @classmethod
    def setUpClass(cls):
        addresses = OwnAddresses(REPLICAS)
        cls.addClassCleanup(addresses.release)
        cls.addresses = addresses.items
        cls.set_up_cluster()
        webhook_server.make_certificate(cls.directory)
        webhook_server.register(cls.cluster, cls.directory)
        cls.replicas = [WebhookServer(cls.directory, address, PORT) for address in cls.addresses]
        for replica in cls.replicas:
            cls.addClassCleanup(replica.kill)
            replica.start(*FLAGS)
        cls.set_ready(*cls.addresses)
        webhook_server.wait_until_called(cls.cluster, sandbox_pod("probe"))

    @classmethod
    def set_ready(cls, *addresses):
        """Says which replicas are ready, and that the others are not."""
        manifest = cls.directory / "endpoints.json"
        manifest.write_text(json.dumps({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "replicas-under-test",
                "namespace": webhook_server.NAMESPACE,
                "labels": {"kubernetes.io/service-name": webhook_server.NAMESPACE,
                           "endpointslice.kubernetes.io/managed-by": "test_webhook_service.py"},
            },
            "addressType": "IPv4",
            "ports": [{"name": "webhook", "port": PORT, "protocol": "TCP"}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": address in addresses}}
                          for address in cls.addresses],
        }))
        cls.cluster.kubectl("apply", "-f", manifest)

    def create_many(self, prefix):
        """Creates PODS_PER_CLIENT pods one after another, as dry runs, which go the same way; returns what kubectl
        says."""
        pods = [sandbox_pod(f"{prefix}-{number}") for number in range(PODS_PER_CLIENT)]
        return self.run_kubectl("create", "--dry-run=server", "-f", "-",
                                stdin={"apiVersion": "v1", "kind": "List", "items": pods})

    def test_pod_is_supervised_through_the_service(self):
        self.assert_supervised(self.create(sandbox_pod("through-service")))

    def test_no_creation_fails_while_one_replica_after_the_other_restarts(self):
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
            for replica in self.replicas:
                served = self.served()
                creations = [clients.submit(self.create_many, f"client-{client}") for client in range(CLIENTS)]
                webhook_server.wait_for(lambda: self.served() > served + PODS_PER_CLIENT, 60, "creations are under way")
                # What happens when a pod is deleted: it is told to end, and taken out of the Service.
                replica.process.send_signal(signal.SIGTERM)
                self.set_ready(*(address for address in self.addresses if address != replica.address))
                for creation in creations:
                    result = creation.result()
                    self.assertEqual(result.returncode, 0, result.stderr)
                    self.assertEqual(result.stdout.count(" created (server dry run)"), PODS_PER_CLIENT)
                replica.stop()
                replica.start(*FLAGS)
                self.set_ready(*self.addresses)

    def served(self):
        return sum(replica.requests() for replica in self.replicas)

    def test_without_a_ready_replica_sandbox_pods_are_refused(self):
        # Connections that the API server holds open go on being used: they end with the servers.
        for replica in self.replicas:
            replica.stop()
            self.addCleanup(replica.start, *FLAGS)
        self.addCleanup(self.set_ready, *self.addresses)
        self.set_ready()
        self.assertIn('failed calling webhook "inject.injector.openshell.ai"', self.refusal(sandbox_pod("nobody")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
