// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Attacks on devices, in a cell that has pin 8 of the IOAPIC and PCI function own=DEVFN (QEMU's
 * "edu"). Command line: what= one of
 *
 *   pci	writes to all registers of all functions, by ports and by ECAM; its own function's
 *		base addresses, capabilities and identity must stay; messages (MSI) to others
 *   ioapic	all registers, values and pins; its own pin stays fixed, physical, to its own CPU
 *   mmio	every form of MOV, with registers that answer: must work as on hardware
 *   insn n=N	an instruction that is not emulated, on those registers: ends the cell
 */
#include "attack.h"

#define CR4_OSFXSR (1UL << 9)
#define ECAM	   0xb0000000UL
#define IOAPIC	   0xfec00000UL
#define OWN_PIN	   8U
/* Of the virtual UART and of the power button: the cell's, too, and checked in the same way. */
#define UART_PIN   4U
#define BUTTON_PIN 5U
#define REDIRECT   0x10U
#define MASKED	   0x10000U
#define EDU_ID	   0x11e81234U

#define MSI_ENABLE 0x10000U

static uint8_t own, message; /* its function, and where the MSI capability is in there */

static uintptr_t ecam(uint32_t devfn, int32_t offset)
{
	return ECAM + ((uintptr_t)devfn << 12) + offset;
}

/* Command, cache line size, latency timer, interrupt line, and what the device itself changes:
 * status. The message, as long as it is not sent. */
static bool may_change(uint32_t offset)
{
	return offset == 0x04 || offset == 0x0c || offset == 0x3c ||
	       (offset >= message && offset < message + 16U);
}

static bool messages_are_on(void)
{
	return pci_read(0, own, message) & MSI_ENABLE;
}

/* To this address with this data; none of the attacks is allowed, so it must not be on then. */
static void send(uint32_t address, uint32_t high, uint32_t data)
{
	pci_write(0, own, message + 4, address);
	pci_write(0, own, message + 8, high);
	pci_write(0, own, message + 12, data);
	pci_write(0, own, message, MSI_ENABLE | 0x500000);
	expect_refused(!messages_are_on(), "message", address, data);
}

static void messages(void)
{
	uint32_t self = 0xfee00000 | apic_id() << 12, i;

	for (i = 0; i < 256; i++)
		if (i != apic_id())
			send(0xfee00000 | i << 12, 0, 0x50);
	for (i = 2; i < 64; i++)
		if (i < 12 || i > 19)
			send(i < 32 ? self ^ 1U << i : self, i < 32 ? 0 : 1U << (i - 32), 0x50);
	for (i = 0; i < 256; i++)
		if ((i & 7) > 1 || i & 0xb8)
			send(self, 0, i << 8 | 0x50);
	for (i = 0; i < 32; i++)
		send(self, 0, i);
	/* What is allowed is not any more when it changes. */
	pci_write(0, own, message + 8, 0);
	pci_write(0, own, message + 12, 0x50);
	pci_write(0, own, message, MSI_ENABLE);
	expect_refused(messages_are_on(), "own message", self, 0x50);
	for (i = 2; i < 32; i++) {
		pci_write(0, own, message + 4, self ^ 1U << i);
		if (i < 12 || i > 19)
			expect_refused(pci_read(0, own, message + 4) == self, "address", i, 0);
		pci_write(0, own, message + 4, self);
	}
	pci_write(0, own, message, 0);
}

