# SPDX-License-Identifier: GPL-2.0
"""Cells that attack (see redteam.py) on a machine whose time is counted in instructions: one nanosecond is one
instruction of any of its CPUs, so that how far apart the heartbeat's interrupts are does not depend on the host."""

import pytest

import cloister
import redteam
from conftest import for_each_arch
from redteam import (ATTACKS, DEVICE_ATTACKS, OPTIONS, PERIOD_US, attack, attacker_with_devices, heart, storm)  # pylint: disable=unused-import

# A CPU's turn lasts for a part of the time until the emulator's next timer: on arm64, where a storm needs none, root's
# CPUs have theirs all the time, idle or not.
MACHINES = {"x86": {"apic": "xapic", "icount": True} | OPTIONS,
            "arm64": {"arch": "arm64", "gic": 3, "icount": True, "append": "nohz=off", "files": redteam.files("arm64")}}

# x86: those that the mode of the APIC changes, and a storm of each kind: a CPU that spins makes this machine slow. (A data
# breakpoint ends QEMU where it counts instructions: "Raised interrupt while not in I/O function".)
# arm64: those that make the hypervisor do something for the attacker.
CLASSES = {"x86": ("ipis", "lvts", "apic-regs", "apic-mode", "levels", "pending", "in-service"),
           "arm64": ("sgis", "own-sgis", "firmware", "calls", "mmio")}
FEW_STORMS = {"x86": ("nmi-handler", "nmi-flood", "ipi-flood", "trap-flag", "denied"),
              "arm64": ("masked", "sgi-flood", "no-end", "timer-flood", "gic", "sysreg")}

# Longest time between two interrupts, in instructions: the period, and what CPUs that take turns do meanwhile.
LONGEST = {"x86": 2 * PERIOD_US * 1000, "arm64": 4 * PERIOD_US * 1000}


pytestmark = pytest.mark.parametrize("machine", MACHINES.values(), indirect=True, ids=MACHINES)


@pytest.fixture(autouse=True)
def punctual(heart):
    """The heartbeat misses no tick, whatever a test does."""
    yield
    ticks, longest = cloister.heartbeats(heart)
    assert longest < LONGEST[heart.arch], f"{longest} instructions between two interrupts, of {ticks}"


@pytest.mark.parametrize("name", for_each_arch(CLASSES))
def test_attack(heart, name):
    attack(heart, name, *ATTACKS[heart.arch][name])


@pytest.mark.parametrize("what", for_each_arch(FEW_STORMS))
def test_storm(heart, what):
    storm(heart, what)


@pytest.mark.only("x86")
@pytest.mark.parametrize("name", ("ioapic",))
def test_device_attack(attacker_with_devices, name):
    attack(attacker_with_devices, name, *cloister.of(attacker_with_devices, DEVICE_ATTACKS)[name])
