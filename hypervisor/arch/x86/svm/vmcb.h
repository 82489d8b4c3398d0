/* SPDX-License-Identifier: GPL-2.0 */
/* The virtual machine control block: AMD APM vol. 2, appendix B. */
#ifndef SVM_VMCB_H
#define SVM_VMCB_H

#include <hv.h>

struct vmcb_segment {
	uint16_t selector, attributes;
	uint32_t limit;
	uint64_t base;
};

struct svm_vmcb {
	/* 0x000: control area */
	uint16_t intercept_cr_read, intercept_cr_write;
	uint16_t intercept_dr_read, intercept_dr_write;
	uint32_t intercept_exceptions;
	uint32_t intercept1; /* INTERCEPT1_*, offset 0x00c */
	uint32_t intercept2; /* INTERCEPT2_*, offset 0x010 */
	uint8_t reserved014[0x3c - 0x14];
	uint16_t pause_threshold, pause_count;
	uint64_t iopm_base, msrpm_base, tsc_offset;
	uint32_t asid;	     /* 0x058 */
	uint8_t tlb_control; /* 0x05c */
	uint8_t reserved05d[3];
	uint64_t vintr;		   /* 0x060 */
	uint64_t interrupt_shadow; /* 0x068 */
	uint64_t exit_code;	   /* 0x070 */
	uint64_t exit_info1, exit_info2, exit_int_info;
	uint64_t np_enable;  /* 0x090 */
	uint64_t avic_bar;   /* 0x098 */
	uint64_t ghcb;	     /* 0x0a0 */
	uint64_t event_inj;  /* 0x0a8 */
	uint64_t n_cr3;	     /* 0x0b0 */
	uint64_t virt_ext;   /* 0x0b8 */
	uint32_t clean_bits; /* 0x0c0 */
	uint32_t reserved0c4;
	uint64_t next_rip;     /* 0x0c8 */
	uint8_t fetched_bytes; /* 0x0d0 */
	uint8_t guest_bytes[15];
	uint8_t reserved0e0[0x400 - 0xe0];

	/* 0x400: save area */
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t reserved4a0[0x4cb - 0x4a0];
	uint8_t cpl; /* 0x4cb */
	uint32_t reserved4cc;
	uint64_t efer; /* 0x4d0 */
	uint8_t reserved4d8[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip; /* 0x548 */
	uint8_t reserved580[0x5d8 - 0x580];
	uint64_t rsp; /* 0x5d8 */
	uint64_t s_cet, ssp, isst;
	uint64_t rax; /* 0x5f8 */
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t cr2; /* 0x640 */
	uint8_t reserved648[0x668 - 0x648];
	uint64_t g_pat; /* 0x668 */
	uint8_t reserved670[0x1000 - 0x670];
} __attribute__((packed, aligned(4096)));

_Static_assert(offsetof(struct svm_vmcb, exit_code) == 0x70, "APM B-1");
_Static_assert(offsetof(struct svm_vmcb, event_inj) == 0xa8, "APM B-1");
_Static_assert(offsetof(struct svm_vmcb, next_rip) == 0xc8, "APM B-1");
_Static_assert(offsetof(struct svm_vmcb, cpl) == 0x4cb, "APM B-2");
_Static_assert(offsetof(struct svm_vmcb, rflags) == 0x570, "APM B-2");
_Static_assert(offsetof(struct svm_vmcb, rax) == 0x5f8, "APM B-2");
_Static_assert(offsetof(struct svm_vmcb, g_pat) == 0x668, "APM B-2");

#define INTERCEPT1_NMI	    BIT(1)
#define INTERCEPT1_INIT	    BIT(3)
#define INTERCEPT1_INVD	    BIT(22)
#define INTERCEPT1_CPUID    BIT(18)
#define INTERCEPT1_INVLPGA  BIT(26)
#define INTERCEPT1_IOIO	    BIT(27)
#define INTERCEPT1_MSR	    BIT(28)
#define INTERCEPT1_SHUTDOWN BIT(31)

#define INTERCEPT2_VMRUN   BIT(0)
#define INTERCEPT2_VMMCALL BIT(1)
#define INTERCEPT2_VMLOAD  BIT(2)
#define INTERCEPT2_VMSAVE  BIT(3)
#define INTERCEPT2_STGI	   BIT(4)
#define INTERCEPT2_CLGI	   BIT(5)
#define INTERCEPT2_SKINIT  BIT(6)
#define INTERCEPT2_WBINVD  BIT(9)

#define EXIT_EXCEPTION 0x40 /* + vector */
#define EXIT_NMI       0x61
#define EXIT_CPUID     0x72
#define EXIT_INVD      0x76
#define EXIT_INVLPGA   0x7a
#define EXIT_IOIO      0x7b
#define EXIT_MSR       0x7c
#define EXIT_SHUTDOWN  0x7f
#define EXIT_VMRUN     0x80
#define EXIT_VMMCALL   0x81
#define EXIT_VMLOAD    0x82
#define EXIT_SKINIT    0x86
#define EXIT_WBINVD    0x89
#define EXIT_NPF       0x400

#define EVENT_VALID	 BIT(31)
#define EVENT_CODE_VALID BIT(11)
#define EVENT_NMI	 (2UL << 8)
#define EVENT_EXCEPTION	 (3UL << 8)

/* Clean bits: what is unchanged since the last VMRUN (APM 15.15.3). */
#define CLEAN_ALL	0xfffU
#define CLEAN_INTERCEPT BIT(0)
#define CLEAN_CR	BIT(5)
#define CLEAN_DR	BIT(6)

#define TLB_FLUSH_ALL  1 /* all ASIDs */
#define TLB_FLUSH_ASID 3

#define NPF_WRITE	 BIT(1)
#define NPF_FETCH	 BIT(4)
#define NPF_GUEST_TABLES BIT(33) /* while walking the guest's page tables */

#endif
