# SPDX-License-Identifier: GPL-2.0
"""Linux in several cells of an x86-64 machine, one ending while the other goes on, beside a bare-metal cell; a kernel that is
restarted again and again; a test of the memory that a cell sees."""

import re

import pytest

import blobs
import cloister
import guest_linux
import initramfs

ROOT = "/cells/qemu-root-large.cell"
LINUX = "/linux/vmlinuz"
PARAMETERS = "console=ttyS0 mitigations=off quiet cryptomgr.notests"
SIZE = 160 << 20
ON_REBOOT = 2
RESTARTS = 20
# As soon as there is a process
REBOOTS = b"""#!/bin/sh
echo "up and down"
exec reboot -f
"""
pytestmark = pytest.mark.parametrize("machine", [pytest.param({
    "kernel": "6.1", "apic": "x2apic", "cpus": 6, "memory": "3G", "files": {
        LINUX[1:]: guest_linux.kernel("6.1", "x86"),
        "linux/initrd": guest_linux.initrd("x86", initramfs.programs("usr/sbin/memtester")),
        "linux/reboots": initramfs.pack({"bin/busybox": initramfs.BUSYBOX, "bin/sh": initramfs.Link("busybox"),
                                         "bin/reboot": initramfs.Link("busybox"), "init": REBOOTS}),
        "cells/heartbeat.cell": blobs.cell("heartbeat", cpus=[5]),
        **{f"cells/{name}.cell": blobs.cell(name, cpus=cpus, memory=[blobs.ram(size=SIZE)])
           for name, cpus in (("left", [1, 2]), ("right", [3, 4]))},
        "cells/loop.cell": blobs.patch(blobs.patch(blobs.patch(blobs.cell("loop", cpus=[1, 2], memory=[blobs.ram(size=SIZE)]),
                                                               "restart", ON_REBOOT), "restart_limit", 255), "restart_seconds", 1),
    }}, id="x86")], indirect=True)


@pytest.fixture(scope="module")
def host(machine):
    with guest_linux.beside_heartbeat(machine, ROOT, 10000, blocks=4):
        yield machine


def online(machine):
    return machine.check("cat /sys/devices/system/cpu/online").strip()


def start(machine, name, more=""):
    machine.check(f"hvctl cell linux /cells/{name}.cell {LINUX} --initrd /linux/initrd --cmdline '{PARAMETERS} {more}'", 60)


def test_two_at_once(host):
    """Each answers for itself; the end of one, by a panic, does not disturb the other, nor the heartbeat."""
    start(host, "left", "panic=1")
    start(host, "right")
    cells = {name: guest_linux.Shell(host, name) for name in ("left", "right")}
    for name, shell in cells.items():
        shell.run(f"hostname {name}")
    for name, shell in cells.items():
        assert shell.run("hostname; nproc") == f"{name}\n2\n"
    beats, _ = cloister.heartbeats(host)
    cells["left"].type("echo c >/proc/sysrq-trigger")
    cloister.wait_state(host, "left", "reset")
    assert "sysrq triggered crash" in cells["left"].text()
    assert cells["right"].run("hostname; nproc") == "right\n2\n"
    cloister.wait(host, "the heartbeat to go on", lambda: cloister.heartbeats(host)[0] > beats)
    host.check("hvctl cell destroy left", 60)
    assert online(host) == "0-2"

    # A good part of its memory; the tests that write many patterns would take minutes.
    output = cells["right"].run("MEMTESTER_TEST_MASK=0x1f memtester 64M 1 | tr -d '\\b'", 300)
    assert "got  64MB" in output and re.search(r"Stuck Address *: .*ok", output) and output.count("ok\n") == 6
    assert "Done." in output and "FAILURE" not in output
    cells["right"].power_off()
    assert online(host) == "0-4"


def test_reboots_and_reboots(host):
    used = cloister.status(host)["mem_used"]
    host.check("(hvctl cell linux --supervise --timeout=20000 /cells/loop.cell %s --initrd /linux/reboots --cmdline '%s'; echo exit $?) "
               ">/tmp/out 2>&1 &" % (LINUX, PARAMETERS))
    # Looked at now and then: the emulator's host has other things to do.
    resets = "sleep 3; hvctl events | grep '\"name\":\"loop\"' | grep -c '\"event\":\"reset\"'"
    cloister.wait(host, "restarts", lambda: int(host.run(resets).output) >= RESTARTS, 600)
    host.check("kill $(pidof hvctl)")
    cloister.wait(host, "hvctl's end", lambda: "exit 0" in host.check("cat /tmp/out"))
    assert f"cell 'loop' asks for a restart: restart {RESTARTS}\n" in host.check("cat /tmp/out")
    assert list(cloister.cells(host)) == ["qemu-root", "heartbeat"]
    assert online(host) == "0-4"
    assert cloister.status(host)["mem_used"] == used
    cloister.assert_healthy(host)
