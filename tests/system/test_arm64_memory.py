# SPDX-License-Identifier: GPL-2.0
"""Where the memory for hypervisor and cells comes from on arm64."""

import pytest

import cloister
import fdt
from machine import qemu_command
from test_memory import NAMED, PLACE

SIZE = 64 << 20


def machine_with_reservation(boot, tmp_path, name, **properties):
    tree = fdt.dump(qemu_command("6.1", "arm64"), tmp_path / "machine.dtb")
    path = tmp_path / "reserved.dtb"
    path.write_bytes(fdt.reserve(tree, PLACE, SIZE, **properties))
    return boot(name, arch="arm64", files=NAMED, extra=["-dtb", str(path)])


@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_allocated(boot, kernel):
    """Linux does not let memory go on arm64, but moves what is in the way."""
    cloister.takes_memory(boot(f"allocated-{kernel}", arch="arm64", kernel=kernel), inside_linux=True)


def test_beyond_the_limit(boot):
    machine = boot("limit", arch="arm64", append="mem=1G", files=NAMED)
    assert cloister.takes_memory(machine, inside_linux=False) == PLACE


@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_crash_kernel(boot, kernel):
    """The place for a crash kernel, which stays one in Linux' books."""
    machine = boot(f"crash-{kernel}", arch="arm64", kernel=kernel, append=f"crashkernel=256M@{PLACE:#x}", files=NAMED)
    assert "Crash kernel" in machine.check("cat /proc/iomem")
    assert cloister.takes_memory(machine, inside_linux=True) == PLACE


@pytest.mark.parametrize("properties, inside_linux", [({}, True), ({"no-map": b""}, False)], ids=["mapped", "no-map"])
def test_reserved_memory(boot, tmp_path, properties, inside_linux):
    machine = machine_with_reservation(boot, tmp_path, f"reserved-{inside_linux}", **properties)
    assert cloister.takes_memory(machine, inside_linux) == PLACE


def test_reserved_for_a_driver(boot, tmp_path):
    machine = machine_with_reservation(boot, tmp_path, "driver", compatible=b"vendor,buffer\0")
    cloister.load_driver(machine)
    cloister.refused(machine, f"hvctl enable {cloister.ROOT}", "Linux does not let go of memory")
    cloister.assert_healthy(machine)
