// SPDX-License-Identifier: GPL-2.0
/* AMD SVM: the VMCB of a CPU, and what each exit means. APM vol. 2, chapter 15. */
#include <image.h>
#include <log.h>
#include <mmio.h>
#include <page.h>
#include <vendor.h>
#include <x86.h>

/* One guest per CPU: ASID 0 is the hypervisor's. */
#define GUEST_ASID 1

/* enter.S, and what it calls */
extern void svm_run(struct guest_regs *regs) __attribute__((noreturn));
bool svm_exit_fast(struct guest_regs *regs);
void svm_exit(struct guest_regs *regs);

static uint32_t features __ro_after_init;   /* CPUID 0x8000000a EDX */
static uint32_t clean_mask __ro_after_init; /* clean bits to set, 0 if the CPU has none */
#define SVM_NP	       BIT(0)
#define SVM_NRIPS      BIT(3)
#define SVM_CLEAN_BITS BIT(5)
#define SVM_FLUSH_ASID BIT(6)
#define SVM_DECODE     BIT(7)

/*
 * Segment attributes, APM B-3: bits 3:0 type, 4 S, 6:5 DPL, 7 P, 8 AVL, 9 L, 10 D/B, 11 G.
 */
#define SEG_CODE16 0x009b
#define SEG_DATA16 0x0093
#define SEG_CODE32 0x0c9b
#define SEG_DATA32 0x0c93
#define SEG_LDT	   0x0082
#define SEG_TSS	   0x008b

int vendor_check(struct cl_finding *finding)
{
	uint32_t a, b, c, d;

	cpuid(0x80000001, 0, &a, &b, &c, &d);
	if (!(c & BIT(2)))
		return x86_refuse(finding, "CPUID 80000001 ECX", c, BIT(2), "the CPU has no SVM");
	cpuid(0x8000000a, 0, &a, &b, &c, &d);
	if (!(d & SVM_NP))
		return x86_refuse(finding, "CPUID 8000000a EDX", d, SVM_NP,
				  "the CPU has no nested paging");
	if (b < 2)
		return x86_refuse(finding, "CPUID 8000000a EBX", b, 2, "too few address space ids");
	features = d;
	clean_mask = d & SVM_CLEAN_BITS ? CLEAN_ALL : 0;
	info.head.features |= (d & SVM_NRIPS ? CL_FEATURE_NRIP_SAVE : 0) |
			      (d & SVM_DECODE ? CL_FEATURE_DECODE_ASSISTS : 0) |
			      (d & SVM_FLUSH_ASID ? CL_FEATURE_FLUSH_BY_ASID : 0) |
			      (d & SVM_CLEAN_BITS ? CL_FEATURE_VMCB_CLEAN_BITS : 0);
	return 0;
}

static void use_cell_tables(const struct cell *cell)
{
	vmcb->iopm_base = cell->arch.io_bitmap_phys;
	vmcb->msrpm_base = cell->arch.msr_bitmap_phys;
	vmcb->n_cr3 = cell->arch.npt_phys;
	vmcb->clean_bits = 0;
	guest_forget_pages();
}

static void init_control(void)
{
	memset(vmcb, 0, PAGE_SIZE);
	/*
	 * #DB and #AC can recur without end while they are delivered, with NMIs locked out: they
	 * are intercepted and injected so that a CPU can always be taken back. #MC: see
	 * x86_machine_check().
	 */
	vmcb->intercept_exceptions = BIT(1) | BIT(17) | BIT(18);
	vmcb->intercept1 = INTERCEPT1_NMI | INTERCEPT1_INIT | INTERCEPT1_CPUID | INTERCEPT1_INVD |
			   INTERCEPT1_INVLPGA | INTERCEPT1_IOIO | INTERCEPT1_MSR |
			   INTERCEPT1_SHUTDOWN;
	vmcb->intercept2 = INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL | INTERCEPT2_VMLOAD |
			   INTERCEPT2_VMSAVE | INTERCEPT2_STGI | INTERCEPT2_CLGI |
			   INTERCEPT2_SKINIT;
	vmcb->asid = GUEST_ASID;
	vmcb->tlb_control = TLB_FLUSH_ALL;
	vmcb->np_enable = 1;
}

