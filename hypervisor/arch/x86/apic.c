// SPDX-License-Identifier: GPL-2.0
/*
 * Local APICs: each CPU's own is its guest's, but for what could leave the cell: interrupt commands
 * (ICR), and entries of the local vector table with other delivery modes than fixed and NMI.
 * APM vol. 2, chapter 16; the x2APIC register of MMIO offset o is MSR 0x800 + o / 16.
 */
#include <image.h>
#include <log.h>
#include <x86.h>

#define REG_ID	    0x020
#define REG_TPR	    0x080
#define REG_EOI	    0x0b0
#define REG_LDR	    0x0d0
#define REG_DFR	    0x0e0
#define REG_SVR	    0x0f0
#define REG_ISR	    0x100 /* eight registers */
#define REG_IRR	    0x200
#define REG_ESR	    0x280
#define REG_CMCI    0x2f0
#define REG_ICR	    0x300
#define REG_ICR2    0x310
#define REG_TIMER   0x320
#define REG_THERMAL 0x330
#define REG_PERF    0x340
#define REG_LINT0   0x350
#define REG_LINT1   0x360
#define REG_ERROR   0x370
#define REG_COUNT   0x380
#define REG_DIVIDE  0x3e0
#define REG_VERSION 0x030
#define REG_EXT_LVT 0x500 /* AMD's extended local vectors, APM 16.7 */
#define REG_EXT_END 0x540

/* All bits of a command; the others are reserved, and in x2APIC mode raise #GP where they are
 * written. */
#define ICR_COMMAND	   0x000ccfffU
#define ICR_MODE(icr)	   ((icr) >> 8 & 7)
#define ICR_LOGICAL	   BIT(11)
#define ICR_PENDING	   BIT(12)
#define ICR_ASSERT	   BIT(14)
#define ICR_LEVEL	   BIT(15)
#define ICR_SHORTHAND(icr) ((icr) >> 18 & 3)
#define ICR_DEST(icr)	   ((uint32_t)((icr) >> 32))

enum { MODE_FIXED = 0, MODE_LOWEST = 1, MODE_SMI = 2, MODE_NMI = 4, MODE_INIT = 5, MODE_SIPI = 6 };
enum { TO_DEST = 0, TO_SELF = 1, TO_ALL = 2, TO_OTHERS = 3 };

#define LVT_MODE(lvt) ((lvt) >> 8 & 7)
#define LVT_MASKED    BIT(16)
#define LVT_EXTINT    7

#define MCG_CAP_CMCI BIT(10) /* corrected machine checks interrupt */

bool x2apic_mode __ro_after_init;
uint8_t cpu_of_apic_id[256] __ro_after_init;

/* Grows when a logical id changes or a CPU changes hands: what CPUs remember is then void. */
static uint32_t logical_generation = 1;

static void forget_logical(void)
{
	__atomic_fetch_add(&logical_generation, 1, __ATOMIC_SEQ_CST);
}

static inline uint32_t reg_read(unsigned int reg)
{
	if (x2apic_mode)
		return (uint32_t)rdmsr(MSR_X2APIC + reg / 16);
	return *(volatile uint32_t *)(LOCAL_APIC + reg);
}

static inline void reg_write(unsigned int reg, uint32_t value)
{
	if (x2apic_mode)
		wrmsr(MSR_X2APIC + reg / 16, value);
	else
		*(volatile uint32_t *)(LOCAL_APIC + reg) = value;
}

/*
 * The frequent ways (send, EOI, timer, IPI to one CPU) are short, and what is rare is in functions
 * of its own, so that they need not save registers for it.
 */

/* The former command leaves within microseconds; a stuck one is overwritten. */
static __attribute__((noinline)) void wait_sent(void)
{
	volatile uint32_t *icr = (volatile uint32_t *)(LOCAL_APIC + REG_ICR);

	for (unsigned int i = 0; i < 100000 && *icr & ICR_PENDING; i++)
		cpu_relax();
}

/* Send; in xAPIC mode ICR2 is left as the guest wrote it, for it may read it back. */
static void icr_send(uint32_t command, uint32_t dest)
{
	volatile uint32_t *icr = (volatile uint32_t *)(LOCAL_APIC + REG_ICR);
	volatile uint32_t *icr2 = (volatile uint32_t *)(LOCAL_APIC + REG_ICR2);
	uint32_t guest_icr2;

	if (x2apic_mode) {
		wrmsr(MSR_X2APIC + REG_ICR / 16, (uint64_t)dest << 32 | command);
		return;
	}
	if (unlikely(*icr & ICR_PENDING))
		wait_sent();
	guest_icr2 = *icr2;
	*icr2 = dest << 24;
	*icr = command;
	*icr2 = guest_icr2;
}

