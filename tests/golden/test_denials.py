#!/usr/bin/python3
"""Every reason for a denial is shown by a golden case. docs/denials.md lists the reasons; that they are just those of
the code, scripts/check sees to."""

import json
import pathlib
import re
import unittest

FOLDER = pathlib.Path(__file__).resolve().parent
ROW = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)


class Denials(unittest.TestCase):
    def test_every_reason_has_a_golden_case(self):
        documented = set(ROW.findall((FOLDER.parents[1] / "docs/denials.md").read_text(encoding="utf-8")))
        shown = {denial["reason"] for path in FOLDER.glob("*/denials.json")
                 for denial in json.loads(path.read_text(encoding="utf-8"))}
        self.assertGreater(len(documented), 25)
        self.assertEqual(documented, shown)


if __name__ == "__main__":
    unittest.main()
