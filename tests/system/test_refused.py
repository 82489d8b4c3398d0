# SPDX-License-Identifier: GPL-2.0
"""Bad input and machines that are not fit: each is refused with a message that names what is wrong and
where; afterwards Linux is well and a good config still works."""

import pytest

import blobs
import cloister

GOOD = cloister.config("qemu-hello")
GOOD_ROOT = cloister.config("qemu-root")
MIB = 1 << 20

# name: (config, texts of hvctl's message, texts of the driver's message if it is not the same)
CONFIGS_REFUSED = {
    "empty": (b"", ["config: total_size is 0, expected at least 72 bytes", "cut off or not a cell config"],
              ["config: size is 0 bytes, expected 72 to 16384"]),
    "truncated-header": (GOOD[:60], ["config: total_size is 60, expected at least 72 bytes"],
                         ["config: size is 60 bytes, expected 72 to 16384"]),
    "truncated": (GOOD[:-16], ["config: total_size is 176, expected 160, the size of the file: it is cut off or damaged"], None),
    "truncated-section": (blobs.patch(GOOD[:-16], "total_size", len(GOOD) - 16),
                          ["section 1: count is 2, expected at most the 1 entries that fit: the config is cut off"], None),
    "foreign": (b"\x7fELF" + bytes(500), ["config: magic is 127", '"CLOISTER": this is not a compiled cell config'], None),
    "version": (blobs.patch(GOOD, "abi_version", 2), ["config: abi_version is 2, expected 1"], None),
    "architecture": (blobs.patch(GOOD, "arch", 2), ["config: arch is 2, expected 1 (1: x86-64, 2: arm64"], None),
    "flags": (blobs.patch(GOOD, "flags", 0x80), ["cell 'hello': config: flags is 128, expected bits out of 31 only"], None),
    "name": (blobs.patch(GOOD, "name", b"two words"), ["config: name is 32, expected letters, digits"], None),
    "entry": (blobs.patch(GOOD, "entry", 0x5000000), ["cell 'hello': config: entry is 0x5000000, expected an address in a RAM region"], None),
    "oversize": (GOOD + bytes(16384), [f"{len(GOOD) + 16384} bytes, expected at most 16384"],
                 [f"{len(GOOD) + 16384} bytes, expected at most 16384"]),
    "overlap": (blobs.cell("bad", memory=[blobs.ram(), blobs.ram(virt=0x1ff000), blobs.comm(0x400000)]),
                ["cell 'bad': memory region 1: virt is 0x1ff000, expected addresses that memory region 0 of this config does not have"], None),
    "unaligned": (blobs.cell("bad", memory=[blobs.ram(phys=0x71000800)]),
                  ["cell 'bad': memory region 0: phys is 0x71000800, expected a multiple of 0x1000"], None),
    "wrapping": (blobs.cell("bad", memory=[blobs.ram(), blobs.ram(virt=0xfffffffffffff000, size=0x2000)]),
                 ["cell 'bad': memory region 1: virt is 0xfffffffffffff000, expected an address that with the size stays within"], None),
    "cpu-twice": (blobs.cell("bad", cpus=[2, 2]), ["cell 'bad': CPU 1: id is 2, expected another CPU than entry 0"], None),
    "no-cpu": (blobs.cell("bad", cpus=[]), ["cell 'bad': CPU 0: count is 0, expected at least 1"], None),
}

# Found only with the machine or the other cells in view: name: (config, texts).
CELLS_REFUSED = {
    "cpu-not-there": (blobs.cell("bad", cpus=[3, 7]), ["cell 'bad': CPU 1: id is 7, expected a number below 4"]),
    "memory-not-roots": (blobs.cell("bad", memory=[blobs.ram(), blobs.ram(phys=0xb00000000, virt=0x400000), blobs.comm()]),
                         ["cell 'bad': memory region 1: phys is 0xb00000000, expected memory that the root config or its pool has"]),
    "ports-beyond": (blobs.cell("bad", pio=[(0xffff, 2)]), ["cell 'bad': I/O ports 0: base is 0xffff, expected ports that with the length end at"]),
    "irqchip-not-roots": (blobs.cell("bad", irqchips=[(0xfec10000, 2, 0)]),
                          ["cell 'bad': interrupt controller 0: address is 0xfec10000, expected an interrupt controller that the root config has"]),
    "pool-too-small": (blobs.cell("bad", memory=[blobs.ram(size=80 * MIB), blobs.comm(0x8000000)]),
                       ["cell 'bad': memory region 0: size is 0x5000000, expected CL_AUTO regions that together fit"]),
    "root-config": (GOOD_ROOT, ["'qemu-root' is a root cell's config: hvctl enable takes it"]),
}

