# SPDX-License-Identifier: GPL-2.0
"""What protects the hypervisor from its own defects, looked at from outside, in QEMU's monitor or as gdb does, and by
making it commit such defects (CONFIG_FAULT_INJECT, hypervisor/defect.c): each is caught, costs the CPU and its cell,
and root and the others go on.
"""

import re
import struct

import pytest

import blobs
import cloister
from gdb import Gdb

PAGE = 0x1000
GIB = 1 << 30


class X86:
    """Addresses as in hypervisor/arch/x86/include/layout.h; pages from local_base on."""
    hv_base, local_base, device_base = 0xFFFFFC0000000000, 0xFFFFFC8000000000, None
    # stack, private page, VMCB, lowest and topmost table; in xAPIC mode the APIC
    own, apic = {1, 2, 4, 5, 6, 7}, 8
    devices, window_devices = set(), 17
    pc = "RIP"

    @staticmethod
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


class Arm64:
    """Addresses as in hypervisor/arch/arm64/include/layout.h."""
    hv_base, local_base, device_base = 0x0000FF8000000000, 0x0000FF0000000000, 0x0000FF8040000000
    # stack, private page, lowest table; the redistributor
    own, devices, window_devices = {1, 2, 4, 5}, {8, 9}, 17
    pc = "PC"

    # Descriptors, DDI 0487, D8.3: AP[2] read-only, XN, address
    read_only, execute_never, address = 1 << 7, 1 << 54, 0x0000FFFFFFFFF000

    @classmethod
    def mappings(cls, machine, cpu):
        """As X86.mappings(), from the tables that TTBR0_EL2 names."""
        found = {}
        with Gdb(machine) as gdb:
            tables = [(gdb.register(cpu, "TTBR0_EL2") & cls.address, 0, 39)]
            while tables:
                table, base, shift = tables.pop()
                for index, entry in enumerate(struct.unpack("<512Q", gdb.memory(table, PAGE))):
                    virt = base + (index << shift)
                    if not entry & 1:
                        continue
                    if entry & 2 and shift > 12:
                        assert not entry >> 59, "rights of tables are not looked at"
                        tables.append((entry & cls.address, virt, shift - 9))
                    else:
                        found[virt] = (entry & cls.address, not entry & cls.read_only, not entry & cls.execute_never, 1 << shift)
        return found


ARCHS = {"x86": X86, "arm64": Arm64}


def layout(machine):
    return ARCHS[machine.arch]


# The machines' usual CPUs, on x86 with user-mode instruction prevention: the last -cpu counts.
MACHINES = {f"{mode}apic": {"apic": f"{mode}apic", "extra": ["-cpu", f"EPYC-v4,+svm,+umip,{sign}x2apic"]}
            for mode, sign in (("x", "-"), ("x2", "+"))}
MACHINES["gic3"] = {"arch": "arm64"}


@pytest.fixture(scope="module", params=MACHINES)
def parked(request, boot):
    """A machine whose CPU 3 is a cell's that has not been started: it waits in the hypervisor."""
    options = MACHINES[request.param]
    arch = options.get("arch", "x86")
    machine = boot(request.param, **options, files={f"cells/{name}.cell": blobs.cell(name, cpus=[cpu], arch=arch)
                                                    for name, cpu in (("parked", 3), ("other", 2))})
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
    """Those of CPU that the monitor shows by these names."""
    text = machine.qmp("human-monitor-command", **{"command-line": "info registers", "cpu-index": cpu})
    return {name: int(value, 16) for name, value in re.findall(r"\b(RIP|CR0|CR3|CR4|EFER|PC)\s*=\s*([0-9a-f]+)", text)}


def in_hypervisor(machine, cpu):
    base = layout(machine).hv_base
    return base <= registers(machine, cpu)[layout(machine).pc] < base + 0x100000


def assert_set(register, value, bits):
    for name, bit in bits.items():
        assert value & bit, f"{register} {value:#x} lacks {name}"