static void set_table(struct vmcb_segment *segment, const struct table_register *table)
{
	segment->base = table->base;
	segment->limit = table->limit;
}

static void set_linux_segment(struct vmcb_segment *segment, uint16_t selector, uint16_t attributes)
{
	segment->selector = selector;
	segment->attributes = selector ? attributes : 0;
	segment->limit = 0xffffffff;
}

/* The guest is Linux at the point where the driver called. */
void vendor_setup_root(struct cpu *cpu)
{
	const struct linux_state *linux_state = &local->linux_state;

	init_control();
	use_cell_tables(cpu->cell);
	set_linux_segment(&vmcb->cs, linux_state->cs, 0x0a9b); /* 64-bit code */
	set_linux_segment(&vmcb->ss, linux_state->ss, SEG_DATA32);
	set_linux_segment(&vmcb->ds, linux_state->ds, 0x0cf3);
	set_linux_segment(&vmcb->es, linux_state->es, 0x0cf3);
	set_table(&vmcb->gdtr, &linux_state->gdtr);
	set_table(&vmcb->idtr, &linux_state->idtr);
	vmcb->cr0 = linux_state->cr0;
	vmcb->cr2 = read_cr2();
	vmcb->cr3 = linux_state->cr3;
	vmcb->cr4 = linux_state->cr4;
	guest_set_efer(linux_state->efer);
	vmcb->dr6 = read_dr6();
	vmcb->dr7 = read_dr7();
	vmcb->rflags = linux_state->rflags;
	vmcb->rip = linux_state->rip;
	vmcb->rsp = linux_state->rsp;
	vmcb->g_pat = linux_state->pat;
	vmcb->s_cet = linux_state->s_cet;
	vmcb->isst = linux_state->isst;
	vmcb->rax = 0; /* the result of the driver's call */
}

int arch_cpu_init(struct cpu *cpu)
{
	uint64_t apic_base = rdmsr(MSR_APIC_BASE);

	/* VM_CR.SVMDIS: switched off by the firmware, APM 15.30.1. The driver has said so already. */
	if (rdmsr(MSR_VM_CR) & BIT(4)) {
		log_error("CPU %u: SVM is disabled by the firmware (VM_CR.SVMDIS)", cpu->id);
		return -ENODEV;
	}
	if (!!(apic_base & APIC_BASE_X2APIC) != x2apic_mode || !(apic_base & APIC_BASE_ENABLE)) {
		log_error("CPU %u: IA32_APIC_BASE 0x%lx, the first CPU has x2APIC %u", cpu->id,
			  apic_base, x2apic_mode);
		return -ENODEV;
	}
	local->apic_base = apic_base;
	wrmsr(MSR_VM_HSAVE_PA, local->host_phys);
	apic_cpu_init(cpu);
	vendor_setup_root(cpu);
	return 0;
}

void arch_cpu_exit(struct cpu *cpu)
{
	(void)cpu;
	wrmsr(MSR_VM_HSAVE_PA, 0);
}

void arch_cpu_run(struct cpu *cpu)
{
	(void)cpu;
	memset(stack_regs(), 0, sizeof(struct guest_regs));
	svm_run(stack_regs());
}

/* The guest called CL_HC_DISABLE: go on natively where it is. */
void arch_leave_guest(void)
{
	struct linux_state state = {
		.cr0 = vmcb->cr0,
		.cr3 = vmcb->cr3,
		.cr4 = vmcb->cr4,
		.efer = guest_efer(),
		.rsp = vmcb->rsp,
		.rip = vmcb->rip + 3, /* VMMCALL */
		.pat = vmcb->g_pat,
		.gdtr = { (uint16_t)vmcb->gdtr.limit, vmcb->gdtr.base },
		.idtr = { (uint16_t)vmcb->idtr.limit, vmcb->idtr.base },
		.cs = vmcb->cs.selector,
		.ss = vmcb->ss.selector,
	};

	if (have_cet) {
		wrmsr(MSR_S_CET, vmcb->s_cet);
		if (vmcb->isst)
			wrmsr(MSR_ISST, vmcb->isst);
	}
	write_dr7(vmcb->dr7);
	write_dr6(vmcb->dr6);
	arch_cpu_exit(local->cpu);
	x86_leave(&state, 0);
}

