#!/usr/bin/python3
"""The whole life of authorities, again and again: three replicas whose authorities live for seconds replace them by
themselves, on a real API server, while pods are created without a pause. Not one creation may fail while authorities
are made, sign, retire and end, and with them the cross certificates that are served along.

Needs root, for the addresses.
"""

import os
import unittest

import webhook_server
from certificate_replicas import DRAIN_FLAG, WAIT_LIMIT_S, Load, Replica, Replicas, install
from own_addresses import OwnAddresses
from webhook_server import NAMESPACE, wait_for
from webhook_test_case import WebhookTestCase, sandbox_pod

REPLICAS = 3
LIVES = int(os.environ.get("E2E_AUTHORITY_LIVES", "2"))
LEAF_LIFE_S = 8
AUTHORITY_LIFE_S = 48
FLAGS = ["--sandbox-uid=1000", DRAIN_FLAG, f"--namespace={NAMESPACE}", f"--certificate-life={LEAF_LIFE_S}s",
         f"--authority-life={AUTHORITY_LIFE_S}s", "--certificate-propagation=1s"]


class AuthorityLifeTest(WebhookTestCase):
    @classmethod
    def setUpClass(cls):
        addresses = OwnAddresses(REPLICAS)
        cls.addClassCleanup(addresses.release)
        cls.set_up_cluster()
        account = install(cls.cluster, cls.directory)
        items = [Replica(cls.directory, account, address, FLAGS) for address in addresses.items]
        cls.replicas = Replicas(cls.cluster, items)
        cls.addClassCleanup(cls.replicas.end)
        for replica in items:
            replica.start()
        cls.replicas.wait_until_in_service()
        webhook_server.wait_until_called(cls.cluster, sandbox_pod("probe"))

    def dropped(self):
        """How many authorities have come to their end."""
        return sum(len([record for record in replica.records("certificates") if record["event"] == "authority_dropped"])
                   for replica in self.replicas.items)

    def test_authorities_come_and_go_unnoticed(self):
        load = Load(self.replicas, sandbox_pod("load"))
        try:
            wait_for(lambda: self.dropped() >= LIVES, WAIT_LIMIT_S + LIVES * AUTHORITY_LIFE_S,
                     f"{LIVES} authorities have come to their end")
        finally:
            failures = load.end()
            print(f"\n{self.id()}: {load.created} pods, {load.handshakes} handshakes, {len(failures)} failed", flush=True)
        self.assertEqual(failures, [])
        self.assertEqual([replica.address for replica in self.replicas.failed], [], "replicas that ended by themselves")


if __name__ == "__main__":
    unittest.main(verbosity=2)
