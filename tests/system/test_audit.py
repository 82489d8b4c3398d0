# SPDX-License-Identifier: GPL-2.0
"""Root touches what its config does not list: refused without harm, allowed and recorded with --audit, or
its end with CL_CELL_STRICT. The lines of hvctl audit make a config that lists it."""

import json
import re

import pytest

import blobs
import cloister
from conftest import INTEL

# Nobody uses the devices here and the ports: what is seen there is what the test does.
pytestmark = pytest.mark.parametrize("machine", [{"apic": "xapic", "append": "hpet=disable", "extra": ("-device", "edu,addr=5")},
                                                 {"arch": "arm64", "append": "iomem=relaxed"}, INTEL | {"append": "hpet=disable"}],
                                     indirect=True, ids=["x86", "arm64", "intel"])


class Device:
    """A device that the root config forgets: HPET, and PL031, a clock."""

    def __init__(self, arch):
        x86 = arch == "x86"
        self.page = 0xFED00000 if x86 else 0x9010000
        # A register and what it has, as QEMU's: the low half of the capability register; PrimeCell identification
        self.known, self.value = (self.page, 0x8086A201) if x86 else (self.page + 0xFE0, 0x31)
        # A register whose lowest bit nobody misses: configuration; match
        self.writable = self.page + (0x10 if x86 else 4)
        # A register that a cell gets, and an access that begins before it and ends in it
        self.cells, self.size = (self.page + 0xF0, 8) if x86 else (self.page + 0xFF4, 4)
        self.across = f"read {self.page + 0xEE:#x}" if x86 else f"readq {self.page + 0xFF0:#x}"
        self.name = "HPET 0, PNP0103:00" if x86 else "pl031@9010000, rtc-pl031"


def device(machine):
    return Device(machine.arch)


PORT = 0x505          # no device answers there
IOAPIC = 0xFEC00000
HOLE = 0x8050000      # of QEMU's virt machine, between parts of the interrupt controller
# What the hypervisor emulates: interrupt controllers, PCI configuration space
MODERATED = {"x86": (("copy", IOAPIC), ("fill", IOAPIC), ("copy", 0xB0000000), ("fill", 0xB0008000), ("fill", 0xFEE00000)),
             "arm64": (("copy", 0x8000000), ("fill", 0x8006000), ("copy", 0x80A0000), ("fill", 0x80B0000), ("copy", 0x4010000000),
                       ("fill", 0x4010008000))}


def without_page(regions, page):
    """Memory regions with one page left out."""
    for phys, virt, size, flags in regions:
        if not phys <= page < phys + size:
            yield phys, virt, size, flags
            continue
        if page > phys:
            yield phys, virt, page - phys, flags
        if page + 0x1000 < phys + size:
            yield page + 0x1000, page + 0x1000, phys + size - page - 0x1000, flags


def incomplete(arch, flags=blobs.ROOT):
    """A root config that forgets a device, on x86 two ports and a pin as well."""
    blob = cloister.config("qemu-root", arch)
    blob = blobs.replace(blob, blobs.MEMORY, list(without_page(blobs.entries(blob, blobs.MEMORY), Device(arch).page)))
    if arch == "x86":
        blob = blobs.replace(blob, blobs.PIO, [(0, PORT), (PORT + 2, 0x10000 - PORT - 2)])
        blob = blobs.replace(blob, blobs.IRQCHIP, [(IOAPIC, 0xFFFFFF & ~(1 << 22), 0)])
    return blobs.patch(blob, "flags", flags)


def hostile(machine, line):
    return int(machine.check(f"echo {line} >/proc/hostile && cat /proc/hostile", 60))


def audit(machine):
    """{(section, address): entry}"""
    report = json.loads(machine.check("hvctl audit --json"))
    assert report["dropped"] == 0
    return {(entry["section"], entry["address"]): entry for entry in report["accesses"]}


@pytest.fixture
def prepared(machine):
    machine.push("/tmp/incomplete.cell", incomplete(machine.arch))
    cloister.load_driver(machine)
    machine.check("[ -e /proc/hostile ] || insmod /lib/modules/hostile.ko")
    yield machine
    machine.run("hvctl disable")
    cloister.assert_healthy(machine)


def ioapic(machine, register, value=None):
    hostile(machine, f"write {IOAPIC:#x} {register:#x}")
    if value is not None:
        hostile(machine, f"write {IOAPIC + 16:#x} {value:#x}")
    return hostile(machine, f"read {IOAPIC + 16:#x}")


