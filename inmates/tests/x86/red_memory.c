// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Attacks on memory. Command line: what= one of
 *
 *   scan		the probes of a table at 0x100000, one after the other. Most end the cell:
 *			where it was stays in its memory, and the next start goes on behind it
 *   pages		its own page tables: A and D bits, 1 GiB pages, tables that map themselves,
 *			code that changes itself and lies across pages. All of this is allowed
 * and, each of which ends the cell,
 *   cr3 address=A	page tables there
 *   pte address=A	the last page table there
 *   write address=A	a write there
 *   code address=A	code there
 *   code-split address=A	an instruction whose second half is there
 *   stack address=A	an exception on a stack there
 *   idt address=A	an exception with the IDT there
 */
#include "attack.h"
#include "probes.h"

#define PTE_P	     1UL
#define PTE_W	     2UL
#define PTE_ACCESSED 0x20UL
#define PTE_DIRTY    0x40UL
#define PTE_LARGE    0x80UL
#define PAGE_ADDRESS 0x000ffffffffff000UL
#define WINDOW	     (1UL << 39) /* second entry of the top-level table */
#define PATTERN	     0x5eed0000beefUL

#define ECAM_START 0xb0000000UL
#define ECAM_END   0xc0000000UL

static volatile uint64_t pdpt[512] __attribute__((aligned(4096)));
static volatile uint64_t pd[512] __attribute__((aligned(4096)));
static volatile uint64_t pt[512] __attribute__((aligned(4096)));

static uint64_t *top_table(void)
{
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	return (uint64_t *)(cr3 & PAGE_ADDRESS);
}

static void reload_cr3(void)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"((uintptr_t)top_table()) : "memory");
}

/* The page of an address, at WINDOW. Returns where the address is. */
static volatile uint64_t *map_page(uint64_t address)
{
	top_table()[1] = (uintptr_t)pdpt | PTE_P | PTE_W;
	pdpt[0] = (uintptr_t)pd | PTE_P | PTE_W;
	pd[0] = (uintptr_t)pt | PTE_P | PTE_W;
	pt[0] = (address & ~0xfffUL) | PTE_P | PTE_W;
	reload_cr3();
	return (volatile uint64_t *)(WINDOW + (address & 0xfff));
}

static void probe(const struct probe *p)
{
	volatile uint64_t *at = map_page(p->address & ~7UL);
	uint32_t bits, unused;
	uint64_t value = 0;
	unsigned int fault;

	/*
	 * An address that the CPU does not have is a page fault. The library catches that at the
	 * instruction, so not where code is to be fetched from.
	 */
	cpuid(0x80000008, 0, &bits, &unused, &unused, &unused);
	if (p->kind == READ || (p->kind == FETCH && p->address >> (bits & 0xff)))
		fault = TRY("movl (%1), %%eax", "r"(at), "a"(0));
	else if (p->kind == WRITE)
		fault = TRY("movl %%eax, (%1)", "r"(at), "a"(0x5eed));
	else
		fault = TRY("call *%1", "r"(at));
	if (!fault && p->kind == READ)
		value = *(volatile uint32_t *)at;
	if (fault)
		progress.refused++;
	else if (p->address >= ECAM_START && p->address < ECAM_END && p->kind != FETCH)
		/* As if nothing were there. */
		(p->kind == WRITE || value == 0xffffffff) ? progress.refused++
							  : progress.succeeded++;
	else
		progress.succeeded++;
	if (progress.succeeded)
		printf("attack succeeded: kind %llu address 0x%llx value 0x%llx\n",
		       (unsigned long long)p->kind, (unsigned long long)p->address,
		       (unsigned long long)value);
}

static void expect(bool fine, const char *what)
{
	if (fine)
		survived();
	else
		succeeded(what, 0, 0);
}

static uint64_t run_code(const uint8_t *code)
{
	uint64_t result;

	__asm__ volatile("call *%1" : "=a"(result) : "r"(code) : "memory");
	return result;
}

