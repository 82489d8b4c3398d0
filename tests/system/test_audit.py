# SPDX-License-Identifier: GPL-2.0
"""Root touches what its config does not list: refused without harm, allowed and recorded with --audit, or
its end with CL_CELL_STRICT. The lines of hvctl audit make a config that lists it."""

import json
import re

import pytest

import blobs
import cloister

# Nobody uses the HPET and these ports: what is seen there is what the test does.
pytestmark = pytest.mark.parametrize("machine", [{"apic": "xapic", "append": "hpet=disable", "extra": ("-device", "edu,addr=5")}],
                                     indirect=True, ids=["no-hpet"])

HPET = 0xFED00000
HPET_ID = 0x8086A201  # the low half of its capability register, as QEMU has it
PORT = 0x505          # no device answers there
IOAPIC = 0xFEC00000


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


def incomplete(flags=blobs.ROOT):
    """A root config that forgets the HPET, two ports and a pin."""
    blob = cloister.config("qemu-root")
    blob = blobs.replace(blob, blobs.MEMORY, list(without_page(blobs.entries(blob, blobs.MEMORY), HPET)))
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
    machine.push("/tmp/incomplete.cell", incomplete())
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
    assert hostile(prepared, f"read {HPET:#x}") == HPET_ID, "natively"
    prepared.check("hvctl enable /tmp/incomplete.cell")
    assert prepared.check("hvctl audit") == "/* Root has touched nothing beyond its config. */\n"
    for _ in range(3):
        assert hostile(prepared, f"read {HPET:#x}") == 0xFFFFFFFF
    hostile(prepared, f"write {HPET + 0x10:#x} 1")
    assert hostile(prepared, f"in {PORT:#x}") == 0xFF
    assert ioapic(prepared, 0x10 + 2 * 22, 0x10041) == 0x10000
    entries = audit(prepared)
    page = entries["CLOISTER_MEMORY", HPET]
    assert (page["count"], page["read"], page["write"], page["allowed"], page["foreign"]) == (4, True, True, False, False)
    assert entries["CLOISTER_PIO", PORT]["count"] == 1
    assert entries["CLOISTER_IRQCHIP", IOAPIC + 22]["count"] == 2
    assert len(entries) == 3
    # Each is logged once.
    lines = [text for text in cloister.log_texts(prepared) if text.startswith("root: ")]
    assert [re.sub(" \\(at .*", "", line) for line in lines] == [
        f"root: read of memory {HPET:#x}, not in its config: refused",
        f"root: read of I/O port {PORT:#x}, not in its config: refused",
        f"root: write of interrupt pin {IOAPIC + 22:#x}, not in its config: refused"]
    prepared.check("hvctl disable")
    assert hostile(prepared, f"read {HPET + 0x10:#x}") & 1 == 0, "the write was dropped"
    # The record can still be read.
    assert audit(prepared).keys() == entries.keys()


def test_what_a_cell_has_is_refused_in_any_mode(prepared):
    prepared.check("hvctl enable --audit /tmp/incomplete.cell")
    prepared.push("/tmp/ports.cell", blobs.cell("ports", pio=[(0x3E8, 8)]))
    cloister.start(prepared, "ports", "hello", path="/tmp/ports.cell")
    status = cloister.status(prepared)
    assert status["audit"]
    memory = status["hv_phys"] + status["hv_size"]
    assert hostile(prepared, f"in 0x3ed") == 0xFF
    assert hostile(prepared, f"read {memory:#x}") == 0xFFFFFFFF
    assert hostile(prepared, f"read {status['hv_phys']:#x}") == 0xFFFFFFFF
    entries = audit(prepared)
    for place in (("CLOISTER_PIO", 0x3ED), ("CLOISTER_MEMORY", memory), ("CLOISTER_MEMORY", status["hv_phys"])):
        assert (entries[place]["foreign"], entries[place]["allowed"], entries[place]["line"]) == (True, False, "")
    assert "belongs to another cell or the hypervisor" in prepared.check("hvctl audit")
    prepared.check("hvctl cell destroy ports")


