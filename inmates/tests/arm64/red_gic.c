// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Attacks on the interrupt controller, GICv2 or GICv3, by a cell that owns no shared interrupt.
 * Command line: what= one of
 *
 *   gic	every register of the distributor and of all redistributors, there or not, read and
 *		written with 1, 2, 4 and 8 bytes
 *   sgis	software-generated interrupts to all CPUs that are not its own
 *   own-sgis	the same to itself, in all ways; each must come, and no other
 *
 * Whether other CPUs have noticed anything is for them and root to see.
 */
#include "attack.h"

/* Arm IHI 0069, 12.9 and 12.11; IHI 0048, 4.3 */
#define GICD_CTLR    0x0000
#define GICD_TYPER   0x0004
#define GICD_IIDR    0x0008
#define GICD_PRIVATE 0xd00 /* registers with bits of interrupts end there */
#define GICD_TARGETS 0x800
#define GICD_CONFIG  0xc00
#define GICD_ROUTERS 0x6000
#define GICD_SGIR    0xf00
#define GICR_CTLR    0x0000
#define GICR_IIDR    0x0004
#define GICR_TYPER   0x0008
#define GIC_IDS	     0xffd0
#define GICD_V2_IDS  0xfd0

#define FRAME	   0x10000UL
#define REDISTS	   0xf60000UL /* as in root's config */
#define SGIS	   16
#define OWN_TARGET (mmio_read32(comm->gic_dist + GICD_TARGETS) & 0xff)

