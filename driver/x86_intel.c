// SPDX-License-Identifier: GPL-2.0
/* Intel, and others that have VMX. */
#include <linux/module.h>
#include <asm/apicdef.h>
#include <asm/desc.h>
#include <asm/fixmap.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/special_insns.h>
#include <asm/trapnr.h>
#include <cloister/vmx_needs.h>
#include "driver.h"
#include "x86.h"

#define IMAGE "cloister/cloister-intel.bin"

MODULE_FIRMWARE(IMAGE);

/* For trampoline_x86.S, which has the offsets. */
struct entry_args {
	struct cl_entry_args common;
	void *gdt; /* one that can be written to */
	u64 icr;   /* xAPIC: address of the interrupt command register; x2APIC: 0 */
	u64 apic_id;
	u64 descriptors[6]; /* of TR (two), LDTR (two), FS, GS: see struct linux_descriptors */
	struct desc_ptr idt;
};

extern const char cloister_exit_vmx[], cloister_nmi[];
int cloister_enter_vmx(const struct entry_args *args);
int cloister_leave_vmx(void *gdt);

#define CR4_FRED BIT_ULL(32) /* older headers do not know it */

enum { FIT, NO_VMX, NOT_LOCKED, VMX_DISABLED, VMX_IN_USE, FRED, LACKING };

static bool read_msr(u32 msr, u64 *value)
{
	return !rdmsrl_safe(msr, value);
}

/* LACKING + index of a capability of cl_vmx_needs[] that is not there. */
static int judge(void)
{
	size_t missing;
	u64 control;

	if (!(cpuid_ecx(1) & BIT(5)))
		return NO_VMX;
	if (rdmsrl_safe(CL_MSR_FEATURE_CONTROL, &control) || !(control & CL_FEATURE_CONTROL_LOCK))
		return NOT_LOCKED;
	if (!(control & CL_FEATURE_CONTROL_VMXON))
		return VMX_DISABLED;
	if (__read_cr4() & X86_CR4_VMXE)
		return VMX_IN_USE;
	if (__read_cr4() & CR4_FRED)
		return FRED;
	missing = cl_vmx_missing(read_msr);
	return missing < CL_VMX_NEEDS ? LACKING + missing : FIT;
}

static int check(char *message)
{
	unsigned int cpu;
	int answer = cl_x86_judge(judge, &cpu);

	switch (answer) {
	case FIT:
		break;
	case NO_VMX:
		cl_say(message,
		       "CPU %u has no VMX (CPUID 1 ECX bit 5 is 0): this machine cannot run Cloister's Intel image",
		       cpu);
		return -ENODEV;
	case NOT_LOCKED:
		cl_say(message,
		       "CPU %u: VMX is not enabled (IA32_FEATURE_CONTROL, MSR 0x3a, bit 0 is 0): neither firmware nor kernel has set the register; update the firmware, or boot a kernel with CONFIG_IA32_FEAT_CTL and CONFIG_KVM_INTEL",
		       cpu);
		return -ENODEV;
	case VMX_DISABLED:
		cl_say(message,
		       "CPU %u: VMX is disabled by the firmware (IA32_FEATURE_CONTROL, MSR 0x3a, is locked with bit 2 = 0): enable it (VT-x, virtualisation) in the BIOS setup",
		       cpu);
		return -ENODEV;
	case VMX_IN_USE:
		cl_say(message,
		       "CPU %u: another hypervisor uses VMX (CR4.VMXE is 1): stop its virtual machines and unload kvm_intel",
		       cpu);
		return -EBUSY;
	case FRED:
		cl_say(message,
		       "CPU %u: events are delivered by FRED (CR4 bit 32 is 1), which Cloister does not support: boot with fred=off",
		       cpu);
		return -ENODEV;
	default:
		cl_vmx_need_format(message, CL_MESSAGE_LEN, cpu, &cl_vmx_needs[answer - LACKING]);
		return -ENODEV;
	}
	if (cl_x86_has_module("/sys/module/kvm_intel")) {
		cl_say(message,
		       "the module kvm_intel is loaded and may use VMX at any time: rmmod kvm_intel");
		return -EBUSY;
	}
	return 0;
}

static long hypercall(unsigned int number, unsigned long arg0, unsigned long arg1,
		      unsigned long arg2)
{
	long result;

	asm volatile("vmcall"
		     : "=a"(result)
		     : "a"((unsigned long)number), "D"(arg0), "S"(arg1), "d"(arg2)
		     : "memory");
	return result;
}

