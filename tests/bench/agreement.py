"""Holds that the injector and the Go webhook do the same: the pods that their patches make are equal. If they were not,
comparing their speed would mean nothing.
"""

import base64
import difflib
import json
import pathlib
import sys

import jsonpatch

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from pod_comparison import without_vacancies  # noqa: E402


def patched_pod(review, answer):
    """The pod of the review after the answer's patch."""
    response = json.loads(answer)["response"]
    if not response["allowed"] or response["uid"] != review["request"]["uid"]:
        raise SystemExit(f"not the answer that was expected: {response}")
    patch = json.loads(base64.b64decode(response["patch"]))
    return jsonpatch.apply_patch(review["request"]["object"], patch)


def _print(pod):
    return json.dumps(without_vacancies(pod), indent=1, sort_keys=True, ensure_ascii=False).splitlines()


def check(review, injector_answer, gowebhook_answer):
    """Ends the run when the pods differ. Members that are false, empty or null count as absent."""
    ours, theirs = (_print(patched_pod(review, answer)) for answer in (injector_answer, gowebhook_answer))
    if not any("openshell-sandbox" in line for line in ours):
        raise SystemExit("the injector did not inject")
    if ours != theirs:
        difference = "\n".join(difflib.unified_diff(theirs, ours, "gowebhook", "injector", lineterm=""))
        raise SystemExit(f"the two webhooks make different pods, so their speed cannot be compared:\n{difference}")
