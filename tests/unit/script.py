# SPDX-License-Identifier: GPL-2.0
"""Test scripts close with the same line as the test programs (cmocka), which count the tests."""

import sys
import unittest


def main(name):
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    print(f"[==========] {name}: Running {suite.countTestCases()} test(s).")
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"[  PASSED  ] {result.testsRun - failed} test(s).")
    if failed:
        print(f"[  FAILED  ] {failed} test(s).")
    sys.exit(1 if failed else 0)
