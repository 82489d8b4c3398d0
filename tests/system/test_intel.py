# SPDX-License-Identifier: GPL-2.0
"""What is special about machines with a CPU of Intel's: what they must have, and what the refusal says if they have not."""

import json
import re

import pytest

import cloister
from bochs import Bochs
from conftest import INTEL, LOGS

pytestmark = pytest.mark.parametrize("machine", [INTEL], indirect=True, ids=["intel"])


def test_hardware_check(machine):
    """Without the registers of VMX, what Linux says of them; with them, everything."""
    cloister.load_driver(machine)
    machine.run("rmmod msr")
    text = machine.check("hvctl hardware check")
    assert text.endswith("Cloister can run on this machine.\n")
    assert re.search("^registers of VMX can be read +no +.*modprobe msr$", text, re.M), text
    assert re.search("^unrestricted guest +yes", text, re.M) and "MSR bitmaps" not in text, text
    assert "SVM" not in text, "nothing that only helps an AMD CPU"
    answer = json.loads(machine.check("modprobe msr; hvctl hardware check --json"))
    assert answer["usable"]
    found = {check["name"]: check["present"] for check in answer["checks"]}
    for name in ("VMX is enabled", "registers of VMX can be read", "NMI exiting", "MSR bitmaps", "64-bit host",
                 "INVVPID of all contexts", "EPT with 1 GiB pages", "KVM is not loaded", "FRED is off", "the driver agrees"):
        assert found[name], name


def test_another_hypervisor(machine):
    """On one CPU alone: each is looked at."""
    machine.check("[ -e /proc/hostile ] || insmod /lib/modules/hostile.ko")
    cloister.load_driver(machine)
    machine.check("taskset -c 2 sh -c 'echo vmxe 1 >/proc/hostile'")
    try:
        for option in ("", "--dry-run"):
            cloister.refused(machine, f"hvctl enable {option} {cloister.ROOT}",
                             "CPU 2: another hypervisor uses VMX (CR4.VMXE is 1)", "unload kvm_intel")
    finally:
        machine.check("taskset -c 2 sh -c 'echo vmxe 0 >/proc/hostile'")
    cloister.enable(machine)
    cloister.disable(machine)


@pytest.mark.parametrize("model, need, names", [
    ("core2_penryn_t9600", "EPT", "IA32_VMX_PROCBASED_CTLS2, MSR 0x48b"),
])
def test_old_cpu(machine, model, need, names):  # pylint: disable=unused-argument
    with Bochs(LOGS / f"test_intel-{model}", model=model) as old:
        cloister.load_driver(old)
        before = cloister.Snapshot(old)
        text = cloister.refused(old, f"hvctl enable {cloister.ROOT}", f"has no {need} (bit ", names, "which Cloister needs: the CPU is too old")
        assert "CPU 0" in text or "CPU 1" in text or "CPU 2" in text or "CPU 3" in text
        text = cloister.refused(old, "modprobe msr; hvctl hardware check", "Cloister cannot run on this machine.")
        assert re.search(f"^{need} +NO +the CPU is too old", text, re.M), text
        before.assert_same(old)
        cloister.assert_healthy(old)
