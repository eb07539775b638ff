"""All that needs a cluster and leaves it as it was, on one: its start is a good part of each test's time. A single
module is run like any unittest program; arguments choose tests."""

import sys
import unittest

import setting as parts

MODULES = ("test_contract", "test_conformance", "test_hostile", "test_workspaces")


if __name__ == "__main__":
    parts.acquire()
    try:
        program = unittest.main(module=None, argv=[sys.argv[0], *(sys.argv[1:] or MODULES)], exit=False)
    finally:
        parts.release()
    sys.exit(not program.result.wasSuccessful())
