# SPDX-License-Identifier: GPL-2.0
"""An Intel machine: what is there before anything is enabled, and how that is told."""

import json
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
    """What Cloister needs is there: VMX, with EPT and unrestricted guests."""
    assert machine.check("grep -c '^vendor_id.*GenuineIntel' /proc/cpuinfo") == "4\n"
    flags = machine.check("grep -m1 '^vmx flags' /proc/cpuinfo").split()
    assert {"ept", "unrestricted_guest", "vpid", "preemption_timer"} <= set(flags)


def test_hardware_check(machine):
    """Without the registers of VMX, what Linux says of them; with them, everything."""
    text = machine.run("hvctl hardware check").output
    assert re.search("^registers of VMX can be read +no +.*modprobe msr$", text, re.M), text
    assert re.search("^unrestricted guest +yes", text, re.M) and "MSR bitmaps" not in text, text
    assert "SVM" not in text.replace("AMD with SVM is supported", ""), "nothing that only helps an AMD CPU"
    answer = json.loads(machine.run("modprobe msr; hvctl hardware check --json").output)
    found = {check["name"]: check["present"] for check in answer["checks"]}
    needs = ("VMX is enabled", "registers of VMX can be read", "NMI exiting", "MSR bitmaps", "64-bit host", "INVVPID of all contexts",
             "EPT with 1 GiB pages", "KVM is not loaded", "FRED is off")
    assert all(found[name] for name in needs), found


def test_kvm_is_loaded(machine):
    cloister.load_driver(machine)
    machine.check("modprobe kvm_intel")
    cloister.refused(machine, "hvctl enable /cells/qemu-root.cell", "the module kvm_intel is loaded", "rmmod kvm_intel")
    text = cloister.refused(machine, "hvctl hardware check", "Cloister cannot run on this machine.")
    assert re.search("^KVM is not loaded +NO +rmmod kvm_intel$", text, re.M), text
    machine.check("rmmod kvm_intel")