static void set_segment(struct vmcb_segment *segment, uint16_t selector, uint64_t base,
			uint32_t limit, uint16_t attributes)
{
	segment->selector = selector;
	segment->base = base;
	segment->limit = limit;
	segment->attributes = attributes;
}

/* Registers after INIT: APM vol. 2, table 14-1. */
void arch_cpu_reset(struct cpu *cpu)
{
	apic_reset(cpu);
	init_control();
	/* For a cell it does nothing: see EXIT_WBINVD. */
	if (cpu->cell != &root_cell)
		vmcb->intercept2 |= INTERCEPT2_WBINVD;
	use_cell_tables(cpu->cell);
	set_segment(&vmcb->cs, 0xf000, 0xffff0000, 0xffff, SEG_CODE16);
	set_segment(&vmcb->ss, 0, 0, 0xffff, SEG_DATA16);
	vmcb->ds = vmcb->es = vmcb->fs = vmcb->gs = vmcb->ss;
	set_segment(&vmcb->gdtr, 0, 0, 0xffff, 0);
	set_segment(&vmcb->idtr, 0, 0, 0xffff, 0);
	set_segment(&vmcb->ldtr, 0, 0, 0xffff, SEG_LDT);
	set_segment(&vmcb->tr, 0, 0, 0xffff, SEG_TSS);
	vmcb->cr0 = CR0_ET | CR0_NW | CR0_CD;
	guest_set_efer(0);
	vmcb->dr6 = 0xffff0ff0;
	vmcb->dr7 = 0x400;
	vmcb->rflags = RFLAGS_RESERVED;
	vmcb->rip = 0xfff0;
	vmcb->g_pat = PAT_RESET;
	/* FS, GS, TR, LDTR and the MSRs that VMRUN does not load. */
	asm volatile("vmload %0" : : "a"(local->control_phys) : "memory");
	x86_reset_registers(stack_regs());
}

void arch_cpu_start(struct cpu *cpu, const struct arch_start *start)
{
	(void)cpu;
	if (start->kind == START_SIPI) {
		vmcb->cs.selector = (uint16_t)(start->address >> 4);
		vmcb->cs.base = start->address;
		vmcb->rip = 0;
	} else {
		set_segment(&vmcb->cs, 0x08, 0, 0xffffffff, SEG_CODE32);
		set_segment(&vmcb->ss, 0x10, 0, 0xffffffff, SEG_DATA32);
		vmcb->ds = vmcb->es = vmcb->fs = vmcb->gs = vmcb->ss;
		vmcb->cr0 = CR0_PE | CR0_ET;
		vmcb->rip = start->address;
		stack_regs()->rbx = start->ebx;
		asm volatile("vmload %0" : : "a"(local->control_phys) : "memory");
	}
	vmcb->clean_bits = 0;
}

void arch_flush_guest_tlb(struct cpu *cpu)
{
	(void)cpu;
	vmcb->tlb_control = features & SVM_FLUSH_ASID ? TLB_FLUSH_ASID : TLB_FLUSH_ALL;
	guest_forget_pages();
}

void arch_cpu_event(struct cpu *cpu)
{
	(void)cpu;
	vmcb->event_inj = EVENT_VALID | EVENT_NMI | 2;
}

void vendor_inject_exception(unsigned int vector, bool has_code, uint32_t code)
{
	vmcb->event_inj = EVENT_VALID | EVENT_EXCEPTION | vector;
	if (has_code)
		vmcb->event_inj |= EVENT_CODE_VALID | (uint64_t)code << 32;
}

/*
 * Where the CPU saves the next RIP, behind the instruction; else its length is taken as that of
 * the plain form: a guest that adds useless prefixes goes on at a wrong place of its own code.
 */
