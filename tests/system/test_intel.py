# SPDX-License-Identifier: GPL-2.0
"""An Intel machine: there is no image for it yet, and everything says so before anything is changed."""

import re

import pytest

import cloister
from bochs import Bochs
from conftest import LOGS


@pytest.fixture(scope="module", name="machine")
def intel_machine():
    with Bochs(LOGS / "test_intel") as running:
        yield running


def test_cpu(machine):
    """What the next release will need is there: VMX, with EPT and unrestricted guests."""
    assert machine.check("grep -c '^vendor_id.*GenuineIntel' /proc/cpuinfo") == "2\n"
    flags = machine.check("grep -m1 '^vmx flags' /proc/cpuinfo").split()
    assert {"ept", "unrestricted_guest", "vpid", "preemption_timer"} <= set(flags)


def test_enable_is_refused(machine):
    before = cloister.Snapshot(machine)
    cloister.load_driver(machine)
    for command in ("hvctl enable /cells/qemu-root.cell", "hvctl enable --dry-run /cells/qemu-root.cell"):
        cloister.refused(machine, command, "there is no Cloister image for this CPU: AMD with SVM is supported")
    before.assert_same(machine)
    cloister.assert_healthy(machine)


def test_hardware_check(machine):
    text = cloister.refused(machine, "hvctl hardware check", "Cloister cannot run on this machine.")
    for line in ("AMD or Hygon CPU +NO +Intel CPUs \\(VMX\\) are not supported by this release",
                 "the driver agrees +NO +there is no Cloister image for this CPU"):
        assert re.search(line, text), text
    assert "SVM" not in text.replace("AMD with SVM is supported", ""), "nothing that only helps an AMD CPU"
