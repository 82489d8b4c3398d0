# SPDX-License-Identifier: GPL-2.0
"""A distribution's kernel in a cell of an arm64 machine, beside root with the same kernel and a bare-metal cell:
hvctl cell linux."""

import gzip
import pathlib
import re
import subprocess

import blobs
import cloister
import guest_linux
import initramfs
import pytest
from guest_linux import Shell

KERNELS = [("6.1", 3), ("6.12", 2), ("6.12", 3), ("6.1", 2), ("6.1-normal", 3)]
CONFIG = "/cells/qemu-linux.cell"
ROOT = "/cells/qemu-root-large.cell"
PARAMETERS = guest_linux.PARAMETERS["arm64"]
MIB = 1 << 20
U_BOOT_TREE = pathlib.Path(__file__).parent / "guest" / "u-boot.dts"

# What else is booted in a cell of these machines, and which of it as Image.gz.
FURTHER = {("6.1", 3): ("6.1-rt", "6.12-normal"), ("6.12", 2): ("6.12-rt",)}
COMPRESSED = "6.1-rt"
# Those whose first cell comes to its end by its watchdog.
WATCHED = (("6.1", 3), ("6.12", 2))


def files(kernel, gic):
    tree = U_BOOT_TREE.read_text("utf-8")
    cpus = "".join(f'cpu@{n} {{ device_type = "cpu"; compatible = "arm,cortex-a72"; reg = <{n}>; enable-method = "psci"; }};'
                   for n in range(4))
    tree = re.sub(r"cpu@3 \{.*?\};", cpus, tree, flags=re.DOTALL)
    tree = tree.replace("chosen {", 'a-node { compatible = "of,the-tree"; };\n\tchosen {', 1)
    blob = subprocess.run(["dtc", "-q", "-O", "dtb"], input=tree.encode(), stdout=subprocess.PIPE, check=True).stdout
    further = {f"further/{flavour}": guest_linux.kernel(flavour, "arm64") for flavour in FURTHER.get((kernel, gic), ())}
    if f"further/{COMPRESSED}" in further:
        further[f"further/{COMPRESSED}"] = gzip.compress(further[f"further/{COMPRESSED}"].read_bytes(), compresslevel=1)
    return {
        **further,
        "root/vmlinuz": guest_linux.kernel(kernel, "arm64"),
        "root/initrd": guest_linux.initrd("arm64") + initramfs.kernel_modules(kernel, "arm64"),
        "root/tree.dtb": blob,
        "cells/heartbeat.cell": blobs.cell("heartbeat", cpus=[1], arch="arm64"),
    }


def start(machine, options=""):
    machine.check(f"hvctl cell linux {CONFIG} /root/vmlinuz -i /root/initrd -c '{PARAMETERS}' {options}", 60)
    return Shell(machine)


def on(*machines):
    return pytest.mark.parametrize("prepared", machines, indirect=True, ids=lambda machine: f"{machine[0]}-gicv{machine[1]}")


@pytest.fixture(scope="module")
def prepared(request, boot):
    """The machine with Cloister enabled and the heartbeat cell running."""
    kernel, gic = request.param
    machine = boot(f"{kernel}-gicv{gic}", arch="arm64", kernel=kernel, gic=gic, files=files(kernel, gic))
    machine.gic = gic
    machine.watched = request.param in WATCHED
    machine.knows_button = kernel.endswith("-normal")  # the others have no driver for it
    with guest_linux.beside_heartbeat(machine, ROOT, 1000) as machine.native:
        yield machine


def uptimes(machine, shell):
    """The cell's, and root's before and after that was read."""
    first = float(machine.check("cut -d' ' -f1 /proc/uptime"))
    cells = float(shell.run("cut -d' ' -f1 /proc/uptime"))
    return first, cells, float(machine.check("cut -d' ' -f1 /proc/uptime"))


@on(("6.1", 3))
def test_refused(prepared):
    """With a sentence, and nothing has changed."""
    machine = prepared
    before = list(cloister.cells(machine))
    used = cloister.status(machine)["mem_used"]
    machine.check("head -c 4096 /root/vmlinuz >/tmp/short; head -c 100000 /dev/zero >/tmp/zeros; : >/tmp/empty")
    machine.check("gzip -1 </tmp/zeros >/tmp/zeros.gz; head -c 60 /tmp/zeros.gz >/tmp/cut.gz")
    machine.push("/tmp/small.cell", blobs.cell("small", cpus=[2], arch="arm64", entry=0x40000000,
                                               memory=[blobs.ram(virt=0x40000000, size=16 * MIB)]))
    machine.push("/tmp/outside.cell", blobs.cell("outside", cpus=[2], arch="arm64", entry=0x10000,
                                                 memory=[blobs.ram(flags=blobs.RAM), blobs.ram(virt=0x40000000, size=64 * MIB)]))
    machine.push("/tmp/direct.cell", blobs.cell("direct", cpus=[2], arch="arm64", entry=0x40000000,
                                                flags=blobs.VUART | blobs.DIRECT_IRQ,
                                                memory=[blobs.ram(virt=0x40000000, size=64 * MIB)]))
    linux = "hvctl cell linux"
    cloister.refused(machine, f"{linux} {CONFIG} /tmp/zeros", "/tmp/zeros: is no arm64 kernel, expected")
    cloister.refused(machine, f"{linux} {CONFIG} /tmp/zeros.gz", "/tmp/zeros.gz: is no arm64 kernel, expected")
    cloister.refused(machine, f"{linux} {CONFIG} /tmp/cut.gz", "/tmp/cut.gz: the gzip file is damaged")
    cloister.refused(machine, f"{linux} {CONFIG} /tmp/empty", "/tmp/empty: the file is empty")
    cloister.refused(machine, f"{linux} /tmp/small.cell /root/vmlinuz", "image_size is", "the 16777216 that the cell has")
    cloister.refused(machine, f"{linux} /tmp/outside.cell /root/vmlinuz", "cell 'outside': entry is 0x10000, expected a multiple of 8 in a memory region")
    cloister.refused(machine, f"{linux} /tmp/direct.cell /root/vmlinuz", "CL_CELL_DIRECT_IRQ", "has no interrupt")
    cloister.refused(machine, f"{linux} {CONFIG} /root/vmlinuz -c {'x' * 2048}", "2048 bytes, expected at most 2047", status=2)
    cloister.refused(machine, f"{linux} {CONFIG} /root/vmlinuz --dtb /tmp/zeros", "/tmp/zeros: is no device tree blob")
    cloister.refused(machine, f"{linux} {CONFIG} /root/vmlinuz -i /tmp/none", "/tmp/none")
    assert list(cloister.cells(machine)) == before
    assert cloister.status(machine)["mem_used"] == used


