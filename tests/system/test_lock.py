# SPDX-License-Identifier: GPL-2.0
"""Root is not trusted any more: locked cells, and a root kernel (tests/modules/hostile.c) that attacks
them with all it has."""

import json
import re

import pytest

import blobs
import cloister

pytestmark = pytest.mark.parametrize(
    # Cells' memory is removed from Linux on one machine and, as in test_memory.py, allocated on the other.
    "machine", [{"apic": apic, "append": append, "extra": ("-device", "edu,addr=5")}
                for apic, append in (("xapic", "nokaslr crashkernel=64M@1900M"), ("x2apic", "nokaslr"))],
    indirect=True, ids=lambda options: options["apic"])

EPERM = -1
(GET_INFO, DISABLE, CREATE, SET_LOADABLE, START, DESTROY, SCRUB, STATE, CONSOLE_WRITE, MESSAGE, LOCK, RELEASE,
 INSPECT) = range(13)
MANAGEMENT = (SET_LOADABLE, START, DESTROY, SCRUB, CONSOLE_WRITE, MESSAGE)
UNTIL_RELEASE = "until it releases itself or the machine is reset"


def hostile(machine, line):
    """One line for tests/modules/hostile.c; its result."""
    return int(machine.check(f"echo {line} >/proc/hostile && cat /proc/hostile", 300))


def start_heartbeat(machine, name="locked", cpu=3, flags=blobs.VUART | blobs.LOCKED, arguments=""):
    machine.push(f"/tmp/{name}.cell", blobs.cell(name, cpus=[cpu], flags=flags))
    cloister.start(machine, name, "heartbeat", f"period_us=5000 print_ms=100 {arguments}", path=f"/tmp/{name}.cell")
    return cloister.cells(machine)[name]["id"]


def ticks(machine, name):
    found = re.findall(r"heartbeat: (\d+) ticks", machine.check(f"hvctl console {name}"))
    return int(found[-1]) if found else 0


def assert_beats(machine, name):
    before = ticks(machine, name)
    cloister.wait(machine, f"cell {name} to go on", lambda: ticks(machine, name) > before + 40)
    assert cloister.state(machine, name) == "running"


def load_module(machine):
    machine.check("[ -e /proc/hostile ] || insmod /lib/modules/hostile.ko")


def memory_of(machine, name):
    """Host-physical address of its memory."""
    resources = json.loads(machine.check("hvctl verify --json"))["resources"]
    return [entry["target"] for entry in resources
            if (entry["kind"], entry["owner"], entry["start"]) == ("memory", name, 0)][0]


def test_a_locked_cell(enabled):
    """Not while it is being prepared; from its start on, and until it releases itself."""
    load_module(enabled)
    enabled.push("/tmp/locked.cell", blobs.cell("locked", flags=blobs.VUART | blobs.LOCKED))
    enabled.check("hvctl cell create /tmp/locked.cell && hvctl cell load locked /inmates/heartbeat.bin")
    assert not cloister.cells(enabled)["locked"]["locked"]
    enabled.check("hvctl cell destroy locked")

    number = start_heartbeat(enabled, arguments="release_ms=6000")
    assert cloister.cells(enabled)["locked"]["locked"]
    assert "(locked)" in enabled.check("hvctl cell list")
    for command in ("cell load locked /inmates/hello.bin", "cell start locked", "cell shutdown locked",
                    "cell destroy locked"):
        cloister.refused(enabled, f"hvctl {command}", "'locked'", UNTIL_RELEASE)
    cloister.refused(enabled, "echo x | hvctl console --input locked", "'locked'", UNTIL_RELEASE)
    cloister.refused(enabled, "hvctl disable", "cell 'locked' exists")
    for call in MANAGEMENT:
        assert hostile(enabled, f"call {call} {number} 1 1") == EPERM, f"hypercall {call}"
    assert hostile(enabled, f"call {STATE} {number} 0 0") == 2
    # Root cannot release it in its stead.
    assert hostile(enabled, f"call {RELEASE} {number} 0 0") == -22
    # Other cells are managed as ever.
    start_heartbeat(enabled, "free", 2, blobs.VUART)
    enabled.check("hvctl cell destroy free")

    cloister.wait_output(enabled, "locked", "^heartbeat: release 0\r?$", 120)
    assert not cloister.cells(enabled)["locked"]["locked"]
    assert any("has released its lock" in text for text in cloister.log_texts(enabled, "locked"))
    enabled.check("hvctl cell destroy locked")


def test_verify_finds_nothing(enabled):
    start_heartbeat(enabled, flags=blobs.VUART)
    assert "no violation" in enabled.check("hvctl verify")


def test_a_usual_image_does_no_damage(enabled):
    load_module(enabled)
    for kind in range(10):
        assert hostile(enabled, f"call 0x2000 {kind} 0 0") == -38


def test_inspection_writes_to_roots_memory_only(enabled):
    load_module(enabled)
    status = cloister.status(enabled)
    for address, size in ((status["hv_phys"], 4096), (status["hv_phys"] + (1 << 20), 65536), (123, 4096), (0x100000, 100),
                          (1 << 51, 4096), (0x100000, 1 << 40), (-4096, 4096), (-8192, 16384)):
        assert hostile(enabled, f"call {INSPECT} {address} {size} 0") == -22
    # Too small: the count only, nothing written.
    assert hostile(enabled, f"call {INSPECT} 0 0 0") > 50


