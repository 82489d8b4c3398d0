# SPDX-License-Identifier: GPL-2.0
"""Bad input and machines that are not fit: each is refused with a message that names what is wrong and
where; afterwards Linux is well and a good config still works."""

import re

import pytest

import blobs
import cloister
from conftest import ALL_FLAVOURS, for_each_arch, machine_id

MIB = 1 << 20
# Of each architecture: a name of an interrupt controller, and of a place where there is none; the first interrupt; memory that
# Linux uses; where its kernel is
IRQCHIP = {"x86": 0xFEC00000, "arm64": 0x8000000}
NO_IRQCHIP = {"x86": 0xFEC10000, "arm64": 0x8010000}
USED = {"x86": 0x2000000, "arm64": 0x42000000}
KERNEL = {"x86": 0x1000000, "arm64": 0x40000000}


class Cases:
    """Configs that are refused on machines of one architecture."""

    def __init__(self, arch):
        good, timer = cloister.config("qemu-hello", arch), cloister.config("qemu-timer", arch)
        good_root = cloister.config("qemu-root", arch)
        number, other = blobs.ARCHS[arch], 3 - blobs.ARCHS[arch]

        def cell(name, **options):
            return blobs.cell(name, arch=arch, **options)

        # name: (config, texts of hvctl's message, texts of the driver's message if it is not the same)
        self.configs = {
            "empty": (b"", ["config: total_size is 0, expected at least 72 bytes", "cut off or not a cell config"],
                      ["config: size is 0 bytes, expected 72 to 16384"]),
            "truncated-header": (good[:60], ["config: total_size is 60, expected at least 72 bytes"],
                                 ["config: size is 60 bytes, expected 72 to 16384"]),
            "truncated": (good[:-16], ["config: total_size is 176, expected 160, the size of the file: it is cut off or damaged"], None),
            "truncated-section": (blobs.patch(good[:-16], "total_size", len(good) - 16),
                                  ["section 1: count is 2, expected at most the 1 entries that fit: the config is cut off"], None),
            "foreign": (b"\x7fELF" + bytes(500), ["config: magic is 127", '"CLOISTER": this is not a compiled cell config'], None),
            "version": (blobs.patch(good, "abi_version", 2), ["config: abi_version is 2, expected 1"], None),
            "architecture": (blobs.patch(good, "arch", other), [f"config: arch is {other}, expected {number} (1: x86-64, 2: arm64"], None),
            "flags": (blobs.patch(good, "flags", 0x80), ["cell 'hello': config: flags is 128, expected bits out of 31 only"], None),
            "name": (blobs.patch(good, "name", b"two words"), ["config: name is 32, expected letters, digits"], None),
            "entry": (blobs.patch(good, "entry", 0x5000000),
                      ["cell 'hello': config: entry is 0x5000000, expected an address in a RAM region"], None),
            "oversize": (good + bytes(16384), [f"{len(good) + 16384} bytes, expected at most 16384"],
                         [f"{len(good) + 16384} bytes, expected at most 16384"]),
            "overlap": (cell("bad", memory=[blobs.ram(), blobs.ram(virt=0x1ff000), blobs.comm(0x400000)]),
                        ["cell 'bad': memory region 1: virt is 0x1ff000, expected addresses that memory region 0 of this config does "
                         "not have"], None),
            "unaligned": (cell("bad", memory=[blobs.ram(phys=0x71000800)]),
                          ["cell 'bad': memory region 0: phys is 0x71000800, expected a multiple of 0x1000"], None),
            "wrapping": (cell("bad", memory=[blobs.ram(), blobs.ram(virt=0xfffffffffffff000, size=0x2000)]),
                         ["cell 'bad': memory region 1: virt is 0xfffffffffffff000, expected an address that with the size stays within"],
                         None),
            "cpu-twice": (cell("bad", cpus=[2, 2]), ["cell 'bad': CPU 1: id is 2, expected another CPU than entry 0"], None),
            "no-cpu": (cell("bad", cpus=[]), ["cell 'bad': CPU 0: count is 0, expected at least 1"], None),
        }

        # Found only with the machine or the other cells in view: name: (config, texts).
        self.cells = {
            "cpu-not-there": (cell("bad", cpus=[3, 7]), ["cell 'bad': CPU 1: id is 7, expected a number below 4"]),
            "memory-not-roots": (cell("bad", memory=[blobs.ram(), blobs.ram(phys=0xb00000000, virt=0x400000), blobs.comm()]),
                                 ["cell 'bad': memory region 1: phys is 0xb00000000, expected memory that the root config or its pool has"]),
            "irqchip-not-roots": (cell("bad", irqchips=[(NO_IRQCHIP[arch], 4, 0, 32 if arch == "arm64" else 0)]),
                                  [f"cell 'bad': interrupt controller 0: address is {NO_IRQCHIP[arch]:#x}, expected an interrupt "
                                   "controller that the root config has"]),
            "pool-too-small": (cell("bad", memory=[blobs.ram(size=80 * MIB), blobs.comm(0x8000000)]),
                               ["cell 'bad': memory region 0: size is 0x5000000, expected CL_AUTO regions that together fit"]),
            "root-config": (good_root, ["'qemu-root' is a root cell's config: hvctl enable takes it"]),
        }

        # With cell 'hello' there, which has CPU 3 and an interrupt.
        self.conflicts = {
            "cpu-of-a-cell": (timer, ["cell 'timer': CPU 0: id is 3, expected a CPU that the other cell does not have",
                                      "in conflict with cell 'hello'"]),
            "same-name": (good, ["cell 'hello': config: name is", "in conflict with cell 'hello'"]),
            "interrupt-of-a-cell": (cell("bad", cpus=[2], irqchips=[self.irqchip(arch)]),
                                    ["cell 'bad': interrupt controller 0:", "in conflict with cell 'hello'"]),
        }

        self.roots = {
            "cell-config": (good, ["'hello' is not a root cell's config", "hvctl cell create takes it"]),
            "hv-too-small-step": (blobs.root(good_root, hv_size=0x100000),
                                  ["cell 'qemu-root': platform: hv_size is 0x100000, expected a multiple of 0x200000 (2 MiB)"]),
            "hv-place-unaligned": (blobs.root(good_root, hv_phys=0x70001000, pool_phys=0x70200000),
                                   ["cell 'qemu-root': platform: hv_phys is 0x70001000, expected a multiple of 0x200000"]),
            "hv-in-pool": (blobs.root(good_root, hv_phys=0x70000000, pool_phys=0x70000000),
                           ["cell 'qemu-root': platform: pool_phys is 0x70000000, expected memory outside the hypervisor's"]),
            "not-one-piece": (blobs.root(good_root, hv_phys=0x60000000, pool_phys=0x70000000), ["must be one piece of memory"]),
            "one-place": (blobs.root(good_root, hv_phys=0x60000000), ["name both, or write CL_AUTO for both"]),
            "kernel-memory": (blobs.root(good_root, hv_phys=KERNEL[arch], pool_phys=KERNEL[arch] + 2 * MIB),
                              [f"platform: Linux does not let go of memory {KERNEL[arch]:#x}-{KERNEL[arch] + 64 * MIB - 1:#x}"]),
            "too-much": (blobs.root(good_root, pool_size=64 << 30), ["platform: no 65538 MiB in one piece could be taken from Linux"]),
        }
        if arch == "x86":
            self.cells["ports-beyond"] = (cell("bad", pio=[(0xffff, 2)]),
                                          ["cell 'bad': I/O ports 0: base is 0xffff, expected ports that with the length end at"])
            self.conflicts["ports-of-a-cell"] = (cell("bad", cpus=[2], pio=[(0x3e8, 8)]),
                                                 ["cell 'bad': I/O ports 0: base is 0x3e8, expected ports that the other cell does not have"])
        else:
            self.cells["ports"] = (cell("bad", pio=[(0x3e8, 8)]), ["cell 'bad': I/O ports"])
        hello = cell("hello", irqchips=[self.irqchip(arch)], pio=[(0x3e8, 8)] if arch == "x86" else [])
        self.good = {"hello": good, "root": good_root}
        self.files = {f"cells/refused/{name}.cell": case[0] for cases in (self.configs, self.cells, self.conflicts)
                      for name, case in cases.items()}
        self.files |= {f"cells/refused/root-{name}.cell": case[0] for name, case in self.roots.items()}
        self.files |= {"cells/has-more.cell": hello, "images/small": b"\xf4" * 4096, "images/large": b"\xf4" * (2 * MIB),
                       "cells/linux-memory.cell": cell("greedy", memory=[blobs.ram(phys=USED[arch]), blobs.comm()]),
                       "cells/x86.cell": cloister.config("qemu-root", "x86")}

    @staticmethod
    def irqchip(arch):
        """An interrupt that nobody uses."""
        return {"x86": (IRQCHIP[arch], 1 << 21, 0, 0), "arm64": (IRQCHIP[arch], 1 << 40, 0, 160)}[arch]


