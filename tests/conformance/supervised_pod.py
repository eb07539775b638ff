"""The supervised pod, worked out a second time: the contract's section H and what the decisions change of it, from
the texts and not from the C code, as plainly as Python allows. Random pods are compared with it.

Options have H.7's names; those that are our own are `credential`, `sidecar_kind`, `seccomp_profile`, `resources`,
`supervisor_binary_path`, `supervisor_mount_path`, `supervisor_install`, `agent_environment`, `pod_labels`,
`pod_annotations`. What is absent has its default.
"""

import copy
import json

DEFAULTS = {
    "topology": "combined",
    "supervisor_image": "ghcr.io/nvidia/openshell/supervisor:0.0.116",
    "supervisor_image_pull_policy": "",
    "supervisor_sideload_method": "image-volume",
    "supervisor_binary_path": "/openshell-sandbox",
    "supervisor_mount_path": "/opt/openshell/bin",
    "supervisor_install": "copy-self",
    "sidecar_kind": "container",
    "proxy_uid": 1337,
    "process_binary_aware_network_policy": True,
    "grpc_endpoint": "",
    "credential": "auto",
    "client_tls_secret_name": "",
    "sa_token_ttl_secs": 3600,
    "ssh_socket_path": "/run/openshell/ssh.sock",
    "host_gateway_ip": "",
    "enable_user_namespaces": False,
    "app_armor_profile": "",
    "seccomp_profile": "",
    "telemetry": True,
    "https_proxy": "",
    "no_proxy": "",
    "proxy_connect_by_hostname": False,
    "proxy_auth_secret_name": "",
    "provider_spiffe_workload_api_socket_path": "",
    "sandbox_uid": 0,
    "sandbox_gid": 0,
    "resources": {},
    "agent_environment": {},
    "pod_labels": {},
    "pod_annotations": {},
}

STATE = "/run/openshell-sidecar"
PROXY_TLS = "/etc/openshell-tls/proxy"
CLIENT_TLS = "/etc/openshell-tls/client"
CREDENTIALS = "/var/run/secrets/openshell"


def _mount(name, path, read_only=False):
    return {"name": name, "mountPath": path} | ({"readOnly": True} if read_only else {})


def _profile(text):
    kind, _, name = text.partition("/")
    return {"type": kind} | ({"localhostProfile": name} if name else {})


def _range_start(annotations, name, fallback):
    text = annotations.get(name)
    return int(text.split(",")[0].replace("-", "/").split("/")[0]) if text else fallback


