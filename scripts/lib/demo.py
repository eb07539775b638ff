#!/usr/bin/python3
"""The demonstration's two ends: makes an AdmissionReview from a pod, and shows the answer to one.

Usage: demo.py pod POD.yaml [PATH=VALUE]     the pod as JSON, with one field of its spec set
       demo.py review POD.json               an AdmissionReview for its creation
       demo.py answer ANSWER.json            what the webhook decided, and its patch
"""

import base64
import json
import pathlib
import sys

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/support"))
import injector  # noqa: E402, the folder is known only now

VALUE_CHARACTERS = 110


def pod(path, assignment=None):
    content = yaml.safe_load(pathlib.Path(path).read_text())
    if assignment:
        key, _, value = assignment.partition("=")
        content["spec"][key] = yaml.safe_load(value)
    return content


def shortened(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_CHARACTERS else text[:VALUE_CHARACTERS - 1] + "…"


def show_answer(path):
    response = json.loads(pathlib.Path(path).read_text())["response"]
    print(f"allowed: {str(response['allowed']).lower()}")
    for key, value in response.get("auditAnnotations", {}).items():
        print(f"{key}: {value}")
    status = response.get("status")
    if status:
        print(f"status: {status.get('code')} {status.get('reason')}")
        for cause in status.get("details", {}).get("causes", []):
            print(f"  {cause['reason']} at {cause['field']}:\n    {cause['message']}")
    operations = json.loads(base64.b64decode(response.get("patch", "")) or "[]")
    if operations:
        print(f"patch, {len(operations)} operations:")
    for operation in operations:
        print(f"  {operation['op']:<7} {operation['path']}  {shortened(operation.get('value'))}")


def main():
    match sys.argv[1:]:
        case ["pod", path, *assignment]:
            print(json.dumps(pod(path, *assignment)))
        case ["review", path]:
            print(json.dumps(injector.review_of(json.loads(pathlib.Path(path).read_text()))))
        case ["answer", path]:
            show_answer(path)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
