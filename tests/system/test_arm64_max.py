# SPDX-License-Identifier: GPL-2.0
"""A CPU with all that the emulator knows: pointer authentication, SVE, forced memory types in stage 2."""

import pytest

import cloister

pytestmark = pytest.mark.parametrize("machine", [{"arch": "arm64", "cpu": "max,pauth-impdef=on"}], indirect=True, ids=["max"])


def test_cells(enabled):
    """Memory types are forced for cells that have no devices; all of it is set up before the cell has its MMU on."""
    assert cloister.status(enabled)["features"] == ["fwb"]
    cloister.start(enabled, "hello", "hello")
    cloister.wait_output(enabled, "hello", "^Hello, world!")
    enabled.check("hvctl cell destroy hello", 60)
    cloister.start(enabled, "smp", "smp", "rounds=50 count=1K")
    cloister.wait_output(enabled, "smp", r"^smp: 2 of 2 CPUs run")
    assert "no violation" in enabled.check("hvctl verify", 60)
