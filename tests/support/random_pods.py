"""Random configurations and sandbox pods, from a seed: the same seed gives the same ones.

Pods are such that the webhook accepts them; test_properties.py spoils them on purpose.
"""

import random

# Where an option stands in the configuration file, and its environment variable (contract H.7 and decisions 3).
PLACES = {
    "topology": ("topology", "OPENSHELL_K8S_TOPOLOGY"),
    "supervisor_image": ("supervisor.image", "OPENSHELL_SUPERVISOR_IMAGE"),
    "supervisor_image_pull_policy": ("supervisor.imagePullPolicy", "OPENSHELL_SUPERVISOR_IMAGE_PULL_POLICY"),
    "supervisor_sideload_method": ("supervisor.sideloadMethod", "OPENSHELL_SUPERVISOR_SIDELOAD_METHOD"),
    "proxy_uid": ("sidecar.proxyUID", "OPENSHELL_K8S_SIDECAR_PROXY_UID"),
    "process_binary_aware_network_policy": (
        "sidecar.binaryAwareNetworkPolicy", "OPENSHELL_K8S_SIDECAR_PROCESS_BINARY_AWARE_NETWORK_POLICY"),
    "grpc_endpoint": ("gateway.endpoint", "OPENSHELL_GRPC_ENDPOINT"),
    "client_tls_secret_name": ("gateway.clientTLSSecretName", "OPENSHELL_CLIENT_TLS_SECRET_NAME"),
    "sa_token_ttl_secs": ("gateway.serviceAccountTokenSeconds", "OPENSHELL_K8S_SA_TOKEN_TTL_SECS"),
    "sandbox_uid": ("sandbox.uid", "OPENSHELL_K8S_SANDBOX_UID"),
    "sandbox_gid": ("sandbox.gid", "OPENSHELL_K8S_SANDBOX_GID"),
    "ssh_socket_path": ("sandbox.sshSocketPath", "OPENSHELL_SANDBOX_SSH_SOCKET_PATH"),
    "host_gateway_ip": ("sandbox.hostGatewayIP", "OPENSHELL_HOST_GATEWAY_IP"),
    "enable_user_namespaces": ("sandbox.userNamespaces", "OPENSHELL_ENABLE_USER_NAMESPACES"),
    "app_armor_profile": ("sandbox.appArmorProfile", "OPENSHELL_K8S_APP_ARMOR_PROFILE"),
    "https_proxy": ("upstreamProxy.url", "OPENSHELL_UPSTREAM_PROXY"),
    "no_proxy": ("upstreamProxy.noProxy", "OPENSHELL_UPSTREAM_NO_PROXY"),
    "proxy_connect_by_hostname": (
        "upstreamProxy.connectByHostname", "OPENSHELL_UPSTREAM_PROXY_CONNECT_BY_HOSTNAME"),
    "proxy_auth_secret_name": ("upstreamProxy.auth.secretName", "OPENSHELL_UPSTREAM_PROXY_AUTH_SECRET_NAME"),
    "proxy_auth_secret_key": ("upstreamProxy.auth.secretKey", "OPENSHELL_UPSTREAM_PROXY_AUTH_SECRET_KEY"),
    "proxy_auth_allow_insecure": (
        "upstreamProxy.auth.allowInsecure", "OPENSHELL_UPSTREAM_PROXY_AUTH_ALLOW_INSECURE"),
    "provider_spiffe_workload_api_socket_path": (
        "spiffe.workloadAPISocketPath", "OPENSHELL_PROVIDER_SPIFFE_WORKLOAD_API_SOCKET"),
    "telemetry": ("sandbox.telemetry", "OPENSHELL_TELEMETRY_ENABLED"),
    "credential": ("gateway.credential", None),
    "sidecar_kind": ("sidecar.kind", None),
    "seccomp_profile": ("seccompProfile", None),
    "supervisor_binary_path": ("supervisorBinaryPath", None),
    "supervisor_mount_path": ("supervisorMountPath", None),
    "supervisor_install": ("supervisorInstall", None),
    "resources": ("resources", None),
    "agent_environment": ("agentEnvironment", None),
    "pod_labels": ("podLabels", None),
    "pod_annotations": ("podAnnotations", None),
    "allowed_containers": ("allowedContainers", None),
}

UID_RANGE = "openshift.io/sa.scc.uid-range"
GROUPS = "openshift.io/sa.scc.supplemental-groups"

WORDS = ("demo", "data", "x", "a b", "é世🦀", 'q"uo\\te', "line\nbreak", "$(HOME)", "$$", "~/-", "", "tab\there",
         "<&>")


