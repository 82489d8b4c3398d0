# SPDX-License-Identifier: GPL-2.0
"""Root is not trusted any more: locked cells, and a root kernel (tests/modules/hostile.c) that attacks
them with all it has."""

import collections
import json
import re

import pytest

import blobs
import cloister
import test_smmu
import test_watchdog
from conftest import INTEL

EDU = ("-device", "edu,addr=5")
MACHINES = {
    # Cells' memory is removed from Linux on one machine and, as in test_memory.py, allocated on the others.
    "xapic": {"apic": "xapic", "append": "nokaslr crashkernel=64M@1900M", "extra": EDU},
    "x2apic": {"apic": "x2apic", "append": "nokaslr", "extra": EDU},
    "intel": INTEL,
    "smmu": test_smmu.MACHINE | {"files": test_smmu.NAMED},
    "gic2": {"arch": "arm64", "gic": 2, "extra": EDU},
}
pytestmark = pytest.mark.parametrize("machine", MACHINES.values(), indirect=True, ids=MACHINES)

EPERM = -1
(GET_INFO, DISABLE, CREATE, SET_LOADABLE, START, DESTROY, SCRUB, STATE, CONSOLE_WRITE, MESSAGE, LOCK, RELEASE,
 INSPECT, WATCHDOG) = range(14)
MANAGEMENT = (SET_LOADABLE, START, DESTROY, SCRUB, CONSOLE_WRITE, MESSAGE)
UNTIL_RELEASE = "until it releases itself or the machine is reset"


def hostile(machine, line):
    """One line for tests/modules/hostile.c; its result."""
    return int(machine.check(f"echo {line} >/proc/hostile && cat /proc/hostile", 300))


def config(machine, name, cpu=3, flags=blobs.VUART | blobs.LOCKED):
    machine.push(f"/tmp/{name}.cell", blobs.cell(name, cpus=[cpu], flags=flags, arch=machine.arch))


def start_heartbeat(machine, name="locked", cpu=3, flags=blobs.VUART | blobs.LOCKED, arguments=""):
    config(machine, name, cpu, flags)
    cloister.start(machine, name, "heartbeat", f"period_us=5000 print_ms=100 {arguments}", path=f"/tmp/{name}.cell")
    return cloister.cells(machine)[name]["id"]


def ticks(machine, name):
    found = re.findall(r"heartbeat: (\d+) ticks", machine.check(f"hvctl console {name}"))
    return int(found[-1]) if found else 0


def assert_beats(machine, name):
    before = ticks(machine, name)
    cloister.wait(machine, f"cell {name} to go on", lambda: ticks(machine, name) > before + 40)
    assert cloister.state(machine, name) == "running"
    # What its library says about an interrupt or exception that it does not expect
    assert "inmate:" not in machine.check(f"hvctl console {name}")


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
    config(enabled, "locked")
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
    for kind in range(12):
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


def attack_x86(machine, memory, _):
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

    # Registers of the machine. AMD's: EFER.SVME, VM_CR, VM_HSAVE_PA, SMM base, SYSCFG, TOP_MEM, APIC base.
    for register, value in ((0xC0000080, 0x1D01), (0xC0010114, 0x10), (0xC0010117, memory), (0xC0010111, memory),
                            (0xC0010010, 0), (0xC001001A, 0x1000000), (0x1B, 0xFEE00000), (0x1B, 0xFED00900),
                            # Intel's: feature control, microcode, SMM monitor, capabilities of VMX, processor trace
                            (0x3A, 5), (0x79, memory), (0x9B, 1), (0x480, 0), (0x560, memory), (0x570, 0x2001)):
        assert hostile(machine, f"wrmsr {register:#x} {value:#x}") != 0, f"MSR {register:#x} was written"


GICD, GICR_3 = 0x8000000, 0x80A0000 + 3 * 0x20000
# Registers of a redistributor that are set up once: (offset, words)
SET_UP = ((0, 1), (0x14, 1), (0x70, 4), (0x10080, 1), (0x10100, 1), (0x10400, 8), (0x10C00, 2))
# What root writes there: CTLR, WAKER, SETLPIR, PROPBASER, PENDBASER; of the SGI frame groups, enables, pending, active,
# priorities, triggers
REDISTRIBUTOR = ((0, 0), (0x14, 2), (0x40, 8192), (0x70, 0), (0x78, 0), (0x10080, 0), (0x10180, 0xFFFFFFFF), (0x10200, 0xFFFFFFFF),
                 (0x10300, 0xFFFFFFFF), (0x10380, 0xFFFFFFFF), (0x10418, 0xFFFFFFFF), (0x1041C, 0xFFFFFFFF), (0x10C04, 0))
