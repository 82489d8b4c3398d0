# SPDX-License-Identifier: GPL-2.0
"""Inmates that misbehave on arm64: each one ends as documented, while root and a second cell keep going (see
faults.py)."""

import pytest

import faults
from faults import ENDED, FAILED, SILENT, SURVIVED, heart  # pylint: disable=unused-import

FOREIGN = ("hcr_el2", "vbar_el2", "vttbr_el2", "icc_sre_el2", "ich_hcr_el2", "cnthctl_el2", "cntvoff_el2", "s3_0_c15_c0_0",
           "dbgbvr0_el1", "dbgbcr0_el1", "pmccntr_el0")

FAULTS = {
    "system-registers": ("what=sysreg", SURVIVED, ["refused read of system register", "refused write to system register"],
                         [f"{way} of {name}: exception 0\r" for name in FOREIGN for way in ("read", "write")]),
    "sgis": ("what=sgi", SURVIVED, [], ["272 SGIs were sent\r"]),
    "firmware": ("what=smc", SURVIVED, ["refused firmware call"],
                 ["CPU_ON of CPU 0: -2\r", "AFFINITY_INFO of CPU 0: -2\r"]),
    "interrupt-controller": ("what=gic", SURVIVED, ["refused write to address 0x8000004"],
                             ["INTID 34 is not enabled\r", "16384 registers were written\r"]),
    "system-off": ("what=off", ENDED, [], ["fault: off\r"]),
    "system-reset": ("what=reset", ENDED, [], ["fault: reset\r"]),
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
}

MACHINES = [{"arch": "arm64"}, {"arch": "arm64", "icount": True}]
pytestmark = pytest.mark.parametrize("machine", [options | {"files": faults.files("arm64")} for options in MACHINES], indirect=True,
                                     ids=["threads", "icount"])


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(heart, fault):
    faults.assert_ends(heart, *FAULTS[fault])
