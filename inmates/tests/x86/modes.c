// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * What the CPU's modes and control registers do, as text that has to be the same on the bare
 * machine and under the hypervisor: 64-bit mode, protected mode with all kinds of paging and none,
 * real mode, with instructions that exit in each of them.
 */
#include "attack.h"

#define MSR_EFER 0xc0000080

#define CR0_NE (1U << 5)
#define CR0_PE 1U
#define CR0_WP (1U << 16)
#define CR0_NW (1U << 29)
#define CR0_CD (1U << 30)
#define CR0_PG (1U << 31)

#define CR4_PSE	    (1U << 4)
#define CR4_PAE	    (1U << 5)
#define CR4_OSXSAVE (1U << 18)

#define EFER_LME (1U << 8)

#define PTE_P  1U
#define PTE_RW 2U
#define PTE_PS 0x80U

#define RFLAGS_TF "0x100"

/* For the code below; the order counts. */
struct trip {
	uint32_t cr0, cr3, cr4; /* with these */
	uint32_t seen_cr0, seen_cr4, seen_efer, seen_cpuid, seen_memory, seen_toggled;
	uint32_t code; /* not 0: is called there */
};

struct real_trip {
	uint32_t seen_cr0, seen_cpuid, faults, fault_sp, interrupts, seen_msw;
};

void visit_protected(struct trip *trip);
void visit_real(struct real_trip *trip);

