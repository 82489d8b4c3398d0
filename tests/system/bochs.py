# SPDX-License-Identifier: GPL-2.0
"""Test machines with an Intel CPU: Bochs, as no QEMU emulates VMX (scripts/fetch-bochs). They boot GRUB from a
CD; apart from that they are used as those in machine.py, but have no monitor and nothing that is QEMU's.
"""

import os
import pty
import shutil
import subprocess
import time
import tty

import initramfs
from machine import BOOT_TIMEOUT, LINES, Machine, MachineDied, initrd

PROGRAM = initramfs.BUILD / "bochs" / "bochs"
FIRMWARE = initramfs.BUILD / "bochs" / "root" / "usr" / "share" / "bochs"
# Other models lack EPT or unrestricted guests; an Intel CPU of Bochs is Intel's in every detail that Linux looks at.
MODEL = "corei7_haswell_4770"
# The first ones make the boot quicker. With four CPUs, MWAIT makes it slower.
PARAMETERS = "mitigations=off cryptomgr.notests nokaslr idle=nomwait"

GRUB = """set timeout=0
serial --unit=0 --speed=115200
terminal_output serial
linux /boot/vmlinuz console={lines.console} quiet panic=-1 {parameters} commands={lines.commands} {append}
initrd /boot/initrd
boot
"""

# rfb needs no display, and listens on the network: the machine runs in a network of its own. A turn of a CPU is 16
# instructions; with fewer instructions a second than that, startup IPIs come too late.
CONFIG = """display_library: rfb, options="timeout=0, hideIPS"
cpu: model={model}, count=1:{cpus}:1, ips=50000000, quantum=16, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest={memory}, host={memory}
romimage: file="{firmware}/BIOS-bochs-latest"
vgaromimage: file="{firmware}/VGABIOS-lgpl-latest"
ata0-master: type=cdrom, path="{directory}/boot.iso", status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev="{machine.console_log}"
com2: enabled=1, mode=term, dev="{line}"
com3: enabled=1, mode=file, dev="{machine.inmate_log}"
clock: sync=none
panic: action=fatal
log: "{machine.log_directory}/bochs.log"
"""


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
        os.close(self._master)
        os.close(self._slave)


class Bochs(Machine):
    """A running machine. memory: MiB; for the other options see Machine."""

    def __init__(self, log_directory, kernel="6.1", files=None, image="", cpus=2, memory=512, append=""):
        # pylint: disable=super-init-not-called
        if not PROGRAM.exists():
            raise initramfs.MissingFile(f"no {PROGRAM}: run scripts/fetch-bochs")
        self._set_up(log_directory, kernel, "x86")
        try:
            self._make_cd(initrd(kernel, files, image), append)
            self._serial = _Line()
            config = self.log_directory / "bochsrc"
            config.write_text(CONFIG.format(machine=self, model=MODEL, cpus=cpus, memory=memory, firmware=FIRMWARE,
                                            directory=self._directory, line=self._serial.name), "utf-8")
            with open(self.log_directory / "qemu.log", "wb") as log:
                self._process = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", "unshare", "-rn", PROGRAM, "-q", "-f", config],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            self._read_until(rb"\x01<ready>", time.monotonic() + BOOT_TIMEOUT, "boot to the shell")
        except BaseException:
            self.close()
            raise

    def _make_cd(self, ramdisk, append):
        tree = self._directory / "cd" / "boot"
        (tree / "grub").mkdir(parents=True)
        (tree / "initrd").write_bytes(ramdisk)
        shutil.copy(initramfs.kernel_directory(self.kernel, "x86") / "vmlinuz", tree / "vmlinuz")
        (tree / "grub" / "grub.cfg").write_text(
            GRUB.format(lines=LINES["x86"], parameters=PARAMETERS, append=append), "utf-8")
        done = subprocess.run(["grub-mkrescue", "-o", self._directory / "boot.iso", tree.parent],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise MachineDied(f"grub-mkrescue: {done.stdout}")
