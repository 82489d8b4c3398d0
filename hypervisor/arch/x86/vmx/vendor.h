/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What shared x86 code asks of the CPU vendor's virtualisation: the guest's registers, here in the
 * current VMCS. See svm/vendor.h.
 */
#ifndef VENDOR_H
#define VENDOR_H

#include <asm.h>
#include <layout.h>
#include <vmcs.h>

/* For enter.S; layout.h has the offsets. */
struct vendor_local {
	uint64_t nmi_stack;    /* not 0: where the next NMI goes on, see vmx_block_nmis() */
	uint32_t vmcs_current; /* VMREAD and VMWRITE can be used */
	uint32_t guest_nmi;    /* an NMI has come that was not a kick */
};

#define VENDOR_EFER 0

/* Only NMIs come in while IF is clear, and they always do. */
#define VENDOR_LET_IN	""
#define VENDOR_KEEP_OUT ""

/* SDM vol. 3, 25.6.9: four bitmaps of 1 KiB, for reads and for writes of two ranges. */
#define MSR_BITMAP_BYTES 4096
#define MSR_BLOCKS            \
	{                     \
		0, 0xc0000000 \
	}

static inline uint64_t vmread(uint64_t field)
{
	uint64_t value;

	asm volatile("vmread %1, %0" : "=rm"(value) : "r"(field) : "cc");
	return value;
}

static inline void vmwrite(uint64_t field, uint64_t value)
{
	asm volatile("vmwrite %1, %0" : : "r"(field), "rm"(value) : "cc");
}

/*
 * Bits of control registers that are the hypervisor's; the guest sees what it wrote from the
 * shadows. CR0: NE has to be set (24.8); caches stay on, see write_cr0(). CR4: all that is not
 * known to be the guest's own affair.
 */
#define CR0_OWNED (CR0_NE | CR0_NW | CR0_CD)
#define CR4_FREE                                                                             \
	(0xfffUL | CR4_LA57 | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | \
	 CR4_PKE | CR4_CET | CR4_PKS)
#define CR4_OWNED (~CR4_FREE)

static inline uint64_t guest_cr0(void)
{
	return (vmread(VMCS_GUEST_CR0) & ~CR0_OWNED) | (vmread(VMCS_CR0_SHADOW) & CR0_OWNED);
}

static inline uint64_t guest_cr4(void)
{
	return (vmread(VMCS_GUEST_CR4) & CR4_FREE) | (vmread(VMCS_CR4_SHADOW) & CR4_OWNED);
}

static inline uint64_t guest_cr3(void)
{
	return vmread(VMCS_GUEST_CR3);
}

static inline uint64_t guest_efer(void)
{
	return vmread(VMCS_GUEST_EFER);
}

static inline void guest_set_efer(uint64_t efer)
{
	vmwrite(VMCS_GUEST_EFER, efer);
}

static inline uint64_t guest_rip(void)
{
	return vmread(VMCS_GUEST_RIP);
}

static inline uint64_t guest_rsp(void)
{
	return vmread(VMCS_GUEST_RSP);
}

static inline void guest_set_rsp(uint64_t rsp)
{
	vmwrite(VMCS_GUEST_RSP, rsp);
}

static inline uint64_t guest_cs_base(void)
{
	return vmread(VMCS_GUEST_CS_BASE);
}

static inline void guest_set_tsc(uint64_t tsc)
{
	vmwrite(VMCS_TSC_OFFSET, tsc - rdtsc());
}

static inline uint64_t guest_tsc_offset(void)
{
	return vmread(VMCS_TSC_OFFSET);
}

/* CS.L and EFER.LMA: 64-bit code; else CS.D tells 32 from 16 bits. */
static inline bool guest_in_64bit(void)
{
	return guest_efer() & EFER_LMA && vmread(VMCS_GUEST_CS_ACCESS) & ACCESS_L;
}

/* Outside of 64-bit mode RIP has 32 bits, or the next VM entry fails: 27.3.1.4. */
static inline void guest_advance(unsigned int length)
{
	uint64_t rip = vmread(VMCS_GUEST_RIP), next = rip + length;

	if (unlikely((rip ^ next) >> 32) && !guest_in_64bit())
		next = (uint32_t)next;
	vmwrite(VMCS_GUEST_RIP, next);
}

/*
 * Go on behind the current instruction. Breakpoints that a MOV SS before it has held back come now,
 * too: they are in the field already.
 */
static inline void guest_skip(unsigned int length)
{
	uint64_t blocked = vmread(VMCS_INTERRUPTIBILITY);

	guest_advance(length);
	if (unlikely(blocked & BLOCKED_BY_STI_OR_SS))
		vmwrite(VMCS_INTERRUPTIBILITY, blocked & ~(uint64_t)BLOCKED_BY_STI_OR_SS);
	if (unlikely(vmread(VMCS_GUEST_RFLAGS) & RFLAGS_TF) &&
	    !(vmread(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF))
		vmwrite(VMCS_GUEST_PENDING_DEBUG,
			vmread(VMCS_GUEST_PENDING_DEBUG) | PENDING_SINGLE_STEP);
}

static inline bool guest_in_32bit(void)
{
	return vmread(VMCS_GUEST_CS_ACCESS) & ACCESS_D;
}

/* DPL of SS: SDM vol. 3, 25.4.1. */
static inline unsigned int guest_cpl(void)
{
	return vmread(VMCS_GUEST_SS_ACCESS) >> 5 & 3;
}

/* No CPU fetches the instruction for us. */
static inline unsigned int guest_assisted_bytes(const unsigned char **bytes)
{
	*bytes = NULL;
	return 0;
}

#endif