/* clang-format off */
__asm__(
"	.text\n"
"	.code64\n"
"save_mode:\n"				/* and go to 32-bit mode without paging; edi is kept */
"	pop	%rax\n"
"	mov	%rax, return_to(%rip)\n"
"	mov	%rsp, saved_rsp(%rip)\n"
"	mov	%cr3, %rax\n"
"	mov	%rax, saved_cr3(%rip)\n"
"	mov	%cr4, %rax\n"
"	mov	%rax, saved_cr4(%rip)\n"
"	mov	%cr0, %rax\n"
"	mov	%rax, saved_cr0(%rip)\n"
"	sgdt	saved_gdt(%rip)\n"
"	sidt	saved_idt(%rip)\n"
"	lgdt	gdt16_pointer(%rip)\n"
"	push	$0x08\n"
"	lea	1f(%rip), %rax\n"
"	push	%rax\n"
"	lretq\n"
"	.code32\n"
"1:	mov	%cr0, %eax\n"
"	and	$0x7fffffff, %eax\n"
"	mov	%eax, %cr0\n"
"	mov	$0xc0000080, %ecx\n"
"	rdmsr\n"
"	and	$~0x100, %eax\n"
"	wrmsr\n"
"	jmp	*return_to\n"

"restore_mode:\n"			/* from 32-bit mode without paging; edi is kept */
"	mov	saved_cr4, %eax\n"
"	mov	%eax, %cr4\n"
"	mov	saved_cr3, %eax\n"
"	mov	%eax, %cr3\n"
"	mov	$0xc0000080, %ecx\n"
"	rdmsr\n"
"	or	$0x100, %eax\n"
"	wrmsr\n"
"	mov	saved_cr0, %eax\n"
"	mov	%eax, %cr0\n"
"	ljmp	$0x18, $1f\n"
"	.code64\n"
"1:	lgdt	saved_gdt(%rip)\n"
"	lidt	saved_idt(%rip)\n"
"	mov	$0x10, %eax\n"
"	mov	%eax, %ss\n"
"	mov	%eax, %ds\n"
"	mov	%eax, %es\n"
"	mov	saved_rsp(%rip), %rsp\n"
"	pop	%r15\n"
"	pop	%r14\n"
"	pop	%r13\n"
"	pop	%r12\n"
"	pop	%rbp\n"
"	pop	%rbx\n"
"	ret\n"

"	.globl	visit_protected\n"
"visit_protected:\n"
"	push	%rbx\n"
"	push	%rbp\n"
"	push	%r12\n"
"	push	%r13\n"
"	push	%r14\n"
"	push	%r15\n"
"	call	save_mode\n"
"	.code32\n"
"	mov	8(%edi), %eax\n"
"	mov	%eax, %cr4\n"
"	mov	4(%edi), %eax\n"
"	mov	%eax, %cr3\n"
"	mov	(%edi), %eax\n"
"	mov	%eax, %cr0\n"
"	mov	%cr0, %eax\n"
"	mov	%eax, 12(%edi)\n"
"	mov	%cr4, %eax\n"
"	mov	%eax, 16(%edi)\n"
"	mov	$0xc0000080, %ecx\n"
"	rdmsr\n"
"	mov	%eax, 20(%edi)\n"
"	xor	%eax, %eax\n"
"	cpuid\n"
"	mov	%ebx, 24(%edi)\n"
"	mov	visit_protected, %eax\n"
"	mov	%eax, 28(%edi)\n"
"	mov	%cr0, %eax\n"
"	xor	$0x20, %eax\n"		/* NE: an exit in this mode, too */
"	mov	%eax, %cr0\n"
"	mov	%cr0, %eax\n"
"	mov	%eax, 32(%edi)\n"
"	mov	36(%edi), %eax\n"
"	test	%eax, %eax\n"
"	jz	1f\n"
"	call	*%eax\n"
"1:	mov	%cr0, %eax\n"
"	and	$0x7fffffff, %eax\n"
"	mov	%eax, %cr0\n"
"	jmp	restore_mode\n"
"	.code64\n"

"	.globl	visit_real\n"
"visit_real:\n"
"	push	%rbx\n"
"	push	%rbp\n"
"	push	%r12\n"
"	push	%r13\n"
"	push	%r14\n"
"	push	%r15\n"
"	call	save_mode\n"
"	.code32\n"
"	movl	$0x10000000 + gp16 - 0x10000, 13 * 4\n"
"	movl	$0x10000000 + int16 - 0x10000, 0x80 * 4\n"
"	ljmp	$0x20, $1f - 0x10000\n"
"	.code16\n"
"1:	mov	$0x28, %ax\n"
"	mov	%ax, %fs\n"		/* also the limit, which stays in real mode */
"	mov	%ax, %ds\n"
"	mov	%ax, %es\n"
"	mov	%ax, %ss\n"
"	mov	%cr0, %eax\n"
"	and	$~1, %eax\n"
"	mov	%eax, %cr0\n"
"	ljmp	$0x1000, $1f - 0x10000\n"
"1:	xor	%ax, %ax\n"
"	mov	%ax, %ds\n"
"	mov	%ax, %es\n"
"	mov	%ax, %ss\n"
"	mov	$0x7000, %sp\n"
"	mov	$0x1000, %ax\n"
"	mov	%ax, %fs\n"
"	lidtl	%fs:real_idt - 0x10000\n"
"	mov	%cr0, %eax\n"
"	mov	%eax, %esi\n"
"	xor	%eax, %eax\n"
"	cpuid\n"
"	mov	%ebx, %ebp\n"
"	xor	%ebx, %ebx\n"		/* what the handlers count: bl faults, bh interrupts */
"	mov	$0xc0000080, %ecx\n"
"	mov	$-1, %eax\n"
"	mov	%eax, %edx\n"
"	wrmsr\n"			/* #GP: gp16 */
"	int	$0x80\n"
"	mov	%cr0, %eax\n"
"	xor	$0x20, %eax\n"
"	mov	%eax, %cr0\n"
"	smsw	%cx\n"
"	xor	$0x20, %eax\n"
"	mov	%eax, %cr0\n"
"	mov	$1, %ax\n"
"	lmsw	%ax\n"
"	ljmpl	$0x08, $1f\n"
"gp16:	inc	%bl\n"
"	movzwl	%sp, %edx\n"		/* three words below: no error code in real mode */
"	push	%bp\n"
"	mov	%sp, %bp\n"
"	addw	$2, 2(%bp)\n"
"	pop	%bp\n"
"	iret\n"
"int16:	inc	%bh\n"
"	iret\n"
"	.code32\n"
"1:	mov	$0x10, %eax\n"
"	mov	%eax, %ds\n"
"	mov	%eax, %es\n"
"	mov	%eax, %ss\n"
"	xor	%eax, %eax\n"
"	mov	%eax, %fs\n"
"	mov	%esi, (%edi)\n"
"	mov	%ebp, 4(%edi)\n"
"	movzbl	%bl, %eax\n"
"	mov	%eax, 8(%edi)\n"
"	mov	%edx, 12(%edi)\n"
"	movzbl	%bh, %eax\n"
"	mov	%eax, 16(%edi)\n"
"	movzwl	%cx, %eax\n"
"	mov	%eax, 20(%edi)\n"
"	jmp	restore_mode\n"
"	.code64\n"

"	.data\n"
"	.balign	8\n"
"saved_rsp: .quad 0\n"
"saved_cr0: .quad 0\n"
"saved_cr3: .quad 0\n"
"saved_cr4: .quad 0\n"
"return_to: .quad 0\n"
"saved_gdt: .quad 0, 0\n"
"saved_idt: .quad 0, 0\n"
"gdt16:	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff\n"
"	.quad	0x00009b010000ffff, 0x000093000000ffff\n"	/* 16 bits: code at 0x10000, data at 0 */
"gdt16_pointer:\n"
"	.word	. - gdt16 - 1\n"
"	.quad	gdt16\n"
"real_idt: .word 0x3ff\n"
"	.long	0\n"
"	.text\n"
);
/* clang-format on */

