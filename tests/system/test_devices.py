# SPDX-License-Identifier: GPL-2.0
"""Devices and memory that a config gives to a cell: interrupt pins, PCI functions, registers, shared
memory; what the cell does with them, and that neither it nor root gets at the other's."""

import re

import pytest

import blobs
import cloister
from conftest import INTEL

DEVFN = 5 << 3
# A function that is root's
FOREIGN = {"x86": 0x1F << 3, "arm64": 0}
ECAM = {"x86": 0xB0000000, "arm64": 0x4010000000}
IOAPIC, GICD, CLOCK = 0xFEC00000, 0x8000000, 0x9010000

# No interrupt remapping here: with it, only root's Linux can write valid redirection entries. A HPET
# that Linux uses would disconnect the real-time clock from its pin.
EDU = ("-device", "edu,addr=5")
pytestmark = pytest.mark.parametrize("machine", [{"apic": "xapic", "extra": EDU, "append": "hpet=disable"}, {"arch": "arm64", "extra": EDU},
                                                 INTEL | {"append": "hpet=disable"}],
                                     indirect=True, ids=["x86", "arm64", "intel"])


def run(machine, blob, name, arguments):
    machine.push(f"/tmp/{name}.cell", blob)
    cloister.start(machine, name, "devices", arguments, path=f"/tmp/{name}.cell")


def output(machine, name):
    cloister.wait_output(machine, name, "^devices: done")
    return machine.check(f"hvctl console {name}").replace("\r", "")


def pci_attempts(machine):
    return f"what=pci own={DEVFN} foreign={FOREIGN[machine.arch]} ecam={ECAM[machine.arch]:#x}"


def edu_address(machine):
    return int(machine.check("cut -d' ' -f1 /sys/bus/pci/devices/0000:00:05.0/resource | head -1"), 16)


@pytest.mark.only("x86")
def test_interrupt_pin(enabled):
    """The real-time clock's pin goes to the cell; it cannot direct it elsewhere, nor write other pins."""
    blob = blobs.cell("rtc", pio=[(0x70, 2)], irqchips=[(IOAPIC, 1 << 8, 0)])
    run(enabled, blob, "rtc", "what=rtc")
    text = output(enabled, "rtc")
    assert "devices: 20 interrupts of pin 8\n" in text
    assert "devices: pin 8 destination is own: 1\n" in text
    assert "devices: pin 8 entry 0x10000\n" in text
    assert "devices: pin 6 entry 0x10000\n" in text
    refused = [line for line in cloister.log_texts(enabled, "rtc") if "IOAPIC" in line]
    # Not what leaves a pin masked.
    assert [line.split("refused ")[1].split(" (")[0] for line in refused] == ["IOAPIC pin 0x6"]
    # While the cell has the ports, root reads ones there.
    assert cloister.exits(enabled, "rtc")[3]["ioapic"] > 8


@pytest.mark.only("arm64")
def test_shared_interrupt(enabled):
    """The clock's interrupt goes to the cell; it cannot direct it elsewhere, nor enable others."""
    registers = (CLOCK, CLOCK, 0x1000, blobs.READ | blobs.WRITE | blobs.IO)
    blob = blobs.cell("rtc", memory=[blobs.ram(), blobs.comm(), registers], irqchips=[(GICD, 1 << 2, 0, 32)], arch="arm64")
    run(enabled, blob, "rtc", "what=rtc")
    text = output(enabled, "rtc")
    assert "devices: 20 interrupts of pin 34\n" in text
    assert "devices: pin 34 destination is own: 1\n" in text
    # Its own, and the virtual UART's
    assert "devices: enabled pins 0x6\n" in text
    refused = [line for line in cloister.log_texts(enabled, "rtc") if "refused" in line]
    assert len(refused) == 1 and "refused interrupt route 0x22 (value 0x2)" in refused[0], refused
    assert cloister.exits(enabled, "rtc")[3]["interrupt"] >= 20


@pytest.mark.only("amd", "arm64")
def test_pci_function(enabled):
    """The cell sees its function only and cannot move its registers; root does not see it meanwhile."""
    blob = blobs.cell("pci", pci=[(0, 0, DEVFN)], arch=enabled.arch)
    config = "hexdump -n 4 -e '1/4 \"%08x\\n\"' /sys/bus/pci/devices/0000:00:05.0/config"
    assert enabled.check(config) == "11e81234\n"
    run(enabled, blob, "pci", pci_attempts(enabled))
    text = output(enabled, "pci")
    assert re.findall("devices: function (.*)\n", text) == ["0:5.0 is 1234:11e8"]
    assert int(re.search("devices: command (.*)\n", text)[1], 16) & 7 == 7
    assert "devices: base address unchanged: 1\n" in text
    assert "devices: ECAM own 0x11e81234 foreign 0xffffffff\n" in text
    assert any("PCI configuration write" in line for line in cloister.log_texts(enabled, "pci"))
    assert enabled.check(config) == "ffffffff\n"
    enabled.check("hvctl cell destroy pci")
    assert enabled.check(config) == "11e81234\n"


def config_word(machine, offset, value=None):
    """A 16-bit register of the device, by root; written first if there is a value."""
    path = "/sys/bus/pci/devices/0000:00:05.0/config"
    if value is not None:
        machine.check(f"printf '\\{value & 255:03o}\\{value >> 8:03o}' | dd of={path} bs=2 seek={offset // 2} conv=notrunc 2>/dev/null")
    return int(machine.check(f"hexdump -s {offset} -n 2 -e '1/2 \"%04x\"' {path}"), 16)