static u64 descriptor(const struct desc_ptr *gdt, u64 ldt, u16 selector)
{
	u64 table = selector & SEGMENT_TI_MASK ? ldt : gdt->address;

	if (!(selector & ~SEGMENT_RPL_MASK))
		return 0;
	return *(u64 *)(table + (selector & ~(SEGMENT_TI_MASK | SEGMENT_RPL_MASK)));
}

/* What a VM entry loads of them is asked for descriptor by descriptor. */
static void read_descriptors(u64 *descriptors)
{
	struct desc_ptr gdt;
	u16 tr, ldtr, fs, gs;
	u64 ldt = 0;

	native_store_gdt(&gdt);
	asm volatile("str %0" : "=rm"(tr));
	asm volatile("sldt %0" : "=rm"(ldtr));
	savesegment(fs, fs);
	savesegment(gs, gs);
	memcpy(&descriptors[0], (void *)(gdt.address + tr), 16);
	if (ldtr) {
		const struct ldttss_desc *system = (void *)(gdt.address + ldtr);

		memcpy(&descriptors[2], system, 16);
		ldt = system->base0 | system->base1 << 16 | (u64)system->base2 << 24 |
		      (u64)system->base3 << 32;
	}
	descriptors[4] = descriptor(&gdt, ldt, fs);
	descriptors[5] = descriptor(&gdt, ldt, gs);
}

#define DEBUGCTL_STORES (DEBUGCTLMSR_TR | DEBUGCTLMSR_BTS)

/*
 * Records of branches (BTS) and samples (PEBS) the CPU stores at addresses of Linux, which the
 * hypervisor's tables do not have: the next one would be a page fault there. Returns what it was.
 */
static u64 stop_branch_records(void)
{
	u64 control;

	if (rdmsrl_safe(MSR_IA32_DEBUGCTLMSR, &control) || !(control & DEBUGCTL_STORES))
		return 0;
	wrmsrl(MSR_IA32_DEBUGCTLMSR, control & ~(u64)DEBUGCTL_STORES);
	return control;
}

static u64 stop_samples(void)
{
	u64 enabled;

	if (!boot_cpu_has(X86_FEATURE_PEBS) || rdmsrl_safe(MSR_IA32_PEBS_ENABLE, &enabled))
		return 0;
	if (enabled)
		wrmsrl(MSR_IA32_PEBS_ENABLE, 0);
	return enabled;
}

static void restore_branch_records(u64 control)
{
	if (control)
		wrmsrl(MSR_IA32_DEBUGCTLMSR, control);
}

/*
 * There is no other way to hold NMIs back than to be in the handler of one: the trampoline sends
 * itself an NMI, which comes by a table of its own to cloister_nmi.
 */
static int enter(const struct cl_entry_args *common)
{
	gate_desc idt[X86_TRAP_NMI + 1] = {};
	struct entry_args args = {
		.common = *common,
		.gdt = get_current_gdt_rw(),
		.apic_id = cl_arch_hw_id(),
		.idt = { sizeof(idt) - 1, (unsigned long)idt },
	};
	u64 apic_base, branches, samples, handler = (u64)cloister_nmi;
	int err;

	rdmsrl(MSR_IA32_APICBASE, apic_base);
	if (!(apic_base & X2APIC_ENABLE))
		args.icr = APIC_BASE + APIC_ICR;
	idt[X86_TRAP_NMI].offset_low = (u16)handler;
	idt[X86_TRAP_NMI].offset_middle = (u16)(handler >> 16);
	idt[X86_TRAP_NMI].offset_high = (u32)(handler >> 32);
	idt[X86_TRAP_NMI].segment = __KERNEL_CS;
	idt[X86_TRAP_NMI].bits.type = GATE_INTERRUPT;
	idt[X86_TRAP_NMI].bits.p = 1;
	read_descriptors(args.descriptors);
	branches = stop_branch_records();
	samples = stop_samples();
	err = cloister_enter_vmx(&args);
	restore_branch_records(branches);
	if (err && samples) /* while enabled there are none */
		wrmsrl(MSR_IA32_PEBS_ENABLE, samples);
	return err;
}

static int leave(void)
{
	u64 branches = stop_branch_records();
	int err = cloister_leave_vmx(get_current_gdt_rw());

	restore_branch_records(branches);
	return err;
}

const struct cl_x86_vendor cl_x86_intel = {
	.image = IMAGE,
	.enter = enter,
	.leave = leave,
	.exit = cloister_exit_vmx,
	.check = check,
	.hypercall = hypercall,
};
