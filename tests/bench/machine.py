"""What the benchmarks ran on, without what would name the machine; and how its processors are shared out."""

import os
import pathlib
import platform
import re
import subprocess


def _first_match(pattern, text, fallback="unknown"):
    found = re.search(pattern, text, re.MULTILINE)
    return found.group(1).strip() if found else fallback


def _read(path):
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""


def _installed_version(package):
    result = subprocess.run(["dpkg-query", "--show", "--showformat", "${Version}", package], capture_output=True,
                            text=True, check=False)
    return result.stdout if result.returncode == 0 else "unknown"


def facts(go):
    """Name and value of everything that a reader needs to judge the figures."""
    memory_kib = int(_first_match(r"^MemTotal:\s+(\d+)", _read("/proc/meminfo"), "0"))
    go_version = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()
    module = (pathlib.Path(__file__).parent / "gowebhook" / "go.mod").read_text()
    return {
        "processor": _first_match(r"^model name\s*:(.*)$", _read("/proc/cpuinfo")),
        "processors": os.cpu_count(),
        "memory_gib": round(memory_kib / 1024 / 1024),
        "kernel": platform.release().split("-")[0],
        "system": _first_match(r'^PRETTY_NAME="(.*)"$', _read("/etc/os-release")),
        "libmicrohttpd": _installed_version("libmicrohttpd12"),
        "gnutls": _installed_version("libgnutls30"),
        "cjson": _installed_version("libcjson1"),
        "go": go_version.removeprefix("go"),
        "controller_runtime": _first_match(r"controller-runtime v(\S+)", module),
    }


class Processors:
    """One processor for the server and another for the client, the same for every server. With a single one both
    share it, and the figures say more about the scheduler than about the servers."""

    def __init__(self):
        allowed = sorted(os.sched_getaffinity(0))
        self.server = allowed[0]
        self.client = allowed[-1]
        self.are_apart = len(allowed) > 1

    def on_server(self):
        """For subprocess: what the child does before it becomes the server."""
        os.sched_setaffinity(0, {self.server})

    def on_client(self):
        os.sched_setaffinity(0, {self.client})


class Busyness:
    """What became of the processors' time from its making on, in seconds of all processors."""

    def __init__(self):
        self._start = self._read()

    @staticmethod
    def _read():
        fields = [int(field) for field in _read("/proc/stat").splitlines()[0].split()[1:]]
        user, nice, system, _, _, interrupt, soft_interrupt, steal = fields[:8]
        ticks = os.sysconf("SC_CLK_TCK")
        return (user + nice + system + interrupt + soft_interrupt) / ticks, steal / ticks

    def seconds(self):
        """What was used here, by anybody, and what the host took for its other guests."""
        return tuple(now - then for now, then in zip(self._read(), self._start))