SPI = 200  # nobody's device
SGI1R, ASGI1R, SGI0R = 0xC65D, 0xC65E, 0xC65F
PSCI_REFUSED = {"CPU_ON": (0x84000003, -2), "CPU_ON, 64 bits": (0xC4000003, -2), "AFFINITY_INFO": (0xC4000004, -2), "MIGRATE": (0xC4000005, -1),
                "CPU_FREEZE": (0x8400000B, -1), "CPU_DEFAULT_SUSPEND": (0xC400000C, -1), "NODE_HW_STATE": (0xC400000D, -1),
                "SYSTEM_SUSPEND": (0xC400000E, -1), "SYSTEM_RESET2": (0xC4000012, -1), "MEM_PROTECT": (0x84000013, -1)}
# Of Linux' stub at EL2: SET_VECTORS, SOFT_RESTART, RESET_VECTORS, FINALISE_EL2
STUB_CALLS = range(4)


def attack_arm64(machine, memory, hypervisor):
    attack_interrupts(machine)
    # The firmware: the cell's CPU is not there; nothing that it could stop the machine's other CPUs or memory with.
    for way in ("smc", "hvc"):
        for name, (function, answer) in PSCI_REFUSED.items():
            for affinity in (3, 0x80000003):
                assert hostile(machine, f"{way} {function:#x} {affinity:#x} {memory:#x} 0") == answer, f"{name} by {way}"
    assert_beats(machine, "beat")
    for call in STUB_CALLS:
        assert hostile(machine, f"hvc {call} {memory:#x} 0 0") == -1, f"stub call {call}"

    # Registers of EL2 and EL3, those with their aliases, and what the implementation defines: none is there.
    ranges = [(0xA000, 0xC000), (0xE000, 0x10000)]
    ranges += [(start, start + 0x80) for op1 in range(4) for start in (0xC580 + 0x800 * op1, 0xC780 + 0x800 * op1)]
    assert hostile(machine, "findmrs 0xc000 0xc001") == 0xC000, "MIDR_EL1 is there"
    for first, end in ranges:
        assert hostile(machine, f"findmrs {first:#x} {end:#x}") == -1
        for value in (0, -1):
            assert hostile(machine, f"findmsr {first:#x} {end:#x} {value}") == -1
    assert_beats(machine, "beat")

    # By instructions that are not emulated.
    for address in (GICD, GICD + 0xC00):
        assert hostile(machine, f"copy {address:#x}") == hostile(machine, f"fill {address:#x}") == -14
    if not has_gicv2(machine):
        attack_smmu(machine, memory, hypervisor)


def has_gicv2(machine):
    return "gic-2" in machine.log_directory.name


def attack_interrupts(machine):
    """At the cell's CPU."""
    gic2 = has_gicv2(machine)
    for sgi in range(16):
        if gic2:
            hostile(machine, f"write {GICD + 0xF00:#x} {0x80000 | sgi:#x}")
            continue
        assert hostile(machine, f"msr {SGI1R:#x} {sgi << 24 | 8:#x}") != -1
        for register in (ASGI1R, SGI0R):
            assert hostile(machine, f"msr {register:#x} {sgi << 24 | 8:#x}") == -1, "there is no other group"
    # To all others, which Linux takes for a request to reschedule.
    hostile(machine, f"write {GICD + 0xF00:#x} 0x1000000" if gic2 else f"msr {SGI1R:#x} {1 << 40:#x}")
    assert_beats(machine, "beat")

    # The distributor off; an interrupt of the highest priority to the cell's CPU, by its route and by message.
    hostile(machine, f"write {GICD:#x} 0")
    route = GICD + 0x800 + SPI if gic2 else GICD + 0x6000 + 8 * SPI
    target = 0x08080808 if gic2 else 3
    hostile(machine, f"write {route:#x} {target:#x}")
    assert hostile(machine, f"read {route:#x}") & target != target
    assert "no violation" in machine.check("hvctl verify")
    for register, value in ((0x400 + SPI, 0), (0x40, SPI)):
        hostile(machine, f"write {GICD + register:#x} {value:#x}")
    assert_beats(machine, "beat")
    # What belongs to the cell's CPU; with GICv2 there is no way to name it.
    if gic2:
        return
    before = words(machine, GICR_3, SET_UP)
    for offset, value in REDISTRIBUTOR:
        hostile(machine, f"write {GICR_3 + offset:#x} {value:#x}")
        if offset >= 0x10000:
            assert hostile(machine, f"read {GICR_3 + offset:#x}") == 0
    assert words(machine, GICR_3, SET_UP) == before
    assert_beats(machine, "beat")


def words(machine, base, places):
    """Of physical memory, as the machine itself sees them."""
    return [machine.monitor(f"xp /{count}xw {base + offset:#x}") for offset, count in places]


SMMU = 0x9050000
# CR0, CR1, IRQ_CTRL, STRTAB_BASE, STRTAB_BASE_CFG, CMDQ_BASE, CMDQ_PROD, EVENTQ_BASE
SMMU_REGISTERS = (0x20, 0x28, 0x50, 0x80, 0x88, 0x90, 0x98, 0xA0)


