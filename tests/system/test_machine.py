# SPDX-License-Identifier: GPL-2.0
"""The test machines themselves: what every other system test takes for granted."""

import pytest

from conftest import ALL_MACHINES, ARM64_MACHINES, machine_id
from machine import MachineDied, MachineTimeout

each_machine = pytest.mark.parametrize("machine", ALL_MACHINES, indirect=True, ids=machine_id)
each_arm64_machine = pytest.mark.parametrize("machine", ARM64_MACHINES, indirect=True, ids=machine_id)


def assert_kernel_and_cpus(machine, arch):
    assert machine.check("uname -r").startswith(machine.kernel.removesuffix("-normal") + ".")
    assert machine.check("uname -m") == arch + "\n"
    assert machine.check("nproc") == "4\n"


@each_machine
def test_kernel_and_cpus(machine):
    assert_kernel_and_cpus(machine, "x86_64")
    flags = [line.split() for line in machine.check("grep ^flags /proc/cpuinfo").splitlines()]
    assert len(flags) == 4
    assert all({"svm", "npt"} <= set(cpu) for cpu in flags)


@each_machine
def test_apic_mode(machine):
    x2apic = machine.run("dmesg | grep 'x2apic enabled'").status == 0
    remapping = machine.run("dmesg | grep 'Enabled IRQ remapping in x2apic mode'").status == 0
    wanted = "IR-IO-APIC" if x2apic else "IO-APIC"
    assert x2apic == remapping == ("x2apic" in machine.log_directory.name)
    assert wanted in machine.check("cat /proc/interrupts").split()


@each_arm64_machine
def test_arm64(machine):
    """Linux at EL1 with nobody at EL2, and an interrupt controller of the kind that was asked for."""
    assert_kernel_and_cpus(machine, "aarch64")
    machine.check("dmesg | grep -q 'KVM disabled from command line'")
    controller = "GICv2" if "gic-2" in machine.log_directory.name else "GICv3"
    machine.check(f"grep -q '{controller}.*arch_timer' /proc/interrupts && ! [ -e /dev/kvm ]")
    machine.check(f"modprobe virtio_net && echo pong >/dev/{machine.lines.inmates}")
    machine.wait_inmates("^pong", 5)


@each_machine
def test_modules_and_file_systems(machine):
    machine.check("modprobe msr && modprobe kvm_amd && rmmod kvm_amd")
    for directory in ("/proc", "/sys", "/dev", "/sys/kernel/debug", "/tmp"):
        machine.check(f"grep -q ' {directory} ' /proc/mounts")


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
    with pytest.raises(MachineDied, match="Kernel panic"):
        m.run("echo c >/proc/sysrq-trigger", timeout=60)
