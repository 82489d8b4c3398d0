# SPDX-License-Identifier: GPL-2.0
"""Cells that attack on arm64, all classes (see redteam.py)."""

import pytest

import redteam
from redteam import attack, heart  # pylint: disable=unused-import

FILES = redteam.files("arm64")
MACHINES = [{"arch": "arm64", "gic": 3, "files": FILES}]
pytestmark = pytest.mark.parametrize("machine", MACHINES, indirect=True, ids=["gic3"])

# class: (inmate, what it must have tried at least)
ATTACKS = {
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
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(heart, name):
    attack(heart, name, *ATTACKS[name])
