#!/usr/bin/python3
"""Pods that are spoilt at random: whatever the program makes of them, it neither fails nor half does its work. It
refuses what is no pod (naming the field), denies, or supervises in full.
"""

import copy
import pathlib
import sys
import unittest

import jsonpatch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))

import exact_json
import injector
from random_cases import Case, Property, announce_seed

# Members that a spoilt pod may get anywhere: those that the injection looks at.
KEYS = ("name", "env", "envFrom", "command", "args", "volumeMounts", "volumes", "initContainers", "containers",
        "securityContext", "capabilities", "add", "runAsUser", "hostNetwork", "hostUsers", "labels", "annotations",
        "restartPolicy", "ephemeralContainers", "tty", "value", "valueFrom", "mountPath", "subPath", "lifecycle",
        "livenessProbe", "exec", "image", "imagePullPolicy", "ports", "hostPort", "sysctls", "fsGroup",
        "shareProcessNamespace", "hostAliases", "ip", "hostnames", "projected", "sources", "secret", "secretName")
TEXTS = ("", "agent", "openshell-supervisor-bin", "openshell-network-init", "workspace", "/opt/openshell/bin", "/",
         "OPENSHELL_ENDPOINT", "OPENSHELL_MAIN_PROCESS_SPEC", "LD_PRELOAD", "Never",
         "/opt/openshell/bin/openshell-sandbox")
NUMBERS = ("0", "-1", "1337", "1e3", "18446744073709551616", "1.5")


class SpoiltCase(Case):
    """A random pod, sometimes supervised already, with up to four random changes."""

    def __init__(self, number):
        super().__init__(number)
        if self.source.chance(0.4):
            self.pod = self.supervised()
        for _ in range(self.source.random.randint(1, 4)):
            self.spoil()

    def value(self, depth=0):
        kind = self.source.random.randrange(7 if depth < 2 else 5)
        if kind == 5:
            return [self.value(depth + 1) for _ in range(self.source.random.randint(0, 2))]
        if kind == 6:
            return {self.source.random.choice(KEYS): self.value(depth + 1)
                    for _ in range(self.source.random.randint(0, 2))}
        return (None, True, False, exact_json.number(self.source.random.choice(NUMBERS)),
                self.source.random.choice(TEXTS))[kind]

    def spoil(self):
        """Changes, removes, adds or doubles something below a random object or list."""
        owners = []

        def collect(value):
            if isinstance(value, (dict, list)):
                owners.append(value)
                for member in value.values() if isinstance(value, dict) else value:
                    collect(member)
        collect(self.pod)
        # The pod itself stays a labelled pod, or there would be nothing to decide.
        owner = self.source.random.choice(owners[1:])
        keys = list(owner) if isinstance(owner, dict) else list(range(len(owner)))
        action = self.source.random.choice(("change", "remove", "add", "double"))
        if action == "add" or not keys:
            if isinstance(owner, dict):
                owner[self.source.random.choice(KEYS)] = self.value()
            else:
                owner.append(self.value())
            return
        key = self.source.random.choice(keys)
        if action == "change":
            owner[key] = self.value()
        elif action == "remove":
            del owner[key]
        elif isinstance(owner, list):
            owner.append(copy.deepcopy(owner[key]))


class Spoilt(Property):
    def check_supervised(self, case, patch):
        supervised = jsonpatch.apply_patch(case.pod, patch)
        self.assertEqual(case.patch(supervised), [])
        if case.explain(case.pod)["decision"] != "skipped":
            code, response = injector.review(supervised, case.flags, "validate")
            self.assertEqual((code, response["allowed"]), (0, True), response)

    def check(self, case):
        result = case.run("render", case.pod, "-o", "patch")
        code = result.returncode
        self.assertIn(code, (0, 1, 2), result.stderr)
        explained = case.run("explain", case.pod, "-o", "json")
        self.assertEqual(explained.returncode, code, explained.stderr)
        if code == 0:
            self.check_supervised(case, exact_json.loads(result.stdout))
        elif code == 1:
            self.assertIn("is denied:\n  ", result.stderr)
            self.assertEqual(injector.review(case.pod, case.flags)[0], 1)
        else:
            self.assertRegex(result.stderr, r"^openshell-injector render: standard input: (document 1: )?\S.*: ")

    def test_is_refused_denied_or_supervised_in_full(self):
        self.for_each(self.check, SpoiltCase)


if __name__ == "__main__":
    announce_seed()
    unittest.main()
