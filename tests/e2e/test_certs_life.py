#!/usr/bin/python3
"""The whole life of authorities, again and again: three replicas whose authorities live for seconds replace them by
themselves, on a real API server, while pods are created without a pause. Not one creation may fail while authorities
are made, sign, retire and end, and with them the cross certificates that are served along.

Needs root, for the addresses.
"""

import os
import unittest

from certificate_replicas import WAIT_LIMIT_S, Load
from replicas_test_case import ReplicasTestCase
from webhook_server import wait_for
from webhook_test_case import sandbox_pod

LIVES = int(os.environ.get("E2E_AUTHORITY_LIVES", "2"))
LEAF_LIFE_S = 8
AUTHORITY_LIFE_S = 48


class AuthorityLifeTest(ReplicasTestCase):
    CERTIFICATE_FLAGS = [f"--certificate-life={LEAF_LIFE_S}s", f"--authority-life={AUTHORITY_LIFE_S}s",
                         "--certificate-propagation=1s"]

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
