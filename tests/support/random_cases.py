"""Properties that are tried on many random pods.

OPENSHELL_TEST_SEED repeats a run, OPENSHELL_TEST_CASES sets how many pods each property is tried on.
"""

import json
import os
import random
import sys
import unittest

import jsonpatch

import exact_json
import injector
import random_pods

SEED = int(os.environ.get("OPENSHELL_TEST_SEED", random.SystemRandom().getrandbits(32)))
CASES = int(os.environ.get("OPENSHELL_TEST_CASES", "25"))

# The options that random pods are tried under.
CONFIGURATIONS = (
    [],
    ["--topology=sidecar"],
    ["--topology=sidecar", "--sidecar-kind=native", "--supervisor-sideload-method=init-container",
     "--client-tls-secret-name=tls", "--sidecar-process-binary-aware-network-policy=false"],
    ["--supervisor-sideload-method=init-container", "--enable-user-namespaces", "--host-gateway-ip=172.17.0.1",
     "--app-armor-profile=RuntimeDefault", "--seccomp-profile=RuntimeDefault", "--credential=service-account"],
)


def announce_seed():
    print(f"OPENSHELL_TEST_SEED={SEED}", file=sys.stderr)


def agent_index(pod):
    names = [container["name"] for container in pod["spec"]["containers"]]
    return names.index("agent") if "agent" in names else 0


class Case:
    """One random pod under one configuration."""

    def __init__(self, number):
        self.source = random_pods.RandomPods(f"{SEED}-{number}")
        self.flags = self.source.random.choice(CONFIGURATIONS)
        options = {"topology": "sidecar" if "--topology=sidecar" in self.flags else "combined"}
        self.pod = self.source.pod(number, options)

    def run(self, command, pod, *arguments):
        return injector.run(command, *arguments, *self.flags, stdin=exact_json.dumps(pod))

    def patch(self, pod):
        result = self.run("render", pod, "-o", "patch")
        assert result.returncode == 0, result.stderr
        return exact_json.loads(result.stdout)

    def explain(self, pod):
        return json.loads(self.run("explain", pod, "-o", "json").stdout)

    def supervised(self):
        return jsonpatch.apply_patch(self.pod, self.patch(self.pod))


class Property(unittest.TestCase):
    maxDiff = None

    def for_each(self, check, make=Case):
        for number in range(CASES):
            with self.subTest(seed=SEED, case=number):
                check(make(number))
