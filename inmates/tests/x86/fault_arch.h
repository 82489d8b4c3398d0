/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What only x86 can do wrong:
 *
 *   triple	triple fault
 *   port	read and write port=N (0x70), width=1, 2 or 4
 *   msr	read msr=N (0xc0010015), write back what was read, or value=N
 *   ipi	send fixed, NMI, INIT and startup IPIs to APIC ids first=N to last=N, count=N times
 */
#ifndef FAULT_ARCH_H
#define FAULT_ARCH_H

static void triple(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} none = { 0, 0 };

	__asm__ volatile("lidt %0; ud2" ::"m"(none));
}

static void port(void)
{
	uint16_t number = cmdline_number("port", 0x70);
	uint64_t width = cmdline_number("width", 1);
	uint32_t value;

	if (width == 4)
		value = inl(number);
	else if (width == 2)
		value = inw(number);
	else
		value = inb(number);
	printf("fault: port 0x%x reads 0x%x\n", number, value);
	if (width == 4)
		outl(number, value);
	else if (width == 2)
		outw(number, value);
	else
		outb(number, value);
	printf("fault: port 0x%x was written\n", number);
}

static void print_msr(const char *what, uint32_t number, unsigned int fault, uint64_t value)
{
	if (fault)
		printf("fault: %s 0x%x: exception %u\n", what, number, fault & 0xff);
	else
		printf("fault: %s 0x%x: 0x%llx\n", what, number, (unsigned long long)value);
}

static void msr(void)
{
	uint32_t number = cmdline_number("msr", 0xc0010015);
	unsigned int fault;
	uint64_t value;

	fault = rdmsr_safe(number, &value);
	print_msr("rdmsr", number, fault, value);
	value = cmdline_number("value", value);
	print_msr("wrmsr", number, wrmsr_safe(number, value), value);
}

static void ipi(void)
{
	static const uint32_t kinds[] = { ICR_FIXED | 0xd0, ICR_NMI, ICR_INIT, ICR_STARTUP | 0x10 };
	uint32_t first = cmdline_number("first", 0);
	uint32_t last = cmdline_number("last", 15);
	uint64_t count = cmdline_number("count", 1);
	uint64_t sent = 0;
	uint32_t id;
	unsigned int i;

	for (; count; count--)
		for (id = first; id <= last; id++)
			for (i = 0; i < 4; i++) {
				/* its own CPU it may reset, but that would end the test */
				if (id == apic_id())
					continue;
				apic_send(id, kinds[i]);
				sent++;
			}
	printf("fault: %llu IPIs were sent\n", (unsigned long long)sent);
}

#define ARCH_FAULTS { "triple", triple }, { "port", port }, { "msr", msr }, { "ipi", ipi },

#endif
