# SPDX-License-Identifier: GPL-2.0
"""For scripts/bench: Debian's PREEMPT_RT kernel in a cell, against the same kernel on the machine itself. How often the cell
exits, by reason, and what cyclictest finds there while root is idle and while it runs stress-ng."""

import contextlib
import json
import re
import sys

import guest_linux
import initramfs
from machine import Machine

KERNEL = "6.1-rt"
# Of the machine's four CPUs, those of the cell; natively, those that cyclictest runs on and stress-ng does not.
CPUS = (2, 3)
CELL = "rt"
# seconds
DURATION = 4
CYCLICTEST = f"cyclictest --quiet --mlockall --priority=90 --interval=1000 --duration={DURATION} --threads={len(CPUS)} --affinity="
STRESS = "taskset 3 stress-ng --cpu 2 --switch 1 --vm 1 --vm-bytes 32M --quiet >/tmp/stress-ng 2>&1 &"
PROGRAMS = ("usr/bin/cyclictest", "usr/bin/stress-ng")
TIMEOUT = 600
# (title, options of the machine, with -icount, seconds of each look)
MACHINES = {
    "x86": (("x2apic", {"apic": "x2apic"}, False, 30), ("xapic, -icount", {"apic": "xapic"}, True, 10)),
    "arm64": (("GICv3", {"arch": "arm64"}, False, 30), ("GICv3, -icount", {"arch": "arm64"}, True, 10)),
}
# The line of the timer's interrupts.
TIMER = {"x86": "LOC", "arm64": r"\d+(?=:.*arch_timer)"}
ARM64_HEADING = "### arm64"
# What each reason for an exit is, in a Linux cell.
REASONS = {
    "icr": "an interrupt from one of the cell's CPUs to the other: wake-ups, and RCU's and the scheduler's requests. The "
           "hypervisor has to see whom it is for.",
    "xapic": "a write to the local APIC, whose page guests cannot write to in xAPIC mode: each timer interrupt has one at its end "
             "and one for each deadline that is set, an interrupt to another CPU two and one at its end.",
    "pio": "the virtual UART: what the shell and cyclictest print.",
    "cpuid": "each start of a program: the dynamic loader asks which instructions there are.",
    "interrupt": "an interrupt on its way to the cell, nearly always its timer's: the hypervisor takes it and writes it into a "
                 "list register. What the kernel does with the interrupt then, up to its end, has no exit.",
    "sgi": "an interrupt from one of the cell's CPUs to the other: what `icr` is on x86.",
    "kick": "the other end of an `sgi`: the hypervisor's own interrupt to the CPU that is meant, which finds there what is to be "
            "handed on; also how root presses a key on the cell's console.",
    "mmio": "the virtual UART: what the shell and cyclictest print.",
    "gicd": "registers of the distributor: the UART's interrupt is masked and unmasked.",
}

# Kernel parameters besides those of tests; Debian's kernel for arm64 has page-table isolation.
FURTHER = {"x86": "", "arm64": "kpti=on"}


def machine(name, kernel, options, icount, files, cpus=4):
    arch = options.get("arch", "x86")
    name = "-".join(["realtime", name, *options.values(), *(["icount"] if icount else [])])
    return Machine(initramfs.BUILD / "bench" / name, kernel=kernel, icount=icount, cpus=cpus,
                   files=files | initramfs.programs(arch, *PROGRAMS), append=FURTHER[arch], **options)


def latencies(output):
    """(least, mean, most) microseconds of all of cyclictest's threads."""
    found = [tuple(map(int, match)) for match in re.findall(r"^T: *\d.* C: *(\d+) Min: *(\d+) Act: *\d+ Avg: *(\d+) Max: *(\d+)", output, re.M)]
    if len(found) != len(CPUS):
        raise SystemExit(f"bench: cyclictest says {output!r}")
    count = sum(row[0] for row in found)
    return min(row[1] for row in found), sum(row[0] * row[2] for row in found) / count, max(row[3] for row in found)


@contextlib.contextmanager
def stress(m):
    m.check(STRESS, TIMEOUT)
    m.check("sleep 1; [ $(pidof stress-ng | wc -w) -gt 4 ]", TIMEOUT)
    yield
    m.check("killall stress-ng; while pidof stress-ng; do sleep 1; done", TIMEOUT)


def exits(m):
    """[{reason: count}] of the cell's CPUs."""
    return [cpu["exits"] for cpu in json.loads(m.check(f"hvctl stats {CELL} --json", TIMEOUT))]


def difference(before, after, seconds):
    return [{reason: (count - old[reason]) / seconds for reason, count in new.items() if count > old[reason]}
            for old, new in zip(before, after)]


def during(m, action, seconds):
    """([{reason: count for each second}] of the cell's CPUs while action() is done, its result)"""
    before = exits(m)
    result = action()
    return difference(before, exits(m), seconds), result


def timer_interrupts(arch, run, seconds):
    """Of each of two CPUs, for each second without work."""
    before, after = (re.search(rf"^ *{TIMER[arch]}: +(\d+) +(\d+)", run(f"sleep {wait}; cat /proc/interrupts", TIMEOUT), re.M).groups()
                     for wait in (5, seconds))
    return [(int(new) - int(old)) / seconds for old, new in zip(before, after)]


