#!/usr/bin/python3
"""Another webhook meddles with a supervised pod before the second pass: what would break the fence is taken out
again, what harms nobody stays, the rest is denied.
"""

import copy
import pathlib
import sys
import unittest

import jsonpatch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))

import injector
import pod_comparison
from random_cases import Property, agent_index, announce_seed

OUR_CONTAINERS = ("openshell-supervisor-install", "openshell-network-init", "openshell-supervisor-network",
                  "workspace-init")

# What of the agent's security context is the user's: nobody can restore it.
USERS_CONTEXT = ("procMount", "seccompProfile", "seLinuxOptions")


def agent_of(pod):
    return pod["spec"]["containers"][agent_index(pod)]


def containers_of(pod):
    return pod["spec"]["containers"] + pod["spec"].get("initContainers", [])


def our_containers(pod):
    return [container for container in containers_of(pod) if container["name"] in OUR_CONTAINERS]


def set_context(container, key, value):
    container["securityContext"][key] = value


def add_capability(container):
    container["securityContext"].setdefault("capabilities", {}).setdefault("add", []).append("SYS_MODULE")


def add_variable(container, name, value="x", first=False):
    container.setdefault("env", []).insert(0 if first else len(container.get("env", [])),
                                           {"name": name, "value": value})


def add_mount(pod, container, path, **more):
    volumes = pod["spec"]["volumes"]
    if not any(volume["name"] == "meddler" for volume in volumes):
        volumes.append({"name": "meddler", "emptyDir": {}})
    container.setdefault("volumeMounts", []).insert(0, {"name": "meddler", "mountPath": path, **more})


# What is undone in the agent.
AGENT_MEDDLINGS = {
    "adds a capability": add_capability,
    "makes it privileged": lambda agent: set_context(agent, "privileged", True),
    "lets it escalate": lambda agent: set_context(agent, "allowPrivilegeEscalation", True),
    "changes its user": lambda agent: set_context(agent, "runAsUser", 4711),
    "changes its group": lambda agent: set_context(agent, "runAsGroup", 4711),
    "asks for no root": lambda agent: set_context(agent, "runAsNonRoot", "runAsUser" not in agent),
    "takes its context away": lambda agent: agent.update(securityContext={
        key: value for key, value in agent["securityContext"].items() if key in USERS_CONTEXT}),
    "adds arguments": lambda agent: agent.update(args=["--mode=off"]),
    "asks for a terminal": lambda agent: agent.update(tty=True, stdin=True),
    "turns the endpoint": lambda agent: add_variable(agent, "OPENSHELL_ENDPOINT", "http://evil", first=True),
    "brings a policy": lambda agent: add_variable(agent, "OPENSHELL_POLICY_RULES"),
    "changes the identity": lambda agent: agent["env"].__setitem__(
        [variable["name"] for variable in agent["env"]].index("OPENSHELL_SANDBOX_UID"),
        {"name": "OPENSHELL_SANDBOX_UID", "value": "0"}),
}

# What is undone in each container of ours.
OWN_MEDDLINGS = {
    "adds a capability": add_capability,
    "makes it privileged": lambda own: set_context(own, "privileged", True),
    "changes its user": lambda own: set_context(own, "runAsUser", 4711),
    "takes its context away": lambda own: own.pop("securityContext"),
    "adds arguments": lambda own: own.update(args=["x"]),
    "changes its command": lambda own: own["command"].append("x"),
    "changes its image": lambda own: own.update(image="evil"),
    "preloads a library": lambda own: add_variable(own, "LD_PRELOAD"),
    "brings a variable": lambda own: add_variable(own, "OPENSHELL_X"),
    "brings a whole environment": lambda own: own.update(envFrom=[{"configMapRef": {"name": "evil"}}]),
    "adds a hook": lambda own: own.update(lifecycle={"postStart": {"exec": {"command": ["x"]}}}),
    "adds a probe": lambda own: own.update(livenessProbe={"exec": {"command": ["x"]}}),
    "moves its folder": lambda own: own.update(workingDir="/evil"),
    "turns a mount": lambda own: own["volumeMounts"][0].update(subPath="evil"),
    "takes its mounts away": lambda own: own.pop("volumeMounts"),
}

# What nobody minds.
HARMLESS = {
    "requests resources": lambda pod: [container.update(resources={"requests": {"cpu": "5m"}})
                                       for container in containers_of(pod)],
    "adds a label": lambda pod: pod["metadata"]["labels"].update(mesh="on"),
    "adds an annotation": lambda pod: pod["metadata"]["annotations"].update({"example.com/mesh": "on"}),
    "adds a volume and mounts it": lambda pod: [add_mount(pod, container, "/meddler")
                                                for container in containers_of(pod)],
    "adds a variable to our containers": lambda pod: [add_variable(own, "GODEBUG") for own in our_containers(pod)],
    "adds a toleration": lambda pod: pod["spec"].setdefault("tolerations", []).append({"operator": "Exists"}),
}