static uint32_t directory[1024] __attribute__((aligned(4096)));
static uint64_t pointers[4] __attribute__((aligned(32)));

/* The page directories of 64-bit mode serve PAE as they are. */
static void make_tables(void)
{
	uint64_t cr3;
	uint64_t *table;
	unsigned int i;

	__asm__("mov %%cr3, %0" : "=r"(cr3));
	table = (uint64_t *)(cr3 & ~0xfffUL);
	table = (uint64_t *)(table[0] & ~0xfffUL);
	for (i = 0; i < 4; i++)
		pointers[i] = (table[i] & ~0xfffUL) | PTE_P;
	for (i = 0; i < 1024; i++)
		directory[i] = i << 22 | PTE_PS | PTE_RW | PTE_P;
}

static void visit(const char *name, uint32_t cr0, uint32_t cr3, uint32_t cr4)
{
	struct trip trip = { .cr0 = cr0, .cr3 = cr3, .cr4 = cr4 };

	visit_protected(&trip);
	printf("%s: CR0 %08x CR4 %08x EFER %08x CPUID %08x memory %08x, with NE toggled CR0 %08x\n",
	       name, trip.seen_cr0, trip.seen_cr4, trip.seen_efer, trip.seen_cpuid,
	       trip.seen_memory, trip.seen_toggled);
}

/*
 * An instruction that exits in the last bytes of 32-bit mode's address space: the next one is at 0,
 * a RET here.
 */
static void wrap_around(void)
{
	static uint32_t table[1024] __attribute__((aligned(4096)));
	static uint8_t page[4096] __attribute__((aligned(4096)));
	struct trip trip = { .cr0 = CR0_PG | CR0_PE | 1 << 4,
			     .cr3 = (uint32_t)(uintptr_t)directory,
			     .cr4 = CR4_PSE,
			     .code = 0xfffffffe };
	uint32_t entry = directory[1023];
	uint64_t bottom = 0;
	uint32_t first;

	page[4094] = 0x0f; /* CPUID */
	page[4095] = 0xa2;
	table[1023] = (uint32_t)(uintptr_t)page | PTE_RW | PTE_P;
	directory[1023] = (uint32_t)(uintptr_t)table | PTE_RW | PTE_P;
	/* A null pointer would be the compiler's. */
	__asm__("" : "+r"(bottom));
	first = mmio_read32(bottom);
	mmio_write32(bottom, 0xc3);
	visit_protected(&trip);
	mmio_write32(bottom, first);
	directory[1023] = entry;
	printf("wrapped around: CR0 %08x\n", trip.seen_cr0);
}

static uint64_t read_cr0(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr0, %0" : "=r"(value));
	return value;
}

