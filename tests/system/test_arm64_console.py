# SPDX-License-Identifier: GPL-2.0
"""The hypervisor's log on a 16550A whose registers are memory: that of a PCI function in the window of I/O ports."""

import blobs
import cloister

PORTS = 0x3EFF0000  # of QEMU's virt machine
MMIO_16550 = 3      # enum cl_console_type
DEVICE = "/sys/bus/pci/devices/0000:00:07.0"


def test_16550_in_memory(boot, tmp_path):
    path = tmp_path / "uart.log"
    machine = boot("16550", arch="arm64", extra=("-chardev", f"file,id=log,path={path}", "-device", "pci-serial,chardev=log,addr=7"))
    port = int(machine.check(f"cut -d' ' -f1 {DEVICE}/resource | head -1"), 16)
    config = blobs.root(cloister.config("qemu-root", "arm64"), console_type=MMIO_16550, console_address=PORTS + port)
    machine.push("/tmp/root.cell", config)
    said = len(machine.console())
    cloister.enable(machine, "/tmp/root.cell")
    cloister.start(machine, "hello", "hello")
    cloister.wait_output(machine, "hello", "^Hello, world!")
    machine.check("hvctl cell destroy hello", 60)
    records = [record["text"] for record in cloister.log(machine)]
    cloister.disable(machine)
    cloister.assert_healthy(machine)
    # Every record, in order, and nowhere else.
    lines = path.read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("cloister: ")][:len(records)] == [f"cloister: {text}" for text in records], lines
    assert "cell 'hello' (1) started" in records
    assert "\ncloister: " not in machine.console()[said:]
