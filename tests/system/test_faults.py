# SPDX-License-Identifier: GPL-2.0
"""Inmates that misbehave (inmates/tests/fault.c): each one ends as documented, while root and a second
cell keep going (see faults.py).
"""

import pytest

import cloister
import faults
from conftest import INTEL, for_each_arch
from faults import ENDED, FAILED, RESET, SILENT, SURVIVED, heart  # pylint: disable=unused-import

FOREIGN = ("hcr_el2", "vbar_el2", "vttbr_el2", "icc_sre_el2", "ich_hcr_el2", "cnthctl_el2", "cntvoff_el2", "s3_0_c15_c0_0",
           "pmccntr_el0")
# Kernels clear them while starting.
EMPTY = ("dbgbvr0_el1", "dbgbcr0_el1")

FAULTS = {
    "x86": {
        "triple-fault": ("what=triple", FAILED, ["cell 'fault' stopped: triple fault on CPU 3"], []),
        "foreign-port": ("what=port port=0x70", SURVIVED, ["refused read of port 0x70", "refused write to port 0x70"],
                         ["port 0x70 reads 0xff\r"]),
        "reset-port": ("what=port port=0x64", SURVIVED, ["refused read of port 0x64", "refused write to port 0x64"],
                       ["port 0x64 reads 0xff\r"]),
        "reset-control": ("what=port port=0xcf9", RESET, ["refused read of port 0xcf9", "asks for a restart"], ["port 0xcf9 reads 0xff\r"]),
        "acpi-port": ("what=port port=0x604 width=2", SURVIVED, ["refused read of port 0x604"], ["port 0x604 reads 0xffff\r"]),
        "serial-port-of-root": ("what=port port=0x2f8", SURVIVED, ["refused read of port 0x2f8"], ["port 0x2f8 reads 0xff\r"]),
        "wide-port": ("what=port port=0x80 width=4", SURVIVED, ["refused read of port 0x80"], ["port 0x80 reads 0xffffffff\r"]),
        "msr-write": ("what=msr msr=0xc0010015", SURVIVED, ["refused write to MSR 0xc0010015"], ["wrmsr 0xc0010015: exception 13\r"]),
        "msr-hsave": ("what=msr msr=0xc0010117 value=0", SURVIVED, ["refused read of MSR 0xc0010117", "refused write to MSR 0xc0010117"],
                      ["rdmsr 0xc0010117: exception 13\r", "wrmsr 0xc0010117: exception 13\r"]),
        "msr-apic-base": ("what=msr msr=0x1b value=0xfed00900", SURVIVED, ["refused write to MSR 0x1b"], ["wrmsr 0x1b: exception 13\r"]),
        "msr-svme": ("what=msr msr=0xc0000080 value=0x1d01", SURVIVED, [], ["wrmsr 0xc0000080: exception 13\r"]),
        "icr-reserved-bits": ("what=msr msr=0x830 value=0x2000", SURVIVED, [], ["wrmsr 0x830: exception 13\r"]),
        "msr-unknown": ("what=msr msr=0x12345678", SURVIVED, ["refused read of MSR 0x12345678"], ["rdmsr 0x12345678: exception 13\r"]),
        "memory-behind": ("what=mem address=0x201000", FAILED, ["stopped: read of address 0x201000 that is not the cell's"], []),
        "memory-of-hypervisor": ("what=mem address={hv:#x}", FAILED, ["stopped: read of address {hv:#x} that is not the cell's"], []),
        "memory-of-other-cell": ("what=mem address={pool:#x}", FAILED, ["stopped: read of address {pool:#x} that is not the cell's"], []),
        "ioapic": ("what=mem address=0xfec00000", SURVIVED, [], ["0xfec00000 reads 0x0\r"]),  # the virtual UART's
        "pci": ("what=mem address=0xb0000000", SURVIVED, ["refused PCI configuration write"], ["0xb0000000 reads 0xffffffff\r"]),
        "own-pages": ("what=scan start=0 end=0x201000", SURVIVED, [], ["513 pages, 513 readable, 0 of them read as ones\r"]),
        "scan-up": ("what=scan start=0x1f0000 end=0x300000", FAILED, ["stopped: read of address 0x201000 that is not the cell's"], []),
        "ipis": ("what=ipi first=0 last=2 count=20", SURVIVED, ["refused interrupt command"], ["240 IPIs were sent\r"]),
        "breakpoints": ("what=garbage fill=0xcc", SILENT, [], ["exception 3", "inmate: stopped"]),
        "invalid-code": ("what=garbage fill=0xff", SILENT, [], ["exception 6", "inmate: stopped"]),
        "code-behind": ("what=garbage fill=unmapped", FAILED, ["stopped: code at address 0x70000000 that is not the cell's"], []),
        "halt": ("what=hlt", SILENT, [], ["fault: hlt\r"]),
        "hypercalls": ("what=flood count=3000", SURVIVED, [], ["3000 hypercalls, 3000 refused\r"]),
        "endless-loop": ("what=loop", SILENT, [], ["fault: loop\r"]),
    },
    "amd": {
        "msr-vm-cr": ("what=msr msr=0xc0010114", SURVIVED, ["refused write to MSR 0xc0010114"],
                      ["rdmsr 0xc0010114: 0x18\r", "wrmsr 0xc0010114: exception 13\r"]),
    },
    "intel": {
        "msr-feature-control": ("what=msr msr=0x3a", SURVIVED, ["refused write to MSR 0x3a"],
                                ["rdmsr 0x3a: 0x1\r", "wrmsr 0x3a: exception 13\r"]),
        "msr-vmx": ("what=msr msr=0x480", SURVIVED, ["refused read of MSR 0x480", "refused write to MSR 0x480"],
                    ["rdmsr 0x480: exception 13\r", "wrmsr 0x480: exception 13\r"]),
        "msr-smm-monitor": ("what=msr msr=0x9b", SURVIVED, ["refused read of MSR 0x9b", "refused write to MSR 0x9b"],
                            ["rdmsr 0x9b: exception 13\r", "wrmsr 0x9b: exception 13\r"]),
        "msr-microcode": ("what=msr msr=0x79", SURVIVED, ["refused write to MSR 0x79"], ["wrmsr 0x79: exception 13\r"]),
    },
    "arm64": {
        "system-registers": ("what=sysreg", SURVIVED, ["refused read of system register", "refused write to system register"],
                             [f"{way} of {name}: exception 0\r" for name in FOREIGN for way in ("read", "write")] +
                             [f"{way} of {name}: 0x0\r" for name in EMPTY for way in ("read", "write")]),
        "sgis": ("what=sgi", SURVIVED, [], ["272 SGIs were sent\r"]),
        "firmware": ("what=smc", SURVIVED, ["refused firmware call"],
                     ["CPU_ON of CPU 0: -2\r", "AFFINITY_INFO of CPU 0: -2\r"]),
        "interrupt-controller": ("what=gic", SURVIVED, ["refused write to address 0x8000004"],
                                 ["INTID 34 is not enabled\r", "16384 registers were written\r"]),
        "system-off": ("what=off", ENDED, [], ["fault: off\r"]),
        "system-reset": ("what=reset", RESET, [], ["fault: reset\r"]),
        "cpu-off": ("what=cpuoff", SILENT, [], ["fault: cpuoff\r"]),
        "no-vectors": ("what=vectors", FAILED, ["stopped: execution at address 0x70000200 that is not the cell's"], []),
        "pair-of-registers": ("what=pair address=0x9000000", SURVIVED, [], ["0x9000000 holds 0x0 and 0x0\r"]),
        "memory-behind": ("what=mem address=0x201000", FAILED, ["stopped: read of address 0x201000 that is not the cell's"], []),
        "memory-of-hypervisor": ("what=mem address={hv:#x}", FAILED, ["stopped: read of address {hv:#x} that is not the cell's"], []),
        "memory-of-other-cell": ("what=mem address={pool:#x}", FAILED, ["stopped: read of address {pool:#x} that is not the cell's"], []),
        "translation-service": ("what=mem address=0x8080000", FAILED, ["stopped: read of address 0x8080000 that is not the cell's"], []),
        "serial-port-of-root": ("what=mem address=0x9040000", FAILED, ["stopped: read of address 0x9040000 that is not the cell's"], []),
        "own-pages": ("what=scan start=0 end=0x201000", SURVIVED, [], ["513 pages, 513 readable, 0 of them read as ones\r"]),
        "scan-up": ("what=scan start=0x1f0000 end=0x300000", FAILED, ["stopped: read of address 0x201000 that is not the cell's"], []),
        "invalid-code": ("what=garbage fill=0", SILENT, [], ["ESR 0x2000000", "inmate: stopped"]),
        "code-behind": ("what=garbage fill=unmapped", FAILED, ["stopped: execution at address 0x70000000 that is not the cell's"], []),
        "halt": ("what=hlt", SILENT, [], ["fault: hlt\r"]),
        "hypercalls": ("what=flood count=3000", SURVIVED, [], ["3000 hypercalls, 3000 refused\r"]),
        "endless-loop": ("what=loop", SILENT, [], ["fault: loop\r"]),
    },
}

MACHINES = {"x2apic": {"apic": "x2apic"}, "xapic-icount": {"apic": "xapic", "icount": True},
            "intel": INTEL, "arm64": {"arch": "arm64"}, "arm64-icount": {"arch": "arm64", "icount": True}}
pytestmark = pytest.mark.parametrize(
    "machine", [options | {"files": faults.files(options.get("arch", "x86"))} for options in MACHINES.values()], indirect=True,
    ids=MACHINES)


@pytest.mark.parametrize("fault", for_each_arch(FAULTS))
def test_fault(heart, fault):
    faults.assert_ends(heart, *cloister.of(heart, FAULTS)[fault])
