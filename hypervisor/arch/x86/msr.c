// SPDX-License-Identifier: GPL-2.0
/*
 * Model-specific registers: default deny, the tables below are what is allowed. APM vol. 2,
 * appendix A. A register that a guest may neither read nor write raises #GP, as if it were not
 * there.
 */
#include <vendor.h>
#include <x86.h>

struct msr_range {
	uint32_t first, last;
};

/* Per-CPU registers of the guest that the CPU saves or that concern nobody else: no exit. */
static const struct msr_range own_registers[] = {
	{ 0x48, 0x49 }, /* SPEC_CTRL, PRED_CMD */
	{ MSR_FLUSH_CMD, MSR_FLUSH_CMD },
	{ 0x174, 0x176 },     /* SYSENTER_CS, ESP, EIP */
	{ MSR_PAT, MSR_PAT }, /* the guest's own with nested paging, APM 15.25.8 */
	{ MSR_XFD, MSR_XFD_ERR },
	{ 0x6a0, 0x6a8 },			/* CET */
	{ MSR_TSC_DEADLINE, MSR_TSC_DEADLINE }, /* until the guest sets its TSC */
	{ 0xc0000081, 0xc0000084 },		/* STAR, LSTAR, CSTAR, SFMASK */
	{ 0xc0000100, 0xc0000103 },		/* FS base, GS base, KERNEL_GS base, TSC_AUX */
};

/* x2APIC registers that concern this CPU alone: TPR to EOI, SVR, ESR, timer count, SELF IPI. */
static const struct msr_range own_x2apic[] = {
	{ 0x808, 0x80b }, { 0x80f, 0x80f }, { 0x828, 0x828 }, { 0x838, 0x838 }, { 0x83e, 0x83f },
};

/* Cells read these as they are. */
static const struct msr_range cell_reads[] = {
	{ MSR_TSC, MSR_TSC },
	{ MSR_MICROCODE, MSR_MICROCODE },
	{ 0xe7, 0xe8 },	  /* MPERF, APERF */
	{ 0xfe, 0xfe },	  /* MTRRcap */
	{ 0x200, 0x20f }, /* MTRRs */
	{ 0x250, 0x250 },
	{ 0x258, 0x259 },
	{ 0x268, 0x26f },
	{ MSR_MTRR_TYPE, MSR_MTRR_TYPE },
	{ 0x802, 0x803 },	    /* x2APIC id, version */
	{ 0x80d, 0x80d },	    /* LDR */
	{ 0x810, 0x827 },	    /* ISR, TMR, IRR */
	{ 0x830, 0x830 },	    /* ICR */
	{ 0x832, 0x837 },	    /* local vectors */
	{ 0x839, 0x839 },	    /* timer count */
	{ 0xc0010015, 0xc0010015 }, /* HWCR */
	{ 0xc0010064, 0xc001006b }, /* P-states */
};

/*
 * Root is the machine's owner: it reads what there is, and writes what an operating system has to,
 * on AMD's and on Intel's CPUs: where the numbers of both mean different things neither is allowed.
 * Not in the list: registers of virtualisation itself, SMM (SMBASE, SMMADDR, ...), SYSCFG, TOP_MEM,
 * IORRs, microcode, voltages, processor trace (it writes to physical addresses) and event-based
 * sampling (PEBS, to linear ones, the hypervisor's too), which could change the ground under the
 * hypervisor.
 */
