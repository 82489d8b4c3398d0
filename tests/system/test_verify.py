# SPDX-License-Identifier: GPL-2.0
"""hvctl verify: the machine has one owner for each thing, and every kind of damage to that is found."""

import json
import re

import pytest

import blobs
import cloister
import test_smmu
from conftest import INTEL

# A PCI function that nobody needs: edu; a disk controller
DEVFNS = {"amd": 5 << 3, "arm64": 5 << 3, "intel": 1 << 3 | 1}
MACHINES = [{"apic": "xapic", "extra": ("-device", "edu,addr=5")}, test_smmu.MACHINE | {"files": test_smmu.NAMED}, INTEL]
pytestmark = pytest.mark.parametrize("machine", [options | {"image": "fault-inject"} for options in MACHINES], indirect=True,
                                     ids=["x86", "arm64", "intel"])

DAMAGE = 0x2000
MAP, PORT, MSR, WRITABLE, PIN, PCI, CPU, ENTRY, FOREIGN, STREAM, BYPASS = range(1, 12)
# The cell's pin: its entry in a config, and its number
PINS = {"x86": ((0xFEC00000, 1 << 8, 0), 8), "arm64": ((0x8000000, 1 << 40, 0, 160), 200)}
LOCAL_BASE = {"x86": 0xFFFFFC8000000000, "arm64": 0x0000FF0000000000}


def verify(machine):
    """(resources, violations, exit status)"""
    # Without indentation: it takes its time over the serial line.
    answer = machine.run("hvctl verify --json >/tmp/report 2>/dev/null; echo $?; sed 's/^ *//' /tmp/report | tr -d '\\n'", 60)
    status, report = answer.output.split("\n", 1)
    report = json.loads(report)
    return report["resources"], report["violations"], int(status)


def owned(resources, kind, owner):
    return [entry for entry in resources if entry["kind"] == kind and entry["owner"] == owner]


def damage(machine, kind, cell, value):
    assert machine.check(f"echo call {DAMAGE} {kind} {cell} {value} >/proc/hostile; cat /proc/hostile") == "0\n"


def two_cells(machine):
    """One of them has a PCI function, a pin and, where there are such, ports."""
    x86 = machine.arch == "x86"
    machine.check("[ -e /proc/hostile ] || insmod /lib/modules/hostile.ko")
    machine.push("/tmp/dev.cell", blobs.cell("dev", cpus=[2], pio=[(0x70, 2)] if x86 else [], pci=[(0, 0, DEVFNS[machine.flavour])],
                                             irqchips=[PINS[machine.arch][0]], arch=machine.arch))
    cloister.start(machine, "dev", "hello", path="/tmp/dev.cell")
    cloister.start(machine, "hello", "hello")


def test_everything_has_one_owner(enabled):
    two_cells(enabled)
    resources, violations, status = verify(enabled)
    assert (violations, status) == ([], 0)
    memory = owned(resources, "memory", "dev")
    assert [(entry["start"], entry["size"], entry["access"]) for entry in memory if entry["start"] < 1 << 30] == [
        (0, 0x200000, "rwx"), (0x200000, 0x1000, "rw-")]
    taken = {entry["target"] for entry in memory if entry["start"] == 0}
    for entry in owned(resources, "memory", "qemu-root"):
        assert not any(entry["target"] <= page < entry["target"] + entry["size"] for page in taken)
    assert [entry["start"] for entry in owned(resources, "PCI function", "dev")] == [DEVFNS[enabled.flavour]]
    assert [entry["index"] for entry in owned(resources, "interrupt pin", "dev")] == [PINS[enabled.arch][1]]
    assert [entry["start"] for entry in owned(resources, "CPU", "dev")] == [2]
    text = enabled.check("hvctl verify")
    assert re.search("^CPU +dev +2 *$", text, re.MULTILINE)
    assert "no violation" in text