def test_audit(prepared):
    prepared.check("hvctl enable --audit /tmp/incomplete.cell")
    for _ in range(5):
        assert hostile(prepared, f"read {HPET:#x}") == HPET_ID
    hostile(prepared, f"write {HPET + 0x10:#x} 1")
    assert hostile(prepared, f"read {HPET + 0x10:#x}") & 1 == 1
    hostile(prepared, f"write {HPET + 0x10:#x} 0")
    hostile(prepared, f"in {PORT:#x}")
    assert ioapic(prepared, 0x10 + 2 * 22, 0x10041) == 0x10041
    ioapic(prepared, 0x10 + 2 * 22, 0x10000)
    entries = audit(prepared)
    page = entries["CLOISTER_MEMORY", HPET]
    assert (page["count"], page["allowed"], page["direct"]) == (8, True, False)
    assert page["device"] == "HPET 0, PNP0103:00", page
    assert page["code"].startswith("access_memory"), page
    assert "allowed" in cloister.log_texts(prepared)[-1]

    # A thousand accesses are counted, then the page is root's own.
    assert hostile(prepared, f"readn {HPET:#x} 1200") == HPET_ID
    page = audit(prepared)["CLOISTER_MEMORY", HPET]
    assert page["direct"] and 1000 <= page["count"] < 1010
    before = cloister.exits(prepared)
    assert hostile(prepared, f"readn {HPET:#x} 1000") == HPET_ID
    after = cloister.exits(prepared)
    assert sum(after[cpu]["mmio"] - before[cpu]["mmio"] for cpu in after) == 0

    # The lines, pasted into the config: nothing is left to be said.
    text = prepared.check("hvctl audit")
    blob = incomplete()
    for kind, section in ((blobs.MEMORY, "MEMORY"), (blobs.PIO, "PIO")):
        body = re.search(rf"/\* CLOISTER_{section}: \*/\n((?:\t.*\n)+)", text)[1]
        for line in body.splitlines():
            values = re.match(r"\t\{ (.*?) \},", line)[1].split(", ")
            numbers = [int(value, 0) for value in values if value[0].isdigit()]
            if kind == blobs.MEMORY:
                assert values[3] == "CL_MEM_READ | CL_MEM_WRITE | CL_MEM_IO"
                numbers.append(blobs.READ | blobs.WRITE | blobs.IO)
            blob = blobs.replace(blob, kind, [*blobs.entries(blob, kind), tuple(numbers)])
    address, low, high = re.search(r"/\* CLOISTER_IRQCHIP: \*/\n\t\{ (\w+), \{ (\w+), (\w+) \} \},", text).groups()
    assert (int(address, 0), int(low, 0), int(high, 0)) == (IOAPIC, 1 << 22, 0)
    blob = blobs.replace(blob, blobs.IRQCHIP, [(IOAPIC, 0xFFFFFF, 0)])
    prepared.push("/tmp/complete.cell", blob)
    prepared.check("hvctl disable && hvctl enable /tmp/complete.cell")
    assert hostile(prepared, f"read {HPET:#x}") == HPET_ID
    hostile(prepared, f"in {PORT:#x}")
    assert audit(prepared) == {}


def test_instructions_that_are_not_emulated(prepared):
    """A string instruction: root gets the page at once, or an exception that its kernel reports."""
    prepared.check("hvctl enable --audit /tmp/incomplete.cell")
    assert hostile(prepared, f"copy {HPET:#x}") == HPET_ID
    page = audit(prepared)["CLOISTER_MEMORY", HPET]
    assert page["allowed"] and page["direct"]
    prepared.check(f"echo outsb {PORT:#x} >/proc/hostile")
    assert audit(prepared)["CLOISTER_PIO", PORT]["write"]


