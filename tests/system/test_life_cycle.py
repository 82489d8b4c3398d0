# SPDX-License-Identifier: GPL-2.0
"""The life of cells on every test machine: enable, create, load, start, shutdown, destroy, disable."""

import re

import pytest

import cloister
from conftest import ALL_MACHINES, ARM64_MACHINES, INTEL, machine_id

pytestmark = pytest.mark.parametrize("machine", ALL_MACHINES + ARM64_MACHINES + [INTEL], indirect=True, ids=machine_id)


# The reasons of exits to use the virtual UART, and to start another CPU.
CONSOLE = {"x86": "pio", "arm64": "mmio"}
START = {"x86": "init", "arm64": "firmware"}
HW_IDS = {"x86": "APIC ids", "arm64": "affinities"}


def uses_x2apic(machine):
    return "x2apic" in machine.log_directory.name


def interrupt_controller(machine):
    if machine.arch == "arm64":
        return "GICv2" if "gic-2" in machine.log_directory.name else "GICv3"
    return "x2APIC" if uses_x2apic(machine) else "xAPIC"


def test_kernel_and_cpus(machine):
    assert machine.check("uname -r").startswith(machine.kernel.removesuffix("-normal") + ".")
    assert machine.check("uname -m") == {"x86": "x86_64\n", "arm64": "aarch64\n"}[machine.arch]
    assert machine.check("nproc") == "4\n"
    for directory in ("/proc", "/sys", "/dev", "/sys/kernel/debug", "/tmp"):
        machine.check(f"grep -q ' {directory} ' /proc/mounts")
    machine.check(f"echo pong >/dev/{machine.lines.inmates}")
    machine.wait_inmates("^pong", 5)


@pytest.mark.only("amd")
def test_svm_and_apic_mode(machine):
    flags = [line.split() for line in machine.check("grep ^flags /proc/cpuinfo").splitlines()]
    assert len(flags) == 4
    assert all({"svm", "npt"} <= set(cpu) for cpu in flags)
    x2apic = machine.run("dmesg | grep 'x2apic enabled'").status == 0
    remapping = machine.run("dmesg | grep 'Enabled IRQ remapping in x2apic mode'").status == 0
    wanted = "IR-IO-APIC" if x2apic else "IO-APIC"
    assert x2apic == remapping == uses_x2apic(machine)
    assert wanted in machine.check("cat /proc/interrupts").split()
    machine.check("modprobe msr && modprobe kvm_amd && rmmod kvm_amd")


@pytest.mark.only("intel")
def test_vmx(machine):
    flags = [line.split() for line in machine.check("grep '^vmx flags' /proc/cpuinfo").splitlines()]
    assert len(flags) == 4
    assert all({"ept", "unrestricted_guest", "vpid", "vnmi", "preemption_timer"} <= set(cpu) for cpu in flags)
    assert not uses_x2apic(machine) and machine.run("dmesg | grep 'x2apic enabled'").status == 1


@pytest.mark.only("arm64")
def test_el2_is_free(machine):
    """Linux at EL1 with nobody at EL2, and an interrupt controller of the kind that was asked for."""
    machine.check("dmesg | grep -q 'KVM disabled from command line'")
    machine.check(f"grep -q '{interrupt_controller(machine)}.*arch_timer' /proc/interrupts && ! [ -e /dev/kvm ]")
    isolated = machine.run("dmesg | grep -q 'detected: Kernel page table isolation'").status == 0
    assert isolated == ("kpti-on" in machine.log_directory.name)
    machine.check("modprobe virtio_net")


def test_enable_and_disable(machine):
    before = cloister.Snapshot(machine)
    cloister.load_driver(machine)
    status = cloister.status(machine)
    assert (status["enabled"], status["machine"], status["image"]) == (False, "", f"cloister/cloister-{machine.flavour}.bin")
    assert machine.check("hvctl enable --dry-run " + cloister.ROOT) == "Cloister could be enabled; nothing was changed.\n"
    assert not cloister.status(machine)["enabled"]
    before.assert_same(machine)

    cloister.enable(machine)
    status = cloister.status(machine)
    assert status["enabled"] and status["cells"] == 1 and status["last_refusal"] == ""
    assert status["hv_size"] == status["mem_total"] == 2 << 20
    assert status["mem_image"] < status["mem_used"] <= 768 << 10
    assert ("x2apic" in status["features"]) == uses_x2apic(machine)
    during = cloister.Snapshot(machine)
    assert during.cpus == "4"
    missing = before.mem_total - during.mem_total
    if any(start <= status["hv_phys"] < end for start, end in during.ram):
        assert missing == 0, "what was allocated stays in Linux' books"
    else:
        assert 100 << 10 < missing <= 128 << 10, "the memory block that was removed"
    root = cloister.cells(machine)["qemu-root"]
    assert root["root"] and root["state"] == "running" and root["cpus"] == [0, 1, 2, 3]

    cloister.disable(machine)
    after = before.assert_same(machine)
    assert not cloister.status(machine)["enabled"]
    cloister.enable(machine)
    cloister.disable(machine)
    assert after.assert_same(machine).mem_total == after.mem_total
    assert [text for text in cloister.log_texts(machine) if "root cell 'qemu-root' runs" in text]
    cloister.assert_healthy(machine)


