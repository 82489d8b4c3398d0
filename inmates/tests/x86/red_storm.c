// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Attacks that never end, after which the CPU has to be taken back. Command line: what= one of
 *
 *   nmi-handler	an NMI handler that does not return
 *   nmi-flood		NMIs to itself
 *   ipi-flood		interrupts to itself, with every vector
 *   timer-flood	an APIC timer of 50 us and less
 *   trap-flag		single steps for ever
 *   icebp		ICEBP for ever
 *   db-stack		a data breakpoint on the stack on which #DB is delivered
 *   alignment		#AC in ring 3, whose handler returns to the same instruction
 *   page-fault		the same with #PF
 *   software-mc	INT 18, and #UD whose handler makes the next one
 *   cpuid, wrmsr, hypercall, port, ecam	exits
 *   caches		WBINVD and INVD
 *   init-self		INIT to itself
 *   x87		an x87 exception with CR0.NE = 0, which raises FERR# and with it IRQ 13
 *   comm		random bytes in the comm region
 *   console		output for ever
 *   denied		refused accesses of every kind
 * and, with two CPUs,
 *   race		one CPU changes the code and the page tables with which the
 *			other one accesses registers; may end the cell
 *   sipi-flood		one CPU resets and starts the other one
 *   both-fail		both break a rule at once
 */
#include "attack.h"

#define ECAM	  0xb0000000UL
#define VECTOR	  0x50
#define TRAP_FLAG (1UL << 8)
#define AC_FLAG	  (1UL << 18)
#define CR0_NE	  (1UL << 5)
#define CR0_AM	  (1UL << 18)
#define PTE_USER  4UL

#define USER_CODE 0x2b
#define USER_DATA 0x23
#define TSS	  0x30

static void nothing(void)
{
}

static void for_ever(void)
{
	for (;;)
		cpu_relax();
}

static void send_self(uint32_t command)
{
	apic_send(apic_id(), command);
}

static void nmi_handler(void)
{
	interrupt_handler(2, for_ever);
	send_self(ICR_NMI);
}

static void nmi_flood(void)
{
	interrupt_handler(2, nothing);
	for (;;)
		send_self(ICR_NMI);
}

static void ipi_flood(void)
{
	unsigned int vector;

	for (vector = 0x20; vector < 0xff; vector++)
		interrupt_handler((uint8_t)vector, nothing);
	interrupts_on();
	for (;;)
		for (vector = 0x20; vector < 0xff; vector++)
			send_self(vector);
}

static void timer_flood(void)
{
	interrupt_handler(VECTOR, nothing);
	apic_write(APIC_TDCR, 0xb); /* by 1 */
	apic_write(APIC_LVTT, 0x20000 | VECTOR);
	/* A shorter one keeps QEMU itself busy, and nobody runs. */
	apic_write(APIC_TMICT, 50000);
	interrupts_on();
	for_ever();
}

static void set_flags(uint64_t flags)
{
	__asm__ volatile("pushfq; or %0, (%%rsp); popfq" : : "r"(flags) : "memory", "cc");
}

static void trap_flag(void)
{
	interrupt_handler(1, nothing);
	set_flags(TRAP_FLAG);
	for_ever();
}

static void icebp(void)
{
	interrupt_handler(1, nothing);
	for (;;)
		__asm__ volatile(".byte 0xf1" ::: "memory");
}

