# SPDX-License-Identifier: GPL-2.0
"""Reads a flattened device tree, as /sys/firmware/fdt is one."""

import struct

MAGIC = 0xD00DFEED
BEGIN_NODE, END_NODE, PROPERTY, NOP, END = 1, 2, 3, 4, 9


class Node:
    def __init__(self, name, parent):
        self.name = name
        self.parent = parent
        self.children = []
        self.properties = {}

    def strings(self, name):
        data = self.properties.get(name, b"")
        return [text.decode("ascii", "replace") for text in data.split(b"\0")[:-1]]

    def string(self, name):
        return (self.strings(name) or [""])[0]

    def cells(self, name):
        data = self.properties.get(name, b"")
        return list(struct.unpack(f">{len(data) // 4}I", data[:len(data) & ~3]))

    def cell(self, name, default):
        return (self.cells(name) or [default])[0]

    def enabled(self):
        return self.string("status") in ("", "okay", "ok")

    def is_compatible(self, *names):
        return any(name in names for name in self.strings("compatible"))

    def walk(self):
        """This node and all below it that are enabled."""
        yield self
        for child in self.children:
            if child.enabled():
                yield from child.walk()

    def find(self, path):
        """The node at a path of full names below this one, or None."""
        node = self
        for name in path.strip("/").split("/"):
            node = next((child for child in node.children if child.name == name), None)
            if node is None:
                return None
        return node

    def windows(self):
        """(child address, address for the CPU, size) of a bus; the child's first cell is left out
        if there are three: PCI's space."""
        values = self.cells("ranges")
        child_cells = self.cell("#address-cells", 2)
        parent_cells = self.parent.cell("#address-cells", 2)
        size_cells = self.cell("#size-cells", 1)
        step = child_cells + parent_cells + size_cells
        found = []
        for at in range(0, len(values) - step + 1, step):
            child = number(values[at:at + child_cells][-2:])
            at += child_cells
            address = self.parent.translate(number(values[at:at + parent_cells]))
            at += parent_cells
            if address is not None:
                found.append((child, address, number(values[at:at + size_cells])))
        return found

    def translate(self, address):
        """What the CPU uses for an address of this node's children; None: it cannot reach them."""
        if self.parent is None:
            return address
        if "ranges" not in self.properties:
            return None
        if not self.properties["ranges"]:
            return self.parent.translate(address)
        for child, start, size in self.windows():
            if child <= address < child + size:
                return start + address - child
        return None

    def registers(self):
        """(address for the CPU, size) of each entry of "reg" that has a size."""
        values = self.cells("reg")
        address_cells = self.parent.cell("#address-cells", 2)
        size_cells = self.parent.cell("#size-cells", 1)
        step = address_cells + size_cells
        found = []
        if not size_cells:
            return found
        for at in range(0, len(values) - step + 1, step):
            address = self.parent.translate(number(values[at:at + address_cells]))
            size = number(values[at + address_cells:at + step])
            if address is not None and size:
                found.append((address, size))
        return found


def number(cells):
    result = 0
    for cell in cells:
        result = result << 32 | cell
    return result


def aligned(at):
    return (at + 3) & ~3


def parse(data):
    """The root node. ValueError: this is not a device tree."""
    if len(data) < 40:
        raise ValueError("too short")
    magic, _, structure, strings = struct.unpack_from(">4I", data)
    if magic != MAGIC:
        raise ValueError(f"starts with {magic:#x}, expected {MAGIC:#x}")
    at = structure
    root = node = None
    while True:
        token, = struct.unpack_from(">I", data, at)
        at += 4
        if token == BEGIN_NODE:
            end = data.index(b"\0", at)
            child = Node(data[at:end].decode("ascii", "replace"), node)
            at = aligned(end + 1)
            if node is None:
                root = child
            else:
                node.children.append(child)
            node = child
        elif token == END_NODE:
            node = node.parent
        elif token == PROPERTY:
            size, name_offset = struct.unpack_from(">2I", data, at)
            start = strings + name_offset
            name = data[start:data.index(b"\0", start)].decode("ascii", "replace")
            node.properties[name] = data[at + 8:at + 8 + size]
            at = aligned(at + 8 + size)
        elif token == END:
            return root
        elif token != NOP:
            raise ValueError(f"unknown token {token:#x} at {at - 4:#x}")
