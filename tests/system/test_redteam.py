# SPDX-License-Identifier: GPL-2.0
"""Cells that attack, all classes (see redteam.py), in x2APIC mode."""

import random
import re
import struct

import pytest

import cloister
from redteam import (ATTACK_TIMEOUT, ATTACKS, DEVICE_ATTACKS, EDU, OPTIONS, SCAN, STORMS, assert_others_unharmed, assert_unchanged, attack,
                     attacker_with_devices, heart, heartbeats, last_stop, machine_state, record, start, storm)  # pylint: disable=unused-import

pytestmark = pytest.mark.parametrize("machine", [{"apic": "x2apic"} | OPTIONS], indirect=True, ids=["x2apic"])

# Each ends the cell: (class, inmate, what the hypervisor's log says). {hv} is the address of the hypervisor.
ENDS = {
    "reserved bit of CR4": ("control", "red_cpu what=cr4", "exit that has no handler (exit 0xffffffff"),
    "CR3 to the hypervisor": ("memory", "red_memory what=cr3 address={hv:#x}", "page table at address {hv:#x}"),
    "CR3 to devices": ("memory", "red_memory what=cr3 address=0xfed00000", "page table at address 0xfed00000"),
    "CR3 to PCI configuration": ("memory", "red_memory what=cr3 address=0xb0000000", "page table at address 0xb0000000"),
    "page table of root": ("memory", "red_memory what=pte address=0x10000000", "page table at address 0x10000000"),
    "page table in PCI configuration": ("memory", "red_memory what=pte address=0xb0000000", "page table at address 0xb0000000"),
    "page table that is read-only": ("memory", "red_memory what=pte address=0x400000", "page table at address 0x400000"),
    "write to what is read-only": ("memory", "red_memory what=write address=0x400000", "write of address 0x400000"),
    "code in memory without that right": ("memory", "red_memory what=code address=0x200000", "code at address 0x200000"),
    "code of root": ("memory", "red_memory what=code address=0x10000000", "code at address 0x10000000"),
    "instruction that ends in foreign memory": ("memory", "red_memory what=code-split address=0x10000000", "code at address 0x10000000"),
    "stack in PCI configuration": ("memory", "red_memory what=stack address=0xb0000000", "stack or table at address 0xb00007f8"),
    "stack in foreign memory": ("memory", "red_memory what=stack address=0x10000000", "stack or table at address 0x100007f8"),
    "interrupt table in PCI configuration": ("memory", "red_memory what=idt address=0xb0000000", "stack or table at address 0xb00000e0"),
}

# Instructions of red_device.c that are not emulated, on device registers.
NOT_EMULATED = ("ab", "f3aa", "a5", "ad", "f3a4", "f0830701", "f00fc107", "f00fb10f", "8707", "0107", "0307", "802701", "830f01",
                "3107", "8507", "833f01", "ff07", "0fba2f01", "ff37", "8f07", "ff17", "dd07", "8903", "8b03", "480fc70f",
                "0f0117", "8c1f", "0f1007", "660f7f07")


@pytest.mark.parametrize("name", ATTACKS["x86"])
def test_attack(heart, name):
    attack(heart, name, *ATTACKS["x86"][name])


@pytest.mark.parametrize("name", ENDS)
def test_end(heart, name):
    """What ends the cell says why, and nobody else notices."""
    machine = heart
    group, command_line, reason = ENDS[name]
    places = {"hv": cloister.status(machine)["hv_phys"]}
    beats, _ = heartbeats(machine)
    seen = cloister.log(machine)[-1]["seq"]
    inmate, arguments = command_line.format(**places).split(" ", 1)
    start(machine, inmate, arguments)
    assert last_stop(machine, seen).startswith(reason.format(**places))
    record(machine, group, 1, 1, 0, 0)
    assert_others_unharmed(machine, beats)


def foreign_addresses(machine):
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


