# SPDX-License-Identifier: GPL-2.0
"""Cells that attack, all classes (see redteam.py): on x86 in x2APIC mode, on arm64 with GICv3."""

import re

import pytest

import cloister
import redteam
from conftest import INTEL, for_each_arch
from redteam import (ATTACK_TIMEOUT, ATTACKS, DEVICE_ATTACKS, EDU, ENDS, OPTIONS, PAIR_STORMS, ROOTS, SCAN, STORMS,
                     assert_others_unharmed, assert_unchanged, attack, attacker_with_devices, heart, last_stop,
                     machine_state, output_since, output_size, probes, record, start, storm)  # pylint: disable=unused-import

MACHINES = {"x2apic": {"apic": "x2apic"} | OPTIONS, "intel": INTEL | {"files": redteam.FILES},
            "gic3": {"arch": "arm64", "gic": 3, "files": redteam.files("arm64")}}
pytestmark = pytest.mark.parametrize("machine", MACHINES.values(), indirect=True, ids=MACHINES)

# Instructions of red_device.c that are not emulated, on device registers.
NOT_EMULATED = ("ab", "f3aa", "a5", "ad", "f3a4", "f0830701", "f00fc107", "f00fb10f", "8707", "0107", "0307", "802701", "830f01",
                "3107", "8507", "833f01", "ff07", "0fba2f01", "ff37", "8f07", "ff17", "dd07", "8903", "8b03", "480fc70f",
                "0f0117", "8c1f", "0f1007", "660f7f07")

# Instructions that are not emulated, on registers of the interrupt controller; X1 and X4 are their address.
NOT_EMULATED_WORDS = {
    "085f7c20": "ldxrb", "c85ffc20": "ldaxr", "c87f0820": "ldxp", "3dc00020": "ldr q0", "3d800020": "str q0",
    "fd400020": "ldr d0", "ad400820": "ldp q0, q2", "6d000820": "stp d0, d2", "0c407020": "ld1", "4c007020": "st1",
    "d50b7421": "dc zva", "b8404484": "ldr w4, [x4], #4", "28c11024": "ldp w4, w4, [x1], #8",
}


def start_with(machine, command_line):
    inmate, arguments = command_line.split(" ", 1)
    start(machine, inmate, arguments)


@pytest.mark.parametrize("name", for_each_arch(ATTACKS))
def test_attack(heart, name):
    attack(heart, name, *cloister.of(heart, ATTACKS)[name])


@pytest.mark.parametrize("name", for_each_arch(ENDS))
def test_end(heart, name):
    """What ends the cell says why, and nobody else notices."""
    machine = heart
    group, command_line, reason = cloister.of(machine, ENDS)[name]
    places = {"hv": cloister.status(machine)["hv_phys"]}
    beats, _ = cloister.heartbeats(machine)
    seen = cloister.last_record(machine)
    start_with(machine, command_line.format(**places))
    assert last_stop(machine, seen).startswith(reason.format(**places))
    record(machine, group, 1, 1, 0, 0)
    assert_others_unharmed(machine, beats)


@pytest.mark.only("arm64")
def test_not_emulated_words(heart):
    """Instructions that a driver does not use on registers: the log has the instruction's word."""
    machine = heart
    beats, _ = cloister.heartbeats(machine)
    for word, text in NOT_EMULATED_WORDS.items():
        seen = cloister.last_record(machine)
        start_with(machine, f"red_memory what=insn word=0x{word}")
        assert f"unknown instruction {word} " in last_stop(machine, seen), text
        record(machine, "instructions", 1, 1, 0, 0)
    assert_others_unharmed(machine, beats)


def test_scan(heart):
    """Accesses to foreign addresses. Each ends the cell, or is a fault of its own, or is answered as if nothing were there;
    the attacker goes on where it was with each start."""
    machine = heart
    before = machine_state(machine)
    beats, _ = cloister.heartbeats(machine)
    count, table = probes(machine)
    machine.push("/tmp/probes", table)
    machine.check("hvctl cell load attacker -s what=scan /inmates/red_memory.bin /tmp/probes@0x100000")
    ended = int(machine.check(SCAN, ATTACK_TIMEOUT))
    assert cloister.state(machine, "attacker") == "shut down"
    said = machine.check("hvctl console attacker")
    line = re.findall(r"^attack scan tried=(\d+) refused=(\d+) survived=(\d+) succeeded=(\d+)\r$", said, re.MULTILINE)[-1]
    record(machine, "scan", *line)
    assert int(line[0]) == count and line[3] == "0", said
    # Addresses beyond what the CPU has are faults of the cell itself; x86's PCI configuration space reads as ones.
    assert count / 2 < ended < count
    assert_unchanged(machine, before)
    assert_others_unharmed(machine, beats)


