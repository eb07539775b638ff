#!/usr/bin/python3
"""Measures the driver against a real API server: calls, creates beside what the API server itself needs, memory by the
number of sandboxes, idle processor time. Prints a JSON object per part.

  cmake --preset release && cmake --build --preset release --target bench_driver_programs
  OPENSHELL_PROGRAMS=build/release/bin tests/bench/driver/bench_driver.py --sandboxes 1000,10000

Needs what tests/integration/driver needs. The load comes from C programs (call_load.c, request_load.c), the creates of
both sides in turns. The webhook's time is part of both.
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "integration" / "driver"))

import setting as parts  # noqa: E402
import wire  # noqa: E402
from api_proxy import ApiProxy  # noqa: E402

CONCURRENCY = 8


def load(program, *arguments):
    """Runs a load program and returns what it measured."""
    command = [str(parts.injector.programs().parent / "bench" / program), *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout)


def measure_unary(driver, calls=20000):
    return {method: {f"{threads} at once": load("bench_calls", driver.socket, method, threads, calls)
                     for threads in (1, 8)} for method in ("GetCapabilities", "ListSandboxes")}


class Poster(threading.local):
    """One kept connection to the API server per thread."""

    def __init__(self, api):
        self.api = api
        self.connection = http.client.HTTPSConnection(urllib.parse.urlparse(api.server).netloc, context=api.tls)

    def send(self, method, path, body):
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        self.connection.request(method, path, json.dumps(body), {
            "Authorization": "Bearer " + self.api.token, "Content-Type": kind})
        answer = self.connection.getresponse()
        content = answer.read()
        assert answer.status < 300, content
        return content


def remove_all(setting, driver):
    watcher = parts.Watcher(driver.client)
    for found in driver.client.ListSandboxes().sandboxes:
        driver.client.DeleteSandbox(sandbox_id=found.id)
    parts.wait_for(lambda: not setting.leftovers(), timeout_s=60)
    watcher.close()


class Template:
    """One sandbox's objects, to make more of: as the driver sends them, and its pod as the API server stores it."""

    def __init__(self, setting):
        proxy, message = ApiProxy(setting.api, setting.directory), parts.sandbox("template")
        driver = setting.start_driver(kubeconfig=proxy.kubeconfig())
        driver.client.CreateSandbox(sandbox=message)
        self.sandbox_id = message.id
        self.posted = {path.rpartition("/")[2]: body for path, body in proxy.posted}
        stored = setting.api.get("pods", "default--template")
        stored["metadata"] = {key: stored["metadata"][key] for key in ("name", "labels", "annotations")}
        stored.pop("status")
        self.stored_pod = stored
        for body in self.posted.values():
            # An owner that is gone by then would take them with it.
            body["metadata"].pop("ownerReferences", None)
        remove_all(setting, driver)
        driver.stop()
        proxy.close()

    def make(self, body, sandbox_id, name):
        text = json.dumps(body).replace(self.sandbox_id, sandbox_id).replace("default--template", "default--" + name)
        return json.loads(text.replace('"template"', json.dumps(name)))


def write_requests(path, pieces):
    """A file for bench_requests: METHOD PATH BODY, a line each."""
    path.write_text("".join(f"{method} {where} {json.dumps(body)}\n" for piece in pieces for method, where, body in piece))
    return path


def create_requests(template, base, number):
    """What a create is on the wire."""
    one, name = str(uuid.uuid4()), f"n-{number}"
    kinds = ("secrets", "persistentvolumeclaims", "pods")
    end = {"metadata": {"annotations": {"openshell.ai/phase": "Created", "openshell.ai/starting": None}}}
    return [("POST", base + kind, template.make(template.posted[kind], one, name)) for kind in kinds] + [
        ("PATCH", f"{base}secrets/openshell-sandbox-{one}", end)]


def write_messages(path, messages):
    """A file for bench_calls: a length of four bytes and as many bytes, again and again."""
    data = [wire.CreateSandboxRequest(sandbox=message).SerializeToString() for message in messages]
    path.write_bytes(b"".join(struct.pack("<I", len(one)) + one for one in data))
    return path