# What is not ours to undo.
DENIED = {
    "HostNetwork": (lambda pod: pod["spec"].update(hostNetwork=True), "PodSecurityBaseline"),
    "HostPath": (lambda pod: pod["spec"]["volumes"].append({"name": "h", "hostPath": {"path": "/"}}),
                 "PodSecurityBaseline"),
    "volume": (lambda pod: next(volume for volume in pod["spec"]["volumes"]
                                if volume["name"] == "openshell-supervisor-bin").update(
                                    emptyDir={"medium": "Memory"}), "ReservedVolume"),
    "identity": (lambda pod: pod["metadata"]["annotations"].update({"openshell.io/sandbox-id": "other"}),
                 "SandboxAnnotationMismatch"),
    "restart": (lambda pod: pod["spec"].update(restartPolicy="Always"), "RestartPolicy"),
    "token": (lambda pod: pod["spec"].update(automountServiceAccountToken=True), "ServiceAccountToken"),
    "environment": (lambda pod: agent_of(pod).update(envFrom=[{"secretRef": {"name": "s"}}]), "EnvironmentFrom"),
    "process": (lambda pod: agent_of(pod).update(env=[variable for variable in agent_of(pod)["env"]
                                                      if variable["name"] != "OPENSHELL_MAIN_PROCESS_SPEC"]),
                "MainProcessInvalid"),
}


class Meddling(Property):
    def assert_mended(self, case, supervised, meddled, message):
        patch = case.patch(meddled)
        self.assertNotEqual(patch, [], message)
        mended = jsonpatch.apply_patch(meddled, patch)
        mended["spec"]["volumes"] = [volume for volume in mended["spec"]["volumes"] if volume["name"] != "meddler"]
        self.assertEqual(pod_comparison.comparable(mended), pod_comparison.comparable(supervised), message)
        self.assertEqual(case.patch(mended), [], message)
        for operation in case.explain(meddled)["operations"]:
            self.assertGreater(len(operation["reason"]), 10)
        code, response = injector.review(meddled, case.flags, "validate")
        self.assertEqual((code, response["status"]["details"]["causes"][0]["reason"]), (1, "InjectionAltered"), message)
        self.assertEqual(injector.review(mended, case.flags, "validate")[0], 0, message)

    def check_agent(self, case):
        supervised = case.supervised()
        name = case.source.random.choice(list(AGENT_MEDDLINGS))
        meddled = copy.deepcopy(supervised)
        AGENT_MEDDLINGS[name](agent_of(meddled))
        if pod_comparison.comparable(meddled) != pod_comparison.comparable(supervised):
            self.assert_mended(case, supervised, meddled, name)

    def test_the_agent_is_mended(self):
        self.for_each(self.check_agent)

    def check_mounts(self, case):
        supervised = case.supervised()
        meddled = copy.deepcopy(supervised)
        container = case.source.random.choice([agent_of(meddled), *our_containers(meddled)])
        path = case.source.random.choice(container["volumeMounts"])["mountPath"]
        ours = {"/sandbox", "/data", "/etc/settings", "/other"}
        if path not in ours:
            path = case.source.random.choice((path, path + "/sub", path + "/", path.rpartition("/")[0] or "/"))
            add_mount(meddled, container, path)
            self.assert_mended(case, supervised, meddled, path)

    def test_mounts_over_our_paths_go(self):
        self.for_each(self.check_mounts)

    def check_own(self, case):
        supervised = case.supervised()
        for number, own in enumerate(our_containers(supervised)):
            name = case.source.random.choice(list(OWN_MEDDLINGS))
            meddled = copy.deepcopy(supervised)
            OWN_MEDDLINGS[name](our_containers(meddled)[number])
            self.assert_mended(case, supervised, meddled, f"{own['name']}: {name}")

    def test_our_containers_are_mended(self):
        self.for_each(self.check_own)

    def check_pod(self, case):
        supervised = case.supervised()
        meddled = copy.deepcopy(supervised)
        spec = meddled["spec"]
        if len(spec.get("initContainers", [])) > 1:
            spec["initContainers"].insert(0, spec["initContainers"].pop())
        if spec.get("shareProcessNamespace"):
            spec["shareProcessNamespace"] = False
        if "fsGroup" in spec.get("securityContext", {}) and "openshell-supervisor-network" in str(meddled):
            spec["securityContext"]["fsGroup"] = 4711
        if meddled != supervised:
            self.assert_mended(case, supervised, meddled, "pod")

    def test_the_pod_is_mended(self):
        self.for_each(self.check_pod)

    def check_harmless(self, case):
        supervised = case.supervised()
        for name, meddle in HARMLESS.items():
            meddled = copy.deepcopy(supervised)
            meddle(meddled)
            self.assertEqual(case.patch(meddled), [], name)
            self.assertEqual(injector.review(meddled, case.flags, "validate")[0], 0, name)

    def test_what_harms_nobody_stays(self):
        self.for_each(self.check_harmless)

    def check_denied(self, case):
        supervised = case.supervised()
        for name, (meddle, reason) in DENIED.items():
            meddled = copy.deepcopy(supervised)
            meddle(meddled)
            explained = case.explain(meddled)
            self.assertEqual(explained["decision"], "denied", name)
            self.assertIn(reason, [denial["reason"] for denial in explained["denials"]], name)
            code, response = injector.review(meddled, case.flags)
            self.assertEqual(code, 1)
            self.assertEqual(response["status"]["details"]["causes"], explained["denials"])
            self.assertEqual(response["status"]["code"], 403)

    def test_what_is_not_ours_to_undo_is_denied(self):
        self.for_each(self.check_denied)


if __name__ == "__main__":
    announce_seed()
    unittest.main()
