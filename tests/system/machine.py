# SPDX-License-Identifier: GPL-2.0
"""Test machines: QEMU, a Debian kernel, an initramfs and a line for commands.

    with Machine("build/test-logs/example", kernel="6.1", apic="x2apic") as m:      # or arch="arm64"
        status, output = m.run("insmod /lib/modules/cloister.ko")
        m.check("hvctl enable /cells/root.cell")        # raises unless the status is 0

Where things are in the guest: /usr/sbin/hvctl, /lib/modules/cloister.ko, /lib/firmware/cloister/*.bin,
/cells/*.cell, /inmates/*.bin. Serial lines and their logs in the log directory:

    x86           arm64
    ttyS0 0x3f8   ttyAMA0 0x9000000   console.log   kernel and hypervisor
    ttyS1 0x2f8   ttyS0 (PCI)                       commands (guest/agent); what was run stands in commands.log
    ttyS2 0x3e8   ttyAMA1 0x9040000   inmate.log    nobody: for inmates

Every wait has a timeout. A QEMU that ends by itself (panic, triple fault) ends all waits at once.
"""

import base64
import collections
import gzip
import json
import os
import pathlib
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import initramfs
from gdb import Gdb

BOOT_TIMEOUT = 120
# What Linux says of a CPU that was not woken by its timer, and of a timer whose first interrupts did not come.
LOST_TIMER = ("timer wakeup didn't happen", "timer doesn't work")
# Nearly a quarter of a boot: self-tests of ciphers, and each CPU's measuring of a delay loop, which is that of a counter
# with 2.6 GHz (QEMU's is the host's).
QUICK_BOOT = "cryptomgr.notests initcall_blacklist=jent_mod_init"
LOOPS_PER_JIFFY = 10400000
# The guest's tty keeps at most 4095 unread bytes.
REQUEST_MAX = 3000
TAIL_LINES = 60
# Seconds without a word from a machine after which it is looked whether QEMU has lost an interrupt.
SILENCE = 10
EFLAGS_IF = 0x200
# A message-signalled interrupt (AMD64 APM vol. 2, 16.11; SDM vol. 3, 11.11): address, with the APIC's id from bit 12
# on, and bits of the data beside the vector: level-triggered, asserted
MSI = 0xFEE00000
MSI_LEVEL = 0xC000
# Where the hypervisor is linked, and more than it can need.
HYPERVISOR_TEXT = {"x86": "fffffc0000000000-fffffc0001000000", "arm64": "ff8000000000-ff8000100000"}

# Serial lines: the console's, that for commands, that for inmates.
Lines = collections.namedtuple("Lines", "console commands inmates")
LINES = {"x86": Lines("ttyS0", "ttyS1", "ttyS2"), "arm64": Lines("ttyAMA0", "ttyS0", "ttyAMA1")}

Result = collections.namedtuple("Result", "status output")


class MachineError(Exception):
    """A machine that did not do what it was asked; the text ends with the console log's tail."""


class MachineTimeout(MachineError):
    pass


class MachineDied(MachineError):
    pass


class CommandFailed(MachineError):
    pass


def _x86(apic="xapic"):
    if apic == "x2apic":
        # The IOMMU must come before the devices behind it.
        devices = ["-device", "intel-iommu,intremap=on,eim=on"]
        parameters = "mitigations=off intel_iommu=off"
    elif apic == "xapic":
        devices = []
        parameters = "mitigations=off"
    else:
        raise ValueError(f"apic is 'xapic' or 'x2apic', not {apic!r}")
    cpu = "+x2apic" if apic == "x2apic" else "-x2apic"
    return ["qemu-system-x86_64", "-M", "q35", "-cpu", f"EPYC-v4,+svm,{cpu}", *devices], parameters


def _arm64(gic=3, cpu="cortex-a72", el2=True, el2_free=True):
    virtualization = "on" if el2 else "off"
    command = ["qemu-system-aarch64", "-M", f"virt,virtualization={virtualization},gic-version={gic}", "-cpu", cpu]
    # Page-table isolation, which Debian's kernel has on all CPUs for the sake of KASLR, empties QEMU's TLB at each system
    # call: commands take two to four times as long. append can have "kpti=on".
    return command, "kpti=off" + (" id_aa64mmfr1.vh=0 kvm-arm.mode=none" if el2_free else "")


_ARCHS = {"x86": _x86, "arm64": _arm64}


