"""Bytes that no gateway sends: the driver refuses them, stays up and stays small."""

import os
import pathlib
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest

import grpc

import setting as parts
import wire
from setting import wait_for

setting = None
driver = None

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def setUpModule():
    global setting, driver
    setting = parts.acquire()
    unittest.addModuleCleanup(parts.release)
    driver = setting.start_driver()


def varint(number):
    data = b""
    while number > 0x7F:
        data += bytes([number & 0x7F | 0x80])
        number >>= 7
    return data + bytes([number])


def field(number, content):
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def struct_value(depth):
    """A google.protobuf.Value: a list in a list in a list."""
    value = field(3, b"x")
    for _ in range(depth):
        value = field(6, field(1, value))
    return value


def create_request(spec):
    """A ValidateSandboxCreateRequest around the bytes of a spec."""
    return field(1, field(1, b"an-id") + field(2, b"sb") + field(4, spec))


class HostileTest(unittest.TestCase):
    def tearDown(self):
        self.assertIsNone(driver.process.poll(), "the driver has died")
        self.assertEqual(driver.client.GetCapabilities().driver_name, "pods")

    def refused(self, data, *codes, method="ValidateSandboxCreate", text=""):
        with self.assertRaises(grpc.RpcError) as caught:
            driver.client.raw(method, data)
        self.assertIn(caught.exception.code(), codes, caught.exception.details())
        self.assertIn(text, caught.exception.details())


