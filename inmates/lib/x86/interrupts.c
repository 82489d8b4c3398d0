// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
#include "../inmate.h"
#include "../internal.h"

#define CS64	     0x18
#define GATE_PRESENT 0x8e00 /* 64-bit interrupt gate */
#define FIRST_VECTOR 0x20
#define SPURIOUS     0xff
#define ENTRY_SIZE   16 /* of vectors.S */

struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint16_t flags;
	uint16_t offset_mid;
	uint32_t offset_high;
	uint32_t reserved;
};

struct frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

extern const char vector_entries[];
void vector_main(struct frame *f);

static struct gate idt[256];
static void (*handlers[256])(void);

bool has_vmcall;

void interrupt_handler(unsigned int vector, void (*handler)(void))
{
	handlers[vector] = handler;
}

static bool fix_up(struct frame *f)
{
	uint64_t resume = find_fixup(f->rip);

	if (!resume)
		return false;
	f->rip = resume;
	f->r8 = FAULTED | f->vector;
	return true;
}

static void exception(struct frame *f)
{
	uint64_t cr2;

	__asm__("mov %%cr2, %0" : "=r"(cr2));
	printf("inmate: CPU %u: exception %llu, error code 0x%llx at RIP 0x%llx, CR2 0x%llx\n"
	       "  RAX %016llx RBX %016llx RCX %016llx RDX %016llx\n"
	       "  RSI %016llx RDI %016llx RBP %016llx RSP %016llx\n"
	       "inmate: stopped\n",
	       cpu_index(), (unsigned long long)f->vector, (unsigned long long)f->error,
	       (unsigned long long)f->rip, (unsigned long long)cr2, (unsigned long long)f->rax,
	       (unsigned long long)f->rbx, (unsigned long long)f->rcx, (unsigned long long)f->rdx,
	       (unsigned long long)f->rsi, (unsigned long long)f->rdi, (unsigned long long)f->rbp,
	       (unsigned long long)f->rsp);
	inmate_stop();
}

void vector_main(struct frame *f)
{
	void (*handler)(void) = handlers[f->vector];

	if (f->vector < FIRST_VECTOR) {
		/* an inmate may want to see exceptions, mostly NMIs: handlers go first */
		if (handler)
			handler();
		else if (!fix_up(f))
			exception(f);
		return;
	}
	/* spurious interrupts must not be acknowledged */
	if (f->vector == SPURIOUS)
		return;
	if (handler)
		handler();
	else
		printf("inmate: interrupt 0x%llx has no handler\n", (unsigned long long)f->vector);
	apic_write(APIC_EOI, 0);
}

void interrupts_init_cpu(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} pointer = { sizeof(idt) - 1, (uintptr_t)idt };

	__asm__ volatile("lidt %0" ::"m"(pointer));
}

/* By the vendor: AMD's and Hygon's CPUs have the one instruction, all others the other. */
static bool find_vmcall(void)
{
	uint32_t eax, ebx, ecx, edx;

	cpuid(0, 0, &eax, &ebx, &ecx, &edx);
	return ebx != 0x68747541 && ebx != 0x6f677948; /* "Auth"enticAMD, "Hygo"nGenuine */
}

void arch_init(void)
{
	unsigned int vector;

	for (vector = 0; vector < 256; vector++) {
		uint64_t entry = (uintptr_t)vector_entries + vector * ENTRY_SIZE;

		idt[vector] = (struct gate){
			.offset_low = entry,
			.selector = CS64,
			.flags = GATE_PRESENT,
			.offset_mid = entry >> 16,
			.offset_high = entry >> 32,
		};
	}
	interrupts_init_cpu();
	has_vmcall = find_vmcall();
	apic_init();
}
