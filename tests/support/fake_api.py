"""An API server of a few lines, which answers what it is told. What a real one answers: tests/e2e.

Not for: watches, patches, or anything that is to be there afterwards.
"""

import http.server
import json
import threading

STATUS_REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 500: "InternalError"}


def status(code, message):
    return code, {"kind": "Status", "code": code, "reason": STATUS_REASONS[code], "message": message}


class FakeServer(http.server.ThreadingHTTPServer):
    """Answers GET and POST by `answers`: path to (status, object), or to an object; else 404. `seen` has each path."""

    def __init__(self, answers):
        self.answers = answers
        self.seen = []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def respond(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        self.server.seen.append((self.command, self.path, self.headers["Accept"]))
        answer = self.server.answers.get(path, status(404, f"{path} not found"))
        code, value = answer if isinstance(answer, tuple) else (200, answer)
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = respond

    def log_message(self, format, *arguments):
        """Nothing: the test says what went wrong."""


def write_kubeconfig(path, port):
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c"}}]}))
