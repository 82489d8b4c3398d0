# SPDX-License-Identifier: GPL-2.0
"""The README's way on a real machine, with an installed Cloister and nothing of the tree: module from the
sources for DKMS, a root config that `hvctl config root` wrote, the template cell."""

import os
import shlex
import subprocess

import pytest

import cloister
import initramfs

# What config-root reads.
FACTS = {"x86": ("/proc/iomem", "/sys/firmware/acpi/tables/MCFG", "/sys/firmware/acpi/tables/APIC",
                 "/sys/devices/system/memory/block_size_bytes", "/sys/devices/system/cpu/possible"),
         "arm64": ("/proc/iomem", "/sys/firmware/fdt", "/sys/devices/system/memory/block_size_bytes",
                   "/sys/devices/system/cpu/possible")}
IMAGES = {"x86": "cloister-amd.bin", "arm64": "cloister-arm64.bin"}
HW_IDS = {"x86": "APIC ids", "arm64": "affinities"}


def run(*command, **options):
    """Runs a command on the host; make's variables of this run are not for it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300,
                          env=environment, **options)
    assert done.returncode == 0, f"{shlex.join(map(str, command))}:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module", params=["x86", "arm64"])
def arch(request):
    return request.param


@pytest.fixture(scope="module")
def cross(arch):
    """make's arguments to build for an architecture."""
    gnu = {"x86": "x86_64-linux-gnu-", "arm64": "aarch64-linux-gnu-"}[arch]
    return [f"ARCH={arch}", f"CROSS_COMPILE={'' if arch == initramfs.HOST_ARCH else gnu}"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory, arch, cross):
    directory = tmp_path_factory.mktemp("installed")
    run("make", "-C", initramfs.TOP, "install", f"DESTDIR={directory}", "PREFIX=/usr", *cross)
    return directory


@pytest.fixture(scope="module")
def machine(boot, installed, arch, cross):
    """A machine that has the module which DKMS would build, and the installed image and template."""
    source, = (installed / "usr/src").glob("cloister-*")
    assert "@VERSION@" not in (source / "dkms.conf").read_text()
    run("make", "-C", initramfs.build(arch) / "kernels/6.1/kdir", f"M={source}", *cross, "modules")
    configs = installed / "usr/share/cloister/configs" / arch
    run("make", "-f", installed / "usr/share/cloister/cell.mk", "template.cell", *cross, cwd=configs)
    firmware = f"lib/firmware/cloister/{IMAGES[arch]}"
    files = {"lib/modules/cloister.ko": source / "cloister.ko", "cells/template.cell": configs / "template.cell",
             firmware: installed / firmware}
    return boot(f"machine-{arch}", arch=arch, files=files, **({"apic": "x2apic"} if arch == "x86" else {}))


def test_what_is_installed(installed, arch):
    for name in ("sbin/hvctl", "libexec/cloister/config-root", "share/man/man8/hvctl.8", "share/cloister/cell.mk",
                 "share/cloister/cell.lds", "share/bash-completion/completions/hvctl", "include/cloister/config.h"):
        assert (installed / "usr" / name).is_file(), name
    if arch == initramfs.HOST_ARCH:
        assert run(installed / "usr/sbin/hvctl", "--version").startswith("hvctl " + (initramfs.TOP / "VERSION").read_text().strip())
    for path in installed.rglob("*"):
        # Links into the tree would not work for anybody else.
        assert not path.is_symlink(), path


def test_from_config_root_to_disable(machine, installed, arch, cross, tmp_path):
    facts = tmp_path / "machine"
    for name in FACTS[arch]:
        (facts / name[1:]).parent.mkdir(parents=True, exist_ok=True)
        (facts / name[1:]).write_bytes(machine.pull(name))
    source = run(installed / "usr/libexec/cloister/config-root", "--machine", facts)
    (tmp_path / "root.c").write_text(source)
    run("make", "-f", installed / "usr/share/cloister/cell.mk", "root.cell", *cross, cwd=tmp_path)
    machine.push("/root/root.cell", tmp_path / "root.cell")

    before = cloister.Snapshot(machine)
    cloister.load_driver(machine)
    machine.check("hvctl hardware check")
    machine.check("hvctl enable --dry-run root.cell")
    cloister.enable(machine, "root.cell")
    assert machine.check("hvctl cell check /cells/template.cell --root root.cell") == "/cells/template.cell: good\n"
    machine.check("hvctl cell create /cells/template.cell")
    machine.check("hvctl cell load template /inmates/hello.bin && hvctl cell start template")
    cloister.wait_output(machine, "template", rf"^Hello, world!.*\r\nCPUs: 1 \({HW_IDS[arch]}\)")
    assert set(cloister.cells(machine)) == {"root", "template"}
    # Linux uses its devices as before: nothing that it wants is missing in the config.
    assert not [text for text in cloister.log_texts(machine, "root") if "refused" in text]
    machine.check("hvctl cell destroy template")
    cloister.disable(machine)
    before.assert_same(machine)
    machine.check("rmmod cloister")
    cloister.assert_healthy(machine)
