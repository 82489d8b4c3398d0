// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * GICv2: everything is in the only group that there is without security states, of one priority,
 * and edge or level as it is found.
 */
#include "../inmate.h"
#include "../internal.h"

/* Arm IHI 0048, 4.3: distributor; what it has of the first 32 INTIDs is each CPU's own */
#define GICD_ITARGETSR 0x800
#define GICD_SGIR      0xf00
#define SGIR_TARGET(t) ((uint32_t)(t) << 16)
#define CTLR_ENABLE    0x1

/* 4.4: CPU interface */
#define GICC_CTLR 0x00
#define GICC_PMR  0x04
#define GICC_IAR  0x0c
#define GICC_EOIR 0x10

/* CPU interfaces, one bit each, by place in comm->hw_ids */
static uint8_t targets[CL_COMM_MAX_CPUS];

static void init(void)
{
	mmio_write32(comm->gic_dist + GICD_CTLR, CTLR_ENABLE);
}

static void init_cpu(void)
{
	uintptr_t dist = comm->gic_dist;
	unsigned int i;

	targets[cpu_index()] = mmio_read32(dist + GICD_ITARGETSR);
	for (i = 0; i < FIRST_SPI; i += 4)
		mmio_write32(dist + GICD_IPRIORITYR + i, PRIORITY * 0x01010101U);
	/* all software-generated interrupts */
	mmio_write32(dist + GICD_ISENABLER, 0xffff);
	mmio_write32(comm->gic_cpu + GICC_PMR, 0xff);
	mmio_write32(comm->gic_cpu + GICC_CTLR, CTLR_ENABLE);
}

static void enable(unsigned int intid)
{
	uintptr_t dist = comm->gic_dist;

	if (intid >= FIRST_SPI) {
		mmio_write8(dist + GICD_ITARGETSR + intid, targets[cpu_index()]);
		mmio_write8(dist + GICD_IPRIORITYR + intid, PRIORITY);
	}
	mmio_write32(dist + GICD_ISENABLER + intid / 32 * 4, 1U << intid % 32);
}

static uint32_t acknowledge(void)
{
	return mmio_read32(comm->gic_cpu + GICC_IAR);
}

static void end(uint32_t acknowledged)
{
	mmio_write32(comm->gic_cpu + GICC_EOIR, acknowledged);
}

static void send(unsigned int index, unsigned int intid)
{
	mmio_write32(comm->gic_dist + GICD_SGIR, SGIR_TARGET(targets[index]) | intid);
}

const struct gic gicv2 = {
	.intid_mask = 0x3ff,
	.init = init,
	.init_cpu = init_cpu,
	.enable = enable,
	.acknowledge = acknowledge,
	.end = end,
	.send = send,
};