def test_scan(heart):
    """Reads, writes and code fetches at foreign addresses. Each ends the cell, or is a page fault of its own, or is
    answered as if nothing were there; the attacker goes on where it was with each start."""
    machine = heart
    before = machine_state(machine)
    beats, _ = heartbeats(machine)
    addresses = foreign_addresses(machine)
    probes = [(address, kind) for number, address in enumerate(addresses) for kind in range(3)
              if kind == number % 3 or number < 20]
    table = struct.pack("<Q", len(probes)) + b"".join(struct.pack("<QQ", *probe) for probe in probes)
    machine.push("/tmp/probes", table)
    machine.check("hvctl cell load attacker -s what=scan /inmates/red_memory.bin /tmp/probes@0x100000")
    ended = int(machine.check(SCAN, ATTACK_TIMEOUT))
    assert cloister.state(machine, "attacker") == "shut down"
    said = machine.check("hvctl console attacker")
    line = re.findall(r"^attack scan tried=(\d+) refused=(\d+) survived=(\d+) succeeded=(\d+)\r$", said, re.MULTILINE)[-1]
    record(machine, "scan", *line)
    assert int(line[0]) == len(probes) and line[3] == "0", said
    # Addresses beyond what the CPU has are page faults; PCI configuration space reads as ones.
    assert len(probes) / 2 < ended < len(probes)
    assert_unchanged(machine, before)
    assert_others_unharmed(machine, beats)


@pytest.mark.parametrize("what", STORMS["x86"])
def test_storm(heart, what):
    storm(heart, what)


def test_two_cells_fail(heart):
    """Two cells are stopped at the same time: the log has both, each with its name."""
    machine = heart
    machine.check("hvctl cell create /cells/accomplice.cell")
    beats, _ = heartbeats(machine)
    try:
        for cell in ("attacker", "accomplice"):
            machine.check(f"hvctl cell load {cell} -s 'what=write address=0x10000000' /inmates/red_memory.bin")
        for _ in range(5):
            seen = cloister.log(machine)[-1]["seq"]
            machine.check("hvctl cell start attacker & hvctl cell start accomplice; wait")
            for cell in ("attacker", "accomplice"):
                cloister.wait_state(machine, cell, "failed")
                texts = [text for text in cloister.log_texts(machine, cell, after=seen) if "stopped" in text]
                assert len(texts) == 1 and texts[0].startswith(f"cell '{cell}' stopped: write of address 0x10000000 "), texts
        assert_others_unharmed(machine, beats)
    finally:
        machine.check("hvctl cell destroy accomplice", 60)


@pytest.mark.parametrize("name", DEVICE_ATTACKS)
def test_device_attack(attacker_with_devices, name):
    attack(attacker_with_devices, name, *DEVICE_ATTACKS[name])


def test_not_emulated(attacker_with_devices):
    """Instructions that a driver does not use on registers: the log has their bytes."""
    machine = attacker_with_devices
    beats, _ = heartbeats(machine)
    for number, code in enumerate(NOT_EMULATED):
        seen = cloister.log(machine)[-1]["seq"]
        start(machine, "red_device", f"what=insn own={EDU} n={number}")
        reason = last_stop(machine, seen)
        assert re.match(rf"unknown instruction {code}[0-9a-f]* (reads|writes) 0xb0028[0-9a-f]+$", reason), (number, reason)
        record(machine, "instructions", 1, 1, 0, 0)
    assert_others_unharmed(machine, beats)


@pytest.fixture(scope="module")
def pair(attacker_with_devices):
    """A cell with two CPUs in the attacker's stead, until the end of the module."""
    machine = attacker_with_devices
    machine.check("hvctl cell destroy attacker", 60)
    machine.check("hvctl cell create /cells/pair.cell")
    yield machine
    machine.check("hvctl cell destroy pair", 60)
    machine.check("hvctl cell create /cells/attacker.cell")


def test_two_cpus(pair):
    """CPUs of one cell that work against each other, and against the hypervisor between two looks of it."""
    machine = pair
    for what in ("race", "sipi-flood"):
        for _ in range(3):
            beats, _ = heartbeats(machine)
            machine.check(f"hvctl cell load pair -s what={what} /inmates/red_storm.bin")
            machine.check("hvctl cell start pair")
            assert_others_unharmed(machine, beats)
            assert cloister.state(machine, "pair") in ("running", "failed")
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
        assert 1 <= len(texts) <= 2 and all("stopped: write of address 0x1000" in text for text in texts), texts
        record(machine, "storms", 1, 1, 0, 0)
    assert_others_unharmed(machine, beats)