TIMER = cloister.config("qemu-timer")
# With cell 'hello' there, which has CPU 3.
CONFLICTS = {
    "cpu-of-a-cell": (TIMER, ["cell 'timer': CPU 0: id is 3, expected a CPU that the other cell does not have", "in conflict with cell 'hello'"]),
    "same-name": (GOOD, ["cell 'hello': config: name is", "in conflict with cell 'hello'"]),
    "ports-of-a-cell": (blobs.cell("bad", cpus=[2], pio=[(0x3e8, 8)]),
                        ["cell 'bad': I/O ports 0: base is 0x3e8, expected ports that the other cell does not have"]),
}

ROOTS_REFUSED = {
    "cell-config": (GOOD, ["'hello' is not a root cell's config", "hvctl cell create takes it"]),
    "hv-too-small-step": (blobs.root(GOOD_ROOT, hv_size=0x100000),
                          ["cell 'qemu-root': platform: hv_size is 0x100000, expected a multiple of 0x200000 (2 MiB)"]),
    "hv-place-unaligned": (blobs.root(GOOD_ROOT, hv_phys=0x70001000, pool_phys=0x70200000),
                           ["cell 'qemu-root': platform: hv_phys is 0x70001000, expected a multiple of 0x200000"]),
    "hv-in-pool": (blobs.root(GOOD_ROOT, hv_phys=0x70000000, pool_phys=0x70000000),
                   ["cell 'qemu-root': platform: pool_phys is 0x70000000, expected memory outside the hypervisor's"]),
    "not-one-piece": (blobs.root(GOOD_ROOT, hv_phys=0x60000000, pool_phys=0x70000000), ["must be one piece of memory"]),
    "one-place": (blobs.root(GOOD_ROOT, hv_phys=0x60000000), ["name both, or write CL_AUTO for both"]),
    "kernel-memory": (blobs.root(GOOD_ROOT, hv_phys=0x1000000, pool_phys=0x1200000),
                      ["platform: Linux does not let go of memory 0x1000000-0x4ffffff"]),
    "too-much": (blobs.root(GOOD_ROOT, pool_size=64 << 30), ["platform: no 65538 MiB in one piece could be taken from Linux"]),
}

FILES = {f"cells/refused/{name}.cell": case[0] for cases in (CONFIGS_REFUSED, CELLS_REFUSED, CONFLICTS)
         for name, case in cases.items()}
FILES |= {f"cells/refused/root-{name}.cell": case[0] for name, case in ROOTS_REFUSED.items()}
FILES["cells/uses-3e8.cell"] = blobs.cell("hello", pio=[(0x3e8, 8)])
FILES["cells/linux-memory.cell"] = blobs.cell("greedy", memory=[blobs.ram(phys=0x2000000), blobs.comm()])
FILES["images/small"] = b"\xf4" * 4096
FILES["images/large"] = b"\xf4" * (2 * MIB)


@pytest.fixture(scope="module")
def machine(boot):
    return boot("configs", apic="x2apic", files=FILES)


@pytest.fixture
def native(machine):
    """The machine with the driver loaded; Cloister must still be disabled after the test, and can be
    enabled."""
    cloister.load_driver(machine)
    before = cloister.Snapshot(machine)
    yield machine
    assert not cloister.status(machine)["enabled"]
    before.assert_same(machine)
    cloister.enable(machine)
    cloister.disable(machine)
    before.assert_same(machine)
    cloister.assert_healthy(machine)


def hello_works(machine):
    """Still a cell can be created and runs."""
    cloister.start(machine, "hello", "hello")
    cloister.wait_output(machine, "hello", "^Hello, world!")
    machine.check("hvctl cell destroy hello")


def test_builder_agrees_with_the_compiler():
    assert blobs.cell("hello") == GOOD
    assert blobs.root(GOOD_ROOT) == GOOD_ROOT


