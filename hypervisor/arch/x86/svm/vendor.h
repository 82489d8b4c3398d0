/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What shared x86 code asks of the CPU vendor's virtualisation: the guest's registers. One such
 * header and one set of files per vendor; an image is built with exactly one.
 */
#ifndef VENDOR_H
#define VENDOR_H

#include <asm.h>
#include <layout.h>
#include <vmcb.h>

#define vmcb ((struct svm_vmcb *)(local_base() + (LOCAL_CONTROL - LOCAL_PRIVATE)))

struct vendor_local {
}; /* nothing more than all x86 CPUs have */

#define VENDOR_EFER EFER_SVME /* set while the hypervisor runs */

/* GIF holds back NMIs, and interrupts whatever IF says: instructions that let them in or do not. */
#define VENDOR_LET_IN	"stgi\n\t"
#define VENDOR_KEEP_OUT "clgi\n\t"

/* APM 15.11 */
#define MSR_BITMAP_BYTES 8192
#define MSR_BLOCKS                        \
	{                                 \
		0, 0xc0000000, 0xc0010000 \
	}

static inline uint64_t guest_cr0(void)
{
	return vmcb->cr0;
}

static inline uint64_t guest_cr3(void)
{
	return vmcb->cr3;
}

static inline uint64_t guest_cr4(void)
{
	return vmcb->cr4;
}

static inline uint64_t guest_efer(void)
{
	return vmcb->efer & ~EFER_SVME;
}

static inline void guest_set_efer(uint64_t efer)
{
	vmcb->efer = efer | EFER_SVME; /* VMRUN insists on it: APM 15.5.1 */
	vmcb->clean_bits &= ~(uint32_t)CLEAN_CR;
}

static inline uint64_t guest_rip(void)
{
	return vmcb->rip;
}

static inline uint64_t guest_rsp(void)
{
	return vmcb->rsp;
}

static inline void guest_set_rsp(uint64_t rsp)
{
	vmcb->rsp = rsp;
}

static inline uint64_t guest_cs_base(void)
{
	return vmcb->cs.base;
}

static inline void guest_set_tsc(uint64_t tsc)
{
	vmcb->tsc_offset = tsc - rdtsc();
	vmcb->clean_bits &= ~(uint32_t)CLEAN_INTERCEPT;
}

static inline uint64_t guest_tsc_offset(void)
{
	return vmcb->tsc_offset;
}

/* An instruction was emulated: what else ends with it. */
static inline void guest_retire(void)
{
	vmcb->interrupt_shadow = 0;
	if (unlikely(vmcb->rflags & RFLAGS_TF)) {
		vmcb->dr6 |= DR6_SINGLE_STEP;
		vmcb->clean_bits &= ~(uint32_t)CLEAN_DR;
		vmcb->event_inj = EVENT_VALID | EVENT_EXCEPTION | 1;
	}
}

/* Go on behind the current instruction. */
static inline void guest_skip(unsigned int length)
{
	vmcb->rip += length;
	guest_retire();
}

/* CS.L and EFER.LMA: 64-bit code; else CS.D tells 32 from 16 bits (attributes as in APM B-3). */
static inline bool guest_in_64bit(void)
{
	return vmcb->efer & EFER_LMA && vmcb->cs.attributes & BIT(9);
}

static inline bool guest_in_32bit(void)
{
	return vmcb->cs.attributes & BIT(10);
}

static inline unsigned int guest_cpl(void)
{
	return vmcb->cpl;
}

/* The bytes of the instruction if the CPU has fetched them for us (decode assists), else 0. */
static inline unsigned int guest_assisted_bytes(const unsigned char **bytes)
{
	*bytes = vmcb->guest_bytes;
	return vmcb->fetched_bytes & 15;
}

#endif
