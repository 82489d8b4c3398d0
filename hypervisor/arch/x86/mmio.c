// SPDX-License-Identifier: GPL-2.0
/* Accesses that the guest's second-level tables do not allow: emulated devices, or a violation. */
#include <audit.h>
#include <decode.h>
#include <log.h>
#include <mmio.h>
#include <vendor.h>
#include <x86.h>

/* Position of register n of the encoding in struct guest_regs; RSP is not there. */
static const uint8_t reg_offset[16] = {
	offsetof(struct guest_regs, rax),    offsetof(struct guest_regs, rcx),
	offsetof(struct guest_regs, rdx),    offsetof(struct guest_regs, rbx),
	offsetof(struct guest_regs, unused), offsetof(struct guest_regs, rbp),
	offsetof(struct guest_regs, rsi),    offsetof(struct guest_regs, rdi),
	offsetof(struct guest_regs, r8),     offsetof(struct guest_regs, r9),
	offsetof(struct guest_regs, r10),    offsetof(struct guest_regs, r11),
	offsetof(struct guest_regs, r12),    offsetof(struct guest_regs, r13),
	offsetof(struct guest_regs, r14),    offsetof(struct guest_regs, r15),
};

#define REG_RSP 4

uint64_t guest_gpr(const struct guest_regs *regs, unsigned int number)
{
	return number == REG_RSP
		       ? guest_rsp()
		       : *(const uint64_t *)((const char *)regs + reg_offset[number & 15]);
}

static uint64_t reg_read(struct guest_regs *regs, const struct insn *insn)
{
	uint64_t value = guest_gpr(regs, insn->reg);

	return insn->high_byte ? value >> 8 : value;
}

static void reg_write(struct guest_regs *regs, const struct insn *insn, uint64_t value)
{
	uint64_t *reg = (uint64_t *)((char *)regs + reg_offset[insn->reg]);
	uint64_t old = insn->reg == REG_RSP ? guest_rsp() : *reg;

	if (insn->size < 8) {
		unsigned int shift = 64 - insn->size * 8U;

		value = insn->sign_extend ? (uint64_t)((int64_t)(value << shift) >> shift)
					  : value << shift >> shift;
	}
	if (insn->high_byte)
		value = (old & ~0xff00UL) | (value & 0xff) << 8;
	else if (insn->result == 1)
		value = (old & ~0xffUL) | (value & 0xff);
	else if (insn->result == 2)
		value = (old & ~0xffffUL) | (value & 0xffff);
	else if (insn->result == 4)
		value &= 0xffffffffUL;
	if (insn->reg == REG_RSP)
		guest_set_rsp(value);
	else
		*reg = value;
}

static bool device_access(uint64_t address, bool write, unsigned int size, uint64_t *value)
{
	struct cell *cell = local->cpu->cell;
	uint64_t *exits = local->exits;
	uint32_t value32 = (uint32_t)*value;

	/* These have registers of 4 bytes: an access of another size is answered as if nothing were
	 * there. */
	if ((address & PAGE_MASK) == XAPIC_PAGE && !x2apic_mode) {
		exits[CL_EXIT_IRQ_CPU]++;
		if (size != 4)
			mmio_ignore(write, address, value);
		else if (write)
			apic_mmio_write(address & 0xfff, value32);
		else
			*value = apic_mmio_read(address & 0xfff);
		return true;
	}
	if (ioapic_access(cell, address, write, size, &value32)) {
		exits[CL_EXIT_IRQ_CHIP]++;
		*value = value32;
		return true;
	}
	return mmio_default(address, write, size, value);
}

/* Root gets an exception that its kernel reports; other cells end. */
static void not_emulated(bool write, uint64_t address, const unsigned char *bytes,
			 unsigned int count)
{
	char text[32] = "";
	int length = 0;

	/* No blanks: a line of the log has to hold them all. */
	for (unsigned int i = 0; i < count; i++)
		length += format(text + length, sizeof(text) - (size_t)length, "%02x", bytes[i]);
	if (local->cpu->cell == &root_cell) {
		if (!mmio_map_for_root(address, write ? CL_AUDIT_WRITE : CL_AUDIT_READ))
			vendor_inject_exception(13, true, 0);
	} else {
		cell_fail("unknown instruction %s %s 0x%lx", text, write ? "writes" : "reads",
			  address);
	}
}

static __attribute__((noinline)) void mmio_emulate(struct guest_regs *regs, uint64_t address,
						   bool write)
{
	unsigned char copy[DECODE_BUFFER];
	const unsigned char *bytes;
	unsigned int count = guest_assisted_bytes(&bytes);
	struct insn insn;
	uint64_t value = 0;

	if (!count) {
		count = guest_fetch(copy);
		bytes = copy;
	}
	if (!count ||
	    !decode(bytes, count,
		    guest_in_64bit()   ? 64
		    : guest_in_32bit() ? 32
				       : 16,
		    &insn) ||
	    insn.write != write || (address & ~PAGE_MASK) + insn.size > PAGE_SIZE) {
		local->exits[CL_EXIT_MMIO]++;
		not_emulated(write, address, bytes, count);
		return;
	}
	if (insn.write)
		value = insn.immediate ? insn.value : reg_read(regs, &insn);
	if (!device_access(address, write, insn.size, &value))
		return;
	if (!insn.write)
		reg_write(regs, &insn, value);
	guest_skip(insn.length);
}

/*
 * A write to an xAPIC register by a plain MOV: frequent (end of interrupt, timer, IPIs) and
 * therefore short. False: not that; nothing has been done.
 */
static inline bool xapic_store(struct guest_regs *regs, uint64_t address)
{
	unsigned char copy[DECODE_BUFFER];
	const unsigned char *bytes;
	struct store32 store;
	uint32_t value;

	if (!guest_in_64bit())
		return false;
	if (guest_assisted_bytes(&bytes) != 15) {
		if (guest_fetch(copy) != 15)
			return false;
		bytes = copy;
	}
	if (!decode_store32(bytes, &store))
		return false;
	if (store.immediate)
		value = store.value;
	else if (store.reg == REG_RSP)
		return false;
	else
		value = *(uint32_t *)((char *)regs + reg_offset[store.reg]);
	local->exits[CL_EXIT_IRQ_CPU]++;
	apic_mmio_write(address & 0xfff, value);
	guest_skip(store.length);
	return true;
}

void mmio_access(struct guest_regs *regs, uint64_t address, bool write)
{
	if (write && (address & PAGE_MASK) == XAPIC_PAGE && !x2apic_mode &&
	    likely(xapic_store(regs, address)))
		return;
	mmio_emulate(regs, address, write);
}

bool mmio_implicit_access(const char *what, uint64_t address, bool fetch)
{
	local->exits[CL_EXIT_MMIO]++;
	if (local->cpu->cell != &root_cell) {
		cell_fail("%s at address 0x%lx that is not the cell's, at 0x%lx", what, address,
			  guest_rip());
		return false;
	}
	if (mmio_map_for_root(address, fetch ? CL_AUDIT_EXECUTE : CL_AUDIT_READ))
		return true;
	vendor_inject_exception(13, true, 0);
	return false;
}

uint64_t arch_guest_pc(void)
{
	return guest_rip();
}
