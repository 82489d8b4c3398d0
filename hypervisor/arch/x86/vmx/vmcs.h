/* SPDX-License-Identifier: GPL-2.0 */
/* Fields, controls and exits of VMX: Intel SDM vol. 3, chapters 25 to 28, appendices A to C. */
#ifndef VMCS_H
#define VMCS_H

#define MSR_FEATURE_CONTROL    0x3a
#define MSR_PEBS_ENABLE	       0x3f1
#define MSR_RTIT_CTL	       0x570
#define MSR_VMX_BASIC	       0x480
#define MSR_VMX_CR0_FIXED0     0x486
#define MSR_VMX_CR0_FIXED1     0x487
#define MSR_VMX_CR4_FIXED0     0x488
#define MSR_VMX_CR4_FIXED1     0x489
#define MSR_VMX_PROCBASED2     0x48b
#define MSR_VMX_EPT_VPID_CAP   0x48c
#define MSR_VMX_TRUE_PINBASED  0x48d
#define MSR_VMX_TRUE_PROCBASED 0x48e
#define MSR_VMX_TRUE_EXIT      0x48f
#define MSR_VMX_TRUE_ENTRY     0x490
#define MSR_VMX_LAST	       0x491

#define FEATURE_CONTROL_LOCKED BIT(0)
#define FEATURE_CONTROL_VMX    BIT(2) /* outside SMX */

#define BASIC_REVISION	    0x7fffffffU
#define BASIC_TRUE_CONTROLS BIT(55)

#define EPT_CAP_WALK_4	    BIT(6)
#define EPT_CAP_WB	    BIT(14)
#define EPT_CAP_2M	    BIT(16)
#define EPT_CAP_1G	    BIT(17)
#define EPT_CAP_INVEPT	    BIT(20)
#define EPT_CAP_INVEPT_ONE  BIT(25)
#define EPT_CAP_INVVPID	    BIT(32)
#define EPT_CAP_INVVPID_ALL BIT(42)

/* 16 bits */
#define VMCS_VPID     0x0000
#define VMCS_GUEST_ES 0x0800 /* then CS, SS, DS, FS, GS, LDTR, TR */
#define VMCS_HOST_ES  0x0c00 /* then CS, SS, DS, FS, GS, TR */

/* 64 bits */
#define VMCS_IO_BITMAP_A    0x2000
#define VMCS_IO_BITMAP_B    0x2002
#define VMCS_MSR_BITMAP	    0x2004
#define VMCS_TSC_OFFSET	    0x2010
#define VMCS_EPT_POINTER    0x201a
#define VMCS_XSS_EXITING    0x202c
#define VMCS_GUEST_PHYS	    0x2400
#define VMCS_LINK	    0x2800
#define VMCS_GUEST_DEBUGCTL 0x2802
#define VMCS_GUEST_PAT	    0x2804
#define VMCS_GUEST_EFER	    0x2806
#define VMCS_GUEST_PDPTE    0x280a /* four */
#define VMCS_HOST_PAT	    0x2c00
#define VMCS_HOST_EFER	    0x2c02

/* 32 bits */
#define VMCS_PIN_CONTROLS	0x4000
#define VMCS_CPU_CONTROLS	0x4002
#define VMCS_EXCEPTION_BITMAP	0x4004
#define VMCS_PAGE_FAULT_MASK	0x4006 /* then match, and count of CR3 targets */
#define VMCS_EXIT_CONTROLS	0x400c
#define VMCS_EXIT_STORE_COUNT	0x400e /* then of MSRs to load */
#define VMCS_ENTRY_CONTROLS	0x4012
#define VMCS_ENTRY_LOAD_COUNT	0x4014
#define VMCS_ENTRY_EVENT	0x4016
#define VMCS_ENTRY_EVENT_CODE	0x4018
#define VMCS_CPU_CONTROLS2	0x401e
#define VMCS_INSTRUCTION_ERROR	0x4400
#define VMCS_EXIT_REASON	0x4402
#define VMCS_EXIT_EVENT		0x4404
#define VMCS_VECTORING		0x4408
#define VMCS_VECTORING_CODE	0x440a
#define VMCS_INSTRUCTION_LENGTH 0x440c
#define VMCS_GUEST_ES_LIMIT	0x4800
#define VMCS_GUEST_GDTR_LIMIT	0x4810
#define VMCS_GUEST_IDTR_LIMIT	0x4812
#define VMCS_GUEST_ES_ACCESS	0x4814
#define VMCS_GUEST_CS_ACCESS	0x4816
#define VMCS_GUEST_SS_ACCESS	0x4818
#define VMCS_INTERRUPTIBILITY	0x4824
#define VMCS_ACTIVITY		0x4826
#define VMCS_GUEST_SYSENTER_CS	0x482a
#define VMCS_PREEMPTION_TIMER	0x482e
#define VMCS_HOST_SYSENTER_CS	0x4c00