def test_refused_without_harm(prepared):
    forgotten = device(prepared)
    x86 = prepared.arch == "x86"
    assert hostile(prepared, f"read {forgotten.known:#x}") == forgotten.value, "natively"
    prepared.check("hvctl enable /tmp/incomplete.cell")
    assert prepared.check("hvctl audit") == "/* Root has touched nothing beyond its config. */\n"
    for _ in range(3):
        assert hostile(prepared, f"read {forgotten.known:#x}") == 0xFFFFFFFF
    hostile(prepared, f"write {forgotten.writable:#x} 1")
    if x86:
        assert hostile(prepared, f"in {PORT:#x}") == 0xFF
        assert ioapic(prepared, 0x10 + 2 * 22, 0x10041) == 0x10000
    entries = audit(prepared)
    page = entries["CLOISTER_MEMORY", forgotten.page]
    assert (page["count"], page["read"], page["write"], page["allowed"], page["foreign"]) == (4, True, True, False, False)
    if x86:
        assert entries["CLOISTER_PIO", PORT]["count"] == 1
        assert entries["CLOISTER_IRQCHIP", IOAPIC + 22]["count"] == 2
    assert len(entries) == (3 if x86 else 1)
    # Each is logged once.
    lines = [text for text in cloister.log_texts(prepared) if text.startswith("root: ")]
    assert [re.sub(" \\(at .*", "", line) for line in lines] == [
        f"root: read of memory {forgotten.known:#x}, not in its config: refused",
        f"root: read of I/O port {PORT:#x}, not in its config: refused",
        f"root: write of interrupt pin {IOAPIC + 22:#x}, not in its config: refused"][:len(entries)]
    prepared.check("hvctl disable")
    assert hostile(prepared, f"read {forgotten.writable:#x}") & 1 == 0, "the write was dropped"
    # The record can still be read.
    assert audit(prepared).keys() == entries.keys()


def test_what_a_cell_has_is_refused_in_any_mode(prepared):
    x86 = prepared.arch == "x86"
    prepared.check("hvctl enable --audit /tmp/incomplete.cell")
    prepared.push("/tmp/other.cell", blobs.cell("other", pio=[(0x3E8, 8)] if x86 else [], arch=prepared.arch))
    cloister.start(prepared, "other", "hello", path="/tmp/other.cell")
    status = cloister.status(prepared)
    assert status["audit"]
    memory = status["hv_phys"] + status["hv_size"]
    places = [("CLOISTER_MEMORY", memory), ("CLOISTER_MEMORY", status["hv_phys"])]
    if x86:
        assert hostile(prepared, "in 0x3ed") == 0xFF
        places.append(("CLOISTER_PIO", 0x3ED))
    assert hostile(prepared, f"read {memory:#x}") == 0xFFFFFFFF
    assert hostile(prepared, f"read {status['hv_phys']:#x}") == 0xFFFFFFFF
    entries = audit(prepared)
    for place in places:
        assert (entries[place]["foreign"], entries[place]["allowed"], entries[place]["line"]) == (True, False, "")
    assert "belongs to another cell or the hypervisor" in prepared.check("hvctl audit")
    prepared.check("hvctl cell destroy other")


def test_audit(prepared):
    forgotten = device(prepared)
    x86 = prepared.arch == "x86"
    prepared.check("hvctl enable --audit /tmp/incomplete.cell")
    for _ in range(5):
        assert hostile(prepared, f"read {forgotten.known:#x}") == forgotten.value
    hostile(prepared, f"write {forgotten.writable:#x} 1")
    assert hostile(prepared, f"read {forgotten.writable:#x}") & 1 == 1
    hostile(prepared, f"write {forgotten.writable:#x} 0")
    if x86:
        hostile(prepared, f"in {PORT:#x}")
        assert ioapic(prepared, 0x10 + 2 * 22, 0x10041) == 0x10041
        ioapic(prepared, 0x10 + 2 * 22, 0x10000)
    entries = audit(prepared)
    page = entries["CLOISTER_MEMORY", forgotten.page]
    assert (page["count"], page["allowed"], page["direct"]) == (8, True, False)
    assert page["device"] == forgotten.name, page
    assert page["code"].startswith("access_memory"), page
    assert "allowed" in cloister.log_texts(prepared)[-1]

    # A thousand accesses are counted, then the page is root's own.
    assert hostile(prepared, f"readn {forgotten.known:#x} 1200") == forgotten.value
    page = audit(prepared)["CLOISTER_MEMORY", forgotten.page]
    assert page["direct"] and 1000 <= page["count"] < 1010
    before = cloister.exits(prepared)
    assert hostile(prepared, f"readn {forgotten.known:#x} 1000") == forgotten.value
    after = cloister.exits(prepared)
    assert sum(after[cpu]["mmio"] - before[cpu]["mmio"] for cpu in after) == 0

    # The lines, pasted into the config: nothing is left to be said.
    prepared.push("/tmp/complete.cell", completed(prepared, prepared.check("hvctl audit")))
    prepared.check("hvctl disable && hvctl enable /tmp/complete.cell")
    assert hostile(prepared, f"read {forgotten.known:#x}") == forgotten.value
    if x86:
        hostile(prepared, f"in {PORT:#x}")
    assert audit(prepared) == {}