@pytest.mark.only("amd", "arm64")
def test_device_stops_when_it_changes_hands(enabled):
    """Bus mastering and MSI that root has left on are off for the cell, and what the cell has left on is off
    when root has the device back: it would go on writing to memory that is not the cell's any more."""
    msi = config_word(enabled, 0x34) & 0xFC
    assert config_word(enabled, msi) & 0xFF == 5, "the device's only capability is MSI"
    for command in ("hvctl cell destroy pci", "hvctl cell load pci /inmates/hello.bin; hvctl cell destroy pci"):
        assert config_word(enabled, 4, 0x0007) & 7 == 7
        assert config_word(enabled, msi + 2, 0x0001) & 1 == 1
        enabled.push("/tmp/pci.cell", blobs.cell("pci", pci=[(0, 0, DEVFN)], arch=enabled.arch))
        enabled.check("hvctl cell create /tmp/pci.cell")
        enabled.check(command)
        assert config_word(enabled, 4) & 7 == 3
        assert config_word(enabled, msi + 2) & 1 == 0
    # Set by the cell itself.
    run(enabled, blobs.cell("pci", pci=[(0, 0, DEVFN)], arch=enabled.arch), "pci", pci_attempts(enabled))
    text = output(enabled, "pci")
    assert int(re.search("devices: command (.*)\n", text)[1], 16) & 7 == 7
    enabled.check("hvctl cell destroy pci")
    assert config_word(enabled, 4) & 7 == 3


@pytest.mark.only("amd")
def test_messages(enabled):
    """The function's messages interrupt the cell's CPU and nobody else; its base address can be sized and not moved. With the
    cell they are over."""
    address = edu_address(enabled)
    registers = (address, address, 0x100000, blobs.READ | blobs.WRITE | blobs.IO)
    enabled.push("/tmp/msi.cell", blobs.cell("msi", memory=[blobs.ram(), blobs.comm(), registers], pci=[(0, 0, DEVFN)]))
    cloister.start(enabled, "msi", "msi", f"own={DEVFN} foreign=0", path="/tmp/msi.cell")
    cloister.wait_output(enabled, "msi", "^msi: done")
    assert enabled.check("hvctl console msi").replace("\r", "").split("\n") == [
        f"msi: base address {address:#x}, size mask 0xfff00000, then {address:#x}",
        "msi: enabled: 1",
        "msi: 10 interrupts",
        "msi: moved: 0",
        "msi: foreign CPU: 0",
        "msi: mode: 0",
        "msi: 20 interrupts",
        *(f"msi: enabled {how}: 0" for how in ("for foreign CPU", "for memory", "above 4 GiB", "as SMI", "as NMI", "as INIT",
                                               "as exception")),
        "msi: enabled: 1",
        "msi: 30 interrupts",
        "msi: done",
        "",
    ]
    # The attempts, and nothing of what is allowed.
    refused = [line for line in cloister.log_texts(enabled, "msi") if "PCI configuration write" in line]
    assert len(refused) == 8, refused
    enabled.check("hvctl cell destroy msi")
    msi = config_word(enabled, 0x34) & 0xFC
    assert config_word(enabled, msi + 2) & 1 == 0
    assert config_word(enabled, 4) & 4 == 0
    assert edu_address(enabled) == address


@pytest.mark.only("amd", "arm64")
def test_registers_below_a_page(enabled):
    """One 32-bit register of a device is the cell's; the next one in the same page is not."""
    address = edu_address(enabled)
    enabled.check("printf '\\002' | dd of=/sys/bus/pci/devices/0000:00:05.0/config bs=1 seek=4 conv=notrunc 2>/dev/null")
    blob = blobs.cell("edu", memory=[blobs.ram(), blobs.comm(),
                                     (address + 4, address + 4, 4, blobs.READ | blobs.WRITE | blobs.IO)],
                      arch=enabled.arch)
    assert enabled.check(f"devmem {address:#x} 32") == "0x010000ED\n"
    run(enabled, blob, "edu", f"what=edu address={address:#x}")
    assert enabled.check(f"devmem {address:#x} 32") == "0xFFFFFFFF\n", "root has lost the page"
    cloister.wait_state(enabled, "edu", "failed")
    text = enabled.check("hvctl console edu").replace("\r", "")
    assert text == f"devices: edu answers {0xffffffff ^ 0x12345678:#x}\n"
    assert f"read of address {address:#x} that is not the cell's" in cloister.log_texts(enabled, "edu")[-1]


def test_shared_memory(enabled):
    """Two cells that both call a page shared exchange a word there."""
    status = cloister.status(enabled)
    page = status["hv_phys"] + status["hv_size"] + (32 << 20)
    shared = (page, 0x300000, 0x1000, blobs.READ | blobs.WRITE | blobs.SHARED)
    for name, cpu, what in (("reader", 2, "read"), ("writer", 3, "write")):
        blob = blobs.cell(name, cpus=[cpu], memory=[blobs.ram(), blobs.comm(), shared], arch=enabled.arch)
        run(enabled, blob, name, f"what={what} address=0x300000")
    assert output(enabled, "reader") == "devices: the word has arrived\ndevices: done\n"
    assert output(enabled, "writer") == "devices: the word was taken\ndevices: done\n"


def test_memory_that_only_one_calls_shared(enabled):
    status = cloister.status(enabled)
    page = status["hv_phys"] + status["hv_size"] + (32 << 20)
    for name, cpu, flags in (("one", 2, blobs.SHARED), ("two", 3, 0)):
        region = (page, 0x300000, 0x1000, blobs.READ | blobs.WRITE | flags)
        enabled.push(f"/tmp/{name}.cell", blobs.cell(name, cpus=[cpu], memory=[blobs.ram(), blobs.comm(), region],
                                                         arch=enabled.arch))
    enabled.check("hvctl cell create /tmp/one.cell")
    cloister.refused(enabled, "hvctl cell create /tmp/two.cell", "memory region 2", "'one'")