class Messages(HostileTest):
    INVALID = grpc.StatusCode.INVALID_ARGUMENT
    EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED

    def test_deep_nesting(self):
        config = lambda depth: create_request(field(6, field(12, field(1, field(1, b"k") + field(2, struct_value(depth))))))
        self.refused(config(5000), self.EXHAUSTED, text="deep")
        self.refused(config(50), self.EXHAUSTED, text="deep")
        # Shallow enough to be read; its key is refused for what it is.
        self.refused(config(20), self.INVALID, text="driver_config")

    def test_maps_without_end(self):
        entries = field(5, b"") * 70000
        self.refused(create_request(entries), self.EXHAUSTED, text="fields")
        full = driver.resident_kilobytes()
        self.refused(create_request(field(5, b"") * 2_000_000), self.EXHAUSTED, text="fields")
        self.assertLess(driver.resident_kilobytes() - full, 30_000)

    def test_text_that_is_none(self):
        self.refused(create_request(field(1, b"\xff")), self.INVALID, text="UTF-8")
        self.refused(create_request(field(1, b"\xed\xa0\x80")), self.INVALID, text="UTF-8")
        self.refused(create_request(field(1, b"a\x00b")), self.INVALID, text="NUL")
        self.refused(create_request(field(5, field(1, b"K") + field(2, b"\xc0\x80"))), self.INVALID, text="UTF-8")

    def test_messages_that_end_early(self):
        whole = parts.sandbox().SerializeToString()
        request = field(1, whole)
        for length in range(1, len(request), 3):
            with self.subTest(length):
                with self.assertRaises(grpc.RpcError) as caught:
                    driver.client.raw("ValidateSandboxCreate", request[:length])
                self.assertEqual(caught.exception.code(), self.INVALID)

    def test_wire_types_and_tags_that_do_not_exist(self):
        for data in (b"\x0b", b"\x0c", b"\x0f\x00", b"\x00", b"\x08\x01", b"\xff" * 11, b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"):
            self.refused(data, self.INVALID)

    def test_a_map_entry_without_a_value(self):
        self.refused(create_request(field(6, field(12, field(1, field(1, b"k"))))), self.INVALID, text="value")

    def test_of_duplicate_keys_the_last_one_counts(self):
        entry = lambda value: field(5, field(1, b"OPENSHELL_X" if value else b"A") + field(2, value))
        name = field(1, field(1, b"an-id") + field(2, b"sb"))
        self.refused(name + create_request(entry(b"1")), self.INVALID, text="OPENSHELL_X")
        number = lambda value: field(1, field(1, b"pod") + field(2, value))
        good = field(5, field(1, field(1, b"priority_class_name") + field(2, field(3, b"high"))))
        bad = field(3, b"text")
        driver.client.raw("ValidateSandboxCreate", create_request(field(6, field(12, number(bad) + number(good)))))
        self.refused(create_request(field(6, field(12, number(good) + number(bad)))), self.INVALID, text="driver_config.pod")

    def test_numbers_that_are_none(self):
        for bits in (0x7FF0000000000000, 0x7FF8000000000001):
            value = b"\x11" + struct.pack("<Q", bits)
            self.refused(create_request(field(6, field(12, field(1, field(1, b"k") + field(2, value))))), self.INVALID,
                         text="finite")

    def test_a_message_past_four_megabytes(self):
        self.refused(create_request(field(1, b"x" * (4 << 20))), self.EXHAUSTED)
        self.refused(create_request(field(1, b"x" * ((4 << 20) - 100))), self.INVALID, text="log_level")

    def test_unknown_fields_are_passed_over(self):
        unknown = field(1000, b"anything") + b"\xc0\x3e\x01"
        answer = driver.client.raw("GetCapabilities", unknown)
        self.assertEqual(wire.GetCapabilitiesResponse.FromString(answer).driver_name, "pods")

    def test_compressed_messages(self):
        call = driver.client.channel.unary_unary(wire.SERVICE + "GetCapabilities")
        with self.assertRaises(grpc.RpcError) as caught:
            call(b"\x00" * 10_000, timeout=10, compression=grpc.Compression.Gzip)
        self.assertIn(caught.exception.code(), (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL))


class Connections(HostileTest):
    def connect(self):
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(15)
        self.addCleanup(one.close)
        # The queue of connections that wait to be accepted is shorter than some crowds here.
        wait_for(lambda: self.try_connect(one), what="a place in the queue")
        return one

    @staticmethod
    def try_connect(one):
        try:
            one.connect(str(driver.socket))
        except BlockingIOError:
            return False
        return True

    def read_to_end(self, one):
        data = b""
        try:
            while block := one.recv(65536):
                data += block
        except (ConnectionResetError, BrokenPipeError):
            pass
        return data

    def frame(self, kind, flags, stream, payload):
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload

    def test_bytes_that_are_no_http2(self):
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + b"\x00" * 100, os.urandom(4096), b"\x00" * 100_000):
            one = self.connect()
            try:
                one.sendall(data)
            except (ConnectionResetError, BrokenPipeError):
                continue
            self.read_to_end(one)

    def test_frames_that_are_none(self):
        settings = self.frame(4, 0, 0, b"")
        for bad in (self.frame(1, 4, 0, b""), self.frame(0, 0, 0, b"x"), self.frame(4, 0, 0, b"x"),
                    self.frame(1, 4, 1, b"\xff" * 100), self.frame(8, 0, 0, b"\x00" * 4), self.frame(9, 0, 1, b""),
                    b"\xff\xff\xff" + self.frame(0, 0, 1, b"")[3:]):
            one = self.connect()
            one.sendall(PREFACE + settings + bad)
            one.shutdown(socket.SHUT_WR)
            self.read_to_end(one)

    def test_a_body_that_never_comes(self):
        """A header, and then silence: the call is ended, and with it the memory it holds."""
        pseudo = lambda index, value: bytes([index]) if value is None else bytes([0x40 | index]) + varint(len(value)) + value
        header = (pseudo(0x83, None) + pseudo(0x86, None) + pseudo(4, wire.SERVICE.encode() + b"GetSandbox")
                  + pseudo(1, b"[::]:50051") + b"\x40\x02te\x08trailers" + b"\x40\x0ccontent-type\x10application/grpc")
        one = self.connect()
        one.sendall(PREFACE + self.frame(4, 0, 0, b"") + self.frame(1, 4, 1, header))
        started = time.monotonic()
        data = b""
        while b"within" not in data and time.monotonic() - started < 20:
            block = one.recv(65536)
            if not block:
                break
            data += block
        self.assertIn(b"did not arrive within 10 seconds", data)

    def test_more_connections_than_allowed(self):
        crowd = [self.connect() for _ in range(300)]
        closed = wait_for(lambda: sum(self.is_closed(one) for one in crowd) or None, what="closed connections")
        self.assertGreaterEqual(closed, 300 - 256)
        for one in crowd:
            one.close()
        wait_for(self.is_served, what="a free place")
        self.assertGreater(driver.metric("openshell_driver_connections_refused_total"), 40)

    @staticmethod
    def is_closed(one):
        one.setblocking(False)
        try:
            return one.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def is_served(self):
        client = wire.Driver(driver.socket, timeout_s=2)
        try:
            return client.GetCapabilities().driver_name == "pods"
        except grpc.RpcError:
            return False
        finally:
            client.close()

    def test_keep_alive_pings_are_tolerated(self):
        channel = grpc.insecure_channel(f"unix:{driver.socket}", options=[
            ("grpc.keepalive_time_ms", 1000), ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0), ("grpc.http2.min_time_between_pings_ms", 1000)])
        call = channel.unary_unary(wire.SERVICE + "GetCapabilities")
        for _ in range(4):
            call(b"", timeout=5)
            time.sleep(1.2)
        channel.close()

    def test_more_unfinished_calls_than_allowed(self):
        streams = []
        # Channels of one address share a connection unless their options differ.
        channels = [grpc.insecure_channel(f"unix:{driver.socket}", options=[("grpc.use_local_subchannel_pool", 1),
                                                                           ("number", number)]) for number in range(4)]
        for channel in channels:
            watch = channel.unary_stream(wire.SERVICE + "WatchSandboxes")
            streams += [watch(b"") for _ in range(270)]
        wait_for(lambda: driver.metric('openshell_driver_rpc_duration_seconds_count{method="WatchSandboxes",'
                                       'code="RESOURCE_EXHAUSTED"}') >= 1080 - 1024, what="refused calls")
        for stream in streams:
            stream.cancel()
        for channel in channels:
            channel.close()
        wait_for(lambda: driver.metric("openshell_driver_watch_streams") == 0, what="the end of all streams")


