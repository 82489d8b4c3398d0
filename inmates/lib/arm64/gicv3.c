// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* GICv3: everything is group 1, of one priority, and edge or level as it is found. */
#include "../inmate.h"
#include "../internal.h"

/* Arm IHI 0069, 12.9: distributor */
#define GICD_IROUTER	 0x6000
#define CTLR_ENABLE_GRP1 0x2
#define CTLR_ARE	 0x10
#define CTLR_RWP	 0x80000000U

/* 12.11: redistributor; the second 64 KiB have what the distributor has of the first 32 INTIDs */
#define GICR_TYPER	     0x0008
#define GICR_WAKER	     0x0014
#define GICR_SGI	     0x10000
#define GICR_SIZE	     0x20000
#define TYPER_LAST	     0x10
#define TYPER_VLPIS	     0x2
#define WAKER_SLEEP	     0x2
#define WAKER_CHILDREN_SLEEP 0x4

/* of each CPU */
static uintptr_t redists[CL_COMM_MAX_CPUS];

static uintptr_t find_redist(void)
{
	uintptr_t at = comm->gic_cpu;
	uint32_t typer;

	for (;; at += typer & TYPER_VLPIS ? 2 * GICR_SIZE : GICR_SIZE) {
		typer = mmio_read32(at + GICR_TYPER);
		if (mmio_read32(at + GICR_TYPER + 4) == cpu_hw_id())
			return at;
		if (typer & TYPER_LAST) {
			printf("inmate: CPU %u has no redistributor\n", cpu_index());
			inmate_stop();
		}
	}
}

static void dist_wait(void)
{
	while (mmio_read32(comm->gic_dist + GICD_CTLR) & CTLR_RWP)
		cpu_relax();
}

static void init(void)
{
	mmio_write32(comm->gic_dist + GICD_CTLR, CTLR_ENABLE_GRP1 | CTLR_ARE);
	dist_wait();
}

static void init_cpu(void)
{
	uintptr_t redist = find_redist();
	unsigned int i;

	redists[cpu_index()] = redist;
	mmio_write32(redist + GICR_WAKER, mmio_read32(redist + GICR_WAKER) & ~WAKER_SLEEP);
	while (mmio_read32(redist + GICR_WAKER) & WAKER_CHILDREN_SLEEP)
		cpu_relax();
	mmio_write32(redist + GICR_SGI + GICD_IGROUPR, ~0U);
	for (i = 0; i < FIRST_SPI; i += 4)
		mmio_write32(redist + GICR_SGI + GICD_IPRIORITYR + i, PRIORITY * 0x01010101U);
	/* all software-generated interrupts */
	mmio_write32(redist + GICR_SGI + GICD_ISENABLER, 0xffff);

	write_sysreg(icc_sre_el1, read_sysreg(icc_sre_el1) | 1);
	isb();
	write_sysreg(icc_pmr_el1, 0xff);
	write_sysreg(icc_bpr1_el1, 0);
	write_sysreg(icc_ctlr_el1, 0);
	write_sysreg(icc_igrpen1_el1, 1);
	isb();
}

static void enable(unsigned int intid)
{
	uintptr_t base = intid < FIRST_SPI ? redists[cpu_index()] + GICR_SGI : comm->gic_dist;
	unsigned int word = intid / 32 * 4;
	uint32_t bit = 1U << intid % 32;

	if (intid >= FIRST_SPI) {
		mmio_write32(base + GICD_IGROUPR + word,
			     mmio_read32(base + GICD_IGROUPR + word) | bit);
		mmio_write32(base + GICD_IROUTER + 8 * intid, cpu_hw_id() & 0xffffff);
		mmio_write32(base + GICD_IROUTER + 8 * intid + 4, cpu_hw_id() >> 24);
		mmio_write8(base + GICD_IPRIORITYR + intid, PRIORITY);
	}
	mmio_write32(base + GICD_ISENABLER + word, bit);
}

static uint32_t acknowledge(void)
{
	return read_sysreg(icc_iar1_el1);
}

static void end(uint32_t acknowledged)
{
	write_sysreg(icc_eoir1_el1, acknowledged);
	isb();
}

static void send(unsigned int index, unsigned int intid)
{
	uint32_t id = comm->hw_ids[index];
	uint64_t aff3 = id >> 24, aff2 = id >> 16 & 0xff, aff1 = id >> 8 & 0xff, aff0 = id & 0xff;

	write_sysreg(icc_sgi1r_el1, aff3 << 48 | aff0 / 16 << 44 | aff2 << 32 |
					    (uint64_t)intid << 24 | aff1 << 16 | 1ULL << aff0 % 16);
	isb();
}

const struct gic gicv3 = {
	.intid_mask = 0xffffff,
	.init = init,
	.init_cpu = init_cpu,
	.enable = enable,
	.acknowledge = acknowledge,
	.end = end,
	.send = send,
};
