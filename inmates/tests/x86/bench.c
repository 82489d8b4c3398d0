// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * What operations cost that cause an exit: the least and the average time-stamp counter ticks of
 * each, without what measuring costs.
 *
 * Command line: n=N (1000) rounds; port=N (0x80) a port that the cell does not own; only=NAME;
 * ioapic=1 also measures the cell's IOAPIC at 0xfec00000, an emulated device; ticks=N instead
 * counts the exits of N timer interrupts (only root can: info=ADDRESS is that of the hypervisor's
 * info region).
 */
#include <inmate.h>
#include <cloister/info.h>

#define MSR_APIC_BASE 0x1b
#define MSR_PAT	      0x277
#define MSR_EFER      0xc0000080

#define IOAPIC_ADDRESS 0xfec00000UL

static uint16_t foreign_port;

static void do_nothing(void)
{
	__asm__ volatile("" ::: "memory");
}

static void do_cpuid(void)
{
	uint32_t eax, ebx, ecx, edx;

	cpuid(0, 0, &eax, &ebx, &ecx, &edx);
}

static void do_hypercall(void)
{
	hypercall(CL_HC_GET_INFO, CL_INFO_ABI_VERSION, 0, 0);
}

static void do_foreign_port(void)
{
	outb(foreign_port, 0);
}

static void do_pci_address(void)
{
	outl(0xcf8, 0x80000000);
}

static void do_rdmsr_apic_base(void)
{
	uint64_t value;

	rdmsr_safe(MSR_APIC_BASE, &value);
}

static void do_rdmsr_pat(void)
{
	uint64_t value;

	rdmsr_safe(MSR_PAT, &value);
}

static void do_rdmsr_efer(void)
{
	uint64_t value;

	rdmsr_safe(MSR_EFER, &value);
}

static void do_apic_read(void)
{
	apic_read(APIC_TPR);
}

static void do_apic_write(void)
{
	apic_write(APIC_TPR, 0);
}

static void do_ioapic_select(void)
{
	*(volatile uint32_t *)IOAPIC_ADDRESS = 0x10;
}

static void do_ioapic_read(void)
{
	(void)*(volatile uint32_t *)(IOAPIC_ADDRESS + 0x10);
}

static const struct {
	const char *name;
	void (*operation)(void);
	bool ioapic;
} operations[] = {
	{ "cpuid", do_cpuid, false },
	{ "hypercall", do_hypercall, false },
	{ "foreign-port-write", do_foreign_port, false },
	{ "pci-address-write", do_pci_address, false },
	{ "rdmsr-apic-base", do_rdmsr_apic_base, false },
	{ "rdmsr-pat", do_rdmsr_pat, false },
	{ "rdmsr-efer", do_rdmsr_efer, false },
	{ "apic-read", do_apic_read, false },
	{ "apic-write", do_apic_write, false },
	{ "ioapic-select", do_ioapic_select, true },
	{ "ioapic-read", do_ioapic_read, true },
};

#define OPERATION_COUNT (sizeof(operations) / sizeof(operations[0]))

static void measure(void (*operation)(void), uint64_t rounds, uint64_t *min, uint64_t *avg)
{
	uint64_t sum = 0;
	uint64_t i;

	*min = UINT64_MAX;
	for (i = 0; i < rounds; i++) {
		uint64_t start = rdtsc_ordered();
		uint64_t took;

		operation();
		took = rdtsc_ordered() - start;
		sum += took;
		if (took < *min)
			*min = took;
	}
	*avg = sum / rounds;
}

static bool same(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return *a == *b;
}

static volatile uint64_t ticks_seen;

static void on_timer(void)
{
	timer_latency(); /* also sets the next deadline */
	ticks_seen++;
}

static uint64_t exits_so_far(const volatile struct cl_info *info)
{
	const volatile struct cl_cpu_info *cpu =
		(const volatile void *)((const volatile char *)info + info->cpus_offset);
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < CL_EXIT_COUNT; i++)
		sum += cpu->exits[i];
	return sum;
}

static void count_ticks(uint64_t ticks)
{
	const volatile struct cl_info *info = (const volatile void *)cmdline_number("info", 0);
	uint64_t before;

	if (!info || info->magic != CL_INFO_MAGIC) {
		printf("bench: info=%p is not the info region\n", info);
		return;
	}
	interrupt_handler(TIMER_VECTOR, on_timer);
	timer_start(TIMER_VECTOR, ns_to_tsc(1000000));
	before = exits_so_far(info);
	while (ticks_seen < ticks)
		wait_for_interrupt();
	printf("bench: %llu exits of %llu timer interrupts, %sAPIC, %s mode\n",
	       (unsigned long long)(exits_so_far(info) - before), (unsigned long long)ticks,
	       apic_is_x2() ? "x2" : "x", timer_mode());
	timer_stop();
}

void inmate_main(void)
{
	uint64_t rounds = cmdline_number("n", 1000);
	uint64_t min, avg, empty_min, empty_avg;
	char only[32];
	bool all = !cmdline_string("only", only, sizeof(only));
	unsigned int i;

	if (!rounds)
		rounds = 1;
	if (cmdline_number("ticks", 0)) {
		count_ticks(cmdline_number("ticks", 0));
		printf("bench: done\n");
		return;
	}
	foreign_port = cmdline_number("port", 0x80);
	printf("bench: %s APIC, %llu rounds\n", apic_is_x2() ? "x2" : "x",
	       (unsigned long long)rounds);
	measure(do_nothing, rounds, &empty_min, &empty_avg);
	for (i = 0; i < OPERATION_COUNT; i++) {
		if (!all && !same(only, operations[i].name))
			continue;
		if (operations[i].ioapic && !cmdline_number("ioapic", 0))
			continue;
		measure(operations[i].operation, rounds, &min, &avg);
		min = min > empty_min ? min - empty_min : 0;
		avg = avg > empty_avg ? avg - empty_avg : 0;
		printf("bench: %-20s min %llu avg %llu\n", operations[i].name,
		       (unsigned long long)min, (unsigned long long)avg);
	}
	printf("bench: done\n");
}
