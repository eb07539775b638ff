#!/usr/bin/python3
"""Holds tests/e2e/cluster to its promises: a working API server, clusters side by side, nothing left behind.

Run it as it is: tests/e2e/test_cluster.py. It starts clusters of its own, in a temporary directory; the first
run on a machine builds Kubernetes, which takes minutes.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from kubernetes_cluster import TIME_LIMIT_S, Cluster

LOOPBACK = "0100007F"
LISTENING = "0A"


def listening_addresses(pid):
    """Local addresses, in the kernel's notation, of all TCP sockets on which the process listens."""
    sockets = set()
    for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            sockets.add(target[len("socket:["):-1])
    addresses = set()
    for table in ("tcp", "tcp6"):
        for row in pathlib.Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == LISTENING and fields[9] in sockets:
                addresses.add(fields[1].split(":")[0])
    return addresses


def wait_for(condition, limit_s=30):
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited too long")
        time.sleep(0.1)


class TemporaryDirectoryTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="test-cluster-"))
        self.addCleanup(shutil.rmtree, self.directory)

    def cluster(self, name="cluster"):
        cluster = Cluster(self.directory / name)
        # Runs before the directory is removed, whether or not the test got as far as "up".
        self.addCleanup(cluster.run, "down")
        return cluster


class RunningClusterTest(unittest.TestCase):
    """What a test can do with a cluster. One cluster for all of them."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="test-cluster-")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.cluster = Cluster(pathlib.Path(cls.directory, "running"))
        cls.addClassCleanup(cls.cluster.run, "down")
        cls.up_output = cls.cluster.succeed("up")

    def test_prints_the_kubeconfig_last(self):
        path = self.up_output.splitlines()[-1]
        answer = self.cluster.succeed("kubectl", "get", "--raw", "/readyz", E2E_KUBECONFIG=path)
        self.assertEqual(answer, "ok")

    def test_keeps_credentials_from_other_users(self):
        self.assertEqual(self.cluster.state.stat().st_mode & 0o777, 0o700)
        for path in self.cluster.state.rglob("*"):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)

    def test_reports_the_release_it_was_built_from(self):
        version = json.loads(self.cluster.kubectl("get", "--raw", "/version"))
        self.assertRegex(version["gitVersion"], r"^v1\.[0-9]+\.[0-9]+$")
        self.assertEqual(f'v{version["major"]}.{version["minor"]}', version["gitVersion"].rpartition(".")[0])

    def test_listens_on_loopback_alone(self):
        for component in ("etcd", "kube-apiserver"):
            self.assertEqual(listening_addresses(self.cluster.process(component)), {LOOPBACK}, component)
        self.assertEqual(listening_addresses(self.cluster.process("kube-controller-manager")), set())

    def test_keeps_pods_and_secrets(self):
        self.cluster.kubectl("run", "kept", "--image=example.com/image", "--restart=Never")
        self.cluster.kubectl("create", "secret", "generic", "kept", "--from-literal=key=value")
        pod = json.loads(self.cluster.kubectl("get", "pod", "kept", "-o", "json"))
        secret = json.loads(self.cluster.kubectl("get", "secret", "kept", "-o", "json"))
        self.assertEqual(pod["spec"]["containers"][0]["image"], "example.com/image")
        self.assertEqual(secret["data"], {"key": "dmFsdWU="})

    def test_keeps_image_volumes(self):
        manifest = pathlib.Path(self.directory, "image-volume.json")
        manifest.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "image-volume"},
            "spec": {"containers": [{"name": "main", "image": "example.com/image"}],
                     "volumes": [{"name": "binary", "image": {"reference": "example.com/binary"}}]}}))
        self.cluster.kubectl("create", "-f", manifest)
        pod = json.loads(self.cluster.kubectl("get", "pod", "image-volume", "-o", "json"))
        self.assertEqual(pod["spec"]["volumes"][0]["image"]["reference"], "example.com/binary")

    def test_ends_namespaces(self):
        self.cluster.kubectl("create", "namespace", "ending")
        self.cluster.kubectl("create", "configmap", "content", "--namespace=ending")
        self.cluster.kubectl("delete", "namespace", "ending", "--wait", "--timeout=60s")
        self.assertEqual(self.cluster.kubectl("get", "namespace", "ending", "--ignore-not-found"), "")

    def test_gives_tokens_to_service_accounts(self):
        token = self.cluster.kubectl("create", "token", "default").strip()
        who = json.loads(self.cluster.kubectl("auth", "whoami", "--token", token, "-o", "json"))
        self.assertEqual(who["status"]["userInfo"]["username"], "system:serviceaccount:default:default")
        refused = self.cluster.run("kubectl", "get", "secrets", "--token", token)
        self.assertIn("forbidden", refused.stderr)

    def test_second_up_changes_nothing(self):
        before = self.cluster.processes()
        self.assertEqual(self.cluster.succeed("up").splitlines()[-1], self.up_output.splitlines()[-1])
        self.assertEqual(self.cluster.processes(), before)

    def test_up_refuses_other_flags_for_a_running_cluster(self):
        before = self.cluster.processes()
        result = self.cluster.run("up", "--", "--v=3")
        self.assertEqual(result.returncode, 1)
        self.assertIn("other API server flags", result.stderr)
        self.assertEqual(self.cluster.processes(), before)

    def test_stopped_api_server_comes_back_with_its_data(self):
        before = self.cluster.processes()
        self.cluster.kubectl("create", "configmap", "survivor")
        for stop in (["stop-apiserver"], ["stop-apiserver", "--kill"]):
            self.cluster.succeed(*stop)
            self.assertIn("refused", self.cluster.run("kubectl", "get", "configmaps").stderr)
            self.cluster.succeed("start-apiserver")
            self.assertIn("survivor", self.cluster.kubectl("get", "configmaps"))
        after = self.cluster.processes()
        self.assertNotEqual(after["kube-apiserver"], before["kube-apiserver"])
        self.assertEqual(after["etcd"], before["etcd"])
        self.assertEqual(after["kube-controller-manager"], before["kube-controller-manager"])

    def test_restarted_api_server_takes_other_flags(self):
        audit_log = pathlib.Path(self.directory, "restarted-audit.log")
        policy = pathlib.Path(self.directory, "restarted-policy.json")
        policy.write_text(json.dumps(
            {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}))
        flags = ("--", f"--audit-policy-file={policy}", f"--audit-log-path={audit_log}")
        self.assertIn("stop it first", self.cluster.run("start-apiserver", *flags).stderr)
        self.cluster.succeed("stop-apiserver")
        self.cluster.succeed("start-apiserver", *flags)
        self.cluster.kubectl("create", "configmap", "audited")
        self.assertIn("audited", audit_log.read_text())
        self.cluster.succeed("stop-apiserver")
        self.cluster.succeed("start-apiserver", "--")

    def test_forgets_history_when_told_to(self):
        self.cluster.kubectl("create", "configmap", "old")
        old = self.cluster.kubectl("get", "configmap", "old", "-o", "jsonpath={.metadata.resourceVersion}")
        self.cluster.kubectl("create", "configmap", "new")
        self.cluster.succeed("stop-apiserver")
        revision = self.cluster.succeed("compact")
        self.assertGreater(int(revision), int(old))
        self.assertEqual(self.cluster.succeed("compact"), revision)
        self.cluster.succeed("start-apiserver")
        event = json.loads(self.cluster.kubectl(
            "get", "--raw", f"/api/v1/configmaps?watch=1&timeoutSeconds=1&resourceVersion={old}"))
        self.assertEqual((event["type"], event["object"]["code"]), ("ERROR", 410))

    def test_existing_cluster_is_used_and_left_alone(self):
        kubeconfig = self.up_output.splitlines()[-1]
        guest = Cluster(pathlib.Path(self.directory, "guest"))
        self.assertEqual(guest.succeed("up", E2E_KUBECONFIG=kubeconfig).splitlines()[-1], kubeconfig)
        self.assertIn("kube-system", guest.succeed("kubectl", "get", "namespaces", E2E_KUBECONFIG=kubeconfig))
        guest.succeed("down", E2E_KUBECONFIG=kubeconfig)
        for script in ("stop-apiserver", "start-apiserver", "compact"):
            self.assertIn("E2E_KUBECONFIG", guest.run(script, E2E_KUBECONFIG=kubeconfig).stderr)
        flagged = guest.run("up", "--", "--v=3", E2E_KUBECONFIG=kubeconfig)
        self.assertEqual(flagged.returncode, 1)
        self.assertFalse(guest.state.exists())
        self.cluster.kubectl("get", "namespaces")


class LifecycleTest(TemporaryDirectoryTest):
    """How clusters come and go."""

    def test_clusters_run_side_by_side_and_down_ends_just_its_own(self):
        first, second = self.cluster("first"), self.cluster("second")
        starts = [subprocess.Popen(cluster.command("up"), env=cluster.environment, stdout=subprocess.DEVNULL)
                  for cluster in (first, second)]
        for start in starts:
            self.assertEqual(start.wait(timeout=TIME_LIMIT_S), 0)
        first.kubectl("create", "namespace", "only-in-first")
        self.assertNotIn("only-in-first", second.kubectl("get", "namespaces"))

        first.succeed("down")
        self.assertEqual(first.leftovers(), [])
        self.assertFalse(first.state.exists())
        second.kubectl("get", "namespaces")

        second.succeed("down", "--keep-logs")
        self.assertEqual(second.leftovers(), [])
        self.assertFalse((second.state / "kubeconfig").exists())
        self.assertTrue((second.state / "log/kube-apiserver.log").stat().st_size > 0)
        second.succeed("down")
        self.assertFalse(second.state.exists())

    def test_cluster_that_lost_a_process_is_replaced(self):
        cluster = self.cluster()
        cluster.succeed("up")
        cluster.kubectl("create", "namespace", "lost")
        before = cluster.processes()
        os.kill(before["etcd"], signal.SIGKILL)
        cluster.succeed("up")
        self.assertFalse(set(before.values()) & set(cluster.processes().values()))
        self.assertNotIn("lost", cluster.kubectl("get", "namespaces"))

    def test_failed_up_says_why_and_leaves_no_process(self):
        cluster = self.cluster()
        result = cluster.run("up", "--", "--no-such-flag")
        self.assertEqual(result.returncode, 1)
        self.assertIn("unknown flag: --no-such-flag", result.stderr)
        self.assertIn("kube-apiserver has ended", result.stderr)
        self.assertEqual(cluster.leftovers(), [])

    def test_up_that_is_not_ready_in_time_leaves_no_process(self):
        cluster = self.cluster()
        # An etcd that nobody answers at: the API server runs and is never ready.
        result = cluster.run("up", "--wait", "2", "--", "--etcd-servers=http://127.0.0.1:1")
        self.assertEqual(result.returncode, 1)
        self.assertIn("not ready after 2 s", result.stderr)
        self.assertEqual(cluster.leftovers(), [])

    def test_interrupted_up_leaves_no_process(self):
        for interruption in (signal.SIGINT, signal.SIGTERM):
            cluster = self.cluster(interruption.name)
            start = subprocess.Popen(cluster.command("up", "--", "--etcd-servers=http://127.0.0.1:1"),
                                     env=cluster.environment, start_new_session=True,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for((cluster.state / "run/kube-apiserver").exists, limit_s=TIME_LIMIT_S)
            os.killpg(start.pid, interruption)
            self.assertNotEqual(start.wait(timeout=30), 0)
            self.assertEqual(cluster.leftovers(), [], interruption)

    def test_process_that_took_over_an_id_is_not_ended(self):
        cluster = self.cluster()
        (cluster.state / "run").mkdir(parents=True)
        (cluster.state / "log").mkdir()
        (cluster.state / ".openshell-injector-cluster").touch()
        bystander = subprocess.Popen(["sleep", "300"])
        try:
            (cluster.state / "run/etcd").write_text(f"{bystander.pid} 1\n")
            (cluster.state / "run/kube-apiserver").write_text(f"{bystander.pid} \n")
            cluster.succeed("down")
            self.assertIsNone(bystander.poll())
        finally:
            bystander.kill()
            bystander.wait()

    def test_directory_with_other_things_is_refused(self):
        cluster = self.cluster()
        cluster.state.mkdir()
        keepsake = cluster.state / "keepsake"
        keepsake.write_text("dear")
        result = cluster.run("up")
        self.assertEqual(result.returncode, 1)
        self.assertIn("not a test cluster", result.stderr)
        cluster.succeed("down")
        self.assertEqual(keepsake.read_text(), "dear")

    def test_down_without_a_cluster_succeeds(self):
        self.cluster().succeed("down")

    def test_scripts_that_need_a_cluster_say_so(self):
        cluster = self.cluster()
        for script in ("stop-apiserver", "start-apiserver", "compact", "kubectl"):
            result = cluster.run(script)
            self.assertEqual(result.returncode, 1, script)
            self.assertIn("there is no cluster", result.stderr)

    def test_existing_cluster_that_does_not_answer_is_an_error(self):
        cluster = self.cluster()
        kubeconfig = self.directory / "kubeconfig"
        kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "dead",
            "clusters": [{"name": "dead", "cluster": {"server": "https://127.0.0.1:1"}}],
            "contexts": [{"name": "dead", "context": {"cluster": "dead", "user": "dead"}}],
            "users": [{"name": "dead", "user": {"token": "none"}}]}))
        self.assertIn("does not answer", cluster.run("up", E2E_KUBECONFIG=str(kubeconfig)).stderr)
        self.assertIn("cannot read", cluster.run("up", E2E_KUBECONFIG=str(self.directory / "missing")).stderr)

    def test_missing_program_is_named_with_its_package(self):
        cluster = self.cluster()
        programs = self.directory / "programs"
        programs.mkdir()
        for program in ("bash", "dirname", "sed", "realpath", "id", "env"):
            (programs / program).symlink_to(shutil.which(program))
        self.assertIn("etcd-server", cluster.run("up", PATH=str(programs)).stderr)
        self.assertIn("golang-go", cluster.run("ensure-go", PATH=str(programs)).stderr)

    def test_help_and_wrong_arguments(self):
        cluster = self.cluster()
        for script in ("up", "down", "stop-apiserver", "start-apiserver", "compact", "ensure-go", "node-up",
                       "node-down", "import-image"):
            self.assertIn("Usage: " + script, cluster.succeed(script, "--help"))
            self.assertEqual(cluster.run(script, "--no-such-option").returncode, 2, script)
        for wait in ("0", "-1", "soon", "100000"):
            self.assertEqual(cluster.run("up", "--wait", wait).returncode, 2, wait)


if __name__ == "__main__":
    unittest.main(verbosity=2)