static inline void skip(unsigned int plain_length)
{
	if (features & SVM_NRIPS)
		vmcb->rip = vmcb->next_rip;
	else
		vmcb->rip += plain_length;
	guest_retire();
}

static void exit_nmi(void)
{
	bool kick = __atomic_load_n(&local->cpu->kick_pending, __ATOMIC_SEQ_CST);

	/* GIF = 0 holds the NMI back: let it in, exception_nmi() takes it. */
	asm volatile("stgi\n\tclgi" : : : "memory");
	if (!kick)
		arch_cpu_event(local->cpu);
	/* In any case: a kick that was sent just now has become one with the guest's NMI. */
	cpu_handle_events();
}

static void exit_exception(unsigned int vector)
{
	switch (vector) {
	case 1:
		vendor_inject_exception(1, false, 0);
		break;
	case 17:
		vendor_inject_exception(17, true, 0);
		break;
	default:
		x86_machine_check();
	}
	/*
	 * The exception can recur for ever while it is delivered, which goes before NMIs (APM vol.
	 * 2, 8.5): what a kick is for is looked at here. Not for an NMI of the guest, which can
	 * wait and would take this exception's place.
	 */
	if (unlikely(READ_ONCE(local->cpu->events) & ~(uint32_t)CPU_EV_ARCH))
		cpu_handle_events();
}

/* CPU registers that lead to the cause, for the log of a cell that is stopped. */
static void fail_unknown(const char *what)
{
	cell_fail("%s (exit 0x%lx info 0x%lx 0x%lx) at 0x%lx", what, vmcb->exit_code,
		  vmcb->exit_info1, vmcb->exit_info2, vmcb->rip);
}

static void exit_npf(struct guest_regs *regs)
{
	bool fetch = vmcb->exit_info1 & NPF_FETCH;

	if (unlikely(vmcb->exit_info1 & (NPF_FETCH | NPF_GUEST_TABLES)))
		mmio_implicit_access(fetch ? "code" : "page table", vmcb->exit_info2, fetch);
	else
		mmio_access(regs, vmcb->exit_info2, vmcb->exit_info1 & NPF_WRITE);
}

/* An exit in the middle of the delivery of an event: deliver it again. Software ones re-execute. */
static void reinject(void)
{
	if ((vmcb->exit_int_info >> 8 & 7) != 4)
		vmcb->event_inj = vmcb->exit_int_info;
}

static void exit_rare(uint64_t code)
{
	switch (code) {
	case EXIT_EXCEPTION ... EXIT_EXCEPTION + 31:
		count_exit(CL_EXIT_EXCEPTION);
		exit_exception((unsigned int)(code - EXIT_EXCEPTION));
		break;
	case EXIT_INVD:
	case EXIT_WBINVD:
		count_exit(CL_EXIT_OTHER);
		x86_write_back_caches();
		skip(2);
		break;
	case EXIT_INVLPGA:
	case EXIT_VMRUN:
	case EXIT_VMLOAD ... EXIT_SKINIT:
		/* The guest has no SVM: CPUID does not show it, EFER.SVME cannot be set. */
		count_exit(CL_EXIT_OTHER);
		vendor_inject_exception(6, false, 0);
		break;
	case EXIT_SHUTDOWN:
		count_exit(CL_EXIT_OTHER);
		cell_fail("triple fault on CPU %u", local->cpu->id);
		break;
	default:
		count_exit(CL_EXIT_OTHER);
		fail_unknown("exit that has no handler");
	}
}

/* What every exit begins with. Clean bits: a fast exit leaves them, it can only clear some. */
static inline void begin_exit(void)
{
	vmcb->tlb_control = 0;
	vmcb->event_inj = 0;
}

/* Fast exits: see svm_exit_fast(). Each a function of its own, so that none saves registers for
 * another. */

