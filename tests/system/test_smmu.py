# SPDX-License-Identifier: GPL-2.0
"""Devices behind an SMMUv3 reach the memory of their cell only, those of root that of root only."""

import re

import pytest

import blobs
import cloister

EDU = 5 << 3
ECAM = 0x4010000000 + (EDU << 12)
CONFIG = "/sys/bus/pci/devices/0000:00:05.0/config"
# What the inmate writes.
FIRST_WORD = 0xD0A00000

# Linux must not use the SMMU, and what is behind it must not wait for its driver.
WITHOUT_DRIVER = "initcall_blacklist=arm_smmu_driver_init deferred_probe_timeout=0"
DISK = ("-blockdev", "driver=null-co,node-name=disk,size=67108864,read-zeroes=on", "-device", "nvme,drive=disk,serial=disk,addr=6")
MACHINE = {"arch": "arm64", "append": WITHOUT_DRIVER,
           "extra": ("-M", "iommu=smmuv3", "-device", "edu,addr=5,dma_mask=0xffffffffff", *DISK)}
PLAIN = cloister.config("qemu-root", "arm64")
NAMED = {"cells/qemu-root.cell": cloister.config("qemu-root-smmu", "arm64"), "cells/plain.cell": PLAIN}

pytestmark = pytest.mark.parametrize(
    "machine", [{**MACHINE, "files": NAMED}, {**MACHINE, "files": NAMED, "kernel": "6.12", "cpu": "cortex-a53"}],
    indirect=True, ids=["6.1-a72", "6.12-a53"])


def registers(machine):
    return int(machine.check("cut -d' ' -f1 /sys/bus/pci/devices/0000:00:05.0/resource | head -1"), 16)


def word(machine, address):
    """A word of physical memory, as the machine itself sees it."""
    return int(re.search(r": (0x\w+)", machine.monitor(f"xp /1xw {address:#x}"))[1], 16)


def start_cell(machine, arguments, name="dma"):
    address = registers(machine)
    memory = [blobs.ram(), blobs.comm(), (address, address, 0x100000, blobs.READ | blobs.WRITE | blobs.IO)]
    machine.push(f"/tmp/{name}.cell", blobs.cell(name, memory=memory, pci=[(0, 0, EDU)], arch="arm64"))
    cloister.start(machine, name, "dma", f"ecam={ECAM:#x} registers={address:#x} {arguments}", path=f"/tmp/{name}.cell")
    cloister.wait_output(machine, name, "^dma: done")
    text = machine.check(f"hvctl console {name}").replace("\r", "")
    assert "dma: device 0x11e81234, command 0x6\n" in text
    assert "dma: 16 of 16 words copied\n" in text, "its own memory, at the addresses that the cell sees"
    return text


def root_copies(machine, source, target):
    """Root's device copies 64 bytes of memory."""
    base = registers(machine)
    machine.check(f"printf '\\006' | dd of={CONFIG} bs=1 seek=4 conv=notrunc 2>/dev/null")
    for start, end, command in ((source, 0x40000, 1), (0x40000, target, 3)):
        machine.check(f"devmem {base + 0x80:#x} 32 {start:#x}; devmem {base + 0x88:#x} 32 {end:#x}; "
                      f"devmem {base + 0x90:#x} 32 64; devmem {base + 0x98:#x} 32 {command}")
        cloister.wait(machine, "the device", lambda: not int(machine.check(f"devmem {base + 0x98:#x} 32"), 16) & 1)


def refused(machine, cell):
    """What the SMMU has refused to the device while it was this cell's."""
    return [line for line in cloister.log_texts(machine) if f"SMMU: device 00:05.0 (cell '{cell}')" in line]


def verify(machine):
    """Exit status and output of hvctl verify; the former is 0 if all is well."""
    answer = machine.run("hvctl verify", 60)
    return answer.status, answer.output


def read_disk(machine):
    assert machine.check("dd if=/dev/nvme0n1 bs=64k count=64 iflag=direct 2>/dev/null | wc -c", 60) == "4194304\n"


