# SPDX-License-Identifier: GPL-2.0
"""Test machines with an Intel CPU: Bochs, as no QEMU emulates VMX (scripts/fetch-bochs). They boot GRUB from a
CD; apart from that they are used as those in machine.py, but have no monitor and nothing that is QEMU's.
"""

import contextlib
import gzip
import os
import pty
import re
import shutil
import signal
import subprocess
import time
import tty

import cloister
import guest_linux
import initramfs
from machine import BOOT_TIMEOUT, LINES, QUICK_BOOT, Machine, MachineDied, MachineError, initrd

PROGRAM = initramfs.BUILD / "bochs" / "bochs"
FIRMWARE = initramfs.BUILD / "bochs" / "root" / "usr" / "share" / "bochs"
# Bytes that the UARTs' receive buffer holds, and two less. What finds it full is lost: Linux may have interrupts off for
# longer than they take, for example while it writes to its console.
PIECE = 14
# Other models lack EPT or unrestricted guests; an Intel CPU of Bochs is Intel's in every detail that Linux looks at.
MODEL = "corei7_haswell_4770"
# The first ones make the boot quicker. With four CPUs, MWAIT makes it slower. The last one is for _send().
PARAMETERS = f"mitigations=off {QUICK_BOOT} nokaslr idle=nomwait commands_echo=echo"
# What tests need that share a machine: memory and devices for /dev/mem, and a timer that Linux does not use.
SHARED_PARAMETERS = "nopat iomem=relaxed hpet=disable"

GRUB = """set timeout=0
serial --unit=0 --speed=115200
terminal_output serial
linux /boot/vmlinuz console={lines.console},115200 quiet panic=-1 {parameters} commands={lines.commands} {append}
initrd /boot/initrd
boot
"""

# rfb needs no display, and listens on the network: the machine runs in a network of its own. A turn of a CPU is 16
# instructions; with fewer instructions a second than that, startup IPIs come too late. Unknown MSRs are 0: among them
# IA32_DEBUGCTL, which all CPUs with VMX have.
CONFIG = """display_library: rfb, options="timeout=0, hideIPS"
cpu: model={model}, count=1:{cpus}:1, ips=50000000, quantum=16, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest={memory}, host={memory}
romimage: file="{firmware}/BIOS-bochs-latest"
vgaromimage: file="{firmware}/VGABIOS-lgpl-latest"
ata0-master: type=cdrom, path="{directory}/boot.iso", status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev="{console}"
{lines}
clock: sync=none
panic: action=fatal
log: -
"""