def test_control_registers(parked):
    if parked.arch == "x86":
        values = registers(parked, 3)
        assert_set("CR0", values["CR0"], {"WP": 1 << 16})
        assert_set("EFER", values["EFER"], {"NXE": 1 << 11})
        assert_set("CR4", values["CR4"], {"UMIP": 1 << 11, "SMEP": 1 << 20, "SMAP": 1 << 21})
        return
    cloister.start(parked, "other", "hello", path="/cells/other.cell")
    cloister.wait_output(parked, "other", "^Hello, world!")
    with Gdb(parked) as gdb:
        for cpu in range(4):
            assert_set("SCTLR_EL2", gdb.register(cpu, "SCTLR_EL2"), {"M": 1, "C": 1 << 2, "I": 1 << 12, "WXN": 1 << 19})
        # What guests shall not do by themselves: all, and CPU 2's, which is a cell
        for cpu in (0, 1, 2):
            assert_set("HCR_EL2", gdb.register(cpu, "HCR_EL2"),
                       {"VM": 1, "SWIO": 1 << 1, "PTW": 1 << 2, "FMO": 1 << 3, "IMO": 1 << 4, "AMO": 1 << 5, "TSC": 1 << 19,
                        "TIDCP": 1 << 20, "TACR": 1 << 21})
        assert_set("MDCR_EL2", gdb.register(2, "MDCR_EL2"),
                   {"TPMCR": 1 << 5, "TPM": 1 << 6, "TDA": 1 << 9, "TDOSA": 1 << 10, "TDRA": 1 << 11})
    parked.check("hvctl cell destroy other", 60)


@pytest.fixture(scope="module")
def pages(parked):
    return layout(parked).mappings(parked, 3)


def test_nothing_is_writable_and_executable(pages):
    assert len(pages) > 50
    for virt, (_, writable, executable, _) in pages.items():
        assert not (writable and executable), f"{virt:#x}"


def way_out(machine):
    """The page in which arm64 switches the MMU off, at its physical address."""
    if machine.arch == "x86":
        return set()
    offset = cloister.symbols(machine)["arm64_exit_start"] - Arm64.hv_base
    return {(cloister.status(machine)["hv_phys"] + offset) & -PAGE}


def test_rights_of_the_image(parked, pages):
    """Text is executed, what is settled is read, and only the rest is written: page by page."""
    symbols = cloister.symbols(parked)
    base = layout(parked).hv_base
    for virt in range(base, symbols["hv_core_end"], PAGE):
        _, writable, executable, size = pages[virt]
        settled = symbols["hv_ro_after_init"] <= virt < symbols["hv_ro_after_init_end"]
        assert size == PAGE
        assert executable == (virt < symbols["hv_text_end"]), f"{virt:#x}"
        assert writable == (virt >= symbols["hv_rodata_end"] and not settled), f"{virt:#x}"
    executable = {virt for virt, page in pages.items() if page[2]}
    assert executable == set(range(base, symbols["hv_text_end"], PAGE)) | way_out(parked)


def test_no_page_has_two_mappings(parked, pages):
    """Nothing that is read-only here is writable there. Exceptions are a CPU's own tables, which are windows', and
    registers."""
    status = cloister.status(parked)
    seen = {}
    for virt in pages.keys() - way_out(parked):
        phys, *_, size = pages[virt]
        if not status["hv_phys"] <= phys < status["hv_phys"] + status["hv_size"]:
            continue
        for address in range(phys, phys + size, PAGE):
            assert address not in seen, f"{address:#x} is at {seen[address]:#x} and {virt:#x}"
            seen[address] = virt