def qemu_command(kernel, arch="x86", memory="2G", cpus=4, icount=False, thread="multi", extra=(), append="", **special):
    """The part of QEMU's command line that is the same for tests and people: no serial lines, no
    initramfs.

    kernel  "6.1" or "6.12"
    arch    "x86" or "arm64"
    memory  as for QEMU's -m
    icount  one instruction = 1 ns = 1 TSC tick, repeatable; single-threaded
    thread  "multi": a thread of QEMU for each CPU; "single": the CPUs take turns
    extra   further arguments of QEMU
    append  further kernel parameters

    x86:
    apic    "xapic": no IOMMU, CPUs without x2APIC; "x2apic": interrupt remapping by an Intel IOMMU,
            without which Linux does not switch to x2APIC (QEMU's AMD IOMMU loses IOAPIC interrupts)
    arm64:
    gic       version of the interrupt controller, 2 or 3
    cpu       QEMU's model of the CPU
    el2       False: CPUs without EL2
    el2_free  False: without the parameters that make Linux run at EL1 and KVM leave EL2 alone
    """
    command, parameters = _ARCHS[arch](**special)
    lines = LINES[arch]
    # init gets what the kernel does not know in its environment.
    parameters = f"console={lines.console} quiet panic=-1 {parameters} {QUICK_BOOT} commands={lines.commands} {append}"
    if arch == "x86" and not icount:
        parameters += f" lpj={LOOPS_PER_JIFFY}"
    command += ["-accel", f"tcg,thread={'single' if icount else thread}"]
    command += ["-smp", str(cpus), "-m", memory, "-nodefaults", "-display", "none", "-no-reboot"]
    if icount:
        command += ["-icount", "shift=0,sleep=off"]
    image = initramfs.kernel_directory(kernel, arch) / "vmlinuz"
    return command + ["-kernel", str(image), *extra, "-append", parameters.strip()]


def serial_lines(arch, console, inmates="null", commands=None):
    """QEMU's arguments for the serial lines. console and inmates are as for -serial; commands is the path
    of a socket, None if nobody uses the line."""
    commands = f"socket,id=commands,path={commands}" if commands else "null,id=commands"
    arguments = ["-chardev", commands, "-serial", console]
    if arch == "x86":
        return arguments + ["-serial", "chardev:commands", "-serial", inmates]
    return arguments + ["-serial", inmates, "-device", "pci-serial,chardev=commands"]


def initrd(kernel, files=None, image="", arch="x86", gic=3):
    """Initramfs for a kernel: base, kernel modules, all that is built of Cloister, files. /cells/qemu-root.cell
    is the root config of the machine."""
    archives = initramfs.base(arch) + initramfs.kernel_modules(kernel, arch)
    content = initramfs.cloister(kernel, arch, image)
    if gic == 2:
        content["cells/qemu-root.cell"] = content["cells/qemu-root-gicv2.cell"]
        content["cells/qemu-root-large.cell"] = content["cells/qemu-root-large-gicv2.cell"]
    return archives + initramfs.pack(content | (files or {}))


