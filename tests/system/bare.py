# SPDX-License-Identifier: GPL-2.0
"""Machines without an operating system: boot/ starts the hypervisor and an inmate, which then is the root cell. One
CPU, a second to start, AMD in QEMU and Intel in Bochs.
"""

import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time

import bochs
import initramfs
import machine

LOADER = initramfs.BUILD / "boot" / "cloister-boot.elf"
ROOT = initramfs.BUILD / "configs" / "bare-root.cell"

GRUB = """set timeout=0
multiboot /boot/loader
{modules}
boot
"""

# Bochs does not know IA32_DEBUGCTL, which all CPUs with VMX have: unknown MSRs are 0.
CONFIG = """display_library: rfb, options="timeout=0, hideIPS"
cpu: model={model}, count=1:1:1, ips=50000000, quantum=16, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest=128, host=128
romimage: file="{firmware}/BIOS-bochs-latest"
vgaromimage: file="{firmware}/VGABIOS-lgpl-latest"
ata0-master: type=cdrom, path="{directory}/boot.iso", status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev="{directory}/serial"
clock: sync=none
panic: action=fatal
log: "{log}/bochs.log"
"""


def _modules(vendor, inmate, string, native):
    """[(file, command line)]"""
    modules = [(initramfs.BUILD / "inmates" / f"{inmate}.bin", f"payload {string}".rstrip())]
    if not native:
        modules += [(initramfs.BUILD / "hypervisor" / f"cloister-{vendor}.bin", "hypervisor"), (ROOT, "config")]
    return modules


def _qemu(modules, directory, icount):
    accelerator = ["-icount", "shift=0,sleep=off"] if icount else []
    return ["qemu-system-x86_64", "-M", "q35", "-cpu", "EPYC-v4,+svm", "-m", "128M", "-display", "none", "-net", "none",
            "-no-reboot", "-serial", f"file:{directory}/serial", "-accel", "tcg", *accelerator, "-kernel", LOADER,
            "-initrd", ",".join(f"{file} {string}" for file, string in modules)]


def _bochs(modules, directory, log):
    tree = directory / "cd" / "boot"
    (tree / "grub").mkdir(parents=True)
    shutil.copy(LOADER, tree / "loader")
    lines = []
    for number, (file, string) in enumerate(modules):
        shutil.copy(file, tree / str(number))
        lines.append(f"module /boot/{number} {string}")
    (tree / "grub" / "grub.cfg").write_text(GRUB.format(modules="\n".join(lines)), "utf-8")
    subprocess.run(["grub-mkrescue", "-o", directory / "boot.iso", tree.parent], stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=True)
    config = directory / "bochsrc"
    config.write_text(CONFIG.format(model=bochs.MODEL, firmware=bochs.FIRMWARE, directory=directory, log=log), "utf-8")
    return ["unshare", "-rn", bochs.PROGRAM, "-q", "-f", config]


def run(vendor, inmate, log_directory, string="", end="\n", native=False, icount=False, timeout=60,
        modules=lambda modules: modules):
    """What the machine has written to its serial line up to the text that is to end it.

    vendor   "amd" or "intel"
    native   without the hypervisor
    icount   amd: one instruction is one tick of the TSC (on Bochs it always is)
    modules  changes the list of what the boot loader loads: [(file, command line)]
    """
    log = pathlib.Path(log_directory)
    log.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cloister-bare-") as name:
        directory = pathlib.Path(name)
        serial = directory / "serial"
        serial.touch()
        files = modules(_modules(vendor, inmate, string, native))
        command = _qemu(files, directory, icount) if vendor == "amd" else _bochs(files, directory, log)
        with open(log / "machine.log", "wb") as output:
            process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL,
                                       stdout=output, stderr=output, start_new_session=True)
        try:
            deadline = time.monotonic() + timeout
            while True:
                running = process.poll() is None
                text = serial.read_text("utf-8", "replace").replace("\r", "")
                if end in text:
                    return text[:text.index(end) + len(end)]
                if not running or time.monotonic() > deadline:
                    raise machine.MachineError(
                        f"{'time-out' if running else 'the machine ended'} before {end!r}, it had written:\n{text}\n"
                        f"see {log}")
                select.select([], [], [], 0.05)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            (log / "serial.log").write_bytes(serial.read_bytes())
