"""The pods of the conformance cases: as the driver sends them to a real API server, and as that stores them after the
real webhook."""

import itertools
import json
import signal
import unittest

import setting as parts
import injector
from api_proxy import ApiProxy
from pod_comparison import comparable
from setting import wait_for

setting = None


def setUpModule():
    global setting
    setting = parts.acquire()
    unittest.addModuleCleanup(parts.release)


class Conformance(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        api = setting.api
        api.request("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": "high"}, "value": 7})
        for name in ("kata", "kata-qemu", "gvisor"):
            api.request("POST", "/apis/node.k8s.io/v1/runtimeclasses", {"metadata": {"name": name}, "handler": "runc"})
        api.request("POST", "/api/v1/nodes", {"metadata": {"name": "gpu-node"}})
        api.request("PATCH", "/api/v1/nodes/gpu-node/status",
                    {"status": {"capacity": {"nvidia.com/gpu": "8"}, "allocatable": {"nvidia.com/gpu": "8"}}},
                    "application/merge-patch+json")

    @classmethod
    def tearDownClass(cls):
        setting.api.request("DELETE", "/api/v1/nodes/gpu-node")
        setting.webhook.run()

    def setUp(self):
        self.proxy = ApiProxy(setting.api, setting.directory)
        self.addCleanup(self.proxy.close)

    @staticmethod
    def flags(config):
        """What of a case concerns the driver."""
        flags = ["--sandbox-service-account", config.get("service_account_name", "default")]
        for key, flag in (("image_pull_policy", "--sandbox-image-pull-policy"),
                          ("default_runtime_class_name", "--default-runtime-class-name")):
            if key in config:
                flags += [flag, config[key]]
        if "image_pull_secrets" in config:
            flags += ["--sandbox-image-pull-secrets", ",".join(config["image_pull_secrets"])]
        return tuple(flags)

    def created_and_stored(self, one, case):
        """The pod of a case as the driver sends it to the API server, and as that stores it."""
        setting.webhook.run(injector.flags_of(case["config"], case["credential"]))
        one.client.CreateSandbox(sandbox=parts.case_sandbox(case["sandbox"]))
        path, created = self.proxy.posted[-1]
        self.assertTrue(path.endswith("/pods"), path)
        # The owner's uid is the API server's choice.
        owner = created["metadata"].pop("ownerReferences")[0]
        self.assertEqual(owner["name"], "openshell-sandbox-" + case["sandbox"]["id"])
        return created, setting.api.get("pods", case["bare_pod"]["metadata"]["name"])

    def check_case(self, one, case):
        created, stored = self.created_and_stored(one, case)
        self.assertEqual(comparable(created), comparable(case["bare_pod"]))
        stored, expected = comparable(stored), comparable(case["injected_pod"])
        self.assertEqual(stored_difference(expected["spec"], stored["spec"]), [])
        for kind in ("labels", "annotations"):
            self.assertEqual(stored["metadata"].get(kind), expected["metadata"].get(kind))

    def test_creates_and_stores_the_pod_of_each_case(self):
        """Cases with equal flags share a driver, and all are deleted together: that is most of the time."""
        cases = json.loads((parts.TESTS / "conformance" / "cases.json").read_text())
        by_flags = lambda case: self.flags(case["config"])
        for flags, group in itertools.groupby(sorted(cases, key=by_flags), by_flags):
            one = setting.start_driver(*flags, kubeconfig=self.proxy.kubeconfig())
            for case in group:
                with self.subTest(case["name"]):
                    self.check_case(one, case)
            one.stop(signal.SIGKILL)
        client = setting.start_driver().client
        watcher = parts.Watcher(client)
        for case in cases:
            client.DeleteSandbox(sandbox_id=case["sandbox"]["id"])
        wait_for(lambda: not setting.leftovers(), timeout_s=60, what="the end of all cases")
        watcher.close()


# What an API server writes into a pod that does not say it; None: whatever it is.
SERVER_DEFAULTS = {
    "dnsPolicy": "ClusterFirst", "enableServiceLinks": True, "preemptionPolicy": "PreemptLowerPriority",
    "priority": None, "schedulerName": "default-scheduler", "serviceAccount": None,
    "terminationGracePeriodSeconds": 30, "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File", "imagePullPolicy": None, "pullPolicy": None, "defaultMode": 420,
    "procMount": "Default", "type": "", "tolerations": None, "requests": None,
}


def stored_difference(expected, stored, path="spec"):
    """Where a stored pod is not the expected one with an API server's defaults."""
    if isinstance(expected, dict) and isinstance(stored, dict):
        found = [f"{path}.{key} is missing" for key in expected if key not in stored]
        for key, value in stored.items():
            if key in expected and key == "requests":
                value = {name: value[name] for name in value if name in expected[key]}
            if key in expected and key == "tolerations":
                value = value[: len(expected[key])]
            if key in expected:
                found += stored_difference(expected[key], value, f"{path}.{key}")
            elif SERVER_DEFAULTS.get(key, ...) not in (None, value):
                found.append(f"{path}.{key} is {value}")
        return found
    if isinstance(expected, list) and isinstance(stored, list) and len(expected) == len(stored):
        pairs = enumerate(zip(expected, stored))
        return [one for index, (left, right) in pairs for one in stored_difference(left, right, f"{path}[{index}]")]
    return [] if expected == stored else [f"{path} is {stored}, not {expected}"]


if __name__ == "__main__":
    unittest.main()
