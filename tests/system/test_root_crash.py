# SPDX-License-Identifier: GPL-2.0
"""Root's kernel panics, hangs, or hands over to a crash kernel: the other cells do not notice. arm64's crash kernel
is in test_arm64_kexec.py."""

import re

import pytest

import blobs
import cloister
import initramfs
from conftest import BOTH_ARCHS, INTEL, machine_id

PERIOD_US = 20000
# Timer interrupts of the cell in a minute of its own time.
MINUTE = 60 * 1000000 // PERIOD_US


def ticks(machine):
    lines = re.findall(r"^heartbeat: (\d+) ticks", machine.inmates(), re.MULTILINE)
    return int(lines[-1]) if lines else 0


def with_heartbeat(boot, name, **options):
    """A machine with a cell that writes to a UART of its own: nobody will be there to read its virtual one."""
    machine = boot(f"{name}-{machine_id(options)}", **options)
    cloister.enable(machine)
    memory, ports, uart = [blobs.ram(), blobs.comm()], [(0x3E8, 8)], 0x3E8
    if machine.arch == "arm64":
        ports, uart = [], 0x9040000
        memory.append((uart, uart, 0x1000, blobs.READ | blobs.WRITE | blobs.IO))
    # Bochs' sends as many bits as it is told to.
    machine.check(f"stty -F /dev/{machine.lines.inmates} raw 115200")
    machine.push("/tmp/beat.cell", blobs.cell("beat", cpus=[2], flags=0, memory=memory, pio=ports, arch=machine.arch))
    cloister.start(machine, "beat", "heartbeat", f"period_us={PERIOD_US} print_ms=500 console={uart:#x}", path="/tmp/beat.cell")
    cloister.wait(machine, "the cell to start", lambda: ticks(machine) > 0)
    machine.check("echo 7 >/proc/sys/kernel/printk; echo 0 >/proc/sys/kernel/panic; echo 1 >/proc/sys/kernel/sysrq")
    return machine


def crash(machine, command, says):
    """By a command whose answer nobody waits for. Returns how far the cell is."""
    machine.check(f"( sleep 1; {command} ) >/dev/null 2>&1 &")
    machine.wait_console(says, 60)
    return ticks(machine)


def goes_on(machine, since, count):
    """For so many ticks more. Then the machine is ended: its CPUs spin."""
    cloister.wait(machine, f"{count} ticks of the cell", lambda: ticks(machine) >= since + count, 300)
    machine.close()


def panic(machine):
    return crash(machine, "echo c >/proc/sysrq-trigger", "end Kernel panic - not syncing: sysrq triggered crash")


def test_panic(boot):
    """The minute passes for both architectures at the same time."""
    machines = [with_heartbeat(boot, "panic", **options) for options in BOTH_ARCHS]
    for machine, since in [(machine, panic(machine)) for machine in machines]:
        goes_on(machine, since, MINUTE)


@pytest.mark.parametrize("options", [INTEL], ids=machine_id)
def test_panic_on_intel(boot, options):
    machine = with_heartbeat(boot, "panic", **options)
    goes_on(machine, panic(machine), MINUTE)


@pytest.mark.parametrize("options", BOTH_ARCHS, ids=machine_id)
def test_hang(boot, options):
    """All CPUs of root spin with interrupts off."""
    machine = with_heartbeat(boot, "hang", **options)
    machine.check("insmod /lib/modules/hostile.ko")
    goes_on(machine, crash(machine, "echo before >/dev/kmsg; echo spin >/proc/hostile", "before"), MINUTE // 20)


def test_crash_kernel(boot, tmp_path):
    """It is the root cell: it has its memory from crashkernel=, and ends in a panic as it has no root file system."""
    files = {"usr/bin/kexec": initramfs.compiled(tmp_path / "kexec", "kexec.c", "x86"),
             "vmlinuz": initramfs.kernel_directory("6.1", "x86") / "vmlinuz"}
    machine = with_heartbeat(boot, "crash", append="crashkernel=192M", files=files)
    machine.check("kexec /vmlinuz 'console=ttyS0 quiet nr_cpus=1 reset_devices mitigations=off panic=0'")
    since = crash(machine, "echo c >/proc/sysrq-trigger", "Kernel panic - not syncing: VFS: Unable to mount root fs")
    goes_on(machine, since, MINUTE // 20)
