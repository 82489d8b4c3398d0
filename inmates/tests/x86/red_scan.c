// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Attacks that look at everything there is and stay alive. Command line: what= one of
 *
 *   ports	every I/O port, read and written with 1, 2 and 4 bytes; string instructions
 *   msrs	every MSR of the three ranges that CPUs have, a sample of all others
 *   cpuid	leaves that could show what the cell does not have
 *
 * The tables here say what a cell may have; they are written from the documentation, not made from
 * the hypervisor's.
 */
#include "attack.h"

#define COM1	    0x3f8
#define PCI_ADDRESS 0xcf8

/* Neither a command that resets or powers off something, nor the enable bit of port 0xcf8. */
#define PATTERN 0x5a5a5a5aU

static bool own_port(uint32_t port, unsigned int width)
{
	return (width == 1 && port >= COM1 && port < COM1 + 8) ||
	       (width == 4 && port == PCI_ADDRESS);
}

static void scan_ports(unsigned int width)
{
	uint32_t port, value, ones = width == 4 ? ~0U : (1U << 8 * width) - 1;

	for (port = 0; port < 0x10000; port++) {
		if (own_port(port, width)) {
			survived();
			continue;
		}
		if (width == 1)
			value = inb(port);
		else if (width == 2)
			value = inw(port);
		else
			value = inl(port);
		expect_refused(value == ones, "read of port", port, value);
		if (width == 1)
			outb(port, (uint8_t)PATTERN);
		else if (width == 2)
			outw(port, (uint16_t)PATTERN);
		else
			outl(port, PATTERN);
		/* Whether something has noticed the write is for root to see. */
		refused();
	}
}

static void ports(void)
{
	static uint8_t buffer[16];
	uint32_t port;

	scan_ports(1);
	scan_ports(2);
	scan_ports(4);
	for (port = 0; port < 0x10000; port += 7) {
		const void *at = buffer;

		expect_refused(TRY("insb", "d"(port), "D"(at)) == GP, "INSB from port", port, 0);
		expect_refused(TRY("outsl", "d"(port), "S"(at)) == GP, "OUTSD to port", port, 0);
		expect_refused(TRY("rep insw", "d"(port), "D"(at), "c"(4)) == GP,
			       "REP INSW from port", port, 0);
	}
}

struct msr_range {
	uint32_t first, last;
};

/* docs/architecture.md, "What is moderated", and hypervisor/arch/x86/msr.c */
static const struct msr_range own[] = {
	{ 0x10, 0x10 },
	{ 0x48, 0x49 },
	{ 0x10b, 0x10b }, /* flush of the L1 data cache */
	{ 0x174, 0x176 },
	{ 0x1c4, 0x1c5 }, /* extended states that are switched off */
	{ 0x277, 0x277 },
	{ 0x6a0, 0x6a8 },
	{ 0x6e0, 0x6e0 }, /* TSC deadline */
	{ 0xc0000080, 0xc0000084 },
	{ 0xc0000100, 0xc0000103 },
};

static const struct msr_range readable[] = {
	{ 0x1b, 0x1b },
	{ 0x8b, 0x8b },
	{ 0xe7, 0xe8 },
	{ 0xfe, 0xfe },
	{ 0x1a0, 0x1a0 }, /* Intel's MISC_ENABLE */
	{ 0x200, 0x20f },
	{ 0x250, 0x250 },
	{ 0x258, 0x259 },
	{ 0x268, 0x26f },
	{ 0x2ff, 0x2ff },
	{ 0xc0010015, 0xc0010015 },
	{ 0xc0010064, 0xc001006b }, /* P-states */
	{ 0xc0010114, 0xc0010114 }, /* VM_CR, which says that there is no SVM */
};

/* What of the chip is not shown, and machine checks, which are root's: 0, or not there. */
static const struct msr_range zero[] = {
	{ 0x179, 0x17a },
	{ 0xc0010010, 0xc0010010 }, /* SYSCFG */
	{ 0xc001001f, 0xc001001f }, /* NB_CFG */
};

/* Some values can be written, without effect: microcode level, MISC_ENABLE, MTRRs off and on. */
static const struct msr_range without_effect[] = {
	{ 0x8b, 0x8b },
	{ 0x1a0, 0x1a0 },
	{ 0x2ff, 0x2ff },
};

/* Intel's: locked, and nothing is enabled */
#define MSR_FEATURE_CONTROL 0x3aU

