# SPDX-License-Identifier: GPL-2.0
"""A distribution's Linux in a cell, as tests see it: its initial RAM file system, the shell on its console, what its kernel
complains of, and the bare-metal cell beside it that must not miss a tick."""

import contextlib
import re

import blobs
import cloister
import initramfs
from machine import QUICK_BOOT

# The test machine's shell reads ahead and edits what is typed; this one takes a line at a time.
INIT = b"""#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1
dmesg -n 1
stty -echo
echo "shell ready"
while read -r line; do eval "$line"; done
"""

# What kernels say in a cell and not natively, and why that is right.
EXPLAINED = (
    "PCI: Fatal: No config space access function found",  # x86: the cell has no PCI function, and so no bus
    "PCI: System does not support PCI",
    # 6.12 on arm64, natively as well where no firmware describes the caches; root's kernel may be 6.1
    "cacheinfo: Unable to detect cache hierarchy",
    "hrtimer: interrupt took",  # the emulator's host was busy
    "clocksource: Long readout interval",  # the same
    "clocksource: timekeeping watchdog",
    "clocksource:                       'arch_sys_counter' wd",
)

# A shell command for Linux in a cell: from now on the power button does something. What is read is a struct input_event
# in numbers of 16 bits: behind the time that it is about a key (1), KEY_POWER, and that it is pressed.
LISTEN_TO_BUTTON = ("exec 3</dev/input/event0; { (set -- $(dd bs=24 count=1 <&3 | od -A n -t u2); "
                    "[ \"$9 ${10} ${11}\" = \"1 116 1\" ] && poweroff -f) & }")

BOOT = 180  # seconds

# What a kernel is told, as the test machines' own are: what is compared must only differ in what is below it. And where its
# cell's memory and entry are.
PARAMETERS = {"x86": f"console=ttyS0 mitigations=off quiet {QUICK_BOOT}", "arm64": f"quiet kpti=off {QUICK_BOOT}"}
BASE = {"x86": 0, "arm64": 0x40000000}
ENTRY = {"x86": 0x10000, "arm64": 0x40000000}


def config(name, cpus, arch, size):
    """A cell with so many bytes of memory, in one piece, and nothing else."""
    return blobs.cell(name, cpus=cpus, memory=[blobs.ram(virt=BASE[arch], size=size)], entry=ENTRY[arch], arch=arch)


def initrd(arch, files=None):
    return initramfs.base(arch) + initramfs.pack({"init": INIT} | (files or {}))


def kernel(flavour, arch):
    return initramfs.kernel_directory(flavour, arch) / "vmlinuz"


def release(flavour, arch):
    """What uname -r says in it."""
    return (initramfs.kernel_directory(flavour, arch) / "release").read_text().strip()


class Shell:
    """The shell on a cell's console, after the boot."""

    def __init__(self, machine, name="linux"):
        self.machine = machine
        self.name = name
        self.output = f"/tmp/{name}.console"
        self.count = 0
        # The one of an earlier cell may still have the file open.
        machine.check(f"rm -f {self.output}; setsid hvctl console {name} --follow >{self.output} 2>&1 </dev/null &")
        # By the machine itself: in Bochs a command that comes while the log is written could get lost.
        machine.check(f"i=0; until grep -q 'shell ready' {self.output}; do i=$((i + 1)); "
                      f"[ $i -lt {2 * BOOT} ] || {{ tail -n 20 {self.output}; exit 1; }}; sleep 0.5; done", 2 * BOOT)

    def text(self, start=0):
        return self.machine.check(f"tail -c +{start + 1} {self.output}").replace("\r\n", "\n")

    def type(self, line):
        self.machine.push("/tmp/typed", f"{line}\n".encode())
        self.machine.check(f"hvctl console {self.name} --input </tmp/typed")

    def run(self, command, timeout=cloister.WAIT):
        """What a command writes."""
        self.count += 1
        said = re.compile(rf"^begin {self.count}\n(.*?)^end {self.count}$", re.M | re.S)
        start = int(self.machine.check(f"wc -c <{self.output}"))
        self.type(f"echo begin {self.count}\n{command}\necho end {self.count}")
        return cloister.wait(self.machine, command, lambda: said.search(self.text(start)), timeout)[1]

    def power_off(self):
        self.type("poweroff -f")
        cloister.wait_state(self.machine, self.name, "shut down")
        self.machine.check(f"hvctl cell destroy {self.name}", 60)


def ends_by_watchdog(machine, shell, module, seconds=5):
    """As long as somebody kicks, for longer than its time, the cell goes on; then it fails."""
    shell.run(f"modprobe {module} && exec 4>/dev/watchdog")
    assert shell.run("cat /sys/class/watchdog/watchdog0/timeout") == f"{seconds}\n"
    shell.run(f"for i in $(seq {3 * seconds + 1}); do echo >&4; sleep 0.5; done")
    assert cloister.state(machine, shell.name) == "running"
    cloister.wait_state(machine, shell.name, "failed")
    number = cloister.cells(machine)[shell.name]["id"]
    said = f"cell '{shell.name}' ({number}): its watchdog was not kicked for {seconds}000 ms"
    assert cloister.log_texts(machine, shell.name)[-1] == said
    machine.check(f"hvctl cell destroy {shell.name}", 60)


def complaints(text):
    """Warnings and worse out of dmesg -r, with what is different each time taken out."""
    found = re.findall(r"^<[0-4]>\[ *[\d.]+\] (.*)$", text, re.M)
    return {re.sub(r"0x[0-9a-f]+|\d+", "N", line.strip()) for line in found}


def assert_no_new_complaints(shell, native):
    """native: complaints() of a kernel without Cloister below it."""
    new = complaints(shell.run("dmesg -r | grep '^<[0-4]>'")) - native
    new = {line for line in new if not line.startswith(EXPLAINED)}
    assert not new, f"{new}; natively {native}"


def boots(machine, command, flavour, native, cpus=2):
    """The kernel that a command of hvctl starts comes up to its shell with all CPUs, and complains of nothing new."""
    machine.check(command, 60)
    shell = Shell(machine)
    said = shell.run("uname -r; nproc")
    assert said == f"{release(flavour, machine.arch)}\n{cpus}\n", said
    assert_no_new_complaints(shell, native)
    return shell


@contextlib.contextmanager
def beside_heartbeat(machine, root, period_us, blocks=1):
    """The machine with Cloister enabled and /cells/heartbeat.cell running; yields what root's kernel complained of natively. At
    the end the heartbeat must have come through, and Linux must have everything back. blocks: of memory that Cloister
    takes."""
    native = complaints(machine.check("dmesg -r"))
    before = cloister.Snapshot(machine, blocks)
    cloister.enable(machine, root)
    cloister.start(machine, "heartbeat", "heartbeat", f"period_us={period_us} print_ms=1000", path="/cells/heartbeat.cell")
    cloister.wait_output(machine, "heartbeat", "^heartbeat: [1-9][0-9]{2,} ticks")
    yield native
    beats, _ = cloister.heartbeats(machine)
    for name in cloister.cells(machine):
        if name not in ("qemu-root", "heartbeat"):
            machine.check(f"hvctl cell destroy {name}", 60)
    cloister.wait(machine, "the heartbeat to go on", lambda: cloister.heartbeats(machine)[0] > beats)
    cloister.end_heartbeat(machine, before)