def test_two_cells(enabled):
    machine = enabled
    used = cloister.status(machine)["mem_used"]
    cloister.start(machine, "smp", "smp", "rounds=50 count=1K")
    cloister.start(machine, "timer", "timer", "period_us=10000 report_s=1")
    assert machine.check("cat /sys/devices/system/cpu/online") == "0\n"

    cloister.wait_output(machine, "smp", r"^smp: 2 of 2 CPUs run\r$")
    cloister.wait_output(machine, "smp", r"^smp: 50 x IPI to CPU 1 and back: min \d+ avg \d+ max \d+ ns\r$")
    cloister.wait_output(machine, "smp", r"^smp: 2 CPUs counted to 2048 \(expected 2048\) in \d+ us\r$")
    controller = interrupt_controller(machine)
    cloister.wait_output(machine, "timer", rf"^timer: one interrupt every 10000 us, {controller}, \S+ mode\r$")
    cloister.wait_output(machine, "timer", r"^timer: latency of 20[01] interrupts\r\n  min \d+ ticks, \d+ ns\r$")

    cells = cloister.cells(machine)
    assert list(cells) == ["qemu-root", "smp", "timer"]
    assert [cell["cpus"] for cell in cells.values()] == [[0], [1, 2], [3]]
    assert [cell["state"] for cell in cells.values()] == ["running"] * 3
    assert cells["smp"]["memory"] == cells["timer"]["memory"] == 2 << 20
    assert 0 < cells["smp"]["hv_memory"] <= 64 << 10
    assert cells["timer"]["console_written"] > 200
    status = cloister.status(machine)
    assert status["cells"] == 3 and used < status["mem_used"] <= 768 << 10

    exits = cloister.exits(machine)
    assert sorted(exits) == [0, 1, 2, 3]
    for cpu in (1, 2, 3):
        assert exits[cpu][CONSOLE[machine.arch]] > 0 and exits[cpu]["other"] == exits[cpu]["exception"] == 0
    assert exits[1][START[machine.arch]] > 0, "it started the second CPU of its cell"
    assert set(cloister.exits(machine, "timer")) == {3}

    texts = cloister.log_texts(machine)
    for text in ("cell 'smp' (1) created", "cell 'timer' (2) created", "cell 'smp' (1) started", "cell 'timer' (2) started"):
        assert text in texts
    assert "error" not in {record["severity"] for record in cloister.log(machine)}


def test_shutdown_start_destroy(enabled):
    machine = enabled
    cloister.start(machine, "timer", "timer", "period_us=10000 report_s=0")
    cloister.wait_output(machine, "timer", "^timer: one interrupt every")
    cloister.refused(machine, "hvctl cell start timer", "cell 'timer' runs already", "hvctl cell shutdown timer comes first")
    machine.check("hvctl cell shutdown timer --timeout 30000", 60)
    assert cloister.state(machine, "timer") == "shut down"
    said = machine.check("hvctl console timer")
    assert len(re.findall(r"^timer: latency of \d+ interrupts", said, re.MULTILINE)) == 1
    assert said.endswith("timer: done\r\n")
    machine.check("hvctl cell shutdown timer"), "again: nothing to do"

    machine.check("hvctl cell start timer")
    assert cloister.state(machine, "timer") == "running"
    cloister.wait_output(machine, "timer", r"timer: done\r\ntimer: one interrupt every")
    # A cell that is loaded while it runs is stopped for that.
    machine.check("hvctl cell load 1 -s 'name=again' /inmates/hello.bin && hvctl cell start 1")
    cloister.wait_output(machine, "timer", r"^Hello, again! This cell runs in 64-bit mode\.\r\n"
                         rf"CPUs: 3 \({HW_IDS[machine.arch]}\), {interrupt_controller(machine)},")

    machine.check("hvctl cell destroy timer")
    assert list(cloister.cells(machine)) == ["qemu-root"]
    assert machine.check("cat /sys/devices/system/cpu/online") == "0-3\n"
    cloister.refused(machine, "hvctl cell start timer", "there is no cell 'timer'; there are: qemu-root")


def test_destroy_of_a_running_cell(enabled):
    machine = enabled
    used = cloister.status(machine)["mem_used"]
    cloister.start(machine, "smp", "smp", "rounds=1 count=1M")
    cloister.wait_output(machine, "smp", "^smp: 2 of 2 CPUs run")
    machine.check("hvctl cell destroy smp")
    assert machine.check("cat /sys/devices/system/cpu/online") == "0-3\n"
    assert cloister.status(machine)["mem_used"] == used
    # Both CPUs work: each one runs something.
    assert machine.check("for cpu in 0 1 2 3; do taskset $(printf %x $((1 << cpu))) sh -c 'echo ok'; done") == "ok\n" * 4


