# SPDX-License-Identifier: GPL-2.0
"""Interrupts by message (GICv3's LPIs): none is lost whenever Cloister or a CPU comes or goes, and the ITS that
makes them serves no root kernel that has turned bad."""

import re
import struct

import pytest

import cloister
from test_lock import hostile, load_module, memory_of

DISK = ("-blockdev", "driver=null-co,node-name=disk,size=67108864,read-zeroes=on", "-device", "nvme,drive=disk,serial=disk,addr=6")
# A config that does not know of the ITS, which is there all the same.
WITHOUT = cloister.config("qemu-root", "arm64").replace(struct.pack("<Q", 0x8080000), bytes(8))
MACHINE = {"arch": "arm64", "extra": DISK, "files": {"cells/without-its.cell": WITHOUT}}

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


ITS = 0x8080000
CBASER, CWRITER, CREADR, BASER = 0x80, 0x88, 0x90, 0x100
ADDRESS = 0xFFFFFFFFF000
VALID = 1 << 63
INT, SYNC, MAPD, MAPC, INVALL, MOVALL, VMAPP = 0x03, 0x05, 0x08, 0x09, 0x0D, 0x0E, 0x29


def register(machine, offset):
    return hostile(machine, f"read {ITS + offset:#x}") | hostile(machine, f"read {ITS + offset + 4:#x}") << 32


def target(cpu):
    """As commands name its redistributor: by number, since GITS_TYPER.PTA is 0 here."""
    return cpu << 16


def command(machine, *words):
    """The command that the ITS finds where this one was written."""
    return hostile(machine, "its " + " ".join(f"{word:#x}" for word in words)) & 0xFF


def refused(machine, what):
    return sum(f"refused {what} 0x" in text for text in cloister.log_texts(machine, "qemu-root"))


def word(machine, address):
    """64 bits of physical memory, as the machine itself sees them."""
    return int(machine.monitor(f"xp /1xg {address:#x}").split(": 0x")[1].split()[0], 16)


@pytest.fixture
def its(enabled):
    """The machine with a cell on CPU 3, and the hostile module."""
    load_module(enabled)
    assert register(enabled, 8) & 1 << 19 == 0
    hostile(enabled, f"itsat {ITS:#x} {target(0):#x}")
    cloister.start(enabled, "hello", "hello")
    yield enabled
    # Linux goes on with it, also after a device has been set up anew, and without Cloister.
    enabled.check("cd /sys/bus/pci/drivers/nvme && echo 0000:00:06.0 >unbind && echo 0000:00:06.0 >bind")
    cloister.wait(enabled, "the disk", lambda: not enabled.run("[ -b /dev/nvme0n1 ]").status)
    enabled.check(READ)
    enabled.check("hvctl cell destroy hello", 60)
    cloister.disable(enabled)
    stop_reading(enabled)
    cloister.enable(enabled)


def test_commands(its):
    """Each refused one is a SYNC when the ITS comes to it, and memory is as before."""
    hypervisor, cell = cloister.status(its)["hv_phys"], memory_of(its, "hello")
    device = 0x500 << 32
    for place in (hypervisor, cell, hypervisor - 0x1000, 1 << 45, ITS):
        before = [word(its, place + 8 * i) for i in range(8)] if place < 1 << 40 else []
        assert command(its, device | MAPD, 9, VALID | place, 0) == SYNC, f"{place:#x}"
        assert [word(its, place + 8 * i) for i in range(len(before))] == before
    for words in ((MAPC, 0, VALID | target(3) | 3, 0), (MAPC, 0, VALID | target(9) | 3, 0),
                  (MOVALL, 0, target(0), target(3)), (MOVALL, 0, target(3), target(0)), (VMAPP, 0, 0, 0), (0xFF, 0, 0, 0),
                  (0, 0, 0, 0), (device | MAPD, 31, VALID, 0)):
        assert command(its, *words) == SYNC, words
    # Of more than eight only the first ones are logged.
    assert refused(its, "ITS command") == 8
    # What Linux does itself is let through.
    for words in ((INVALL, 0, 1, 0), (MAPC, 0, VALID | target(1) | 1, 0), (SYNC, 0, target(3), 0),
                  (device | MAPD, 0, 0, 0)):
        assert command(its, *words) == words[0] & 0xFF, words


def test_queue(its):
    end = register(its, CWRITER)
    for value in (0x10000, 0xFFFE0):
        hostile(its, f"write {ITS + CWRITER:#x} {value:#x}")
        assert register(its, CWRITER) == end == register(its, CREADR)
    assert refused(its, "ITS command queue up to") == 2
    for offset in (CBASER, BASER, BASER + 8):
        before = register(its, offset)
        hostile(its, f"write {ITS + offset:#x} 0")
        assert register(its, offset) == before


def test_tables(its):
    """Linux' tables are read-only for it."""
    hypervisor, cell = cloister.status(its)["hv_phys"], memory_of(its, "hello")
    devices, collections = (register(its, BASER + 8 * i) for i in range(2))
    assert devices >> 62 == 3 and devices >> 56 & 7 == 1, "indirect, of devices"
    assert collections >> 62 == 2 and collections >> 56 & 7 == 4, "flat, of collections"
    links = devices & 0xFFFFFFFF0000
    assert hostile(its, f"store {collections & 0xFFFFFFFF0000:#x} 0x123456789") != 0x123456789
    # the first one is that of bus 0: it is there
    for place in (links, links + 8):
        for value in (hypervisor & ~0xFFFF | VALID, cell & ~0xFFFF | VALID, 1 << 45 | VALID, 0x40000000):
            before = word(its, place)
            hostile(its, f"store {place:#x} {value:#x}")
            assert word(its, place) == before
    first = word(its, links)
    assert first & VALID and word(its, links + 8) == 0
    table = first & 0xFFFFFFFF0000
    before = word(its, table)
    hostile(its, f"store {table:#x} {~before & (1 << 64) - 1:#x}")
    assert word(its, table) == before
    assert refused(its, "write to a table of the ITS at") > 0

    # A further table would be memory of root's, in which an ITT could be that the ITS writes.
    page = hostile(its, "donate")
    hostile(its, f"store {links + 8:#x} {page | VALID:#x}")
    assert word(its, links + 8) == 0


def test_no_its(machine):
    """Linux looks at the ITS whenever a CPU comes: where the config has none that does no harm, and is logged."""
    before = cloister.Snapshot(machine)
    cloister.enable(machine, "/cells/without-its.cell")
    machine.check("cd /sys/devices/system/cpu/cpu2 && echo 0 >online && echo 1 >online", 60)
    # The first register that it looks at, of a page that is logged once.
    assert any(re.search(f"read of memory {ITS >> 12:#x}..., not in its config: refused", text) for text in cloister.log_texts(machine))
    cloister.disable(machine)
    before.assert_same(machine)
    # The commands that Linux has given meanwhile are lost; a CPU that comes again gives them again.
    machine.check("cd /sys/devices/system/cpu/cpu2 && echo 0 >online && echo 1 >online", 60)
    machine.check(READ)
    machine.check("taskset 4 dd if=/dev/nvme0n1 of=/dev/null bs=4k count=50 iflag=direct", 60)
    stop_reading(machine)
