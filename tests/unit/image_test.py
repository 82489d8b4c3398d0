#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What the hypervisor's image must be like, read from the linked file: rights of its parts, no indirect
branches, no function pointers that can be written, a stack that is large enough.

IMAGE in the environment: the ELF file."""

import os
import re
import struct
import subprocess
import unittest

import script

IMAGE = os.environ["IMAGE"]
PAGE = 4096
STACK = 2 * PAGE
IMAGE_MAX = 96 * 1024

# The way back to Linux, whose address is the driver's (arch/x86/entry.S).
INDIRECT_BRANCHES = {"x86_exit": 1}
# Frequent exits, see __no_canary; they have no arrays. Written before there is a canary: boot_cpu().
NO_CANARY = ("fast_cpuid", "fast_ioio", "fast_msr_read", "boot_cpu")


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def symbols():
    """{name: address}"""
    found = {}
    for line in run("nm", IMAGE).splitlines():
        address, _, name = line.split()
        found[name] = int(address, 16)
    return found


def sections():
    """{name: (address, size, file offset, type)}"""
    found = {}
    for line in run("readelf", "-SW", IMAGE).splitlines():
        match = re.match(r"\s*\[ *\d+\] (\S+)\s+(\S+)\s+([0-9a-f]{16}) ([0-9a-f]+) ([0-9a-f]+)", line)
        if match:
            found[match[1]] = (int(match[3], 16), int(match[5], 16), int(match[4], 16), match[2])
    return found


def functions():
    """{name: [(mnemonic, operands)]} of the disassembly; local labels belong to the function before."""
    found = {}
    code = None
    for line in run("objdump", "-d", "--no-show-raw-insn", IMAGE).splitlines():
        head = re.match(r"[0-9a-f]{16} <(.*)>:$", line)
        if head:
            code = found.setdefault(head[1], [])
            continue
        match = re.match(r"\s*[0-9a-f]+:\s+((?:(?:rep\w*|lock|notrack|data16|bnd) )*)(\w+)\s*(.*)$", line)
        if match:
            code.append((match[2], match[3]))
    return found


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.symbols = symbols()
        cls.sections = sections()
        cls.functions = functions()
        with open(IMAGE, "rb") as file:
            cls.file = file.read()

    def inside(self, name, first, end):
        address, size, *_ = self.sections[name]
        return self.symbols[first] <= address and address + size <= self.symbols[end]

    def test_parts_are_where_their_rights_are(self):
        """Boundaries of rights are page boundaries, and each section is on its side of them."""
        bounds = ["hv_base", "hv_text_end", "hv_rodata_end", "hv_ro_after_init", "hv_ro_after_init_end", "hv_core_end"]
        addresses = [self.symbols[name] for name in bounds]
        self.assertEqual(addresses, sorted(addresses))
        for address in addresses:
            self.assertEqual(address % PAGE, 0)
        self.assertTrue(self.inside(".text", "hv_base", "hv_text_end"))
        self.assertTrue(self.inside(".rodata", "hv_text_end", "hv_rodata_end"))
        self.assertTrue(self.inside(".system", "hv_text_end", "hv_rodata_end"))
        self.assertTrue(self.inside(".data", "hv_rodata_end", "hv_ro_after_init"))
        self.assertTrue(self.inside(".ro_after_init", "hv_ro_after_init", "hv_ro_after_init_end"))
        self.assertTrue(self.inside(".bss", "hv_ro_after_init_end", "hv_core_end"))
        allocated = {name for name, (address, *_) in self.sections.items() if address}
        self.assertEqual(allocated, {".header", ".text", ".rodata", ".system", ".data", ".ro_after_init", ".bss"})

    def test_read_only_after_init(self):
        """What decides over isolation and does not change while guests run."""
        for name in ("idt", "hv_pt", "hv_pd", "hv_pdpt", "trampoline_tables", "hv_phys", "cpu_count", "phys_bits",
                     "x2apic_mode", "cpu_of_apic_id", "ecam_start", "ecam_end", "features", "__stack_chk_guard"):
            self.assertGreaterEqual(self.symbols[name], self.symbols["hv_ro_after_init"], name)
            self.assertLess(self.symbols[name], self.symbols["hv_ro_after_init_end"], name)
        for name in ("gdt", "image_system", "forms", "own_registers", "cell_reads", "root_writes", "writable"):
            self.assertGreaterEqual(self.symbols[name], self.symbols["hv_text_end"], name)
            self.assertLess(self.symbols[name], self.symbols["hv_rodata_end"], name)

    def test_no_writable_pointers_to_code(self):
        """No word in initialised writable data is an address of code; the rest starts as zeros."""
        address, size, offset, _ = self.sections[".data"]
        for position in range(0, size - 7, 8):
            value, = struct.unpack_from("<Q", self.file, offset + position)
            self.assertFalse(self.symbols["hv_base"] <= value < self.symbols["hv_text_end"],
                             f"{address + position:#x} holds {value:#x}")
        for name in (".ro_after_init", ".bss"):
            self.assertEqual(self.sections[name][3], "NOBITS")

    def test_no_relocations(self):
        """Nothing is left to be filled in, as by a loader: no table of addresses that could be written."""
        self.assertNotIn("R_X86_64", run("readelf", "-rW", IMAGE))

    def test_no_indirect_branches(self):
        found = {}
        for name, code in self.functions.items():
            count = sum(operation.startswith(("call", "jmp")) and "*" in operands or operation == "ljmp"
                        for operation, operands in code)
            if count:
                found[name] = count
        self.assertEqual(found, INDIRECT_BRANCHES)

    def test_canaries(self):
        """Functions that check a canary are those that the compiler chose, but for the listed ones."""
        guarded = {name for name, code in self.functions.items()
                   if any("<__stack_chk_fail>" in operands for _, operands in code)}
        for name in ("vformat", "log_write", "cell_fail", "mmio_emulate"):
            self.assertIn(name, guarded)
        for name in NO_CANARY:
            self.assertIn(name, self.functions)
            self.assertNotIn(name, guarded)

    def frame(self, name):
        """Bytes that a function takes from the stack, without its callees': the most that is subtracted and
        pushed anywhere, and a return address."""
        pushes = subtracted = 0
        for operation, operands in self.functions[name]:
            if operation.startswith("push"):
                pushes += 8
            match = re.match(r"\$0x([0-9a-f]+),%rsp", operands)
            if operation == "sub" and match:
                subtracted += int(match[1], 16)
            match = re.match(r"\$0xf+([0-9a-f]{2}),%rsp", operands)
            if operation == "add" and match:
                subtracted += 0x100 - int(match[1], 16)  # add $-128
        return 8 + pushes + subtracted

    def callees(self, name):
        """Not __stack_chk_fail(), which comes on top of any other, and then once."""
        for operation, operands in self.functions[name]:
            match = re.search(r"<([^>+]+)(\+0x[0-9a-f]+)?>", operands)
            if not match or match[1] == "__stack_chk_fail":
                continue
            if operation.startswith("call") or (operation.startswith("j") and match[1] != name):
                yield match[1]

    def depth(self, name, path=()):
        """Deepest use of the stack from a function on."""
        self.assertNotIn(name, path, "recursion: " + " ".join((*path, name)))
        if name not in self.depths:
            below = [self.depth(callee, (*path, name)) for callee in set(self.callees(name)) if callee in self.functions]
            self.depths[name] = self.frame(name) + max(below, default=0)
        return self.depths[name]

    def test_stack_is_deep_enough(self):
        """There is no recursion, and no chain of calls, with an exception on top of it, reaches the end of the
        stack."""
        self.depths = {}
        deepest = max(self.depth(name) for name in ("boot_continue", "svm_run"))
        # The CPU pushes SS, RSP, RFLAGS, CS, RIP and an error code; the stub a number.
        deepest += 7 * 8 + max(self.depth(name) for name in ("__stack_chk_fail", "exception_common"))
        print(f"deepest use of the stack: {deepest} of {STACK} bytes")
        self.assertGreater(deepest, 500)
        self.assertLess(deepest, STACK)

    def test_size(self):
        binary = IMAGE.replace(".elf", ".bin")
        self.assertLessEqual(os.path.getsize(binary), IMAGE_MAX)


if __name__ == "__main__":
    script.main("image")
