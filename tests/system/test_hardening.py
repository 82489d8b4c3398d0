# SPDX-License-Identifier: GPL-2.0
"""What protects the hypervisor from its own defects, looked at from outside, in QEMU's monitor, and by making it
commit such defects (CONFIG_FAULT_INJECT, hypervisor/arch/x86/defect.c): each is caught, costs the CPU and its
cell, and root and the others go on.
"""

import re
import subprocess

import pytest

import blobs
import cloister
import initramfs

PAGE = 0x1000
HV_BASE = 0xFFFFFC0000000000
LOCAL_BASE = 0xFFFFFC8000000000
# Pages from LOCAL_BASE on, as in hypervisor/arch/x86/include/layout.h
STACK, PRIVATE, VMCB, TABLE, TOP, APIC, WINDOWS = (1, 2), 4, 5, 6, 7, 8, 16
WINDOW_MMIO = WINDOWS + 1

CR0_WP = 1 << 16
CR4_UMIP, CR4_SMEP, CR4_SMAP = 1 << 11, 1 << 20, 1 << 21
EFER_NXE = 1 << 11


def mappings(machine, cpu):
    """{virtual address of each page: (physical address, writable, executable, size)} of a CPU that is in the
    hypervisor, as the emulator walks its tables."""
    text = machine.qmp("human-monitor-command", **{"command-line": "info tlb", "cpu-index": cpu})
    found = {}
    for virt, phys, flags in re.findall(r"^([0-9a-f]{16}): ([0-9a-f]{16}) ([-A-Z]{9})", text, re.MULTILINE):
        # XGPDACTUW: no-execute, global, large page, dirty, accessed, cache, write-through, user, writable
        found[int(virt, 16)] = (int(phys, 16), flags[8] == "W", flags[0] != "X", 0x200000 if flags[2] == "P" else PAGE)
        assert flags[7] != "U", f"page {virt} is user space's"
        assert flags[1] != "G", f"page {virt} is global"
    return found


@pytest.fixture(scope="module", params=["xapic", "x2apic"])
def parked(request, boot):
    """A machine whose CPU 3 is a cell's that has not been started: it waits in the hypervisor."""
    # The machine's usual CPUs, and user-mode instruction prevention: the last -cpu counts.
    cpu = f"EPYC-v4,+svm,+umip,{'+' if request.param == 'x2apic' else '-'}x2apic"
    machine = boot(request.param, apic=request.param, extra=["-cpu", cpu],
                   files={"cells/parked.cell": blobs.cell("parked", cpus=[3]),
                          "cells/other.cell": blobs.cell("other", cpus=[2])})
    cloister.enable(machine)
    # What CPU 3 had in windows while it was root's: a config, a cell's memory, pages of root's.
    machine.check("taskset 8 hvctl cell create /cells/other.cell; taskset 8 hvctl cell destroy other", 60)
    machine.check("hvctl cell create /cells/parked.cell")
    cloister.wait(machine, "CPU 3 to be parked", lambda: in_hypervisor(machine, 3))
    yield machine
    machine.check("hvctl cell destroy parked", 60)
    cloister.disable(machine)
    cloister.assert_healthy(machine)


def registers(machine, cpu):
    text = machine.qmp("human-monitor-command", **{"command-line": "info registers", "cpu-index": cpu})
    return {name: int(value, 16) for name, value in re.findall(r"\b(RIP|CR0|CR3|CR4|EFER)\s*=\s*([0-9a-f]+)", text)}


def in_hypervisor(machine, cpu):
    return HV_BASE <= registers(machine, cpu)["RIP"] < HV_BASE + 0x100000


def test_control_registers(parked):
    values = registers(parked, 3)
    assert values["CR0"] & CR0_WP
    assert values["EFER"] & EFER_NXE
    for bit in (CR4_SMEP, CR4_SMAP, CR4_UMIP):
        assert values["CR4"] & bit, f"CR4 {values['CR4']:#x} lacks {bit:#x}"


def test_nothing_is_writable_and_executable(parked):
    pages = mappings(parked, 3)
    assert len(pages) > 50
    for virt, (_, writable, executable, _) in pages.items():
        assert not (writable and executable), f"{virt:#x}"


def test_rights_of_the_image(parked):
    """Text is executed, what is settled is read, and only the rest is written: page by page."""
    symbols = image_symbols()
    pages = mappings(parked, 3)
    for virt in range(HV_BASE, symbols["hv_core_end"], PAGE):
        _, writable, executable, size = pages[virt]
        settled = symbols["hv_ro_after_init"] <= virt < symbols["hv_ro_after_init_end"]
        assert size == PAGE
        assert executable == (virt < symbols["hv_text_end"]), f"{virt:#x}"
        assert writable == (virt >= symbols["hv_rodata_end"] and not settled), f"{virt:#x}"
    executable = {virt for virt, page in pages.items() if page[2]}
    assert executable == set(range(HV_BASE, symbols["hv_text_end"], PAGE))


