# SPDX-License-Identifier: GPL-2.0
"""Cells that attack (inmates/tests/*/red_*.c) beside a cell that counts timer interrupts: what the tests of that
have in common. What each class does and who checks it is in docs/security-attacks.md.

The attacker counts its attempts in lines "attack CLASS tried=N refused=N survived=N succeeded=N"; none may
succeed. What it cannot see by itself is looked at from root and from the emulator, before and after. The
counts go to build/attacks, of which scripts/run-tests makes a table.
"""

import random
import re
import struct

import pytest

import blobs
import cloister
import initramfs

COUNTS = initramfs.BUILD / "attacks"
PERIOD_US = 1000
# How far the heartbeat has to come while an attack runs or after it.
TICKS = 100
# For one attack; the machines are slow.
ATTACK_TIMEOUT = 90

# class: (inmate, what it must have tried at least)
ATTACKS = {
    "x86": {
        "ports": ("red_scan", 400000),
        "msrs": ("red_scan", 100000),
        "cpuid": ("red_scan", 20000),
        "ipis": ("red_apic", 30000),
        "lvts": ("red_apic", 40),
        "apic-regs": ("red_apic", 700),
        "apic-mode": ("red_apic", 1900),
        "levels": ("red_apic", 800),
        "pending": ("red_apic", 240),
        "in-service": ("red_apic", 250),
        "control": ("red_cpu", 550),
        "svm": ("red_cpu", 14000),
        "vmx": ("red_cpu", 10000),
        "calls": ("red_cpu count=1010000", 1010000),
        "registers": ("red_cpu", 4),
        "registers again": ("red_cpu", 4),
        "caches": ("red_cpu", 4000),
        "pages": ("red_memory", 2000),
    },
    # The CPU raises #GP, where QEMU's ends the guest
    "intel": {"cr4": ("red_cpu", 1)},
    "arm64": {
        "sysregs": ("red_scan", 100000),
        "system": ("red_scan", 30000),
        "vectors": ("red_scan", 32),
        "vectors again": ("red_scan", 32),
        "gic": ("red_gic", 200000),
        "sgis": ("red_gic", 16000),
        "own-sgis": ("red_gic", 2000),
        "firmware": ("red_calls count=200000", 200000),
        "calls": ("red_calls count=200000", 200000),
        "immediates": ("red_calls", 69000),
        "mmio": ("red_memory", 17),
    },
}

# With devices in the attacker's config.
DEVICE_ATTACKS = {
    "x86": {"ioapic": ("red_device own=40", 15000)},
    # With a device of QEMU's
    "amd": {
        "pci": ("red_device own=40", 70000),
        "mmio": ("red_device own=40", 290),
    },
}

# What never ends: the attack goes on until the CPU is taken back.
STORMS = {
    "x86": ("nmi-handler", "nmi-flood", "timer-flood", "icebp", "db-stack", "alignment", "hypercall", "init-self", "denied",
            "ipi-flood", "trap-flag", "page-fault", "software-mc", "cpuid", "wrmsr", "port", "ecam", "caches", "x87", "comm", "console"),
    "arm64": ("masked", "vectors", "no-stack", "svc", "illegal", "user", "user32", "wfi", "wfe", "sgi-flood", "no-end", "timer-flood",
              "hypercall", "firmware", "sysreg", "gic", "console", "comm", "barriers", "tlbs", "caches", "exclusive"),
}