void apic_init(void)
{
	x2apic_mode = rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC;
	if (x2apic_mode)
		info.head.features |= CL_FEATURE_X2APIC;
	memset(cpu_of_apic_id, 0xff, sizeof(cpu_of_apic_id));
	for_each_cpu(i)
		if (cpus[i].hw_id < sizeof(cpu_of_apic_id))
			cpu_of_apic_id[cpus[i].hw_id] = (uint8_t)i;
}

void apic_cpu_init(struct cpu *cpu)
{
	if (x2apic_mode)
		return;
	((uint64_t *)LOCAL_TABLE)[LOCAL_PAGE_APIC] =
		(local->apic_base & PTE_ADDRESS & 0xffffff000) | PTE_P | PTE_RW | PTE_PCD |
		PTE_PWT | PTE_NX;
	cpu->arch.ldr = reg_read(REG_LDR);
	cpu->arch.dfr = reg_read(REG_DFR);
}

void arch_cpu_kick(struct cpu *cpu)
{
	icr_send(MODE_NMI << 8 | ICR_ASSERT, cpu->hw_id);
}

void apic_send_fixed(const struct cpu *cpu, unsigned int vector)
{
	icr_send(vector | ICR_ASSERT, cpu->hw_id);
}

/* Called for each stray interrupt while x86_drain_interrupt() drains them. */
void apic_drained(void)
{
	reg_write(REG_EOI, 0);
}

/* Is a bit set in the 256 that begin at this register? */
static bool any_bit(unsigned int reg)
{
	uint32_t bits = 0;

	for (unsigned int word = 0; word < 8; word++)
		bits |= reg_read(reg + word * 16);
	return bits;
}

/* The CPU that starts first is the boot CPU (BSC): in root the machine's, in a cell the cell's. */
static uint64_t base_for(const struct cpu *cpu)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);
	struct cl_cpu first;

	if (cpu->cell == &root_cell)
		return base;
	cl_get_entry(cl_find_section(cpu->cell->config, CL_SEC_CPUS), 0, &first, sizeof(first));
	return (base & ~APIC_BASE_BOOT) | (cpu->id == first.id ? APIC_BASE_BOOT : 0);
}

/* Nothing of the former owner may arrive at the next one: as after a reset, APM 16.3.5. */
void apic_reset(struct cpu *cpu)
{
	unsigned int lvts = (reg_read(REG_VERSION) >> 16 & 0xff) + 1;

	local->apic_base = base_for(cpu);
	reg_write(REG_COUNT, 0);
	reg_write(REG_TIMER, LVT_MASKED);
	if (lvts >= 4)
		reg_write(REG_PERF, LVT_MASKED);
	if (lvts >= 5)
		reg_write(REG_THERMAL, LVT_MASKED);
	if (lvts >= 7 && rdmsr(MSR_MCG_CAP) & MCG_CAP_CMCI)
		reg_write(REG_CMCI, LVT_MASKED);
	reg_write(REG_LINT0, LVT_MASKED);
	reg_write(REG_LINT1, LVT_MASKED);
	reg_write(REG_ERROR, LVT_MASKED);
	reg_write(REG_TPR, 0);
	/*
	 * A disabled APIC would keep what is pending for the next owner. The spurious vector is one
	 * that cannot be pending: Bochs' APIC takes no EOI for it.
	 */
	reg_write(REG_SVR, 0x10f);
	/* What is in service ends, what is pending is taken; at most one for each vector. */
	for (unsigned int i = 0; i < 256 && any_bit(REG_ISR); i++)
		reg_write(REG_EOI, 0);
	for (unsigned int i = 0; i < 256 && any_bit(REG_IRR); i++)
		x86_drain_interrupt();
	reg_write(REG_SVR, 0xff);
	/* Errors of the former owner: a write shows what has come together since the last one. */
	reg_write(REG_ESR, 0);
	reg_write(REG_ESR, 0);
	forget_logical();
	if (!x2apic_mode) {
		reg_write(REG_LDR, 0);
		reg_write(REG_DFR, 0xffffffff);
		cpu->arch.ldr = 0;
		cpu->arch.dfr = 0xffffffff;
	}
}

