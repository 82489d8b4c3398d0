// SPDX-License-Identifier: GPL-2.0
/*
 * arm64: is the machine fit, the page tables for the entry, and the entry itself by the stub that
 * Linux leaves at EL2 when it starts there and goes on at EL1.
 */
#include <linux/device.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/sizes.h>
#include <linux/smp.h>
#include <asm/barrier.h>
#include <asm/cpufeature.h>
#include <asm/cputype.h>
#include <asm/sysreg.h>
#include <asm/virt.h>
#include "driver.h"

#define IMAGE "cloister/cloister-arm64.bin"

MODULE_FIRMWARE(IMAGE);

/* The result of an HVC #0 with this argument, NOBODY if the CPU does not know the instruction. */
unsigned long cloister_probe(unsigned long argument);

const bool cl_arch_hot_remove; /* Linux does not let memory go that it had from the start */
const char *const cl_arch_reserve_hint =
	"mem=, crashkernel= or a reserved-memory node of the device tree";

static u64 entry_table, entry_address;

/* Descriptors, 4 KiB granule, stage 1 of EL2. */
#define LEVELS	      4
#define DESC_TABLE    0x3
#define DESC_BLOCK    0x1
#define DESC_AP_RES1  BIT(6) /* AP[1], RES1 where there is one privilege level; AP[2] 0: writable */
#define DESC_SH_INNER (3ULL << 8)
#define DESC_AF	      BIT(10)

/* Fields of the identification registers, 4 bits each. */
#define PFR0_EL2       8
#define MMFR0_PARANGE  0
#define MMFR0_TGRAN4   28
#define MMFR0_TGRAN4_2 40
#define MMFR2_FWB      40

#define CTR_DMINLINE 16 /* log2 of words */

#define STUB_UNUSED 0x1000 /* a call that the stub does not know */
#define NOBODY	    (-2UL) /* -1 is what SMCCC says to unknown calls */

u16 cl_arch_id(void)
{
	return CL_ARCH_ARM64;
}

static unsigned int field(u64 value, unsigned int shift)
{
	return value >> shift & 15;
}

u8 cl_arch_phys_bits(void)
{
	static const u8 bits[] = { 32, 36, 40, 42, 44, 48 };
	unsigned int range = field(read_sanitised_ftr_reg(SYS_ID_AA64MMFR0_EL1), MMFR0_PARANGE);

	/* Larger ones need a larger granule, or a format that is not used. */
	return range < ARRAY_SIZE(bits) ? bits[range] : 48;
}

const char *cl_arch_image(void)
{
	return IMAGE;
}

u32 cl_arch_hw_id(void)
{
	u64 mpidr = read_cpuid_mpidr();

	return MPIDR_AFFINITY_LEVEL(mpidr, 3) << 24 | MPIDR_AFFINITY_LEVEL(mpidr, 2) << 16 |
	       MPIDR_AFFINITY_LEVEL(mpidr, 1) << 8 | MPIDR_AFFINITY_LEVEL(mpidr, 0);
}

bool cl_arch_refuses_module(const char *name)
{
	return false; /* KVM is never a module */
}

enum { FIT, AT_EL2, NO_EL2, NO_ANSWER, NO_STUB, NO_GRANULE };

struct fitness {
	atomic_t worst;
	atomic_t cpu;
};

static int judge_cpu(void)
{
	unsigned long answer;
	u64 mmfr0;

	if (is_kernel_in_hyp_mode())
		return AT_EL2;
	if (!field(read_sysreg(id_aa64pfr0_el1), PFR0_EL2))
		return NO_EL2;
	answer = cloister_probe(STUB_UNUSED);
	if (answer != HVC_STUB_ERR)
		return answer == NOBODY ? NO_ANSWER : NO_STUB;
	mmfr0 = read_sysreg(id_aa64mmfr0_el1);
	if (field(mmfr0, MMFR0_TGRAN4) == 15 || field(mmfr0, MMFR0_TGRAN4_2) == 1)
		return NO_GRANULE;
	return FIT;
}

static void check_cpu(void *data)
{
	struct fitness *fitness = data;
	int state = judge_cpu();

	if (state != FIT && atomic_cmpxchg(&fitness->worst, FIT, state) == FIT)
		atomic_set(&fitness->cpu, smp_processor_id());
}