def steady_exits(machine, ticks):
    """Exits of a timer cell's CPU from its start to its end after so many interrupts, without those for
    its console output."""
    machine.check(f"hvctl cell load timer -s 'period_us=1000 report_s=0 ticks={ticks}' /inmates/timer.bin")
    before = cloister.exits(machine, "timer")[3]
    output = cloister.cells(machine)["timer"]["console_written"]
    machine.check("hvctl cell start timer")

    def written():
        text = machine.check("hvctl console timer")
        # One more may come before the cell has switched its timer off.
        counts = [int(count) for count in re.findall(r"latency of (\d+) interrupts", text)]
        return text.endswith("timer: done\r\n") and counts and counts[-1] in (ticks, ticks + 1)

    cloister.wait(machine, f"{ticks} interrupts in the timer cell", written)
    machine.check("hvctl cell shutdown timer")
    output = cloister.cells(machine)["timer"]["console_written"] - output
    after = cloister.exits(machine, "timer")[3]
    exits = {reason: after[reason] - before[reason] for reason in after}
    # One exit to look whether the UART is ready and one for the byte: the cell did nothing else of that kind.
    assert exits.pop(CONSOLE[machine.arch]) == 2 * output
    exits.pop("total")
    return exits


def test_exits_per_timer_tick(enabled):
    machine = enabled
    machine.check("hvctl cell create /cells/qemu-timer.cell")
    few, many = steady_exits(machine, 20), steady_exits(machine, 1020)
    more = {reason: many[reason] - few[reason] for reason in few if many[reason] != few[reason]}
    if machine.arch == "arm64":
        # The interrupt itself, and nothing to end it, but with QEMU's GICv2 (gic_needs_eoi). One more may
        # come before the timer is off.
        each = 2 if interrupt_controller(machine) == "GICv2" else 1
        assert set(more) == {"interrupt"} and 999 * each <= more["interrupt"] <= 1001 * each
    elif uses_x2apic(machine):
        assert more == {}, "1000 further interrupts, no further exit"
    else:
        # The end-of-interrupt register, and nothing besides the registers of the interrupt controller.
        assert set(more) == {"xapic"} and 1000 <= more["xapic"] <= 4000


@pytest.mark.only("arm64")
@pytest.mark.parametrize("end", ["", "split"])
def test_interrupt_that_stays(enabled, end):
    """Its line is still up when it is ended, in one step or, as Linux does it, in two: it comes again."""
    machine = enabled
    cloister.start(machine, "timer", "level", f"times=1000 {end}")
    match = cloister.wait_output(machine, "timer", r"^level: (\d+) of 1000 interrupts, (\d+) of them late, .*$")
    assert (match[1], match[2]) == ("1000", "0"), match[0]


def nmis(machine):
    """{CPU: NMIs that Linux has seen}"""
    line = machine.check("grep NMI: /proc/interrupts").split()
    cpus = [int(name[3:]) for name in machine.check("head -1 /proc/interrupts").split()]
    return dict(zip(cpus, map(int, line[1:])))


def send_nmis(machine):
    """Linux asks all its other CPUs for a backtrace by an NMI. Returns who got how many."""
    before = nmis(machine)
    machine.check("echo l >/proc/sysrq-trigger")
    after = nmis(machine)
    return [after[cpu] - before[cpu] for cpu in sorted(after)]


@pytest.mark.only("x86")
def test_nmis(machine):
    """Those of Linux reach its CPUs, and kicks do not: enabled, beside a cell, and afterwards, when Linux' own stacks
    for NMIs have to be in place again."""
    cloister.enable(machine)
    assert sorted(send_nmis(machine)) == [0, 1, 1, 1]
    cloister.start(machine, "hello", "hello")
    assert sorted(send_nmis(machine)) == [0, 1, 1]
    machine.check("hvctl cell destroy hello", 60)
    cloister.disable(machine)
    assert sorted(send_nmis(machine)) == [0, 1, 1, 1]
    assert "unknown reason" not in machine.check("dmesg")
    machine.check("dmesg -c >/dev/null")
    cloister.assert_healthy(machine)


def test_cpus_reach_each_other_afterwards(machine):
    """Interrupts between CPUs that were offline or in cells arrive when Linux has the machine again."""
    cloister.enable(machine)
    cloister.start(machine, "smp", "smp")
    machine.check("echo 0 >/sys/devices/system/cpu/cpu3/online && echo 1 >/sys/devices/system/cpu/cpu3/online")
    machine.check("hvctl cell destroy smp", 60)
    cloister.disable(machine)
    for cpu in range(4):
        counts = [interrupts_between_cpus(machine, cpu)]
        machine.check(f"taskset -c {(cpu + 1) % 4} sh -c 'for i in 1 2 3 4 5 6 7 8; do taskset -c {cpu} true; done'", 60)
        counts.append(interrupts_between_cpus(machine, cpu))
        assert counts[1] > counts[0], f"CPU {cpu} gets none"
    cloister.assert_healthy(machine)


def interrupts_between_cpus(machine, cpu):
    """To reschedule and to call functions."""
    lines = machine.check("grep -E '^ *(RES|CAL|IPI[01]):' /proc/interrupts").splitlines()
    return sum(int(line.split()[1 + cpu]) for line in lines)
