"""Runs openshell-injector for tests, and knows how a configuration becomes its command line.

The program is found in $OPENSHELL_PROGRAMS, a build's bin folder, which ctest sets.
"""

import base64
import json
import os
import pathlib
import subprocess

import exact_json

TIME_LIMIT_S = 60

# The flags of the options that shape pods (contract H.7 names to flags). What concerns the driver alone has none.
FLAGS = {
    "app_armor_profile": "app-armor-profile",
    "client_tls_secret_name": "client-tls-secret-name",
    "enable_user_namespaces": "enable-user-namespaces",
    "grpc_endpoint": "grpc-endpoint",
    "host_gateway_ip": "host-gateway-ip",
    "https_proxy": "https-proxy",
    "no_proxy": "no-proxy",
    "process_binary_aware_network_policy": "sidecar-process-binary-aware-network-policy",
    "provider_spiffe_workload_api_socket_path": "provider-spiffe-workload-api-socket-path",
    "proxy_auth_allow_insecure": "proxy-auth-allow-insecure",
    "proxy_auth_secret_key": "proxy-auth-secret-key",
    "proxy_auth_secret_name": "proxy-auth-secret-name",
    "proxy_connect_by_hostname": "proxy-connect-by-hostname",
    "proxy_uid": "sidecar-proxy-uid",
    "sa_token_ttl_secs": "sa-token-ttl-secs",
    "sandbox_gid": "sandbox-gid",
    "sandbox_uid": "sandbox-uid",
    "ssh_socket_path": "sandbox-ssh-socket-path",
    "supervisor_image": "supervisor-image",
    "supervisor_image_pull_policy": "supervisor-image-pull-policy",
    "supervisor_sideload_method": "supervisor-sideload-method",
    "topology": "topology",
}

DRIVER_OPTIONS = {
    "default_image", "default_runtime_class_name", "gateway_id", "image_pull_policy", "image_pull_secrets", "namespace",
    "service_account_name", "workspace_default_storage_size", "workspace_mode", "workspace_storage_class",
}


def programs():
    """The folder of the built programs."""
    folder = os.environ.get("OPENSHELL_PROGRAMS")
    if not folder:
        raise SystemExit("set OPENSHELL_PROGRAMS to a build's bin folder, or run the test by ctest")
    return pathlib.Path(folder).absolute()


def environment():
    """The environment of a run: nothing that could configure the program."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OPENSHELL_")}


def run(*arguments, stdin="", extra_environment=None, cwd=None):
    """Runs the program; standard output and error are text."""
    command = [str(programs() / "openshell-injector"), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, encoding="utf-8", timeout=TIME_LIMIT_S,
                          env=environment() | (extra_environment or {}), cwd=cwd, check=False)


def flags_of(config, credential):
    """The flags of a flat configuration, as the conformance cases have it."""
    flags = [f"--credential={credential}"]
    for key, value in config.items():
        if key in DRIVER_OPTIONS:
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        flags.append(f"--{FLAGS[key]}={text}")
    return flags


def render_patch(pod, flags):
    """The patch of one pod, as it was printed and parsed."""
    result = run("render", "-o", "patch", *flags, stdin=exact_json.dumps(pod))
    assert result.returncode == 0, result.stderr
    text = result.stdout.removesuffix("\n")
    return text, json.loads(text)


def review_of(pod, operation="CREATE"):
    """An AdmissionReview as the API server sends it."""
    metadata = pod.get("metadata", {})

    def text(key, fallback):
        value = metadata.get(key, fallback)
        return value if isinstance(value, str) and not exact_json.is_number(value) else fallback
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "0a1b2c3d-0000-4000-8000-0123456789ab",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "name": text("name", ""),
            "namespace": text("namespace", "openshell"),
            "operation": operation,
            "userInfo": {"username": "system:serviceaccount:openshell:driver", "groups": ["system:authenticated"]},
            "object": pod,
            "oldObject": None,
            "dryRun": False,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    }


def review(pod, flags, endpoint="mutate"):
    """Exit code and response to the pod's creation."""
    result = run("review", "--endpoint", endpoint, *flags, stdin=exact_json.dumps(review_of(pod)))
    assert result.returncode in (0, 1), result.stderr
    return result.returncode, json.loads(result.stdout)["response"]


def patch_text_of(response):
    """The patch that a response carries; that of none is the empty one."""
    return base64.b64decode(response["patch"]).decode() if "patch" in response else "[]"
