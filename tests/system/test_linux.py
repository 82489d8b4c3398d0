# SPDX-License-Identifier: GPL-2.0
"""An unmodified distribution's kernel in an x86-64 cell: boots to a shell on `hvctl console`, has what its config says and
the right time, complains of nothing that it would not complain of natively, and comes to its end by its own means. A
bare-metal cell beside it, and root, must not notice."""

import re

import pytest

import blobs
import cloister
import initramfs

ROOT = "/cells/qemu-root-large.cell"
CELL = "/cells/qemu-linux.cell"
LINUX = "/linux/vmlinuz"
START = f"hvctl cell linux {CELL} {LINUX} --initrd /linux/initrd --cmdline"
# As the test machine's own kernel has them: what is compared must only differ in what is below it.
PARAMETERS = "console=ttyS0 mitigations=off"
# KiB, in configs/x86/qemu-linux.c
MEMORY = 0xe000000 // 1024
SETTLE = "sleep 5"

# What kernels say in a cell and not natively, and why that is right.
EXPLAINED = (
    "PCI: Fatal: No config space access function found",  # the cell has no PCI function, and so no bus
    "PCI: System does not support PCI",
    "hrtimer: interrupt took",  # the emulator's host was busy
)


# The test machine's shell reads ahead and edits what is typed; this one takes a line at a time.
INIT = b"""#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec </dev/ttyS0 >/dev/ttyS0 2>&1
dmesg -n 1
stty -echo
echo "shell ready"
while read -r line; do eval "$line"; done
"""


def machines():
    for kernel, apic in (("6.1", "xapic"), ("6.12", "x2apic")):
        files = {LINUX[1:]: initramfs.kernel_directory(kernel, "x86") / "vmlinuz",
                 "linux/initrd": (initramfs.base("x86") + initramfs.kernel_modules(kernel, "x86") +
                                  initramfs.pack({"init": INIT})),
                 "linux/cut-off": (initramfs.kernel_directory(kernel, "x86") / "vmlinuz").read_bytes()[:1 << 20],
                 "linux/empty": b"",
                 "cells/heartbeat.cell": blobs.cell("heartbeat", cpus=[3]),
                 "cells/small.cell": blobs.cell("small", cpus=[3])}
        yield pytest.param({"kernel": kernel, "apic": apic, "files": files}, id=f"{kernel}-{apic}")


pytestmark = pytest.mark.parametrize("machine", list(machines()), indirect=True)



class Shell:
    """The shell on a cell's console."""

    def __init__(self, machine):
        self.machine = machine
        self.count = 0
        machine.check("killall hvctl; : >/tmp/linux; setsid hvctl console linux --follow >/tmp/linux 2>&1 </dev/null &")
        cloister.wait(machine, "a shell in the cell", lambda: machine.run("grep -q 'shell ready' /tmp/linux").status == 0)

    def text(self, start):
        return self.machine.check(f"tail -c +{start + 1} /tmp/linux").replace("\r\n", "\n")

    def type(self, line):
        self.machine.push("/tmp/typed", f"{line}\n".encode())
        self.machine.check("hvctl console linux --input </tmp/typed")

    def run(self, command):
        self.count += 1
        end = re.compile(rf"^end {self.count}$", re.M)
        start = int(self.machine.check("wc -c </tmp/linux"))
        self.type(f"{command}\necho end {self.count}")
        text = cloister.wait(self.machine, command, lambda: end.search(self.text(start)) and self.text(start))
        return end.split(text)[0]


def complaints(text):
    """Warnings and worse out of dmesg -r, with what is different each time taken out."""
    found = re.findall(r"^<[0-4]>\[ *[\d.]+\] (.*)$", text, re.M)
    return {re.sub(r"0x[0-9a-f]+|\d+", "N", line) for line in found}


@pytest.fixture(scope="module")
def host(machine):
    """The machine with Cloister enabled and the heartbeat cell, and what its own kernel complains of."""
    native = complaints(machine.check("dmesg -r"))
    before = cloister.Snapshot(machine)
    # The page arrays of four blocks of memory, where other tests take one.
    before.mem_total += 3 * 2048
    cloister.enable(machine, ROOT)
    cloister.start(machine, "heartbeat", "heartbeat", "period_us=10000 print_ms=1000", path="/cells/heartbeat.cell")
    cloister.wait_output(machine, "heartbeat", "^heartbeat: 100 ticks")
    yield machine, native
    cloister.wait_output(machine, "heartbeat", "^heartbeat: [0-9]+ ticks")
    if "linux" in cloister.cells(machine):
        machine.check("hvctl cell destroy linux", 60)
    cloister.end_heartbeat(machine, before)


@pytest.fixture(scope="module")
def shell(host):
    machine = host[0]
    assert "see hvctl console linux" in machine.check(f"{START} '{PARAMETERS}'", 60)
    return Shell(machine)


