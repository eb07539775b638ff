"""Clients that keep a server busy while a test does something to it."""

import http.client
import json
import threading

from harness import JSON_HEADERS, review


class Load:
    """Clients that send reviews without pause; counts what went well and keeps what did not."""

    def __init__(self, server, clients=4, is_kept_alive=True):
        self.server, self.is_kept_alive = server, is_kept_alive
        self.must_end = threading.Event()
        self.answered, self.closed, self.failures = 0, 0, []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self):
        context = self.server.context()
        connection = None
        while not self.must_end.is_set():
            if connection is None:
                connection = http.client.HTTPSConnection("localhost", self.server.port, context=context, timeout=15)
                try:
                    connection.connect()
                except (ConnectionRefusedError, ConnectionResetError):
                    # The server has left; nothing was sent that could be lost.
                    return
            try:
                connection.request("POST", "/mutate", body=json.dumps(review()), headers=JSON_HEADERS)
                answer = connection.getresponse()
                is_allowed = json.loads(answer.read())["response"]["allowed"]
                has_closed = answer.headers.get("Connection") == "close"
                with self.lock:
                    self.answered += is_allowed
                    self.closed += has_closed
            except (OSError, ValueError, http.client.HTTPException) as failure:
                with self.lock:
                    self.failures.append(repr(failure))
                has_closed = True
            if has_closed or not self.is_kept_alive:
                connection.close()
                connection = None
        if connection:
            connection.close()

    def end(self):
        self.must_end.set()
        for thread in self.threads:
            thread.join()
        return self.answered
