#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What the hypervisor's image must be like, read from the linked file: rights of its parts, no indirect
branches, no function pointers that can be written, a stack that is large enough.

IMAGES in the environment: the ELF files, of x86 and of arm64 where there is a compiler for them. CROSS_arm64: what its
tools' names begin with."""

import os
import re
import struct
import subprocess
import unittest

import script

PAGE = 4096
STACK = 2 * PAGE
IMAGE_MAX = 96 * 1024


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


class Image:
    """What holds for all architectures."""
    tools = ""

    @classmethod
    def setUpClass(cls):
        cls.symbols = {name: int(address, 16) for address, _, name in
                       map(str.split, run(cls.tools + "nm", cls.image).splitlines())}
        cls.sections = cls.read_sections()
        cls.functions = cls.read_functions()
        with open(cls.image, "rb") as file:
            cls.file = file.read()

    @classmethod
    def read_sections(cls):
        """{name: (address, size, file offset, type)}"""
        found = {}
        for line in run("readelf", "-SW", cls.image).splitlines():
            match = re.match(r"\s*\[ *\d+\] (\S+)\s+(\S+)\s+([0-9a-f]{16}) ([0-9a-f]+) ([0-9a-f]+)", line)
            if match:
                found[match[1]] = (int(match[3], 16), int(match[5], 16), int(match[4], 16), match[2])
        return found

    @classmethod
    def read_functions(cls):
        """{name: [(mnemonic, operands)]} of the disassembly; local labels belong to the function before."""
        found = {}
        code = None
        for line in run(cls.tools + "objdump", "-d", "--no-show-raw-insn", cls.image).splitlines():
            head = re.match(r"[0-9a-f]{16} <(.*)>:$", line)
            if head:
                code = found.setdefault(head[1], [])
                continue
            match = re.match(r"\s*[0-9a-f]+:\s+((?:(?:rep\w*|lock|notrack|data16|bnd) )*)([\w.]+)\s*(.*)$", line)
            if match:
                code.append((match[2], match[3]))
        return found

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
        for name in self.settled:
            self.assertGreaterEqual(self.symbols[name], self.symbols["hv_ro_after_init"], name)
            self.assertLess(self.symbols[name], self.symbols["hv_ro_after_init_end"], name)
        for name in self.constant:
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
        self.assertNotRegex(run("readelf", "-rW", self.image), "R_X86_64|R_AARCH64")

    def test_no_indirect_branches(self):
        found = {}
        for name, code in self.functions.items():
            count = sum(self.is_indirect(*instruction) for instruction in code)
            if count:
                found[name] = count
        self.assertEqual(found, self.indirect_branches)

    def test_canaries(self):
        """Functions that check a canary are those that the compiler chose, but for the listed ones."""
        guarded = {name for name, code in self.functions.items()
                   if any("<__stack_chk_fail>" in operands for _, operands in code)}
        for name in self.guarded:
            self.assertIn(name, guarded)
        for name in self.no_canary:
            self.assertIn(name, self.functions)
            self.assertNotIn(name, guarded)

    def callees(self, name):
        """Not __stack_chk_fail(), which comes on top of any other, and then once."""
        for operation, operands in self.functions[name]:
            match = re.search(r"<([^>+]+)(\+0x[0-9a-f]+)?>", operands)
            if not match or match[1] == "__stack_chk_fail":
                continue
            if self.is_call(operation) or (self.is_jump(operation) and match[1] != name):
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
        deepest = self.deepest()
        print(f"deepest use of the stack: {deepest} of {STACK} bytes")
        self.assertGreater(deepest, 500)
        self.assertLess(deepest, STACK)

    def test_size(self):
        self.assertLessEqual(os.path.getsize(self.image.replace(".elf", ".bin")), IMAGE_MAX)


