#!/usr/bin/python3
"""What the server answers to which request: every refusal, every limit at it and one past it."""

import base64
import http.client
import json
import socket
import time
import unittest

from harness import JSON_HEADERS, ServerTest, is_sanitized, review, wait_until

BODY_LIMIT = 7 * 1024 * 1024
HEADER_LIMIT = 8 * 1024


class Decisions(ServerTest):
    def test_injects_a_sandbox_pod(self):
        status, answer = self.server.review(review())
        self.assertEqual(status, 200)
        response = answer["response"]
        self.assertEqual((answer["kind"], answer["apiVersion"]), ("AdmissionReview", "admission.k8s.io/v1"))
        self.assertEqual((response["uid"], response["allowed"]), ("uid-pod-1", True))
        self.assertEqual(response["patchType"], "JSONPatch")
        self.assertIn("op", json.loads(base64.b64decode(response["patch"]))[0])

    def test_denies_with_a_reason(self):
        body = review()
        body["request"]["object"]["spec"]["hostNetwork"] = True
        status, answer = self.server.review(body)
        self.assertEqual(status, 200)
        self.assertEqual((answer["response"]["allowed"], answer["response"]["status"]["code"]), (False, 403))
        reason = answer["response"]["status"]["details"]["causes"][0]["reason"]
        self.assertEqual(self.server.metrics()['openshell_injector_denials_total{reason="%s"}' % reason], 1)

    def test_validates_on_the_other_path(self):
        status, answer = self.server.review(review(), "/validate")
        self.assertEqual((status, answer["response"]["allowed"]), (200, False))

    def test_writes_a_line_per_decision(self):
        self.server.review(review(dryRun=True))
        line = self.server.log("decided")[0]
        expected = {
            "level": "info", "decision": "injected", "reason": "Injected", "endpoint": "mutate",
            "uid": "uid-pod-1", "operation": "CREATE", "namespace": "openshell", "pod": "pod-1",
            "sandbox_id": "id-1", "dry_run": True,
        }  # fmt: skip
        self.assertEqual({key: line[key] for key in expected}, expected)
        self.assertGreater(line["duration_seconds"], 0)
        self.assertLess(line["duration_seconds"], 5)

    def test_counts_what_it_did(self):
        for _ in range(3):
            self.server.review(review())
        self.server.ask("POST", "/mutate", "{", JSON_HEADERS)
        metrics = self.server.metrics()
        prefix = "openshell_injector_"
        labels = '{endpoint="mutate",operation="CREATE",result="injected"}'
        self.assertEqual(metrics[prefix + "requests_total" + labels], 3)
        labels = '{endpoint="mutate",operation="unknown",result="invalid"}'
        self.assertEqual(metrics[prefix + "requests_total" + labels], 1)
        self.assertEqual(metrics[prefix + "request_duration_seconds_count"], 4)
        self.assertEqual(metrics[prefix + 'request_duration_seconds_bucket{le="+Inf"}'], 4)
        self.assertEqual(metrics[prefix + "injection_duration_seconds_count"], 3)
        self.assertEqual(metrics[prefix + "patch_bytes_count"], 3)
        # The last one is over when its answer has been sent, which the client may see first.
        wait_until(lambda: self.server.metrics()[prefix + "in_flight_requests"] == 0)
        self.assertEqual(metrics[prefix + 'build_info{version="0.1.0"}'], 1)
        expiry = metrics[prefix + 'certificate_expiry_timestamp_seconds{certificate="serving"}']
        self.assertAlmostEqual(expiry, time.time() + 3600, delta=60)
        digest = [name for name in metrics if name.startswith(prefix + "configuration_info")]
        self.assertEqual(len(digest), 1)
        self.assertRegex(digest[0], r'\{digest="[0-9a-f]{64}"\}$')


