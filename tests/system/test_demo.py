# SPDX-License-Identifier: GPL-2.0
"""scripts/demo, as "make demo" runs it."""

import os
import pty
import re
import select
import subprocess
import time

import pytest

import initramfs

DEMO = initramfs.TOP / "scripts" / "demo"
TIMEOUT = 150
STEPS = ("Booting a machine", "Loading the driver and enabling", "Creating a cell", "What the cells say", "Who has what",
         "Destroying the cells", "Disabling Cloister", "Comparing with the beginning", "The demo has ended well.")


@pytest.mark.parametrize("kind", ["x86", "arm64", "intel"])
def test_demo(kind):
    done = subprocess.run([DEMO, kind], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stdout
    steps = re.findall(r"^\[ *\d+\.\d s\] (.*)$", done.stdout, re.MULTILINE)
    assert len(steps) == len(STEPS) and all(step.startswith(start) for step, start in zip(steps, STEPS)), steps
    for line in (r"Cloister is enabled, Linux runs as the root cell\.",
                 r"Linux: CPUs 0, \d+ KiB of memory",
                 r"smp \| smp: 2 of 2 CPUs run",
                 r"timer \| timer: latency of \d+ interrupts",
                 r"1 +smp +running +1-2 +2 MiB +\d+ KiB",
                 r"2 +timer +running +3 +2 MiB +\d+ KiB",
                 r"3 +timer +running +.*\d",
                 r"Cloister is disabled, Linux has the machine\.",
                 r"Linux is whole again: all CPUs and all memory are back\."):
        assert re.search(rf"^    {line}$", done.stdout, re.MULTILINE), f"{line}\n{done.stdout}"


class Terminal:
    """A person at a terminal, who reads before typing."""

    def __init__(self, command, environment):
        self.side, other = pty.openpty()
        self.process = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, env=environment)
        os.close(other)
        self.text = ""

    def wait(self, pattern, key=b""):
        """Waits for what matches the pattern; the key is typed every five seconds until then."""
        start = time.monotonic()
        typed = 0
        while not re.search(pattern, self.text):
            waited = time.monotonic() - start
            assert waited < TIMEOUT, f"timeout waiting for {pattern!r}:\n{self.text}"
            if key and waited >= 5 * typed:
                os.write(self.side, key)
                typed += 1
            if select.select([self.side], [], [], 1)[0]:
                self.text += os.read(self.side, 65536).decode("utf-8", "replace")

    def type(self, line):
        self.text = ""
        os.write(self.side, line.encode() + b"\n")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.side)


def test_interactive():
    terminal = Terminal([DEMO], os.environ | {"INTERACTIVE": "1"})
    try:
        terminal.wait("(?s)A root shell in this machine.*/root # ")
        terminal.type("id -u; hvctl enable /cells/qemu-root.cell && echo enabled $((6 * 7))")
        terminal.wait(r"\n0\r\n(?s:.)*Linux runs as the root cell(?s:.)*enabled 42(?s:.)*/root # ")
        # What a person types goes to the machine, not to the demo.
        terminal.type("echo begin $((1 + 1)); sleep 1000000")
        terminal.wait("begin 2")
        # More than once: between two commands the shell does not end the list.
        terminal.wait("/root # ", key=b"\x03")
        terminal.type("exit")
        terminal.wait(r"The demo has ended well\.")
        assert terminal.process.wait(TIMEOUT) == 0
    finally:
        terminal.close()


def test_interactive_without_terminal():
    done = subprocess.run([DEMO], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, check=False,
                          env=os.environ | {"INTERACTIVE": "1"})
    assert done.returncode == 2 and "standard input is not a terminal" in done.stderr
