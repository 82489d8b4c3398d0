// SPDX-License-Identifier: GPL-2.0
/* Exceptions of a guest that are taken to EL2. */
#include <arm64.h>
#include <audit.h>
#include <decode.h>
#include <log.h>
#include <mmio.h>
#include <vpin.h>
#include <cloister/hypercall.h>

#define ESR_CLASS(esr) ((esr) >> 26 & 0x3f)

/* Data abort, ISS; DDI 0487, D24.2.40 */
#define ISS_ISV		BIT(24)
#define ISS_SAS(iss)	((iss) >> 22 & 3)
#define ISS_SSE		BIT(21)
#define ISS_SRT(iss)	((iss) >> 16 & 0x1f)
#define ISS_SF		BIT(15)
#define ISS_FNV		BIT(10)
#define ISS_CM		BIT(8)
#define ISS_S1PTW	BIT(7)
#define ISS_WNR		BIT(6)
#define ISS_DFSC	0x3f
#define FSC_KIND	0x3c /* without the level */
#define FSC_TRANSLATION 0x04
#define FSC_PERMISSION	0x0c

/* SPSR_ELx */
#define SPSR_MODE    0x1f
#define SPSR_AARCH32 BIT(4)
#define SPSR_KEPT    0xf0000000UL /* flags */

/*
 * DDI 0487, D1.3: where an exception of EL1 or EL0 goes when it is taken to EL1. The state is that
 * of a CPU without features after v8.0; PAN stays as it is, as SCTLR_EL1.SPAN may ask for it.
 */
void inject_undefined(void)
{
	uint64_t spsr = read_sysreg(spsr_el2), vector;

	if (spsr & SPSR_AARCH32)
		vector = 0x600;
	else if (!(spsr & 0xc))
		vector = 0x400;
	else
		vector = spsr & 1 ? 0x200 : 0;
	write_sysreg(elr_el1, read_sysreg(elr_el2));
	write_sysreg(spsr_el1, spsr);
	write_sysreg(esr_el1, (uint64_t)EC_UNKNOWN << 26 | ESR_IL);
	write_sysreg(elr_el2, read_sysreg(vbar_el1) + vector);
	write_sysreg(spsr_el2, (spsr & (SPSR_KEPT | BIT(22))) | SPSR_DAIF | SPSR_EL1H);
}

enum sysreg_action { SYSREG_UNDEFINED, SYSREG_ZERO, SYSREG_SGI, SYSREG_GIC };

/* What traps is not there, but for these. */
static const struct {
	uint32_t reg;
	uint8_t action;
} sysreg_policy[] = {
	{ SYSREG_SGI1R, SYSREG_SGI },
	{ SYSREG(3, 0, 1, 0, 1), SYSREG_ZERO },	 /* ACTLR_EL1: implementation defined */
	{ SYSREG(2, 0, 0, 2, 2), SYSREG_ZERO },	 /* MDSCR_EL1: kernels clear it while starting */
	{ SYSREG(2, 0, 1, 0, 4), SYSREG_ZERO },	 /* OSLAR_EL1: the lock is open */
	{ SYSREG(2, 0, 1, 3, 4), SYSREG_ZERO },	 /* OSDLR_EL1 */
	{ SYSREG(3, 3, 9, 14, 0), SYSREG_ZERO }, /* PMUSERENR_EL0 */
	{ SYSREG_PMR, SYSREG_GIC },
	{ SYSREG_DIR, SYSREG_GIC },
	{ SYSREG_RPR, SYSREG_GIC },
	{ SYSREG_CTLR, SYSREG_GIC },
	{ SYSREG(3, 3, 9, 12, 0), SYSREG_ZERO }, /* PMCR_EL0: no counters */
};

static enum sysreg_action sysreg_action(uint32_t reg)
{
	/* DBGBVR<n>_EL1 to DBGWCR<n>_EL1: a kernel clears those that there always are. */
	if ((reg & ~SYSREG(0, 0, 0, 15, 3)) == SYSREG(2, 0, 0, 0, 4))
		return SYSREG_ZERO;
	for (unsigned int i = 0; i < ARRAY_SIZE(sysreg_policy); i++)
		if (sysreg_policy[i].reg == reg)
			return sysreg_policy[i].action;
	return SYSREG_UNDEFINED;
}