def completed(machine, text):
    """The root config with the lines that hvctl audit has printed."""
    blob = incomplete(machine.arch)
    for kind, section in ((blobs.MEMORY, "MEMORY"), (blobs.PIO, "PIO"))[:1 if machine.arch == "arm64" else 2]:
        body = re.search(rf"/\* CLOISTER_{section}: \*/\n((?:\t.*\n)+)", text)[1]
        for line in body.splitlines():
            values = re.match(r"\t\{ (.*?) \},", line)[1].split(", ")
            numbers = [int(value, 0) for value in values if value[0].isdigit()]
            if kind == blobs.MEMORY:
                assert values[3] == "CL_MEM_READ | CL_MEM_WRITE | CL_MEM_IO"
                numbers.append(blobs.READ | blobs.WRITE | blobs.IO)
            blob = blobs.replace(blob, kind, [*blobs.entries(blob, kind), tuple(numbers)])
    if machine.arch == "arm64":
        return blob
    address, low, high = re.search(r"/\* CLOISTER_IRQCHIP: \*/\n\t\{ (\w+), \{ (\w+), (\w+) \} \},", text).groups()
    assert (int(address, 0), int(low, 0), int(high, 0)) == (IOAPIC, 1 << 22, 0)
    return blobs.replace(blob, blobs.IRQCHIP, [(IOAPIC, 0xFFFFFF, 0)])


def test_instructions_that_are_not_emulated(prepared):
    """A string instruction, vector registers: root gets the page at once, or an exception that its kernel reports."""
    forgotten = device(prepared)
    prepared.check("hvctl enable /tmp/incomplete.cell")
    assert hostile(prepared, f"copy {forgotten.known:#x}") == -14
    prepared.check("hvctl disable")
    prepared.check("hvctl enable --audit /tmp/incomplete.cell")
    assert hostile(prepared, f"copy {forgotten.known:#x}") == forgotten.value
    page = audit(prepared)["CLOISTER_MEMORY", forgotten.page]
    assert page["allowed"] and page["direct"]
    if prepared.arch == "x86":
        prepared.check(f"echo outsb {PORT:#x} >/proc/hostile")
        assert audit(prepared)["CLOISTER_PIO", PORT]["write"]


def test_what_is_moderated_stays_so(prepared):
    """Registers that the hypervisor emulates are in no config, and root never gets their pages."""
    prepared.check("hvctl enable --audit /tmp/incomplete.cell")
    for command, address in MODERATED[prepared.arch]:
        assert hostile(prepared, f"{command} {address:#x}") == -14, f"{command} {address:#x}"
        assert audit(prepared)["CLOISTER_MEMORY", address]["foreign"]
    assert "no violation" in prepared.check("hvctl verify")


def test_registers_of_a_cell_beside_it(prepared):
    """In a page that root's config does not list but for a register, which a cell has: root gets the rest of
    the page, never as a whole."""
    forgotten = device(prepared)
    register = (forgotten.cells, forgotten.cells, forgotten.size, blobs.READ | blobs.WRITE | blobs.IO)
    blob = incomplete(prepared.arch)
    prepared.push("/tmp/register.cell", blobs.replace(blob, blobs.MEMORY, [*blobs.entries(blob, blobs.MEMORY), register]))
    prepared.check("hvctl enable --audit /tmp/register.cell")
    prepared.push("/tmp/timer.cell", blobs.cell("timer", memory=[blobs.ram(), blobs.comm(), register], arch=prepared.arch))
    cloister.start(prepared, "timer", "hello", path="/tmp/timer.cell")
    assert hostile(prepared, f"readn {forgotten.known:#x} 1200") == forgotten.value
    page = audit(prepared)["CLOISTER_MEMORY", forgotten.page]
    assert page["count"] == 1200 and not page["direct"]
    assert hostile(prepared, f"read {forgotten.cells:#x}") == 0xFFFFFFFF
    assert audit(prepared)["CLOISTER_MEMORY", forgotten.page]["foreign"]
    assert hostile(prepared, forgotten.across) & 0xFFFFFFFF == 0xFFFFFFFF
    prepared.check("hvctl cell destroy timer")


