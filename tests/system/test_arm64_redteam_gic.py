# SPDX-License-Identifier: GPL-2.0
"""Cells that attack on arm64 (see redteam.py): what depends on the interrupt controller, with GICv2, and by a cell
that gets its interrupts directly."""

import pytest

import blobs
import redteam
from redteam import attack, heart, output_since, output_size, storm  # pylint: disable=unused-import

FILES = redteam.files("arm64")
DIRECT = {"cells/attacker.cell": blobs.cell("attacker", cpus=[3], memory=redteam.ATTACKER, arch="arm64",
                                            flags=blobs.VUART | blobs.DIRECT_IRQ)}
MACHINES = [{"arch": "arm64", "gic": 2, "files": FILES}, {"arch": "arm64", "gic": 3, "files": FILES | DIRECT}]
pytestmark = pytest.mark.parametrize("machine", MACHINES, indirect=True, ids=["gic2", "direct"])

# class: (inmate, what it must have tried at least)
ATTACKS = {
    "sysregs": ("red_scan", 100000),
    "gic": ("red_gic", 10000),
    "sgis": ("red_gic", 16000),
    "own-sgis": ("red_gic direct", 1875),
}
STORMS = ("masked", "sgi-flood", "no-end", "timer-flood", "gic")


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(heart, name):
    attack(heart, name, *ATTACKS[name])


@pytest.mark.parametrize("what", STORMS)
def test_storm(heart, what):
    seen = output_size(heart)
    storm(heart, what)
    assert "inmate:" not in output_since(heart, seen)