static uint64_t read_there(uint64_t address, unsigned int size)
{
	uint64_t value;

	if (size == 1)
		__asm__ volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
	else if (size == 2)
		__asm__ volatile("ldrh %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
	else if (size == 4)
		__asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
	else
		__asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static void write_there(uint64_t address, unsigned int size, uint64_t value)
{
	if (size == 1)
		__asm__ volatile("strb %w0, [%1]" ::"r"(value), "r"(address) : "memory");
	else if (size == 2)
		__asm__ volatile("strh %w0, [%1]" ::"r"(value), "r"(address) : "memory");
	else if (size == 4)
		__asm__ volatile("str %w0, [%1]" ::"r"(value), "r"(address) : "memory");
	else
		__asm__ volatile("str %0, [%1]" ::"r"(value), "r"(address) : "memory");
}

/* As if nothing were there. */
static bool is_nothing(uint64_t value, unsigned int size)
{
	return !value || value == ~0ULL >> (64 - 8 * size);
}

enum frame { DIST, REDIST, OWN_PRIVATE, FOREIGN_PRIVATE, FRAMES };

/* What tells a cell what there is. */
static bool readable(enum frame frame, uint64_t offset)
{
	/* Whether private interrupts are edges or levels, too: with GICv2 for all CPUs. */
	if (frame == DIST)
		return (offset & ~3ULL) <= GICD_IIDR ||
		       (comm->gic_version == 2 && offset >= 0xc00 && offset < 0xc08) ||
		       offset >= (comm->gic_version == 3 ? GIC_IDS : GICD_V2_IDS);
	return frame == REDIST && ((offset & ~3ULL) == GICR_IIDR ||
				   (offset & ~7ULL) == GICR_TYPER || offset >= GIC_IDS);
}

/* What belongs to this CPU itself. With GICv2 the distributor has it. */
static bool is_own(enum frame frame, uint64_t offset)
{
	if (frame == OWN_PRIVATE)
		return offset < GICD_PRIVATE;
	if (frame != DIST || comm->gic_version == 3)
		return false;
	return (offset >= 0x80 && offset < 0x400 && offset % 0x80 < 4) ||
	       (offset >= 0x400 && offset < 0x420) || (offset >= 0x800 && offset < 0x820);
}

/* Bits of an access to the distributor that are those of an interrupt of the cell's own. */
static uint64_t bits_of(uint32_t intid, uint64_t offset, unsigned int size)
{
	uint64_t bits = 0, at;
	unsigned int i;

	for (i = 0; i < size; i++) {
		at = offset + i;
		if (at >= 0x80 && at < 0x400 && at % 0x80 == intid / 8)
			bits |= 1ULL << (8 * i + intid % 8);
		else if (at == GICD_CONFIG + intid / 4)
			bits |= 3ULL << (8 * i + 2 * (intid % 4));
		else if (at == 0x400 + intid ||
			 (comm->gic_version == 2 ? at == GICD_TARGETS + intid
						 : at / 8 == GICD_ROUTERS / 8 + intid))
			bits |= 0xffULL << 8 * i;
	}
	return bits;
}

/* Those of the virtual UART and the power button. */
static uint64_t own_bits(enum frame frame, uint64_t offset, unsigned int size)
{
	return frame == DIST ? bits_of(CL_VUART_INTID, offset, size) |
				       bits_of(CL_BUTTON_INTID, offset, size)
			     : 0;
}

static void attack_gic_register(enum frame frame, uint64_t base, uint64_t offset, unsigned int size)
{
	static const uint64_t values[] = { ~0ULL, 0x5a5a5a5a5a5a5a5a };
	uint64_t at = base + offset, mine = own_bits(frame, offset, size);
	uint64_t value = read_there(at, size), again;
	unsigned int i;

	/* Software-generated interrupts have their own class. */
	if (frame == DIST && comm->gic_version == 2 && (offset & ~3ULL) == GICD_SGIR)
		return;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (is_own(frame, offset)) {
			write_there(at, size, values[i]);
			survived();
			continue;
		}
		if (!readable(frame, offset))
			expect_refused(is_nothing(value & ~mine, size) ||
					       is_nothing(value | mine, size),
				       "read of register", at, value);
		write_there(at, size, values[i]);
		again = read_there(at, size);
		expect_refused(!((again ^ value) & ~mine), "write to register", at, again);
	}
}

static void attack_frame(enum frame frame, uint64_t base, uint64_t start, uint64_t end,
			 uint64_t step)
{
	uint64_t offset, size;

	for (offset = start; offset < end; offset += step)
		for (size = 1; size <= 8; size *= 2)
			if (offset % size == 0)
				attack_gic_register(frame, base, offset, size);
}

/* The hypervisor's own among the private ones: maintenance, timers of EL2, and what carries SGIs. */
static void attack_private(uint64_t frame)
{
	uint32_t foreign = 1U << 25 | 1U << 26 | 1U << 28;
	unsigned int reg;

	for (reg = 0x100; reg < 0x400; reg += 0x80) {
		write_there(frame + reg, 4, foreign);
		expect_refused(!(read_there(frame + reg, 4) & foreign), "private interrupt",
			       frame + reg, read_there(frame + reg, 4));
	}
}

static void gic(void)
{
	uint64_t frame, affinity;
	bool own;

	/* Across two registers: Device memory has no such accesses. */
	expect_refused(TRY("ldr w17, [%1]", "r"(comm->gic_dist + 0x102)) == DATA_ABORT, "read at",
		       comm->gic_dist + 0x102, 0);
	if (comm->gic_version == 2) {
		attack_frame(DIST, comm->gic_dist, 0, 0x1000, 1);
		attack_private(comm->gic_dist);
		return;
	}
	attack_frame(DIST, comm->gic_dist, 0, 0x1000, 1);
	attack_frame(DIST, comm->gic_dist, 0x1000, FRAME, 4);
	for (frame = comm->gic_cpu; frame < comm->gic_cpu + REDISTS; frame += 2 * FRAME) {
		/* Those of four CPUs are there. */
		bool there = frame < comm->gic_cpu + 8 * FRAME;

		affinity = read_there(frame + GICR_TYPER + 4, 4);
		own = there && affinity == cpu_hw_id();
		attack_frame(REDIST, frame, 0, there ? 0x200 : 0x10, 4);
		attack_frame(REDIST, frame, 0x200, FRAME, there ? 0x1fc : 0x3ffc);
		attack_frame(REDIST, frame, GIC_IDS, FRAME, 4);
		attack_frame(own ? OWN_PRIVATE : FOREIGN_PRIVATE, frame + FRAME, 0,
			     there ? 0xe00 : 0x10, 4);
		attack_frame(own ? OWN_PRIVATE : FOREIGN_PRIVATE, frame + FRAME, 0xe00, FRAME,
			     there ? 0x1fc : 0x3ffc);
		if (own)
			attack_private(frame + FRAME);
	}
}

static volatile unsigned int came[SGIS];

#define HANDLER(n)                    \
	static void handler_##n(void) \
	{                             \
		came[n]++;            \
	}
HANDLER(0)
HANDLER(1)
HANDLER(2)
HANDLER(3)
HANDLER(4)
HANDLER(5)
HANDLER(6)
HANDLER(7)
HANDLER(8)
HANDLER(9)
HANDLER(10)
HANDLER(11)
HANDLER(12)
HANDLER(13)
HANDLER(14)
HANDLER(15)

static void take_sgis(void)
{
	static void (*const handlers[SGIS])(void) = {
		handler_0,  handler_1,	handler_2,  handler_3,	handler_4,  handler_5,
		handler_6,  handler_7,	handler_8,  handler_9,	handler_10, handler_11,
		handler_12, handler_13, handler_14, handler_15,
	};
	unsigned int i;

	for (i = 0; i < SGIS; i++)
		interrupt_handler(i, handlers[i]);
	interrupts_on();
}

static void expect_none(const char *what, uint64_t value)
{
	unsigned int i;

	isb();
	for (i = 0; i < SGIS; i++) {
		if (came[i]) {
			succeeded(what, value, i);
			came[i] = 0;
			return;
		}
	}
	refused();
}

static void send_v3(uint64_t value)
{
	write_sysreg(icc_sgi1r_el1, value);
	expect_none("SGI by ICC_SGI1R", value);
}

static void sgis_v3(void)
{
	uint64_t own = cpu_hw_id(), sgi, range, affinity, i;

	/* All of Aff1, each field of the others; range selector; not to itself. */
	for (affinity = 0; affinity < 0x400; affinity++) {
		uint64_t aff1 = affinity & 0xff, aff2 = affinity >> 8 & 1, aff3 = affinity >> 9;

		for (range = 0; range < 16; range++) {
			uint64_t list = 0xffff;

			if ((aff3 << 24 | aff2 << 16 | aff1 << 8 | range << 4) == (own & ~0xfULL))
				list &= ~(1ULL << (own & 0xf));
			sgi = (affinity + range) % SGIS;
			send_v3(aff3 << 48 | range << 44 | aff2 << 32 | sgi << 24 | aff1 << 16 |
				list);
		}
	}
	for (sgi = 0; sgi < SGIS; sgi++) {
		for (i = 0; i < 16; i++)
			if (i != own)
				send_v3(sgi << 24 | 1ULL << i);
		send_v3(1ULL << 40 | sgi << 24 | 0xffff);
		send_v3(1ULL << 40 | sgi << 24 | 0xff00f0ff00ffffULL);
	}
}

static void sgis_v2(void)
{
	uint32_t own = OWN_TARGET, targets, sgi, bits;

	for (targets = 0; targets < 0x100; targets++) {
		for (sgi = 0; sgi < SGIS; sgi++) {
			/* Security, and bits that are reserved. */
			for (bits = 0; bits < 4; bits++) {
				uint32_t value = (targets & ~own) << 16 | sgi | (bits & 1) << 15 |
						 (bits & 2) << 8;

				mmio_write32(comm->gic_dist + GICD_SGIR, value);
				expect_none("SGI by GICD_SGIR", value);
			}
		}
	}
	for (sgi = 0; sgi < SGIS; sgi++) {
		/* To all others; a reserved filter. */
		mmio_write32(comm->gic_dist + GICD_SGIR, 1U << 24 | 0xffU << 16 | sgi);
		expect_none("SGI by GICD_SGIR to others", sgi);
		mmio_write32(comm->gic_dist + GICD_SGIR, 3U << 24 | 0xffU << 16 | sgi);
		expect_none("SGI by GICD_SGIR", sgi);
	}
}

static void sgis(void)
{
	take_sgis();
	if (comm->gic_version == 3)
		sgis_v3();
	else
		sgis_v2();
}

static void own_sgis(void)
{
	uint64_t own = cpu_hw_id(), start, i;
	unsigned int sgi, n;
	bool fine;

	take_sgis();
	for (i = 0; i < 2000; i++) {
		/* Cells that get them directly have no SGI 15, which carries what the hypervisor
		 * sends. */
		sgi = i % SGIS;
		if (sgi == 15 && cmdline_flag("direct"))
			continue;
		if (comm->gic_version == 3)
			write_sysreg(icc_sgi1r_el1,
				     own >> 8 << 16 | (uint64_t)sgi << 24 | 1ULL << (own & 0xf));
		else if (i & 16)
			mmio_write32(comm->gic_dist + GICD_SGIR, 2U << 24 | sgi);
		else
			mmio_write32(comm->gic_dist + GICD_SGIR, OWN_TARGET << 16 | sgi);
		start = rdtsc();
		while (!came[sgi] && rdtsc() - start < ns_to_tsc(1000000000))
			cpu_relax();
		fine = came[sgi] == 1;
		came[sgi] = 0;
		for (n = 0; n < SGIS; n++)
			fine &= !came[n];
		if (fine)
			survived();
		else
			succeeded("an SGI to itself did not come, or another one did", sgi, i);
	}
}

static const struct attack attacks[] = {
	{ "gic", gic },
	{ "sgis", sgis },
	{ "own-sgis", own_sgis },
};

void inmate_main(void)
{
	run_attack(attacks);
}
