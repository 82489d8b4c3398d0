# SPDX-License-Identifier: GPL-2.0
"""Whose memory it is: root cannot reach what a cell or the hypervisor has, and gets a cell's memory back
zeroed. How memory is taken from Linux."""

import json

import pytest

import blobs
import cloister
from conftest import INTEL

PATTERN = "0x5AFEC0DE"
ONES = 0xFFFFFFFF

PLACE = 0xA0000000
NAMED = {"cells/qemu-root.cell": blobs.root(cloister.config("qemu-root", "arm64"), hv_phys=PLACE, pool_phys=PLACE + 0x200000)}
# Linux does not have the memory, so that it allows /dev/mem there. Without KASLR x86's kernel image is out of the way of
# memory removal. Without PAT nobody minds that devmem maps what the driver has mapped in another way.
MACHINES = [{"apic": "x2apic", "append": "nokaslr nopat iomem=relaxed"},
            INTEL | {"append": "nokaslr nopat iomem=relaxed"},
            {"arch": "arm64", "append": "mem=1G iomem=relaxed", "files": NAMED}]
# Of fault.c, what ends the cell
FAILURE = {"x86": "what=triple", "arm64": "what=vectors"}


@pytest.fixture(scope="module", params=MACHINES, ids=("x86", "intel", "arm64"))
def machine(request, boot):
    return boot(f"access-{request.param.get('arch', 'x86')}", **request.param)


@pytest.fixture
def pool(enabled):
    """Address of the pool; Linux must have let go of it, else it does not allow /dev/mem there."""
    status = cloister.status(enabled)
    start = status["hv_phys"] + status["hv_size"]
    assert not any(low <= start < high for low, high in cloister.Snapshot(enabled).ram)
    return start


def peek(machine, address):
    return int(machine.check(f"devmem {address:#x} 32"), 16)


def poke(machine, address, value):
    machine.check(f"devmem {address:#x} 32 {value}")


def refused(machine, access, address):
    """Has the hypervisor refused root an access ("read" or "write") to this page, as not its own?"""
    entries = json.loads(machine.check("hvctl audit --json"))["accesses"]
    return any(entry[access] and entry["foreign"] and not entry["allowed"] and
               entry["address"] <= address < entry["address"] + entry["size"] for entry in entries)


def test_root_cannot_reach_a_running_cell(enabled, pool):
    poke(enabled, pool + 0x100000, PATTERN)
    assert peek(enabled, pool + 0x100000) == int(PATTERN, 16), "before, it is root's"
    enabled.check("hvctl cell create /cells/qemu-hello.cell && hvctl cell load hello /inmates/hello.bin")
    assert peek(enabled, pool + 0x100000) == int(PATTERN, 16), "while loadable it is root's"
    first = peek(enabled, pool + 0x10000)
    assert first not in (0, ONES), "the image, in the first region of the pool"

    enabled.check("hvctl cell start hello")
    cloister.wait_output(enabled, "hello", "^Hello, world!")
    for address in (pool, pool + 0x10000, pool + 0x100000, pool + 0x1ff000):
        assert peek(enabled, address) == ONES
    assert refused(enabled, "read", pool + 0x10000)
    poke(enabled, pool + 0x100000, "0x11111111")
    assert refused(enabled, "write", pool + 0x100000)
    assert cloister.state(enabled, "hello") == "running"

    # Shut down is not yet root's; loadable is, and nothing has changed.
    enabled.check("hvctl cell shutdown hello --timeout 30000", 60)
    assert cloister.state(enabled, "hello") == "shut down"
    assert peek(enabled, pool + 0x100000) == ONES
    enabled.check("hvctl cell load hello -s x")
    assert peek(enabled, pool + 0x100000) == int(PATTERN, 16), "the write was dropped"
    assert peek(enabled, pool + 0x1000) == ord("x")


