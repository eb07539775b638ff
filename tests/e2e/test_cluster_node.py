#!/usr/bin/python3
"""Holds node-up, node-down and import-image of tests/e2e/cluster to their promises: pods really run, and nothing
of the node is left on the machine. On the same node a sandbox of the driver lives its life.

Run it as it is, as root: tests/e2e/test_cluster_node.py. Its image holds Debian's busybox-static.
"""

import json
import os
import pathlib
import shutil
import sys
import tarfile
import tempfile
import unittest

from kubernetes_cluster import Cluster

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "integration" / "driver"))
from sandbox_on_node import SandboxOnNode  # noqa: E402

BRIDGE = pathlib.Path("/sys/class/net/openshell-e2e")
IMAGE = "e2e.invalid/busybox:1"
BUSYBOX = "/bin/busybox"


def mounts_below(directory):
    mounts = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    return [mount for mount in mounts if f"{directory}/" in mount]


def kernel_settings():
    """What a kubelet sets on the whole machine to values of its own."""
    settings = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")
    return {setting: pathlib.Path("/proc/sys", setting).read_text() for setting in settings}


def cni_records_of(directory):
    records = pathlib.Path("/var/lib/cni/results")
    return [path for path in records.glob("*") if f"{directory}/" in path.read_text()]


def make_root_file_system(path):
    """An archive with busybox and the folders that a container expects."""
    with tarfile.open(path, "w") as archive:
        for name in ("bin", "etc", "root", "tmp", "var"):
            folder = tarfile.TarInfo(f"./{name}")
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            archive.addfile(folder)
        archive.add(BUSYBOX, f".{BUSYBOX}")
    return path