@pytest.mark.only("x86")
def test_ports_and_msrs_have_one_owner(enabled):
    two_cells(enabled)
    resources, *_ = verify(enabled)
    assert [(entry["start"], entry["size"]) for entry in owned(resources, "I/O port", "dev")] == [(0x70, 2)]
    assert not any(entry["start"] <= 0x70 < entry["start"] + entry["size"]
                   for entry in owned(resources, "I/O port", "qemu-root"))
    # What cells can read of the machine's registers is a short list, all of it AMD's.
    registers = [(entry["start"], entry["size"]) for entry in owned(resources, "MSR", "dev")
                 if entry["start"] >= 0xC0010000]
    assert registers == ([(0xC0010015, 1), (0xC0010064, 8)] if enabled.flavour == "amd" else [])


@pytest.mark.only("arm64")
def test_dma_has_one_owner(enabled):
    two_cells(enabled)
    devfn = DEVFNS["arm64"]
    resources, *_ = verify(enabled)
    assert [(entry["start"], entry["size"]) for entry in owned(resources, "DMA of functions", "dev")] == [(devfn, 1)]
    roots = owned(resources, "DMA of functions", "qemu-root")
    assert sum(entry["size"] for entry in roots) == (1 << 16) - 1
    assert not any(entry["start"] <= devfn < entry["start"] + entry["size"] for entry in roots)


def test_a_loadable_cell_is_no_violation(enabled):
    enabled.check("hvctl cell create /cells/qemu-hello.cell")
    assert verify(enabled)[1:] == ([], 0)
    enabled.check("hvctl cell load hello /inmates/hello.bin && hvctl cell start hello")
    assert verify(enabled)[1:] == ([], 0)


def test_shared_memory_is_no_violation(enabled):
    status = cloister.status(enabled)
    page = status["hv_phys"] + status["hv_size"] + (32 << 20)
    shared = (page, 0x300000, 0x1000, blobs.READ | blobs.WRITE | blobs.SHARED)
    for name, cpu in (("one", 2), ("two", 3)):
        enabled.push(f"/tmp/{name}.cell", blobs.cell(name, cpus=[cpu], memory=[blobs.ram(), blobs.comm(), shared],
                                                         arch=enabled.arch))
        cloister.start(enabled, name, "hello", path=f"/tmp/{name}.cell")
    resources, violations, status = verify(enabled)
    assert (violations, status) == ([], 0)
    assert [entry["owner"] for entry in resources if entry["kind"] == "shared"] == ["one", "two"]


@pytest.fixture(scope="module")
def broken(machine):
    """A machine to be damaged, thing by thing: damage stays, so each test looks for its own."""
    cloister.enable(machine)
    two_cells(machine)
    assert verify(machine)[1:] == ([], 0)
    return machine


def violations(machine):
    """Its violations alone: the whole report takes its time over the serial line."""
    answer = machine.run("hvctl verify >/tmp/report 2>/dev/null; echo $?; grep ^VIOLATION /tmp/report", 60)
    status, *lines = answer.output.splitlines()
    assert status == ("1" if lines else "0")
    return lines


def break_it(machine, kind, cell, value, *patterns):
    """Does damage that is found by messages that were not there before."""
    before = violations(machine)
    damage(machine, kind, cell, value)
    new = [line for line in violations(machine) if line not in before]
    for pattern in patterns:
        assert any(re.search(pattern, line) for line in new), f"{pattern!r} is not in {new}"


def ids(machine):
    return {name: cell["id"] for name, cell in cloister.cells(machine).items()}


def memory_of(machine, name):
    resources = verify(machine)[0]
    return [entry["target"] for entry in owned(resources, "memory", name) if entry["start"] == 0][0]


def test_memory_of_another_cell(broken):
    page = memory_of(broken, "dev") + 0x3000
    break_it(broken, MAP, ids(broken)["hello"], page,
             f"memory {page:#x} to {page + 0xfff:#x} has two owners, '(dev|hello)' and '(dev|hello)'")
    break_it(broken, MAP, 0, page + 0x2000, f"memory {page + 0x2000:#x} .* two owners, .*'qemu-root'")


