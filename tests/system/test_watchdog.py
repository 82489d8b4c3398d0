# SPDX-License-Identifier: GPL-2.0
"""The watchdog of a cell: it fails when it does not kick, and then only; what it writes there harms nobody else; and it
is looked at after root has locked itself out."""

import pytest

import blobs
import cloister
from conftest import ALL_FLAVOURS, machine_id

pytestmark = pytest.mark.parametrize("machine", ALL_FLAVOURS, indirect=True, ids=machine_id)

TIMEOUT = 2000
REASON = f"its watchdog was not kicked for {TIMEOUT} ms"
ON_FAILURE = 1


def watched(machine, cpu=3):
    blob = blobs.append(blobs.cell("watched", cpus=[cpu], arch=machine.arch), blobs.WATCHDOG, [(TIMEOUT, 0)])
    return blobs.patch(blobs.patch(blob, "restart", ON_FAILURE), "restart_limit", 1)


def run(machine, string):
    machine.push("/tmp/watched.cell", watched(machine))
    machine.check(f"hvctl cell run -s '{string}' /tmp/watched.cell /inmates/watchdog.bin")


def test_refused(enabled):
    blob = blobs.cell("watched", arch=enabled.arch)
    for ms, text in ((99, "expected at least"), (3600001, "(an hour)")):
        enabled.push("/tmp/bad.cell", blobs.append(blob, blobs.WATCHDOG, [(ms, 0)]))
        cloister.refused(enabled, "hvctl cell create --no-check /tmp/bad.cell", text)
    blob = blobs.cell("watched", arch=enabled.arch, memory=[blobs.ram()])
    enabled.push("/tmp/bad.cell", blobs.append(blob, blobs.WATCHDOG, [(TIMEOUT, 0)]))
    cloister.refused(enabled, "hvctl cell create --no-check /tmp/bad.cell", "CL_MEM_COMM")


def test_restarted_when_it_hangs(enabled):
    """It kicks for longer than its time, hangs, and is restarted, once: that is its limit."""
    enabled.push("/tmp/watched.cell", watched(enabled))
    enabled.check("rm -f /tmp/out; (hvctl cell run --supervise -s 'kicks=40 every_ms=100 then=hang' /tmp/watched.cell "
                  "/inmates/watchdog.bin; echo exit $?) >/tmp/out 2>&1 &")
    cloister.wait(enabled, "the end", lambda: "exit 1" in enabled.check("cat /tmp/out"), 120)
    said = enabled.check("cat /tmp/out")
    assert "cell 'watched' has failed: restart 1\n" in said and "ended more than 1 times" in said
    # Before it hung it was not ended.
    assert "watchdog: hang" in enabled.check("hvctl console watched")
    assert cloister.log_texts(enabled, "watched").count(f"cell 'watched' (1): {REASON}") == 2
    events = enabled.check("hvctl events | grep '\"name\":\"watched\"' | sed 's/.*\"event\":\"//; s/\".*//'").splitlines()
    assert events == ["created"] + ["started", "failed", "stopped"] * 2


def test_switched_off(enabled):
    run(enabled, "kicks=1 then=off")
    cloister.wait_output(enabled, "watched", "^watchdog: off")
    enabled.check(f"sleep {3 * TIMEOUT // 1000}")
    assert cloister.state(enabled, "watched") == "running"
    enabled.check("hvctl cell shutdown watched --timeout 30000", 60)
    assert cloister.state(enabled, "watched") == "shut down"


def test_scribble(enabled):
    """What it writes there is at most its own end: another cell and root do not notice."""
    blob = blobs.cell("heartbeat", cpus=[2], arch=enabled.arch)
    enabled.push("/tmp/heartbeat.cell", blob)
    cloister.start(enabled, "heartbeat", "heartbeat", "period_us=10000 print_ms=1000", path="/tmp/heartbeat.cell")
    run(enabled, "kicks=1 then=scribble")
    cloister.wait_output(enabled, "watched", "^watchdog: scribble")
    cloister.wait_output(enabled, "heartbeat", "^heartbeat: 500 ticks")
    assert cloister.state(enabled, "heartbeat") == "running"
    assert cloister.state(enabled, "watched") in ("running", "failed")


TSC, TSC_ADJUST = 0x10, 0x3B
HOUR = 3600


@pytest.mark.only("intel")
def test_root_moves_its_clock(enabled):
    """Root's kernel writes the time-stamp counter, far forward and back, and has the hypervisor look: a cell that kicks is
    not ended, and one that has stopped is, in its time. (QEMU's CPUs ignore such writes.)"""
    enabled.check("[ -e /proc/hostile ] || insmod /lib/modules/hostile.ko")
    hour = HOUR * 1000 * int(cloister.status(enabled)["tsc_khz"])
    run(enabled, "kicks=30 every_ms=100 then=hang")
    cell = cloister.cells(enabled)["watched"]["id"]
    # As long as it kicks: the first look may see a kick, or that there was none since the last one, and then the second.
    attack = "".join(f"echo tsc {msr:#x} {by} {cell} >/proc/hostile; read moved </proc/hostile; echo {by} $moved; "
                     for msr in (TSC, TSC_ADJUST) for by in (hour, -hour))
    end = "hvctl console watched | grep -q 'watchdog: hang' || hvctl cell list | grep watched | grep -q failed"
    said = enabled.check(f"until {end}; do {attack}done", 120).split()
    moves = [(int(by), int(moved)) for by, moved in zip(said[::2], said[1::2])]
    assert len(moves) >= 16
    assert all(abs(moved - by) < hour // 100 for by, moved in moves), moves
    assert cloister.state(enabled, "watched") == "running"
    # Nobody kicks any more.
    cloister.wait_state(enabled, "watched", "failed")
    assert cloister.log_texts(enabled, "watched")[-1] == f"cell 'watched' ({cell}): {REASON}"
