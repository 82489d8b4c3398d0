// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Attacks by the local APIC. Command line: what= one of
 *
 *   ipis	interrupt commands to every destination, in every delivery mode
 *   lvts	every delivery mode in every local vector
 *   apic-regs	every register of the APIC, three values each; its id
 *   apic-mode	APIC mode and base address
 *   levels	IPIs with level trigger, whose end would be told to all IOAPICs
 *   pending	interrupts of all vectors, left in the APIC for the next owner of the CPU
 *   in-service	the same, half of them in service
 *
 * That nothing arrived elsewhere is for root and the other cell to see.
 */
#include "attack.h"

#define ICR_LOGICAL	 (1U << 11)
#define ICR_ASSERT	 (1U << 14)
#define ICR_LEVEL	 (1U << 15)
#define ICR_SHORTHAND(n) ((uint32_t)(n) << 18)
#define ICR_MODE(n)	 ((uint32_t)(n) << 8)
#define MODE_INIT	 5U
#define MODE_STARTUP	 6U

#define TO_SELF	  1U
#define TO_ALL	  2U
#define TO_OTHERS 3U

#define VECTOR	    0x50U
#define MSR_X2APIC  0x800U
#define MSR_BASE    0x1bU
#define APIC_LDR    0xd0U
#define APIC_DFR    0xe0U
#define APIC_TMR    0x180U
#define APIC_LVT(n) (0x320U + 0x10U * (n)) /* timer, thermal, performance, LINT0, LINT1, error */
#define APIC_CMCI   0x2f0U
#define LVT_MASKED  0x10000U

static volatile unsigned int arrived;

static void on_interrupt(void)
{
	arrived++;
}

/* Interrupts of all vectors are counted, so that none stops the inmate. */
static void catch_all(void)
{
	unsigned int vector;

	interrupt_handler(2, on_interrupt);
	for (vector = 0x20; vector < 0xff; vector++)
		interrupt_handler((uint8_t)vector, on_interrupt);
}

/* As apic_send(), but what is refused with an exception is an answer. */
static unsigned int send(uint32_t dest, uint32_t command)
{
	if (apic_is_x2())
		return wrmsr_safe(MSR_X2APIC + (APIC_ICR >> 4), (uint64_t)dest << 32 | command);
	apic_write(APIC_ICR_HI, dest << 24);
	apic_write(APIC_ICR, command);
	return 0;
}

/* Can this command mean the sender, by the rules of the APIC? */
static bool means_self(uint32_t dest, uint32_t command)
{
	if (!apic_is_x2())
		dest &= 0xff;
	switch (command >> 18 & 3) {
	case TO_SELF:
	case TO_ALL:
		return true;
	case TO_OTHERS:
		return false;
	}
	if (command & ICR_LOGICAL) {
		if (apic_is_x2())
			return dest == ~0U ||
			       (dest >> 16 == apic_id() >> 4 && dest & 1U << (apic_id() & 15));
		return dest == 0xff; /* this inmate has no logical id */
	}
	return dest == apic_id() || dest == (apic_is_x2() ? ~0U : 0xffU);
}

static void attack_ipi(uint32_t dest, uint32_t command)
{
	unsigned int mode = command >> 8 & 7, before = arrived;
	bool self = means_self(dest, command);

	/* A CPU that resets itself ends the attack; red_cpu.c does that. */
	if (self && (mode == MODE_INIT || mode == MODE_STARTUP))
		return;
	send(dest, command);
	interrupts_on();
	cpu_relax();
	interrupts_off();
	if (self)
		survived();
	else
		expect_refused(arrived == before, "interrupt command",
			       (uint64_t)dest << 32 | command, arrived);
}

static void ipis(void)
{
	static const uint32_t levels[] = { 0, ICR_ASSERT, ICR_LEVEL, ICR_LEVEL | ICR_ASSERT };
	uint32_t dest, mode, logical, i;

	catch_all();
	if (!apic_is_x2())
		apic_write(APIC_DFR, ~0U);
	for (mode = 0; mode < 8; mode++) {
		for (dest = 0; dest < 256; dest++)
			for (logical = 0; logical < 2; logical++)
				for (i = 0; i < 4; i++)
					attack_ipi(dest, VECTOR | ICR_MODE(mode) | levels[i] |
								 (logical ? ICR_LOGICAL : 0));
		for (i = 0; i < 4; i++) {
			attack_ipi(0, VECTOR | ICR_MODE(mode) | levels[i] | ICR_SHORTHAND(TO_SELF));
			attack_ipi(0, VECTOR | ICR_MODE(mode) | levels[i] | ICR_SHORTHAND(TO_ALL));
			attack_ipi(0,
				   VECTOR | ICR_MODE(mode) | levels[i] | ICR_SHORTHAND(TO_OTHERS));
			attack_ipi(~0U, VECTOR | ICR_MODE(mode) | levels[i]);
			attack_ipi(~0U, VECTOR | ICR_MODE(mode) | levels[i] | ICR_LOGICAL);
		}
	}
	random_seed();
	for (i = 0; i < 20000; i++) {
		uint32_t command = (uint32_t)random64();

		/* Vectors below 32 would be exceptions of the attacker itself. */
		attack_ipi((uint32_t)random64() >> (random64() & 31), (command & ~0xffU) | VECTOR);
	}
}