@pytest.mark.only("arm64")
def test_maintenance(heart):
    """The same addresses, and what needs no access: caches, translation, TLBs."""
    machine = heart
    machine.push("/tmp/probes", probes(machine, (0,))[1])
    attack(machine, "maintenance", "red_memory", 2000, "/tmp/probes@0x100000")


@pytest.mark.parametrize("what", for_each_arch(STORMS))
def test_storm(heart, what):
    seen = output_size(heart)
    storm(heart, what)
    if heart.arch == "arm64":
        assert "inmate:" not in output_since(heart, seen), "it has not ended in the library"


def test_two_cells_fail(heart):
    """Two cells are stopped at the same time: the log has both, each with its name."""
    machine = heart
    machine.check("hvctl cell create /cells/accomplice.cell")
    beats, _ = cloister.heartbeats(machine)
    try:
        for cell in ("attacker", "accomplice"):
            machine.check(f"hvctl cell load {cell} -s 'what=write address={ROOTS[machine.arch]:#x}' /inmates/red_memory.bin")
        for _ in range(5):
            seen = cloister.last_record(machine)
            machine.check("hvctl cell start attacker & hvctl cell start accomplice; wait")
            for cell in ("attacker", "accomplice"):
                cloister.wait_state(machine, cell, "failed")
                texts = [text for text in cloister.log_texts(machine, cell, after=seen) if "stopped" in text]
                assert len(texts) == 1 and texts[0].startswith(f"cell '{cell}' stopped: write of address {ROOTS[machine.arch]:#x}"), texts
        assert_others_unharmed(machine, beats)
    finally:
        machine.check("hvctl cell destroy accomplice", 60)


@pytest.mark.parametrize("name", for_each_arch(DEVICE_ATTACKS))
def test_device_attack(attacker_with_devices, name):
    attack(attacker_with_devices, name, *cloister.of(attacker_with_devices, DEVICE_ATTACKS)[name])


@pytest.mark.only("amd")
def test_not_emulated(attacker_with_devices):
    """Instructions that a driver does not use on registers: the log has their bytes."""
    machine = attacker_with_devices
    beats, _ = cloister.heartbeats(machine)
    for number, code in enumerate(NOT_EMULATED):
        seen = cloister.last_record(machine)
        start(machine, "red_device", f"what=insn own={EDU} n={number}")
        reason = last_stop(machine, seen)
        assert re.match(rf"unknown instruction {code}[0-9a-f]* (reads|writes) 0xb0028[0-9a-f]+$", reason), (number, reason)
        record(machine, "instructions", 1, 1, 0, 0)
    assert_others_unharmed(machine, beats)


@pytest.fixture(scope="module")
def pair(heart):
    """A cell with two CPUs in the attacker's stead, until the end of the module."""
    heart.check("hvctl cell destroy attacker", 60)
    heart.check("hvctl cell create /cells/pair.cell")
    yield heart
    heart.check("hvctl cell destroy pair", 60)
    heart.check("hvctl cell create /cells/attacker.cell")


@pytest.mark.parametrize("what", for_each_arch(PAIR_STORMS))
def test_two_cpus(pair, what):
    machine = pair
    for _ in range(3):
        beats, _ = cloister.heartbeats(machine)
        machine.check(f"hvctl cell load pair -s what={what} /inmates/red_storm.bin")
        machine.check("hvctl cell start pair")
        assert_others_unharmed(machine, beats)
        assert cloister.state(machine, "pair") in ("running", "failed")
        if machine.arch == "arm64":
            assert "inmate:" not in machine.check("hvctl console pair")
        record(machine, "storms", 1, 0, 1, 0)


def test_both_cpus_fail(pair):
    """Two CPUs break a rule at the same time; the cell is started again as soon as it has failed."""
    machine = pair
    beats, _ = cloister.heartbeats(machine)
    machine.check("hvctl cell load pair -s what=both-fail /inmates/red_storm.bin")
    for _ in range(10):
        seen = cloister.last_record(machine)
        machine.check("hvctl cell start pair")
        cloister.wait_state(machine, "pair", "failed")
        texts = [text for text in cloister.log_texts(machine, "pair", after=seen) if "stopped" in text]
        assert 1 <= len(texts) <= 2, texts
        assert all(f"stopped: write of address 0x{ROOTS[machine.arch] >> 16:x}" in text for text in texts), texts
        record(machine, "storms", 1, 1, 0, 0)
    assert_others_unharmed(machine, beats)
