# SPDX-License-Identifier: GPL-2.0
"""hvctl is killed in the middle of things: what it asked for is done or not done, never half."""

import pytest

import cloister
from conftest import ALL_FLAVOURS, machine_id

# Runs the command N times, killed after a growing time: 0 ms, 1 ms, 2 ms, ...
KILL_LOOP = """
step() {{
    "$@" >/dev/null 2>&1 &
    hvctl=$!
    usleep $((i * 1000 % 300000))
    kill -9 $hvctl 2>/dev/null
    wait $hvctl 2>/dev/null
    [ $? = 137 ] && killed=$((killed + 1))
}}
killed=0
i=0
while [ $i -lt {count} ]; do
    {body}
    i=$((i + {stride}))
done
echo killed $killed
"""


@pytest.fixture(scope="module", params=ALL_FLAVOURS, ids=machine_id)
def machine(boot, request):
    machine = boot(f"kill-{machine_id(request.param)}", **request.param)
    cloister.load_driver(machine)
    return machine


def killed_often(machine, body, count, stride):
    output = machine.check(KILL_LOOP.format(body=body, count=count, stride=stride), 300)
    assert int(output.split()[-1]) > 0, "all were too fast to be killed"


def clean_up(machine, before):
    """Whatever state is left can be left by the usual commands."""
    if cloister.status(machine)["enabled"]:
        for name, cell in cloister.cells(machine).items():
            assert cell["state"] in ("running", "stopped", "shut down")
            if not cell["root"]:
                machine.check(f"hvctl cell destroy {name}")
        cloister.disable(machine)
    before.assert_same(machine)
    cloister.assert_healthy(machine)


def test_enable_and_disable_killed(machine):
    before = cloister.Snapshot(machine)
    killed_often(machine, f"step hvctl enable {cloister.ROOT}; step hvctl disable", 300, 20)
    clean_up(machine, before)


def test_cell_commands_killed(enabled):
    before = cloister.Snapshot(enabled)
    used = cloister.status(enabled)["mem_used"]
    # An image of many pieces, so that loading can be stopped between two of them.
    enabled.check("dd if=/dev/zero of=/tmp/image bs=64K count=31 2>/dev/null; cat /tmp/image >>/tmp/image.1")
    body = ("step hvctl cell create /cells/qemu-smp.cell; step hvctl cell load smp /tmp/image.1 /inmates/smp.bin;"
            "step hvctl cell start smp; step hvctl cell destroy smp")
    killed_often(enabled, body, 200, 16)
    cells = cloister.cells(enabled)
    assert set(cells) <= {"qemu-root", "smp"}
    if "smp" in cells:
        enabled.check("hvctl cell destroy smp")
    assert cloister.status(enabled)["mem_used"] == used
    before.assert_same(enabled)
    cloister.start(enabled, "smp", "smp", "rounds=10 count=1K")
    cloister.wait_output(enabled, "smp", "^smp: 2 CPUs counted to 2048")


def test_console_and_stats_killed(enabled):
    """Readers that die leave nothing behind: disable works at once."""
    cloister.start(enabled, "timer", "timer", "period_us=10000 report_s=1")
    enabled.check("for i in 1 2 3 4 5; do hvctl console timer --follow >/dev/null 2>&1 & hvctl log --follow >/dev/null 2>&1 & "
                  "hvctl stats --watch >/dev/null 2>&1 & done; usleep 500000; kill -9 $(pidof hvctl); true")
    cloister.wait(enabled, "the readers' end", lambda: enabled.run("pidof hvctl").status == 1)


def test_two_at_once(enabled):
    """Many callers at the same time: each gets done or a reason, and one cell comes out."""
    output = enabled.check(
        "for i in 1 2 3 4 5 6; do ( hvctl cell create /cells/qemu-hello.cell 2>&1 || echo failed ) >/tmp/out.$i & done; wait; cat /tmp/out.*")
    assert output.count("cell 'hello' is created") == 1
    assert output.count("in conflict with cell 'hello'") == output.count("failed") == 5
    enabled.check("for i in 1 2 3 4; do hvctl cell load hello /inmates/hello.bin >/dev/null 2>&1 & done; wait; "
                  "for i in 1 2 3 4; do hvctl cell start hello >/dev/null 2>&1 & done; wait")
    cloister.wait_output(enabled, "hello", "^Hello, world!")
