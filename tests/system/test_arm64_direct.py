# SPDX-License-Identifier: GPL-2.0
"""Cells that get their interrupts directly (CL_CELL_DIRECT_IRQ): none of them is an exit."""

import re

import pytest

import blobs
import cloister

FLAGS = blobs.VUART | blobs.DIRECT_IRQ
FILES = {"cells/timer.cell": blobs.cell("timer", arch="arm64", flags=FLAGS),
         "cells/smp.cell": blobs.cell("smp", cpus=[1, 2], arch="arm64", flags=FLAGS)}

pytestmark = pytest.mark.parametrize("machine", [{"arch": "arm64", "files": FILES}], indirect=True, ids=["arm64"])


def exits_of_ticks(machine, ticks):
    """Exits of the cell's CPU by reason while it takes so many timer interrupts, without those of its console."""
    machine.check(f"hvctl cell load timer -s 'period_us=1000 report_s=0 ticks={ticks}' /inmates/timer.bin")
    before = cloister.exits(machine, "timer")[3]
    machine.check("hvctl cell start timer")
    cloister.wait(machine, f"{ticks} interrupts", lambda: machine.check("hvctl console timer").endswith("timer: done\r\n"))
    machine.check("hvctl cell shutdown timer")
    assert re.search(rf"latency of {ticks} interrupts|latency of {ticks + 1} interrupts", machine.check("hvctl console timer"))
    after = cloister.exits(machine, "timer")[3]
    return {reason: after[reason] - before[reason] for reason in after if reason not in ("mmio", "total")}


def test_timer(enabled):
    enabled.check("hvctl cell create /cells/timer.cell")
    assert exits_of_ticks(enabled, 20) == exits_of_ticks(enabled, 1020), "1000 further interrupts, no further exit"


def test_interrupts_between_cpus(enabled):
    cloister.start(enabled, "smp", "smp", "rounds=50 count=1K", path="/cells/smp.cell")
    cloister.wait_output(enabled, "smp", r"^smp: 50 x IPI to CPU 1 and back: min \d+ avg \d+ max \d+ ns\r$")
    cloister.wait_output(enabled, "smp", r"^smp: 2 CPUs counted to 2048 \(expected 2048\)")
    exits = cloister.exits(enabled, "smp")
    assert exits[1]["sgi"] >= 50 and exits[2]["sgi"] >= 50, "sending is moderated"
    assert exits[1]["interrupt"] == exits[2]["interrupt"] == 0


def test_a_cell_that_does_not_answer(enabled):
    """It never enables its interrupts: root takes its CPU back all the same."""
    cloister.start(enabled, "timer", "fault", "what=loop", path="/cells/timer.cell")
    cloister.wait_output(enabled, "timer", "^fault: loop\r$")
    enabled.check("hvctl cell destroy timer", 60)
    assert enabled.check("taskset 8 sh -c 'echo on CPU 3'") == "on CPU 3\n"
