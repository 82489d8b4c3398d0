# SPDX-License-Identifier: GPL-2.0
"""Another kernel takes over while Cloister is enabled, through the stub at EL2 that Cloister sits on. It
has no root file system and ends in a panic."""

import pytest

import cloister
import initramfs

LINUX = initramfs.kernel_directory("6.1", "arm64") / "vmlinuz"


@pytest.fixture(scope="module")
def kexec(tmp_path_factory):
    return initramfs.compiled(tmp_path_factory.mktemp("kexec") / "kexec", "kexec.c", "arm64")


def machine_with_timer(boot, name, program, **options):
    machine = boot(name, arch="arm64", files={"usr/bin/kexec": program, "Image": LINUX}, **options)
    cloister.enable(machine)
    cloister.start(machine, "timer", "timer")
    return machine


def test_kexec(boot, kexec):
    """Cells end, and the next kernel has EL2, as the first had."""
    machine = machine_with_timer(boot, "reboot", kexec, append="loglevel=7")
    machine.check("kexec /Image 0x60000000")
    machine.check("( sleep 1; kexec reboot ) >/dev/null 2>&1 &")
    machine.wait_console("cloister: disabling before reboot", 60)
    machine.wait_console(r"Bye![\s\S]*CPU: All CPU.s. started at EL2", 60)
    assert "cell 'timer' (1) destroyed" in machine.console()


def test_crash_kernel(boot, kexec):
    """There is no time to disable anything: the crash kernel is the root cell, and other cells run on."""
    machine = machine_with_timer(boot, "crash", kexec, append="loglevel=7 crashkernel=512M@0x80000000")
    machine.check("kexec /Image 0x80000000 crash")
    machine.check("( sleep 1; echo c >/proc/sysrq-trigger ) >/dev/null 2>&1 &")
    machine.wait_console(r"Starting crashdump kernel[\s\S]*CPU: All CPU.s. started at EL1", 60)
    assert "cell 'timer' (1) destroyed" not in machine.console()
    assert "cell 'timer' stopped" not in machine.console()