static void pci(void)
{
	static const uint32_t values[] = { ~0U, 0, 0x5a5a5a5a };
	uint32_t before[64], devfn, offset, i;

	message = pci_read(0, own, 0x34) & 0xfc;
	expect_refused((pci_read(0, own, message) & 0xff) == 5, "list of capabilities", message, 0);
	for (offset = 0; offset < 256; offset += 4)
		before[offset / 4] = pci_read(0, own, (uint8_t)offset);
	for (devfn = 0; devfn < 256; devfn++) {
		for (offset = 0; offset < 256; offset += 4) {
			for (i = 0; i < 3; i++) {
				pci_write(0, (uint8_t)devfn, (uint8_t)offset, values[i]);
				mmio_write32(ecam(devfn, (int32_t)offset), values[i]);
				if (devfn == own)
					expect_refused(!messages_are_on() &&
							       (may_change(offset) ||
								pci_read(0, own, (uint8_t)offset) ==
									before[offset / 4]),
						       "own register", offset, values[i]);
				else
					expect_refused(
						mmio_read32(ecam(devfn, (int32_t)offset)) == ~0U,
						"PCI function", devfn << 12 | offset, values[i]);
			}
		}
		/* Bytes and words, across the border of registers, behind the first 256 bytes. */
		if (devfn == own)
			continue;
		for (offset = 0x100; offset < 0x1000; offset += 0x7f) {
			*(volatile uint8_t *)ecam(devfn, (int32_t)offset) = 0x5a;
			expect_refused(*(volatile uint8_t *)ecam(devfn, (int32_t)offset) == 0xff,
				       "PCI function", devfn << 12 | offset, 0);
		}
	}
	/* Other buses, and bits of the address port that are reserved. */
	random_seed();
	for (i = 0; i < 20000; i++) {
		uint32_t address = (uint32_t)random64();

		if ((address >> 8 & 0xffff) == own)
			continue;
		outl(0xcf8, address);
		outl(0xcfc, (uint32_t)random64());
		expect_refused(inl(0xcfc) == ~0U, "PCI address", address, 0);
	}
	messages();
	for (offset = 0; offset < 256; offset += 4)
		if (may_change(offset))
			pci_write(0, own, (uint8_t)offset, before[offset / 4]);
}

static uint32_t ioapic_read(uint32_t index)
{
	mmio_write32(IOAPIC, index);
	return mmio_read32(IOAPIC + 0x10);
}

static void ioapic_write(uint32_t index, uint32_t value)
{
	mmio_write32(IOAPIC, index);
	mmio_write32(IOAPIC + 0x10, value);
}

static void attack_entry(uint32_t index, uint32_t value)
{
	uint32_t pin = (index - REDIRECT) / 2, before = ioapic_read(index), now;

	ioapic_write(index, value);
	now = ioapic_read(index);
	if (index < REDIRECT)
		expect_refused(now == before, "IOAPIC register", index, now);
	else if (pin != OWN_PIN && pin != UART_PIN && pin != BUTTON_PIN)
		expect_refused(now == MASKED, "IOAPIC pin", pin, now);
	else if (index & 1)
		expect_refused(now >> 24 == apic_id() || now >> 24 == 0, "IOAPIC destination",
			       value, now);
	else
		expect_refused((now >> 8 & 7) <= 1 && !(now & 1U << 11), "IOAPIC entry", value,
			       now);
}

static void ioapic(void)
{
	static const uint32_t values[] = { 0, ~0U, 0x5a5a5a5a, 0x150, 0xff000000 };
	static const uint32_t own_pins[] = { OWN_PIN, UART_PIN, BUTTON_PIN };
	uint32_t index, pin, i;

	for (index = 0; index < 0x100; index++)
		for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
			attack_entry(index, values[i]);
	/* Each delivery mode and each destination in the own pins. */
	for (pin = 0; pin < sizeof(own_pins) / sizeof(own_pins[0]); pin++) {
		index = REDIRECT + 2 * own_pins[pin];
		for (i = 0; i < 0x1000; i++)
			attack_entry(index, (i << 8 & 0xfff00) | 0x50);
		for (i = 0; i < 0x100; i++)
			attack_entry(index + 1, i << 24);
	}
	random_seed();
	for (i = 0; i < 10000; i++) {
		uint32_t offset = (uint32_t)random64() & 0xffc;

		/* All other registers of the page, EOI (0x40) among them. */
		if (offset != 0 && offset != 0x10)
			mmio_write32(IOAPIC + offset, (uint32_t)random64());
		attack_entry((uint32_t)random64() & 0xff, (uint32_t)random64());
	}
	for (pin = 0; pin < sizeof(own_pins) / sizeof(own_pins[0]); pin++)
		ioapic_write(REDIRECT + 2 * own_pins[pin], MASKED);
}