/* All of the cell's memory for ring 3, too. */
static void open_pages(void)
{
	uint64_t *table, i, cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	table = (uint64_t *)(cr3 & ~0xfffUL);
	for (i = 0; i < 2; i++) {
		table[0] |= PTE_USER;
		table = (uint64_t *)(table[0] & ~0xfffUL);
	}
	table[0] |= PTE_USER;
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

static uint64_t gdt[8] = { 0,
			   0x00cf9b000000ffff,
			   0x00cf93000000ffff,
			   0x00af9b000000ffff,
			   0x00cff3000000ffff, /* USER_DATA */
			   0x00affb000000ffff, /* USER_CODE */
			   0,
			   0 };

static struct __attribute__((packed)) {
	uint32_t reserved;
	uint64_t rsp[3], reserved2, ist[7];
	uint8_t rest[12];
} tss;

static void load_tables(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} pointer = { sizeof(gdt) - 1, (uintptr_t)gdt };
	uint64_t base = (uintptr_t)&tss;

	gdt[TSS / 8] = 0x0000890000000000 | (sizeof(tss) - 1) | (base & 0xffffff) << 16 |
		       (base >> 24 & 0xff) << 56;
	gdt[TSS / 8 + 1] = base >> 32;
	__asm__ volatile("lgdt %0; ltr %w1" : : "m"(pointer), "r"(TSS) : "memory");
}

static uint8_t event_stack[4096] __attribute__((aligned(16)));
#define EVENT_STACK_TOP ((uintptr_t)event_stack + sizeof(event_stack))

/*
 * Each delivery of #DB begins at the same place of the same stack, and writes to the breakpoint
 * there: the next #DB. Without an exit the CPU would do nothing else any more, and take no NMI.
 */
static void db_stack(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} idt;

	interrupt_handler(1, nothing);
	tss.ist[0] = EVENT_STACK_TOP;
	load_tables();
	__asm__ volatile("sidt %0" : "=m"(idt));
	((uint8_t *)idt.base)[16 + 4] = 1; /* gate 1: IST1 */
	__asm__ volatile("mov %0, %%dr0; mov %1, %%dr7"
			 :
			 : "r"(EVENT_STACK_TOP - 8), "r"(0x00090403UL) /* write, 8 bytes */
			 : "memory");
	for (;;)
		*(volatile uint64_t *)(EVENT_STACK_TOP - 8) = 0;
}

static void enter_user(void (*code)(void))
{
	static uint8_t user_stack[4096] __attribute__((aligned(16)));

	open_pages();
	tss.rsp[0] = EVENT_STACK_TOP;
	load_tables();
	__asm__ volatile("push %0; push %1; push %2; push %3; push %4; iretq"
			 :
			 : "r"((uint64_t)USER_DATA),
			   "r"((uintptr_t)user_stack + sizeof(user_stack) - 8), "r"(AC_FLAG | 2),
			   "r"((uint64_t)USER_CODE), "r"((uintptr_t)code)
			 : "memory");
}

static void misaligned(void)
{
	static volatile uint8_t bytes[16] __attribute__((aligned(16)));

	for (;;)
		*(volatile uint64_t *)(bytes + 1) = 1;
}

static void alignment(void)
{
	uint64_t cr0;

	interrupt_handler(17, nothing);
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 | CR0_AM));
	enter_user(misaligned);
}

static void page_fault(void)
{
	interrupt_handler(14, nothing);
	/* The library maps 4 GiB. */
	*(volatile uint32_t *)0x7000000000 = 1;
}

static void undefined(void)
{
	static unsigned int depth;

	/* As deep as the stack allows. */
	if (depth++ < 8)
		__asm__ volatile("ud2");
	for_ever();
}

static void software_mc(void)
{
	interrupt_handler(18, nothing);
	interrupt_handler(6, undefined);
	__asm__ volatile("int $18");
	__asm__ volatile("ud2");
}

static void cpuid_storm(void)
{
	uint32_t a, b, c, d;

	for (;;)
		cpuid(1, 0, &a, &b, &c, &d);
}

static void wrmsr_storm(void)
{
	for (;;)
		wrmsr_safe(0xc0010015, 0);
}

static void hypercall_storm(void)
{
	for (;;)
		hypercall(CL_HC_GET_INFO, 0, 0, 0);
}

static void port_storm(void)
{
	for (;;)
		inb(0x70);
}

static void ecam_storm(void)
{
	for (;;)
		mmio_read32(ECAM);
}

static void caches(void)
{
	for (;;)
		__asm__ volatile("wbinvd; invd" ::: "memory");
}

