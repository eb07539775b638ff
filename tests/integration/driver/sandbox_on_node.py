"""The life of a sandbox on a real node: what the driver creates and the webhook changes, a kubelet runs.

SandboxOnNode is for a test class that has a cluster with a node (tests/e2e/test_cluster_node.py).
"""

import io
import pathlib
import shutil
import signal
import tarfile

import setting as parts
from setting import ready_condition, sandbox, wait_for

AGENT_IMAGE = "e2e.invalid/agent:1"
SUPERVISOR_IMAGE = "e2e.invalid/supervisor:1"
STORAGE_CLASS = "by-hand"
# Where the webhook mounts the supervisor's image, and what it makes the agent run there.
SUPERVISOR_MOUNT = "/opt/openshell/bin"
SUPERVISOR_PROGRAM = "openshell-sandbox"
APPLETS = ("cat", "sh", "sleep", "tar", "touch")

# In place of the supervisor, which is not ours: it says in the workspace what it found, and runs until it is ended.
SUPERVISOR_SCRIPT = """\
#!/opt/openshell/bin/bin/busybox sh
[ -z "$EXIT_WITH" ] || exit "$EXIT_WITH"
token=missing
[ -s "$OPENSHELL_SANDBOX_TOKEN_FILE" ] && token=found
echo "began, token $token, arguments $*" >>/sandbox/life
trap 'echo ended >>/sandbox/life; exit 0' TERM
while :; do
    /opt/openshell/bin/bin/busybox sleep 1 &
    wait $!
done
"""


def copy_archive(source, target, add):
    """A root file system with something added."""
    shutil.copy(source, target)
    with tarfile.open(target, "a") as archive:
        add(archive)
    return target


def add_applets(archive):
    for name in APPLETS:
        link = tarfile.TarInfo(f"./bin/{name}")
        link.type, link.linkname = tarfile.SYMTYPE, "busybox"
        archive.addfile(link)


def add_supervisor(archive):
    script = SUPERVISOR_SCRIPT.encode()
    member = tarfile.TarInfo("./" + SUPERVISOR_PROGRAM)
    member.size, member.mode = len(script), 0o755
    archive.addfile(member, io.BytesIO(script))


class SandboxOnNode:
    """Expects `cluster`, `directory` and `root_file_system` (a tar archive with busybox) of the class it is mixed
    into."""

    def start_setting(self):
        for image, add in ((AGENT_IMAGE, add_applets), (SUPERVISOR_IMAGE, add_supervisor)):
            archive = self.directory / f"{image.partition('/')[2]}.tar"
            self.cluster.succeed("import-image", image, copy_archive(self.root_file_system, archive, add))
        setting = parts.Setting(self.cluster, [
            "--supervisor-image", SUPERVISOR_IMAGE, "--supervisor-image-pull-policy", "Never",
            "--supervisor-sideload-method", "image-volume", "--sandbox-uid", "1000", "--grpc-endpoint",
            "http://127.0.0.1:1"])
        self.addCleanup(setting.stop)
        return setting

    def create_volume(self, setting, message):
        """The volume for a sandbox's claim, since nothing here provides any; returns its folder on the node."""
        folder = pathlib.Path(self.directory / message.name)
        folder.mkdir()
        folder.chmod(0o777)
        path = "/api/v1/persistentvolumes"
        setting.api.request("POST", path, {
            "metadata": {"name": message.name},
            "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": STORAGE_CLASS,
                     "claimRef": {"namespace": parts.NAMESPACE, "name": "openshell-workspace-" + message.id},
                     "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": str(folder)}}})
        self.addCleanup(setting.api.request, "DELETE", f"{path}/{message.name}")
        return folder

    def test_a_sandbox_lives_on_the_node(self):
        setting = self.start_setting()
        driver = setting.start_driver("--workspace-storage-class", STORAGE_CLASS, "--workspace-storage-size", "1Gi",
                                      "--sandbox-image-pull-policy", "Never", "--image-pull-timeout-seconds", "1")
        self.addCleanup(driver.stop, signal.SIGKILL)
        watcher = parts.Watcher(driver.client)
        message = sandbox("lives", template={"image": AGENT_IMAGE})
        life = self.create_volume(setting, message) / "life"
        is_ready = lambda found: ready_condition(found).status == "True"

        driver.client.CreateSandbox(sandbox=message)
        watcher.wait_snapshot(message.id, lambda found: ready_condition(found).reason == "Starting")
        watcher.wait_snapshot(message.id, is_ready, timeout_s=60)
        self.assertRegex(driver.client.ResolveSandboxEndpoint(sandbox=message).endpoint.ip, r"^[0-9.]+$")
        for reason, step in (("Scheduled", "requesting_sandbox"), ("Pulled", "pulling_image")):
            event = watcher.wait(lambda one: one.WhichOneof("payload") == "platform_event"
                                 and one.platform_event.sandbox_id == message.id
                                 and one.platform_event.event.reason == reason, what=reason).platform_event.event
            self.assertEqual(event.metadata["openshell.progress.complete_step"], step)
        begun = "began, token found, arguments --workdir /sandbox\n"
        wait_for(life.exists, what="the supervisor's first line")
        self.assertEqual(life.read_text(), begun)

        driver.client.StopSandbox(sandbox_id=message.id)
        self.assertIsNone(setting.api.find("pods", "default--lives"))
        self.assertEqual(life.read_text(), begun + "ended\n")
        found = driver.client.GetSandbox(sandbox_id=message.id).sandbox
        self.assertIn(("Suspended", "True"), [(one.type, one.status) for one in found.status.conditions])

        watcher.events.clear()
        driver.client.StartSandbox(sandbox_id=message.id)
        watcher.wait_snapshot(message.id, is_ready, timeout_s=60)
        wait_for(lambda: life.read_text() == begun + "ended\n" + begun, what="the workspace's next line")

        self.check_sandboxes_that_do_not_run(setting, driver, watcher)

        self.assertTrue(driver.client.DeleteSandbox(sandbox_id=message.id).deleted)
        watcher.wait_deleted(message.id, timeout_s=60)
        wait_for(lambda: not any(message.id in name or "lives" in name for name in setting.leftovers()),
                 timeout_s=60, what="the end of all that was the sandbox's")
        self.assertEqual(life.read_text(), begun + "ended\n" + begun + "ended\n")
        self.assertIsNone(watcher.failure)
        watcher.close()

    def check_sandboxes_that_do_not_run(self, setting, driver, watcher):
        """One whose image cannot be had, and one whose main process ends."""
        expected = {"ImagePullFailed": sandbox("noimage", template={"image": "e2e.invalid/none:1"}),
                    "ContainerExited": sandbox("ends", template={"image": AGENT_IMAGE}, environment={"EXIT_WITH": "3"})}
        for message in expected.values():
            self.create_volume(setting, message)
            driver.client.CreateSandbox(sandbox=message)
        for reason, message in expected.items():
            found = watcher.wait_snapshot(message.id, lambda one: ready_condition(one).reason == reason, timeout_s=60,
                                          what=reason).sandbox.sandbox
            self.assertEqual(ready_condition(found).status, "False")
            if reason == "ContainerExited":
                self.assertIn("exit code 3", ready_condition(found).message)
            driver.client.DeleteSandbox(sandbox_id=message.id)
            watcher.wait_deleted(message.id, timeout_s=60)
