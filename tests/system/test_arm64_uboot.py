# SPDX-License-Identifier: GPL-2.0
"""A program that knows nothing of cells: Debian's U-Boot for QEMU's virt machine, as it is in its package."""

import pathlib
import subprocess

import cloister

U_BOOT = pathlib.Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")
TREE = pathlib.Path(__file__).parent / "guest" / "u-boot.dts"


def command(machine, text, answer):
    machine.check(f"printf '%s\\r' '{text}' | hvctl console --input u-boot >/dev/null", 60)
    return cloister.wait_output(machine, "u-boot", answer, 120)


def test_u_boot(boot, tmp_path):
    tree = tmp_path / "u-boot.dtb"
    subprocess.run(["dtc", "-q", "-O", "dtb", "-o", tree, TREE], check=True)
    machine = boot("u-boot", arch="arm64", files={"root/u-boot.bin": U_BOOT, "root/u-boot.dtb": tree})
    cloister.enable(machine)
    machine.check("hvctl cell create /cells/qemu-u-boot.cell")
    machine.check("hvctl cell load u-boot /root/u-boot.bin@0 /root/u-boot.dtb@0x40000000")
    machine.check("hvctl cell start u-boot")
    cloister.wait_output(machine, "u-boot", r"Hit any key to stop autoboot", 120)
    command(machine, " ", r"=> ")
    command(machine, "version", r"aarch64-linux-gnu-gcc \(Debian")
    command(machine, "mw.l 41000000 5afec0de 2; md.l 41000000 3", r"41000000: 5afec0de 5afec0de 00000000")
    assert cloister.cells(machine)["u-boot"]["state"] == "running"
    # PSCI SYSTEM_RESET ends the cell, not the machine.
    machine.check("printf 'reset\\r' | hvctl console --input u-boot >/dev/null", 60)
    cloister.wait(machine, "the cell to end", lambda: cloister.cells(machine)["u-boot"]["state"] == "reset")
    machine.check("hvctl cell destroy u-boot", 60)
    cloister.disable(machine)
    cloister.assert_healthy(machine)
