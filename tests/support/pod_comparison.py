"""Compares pods as tests/conformance/README.md says, and adds what an API server adds."""

import copy
import json

JSON_VARIABLES = ("OPENSHELL_USER_ENVIRONMENT", "OPENSHELL_MAIN_PROCESS_SPEC")
OUR_ANNOTATIONS = "openshell.ai/"


def _is_vacant(value):
    return value is None or value is False or value in ("", {}, [])


def without_vacancies(value):
    """The value without members that are false, empty or null: Kubernetes reads them as absent."""
    if isinstance(value, dict):
        kept = {key: without_vacancies(member) for key, member in value.items()}
        return {key: member for key, member in kept.items() if not _is_vacant(member)}
    if isinstance(value, list):
        return [without_vacancies(element) for element in value]
    return value


def _comparable_container(container):
    for variable in container.get("env", []):
        if variable["name"] in JSON_VARIABLES and "value" in variable:
            variable["value"] = json.loads(variable["value"])
    container.get("env", []).sort(key=lambda variable: variable["name"])
    container.get("volumeMounts", []).sort(key=lambda mount: (mount["name"], mount["mountPath"]))
    capabilities = container.get("securityContext", {}).get("capabilities", {})
    for names in capabilities.values():
        names.sort()
    if container["name"] == "workspace-init":
        container["command"][2] = "<seed>"


def comparable(pod):
    """The pod in a form in which equal pods are equal values."""
    pod = copy.deepcopy(pod)
    annotations = pod["metadata"].get("annotations", {})
    for name in [name for name in annotations if name.startswith(OUR_ANNOTATIONS)]:
        del annotations[name]
    for container in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
        _comparable_container(container)
    pod["spec"].get("volumes", []).sort(key=lambda volume: volume["name"])
    return without_vacancies(pod)


def _default_probe(probe):
    probe.setdefault("timeoutSeconds", 1)
    probe.setdefault("periodSeconds", 10)
    probe.setdefault("successThreshold", 1)
    probe.setdefault("failureThreshold", 3)
    if "httpGet" in probe:
        probe["httpGet"].setdefault("scheme", "HTTP")
        probe["httpGet"].setdefault("path", "/")


def _default_container(container):
    tag = container.get("image", "").rpartition("/")[2]
    is_latest = tag.endswith(":latest") or (":" not in tag and "@" not in tag)
    container.setdefault("imagePullPolicy", "Always" if is_latest else "IfNotPresent")
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("resources", {})
    limits = container["resources"].get("limits")
    if limits:
        container["resources"]["requests"] = {**limits, **container["resources"].get("requests", {})}
    for variable in container.get("env", []):
        if "fieldRef" in variable.get("valueFrom", {}):
            variable["valueFrom"]["fieldRef"].setdefault("apiVersion", "v1")
        elif not variable.get("value"):
            variable.pop("value", None)
    for port in container.get("ports", []):
        port.setdefault("protocol", "TCP")
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if kind in container:
            _default_probe(container[kind])
    if "securityContext" in container:
        container["securityContext"].setdefault("procMount", "Default")
    for mount in container.get("volumeMounts", []):
        if mount.get("readOnly") is False:
            del mount["readOnly"]


def _default_volume(volume):
    for kind in ("secret", "configMap", "projected", "downwardAPI"):
        if kind in volume:
            volume[kind].setdefault("defaultMode", 420)
    for source in volume.get("projected", {}).get("sources", []):
        if "serviceAccountToken" in source:
            source["serviceAccountToken"].setdefault("expirationSeconds", 3600)
    if "image" in volume:
        volume["image"].setdefault("pullPolicy", "IfNotPresent")
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")


def with_server_defaults(pod):
    """The pod as an API server holds it: decoded and encoded again (what is empty goes), with its defaults and
    what admission plugins add."""
    pod = copy.deepcopy(pod)
    spec = pod["spec"]
    pod["metadata"].update(uid="d2b1f7a0-0000-4000-8000-000000000001", creationTimestamp="2026-01-01T00:00:00Z",
                           generation=1)
    for key, value in {
        "dnsPolicy": "ClusterFirst", "enableServiceLinks": True, "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0, "restartPolicy": "Always", "schedulerName": "default-scheduler", "securityContext": {},
        "serviceAccountName": "default", "terminationGracePeriodSeconds": 30,
    }.items():
        spec.setdefault(key, value)
    spec["serviceAccount"] = spec["serviceAccountName"]
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(toleration.get("key") == key for toleration in tolerations):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    for container in spec["containers"] + spec.get("initContainers", []):
        _default_container(container)
    for volume in spec.get("volumes", []):
        _default_volume(volume)
    pod["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
    return pod