int cl_arch_check(char *message)
{
	struct fitness fitness = { ATOMIC_INIT(FIT), ATOMIC_INIT(0) };
	struct path path;
	unsigned int cpu;

	on_each_cpu(check_cpu, &fitness, 1);
	cpu = atomic_read(&fitness.cpu);
	switch (atomic_read(&fitness.worst)) {
	case AT_EL2:
		cl_say(message,
		       "CPU %u: the kernel itself runs at EL2 (VHE): boot with id_aa64mmfr1.vh=0 kvm-arm.mode=none",
		       cpu);
		return -EBUSY;
	case NO_EL2:
		cl_say(message,
		       "CPU %u has no EL2 (ID_AA64PFR0_EL1.EL2 is 0), which Cloister needs: enable virtualisation in the firmware or, in a virtual machine, for the guest",
		       cpu);
		return -ENODEV;
	case NO_ANSWER:
		cl_say(message,
		       "CPU %u: the kernel was not started at EL2 (HVC is an undefined instruction): have the firmware or boot loader start it there",
		       cpu);
		return -ENODEV;
	case NO_STUB:
		cl_say(message,
		       "CPU %u: KVM or another hypervisor has EL2: boot with kvm-arm.mode=none",
		       cpu);
		return -EBUSY;
	case NO_GRANULE:
		cl_say(message,
		       "CPU %u cannot translate with pages of 4 KiB (ID_AA64MMFR0_EL1.TGran4), which Cloister needs",
		       cpu);
		return -ENODEV;
	}
	if (PAGE_SIZE != SZ_4K) {
		cl_say(message,
		       "the kernel has pages of %lu KiB: Cloister needs a kernel with pages of 4 KiB",
		       PAGE_SIZE >> 10);
		return -ENODEV;
	}
	if (!kern_path("/sys/class/misc/kvm", 0, &path)) {
		path_put(&path);
		cl_say(message,
		       "there is /dev/kvm: KVM may use EL2 at any time: boot with kvm-arm.mode=none");
		return -EBUSY;
	}
	return 0;
}

void cl_arch_sync(void *memory, size_t size)
{
	size_t line = 4 << field(read_sanitised_ftr_reg(SYS_CTR_EL0), CTR_DMINLINE);
	unsigned long end = (unsigned long)memory + size;

	for (unsigned long at = round_down((unsigned long)memory, line); at < end; at += line)
		asm volatile("dc civac, %0" : : "r"(at) : "memory");
	dsb(ish);
	asm volatile("ic ialluis" : : : "memory");
	dsb(ish);
	isb();
}

static bool map_blocks(u64 virt, u64 phys, u64 size)
{
	for (u64 offset = 0; offset < size; offset += SZ_2M) {
		u64 *entry = cl_tables_entry(LEVELS, virt + offset, 2, DESC_TABLE);

		if (!entry)
			return false;
		*entry = (phys + offset) | DESC_BLOCK | DESC_AP_RES1 | DESC_SH_INNER | DESC_AF;
	}
	return true;
}

int cl_arch_prepare(const struct cl_image *image, struct cl_system *system)
{
	u64 *top = cl_tables_begin();

	system->tsc_khz = read_sysreg(cntfrq_el0) / 1000;
	if (field(read_sanitised_ftr_reg(SYS_ID_AA64MMFR2_EL1), MMFR2_FWB))
		system->flags |= CL_SYSTEM_FWB;
	if (!top || !map_blocks(image->virt_base, system->hv_phys, system->hv_size) ||
	    !map_blocks(system->hv_phys, system->hv_phys, SZ_2M))
		return -ENOMEM;
	cl_arch_sync(top, CL_TABLES_SIZE);
	entry_table = virt_to_phys(top);
	entry_address = system->hv_phys + image->entry;
	return 0;
}

/* X1 to X17 may be changed, as by any firmware call. */
#define CLOBBERS_FROM_X5                                                                      \
	"x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", \
		"cc", "memory"

int cl_arch_enter(unsigned int cpu)
{
	register unsigned long x0 asm("x0") = HVC_SOFT_RESTART;
	register unsigned long x1 asm("x1") = entry_address;
	register unsigned long x2 asm("x2") = cpu;
	register unsigned long x3 asm("x3") = entry_table;
	register unsigned long x4 asm("x4") = 0;

	asm volatile("hvc #0"
		     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4)
		     :
		     : CLOBBERS_FROM_X5);
	return x0;
}

long cl_arch_hypercall(unsigned int number, unsigned long arg0, unsigned long arg1,
		       unsigned long arg2)
{
	register unsigned long x0 asm("x0") = number;
	register unsigned long x1 asm("x1") = arg0;
	register unsigned long x2 asm("x2") = arg1;
	register unsigned long x3 asm("x3") = arg2;
	register unsigned long x4 asm("x4") = 0;

	/* Most calls keep all registers; the one that returns without the hypervisor does not. */
	asm volatile("hvc %[immediate]"
		     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4)
		     : [immediate] "i"(CL_HVC_IMMEDIATE)
		     : CLOBBERS_FROM_X5);
	return x0;
}

int cl_arch_leave(void)
{
	return cl_arch_hypercall(CL_HC_DISABLE, 0, 0, 0);
}

/* The interrupt's number at the interrupt controller itself, the last in the chain. */
static irq_hw_number_t hw_number(unsigned int irq)
{
	struct irq_data *data = irq_get_irq_data(irq);

	while (data && data->parent_data)
		data = data->parent_data;
	return data ? data->hwirq : 0;
}

void cl_arch_left(const struct cl_info *info)
{
	u32 count = min_t(u32, info->message_count, CL_MESSAGES_MAX);

	for (u32 i = 0; i < count; i++)
		for (unsigned int irq = 1; irq < nr_irqs; irq++)
			if (hw_number(irq) == info->messages[i])
				irq_set_irqchip_state(irq, IRQCHIP_STATE_PENDING, true);
	if (count)
		dev_info(cl_device, "%u interrupts had not been taken yet: raised again\n", count);
}