@pytest.mark.parametrize("end", ["running", "stopped", "failed"])
def test_memory_of_a_destroyed_cell_is_zero(enabled, pool, end):
    enabled.check("hvctl cell create /cells/qemu-hello.cell")
    for address in range(pool, pool + 0x200000, 0x40000):
        poke(enabled, address + 0xff8, PATTERN)
    if end == "stopped":
        enabled.check("hvctl cell load hello /inmates/hello.bin")
    elif end == "running":
        enabled.check("hvctl cell load hello /inmates/hello.bin && hvctl cell start hello")
        cloister.wait_output(enabled, "hello", "^Hello, world!")
    else:
        enabled.check(f"hvctl cell load hello -s {FAILURE[enabled.arch]} /inmates/fault.bin && hvctl cell start hello")
        cloister.wait_state(enabled, "hello", "failed")
    enabled.check("hvctl cell destroy hello")
    enabled.check("[ -e /proc/hostile ] || insmod /lib/modules/hostile.ko")
    poke(enabled, pool + 0x1fffff8, PATTERN)
    nonzero = f"echo nonzero {pool:#x} {{size:#x}} >/proc/hostile && cat /proc/hostile"
    assert enabled.check(nonzero.format(size=0x200000)) == "0\n"
    assert enabled.check(nonzero.format(size=0x2000000)) == "4\n", "what is not the cell's is as it was"
    poke(enabled, pool + 0x1fffff8, 0)


def test_memory_that_is_not_loadable(enabled, pool):
    """A region without CL_MEM_LOADABLE leaves root when the cell is created, and nothing loads it."""
    region = pool + 0x200000
    memory = [blobs.ram(), blobs.comm(), blobs.ram(virt=0x400000, flags=blobs.RAM)]
    enabled.push("/tmp/hidden.cell", blobs.cell("hidden", memory=memory, arch=enabled.arch))
    poke(enabled, region, PATTERN)
    enabled.check("hvctl cell create /tmp/hidden.cell")
    assert peek(enabled, region) == ONES
    cloister.refused(enabled, "hvctl cell load hidden /inmates/hello.bin@0x400000", "do not fit into one loadable memory region")
    enabled.check("hvctl cell destroy hidden")
    assert peek(enabled, region) == 0


def test_root_cannot_reach_the_hypervisor(enabled):
    status = cloister.status(enabled)
    info = 0
    for offset in range(0, status["hv_size"], 0x10000):
        value = peek(enabled, status["hv_phys"] + offset)
        # The info region is for reading.
        info += value != ONES
        poke(enabled, status["hv_phys"] + offset, PATTERN)
    assert 1 <= info <= 4
    assert refused(enabled, "read", status["hv_phys"]) and refused(enabled, "write", status["hv_phys"])
    cloister.start(enabled, "hello", "hello")
    cloister.wait_output(enabled, "hello", "^Hello, world!")


@pytest.mark.only("x86")
def test_memory_removed_from_linux(enabled):
    """The kernel image is low: the highest block goes."""
    status = cloister.status(enabled)
    assert not any(start <= status["hv_phys"] < end for start, end in cloister.Snapshot(enabled).ram)


def test_memory_allocated(boot):
    """A crash kernel's memory above all else: no block can be removed below it, so a range is allocated."""
    machine = boot("allocated", append="nokaslr crashkernel=64M@1900M")
    assert "Crash kernel" in machine.check("cat /proc/iomem")
    cloister.takes_memory(machine, inside_linux=True)


def test_memory_reserved(boot):
    """memmap= keeps a range from Linux, which the config names."""
    place = 0x70000000
    config = blobs.root(cloister.config("qemu-root"), hv_phys=place, pool_phys=place + 0x200000)
    machine = boot("reserved", append="memmap=64M$0x70000000", files={"cells/qemu-root.cell": config})
    total = machine.check("grep MemTotal /proc/meminfo")
    assert cloister.takes_memory(machine, inside_linux=False) == place
    assert machine.check("grep MemTotal /proc/meminfo") == total