static const struct msr_range root_writes[] = {
	{ 0x33, 0x33 },			  /* split locks */
	{ MSR_MICROCODE, MSR_MICROCODE }, /* cleared before CPUID puts the level there */
	{ 0xc1, 0xc8 },			  /* performance counters */
	{ 0xe1, 0xe2 },			  /* waiting in user mode, C-states */
	{ 0xe7, 0xe8 },			  /* MPERF, APERF */
	{ 0x122, 0x123 },		  /* TSX, microcode's mitigations */
	{ 0x140, 0x140 },		  /* faulting CPUID, monitor/mwait of user mode */
	{ 0x179, 0x17b },		  /* machine check */
	{ 0x186, 0x18d },		  /* performance events */
	{ 0x199, 0x19c }, /* P-state, clock modulation, thermal interrupt and status */
	{ 0x1a6, 0x1a7 }, /* performance events */
	{ 0x1ad, 0x1ad }, /* turbo */
	{ 0x1b0, 0x1b2 }, /* energy, thermal */
	{ 0x1c8, 0x1c9 }, /* last branches */
	{ MSR_DEBUGCTL, MSR_DEBUGCTL },
	{ 0x1fc, 0x1fc },
	{ 0x200, 0x26f }, /* MTRRs */
	{ 0x2ff, 0x2ff },
	{ 0x280, 0x29f }, /* CMCI */
	{ 0x309, 0x30c }, /* performance counters */
	{ 0x329, 0x329 },
	{ 0x38d, 0x390 },
	{ 0x3f6, 0x3f7 },
	{ 0x400, 0x47f }, /* machine check banks */
	{ 0x4c1, 0x4c8 }, /* performance counters */
	{ 0x600, 0x600 },
	{ 0x610, 0x610 }, /* power limits */
	{ 0x638, 0x642 },
	{ 0x680, 0x69f }, /* last branches */
	{ 0x6c0, 0x6df },
	{ 0x770, 0x777 }, /* P-states by hardware */
	{ 0x832, 0x832 }, /* x2APIC timer vector: moderated for cells */
	{ 0xc81, 0xcff }, /* cache allocation */
	{ 0xd10, 0xd7f },
	{ 0xc0000108, 0xc0000108 }, /* prefetch control */
	{ 0xc0000200, 0xc000020f }, /* bandwidth */
	{ 0xc0000300, 0xc0000302 }, /* performance counters, global */
	{ 0xc0002000, 0xc0002fff }, /* scalable machine check banks: only those in the bitmap */
	{ 0xc0010000, 0xc0010007 }, /* performance counters */
	{ 0xc0010015, 0xc0010015 }, /* HWCR */
	{ 0xc0010044, 0xc0010048 }, /* machine check masks */
	{ 0xc0010055, 0xc0010055 }, /* interrupt pending */
	{ 0xc0010062, 0xc0010063 }, /* P-state */
	{ 0xc0010200, 0xc001020b }, /* performance counters */
	{ 0xc00102b0, 0xc00102b4 }, /* CPPC */
	{ 0xc0011019, 0xc001101b }, /* debug masks */
	{ 0xc0011020, 0xc0011029 }, /* LS, IC, DE configuration: erratum work-arounds */
	{ 0xc001102a, 0xc001103d }, /* instruction-based sampling */
};

static void allow(unsigned char *bitmap, const struct msr_range *ranges, unsigned int count,
		  unsigned int accesses)
{
	for (; count; count--, ranges++)
		vendor_msr_exits(bitmap, ranges->first, ranges->last, accesses, false);
}

#define ALLOW(bitmap, ranges, accesses) allow(bitmap, ranges, ARRAY_SIZE(ranges), accesses)

static void intercept(unsigned char *bitmap, uint32_t msr)
{
	vendor_msr_exits(bitmap, msr, msr, MSR_READ | MSR_WRITE, true);
}

void msr_policy(unsigned char *bitmap, bool root)
{
	memset(bitmap, 0xff, MSR_BITMAP_BYTES);
	if (root) {
		static const struct msr_range all[] = { { 0, 0x1fff },
							{ 0xc0000000, 0xc0001fff },
							{ 0xc0010000, 0xc0011fff } };

		ALLOW(bitmap, all, MSR_READ);
		ALLOW(bitmap, root_writes, MSR_WRITE);
	} else {
		ALLOW(bitmap, cell_reads, MSR_READ);
	}
	ALLOW(bitmap, own_registers, MSR_READ | MSR_WRITE);
	if (x2apic_mode)
		ALLOW(bitmap, own_x2apic, MSR_READ | MSR_WRITE);
	intercept(bitmap, MSR_APIC_BASE);
	intercept(bitmap, MSR_EFER);
	for (unsigned int i = 0; i < vendor_msr_count; i++)
		intercept(bitmap, vendor_msrs[i]);
}

