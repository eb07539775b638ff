"""A golden case: a folder that says what goes in and what must come out. See README.md."""

import json
import pathlib
import sys
import tempfile

import jsonpatch
import yaml

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "support"))

import injector

# What depends on the build or follows from the whole configuration stands in the files by name.
VERSION, DIGEST, SHORT_DIGEST = "<version>", "<digest of the configuration>", "<configuration>"
SHORT_DIGEST_CHARACTERS = 16


class PodLoader(yaml.SafeLoader):
    """Reads YAML as Kubernetes does: times are strings."""


PodLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def folders():
    return sorted(path.parent for path in FOLDER.glob("*/pod.yaml"))


def _pretty(value):
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _lines(path):
    return path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []


class GoldenCase:
    """One folder; `outputs` runs the program."""

    def __init__(self, folder):
        self.folder = folder
        self.name = folder.name
        self.arguments = ["--config", str(folder / "configuration.yaml"), *_lines(folder / "arguments")]
        self.endpoint = (_lines(folder / "endpoint") or ["mutate"])[0]
        self.pod_text = (folder / "pod.yaml").read_text(encoding="utf-8")
        meddling = folder / "meddling.json"
        if meddling.exists():
            self._meddle(json.loads(meddling.read_text(encoding="utf-8")))

    def _meddle(self, operations):
        """The subject is what another webhook made of our own output."""
        supervised = yaml.load(self.render("-o", "yaml").stdout, PodLoader)
        self.pod_text = json.dumps(jsonpatch.apply_patch(supervised, operations))

    def _run(self, command, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "pod.yaml").write_text(self.pod_text, encoding="utf-8")
            return injector.run(command, *self.arguments, *arguments, "pod.yaml", cwd=folder)

    def render(self, *arguments, pod_text=None):
        subject = self.pod_text if pod_text is None else pod_text
        return injector.run("render", *self.arguments, *arguments, stdin=subject)

    def explain(self):
        result = self._run("explain", "-o", "json")
        assert result.returncode in (0, 1), f"{self.name}: {result.stderr}"
        return json.loads(result.stdout)

    def review(self):
        """Exit code and response of `review`, which takes the creator from the review and not as an option."""
        users = [text.partition("=")[2] for text in self.arguments if text.startswith("--as=")]
        groups = [text.partition("=")[2] for text in self.arguments if text.startswith("--as-group=")]
        others = [text for text in self.arguments if not text.startswith("--as")]
        review = injector.review_of(yaml.load(self.pod_text, PodLoader))
        review["request"]["userInfo"] = {"username": (users or ["admin"])[0], "groups": groups}
        result = injector.run("review", "--endpoint", self.endpoint, *others, stdin=json.dumps(review))
        return result.returncode, json.loads(result.stdout)["response"]

    def _named(self, text, digest):
        version = injector.run("version", "-o", "json").stdout
        text = text.replace("openshell-injector/" + json.loads(version)["version"], "openshell-injector/" + VERSION)
        return text.replace(digest, DIGEST).replace(digest[:SHORT_DIGEST_CHARACTERS], SHORT_DIGEST)

    def outputs(self):
        """The files that the folder must hold besides what goes in, by name."""
        explained = self.explain()
        digest = explained.get("configuration", "no digest")
        text = self._run("explain").stdout
        outputs = {"explain.txt": self._named(text, digest)}
        denials = explained["denials"]
        if self.endpoint == "validate":
            denials = self.review()[1]["status"]["details"]["causes"]
        if denials:
            outputs["denials.json"] = _pretty(denials)
        else:
            patch = json.loads(self.render("-o", "patch").stdout)
            outputs["expected.patch.json"] = self._named(_pretty(patch), digest)
        return outputs

    def expectations(self):
        """The same files as they stand in the folder."""
        return {name: (self.folder / name).read_text(encoding="utf-8")
                for name in ("explain.txt", "denials.json", "expected.patch.json") if (self.folder / name).exists()}
