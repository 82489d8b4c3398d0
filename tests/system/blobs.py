# SPDX-License-Identifier: GPL-2.0
"""Cell configs made without a compiler, good and bad ones, as include/cloister/config.h describes them.

    blobs.cell("rtvm", cpus=[2], memory=[blobs.ram(), blobs.comm()])    -> bytes
    blobs.patch(blob, "arch", 2)                                        -> the blob with another header
    blobs.root(blob, hv_size=0x100000)                                  -> a root config, platform changed
"""

import struct

MAGIC = b"CLOISTER"
ABI_VERSION = 1
ARCHS = {"x86": 1, "arm64": 2}
AUTO = 0xFFFFFFFFFFFFFFFF

ROOT, VUART, LOCKED, STRICT, DIRECT_IRQ = 0x1, 0x2, 0x4, 0x8, 0x10
PLATFORM, CPUS, MEMORY, PIO, IRQCHIP, PCI = range(1, 7)
FIRMWARE, WATCHDOG = 9, 10
READ, WRITE, EXECUTE, IO, SHARED, COMM, LOADABLE = (1 << n for n in range(7))
RAM = READ | WRITE | EXECUTE

_HEADER = struct.Struct("<8sHHIQ32sIBBHQ")
_HEADER_FIELDS = ("magic", "abi_version", "arch", "header_size", "total_size", "name", "flags", "restart",
                  "restart_limit", "restart_seconds", "entry")
_SECTION = struct.Struct("<IIII")
_PLATFORM = struct.Struct("<QQQQQIIIIQ")
_PLATFORM_FIELDS = ("hv_phys", "hv_size", "pool_phys", "pool_size", "ecam_phys", "ecam_first_bus",
                    "ecam_last_bus", "console_type", "reserved", "console_address")


def ram(phys=AUTO, virt=0, size=0x200000, flags=RAM | LOADABLE):
    return phys, virt, size, flags


def comm(virt=0x200000):
    return 0, virt, 0x1000, READ | WRITE | COMM


def _section(kind, layout, entries):
    if not entries:
        return b""
    layout = struct.Struct("<" + layout)
    fields = len(layout.unpack(bytes(layout.size)))
    body = b"".join(layout.pack(*entry, *[0] * (fields - len(entry))) for entry in entries)
    return _SECTION.pack(kind, layout.size, len(entries), 0) + body


_LAYOUTS = {MEMORY: "QQQQ", PIO: "II", IRQCHIP: "QQQII", PCI: "HBBB3x", FIRMWARE: "II", WATCHDOG: "II"}


def entries(blob, kind):
    """The entries of one section, as tuples."""
    return _sections(blob)[kind][1]


def _sections(blob):
    """{kind: (bytes, entries or None)} in the blob's order."""
    found = {}
    at = _HEADER.size
    while at < len(blob):
        kind, size, count, _ = _SECTION.unpack_from(blob, at)
        end = at + _SECTION.size + size * count
        body = blob[at + _SECTION.size:end]
        layout = _LAYOUTS.get(kind)
        found[kind] = (blob[at:end], list(struct.iter_unpack("<" + layout, body)) if layout else None)
        at = end
    return found


def replace(blob, kind, new):
    """The blob with other entries in one section."""
    sections = {key: content for key, (content, _) in _sections(blob).items()}
    sections[kind] = _section(kind, _LAYOUTS[kind], new)
    body = b"".join(sections.values())
    return patch(blob[:_HEADER.size] + body, "total_size", _HEADER.size + len(body))


def append(blob, kind, new):
    """The blob with a further section."""
    blob += _section(kind, _LAYOUTS[kind], new)
    return patch(blob, "total_size", len(blob))


def cell(name, cpus=(3,), memory=None, pio=(), irqchips=(), pci=(), flags=VUART, entry=0x10000, arch="x86", firmware=()):
    """A cell's config; by default like configs/*/qemu-hello.c. cpus: Linux' numbers; memory: tuples of
    ram(), comm(); pio: (base, length); irqchips: (address, pins, more pins, first pin); pci: (domain, bus, devfn, pin);
    firmware: (function, count)."""
    memory = [ram(), comm()] if memory is None else memory
    body = _section(CPUS, "II", [(cpu, 0) for cpu in cpus])
    body += _section(MEMORY, "QQQQ", memory)
    body += _section(PIO, "II", pio)
    body += _section(IRQCHIP, "QQQII", irqchips)
    body += _section(PCI, _LAYOUTS[PCI], pci)
    body += _section(FIRMWARE, "II", firmware)
    return _HEADER.pack(MAGIC, ABI_VERSION, ARCHS[arch], _HEADER.size, _HEADER.size + len(body), name.encode(),
                        flags, 0, 0, 0, entry) + body


def patch(blob, field, value):
    """The blob with one member of its header changed."""
    values = list(_HEADER.unpack_from(blob))
    values[_HEADER_FIELDS.index(field)] = value
    return _HEADER.pack(*values) + blob[_HEADER.size:]


def root(blob, **changes):
    """A root config with members of its platform section changed; the section is the first one."""
    at = _HEADER.size + _SECTION.size
    assert _SECTION.unpack_from(blob, _HEADER.size)[0] == PLATFORM
    values = dict(zip(_PLATFORM_FIELDS, _PLATFORM.unpack_from(blob, at)))
    assert changes.keys() <= values.keys()
    values.update(changes)
    return blob[:at] + _PLATFORM.pack(*values.values()) + blob[at + _PLATFORM.size:]