static void trap_sysreg(struct guest_regs *regs, uint32_t iss)
{
	unsigned int rt = iss >> 5 & 0x1f;
	uint32_t reg = iss & SYSREG_MASK;
	bool read = iss & 1;
	uint64_t value = 0;

	local->exits[read ? CL_EXIT_SYSREG_READ : CL_EXIT_SYSREG_WRITE]++;
	switch (sysreg_action(reg)) {
	case SYSREG_ZERO:
		break;
	case SYSREG_SGI:
		if (read)
			break;
		gic_send_sgi(rt == 31 ? 0 : regs->x[rt]);
		guest_skip();
		return;
	case SYSREG_GIC:
		if (read)
			value = vgic_read_common(reg);
		else
			vgic_write_common(reg, rt == 31 ? 0 : regs->x[rt]);
		break;
	default:
		cell_denied(read ? "read of system register (ISS)"
				 : "write to system register (ISS)",
			    reg, read || rt == 31 ? 0 : regs->x[rt]);
		inject_undefined();
		return;
	}
	if (read && rt != 31)
		regs->x[rt] = value;
	guest_skip();
}

static void trap_hvc(struct guest_regs *regs, uint32_t iss)
{
	uint32_t immediate = iss & 0xffff;

	if (likely(immediate == CL_HVC_IMMEDIATE)) {
		local->exits[CL_EXIT_HYPERCALL]++;
		regs->x[0] = (uint64_t)hypercall(regs->x[0], regs->x[1], regs->x[2], regs->x[3]);
	} else if (immediate == 0) {
		smccc_call(regs, false);
	} else {
		local->exits[CL_EXIT_HYPERCALL]++;
		regs->x[0] = ~0UL; /* SMCCC: not supported */
	}
}

/*
 * The guest-physical address of the fault. HPFAR_EL2 has it, but not for permission faults of the
 * access itself (DDI 0487, HPFAR_EL2): there stage 1 is asked. False: it has changed meanwhile.
 */
static bool fault_address(uint32_t iss, uint64_t *address)
{
	uint64_t far = read_sysreg(far_el2), par, saved;

	if (iss & ISS_S1PTW || (iss & FSC_KIND) != FSC_PERMISSION) {
		*address = (read_sysreg(hpfar_el2) & 0xffffffffff0UL) << 8 | (far & ~PAGE_MASK);
		return true;
	}
	saved = read_sysreg(par_el1);
	asm volatile("at s1e1r, %0\n\tisb" : : "r"(far) : "memory");
	par = read_sysreg(par_el1);
	write_sysreg(par_el1, saved);
	*address = (par & PTE_ADDRESS) | (far & ~PAGE_MASK);
	return !(par & 1);
}

static bool device_access(uint64_t address, bool write, unsigned int size, uint64_t *value)
{
	struct cell *cell = local->cpu->cell;

	if (gic_is_at(address)) {
		gic_access(address, write, size, value);
		return true;
	}
	if (cell == &root_cell && its_access(address, write, size, value))
		return true;
	if (address - CL_VUART_ADDRESS < CL_VUART_SIZE && cell->config->flags & CL_CELL_VUART) {
		unsigned int reg = address & 0xfff;

		local->exits[CL_EXIT_MMIO]++;
		if (reg & 3)
			mmio_ignore(write, address, value);
		else if (write)
			uart_write(&cell->uart, reg, (uint32_t)*value);
		else
			*value = uart_read(&cell->uart, reg);
		return true;
	}
	return mmio_default(address, write, size, value);
}

/* Is the access possible by now? The tables may have been changed just at the fault. */
static bool is_settled(uint64_t address, uint64_t rights)
{
	const struct cell *cell = local->cpu->cell;

	return __atomic_load_n(&cell->arch.stage2.splitting, __ATOMIC_SEQ_CST) ||
	       arch_translate(cell, address, rights) != ~0UL;
}

