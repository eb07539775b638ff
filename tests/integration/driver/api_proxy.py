"""A proxy before the API server that records what the driver writes and, when told, breaks what passes through."""

import contextlib
import http.client
import http.server
import json
import socket
import socketserver
import struct
import threading
import urllib.parse

# Longer than the driver's patience with one request.
HOLD_LIMIT_S = 120


class ApiProxy(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Speaks plain HTTP to the driver. What `fault(method, path, body)` answers is done to the request: a status is
    answered instead; "drop": it is carried out and the answer lost; "hold": nothing happens before `release()`, then
    it is carried out; None: it passes."""

    daemon_threads = True

    def __init__(self, api, directory):
        self.fault = lambda method, path, body: None
        self.api = api
        self.upstream = urllib.parse.urlparse(api.server)
        self.released = threading.Event()
        self.held = 0
        self.posted = []  # (path, object) of each create
        self.cuts = []  # how the next blocks of watches end, "end" or "reset"
        self.cut_count = 0
        super().__init__(("127.0.0.1", 0), make_handler(self))
        self.path = directory / f"proxy-{self.server_address[1]}.kubeconfig"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def release(self):
        """Carries out what is held, and holds nothing more."""
        self.fault = lambda method, path, body: None
        self.released.set()

    def handle_error(self, request, client_address):
        """A driver that ends in the middle of a request is no failure of the proxy."""

    def close(self):
        self.release()
        self.shutdown()
        self.server_close()

    def kubeconfig(self):
        self.path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server_address[1]}"}}],
            "users": [{"name": "u", "user": {"token": self.api.token}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))
        return self.path


def make_handler(proxy):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.command == "POST":
                proxy.posted.append((self.path, json.loads(body)))
            fault = proxy.fault(self.command, self.path, body.decode())
            if fault == "hold":
                proxy.held += 1
                proxy.released.wait(HOLD_LIMIT_S)
            if isinstance(fault, int):
                return self.answer(fault)
            headers = {key: value for key, value in self.headers.items() if key.lower() not in ("host", "connection")}
            upstream = http.client.HTTPSConnection(proxy.upstream.netloc, context=proxy.api.tls)
            with contextlib.closing(upstream):
                upstream.request(self.command, self.path, body or None, headers)
                answer = upstream.getresponse()
                if fault == "drop":
                    answer.read()
                    return self.end("reset")
                return self.relay(answer)

        def answer(self, status):
            body = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status,
                               "reason": "Injected", "message": "injected"}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def relay(self, answer):
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            while block := answer.read1(65536):
                cut = proxy.cuts.pop() if proxy.cuts and "watch=" in self.path else None
                self.wfile.write(block[: len(block) // 2] if cut else block)
                self.wfile.flush()
                if cut:
                    proxy.cut_count += 1
                    return self.end(cut)

        def end(self, how):
            """Ends the connection: in order, or as a router does that has forgotten it."""
            self.close_connection = True
            if how == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward

        def log_message(self, *arguments):
            pass

    return Handler
