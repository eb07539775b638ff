"""An installation that `openshell-injector doctor` finds in order, behind its Service, and what breaks it and puts it
back. Doctor looks with the rights that its manual page names, and no more.

There is no node, so the webhook is a process of this test on an address of its own, as in test_webhook_service.py.
Needs root, for the address.

Not for: tests.
"""

import contextlib
import json
import pathlib

import webhook_server
from own_addresses import OwnAddresses
from webhook_server import NAMESPACE, REGISTRATION_LIMIT_S, WebhookServer, injector, wait_for
from webhook_test_case import WebhookTestCase, sandbox_pod

PROJECT = pathlib.Path(__file__).resolve().parents[2]
PORT = 8443
KINDS = {"mutating-webhook": "mutatingwebhookconfiguration", "validating-webhook": "validatingwebhookconfiguration"}
SANDBOXES = "openshell"
POLICY = "openshell-sandboxes"
BINDING_POLICY = "openshell-bindings"
SECRET_VALUE = "nobody-may-read-this"
CONFIGURATION = {
    "apiVersion": "injector.openshell.ai/v1alpha1",
    "kind": "InjectorConfiguration",
    "topology": "sidecar",
    "supervisor": {"sideloadMethod": "init-container"},
    "sidecar": {"kind": "native"},
    "gateway": {"endpoint": "https://gateway.example:8080", "clientTLSSecretName": "client-tls"},
    "upstreamProxy": {"url": "http://proxy.example:3128",
                      "auth": {"secretName": "proxy-auth", "secretKey": "password", "allowInsecure": True}},
    "sandbox": {"appArmorProfile": "RuntimeDefault"},
}
# What the manual page says that doctor needs.
CLUSTER_RULES = [
    {"apiGroups": ["admissionregistration.k8s.io"], "verbs": ["get"],
     "resources": ["mutatingwebhookconfigurations", "validatingwebhookconfigurations", "validatingadmissionpolicies",
                   "validatingadmissionpolicybindings"]},
    {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
]
INJECTOR_RULES = [{"apiGroups": [""], "resources": ["services"], "verbs": ["get"]},
                  {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list"]}]
SANDBOX_RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]},
                 {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]


def rbac(kind, name, namespace=None, **members):
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata} | members


def grants(account):
    """The rights of doctor, for this account of the injector's namespace."""
    subjects = [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": NAMESPACE}}
    for prefix, namespace, rules in (("Cluster", None, CLUSTER_RULES), ("", NAMESPACE, INJECTOR_RULES),
                                     ("", SANDBOXES, SANDBOX_RULES)):
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": f"{prefix}Role", "name": account}
        yield rbac(f"{prefix}Role", account, namespace, rules=rules)
        yield rbac(f"{prefix}RoleBinding", account, namespace, roleRef=role, subjects=subjects)


def secret(name, *keys):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": SANDBOXES},
            "stringData": {key: SECRET_VALUE for key in keys}}


