# SPDX-License-Identifier: GPL-2.0
"""Cells that attack (inmates/tests/red_*.c) beside a cell that counts timer interrupts. What each class does
and who checks it is in docs/security-attacks.md.

The attacker counts its attempts in lines "attack CLASS tried=N refused=N survived=N succeeded=N"; none may
succeed. What it cannot see by itself is looked at from root and from the emulator, before and after. The
counts go to build/attacks, of which scripts/run-tests makes a table.
"""

import re

import pytest

import blobs
import cloister
import initramfs

COUNTS = initramfs.BUILD / "attacks"
PERIOD_US = 1000
# How far the heartbeat has to come while an attack runs or after it.
TICKS = 200
# For one attack; the machines are slow.
ATTACK_TIMEOUT = 90

# class: (inmate, what it must have tried at least)
ATTACKS = {
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
    # On two machines: more than 10^6 in each run of the suite.
    "calls": ("red_cpu count=520000", 520000),
    "registers": ("red_cpu", 4),
    "registers again": ("red_cpu", 4),
    "caches": ("red_cpu", 4000),
}

MACHINES = [{"apic": "x2apic"}, {"apic": "xapic"}]
FILES = {"cells/heartbeat.cell": blobs.cell("heartbeat", cpus=[2]), "cells/attacker.cell": blobs.cell("attacker", cpus=[3])}

pytestmark = pytest.mark.parametrize("machine", [options | {"files": FILES} for options in MACHINES], indirect=True,
                                     ids=["x2apic", "xapic"])


def record(machine, name, tried, refused, survived, succeeded):
    """Adds to the counts that make test prints."""
    apic = "x2apic" if "x2apic" in machine.log_directory.name else "xapic"
    with open(COUNTS, "a", encoding="utf-8") as counts:
        counts.write(f"{name} {apic} {tried} {refused} {survived} {succeeded}\n")


def machine_state(machine):
    """What an attack could have changed outside of its cell, as root and the emulator see it: configuration
    of all PCI functions, interrupt controllers, registers of root's CPUs."""
    state = {"pci": machine.check("cd /sys/bus/pci/devices; for f in *; do echo $f; hexdump -v $f/config; done")}
    # Which interrupts are pending changes by itself.
    entries = machine.monitor("info pic")
    state["ioapic"] = [line for line in entries.splitlines() if re.match(r"\s*pin ", line)]
    # APIC base, SYSENTER, PAT, MTRR, EFER, STAR, LSTAR, TSC_AUX, HWCR
    msrs = ("0x1b", "0x174", "0x175", "0x176", "0x277", "0x2ff", "0xc0000080", "0xc0000081", "0xc0000082", "0xc0000103",
            "0xc0010015")
    for cpu in (0, 1):
        state[f"MSRs of CPU {cpu}"] = machine.check(
            "; ".join(f"dd if=/dev/cpu/{cpu}/msr bs=8 count=1 skip={int(msr, 16)} iflag=skip_bytes 2>/dev/null | hexdump -v"
                      for msr in msrs))
    # Interrupts that nobody sends here: NMIs, and those that Linux has no use for.
    state["interrupts"] = machine.check("grep -E '^ *(NMI|THR|DFR|MCE|ERR|MIS):' /proc/interrupts")
    state["kernel log"] = machine.check("dmesg | grep -c -E 'No irq handler|NMI received' || true")
    return state


@pytest.fixture(scope="module")
def heart(machine):
    """The machine with Cloister enabled and the heartbeat cell running, which must end well."""
    before = cloister.Snapshot(machine)
    machine.check("modprobe msr")
    cloister.enable(machine)
    cloister.start(machine, "heartbeat", "heartbeat", f"period_us={PERIOD_US} print_ms=100", path="/cells/heartbeat.cell")
    machine.check("hvctl cell create /cells/attacker.cell")
    yield machine
    machine.check("hvctl cell destroy attacker", 60)
    machine.check("hvctl cell shutdown heartbeat --timeout 30000", 120)
    assert cloister.state(machine, "heartbeat") == "shut down"
    assert machine.check("hvctl console heartbeat").endswith("heartbeat: done\r\n")
    machine.check("hvctl cell destroy heartbeat", 60)
    cloister.disable(machine)
    before.assert_same(machine)
    cloister.assert_healthy(machine)


def heartbeats(machine):
    """(interrupts counted, longest time between two in ns) of the last line on the heartbeat's console."""
    lines = re.findall(r"^heartbeat: (\d+) ticks, longest interval (\d+) ns", machine.check("hvctl console heartbeat"), re.MULTILINE)
    return int(lines[-1][0]), int(lines[-1][1])


def assert_others_unharmed(machine, since):
    """The heartbeat goes on, and root works."""
    cloister.wait(machine, "the heartbeat to go on", lambda: heartbeats(machine)[0] >= since + TICKS)
    assert cloister.state(machine, "heartbeat") == "running"
    # What its library says about an interrupt or exception that it does not expect
    assert "inmate:" not in machine.check("hvctl console heartbeat")
    assert machine.check("echo root $((6 * 7))") == "root 42\n"


def start(machine, inmate, arguments):
    machine.check(f"hvctl cell load attacker -s '{arguments}' /inmates/{inmate}.bin")
    machine.check("hvctl cell start attacker")


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(heart, name):
    machine = heart
    (inmate, *arguments), at_least = ATTACKS[name][0].split(), ATTACKS[name][1]
    # Some are told by what a former run left behind.
    name = name.split()[0]
    before = machine_state(machine)
    beats, _ = heartbeats(machine)
    seen = len(machine.check("hvctl console attacker"))
    start(machine, inmate, " ".join([f"what={name}", *arguments]))
    cloister.wait(machine, f"attack {name} to end", lambda: cloister.state(machine, "attacker") != "running", ATTACK_TIMEOUT)
    said = machine.check("hvctl console attacker")
    # The console is a ring: what earlier attacks said may have gone.
    said = said[seen:] if len(said) > seen else said
    assert cloister.state(machine, "attacker") == "shut down", said
    lines = re.findall(rf"^attack {name} tried=(\d+) refused=(\d+) survived=(\d+) succeeded=(\d+)\r$", said, re.MULTILINE)
    assert lines, said
    record(machine, name, *lines[-1])
    assert int(lines[-1][0]) >= at_least
    assert lines[-1][3] == "0", said
    assert machine_state(machine) == before
    assert_others_unharmed(machine, beats)
