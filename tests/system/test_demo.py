# SPDX-License-Identifier: GPL-2.0
"""scripts/demo, as "make demo" runs it."""

import os
import re
import subprocess

import initramfs

DEMO = initramfs.TOP / "scripts" / "demo"
STEPS = ("Booting a machine", "Loading the driver and enabling", "Creating a cell", "What the cells say", "Who has what",
         "Destroying the cells", "Disabling Cloister", "Comparing with the beginning", "The demo has ended well.")


def demo(interactive="", typed=""):
    environment = os.environ | {"INTERACTIVE": interactive}
    return subprocess.run([DEMO], input=typed, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=150, check=False)


def test_demo():
    done = demo()
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


def test_interactive():
    done = demo("1", "nproc\nhvctl enable /cells/qemu-root.cell && echo enabled $((6 * 7))\nexit 3\n")
    assert done.returncode == 0, done.stdout
    shell = done.stdout.partition("A root shell in this machine")[2]
    assert "enabled 42" in shell and "Cloister is enabled, Linux runs as the root cell." in shell
    assert done.stdout.rstrip().endswith("The demo has ended well.")