def test_what_is_moderated_stays_so(prepared):
    """Registers that the hypervisor emulates are in no config, and root never gets their pages."""
    prepared.check("hvctl enable --audit /tmp/incomplete.cell")
    for command, address in (("copy", IOAPIC), ("fill", IOAPIC), ("copy", 0xB0000000), ("fill", 0xB0008000),
                             ("fill", 0xFEE00000)):
        assert hostile(prepared, f"{command} {address:#x}") == -14, f"{command} {address:#x}"
        assert audit(prepared)["CLOISTER_MEMORY", address]["foreign"]
    assert "no violation" in prepared.check("hvctl verify")


def test_registers_of_a_cell_beside_it(prepared):
    """In a page that root's config does not list but for a register, which a cell has: root gets the rest of
    the page, never as a whole."""
    register = (HPET + 0xF0, HPET + 0xF0, 8, blobs.READ | blobs.WRITE | blobs.IO)
    blob = incomplete()
    prepared.push("/tmp/register.cell", blobs.replace(blob, blobs.MEMORY, [*blobs.entries(blob, blobs.MEMORY), register]))
    prepared.check("hvctl enable --audit /tmp/register.cell")
    prepared.push("/tmp/timer.cell", blobs.cell("timer", memory=[blobs.ram(), blobs.comm(), register]))
    cloister.start(prepared, "timer", "hello", path="/tmp/timer.cell")
    assert hostile(prepared, f"readn {HPET:#x} 1200") == HPET_ID
    page = audit(prepared)["CLOISTER_MEMORY", HPET]
    assert page["count"] == 1200 and not page["direct"]
    assert hostile(prepared, f"read {HPET + 0xF0:#x}") == 0xFFFFFFFF
    assert audit(prepared)["CLOISTER_MEMORY", HPET]["foreign"]
    # An access that begins before the register and ends in it.
    assert hostile(prepared, f"read {HPET + 0xEE:#x}") == 0xFFFFFFFF
    prepared.check("hvctl cell destroy timer")


def test_more_than_the_list_holds(prepared):
    """The list is finite: what finds no place is refused and counted."""
    prepared.push("/tmp/few.cell", blobs.replace(incomplete(), blobs.PIO, [(0, 0x500), (0x600, 0xFA00)]))
    prepared.check("hvctl enable --audit /tmp/few.cell")
    prepared.check("i=1280; while [ $i -lt 1440 ]; do echo in $i >/proc/hostile; i=$((i + 1)); done", 60)
    report = json.loads(prepared.check("hvctl audit --json"))
    assert report["dropped"] >= 32
    assert sum(entry["size"] for entry in report["accesses"] if entry["section"] == "CLOISTER_PIO") >= 120
    assert "found no place in the list" in prepared.check("hvctl audit")
    # The log is not flooded.
    lines = [text for text in cloister.log_texts(prepared) if text.startswith("root: ")]
    assert len(lines) == 17 and lines[-1] == "root: more of this is not logged: see hvctl audit"


def test_strict(machine):
    """The last test of this machine: root stops at its first access, the cell beside it runs on."""
    machine.push("/tmp/strict.cell", incomplete(blobs.ROOT | blobs.STRICT))
    machine.check("hvctl enable /tmp/strict.cell")
    # A cell with a real UART, for nobody will be there to read its virtual one; not that of the hypervisor's log, whose
    # lines it would break.
    machine.push("/tmp/beat.cell", blobs.cell("beat", flags=0, pio=[(0x3E8, 8)]))
    cloister.start(machine, "beat", "heartbeat", "period_us=5000 print_ms=200 console=0x3e8", path="/tmp/beat.cell")
    cloister.wait(machine, "the cell to start", lambda: "heartbeat: period 5000 us" in machine.inmates())
    machine.check(f"( sleep 1; echo read {HPET:#x} >/proc/hostile ) >/dev/null 2>&1 &")
    machine.wait_console(f"cell 'qemu-root' stopped: memory {HPET:#x} is not root's, and its config says CL_CELL_STRICT", 60)
    said = len(re.findall(r"heartbeat: \d+ ticks", machine.inmates()))
    cloister.wait(machine, "the cell to go on", lambda: len(re.findall(r"heartbeat: \d+ ticks", machine.inmates())) > said + 3)
