// SPDX-License-Identifier: GPL-2.0
/*
 * KVM's paravirtual clock (Documentation/virt/kvm/x86/{cpuid,msr}.rst of Linux), by which kernels
 * of distributions learn the frequency of the time-stamp counter where there is no timer to measure
 * it against. What it says of time never changes while the cell runs, as a cell's counter is that of
 * the hardware: each write of a register fills the guest's structure once, and nothing else does.
 */
#include <image.h>
#include <vendor.h>
#include <x86.h>

#define SIGNATURE_B 0x4b4d564b /* "KVMKVMKVM" */
#define SIGNATURE_C 0x564b4d56
#define SIGNATURE_D 0x0000004d

#define FEATURE_NO_IO_DELAY  BIT(1) /* ports need no pause */
#define FEATURE_CLOCK	     BIT(3) /* the registers below */
#define FEATURE_CLOCK_STABLE BIT(24)

#define MSR_WALL_CLOCK	0x4b564d00
#define MSR_SYSTEM_TIME 0x4b564d01
#define ENABLE		BIT(0) /* in the address of the system time */

#define NS_PER_S      1000000000UL
#define FLAG_TSC_SAME BIT(0) /* the same on all CPUs */

/* Both versions are odd while the rest changes. */
struct system_time {
	uint32_t version, reserved;
	uint64_t tsc;  /* at the time below */
	uint64_t time; /* ns */
	uint32_t multiplier;
	int8_t shift;
	uint8_t flags;
	uint8_t reserved2[2];
};

struct wall_clock {
	uint32_t version;
	uint32_t seconds, ns; /* when the system time was 0 */
};

/* The multiplier has all of its 32 bits: of frequency and shift, 1 to 2 MHz are left. */
struct clock_scale kvm_clock_scale(uint32_t khz)
{
	struct clock_scale scale = { .shift = 0 };

	while ((uint64_t)khz << scale.shift <= 1000000)
		scale.shift++;
	while (scale.shift <= 0 && 2000000UL << -scale.shift < khz)
		scale.shift--;
	if (scale.shift < 0)
		scale.multiplier = (uint32_t)((1000000UL << (32 - scale.shift)) / khz);
	else
		scale.multiplier = (uint32_t)((1000000UL << 32) / ((uint64_t)khz << scale.shift));
	return scale;
}

/* Is the frequency known, and one that there is? Above, numbers here would overflow. */
static bool possible(void)
{
	return image_system.tsc_khz && image_system.tsc_khz <= 1000000000;
}

void kvm_clock_cpuid(uint32_t leaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	if (!possible())
		return;
	if (leaf == KVM_LEAF) {
		*a = KVM_LEAF + 1;
		*b = SIGNATURE_B;
		*c = SIGNATURE_C;
		*d = SIGNATURE_D;
	} else if (leaf == KVM_LEAF + 1) {
		*a = FEATURE_NO_IO_DELAY | FEATURE_CLOCK | FEATURE_CLOCK_STABLE;
	}
}

/*
 * The cell's memory at a guest-physical address, as a window to be closed; NULL if a structure of
 * this size there is not wholly in one page of memory that it may write. Not device registers: the
 * window is cached.
 */
static void *guest_structure(const struct cell *cell, uint64_t address, uint64_t size)
{
	struct cl_memory region;
	uint64_t host;

	if (address & 3 || (address & ~PAGE_MASK) + size > PAGE_SIZE)
		return NULL;
	for_each_region(cell->config, i, region) {
		if (region.flags & CL_MEM_IO || address < region.virt ||
		    address - region.virt >= region.size)
			continue;
		host = arch_translate(cell, address, CL_MEM_WRITE);
		if (host == ~0UL)
			return NULL;
		return (char *)arch_window(host & PAGE_MASK) + (host & ~PAGE_MASK);
	}
	return NULL;
}

/* Time 0 is the cell's start, for all its CPUs and whatever each has written to its counter. */
static bool write_system_time(const struct cell *cell, uint64_t address)
{
	struct clock_scale scale = kvm_clock_scale(image_system.tsc_khz);
	struct system_time *time = guest_structure(cell, address, sizeof(*time));

	if (!time)
		return false;
	WRITE_ONCE(time->version, 1);
	asm volatile("" : : : "memory");
	time->reserved = 0;
	time->tsc = cell->arch.start_tsc + guest_tsc_offset();
	time->time = 0;
	time->multiplier = scale.multiplier;
	time->shift = scale.shift;
	time->flags = FLAG_TSC_SAME;
	time->reserved2[0] = time->reserved2[1] = 0;
	asm volatile("" : : : "memory");
	WRITE_ONCE(time->version, 2);
	arch_window_close();
	return true;
}

static bool write_wall_clock(const struct cell *cell, uint64_t address)
{
	struct wall_clock *clock = guest_structure(cell, address, sizeof(*clock));

	if (!clock)
		return false;
	WRITE_ONCE(clock->version, 1);
	asm volatile("" : : : "memory");
	clock->seconds = (uint32_t)(cell->start_ns / NS_PER_S);
	clock->ns = (uint32_t)(cell->start_ns % NS_PER_S);
	asm volatile("" : : : "memory");
	WRITE_ONCE(clock->version, 2);
	arch_window_close();
	return true;
}

bool kvm_clock_write(uint32_t msr, uint64_t value)
{
	const struct cell *cell = local->cpu->cell;

	if (cell == &root_cell || !possible())
		return false;
	if (msr == MSR_WALL_CLOCK)
		return write_wall_clock(cell, value);
	if (msr == MSR_SYSTEM_TIME)
		return !(value & ENABLE) || write_system_time(cell, value & ~ENABLE);
	return false;
}
