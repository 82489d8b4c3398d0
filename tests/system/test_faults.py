# SPDX-License-Identifier: GPL-2.0
"""Inmates that misbehave (inmates/tests/x86/fault.c): each one ends as documented, while root and a second
cell keep going.

The second cell counts timer interrupts. On the machine with -icount, where time is counted in instructions
and nothing depends on how busy the host is, it must not miss a single one.
"""

import re

import pytest

import blobs
import cloister
from conftest import machine_id

FAILED, SURVIVED, SILENT = "failed", "survived", "silent"
PERIOD_US = 1000

# name: (command line, how it ends, texts in the hypervisor's log, texts on its console). The pool begins behind
# the hypervisor's memory; {hv} and {pool} are their addresses.
FAULTS = {
    "triple-fault": ("what=triple", FAILED, ["cell 'fault' stopped: triple fault on CPU 3"], []),
    "foreign-port": ("what=port port=0x70", SURVIVED, ["refused read of port 0x70", "refused write to port 0x70"],
                     ["port 0x70 reads 0xff\r"]),
    "reset-port": ("what=port port=0x64", SURVIVED, ["refused read of port 0x64", "refused write to port 0x64"],
                   ["port 0x64 reads 0xff\r"]),
    "reset-control": ("what=port port=0xcf9", SURVIVED, ["refused read of port 0xcf9", "refused write to port 0xcf9"], ["port 0xcf9 reads 0xff\r"]),
    "acpi-port": ("what=port port=0x604 width=2", SURVIVED, ["refused read of port 0x604"], ["port 0x604 reads 0xffff\r"]),
    "serial-port-of-root": ("what=port port=0x2f8", SURVIVED, ["refused read of port 0x2f8"], ["port 0x2f8 reads 0xff\r"]),
    "wide-port": ("what=port port=0x80 width=4", SURVIVED, ["refused read of port 0x80"], ["port 0x80 reads 0xffffffff\r"]),
    "msr-write": ("what=msr msr=0xc0010015", SURVIVED, ["refused write to MSR 0xc0010015"], ["wrmsr 0xc0010015: exception 13\r"]),
    "msr-hsave": ("what=msr msr=0xc0010117 value=0", SURVIVED, ["refused read of MSR 0xc0010117", "refused write to MSR 0xc0010117"],
                  ["rdmsr 0xc0010117: exception 13\r", "wrmsr 0xc0010117: exception 13\r"]),
    "msr-vm-cr": ("what=msr msr=0xc0010114", SURVIVED, ["refused write to MSR 0xc0010114"],
                  ["rdmsr 0xc0010114: 0x18\r", "wrmsr 0xc0010114: exception 13\r"]),
    "msr-apic-base": ("what=msr msr=0x1b value=0xfed00900", SURVIVED, ["refused write to MSR 0x1b"], ["wrmsr 0x1b: exception 13\r"]),
    "msr-svme": ("what=msr msr=0xc0000080 value=0x1d01", SURVIVED, [], ["wrmsr 0xc0000080: exception 13\r"]),
    "icr-reserved-bits": ("what=msr msr=0x830 value=0x2000", SURVIVED, [], ["wrmsr 0x830: exception 13\r"]),
    "msr-unknown": ("what=msr msr=0x12345678", SURVIVED, ["refused read of MSR 0x12345678"], ["rdmsr 0x12345678: exception 13\r"]),
    "memory-behind": ("what=mem address=0x201000", FAILED, ["stopped: read of address 0x201000 that is not the cell's"], []),
    "memory-of-hypervisor": ("what=mem address={hv:#x}", FAILED, ["stopped: read of address {hv:#x} that is not the cell's"], []),
    "memory-of-other-cell": ("what=mem address={pool:#x}", FAILED, ["stopped: read of address {pool:#x} that is not the cell's"], []),
    "ioapic": ("what=mem address=0xfec00000", FAILED, ["stopped: read of address 0xfec00000 that is not the cell's"], []),
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
}

MACHINES = [{"apic": "x2apic"}, {"apic": "xapic", "icount": True}]
FILES = {"cells/heartbeat.cell": blobs.cell("heartbeat", cpus=[2]), "cells/fault.cell": blobs.cell("fault", cpus=[3])}

pytestmark = pytest.mark.parametrize("machine", [options | {"files": FILES} for options in MACHINES], indirect=True,
                                     ids=["x2apic", "xapic-icount"])


@pytest.fixture(scope="module")
def heart(machine):
    """The machine with Cloister enabled and the heartbeat cell running, which must end well."""
    before = cloister.Snapshot(machine)
    cloister.enable(machine)
    cloister.start(machine, "heartbeat", "heartbeat", f"period_us={PERIOD_US} print_ms=1000", path="/cells/heartbeat.cell")
    cloister.wait_output(machine, "heartbeat", "^heartbeat: 1000 ticks")
    yield machine
    if "fault" in cloister.cells(machine):
        machine.check("hvctl cell destroy fault", 60)
    cloister.end_heartbeat(machine, before)


def heartbeats(machine):
    """(interrupts counted, longest time between two in ns) of the last line on the heartbeat's console."""
    lines = re.findall(r"^heartbeat: (\d+) ticks, longest interval (\d+) ns", machine.check("hvctl console heartbeat"), re.MULTILINE)
    return int(lines[-1][0]), int(lines[-1][1])


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(heart, fault):
    machine = heart
    command_line, end, logged, said = FAULTS[fault]
    status = cloister.status(machine)
    places = {"hv": status["hv_phys"], "pool": status["hv_phys"] + status["hv_size"]}
    seen = cloister.log(machine)[-1]["seq"]
    ticks, _ = heartbeats(machine)
    if "fault" in cloister.cells(machine):
        machine.check("hvctl cell destroy fault", 60)
    cloister.start(machine, "fault", "fault", command_line.format(**places), path="/cells/fault.cell")

    if end == FAILED:
        cloister.wait_state(machine, "fault", "failed")
    elif end == SURVIVED:
        cloister.wait_output(machine, "fault", "^fault: survived\r$")
    for text in said:
        cloister.wait_output(machine, "fault", re.escape(text))
    if end == SURVIVED:
        cloister.wait_state(machine, "fault", "shut down")
    elif end != FAILED:
        assert cloister.state(machine, "fault") == "running"
    texts = cloister.log_texts(machine, "fault", after=seen)
    for text in logged:
        assert [line for line in texts if text.format(**places) in line], f"{text.format(**places)!r} is not in the log: {texts}"
    if not logged:
        assert not [line for line in texts if "stopped" in line]

    # The others have noticed nothing: at least a thousand further interrupts, on a machine whose root works.
    cloister.wait(machine, "the heartbeat to go on", lambda: heartbeats(machine)[0] >= ticks + 1000)
    assert cloister.state(machine, "heartbeat") == "running"
    assert machine.check("echo root $((6 * 7))") == "root 42\n"

    # The CPU comes back from wherever it was.
    machine.check("hvctl cell destroy fault", 60)
    assert machine.check("cat /sys/devices/system/cpu/online") == "0-1,3\n"
    assert machine.check("taskset 8 sh -c 'echo on CPU 3'") == "on CPU 3\n"
    if "icount" in machine.log_directory.name:
        ticks, longest = heartbeats(machine)
        assert longest < 2 * PERIOD_US * 1000, f"{longest} ns between two interrupts, of {ticks}"