class SupervisedPod:
    """Builds the pod step by step; `pod` is the result."""

    def __init__(self, bare, options, namespace_annotations):
        self.options = DEFAULTS | options
        self.pod = copy.deepcopy(bare)
        self.spec = self.pod["spec"]
        self.labels = self.pod["metadata"]["labels"]
        names = [container["name"] for container in self.spec["containers"]]
        self.agent = self.spec["containers"][names.index("agent") if "agent" in names else 0]
        self.is_sidecar = self.options["topology"] == "sidecar"
        self.secret_mode = 0o440 if self.is_sidecar else 0o400
        self.init_containers = []
        self.volumes = []
        self._find_user(namespace_annotations)
        self._find_log_level()
        self._build()

    def _find_user(self, annotations):
        uid = self.options["sandbox_uid"]
        self.uid = uid or _range_start(annotations, "openshift.io/sa.scc.uid-range", 1000)
        self.gid = (self.options["sandbox_gid"] or uid
                    or _range_start(annotations, "openshift.io/sa.scc.supplemental-groups", self.uid))
        is_aware = self.options["process_binary_aware_network_policy"]
        self.proxy_uid = 0 if is_aware else self.options["proxy_uid"]

    def _find_log_level(self):
        self.log_level = ""
        for variable in self.agent.get("env", []):
            if variable["name"] == "OPENSHELL_LOG_LEVEL":
                self.log_level = variable.get("value", "")

    def _credential(self):
        chosen = self.options["credential"]
        if chosen != "auto":
            return chosen
        for owner in self.pod["metadata"].get("ownerReferences", []):
            if (owner.get("controller") and owner["kind"] == "Sandbox"
                    and owner["apiVersion"].startswith("agents.x-k8s.io/")):
                return "service-account"
        return "sandbox-token"

    def _has_workspace(self):
        has_volume = any(volume["name"] == "workspace" for volume in self.spec.get("volumes", []))
        return has_volume and any(mount["name"] == "workspace" and mount["mountPath"] == "/sandbox"
                                  for mount in self.agent.get("volumeMounts", []))

    # What goes into the containers

    def _identity(self, ssh_socket_path):
        variables = {
            "OPENSHELL_SANDBOX_ID": self.labels["openshell.ai/sandbox-id"],
            "OPENSHELL_SANDBOX": self.labels["openshell.ai/sandbox-name"],
            "OPENSHELL_TELEMETRY_ENABLED": "true" if self.options["telemetry"] else "false",
            "OPENSHELL_NETWORK_RUNTIME_CAPABILITIES": "",
            "OPENSHELL_SSH_SOCKET_PATH": ssh_socket_path,
            "OPENSHELL_OCI_IMAGE_USER": "",
            "OPENSHELL_SANDBOX_UID": str(self.uid),
            "OPENSHELL_SANDBOX_GID": str(self.gid),
        }
        if self.is_sidecar:
            variables |= {
                "OPENSHELL_SUPERVISOR_TOPOLOGY": "sidecar",
                "OPENSHELL_NETWORK_ENFORCEMENT_MODE": "sidecar-nftables",
                "OPENSHELL_SIDECAR_CONTROL_SOCKET": STATE + "/control.sock",
                "OPENSHELL_PROXY_TLS_DIR": PROXY_TLS,
            }
        return variables

    def _gateway_access(self, tls_directory):
        """Variables and mounts of the container that talks to the gateway; adds the volumes."""
        variables = {"OPENSHELL_ENDPOINT": self.options["grpc_endpoint"]}
        mounts = []
        secret = self.options["client_tls_secret_name"]
        if secret:
            self.volumes.append({"name": "openshell-client-tls",
                                 "secret": {"secretName": secret, "defaultMode": self.secret_mode}})
            variables |= {f"OPENSHELL_TLS_{key}": f"{tls_directory}/{file}"
                          for key, file in (("CA", "ca.crt"), ("CERT", "tls.crt"), ("KEY", "tls.key"))}
        socket = self.options["provider_spiffe_workload_api_socket_path"]
        if socket:
            self.volumes.append({"name": "spiffe-workload-api", "csi": {"driver": "csi.spiffe.io", "readOnly": True}})
            mounts.append(_mount("spiffe-workload-api", socket.rpartition("/")[0], True))
            variables["OPENSHELL_PROVIDER_SPIFFE_WORKLOAD_API_SOCKET"] = socket
        if self._credential() == "sandbox-token":
            self.volumes.append({"name": "openshell-sandbox-token", "secret": {
                "secretName": "openshell-sandbox-" + self.labels["openshell.ai/sandbox-id"],
                "items": [{"key": "sandbox.jwt", "path": "sandbox.jwt"}], "defaultMode": self.secret_mode}})
            mounts.append(_mount("openshell-sandbox-token", CREDENTIALS, True))
            variables["OPENSHELL_SANDBOX_TOKEN_FILE"] = CREDENTIALS + "/sandbox.jwt"
        else:
            seconds = self.options["sa_token_ttl_secs"]
            token = {"audience": "openshell-gateway", "path": "token",
                     "expirationSeconds": 3600 if seconds <= 0 else min(max(seconds, 600), 86400)}
            self.volumes.append({"name": "openshell-sa-token", "projected": {
                "defaultMode": self.secret_mode, "sources": [{"serviceAccountToken": token}]}})
            mounts.append(_mount("openshell-sa-token", CREDENTIALS, True))
            variables["OPENSHELL_K8S_SA_TOKEN_FILE"] = CREDENTIALS + "/token"
        return variables, mounts

    def _proxy_arguments(self):
        if not self.options["https_proxy"]:
            return []
        arguments = ["--upstream-proxy", self.options["https_proxy"]]
        if self.options["no_proxy"]:
            arguments += ["--upstream-no-proxy", self.options["no_proxy"]]
        if self.options["proxy_auth_secret_name"]:
            arguments += ["--upstream-proxy-auth-file", "/etc/openshell/auth/upstream-proxy",
                          "--upstream-proxy-auth-allow-insecure"]
        if self.options["proxy_connect_by_hostname"]:
            arguments += ["--upstream-proxy-connect-by-hostname"]
        return arguments

    def _profiles(self, with_app_armor=True):
        profiles = {}
        if with_app_armor and self.options["app_armor_profile"]:
            profiles["appArmorProfile"] = _profile(self.options["app_armor_profile"])
        if self.options["seccomp_profile"]:
            profiles["seccompProfile"] = _profile(self.options["seccomp_profile"])
        return profiles

    def _container(self, name, command, security, mounts, resources, variables=None):
        container = {"name": name, "image": self.options["supervisor_image"],
                     "imagePullPolicy": self.options["supervisor_image_pull_policy"], "command": command,
                     "env": [{"name": key, "value": value} for key, value in (variables or {}).items()],
                     "securityContext": security, "volumeMounts": mounts,
                     "resources": self.options["resources"].get(resources, {})}
        return container

    # The parts, in the order in which they stand in the pod

    def _build(self):
        command = self._main_process()
        environment = self._user_environment()
        self._supervisor_binary()
        if self.is_sidecar:
            variables, mounts, security = self._sidecar()
        else:
            variables, mounts, security = self._combined()
        if self._has_workspace():
            self._workspace_init()
        self._agent(command, environment | variables, mounts, security)
        self._pod()

    def _main_process(self):
        argv = self.agent.get("command", []) + self.agent.get("args", [])
        spec = {"version": 1, "command": argv or ["/bin/bash", "-l"], "tty": self.agent.get("tty", False) or not argv}
        for key in ("args", "tty", "stdin", "stdinOnce"):
            self.agent.pop(key, None)
        return {"OPENSHELL_MAIN_PROCESS_SPEC": json.dumps(spec)}

    def _user_environment(self):
        entries = self.agent.setdefault("env", [])
        present = {variable["name"] for variable in entries}
        entries += [{"name": name, "value": value} for name, value in self.options["agent_environment"].items()
                    if name not in present]
        literal = {}
        for variable in entries:
            if variable["name"].startswith("OPENSHELL_") and variable["name"] != "OPENSHELL_LOG_LEVEL":
                continue
            if "valueFrom" in variable:
                literal.pop(variable["name"], None)
            else:
                literal[variable["name"]] = variable.get("value", "")
        return {"OPENSHELL_USER_ENVIRONMENT": json.dumps(literal)} if literal else {}

    def _supervisor_binary(self):
        directory = self.options["supervisor_mount_path"]
        if self.options["supervisor_sideload_method"] == "image-volume":
            image = {"reference": self.options["supervisor_image"],
                     "pullPolicy": self.options["supervisor_image_pull_policy"]}
            self.volumes.append({"name": "openshell-supervisor-bin", "image": image})
            return
        self.volumes.append({"name": "openshell-supervisor-bin", "emptyDir": {}})
        binary = self.options["supervisor_binary_path"]
        target = directory + "/openshell-sandbox"
        is_cp = self.options["supervisor_install"] == "cp"
        copying = ["cp", binary, target] if is_cp else [binary, "copy-self", target]
        self.init_containers.append(self._container(
            "openshell-supervisor-install", copying, {"runAsUser": 0} | self._profiles(with_app_armor=False),
            [_mount("openshell-supervisor-bin", directory)], "install"))

    def _combined(self):
        variables, mounts = self._gateway_access(CLIENT_TLS)
        variables = self._identity(self.options["ssh_socket_path"]) | variables
        variables |= {"OPENSHELL_SANDBOX_TOKEN": "", "OPENSHELL_GATEWAY_TLS_SERVER_NAME": ""}
        if self.options["client_tls_secret_name"]:
            mounts.append(_mount("openshell-client-tls", CLIENT_TLS, True))
        names = ["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYSLOG"]
        if self.spec.get("hostUsers", not self.options["enable_user_namespaces"]) is False:
            names += ["SETUID", "SETGID", "DAC_READ_SEARCH"]
        return variables, mounts, {"runAsUser": 0, "capabilities": {"add": names}} | self._profiles()

    def _sidecar(self):
        shared = [_mount("openshell-sidecar-state", STATE), _mount("openshell-supervisor-tls", PROXY_TLS)]
        self.volumes += [{"name": "openshell-sidecar-state", "emptyDir": {}},
                         {"name": "openshell-supervisor-tls", "emptyDir": {}}]
        self._network_init(shared)
        self._network_supervisor(shared)
        security = {"runAsUser": self.uid, "runAsGroup": self.gid, "runAsNonRoot": True,
                    "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        return self._identity("@openshell-sidecar-ssh"), shared, security | self._profiles()

    def _network_init(self, shared):
        mounts = list(shared)
        if self.options["client_tls_secret_name"]:
            mounts.append(_mount("openshell-client-tls", CLIENT_TLS, True))
        security = {"runAsUser": 0, "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW", "CHOWN", "FOWNER"]}}
        self.init_containers.append(self._container("openshell-network-init", [
            self.options["supervisor_binary_path"], "--mode=network-init", "--proxy-uid", str(self.proxy_uid),
            "--proxy-gid", str(self.gid), "--sidecar-state-dir", STATE, "--sidecar-tls-dir", PROXY_TLS,
        ], security | self._profiles(), mounts, "networkInit"))

    def _network_supervisor(self, shared):
        is_aware = self.options["process_binary_aware_network_policy"]
        access, mounts = self._gateway_access(PROXY_TLS + "/client")
        variables = self._identity("@openshell-sidecar-ssh") | access
        if not is_aware:
            variables["OPENSHELL_NETWORK_BINARY_IDENTITY"] = "relaxed"
        if self.log_level:
            variables["OPENSHELL_LOG_LEVEL"] = self.log_level
        if self.options["proxy_auth_secret_name"]:
            item = {"key": self.options["proxy_auth_secret_key"], "path": "upstream-proxy"}
            self.volumes.append({"name": "openshell-upstream-proxy-auth", "secret": {
                "secretName": self.options["proxy_auth_secret_name"], "items": [item], "defaultMode": 0o440}})
            mounts.append(_mount("openshell-upstream-proxy-auth", "/etc/openshell/auth", True))
        capabilities = {"drop": ["ALL"]} | ({"add": ["SYS_PTRACE", "DAC_READ_SEARCH"]} if is_aware else {})
        security = {"runAsUser": self.proxy_uid, "runAsGroup": self.gid, "runAsNonRoot": self.proxy_uid != 0,
                    "allowPrivilegeEscalation": False, "capabilities": capabilities}
        network = self._container(
            "openshell-supervisor-network",
            [self.options["supervisor_binary_path"], "--mode=network"] + self._proxy_arguments(),
            security | self._profiles(), shared + mounts, "network", variables)
        if self.options["sidecar_kind"] == "native":
            self.init_containers.append(network | {"restartPolicy": "Always"})
        else:
            self.spec["containers"].append(network)

    def _workspace_init(self):
        seed = self._container("workspace-init", ["sh", "-c", "<seed>"],
                               {"runAsUser": 0} | self._profiles(with_app_armor=False),
                               [_mount("workspace", "/workspace-pvc")], "workspaceInit")
        seed |= {"image": self.agent.get("image", ""), "imagePullPolicy": self.agent.get("imagePullPolicy", "")}
        self.init_containers.append(seed)

    def _agent(self, variables, more_variables, mounts, security):
        kept = {key: value for key, value in self.agent.get("securityContext", {}).items()
                if key in ("seccompProfile", "seLinuxOptions", "procMount")}
        self.agent["securityContext"] = kept | security
        # An image volume shows the whole image; the init container copies the binary alone.
        is_volume = self.options["supervisor_sideload_method"] == "image-volume"
        binary = self.options["supervisor_binary_path"] if is_volume else "/openshell-sandbox"
        command = [self.options["supervisor_mount_path"] + binary]
        command += ["--mode=process"] if self.is_sidecar else []
        command += ["--workdir", "/sandbox"]
        self.agent["command"] = command + ([] if self.is_sidecar else self._proxy_arguments())
        binary = _mount("openshell-supervisor-bin", self.options["supervisor_mount_path"], True)
        self.agent["volumeMounts"] = self.agent.get("volumeMounts", []) + mounts + [binary]
        ours = variables | more_variables
        theirs = [variable for variable in self.agent["env"] if variable["name"] not in ours]
        self.agent["env"] = theirs + [{"name": key, "value": value} for key, value in ours.items()]

    def _pod(self):
        metadata = self.pod["metadata"]
        metadata["labels"] = self.options["pod_labels"] | self.labels
        own = {"openshell.io/sandbox-id": self.labels["openshell.ai/sandbox-id"]}
        metadata["annotations"] = self.options["pod_annotations"] | metadata.get("annotations", {}) | own
        self.spec["initContainers"] = self.init_containers + self.spec.get("initContainers", [])
        self.spec["volumes"] = self.spec.get("volumes", []) + self.volumes
        if self.options["enable_user_namespaces"]:
            self.spec.setdefault("hostUsers", False)
        if self.options["host_gateway_ip"]:
            self._host_aliases(self.options["host_gateway_ip"])
        if self.is_sidecar:
            self.spec["shareProcessNamespace"] = True
        if self.is_sidecar or self._has_workspace():
            self.spec["securityContext"] = self.spec.get("securityContext", {}) | {"fsGroup": self.gid}

    def _host_aliases(self, address):
        aliases = self.spec.setdefault("hostAliases", [])
        for alias in aliases:
            if alias["ip"] == address:
                break
        else:
            alias = {"ip": address}
            aliases.append(alias)
        names = alias.setdefault("hostnames", [])
        names += [name for name in ("host.docker.internal", "host.openshell.internal") if name not in names]


def supervise(bare, options, namespace_annotations=None):
    """The pod that the webhook must make of the bare one."""
    return SupervisedPod(bare, options, namespace_annotations or {}).pod