/* Does a logical destination mean this CPU? */
static bool logical_match(const struct cpu *cpu, uint32_t dest)
{
	if (x2apic_mode && dest == 0xffffffff)
		return true;
	if (x2apic_mode)
		/* APM 16.11.3: cluster is the APIC id's bits 19:4, and one bit for each id in it */
		return dest >> 16 == cpu->hw_id >> 4 && dest & BIT(cpu->hw_id & 15);
	if (dest == 0xff)
		return true;
	if (cpu->arch.dfr >> 28 == 0xf) /* flat */
		return cpu->arch.ldr >> 24 & dest;
	return cpu->arch.ldr >> 28 == dest >> 4 && cpu->arch.ldr >> 24 & dest & 0xf;
}

static bool is_target(const struct cpu *cpu, uint64_t icr)
{
	uint32_t dest = ICR_DEST(icr);

	switch (ICR_SHORTHAND(icr)) {
	case TO_SELF:
		return cpu == local->cpu;
	case TO_ALL:
		return true;
	case TO_OTHERS:
		return cpu != local->cpu;
	}
	if (icr & ICR_LOGICAL)
		return logical_match(cpu, dest);
	return cpu->hw_id == dest || dest == (x2apic_mode ? 0xffffffff : 0xff);
}

/* One target, which is in the guest's cell. */
static void deliver(struct cpu *target, uint64_t icr)
{
	switch (ICR_MODE(icr)) {
	case MODE_FIXED:
	case MODE_LOWEST:
		/* Physical, to this CPU alone: whatever id or mask another cell's APICs have. */
		icr_send((uint32_t)(icr & 0xff) | ICR_ASSERT, target->hw_id);
		break;
	case MODE_NMI:
		cpu_post(target, CPU_EV_ARCH);
		break;
	case MODE_INIT:
		/* The level de-assert that old start-up code sends does nothing (APM 16.5). */
		if (icr & ICR_ASSERT || !(icr & ICR_LEVEL)) {
			local->exits[CL_EXIT_CPU_START]++;
			cpu_post(target, CPU_EV_WAIT);
		}
		break;
	case MODE_SIPI:
		local->exits[CL_EXIT_CPU_START]++;
		/* Only a CPU that waits looks at it, and clears waiting before it starts. */
		if (READ_ONCE(target->waiting) || READ_ONCE(target->events) & CPU_EV_WAIT) {
			target->start.kind = START_SIPI;
			target->start.address = (icr & 0xff) << 12;
			cpu_post(target, CPU_EV_START);
		}
		break;
	default:
		cell_denied("interrupt command", icr, 0);
	}
}

/* All commands: to each CPU of the cell that is meant. */
static __attribute__((noinline)) void icr_write_any(uint64_t icr)
{
	struct cell *cell = local->cpu->cell;
	uint32_t generation = READ_ONCE(logical_generation);
	unsigned int targets = 0;
	uint32_t target = 0;

	for_each_cpu_in(cell, i) {
		if (!is_target(&cpus[i], icr))
			continue;
		targets++;
		target = cpus[i].hw_id;
		deliver(&cpus[i], icr);
		if (ICR_MODE(icr) == MODE_LOWEST)
			break;
	}
	/* A command to CPUs of other cells, or to none, ends here: as if nobody were there. */
	if (!targets)
		cell_denied("interrupt command", icr, 0);
	if (targets == 1 && (icr & 0xc0f00) == ICR_LOGICAL) {
		local->last_logical.dest = ICR_DEST(icr);
		local->last_logical.target = target;
		local->last_logical.generation = generation;
	}
}