static unsigned int lvt_write(uint32_t reg, uint32_t value)
{
	if (apic_is_x2())
		return wrmsr_safe(MSR_X2APIC + (reg >> 4), value);
	apic_write(reg, value);
	return 0;
}

static void lvts(void)
{
	uint32_t i, mode, count, lvt[7];

	catch_all();
	for (i = 0; i < 6; i++)
		lvt[i] = APIC_LVT(i);
	/*
	 * Not in xAPIC mode, where its being read is no exit: QEMU's APIC has no such register,
	 * notes that in its error register, and never clears that, as the real one would when it is
	 * written.
	 */
	lvt[6] = APIC_CMCI;
	count = apic_is_x2() ? 7 : 6;
	for (i = 0; i < count; i++) {
		for (mode = 0; mode < 8; mode++) {
			unsigned int fault = lvt_write(lvt[i], VECTOR | ICR_MODE(mode));
			uint64_t value = 0;

			if (fault) {
				refused();
				continue;
			}
			if (apic_is_x2())
				rdmsr_safe(MSR_X2APIC + (lvt[i] >> 4), &value);
			else
				value = apic_read(lvt[i]);
			/* Fixed and NMI are the cell's own affair. */
			if (mode == 0 || mode == 4)
				survived();
			else
				expect_refused((value >> 8 & 7) != mode || value & LVT_MASKED,
					       "local vector", lvt[i], value);
		}
		lvt_write(lvt[i], LVT_MASKED | VECTOR);
	}
}

static void apic_regs(void)
{
	static const uint32_t values[] = { 0, ~0U, 0x00045a5a };
	uint32_t reg, i, id = apic_id();

	catch_all();
	for (reg = 0; reg < 0x1000; reg += 0x10) {
		/* Interrupt commands and local vectors have classes of their own. */
		if (reg == APIC_ICR || reg == APIC_ICR_HI)
			continue;
		for (i = 0; i < 3; i++) {
			if (!apic_is_x2())
				apic_write(reg, values[i]);
			else if (reg == 0x3f0) /* SELF IPI: no exceptions */
				wrmsr_safe(MSR_X2APIC + (reg >> 4), VECTOR + i);
			else
				wrmsr_safe(MSR_X2APIC + (reg >> 4), values[i]);
			expect_refused(apic_id() == id, "APIC id by register", reg, apic_id());
		}
	}
	/* With interrupts off until here, nothing stops what has been set up. */
	apic_write(APIC_TMICT, 0);
	for (i = 0; i < 6; i++)
		lvt_write(APIC_LVT(i), LVT_MASKED | VECTOR);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_SVR, 0x1ff);
}

static void apic_mode(void)
{
	uint64_t base = rdmsr(MSR_BASE), value;
	unsigned int i;

	random_seed();
	for (i = 0; i < 2000; i++) {
		if (i < 64)
			value = base ^ 1ULL << i;
		else if (i < 128)
			value = 0xfee00000 + ((uint64_t)(i - 64) << 12) + (base & 0xfff);
		else
			value = random64();
		if (value == base)
			continue;
		expect_refused(wrmsr_safe(MSR_BASE, value) == GP && rdmsr(MSR_BASE) == base,
			       "APIC base", value, rdmsr(MSR_BASE));
	}
}

static void levels(void)
{
	static const uint32_t commands[] = { ICR_SHORTHAND(TO_SELF), 0, ICR_LOGICAL, ICR_MODE(1) };
	uint32_t vector, i;

	interrupts_off();
	if (!apic_is_x2())
		apic_write(APIC_LDR, 0x80000000);
	for (vector = 0x20; vector < 0xff; vector++) {
		for (i = 0; i < 4; i++) {
			uint32_t dest = apic_id();

			if (commands[i] & ICR_LOGICAL)
				dest = apic_is_x2() ? apic_read(APIC_LDR) : 0x80;
			send(dest, vector | ICR_LEVEL | ICR_ASSERT | commands[i]);
			expect_refused(!(apic_read(APIC_TMR + (vector / 32) * 0x10) &
					 1U << vector % 32),
				       "level-triggered IPI", commands[i], vector);
		}
	}
}

/* What is pending here may not arrive at whoever gets the CPU next: the next start shows that. */
static void pending(void)
{
	uint32_t vector;

	interrupts_off();
	for (vector = 16; vector < 256; vector++) {
		send(apic_id(), vector);
		survived();
	}
}

/* Deepest first: each interrupts the handler of the one before and none is ever acknowledged. */
static void in_service(void)
{
	static unsigned int depth;

	if (depth++ < 12) {
		interrupt_handler((uint8_t)(0x20 + depth * 0x10), in_service);
		send(apic_id(), 0x20 + depth * 0x10);
		survived();
		interrupts_on();
		/* It does not come back from there. */
		delay_us(100);
		interrupts_off();
	}
	pending();
	report("in-service");
	inmate_exit();
}

static const struct attack attacks[] = {
	{ "ipis", ipis },
	{ "lvts", lvts },
	{ "apic-regs", apic_regs },
	{ "apic-mode", apic_mode },
	{ "levels", levels },
	{ "pending", pending },
	{ "in-service", in_service },
};

void inmate_main(void)
{
	run_attack(attacks);
}