/* as wide as registers */
#define VMCS_CR0_MASK		 0x6000
#define VMCS_CR4_MASK		 0x6002
#define VMCS_CR0_SHADOW		 0x6004
#define VMCS_CR4_SHADOW		 0x6006
#define VMCS_QUALIFICATION	 0x6400
#define VMCS_GUEST_CR0		 0x6800
#define VMCS_GUEST_CR3		 0x6802
#define VMCS_GUEST_CR4		 0x6804
#define VMCS_GUEST_ES_BASE	 0x6806
#define VMCS_GUEST_CS_BASE	 0x6808
#define VMCS_GUEST_GDTR_BASE	 0x6816
#define VMCS_GUEST_IDTR_BASE	 0x6818
#define VMCS_GUEST_DR7		 0x681a
#define VMCS_GUEST_RSP		 0x681c
#define VMCS_GUEST_RIP		 0x681e
#define VMCS_GUEST_RFLAGS	 0x6820
#define VMCS_GUEST_PENDING_DEBUG 0x6822
#define VMCS_GUEST_SYSENTER_ESP	 0x6824
#define VMCS_GUEST_SYSENTER_EIP	 0x6826
#define VMCS_HOST_CR0		 0x6c00
#define VMCS_HOST_CR3		 0x6c02
#define VMCS_HOST_CR4		 0x6c04
#define VMCS_HOST_FS_BASE	 0x6c06 /* then GS and TR */
#define VMCS_HOST_GDTR_BASE	 0x6c0c
#define VMCS_HOST_IDTR_BASE	 0x6c0e
#define VMCS_HOST_SYSENTER_ESP	 0x6c10 /* then EIP */
#define VMCS_HOST_RSP		 0x6c14
#define VMCS_HOST_RIP		 0x6c16

/* Controls, 25.6 to 25.8 */
#define PIN_NMI_EXITING	     BIT(3)
#define PIN_VIRTUAL_NMIS     BIT(5)
#define PIN_PREEMPTION_TIMER (1 << 6) /* also in enter.S */

#define CPU_TSC_OFFSETTING BIT(3)
#define CPU_NMI_WINDOW	   BIT(22)
#define CPU_IO_BITMAPS	   BIT(25)
#define CPU_MSR_BITMAPS	   BIT(28)
#define CPU_SECONDARY	   BIT(31)

#define CPU2_EPT		BIT(1)
#define CPU2_RDTSCP		BIT(3)
#define CPU2_VPID		BIT(5)
#define CPU2_WBINVD_EXITING	BIT(6)
#define CPU2_UNRESTRICTED_GUEST BIT(7)
#define CPU2_INVPCID		BIT(12)
#define CPU2_XSAVES		BIT(20)
#define CPU2_USER_WAIT		BIT(26) /* TPAUSE, UMONITOR, UMWAIT */

#define EXIT_SAVE_DEBUG BIT(2)
#define EXIT_HOST_64BIT BIT(9)
#define EXIT_SAVE_PAT	BIT(18)
#define EXIT_LOAD_PAT	BIT(19)
#define EXIT_SAVE_EFER	BIT(20)
#define EXIT_LOAD_EFER	BIT(21)

#define ENTRY_LOAD_DEBUG BIT(2)
#define ENTRY_64BIT	 BIT(9)
#define ENTRY_LOAD_PAT	 BIT(14)
#define ENTRY_LOAD_EFER	 BIT(15)

/* Basic exit reasons, appendix C */
#ifndef __ASSEMBLER__
enum {
	REASON_EXCEPTION = 0, /* or NMI */
	REASON_TRIPLE_FAULT = 2,
	REASON_NMI_WINDOW = 8,
	REASON_TASK_SWITCH = 9,
	REASON_CPUID = 10,
	REASON_GETSEC = 11,
	REASON_INVD = 13,
	REASON_VMCALL = 18,
	REASON_VMCLEAR = 19,
	REASON_VMXON = 27,
	REASON_CR = 28,
	REASON_IO = 30,
	REASON_RDMSR = 31,
	REASON_WRMSR = 32,
	REASON_INVALID_GUEST = 33,
	REASON_MACHINE_CHECK = 41,
	REASON_EPT_VIOLATION = 48,
	REASON_INVEPT = 50,
	REASON_PREEMPTION_TIMER = 52,
	REASON_INVVPID = 53,
	REASON_WBINVD = 54,
	REASON_XSETBV = 55,
	REASON_VMFUNC = 59,
	REASON_SEAMCALL = 76,
	REASON_TDCALL = 77,
};
#endif
#define REASON_BASIC(reason) ((reason)&0xffff)
#define REASON_ENTRY_FAILED  BIT(31)

/* Events, 25.8.3 and 25.9.2 */
#define EVENT_TYPE(info) ((info) >> 8 & 7)
#define EVENT_NMI	 (2U << 8)
#define EVENT_EXCEPTION	 (3U << 8)
#define EVENT_HAS_CODE	 BIT(11)
#define EVENT_VALID	 BIT(31)
#define TYPE_NMI	 2
#define TYPE_HARDWARE	 3 /* exception; from 4 on: of an instruction */
#define TYPE_INT1	 5

#define EVENT_NMI_UNBLOCKED BIT(12)

#define PENDING_SINGLE_STEP BIT(14) /* table 25-4 */
#define DEBUGCTL_BTF	    BIT(1)  /* TF traps branches only */

/* Interruptibility, table 25-3 */
#define BLOCKED_BY_STI_OR_SS 3U
#define BLOCKED_BY_NMI	     8U

/* Qualification of EPT violations, 28.2.1 */
#define EPT_WRITE	  BIT(1)
#define EPT_FETCH	  BIT(2)
#define EPT_LINEAR	  BIT(7)
#define EPT_NMI_UNBLOCKED BIT(12)
#define EPT_FINAL	  BIT(8) /* with EPT_LINEAR: the access itself, not a walk of the guest's tables */

/* Access rights of segments, 25.4.1: as in a descriptor, and one bit more */
#define ACCESS_UNUSABLE BIT(16)
#define ACCESS_L	BIT(13)
#define ACCESS_D	BIT(14)

#endif