/* The local APIC in x2APIC mode: red_apic.c */
#define X2APIC_FIRST 0x800U
#define X2APIC_LAST  0x8ffU

#define in_table(table, msr) in_ranges(table, sizeof(table) / sizeof((table)[0]), msr)
static bool in_ranges(const struct msr_range *ranges, unsigned int count, uint32_t msr)
{
	for (; count; count--, ranges++)
		if (msr >= ranges->first && msr <= ranges->last)
			return true;
	return false;
}

static void attack_msr(uint32_t msr)
{
	static const uint64_t values[] = { 0, ~0ULL, 0x0123456789abcdef };
	uint64_t value, after;
	unsigned int fault, i;

	if (apic_is_x2() && msr >= X2APIC_FIRST && msr <= X2APIC_LAST)
		return;
	fault = rdmsr_safe(msr, &value);
	if (in_table(own, msr)) {
		if (!fault)
			wrmsr_safe(msr, value);
		survived();
		return;
	}
	if (has_vmcall && msr == MSR_FEATURE_CONTROL)
		expect_refused(!fault && value == 1, "VMX is not locked off", msr, value);
	else if (in_table(readable, msr))
		survived();
	else if (in_table(zero, msr))
		expect_refused(fault == GP || !value, "read of MSR", msr, value);
	else
		expect_refused(fault == GP, "read of MSR", msr, value);
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		fault = wrmsr_safe(msr, values[i]);
		expect_refused(fault == GP || (in_table(without_effect, msr) &&
					       !rdmsr_safe(msr, &after) && after == value),
			       "write to MSR", msr, values[i]);
	}
}

static void msrs(void)
{
	static const struct msr_range ranges[] = { { 0, 0x1fff },
						   { 0xc0000000, 0xc0001fff },
						   { 0xc0010000, 0xc0011fff } };
	uint32_t msr;
	unsigned int i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		for (msr = ranges[i].first; msr <= ranges[i].last; msr++)
			attack_msr(msr);
	/* Each power of two and its neighbours, which the bitmap could take for others, and a
	 * sample. */
	for (i = 14; i < 32; i++)
		for (msr = (1U << i) - 1; msr <= (1U << i) + 1; msr++)
			attack_msr(msr);
	random_seed();
	for (i = 0; i < 5000; i++)
		attack_msr((uint32_t)random64());
}

static void attack_cpuid(uint32_t leaf, uint32_t subleaf)
{
	uint32_t a, b, c, d, highest, unused;
	bool fine = true;

	cpuid(leaf, subleaf, &a, &b, &c, &d);
	if (leaf == 1)
		fine = c >> 31 && (apic_is_x2() || !(c & 1U << 21)) &&
		       !(c & 3U << 5); /* VMX, SMX */
	else if (leaf == 0x80000001)
		fine = !(c & 1U << 2); /* SVM */
	else if (leaf == 0x8000000a) {
		/* Behind the last one, Intel's CPUs answer as for another. */
		cpuid(0x80000000, 0, &highest, &unused, &unused, &unused);
		fine = leaf > highest || (!a && !b && !c && !d);
	} else if (leaf == 0x40000100)
		/* KVM's signature */
		fine = (a == 0x40000101 && b == 0x4b4d564b && c == 0x564b4d56 && d == 0x4d) ||
		       (!a && !b && !c && !d);
	else if (leaf == 0x40000101)
		/* and of its features no delays and the clock */
		fine = (!a || a == (1U << 1 | 1U << 3 | 1U << 24)) && !b && !c && !d;
	else if (leaf >> 28 == 4 && leaf != 0x40000000)
		fine = !a && !b && !c && !d;
	expect_refused(fine, "CPUID leaf", leaf, (uint64_t)c << 32 | d);
}

static void cpuids(void)
{
	static const uint32_t starts[] = { 0,	       0x20000000, 0x40000000, 0x40000100,
					   0x4fffff00, 0x80000000, 0x80860000, 0x8fffffff,
					   0xc0000000, 0xffffff00 };
	uint32_t i, j, sub;

	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		for (j = 0; j < 0x100; j++)
			for (sub = 0; sub < 4; sub++)
				attack_cpuid(starts[i] + j, sub);
	random_seed();
	for (i = 0; i < 10000; i++)
		attack_cpuid((uint32_t)random64(), (uint32_t)random64());
}

static const struct attack attacks[] = {
	{ "ports", ports },
	{ "msrs", msrs },
	{ "cpuid", cpuids },
};

void inmate_main(void)
{
	run_attack(attacks);
}