static void not_emulated(uint64_t address, bool write, uint32_t word)
{
	local->exits[CL_EXIT_MMIO]++;
	if (local->cpu->cell != &root_cell)
		cell_fail("unknown instruction %08x %s 0x%lx, at 0x%lx", word,
			  write ? "writes" : "reads", address, arch_guest_pc());
	else if (!mmio_map_for_root(address, write ? CL_AUDIT_WRITE : CL_AUDIT_READ))
		inject_undefined();
}

/* What a load leaves in its register. */
static inline uint64_t loaded(uint64_t value, unsigned int size, bool sign_extend, bool wide)
{
	unsigned int shift = 64 - 8 * size;

	if (likely(size == 4 && !sign_extend))
		return (uint32_t)value;
	value = value << shift >> shift;
	if (sign_extend)
		value = (uint64_t)((int64_t)(value << shift) >> shift);
	return wide ? value : value & 0xffffffff;
}

/* The word at the guest's PC, 0 (which is no load or store) if it cannot be read. */
static uint32_t fetch(void)
{
	uint64_t pc = read_sysreg(elr_el2), saved = read_sysreg(par_el1), par;
	uint32_t word;

	if (pc & 3)
		return 0;
	if (read_sysreg(spsr_el2) & 0xc)
		asm volatile("at s12e1r, %0\n\tisb" : : "r"(pc) : "memory");
	else
		asm volatile("at s12e0r, %0\n\tisb" : : "r"(pc) : "memory");
	par = read_sysreg(par_el1);
	write_sysreg(par_el1, saved);
	if (par & 1)
		return 0;
	word = *(uint32_t *)((char *)arch_window(par & PTE_ADDRESS) + (pc & ~PAGE_MASK));
	arch_window_close();
	return word;
}

static uint64_t read_sp(void)
{
	uint64_t mode = read_sysreg(spsr_el2) & SPSR_MODE;

	return mode == SPSR_EL1H ? read_sysreg(sp_el1) : read_sysreg(sp_el0);
}

static void write_sp(uint64_t value)
{
	if ((read_sysreg(spsr_el2) & SPSR_MODE) == SPSR_EL1H)
		write_sysreg(sp_el1, value);
	else
		write_sysreg(sp_el0, value);
}

/* An access without syndrome: the instruction is looked at. address: guest-physical. */
static __attribute__((noinline)) void emulate(struct guest_regs *regs, uint64_t address, bool write)
{
	bool aarch32 = read_sysreg(spsr_el2) & SPSR_AARCH32;
	uint32_t word = aarch32 ? 0 : fetch();
	uint64_t base, start;
	struct insn insn;

	if (!decode(word, &insn)) {
		not_emulated(address, write, word);
		return;
	}
	base = insn.base == 31 ? read_sp() : regs->x[insn.base];
	start = insn.post ? base : base + (uint64_t)(int64_t)insn.offset;
	/* All of it lies in the page that was asked for. */
	if (start != read_sysreg(far_el2) || insn.write != write ||
	    (address & ~PAGE_MASK) + insn.count * insn.size > PAGE_SIZE) {
		not_emulated(address, write, word);
		return;
	}
	for (unsigned int i = 0; i < insn.count; i++) {
		unsigned int rt = insn.target[i];
		uint64_t value = write && rt != 31 ? regs->x[rt] : 0;

		if (!device_access(address + i * insn.size, write, insn.size, &value))
			return;
		if (!write && rt != 31)
			regs->x[rt] = loaded(value, insn.size, insn.sign_extend, insn.wide);
	}
	base += (uint64_t)(int64_t)insn.offset;
	if (insn.writeback && insn.base == 31)
		write_sp(base);
	else if (insn.writeback)
		regs->x[insn.base] = base;
	guest_skip();
}

