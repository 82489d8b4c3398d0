# SPDX-License-Identifier: GPL-2.0
"""An unmodified distribution's kernel in an x86-64 cell: boots to a shell on `hvctl console`, has what its config says and
the right time, complains of nothing that it would not complain of natively, and comes to its end by its own means. A
bare-metal cell beside it, and root, must not notice."""

import hashlib
import re

import pytest

import blobs
import cloister
import guest_linux
import initramfs
from conftest import INTEL
from guest_linux import Shell

ROOT = "/cells/qemu-root-large.cell"
CELL = "/cells/qemu-linux.cell"
LINUX = "/linux/vmlinuz"
START = f"hvctl cell linux {CELL} {LINUX} --initrd /linux/initrd --cmdline"
PARAMETERS = guest_linux.PARAMETERS["x86"]
# KiB, in configs/x86/qemu-linux.c
MEMORY = 0xe000000 // 1024
SETTLE = "sleep 5"

# What else is booted in a cell of the machine with each kind of local APIC.
FURTHER = {"xapic": ("6.1-normal", "6.12-rt"), "x2apic": ("6.12-normal", "6.1-rt")}
# Drivers that look for a PC's devices without being asked to, in the package of 6.1-normal.
PROBES = ("block/floppy", "parport/parport", "parport/parport_pc", "input/misc/pcspkr", "watchdog/w83627hf_wdt")


# For the cell: a serial port, of which the machine keeps what was written, and a disk that has a kernel's file in it. Nobody
# else has the interrupts of these slots. With the IOMMU that x2APIC mode needs in QEMU, pins of cells do not work.
SERIAL, SERIAL_PIN, DISK, DISK_PIN = "0000:00:06.0", 22, "0000:00:07.0", 23
CONTENT = guest_linux.kernel("6.1", "x86")
DEVICES = ("-chardev", "ringbuf,id=second,size=4096", "-device", "pci-serial,chardev=second,addr=6",
           "-drive", f"if=none,id=disk,format=raw,read-only=on,file={CONTENT}", "-device", "nvme,serial=cell,drive=disk,addr=7")
EXTRA = {"xapic": {"extra": DEVICES}, "x2apic": {}}

CELLS = {"cells/heartbeat.cell": blobs.cell("heartbeat", cpus=[3]), "cells/small.cell": blobs.cell("small", cpus=[3])}


def machines():
    modules = initramfs.kernel_directory("6.1-normal", "x86") / "modules" / "kernel" / "drivers"
    probes = {f"probes/{path.rpartition('/')[2]}.ko": modules / f"{path}.ko" for path in PROBES}
    for kernel, apic in (("6.1", "xapic"), ("6.12", "x2apic")):
        files = {LINUX[1:]: guest_linux.kernel(kernel, "x86"),
                 **{f"further/{flavour}": guest_linux.kernel(flavour, "x86") for flavour in FURTHER[apic]},
                 "linux/initrd": guest_linux.initrd("x86", probes) + initramfs.kernel_modules(kernel, "x86"),
                 **CELLS}
        yield pytest.param({"kernel": kernel, "apic": apic, "files": files, **EXTRA[apic]}, id=f"{kernel}-{apic}")
    # The kernel and initrd are there.
    yield pytest.param(INTEL | {"files": CELLS}, id="intel")


pytestmark = pytest.mark.parametrize("machine", list(machines()), indirect=True)


def first_base_address(machine, function):
    return int(machine.check(f"cut -d' ' -f1 /sys/bus/pci/devices/{function}/resource | head -n 1"), 16)


def give_devices(machine):
    """The cell's config gets the PCI functions. Its RAM above the first MiB, where drivers have none, is for the cell where it
    is for devices: in the pool behind what others take."""
    status = cloister.status(machine)
    ram = status["hv_phys"] + status["hv_size"] + (64 << 20)
    registers = first_base_address(machine, DISK)
    blob = blobs.cell("linux", cpus=[1, 2], memory=[
        blobs.ram(size=0x100000),
        blobs.ram(phys=ram, virt=ram, size=MEMORY * 1024 - 0x100000),
        blobs.comm(0xe000000),
        (registers, registers, 0x4000, blobs.READ | blobs.WRITE | blobs.IO),
    ], pio=[(first_base_address(machine, SERIAL), 8)], irqchips=[(0xFEC00000, 1 << SERIAL_PIN | 1 << DISK_PIN, 0)],
                      pci=[(0, 0, 6 << 3, SERIAL_PIN), (0, 0, 7 << 3, DISK_PIN)])
    machine.push(CELL, blobs.append(blob, blobs.WATCHDOG, [(5000, 0)]))


@pytest.fixture(scope="module")
def host(machine):
    """The machine with Cloister enabled and the heartbeat cell, and what its own kernel complains of."""
    machine.has_devices = machine.run(f"[ -e /sys/bus/pci/devices/{DISK} ]").status == 0
    if machine.has_devices:
        machine.check(f"echo {SERIAL} >/sys/bus/pci/drivers/serial/unbind && echo {DISK} >/sys/bus/pci/drivers/nvme/unbind")
    machine.check(f"head -c 1048576 {LINUX} >/linux/cut-off; : >/linux/empty")
    with guest_linux.beside_heartbeat(machine, ROOT, 10000, blocks=4) as native:
        if machine.has_devices:
            give_devices(machine)
        yield machine, native


