"""A test's handle on a Kubernetes cluster of its own, by the scripts in cluster/.

Not for: what runs against the cluster.
"""

import os
import pathlib
import subprocess

SCRIPTS = pathlib.Path(__file__).resolve().parent / "cluster"
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager")
# Longer than the first build on a slow machine.
TIME_LIMIT_S = 1800


class Cluster:
    """One state directory and the scripts that act on it; or the cluster that E2E_KUBECONFIG names, if it may be
    another's: one that a test does not stop and gives no flags."""

    def __init__(self, state, may_be_foreign=False):
        self.state = pathlib.Path(state)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("E2E_")}
        self.environment["E2E_STATE"] = str(self.state)
        if "E2E_CACHE" in os.environ:
            self.environment["E2E_CACHE"] = os.environ["E2E_CACHE"]
        self.is_foreign = may_be_foreign and bool(os.environ.get("E2E_KUBECONFIG"))
        self.kubeconfig = self.state / "kubeconfig"
        if self.is_foreign:
            self.kubeconfig = pathlib.Path(os.environ["E2E_KUBECONFIG"]).resolve()
            self.environment["E2E_KUBECONFIG"] = str(self.kubeconfig)

    def command(self, script, *arguments):
        return [str(SCRIPTS / script), *map(str, arguments)]

    def run(self, script, *arguments, **environment):
        """Runs a script to its end and returns the result, whatever it is. A pipe that a component kept open
        would make this hang, which the time limit turns into a failure."""
        return subprocess.run(self.command(script, *arguments), env={**self.environment, **environment},
                              timeout=TIME_LIMIT_S, stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def succeed(self, script, *arguments, **environment):
        """Runs a script that must succeed and returns its stdout."""
        result = self.run(script, *arguments, **environment)
        if result.returncode != 0:
            raise AssertionError(
                f"{script} {arguments}: status {result.returncode}\n{result.stdout}\n{result.stderr}")
        return result.stdout

    def kubectl(self, *arguments):
        return self.succeed("kubectl", *arguments)

    def process(self, component):
        """The component's process id."""
        return int((self.state / "run" / component).read_text().split()[0])

    def processes(self):
        """The control plane's process ids by component."""
        return {component: self.process(component) for component in CONTROL_PLANE}

    def leftovers(self):
        """Command lines of running processes that mention the state directory: every component's does.
        Zombies have no command line."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"{self.state}/" in line:
                found.append(line)
        return found