def kernel(machine):
    """Memory of root's that does not change: its kernel's code."""
    start = int(machine.check("grep 'Kernel code' /proc/iomem").strip().partition("-")[0], 16) + 0x10000
    assert word(machine, start) != 0
    return start


def places(machine):
    """A free page of root's and one of the hypervisor's memory."""
    status = cloister.status(machine)
    return status["hv_phys"] + status["hv_size"] + (32 << 20), status["hv_phys"]


def start_hello(machine, place):
    machine.push("/tmp/hello.cell", blobs.cell("hello", memory=[blobs.ram(phys=place), blobs.comm()], arch="arm64"))
    cloister.start(machine, "hello", "hello", path="/tmp/hello.cell")


def test_without_the_section(machine):
    """What other tests see refused works where the config leaves the SMMU alone."""
    cloister.enable(machine, "/cells/plain.cell")
    place = places(machine)[0] & -0x200000
    start_hello(machine, place)
    root_copies(machine, kernel(machine), place + 0x100000)
    assert word(machine, place + 0x100000) == word(machine, kernel(machine))
    machine.check("hvctl cell destroy hello", 60)
    cloister.disable(machine)


def test_cell_writes(enabled):
    for target in places(enabled):
        target += 0x40
        before = word(enabled, target)
        start_cell(enabled, f"target={target:#x}")
        assert word(enabled, target) == before != FIRST_WORD
        assert any(f"refused write to address {target:#x}" in line for line in refused(enabled, "dma"))
        enabled.check("hvctl cell destroy dma", 60)
    read_disk(enabled)


def test_cell_reads(enabled):
    _, hypervisor = places(enabled)
    text = start_cell(enabled, f"read=1 target={hypervisor:#x}")
    assert f"dma: read {word(enabled, hypervisor):#x}\n" not in text
    assert any(f"refused read of address {hypervisor:#x}" in line for line in refused(enabled, "dma"))


def test_root_device(enabled):
    """Root's device copies root's memory, and writes neither to the hypervisor's nor to a cell's."""
    page, hypervisor = places(enabled)
    cells = page & -0x200000
    page = cells + 0x400000
    root_copies(enabled, kernel(enabled), page)
    assert word(enabled, page) == word(enabled, kernel(enabled))
    assert refused(enabled, "qemu-root") == []
    start_hello(enabled, cells)
    for target in (hypervisor, cells + 0x100000):
        before = word(enabled, target)
        root_copies(enabled, page, target)
        assert word(enabled, target) == before != word(enabled, page)
        assert any(f"refused write to address {target:#x}" in line for line in refused(enabled, "qemu-root"))
    enabled.check("hvctl cell destroy hello", 60)
    root_copies(enabled, page, cells + 0x100000)
    assert word(enabled, cells + 0x100000) == word(enabled, page), "root's again"


def test_devices_change_hands(enabled):
    """The same device is root's, a cell's and root's again."""
    page, _ = places(enabled)
    for _ in range(3):
        root_copies(enabled, kernel(enabled), page)
        assert word(enabled, page) == word(enabled, kernel(enabled))
        start_cell(enabled, f"target={page:#x}")
        status, text = verify(enabled)
        assert status == 0, text
        assert re.search(f"^DMA of functions +dma +{EDU:#x}-{EDU:#x} +rw-$", text, re.M)
        enabled.check("hvctl cell load dma /inmates/dma.bin")
        assert not re.search("^DMA of functions +dma ", verify(enabled)[1], re.M)
        enabled.check("hvctl cell destroy dma", 60)
        read_disk(enabled)


def test_cycles(machine):
    """Root's disk works whenever Cloister has come or gone. Not just then: a message could be lost (README, limits)."""
    before = cloister.Snapshot(machine)
    for _ in range(3):
        cloister.enable(machine)
        read_disk(machine)
        cloister.start(machine, "hello", "hello")
        cloister.wait_output(machine, "hello", "^Hello, world!")
        read_disk(machine)
        machine.check("hvctl cell destroy hello", 60)
        cloister.disable(machine)
        read_disk(machine)
    before.assert_same(machine)
    cloister.assert_healthy(machine)