class Machine:
    """A running machine; see qemu_command() for the options.

    files    {path in the guest: bytes or pathlib.Path}, further content of the initramfs
    image    "fault-inject" for a hypervisor image that fails on request
    count    True: count the instructions executed in the hypervisor, see mark(); or a range of addresses
             "START-END" in hexadecimal to count in
    """

    def __init__(self, log_directory, kernel="6.1", arch="x86", files=None, image="", count=False, extra=(), **options):
        self._set_up(log_directory, kernel, arch)
        files = dict(files or {})
        if count:
            text = HYPERVISOR_TEXT[arch] if count is True else count
            plugin = initramfs.BUILD / "icount" / "hvcount.so"
            self._counts = self.log_directory / "hvcount.json"
            extra = [*extra, "-plugin", f"{plugin},text={text},out={self._counts}"]
            files["usr/bin/mark"] = initramfs.BUILD / "icount" / arch / "mark"
        try:
            self._boot(initrd(kernel, files, image, arch, options.get("gic")), qemu_command(kernel, arch, extra=extra, **options))
        except BaseException:
            self.close()
            raise

    def _set_up(self, log_directory, kernel, arch):
        self.log_directory = pathlib.Path(log_directory).absolute()
        shutil.rmtree(self.log_directory, ignore_errors=True)
        self.log_directory.mkdir(parents=True)
        self.console_log = self.log_directory / "console.log"
        self.inmate_log = self.log_directory / "inmate.log"
        self.kernel = kernel
        self.arch = arch
        # Whose image of the hypervisor is for it
        self.flavour = {"x86": "amd"}.get(arch, arch)
        self.lines = LINES[arch]
        self._process = None
        self._serial = None
        self._qmp = None
        self._buffer = b""
        self._last_id = 0
        self._stuck = None
        # Sockets have short names: the log directory's may be too long.
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="cloister-"))
        self._commands = open(self.log_directory / "commands.log", "w", encoding="utf-8")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _boot(self, ramdisk, command):
        """QEMU with a thread for each CPU now and then loses the timer interrupt of an idle CPU, while
        Linux boots and nothing of Cloister is there yet (docs/platform-notes.md): then once more."""
        try:
            self._start(ramdisk, command)
        except (MachineTimeout, MachineDied):
            console = self.console()
            if not any(text in console for text in LOST_TIMER):
                raise
            self._end()
            self.console_log.rename(self.log_directory / "console-lost-timer.log")
            self._buffer = b""
            self._stuck = None
            self._start(ramdisk, command)

    def _start(self, ramdisk, command):
        archive = self._directory / "initrd"
        archive.write_bytes(ramdisk)
        listeners = {}
        for name in ("serial", "qmp"):
            (self._directory / name).unlink(missing_ok=True)
            listeners[name] = socket.socket(socket.AF_UNIX)
            listeners[name].bind(str(self._directory / name))
            listeners[name].listen(1)
            listeners[name].settimeout(30)
        command = [
            *command,
            "-initrd", str(archive),
            *serial_lines(self.arch, f"file:{self.console_log}", f"file:{self.inmate_log}", f"{self._directory}/serial"),
            "-qmp", f"unix:{self._directory}/qmp",
        ]
        (self.log_directory / "qemu-command").write_text(shlex.join(command) + "\n", encoding="utf-8")
        with open(self.log_directory / "qemu.log", "wb") as log:
            # QEMU dies with us, however we end.
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        self._serial = self._accept(listeners["serial"])
        self._serial.setblocking(False)
        qmp = self._accept(listeners["qmp"])
        qmp.settimeout(30)
        self._qmp = qmp.makefile("rw", encoding="utf-8")
        self._qmp.readline()
        self.qmp("qmp_capabilities")
        self._read_until(rb"\x01<ready>", time.monotonic() + BOOT_TIMEOUT, "boot to the shell")

    def _accept(self, listener):
        with listener:
            deadline = time.monotonic() + 30
            while not select.select([listener], [], [], 0.1)[0]:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise MachineDied(self._report("QEMU did not start"))
            return listener.accept()[0]

    def _report(self, message):
        lines = [f"{message}; logs are in {self.log_directory}"]
        for name in ("qemu.log", "bochs.log", "console.log", "inmate.log"):
            try:
                text = (self.log_directory / name).read_text("utf-8", "replace")
            except FileNotFoundError:
                continue
            # The CPU model has features that QEMU warns about for every CPU.
            text = [line for line in text.splitlines() if "TCG doesn't support" not in line]
            if text:
                lines += [f"---- end of {name}", *text[-TAIL_LINES:]]
        return "\n".join(lines)

    def _keep_registers(self):
        """What the CPUs are doing, in registers.log: three looks, a second apart."""
        if not self._qmp or not self.alive():
            return
        lapics = [f"info lapic {cpu}" for cpu in self._cpus()] if self.arch == "x86" else []
        with open(self.log_directory / "registers.log", "w", encoding="utf-8") as log:
            for _ in range(3):
                for command in ("info registers -a", "info pic", *lapics):
                    log.write(f"{time.strftime('%H:%M:%S')} {command}\n{self.monitor(command)}\n")
                time.sleep(1)

    def _cpus(self):
        """{number of a CPU: its registers, as the monitor shows them}"""
        return dict(re.findall(r"^CPU#([0-9]+)(.*?)(?=^CPU#|\Z)", self.monitor("info registers -a"), re.MULTILINE | re.DOTALL))

    def _ignored_interrupts(self):
        """{(CPU, vector, level-triggered)} that a CPU does not take although it is halted, has interrupts on, and nothing
        of higher priority is in the way: no CPU does that."""
        found = set()
        for cpu, registers in self._cpus().items():
            flags = int(re.search(r"(?:EFL|RFL)=([0-9a-f]+)", registers)[1], 16)
            if "HLT=1" not in registers or not flags & EFLAGS_IF:
                continue
            apic = self.monitor(f"info lapic {cpu}")
            priority = int(re.search(r"PPR 0x([0-9a-f]+)", apic)[1], 16)
            for vector, level in re.findall(r"([0-9]+)(\(level\))?", re.search(r"^IRR\t(.*)", apic, re.MULTILINE)[1]):
                if int(vector) >> 4 > priority >> 4:
                    found.add((int(cpu), int(vector), bool(level)))
        return found

    def _look_for_lost_interrupts(self):
        """QEMU with a thread for each CPU loses an interrupt now and then (docs/platform-notes.md): it is pending in the
        CPU's APIC, and the CPU sleeps. Then it is sent once more, which changes nothing but that QEMU looks again."""
        if not self._qmp or self.arch != "x86" or not self.alive():
            return
        lost = self._ignored_interrupts()
        if lost:
            time.sleep(0.5)
            lost &= self._ignored_interrupts()
        for cpu, vector, level in lost:
            with open(self.log_directory / "lost-interrupts.log", "a", encoding="utf-8") as log:
                log.write(f"{time.strftime('%H:%M:%S')} CPU {cpu}, vector {vector}\n{self.monitor(f'info lapic {cpu}')}\n")
            with Gdb(self) as gdb:
                gdb.write(MSI | cpu << 12, ((MSI_LEVEL if level else 0) | vector).to_bytes(4, "little"))

    def tail(self):
        """The ends of all logs, for messages."""
        return self._report("state of the machine")

    def alive(self):
        return self._process.poll() is None

    def _died(self, doing):
        try:
            status = self._process.wait(5)
            how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        except subprocess.TimeoutExpired:
            how = "serial line closed"
        return MachineDied(self._report(f"QEMU ended ({how}) during: {doing}"))

    def _read_until(self, pattern, deadline, doing, show=None):
        """Reads the command line until pattern (bytes) matches; returns the match and drops
        everything up to its end. show(text) gets what comes, up to a ^A."""
        expression = re.compile(pattern, re.DOTALL)
        shown = 0
        while True:
            match = expression.search(self._buffer)
            if show:
                end = self._buffer.find(b"\x01")
                end = len(self._buffer) if end < 0 else end
                if end > shown:
                    show(self._buffer[shown:end].decode("utf-8", "replace"))
                    shown = end
            if match:
                self._buffer = self._buffer[match.end():]
                return match
            left = deadline - time.monotonic()
            if not select.select([self._serial], [], [], max(0, min(left, SILENCE)))[0]:
                if left > SILENCE:
                    self._look_for_lost_interrupts()
                    continue
                self._stuck = f"the earlier timeout during: {doing}"
                so_far = self._buffer[-2000:].decode("utf-8", "replace")
                self._keep_registers()
                text = self._report(f"timeout during: {doing}")
                raise MachineTimeout(f"{text}\n---- output of the command so far\n{so_far}")
            try:
                data = self._serial.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                raise self._died(doing)
            self._buffer += data

    def _send(self, data, deadline):
        # pylint: disable=unused-argument
        self._serial.sendall(data)

    def run(self, command, timeout=30, show=None):
        """Runs a shell script in the guest and returns Result(status, output), stderr included.

        A program left in the background must not write to the script's output. After a timeout the
        machine takes no further commands. show(text) gets the output as it comes.
        """
        if self._stuck:
            raise MachineError(f"not run: {command}\nbecause of: {self._stuck}")
        script = command.rstrip("\n")
        if len(script.encode()) > REQUEST_MAX:
            self.push("/tmp/.script", script.encode())
            script = ". /tmp/.script"
        self._last_id += 1
        request = f"{self._last_id} {script.count(chr(10)) + 1}\n{script}\n"
        self._commands.write(f"# {self._last_id} at {time.strftime('%H:%M:%S')}\n{script}\n")
        self._commands.flush()
        started = time.monotonic()
        deadline = started + timeout
        try:
            self._send(request.encode(), deadline)
        except ConnectionError:
            raise self._died(command) from None
        self._read_until(b"\x01<b %d>" % self._last_id, deadline, command)
        match = self._read_until(b"^(.*?)\x01<e %d ([0-9]+)>" % self._last_id, deadline, command, show)
        result = Result(int(match[2]), match[1].decode("utf-8", "replace"))
        self._commands.write(f"{result.output}# status {result.status}, {time.monotonic() - started:.2f} s\n\n")
        self._commands.flush()
        return result

    def abandon(self, why):
        """There is nobody left to take commands: whoever gives one is told at once."""
        self._stuck = why

    def check(self, command, timeout=30):
        """run() for commands that must succeed; returns the output."""
        status, output = self.run(command, timeout)
        if status != 0:
            raise CommandFailed(self._report(f"status {status} of: {command}\n{output}\n"))
        return output

    def interact(self, source, sink):
        """Runs an interactive shell in the guest until it ends, for a person: copies bytes from the file
        descriptor source, a terminal in raw mode, to it, and its output to sink. The machine takes no
        commands afterwards."""
        self._last_id += 1
        # All that people expect of a terminal, Ctrl-C included. Its end hangs the line up: a new agent comes.
        script = "stty sane -F $LINE; printf '\\001<shell>'; exec setsid -c sh -l -i <$LINE"
        self._serial.sendall(f"{self._last_id} 1\n{script}\n".encode())
        self._read_until(b"\x01<shell>", time.monotonic() + 30, "start of a shell")
        self._stuck = "the interactive shell"
        while b"\x01" not in self._buffer:
            os.write(sink, self._buffer)
            self._buffer = b""
            readable = select.select([self._serial, source], [], [])[0]
            if source in readable:
                self._serial.sendall(os.read(source, 1024))
            if self._serial in readable:
                self._buffer = self._serial.recv(65536)
                if not self._buffer:
                    raise self._died("interactive shell")
        os.write(sink, self._buffer.partition(b"\x01")[0])

    def push(self, path, content, timeout=30):
        """Writes bytes or a pathlib.Path's content to a file in the guest; slow, for small files."""
        if isinstance(content, pathlib.Path):
            content = content.read_bytes()
        self.check(f": >{shlex.quote(path)}")
        step = REQUEST_MAX * 3 // 4 - 300
        for start in range(0, len(content), step):
            text = base64.b64encode(content[start:start + step]).decode()
            self.check(f"echo {text} | base64 -d >>{shlex.quote(path)}", timeout)

    def pull(self, path, timeout=30):
        """Returns a guest file's content as bytes."""
        # Compressed: files of the kernel may have a megabyte of zeros.
        return gzip.decompress(base64.b64decode(self.check(f"gzip -c <{shlex.quote(path)} | base64", timeout)))

    def counts(self):
        """Snapshots of the counters so far, for a machine with count: one for each time the guest ran
        /usr/bin/mark or executed xchg %bx,%bx. Each is a dictionary with the lists "instructions" and
        "entries" (into the hypervisor), by CPU."""
        return [json.loads(line) for line in self._counts.read_text("utf-8").splitlines()]

    def mark(self):
        """Takes a snapshot of the counters now and returns it."""
        self.check("mark")
        return self.counts()[-1]

    def console(self):
        """What kernel and hypervisor have written so far."""
        return self.console_log.read_text("utf-8", "replace")

    def inmates(self):
        """What inmates have written to their line so far."""
        return self.inmate_log.read_text("utf-8", "replace")

    def wait_console(self, pattern, timeout=30):
        """Waits until the console log matches a regular expression; returns the match."""
        return self._wait_log(self.console, pattern, timeout)

    def wait_inmates(self, pattern, timeout=30):
        """Waits until the inmates' log matches a regular expression; returns the match."""
        return self._wait_log(self.inmates, pattern, timeout)

    def _wait_log(self, read, pattern, timeout):
        deadline = time.monotonic() + timeout
        expression = re.compile(pattern, re.MULTILINE)
        while True:
            # Looked at before the text: what a dying machine wrote last is still seen.
            alive = self.alive()
            match = expression.search(read())
            if match:
                return match
            if not alive:
                raise self._died(f"waiting for {pattern!r}")
            if time.monotonic() > deadline:
                raise MachineTimeout(self._report(f"timeout waiting for {pattern!r}"))
            time.sleep(0.05)

    def socket_path(self, name):
        """Where a socket of this machine can be, for what is added while it runs."""
        return self._directory / name

    def qmp(self, command, **arguments):
        """Sends a QEMU machine protocol command, for example qmp("inject-nmi"); returns its result."""
        self._qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._qmp.flush()
        while True:
            line = self._qmp.readline()
            if not line:
                raise self._died(f"QMP {command}")
            answer = json.loads(line)
            if "error" in answer:
                raise MachineError(f"QMP {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def monitor(self, command):
        """Runs a command of QEMU's human monitor, for example "info registers -a"."""
        return self.qmp("human-monitor-command", **{"command-line": command})

    def wait_exit(self, timeout=30):
        """Waits until QEMU ends, for machines that are meant to; returns its exit status."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise MachineTimeout(self._report("timeout waiting for QEMU's end")) from None

    def _end(self):
        """Ends QEMU. Plugins still write their reports."""
        if self._process and self.alive():
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for stream in (self._serial, self._qmp):
            if stream:
                stream.close()

    def close(self):
        self._end()
        self._commands.close()
        shutil.rmtree(self._directory, ignore_errors=True)