static __no_canary __attribute__((noinline)) bool fast_cpuid(struct guest_regs *regs)
{
	uint32_t a, b, c, d;

	begin_exit();
	count_exit(CL_EXIT_CPUID);
	cpuid((uint32_t)vmcb->rax, (uint32_t)regs->rcx, &a, &b, &c, &d);
	if (unlikely(cpuid_is_filtered((uint32_t)vmcb->rax)))
		cpuid_filter((uint32_t)vmcb->rax, (uint32_t)regs->rcx, &a, &b, &c, &d);
	vmcb->rax = a;
	regs->rbx = b;
	regs->rcx = c;
	regs->rdx = d;
	skip(2);
	return true;
}

static __no_canary __attribute__((noinline)) bool fast_msr_read(struct guest_regs *regs)
{
	uint64_t value;

	begin_exit();
	if (!msr_read((uint32_t)regs->rcx, &value)) {
		x86_inject_gp();
		return true;
	}
	vmcb->rax = (uint32_t)value;
	regs->rdx = value >> 32;
	skip(2);
	return true;
}

static __attribute__((noinline)) bool fast_msr_write(struct guest_regs *regs)
{
	begin_exit();
	if (msr_write((uint32_t)regs->rcx, (uint32_t)vmcb->rax | regs->rdx << 32))
		skip(2);
	else
		x86_inject_gp();
	return true;
}

/* EXITINFO1 of IOIO: APM 15.10.2; EXITINFO2 is the next RIP. */
static __no_canary __attribute__((noinline)) bool fast_ioio(void)
{
	uint64_t exit_info = vmcb->exit_info1;
	unsigned int size = exit_info >> 4 & 7;
	uint32_t value = (uint32_t)vmcb->rax;

	begin_exit();
	if (unlikely(exit_info & (BIT(2) | BIT(3)))) {
		if (!pio_string_access((uint16_t)(exit_info >> 16), size, exit_info & 1))
			x86_inject_gp();
		return true;
	}
	pio_access((uint16_t)(exit_info >> 16), size, exit_info & 1, &value);
	if (exit_info & 1)
		vmcb->rax = pio_result(vmcb->rax, size, value);
	vmcb->rip = vmcb->exit_info2;
	guest_retire();
	return true;
}

static __attribute__((noinline)) bool fast_hypercall(struct guest_regs *regs)
{
	begin_exit();
	count_exit(CL_EXIT_HYPERCALL);
	if (unlikely(vmcb->cpl))
		vmcb->rax = (uint64_t)-EPERM;
	else
		vmcb->rax = (uint64_t)hypercall(vmcb->rax, regs->rdi, regs->rsi, regs->rdx);
	skip(3);
	return true;
}

/*
 * Exits that need neither RBP nor R12 to R15, see enter.S; none of them can change the guest as a
 * whole. Returns false, with nothing done, for all others.
 */
bool svm_exit_fast(struct guest_regs *regs)
{
	uint64_t code = vmcb->exit_code;

	if (code == EXIT_MSR)
		return vmcb->exit_info1 ? fast_msr_write(regs) : fast_msr_read(regs);
	if (code == EXIT_CPUID)
		return fast_cpuid(regs);
	if (code == EXIT_IOIO)
		return fast_ioio();
	if (code == EXIT_VMMCALL)
		return fast_hypercall(regs);
	return false;
}

/* All exits that svm_exit_fast() leaves. */
void svm_exit(struct guest_regs *regs)
{
	uint64_t code = vmcb->exit_code;

	begin_exit();
	vmcb->clean_bits = clean_mask;
	regs->rax = vmcb->rax;
	/* Not in fast exits: an instruction's intercept is never in the middle of a delivery. */
	if (unlikely(vmcb->exit_int_info & EVENT_VALID)) {
		/* The instruction at RIP did not make this access, the delivery did. */
		if (code == EXIT_NPF) {
			if (mmio_implicit_access("stack or table", vmcb->exit_info2,
						 vmcb->exit_info1 & NPF_FETCH))
				reinject();
			return;
		}
		reinject();
	}

	if (code == EXIT_NPF) {
		exit_npf(regs);
		vmcb->rax = regs->rax;
	} else if (code == EXIT_NMI) {
		count_exit(CL_EXIT_KICK);
		exit_nmi();
	} else {
		exit_rare(code);
	}
}
