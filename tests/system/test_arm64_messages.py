# SPDX-License-Identifier: GPL-2.0
"""Interrupts by message (GICv3's LPIs): none is lost whenever Cloister or a CPU comes or goes."""

import pytest

import cloister

DISK = ("-blockdev", "driver=null-co,node-name=disk,size=67108864,read-zeroes=on", "-device", "nvme,drive=disk,serial=disk,addr=6")
MACHINE = {"arch": "arm64", "extra": DISK}

pytestmark = pytest.mark.parametrize("machine", [MACHINE, {**MACHINE, "kernel": "6.12"}], indirect=True, ids=["6.1", "6.12"])

# Each read is a message to the CPU that asked; a lost one takes the driver 30 s and a line in the log.
READ = """rm -f /tmp/stop /tmp/reads
while [ ! -e /tmp/stop ]; do dd if=/dev/nvme0n1 bs=4k count=50 iflag=direct 2>/dev/null | wc -c >> /tmp/reads; done &"""


def stop_reading(machine):
    machine.check("touch /tmp/stop; wait", 60)
    assert set(machine.check("cat /tmp/reads").split()) == {"204800"}
    assert machine.run("dmesg | grep -i 'nvme.*timeout'").output == ""


def test_disable(machine):
    machine.check(READ)
    for _ in range(20):
        cloister.enable(machine)
        cloister.disable(machine)
    stop_reading(machine)


def test_cell(enabled):
    """The CPU of a cell was one that had a queue of the disk, and has it again."""
    enabled.check(READ)
    for _ in range(3):
        cloister.start(enabled, "hello", "hello")
        cloister.wait_output(enabled, "hello", "^Hello, world!")
        enabled.check("hvctl cell destroy hello", 60)
    enabled.check("taskset 8 dd if=/dev/nvme0n1 of=/dev/null bs=4k count=50 iflag=direct", 60)
    stop_reading(enabled)