/* What is not there is a page table: no instruction's access that could be emulated. */
static void trap_walk(uint64_t address)
{
	local->exits[CL_EXIT_MMIO]++;
	address &= PAGE_MASK; /* the rest is that of the address that was being translated */
	if (local->cpu->cell != &root_cell)
		cell_fail("page table at address 0x%lx that is not the cell's or not memory",
			  address);
	else if (!mmio_map_for_root(address, CL_AUDIT_READ))
		inject_undefined();
}

static void trap_data_abort(struct guest_regs *regs, uint32_t iss)
{
	unsigned int size = 1U << ISS_SAS(iss), rt = ISS_SRT(iss);
	bool write = iss & ISS_WNR && !(iss & ISS_CM);
	uint64_t address, value = 0;

	if (iss & ISS_FNV ||
	    ((iss & FSC_KIND) != FSC_TRANSLATION && (iss & FSC_KIND) != FSC_PERMISSION)) {
		cell_fail("memory fault of an unexpected kind (ISS 0x%x), at 0x%lx", iss,
			  arch_guest_pc());
		return;
	}
	if (!fault_address(iss, &address))
		return;
	/* Nobody has the interrupt controller mapped. */
	if (!gic_is_at(address) && is_settled(address, write ? CL_MEM_WRITE : CL_MEM_READ))
		return;
	if (iss & ISS_S1PTW) {
		trap_walk(address);
		return;
	}
	if (!(iss & ISS_ISV)) {
		emulate(regs, address, write);
		return;
	}
	if (write)
		value = rt == 31 ? 0 : regs->x[rt];
	if (!device_access(address, write, size, &value))
		return;
	if (!write && rt != 31)
		regs->x[rt] = loaded(value, size, iss & ISS_SSE, iss & ISS_SF);
	guest_skip();
}

static void trap_instruction_abort(uint32_t iss)
{
	uint64_t address = 0;

	local->exits[CL_EXIT_MMIO]++;
	if (!fault_address(iss, &address))
		return;
	if (__atomic_load_n(&local->cpu->cell->arch.stage2.splitting, __ATOMIC_SEQ_CST))
		return;
	if (iss & ISS_S1PTW) {
		trap_walk(address);
		return;
	}
	if (local->cpu->cell != &root_cell)
		cell_fail("execution at address 0x%lx that is not the cell's or not executable",
			  address);
	else if (!mmio_map_for_root(address, CL_AUDIT_EXECUTE))
		inject_undefined();
}

/* A plain access to the interrupt controller's registers, and what a data abort says then. */
#define PLAIN_MASK (0x3fULL << 26 | ISS_ISV | ISS_FNV | ISS_CM | ISS_S1PTW | FSC_KIND)
#define PLAIN	   ((uint64_t)EC_DABT_LOWER << 26 | ISS_ISV | FSC_TRANSLATION)

static __attribute__((noinline)) bool gic_plain(struct guest_regs *regs, uint64_t address,
						uint32_t iss)
{
	unsigned int rt = ISS_SRT(iss), size = 1U << ISS_SAS(iss);
	bool write = iss & ISS_WNR;
	uint64_t value = 0;

	if ((rt >= EARLY_REGS && rt != 31) || !gic_is_at(address))
		return false;
	if (write && rt != 31)
		value = regs->x[rt];
	gic_access(address, write, size, &value);
	if (!write && rt != 31)
		regs->x[rt] = loaded(value, size, iss & ISS_SSE, iss & ISS_SF);
	guest_skip();
	return true;
}