class RandomPods:
    """A source of configurations and pods."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, probability):
        return self.random.random() < probability

    def word(self):
        return self.random.choice(WORDS)

    def some(self, choices, probability=0.5):
        """An option's value or None for its default."""
        return self.random.choice(choices) if self.chance(probability) else None

    # Configurations

    def options(self):
        """Options of the webhook, valid together."""
        chosen = {
            "topology": self.some(("combined", "sidecar"), 0.9),
            "supervisor_image": self.some(("registry.test/sup@sha256:" + "a" * 64, "ghcr.io/x/sup:0.0.9")),
            "supervisor_image_pull_policy": self.some(("Always", "IfNotPresent", "Never")),
            "supervisor_sideload_method": self.some(("image-volume", "init-container"), 0.8),
            "proxy_uid": self.some((1000, 1337, 4242, 4294967294)),
            "process_binary_aware_network_policy": self.some((True, False)),
            "grpc_endpoint": self.some(("https://gw.openshell.svc:8080", "http://10.0.0.5:8080")),
            "client_tls_secret_name": self.some(("openshell-client-tls",)),
            "sa_token_ttl_secs": self.some((-1, 0, 1, 600, 7200, 86400, 100000)),
            "sandbox_uid": self.some((1, 2000, 1000680000, 4294967293)),
            "sandbox_gid": self.some((1, 3000, 4294967294)),
            "ssh_socket_path": self.some(("/run/openshell/alt.sock",), 0.3),
            "host_gateway_ip": self.some(("172.17.0.1", "fd00::1"), 0.3),
            "enable_user_namespaces": self.some((True, False)),
            "app_armor_profile": self.some(("RuntimeDefault", "Unconfined", "Localhost/openshell"), 0.3),
            "provider_spiffe_workload_api_socket_path": self.some(("/spiffe-workload-api/spire-agent.sock",), 0.3),
            "telemetry": self.some((True, False), 0.3),
            "credential": self.some(("auto", "sandbox-token", "service-account")),
        }
        chosen |= self.proxy_options(chosen["topology"] == "sidecar")
        chosen |= self.own_options()
        return {key: value for key, value in chosen.items() if value is not None}

    def proxy_options(self, is_sidecar):
        if not self.chance(0.4):
            return {}
        chosen = {"https_proxy": "http://proxy.corp:3128", "no_proxy": self.some(("10.0.0.0/8,.corp",)),
                  "proxy_connect_by_hostname": self.some((True,))}
        if is_sidecar and self.chance(0.5):
            chosen |= {"proxy_auth_secret_name": "corp-proxy", "proxy_auth_secret_key": "userpass",
                       "proxy_auth_allow_insecure": True}
        return chosen

    def own_options(self):
        resources = {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}}
        return {
            "sidecar_kind": self.some(("container", "native"), 0.3),
            "seccomp_profile": self.some(("RuntimeDefault", "Localhost/profiles/x.json"), 0.3),
            "supervisor_binary_path": self.some(("/usr/local/bin/openshell-sandbox",), 0.2),
            "supervisor_mount_path": self.some(("/opt/supervisor",), 0.2),
            "supervisor_install": self.some(("copy-self", "cp"), 0.3),
            "resources": {name: resources for name in ("install", "networkInit", "network", "workspaceInit")
                          if self.chance(0.2)} or None,
            "agent_environment": self.some(
                ({"OPENAI_BASE_URL": "https://inference.local/v1", "A": "configured"},), 0.3),
            "pod_labels": self.some(({"team.example.com/mesh": "on", "app": "sandbox"},), 0.2),
            "pod_annotations": self.some(({"example.com/note": "a/b~c"},), 0.2),
        }

    def namespace_annotations(self):
        annotations = {}
        if self.chance(0.3):
            annotations[UID_RANGE] = self.random.choice(("1000680000/10000", "5000/1", "1000680000-1000689999"))
        if self.chance(0.3):
            annotations[GROUPS] = self.random.choice(("1000680000/10000", "7000/10,8000/10", "9000-9100"))
        return annotations

    # Pods

    def pod(self, number, options):
        """A pod that is accepted under the options."""
        sandbox_id = f"{self.random.getrandbits(32):08x}-1111-4222-8333-{number:012x}"
        name = f"sb-{number}"
        workspace = self.random.choice(("default", "team-a", "w"))
        labels = {"openshell.ai/managed-by": "openshell", "openshell.ai/sandbox-id": sandbox_id,
                  "openshell.ai/sandbox-name": name, "openshell.ai/sandbox-workspace": workspace}
        metadata = {"name": f"{workspace}--{name}", "namespace": "openshell", "labels": labels}
        if self.chance(0.7):
            metadata["annotations"] = {"openshell.io/sandbox-id": sandbox_id}
        if self.chance(0.3):
            metadata.setdefault("annotations", {})["example.com/a~b/c"] = self.word()
        if self.chance(0.2):
            metadata["ownerReferences"] = [self.owner()]
        if self.chance(0.3):
            labels["app"] = "mine"
        spec = {"automountServiceAccountToken": False, "restartPolicy": "Never",
                "containers": [self.agent()]}
        self.add_pod_fields(spec)
        self.add_volumes(spec, sandbox_id)
        self.add_others(spec, options)
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    def owner(self):
        kind, version = self.random.choice((("Sandbox", "agents.x-k8s.io/v1alpha1"), ("Sandbox", "example.com/v1"),
                                            ("Job", "batch/v1")))
        owner = {"apiVersion": version, "kind": kind, "name": "o", "uid": "u"}
        return owner | ({"controller": True} if self.chance(0.7) else {})

    def agent(self):
        agent = {"name": self.random.choice(("agent", "agent", "shell")), "image": "docker.io/library/python:3.13"}
        if self.chance(0.8):
            agent["command"] = self.random.choice((["claude"], ["/bin/sh", "-c", 'echo "$A" && sleep 1\n'],
                                                   ["python", "-m", "http.server", "8000"]))
            if self.chance(0.4):
                agent["args"] = [self.word(), self.word()]
        for key, value in (("tty", True), ("stdin", True), ("stdinOnce", False), ("workingDir", "/tmp"),
                           ("imagePullPolicy", "Always"), ("terminationMessagePolicy", "FallbackToLogsOnError"),
                           ("ports", [{"containerPort": 8000, "name": "http"}]),
                           ("resources", {"limits": {"cpu": "8", "example.com/fpga": "1"}}),
                           ("readinessProbe", {"httpGet": {"port": 8000}})):
            if self.chance(0.2):
                agent[key] = value
        environment = self.environment()
        if environment or self.chance(0.1):
            agent["env"] = environment
        if self.chance(0.2):
            agent["securityContext"] = self.agent_security()
        return agent

    def agent_security(self):
        context = {"capabilities": {"drop": ["NET_RAW"]}} if self.chance(0.5) else {}
        for key, value in (("seccompProfile", {"type": "RuntimeDefault"}), ("seLinuxOptions", {"level": "s0:c1,c2"}),
                           ("procMount", "Default"), ("runAsGroup", 5), ("allowPrivilegeEscalation", False),
                           ("privileged", False)):
            if self.chance(0.3):
                context[key] = value
        return context

    def environment(self):
        variables = []
        for name in self.random.sample(("A", "B", "HTTP_PROXY", "QUOTE", "LD_LIBRARY_PATH"), self.random.randint(0, 4)):
            variables.append({"name": name, "value": self.word()})
        if self.chance(0.2):
            variables.append({"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}})
        if self.chance(0.2):
            reference = {"name": "keys", "key": "api", "optional": True}
            variables.append({"name": "API_KEY", "valueFrom": {"secretKeyRef": reference}})
        if self.chance(0.3):
            variables.append({"name": "OPENSHELL_LOG_LEVEL", "value": self.random.choice(("debug", "info"))})
        if self.chance(0.1):
            variables.append({"name": "EMPTY"})
        return variables

    def add_pod_fields(self, spec):
        for key, value in (
                ("hostUsers", self.random.choice((True, False))), ("runtimeClassName", "kata"),
                ("nodeSelector", {"disk": "ssd"}), ("priorityClassName", "high"),
                ("serviceAccountName", "sandboxes"), ("imagePullSecrets", [{"name": "a"}]),
                ("tolerations", [{"key": "gpu", "operator": "Exists", "tolerationSeconds": 30}]),
                ("securityContext", {"supplementalGroups": [7], "fsGroup": 12}),
                ("hostAliases", [{"ip": "172.17.0.1", "hostnames": ["here.example.com"]}]),
                ("dnsConfig", {"options": [{"name": "ndots", "value": "2"}]}),
                ("terminationGracePeriodSeconds", 5)):
            if self.chance(0.2):
                spec[key] = value

    def add_volumes(self, spec, sandbox_id):
        agent = spec["containers"][0]
        volumes, mounts = [], []
        if self.chance(0.4):
            claim = {"claimName": f"openshell-workspace-{sandbox_id}"}
            volumes.append({"name": "workspace", "persistentVolumeClaim": claim})
            mounts.append({"name": "workspace", "mountPath": "/sandbox" if self.chance(0.8) else "/other"})
        if self.chance(0.3):
            volumes.append({"name": "data", "emptyDir": {"sizeLimit": "1Gi"}})
            mounts.append({"name": "data", "mountPath": "/data", "subPath": "s", "readOnly": True})
        if self.chance(0.2):
            volumes.append({"name": "settings", "configMap": {"name": "settings"}})
            mounts.append({"name": "settings", "mountPath": "/etc/settings"})
        if volumes:
            spec["volumes"] = volumes
            agent["volumeMounts"] = mounts

    def add_others(self, spec, options):
        """Containers beside the agent, as the topology lets them be."""
        is_sidecar = options.get("topology") == "sidecar"
        if not is_sidecar and "allowed_containers" not in options:
            return
        security = {"runAsUser": 1234, "allowPrivilegeEscalation": False}
        for key, name in (("containers", "helper"), ("initContainers", "prepare")):
            if self.chance(0.3):
                other = {"name": name, "image": "docker.io/library/busybox", "command": ["true"]}
                if is_sidecar:
                    other["securityContext"] = security
                # Before an agent that is known by its name, too; otherwise the first container is the agent.
                may_lead = key == "initContainers" or spec["containers"][0]["name"] == "agent"
                others = spec.setdefault(key, [])
                others.insert(0 if may_lead and self.chance(0.5) else len(others), other)
