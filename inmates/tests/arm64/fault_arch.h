/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What only arm64 can do wrong:
 *
 *   sysreg	read and write system registers that are not a cell's
 *   sgi	send all software-generated interrupts to affinities first=N to last=N, and to all
 * CPUs smc	firmware calls: CPUs of others, unknown functions, other immediates gic	try to get
 * the pin intid=N (34), and to enable all there are off, reset, cpuoff	PSCI calls that end the cell
 *   vectors	an exception whose handler cannot be fetched
 *   pair	read address=N by an instruction that the CPU does not describe
 */
#ifndef FAULT_ARCH_H
#define FAULT_ARCH_H

/* Both ways; what the register held is written back. */
#define TRY(name)                                                       \
	do {                                                            \
		register uint64_t fault __asm__("x16") = 0;             \
		uint64_t value = 0;                                     \
		__asm__ volatile("1: mrs %1, " #name "\n2:\n" CAN_FAULT \
				 : "+r"(fault), "+r"(value)             \
				 :                                      \
				 : "memory");                           \
		print_sysreg("read", #name, fault, value);              \
		fault = 0;                                              \
		__asm__ volatile("1: msr " #name ", %1\n2:\n" CAN_FAULT \
				 : "+r"(fault)                          \
				 : "r"(value)                           \
				 : "memory");                           \
		print_sysreg("write", #name, fault, value);             \
	} while (0)

static void print_sysreg(const char *what, const char *name, unsigned int fault, uint64_t value)
{
	if (fault)
		printf("fault: %s of %s: exception %u\n", what, name, fault & 0xff);
	else
		printf("fault: %s of %s: 0x%llx\n", what, name, (unsigned long long)value);
}

static void sysreg(void)
{
	TRY(hcr_el2);
	TRY(vbar_el2);
	TRY(vttbr_el2);
	TRY(icc_sre_el2);
	TRY(ich_hcr_el2);
	TRY(cnthctl_el2);
	TRY(cntvoff_el2);
	TRY(s3_0_c15_c0_0); /* implementation defined */
	TRY(actlr_el1);
	TRY(mdscr_el1);
	TRY(dbgbvr0_el1);
	TRY(dbgbcr0_el1);
	TRY(pmcr_el0);
	TRY(pmccntr_el0);
	TRY(osdlr_el1);
}

static void sgi(void)
{
	uint64_t first = cmdline_number("first", 0);
	uint64_t last = cmdline_number("last", 15);
	uint64_t sent = 0;
	uint64_t id, intid;

	for (id = first; id <= last; id++) {
		if (id == cpu_hw_id())
			continue;
		for (intid = 0; intid < 16; intid++, sent++)
			write_sysreg(icc_sgi1r_el1,
				     intid << 24 | (id >> 8) << 16 | 1ULL << (id & 15));
	}
	/* Interrupt Routing Mode: all but this one; odd range and affinities */
	for (intid = 0; intid < 16; intid++, sent += 2) {
		write_sysreg(icc_sgi1r_el1, 1ULL << 40 | intid << 24);
		write_sysreg(icc_sgi1r_el1, 0xff00f0ff00ffffULL | intid << 24);
	}
	isb();
	printf("fault: %llu SGIs were sent\n", (unsigned long long)sent);
}

static void smc(void)
{
	static const uint32_t functions[] = {
		0,	    0x80000000, 0x80000001, 0x84000003, 0x84000004, 0x84000005, 0x84000006,
		0x8400000a, 0x8400000e, 0x84000012, 0x84000013, 0xc4000003, 0xc4000004, 0xc400000e,
		0xc4000012, 0x82000000, 0xc2000000, 0x83000000, 0xbf00ff01, 0xffffffff,
	};
	uint64_t made = 0, refused = 0;
	unsigned int i, id;

	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		for (id = 0; id < 8; id++) {
			if (id == cpu_hw_id())
				continue;
			made++;
			refused += firmware_call(functions[i], id, 0x10000, 0) < 0;
		}
	}
	__asm__ volatile("hvc #1" ::: "x0", "x1", "x2", "x3", "memory");
	__asm__ volatile("hvc #0xffff" ::: "x0", "x1", "x2", "x3", "memory");
	printf("fault: CPU_ON of CPU 0: %lld\n",
	       (long long)(int32_t)firmware_call(PSCI_CPU_ON, 0, 0x10000, 0));
	printf("fault: AFFINITY_INFO of CPU 0: %lld\n",
	       (long long)(int32_t)firmware_call(PSCI_AFFINITY_INFO, 0, 0, 0));
	printf("fault: %llu firmware calls, %llu refused\n", (unsigned long long)made,
	       (unsigned long long)refused);
}

#define GICD_ISENABLER	0x100
#define GICD_ICENABLER	0x180
#define GICD_ISPENDR	0x200
#define GICD_IPRIORITYR 0x400
#define GICD_IROUTER	0x6000

static void gic(void)
{
	uint64_t intid = cmdline_number("intid", 34);
	uint64_t dist = comm->gic_dist;
	uint32_t bit = 1U << intid % 32;
	uint64_t word = intid / 32 * 4;
	uint64_t at;

	mmio_write32(dist + GICD_ISENABLER + word, bit);
	printf("fault: INTID %llu is %s\n", (unsigned long long)intid,
	       mmio_read32(dist + GICD_ISENABLER + word) & bit ? "ENABLED" : "not enabled");
	mmio_write32(dist + GICD_IROUTER + 8 * intid, cpu_hw_id());
	mmio_write8(dist + GICD_IPRIORITYR + intid, 0);
	/* others' pins off, pending and on again */
	for (at = 4; at < 32; at += 4) {
		mmio_write32(dist + GICD_ICENABLER + at, ~0U);
		mmio_write32(dist + GICD_ISPENDR + at, ~0U);
		mmio_write32(dist + GICD_ISENABLER + at, ~0U);
	}
	/* every register that there is, once */
	for (at = 0; at < 0x10000; at += 4) {
		uint32_t value = mmio_read32(dist + at);

		mmio_write32(dist + at, ~value);
		mmio_write32(dist + at, value);
	}
	printf("fault: %u registers were written\n", 0x10000U / 4);
}

static void off(void)
{
	firmware_call(PSCI_SYSTEM_OFF, 0, 0, 0);
}

static void reset(void)
{
	firmware_call(PSCI_SYSTEM_RESET, 0, 0, 0);
}

static void cpuoff(void)
{
	firmware_call(PSCI_CPU_OFF, 0, 0, 0);
}

static void vectors(void)
{
	/* translated, but nothing of the cell's */
	write_sysreg(vbar_el1, 0x70000000);
	isb();
	__asm__ volatile("brk #0");
}

static void pair(void)
{
	uint64_t address = required("address"), first, second;

	__asm__ volatile("ldp %0, %1, [%2]" : "=&r"(first), "=&r"(second) : "r"(address));
	printf("fault: 0x%llx holds 0x%llx and 0x%llx\n", (unsigned long long)address,
	       (unsigned long long)first, (unsigned long long)second);
}

#define ARCH_FAULTS                                                                           \
	{ "sysreg", sysreg }, { "sgi", sgi }, { "smc", smc }, { "gic", gic }, { "off", off }, \
		{ "reset", reset }, { "cpuoff", cpuoff }, { "vectors", vectors },             \
		{ "pair", pair },

#endif