def test_only_its_own_memory(parked, pages):
    """A CPU sees the hypervisor's memory and its own pages, guard pages around its stack, and no memory of
    cells or root's."""
    arch = layout(parked)
    status = cloister.status(parked)
    first, end = status["hv_phys"], status["hv_phys"] + status["hv_size"]
    own = {(virt - arch.local_base) // PAGE for virt in pages if arch.local_base <= virt < arch.local_base + GIB}
    devices = set(arch.devices)
    if parked.arch == "x86" and "x2apic" not in parked.log_directory.name:
        devices.add(arch.apic)
    assert own - {arch.window_devices} == arch.own | devices
    registers_at = {arch.local_base + page * PAGE for page in (*devices, arch.window_devices)}
    for virt in pages.keys() - way_out(parked):
        phys, *_, size = pages[virt]
        if arch.device_base and arch.device_base <= virt < arch.device_base + GIB or virt in registers_at:
            assert phys + size <= first or end <= phys, f"{virt:#x} is memory"
            continue
        assert arch.hv_base <= virt < arch.hv_base + GIB or arch.local_base <= virt < arch.local_base + GIB, f"{virt:#x}"
        assert first <= phys < end, f"{virt:#x} is {phys:#x}"
    if arch.device_base:
        assert {pages[virt][0] for virt in pages if arch.device_base <= virt < arch.device_base + GIB} == DEVICES


# Distributor, interrupt translation service, and the hypervisor's UART
DEVICES = {0x8000000 + page * PAGE for page in range(16)} | {0x8080000, 0x9000000}


# Of x86, page fault error codes: 1 present, 2 write, 0x10 fetch (APM vol. 2, 8.4.2). Of arm64, kind 4 is a synchronous
# exception of EL2's own, the syndrome a data abort, 0x40 if by writing, or an instruction abort, by the translation or
# rights at a level (DDI 0487, D24.2.40).
WRITTEN = {"x86": "14 code 0x3 ", "arm64": "4 syndrome 0x9600004f "}
EXECUTED = {"x86": "14 code 0x11 ", "arm64": "4 syndrome 0x8600000f "}
ABSENT = {"x86": "14 code 0x0 ", "arm64": "4 syndrome 0x96000007 "}
NOWHERE = {"x86": "14 code 0x0 ", "arm64": "4 syndrome 0x96000005 "}
# Name of enum cl_defect: what the log says
DEFECTS = {"WRITE_TEXT": WRITTEN, "WRITE_RODATA": WRITTEN, "WRITE_SETTLED": WRITTEN, "WRITE_TABLES": WRITTEN, "EXECUTE_DATA": EXECUTED,
           "EXECUTE_STACK": EXECUTED, "BELOW_STACK": ABSENT, "ABOVE_STACK": ABSENT, "OTHER_CPU": ABSENT, "GUEST_MEMORY": NOWHERE,
           "OLD_WINDOW": ABSENT, "OVERRUN": None}
FIRST_CPU = 2
FIRST_NUMBER = 0x1000


@pytest.fixture(scope="module", params=["x86", "arm64"])
def breakable(request, boot):
    arch = request.param
    files = {f"cells/defect{n}.cell": blobs.cell(f"defect{n}", cpus=[FIRST_CPU + n], arch=arch) for n in range(len(DEFECTS))}
    machine = boot(f"defects-{arch}", arch=arch, image="fault-inject", cpus=FIRST_CPU + len(DEFECTS), thread="single", files=files)
    cloister.enable(machine)
    return machine


@pytest.mark.parametrize("number", range(len(DEFECTS)), ids=[name.lower().replace("_", "-") for name in DEFECTS])
def test_defect(breakable, number):
    machine = breakable
    cpu = FIRST_CPU + number
    name = f"defect{number}"
    seen = cloister.log(machine)[-1]["seq"]
    cloister.start(machine, name, "fault", f"what=hypercall number={FIRST_NUMBER + number}", path=f"/cells/{name}.cell")
    cloister.wait_state(machine, name, "failed")
    errors = [record for record in cloister.log(machine) if record["seq"] > seen and record["severity"] == "error"]
    assert len(errors) == 1, errors
    reason = list(DEFECTS.values())[number]
    says = f"hypervisor exception {reason[machine.arch]}" if reason else "hypervisor stack overrun "
    assert errors[0]["text"].startswith(says), errors
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
