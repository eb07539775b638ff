"""Pods for the tests of the command line."""

import copy
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "default--demo",
        "namespace": "openshell",
        "labels": {
            "openshell.ai/managed-by": "openshell",
            "openshell.ai/sandbox-id": "6f1c2b9e",
            "openshell.ai/sandbox-name": "demo",
        },
    },
    "spec": {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "containers": [{"name": "agent", "image": "registry.example.com/agent:1", "command": ["claude"],
                        "env": [{"name": "API_KEY", "value": "hush-hush"}]}],
    },
}

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1"}}


def pod(**spec):
    changed = copy.deepcopy(POD)
    changed["spec"] |= spec
    return changed