class Refusals(ServerTest):
    def post(self, body, headers=None, path="/mutate"):
        return self.server.ask("POST", path, body, JSON_HEADERS if headers is None else headers)

    def test_other_methods(self):
        for path in ("/mutate", "/validate"):
            for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
                answer = self.server.ask(method, path)
                self.assert_refused(answer, 405, "only POST")
                self.assertEqual(answer[1]["Allow"], "POST")
        answer = self.server.ask("HEAD", "/mutate")
        self.assertEqual((answer[0], answer[1]["Allow"], answer[2]), (405, "POST", ""))
        answer = self.post("{}", path="/healthz")
        self.assert_refused(answer, 405, "only GET")
        self.assertEqual(answer[1]["Allow"], "GET, HEAD")

    def test_other_paths(self):
        for path in ("/", "/mutate/", "/mutate/x", "//mutate", "/Mutate", "/metrics", "/%6dutate/x", "/mutat"):
            self.assert_refused(self.post("{}", path=path), 404, "no such path")

    def test_a_query_does_not_matter(self):
        self.assertEqual(self.server.review(review(), "/mutate?timeout=10s")[0], 200)

    def test_content_types(self):
        body = json.dumps(review())
        for content_type in ("application/json", "application/json; charset=utf-8", "Application/JSON;x=y"):
            self.assertEqual(self.post(body, {"Content-Type": content_type})[0], 200, content_type)
        for content_type in ("text/plain", "application/jsonx", "application/json5", "application/yaml", ""):
            self.assert_refused(self.post(body, {"Content-Type": content_type}), 415, "application/json")
        self.assert_refused(self.post(body, {}), 415, "application/json")

    def test_json_that_is_none(self):
        whole = json.dumps(review())
        for body in ("", "{", whole[:-1], whole[: len(whole) // 2], whole + "x", "null", "[]", '"text"', "\0"):
            self.assert_refused(self.post(body), 400, "")
        self.assert_refused(self.post(whole.replace("pod-1", "pod\\u0000")), 400, "")
        self.assert_refused(self.post(b'{"a":"\xff"}'), 400, "")

    def test_nesting_bombs(self):
        for depth in (200, 100000):
            self.assert_refused(self.post("[" * depth), 400, "")
            self.assert_refused(self.post('{"a":' * depth + "1" + "}" * depth), 400, "")

    def test_reviews_of_another_kind(self):
        for key, value in (("kind", "Review"), ("apiVersion", "admission.k8s.io/v1beta1"), ("kind", None)):
            body = review()
            body[key] = value
            self.assert_refused(self.post(json.dumps(body)), 400, key)
        body = review()
        del body["request"]["uid"]
        self.assert_refused(self.post(json.dumps(body)), 400, "uid")
        body = review()
        del body["request"]
        self.assert_refused(self.post(json.dumps(body)), 400, "request")

    def test_refusals_are_logged_as_warnings_with_the_client(self):
        self.post("{")
        line = self.server.log("request refused")[0]
        self.assertEqual((line["level"], line["status"], line["client"]), ("warn", 400, "127.0.0.1"))

    def test_the_connection_stays_usable_after_a_refusal(self):
        connection = self.server.connect()
        for _ in range(3):
            connection.request("POST", "/nowhere", body="x" * 1000, headers=JSON_HEADERS)
            answer = connection.getresponse()
            self.assertEqual(answer.status, 404)
            answer.read()
            port = connection.sock.getsockname()
            connection.request("POST", "/mutate", body=json.dumps(review()), headers=JSON_HEADERS)
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200)
            answer.read()
            self.assertEqual(connection.sock.getsockname(), port)
        connection.close()


class Limits(ServerTest):
    options = ("--threads", "1")

    def read_status(self, connection):
        text = b""
        while b"\r\n" not in text:
            piece = connection.recv(65536)
            if not piece:
                return None
            text += piece
        return int(text.split()[1])

    def test_the_largest_body(self):
        whole = json.dumps(review())
        padded = whole + " " * (BODY_LIMIT - len(whole))
        self.assertEqual(self.server.ask("POST", "/mutate", padded, JSON_HEADERS)[0], 200)

    def test_a_body_one_byte_larger_is_refused_unread(self):
        connection = self.server.raw()
        connection.sendall(
            b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % (BODY_LIMIT + 1)
        )
        self.assertEqual(self.read_status(connection), 413)
        self.assertEqual(connection.recv(65536)[-1:] in (b"", b"}"), True)
        connection.close()

    def test_lengths_past_all_numbers(self):
        for length in (b"18446744073709551615", b"18446744073709551616", b"99999999999999999999999999"):
            connection = self.server.raw()
            connection.sendall(
                b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                b"Content-Length: " + length + b"\r\n\r\n"
            )
            self.assertEqual(self.read_status(connection), 413)
            connection.close()

    def chunked(self, length):
        """The status of a chunked body of so many bytes."""
        whole = json.dumps(review()).encode()
        connection = self.server.raw()
        connection.sendall(
            b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        connection.sendall(b"%x\r\n%s\r\n" % (len(whole), whole))
        rest = length - len(whole)
        while rest > 0:
            part = min(rest, 65536)
            connection.sendall(b"%x\r\n%s\r\n" % (part, b" " * part))
            rest -= part
        connection.sendall(b"0\r\n\r\n")
        status = self.read_status(connection)
        connection.close()
        return status

    def test_chunked_bodies(self):
        self.assertEqual(self.chunked(0), 200)
        self.assertEqual(self.chunked(BODY_LIMIT), 200)
        self.assertEqual(self.chunked(BODY_LIMIT + 1), 413)
        self.assertEqual(self.chunked(BODY_LIMIT + 1000000), 413)

    def header(self, length):
        """A request for health whose header has exactly this many bytes."""
        start, end = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ", b"\r\n\r\n"
        return start + b"x" * (length - len(start) - len(end)) + end

    def test_headers(self):
        for length, status in ((HEADER_LIMIT, 200), (HEADER_LIMIT + 1, 431)):
            connection = self.server.raw()
            connection.sendall(self.header(length))
            self.assertEqual(self.read_status(connection), status, length)
            connection.close()

    def test_a_header_larger_than_all_memory_for_one(self):
        """The server closes the connection while the client still sends, which may lose the answer."""
        connection = self.server.raw()
        try:
            connection.sendall(self.header(10 * HEADER_LIMIT))
            self.assertIn(self.read_status(connection), (431, None))
        except OSError:
            pass
        connection.close()
        self.assertEqual(self.server.review()[0], 200)

    def test_malformed_requests(self):
        host = b"Host: a\r\n"
        for text in (
            b"GET /healthz HTTP/1.1\r\n\r\n",  # no Host
            b"GET /healthz HTTP/9.9\r\n" + host + b"\r\n",
            b"POST /mutate HTTP/1.1\r\n" + host + b"Content-Length: x\r\n\r\n",
            b"POST /mutate HTTP/1.1\r\n" + host + b"Content-Length: -1\r\n\r\n",
        ):
            connection = self.server.raw()
            connection.sendall(text)
            status = self.read_status(connection)
            self.assertTrue(status is None or 400 <= status <= 505, (text, status))
            connection.close()
        self.assertEqual(self.server.review()[0], 200)

    @unittest.skipIf(is_sanitized(), "a sanitizer's memory would be measured")
    def test_memory_after_large_requests(self):
        body = json.dumps(review()) + " " * (6 * 1024 * 1024)
        for _ in range(5):
            self.server.ask("POST", "/mutate", body, JSON_HEADERS)
        self.assertLess(self.server.resident_kib(), 40 * 1024)


class KeptAlive(ServerTest):
    def test_an_answer_larger_than_the_sockets_buffers(self):
        body = review()
        agent = body["request"]["object"]["spec"]["containers"][0]
        agent["command"] = ["/bin/sh", "-c", "x" * 100000]
        agent["env"] = [{"name": "LARGE", "value": "y" * 100000}]
        text = json.dumps(body).encode()
        with socket.socket() as plain:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plain.connect(("127.0.0.1", self.server.port))
            plain.settimeout(15)
            connection = self.server.context().wrap_socket(plain, server_hostname="localhost")
            for _ in range(2):
                connection.sendall(
                    b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(text) + text
                )
                time.sleep(0.5)
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                patch = base64.b64decode(json.loads(answer.read())["response"]["patch"])
                self.assertIn(b"x" * 100000, patch)
                self.assertIn(b"y" * 100000, patch)
            connection.close()

    def test_one_connection_for_many_requests(self):
        connection = self.server.connect()
        ports = set()
        for number in range(20):
            connection.request("POST", "/mutate", body=json.dumps(review("pod-%d" % number)), headers=JSON_HEADERS)
            answer = json.loads(connection.getresponse().read())
            self.assertEqual(answer["response"]["uid"], "uid-pod-%d" % number)
            ports.add(connection.sock.getsockname())
        self.assertEqual(len(ports), 1)
        connection.close()

    def test_pipelined_requests_are_answered_in_order(self):
        connection = self.server.raw()
        text = b""
        for number in range(10):
            body = json.dumps(review("pod-%d" % number)).encode()
            text += (
                b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body)
            ) + body
        connection.sendall(text)
        answers = b""
        while b'"uid":"uid-pod-9"' not in answers:
            piece = connection.recv(65536)
            self.assertTrue(piece)
            answers += piece
        places = [answers.index(b'"uid":"uid-pod-%d"' % number) for number in range(10)]
        self.assertEqual(places, sorted(places))
        connection.close()

    def test_one_byte_at_a_time(self):
        body = json.dumps(review()).encode()
        connection = self.server.raw()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        header = b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        for byte in (header % len(body)) + body:
            connection.sendall(bytes([byte]))
        self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 200"))
        connection.close()

    def test_expect_100_continue(self):
        body = json.dumps(review()).encode()
        connection = self.server.raw()
        connection.sendall(
            b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 100"))
        connection.sendall(body)
        self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 200"))
        connection.close()


class Health(ServerTest):
    def test_on_both_ports(self):
        self.assertEqual(self.server.ask("GET", "/healthz")[::2], (200, "ok\n"))
        self.assertEqual(self.server.plain("/healthz"), (200, "ok\n"))
        status, _, text = self.server.ask("GET", "/readyz")
        self.assertEqual((status, text), (200, "configuration: ok\ncertificate: ok\nnamespaces: ok\nready\n"))
        self.assertEqual(self.server.plain("/readyz"), (status, text))

    def test_metrics_only_without_tls(self):
        self.assertEqual(self.server.ask("GET", "/metrics")[0], 404)
        self.assertEqual(self.server.plain("/mutate")[0], 404)


if __name__ == "__main__":
    unittest.main()