def test_lock_needs_cells_that_root_cannot_reach(enabled):
    enabled.check("hvctl cell create /cells/qemu-hello.cell")
    cloister.refused(enabled, "hvctl lock", "cell 'hello' is stopped", "start or destroy it first")
    assert not cloister.status(enabled)["locked"]


def write_config(machine, bdf, offset, value):
    """32 bits, by the ports, as Linux does it."""
    octets = "".join(f"\\{octet:03o}" for octet in value.to_bytes(4, "little"))
    machine.check(f"printf '{octets}' | dd of=/sys/bus/pci/devices/0000:00:{bdf}/config bs=4 seek={offset // 4} conv=notrunc 2>/dev/null")


def read_config(machine, bdf, offset):
    return int(machine.check(f"hexdump -s {offset} -n 4 -e '1/4 \"%08x\"' /sys/bus/pci/devices/0000:00:{bdf}/config"), 16)


def test_everything_is_locked(machine):
    """The last test of a machine: nothing but a reset undoes it. The cell's CPU and its APIC id are 3."""
    cloister.enable(machine)
    load_module(machine)
    number = start_heartbeat(machine, "beat", flags=blobs.VUART)
    memory = memory_of(machine, "beat")
    bar = read_config(machine, "05.0", 0x10)
    write_config(machine, "05.0", 0x10, bar ^ 0x100000)
    assert read_config(machine, "05.0", 0x10) == bar ^ 0x100000, "until now root can move what is its own"
    write_config(machine, "05.0", 0x10, bar)

    assert "All cells are locked" in machine.check("hvctl lock")
    assert cloister.status(machine)["locked"]

    for command in ("lock", "disable", "cell create /cells/qemu-smp.cell", "cell load beat /inmates/hello.bin",
                    "cell start beat", "cell shutdown beat", "cell destroy beat"):
        cloister.refused(machine, f"hvctl {command}", "locked", "until the machine is reset")
    for call in (DISABLE, CREATE, LOCK, *MANAGEMENT):
        assert hostile(machine, f"call {call} {number} 1 1") == EPERM, f"hypercall {call}"
    assert hostile(machine, "fuzz 20261121 200000") == 0, "hypercalls that should have been refused"
    assert_beats(machine, "beat")

    # Memory: by an own mapping and by /dev/mem.
    for offset in (0, 0x10000, 0x1FF000):
        assert hostile(machine, f"read {memory + offset:#x}") == 0xFFFFFFFF
        hostile(machine, f"write {memory + offset:#x} 0")
    # Linux itself refuses /dev/mem where the cell's memory is an allocation that it still counts as System RAM.
    for value, answer in (("", "0xFFFFFFFF\n"), ("0", "")):
        status, output = machine.run(f"devmem {memory + 0x10000:#x} 32 {value}")
        assert status == 0 and output == answer or "Operation not permitted" in output, output
    hypervisor = cloister.status(machine)["hv_phys"]
    assert hostile(machine, f"read {hypervisor:#x}") == 0xFFFFFFFF
    assert_beats(machine, "beat")

    # Interrupts at the cell's CPU: fixed, SMI, NMI, INIT, startup; then by logical id and to all.
    icr = (0x4040, 0x4200, 0x4400, 0x4500, 0x4600, 0x4840, 0xC4400, 0xC4240, 0xC4600)
    for low in icr:
        high = 0x8 if low & 0x800 else 3
        hostile(machine, f"icr {high:#x} {low:#x}")
    assert_beats(machine, "beat")

    # The interrupt controller: pin 22 to the cell's CPU, as NMI and as INIT, by way of its registers.
    for mode in (0x400, 0x500, 0x40):
        for register, value in ((0x10 + 2 * 22 + 1, 3 << 24), (0x10 + 2 * 22, mode)):
            hostile(machine, f"write 0xfec00000 {register:#x}")
            hostile(machine, f"write 0xfec00010 {value:#x}")
        assert "no violation" in machine.check("hvctl verify")

    # Registers of the machine: EFER.SVME, VM_CR, VM_HSAVE_PA, SMM base, SYSCFG, TOP_MEM, APIC base.
    for register, value in ((0xC0000080, 0x1D01), (0xC0010114, 0x10), (0xC0010117, memory), (0xC0010111, memory),
                            (0xC0010010, 0), (0xC001001A, 0x1000000), (0x1B, 0xFEE00000), (0x1B, 0xFED00900)):
        assert hostile(machine, f"wrmsr {register:#x} {value:#x}") != 0, f"MSR {register:#x} was written"

    # PCI: a base address over the cell's memory, bridges, the host bridge's map.
    write_config(machine, "05.0", 0x10, memory)
    assert read_config(machine, "05.0", 0x10) == bar
    host = read_config(machine, "00.0", 0x60)
    write_config(machine, "00.0", 0x60, 0xC0000001)
    assert read_config(machine, "00.0", 0x60) == host
    # Other registers are root's as ever: the interrupt line.
    write_config(machine, "05.0", 0x3C, (read_config(machine, "05.0", 0x3C) & ~0xFF) | 0x2A)
    assert read_config(machine, "05.0", 0x3C) & 0xFF == 0x2A
    assert_beats(machine, "beat")
    assert "no violation" in machine.check("hvctl verify")
    cloister.assert_healthy(machine)
    # A reset is all that is left, and root can do it: the driver cannot disable before it.
    machine.check("( sleep 1; reboot -f ) >/dev/null 2>&1 &")
    machine.wait_console("everything is locked", 60)
    machine.wait_console("reboot: Restarting system", 60)
    assert machine.wait_exit(60) == 0