@pytest.fixture(scope="module")
def shell(host):
    machine = host[0]
    # This one's messages all go to the console.
    assert "see hvctl console linux" in machine.check(f"{START} '{PARAMETERS} loglevel=7'", 60)
    return Shell(machine)


@pytest.mark.parametrize("command, texts", [
    (f"{START.replace(LINUX, '/linux/cut-off')} ''", ["/linux/cut-off", "it is cut off"]),
    (f"{START.replace(LINUX, '/bin/busybox')} ''", ["no kernel for x86 (bzImage)"]),
    (f"{START.replace(CELL, '/cells/small.cell')} ''", ["MiB of RAM in one piece"]),
    (f"{START.replace('/linux/initrd', '/linux/empty')} ''", ["/linux/empty: the file is empty"]),
    (f"{START} $(printf %2048s x | tr ' ' x)", ["the command line has 2048 bytes, the kernel takes at most 2047"]),
    (f"{START} '' --dtb {CELL}", ["a device tree is for arm64"]),
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
    guest_linux.assert_no_new_complaints(shell, host[1])
    text = shell.run("dmesg")
    assert "could not calculate" not in text and "KASLR disabled" not in text


@pytest.mark.only("xapic")
def test_pci(host, shell):
    """The stock driver finds the serial port, and nothing else is there; it writes and takes interrupts."""
    machine = host[0]
    assert shell.run("ls /sys/bus/pci/devices").split() == [SERIAL, DISK]
    tty = shell.run(f"basename /sys/bus/pci/drivers/serial/{SERIAL}/tty/*").strip()
    assert tty.startswith("ttyS") and tty != "ttyS0"
    count = f"awk '/{tty}/ {{ print $5, $2 + $3 }}' /proc/interrupts"
    shell.run(f"exec 5>/dev/{tty}; echo one >&5")
    written = []

    def has_written(text):
        # What was read has gone.
        written.append(machine.qmp("ringbuf-read", device="second", size=4096))
        return "".join(written).replace("\r", "") == text

    cloister.wait(machine, "what was written", lambda: has_written("one\n"))
    pin, before = shell.run(count).split()
    assert pin == f"{SERIAL_PIN}-fasteoi" and int(before) > 0
    shell.run("echo two >&5")
    cloister.wait(machine, "what was written then", lambda: has_written("one\ntwo\n"))
    assert int(shell.run(count).split()[1]) > int(before)
    # Ports and memory: the config's, and configuration space
    assert f" : {SERIAL}\n" in shell.run("cat /proc/ioports")
    assert "PCI ECAM" in shell.run("cat /proc/iomem") or "PCI MMCONFIG" in shell.run("cat /proc/iomem")
    assert not [line for line in cloister.log_texts(machine, "linux") if "PCI" in line]


@pytest.mark.only("xapic")
def test_disk(shell):
    """Its controller writes what is read into the cell's memory."""
    content = CONTENT.read_bytes()
    blocks = len(content) // 512
    expected = hashlib.sha256(content[:blocks * 512]).hexdigest()
    # So that all of it comes from the disk: nothing of it is in memory yet.
    said = shell.run(f"cat /sys/block/nvme0n1/size; dd if=/dev/nvme0n1 bs=512 count={blocks} 2>/dev/null | sha256sum")
    assert said.split()[:2] == [str(-(-len(content) // 512)), expected]
    assert f"{DISK_PIN}-fasteoi" in shell.run("grep nvme /proc/interrupts")


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
    guest_linux.ends_by_watchdog(host[0], shell, "wdat_wdt timeout=5")


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
    listening.run(guest_linux.LISTEN_TO_BUTTON)
    assert "was stopped" not in machine.check("hvctl cell shutdown linux --timeout 60000", 90)
    assert cloister.state(machine, "linux") == "shut down"
    machine.check("hvctl cell destroy linux", 60)


def test_restart(host):
    """One that asks for a restart."""
    machine = host[0]
    machine.check(f"{START} '{PARAMETERS}'", 60)
    shell = Shell(machine)
    assert shell.run("nproc") == "2\n"
    shell.type("reboot -f")
    cloister.wait_state(machine, "linux", "reset")
    assert cloister.log_texts(machine, "linux")[-1] == "cell 'linux' (2) asks for a restart"
    machine.check("hvctl cell destroy linux", 60)
    cloister.assert_healthy(machine)


@pytest.mark.only("amd")
def test_further_kernels(host):
    """Those for all machines, which look for more devices, and those with PREEMPT_RT. The drivers of devices that there are
    not come to nothing, and harm nobody."""
    machine, native = host
    for flavour in machine.check("ls /further").split():
        shell = guest_linux.boots(machine, f"{START.replace(LINUX, f'/further/{flavour}')} '{PARAMETERS}'", flavour, native)
        assert ("PREEMPT_RT" in shell.run("uname -v")) == flavour.endswith("-rt")
        if machine.has_devices:
            assert shell.run(f"readlink /sys/bus/pci/devices/{SERIAL}/driver").endswith("/serial\n")
        if flavour == "6.1-normal":
            shell.run("for probe in %s; do insmod /probes/$probe.ko; done" % " ".join(path.rpartition("/")[2] for path in PROBES))
            assert "pcspkr" in shell.run("cat /proc/modules") and "floppy" not in shell.run("cat /proc/modules")
        shell.power_off()
