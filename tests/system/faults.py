# SPDX-License-Identifier: GPL-2.0
"""A cell that does something wrong (inmates/tests/fault.c) beside a cell that counts timer interrupts, and a root
that works.

On a machine with -icount, where time is counted in instructions and nothing depends on how busy the host is, the
second cell must not miss a single interrupt.
"""

import re

import pytest

import blobs
import cloister

# How a faulty cell ends: stopped by the hypervisor; it went on and said so; it has shut down without a word; it runs.
FAILED, SURVIVED, ENDED, RESET, SILENT = "failed", "survived", "ended", "reset", "silent"
PERIOD_US = 1000


def files(arch):
    """Configs of the two cells, for the machine."""
    return {f"cells/{name}.cell": blobs.cell(name, cpus=[cpu], arch=arch) for name, cpu in (("heartbeat", 2), ("fault", 3))}


@pytest.fixture(scope="module")
def heart(machine):
    """The machine with Cloister enabled and the heartbeat cell running, which must end well."""
    before = cloister.Snapshot(machine)
    cloister.enable(machine)
    cloister.start(machine, "heartbeat", "heartbeat", f"period_us={PERIOD_US} print_ms=1000", path="/cells/heartbeat.cell")
    cloister.wait_output(machine, "heartbeat", "^heartbeat: 1000 ticks")
    yield machine
    if "fault" in cloister.cells(machine):
        machine.check("hvctl cell destroy fault", 60)
    cloister.end_heartbeat(machine, before)


def assert_ends(machine, command_line, end, logged, said):
    """Lets the cell do something wrong. end: how it ends; logged: texts in the hypervisor's log, said: on the
    cell's console. The pool begins behind the hypervisor's memory; {hv} and {pool} are their addresses."""
    status = cloister.status(machine)
    places = {"hv": status["hv_phys"], "pool": status["hv_phys"] + status["hv_size"]}
    seen = cloister.last_record(machine)
    ticks, _ = cloister.heartbeats(machine)
    if "fault" in cloister.cells(machine):
        machine.check("hvctl cell destroy fault", 60)
    cloister.start(machine, "fault", "fault", command_line.format(**places), path="/cells/fault.cell")

    if end == FAILED:
        cloister.wait_state(machine, "fault", "failed")
    elif end == SURVIVED:
        cloister.wait_output(machine, "fault", "^fault: survived\r$")
    for text in said:
        cloister.wait_output(machine, "fault", re.escape(text))
    if end in (SURVIVED, ENDED):
        cloister.wait_state(machine, "fault", "shut down")
    elif end == RESET:
        cloister.wait_state(machine, "fault", "reset")
    elif end == SILENT:
        assert cloister.state(machine, "fault") == "running"
    texts = cloister.log_texts(machine, "fault", after=seen)
    for text in logged:
        assert [line for line in texts if text.format(**places) in line], f"{text.format(**places)!r} is not in the log: {texts}"
    if not logged:
        assert not [line for line in texts if "stopped" in line]

    # The others have noticed nothing: at least a thousand further interrupts, on a machine whose root works.
    cloister.wait(machine, "the heartbeat to go on", lambda: cloister.heartbeats(machine)[0] >= ticks + 1000)
    assert cloister.state(machine, "heartbeat") == "running"
    assert machine.check("echo root $((6 * 7))") == "root 42\n"

    # The CPU comes back from wherever it was.
    machine.check("hvctl cell destroy fault", 60)
    assert machine.check("cat /sys/devices/system/cpu/online") == "0-1,3\n"
    assert machine.check("taskset 8 sh -c 'echo on CPU 3'") == "on CPU 3\n"
    if "icount" in machine.log_directory.name:
        ticks, longest = cloister.heartbeats(machine)
        # Emulated CPUs have turns: with three that are busy it can be more than a period until the next one.
        limit = {"x86": 2, "arm64": 4}[machine.arch] * PERIOD_US * 1000
        assert longest < limit, f"{longest} ns between two interrupts, of {ticks}"