void msr_init_cell(struct cell *cell)
{
	msr_policy(cell->arch.msr_bitmap, cell == &root_cell);
}

/* A function of its own, so that the frequent ways need not save registers for it. */
static __attribute__((noinline)) bool msr_read_any(uint32_t msr, uint64_t *value)
{
	if (msr == MSR_TSC_DEADLINE) {
		*value = rdmsr(msr);
		if (*value)
			*value += guest_tsc_offset();
		return true;
	}
	if (vendor_msr_read(msr, value))
		return true;
	/* Machine checks are root's. Systems that find the feature read how many banks there are. */
	if (local->cpu->cell != &root_cell && (msr == MSR_MCG_CAP || msr == MSR_MCG_STATUS)) {
		*value = 0;
		return true;
	}
	cell_denied("read of MSR", msr, 0);
	return false;
}

bool msr_read(uint32_t msr, uint64_t *value)
{
	local->exits[CL_EXIT_SYSREG_READ]++;
	if (msr == MSR_APIC_BASE) {
		*value = local->apic_base;
		return true;
	}
	if (msr == MSR_EFER) {
		*value = guest_efer();
		return true;
	}
	return msr_read_any(msr, value);
}

/*
 * Bits of EFER that this CPU has and a guest can change, APM vol. 2, 3.1.7; VMRUN refuses a guest
 * with others (15.5.1). Not LMSLE: new CPUs have lost it, and nobody needs it.
 */
static uint64_t efer_settable(void)
{
	uint64_t bits = BIT(0) | EFER_LME | EFER_NXE;
	uint32_t highest, a, b, c, d;

	cpuid(0x80000000, 0, &highest, &b, &c, &d);
	cpuid(0x80000001, 0, &a, &b, &c, &d);
	bits |= d & BIT(25) ? BIT(14) : 0; /* FFXSR */
	bits |= c & BIT(17) ? BIT(15) : 0; /* TCE */
	if (highest >= 0x80000021) {
		cpuid(0x80000021, 0, &a, &b, &c, &d);
		bits |= a & BIT(8) ? BIT(21) : 0; /* automatic IBRS */
	}
	return bits;
}

/* Northbridge configuration: extended registers through ports 0xcf8 and 0xcfc */
#define NB_CFG_CF8_EXT BIT(46)

/*
 * State that XRSTORS may load: PASID, CET, HDC, LBR, HWP. Not processor trace (bit 8): its registers
 * would be written past the bitmap, and it writes to physical addresses (SDM vol. 1, 13.5.6).
 */
#define XSS_ALLOWED (BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(15) | BIT(16))

static bool write_efer(uint64_t value)
{
	uint64_t old = guest_efer(), settable = efer_settable();

	if (value & ~(settable | EFER_LMA))
		return false;
	/* LME cannot change while paging is on (APM 14.6.1); LMA follows the CPU. */
	if ((value ^ old) & EFER_LME && guest_cr0() & CR0_PG)
		return false;
	guest_set_efer((value & settable) | (old & EFER_LMA));
	return true;
}

/*
 * The APIC's timer compares its deadline with the real TSC, which this cell's CPUs no longer read.
 * Without such a timer the register is left to the CPU, to which it is unknown.
 */
static void translate_deadline(void)
{
	uint32_t a, b, c, d;

	cpuid(1, 0, &a, &b, &c, &d);
	if (c & BIT(24))
		vendor_msr_exits(local->cpu->cell->arch.msr_bitmap, MSR_TSC_DEADLINE,
				 MSR_TSC_DEADLINE, MSR_READ | MSR_WRITE, true);
}

