# SPDX-License-Identifier: GPL-2.0
"""hvctl cell run, and with --supervise: restarts as the config says, and the end by a signal."""

import pytest

import blobs
import cloister
from conftest import ALL_FLAVOURS, machine_id

pytestmark = pytest.mark.parametrize("machine", ALL_FLAVOURS, indirect=True, ids=machine_id)

ON_FAILURE, ON_REBOOT = 1, 2
FAILS = "what=mem address=0x50000000"


def push(machine, name, restart=0, limit=0, seconds=0):
    blob = blobs.patch(blobs.cell(name, arch=machine.arch), "restart", restart)
    blob = blobs.patch(blobs.patch(blob, "restart_limit", limit), "restart_seconds", seconds)
    machine.push(f"/tmp/{name}.cell", blob)


def supervise(machine, name, inmate, string=""):
    """In the background: what it says is in /tmp/out, its exit code at the end."""
    machine.check(f"rm -f /tmp/out; (hvctl cell run --supervise --timeout=20000 -s '{string}' /tmp/{name}.cell /inmates/{inmate}.bin; "
                  "echo exit $?) >/tmp/out 2>&1 &")


def wait_for(machine, text):
    cloister.wait(machine, f"{text!r} of hvctl", lambda: text in machine.check("cat /tmp/out"))
    return machine.check("cat /tmp/out")


def events(machine, name):
    return machine.check(f"hvctl events | grep '\"name\":\"{name}\"' | sed 's/.*\"event\":\"//; s/\".*//'").splitlines()


def test_run(enabled):
    push(enabled, "one")
    assert enabled.check("hvctl cell run -s name=one /tmp/one.cell /inmates/hello.bin") == (
        "cell 'one' is started, its id is 1; see hvctl console one\n")
    cloister.wait_output(enabled, "one", "^Hello, one!")


def test_run_is_refused_without_a_trace(enabled):
    push(enabled, "none")
    cloister.refused(enabled, "hvctl cell run /tmp/none.cell /inmates/hello.bin@0x1ff000", "do not fit into one loadable memory region")
    cloister.refused(enabled, "hvctl cell run /tmp/none.cell /inmates/none.bin", "/inmates/none.bin: No such file or directory")
    cloister.refused(enabled, "hvctl cell run /tmp/none.cell /inmates/hello.bin -i /init", "does not take --initrd", status=2)
    assert list(cloister.cells(enabled)) == ["qemu-root"]
    assert enabled.check("cat /sys/devices/system/cpu/online") == "0-3\n"


def test_failure(enabled):
    """Restarted twice, then left stopped: three failures are one too many."""
    push(enabled, "fails", ON_FAILURE, limit=2, seconds=600)
    supervise(enabled, "fails", "fault", FAILS)
    said = wait_for(enabled, "exit ")
    assert "cell 'fails' has failed: restart 1\n" in said and "restart 2\n" in said
    assert said.endswith("hvctl: cell 'fails' has ended more than 2 times in 600 s (restart_limit, restart_seconds): it stays stopped; "
                         "see hvctl log\nexit 1\n")
    assert cloister.state(enabled, "fails") == "stopped"
    assert events(enabled, "fails") == ["created"] + ["started", "failed", "stopped"] * 3


def test_no_restart_without_a_reason(enabled):
    push(enabled, "reboots", ON_REBOOT)
    supervise(enabled, "reboots", "fault", FAILS)
    assert "cell 'reboots' has failed, and its config does not want a restart then" in wait_for(enabled, "exit 1")
    assert cloister.state(enabled, "reboots") == "failed"


def test_its_own_end(enabled):
    push(enabled, "ends", ON_FAILURE)
    supervise(enabled, "ends", "hello")
    wait_for(enabled, "is started")
    cloister.wait_output(enabled, "ends", "^Hello, world!")
    enabled.check("hvctl cell shutdown ends")
    assert wait_for(enabled, "exit 0").endswith("cell 'ends' has shut down\nexit 0\n")
    assert list(cloister.cells(enabled)) == ["qemu-root"]


@pytest.mark.parametrize("signal", ["TERM", "INT"])
def test_signal(enabled, signal):
    push(enabled, "asked", ON_FAILURE)
    supervise(enabled, "asked", "hello")
    cloister.wait(enabled, "the cell", lambda: "asked" in cloister.cells(enabled))
    cloister.wait_output(enabled, "asked", "^Hello, world!")
    enabled.check(f"kill -{signal} $(pidof hvctl)")
    wait_for(enabled, "exit 0")
    assert list(cloister.cells(enabled)) == ["qemu-root"]
    assert events(enabled, "asked") == ["created", "started", "shut down", "destroyed"]


def test_somebody_else_destroys_it(enabled):
    push(enabled, "gone", ON_FAILURE)
    supervise(enabled, "gone", "hello")
    wait_for(enabled, "is started")
    enabled.check("hvctl cell destroy gone")
    assert "cell 'gone' was destroyed by somebody else" in wait_for(enabled, "exit 1")