@on(*KERNELS)
def test_boots(prepared):
    """To a shell with all CPUs, all memory, right time, and nothing in its log that native boot does not have."""
    machine = prepared
    beats, _ = cloister.heartbeats(machine)
    shell = start(machine)
    assert shell.run("nproc").strip() == "2"
    total = int(shell.run("grep MemTotal /proc/meminfo").split()[1])
    assert 160 << 10 < total < 256 << 10
    assert "uart-pl011" in shell.run("grep pl011 /proc/interrupts")

    guest_linux.assert_no_new_complaints(shell, machine.native)

    root_1, cell_1, root_2 = uptimes(machine, shell)
    shell.run("sleep 2")
    root_3, cell_2, root_4 = uptimes(machine, shell)
    assert root_3 - root_2 - 0.02 <= cell_2 - cell_1 <= root_4 - root_1 + 0.02

    # A CPU goes and comes back; interrupts of the UART that it had go to the other one.
    assert shell.run("echo 2 >/proc/irq/$(grep pl011 /proc/interrupts | cut -d: -f1 | tr -d ' ')/smp_affinity; echo $?").strip() == "0"
    assert shell.run("echo from CPU 1").strip() == "from CPU 1"
    assert shell.run("echo 0 >/sys/devices/system/cpu/cpu1/online; nproc").strip() == "1"
    assert shell.run("echo 1 >/sys/devices/system/cpu/cpu1/online; nproc").strip() == "2"
    # More than fits into the UART's input at once.
    assert shell.run(f"echo {'long ' * 60}").split() == ["long"] * 60

    assert cloister.state(machine, "linux") == "running"
    cloister.wait(machine, "the heartbeat to go on", lambda: cloister.heartbeats(machine)[0] > beats)
    if machine.knows_button:
        shell.run("modprobe gpio_keys && modprobe evdev")
        shell.run(guest_linux.LISTEN_TO_BUTTON)
        assert "was stopped" not in machine.check("hvctl cell shutdown linux --timeout 60000", 90)
        assert cloister.state(machine, "linux") == "shut down"
        machine.check("hvctl cell destroy linux", 60)
    elif machine.watched:
        guest_linux.ends_by_watchdog(machine, shell, "sp805_wdt")
    else:
        shell.power_off()


@on(*FURTHER)
def test_further_kernels(prepared):
    """Those for all machines, and those with PREEMPT_RT; all with page-table isolation, as they are without parameters."""
    machine = prepared
    for flavour in machine.check("ls /further").split():
        command = f"hvctl cell linux {CONFIG} /further/{flavour} -i /root/initrd -c quiet"
        shell = guest_linux.boots(machine, command, flavour, machine.native)
        assert ("PREEMPT_RT" in shell.run("uname -v")) == flavour.endswith("-rt")
        shell.power_off()


@on(("6.1", 3))
def test_reboots(prepared):
    """The cell waits for root then, which starts a kernel elsewhere in its address space; with a tree of its own, and SMC
    for PSCI, where that fits the machine."""
    machine = prepared
    shell = start(machine)
    first = shell.run("grep ' _stext$' /proc/kallsyms").split()[0]
    assert int(first, 16)
    shell.type("reboot -f")
    cloister.wait_state(machine, "linux", "reset")
    machine.check("hvctl cell destroy linux", 60)

    tree = "--dtb /root/tree.dtb" if machine.gic == 3 else ""
    shell = start(machine, tree)
    assert shell.run("nproc").strip() == "2"
    assert shell.run("grep ' _stext$' /proc/kallsyms").split()[0] != first
    if tree:
        assert shell.run("tr '\\0' '\\n' </proc/device-tree/a-node/compatible").strip() == "of,the-tree"
        assert shell.run("tr '\\0' '\\n' </proc/device-tree/psci/method").strip() == "smc"
    assert "cell 'linux' was stopped: it " in machine.check("hvctl cell shutdown linux --timeout 1000")
    assert cloister.state(machine, "linux") == "stopped"
    machine.check("hvctl cell destroy linux", 60)
