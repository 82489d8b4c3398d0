# SPDX-License-Identifier: GPL-2.0
"""A host with 5-level page tables: the hypervisor's own and the nested ones have the same depth."""

import cloister


def test_five_levels(boot):
    machine = boot("la57", apic="xapic", extra=("-cpu", "EPYC-v4,+svm,-x2apic,+la57"))
    assert " la57" in machine.check("grep -m1 ^flags /proc/cpuinfo")
    before = cloister.Snapshot(machine)
    cloister.enable(machine)
    assert "la57" in cloister.status(machine)["features"]
    cloister.start(machine, "smp", "smp")
    cloister.wait_output(machine, "smp", "^smp: 2 of 2 CPUs run")
    cloister.wait_output(machine, "smp", "^smp: 2 CPUs counted to ([0-9]+) \\(expected \\1\\)")
    machine.check("hvctl cell destroy smp")
    cloister.disable(machine)
    before.assert_same(machine)
    cloister.assert_healthy(machine)