void apic_icr_write(uint64_t icr)
{
	struct cell *cell = local->cpu->cell;
	uint32_t dest = ICR_DEST(icr);

	/*
	 * The usual one: fixed, physical, to one CPU. Always edge-triggered: the end of a
	 * level-triggered interrupt is told to all IOAPICs, which would take it for a device's.
	 */
	if (likely(!(icr & (0xc0f00 | ICR_LEVEL)) && dest < sizeof(cpu_of_apic_id))) {
		unsigned int target, index = dest;

		/* The low 8 bits, also for a CPU that speculates past the check. */
		asm("" : "+r"(index));
		target = cpu_of_apic_id[(uint8_t)index];

		if (likely(target != 0xff && cell_has_cpu(cell, target))) {
			icr_send((uint32_t)icr, dest);
			return;
		}
	}
	/* Linux in flat mode: fixed, logical, to the one CPU that it was to before. */
	if (likely((icr & 0xc0f00) == ICR_LOGICAL && local->last_logical.dest == dest &&
		   local->last_logical.generation == READ_ONCE(logical_generation))) {
		icr_send((uint32_t)icr & 0xff, local->last_logical.target);
		return;
	}
	if (ICR_SHORTHAND(icr) == TO_SELF && ICR_MODE(icr) == MODE_FIXED) {
		icr_send((uint32_t)(icr & ~ICR_LEVEL), 0);
		return;
	}
	icr_write_any(icr);
}

/* The delivery modes SMI and INIT of a local vector are the platform's, not a cell's. */
static uint32_t moderate_lvt(uint32_t value)
{
	unsigned int mode = LVT_MODE(value);

	if (mode == MODE_FIXED || mode == MODE_NMI ||
	    (mode == LVT_EXTINT && local->cpu->cell == &root_cell))
		return value;
	/* Operating systems mask the PC's ExtINT at LINT0 whether there is a PIC or not. */
	if (!(value & LVT_MASKED))
		cell_denied("local vector", value, 0);
	return (value & ~0x700U) | LVT_MASKED;
}

/* Local vectors of the machine check banks and the like, which are root's. */
static bool is_root_lvt(unsigned int offset)
{
	return offset == REG_CMCI ||
	       (offset >= REG_EXT_LVT && offset < REG_EXT_END && !(offset & 0xf));
}

static __attribute__((noinline)) void mmio_write_any(unsigned int offset, uint32_t value)
{
	switch (offset) {
	case REG_TPR:
	case REG_SVR:
	case REG_ESR:
	case REG_DIVIDE:
		reg_write(offset, value);
		break;
	case REG_TIMER:
	case REG_THERMAL:
	case REG_PERF:
	case REG_LINT0:
	case REG_LINT1:
	case REG_ERROR:
		reg_write(offset, moderate_lvt(value));
		break;
	case REG_LDR:
		/*
		 * A cell's logical id counts for its own IPIs, which are sent physically. In the
		 * hardware it has none: root's devices that interrupt by logical id must not reach
		 * it.
		 */
		if (local->cpu->cell == &root_cell)
			reg_write(offset, value);
		local->cpu->arch.ldr = value & 0xff000000;
		forget_logical();
		break;
	case REG_DFR:
		reg_write(offset, value);
		local->cpu->arch.dfr = value | 0x0fffffff;
		forget_logical();
		break;
	default:
		/*
		 * Default deny. With the id of a foreign CPU this one would take interrupts and
		 * kicks that are not for it; AMD's extended registers turn interrupts off beyond a
		 * reset, or change the width of ids.
		 */
		if (local->cpu->cell == &root_cell && is_root_lvt(offset))
			reg_write(offset, moderate_lvt(value));
		else
			cell_denied("write to APIC register", offset, value);
	}
}

void apic_mmio_write(unsigned int offset, uint32_t value)
{
	if (offset == REG_EOI || offset == REG_COUNT || offset == REG_ICR2)
		reg_write(offset, value);
	else if (offset == REG_ICR)
		apic_icr_write((uint64_t)(reg_read(REG_ICR2) >> 24) << 32 | (value & ICR_COMMAND));
	else
		mmio_write_any(offset, value);
}

uint32_t apic_mmio_read(unsigned int offset)
{
	return offset & 0xf ? 0 : reg_read(offset);
}

bool apic_msr_write(uint32_t msr, uint64_t value)
{
	switch ((msr - MSR_X2APIC) * 16) {
	case REG_ICR:
		if ((uint32_t)value & ~ICR_COMMAND)
			return false;
		apic_icr_write(value);
		return true;
	case REG_CMCI:
		if (local->cpu->cell != &root_cell)
			return false;
		/* fall through */
	case REG_TIMER:
	case REG_THERMAL:
	case REG_PERF:
	case REG_LINT0:
	case REG_LINT1:
	case REG_ERROR:
		return !(value >> 32) && x86_wrmsr_safe(msr, moderate_lvt((uint32_t)value));
	default:
		return false;
	}
}