/* Shared interrupts on and off, pending or not: the most frequent access, by the shortest way. */
static inline bool gic_bits(struct guest_regs *regs, uint32_t iss)
{
	uint64_t address = (read_sysreg(hpfar_el2) & 0xffffffffff0UL) << 8 |
			   (read_sysreg(far_el2) & ~PAGE_MASK);
	uint64_t offset = address - gic_dist_phys;
	unsigned int rt = ISS_SRT(iss);
	uint64_t word = offset / 4 % 32;
	const struct cell *cell = local->cpu->cell;
	bool with_pin = word == cell->arch.pin_word;
	uint32_t mine;

	if (unlikely(offset - GIC_ISENABLER >= GIC_IPRIORITYR - GIC_ISENABLER || offset & 3 ||
		     !word || rt >= EARLY_REGS || iss & ISS_SSE || ISS_SAS(iss) != 2 ||
		     (with_pin && iss & ISS_WNR && regs->x[rt] & VPIN_BITS)))
		return gic_plain(regs, address, iss);
	local->exits[CL_EXIT_IRQ_CHIP]++;
	mine = cell->arch.spis[word];
	if (iss & ISS_WNR)
		mmio_write32(gicd + offset, (uint32_t)regs->x[rt] & mine);
	else
		regs->x[rt] = (mmio_read32(gicd + offset) & mine) |
			      (with_pin ? vpin_state(cell, offset) : 0);
	guest_skip();
	return true;
}

/* What is frequent and needs none of X19 to X28; true: it is not that. */
__no_canary bool trap_sync(struct guest_regs *regs)
{
	uint64_t esr = read_sysreg(esr_el2);
	unsigned int rt = esr >> 5 & 0x1f;

	/* The last bit of ISS is clear: a write. */
	if ((esr & (SYSREG_MASK | 1)) == SYSREG_SGI1R && ESR_CLASS(esr) == EC_SYSREG &&
	    rt < EARLY_REGS) {
		local->exits[CL_EXIT_IPI]++;
		gic_send_sgi(regs->x[rt]);
		guest_skip();
		return false;
	}
	if ((esr & ~ESR_IL) == ((uint64_t)EC_HVC64 << 26 | CL_HVC_IMMEDIATE) &&
	    regs->x[0] == CL_HC_GET_INFO) {
		local->exits[CL_EXIT_HYPERCALL]++;
		regs->x[0] = (uint64_t)hypercall(CL_HC_GET_INFO, regs->x[1], 0, 0);
		return false;
	}
	if ((esr & ~ESR_IL) == (uint64_t)EC_SMC64 << 26 && (uint32_t)regs->x[0] == PSCI_VERSION) {
		local->exits[CL_EXIT_FIRMWARE]++;
		regs->x[0] = PSCI_VERSION_1_1;
		guest_skip();
		return false;
	}
	return (esr & PLAIN_MASK) != PLAIN || !gic_bits(regs, (uint32_t)esr);
}

void trap_sync_rest(struct guest_regs *regs)
{
	uint64_t esr = read_sysreg(esr_el2);
	uint32_t iss = esr & 0x1ffffff;

	switch (ESR_CLASS(esr)) {
	case EC_SYSREG:
		trap_sysreg(regs, iss);
		return;
	case EC_DABT_LOWER:
		trap_data_abort(regs, iss);
		return;
	case EC_HVC64:
		trap_hvc(regs, iss);
		return;
	case EC_SMC64:
		guest_skip();
		smccc_call(regs, true);
		return;
	case EC_IABT_LOWER:
		trap_instruction_abort(iss);
		return;
	default:
		local->exits[CL_EXIT_OTHER]++;
		cell_denied("exception (ESR)", esr, arch_guest_pc());
		inject_undefined();
	}
}

/* After a kick: SGIs of the guest's other CPUs need none of X19 to X28. True: there may be more. */
static inline bool kicked(void)
{
	if (!cpu_take_arch_event(local->cpu))
		return true;
	vgic_deliver(local->cpu);
	return false;
}

/* True: a kick, and there may be events. */
__no_canary bool trap_irq(void)
{
	return vgic_interrupt() && kicked();
}

__no_canary bool trap_fiq(void)
{
	return vgic_fiq() && kicked();
}

bool trap_serror(void)
{
	return true;
}

/* An error that memory or a device has reported to this guest, or an earlier one of this CPU. */
void trap_serror_rest(void)
{
	local->exits[CL_EXIT_EXCEPTION]++;
	cell_fail("the memory system reports an error (ESR 0x%lx), at 0x%lx", read_sysreg(esr_el2),
		  arch_guest_pc());
}