static void pages(void)
{
	static uint8_t code[3 * 4096] __attribute__((aligned(4096)));
	volatile uint64_t *at = map_page((uintptr_t)code);
	uint8_t *split = code + 4096 - 2;
	unsigned int i;

	/* A and D bits, again and again. */
	for (i = 0; i < 1000; i++) {
		pt[0] &= ~(PTE_ACCESSED | PTE_DIRTY);
		reload_cr3();
		*at = i;
		expect((pt[0] & (PTE_ACCESSED | PTE_DIRTY)) == (PTE_ACCESSED | PTE_DIRTY),
		       "no A or D bit");
	}
	/* A 1 GiB page over its own memory and much that is not: its own can be used. */
	pdpt[1] = PTE_P | PTE_W | PTE_LARGE;
	reload_cr3();
	at = (volatile uint64_t *)(WINDOW + (1UL << 30) + (uintptr_t)code);
	*at = PATTERN;
	expect(*(volatile uint64_t *)code == PATTERN, "1 GiB page");
	/* A table that maps itself: entries are written through themselves. */
	pdpt[2] = (uintptr_t)pdpt | PTE_P | PTE_W;
	reload_cr3();
	at = (volatile uint64_t *)(WINDOW + (2UL << 30) + (2UL << 21) + (2UL << 12));
	at[3] = (uintptr_t)pd | PTE_P | PTE_W;
	expect(pdpt[3] == ((uintptr_t)pd | PTE_P | PTE_W), "table that maps itself");
	/* Reserved bits and an address beyond what the CPU has: page faults. */
	for (i = 40; i < 52; i++) {
		pt[1] = 1UL << i | PTE_P;
		reload_cr3();
		expect_refused(TRY("movl (%1), %%eax", "r"(WINDOW + 4096), "a"(0)) == EXCEPTION(14),
			       "address bit", i, 0);
	}
	/* mov $imm32, %eax; ret across a page border, its operand changed before each run. */
	split[0] = 0xb8;
	split[5] = 0xc3;
	for (i = 0; i < 1000; i++) {
		*(volatile uint32_t *)(split + 1) = i;
		expect(run_code(split) == i, "code that changes itself");
	}
	/* The same for a read of ECAM, which is emulated: mov (%rdi), %eax with displacement. */
	for (i = 0; i < 12; i++) {
		static const uint8_t load[] = { 0x8b, 0x87, 0, 0, 0, 0, 0xc3 };
		uint8_t *start = code + 2 * 4096 - i;
		uint64_t value;
		unsigned int j;

		for (j = 0; j < sizeof(load); j++)
			start[j] = load[j];
		__asm__ volatile("call *%1" : "=a"(value) : "r"(start), "D"(ECAM_START) : "memory");
		expect(value == 0xffffffff, "emulated read across pages");
	}
}

static uint64_t required(void)
{
	uint64_t address = cmdline_number("address", 0);

	printf("attack: 0x%llx\n", (unsigned long long)address);
	return address;
}

static void cr3(void)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(required()) : "memory");
}

static void pte(void)
{
	volatile uint64_t *at = map_page(0);

	pd[0] = required() | PTE_P | PTE_W;
	reload_cr3();
	*at = 0;
}

static void write_there(void)
{
	*map_page(required()) = 0;
}

static void code_there(void)
{
	((void (*)(void))map_page(required()))();
}

static void code_split(void)
{
	static uint8_t page[4096] __attribute__((aligned(4096)));

	page[4095] = 0xb8; /* mov $imm32, %eax: the operand is on the next page */
	map_page((uintptr_t)page);
	pt[1] = required() | PTE_P | PTE_W;
	((void (*)(void))(WINDOW + 4095))();
}

/* The instruction is a MOV: its bytes are not what makes the access. */
static void stack_there(void)
{
	uint64_t address = required();

	map_page(address);
	__asm__ volatile("mov %0, %%rsp; movl %%eax, (%1)"
			 :
			 : "r"(WINDOW + 0x800), "r"(0x7000000000UL), "a"(0x5eed)
			 : "memory");
}

static void idt_there(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} pointer = { 0xfff, (uintptr_t)map_page(required()) };

	__asm__ volatile("lidt %0; movl (%1), %%eax" : : "m"(pointer), "r"(0x7000000000UL) : "eax");
}

static const struct attack attacks[] = {
	{ "scan", scan },
	{ "pages", pages },
	{ "cr3", cr3 },
	{ "pte", pte },
	{ "write", write_there },
	{ "code", code_there },
	{ "code-split", code_split },
	{ "stack", stack_there },
	{ "idt", idt_there },
};

void inmate_main(void)
{
	run_attack(attacks);
}
