// SPDX-License-Identifier: GPL-2.0
/* The hostile root kernel: what only x86 has. */
#include <linux/errno.h>
#include <linux/irqflags.h>
#include <linux/string.h>
#include <asm/apic.h>
#include <asm/asm.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/special_insns.h>
#include <cloister/hypercall.h>
#include "hostile.h"

long arch_call(u64 number, u64 a, u64 b, u64 c)
{
	long answer;

	if (boot_cpu_data.x86_vendor == X86_VENDOR_AMD ||
	    boot_cpu_data.x86_vendor == X86_VENDOR_HYGON)
		asm volatile("vmmcall"
			     : "=a"(answer)
			     : "a"(number), "D"(a), "S"(b), "d"(c)
			     : "memory");
	else
		asm volatile("vmcall"
			     : "=a"(answer)
			     : "a"(number), "D"(a), "S"(b), "d"(c)
			     : "memory");
	return answer;
}

bool arch_copy_from(void *buffer, const void *registers, size_t size)
{
	unsigned long count = size / sizeof(u32);

	asm volatile("1: rep movsl\n2:\n" _ASM_EXTABLE(1b, 2b)
		     : "+S"(registers), "+D"(buffer), "+c"(count)
		     :
		     : "memory");
	return !count;
}

bool arch_zero(void *registers)
{
	unsigned long count = 1;

	asm volatile("1: rep stosl\n2:\n" _ASM_EXTABLE(1b, 2b)
		     : "+D"(registers), "+c"(count)
		     : "a"(0)
		     : "memory");
	return !count;
}

static void write_apic(u32 reg, u32 value)
{
	u64 base;

	rdmsrl(MSR_IA32_APICBASE, base);
	if (base & X2APIC_ENABLE)
		wrmsrl_safe(APIC_BASE_MSR + (reg >> 4), value);
	else
		access_memory(0xfee00000 + reg, true, value);
}

static void write_icr(u32 high, u32 low)
{
	u64 base;

	rdmsrl(MSR_IA32_APICBASE, base);
	if (base & X2APIC_ENABLE) {
		wrmsrl_safe(APIC_BASE_MSR + (APIC_ICR >> 4), (u64)high << 32 | low);
		return;
	}
	write_apic(APIC_ICR2, high << 24);
	write_apic(APIC_ICR, low);
}

/* Behind Linux' back, which has a copy of the register. */
static void set_vmxe(bool on)
{
	unsigned long value = native_read_cr4() & ~X86_CR4_VMXE;

	asm volatile("mov %0, %%cr4" : : "r"(value | (on ? X86_CR4_VMXE : 0)) : "memory");
}

/*
 * Writes the TSC or what it is adjusted by, so that it moves, has the hypervisor look at a cell's
 * watchdog, puts it back, and has it look again. By how much it had moved.
 */
static u64 move_tsc(u32 msr, u64 by, u64 cell)
{
	unsigned long flags;
	u64 adjust, value, before, moved;

	if (rdmsrl_safe(MSR_IA32_TSC_ADJUST, &adjust))
		return 0;
	/* Linux sees nothing of it. */
	local_irq_save(flags);
	value = adjust;
	before = rdtsc();
	if (msr == MSR_IA32_TSC)
		value = before;
	wrmsrl_safe(msr, value + by);
	moved = rdtsc() - before;
	arch_call(CL_HC_CELL_WATCHDOG, cell, 0, 0);
	wrmsrl_safe(MSR_IA32_TSC_ADJUST, adjust);
	arch_call(CL_HC_CELL_WATCHDOG, cell, 0, 0);
	local_irq_restore(flags);
	return moved;
}

int arch_attack(const char *what, const u64 *arguments, u64 *result)
{
	u64 a = arguments[0], b = arguments[1];
	unsigned char byte = 0;
	const void *source = &byte;

	if (!strcmp(what, "apic"))
		write_apic(a, b);
	else if (!strcmp(what, "icr"))
		write_icr(a, b);
	else if (!strcmp(what, "wrmsr"))
		*result = wrmsrl_safe(a, b);
	else if (!strcmp(what, "rdmsr"))
		*result = rdmsrl_safe(a, result) ? ~0ULL : *result;
	else if (!strcmp(what, "tsc"))
		*result = move_tsc(a, b, arguments[2]);
	else if (!strcmp(what, "vmxe"))
		set_vmxe(a);
	else if (!strcmp(what, "in"))
		*result = inb(a);
	else if (!strcmp(what, "outsb"))
		asm volatile("outsb" : "+S"(source) : "d"((u16)a) : "memory");
	else
		return -EINVAL;
	return 0;
}
