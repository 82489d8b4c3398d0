// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Attacks that look at everything there is and stay alive. Command line: what= one of
 *
 *   sysregs	every encoding of MRS and MSR
 *   system	every encoding of SYS: cache maintenance, address translation, TLBs, and what others
 *		have there
 *   vectors	vector registers of the CPU's last owner
 *
 * The tables here say what a cell may have; they are written from the architecture manual (Arm DDI
 * 0487, D24) and that of the Cortex-A72, not made from the hypervisor's.
 */
#include "attack.h"

/* Encodings, with the last of a range. */
struct range {
	uint32_t first, last;
};

#define REG(op1, crn, crm, op2)                                                                \
	{                                                                                      \
		SYSTEM_REGISTER(3, op1, crn, crm, op2), SYSTEM_REGISTER(3, op1, crn, crm, op2) \
	}
#define REGS(op1, crn, crm, op2, last_crm, last_op2)                     \
	{                                                                \
		SYSTEM_REGISTER(3, op1, crn, crm, op2),                  \
			SYSTEM_REGISTER(3, op1, crn, last_crm, last_op2) \
	}

/* What is the cell's own: read, and written with what was read or 0. */
static const struct range own[] = {
	REG(0, 1, 0, 0),	 /* SCTLR */
	REG(0, 1, 0, 2),	 /* CPACR */
	REGS(0, 2, 0, 0, 0, 2),	 /* TTBR0, TTBR1, TCR */
	REGS(0, 4, 0, 0, 0, 1),	 /* SPSR, ELR */
	REG(0, 4, 1, 0),	 /* SP_EL0 */
	REG(0, 4, 2, 0),	 /* SPSel */
	REGS(0, 5, 1, 0, 1, 1),	 /* AFSR0, AFSR1 */
	REG(0, 5, 2, 0),	 /* ESR */
	REG(0, 6, 0, 0),	 /* FAR */
	REG(0, 7, 4, 0),	 /* PAR */
	REG(0, 10, 2, 0),	 /* MAIR */
	REG(0, 10, 3, 0),	 /* AMAIR */
	REG(0, 12, 0, 0),	 /* VBAR */
	REG(0, 13, 0, 1),	 /* CONTEXTIDR */
	REG(0, 13, 0, 4),	 /* TPIDR_EL1 */
	REG(0, 14, 1, 0),	 /* CNTKCTL */
	REG(2, 0, 0, 0),	 /* CSSELR */
	REGS(3, 4, 2, 0, 2, 1),	 /* NZCV, DAIF */
	REGS(3, 4, 4, 0, 4, 1),	 /* FPCR, FPSR */
	REGS(3, 4, 5, 0, 5, 1),	 /* DSPSR, DLR: in debug state only */
	REGS(3, 13, 0, 2, 0, 3), /* TPIDR_EL0, TPIDRRO_EL0 */
	REGS(3, 14, 2, 0, 3, 2), /* CNTP_*, CNTV_* */
};

/* The interrupt controller's (IHI 0069, 12.2), which a machine with GICv2 does not have. */
static const struct range own_interface[] = {
	REG(0, 4, 6, 0),	   /* ICC_PMR */
	REGS(0, 12, 8, 0, 8, 7),   /* group 0 and AP0: virtual ones */
	REGS(0, 12, 9, 0, 9, 3),   /* AP1 */
	REG(0, 12, 11, 1),	   /* ICC_DIR */
	REG(0, 12, 11, 3),	   /* ICC_RPR */
	REG(0, 12, 11, 5),	   /* ICC_SGI1R */
	REGS(0, 12, 12, 0, 12, 7), /* group 1, ICC_CTLR, ICC_SRE, ICC_IGRPEN0 and 1 */
};

static const struct range readable[] = {
	REGS(0, 0, 0, 0, 7, 7),	 /* identification */
	REG(0, 4, 2, 2),	 /* CurrentEL */
	REG(0, 12, 0, 1),	 /* RVBAR */
	REG(0, 12, 1, 0),	 /* ISR */
	REGS(1, 0, 0, 0, 0, 7),	 /* CCSIDR, CLIDR, AIDR */
	REG(3, 0, 0, 1),	 /* CTR */
	REG(3, 0, 0, 7),	 /* DCZID */
	REGS(3, 14, 0, 0, 0, 2), /* CNTFRQ, CNTPCT, CNTVCT */
};

/* Read as 0, and stay that. */
static const struct range nothing[] = {
	{ SYSTEM_REGISTER(2, 0, 0, 2, 2), SYSTEM_REGISTER(2, 0, 0, 2, 2) }, /* MDSCR */
	{ SYSTEM_REGISTER(2, 0, 1, 0, 4), SYSTEM_REGISTER(2, 0, 1, 0, 4) }, /* OSLAR */
	{ SYSTEM_REGISTER(2, 0, 1, 3, 4), SYSTEM_REGISTER(2, 0, 1, 3, 4) }, /* OSDLR */
	REG(0, 1, 0, 1),						    /* ACTLR */
	REG(3, 9, 12, 0),						    /* PMCR */
	REG(3, 9, 14, 0),						    /* PMUSERENR */
};