#define LOAD(instruction, address, before)                \
	({                                                \
		uint64_t load_value = (before);           \
		__asm__ volatile(instruction              \
				 : "+a"(load_value)       \
				 : "D"(address), "c"(0UL) \
				 : "memory");             \
		load_value;                               \
	})

static void check(uint64_t value, uint64_t expected, const char *instruction)
{
	if (value == expected)
		survived();
	else
		succeeded(instruction, expected, value);
}

#define ONES ~0UL
#define CHECK(instruction, offset, before, expected) \
	check(LOAD(instruction, ecam(own, offset), before), expected, instruction)

static void mmio(void)
{
	static uint8_t code[2 * 4096] __attribute__((aligned(4096)));
	uint32_t line = pci_read(0, own, 0x3c), i;
	uint8_t *at;

	CHECK("movb (%%rdi), %%al", 0, ONES, 0xffffffffffffff34);
	CHECK("movb 1(%%rdi), %%ah", 0, ONES, 0xffffffffffff12ff);
	CHECK("movw (%%rdi), %%ax", 2, ONES, 0xffffffffffff11e8);
	CHECK("movl (%%rdi), %%eax", 0, ONES, EDU_ID);
	CHECK("movl -8(%%rdi,%%rcx,4), %%eax", 8, ONES, EDU_ID);
	CHECK("movl 0x1000(%%rdi), %%eax", -0x1000, ONES, EDU_ID);
	CHECK("addr32 movl (%%edi), %%eax", 0, ONES, EDU_ID);
	CHECK("movzbl 3(%%rdi), %%eax", 0, ONES, 0x11);
	CHECK("movzwl 2(%%rdi), %%eax", 0, ONES, 0x11e8);
	CHECK("movsbl 2(%%rdi), %%eax", 0, 0, 0xffffffe8);
	CHECK("movsbq 2(%%rdi), %%rax", 0, 0, 0xffffffffffffffe8);
	CHECK("movswq (%%rdi), %%rax", 0, 0, 0x1234);
	CHECK("movslq (%%rdi), %%rax", 0, ONES, EDU_ID);
	CHECK("movzbw 3(%%rdi), %%ax", 0, ONES, 0xffffffffffff0011);
	check(LOAD("movabsl 0xb0028000, %%eax", 0, ONES), own == 5 << 3 ? EDU_ID : 0, "movabs");

	/* No register has 8 bytes, or lies across two: as if nothing were there. */
	CHECK("movq (%%rdi), %%rax", 0, 0, ONES);
	CHECK("movl (%%rdi), %%eax", 2, 0, 0xffffffff);
	__asm__ volatile("movq %0, (%1)" : : "r"(0UL), "r"(ecam(own, 0x38)) : "memory");
	check(pci_read(0, own, 0x3c), line, "movq to memory");

	/* Writes, of the interrupt line: a byte that is the cell's. */
	for (i = 0; i < 256; i++) {
		*(volatile uint8_t *)ecam(own, 0x3c) = (uint8_t)i;
		check(pci_read(0, own, 0x3c) & 0xff, i, "movb to memory");
	}
	__asm__ volatile("movb %%ah, (%0)" : : "r"(ecam(own, 0x3c)), "a"(0x4200) : "memory");
	check(pci_read(0, own, 0x3c) & 0xff, 0x42, "movb %ah");
	__asm__ volatile("movw $0x0143, (%0)" : : "r"(ecam(own, 0x3c)) : "memory");
	check(pci_read(0, own, 0x3c), (line & ~0xffU) | 0x43, "movw $imm");
	__asm__ volatile("movl $0xffffff44, (%0)" : : "r"(ecam(own, 0x3c)) : "memory");
	check(pci_read(0, own, 0x3c), (line & ~0xffU) | 0x44, "movl $imm");
	__asm__ volatile("movnti %1, (%0)" : : "r"(ecam(own, 0x3c)), "r"(0x45) : "memory");
	check(pci_read(0, own, 0x3c) & 0xff, 0x45, "movnti");
	pci_write(0, own, 0x3c, line);

	/* mov 0(%rdi), %eax; ret at every distance from the end of a page. */
	for (i = 0; i < 16; i++) {
		static const uint8_t load[] = { 0x67, 0x8b, 0x87, 0, 0, 0, 0, 0xc3 };
		unsigned int j;

		at = code + 4096 - i;
		for (j = 0; j < sizeof(load); j++)
			at[j] = load[j];
		__asm__ volatile("call *%1" : "=a"(line) : "r"(at), "D"(ecam(own, 0)) : "memory");
		check(line, EDU_ID, "load across pages");
	}
}

