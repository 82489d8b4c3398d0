# SPDX-License-Identifier: GPL-2.0
"""Cells that attack (see redteam.py) in xAPIC mode, on a machine whose time is counted in instructions: one
nanosecond is one instruction of any of its CPUs, so that how far apart the heartbeat's interrupts are does not
depend on the host."""

import pytest

from redteam import (ATTACKS, DEVICE_ATTACKS, OPTIONS, PERIOD_US, attack, attacker_with_devices, heart, heartbeats,
                     storm)  # pylint: disable=unused-import

pytestmark = pytest.mark.parametrize("machine", [{"apic": "xapic", "icount": True} | OPTIONS], indirect=True, ids=["xapic-icount"])

# Those that the mode of the APIC changes, and a storm of each kind: a CPU that spins makes this machine slow.
CLASSES = ("ipis", "lvts", "apic-regs", "apic-mode", "levels", "pending", "in-service")
FEW_STORMS = ("nmi-handler", "nmi-flood", "ipi-flood", "db-stack", "denied")

# Longest time between two interrupts, in instructions: the period, and what CPUs that take turns do meanwhile.
LONGEST = 2 * PERIOD_US * 1000


@pytest.fixture(autouse=True)
def punctual(heart):
    """The heartbeat misses no tick, whatever a test does."""
    yield
    ticks, longest = heartbeats(heart)
    assert longest < LONGEST, f"{longest} instructions between two interrupts, of {ticks}"


@pytest.mark.parametrize("name", CLASSES)
def test_attack(heart, name):
    attack(heart, name, *ATTACKS[name])


@pytest.mark.parametrize("what", FEW_STORMS)
def test_storm(heart, what):
    storm(heart, what)


@pytest.mark.parametrize("name", ("ioapic",))
def test_device_attack(attacker_with_devices, name):
    attack(attacker_with_devices, name, *DEVICE_ATTACKS[name])
