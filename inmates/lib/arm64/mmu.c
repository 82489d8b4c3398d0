// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Page tables: the first 4 GiB one to one, in blocks of 2 MiB. Everything is Normal memory but the
 * registers that the library itself uses. (Whatever the library says, the hypervisor's tables make
 * device registers that a cell owns Device memory.)
 */
#include "../inmate.h"
#include "../internal.h"

#define BLOCK_SHIFT 21
#define BLOCK_SIZE  (1UL << BLOCK_SHIFT)
#define BLOCKS	    2048 /* 4 GiB */

/* Arm ARM D8.3, block and table descriptors */
#define DESC_BLOCK  0x1UL
#define DESC_TABLE  0x3UL
#define DESC_DEVICE (1UL << 2) /* AttrIndx 1 */
#define DESC_ISH    (3UL << 8)
#define DESC_AF	    (1UL << 10)
#define DESC_XN	    (3UL << 53) /* UXN, PXN */

#define GIC_DIST_SIZE 0x10000
#define REDISTS_SIZE  (CL_COMM_MAX_CPUS * 0x20000)

/* mmu_prepare() runs before .bss is cleared */
#define UNSET __attribute__((section(".bss.unset"), aligned(4096)))

extern uint64_t mmu_level1[512];
uint64_t mmu_level1[512] UNSET;
static uint64_t level2[BLOCKS] UNSET;

static void map_device(uint64_t address, uint64_t size)
{
	uint64_t block = address >> BLOCK_SHIFT;
	uint64_t last = (address + size - 1) >> BLOCK_SHIFT;

	for (; block <= last && block < BLOCKS; block++)
		level2[block] = block << BLOCK_SHIFT | DESC_BLOCK | DESC_DEVICE | DESC_AF | DESC_XN;
}

/* Lines that an earlier program left in the cache would hide what was written past it. */
static void invalidate(const void *start, size_t size)
{
	uintptr_t line = 4UL << (read_sysreg(ctr_el0) >> 16 & 0xf);
	uintptr_t at = (uintptr_t)start;

	dsb();
	for (; at < (uintptr_t)start + size; at += line)
		__asm__ volatile("dc ivac, %0" ::"r"(at) : "memory");
	dsb();
}

void mmu_prepare(struct cl_comm *region)
{
	unsigned int i;

	for (i = 0; i < 512; i++)
		mmu_level1[i] = i < 4 ? (uintptr_t)&level2[i * 512] | DESC_TABLE : 0;
	for (i = 0; i < BLOCKS; i++)
		level2[i] = (uint64_t)i << BLOCK_SHIFT | DESC_BLOCK | DESC_ISH | DESC_AF;
	map_device(console_address(), 1);
	if (region) {
		map_device(region->gic_dist, GIC_DIST_SIZE);
		map_device(region->gic_cpu, REDISTS_SIZE);
	}
	invalidate(mmu_level1, sizeof(mmu_level1));
	invalidate(level2, sizeof(level2));
}

#define GIB_SHIFT 30

void map_registers(uint64_t address)
{
	uint64_t gib = address >> GIB_SHIFT;

	if (gib < 4 || gib >= 512)
		return;
	mmu_level1[gib] = gib << GIB_SHIFT | DESC_BLOCK | DESC_DEVICE | DESC_AF | DESC_XN;
	dsb();
	isb();
}
