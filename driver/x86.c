// SPDX-License-Identifier: GPL-2.0
/* x86: is the machine fit, the page tables for the entry, and the entry itself. */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>
#include <asm/cpufeature.h>
#include <asm/processor.h>
#include <asm/tsc.h>
#include "driver.h"
#include "x86.h"

extern const char cloister_trampoline[];

const bool cl_arch_hot_remove = true;
const char *const cl_arch_reserve_hint = "memmap=";

static u64 entry_cr3, entry_address;

#define PTE_P  BIT(0)
#define PTE_RW BIT(1)
#define PTE_PS BIT(7)

u16 cl_arch_id(void)
{
	return CL_ARCH_X86_64;
}

u8 cl_arch_phys_bits(void)
{
	return boot_cpu_data.x86_phys_bits;
}

/*
 * By what the CPU has, then by its vendor, for messages that fit: Linux hides SVM and VMX where the
 * firmware has disabled them. It reads no register: nothing of it exits while enabled.
 */
static const struct cl_x86_vendor *vendor(void)
{
	if (boot_cpu_has(X86_FEATURE_SVM))
		return &cl_x86_amd;
	if (boot_cpu_has(X86_FEATURE_VMX))
		return &cl_x86_intel;
	switch (boot_cpu_data.x86_vendor) {
	case X86_VENDOR_AMD:
	case X86_VENDOR_HYGON:
		return &cl_x86_amd;
	case X86_VENDOR_INTEL:
	case X86_VENDOR_CENTAUR:
	case X86_VENDOR_ZHAOXIN:
		return &cl_x86_intel;
	default:
		return NULL;
	}
}

const char *cl_arch_image(void)
{
	return vendor() ? vendor()->image : NULL;
}

/* KVM would find SVM in use and its own set-up refused: it does not get that far. */
bool cl_arch_refuses_module(const char *name)
{
	return !strcmp(name, "kvm_amd") || !strcmp(name, "kvm_intel");
}

u32 cl_arch_hw_id(void)
{
	if (cpuid_eax(0) >= 0xb && (cpuid_ebx(0xb) & 0xffff))
		return cpuid_edx(0xb);
	return cpuid_ebx(1) >> 24;
}

struct poll {
	int (*judge)(void);
	atomic_t answer;
	atomic_t cpu;
};

static void ask_cpu(void *data)
{
	struct poll *poll = data;
	int answer = poll->judge();

	if (answer && !atomic_cmpxchg(&poll->answer, 0, answer))
		atomic_set(&poll->cpu, smp_processor_id());
}

int cl_x86_judge(int (*judge)(void), unsigned int *cpu)
{
	struct poll poll = { judge, ATOMIC_INIT(0), ATOMIC_INIT(0) };

	on_each_cpu(ask_cpu, &poll, 1);
	*cpu = atomic_read(&poll.cpu);
	return atomic_read(&poll.answer);
}

bool cl_x86_has_module(const char *directory)
{
	struct path path;

	if (kern_path(directory, 0, &path))
		return false;
	path_put(&path);
	return true;
}

int cl_arch_check(char *message)
{
	if (!vendor()) {
		cl_say(message,
		       "there is no Cloister image for this CPU: AMD with SVM and Intel with VMX are supported");
		return -ENODEV;
	}
	return vendor()->check(message);
}

int cl_arch_prepare(const struct cl_image *image, struct cl_system *system)
{
	unsigned int levels = __read_cr4() & X86_CR4_LA57 ? 5 : 4;
	u64 virt = (u64)cloister_trampoline & PAGE_MASK;
	u64 *top = cl_tables_begin(), *entry;

	system->trampoline_virt = virt;
	system->trampoline_phys = page_to_phys(vmalloc_to_page((void *)virt));
	system->exit_virt = (u64)vendor()->exit;
	system->tsc_khz = tsc_khz;

	if (!top)
		return -ENOMEM;
	for (u64 offset = 0; offset < system->hv_size; offset += SZ_2M) {
		entry = cl_tables_entry(levels, image->virt_base + offset, 2, PTE_P | PTE_RW);
		if (!entry)
			return -ENOMEM;
		*entry = (system->hv_phys + offset) | PTE_P | PTE_RW | PTE_PS;
	}
	entry = cl_tables_entry(levels, virt, 1, PTE_P | PTE_RW);
	if (!entry)
		return -ENOMEM;
	*entry = system->trampoline_phys | PTE_P;
	entry_cr3 = virt_to_phys(top);
	entry_address = image->virt_base + image->entry;
	return 0;
}

/* Caches are coherent, and all who read memory use them. */
void cl_arch_sync(void *memory, size_t size)
{
}

int cl_arch_enter(unsigned int cpu)
{
	struct cl_entry_args args = { entry_cr3, entry_address, cpu };

	return vendor()->enter(&args);
}

int cl_arch_leave(void)
{
	return vendor()->leave();
}

/* All interrupts go to Linux without the hypervisor. */
void cl_arch_left(const struct cl_info *info)
{
}

long cl_arch_hypercall(unsigned int number, unsigned long arg0, unsigned long arg1,
		       unsigned long arg2)
{
	return vendor()->hypercall(number, arg0, arg1, arg2);
}
