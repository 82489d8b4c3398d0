# SPDX-License-Identifier: GPL-2.0
"""CPUs whose physical addresses have other widths than the usual 44 bits: other depths of stage 2. The last one has the
extensions of later years as well: pointer authentication, SVE, MTE and so on."""

import pytest

import cloister

CPUS = {"40": "cortex-a53", "48": "max,pauth-impdef=on"}


@pytest.mark.parametrize("bits", CPUS)
def test_life_of_cells(boot, bits):
    machine = boot(bits, arch="arm64", cpu=CPUS[bits])
    before = cloister.Snapshot(machine)
    for _ in range(2):
        cloister.enable(machine)
        cloister.start(machine, "smp", "smp", "rounds=10 count=1K")
        cloister.wait_output(machine, "smp", "^smp: 2 of 2 CPUs run")
        cloister.wait_output(machine, "smp", "^smp: 2 CPUs counted to 2048 \\(expected 2048\\)")
        assert "no violation" in machine.check("hvctl verify")
        machine.check("hvctl cell destroy smp")
        cloister.disable(machine)
        before.assert_same(machine)
    cloister.assert_healthy(machine)