static uint64_t read_cr4(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

#define TRY_CR(name, value) TRY("mov %1, %%" name, "r"((uint64_t)(value)))

/* Each refused with #GP, or done, and then what is read back. */
static void control_registers(void)
{
	static const struct {
		const char *name;
		uint32_t set, clear;
	} changes[] = {
		{ "NE", CR0_NE, 0 },
		{ "no NE", 0, CR0_NE },
		{ "WP", CR0_WP, 0 },
		{ "CD", CR0_CD, 0 },
		{ "no CD", 0, CR0_CD },
		{ "NW alone", CR0_NW, CR0_CD },
		{ "no PE", 0, CR0_PE },
		{ "no ET", 0, 1 << 4 },
		{ "CD, NE", CR0_CD | CR0_NE, 0 },
		{ "reserved, no NE", 0x1ff8ffc0, CR0_NE },
		{ "reserved", 0x1ff8ffc0 & ~(1 << 18), 0 },
		{ "none", 0, CR0_CD | CR0_NE | CR0_WP },
	};
	uint64_t cr0 = read_cr0(), cr4 = read_cr4(), efer = rdmsr(MSR_EFER);
	unsigned int i, fault;

	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		fault = TRY_CR("cr0", (read_cr0() | changes[i].set) & ~(uint64_t)changes[i].clear);
		printf("CR0 %s: fault %x, reads %08llx\n", changes[i].name, fault,
		       (unsigned long long)read_cr0());
	}
	fault = TRY_CR("cr0", cr0 | 1UL << 32);
	printf("CR0 bit 32: fault %x\n", fault);
	__asm__ volatile("clts");
	TRY_CR("cr0", cr0);
	printf("CR4 no PAE: fault %x\n", TRY_CR("cr4", cr4 & ~(uint64_t)CR4_PAE));
	printf("CR4 bit 63: fault %x\n", TRY_CR("cr4", cr4 | 1UL << 63));
	printf("EFER no LME: fault %x\n", wrmsr_safe(MSR_EFER, efer & ~(uint64_t)EFER_LME));
	printf("EFER bit 63: fault %x\n", wrmsr_safe(MSR_EFER, efer | 1UL << 63));
}

static bool sees_osxsave(void)
{
	uint32_t eax, ebx, ecx, edx;

	cpuid(1, 0, &eax, &ebx, &ecx, &edx);
	return ecx & 1 << 27;
}

static void extended_state(void)
{
	static const uint64_t values[] = { 1, 3, 0, 2, 4, 7, 1UL << 63 };
	uint32_t eax, ebx, ecx, edx;
	uint64_t cr4 = read_cr4();
	unsigned int i;

	cpuid(1, 0, &eax, &ebx, &ecx, &edx);
	if (!(ecx & 1 << 26))
		return;
	printf("XSETBV without OSXSAVE: fault %x\n", TRY("xsetbv", "a"(1), "d"(0), "c"(0)));
	TRY_CR("cr4", cr4 | CR4_OSXSAVE);
	printf("CPUID sees OSXSAVE: %u\n", sees_osxsave());
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		printf("XCR0 %llx: fault %x\n", (unsigned long long)values[i],
		       TRY("xsetbv", "a"((uint32_t)values[i]), "d"((uint32_t)(values[i] >> 32)),
			   "c"(0)));
	printf("XCR1: fault %x\n", TRY("xsetbv", "a"(1), "d"(0), "c"(1)));
	TRY("xsetbv", "a"(1), "d"(0), "c"(0));
	TRY_CR("cr4", cr4);
	printf("CPUID sees OSXSAVE: %u\n", sees_osxsave());
}

static volatile unsigned int debug_exceptions;
static uint64_t debug_status;
static volatile uint8_t watched;

static void on_debug(void)
{
	uint64_t status;

	__asm__ volatile("mov %%dr6, %0" : "=r"(status));
	debug_status |= status;
	debug_exceptions++;
	__asm__ volatile("mov %0, %%dr6" ::"r"(0xffff0ff0UL));
}

