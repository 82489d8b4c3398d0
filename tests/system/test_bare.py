# SPDX-License-Identifier: GPL-2.0
"""The hypervisor without Linux: an inmate is the root cell, on AMD and on Intel."""

import re

import pytest

import bare
import initramfs
from conftest import LOGS
from test_hardening import DEFECTS, FIRST_NUMBER

pytestmark = pytest.mark.parametrize("vendor", ["amd", "intel"])


def run(vendor, inmate, name, **options):
    return bare.run(vendor, inmate, LOGS / "test_bare" / f"{name}-{vendor}", **options)


@pytest.mark.parametrize("inmate", ["hello", "hello32"])
def test_hello(vendor, inmate):
    """Under the hypervisor as on the bare machine, in 64-bit and in 32-bit mode."""
    native = run(vendor, inmate, f"{inmate}-native", string="tsc_khz=1000000", end="mode.\n", native=True)
    assert "cloister" not in native
    text = run(vendor, inmate, inmate, string="tsc_khz=1000000", end="mode.\n")
    assert f"cloister: {vendor} " in text and "root cell 'bare-root' runs" in text
    assert native in text


def modes(vendor, **options):
    # QEMU's CPUs do not check what is written to control registers.
    lines = run(vendor, "modes", "modes" if not options else "modes-native", string=f"strict={int(vendor == 'intel')}",
                end="modes: done\n", **options).splitlines()
    lines = [line for line in lines if not line.startswith("cloister: ")]
    if vendor == "amd":
        lines = [line.replace("faults 0 SP ffffffff", "faults 1 SP 6ffa") for line in lines]
        # README.md, limits: IRET is not watched.
        lines = [line.replace("of another one: 1", "of another one: 0") for line in lines]
    return lines


def test_modes(vendor):
    """Control registers, debugging, real mode, all kinds of paging: as on the bare machine, and as the manual says."""
    native = modes(vendor, native=True)
    assert modes(vendor) == native
    text = "\n".join(native)
    assert "steps over CPUID: 6\n" in text
    assert "real mode: CR0" in text and "faults 1 SP 6ffa interrupts 1, with NE toggled MSW 30" in text
    assert "guarded debug register: fault 101" in text
    assert "NMIs: 2, in the handler of another one: 0\n" in text
    assert "INT1: 1, status ffff0ff0\n" in text
    assert "wrapped around: CR0 80000011\n" in text
    if vendor == "intel":
        assert "CR0 NW alone: fault 10d, reads e0010011\n" in text
        assert "CR0 CD, NE: fault 0, reads e0010031\n" in text


def test_loader_refuses(vendor):
    """Each with a sentence, before anything is started."""
    text = run(vendor, "hello", "refused", end="belong together\n", modules=lambda modules: modules[:2])
    assert text.endswith("boot: the modules 'hypervisor' and 'config' belong together\n")


@pytest.mark.parametrize("apic", ["", "x2apic"])
def test_timer(vendor, apic):
    """The APIC is the guest's own: in x2APIC mode timer interrupts cost no exit."""
    text = run(vendor, "bench", f"timer-{apic}", string=f"tsc_khz=50000 ticks=200 info={bare.info_region(vendor):#x}",
               end="bench: done\n", arguments=apic)
    exits, mode = re.search(r"bench: (\d+) exits of 200 timer interrupts, (x2?)APIC", text).groups()
    assert mode == ("x2" if apic else "x")
    # xAPIC: the end of each, and the next deadline or count where the timer is not periodic
    assert int(exits) == 0 if apic else 200 <= int(exits) <= 401


def test_image_of_the_other_vendor(vendor):
    other = {"amd": "intel", "intel": "amd"}[vendor]
    text = run(vendor, "hello", "other", end="needs\n",
               modules=lambda modules: [(str(file).replace(vendor, other), string) for file, string in modules])
    assert text.endswith(f"boot: the CPU has no {'VMX' if vendor == 'amd' else 'SVM'}, which this hypervisor needs\n")


@pytest.mark.parametrize("number", range(len(DEFECTS)), ids=[name.lower().replace("_", "-") for name in DEFECTS])
def test_defect(vendor, number):
    """What only a defect of the hypervisor could do is caught; test_hardening.py has the rest, where there is a monitor."""
    image = initramfs.BUILD / "fault-inject" / "hypervisor" / f"cloister-{vendor}.bin"
    reason = list(DEFECTS.values())[number]
    says = f"hypervisor exception {reason['x86']}" if reason else "hypervisor stack overrun "
    text = run(vendor, "fault", f"defect-{number}", string=f"what=hypercall number={FIRST_NUMBER + number}", end=says,
               modules=lambda modules: [(image if string == "hypervisor" else file, string) for file, string in modules])
    assert "returned" not in text
