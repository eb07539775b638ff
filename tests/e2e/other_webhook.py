"""Another mutating webhook, as clusters have many: for tests of what happens when it changes pods between our rounds.

Not for: the webhook under test.
"""

import base64
import http.server
import json
import ssl
import threading


class OtherWebhook:
    """Serves https://127.0.0.1:port/ with the certificate in `folder`, and answers each pod with the JSON Patch that
    `mutate(pod)` returns."""

    def __init__(self, folder, mutate):
        webhook = self
        self.calls = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                webhook.calls += 1
                patch = mutate(review["request"]["object"])
                response = {"uid": review["request"]["uid"], "allowed": True}
                if patch:
                    response |= {"patchType": "JSONPatch",
                                 "patch": base64.b64encode(json.dumps(patch).encode()).decode()}
                body = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"],
                                   "response": response}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.ca_bundle = base64.b64encode((folder / "certificate.pem").read_bytes()).decode()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def registration(self, name, reinvocation_policy):
        """A MutatingWebhookConfiguration for all pods; webhooks are called in the order of their names."""
        return {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [{
                "name": f"{name}.example.com",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {"url": f"https://127.0.0.1:{self.server.server_address[1]}/",
                                 "caBundle": self.ca_bundle},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}},
                "failurePolicy": "Fail",
                "reinvocationPolicy": reinvocation_policy,
                "sideEffects": "None",
            }],
        }
