#!/usr/bin/python3
"""Measures the driver against a real API server: calls, creates beside what the API server itself needs, memory by the
number of sandboxes, idle processor time. Prints a JSON object per part.

  OPENSHELL_PROGRAMS=build/release/bin tests/bench/driver/bench_driver.py --sandboxes 1000,10000

Needs what tests/integration/driver needs. The webhook's time is part of both sides of the comparison.
"""

import argparse
import concurrent.futures
import copy
import http.client
import json
import os
import pathlib
import signal
import statistics
import sys
import threading
import time
import urllib.parse
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "integration" / "driver"))

import setting as parts  # noqa: E402

CONCURRENCY = 8


def microseconds(durations):
    durations = sorted(durations)
    return {"p50_us": round(statistics.median(durations) * 1e6), "p99_us": round(durations[int(len(durations) * 0.99)] * 1e6)}


def measure_unary(driver, calls=5000):
    """From Python, whose own part is most of it; the driver's own is in its metrics."""
    durations = []
    for _ in range(calls):
        started = time.perf_counter()
        driver.client.GetCapabilities()
        durations.append(time.perf_counter() - started)
    label = '{method="GetCapabilities",code="OK"}'
    inside = driver.metric("openshell_driver_rpc_duration_seconds_sum" + label)
    count = driver.metric("openshell_driver_rpc_duration_seconds_count" + label)
    return microseconds(durations) | {"inside_driver_mean_us": round(inside / count * 1e6)}


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


def in_parallel(work, count):
    """Calls `work(number)` for each number; returns calls per second and their durations."""
    durations = []

    def timed(number):
        started = time.perf_counter()
        work(number)
        durations.append(time.perf_counter() - started)

    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(CONCURRENCY) as pool:
        list(pool.map(timed, range(count)))
    return {"per_second": round(count / (time.perf_counter() - started), 1)} | microseconds(durations)


def remove_all(setting, driver):
    watcher = parts.Watcher(driver.client)
    for found in driver.client.ListSandboxes().sandboxes:
        driver.client.DeleteSandbox(sandbox_id=found.id)
    parts.wait_for(lambda: not setting.leftovers(), timeout_s=600, interval_s=1)
    watcher.close()


def template_objects(setting, driver):
    """What the driver writes for one sandbox, without what the API server added."""
    message = parts.sandbox("template")
    driver.client.CreateSandbox(sandbox=message)
    found = {}
    for kind, name in (("secrets", f"openshell-sandbox-{message.id}"), ("pods", "default--template"),
                       ("persistentvolumeclaims", f"openshell-workspace-{message.id}")):
        item = setting.api.get(kind, name)
        item["metadata"] = {key: item["metadata"][key] for key in ("labels", "annotations") if key in item["metadata"]}
        item.pop("status", None)
        found[kind] = item
    container = found["pods"]["spec"]["containers"][0]
    found["bare"] = {"metadata": copy.deepcopy(found["pods"]["metadata"]), "spec": {
        "restartPolicy": "Never", "automountServiceAccountToken": False,
        "containers": [{"name": "agent", "image": container["image"], "command": ["sleep", "1"],
                        "volumeMounts": [{"name": "workspace", "mountPath": "/sandbox"}]}],
        "volumes": [{"name": "workspace", "persistentVolumeClaim": {"claimName": "c"}}]}}
    found["bare"]["metadata"]["annotations"] = {}
    remove_all(setting, driver)
    return found


def named(item, name, sandbox_id):
    text = json.dumps(item)
    item = json.loads(text)
    item["metadata"]["name"] = name
    labels = item["metadata"].setdefault("labels", {})
    labels["openshell.ai/sandbox-id"], labels["openshell.ai/sandbox-name"] = sandbox_id, f"b-{sandbox_id[:8]}"
    item["metadata"].get("annotations", {}).pop("openshell.io/sandbox-id", None)
    return item


def measure_creates(setting, driver, templates, count=400):
    poster = Poster(setting.api)
    base = "/api/v1/namespaces/openshell/"

    def post_pod(number):
        poster.send("POST", base + "pods", named(templates["bare"], f"floor-{number}", str(uuid.uuid4())))

    def post_all(number):
        one = str(uuid.uuid4())
        record = named(templates["secrets"], f"floor-{one}", one)
        poster.send("POST", base + "secrets", record)
        poster.send("POST", base + "persistentvolumeclaims", named(templates["persistentvolumeclaims"], f"floor-{one}", one))
        poster.send("POST", base + "pods", named(templates["bare"], f"four-{number}", one))
        poster.send("PATCH", base + f"secrets/floor-{one}", {"metadata": {"annotations": {"openshell.ai/phase": "Created"}}})

    def clear():
        for kind in ("pods", "persistentvolumeclaims", "secrets"):
            setting.api.request("DELETE", base + kind + "?labelSelector=openshell.ai/managed-by%3Dopenshell", {})
        parts.wait_for(lambda: not setting.leftovers(), timeout_s=300, interval_s=1)

    results = {}
    results["api_server_pod_alone"] = in_parallel(post_pod, count)
    clear()
    results["api_server_same_requests"] = in_parallel(post_all, count)
    clear()
    results["driver"] = in_parallel(lambda number: driver.client.CreateSandbox(sandbox=parts.sandbox(f"n-{number}")), count)
    results["overhead_over_same_requests_percent"] = round(
        (results["api_server_same_requests"]["per_second"] / results["driver"]["per_second"] - 1) * 100, 1)
    remove_all(setting, driver)
    return results


def processor_seconds(driver):
    fields = pathlib.Path(f"/proc/{driver.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_memory(setting, templates, counts):
    """Sandboxes made straight in the API server, with the webhook away, as a restarted driver finds them."""
    setting.webhook.unregister()
    poster, made, results = Poster(setting.api), 0, {}
    base = "/api/v1/namespaces/openshell/"

    def make(number):
        one = str(uuid.UUID(int=number))
        record, pod = named(templates["secrets"], f"openshell-sandbox-{one}", one), named(templates["pods"], f"m-{number}", one)
        for item in (record, pod):
            item["metadata"]["labels"]["openshell.ai/sandbox-name"] = f"m-{number}"
        poster.send("POST", base + "secrets", record)
        poster.send("POST", base + "pods", pod)

    for count in counts:
        with concurrent.futures.ThreadPoolExecutor(CONCURRENCY) as pool:
            list(pool.map(make, range(made, count)))
        made = count
        started = time.perf_counter()
        driver = setting.start_driver("--log-level", "info")
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
    arguments = parser.parse_args()
    setting = parts.Setting()
    try:
        driver = setting.start_driver("--log-level", "info")
        tell(resident_megabytes_at_start=round(driver.resident_kilobytes() / 1024, 1))
        tell(unary=measure_unary(driver))
        templates = template_objects(setting, driver)
        tell(creates=measure_creates(setting, driver, templates, arguments.creates))
        driver.stop()
        counts = sorted(int(count) for count in arguments.sandboxes.split(","))
        tell(sandboxes=measure_memory(setting, templates, counts))
    finally:
        setting.stop()


if __name__ == "__main__":
    main()