/* DBGBVR<n>, DBGBCR<n>, DBGWVR<n>, DBGWCR<n>: CRm is n, and bit 2 of op2 is set. */
static bool is_watchpoint(uint32_t reg)
{
	return reg >= SYSTEM_REGISTER(2, 0, 0, 0, 4) && reg <= SYSTEM_REGISTER(2, 0, 0, 15, 7) &&
	       reg & SYSTEM_REGISTER(0, 0, 0, 0, 4);
}

#define in_table(table, reg) in_ranges(table, sizeof(table) / sizeof((table)[0]), reg)
static bool in_ranges(const struct range *ranges, unsigned int count, uint32_t reg)
{
	for (; count; count--, ranges++)
		if (reg >= ranges->first && reg <= ranges->last)
			return true;
	return false;
}

static void attack_register(uint32_t reg)
{
	static const uint64_t values[] = { 0, ~0ULL, 0x0123456789abcdef };
	struct outcome got = run_with(MRS(reg), 0);
	unsigned int i;

	if (in_table(own, reg) || (comm->gic_version == 3 && in_table(own_interface, reg))) {
		run_with(MSR(reg), got.fault ? 0 : got.value);
		survived();
		return;
	}
	if (in_table(nothing, reg) || is_watchpoint(reg)) {
		run_with(MSR(reg), ~0ULL);
		got = run_with(MRS(reg), 0);
		expect_refused(!got.value, "register", reg, got.value);
		return;
	}
	if (in_table(readable, reg))
		survived();
	else
		expect_refused(got.fault == UNKNOWN, "read of register", reg, got.value);
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		expect_refused(run_with(MSR(reg), values[i]).fault == UNKNOWN, "write to register",
			       reg, values[i]);
}

static void sysregs(void)
{
	uint32_t reg;

	for (reg = SYSTEM_REGISTER(2, 0, 0, 0, 0); reg <= SYSTEM_REGISTER(3, 7, 15, 15, 7);
	     reg += SYSTEM_REGISTER(0, 0, 0, 0, 1))
		attack_register(reg);
}

/* Where instructions with an address work. */
static uint8_t scratch[4096] __attribute__((aligned(4096)));

/* Op1, CRn, CRm, Op2 of SYS that EL1 has: DDI 0487, C5.3 to C5.5. */
static bool own_operation(uint32_t operation)
{
	unsigned int op1 = operation >> 16 & 7, crn = operation >> 12 & 0xf;
	unsigned int crm = operation >> 8 & 0xf;

	if (crn == 8) /* TLBI of EL1 */
		return op1 == 0 && (crm == 3 || crm == 7);
	if (crn != 7)
		return false;
	/* IC, DC, AT S1E0 and S1E1; at EL0 */
	return (op1 == 0 &&
		(crm == 1 || crm == 5 || crm == 6 || crm == 8 || crm == 10 || crm == 14)) ||
	       (op1 == 3 && (crm == 4 || crm == 5 || crm == 10 || crm == 11 || crm == 14));
}

static void attack_operation(uint32_t operation)
{
	/* SYS with an address, and SYSL, which nobody has. */
	struct outcome got = run_with(MSR(operation), (uintptr_t)scratch);

	if (own_operation(operation))
		survived();
	else
		expect_refused(got.fault == UNKNOWN, "operation", operation, 0);
	got = run_with(MRS(operation), 0);
	expect_refused(got.fault == UNKNOWN, "operation with result", operation, got.value);
}

static void operations(void)
{
	uint32_t operation;

	for (operation = SYSTEM_REGISTER(1, 0, 0, 0, 0);
	     operation <= SYSTEM_REGISTER(1, 7, 15, 15, 7);
	     operation += SYSTEM_REGISTER(0, 0, 0, 0, 1))
		attack_operation(operation);
}

/* FMOV X0, Dn and V.d[1]; FMOV to both: looked at, and left for the next owner to find. */
#define FMOV_FROM_LOW(n)  (0x9e660000 | (n) << 5)
#define FMOV_FROM_HIGH(n) (0x9eae0000 | (n) << 5)
#define FMOV_TO_LOW(n)	  (0x9e670000 | (n))
#define FMOV_TO_HIGH(n)	  (0x9eaf0000 | (n))

static void vectors(void)
{
	uint32_t n;

	write_sysreg(cpacr_el1, 3UL << 20);
	isb();
	for (n = 0; n < 32; n++) {
		uint64_t low = run_with(FMOV_FROM_LOW(n), 1).value;
		uint64_t high = run_with(FMOV_FROM_HIGH(n), 1).value;

		expect_refused(!low && !high, "vector register", n, low | high);
		run_with(FMOV_TO_LOW(n), ~0UL);
		run_with(FMOV_TO_HIGH(n), ~0UL);
		/* That it would have been seen. */
		low = run_with(FMOV_FROM_LOW(n), 0).value;
		high = run_with(FMOV_FROM_HIGH(n), 0).value;
		if (~(low & high))
			succeeded("vector register that is not kept", n, low & high);
	}
}

static const struct attack attacks[] = {
	{ "sysregs", sysregs },
	{ "system", operations },
	{ "vectors", vectors },
};

void inmate_main(void)
{
	run_attack(attacks);
}
