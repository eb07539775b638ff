#!/usr/bin/python3
"""Random configurations and pods: the program must make the pod that supervised_pod.py works out by itself.

Each option is given as flag, by environment or in the file, by chance. OPENSHELL_TEST_SEED repeats a run,
OPENSHELL_TEST_CASES sets how many cases it has.
"""

import json
import os
import pathlib
import random
import sys
import tempfile
import unittest

import jsonpatch

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "support"))

import injector
import pod_comparison
import random_pods
import supervised_pod

SEED = int(os.environ.get("OPENSHELL_TEST_SEED", random.SystemRandom().getrandbits(32)))
CASES = int(os.environ.get("OPENSHELL_TEST_CASES", "250"))

# Options whose flag has another name than FLAGS says, because only we have them.
OWN_FLAGS = {
    "credential": "credential", "sidecar_kind": "sidecar-kind", "seccomp_profile": "seccomp-profile",
    "supervisor_binary_path": "supervisor-binary-path", "supervisor_mount_path": "supervisor-mount-path",
    "supervisor_install": "supervisor-install", "telemetry": "telemetry",
}


def text_of(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


class Settings:
    """One configuration, spread over flags, environment and file."""

    def __init__(self, options, source, folder):
        self.flags, self.environment, self.document = [], {}, {}
        for key, value in options.items():
            place, variable = random_pods.PLACES[key]
            flag = injector.FLAGS.get(key) or OWN_FLAGS.get(key)
            way = source.choice(("flag", "environment", "file"))
            if way == "flag" and flag:
                self.flags.append(f"--{flag}={text_of(value)}")
            elif way == "environment" and variable:
                self.environment[variable] = text_of(value)
            else:
                self._put(place, value)
        if self.document:
            path = pathlib.Path(folder) / "configuration.yaml"
            head = {"apiVersion": "injector.openshell.ai/v1alpha1", "kind": "InjectorConfiguration"}
            path.write_text(json.dumps(head | self.document), encoding="utf-8")
            self.flags.append(f"--config={path}")

    def _put(self, place, value):
        owner = self.document
        *parents, last = place.split(".")
        for part in parents:
            owner = owner.setdefault(part, {})
        owner[last] = value

    def run(self, command, *arguments, stdin):
        return injector.run(command, *arguments, *self.flags, stdin=stdin, extra_environment=self.environment)


class RandomCases(unittest.TestCase):
    maxDiff = None

    def check(self, settings, options, pod, annotations):
        given = [f"--namespace-annotation={key}={value}" for key, value in annotations.items()]

        def patch_of(subject):
            result = settings.run("render", "-o", "patch", *given, stdin=json.dumps(subject))
            self.assertEqual(result.returncode, 0, result.stderr)
            return result.stdout.strip()

        patch = patch_of(pod)
        actual = jsonpatch.apply_patch(pod, json.loads(patch))
        expected = supervised_pod.supervise(pod, options, annotations)
        self.assertEqual(pod_comparison.comparable(actual), pod_comparison.comparable(expected))
        self.assertEqual(patch_of(actual), "[]")
        self.assertEqual(patch_of(pod_comparison.with_server_defaults(actual)), "[]")
        self.check_review(settings, given, pod, patch)

    def check_review(self, settings, given, pod, patch):
        result = settings.run("review", *given, stdin=json.dumps(injector.review_of(pod)))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(injector.patch_text_of(json.loads(result.stdout)["response"]), patch)

    def test_the_forty_cases_are_worked_out_alike(self):
        for case in json.loads((FOLDER / "cases.json").read_text(encoding="utf-8")):
            with self.subTest(case["name"]):
                options = case["config"] | {"credential": case["credential"]}
                worked_out = supervised_pod.supervise(case["bare_pod"], options)
                self.assertEqual(pod_comparison.comparable(worked_out),
                                 pod_comparison.comparable(case["injected_pod"]))

    def test_random_pods_become_the_pods_worked_out_twice(self):
        for number in range(CASES):
            source = random_pods.RandomPods(f"{SEED}-{number}")
            options = source.options()
            if source.chance(0.3):
                options["allowed_containers"] = ["helper", "prepare"]
            pod = source.pod(number, options)
            annotations = source.namespace_annotations()
            if self.is_conflict(options, annotations):
                continue
            with self.subTest(seed=SEED, case=number), tempfile.TemporaryDirectory() as folder:
                self.check(Settings(options, source.random, folder), options, pod, annotations)

    @staticmethod
    def is_conflict(options, annotations):
        """The sandbox's user would be the proxy's, which is an error or a denial (H.6)."""
        proxy = options.get("proxy_uid", 1337)
        uid = options.get("sandbox_uid") or int(annotations.get(random_pods.UID_RANGE, "1000").replace("-", "/")
                                                .split("/")[0])
        return uid == proxy


if __name__ == "__main__":
    print(f"OPENSHELL_TEST_SEED={SEED}", file=sys.stderr)
    unittest.main()