class DoctorTestCase(WebhookTestCase):
    @classmethod
    def setUpClass(cls):
        addresses = OwnAddresses(1)
        cls.addClassCleanup(addresses.release)
        cls.address = addresses.items[0]
        cls.set_up_cluster()
        webhook_server.make_certificate(cls.directory, days=30)
        webhook_server.register(cls.cluster, cls.directory)
        cls.cluster.kubectl("apply", "-k", PROJECT / "manifests/policy")
        cls.configuration = cls.directory / "injector.yaml"
        cls.configuration.write_text(json.dumps(CONFIGURATION))
        cls.FLAGS = [f"--config={cls.configuration}", "--sandbox-uid=1000", "--drain-delay=0s"]
        cls.webhook = WebhookServer(cls.directory, cls.address, PORT)
        cls.addClassCleanup(cls.webhook.kill)
        cls.webhook.start(*cls.FLAGS)
        cls.set_up_sandboxes()
        cls.set_ready(True)
        webhook_server.wait_until_called(cls.cluster, sandbox_pod("probe", namespace=SANDBOXES))

    @classmethod
    def set_up_sandboxes(cls):
        cls.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SANDBOXES}})
        cls.apply(secret("client-tls", "ca.crt", "tls.crt", "tls.key"))
        cls.apply(secret("proxy-auth", "password"))
        for manifest in grants("doctor"):
            cls.apply(manifest)
        cls.kubeconfig = cls.directory / "doctor.kubeconfig"
        webhook_server.write_service_account_kubeconfig(cls.cluster, cls.kubeconfig, "doctor")
        wait_for(lambda: cls.cluster.run("kubectl", "get", "serviceaccount", "default",
                                         f"--namespace={SANDBOXES}").returncode == 0, 30, "the namespace's account")

    @classmethod
    def apply(cls, manifest, *arguments):
        path = cls.directory / "manifest.json"
        path.write_text(json.dumps(manifest))
        cls.cluster.kubectl("apply", "-f", path, *arguments)

    @classmethod
    def set_ready(cls, is_ready):
        cls.apply({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": "webhook-under-test", "namespace": NAMESPACE,
                         "labels": {"kubernetes.io/service-name": NAMESPACE,
                                    "endpointslice.kubernetes.io/managed-by": "test_doctor.py"}},
            "addressType": "IPv4", "ports": [{"name": "webhook", "port": PORT, "protocol": "TCP"}],
            "endpoints": [{"addresses": [cls.address], "conditions": {"ready": is_ready}}]})

    def setUp(self):
        # After all other cleanups.
        self.addCleanup(self.wait_until_in_order)

    def doctor(self, *arguments, kubeconfig=None, user=("--sandbox-uid=1000",)):
        """Exit code, and the checks by name."""
        config = [] if any(argument.startswith("--config=") for argument in arguments) else [f"--config={self.configuration}"]
        result = injector.run("doctor", "-o", "json", f"--kubeconfig={kubeconfig or self.kubeconfig}", *config, *user,
                              *arguments)
        self.assertNotIn(SECRET_VALUE, result.stdout + result.stderr)
        self.assertEqual(result.stderr, "")
        checks = json.loads(result.stdout)["checks"]
        return result.returncode, {check["name"]: check for check in checks}

    def not_ok(self, checks):
        return {name: check["result"] for name, check in checks.items() if check["result"] != "ok"}

    def assert_finds(self, expected, *arguments, says=None):
        """Exactly these checks are not ok, and `says` is in their messages: check to text. Gives all checks. The API
        server acts on changes a moment later."""
        seen = []

        def is_found():
            seen[:] = self.doctor(*arguments)
            return self.not_ok(seen[1]) == expected and all(
                text in seen[1][name]["message"] for name, text in (says or {}).items())
        try:
            wait_for(is_found, REGISTRATION_LIMIT_S, "doctor finds it")
        except AssertionError:
            found = {name: check for name, check in seen[1].items() if check["result"] != "ok"}
            raise AssertionError(f"expected {expected}, {says}; found {json.dumps(found, indent=2)}") from None
        code, checks = seen
        self.assertEqual(code, 1 if "failed" in expected.values() else 0)
        for name in expected:
            self.assertTrue(checks[name]["advice"], name)
        return checks

    def stored_manifest(self, *what):
        """As it can be created again."""
        manifest = json.loads(self.cluster.kubectl("get", *what, "-o", "json"))
        for member in ("resourceVersion", "uid", "managedFields", "creationTimestamp", "generation"):
            manifest["metadata"].pop(member, None)
        manifest.pop("status", None)
        manifest["metadata"].get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
        return manifest

    def put_back(self, manifest):
        """Whatever was done to it."""
        namespace = manifest["metadata"].get("namespace")
        place = [f"--namespace={namespace}"] if namespace else []
        self.cluster.kubectl("delete", "--ignore-not-found", manifest["kind"].lower(), manifest["metadata"]["name"],
                             *place)
        self.cluster.kubectl("create", "-f", self.written(manifest))

    def wait_until_in_order(self):
        wait_for(lambda: not self.not_ok(self.doctor()[1]), REGISTRATION_LIMIT_S, "all is in order again")

    def written(self, manifest):
        path = self.directory / "put-back.json"
        path.write_text(json.dumps(manifest))
        return path

    @contextlib.contextmanager
    def broken_webhook(self, check, operation, path, value=None):
        """The first webhook of the registration is patched meanwhile."""
        manifest = self.stored_manifest(KINDS[check], NAMESPACE)
        patch = {"op": operation, "path": f"/webhooks/0/{path}"} | ({} if value is None else {"value": value})
        self.cluster.kubectl("patch", KINDS[check], NAMESPACE, "--type=json", f"--patch={json.dumps([patch])}")
        try:
            yield
        finally:
            self.put_back(manifest)
            self.wait_until_in_order()

    def remove(self, *what):
        """Deletes it for the length of the test."""
        self.addCleanup(self.put_back, self.stored_manifest(*what))
        self.cluster.kubectl("delete", *what)
