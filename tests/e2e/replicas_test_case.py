"""A test case with three replicas that keep their own certificates, all of them in service.

Not for: the replicas themselves (certificate_replicas.py).
"""

import webhook_server
from certificate_replicas import DRAIN_FLAG, Replica, Replicas, install
from own_addresses import OwnAddresses
from webhook_server import NAMESPACE
from webhook_test_case import WebhookTestCase, sandbox_pod

REPLICAS = 3


class ReplicasTestCase(WebhookTestCase):
    # What the replicas are told of the lives of their certificates.
    CERTIFICATE_FLAGS = []

    @classmethod
    def setUpClass(cls):
        addresses = OwnAddresses(REPLICAS)
        cls.addClassCleanup(addresses.release)
        cls.set_up_cluster()
        cls.account = install(cls.cluster, cls.directory)
        flags = ["--sandbox-uid=1000", DRAIN_FLAG, f"--namespace={NAMESPACE}", *cls.CERTIFICATE_FLAGS]
        items = [Replica(cls.directory, cls.account, address, flags) for address in addresses.items]
        cls.replicas = Replicas(cls.cluster, items)
        cls.addClassCleanup(cls.replicas.end)
        for replica in items:
            replica.start()
        cls.replicas.wait_until_in_service()
        webhook_server.wait_until_called(cls.cluster, sandbox_pod("probe"))