class SlowReaders(HostileTest):
    def test_a_reader_that_stands_still_delays_nobody(self):
        slow = driver.client.watch()
        fast = parts.Watcher(driver.client)
        message = parts.sandbox("seen")
        driver.client.CreateSandbox(sandbox=message)
        for number in range(300):
            setting.api.patch("pods", "default--seen", {"metadata": {"annotations": {"n": str(number)}}})
        setting.api.set_pod_status("default--seen", parts.running_status())
        fast.wait_snapshot(message.id, lambda found: parts.ready_condition(found).status == "True")
        driver.client.DeleteSandbox(sandbox_id=message.id)
        fast.wait_deleted(message.id)
        fast.close()
        slow.cancel()


class SocketRules(unittest.TestCase):
    """Section A of the contract."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=setting.directory))
        self.path = self.directory / "run" / "deep" / "driver.sock"

    def start(self, path=None):
        command = [str(parts.injector.programs() / parts.PROGRAM), "--socket", str(path or self.path), "--kubeconfig",
                   str(setting.kubeconfig)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=parts.injector.environment())
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stderr.close)
        return process

    def serves(self, process):
        wait_for(lambda: process.poll() is not None or self.path.exists())
        return process.poll() is None

    def assert_refused(self, process, text):
        self.assertNotEqual(process.wait(15), 0)
        self.assertIn(text, process.stderr.read())

    def test_makes_the_directories_and_a_socket_for_us_alone(self):
        process = self.start()
        self.assertTrue(self.serves(process))
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.path.parent.stat().st_mode & 0o777, 0o700)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(30), 0)
        self.assertFalse(self.path.exists())

    def test_takes_a_wider_parent_back(self):
        self.path.parent.mkdir(parents=True, mode=0o755)
        self.assertTrue(self.serves(self.start()))
        self.assertEqual(self.path.parent.stat().st_mode & 0o777, 0o700)

    def test_replaces_a_socket_that_nobody_serves(self):
        self.path.parent.mkdir(parents=True)
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(self.path))
        process = self.start()
        wait_for(lambda: process.poll() is not None or self.is_connectable())
        self.assertIsNone(process.poll())

    def is_connectable(self):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.path)) == 0

    def test_refuses_what_is_in_the_way(self):
        self.path.parent.mkdir(parents=True)
        self.path.write_text("mine")
        self.assert_refused(self.start(), "no socket")
        self.assertEqual(self.path.read_text(), "mine")
        self.path.unlink()
        with socket.socket(socket.AF_UNIX) as served:
            served.bind(str(self.path))
            served.listen()
            self.assert_refused(self.start(), "served by another")
            self.assertTrue(self.path.exists())

    def test_refuses_a_parent_that_is_a_link_or_foreign(self):
        (self.directory / "real").mkdir()
        (self.directory / "link").symlink_to("real")
        self.assert_refused(self.start(self.directory / "link" / "driver.sock"), "link")
        if os.geteuid() == 0:
            (self.directory / "foreign").mkdir()
            os.chown(self.directory / "foreign", 4711, 4711)
            self.assert_refused(self.start(self.directory / "foreign" / "driver.sock"), "belongs to user 4711")

    def test_refuses_paths_that_no_socket_can_have(self):
        longest = self.directory / ("x" * (107 - len(str(self.directory)) - 1))
        self.assert_refused(self.start(str(longest) + "x"), "longer than")
        self.path = longest
        self.assertTrue(self.serves(self.start(longest)))
        self.assert_refused(self.start(str(self.directory) + "/"), "names no file")

    @unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
    def test_refuses_peers_of_other_users(self):
        process = self.start()
        self.assertTrue(self.serves(process))
        for parent in (self.path, *self.path.parents):
            if parent.is_relative_to(setting.directory):
                parent.chmod(0o777)
        program = ("import socket, sys; s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1]); "
                   "print(len(s.recv(10)))")
        result = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", program, str(self.path)],
                                capture_output=True, text=True, timeout=30)
        self.assertEqual(result.stdout.strip(), "0", result.stderr)


if __name__ == "__main__":
    unittest.main()