def prepare(directory, grub, files, console, lines="", model=MODEL, cpus=1, memory=128):
    """Makes a CD with files {name: path or bytes} in /boot and GRUB's commands, and a config; returns the command that
    starts the machine, which writes its log to standard output."""
    tree = directory / "cd" / "boot"
    (tree / "grub").mkdir(parents=True)
    (tree / "grub" / "grub.cfg").write_text(grub, "utf-8")
    for name, content in files.items():
        if isinstance(content, bytes):
            (tree / name).write_bytes(content)
        else:
            shutil.copy(content, tree / name)
    done = subprocess.run(["grub-mkrescue", "-o", directory / "boot.iso", tree.parent],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise MachineDied(f"grub-mkrescue: {done.stdout}")
    config = directory / "bochsrc"
    config.write_text(CONFIG.format(model=model, cpus=cpus, memory=memory, firmware=FIRMWARE, directory=directory,
                                    console=console, lines=lines), "utf-8")
    return ["setpriv", "--pdeathsig", "KILL", "unshare", "-rn", PROGRAM, "-q", "-f", config]


class _Line:
    """The machine's command line, a pseudo-terminal, as a socket."""

    def __init__(self):
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.name = os.ttyname(self._slave)

    def fileno(self):
        return self._master

    def recv(self, size):
        return os.read(self._master, size)

    def sendall(self, data):
        while data:
            data = data[os.write(self._master, data):]

    def close(self):
        if self._master >= 0:
            os.close(self._master)
            os.close(self._slave)
            self._master = -1


class Bochs(Machine):
    """A running machine. memory: MiB; for the other options see Machine."""

    def __init__(self, log_directory, kernel="6.1", files=None, image="", cpus=4, memory=512, append="", model=MODEL):
        # pylint: disable=super-init-not-called
        if not PROGRAM.exists():
            raise initramfs.MissingFile(f"no {PROGRAM}: run scripts/fetch-bochs")
        self._set_up(log_directory, kernel, "x86")
        self.flavour = "intel"
        self._log = None
        try:
            self._serial = _Line()
            command = prepare(
                self._directory, GRUB.format(lines=LINES["x86"], parameters=PARAMETERS, append=append),
                {"vmlinuz": initramfs.kernel_directory(kernel, "x86") / "vmlinuz", "initrd": initrd(kernel, files, image)},
                self.console_log, f'com2: enabled=1, mode=term, dev="{self._serial.name}"\n'
                f'com3: enabled=1, mode=file, dev="{self.inmate_log}"', model, cpus, memory)
            with open(self.log_directory / "bochs.log", "wb") as log:
                # A line for each access to the local APIC, or for each debug exception, is too much.
                self._log = subprocess.Popen(
                    ["grep", "--line-buffered", "-v", "VMEXIT: EPT violation\\|: Unknown register\\|^[^ ]*e.CPU.  . #DB: "],
                    stdin=subprocess.PIPE, stdout=log, start_new_session=True)
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log.stdin,
                                             stderr=self._log.stdin, start_new_session=True)
            self._log.stdin.close()
            self._read_until(rb"\x01<ready>", time.monotonic() + BOOT_TIMEOUT, "boot to the shell")
        except BaseException:
            self.close()
            raise

    def _send(self, data, deadline):
        """In pieces, each of which has come back before the next is sent."""
        for start in range(0, len(data), PIECE):
            piece = data[start:start + PIECE]
            self._serial.sendall(piece)
            self._read_until(re.escape(piece), deadline, "sending of a command")

    def wait_exit(self, timeout=30):
        """A reset by a triple fault, which Linux comes to when all else has failed, ends it; its status is 1 then and when it
        is switched off."""
        return 0 if super().wait_exit(timeout) == 1 else 2

    def pause(self):
        """Its time stands still: it would keep a CPU of the host busy also when it is idle."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def close(self):
        if self._process and self.alive():
            self.resume()
        super().close()
        if self._log:
            self._log.wait(10)


class Shared:
    """One machine for the tests of many modules, as booting takes longer than most of them. Each leaves it as it has
    found it; one that does not gets it out of the way of the next, which has a new one booted."""

    def __init__(self, logs):
        self._logs = logs
        self._machine = None
        self._count = 0

    @contextlib.contextmanager
    def borrow(self, files=None, image="", append=""):
        """The machine, with files, and with the hypervisor images of that name. Its parameters are SHARED_PARAMETERS:
        append is what of them is needed."""
        assert set(append.split()) <= set(f"{PARAMETERS} {SHARED_PARAMETERS}".split()), append
        if self._machine and not self._machine.alive():
            self.close()
        if not self._machine:
            self._count += 1
            self._machine = Bochs(self._logs / f"intel-{self._count}", files=_both_images() | _linux(), append=SHARED_PARAMETERS,
                                  memory=1024)
        machine = self._machine
        machine.resume()
        if files:
            machine.push("/tmp/files", gzip.compress(initramfs.pack(files)))
            machine.check("cd / && gunzip -c /tmp/files | cpio -idu && rm /tmp/files")
        machine.check(f"cp /images/{image or 'usual'}/* /lib/firmware/cloister/")
        try:
            yield machine
        finally:
            if machine is self._machine:
                if machine.alive() and self._is_as_before(machine):
                    machine.pause()
                else:
                    self.close()

    @staticmethod
    def _is_as_before(machine):
        try:
            cloister.assert_healthy(machine)
            cloister.load_driver(machine)
            return not cloister.status(machine)["enabled"] and machine.check("cat /sys/devices/system/cpu/online") == "0-3\n"
        except (MachineError, AssertionError):
            return False

    def close(self):
        if self._machine:
            self._machine.close()
            self._machine = None


def _linux():
    """For cells: files of that size would take minutes on the serial line."""
    return {"linux/vmlinuz": guest_linux.kernel("6.1", "x86"),
            "linux/initrd": guest_linux.initrd("x86") + initramfs.kernel_modules("6.1", "x86")}


def _both_images():
    name = "cloister-intel.bin"
    return {f"images/{image or 'usual'}/{name}": initramfs.BUILD / image / "hypervisor" / name for image in ("", "fault-inject")}