def test_hypervisor_memory(broken):
    page = cloister.status(broken)["hv_phys"] + 0x5000
    break_it(broken, MAP, ids(broken)["dev"], page,
             rf"cell 'dev' maps hypervisor memory {page:#x} to {page + 0xfff:#x} \(rwx")


def test_info_region_writable(broken):
    resources = verify(broken)[0]
    lent = [entry for entry in owned(resources, "lent", "qemu-root") if entry["access"] == "r--"
            and entry["start"] != 0xFEE00000][0]
    break_it(broken, MAP, 0, lent["start"], f"'qemu-root' maps hypervisor memory {lent['start']:#x}")


@pytest.mark.only("x86")
def test_port(broken):
    break_it(broken, PORT, ids(broken)["hello"], 0x71,
             "I/O port 0x71 to 0x71 has two owners, '(dev|hello)' and '(dev|hello)'")
    break_it(broken, PORT, ids(broken)["hello"], 0xCFC, "'hello' reaches the PCI configuration ports")


@pytest.mark.only("x86")
def test_msr(broken):
    break_it(broken, MSR, ids(broken)["hello"], 0x1B, "'hello' reaches MSR 0x1b to 0x1b against the policy")


def test_writable_text(broken):
    symbols = cloister.symbols(broken, "fault-inject")
    # Code; on arm64, where code would not be executed any more, data.
    page = symbols[{"x86": "hv_text_end", "arm64": "hv_core_end"}[broken.arch]] - 0x1000
    break_it(broken, WRITABLE, 0, page, f"mapping at {page:#x} is writable and executable")


def test_pin(broken):
    pin = PINS[broken.arch][1]
    break_it(broken, PIN, 0, pin, f"interrupt pin {pin:#x} to {pin:#x} has two owners, 'qemu-root' and 'dev'")


def test_pci_function(broken):
    devfn = DEVFNS[broken.flavour]
    break_it(broken, PCI, ids(broken)["dev"], 0,
             f"PCI function {devfn:#x} to {devfn:#x} has two owners, 'qemu-root' and 'dev'")


def test_cpu(broken):
    break_it(broken, CPU, 0, 3, "CPU 3 is counted as one of 'qemu-root', and runs 'hello'", "CPU 0x3 to 0x3 has two owners")


def test_interrupt_to_a_foreign_cpu(broken):
    # CPU 2 is the cell's with the devices; test_cpu has given root the other one.
    pin, cpu = {"x86": (22, "APIC id 2"), "arm64": (201, "affinity 0x2")}[broken.arch]
    break_it(broken, ENTRY, ids(broken)["dev"], pin,
             rf"pin {pin} of 'qemu-root' interrupts a CPU that is not its own \({cpu}\)")


@pytest.mark.only("arm64")
def test_dma(broken):
    """A function of one cell reaches the memory of another one, or all."""
    devfn = DEVFNS["arm64"]
    break_it(broken, STREAM, ids(broken)["hello"], devfn,
             f"PCI functions {devfn:#x} to {devfn:#x}, not all of 'hello', reach its memory")
    break_it(broken, BYPASS, 0, devfn, f"PCI functions {devfn:#x} to {devfn:#x} reach what no cell's tables say")


def test_foreign_memory_in_the_hypervisor(broken):
    page = memory_of(broken, "dev")
    break_it(broken, FOREIGN, 0, page,
             f"the hypervisor maps foreign memory {page:#x} at {LOCAL_BASE[broken.arch]:#x}, outside of its windows")


def test_all_of_it_together(broken):
    """Nothing hides anything else, and the machine still runs."""
    text = broken.run("hvctl verify")
    assert text.status == 1
    assert re.search(r"^hvctl: \d+ violations of ownership$", text.output, re.MULTILINE)
    assert len(re.findall("^VIOLATION: ", text.output, re.MULTILINE)) >= 11
    cloister.assert_healthy(broken)
