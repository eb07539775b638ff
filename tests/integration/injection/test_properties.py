#!/usr/bin/python3
"""What holds for every pod, tried on random ones: only paths that are ours change, nothing goes without a reason,
what is not ours survives to the byte, a second pass changes nothing.
"""

import pathlib
import re
import sys
import unittest

import jsonpatch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))

import exact_json
import injector
from random_cases import Case, Property, agent_index, announce_seed

OUR_ANNOTATIONS = r"(openshell\.ai~1injection|openshell\.ai~1injected-by|openshell\.io~1sandbox-id)"

# What a first pass may do, by the operation's verb; AGENT is the agent's index.
ALLOWED = {
    "add": (r"/metadata/annotations(/" + OUR_ANNOTATIONS + r")?", r"/spec/securityContext(/fsGroup)?",
            r"/spec/(hostUsers|shareProcessNamespace|hostAliases|volumes|initContainers)",
            r"/spec/hostAliases/(-|\d+/hostnames(/-)?)", r"/spec/volumes/-", r"/spec/initContainers/\d+",
            r"/spec/containers/-", r"/spec/containers/AGENT/(command|env|env/-|volumeMounts|volumeMounts/-)",
            r"/spec/containers/AGENT/securityContext(/\w+)?"),
    "replace": (r"/spec/containers/AGENT/command", r"/spec/containers/AGENT/securityContext/\w+",
                r"/spec/securityContext/fsGroup", r"/spec/shareProcessNamespace"),
    "remove": (r"/spec/containers/AGENT/(args|tty|stdin|stdinOnce)",
               r"/spec/containers/AGENT/securityContext/(?!procMount|seccompProfile|seLinuxOptions)\w+"),
    "move": (),
}

STRANGE_KEYS = ("a/b", "~", "ключ", "with space", "x-unknown", "UPPER", "0", "-", 'q"', "é")
STRANGE_NUMBERS = ("12345678901234567890", "1.10", "-0", "1E5", "0.1000000000000000055511151231257827", "1e400",
                   "9007199254740993", "3")


def strange_value(source, depth=0):
    """JSON of any kind, with numbers that a double would change."""
    kind = source.random.randrange(7 if depth < 3 else 4)
    if kind < 4:
        return (source.word(), exact_json.number(source.random.choice(STRANGE_NUMBERS)), None,
                source.chance(0.5))[kind]
    if kind == 4:
        return [strange_value(source, depth + 1) for _ in range(source.random.randint(0, 3))]
    return {source.random.choice(STRANGE_KEYS): strange_value(source, depth + 1)
            for _ in range(source.random.randint(0, 3))}


class StrangeCase(Case):
    """A pod with fields that nobody knows, everywhere that is not ours to own."""

    def __init__(self, number):
        super().__init__(number)
        spec = self.pod["spec"]
        agent = spec["containers"][agent_index(self.pod)]
        owners = [self.pod, self.pod["metadata"], spec, *spec["containers"], *spec.get("initContainers", []),
                  *spec.get("volumes", []), *agent.get("env", []), *agent.get("volumeMounts", [])]
        for owner in owners:
            for _ in range(self.source.random.randint(0, 2)):
                owner[self.source.random.choice(STRANGE_KEYS)] = strange_value(self.source)


class FirstPass(Property):
    def check_paths(self, case):
        index = str(agent_index(case.pod))
        for operation in case.patch(case.pod):
            patterns = [pattern.replace("AGENT", index) for pattern in ALLOWED[operation["op"]]]
            self.assertTrue(any(re.fullmatch(pattern, operation["path"]) for pattern in patterns), operation)

    def test_only_allowed_paths_change(self):
        self.for_each(self.check_paths)
        self.for_each(self.check_paths, StrangeCase)

    def check_reasons(self, case):
        operations = case.explain(case.pod)["operations"]
        for operation in operations:
            self.assertGreater(len(operation["reason"]), 10, operation)
        keys = ("op", "path", "from")
        self.assertEqual([[operation.get(key) for key in keys] for operation in operations],
                         [[operation.get(key) for key in keys] for operation in case.patch(case.pod)])

    def test_every_operation_has_a_reason(self):
        self.for_each(self.check_reasons)

    def check_bytes(self, case):
        printed = exact_json.loads(case.run("render", case.pod, "-o", "json").stdout)
        patched = jsonpatch.apply_patch(case.pod, case.patch(case.pod))
        self.assertEqual(exact_json.dumps(printed), exact_json.dumps(patched))

    def test_what_is_not_ours_survives_to_the_byte(self):
        self.for_each(self.check_bytes)
        self.for_each(self.check_bytes, StrangeCase)

    def check_twice(self, case):
        supervised = case.supervised()
        self.assertEqual(case.patch(supervised), [])
        self.assertEqual(case.explain(supervised)["decision"], "unchanged")

    def test_applying_twice_changes_nothing(self):
        self.for_each(self.check_twice)
        self.for_each(self.check_twice, StrangeCase)

    def check_determinism(self, case):
        outputs = {case.run("render", case.pod, "-o", form).stdout for form in ("patch", "patch")}
        self.assertEqual(len(outputs), 1)

    def test_the_same_pod_gives_the_same_bytes(self):
        self.for_each(self.check_determinism)

    def check_yaml(self, case):
        """The YAML that is printed, read again, is the pod that JSON shows."""
        as_yaml = case.run("render", case.pod, "-o", "yaml")
        self.assertEqual(as_yaml.returncode, 0, as_yaml.stderr)
        again = injector.run("render", "-o", "json", *case.flags, stdin=as_yaml.stdout)
        self.assertEqual(again.stdout, case.run("render", case.pod, "-o", "json").stdout)

    def test_yaml_says_what_json_says(self):
        self.for_each(self.check_yaml)


if __name__ == "__main__":
    announce_seed()
    unittest.main()