def native(options, icount, seconds):
    """The kernel without Cloister: ({load: latencies}, timer interrupts if the machine has as many CPUs as the cell)"""
    with machine("small", KERNEL, options, icount, {}, len(CPUS)) as m:
        timer = timer_interrupts(m.arch, m.check, seconds)
    with machine("native", KERNEL, options, icount, {}) as m:
        command = CYCLICTEST + ",".join(map(str, CPUS))
        idle = latencies(m.check(command, TIMEOUT))
        with stress(m):
            loaded = latencies(m.check(command, TIMEOUT))
    return {"idle": idle, "stress-ng": loaded}, timer


def quietly(m, shell, command):
    """Output of a command in the cell, for which root does not look before it has ended."""
    shell.type(f"{command} >/tmp/output")
    m.check(f"sleep {DURATION + 3}", TIMEOUT)
    return shell.run("cat /tmp/output", TIMEOUT)


def in_cell(options, icount, seconds):
    """({load: latencies}, timer interrupts, {what the cell does: exits for each second})"""
    arch = options.get("arch", "x86")
    files = {"linux/vmlinuz": guest_linux.kernel(KERNEL, arch),
             "linux/initrd": guest_linux.initrd(arch, initramfs.programs(arch, "usr/bin/cyclictest")),
             "cells/rt.cell": guest_linux.config(CELL, CPUS, arch, 192 << 20)}
    command = CYCLICTEST + ",".join(map(str, range(len(CPUS))))
    with machine("cell", "6.1", options, icount, files) as m:
        m.check("insmod /lib/modules/cloister.ko && hvctl enable /cells/qemu-root-large.cell", TIMEOUT)
        m.check(f"hvctl cell linux /cells/rt.cell /linux/vmlinuz --initrd /linux/initrd --cmdline '{guest_linux.PARAMETERS[arch]} {FURTHER[arch]}'", TIMEOUT)
        shell = guest_linux.Shell(m, CELL)
        shell.run("mkdir -p /dev/shm", TIMEOUT)
        timer = timer_interrupts(arch, shell.run, seconds)
        counts = {}
        counts["nothing"], _ = during(m, lambda: m.check(f"sleep {seconds}", TIMEOUT), seconds)
        shell.run("(while :; do :; done) & (while :; do :; done) & sleep 2", TIMEOUT)
        counts["an endless loop on each CPU"], _ = during(m, lambda: m.check(f"sleep {seconds}", TIMEOUT), seconds)
        shell.run("kill $(jobs -p); sleep 1", TIMEOUT)
        counts["cyclictest"], output = during(m, lambda: quietly(m, shell, command), DURATION)
        result = {"idle": latencies(output)}
        with stress(m):
            counts["cyclictest, root stress-ng"], output = during(m, lambda: quietly(m, shell, command), DURATION)
        result["stress-ng"] = latencies(output)
    return result, timer, counts


def exits_text(counts):
    return ", ".join(f"{reason} {count:.1f}" for reason, count in counts.items() if count >= 0.05) or "0"


def text(arch, table):
    """Lines for docs/benchmarks.md; table(head, rows) makes those of a table."""
    rows, latency, timers = [], [], []
    reasons = set()
    for title, options, icount, seconds in MACHINES[arch]:
        print(f"bench: PREEMPT_RT kernel, natively and in a cell ({title})", file=sys.stderr, flush=True)
        alone, ticks = native(options, icount, seconds)
        cell, cell_ticks, counts = in_cell(options, icount, seconds)
        timers.append((title, *(" and ".join(f"{count:.0f}" for count in pair) for pair in (ticks, cell_ticks))))
        for what, cpus in counts.items():
            reasons |= {reason for cpu in cpus for reason in cpu}
            rows.append((title, what, *map(exits_text, cpus)))
        for load, (least, mean, most) in cell.items():
            old = alone[load]
            latency.append((title, load, " / ".join(f"{value:.0f}" for value in old),
                            f"{least:.0f} / {mean:.0f} / {most:.0f}",
                            " / ".join(f"{new / max(value, 1):.2f}" for new, value in zip((least, mean, most), old))))
    lines = [ARM64_HEADING, ""] if arch == "arm64" else []
    lines += ["Exits per second of the cell's two CPUs:", ""]
    lines += table(("machine", "the cell runs", "first CPU", "second CPU"), rows)
    lines += ["The reasons:", ""]
    lines += [f"- `{reason}`: {REASONS.get(reason, '**not explained**')}" for reason in sorted(reasons)] + [""]
    lines += ["Timer interrupts per second of the two CPUs of the idle cell, and of an idle machine with two CPUs:", ""]
    lines += table(("machine", "native", "cell"), timers)
    lines += ["Latency by cyclictest, least / mean / most, in microseconds of the emulated machine's clock; ratio: cell to native.", ""]
    return lines + table(("machine", "root, or the other CPUs", "native", "cell", "ratio"), latency)
