# SPDX-License-Identifier: GPL-2.0
"""/sys/class/misc/cloister, and who may use /dev/cloister."""

import pytest

import cloister
from conftest import ALL_FLAVOURS, machine_id

ROOT = "/sys/class/misc/cloister"
COMMON = {"kick", "hypercall", "pci", "mmio", "exception", "other"}
REASONS = {"x86": COMMON | {"cpuid", "msr-read", "msr-write", "icr", "pio", "xapic", "ioapic", "init"},
           "arm64": COMMON | {"sysreg-read", "sysreg-write", "sgi", "gicr", "gicd", "interrupt", "firmware"}}
CONSOLE = {"x86": "pio", "arm64": "mmio"}

pytestmark = pytest.mark.parametrize("machine", ALL_FLAVOURS, indirect=True, ids=machine_id)


def read(machine, *names):
    return [machine.check(f"cat {ROOT}/{name}").rstrip("\n") for name in names]


def test_device(machine):
    cloister.load_driver(machine)
    assert machine.check("stat -c '%a %u %F' /dev/cloister") == "600 0 character special file\n"
    machine.check("echo nobody:x:65534:65534::/:/bin/sh >>/etc/passwd")
    answer = machine.run("su -s /bin/sh nobody -c 'id -u; hvctl status'")
    assert answer.status == 3 and answer.output == "65534\nhvctl: /dev/cloister: Permission denied: run hvctl as root\n"


def test_disabled(machine):
    cloister.load_driver(machine)
    assert read(machine, "enabled", "mem_used", "mem_total") == ["0", "0", "0"]
    assert machine.run(f"ls {ROOT}/cells").status != 0


def test_cells(enabled):
    reasons = REASONS[enabled.arch]
    status = cloister.status(enabled)
    assert read(enabled, "enabled", "mem_used", "mem_total") == ["1", str(status["mem_used"]), str(status["mem_total"])]
    cloister.start(enabled, "smp", "smp", "rounds=1 count=1K")
    enabled.check("hvctl cell create /cells/qemu-timer.cell")
    assert enabled.check(f"ls {ROOT}/cells").split() == ["1", "2"]
    assert read(enabled, "cells/1/name", "cells/1/state", "cells/1/cpus") == ["smp", "running", "1-2"]
    assert read(enabled, "cells/2/name", "cells/2/state", "cells/2/cpus") == ["timer", "stopped", "3"]
    assert set(enabled.check(f"ls {ROOT}/cells/1/statistics").split()) == reasons
    assert int(read(enabled, "mem_used")[0]) == cloister.status(enabled)["mem_used"] > status["mem_used"]

    cloister.wait_output(enabled, "smp", "^smp: 2 CPUs counted to 2048")
    enabled.check("hvctl cell shutdown smp --timeout 30000", 60)
    assert read(enabled, "cells/1/state") == ["shut down"]
    exits = cloister.exits(enabled, "smp")
    for reason in sorted(reasons):
        assert read(enabled, f"cells/1/statistics/{reason}") == [str(sum(cpu[reason] for cpu in exits.values()))]
    assert int(read(enabled, f"cells/1/statistics/{CONSOLE[enabled.arch]}")[0]) > 100
    assert set(read(enabled, *[f"cells/2/statistics/{reason}" for reason in reasons])) == {"0"}

    enabled.check("hvctl cell destroy smp")
    assert enabled.check(f"ls {ROOT}/cells").split() == ["2"]
    enabled.check("hvctl cell destroy timer")
    assert enabled.run(f"ls {ROOT}/cells/* 2>/dev/null").output == ""


def test_file_held_open_over_destroy(enabled):
    """Somebody reads a cell's file when the cell goes: an error, and the file goes with the last reader."""
    enabled.check("hvctl cell create /cells/qemu-timer.cell")
    output = enabled.check(f"exec 3<{ROOT}/cells/1/state; hvctl cell destroy timer; cat <&3 2>&1; echo status $?; exec 3<&-")
    assert "status 1" in output and "No such device" in output


def test_nothing_can_be_written(enabled):
    enabled.check("hvctl cell create /cells/qemu-timer.cell")
    for name in ("enabled", "mem_used", "cells/1/state", "cells/1/statistics/mmio"):
        assert enabled.check(f"stat -c %a {ROOT}/{name}") == "444\n"