/* What a driver does not do to registers. Each ends the cell, with these bytes in the log. */
static void instruction(void)
{
	uintptr_t at = ecam(own, 0), end = ecam(own, 0xffe);
	static uint8_t ram[64] __attribute__((aligned(64)));
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_OSFXSR));
#define EACH(n, text)                                                                        \
	case n:                                                                              \
		__asm__ volatile(text                                                        \
				 :                                                           \
				 : "D"(at), "S"(ram), "b"(end), "a"(0UL), "c"(1UL), "d"(0UL) \
				 : "memory", "cc");                                          \
		break
	switch (cmdline_number("n", 0)) {
		EACH(0, "stosl");
		EACH(1, "rep stosb");
		EACH(2, "movsl");
		EACH(3, "xchg %%rdi, %%rsi; lodsl");
		EACH(4, "xchg %%rdi, %%rsi; rep movsb");
		EACH(5, "lock addl $1, (%%rdi)");
		EACH(6, "lock xaddl %%eax, (%%rdi)");
		EACH(7, "lock cmpxchgl %%ecx, (%%rdi)");
		EACH(8, "xchgl %%eax, (%%rdi)");
		EACH(9, "addl %%eax, (%%rdi)");
		EACH(10, "addl (%%rdi), %%eax");
		EACH(11, "andb $1, (%%rdi)");
		EACH(12, "orl $1, (%%rdi)");
		EACH(13, "xorl %%eax, (%%rdi)");
		EACH(14, "testl %%eax, (%%rdi)");
		EACH(15, "cmpl $1, (%%rdi)");
		EACH(16, "incl (%%rdi)");
		EACH(17, "btsl $1, (%%rdi)");
		EACH(18, "pushq (%%rdi)");
		EACH(19, "popq (%%rdi)");
		EACH(20, "call *(%%rdi)");
		EACH(21, "fldl (%%rdi)");
		EACH(22, "movl %%eax, (%%rbx)"); /* two bytes here, two on the next page */
		EACH(23, "movl (%%rbx), %%eax");
		EACH(24, "cmpxchg16b (%%rdi)");
		EACH(25, "lgdt (%%rdi)");
		EACH(26, "movw %%ds, (%%rdi)");
		EACH(27, "movups (%%rdi), %%xmm0");
		EACH(28, "movdqa %%xmm0, (%%rdi)");
	default:
		printf("attack: no such instruction\n");
	}
#undef EACH
	printf("attack succeeded: went on behind the instruction\n");
}

static const struct attack attacks[] = {
	{ "pci", pci },
	{ "ioapic", ioapic },
	{ "mmio", mmio },
	{ "insn", instruction },
};

void inmate_main(void)
{
	own = (uint8_t)cmdline_number("own", 0);
	run_attack(attacks);
}
