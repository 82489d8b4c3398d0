// SPDX-License-Identifier: GPL-2.0
/* x86: is the machine fit, the page tables for the entry, and the entry itself. */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/tsc.h>
#include "driver.h"

#define IMAGE "cloister/cloister-amd.bin"

MODULE_FIRMWARE(IMAGE);

struct cl_entry_args {
	u64 cr3;
	u64 entry;
	u64 cpu;
};

extern char cloister_trampoline[], cloister_exit[];
int cloister_enter(const struct cl_entry_args *args);
int cloister_leave(void);

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

const char *cl_arch_image(void)
{
	if (boot_cpu_has(X86_FEATURE_SVM) || boot_cpu_data.x86_vendor == X86_VENDOR_AMD ||
	    boot_cpu_data.x86_vendor == X86_VENDOR_HYGON)
		return IMAGE;
	return NULL;
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

enum { FIT, NO_SVM, NO_NPT, SVM_DISABLED, SVM_IN_USE };

struct fitness {
	atomic_t worst;
	atomic_t cpu;
};

static void check_cpu(void *data)
{
	struct fitness *fitness = data;
	int state = FIT;
	u64 value;

	if (!(cpuid_ecx(0x80000001) & BIT(2)))
		state = NO_SVM;
	else if (!rdmsrl_safe(MSR_VM_CR, &value) && value & BIT(4)) /* SVMDIS */
		state = SVM_DISABLED;
	else if (!(cpuid_edx(0x8000000a) & BIT(0)))
		state = NO_NPT;
	else if (!rdmsrl_safe(MSR_EFER, &value) && value & EFER_SVME)
		state = SVM_IN_USE;
	if (state != FIT && atomic_cmpxchg(&fitness->worst, FIT, state) == FIT)
		atomic_set(&fitness->cpu, smp_processor_id());
}

int cl_arch_check(char *message)
{
	struct fitness fitness = { ATOMIC_INIT(FIT), ATOMIC_INIT(0) };
	struct path path;
	unsigned int cpu;

	if (!cl_arch_image()) {
		cl_say(message,
		       "there is no Cloister image for this CPU: AMD with SVM is supported");
		return -ENODEV;
	}
	on_each_cpu(check_cpu, &fitness, 1);
	cpu = atomic_read(&fitness.cpu);
	switch (atomic_read(&fitness.worst)) {
	case NO_SVM:
		cl_say(message,
		       "CPU %u has no SVM (CPUID 80000001 ECX bit 2 is 0): this machine cannot run Cloister's AMD image",
		       cpu);
		return -ENODEV;
	case NO_NPT:
		cl_say(message,
		       "CPU %u has no nested paging (CPUID 8000000a EDX bit 0 is 0), which Cloister needs",
		       cpu);
		return -ENODEV;
	case SVM_DISABLED:
		cl_say(message,
		       "CPU %u: SVM is disabled by the firmware (VM_CR.SVMDIS is 1): enable it in the BIOS setup",
		       cpu);
		return -ENODEV;
	case SVM_IN_USE:
		cl_say(message,
		       "CPU %u: another hypervisor uses SVM (EFER.SVME is 1): stop its virtual machines and unload kvm_amd",
		       cpu);
		return -EBUSY;
	}
	if (!kern_path("/sys/module/kvm_amd", 0, &path)) {
		path_put(&path);
		cl_say(message,
		       "the module kvm_amd is loaded and may use SVM at any time: rmmod kvm_amd");
		return -EBUSY;
	}
	return 0;
}

int cl_arch_prepare(const struct cl_image *image, struct cl_system *system)
{
	unsigned int levels = __read_cr4() & X86_CR4_LA57 ? 5 : 4;
	u64 virt = (u64)cloister_trampoline & PAGE_MASK;
	u64 *top = cl_tables_begin(), *entry;

	system->trampoline_virt = virt;
	system->trampoline_phys = page_to_phys(vmalloc_to_page((void *)virt));
	system->exit_virt = (u64)cloister_exit;
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

	return cloister_enter(&args);
}

int cl_arch_leave(void)
{
	return cloister_leave();
}

/* All interrupts go to Linux without the hypervisor. */
void cl_arch_left(const struct cl_info *info)
{
}

long cl_arch_hypercall(unsigned int number, unsigned long arg0, unsigned long arg1,
		       unsigned long arg2)
{
	long result;

	asm volatile("vmmcall"
		     : "=a"(result)
		     : "a"((unsigned long)number), "D"(arg0), "S"(arg1), "d"(arg2)
		     : "memory");
	return result;
}