CASES = {arch: Cases(arch) for arch in ("x86", "arm64")}


def names_of(kind):
    """Parameters: the names of all cases of a kind."""
    return for_each_arch({arch: getattr(cases, kind) for arch, cases in CASES.items()})


@pytest.fixture(scope="module", params=ALL_FLAVOURS, ids=machine_id)
def machine(request, boot):
    arch = request.param.get("arch", "x86")
    return boot(f"configs-{machine_id(request.param)}", **request.param, files=CASES[arch].files)


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


@pytest.mark.parametrize("arch", CASES)
def test_builder_agrees_with_the_compiler(arch):
    assert blobs.cell("hello", arch=arch) == CASES[arch].good["hello"]
    assert blobs.root(CASES[arch].good["root"]) == CASES[arch].good["root"]


class TestCells:
    """What is refused while enabled changes nothing."""

    @pytest.mark.parametrize("name", names_of("configs"))
    def test_bad_config(self, enabled_once, name):
        _, texts, driver_texts = CASES[enabled_once.arch].configs[name]
        command = f"hvctl cell create /cells/refused/{name}.cell"
        # Once found by hvctl, once by the driver: the same sentence.
        cloister.refused(enabled_once, command, *texts)
        cloister.refused(enabled_once, f"{command} --no-check", *(driver_texts or texts))
        assert list(cloister.cells(enabled_once)) == ["qemu-root"]
        assert enabled_once.check("cat /sys/devices/system/cpu/online") == "0-3\n"
        hello_works(enabled_once)

    @pytest.mark.parametrize("name", names_of("cells"))
    def test_cell_that_does_not_fit_the_machine(self, enabled_once, name):
        cloister.refused(enabled_once, f"hvctl cell create /cells/refused/{name}.cell", *CASES[enabled_once.arch].cells[name][1])
        assert list(cloister.cells(enabled_once)) == ["qemu-root"]
        assert enabled_once.check("cat /sys/devices/system/cpu/online") == "0-3\n"
        hello_works(enabled_once)

    @pytest.mark.parametrize("name", names_of("conflicts"))
    def test_cell_in_conflict_with_another(self, enabled_once, name):
        cloister.start(enabled_once, "hello", "hello", path="/cells/has-more.cell")
        cloister.refused(enabled_once, f"hvctl cell create /cells/refused/{name}.cell", *CASES[enabled_once.arch].conflicts[name][1])
        assert list(cloister.cells(enabled_once)) == ["qemu-root", "hello"]
        assert cloister.state(enabled_once, "hello") == "running"
        assert enabled_once.check("cat /sys/devices/system/cpu/online") == "0-2\n"
        enabled_once.check("hvctl cell destroy hello")
        hello_works(enabled_once)

    def test_memory_that_linux_uses(self, enabled_once):
        """Root's memory, but in use: it would be pulled away under Linux' feet."""
        cloister.refused(enabled_once, "hvctl cell create /cells/linux-memory.cell",
                         f"cell 'greedy': memory region 0: phys is {USED[enabled_once.arch]:#x}", "Linux uses")
        assert list(cloister.cells(enabled_once)) == ["qemu-root"]
        hello_works(enabled_once)

    def test_enable_twice(self, enabled_once):
        cloister.refused(enabled_once, f"hvctl enable {cloister.ROOT}", "Cloister is enabled already: hvctl disable comes first")
        hello_works(enabled_once)


