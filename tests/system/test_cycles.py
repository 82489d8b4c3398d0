# SPDX-License-Identifier: GPL-2.0
"""Many times the whole life: nothing is lost.

CLOISTER_CYCLES is the number of cycles on each machine; if it is not set, 16, in Bochs 8.
"""

import os

import pytest

import blobs
import cloister
from conftest import ALL_FLAVOURS, machine_id

CYCLES = os.environ.get("CLOISTER_CYCLES")

# Everything in the guest's shell; the first command that fails ends it with the number of the cycle.
LOOP = """
cycle() {{
    hvctl enable {root} &&
    hvctl cell create /cells/qemu-smp.cell && hvctl cell create /cells/qemu-hello.cell &&
    hvctl cell load smp -s 'rounds=1 count=1' /inmates/smp.bin && hvctl cell load hello /inmates/hello.bin &&
    hvctl cell start smp && hvctl cell start hello &&
    hvctl cell destroy smp && hvctl cell destroy hello &&
    hvctl disable
}}
i=0
while [ $i -lt {count} ]; do
    i=$((i + 1))
    cycle >/tmp/cycle 2>&1 || {{ echo "cycle $i failed:"; cat /tmp/cycle; exit 1; }}
done
"""


@pytest.fixture(scope="module", params=ALL_FLAVOURS, ids=machine_id)
def machine(boot, request):
    machine = boot(f"loop-{machine_id(request.param)}", **request.param)
    cloister.load_driver(machine)
    return machine


def cycles(machine, count):
    machine.check(LOOP.format(root=cloister.ROOT, count=count), 60 + 10 * count)


def mappings(machine):
    """What the driver has in Linux' vmalloc area, addresses left out."""
    return sorted(line.split()[1:] for line in machine.check("grep cloister /proc/vmallocinfo").splitlines())


def test_cycles(machine):
    # The first ones load what is loaded once: device files, the page array of memory that came back.
    count = int(CYCLES or {"intel": 8}.get(machine.flavour, 16))
    cycles(machine, 5)
    before = cloister.Snapshot(machine)
    files = machine.check("ls /sys/class/misc/cloister/")
    mapped = mappings(machine)
    free = cloister.free_memory(machine)
    for _ in range(4):
        cycles(machine, max(1, count // 4))
    after = before.assert_same(machine)
    assert after.mem_total == before.mem_total
    assert mappings(machine) == mapped
    lost = free - cloister.free_memory(machine)
    assert lost < 1024, f"{lost} KiB less are free after {count} cycles"
    assert machine.check("ls /sys/class/misc/cloister/") == files
    cloister.assert_healthy(machine)


def test_hypervisor_memory_is_the_same_after_many_cells(enabled):
    """Pages, cell numbers and counters of the hypervisor, which lives on from cell to cell."""
    used = cloister.status(enabled)["mem_used"]
    enabled.check("""
        i=0
        while [ $i -lt 16 ]; do
            i=$((i + 1))
            hvctl cell create /cells/qemu-smp.cell && hvctl cell load smp /inmates/smp.bin && hvctl cell start smp &&
            hvctl cell destroy smp || exit 1
        done >/tmp/out""", 300)
    assert cloister.status(enabled)["mem_used"] == used
    assert cloister.cells(enabled)["qemu-root"]["cpus"] == [0, 1, 2, 3]
    # A cell begins at zero, whatever was there before it.
    enabled.check("hvctl cell create /cells/qemu-smp.cell")
    cell = cloister.cells(enabled)["smp"]
    assert (cell["id"], cell["console_written"], cell["state"]) == (1, 0, "stopped")
    assert sum(cloister.exits(enabled, "smp")[1].values()) == 0


@pytest.mark.parametrize("arch", ["x86", "arm64"])
def test_all_cells_that_fit(boot, arch):
    """As many cells as there are CPUs for them, and one more."""
    files = {f"cells/c{cpu}.cell": blobs.cell(f"c{cpu}", cpus=[cpu], arch=arch) for cpu in range(1, 8)}
    # One thread: see docs/platform-notes.md, "Not understood".
    machine = boot(f"full-{arch}", arch=arch, cpus=8, thread="single", files=files)
    cloister.enable(machine)
    used = cloister.status(machine)["mem_used"]
    for cpu in range(1, 8):
        cloister.start(machine, f"c{cpu}", "hello", f"name=c{cpu}", path=f"/cells/c{cpu}.cell")
    for cpu in range(1, 8):
        cloister.wait_output(machine, f"c{cpu}", f"^Hello, c{cpu}!.*\r\nCPUs: {cpu} ")
    assert {cell["hv_memory"] <= 64 << 10 for cell in cloister.cells(machine).values()} == {True}
    for cpu in (3, 1, 7, 2, 6, 5, 4):
        machine.check(f"hvctl cell destroy c{cpu}")
    assert cloister.status(machine)["mem_used"] == used
    cloister.disable(machine)
    cloister.assert_healthy(machine)


def test_cycles_with_gicv2(boot):
    """An interrupt that QEMU's GICv2 forgets was lost in one of six cycles or so."""
    machine = boot("loop-gicv2", arch="arm64", kernel="6.12", gic=2)
    cloister.load_driver(machine)
    cycles(machine, 16)
    cloister.assert_healthy(machine)