# Each ends the cell: (class, inmate, what the hypervisor's log says). {hv} is the address of the hypervisor.
ENDS = {
    # Bochs sets accessed bits of page tables that EPT has read-only, and raises #GP where QEMU ends the guest.
    "amd": {
        "page table that is read-only": ("memory", "red_memory what=pte address=0x400000", "page table at address 0x400000"),
        "reserved bit of CR4": ("control", "red_cpu what=cr4", "exit that has no handler (exit 0xffffffff"),
    },
    "x86": {
        "CR3 to the hypervisor": ("memory", "red_memory what=cr3 address={hv:#x}", "page table at address {hv:#x}"),
        "CR3 to devices": ("memory", "red_memory what=cr3 address=0xfed00000", "page table at address 0xfed00000"),
        "CR3 to PCI configuration": ("memory", "red_memory what=cr3 address=0xb0000000", "page table at address 0xb0000000"),
        "page table in PCI configuration": ("memory", "red_memory what=pte address=0xb0000000", "page table at address 0xb0000000"),
        "page table of root": ("memory", "red_memory what=pte address=0x10000000", "page table at address 0x10000000"),
        "write to what is read-only": ("memory", "red_memory what=write address=0x400000", "write of address 0x400000"),
        "code of root": ("memory", "red_memory what=code address=0x10000000", "code at address 0x10000000"),
        "code in memory without that right": ("memory", "red_memory what=code address=0x200000", "code at address 0x200000"),
        "instruction that ends in foreign memory": ("memory", "red_memory what=code-split address=0x10000000", "code at address 0x10000000"),
        "stack in foreign memory": ("memory", "red_memory what=stack address=0x10000000", "stack or table at address 0x100007f8"),
        "stack in PCI configuration": ("memory", "red_memory what=stack address=0xb0000000", "stack or table at address 0xb00007f8"),
        "interrupt table in PCI configuration": ("memory", "red_memory what=idt address=0xb0000000", "stack or table at address 0xb00000e0"),
    },
    "arm64": {
        "page table in the hypervisor": ("memory", "red_memory what=table address={hv:#x}", "page table at address {hv:#x}"),
        "page table of root": ("memory", "red_memory what=table address=0x50000000", "page table at address 0x50000000"),
        "page table in interrupt controller": ("memory", "red_memory what=table address=0x8000000", "page table at address 0x8000000"),
        "write to what is read-only": ("memory", "red_memory what=write address=0x400000", "write of address 0x400000"),
        "write to the hypervisor": ("memory", "red_memory what=write address={hv:#x}", "write of address {hv:#x}"),
        "code in memory without that right": ("memory", "red_memory what=code address=0x200000", "execution at address 0x200000"),
        "code of root": ("memory", "red_memory what=code address=0x50000000", "execution at address 0x50000000"),
        "code in interrupt controller": ("memory", "red_memory what=code address=0x8000000", "execution at address 0x8000000"),
        "stack in foreign memory": ("memory", "red_memory what=stack address=0x50000000", "write of address 0x50000"),
        "interrupt translation": ("memory", "red_memory what=write address=0x8080000", "write of address 0x8080000"),
        "messages": ("memory", "red_memory what=write address=0x8090040", "write of address 0x8090040"),
    },
}

# With two CPUs that work against each other, and against the hypervisor between two looks of it.
PAIR_STORMS = {"x86": ("race", "sipi-flood"), "arm64": ("race", "on-off")}

# Memory of root's, for attacks that name an address, and with two CPUs a page nearby.
ROOTS = {"x86": 0x10000000, "arm64": 0x50000000}

# Read-only memory with a page table in it, whose first entry has not been used yet.
READ_ONLY = (blobs.AUTO, 0x400000, 0x1000, blobs.READ | blobs.LOADABLE)
ATTACKER = [blobs.ram(), blobs.comm(), READ_ONLY]
EDU, IOAPIC = 5 << 3, 0xFEC00000


def files(arch):
    """Configs of the cells, for the machine."""
    return {
        "cells/heartbeat.cell": blobs.cell("heartbeat", cpus=[2], arch=arch),
        "cells/attacker.cell": blobs.cell("attacker", cpus=[3], memory=ATTACKER, arch=arch),
        "cells/pair.cell": blobs.cell("pair", cpus=[1, 3], arch=arch),
        "cells/accomplice.cell": blobs.cell("accomplice", cpus=[1], arch=arch),
        "inmates/table": struct.pack("<Q", 0x1003),
    }


FILES = files("x86") | {
    "cells/devices.cell": blobs.cell("attacker", cpus=[3], memory=ATTACKER, irqchips=[(IOAPIC, 1 << 8, 0)], pci=[(0, 0, EDU)]),
}
# Of the machine, besides the mode of its APICs.
OPTIONS = {"files": FILES, "extra": ("-device", "edu,addr=5")}

# Starts the attacker again as long as each start ends in its being stopped; prints how many there were.
SCAN = """cell=$(grep -l attacker /sys/class/misc/cloister/cells/*/name); cell=${cell%/name}
count=0
while :; do
	hvctl cell start attacker || exit 1
	while read state <$cell/state; [ "$state" = running ]; do hvctl cell list >/dev/null; done
	[ "$state" = failed ] || break
	count=$((count + 1))
done
echo $count"""


def record(machine, name, tried, refused, survived, succeeded):
    """Adds to the counts that make test prints."""
    with open(COUNTS, "a", encoding="utf-8") as counts:
        counts.write(f"{name} {machine.arch} {tried} {refused} {survived} {succeeded}\n")


