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
