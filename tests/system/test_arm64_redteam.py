# SPDX-License-Identifier: GPL-2.0
"""Cells that attack on arm64, all classes (see redteam.py)."""

import random
import re
import struct

import pytest

import cloister
import redteam
from redteam import (ATTACK_TIMEOUT, ATTACKS, SCAN, STORMS, assert_others_unharmed, assert_unchanged, attack, heart, heartbeats, last_stop,
                     machine_state, output_since, record, storm)  # pylint: disable=unused-import

FILES = redteam.files("arm64")
MACHINES = [{"arch": "arm64", "gic": 3, "files": FILES}]
pytestmark = pytest.mark.parametrize("machine", MACHINES, indirect=True, ids=["gic3"])

@pytest.mark.parametrize("name", ATTACKS["arm64"])
def test_attack(heart, name):
    attack(heart, name, *ATTACKS["arm64"][name])


# Each ends the cell: (class, inmate, what the hypervisor's log says). {hv} is the address of the hypervisor.
ENDS = {
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
}

# Instructions that are not emulated, on registers of the interrupt controller; X1 and X4 are their address.
NOT_EMULATED = {
    "085f7c20": "ldxrb", "c85ffc20": "ldaxr", "c87f0820": "ldxp", "3dc00020": "ldr q0", "3d800020": "str q0",
    "fd400020": "ldr d0", "ad400820": "ldp q0, q2", "6d000820": "stp d0, d2", "0c407020": "ld1", "4c007020": "st1",
    "d50b7421": "dc zva", "b8404484": "ldr w4, [x4], #4", "28c11024": "ldp w4, w4, [x1], #8",
}


def start_with(machine, command_line):
    inmate, arguments = command_line.split(" ", 1)
    redteam.start(machine, inmate, arguments)


@pytest.mark.parametrize("name", ENDS)
def test_end(heart, name):
    """What ends the cell says why, and nobody else notices."""
    machine = heart
    group, command_line, reason = ENDS[name]
    places = {"hv": cloister.status(machine)["hv_phys"]}
    beats, _ = heartbeats(machine)
    seen = cloister.log(machine)[-1]["seq"]
    start_with(machine, command_line.format(**places))
    assert last_stop(machine, seen).startswith(reason.format(**places))
    record(machine, group, 1, 1, 0, 0)
    assert_others_unharmed(machine, beats)


def test_not_emulated(heart):
    """Instructions that a driver does not use on registers: the log has the instruction's word."""
    machine = heart
    beats, _ = heartbeats(machine)
    for word, text in NOT_EMULATED.items():
        seen = cloister.log(machine)[-1]["seq"]
        start_with(machine, f"red_memory what=insn word=0x{word}")
        assert f"unknown instruction {word} " in last_stop(machine, seen), text
        record(machine, "instructions", 1, 1, 0, 0)
    assert_others_unharmed(machine, beats)


def foreign_addresses(machine):
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


def probes(machine, kinds=(0, 1, 2, 3, 4)):
    """The table of red_memory.c: each class of address is read, written, executed, loaded exclusively and zeroed."""
    found = [(address, kind) for number, address in enumerate(foreign_addresses(machine)) for kind in kinds
             if kind == number % len(kinds) or number < 10]
    return len(found), struct.pack("<Q", len(found)) + b"".join(struct.pack("<QQ", *probe) for probe in found)


def test_scan(heart):
    """Accesses to foreign addresses. Each ends the cell, or is a fault of its own; the attacker goes on where it was
    with each start."""
    machine = heart
    before = machine_state(machine)
    beats, _ = heartbeats(machine)
    count, table = probes(machine)
    machine.push("/tmp/probes", table)
    machine.check("hvctl cell load attacker -s what=scan /inmates/red_memory.bin /tmp/probes@0x100000")
    ended = int(machine.check(SCAN, ATTACK_TIMEOUT))
    assert cloister.state(machine, "attacker") == "shut down"
    said = machine.check("hvctl console attacker")
    line = re.findall(r"^attack scan tried=(\d+) refused=(\d+) survived=(\d+) succeeded=(\d+)\r$", said, re.MULTILINE)[-1]
    record(machine, "scan", *line)
    assert int(line[0]) == count and line[3] == "0", said
    # Addresses beyond what the CPU has are faults of the cell itself.
    assert count / 2 < ended < count
    assert_unchanged(machine, before)
    assert_others_unharmed(machine, beats)


def test_maintenance(heart):
    """The same addresses, and what needs no access: caches, translation, TLBs."""
    machine = heart
    machine.push("/tmp/probes", probes(machine, (0,))[1])
    attack(machine, "maintenance", "red_memory", 2000, "/tmp/probes@0x100000")


@pytest.mark.parametrize("what", STORMS["arm64"])
def test_storm(heart, what):
    seen = len(heart.check("hvctl console attacker"))
    storm(heart, what)
    # It has not ended in the library.
    assert "inmate:" not in output_since(heart, seen)


@pytest.fixture(scope="module")
def pair(heart):
    """A cell with two CPUs in the attacker's stead, until the end of the module."""
    heart.check("hvctl cell destroy attacker", 60)
    heart.check("hvctl cell create /cells/pair.cell")
    yield heart
    heart.check("hvctl cell destroy pair", 60)
    heart.check("hvctl cell create /cells/attacker.cell")


@pytest.mark.parametrize("what", ("race", "on-off"))
def test_two_cpus(pair, what):
    """CPUs of one cell that work against each other, and against the hypervisor between two looks of it."""
    machine = pair
    for _ in range(2):
        beats, _ = heartbeats(machine)
        machine.check(f"hvctl cell load pair -s what={what} /inmates/red_storm.bin")
        machine.check("hvctl cell start pair")
        assert_others_unharmed(machine, beats)
        assert cloister.state(machine, "pair") in ("running", "failed")
        assert "inmate:" not in machine.check("hvctl console pair")
        record(machine, "storms", 1, 0, 1, 0)


def test_both_cpus_fail(pair):
    """Two CPUs break a rule at the same time; the cell is started again as soon as it has failed."""
    machine = pair
    beats, _ = heartbeats(machine)
    machine.check("hvctl cell load pair -s what=both-fail /inmates/red_storm.bin")
    for _ in range(10):
        seen = cloister.log(machine)[-1]["seq"]
        machine.check("hvctl cell start pair")
        cloister.wait_state(machine, "pair", "failed")
        texts = [text for text in cloister.log_texts(machine, "pair", after=seen) if "stopped" in text]
        assert 1 <= len(texts) <= 2 and all("stopped: write of address 0x5000" in text for text in texts), texts
        record(machine, "storms", 1, 1, 0, 0)
    assert_others_unharmed(machine, beats)
