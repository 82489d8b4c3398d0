#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""hvctl config root: what it writes for machines on record compiles and is a good root config."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import script

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
HVCTL = os.environ["HVCTL"]
CROSS_COMPILE = {
    arch: "" if os.uname().machine == machine else prefix
    for arch, machine, prefix in (("x86", "x86_64", "x86_64-linux-gnu-"),
                                  ("arm64", "aarch64", "aarch64-linux-gnu-"))
}


def run(*command, **kwargs):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **kwargs)


def config_root(machine, *options):
    return run(HVCTL, "config", "root", "--", "--machine", str(machine), *options)


class ConfigRoot(unittest.TestCase):
    def build_and_check(self, source, *cells, arch="x86"):
        """Compiles a root config and checks it, and cell configs of the tree against it."""
        environment = dict(os.environ, CROSS_COMPILE=CROSS_COMPILE[arch])
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory)
            (path / "root.c").write_text(source, encoding="ascii")
            for cell in cells:
                source = (TOP / "configs" / arch / cell).read_text(encoding="ascii")
                (path / cell).write_text(source, encoding="ascii")
            blobs = [pathlib.Path(cell).with_suffix(".cell").name for cell in cells]
            built = run("make", "-f", TOP / "configs/cell.mk", "root.cell", *blobs, cwd=path,
                        env=environment)
            self.assertEqual(built.returncode, 0, built.stdout)
            arguments = [*blobs, "--root", "root.cell"] if blobs else ["root.cell"]
            checked = run(HVCTL, "cell", "check", *arguments, cwd=path)
            self.assertEqual(checked.returncode, 0, checked.stdout)

    def test_recorded_machines(self):
        for machine in sorted((HERE / "machines").glob("qemu-q35*")):
            with self.subTest(machine=machine.name):
                result = config_root(machine)
                self.assertEqual(result.returncode, 0, result.stdout)
                self.build_and_check(result.stdout, "qemu-hello.c", "qemu-smp.c")

    def test_what_is_in_it(self):
        result = config_root(HERE / "machines/qemu-q35-4g", "--console", "0x3f8",
                             "--pool-blocks", "2", "--name", "bench-pc")
        self.assertEqual(result.returncode, 0, result.stdout)
        for text in ('.name = "bench-pc"', ".console_address = 0x3f8",
                     ".pool_size = 0xfe00000", ".ecam_phys = 0xb0000000",
                     "{ 0xfec00000, { 0xffffff, 0x0 } }",
                     "{ 0x180000000, 0x180000000, 0x800000000,"):
            self.assertIn(text, result.stdout)
        self.build_and_check(result.stdout)

    def assert_in_config(self, machine, *texts, options=()):
        result = config_root(HERE / "machines" / machine, *options)
        self.assertEqual(result.returncode, 0, result.stdout)
        for text in texts:
            self.assertIn(text, result.stdout)
        return result.stdout

    def test_device_tree(self):
        source = self.assert_in_config(
            "qemu-virt-gicv3",
            ".console_type = CL_CONSOLE_PL011, .console_address = 0x9000000",
            ".version = 3, .maintenance_irq = 25,",
            ".dist_phys = 0x8000000, .redist_phys = 0x80a0000, .redist_size = 0xf60000, .its_phys = { 0x8080000 }",
            "{ 0x8000000, { 0xffffffffffffffff, 0xfffffff }, 928 }",
            ".ecam_phys = 0x4010000000, .ecam_first_bus = 0, .ecam_last_bus = 255,",
            # no driver has claimed these
            "/* fw-cfg@9020000 */\n\t{ 0x9020000, 0x9020000, 0x1000,",
            "/* its@8080000 */\n\t{ 0x8090000, 0x8090000, 0x10000,",
            "/* System RAM */\n\t{ 0x40000000, 0x40000000, 0x80000000, CL_MEM_RAM }")
        self.build_and_check(source, "qemu-hello.c", "qemu-smp.c", arch="arm64")
        self.assertNotIn("{ 0x8000000, 0x8000000,", source)
        self.assertNotIn("{ 0x80a0000,", source)
        self.assertNotIn("{ 0x4010000000,", source)

    def test_device_tree_gicv2(self):
        source = self.assert_in_config(
            "qemu-virt-gicv2", ".version = 2, .maintenance_irq = 25,",
            ".cpu_phys = 0x8010000, .hyp_phys = 0x8030000, .vcpu_phys = 0x8040000")
        self.assertNotIn("{ 0x8010000,", source)
        self.build_and_check(source, "qemu-hello.c", "qemu-smp.c", arch="arm64")

    def test_device_tree_smmu(self):
        source = self.assert_in_config(
            "qemu-virt-smmu", "CLOISTER_IOMMU(\n\t{ .kind = CL_IOMMU_SMMUV3, .phys = 0x9050000 });",
            "initcall_blacklist=arm_smmu_driver_init")
        self.assertNotIn("{ 0x9050000,", source)
        self.build_and_check(source, "qemu-hello.c", "qemu-smp.c", arch="arm64")
        self.assertNotIn("IOMMU", self.assert_in_config("qemu-virt-gicv3"))

    def test_device_tree_two_smmus(self):
        """Each has a part of the functions; what cannot be said in a config is left out."""
        with tempfile.TemporaryDirectory() as directory:
            machine = pathlib.Path(directory) / "machine"
            shutil.copytree(HERE / "machines/qemu-virt-smmu", machine)
            tree = machine / "sys/firmware/fdt"

            def put(node, name, *words):
                self.assertEqual(run("fdtput", "-t", "x", tree, node, name, *words).returncode, 0)

            bridge = "/" + next(name for name in run("fdtget", "-l", tree, "/").stdout.split() if name.startswith("pcie@"))
            first = run("fdtget", "-t", "x", tree, bridge, "iommu-map").stdout.split()[1]
            self.assertEqual(run("fdtput", "-c", tree, "/second@a000000").returncode, 0)
            self.assertEqual(run("fdtput", "-t", "s", tree, "/second@a000000", "compatible", "arm,smmu-v3").returncode, 0)
            put("/second@a000000", "reg", "0", "a000000", "0", "20000")
            put("/second@a000000", "phandle", "7777")
            # the first one's in two pieces that are one
            put(bridge, "iommu-map", "0", first, "0", "80", "80", first, "80", "80", "100", "7777", "4000", "200")
            result = config_root(machine)
            self.assertIn("CLOISTER_IOMMU(\n\t{ .kind = CL_IOMMU_SMMUV3, .phys = 0x9050000,\n"
                          "\t  .first = 0x0, .functions = 0x100, .stream = 0x0 },\n"
                          "\t{ .kind = CL_IOMMU_SMMUV3, .phys = 0xa000000,\n"
                          "\t  .first = 0x100, .functions = 0x200, .stream = 0x4000 });", result.stdout)
            self.build_and_check(result.stdout, "qemu-hello.c", arch="arm64")
            for words in (("0", first, "0", "80", "80", "7777", "4000", "80", "100", first, "100", "80"),
                          ("0", first, "ff00", "200"), ("0", "5555", "0", "10000")):
                put(bridge, "iommu-map", *words)
                self.assertNotIn("IOMMU", config_root(machine).stdout)

    def test_device_tree_firmware(self):
        """Calls that nodes name, if they may be in a config at all: not PSCI's, no yielding ones."""
        with tempfile.TemporaryDirectory() as directory:
            machine = pathlib.Path(directory) / "machine"
            shutil.copytree(HERE / "machines/qemu-virt-gicv3", machine)
            tree = machine / "sys/firmware/fdt"
            for node, function in (("scmi", "0xc20000fe"), ("watchdog", "0x82003d06"), ("power", "0x84000003"), ("slow", "0x02000000"),
                                   ("again", "0x82003d06")):
                self.assertEqual(run("fdtput", "-c", tree, f"/{node}").returncode, 0)
                self.assertEqual(run("fdtput", "-t", "x", tree, f"/{node}", "arm,smc-id", function).returncode, 0)
            result = config_root(machine)
            self.assertEqual(result.returncode, 0, result.stdout)
            calls = re.search(r"CLOISTER_FIRMWARE\((.*?)\);", result.stdout, re.S)[1]
            self.assertEqual(sorted(re.findall(r"\{ (\w+), (\d+) \}", calls)),
                             [("0x82003d06", "1"), ("0x84000050", "4"), ("0xc20000fe", "1"), ("0xc4000053", "1")])
            self.build_and_check(result.stdout, arch="arm64")

    def test_device_tree_console(self):
        result = config_root(HERE / "machines/qemu-virt-gicv3", "--console", "0x9010000")
        self.assertEqual(result.returncode, 1)
        self.assertIn("has no PL011 or 16550", result.stdout)

    def test_committed_root_config(self):
        """The hand-written configs of the test machines, against the demo cells."""
        for arch, name in (("x86", "qemu-root"), ("arm64", "qemu-root"), ("arm64", "qemu-root-gicv2"),
                           ("arm64", "qemu-root-smmu")):
            with self.subTest(arch=arch, name=name):
                source = (TOP / "configs" / arch / f"{name}.c").read_text(encoding="ascii")
                self.build_and_check(source, "qemu-hello.c", "qemu-smp.c", arch=arch)

    def test_no_addresses(self):
        """Without privileges, the kernel shows zeros."""
        with tempfile.TemporaryDirectory() as directory:
            machine = pathlib.Path(directory)
            tables = machine / "sys/firmware/acpi/tables"
            memory = machine / "sys/devices/system/memory"
            cpu = machine / "sys/devices/system/cpu"
            for path in (tables, memory, cpu, machine / "proc"):
                path.mkdir(parents=True)
            (tables / "APIC").write_bytes(bytes(44))
            (memory / "block_size_bytes").write_text("8000000\n", encoding="ascii")
            (cpu / "possible").write_text("0-3\n", encoding="ascii")
            (machine / "proc/iomem").write_text("00000000-00000000 : System RAM\n",
                                                encoding="ascii")
            result = config_root(machine)
            self.assertEqual(result.returncode, 1)
            self.assertIn("expected to run as root", result.stdout)


if __name__ == "__main__":
    script.main("config root")
