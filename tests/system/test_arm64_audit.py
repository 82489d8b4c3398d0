# SPDX-License-Identifier: GPL-2.0
"""What root touches beyond its config on arm64, where an address at which nothing answers is an exception."""

import json

import cloister

HOLE = 0x8050000  # of QEMU's virt machine, between parts of the interrupt controller


def accesses(machine):
    return {entry["address"]: entry for entry in json.loads(machine.check("hvctl audit --json"))["accesses"]}


def test_nothing_answers(boot):
    machine = boot("audit", arch="arm64", append="iomem=relaxed")
    cloister.load_driver(machine)
    assert "Bus error" in machine.run(f"devmem {HOLE:#x} 32").output, "natively, with nobody in between"
    for option, allowed in (("--audit", True), ("", False)):
        machine.check(f"hvctl enable {option} {cloister.ROOT}")
        # On each CPU: none of them is lost.
        for cpu in range(4):
            assert machine.check(f"taskset -c {cpu} devmem {HOLE:#x} 32") == "0xFFFFFFFF\n"
            machine.check(f"taskset -c {cpu} devmem {HOLE:#x} 32 0")
        entry = accesses(machine)[HOLE]
        assert (entry["count"], entry["allowed"], entry["foreign"]) == (8, allowed, False)
        assert all(cpu["state"] == "running" for cpu in json.loads(machine.check("hvctl stats --json")))
        cloister.disable(machine)
    cloister.assert_healthy(machine)