@pytest.mark.parametrize("command, texts", [
    (f"{START.replace(LINUX, '/linux/cut-off')} ''", ["/linux/cut-off", "it is cut off"]),
    (f"{START.replace(LINUX, '/bin/busybox')} ''", ["no kernel for x86 (bzImage)"]),
    (f"{START.replace(CELL, '/cells/small.cell')} ''", ["MiB of RAM in one piece"]),
    (f"{START.replace('/linux/initrd', '/linux/empty')} ''", ["/linux/empty: the file is empty"]),
    (f"{START} $(printf %2048s x | tr ' ' x)", ["the command line has 2048 bytes, the kernel takes at most 2047"]),
    (f"{START} '' --dtb /linux/initrd", ["a device tree is for arm64"]),
], ids=["cut-off", "no-kernel", "small", "no-initrd", "long-line", "dtb"])
def test_refused(host, command, texts):
    machine = host[0]
    before = sorted(cloister.cells(machine)), machine.check("cat /sys/devices/system/cpu/online")
    answer = machine.run(command, 60)
    assert answer.status in (1, 2)
    for text in texts:
        assert text in answer.output
    assert (sorted(cloister.cells(machine)), machine.check("cat /sys/devices/system/cpu/online")) == before


def test_resources(shell):
    assert shell.run("nproc") == "2\n"
    total = int(re.search(r"MemTotal: +(\d+) kB", shell.run("cat /proc/meminfo"))[1])
    # What the kernel keeps to itself does not count.
    assert MEMORY * 2 // 3 < total < MEMORY
    assert "ttyS0" in shell.run("cat /proc/interrupts")


def test_complains_of_nothing_new(host, shell):
    native = host[1]
    text = shell.run("dmesg -r")
    explained = {line for line in complaints(text) if line.startswith(EXPLAINED)}
    assert complaints(text) - explained - native == set()
    assert "could not calculate" not in text and "KASLR disabled" not in text


def seconds(text):
    return [float(word) for word in text.split()[:2]]


def test_time(host, shell):
    """Each look at the cell's clocks is between two at root's: no matter how long it takes."""
    machine = host[0]
    root = "cut -d' ' -f1 /proc/uptime; date +%s"
    assert shell.run("cat /sys/devices/system/clocksource/clocksource0/current_clocksource") in ("kvm-clock\n", "tsc\n")
    looks = []
    for _ in range(2):
        before = seconds(machine.check(root))
        inside = seconds(shell.run(root))
        after = seconds(machine.check(root))
        looks.append((before, inside, after))
        machine.check(SETTLE)
        # Linux counts ticks until it has found its clock, and loses those of its first second or two.
        assert before[1] - 5 <= inside[1] <= after[1] + 1, "time of day"
    (before, inside, after), (before2, inside2, after2) = looks
    passed = inside2[0] - inside[0]
    assert (before2[0] - after[0]) * 0.98 - 0.1 < passed < (after2[0] - before[0]) * 1.02 + 0.1


def test_cpu_goes_and_comes_back(shell):
    online = "/sys/devices/system/cpu/cpu1/online"
    for _ in range(2):
        assert shell.run(f"echo 0 >{online}; nproc; echo 1 >{online}; nproc") == "1\n2\n"


def test_watchdog(host, shell):
    """As long as somebody kicks, for longer than its time, the cell goes on; then it fails."""
    machine = host[0]
    shell.run("modprobe wdat_wdt timeout=5 && exec 4>/dev/watchdog")
    shell.run("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do echo >&4; sleep 0.5; done")
    assert cloister.state(machine, "linux") == "running"
    cloister.wait_state(machine, "linux", "failed")
    assert cloister.log_texts(machine, "linux")[-1] == "cell 'linux' (2): its watchdog was not kicked for 5000 ms"
    machine.check("hvctl cell destroy linux", 60)


def test_power_button(host):
    """While nobody listens the cell is stopped after its time; then one whose system switches off by its button."""
    machine = host[0]
    machine.check(f"{START} '{PARAMETERS}'", 60)
    assert "cell 'linux' was stopped: it has not shut down within 100 ms" in machine.check(
        "hvctl cell shutdown linux --timeout 100")
    assert cloister.state(machine, "linux") == "stopped"
    machine.check("hvctl cell destroy linux", 60)
    machine.check(f"{START} '{PARAMETERS}'", 60)
    listening = Shell(machine)
    listening.run("modprobe button && modprobe evdev")
    listening.run(cloister.LISTEN_TO_BUTTON)
    assert "was stopped" not in machine.check("hvctl cell shutdown linux --timeout 60000", 90)
    assert cloister.state(machine, "linux") == "shut down"
    machine.check("hvctl cell destroy linux", 60)


def test_end(host):
    """Power-off, then another one that asks for a restart."""
    machine = host[0]
    machine.check(f"{START} '{PARAMETERS}'", 60)
    shell = Shell(machine)
    shell.type("poweroff -f")
    cloister.wait_state(machine, "linux", "shut down")
    machine.check("hvctl cell destroy linux", 60)
    machine.check(f"{START} '{PARAMETERS}'", 60)
    again = Shell(machine)
    assert again.run("nproc") == "2\n"
    again.type("reboot -f")
    cloister.wait_state(machine, "linux", "reset")
    assert cloister.log_texts(machine, "linux")[-1] == "cell 'linux' (2) asks for a restart"
    machine.check("hvctl cell destroy linux", 60)
    cloister.assert_healthy(machine)
