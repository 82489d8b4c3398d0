# SPDX-License-Identifier: GPL-2.0
"""Linux in several cells, one ending while the other goes on, beside a bare-metal cell; a kernel that is restarted again and
again; a test of the memory that a cell sees."""

import re

import pytest

import blobs
import cloister
import guest_linux
import initramfs

ROOT = "/cells/qemu-root-large.cell"
LINUX = "/linux/vmlinuz"
# What the pool has room for twice.
SIZE = {"x86": 160 << 20, "arm64": 144 << 20}
ON_REBOOT = 2
RESTARTS = 20
# As soon as there is a process
REBOOTS = b"""#!/bin/sh
echo "up and down"
exec reboot -f
"""
MACHINES = {"x86": {"kernel": "6.1", "apic": "x2apic", "cpus": 6, "memory": "3G"}, "arm64": {"arch": "arm64", "kernel": "6.1", "cpus": 6}}


def files(arch):
    loop = guest_linux.config("loop", [1, 2], arch, SIZE[arch])
    for field, value in (("restart", ON_REBOOT), ("restart_limit", 255), ("restart_seconds", 1)):
        loop = blobs.patch(loop, field, value)
    return {
        LINUX[1:]: guest_linux.kernel("6.1", arch),
        "linux/initrd": guest_linux.initrd(arch, initramfs.programs(arch, "usr/sbin/memtester")),
        "linux/reboots": initramfs.pack({"bin/busybox": initramfs.busybox(arch), "bin/sh": initramfs.Link("busybox"),
                                         "bin/reboot": initramfs.Link("busybox"), "init": REBOOTS}),
        "cells/heartbeat.cell": blobs.cell("heartbeat", cpus=[5], arch=arch),
        "cells/left.cell": guest_linux.config("left", [1, 2], arch, SIZE[arch]),
        "cells/right.cell": guest_linux.config("right", [3, 4], arch, SIZE[arch]),
        "cells/loop.cell": loop,
    }


pytestmark = pytest.mark.parametrize("machine", [pytest.param(options | {"files": files(arch)}, id=arch)
                                                 for arch, options in MACHINES.items()], indirect=True)


@pytest.fixture(scope="module")
def host(machine):
    with guest_linux.beside_heartbeat(machine, ROOT, 10000, blocks=4 if machine.arch == "x86" else 1):
        yield machine


def online(machine):
    return machine.check("cat /sys/devices/system/cpu/online").strip()


def start(machine, name, more=""):
    machine.check(f"hvctl cell linux /cells/{name}.cell {LINUX} --initrd /linux/initrd --cmdline '{guest_linux.PARAMETERS[machine.arch]} {more}'", 60)


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
               ">/tmp/out 2>&1 &" % (LINUX, guest_linux.PARAMETERS[host.arch]))
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