@pytest.mark.parametrize("name", CONFIGS_REFUSED)
def test_bad_config(enabled, name):
    _, texts, driver_texts = CONFIGS_REFUSED[name]
    command = f"hvctl cell create /cells/refused/{name}.cell"
    # Once found by hvctl, once by the driver: the same sentence.
    cloister.refused(enabled, command, *texts)
    cloister.refused(enabled, f"{command} --no-check", *(driver_texts or texts))
    assert list(cloister.cells(enabled)) == ["qemu-root"]
    assert enabled.check("cat /sys/devices/system/cpu/online") == "0-3\n"
    hello_works(enabled)


@pytest.mark.parametrize("name", CELLS_REFUSED)
def test_cell_that_does_not_fit_the_machine(enabled, name):
    cloister.refused(enabled, f"hvctl cell create /cells/refused/{name}.cell", *CELLS_REFUSED[name][1])
    assert list(cloister.cells(enabled)) == ["qemu-root"]
    assert enabled.check("cat /sys/devices/system/cpu/online") == "0-3\n"
    hello_works(enabled)


@pytest.mark.parametrize("name", CONFLICTS)
def test_cell_in_conflict_with_another(enabled, name):
    cloister.start(enabled, "hello", "hello", path="/cells/uses-3e8.cell")
    cloister.refused(enabled, f"hvctl cell create /cells/refused/{name}.cell", *CONFLICTS[name][1])
    assert list(cloister.cells(enabled)) == ["qemu-root", "hello"]
    assert cloister.state(enabled, "hello") == "running"
    assert enabled.check("cat /sys/devices/system/cpu/online") == "0-2\n"
    enabled.check("hvctl cell destroy hello")
    hello_works(enabled)


def test_memory_that_linux_uses(enabled):
    """Root's memory, but in use: it would be pulled away under Linux' feet."""
    cloister.refused(enabled, "hvctl cell create /cells/linux-memory.cell",
                     "cell 'greedy': memory region 0: phys is 0x2000000", "Linux uses")
    assert list(cloister.cells(enabled)) == ["qemu-root"]
    hello_works(enabled)


@pytest.mark.parametrize("name", ROOTS_REFUSED)
def test_bad_root_config(native, name):
    cloister.refused(native, f"hvctl enable /cells/refused/root-{name}.cell", *ROOTS_REFUSED[name][1])


@pytest.mark.parametrize("name", ["truncated", "foreign", "architecture", "oversize"])
def test_enable_with_bad_config(native, name):
    _, texts, driver_texts = CONFIGS_REFUSED[name]
    cloister.refused(native, f"hvctl enable /cells/refused/{name}.cell", *texts)
    cloister.refused(native, f"hvctl enable /cells/refused/{name}.cell --no-check", *(driver_texts or texts))


def test_enable_twice(enabled):
    cloister.refused(enabled, f"hvctl enable {cloister.ROOT}", "Cloister is enabled already: hvctl disable comes first")
    hello_works(enabled)


def test_disable_with_cells(enabled):
    enabled.check("hvctl cell create /cells/qemu-hello.cell")
    cloister.refused(enabled, "hvctl disable", "cell 'hello' exists: hvctl cell destroy hello comes first")
    enabled.check("hvctl cell load hello /inmates/hello.bin && hvctl cell start hello")
    cloister.refused(enabled, "hvctl disable", "cell 'hello' exists: hvctl cell destroy hello comes first")
    cloister.wait_output(enabled, "hello", "^Hello, world!")


def test_commands_while_disabled(native):
    for command in ("disable", "cell create /cells/qemu-hello.cell", "cell start hello", "cell list", "stats", "console hello"):
        cloister.refused(native, f"hvctl {command}", "nabled", status=3)


def test_image_larger_than_its_region(enabled):
    enabled.check("hvctl cell create /cells/qemu-hello.cell")
    cloister.refused(enabled, "hvctl cell load hello /images/large",
                     "cannot load /images/large (2097152 bytes) to 0x10000", "do not fit into one loadable memory region")
    for place in ("0x1ff001", "0x200000", "4G", "0xffffffffffffffff"):
        cloister.refused(enabled, f"hvctl cell load hello /images/small@{place}",
                         "cannot load /images/small (4096 bytes)", "do not fit into one loadable memory region")
    enabled.check("hvctl cell load hello /images/large@0 && hvctl cell load hello /images/small@0x1ff000")
    cloister.refused(enabled, "hvctl cell load hello /images/none", "/images/none: No such file or directory")
    enabled.check("hvctl cell load hello /inmates/hello.bin && hvctl cell start hello")
    cloister.wait_output(enabled, "hello", "^Hello, world!")


