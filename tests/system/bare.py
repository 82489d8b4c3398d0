# SPDX-License-Identifier: GPL-2.0
"""Machines without an operating system: boot/ starts the hypervisor and an inmate, which then is the root cell. One
CPU, a second to start, AMD in QEMU and Intel in Bochs.
"""

import os
import pathlib
import signal
import struct
import subprocess
import tempfile
import time

import bochs
import initramfs
import machine

LOADER = initramfs.BUILD / "boot" / "cloister-boot.elf"
ROOT = initramfs.BUILD / "configs" / "bare-root.cell"

GRUB = """set timeout=0
multiboot /boot/loader {arguments}
{modules}
boot
"""


def _modules(vendor, inmate, string, native):
    """[(file, command line)]"""
    modules = [(initramfs.BUILD / "inmates" / f"{inmate}.bin", f"payload {string}".rstrip())]
    if not native:
        modules += [(initramfs.BUILD / "hypervisor" / f"cloister-{vendor}.bin", "hypervisor"), (ROOT, "config")]
    return modules


def info_region(vendor):
    """Where the hypervisor's info region is: struct cl_image of the image, and hv_phys in bare-root.c."""
    image = (initramfs.BUILD / "hypervisor" / f"cloister-{vendor}.bin").read_bytes()
    return 0x4000000 + struct.unpack_from("<Q", image, 64)[0]


def _qemu(modules, directory, icount, arguments):
    accelerator = ["-icount", "shift=0,sleep=off"] if icount else []
    return ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-M", "q35", "-cpu", "EPYC-v4,+svm,+x2apic",
            "-m", "128M", "-display", "none", "-net", "none", "-no-reboot", "-serial", f"file:{directory}/serial",
            "-accel", "tcg", *accelerator, "-kernel", LOADER, "-append", arguments,
            "-initrd", ",".join(f"{file} {string}" for file, string in modules)]


def _bochs(modules, directory, arguments):
    files = {str(number): file for number, (file, _) in enumerate(modules)}
    lines = "\n".join(f"module /boot/{number} {string}" for number, (_, string) in enumerate(modules))
    return bochs.prepare(directory, GRUB.format(arguments=arguments, modules=lines), {"loader": LOADER, **files},
                         directory / "serial")


def run(vendor, inmate, log_directory, string="", end="\n", native=False, icount=False, timeout=60,
        modules=lambda modules: modules, arguments=""):
    """What the machine has written to its serial line up to the text that is to end it.

    vendor   "amd" or "intel"
    native   without the hypervisor
    icount   amd: one instruction is one tick of the TSC (on Bochs it always is)
    arguments  of the boot loader: "x2apic"
    modules  changes the list of what the boot loader loads: [(file, command line)]
    """
    log = pathlib.Path(log_directory)
    log.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cloister-bare-") as name:
        directory = pathlib.Path(name)
        serial = directory / "serial"
        serial.touch()
        files = modules(_modules(vendor, inmate, string, native))
        command = (_qemu(files, directory, icount, arguments) if vendor == "amd"
                   else _bochs(files, directory, arguments))
        with open(log / "machine.log", "wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                       start_new_session=True)
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
                time.sleep(0.05)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            (log / "serial.log").write_bytes(serial.read_bytes())