#define STEP(code, ...)                                                                           \
	({                                                                                        \
		debug_exceptions = 0;                                                             \
		debug_status = 0;                                                                 \
		__asm__ volatile("pushfq\n\torq $" RFLAGS_TF ", (%%rsp)\n\tpopfq\n\t" code        \
				 "\n\tpushfq\n\tandq $~" RFLAGS_TF ", (%%rsp)\n\tpopfq\n\tnop" :: \
					 : __VA_ARGS__);                                          \
		debug_exceptions;                                                                 \
	})

static const uint32_t stack_segment = 0x10;

static void debugging(void)
{
	uint64_t status;

	interrupt_handler(1, on_debug);
	printf("steps over nothing: %u\n", STEP("nop", "memory"));
	printf("status %llx\n", (unsigned long long)debug_status);
	printf("steps over CLI, STI: %u\n", STEP("cli\n\tnop", "memory"));
	printf("steps over CPUID: %u\n",
	       STEP("push %%rbx\n\tcpuid\n\tpop %%rbx", "rax", "rcx", "rdx", "memory"));
	printf("status %llx\n", (unsigned long long)debug_status);
	printf("steps over MOV SS: %u\n",
	       STEP("mov %%ss, %%eax\n\tmov %%eax, %%ss\n\tnop\n\tnop", "eax", "memory"));
	printf("steps over MOV SS, CPUID: %u\n",
	       STEP("push %%rbx\n\tmov %%ss, %%eax\n\tmov %%eax, %%ss\n\tcpuid\n\tpop %%rbx", "rax",
		    "rcx", "rdx", "memory"));
	printf("status %llx\n", (unsigned long long)debug_status);
	printf("steps over STI, CPUID: %u\n", STEP("push %%rbx\n\tsti\n\tcpuid\n\tcli\n\tpop %%rbx",
						   "rax", "rcx", "rdx", "memory"));
	if (cmdline_number("strict", 1)) /* #GP of an instruction that exits */
		printf("steps over MOV SS, WRMSR: %u\n",
		       STEP("xor %%r8d, %%r8d\n\tmov $-1, %%eax\n\tmov %%eax, %%edx\n\t"
			    "mov $0xc0000080, %%ecx\n\tmov %%ss, %%ebx\n\tmov %%ebx, %%ss\n"
			    "1:\twrmsr\n2:\n" CAN_FAULT "\tmov %%r8, %%rbx",
			    "rax", "rbx", "rcx", "rdx", "r8", "memory"));
	debug_exceptions = 0;
	debug_status = 0;
	__asm__ volatile(".byte 0xf1" : : : "memory");
	printf("INT1: %u, status %llx\n", debug_exceptions, (unsigned long long)debug_status);
	printf("steps over INT1: %u\n", STEP(".byte 0xf1\n\tnop", "memory"));
	__asm__ volatile("mov %%ss, %0\n\tmov %0, %%ss\n\t.byte 0xf1" : "=r"(status) : : "memory");
	printf("INT1 behind MOV SS: %u\n", debug_exceptions);
	__asm__ volatile("mov %0, %%dr0" ::"r"(&watched));
	__asm__ volatile("mov %0, %%dr7" ::"r"(0x00010402UL)); /* global, write, one byte */
	debug_exceptions = 0;
	watched = 1;
	printf("watched writes: %u\n", debug_exceptions);
	__asm__ volatile("mov %0, %%dr0" ::"r"(&stack_segment));
	__asm__ volatile("mov %0, %%dr7" ::"r"(0x000f0402UL)); /* read or write, four bytes */
	debug_exceptions = 0;
	debug_status = 0;
	__asm__ volatile("push %%rbx\n\tmov %0, %%ss\n\tcpuid\n\tpop %%rbx"
			 :
			 : "m"(stack_segment)
			 : "rax", "rcx", "rdx", "memory");
	printf("watched MOV SS, CPUID: %u, status %llx\n", debug_exceptions,
	       (unsigned long long)debug_status);
	__asm__ volatile("mov %0, %%dr7" ::"r"(0x400UL));
	interrupt_handler(1, NULL);
	__asm__ volatile("mov %0, %%dr7" ::"r"(0x2400UL)); /* GD: access to debug registers */
	printf("guarded debug register: fault %x\n", TRY("mov %1, %%dr6", "r"(0xffff0ff0UL)));
	__asm__ volatile("mov %%dr7, %0" : "=r"(debug_status));
	printf("DR7 after that: %llx\n", (unsigned long long)debug_status);
}