def busybox_pod(name, script, **container):
    """A pod that runs a shell script and is done."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"restartPolicy": "Never",
                     "containers": [{"name": "main", "image": IMAGE, "imagePullPolicy": "Never",
                                     "command": [BUSYBOX, "sh", "-c", script], **container}]}}


class NodeTest(SandboxOnNode, unittest.TestCase):
    """One cluster and node for all tests but the one of the end. A machine has one node at a time, so what else needs one
    is mixed in."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise AssertionError("a node needs root")
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="test-node-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.cluster = Cluster(cls.directory / "cluster")
        cls.addClassCleanup(cls.cluster.run, "down")
        cls.cluster.succeed("up")
        cls.node_up_output = cls.cluster.succeed("node-up")
        cls.root_file_system = make_root_file_system(cls.directory / "busybox.tar")
        cls.cluster.succeed("import-image", IMAGE, cls.root_file_system)

    def create(self, pod):
        manifest = self.directory / f'{pod["metadata"]["name"]}.json'
        manifest.write_text(json.dumps(pod))
        self.cluster.kubectl("create", "-f", manifest)

    def output_of(self, pod):
        """Runs the pod to its end and returns what it printed."""
        name = pod["metadata"]["name"]
        self.create(pod)
        self.cluster.kubectl("wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
        return self.cluster.kubectl("logs", name)

    def test_prints_the_node_last(self):
        name = self.node_up_output.splitlines()[-1]
        self.assertIn("Ready", self.cluster.kubectl("get", "node", name))

    def test_second_node_up_changes_nothing(self):
        before = self.cluster.process("kubelet")
        self.cluster.succeed("node-up")
        self.assertEqual(self.cluster.process("kubelet"), before)

    def test_pod_runs_as_the_user_it_names(self):
        pod = busybox_pod("user", f"{BUSYBOX} id -u; {BUSYBOX} grep CapEff /proc/self/status",
                          securityContext={"runAsUser": 1000, "capabilities": {"drop": ["ALL"]}})
        self.assertEqual(self.output_of(pod).split(), ["1000", "CapEff:", "0" * 16])

    def test_init_container_leaves_files_for_the_pod(self):
        pod = busybox_pod("init", f"{BUSYBOX} cat /shared/word",
                          volumeMounts=[{"name": "shared", "mountPath": "/shared"}])
        pod["spec"]["initContainers"] = [{
            "name": "first", "image": IMAGE, "imagePullPolicy": "Never",
            "command": [BUSYBOX, "sh", "-c", "echo left >/shared/word"],
            "volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}]
        pod["spec"]["volumes"] = [{"name": "shared", "emptyDir": {}}]
        self.assertEqual(self.output_of(pod), "left\n")

    def test_image_volume_shows_the_image(self):
        pod = busybox_pod("image-volume", f"{BUSYBOX} ls /volume/bin; echo x >/volume/new || echo read-only",
                          volumeMounts=[{"name": "image", "mountPath": "/volume"}])
        pod["spec"]["volumes"] = [{"name": "image", "image": {"reference": IMAGE, "pullPolicy": "Never"}}]
        output = self.output_of(pod).split()
        self.assertIn("busybox", output)
        self.assertIn("read-only", output)

    def test_pod_reaches_the_api_server_with_its_own_credentials(self):
        connect = f"{BUSYBOX} nc -w 5 $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT </dev/null"
        script = f"cd /var/run/secrets/kubernetes.io/serviceaccount; {BUSYBOX} ls; {connect} && echo reached"
        output = self.output_of(busybox_pod("api", script)).split()
        for expected in ("token", "ca.crt", "namespace", "reached"):
            self.assertIn(expected, output)

    def test_command_runs_in_a_running_pod(self):
        self.create(busybox_pod("server", f"{BUSYBOX} sleep 600"))
        self.cluster.kubectl("wait", "--for=condition=Ready", "pod/server", "--timeout=60s")
        self.assertEqual(self.cluster.kubectl("exec", "server", "--", BUSYBOX, "echo", "inside"), "inside\n")

    def test_image_without_a_tag_is_refused(self):
        result = self.cluster.run("import-image", "busybox", self.root_file_system)
        self.assertEqual(result.returncode, 2)

    def test_second_node_on_the_machine_is_refused(self):
        second = Cluster(self.directory / "second")
        self.addCleanup(second.run, "down")
        self.assertIn("there is no cluster", second.run("node-up").stderr)
        second.succeed("up")
        self.assertIn("another node", second.run("node-up").stderr)
        second.succeed("down")
        self.assertTrue(BRIDGE.exists())
        self.cluster.kubectl("get", "nodes")


class NodeEndTest(unittest.TestCase):
    """What is left of a node with running pods."""

    def test_nothing_is_left_of_a_node(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="test-node-"))
        self.addCleanup(shutil.rmtree, directory)
        cluster = Cluster(directory / "cluster")
        self.addCleanup(cluster.run, "down")
        cluster.succeed("up")
        settings_before = kernel_settings()
        for end in (["node-down"], ["down"]):
            cluster.succeed("node-up")
            # The image of every pod's sandbox is there already; its program runs until it is told to end.
            manifest = directory / "pause.json"
            manifest.write_text(json.dumps({
                "apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"running-{end[0]}"},
                "spec": {"containers": [{"name": "main", "image": "e2e.invalid/pause:1",
                                         "imagePullPolicy": "Never"}]}}))
            cluster.kubectl("create", "-f", manifest)
            cluster.kubectl("wait", "--for=condition=Ready", f"pod/running-{end[0]}", "--timeout=60s")
            self.assertTrue(mounts_below(cluster.state))
            self.assertNotEqual(kernel_settings(), settings_before)
            self.assertTrue(BRIDGE.exists())

            cluster.succeed(*end)
            self.assertFalse(mounts_below(cluster.state))
            self.assertFalse(BRIDGE.exists())
            self.assertFalse((cluster.state / "node").exists())
            self.assertEqual(cni_records_of(cluster.state), [])
            self.assertEqual(kernel_settings(), settings_before)
            self.assertEqual([line for line in cluster.leftovers() if f"{cluster.state}/node/" in line], [])
            # Where a container still runs, it holds its control group.
            self.assertEqual(list(pathlib.Path("/sys/fs/cgroup").glob("**/k8s.io")), [])
        self.assertEqual(cluster.leftovers(), [])
        self.assertFalse(cluster.state.exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