def create_round(setting, driver, template, number, count):
    """One after the other: the pod alone, all of a create's requests, the driver. Nothing is removed: waiting for that
    would take most of the time."""
    base, path = "/api/v1/namespaces/openshell/", setting.directory / "load"
    results = {}
    creates = [create_requests(template, base, f"{number}-{index}") for index in range(2 * count)]
    pods = [[requests[2]] for requests in creates[:count]]

    def pod_alone():
        return load("bench_requests", setting.kubeconfig, CONCURRENCY, 1, write_requests(path, pods))

    def same_requests():
        return load("bench_requests", setting.kubeconfig, CONCURRENCY, 4, write_requests(path, creates[count:]))

    def through_driver():
        write_messages(path, [parts.sandbox(f"d-{number}-{index}") for index in range(count)])
        before = processor_seconds(driver)
        result = load("bench_calls", driver.socket, "CreateSandbox", CONCURRENCY, path)
        return result | {"driver_cpu_us": round((processor_seconds(driver) - before) * 1e6 / count)}

    steps = [("pod_alone", pod_alone), ("same_requests", same_requests), ("driver", through_driver)]
    # An API server gets slower with what it holds, so each goes first as often as last.
    for name, measure in steps[:: -1 if number % 2 else 1]:
        results[name] = measure()
    return results


def measure_creates(setting, driver, template, count, rounds):
    found = [create_round(setting, driver, template, number, count) for number in range(rounds)]
    rate = lambda one, what: one[what]["per_second"]
    percent = lambda what: sorted(round((rate(one, what) / rate(one, "driver") - 1) * 100, 1) for one in found)
    return {"rounds": found, "overhead_over_same_requests_percent": percent("same_requests"),
            "over_the_pod_alone_percent": percent("pod_alone")}


def processor_seconds(driver):
    fields = pathlib.Path(f"/proc/{driver.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_memory(setting, template, counts):
    """Sandboxes made straight in the API server, with the webhook away, as a restarted driver finds them; of another
    gateway, so that those of the other measurements do not count."""
    setting.webhook.unregister()
    poster, made, results = Poster(setting.api), 0, {}
    base, gateway = "/api/v1/namespaces/openshell/", {"openshell.ai/gateway-id": "memory"}

    def make(number):
        one, name = str(uuid.UUID(int=number)), f"m-{number}"
        record, pod = template.make(template.posted["secrets"], one, name), template.make(template.stored_pod, one, name)
        record["metadata"]["annotations"] = {"openshell.ai/desired-state": "Running", "openshell.ai/phase": "Created"}
        for kind, item in (("secrets", record), ("pods", pod)):
            item["metadata"]["labels"].update(gateway)
            poster.send("POST", base + kind, item)

    for count in counts:
        with concurrent.futures.ThreadPoolExecutor(CONCURRENCY) as pool:
            list(pool.map(make, range(made, count)))
        made = count
        started = time.perf_counter()
        driver = setting.start_driver("--log-level", "info", "--gateway-id", "memory")
        synced_s = time.perf_counter() - started
        assert len(driver.client.ListSandboxes().sandboxes) == count
        after_list = driver.resident_kilobytes()
        before = processor_seconds(driver)
        time.sleep(10)
        results[str(count)] = {"resident_megabytes": round(after_list / 1024, 1), "until_ready_s": round(synced_s, 2),
                               "idle_processor_percent": round((processor_seconds(driver) - before) * 10, 2)}
        driver.stop()
    return results


def tell(**result):
    print(json.dumps(result), flush=True)


def main():
    # Ended by a time limit, too, the cluster goes.
    signal.signal(signal.SIGTERM, lambda *ignored: sys.exit(1))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sandboxes", default="1000,10000", help="for the memory measurement (1000,10000)")
    parser.add_argument("--creates", type=int, default=400, help="for each of the create measurements (400)")
    parser.add_argument("--rounds", type=int, default=3, help="of the create measurements (3)")
    arguments = parser.parse_args()
    setting = parts.Setting()
    try:
        driver = setting.start_driver("--log-level", "info")
        tell(resident_megabytes_at_start=round(driver.resident_kilobytes() / 1024, 1))
        tell(unary=measure_unary(driver))
        template = Template(setting)
        tell(creates=measure_creates(setting, driver, template, arguments.creates, arguments.rounds))
        driver.stop()
        counts = sorted(int(count) for count in arguments.sandboxes.split(","))
        tell(sandboxes=measure_memory(setting, template, counts))
    finally:
        setting.stop()


if __name__ == "__main__":
    main()
