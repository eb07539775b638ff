#!/usr/bin/python3
"""Writes a kustomize overlay over manifests/base that makes the API server trust a webhook's certificate and, where
the webhook does not run in the cluster, finds it by URL.

Usage: webhook_overlay.py FOLDER AUTHORITY.pem [URL]
"""

import base64
import json
import os
import pathlib
import sys

BASE = pathlib.Path(__file__).resolve().parents[2] / "manifests/base"
KINDS = {"MutatingWebhookConfiguration": "mutate", "ValidatingWebhookConfiguration": "validate"}


def operations(endpoint, ca_bundle, url):
    if url is None:
        return [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": ca_bundle}]
    return [{"op": "replace", "path": "/webhooks/0/clientConfig",
             "value": {"url": f"{url}/{endpoint}", "caBundle": ca_bundle}}]


def write(folder, authority, url=None):
    """Writes FOLDER/kustomization.yaml, with the certificate in the file `authority` as caBundle. `url`: where the API
    server finds the webhook, without a path; None leaves the base's Service."""
    folder = pathlib.Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    ca_bundle = base64.b64encode(pathlib.Path(authority).read_bytes()).decode()
    # JSON is YAML.
    (folder / "kustomization.yaml").write_text(json.dumps({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(BASE, folder)],
        "patches": [{"target": {"kind": kind}, "patch": json.dumps(operations(endpoint, ca_bundle, url))}
                    for kind, endpoint in KINDS.items()],
    }, indent=2) + "\n")


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 4:
        raise SystemExit(__doc__)
    write(*sys.argv[1:])
