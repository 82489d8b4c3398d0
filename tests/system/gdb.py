# SPDX-License-Identifier: GPL-2.0
"""A machine as gdb sees it: system registers of a CPU, which QEMU's monitor does not show for arm64, and physical
memory. The machine stands still meanwhile.

    with Gdb(machine) as gdb:
        gdb.register(3, "SCTLR_EL2")
        gdb.memory(0x40000000, 4096)
"""

import re
import socket

TIMEOUT = 30
# Of memory, in one answer; QEMU's packets have 4096 characters.
PIECE = 1024


class Gdb:
    def __init__(self, machine):
        path = str(machine.socket_path("gdb"))
        machine.monitor(f"gdbserver unix:{path},server=on,wait=off")
        self._machine = machine
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT)
        self._socket.connect(path)
        self._numbers = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ask("D")
        self._socket.close()
        self._machine.monitor("gdbserver none")

    def _ask(self, request):
        data = request.encode()
        self._socket.sendall(b"$" + data + b"#%02x" % (sum(data) & 255))
        answer = b""
        while not (match := re.search(rb"\$([^#]*)#..", answer)):
            piece = self._socket.recv(65536)
            assert piece, f"QEMU has ended during {request}"
            answer += piece
        self._socket.sendall(b"+")
        return match[1].decode("latin1")

    def _description(self, name):
        text = ""
        while True:
            answer = self._ask(f"qXfer:features:read:{name}:{len(text):x},ffb")
            text += answer[1:]
            if answer[0] != "m":
                return text

    def register(self, cpu, name):
        if not self._numbers:
            self._ask("qSupported:xmlRegisters=aarch64")
            self._ask("qXfer:features:read:target.xml:0,ffb")
            self._numbers = {found: int(number) for found, number in
                             re.findall(r'<reg name="(\w+)"[^>]*regnum="(\d+)"', self._description("system-registers.xml"))}
        assert self._ask(f"Hg{cpu + 1:x}") == "OK"
        return int.from_bytes(bytes.fromhex(self._ask(f"p{self._numbers[name]:x}")), "little")

    def memory(self, address, size):
        assert self._ask("Qqemu.PhyMemMode:1") == "OK"
        return b"".join(bytes.fromhex(self._ask(f"m{start:x},{min(PIECE, address + size - start):x}"))
                        for start in range(address, address + size, PIECE))

    def write(self, address, data):
        """To memory or a device's registers: one access if that has 4 bytes."""
        assert self._ask("Qqemu.PhyMemMode:1") == "OK"
        assert self._ask(f"M{address:x},{len(data):x}:{data.hex()}") == "OK"