def test_missing_firmware(native):
    native.check("mv /lib/firmware/cloister /lib/firmware/away")
    cloister.refused(native, f"hvctl enable {cloister.ROOT}",
                     "firmware file /lib/firmware/cloister/cloister-amd.bin is missing (error -2)", "make install puts it there")
    native.check("mkdir /lib/firmware/cloister; head -c 5000 /lib/firmware/away/cloister-amd.bin >/lib/firmware/cloister/cloister-amd.bin")
    cloister.refused(native, f"hvctl enable {cloister.ROOT}",
                     "firmware file cloister/cloister-amd.bin is not a Cloister image for this machine")
    native.check("rm -r /lib/firmware/cloister; mv /lib/firmware/away /lib/firmware/cloister")


def test_kvm_is_loaded(native):
    native.check("modprobe kvm_amd")
    cloister.refused(native, f"hvctl enable {cloister.ROOT}", "kvm_amd is loaded", "rmmod kvm_amd")
    assert "kvm_amd" in cloister.status(native)["machine"]
    native.check("rmmod kvm_amd")


def test_kvm_while_enabled(enabled):
    answer = enabled.run("modprobe kvm_amd")
    assert answer.status != 0
    assert enabled.run("grep -q '^kvm_amd ' /proc/modules").status == 1
    assert "cloister: kvm_amd cannot be loaded while enabled: hvctl disable comes first" in enabled.check("dmesg")
    hello_works(enabled)


def test_cpu_offline(native):
    native.check("echo 0 >/sys/devices/system/cpu/cpu2/online")
    cloister.refused(native, f"hvctl enable {cloister.ROOT}", "CPU 2 is offline: bring it online first")
    native.check("echo 1 >/sys/devices/system/cpu/cpu2/online")


def test_cpu_offline_while_enabled(enabled):
    """Linux switched a CPU off by itself: a cell cannot have it, disable waits for it, and it comes back."""
    enabled.check("echo 0 >/sys/devices/system/cpu/cpu3/online")
    cloister.refused(enabled, "hvctl cell create /cells/qemu-hello.cell", "cell 'hello': CPU 3 is not online in Linux")
    cloister.refused(enabled, "hvctl disable", "CPU 3 is offline: bring it online first")
    enabled.check("echo 1 >/sys/devices/system/cpu/cpu3/online")
    hello_works(enabled)


def test_without_svm(boot):
    machine = boot("no-svm", extra=["-cpu", "EPYC-v4,-svm"])
    cloister.load_driver(machine)
    before = cloister.Snapshot(machine)
    cloister.refused(machine, f"hvctl enable {cloister.ROOT}", "has no SVM (CPUID 80000001 ECX bit 2 is 0)")
    assert "has no SVM" in cloister.status(machine)["machine"]
    before.assert_same(machine)
    cloister.assert_healthy(machine)


def test_without_nested_paging(boot):
    machine = boot("no-npt", extra=["-cpu", "EPYC-v4,+svm,-npt"])
    cloister.load_driver(machine)
    cloister.refused(machine, f"hvctl enable {cloister.ROOT}", "has no nested paging (CPUID 8000000a EDX bit 0 is 0)")
    cloister.assert_healthy(machine)


def test_hypervisor_memory_too_small_for_the_cpus(boot):
    """More CPUs than the image is built for."""
    machine = boot("many-cpus", cpus=18)
    cloister.load_driver(machine)
    cloister.refused(machine, f"hvctl enable {cloister.ROOT}", "18 CPUs are online, the image is built for 16: raise MAX_CPUS")
    cloister.assert_healthy(machine)


def test_driver_that_is_not_loaded(boot):
    machine = boot("no-driver", cpus=1)
    cloister.refused(machine, f"hvctl enable {cloister.ROOT}", "no /dev/cloister: load the driver (modprobe cloister)", status=3)
    cloister.refused(machine, "hvctl status", "no /dev/cloister", status=3)