def test_more_than_the_list_holds(prepared):
    """The list is finite: what finds no place is refused and counted."""
    blob = incomplete(prepared.arch)
    if prepared.arch == "x86":
        blob = blobs.replace(blob, blobs.PIO, [(0, 0x500), (0x600, 0xFA00)])
        touch, section, step = "in $i", "CLOISTER_PIO", 1
    else:
        # Flash, which nobody uses
        blob = blobs.replace(blob, blobs.MEMORY, [region for region in blobs.entries(blob, blobs.MEMORY) if region[0]])
        touch, section, step = "read $((4096 * i))", "CLOISTER_MEMORY", 4096
    prepared.push("/tmp/few.cell", blob)
    prepared.check("hvctl enable --audit /tmp/few.cell")
    prepared.check(f"i=1280; while [ $i -lt 1440 ]; do echo {touch} >/proc/hostile; i=$((i + 1)); done", 60)
    report = json.loads(prepared.check("hvctl audit --json"))
    assert report["dropped"] >= 32
    assert sum(entry["size"] for entry in report["accesses"] if entry["section"] == section) >= 120 * step
    assert "found no place in the list" in prepared.check("hvctl audit")
    # The log is not flooded.
    lines = [text for text in cloister.log_texts(prepared) if text.startswith("root: ")]
    assert len(lines) == 17 and lines[-1] == "root: more of this is not logged: see hvctl audit"


@pytest.mark.only("arm64")
def test_nothing_answers(prepared):
    """Where that is an exception on real buses. On each CPU: none of them is lost."""
    assert "Bus error" in prepared.run(f"devmem {HOLE:#x} 32").output, "natively, with nobody in between"
    for option, allowed in (("--audit", True), ("", False)):
        prepared.check(f"hvctl enable {option} {cloister.ROOT}")
        for cpu in range(4):
            assert prepared.check(f"taskset -c {cpu} devmem {HOLE:#x} 32") == "0xFFFFFFFF\n"
            prepared.check(f"taskset -c {cpu} devmem {HOLE:#x} 32 0")
        entry = audit(prepared)["CLOISTER_MEMORY", HOLE]
        assert (entry["count"], entry["allowed"], entry["foreign"]) == (8, allowed, False)
        assert all(cpu["state"] == "running" for cpu in json.loads(prepared.check("hvctl stats --json")))
        cloister.disable(prepared)


def test_strict(machine):
    """The last test of this machine: root stops at its first access, the cell beside it runs on."""
    page = device(machine).page
    machine.push("/tmp/strict.cell", incomplete(machine.arch, blobs.ROOT | blobs.STRICT))
    machine.check("hvctl enable /tmp/strict.cell")
    # A cell with a real UART, for nobody will be there to read its virtual one; not that of the hypervisor's log, whose
    # lines it would break.
    memory = [blobs.ram(), blobs.comm()]
    if machine.arch == "x86":
        uart, ports = 0x3E8, [(0x3E8, 8)]
    else:
        uart, ports = 0x9040000, []
        memory.append((uart, uart, 0x1000, blobs.READ | blobs.WRITE | blobs.IO))
    # Bochs' sends as many bits as it is told to.
    machine.check(f"stty -F /dev/{machine.lines.inmates} raw 115200")
    machine.push("/tmp/beat.cell", blobs.cell("beat", flags=0, memory=memory, pio=ports, arch=machine.arch))
    cloister.start(machine, "beat", "heartbeat", f"period_us=5000 print_ms=200 console={uart:#x}", path="/tmp/beat.cell")
    cloister.wait(machine, "the cell to start", lambda: "heartbeat: period 5000 us" in machine.inmates())
    machine.check(f"( sleep 1; echo read {page:#x} >/proc/hostile ) >/dev/null 2>&1 &")
    machine.wait_console(f"cell 'qemu-root' stopped: memory {page:#x} is not root's, and its config says CL_CELL_STRICT", 60)
    said = len(re.findall(r"heartbeat: \d+ ticks", machine.inmates()))
    cloister.wait(machine, "the cell to go on", lambda: len(re.findall(r"heartbeat: \d+ ticks", machine.inmates())) > said + 3)
    machine.abandon("root has stopped")
