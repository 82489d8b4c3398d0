# SPDX-License-Identifier: GPL-2.0
"""Device trees of QEMU's machines, with a reservation added."""

import struct
import subprocess

BEGIN_NODE, END_NODE, PROPERTY, END = (struct.pack(">I", token) for token in (1, 2, 3, 9))
# Offsets into the header: total size, offsets of structure and strings, their sizes.
TOTAL, STRUCTURE, STRINGS, STRINGS_SIZE, STRUCTURE_SIZE = 4, 8, 12, 32, 36


def _padded(data):
    return data + bytes(-len(data) % 4)


def dump(qemu_command, path):
    """Writes the device tree of the machine that this command would start; returns its bytes."""
    machine = qemu_command.index("-M") + 1
    command = [*qemu_command[:machine], f"{qemu_command[machine]},dumpdtb={path}", *qemu_command[machine + 1:]]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=60)
    return path.read_bytes()


def reserve(tree, start, size, **properties):
    """The tree with /reserved-memory/kept, where Linux then keeps off; properties are further ones of it."""
    def word(at):
        return struct.unpack_from(">I", tree, at)[0]

    strings = tree[word(STRINGS):word(STRINGS) + word(STRINGS_SIZE)]
    structure = tree[word(STRUCTURE):word(STRUCTURE) + word(STRUCTURE_SIZE)]
    reservations = tree[40:word(STRUCTURE)]
    assert structure.endswith(END_NODE + END)

    def node(name, properties):
        nonlocal strings
        text = BEGIN_NODE + _padded(name.encode() + b"\0")
        for key, value in properties.items():
            text += PROPERTY + struct.pack(">2I", len(value), len(strings)) + _padded(value)
            strings += key.encode() + b"\0"
        return text

    cells = struct.pack(">I", 2)
    added = node("reserved-memory", {"#address-cells": cells, "#size-cells": cells, "ranges": b""})
    added += node("kept", {"reg": struct.pack(">2Q", start, size), **properties}) + END_NODE + END_NODE
    structure = structure[:-len(END_NODE + END)] + added + END_NODE + END
    head = bytearray(tree[:40])
    at = 40 + len(reservations)
    for offset, value in ((TOTAL, at + len(structure) + len(strings)), (STRUCTURE, at),
                          (STRINGS, at + len(structure)), (STRINGS_SIZE, len(strings)),
                          (STRUCTURE_SIZE, len(structure))):
        struct.pack_into(">I", head, offset, value)
    return bytes(head) + reservations + structure + strings