#define MTRR_ENABLE  (BIT(10) | BIT(11))
#define MTRR_DEFAULT 0xffUL

/*
 * Writes of a cell without effect, which operating systems make without a way out. The microcode
 * level is cleared before CPUID sets it; it is there already. MTRRs are
 * switched off and on around a change of the PAT; what they say of a cell's memory the second-level
 * tables say, too. And on CPUs where the other register reads as 0, each Linux sets a bit for ports
 * that a cell does not have.
 */
static bool without_effect(uint32_t msr, uint64_t value)
{
	uint64_t is;

	if (local->cpu->cell == &root_cell)
		return false;
	if (msr == MSR_MTRR_TYPE)
		return value == rdmsr(msr) || value == (rdmsr(msr) & ~(MTRR_ENABLE | MTRR_DEFAULT));
	if (msr == MSR_MICROCODE)
		return !value;
	if (msr == MSR_MISC_ENABLE)
		return vendor_msr_read(msr, &is) && value == is;
	return msr == MSR_NB_CFG && value == NB_CFG_CF8_EXT && vendor_msr_read(msr, &is);
}

/*
 * Root's clock is the CPU's, and its own to set; the hypervisor's is not. The time that this takes
 * is not counted: so root can hold that clock up for a moment, but never advance it.
 */
static bool write_root_tsc(uint32_t msr, uint64_t value)
{
	uint64_t before = rdtsc();
	bool done = x86_wrmsr_safe(msr, value);

	local->tsc_moved += rdtsc() - before;
	return done;
}

bool msr_write(uint32_t msr, uint64_t value)
{
	uint64_t *exits = local->exits;

	if (x2apic_mode && msr >= MSR_X2APIC && msr < MSR_X2APIC + 0x100) {
		exits[msr == MSR_X2APIC + 0x30 ? CL_EXIT_IPI : CL_EXIT_SYSREG_WRITE]++;
		if (apic_msr_write(msr, value))
			return true;
		cell_denied("write to x2APIC register", msr, value);
		return false;
	}
	exits[CL_EXIT_SYSREG_WRITE]++;
	switch (msr) {
	case MSR_EFER:
		return write_efer(value);
	case MSR_TSC_ADJUST:
		if (local->cpu->cell != &root_cell)
			break;
		return write_root_tsc(msr, value);
	case MSR_TSC:
		if (local->cpu->cell == &root_cell)
			return write_root_tsc(msr, value);
		/* A cell's own view: root's clock stays right when the CPU comes back. */
		guest_set_tsc(value);
		translate_deadline();
		return true;
	case MSR_TSC_DEADLINE:
		return x86_wrmsr_safe(msr, value ? value - guest_tsc_offset() : 0);
	case MSR_NB_CFG:
		/* The node's, not the CPU's. Linux sets this bit on each CPU that comes online. */
		if (local->cpu->cell != &root_cell)
			break;
		return x86_wrmsr_safe(msr,
				      (rdmsr(msr) & ~NB_CFG_CF8_EXT) | (value & NB_CFG_CF8_EXT));
	case MSR_MISC_ENABLE:
		/* Hides what the hypervisor uses itself: execute disable, CPUID leaves above 3. */
		if (local->cpu->cell != &root_cell || value & (BIT(34) | BIT(22)))
			break;
		return x86_wrmsr_safe(msr, value);
	case MSR_XSS:
		if (local->cpu->cell != &root_cell || value & ~XSS_ALLOWED)
			break;
		return x86_wrmsr_safe(msr, value);
	case MSR_APIC_BASE:
		/* Mode and address are those of the whole machine. */
		if (value == local->apic_base)
			return true;
		break;
	}
	if (kvm_clock_write(msr, value) || without_effect(msr, value))
		return true;
	cell_denied("write to MSR", msr, value);
	return false;
}
