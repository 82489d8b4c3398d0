# SPDX-License-Identifier: GPL-2.0
"""What the tests of Cloister have in common: hvctl's answers as objects, waiting for what a cell does, and
comparing Linux before and after.

Waits have generous time-outs, as the machines are emulated and slow; nothing depends on how long anything
takes.
"""

import json
import re
import subprocess
import time

import initramfs
from machine import MachineError

ROOT = "/cells/qemu-root.cell"
WAIT = 60

# Anything the kernel prints when it finds itself in a bad state.
_TROUBLE = "WARNING: |BUG: |Oops|general protection|Call Trace|soft lockup|hard LOCKUP|rcu.*stall|unhandled|did not come back"


def of(machine, values):
    """What {architecture or flavour: {name: value}} has for a machine."""
    return values.get(machine.arch, {}) | values.get(machine.flavour, {})


def config(name, arch="x86"):
    """Bytes of a config of configs/."""
    return (initramfs.build(arch) / "configs" / f"{name}.cell").read_bytes()


def symbols(machine, image=""):
    """{name: address} of the hypervisor image for a machine."""
    path = initramfs.build(machine.arch) / image / "hypervisor" / f"cloister-{machine.flavour}.elf"
    text = subprocess.run(["nm", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {name: int(address, 16) for address, _, name in map(str.split, text.splitlines())}


def load_driver(machine, parameters=""):
    machine.check(f"[ -e /dev/cloister ] || insmod /lib/modules/cloister.ko {parameters}")


def enable(machine, path=ROOT):
    load_driver(machine)
    assert "Linux runs as the root cell" in machine.check(f"hvctl enable {path}")


def disable(machine):
    assert machine.check("hvctl disable") == "Cloister is disabled, Linux has the machine.\n"


def start(machine, name, image, string="", path=None):
    """Creates, loads and starts a cell; the config is /cells/qemu-NAME.cell unless path is given."""
    machine.check(f"hvctl cell create {path or f'/cells/qemu-{name}.cell'}")
    machine.check(f"hvctl cell load {name} {f'-s {chr(39)}{string}{chr(39)} ' if string else ''}/inmates/{image}.bin")
    machine.check(f"hvctl cell start {name}")


def status(machine):
    return json.loads(machine.check("hvctl status --json"))


def cells(machine):
    """{name: description} of hvctl cell list."""
    return {cell["name"]: cell for cell in json.loads(machine.check("hvctl cell list --json"))}


def state(machine, name):
    return cells(machine)[name]["state"]


def exits(machine, cell=""):
    """{CPU: {reason: count, "total": count}} of hvctl stats."""
    answer = json.loads(machine.check(f"hvctl stats {cell} --json"))
    return {cpu["cpu"]: {**cpu["exits"], "total": cpu["total"]} for cpu in answer}


def log(machine, after=-1):
    """All records of hvctl log, or those behind a number; the others are not even sent over the line."""
    command = "hvctl log --json" + (f" | awk -F '[:,]' '$2 > {after}'" if after >= 0 else "")
    return [json.loads(line) for line in machine.check(command).splitlines()]


def last_record(machine):
    """Number of the log's last record."""
    return json.loads(machine.check("hvctl log --json | tail -n 1"))["seq"]


def log_texts(machine, cell=None, after=-1):
    """Texts of the log, of one cell or all, behind a record number."""
    return [record["text"] for record in log(machine, after)
            if cell in (None, record.get("cell_name")) and record.get("seq", -1) > after]


def wait(machine, what, look, timeout=WAIT):
    """Calls look() until its answer is true, and returns that; what says what is being waited for."""
    deadline = time.monotonic() + timeout
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise MachineError(f"timeout waiting for {what}; last answer {answer!r}\n{machine.tail()}")
        time.sleep(0.1)


def wait_output(machine, name, pattern, timeout=WAIT):
    """Waits until a cell's console matches a regular expression; returns the match."""
    expression = re.compile(pattern, re.MULTILINE)
    return wait(machine, f"{pattern!r} on the console of cell {name}",
                lambda: expression.search(machine.check(f"hvctl console {name}")), timeout)


def wait_state(machine, name, wanted, timeout=WAIT):
    wait(machine, f"cell {name} to be {wanted}", lambda: state(machine, name) == wanted, timeout)


def refused(machine, command, *texts, status=1):
    """Runs a command that must fail with this exit status, and whose message must have all the texts."""
    answer = machine.run(command, 60)
    assert answer.status == status, f"{command}: status {answer.status}: {answer.output}"
    for text in texts:
        assert text in answer.output, f"{command}: {text!r} is not in: {answer.output}"
    return answer.output


def system_ram(iomem):
    """System RAM in a text of /proc/iomem as [start, end) ranges. Neighbours are joined: memory that was
    away comes back as a resource of its own."""
    ranges = []
    for line in iomem.splitlines():
        match = re.match(r"([0-9a-f]+)-([0-9a-f]+) : System RAM", line)
        if not match:
            continue
        first, end = int(match[1], 16), int(match[2], 16) + 1
        if ranges and ranges[-1][1] == first:
            ranges[-1][1] = end
        else:
            ranges.append([first, end])
    return ranges


def other_resources(iomem):
    """All lines of /proc/iomem that are not System RAM or inside it."""
    lines = []
    inside = False
    for line in iomem.splitlines():
        if not line.startswith(" "):
            inside = ": System RAM" in line
        if not inside:
            lines.append(line)
    return lines


class Snapshot:
    """How Linux sees the machine. blocks: of memory that Cloister takes of it."""

    def __init__(self, machine, blocks=1):
        self.blocks = blocks
        text = machine.check("cat /sys/devices/system/cpu/online; nproc; grep MemTotal /proc/meminfo; "
                             "grep -iE '^(flags|features)' /proc/cpuinfo | sort | md5sum; cat /proc/iomem")
        self.online, self.cpus, total, self.features, iomem = text.split("\n", 4)
        self.mem_total = int(total.split()[1])
        self.ram = system_ram(iomem)
        self.others = other_resources(iomem)

    def differences(self, now):
        """What a later snapshot lacks, in words. Total memory may have grown once, by the page arrays of
        the blocks that were away: at boot they can be outside of what MemTotal counts, afterwards part of it."""
        found = []
        if now.online != self.online:
            found.append(f"CPUs {now.online} are online, before {self.online}")
        if not 0 <= now.mem_total - self.mem_total <= 2048 * self.blocks:
            found.append(f"MemTotal is {now.mem_total} KiB, before {self.mem_total} KiB")
        if now.ram != self.ram:
            found.append(f"System RAM is {now.ram}, before {self.ram}")
        if now.others != self.others:
            found.append(f"/proc/iomem is {now.others}, before {self.others}")
        if now.features != self.features:
            found.append("the CPUs' flags in /proc/cpuinfo are not the same as before")
        return found

    def assert_same(self, machine):
        now = Snapshot(machine)
        found = self.differences(now)
        assert not found, "; ".join(found)
        return now


def takes_memory(machine, inside_linux):
    """Enables and disables several times; returns where the hypervisor was. inside_linux: in what Linux counts as
    its RAM meanwhile."""
    before = Snapshot(machine)
    for _ in range(3):
        enable(machine)
        hypervisor = status(machine)["hv_phys"]
        during = Snapshot(machine)
        assert any(start <= hypervisor < end for start, end in during.ram) == inside_linux
        start(machine, "hello", "hello")
        wait_output(machine, "hello", "^Hello, world!")
        machine.check("hvctl cell destroy hello")
        disable(machine)
        before.assert_same(machine)
    assert_healthy(machine)
    return hypervisor


def heartbeats(machine):
    """(interrupts counted, longest time between two in ns) of the last line on the heartbeat's console."""
    lines = re.findall(r"^heartbeat: (\d+) ticks, longest interval (\d+) ns", machine.check("hvctl console heartbeat | tail -n 3"),
                       re.MULTILINE)
    return int(lines[-1][0]), int(lines[-1][1])


def end_heartbeat(machine, before):
    """Ends the heartbeat cell, the last one, and Cloister: both must have come through what was beside
    them. before: the Snapshot that Linux must equal again."""
    machine.check("hvctl cell shutdown heartbeat --timeout 30000", 120)
    assert state(machine, "heartbeat") == "shut down"
    assert machine.check("hvctl console heartbeat").endswith("heartbeat: done\r\n")
    machine.check("hvctl cell destroy heartbeat", 60)
    disable(machine)
    before.assert_same(machine)
    assert_healthy(machine)


def free_memory(machine):
    """KiB. Free pages that a CPU keeps for itself do not count in MemFree, and can be many MiB after a
    large range was freed: they are counted by themselves. The sum moves by some hundred KiB."""
    machine.check("sync; echo 3 >/proc/sys/vm/drop_caches; echo 1 >/proc/sys/vm/compact_memory; sleep 1")
    return int(machine.check("awk '/^MemFree/ { sum += $2 } $1 == \"count:\" { sum += 4 * $2 } END { print sum }'"
                             " /proc/meminfo /proc/zoneinfo"))


def assert_healthy(machine):
    """Linux runs, and its kernel has not complained since the boot."""
    answer = machine.run(f"dmesg >/tmp/dmesg && grep -A 30 -m 1 -E '{_TROUBLE}' /tmp/dmesg")
    assert answer == (1, ""), answer.output
