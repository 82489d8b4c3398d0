# SPDX-License-Identifier: GPL-2.0
"""The test machines themselves: what every other system test takes for granted. What kernel, CPUs and interrupt
controllers of each are like is looked at in test_life_cycle.py, which has all of them."""

import pytest

from machine import MachineDied, MachineTimeout

def test_command_line(boot):
    m = boot("command-line", cpus=1)
    assert m.run("echo out; echo err >&2; exit 3") == (3, "out\nerr\n")
    assert m.run("printf 'no newline'") == (0, "no newline")
    assert m.run("a=1\nif [ $a = 1 ]; then\n  echo '  two  words \\n'\nfi") == (0, "  two  words \\n\n")
    assert m.check("echo " + "x" * 5000 + " | wc -c") == "5001\n"
    content = bytes(range(256)) * 20
    m.push("/tmp/with space", content)
    assert m.pull("/tmp/with space") == content
    m.check(f"echo ping >/dev/kmsg; echo pong >/dev/{m.lines.inmates}")
    m.wait_console("ping$", 5)
    m.wait_inmates("^pong", 5)
    with pytest.raises(MachineTimeout, match="timeout during: echo begin; sleep 60(.|\n)*begin$"):
        m.run("echo begin; sleep 60", timeout=2)


@pytest.mark.parametrize("icount", [False, True])
def test_counting(boot, icount):
    m = boot(f"counting-{icount}", cpus=1, icount=icount, count="0-7fffffffffff")
    before, after = m.mark(), m.mark()
    m.check("i=0; while [ $i -lt 1000 ]; do i=$((i + 1)); done")
    end = m.mark()
    marking = after["instructions"][0] - before["instructions"][0]
    assert 0 < marking < end["instructions"][0] - after["instructions"][0] - 100000
    assert before["entries"][0] < after["entries"][0] < end["entries"][0]


def test_panic_ends_waiting(boot):
    m = boot("panic", cpus=1)
    # How much of the console follows depends on how long the kernel's stack is.
    with pytest.raises(MachineDied, match=r"QEMU ended \(exit status 0\) during: echo c (.|\n)*---- end of console.log\n(.|\n)*sysrq_handle_crash"):
        m.run("echo c >/proc/sysrq-trigger", timeout=60)
    assert "Kernel panic - not syncing: sysrq triggered crash" in m.console()