def test_no_page_has_two_mappings(parked):
    """Nothing that is read-only here is writable there. Exceptions are a CPU's own tables, which are windows'."""
    seen = {}
    for virt, (phys, _, _, size) in mappings(parked, 3).items():
        for address in range(phys, phys + size, PAGE):
            assert address not in seen, f"{address:#x} is at {seen[address]:#x} and {virt:#x}"
            seen[address] = virt


def test_only_its_own_memory(parked):
    """A CPU sees the hypervisor's memory and its own pages, guard pages around its stack, and no memory of
    cells or root's."""
    status = cloister.status(parked)
    first, end = status["hv_phys"], status["hv_phys"] + status["hv_size"]
    pages = mappings(parked, 3)
    own = {(virt - LOCAL_BASE) // PAGE for virt in pages if virt >= LOCAL_BASE}
    fixed = {*STACK, PRIVATE, VMCB, TABLE, TOP}
    if "x2apic" not in parked.log_directory.name:
        fixed.add(APIC)
    assert own - {WINDOW_MMIO} == fixed
    for virt, (phys, *_) in pages.items():
        assert HV_BASE <= virt < HV_BASE + (1 << 30) or LOCAL_BASE <= virt < LOCAL_BASE + (1 << 30), f"{virt:#x}"
        if virt not in (LOCAL_BASE + APIC * PAGE, LOCAL_BASE + WINDOW_MMIO * PAGE):
            assert first <= phys < end, f"{virt:#x} is {phys:#x}"


# Name of enum cl_defect: what the log says. Page fault error codes: 1 present, 2 write, 0x10 fetch (APM vol. 2, 8.4.2)
DEFECTS = (
    ("WRITE_TEXT", "hypervisor exception 14 code 0x3 "),
    ("WRITE_RODATA", "hypervisor exception 14 code 0x3 "),
    ("WRITE_SETTLED", "hypervisor exception 14 code 0x3 "),
    ("WRITE_TABLES", "hypervisor exception 14 code 0x3 "),
    ("EXECUTE_DATA", "hypervisor exception 14 code 0x11 "),
    ("EXECUTE_STACK", "hypervisor exception 14 code 0x11 "),
    ("BELOW_STACK", "hypervisor exception 14 code 0x0 "),
    ("ABOVE_STACK", "hypervisor exception 14 code 0x0 "),
    ("OTHER_CPU", "hypervisor exception 14 code 0x0 "),
    ("GUEST_MEMORY", "hypervisor exception 14 code 0x0 "),
    ("OLD_WINDOW", "hypervisor exception 14 code 0x0 "),
    ("OVERRUN", "hypervisor stack overrun "),
)
FIRST_CPU = 2
FIRST_NUMBER = 0x1000


@pytest.fixture(scope="module")
def breakable(boot):
    files = {f"cells/defect{n}.cell": blobs.cell(f"defect{n}", cpus=[FIRST_CPU + n]) for n in range(len(DEFECTS))}
    machine = boot("defects", image="fault-inject", cpus=FIRST_CPU + len(DEFECTS), thread="single", files=files)
    cloister.enable(machine)
    return machine


@pytest.mark.parametrize("number", range(len(DEFECTS)), ids=[name.lower().replace("_", "-") for name, _ in DEFECTS])
def test_defect(breakable, number):
    machine = breakable
    cpu = FIRST_CPU + number
    name = f"defect{number}"
    seen = cloister.log(machine)[-1]["seq"]
    cloister.start(machine, name, "fault", f"what=hypercall number={FIRST_NUMBER + number}", path=f"/cells/{name}.cell")
    cloister.wait_state(machine, name, "failed")
    errors = [record for record in cloister.log(machine) if record["seq"] > seen and record["severity"] == "error"]
    assert len(errors) == 1, errors
    assert errors[0]["text"].startswith(DEFECTS[number][1]), errors
    assert errors[0]["cpu"] == cpu
    assert "returned" not in machine.check(f"hvctl console {name}")
    assert in_hypervisor(machine, cpu)
    assert machine.check("echo root $((6 * 7))") == "root 42\n"


def test_all_others_go_on(breakable):
    """After all of these: cells' CPUs are lost one by one, and not more."""
    states = [cell["state"] for cell in cloister.cells(breakable).values()]
    assert states == ["running"] + ["failed"] * len(DEFECTS)
    assert breakable.check("nproc") == f"{FIRST_CPU}\n"
    cloister.assert_healthy(breakable)