def attack_smmu(machine, memory, hypervisor):
    """Its registers are not root's; by its device root reaches neither the cell nor the hypervisor."""
    before = words(machine, SMMU, ((0, 64),))
    for offset in SMMU_REGISTERS:
        assert hostile(machine, f"read {SMMU + offset:#x}") == 0xFFFFFFFF
        hostile(machine, f"write {SMMU + offset:#x} 0")
    assert hostile(machine, f"copy {SMMU:#x}") == hostile(machine, f"fill {SMMU:#x}") == -14
    assert words(machine, SMMU, ((0, 64),)) == before
    source = test_smmu.kernel(machine)
    for target in (memory + 0x100000, hypervisor):
        value = test_smmu.word(machine, target)
        test_smmu.root_copies(machine, source, target)
        assert test_smmu.word(machine, target) == value != test_smmu.word(machine, source)
    assert_beats(machine, "beat")


# A function of root's with a base address, of which one bit more may be changed, and a register of the host bridge: where
# PCI configuration space is (q35), SMM memory (i440FX), the interrupt line (any)
Functions = collections.namedtuple("Functions", "bdf base bit bridge")
FUNCTIONS = {"amd": Functions("05.0", 0x10, 0x100000, 0x60), "intel": Functions("01.1", 0x20, 0x1000, 0x70),
             "arm64": Functions("05.0", 0x10, 0x100000, 0x3C)}


def test_everything_is_locked(machine):
    """The last test of a machine: nothing but a reset undoes it. The cell's CPU and its APIC id are 3."""
    bdf, base, bit, register = FUNCTIONS[machine.flavour]
    cloister.enable(machine)
    load_module(machine)
    number = start_heartbeat(machine, "beat", flags=blobs.VUART)
    memory = memory_of(machine, "beat")
    bar = read_config(machine, bdf, base)
    write_config(machine, bdf, base, bar ^ bit)
    assert read_config(machine, bdf, base) == bar ^ bit, "until now root can move what is its own"
    write_config(machine, bdf, base, bar)
    host = read_config(machine, "00.0", register)
    # It kicks its watchdog, and then hangs.
    machine.push("/tmp/watched.cell", test_watchdog.watched(machine, cpu=2))
    machine.check("hvctl cell run -s 'kicks=100 then=hang' /tmp/watched.cell /inmates/watchdog.bin")
    watched = cloister.cells(machine)["watched"]["id"]

    assert "All cells are locked" in machine.check("hvctl lock")
    # To look at a watchdog all the time does not end who kicks; who does not, see below, is still seen.
    for _ in range(20):
        assert hostile(machine, f"call {WATCHDOG} {watched}") in (1, 3)
    assert hostile(machine, f"call {WATCHDOG} {number}") == 0
    assert cloister.status(machine)["locked"]

    for command in ("lock", "disable", "cell create /cells/qemu-smp.cell", "cell load beat /inmates/hello.bin",
                    "cell start beat", "cell shutdown beat", "cell destroy beat"):
        cloister.refused(machine, f"hvctl {command}", "locked", "until the machine is reset")
    for call in (DISABLE, CREATE, LOCK, *MANAGEMENT):
        assert hostile(machine, f"call {call} {number} 1 1") == EPERM, f"hypercall {call}"
    assert hostile(machine, "fuzz 20261121 200000") == 0, "hypercalls that should have been refused"
    assert_beats(machine, "beat")
    cloister.wait_output(machine, "watched", "^watchdog: hang")
    cloister.wait_state(machine, "watched", "failed")
    assert f"cell 'watched' ({watched}): {test_watchdog.REASON}" in cloister.log_texts(machine, "watched")
    cloister.refused(machine, "hvctl cell destroy watched", "locked", "until the machine is reset")

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

    # What the architecture has for reaching another CPU and the machine.
    attack = {"x86": attack_x86, "arm64": attack_arm64}[machine.arch]
    kicks = cloister.exits(machine, "beat")[3]["kick"]
    attack(machine, memory, hypervisor)
    assert cloister.exits(machine, "beat")[3]["kick"] == kicks, "nothing of it was for the cell's CPU"

    # PCI: a base address over the cell's memory, the host bridge.
    write_config(machine, bdf, base, memory)
    assert read_config(machine, bdf, base) == bar
    write_config(machine, "00.0", register, ~host & 0xFFFFFFFF)
    assert read_config(machine, "00.0", register) == host
    # Other registers are root's as ever: the interrupt line.
    write_config(machine, bdf, 0x3C, (read_config(machine, bdf, 0x3C) & ~0xFF) | 0x2A)
    assert read_config(machine, bdf, 0x3C) & 0xFF == 0x2A
    assert_beats(machine, "beat")
    assert "no violation" in machine.check("hvctl verify")
    cloister.assert_healthy(machine)
    # A reset is all that is left, and root can do it: the driver cannot disable before it.
    machine.check("( sleep 1; reboot -f ) >/dev/null 2>&1 &")
    machine.wait_console("everything is locked", 60)
    machine.wait_console("reboot: Restarting system", 60)
    assert machine.wait_exit(60) == 0