static void init_self(void)
{
	send_self(ICR_INIT);
	for_ever();
}

static void x87(void)
{
	static const uint16_t control = 0x0300; /* no exception is masked */
	uint64_t cr0;

	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 & ~CR0_NE));
	for (;;)
		__asm__ volatile("fninit; fldcw %0; fldz; fld1; fdivp; fwait" : : "m"(control));
}

static void comm_storm(void)
{
	uint64_t i;

	random_seed();
	for (;;)
		for (i = 0; i < 4096 / 8; i++)
			((volatile uint64_t *)comm)[i] = random64();
}

static void console_storm(void)
{
	uint64_t i;

	for (i = 0;; i++)
		printf("cloister: error: cell 'heartbeat' stopped: line %llu\n",
		       (unsigned long long)i);
}

static void denied_storm(void)
{
	unsigned int i;

	for (i = 0;; i++) {
		outb((uint16_t)(i * 8), 0);
		wrmsr_safe(0xc0010000 + i % 0x100, i);
		pci_write(0, (uint8_t)i, 0, i);
		hypercall(i, i, i, i);
		apic_send(i & 1, ICR_NMI);
	}
}

static uint8_t code[4096] __attribute__((aligned(4096)));

static void change_code(unsigned int index)
{
	/* MOV to and from memory, ADD, MOVSXD, prefixes, the start of a longer one */
	static const uint8_t opcodes[] = { 0x89, 0x8b, 0x89, 0x88, 0x89, 0x8a };
	uint64_t *table, cr3;
	unsigned int i;

	(void)index;
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	table = (uint64_t *)(cr3 & ~0xfffUL);
	table = (uint64_t *)(table[0] & ~0xfffUL);
	for (i = 0;; i++) {
		*(volatile uint8_t *)code = opcodes[i % sizeof(opcodes)];
		/* The fourth GiB, where nobody looks: its table comes and goes. */
		*(volatile uint64_t *)&table[3] ^= 1;
	}
}

static void race(void)
{
	/* mov %eax, (%rdi); ret */
	code[0] = 0x89;
	code[1] = 0x07;
	code[2] = 0xc3;
	smp_start(change_code);
	for (;;)
		__asm__ volatile("call *%1" : : "D"(ECAM), "r"(code), "a"(0) : "memory");
}

static void wait_here(unsigned int index)
{
	(void)index;
	for_ever();
}

static void sipi_flood(void)
{
	smp_start(wait_here);
	for (;;) {
		apic_send(comm->hw_ids[1], ICR_INIT);
		apic_send(comm->hw_ids[1], ICR_STARTUP | 3);
		apic_send(comm->hw_ids[1], ICR_NMI);
	}
}

static volatile bool go;

static void fail_now(unsigned int index)
{
	while (!go)
		cpu_relax();
	mmio_write32(0x10000000 + index * 0x1000, 0);
}

static void both_fail(void)
{
	smp_start(fail_now);
	go = true;
	fail_now(0);
}

static const struct attack attacks[] = {
	{ "nmi-handler", nmi_handler },	  { "nmi-flood", nmi_flood },
	{ "ipi-flood", ipi_flood },	  { "timer-flood", timer_flood },
	{ "trap-flag", trap_flag },	  { "icebp", icebp },
	{ "db-stack", db_stack },	  { "alignment", alignment },
	{ "page-fault", page_fault },	  { "software-mc", software_mc },
	{ "cpuid", cpuid_storm },	  { "wrmsr", wrmsr_storm },
	{ "hypercall", hypercall_storm }, { "port", port_storm },
	{ "ecam", ecam_storm },		  { "caches", caches },
	{ "init-self", init_self },	  { "x87", x87 },
	{ "comm", comm_storm },		  { "console", console_storm },
	{ "denied", denied_storm },	  { "race", race },
	{ "sipi-flood", sipi_flood },	  { "both-fail", both_fail },
};

void inmate_main(void)
{
	printf("storm\n");
	run_attack(attacks);
}
