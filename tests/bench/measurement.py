"""Takes the figures: load on each server in turn, starts of each server in turn, the injection by itself. Everything is
taken in rounds, the servers one after the other within each, so that whatever else the machine does meets all of them.
"""

import json
import subprocess
import time

from machine import Busyness

CONNECTIONS = (1, 4, 16)
# A load from which the host took more than this, in processors, tells of the host: one request in a hundred, which is
# what p99 is made of, has waited for it.
STOLEN_SHARE = 0.01
PAUSE_S = 1


class Effort:
    """How long everything is done."""

    def __init__(self, rounds, attempts, seconds, warm_up_seconds, starts, iterations):
        self.rounds = rounds
        self.attempts = attempts  # at a load from which the host takes time
        self.seconds = seconds
        self.warm_up_seconds = warm_up_seconds
        self.starts = starts
        self.iterations = iterations


def _run(command, processors, name):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False,
                            preexec_fn=processors.on_client)
    if result.returncode != 0:
        raise SystemExit(f"{name}: {result.stderr.strip()}")
    return result.stdout


def _attempt(program, server, connections, work, effort, processors):
    """One load on one server. Meanwhile everybody else used `others_share`, and the host took `stolen_share`, in
    processors.
    """
    busyness, start = Busyness(), time.monotonic()
    output = _run([program, "--ca", work / "tls.crt", "--body", work / "review.json", "--port", server.port,
                   "--connections", connections, "--warm-up-ms", round(effort.warm_up_seconds * 1000),
                   "--time-ms", round(effort.seconds * 1000), "--server-process", server.process.pid],
                  processors, f"load on {server.name}")
    figures = json.loads(output)
    elapsed = time.monotonic() - start
    used, stolen = busyness.seconds()
    server_share = figures["server_cpu_us_per_request"] * figures["requests_per_second"] / 1e6
    figures["others_share"] = max(0, round(used / elapsed - server_share - figures["client_cpu_share"], 3))
    figures["stolen_share"] = round(stolen / elapsed, 3)
    return figures


def load(program, server, connections, work, effort, processors):
    """A load that the host left alone, or the one from which it took the least. What it took decides, never what was
    measured. `attempts` says how many there were.
    """
    attempts = [_attempt(program, server, connections, work, effort, processors)]
    while attempts[-1]["stolen_share"] > STOLEN_SHARE and len(attempts) < effort.attempts:
        time.sleep(PAUSE_S)
        attempts.append(_attempt(program, server, connections, work, effort, processors))
    return min(attempts, key=lambda figures: figures["stolen_share"]) | {"attempts": len(attempts)}


def loads(program, servers, work, effort, processors, show):
    """{server: {connections: [figures of each round]}}"""
    figures = {server.name: {count: [] for count in CONNECTIONS} for server in servers}
    for index in range(effort.rounds):
        show(f"load, round {index + 1} of {effort.rounds}")
        for count in CONNECTIONS:
            # Neighbours stay such: what is compared is measured one after the other, each way as often.
            for server in servers if index % 2 == 0 else reversed(servers):
                figures[server.name][count].append(load(program, server, count, work, effort, processors))
    return figures


def starts(program, servers, work, effort, processors, show):
    """{server: [milliseconds until ready]}; the servers must not run."""
    figures = {server.name: [] for server in servers}
    show(f"{effort.starts} starts of each")
    for _ in range(effort.starts):
        for server in servers:
            output = _run([program, work / "tls.crt", server.port, processors.server, *server.command], processors,
                          f"start of {server.name}")
            figures[server.name].append(float(output))
    return figures


def injections(program, configuration, work, effort, processors, show):
    """[figures of each round]"""
    show("the injection by itself")
    return [json.loads(_run([program, configuration, work / "pod.json", work / "review.json", effort.iterations],
                            processors, "the injection by itself")) for _ in range(effort.rounds)]