# APIC base, SYSENTER, PAT, MTRR, EFER, STAR, LSTAR, TSC_AUX; HWCR, or feature control
MSRS = ("0x1b", "0x174", "0x175", "0x176", "0x277", "0x2ff", "0xc0000080", "0xc0000081", "0xc0000082", "0xc0000103")
MORE_MSRS = {"amd": ("0xc0010015",), "intel": ("0x3a",)}


def _ioapic(machine):
    """The entries of all pins but 8, which may be the attacker's, without what is pending, which changes by itself."""
    if machine.flavour == "amd":
        return [line for line in machine.monitor("info pic").splitlines() if re.match(r"\s*pin (?!8 )", line)]
    # As root reads them: Bochs has no monitor.
    words = _hostile(machine, f"i=16; while [ $i -lt 64 ]; do h write {IOAPIC:#x} $i; h read {IOAPIC + 16:#x}; echo $v; i=$((i + 1)); done")
    return [int(word) & ~0x5000 for number, word in enumerate(words) if number // 2 != 8]


def _hostile(machine, script, cpu=0):
    """What a script writes on a CPU of root, in words: with h COMMAND of the hostile module, whose answer is in v. No program
    is executed for each."""
    functions = "h() { echo $* >/proc/hostile; read v </proc/hostile; }; "
    return machine.check(f"taskset -c {cpu} sh -c '{functions}{script}'").split()


def _state_x86(machine):
    state = {"ioapic": _ioapic(machine)}
    msrs = MSRS + MORE_MSRS[machine.flavour]
    for cpu in (0, 1):
        values = _hostile(machine, f"for msr in {' '.join(msrs)}; do h rdmsr $msr; echo $v; done", cpu)
        assert len(values) == len(msrs) and "-1" not in values, values
        state[f"MSRs of CPU {cpu}"] = values
    return state


# Groups, enables, priorities, edges and routes of GICv3's shared interrupts: (address, words)
GICV3_REGISTERS = ((0x8000084, 8), (0x8000104, 8), (0x8000420, 64), (0x8000C08, 16), (0x8006100, 256))
# Groups, enables and priorities of what is CPU 0's and CPU 1's own
GICV3_REGISTERS += tuple((frame + offset, words) for frame in (0x80B0000, 0x80D0000) for offset, words in ((0x80, 1), (0x100, 1), (0x400, 8)))


def _state_arm64(machine):
    state = {"verify": "no violation" in machine.check("hvctl verify")}
    # QEMU cannot show what GICv2 has: much of it depends on the CPU that looks.
    if "gic-2" not in machine.log_directory.name:
        for address, words in GICV3_REGISTERS:
            state[f"GIC {address:#x}"] = machine.monitor(f"xp /{words}xw {address:#x}")
    return state


def machine_state(machine):
    """What an attack could have changed outside of its cell, as root and the emulator see it: configuration
    of all PCI functions, interrupt controllers, registers of root's CPUs."""
    state = _state_arm64(machine) if machine.arch == "arm64" else _state_x86(machine)
    # PCI without the status registers, bytes 6 and 7 of 256: whether an interrupt is pending changes by itself. Interrupts
    # that nobody sends here: NMIs, and those that Linux has no use for.
    text = machine.check("cat /sys/bus/pci/devices/*/config | hexdump -v -e '256/1 \"%02x\" \"\\n\"' | cut -c1-12,17- | md5sum; "
                         "dmesg | grep -c -E 'No irq handler|NMI received|Unknown IPI|unexpected IRQ'; "
                         "grep -E '^ *(NMI|THR|DFR|MCE|ERR|MIS|Err):' /proc/interrupts")
    state["pci"], state["kernel log"], state["interrupts"] = text.split("\n", 2)
    return state


def assert_unchanged(machine, before):
    now = machine_state(machine)
    changed = {key: (before[key], now[key]) for key in before if now[key] != before[key]}
    assert not changed, changed


def device_interrupts(machine):
    """Interrupts of the line for commands that root has taken."""
    line = machine.check(f"grep -m 1 {machine.lines.commands} /proc/interrupts")
    return sum(int(word) for word in line.split()[1:5] if word.isdigit())


def assert_others_unharmed(machine, since):
    """The heartbeat goes on, and root works."""
    cloister.wait(machine, "the heartbeat to go on", lambda: cloister.heartbeats(machine)[0] >= since + TICKS)
    assert cloister.state(machine, "heartbeat") == "running"
    # What its library says about an interrupt or exception that it does not expect
    assert machine.run("hvctl console heartbeat | grep inmate:") == (1, "")
    # A device of root still interrupts.
    interrupts = device_interrupts(machine)
    cloister.wait(machine, "a device's interrupt", lambda: device_interrupts(machine) > interrupts)
    # Root answers within a second of its own time. Where time is not that of the instructions, how busy the host is
    # would be measured: there the time-out of the command is all.
    before, *_, after = machine.check("cut -d' ' -f1 /proc/uptime; hvctl cell list; cut -d' ' -f1 /proc/uptime").split("\n")[:-1]
    if "icount" in machine.log_directory.name:
        assert float(after) - float(before) < 1


def start(machine, inmate, arguments, also="/inmates/table@0x400000"):
    machine.check(f"hvctl cell load attacker -s '{arguments}' /inmates/{inmate}.bin {also}")
    machine.check("hvctl cell start attacker")


def output_since(machine, seen):
    """What the attacker has said since there were so many characters."""
    # The console is a ring: what earlier attacks said may have gone.
    return machine.check("hvctl console attacker >/tmp/console; "
                         f"if [ $(wc -c </tmp/console) -gt {seen} ]; then tail -c +{seen + 1} /tmp/console; else cat /tmp/console; fi")


def output_size(machine):
    return int(machine.check("hvctl console attacker | wc -c"))


def attack(machine, name, command_line, at_least, also="/inmates/table@0x400000"):
    """Runs an attack that counts what it has tried, and comes to an end."""
    # Some are told by what a former run left behind.
    name = name.split()[0]
    inmate, *arguments = command_line.split()
    before = machine_state(machine)
    beats, _ = cloister.heartbeats(machine)
    seen = output_size(machine)
    start(machine, inmate, " ".join([f"what={name}", *arguments]), also)
    cloister.wait(machine, f"attack {name} to end", lambda: cloister.state(machine, "attacker") != "running" or
                  "inmate: stopped" in output_since(machine, seen), ATTACK_TIMEOUT)
    said = output_since(machine, seen)
    assert cloister.state(machine, "attacker") == "shut down", said
    lines = re.findall(rf"^attack {name} tried=(\d+) refused=(\d+) survived=(\d+) succeeded=(\d+)\r$", said, re.MULTILINE)
    assert lines, said
    record(machine, name, *lines[-1])
    assert int(lines[-1][0]) >= at_least
    assert lines[-1][3] == "0", said
    assert_unchanged(machine, before)
    assert_others_unharmed(machine, beats)


def last_stop(machine, seen):
    """Why the attacker was stopped, as the log has it."""
    cloister.wait_state(machine, "attacker", "failed")
    texts = [text for text in cloister.log_texts(machine, "attacker", after=seen) if "stopped: " in text]
    assert len(texts) == 1, texts
    return texts[0].partition("stopped: ")[2]


def storm(machine, what):
    """The others go on while it lasts, and its CPU can be taken from the cell."""
    before = machine_state(machine)
    beats, _ = cloister.heartbeats(machine)
    seen = cloister.last_record(machine)
    start(machine, "red_storm", f"what={what}")
    assert_others_unharmed(machine, beats)
    # A cell that writes into its comm region can say that it has shut down.
    assert cloister.state(machine, "attacker") == "running" or what == "comm"
    lines = cloister.log_texts(machine, "attacker", after=seen)
    assert len(lines) <= 8, lines
    machine.check("hvctl cell load attacker /inmates/red_storm.bin")
    assert cloister.state(machine, "attacker") == "stopped"
    assert_unchanged(machine, before)
    record(machine, "storms", 1, 0, 1, 0)


def _foreign_x86(machine):
    """Addresses that are not the attacker's, by classes: memory of the hypervisor and of other cells, borders
    of what root has, devices, powers of two up to the width that CPUs can have, and a random sample."""
    status = cloister.status(machine)
    hypervisor, size = status["hv_phys"], status["hv_size"]
    edges = [0x201000, 0x400000 - 8, 0x401000, hypervisor - 8, hypervisor + size, 0x80000000, 0xC0000000, 0x100000000]
    inside = [hypervisor + offset for offset in range(0, size, size // 16)] + [hypervisor + size - 8]
    pool = [hypervisor + size + offset for offset in range(0, 0x3E00000, 0x400000)]
    devices = [0xA0000, 0xFEC00000, 0xFED00000, 0xFEE00000, 0xFFC00000, 0xFFFFFFF0, 0xB0000000, 0xBFFFF000]
    bars = machine.check("cat /sys/bus/pci/devices/*/resource | grep -v ' 0x0000000000000000 ' | cut -d' ' -f1")
    devices += [int(line, 16) for line in bars.split()[::2] if int(line, 16) >= 0x201000]
    powers = [1 << bit for bit in range(23, 52)] + [(1 << bit) - 8 for bit in range(23, 52)]
    sample = random.Random(1)
    chance = [sample.randrange(0x401000, 1 << sample.choice((30, 32, 40, 48, 52))) & ~7 for _ in range(60)]
    # In xAPIC mode a cell reads its own local APIC.
    return [address for address in edges + inside + pool + devices + powers + chance
            if address >= 0x201000 and not 0x400000 <= address < 0x401000 and not (0xFEE00000 <= address < 0xFEE01000)]


def _foreign_arm64(machine):
    """Addresses that are not the attacker's, by classes: memory of the hypervisor and of other cells, borders
    of what root has, devices, powers of two beyond the width of the CPU's addresses, and a random sample."""
    status = cloister.status(machine)
    hypervisor, size = status["hv_phys"], status["hv_size"]
    edges = [0x201000, 0x400000 - 8, 0x401000, 0x40000000, hypervisor - 8, hypervisor + size, 0xBFFFFFF8, 0xC0000000]
    inside = [hypervisor + offset for offset in range(0, size, size // 16)] + [hypervisor + size - 8]
    pool = [hypervisor + size + offset for offset in range(0, 0x3E00000, 0x400000)]
    # Interrupt translation, UARTs, clock, GPIO, firmware configuration, SMMU, virtio, platform bus, PCI
    devices = [0x8080000, 0x8090000, 0x9000000 + 0x1000, 0x9010000, 0x9020000, 0x9030000, 0x9040000, 0x9050000, 0xA000000,
               0xC000000, 0x10000000, 0x3EFF0000, 0x8000000000]
    # With GICv2 these are the CPU interface's other views: hypervisor's and guests'.
    devices += [0x8030000, 0x8040000]
    powers = [1 << bit for bit in range(28, 48)] + [(1 << bit) - 8 for bit in range(28, 48)]
    sample = random.Random(1)
    chance = [sample.randrange(0x401000, 1 << sample.choice((30, 32, 40, 44, 48))) & ~7 for _ in range(40)]
    # The interrupt controller and PCI configuration space are not memory, and have their own tests.
    return [address for address in edges + inside + pool + devices + powers + chance
            if not 0x8000000 <= address < 0x8020000 and not 0x80A0000 <= address < 0x9001000
            and not 0x4010000000 <= address < 0x4020000000]


# Of red_memory.c: read, write, execute; on arm64 also load exclusively and zero
KINDS = {"x86": 3, "arm64": 5}


def probes(machine, kinds=None):
    """The table of red_memory.c: how many there are, and its bytes."""
    foreign = _foreign_arm64 if machine.arch == "arm64" else _foreign_x86
    kinds = range(KINDS[machine.arch]) if kinds is None else kinds
    found = [(address, kind) for number, address in enumerate(foreign(machine)) for kind in kinds
             if kind == number % len(kinds) or number < 20]
    return len(found), struct.pack("<Q", len(found)) + b"".join(struct.pack("<QQ", *probe) for probe in found)


@pytest.fixture(scope="module")
def heart(machine):
    """The machine with Cloister enabled and the heartbeat cell running, which must end well."""
    before = cloister.Snapshot(machine)
    if machine.arch == "x86":
        machine.check("[ -e /proc/hostile ] || insmod /lib/modules/hostile.ko")
    cloister.enable(machine)
    cloister.start(machine, "heartbeat", "heartbeat", f"period_us={PERIOD_US} print_ms=50", path="/cells/heartbeat.cell")
    cloister.wait_output(machine, "heartbeat", "^heartbeat: [0-9]+ ticks")
    machine.check("hvctl cell create /cells/attacker.cell")
    yield machine
    machine.check("hvctl cell destroy attacker", 60)
    cloister.end_heartbeat(machine, before)


@pytest.fixture(scope="module")
def attacker_with_devices(heart):
    """An attacker that has devices, on the machine of the others."""
    heart.check("hvctl cell destroy attacker", 60)
    heart.check("hvctl cell create /cells/devices.cell")
    return heart