@pytest.mark.parametrize("name", names_of("roots"))
def test_bad_root_config(native, name):
    cloister.refused(native, f"hvctl enable /cells/refused/root-{name}.cell", *CASES[native.arch].roots[name][1])


@pytest.mark.parametrize("name", ["truncated", "foreign", "architecture", "oversize"])
def test_enable_with_bad_config(native, name):
    _, texts, driver_texts = CASES[native.arch].configs[name]
    cloister.refused(native, f"hvctl enable /cells/refused/{name}.cell", *texts)
    cloister.refused(native, f"hvctl enable /cells/refused/{name}.cell --no-check", *(driver_texts or texts))


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
    image = f"cloister-{native.flavour}.bin"
    native.check("mv /lib/firmware/cloister /lib/firmware/away")
    cloister.refused(native, f"hvctl enable {cloister.ROOT}",
                     f"firmware file /lib/firmware/cloister/{image} is missing (error -2)", "make install puts it there")
    native.check(f"mkdir /lib/firmware/cloister; head -c 5000 /lib/firmware/away/{image} >/lib/firmware/cloister/{image}")
    cloister.refused(native, f"hvctl enable {cloister.ROOT}",
                     f"firmware file cloister/{image} is not a Cloister image for this machine")
    native.check("rm -r /lib/firmware/cloister; mv /lib/firmware/away /lib/firmware/cloister")


@pytest.mark.only("arm64")
def test_root_config_of_another_architecture(native):
    for option in ("", "--no-check"):
        cloister.refused(native, f"hvctl enable {option} /cells/x86.cell", "arch is 1, expected 2")
    assert native.check("hvctl hardware check").endswith("Cloister can run on this machine.\n")


@pytest.mark.only("x86")
def test_kvm_is_loaded(native):
    module = f"kvm_{native.flavour}"
    native.check(f"modprobe {module}")
    cloister.refused(native, f"hvctl enable {cloister.ROOT}", f"{module} is loaded", f"rmmod {module}")
    assert module in cloister.status(native)["machine"]
    assert re.search(f"^KVM is not loaded +NO +rmmod {module}$", native.run("hvctl hardware check").output, re.M)
    native.check(f"rmmod {module}")


@pytest.mark.only("x86")
def test_kvm_while_enabled(enabled):
    module = f"kvm_{enabled.flavour}"
    answer = enabled.run(f"modprobe {module}")
    assert answer.status != 0
    assert enabled.run(f"grep -q '^{module} ' /proc/modules").status == 1
    assert f"cloister: {module} cannot be loaded while enabled: hvctl disable comes first" in enabled.check("dmesg")
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


