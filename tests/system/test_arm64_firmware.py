# SPDX-License-Identifier: GPL-2.0
"""Calls to the firmware: what a config lists gets there, and nothing else.

QEMU's own firmware answers all of these calls with "not supported", as the hypervisor does for those that it refuses. So what
tells them apart is counted outside of the machine: how often the hypervisor's only SMC instruction was executed.
"""

import json
import re
import subprocess

import pytest

import blobs
import cloister
import initramfs

ROOTS = [(0x82000000, 4), (0xC3000010, 1)]
CELLS = [(0x82000001, 2)]
UNLISTED = 0x82000004
NOT_SUPPORTED = -1
COUNT = 50


def smc_text():
    """Addresses of the function with the SMC, as "START-END"."""
    image = initramfs.build("arm64") / "hypervisor" / "cloister-arm64.elf"
    table = subprocess.run(["readelf", "-sW", image], check=True, stdout=subprocess.PIPE, text=True).stdout
    symbols = {name: int(address, 16) for address, name in re.findall(r"^ *\d+: ([0-9a-f]{16}) .* (\w+)$", table, re.M)}
    start = symbols["arm64_smc"]
    end = min(address for address in symbols.values() if address > start)
    return f"{start:x}-{end:x}"


def root_config(flags=blobs.ROOT):
    blob = blobs.append(cloister.config("qemu-root", "arm64"), blobs.FIRMWARE, ROOTS)
    return blobs.patch(blob, "flags", flags)


def hostile(machine, line):
    return int(machine.check(f"echo {line} >/proc/hostile && cat /proc/hostile", 60))


def from_cell(machine, function, way="smc"):
    """Calls from the cell; none of its registers but the results changes."""
    machine.check("hvctl cell shutdown caller; true")
    machine.check(f"hvctl cell load caller -s 'function={function:#x} count={COUNT} way={way}' /inmates/firmware.bin")
    machine.check("hvctl cell start caller")
    match = cloister.wait_output(machine, "caller", rf"firmware: {function:#x} by {way}: (-?\d+), (\d+) changed")
    assert match[2] == "0"
    return int(match[1])


def audit(machine):
    return {entry["address"]: entry for entry in json.loads(machine.check("hvctl audit --json"))["accesses"]}


def test_calls(boot):
    machine = boot("calls", arch="arm64", count=smc_text())
    sent = 0
    for name, blob in (("root", root_config()), ("strict", root_config(blobs.ROOT | blobs.STRICT)),
                       ("caller", blobs.cell("caller", arch="arm64", firmware=CELLS)),
                       ("greedy", blobs.cell("greedy", arch="arm64", firmware=[(0x82000003, 2)]))):
        machine.push(f"/tmp/{name}.cell", blob)
    cloister.load_driver(machine)
    machine.check("insmod /lib/modules/hostile.ko")
    cloister.enable(machine, "/tmp/root.cell")

    # What root may not call, it does not get by way of a cell.
    rule = "firmware call 0: function is 0x82000003, expected functions that the root config lists, too; 0x82000004 is the first"
    cloister.refused(machine, "hvctl cell create /tmp/greedy.cell --no-check", rule)
    machine.check("hvctl cell create /tmp/caller.cell")
    for function in (0x82000001, 0x82000002):
        assert from_cell(machine, function) == NOT_SUPPORTED
        sent += COUNT
    # Root's, with 64 bits, of nobody; by HVC.
    for function, way in ((0x82000000, "smc"), (0x82000003, "smc"), (0xC2000001, "smc"), (0x02000001, "smc"), (0xB2000001, "smc"),
                          (0x82000001, "hvc")):
        assert from_cell(machine, function, way) == NOT_SUPPORTED
    assert "refused firmware call 0x82000003" in "\n".join(cloister.log_texts(machine, "caller"))

    for function in (0x82000000, 0x82000003, 0xC3000010):
        assert hostile(machine, f"smc {function:#x} 1 2 3") == NOT_SUPPORTED
        assert hostile(machine, f"hvc {function:#x} 1 2 3") == NOT_SUPPORTED
        sent += 1
    for function in (UNLISTED, 0xC2000000, 0x02000000, 0xB2000000, 0xC4000020, 0x84000012):
        assert hostile(machine, f"smc {function:#x} 1 2 3") == NOT_SUPPORTED
    # What no config could list is not in the record for configs.
    entries = audit(machine)
    assert entries.keys() == {UNLISTED, 0xC2000000}
    for entry in entries.values():
        assert (entry["section"], entry["count"], entry["allowed"], entry["foreign"]) == ("CLOISTER_FIRMWARE", 1, False, False)
    assert f"root: execution of firmware call {UNLISTED:#x}, not in its config: refused" in "\n".join(cloister.log_texts(machine))
    machine.check("hvctl cell destroy caller", 60)
    cloister.disable(machine)

    machine.check("hvctl enable --audit /tmp/root.cell")
    for function in (UNLISTED, UNLISTED, UNLISTED + 1):
        assert hostile(machine, f"smc {function:#x} 1 2 3") == NOT_SUPPORTED
        sent += 1
    for function in (0x02000000, 0xB2000000, 0xC4000020, 0x84000012):
        assert hostile(machine, f"smc {function:#x} 1 2 3") == NOT_SUPPORTED
    assert f"\t{{ {UNLISTED:#x}, 2 }}, /* SiP service; x allowed, 3 accesses, first at" in machine.check("hvctl audit")
    cloister.disable(machine)
    cloister.assert_healthy(machine)

    # Root's end.
    cloister.enable(machine, "/tmp/strict.cell")
    assert hostile(machine, "smc 0x82000000 1 2 3") == NOT_SUPPORTED
    sent += 1
    with pytest.raises(cloister.MachineError):
        machine.run(f"echo smc {UNLISTED:#x} 1 2 3 >/proc/hostile", 5)
    cloister.wait(machine, "the log's last line", lambda: f"firmware call {UNLISTED:#x} is not root's" in machine.console())

    machine.qmp("quit")
    counts = cloister.wait(machine, "QEMU's end", lambda: [count for count in machine.counts() if count["at"] == "end"])
    assert sum(counts[0]["entries"]) == sent