class X86(Image, unittest.TestCase):
    # The way back to Linux, whose address is the driver's (arch/x86/entry.S).
    indirect_branches = {"x86_exit": 1}
    guarded = ("vformat", "log_write", "cell_fail", "mmio_emulate")
    # Frequent exits, see __no_canary; they have no arrays. Written before there is a canary: boot_cpu().
    no_canary = ("fast_cpuid", "fast_ioio", "fast_msr_read", "boot_cpu")
    settled = ("idt", "hv_pt", "hv_pd", "hv_pdpt", "trampoline_tables", "hv_phys", "cpu_count", "phys_bits", "x2apic_mode",
               "cpu_of_apic_id", "ecam_start", "ecam_end", "features", "__stack_chk_guard")
    constant = ("gdt", "image_system", "forms", "own_registers", "cell_reads", "root_writes", "writable")

    @staticmethod
    def is_indirect(operation, operands):
        return operation.startswith(("call", "jmp")) and "*" in operands or operation == "ljmp"

    @staticmethod
    def is_call(operation):
        return operation.startswith("call")

    @staticmethod
    def is_jump(operation):
        return operation.startswith("j")

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

    entries = ("boot_continue", "svm_run")

    def deepest(self):
        deepest = max(self.depth(name) for name in self.entries)
        # The CPU pushes SS, RSP, RFLAGS, CS, RIP and an error code; the stub a number.
        return deepest + 7 * 8 + max(self.depth(name) for name in ("__stack_chk_fail", "exception_common"))


class Intel(X86):
    no_canary = ("fast_cpuid", "fast_io", "fast_rdmsr", "boot_cpu")
    settled = (*(name for name in X86.settled if name != "features"), "controls")
    constant = (*X86.constant, "wanted")
    entries = ("boot_continue", "vmx_exited")


class Arm64(Image, unittest.TestCase):
    tools = os.environ.get("CROSS_arm64", "")
    # The way in, from the driver's tables, and the way back to Linux (arch/arm64/entry.S).
    indirect_branches = {"image_entry": 1, "arm64_exit": 1}
    guarded = ("vformat", "log_write", "cell_fail", "emulate")
    # Frequent exits, see __no_canary; they have no arrays. Written before there is a canary: boot_cpu().
    no_canary = ("trap_sync", "trap_irq", "trap_fiq", "vgic_interrupt", "boot_cpu")
    settled = ("hv_l1", "hv_l2", "hv_l3", "device_tables", "exit_tables", "hv_phys", "cpu_count", "phys_bits", "ecam_start", "ecam_end",
               "gic", "gic_dist_phys", "gic_maintenance_irq", "lines", "redist_stride", "smmus", "root_bus", "__stack_chk_guard")
    constant = ("image_system", "sysreg_policy", "writable")
    # Of the assembler text, jumped to with an empty stack or with what the guest's registers take.
    resume = ("arm64_resume", "restore_all", "restore_early", "arm64_halt")

    @staticmethod
    def is_indirect(operation, operands):
        return operation.startswith(("br", "blr"))

    @staticmethod
    def is_call(operation):
        return operation == "bl"

    @staticmethod
    def is_jump(operation):
        return operation == "b" or operation.startswith(("b.", "cb", "tb"))

    def callees(self, name):
        return (callee for callee in super().callees(name) if callee not in self.resume)

    def frame(self, name):
        """Bytes that a function takes from the stack, without its callees': all that is subtracted anywhere."""
        subtracted = 0
        for operation, operands in self.functions[name]:
            match = re.search(r"\[sp, #-(\d+)\]!", operands)
            if match:
                subtracted += int(match[1])
            match = re.match(r"sp, sp, #0x([0-9a-f]+)(, lsl #12)?$", operands)
            if operation == "sub" and match:
                subtracted += int(match[1], 16) << (12 if match[2] else 0)
        return subtracted

    def deepest(self):
        # Whatever is called first, on top of the guest's registers (layout.h, GUEST_REGS_SIZE). Then an exception: two
        # registers (entry.S, own_fault), and the report.
        return max(self.depth(name) for name in self.functions if name not in self.resume) + 256 + 16 + self.depth("exception_fatal")


if __name__ == "__main__":
    # An image of another architecture than these is an error.
    for path in os.environ["IMAGES"].split():
        {"cloister-amd.elf": X86, "cloister-intel.elf": Intel, "cloister-arm64.elf": Arm64}[os.path.basename(path)].image = path
    for name in [name for name, case in globals().items() if isinstance(case, type) and issubclass(case, unittest.TestCase)
                 and not hasattr(case, "image")]:
        del globals()[name]
    script.main("image")