static void instructions(void)
{
	printf("UD2: fault %x\n", TRY("ud2", "r"(0)));
	printf("INVLPG: fault %x\n", TRY("invlpg 0x10000", "r"(0)));
	printf("WBINVD: fault %x\n", TRY("wbinvd", "r"(0)));
	printf("INVD: fault %x\n", TRY("invd", "r"(0)));
	printf("PAUSE: fault %x\n", TRY("pause", "r"(0)));
	printf("CR8: fault %x, TPR %x\n", TRY("mov %1, %%cr8", "r"(5UL)), apic_read(APIC_TPR));
	TRY("mov %1, %%cr8", "r"(0UL));
}

/* A port that exits, in all sizes: what of RAX stays. PCI configuration space, the host bridge. */
static void ports(void)
{
	uint64_t value[5] = { 0x1122334455667788, 0x1122334455667788, 0x1122334455667788,
			      0x1122334455667788, 0x1122334455667788 };

	__asm__ volatile("outl %%eax, %%dx" : : "a"(0x80000000), "d"(0xcf8));
	__asm__ volatile("inb %%dx, %%al" : "+a"(value[0]) : "d"(0xcfc));
	__asm__ volatile("inw %%dx, %%ax" : "+a"(value[1]) : "d"(0xcfc));
	__asm__ volatile("inl %%dx, %%eax" : "+a"(value[2]) : "d"(0xcfc));
	__asm__ volatile("inb %%dx, %%al" : "+a"(value[3]) : "d"(0xcff));
	__asm__ volatile("inl %%dx, %%eax" : "+a"(value[4]) : "d"(0xcf8));
	printf("ports: %llx %llx %llx %llx %llx\n", (unsigned long long)value[0],
	       (unsigned long long)value[1], (unsigned long long)value[2],
	       (unsigned long long)value[3], (unsigned long long)value[4]);
}

static volatile unsigned int nmis, nmis_inside;

static void wait_a_little(void)
{
	unsigned int i;

	for (i = 0; i < 100000; i++)
		cpu_relax();
}

/* Another one, which has to wait for the end of this one. */
static void on_nmi(void)
{
	unsigned int before = ++nmis;

	if (before == 1) {
		apic_send(apic_id(), ICR_NMI);
		wait_a_little();
	}
	nmis_inside += nmis - before;
}

static void nmi_to_itself(void)
{
	interrupt_handler(2, on_nmi);
	apic_send(apic_id(), ICR_NMI);
	wait_a_little();
	printf("NMIs: %u, in the handler of another one: %u\n", nmis, nmis_inside);
	interrupt_handler(2, NULL);
}

void inmate_main(void)
{
	struct real_trip real = { 0 };
	uint32_t usual = CR0_PE | 1 << 4;

	make_tables();
	if (cmdline_number("strict", 1))
		control_registers();
	extended_state();
	instructions();
	ports();
	nmi_to_itself();
	debugging();
	visit("no paging", usual, 0, 0);
	visit("no paging, NE, CD", usual | CR0_NE | CR0_CD, 0, 0);
	visit("32-bit paging", usual | CR0_PG, (uint32_t)(uintptr_t)directory, CR4_PSE);
	visit("32-bit paging, NE", usual | CR0_PG | CR0_NE, (uint32_t)(uintptr_t)directory,
	      CR4_PSE);
	visit("PAE paging", usual | CR0_PG, (uint32_t)(uintptr_t)pointers, CR4_PAE);
	visit("PAE paging, NE", usual | CR0_PG | CR0_NE, (uint32_t)(uintptr_t)pointers, CR4_PAE);
	wrap_around();
	visit_real(&real);
	printf("real mode: CR0 %08x CPUID %08x faults %u SP %x interrupts %u, with NE toggled MSW %x\n",
	       real.seen_cr0, real.seen_cpuid, real.faults, real.fault_sp, real.interrupts,
	       real.seen_msw & 0x3f);
	printf("modes: done\n");
}
