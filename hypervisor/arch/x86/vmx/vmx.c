// SPDX-License-Identifier: GPL-2.0
/* Intel VMX: the VMCS of a CPU, and what each exit means. SDM vol. 3, chapters 24 to 31. */
#include <image.h>
#include <log.h>
#include <mmio.h>
#include <page.h>
#include <vendor.h>
#include <x86.h>

/* One guest per CPU: VPID 0 is the hypervisor's. */
#define GUEST_VPID 1

/* enter.S, and what it calls */
extern void vmx_run(struct guest_regs *regs) __attribute__((noreturn));
extern void vmx_block_nmis(struct cpu *self);
bool vmx_exit_fast(struct guest_regs *regs);
void vmx_exit(struct guest_regs *regs);
void vmx_entry_failed(void);

/* Access rights of segments after INIT, and of the flat ones of a cell's start: 25.4.1. */
#define SEG_CODE16 0x009b
#define SEG_DATA16 0x0093
#define SEG_CODE32 0xc09b
#define SEG_DATA32 0xc093
#define SEG_CODE64 0xa09b
#define SEG_USER32 0xc0f3
#define SEG_LDT	   0x0082
#define SEG_TSS	   0x008b

enum { ES, CS, SS, DS, FS, GS, LDTR, TR };

/* The fields of controls, and what the CPU can do: the bits that may be 1 in the upper half, 25.6. */
enum { PIN, CPU, CPU2, EXIT, ENTRY, CONTROL_FIELDS };
static const uint32_t capability_msrs[CONTROL_FIELDS] = { MSR_VMX_TRUE_PINBASED,
							  MSR_VMX_TRUE_PROCBASED,
							  MSR_VMX_PROCBASED2, MSR_VMX_TRUE_EXIT,
							  MSR_VMX_TRUE_ENTRY };

/*
 * The controls and why. Without those that have a reason here Cloister refuses the CPU; the others
 * are used where they are, and make instructions work that CPUID announces to the guest.
 */
static const struct {
	uint32_t field, bit;
	const char *reason;
} wanted[] = {
	{ PIN, PIN_NMI_EXITING, "NMI exiting, for kicks" },
	{ PIN, PIN_VIRTUAL_NMIS, "virtual NMIs, for the guest's own" },
	{ PIN, PIN_PREEMPTION_TIMER, "preemption timer, for kicks that come just before an entry" },
	{ CPU, CPU_TSC_OFFSETTING, "TSC offsetting, for cells that set their TSC" },
	{ CPU, CPU_NMI_WINDOW, "NMI-window exiting, to inject the guest's NMIs" },
	{ CPU, CPU_IO_BITMAPS, "I/O bitmaps" },
	{ CPU, CPU_MSR_BITMAPS, "MSR bitmaps" },
	{ CPU, CPU_SECONDARY, "secondary controls, for EPT and more" },
	{ CPU2, CPU2_EPT, "EPT, for memory" },
	{ CPU2, CPU2_VPID, "VPID, so that exits flush no translations" },
	{ CPU2, CPU2_UNRESTRICTED_GUEST, "unrestricted guest, for real mode" },
	{ CPU2, CPU2_RDTSCP, NULL },
	{ CPU2, CPU2_INVPCID, NULL },
	{ CPU2, CPU2_XSAVES, NULL },
	{ CPU2, CPU2_USER_WAIT, NULL },
	/* both sides have their own of these registers */
	{ EXIT, EXIT_SAVE_DEBUG, "saving of DR7 and IA32_DEBUGCTL" },
	{ EXIT, EXIT_HOST_64BIT, "64-bit host" },
	{ EXIT, EXIT_SAVE_PAT, "saving of IA32_PAT" },
	{ EXIT, EXIT_LOAD_PAT, "loading of IA32_PAT on exit" },
	{ EXIT, EXIT_SAVE_EFER, "saving of IA32_EFER" },
	{ EXIT, EXIT_LOAD_EFER, "loading of IA32_EFER on exit" },
	{ ENTRY, ENTRY_LOAD_DEBUG, "loading of DR7 and IA32_DEBUGCTL" },
	{ ENTRY, ENTRY_LOAD_PAT, "loading of IA32_PAT on entry" },
	{ ENTRY, ENTRY_LOAD_EFER, "loading of IA32_EFER on entry" },
};

static uint64_t controls[CONTROL_FIELDS] __ro_after_init;

int vendor_check(struct cl_finding *finding)
{
	const uint64_t ept = EPT_CAP_WALK_4 | EPT_CAP_WB | EPT_CAP_2M | EPT_CAP_INVEPT |
			     EPT_CAP_INVEPT_ONE | EPT_CAP_INVVPID | EPT_CAP_INVVPID_ALL;
	const uint64_t cr0_set = CR0_NE | CR0_PE | CR0_PG; /* the last two by the host alone */
	uint32_t a, b, c, d;

	cpuid(1, 0, &a, &b, &c, &d);
	if (!(c & BIT(5)))
		return x86_refuse(finding, "CPUID 1 ECX", c, BIT(5), "@: the CPU has no VMX");
	if (!(rdmsr(MSR_VMX_BASIC) & BASIC_TRUE_CONTROLS))
		return x86_refuse(finding, "IA32_VMX_BASIC", rdmsr(MSR_VMX_BASIC),
				  BASIC_TRUE_CONTROLS, "bit @: the CPU's VMX is too old");
	if (!(rdmsr(MSR_VMX_TRUE_PROCBASED) >> 32 & CPU_SECONDARY))
		return x86_refuse(finding, "VMX controls", rdmsr(MSR_VMX_TRUE_PROCBASED) >> 32,
				  CPU_SECONDARY, "bit @: secondary controls, for EPT and more");
	/* What the CPU insists on. */
	for (unsigned int i = 0; i < CONTROL_FIELDS; i++)
		controls[i] = (uint32_t)rdmsr(capability_msrs[i]);
	for (unsigned int i = 0; i < ARRAY_SIZE(wanted); i++) {
		uint64_t possible = rdmsr(capability_msrs[wanted[i].field]) >> 32;
		char rule[80];

		if (possible & wanted[i].bit) {
			controls[wanted[i].field] |= wanted[i].bit;
		} else if (wanted[i].reason) {
			format(rule, sizeof(rule), "bit @: %s", wanted[i].reason);
			return x86_refuse(finding, "VMX controls", possible, wanted[i].bit, rule);
		}
	}
	/* Switched on where they are needed: exception_nmi(), arch_cpu_event(). */
	controls[PIN] &= ~(uint64_t)PIN_PREEMPTION_TIMER;
	controls[CPU] &= ~(uint64_t)CPU_NMI_WINDOW;
	if ((rdmsr(MSR_VMX_EPT_VPID_CAP) & ept) != ept)
		return x86_refuse(
			finding, "IA32_VMX_EPT_VPID_CAP", rdmsr(MSR_VMX_EPT_VPID_CAP), ept,
			"bits @: EPT of 4 levels, write-back, pages of 2 MiB, INVEPT, INVVPID");
	/* Appendix A.7, A.8: what guests must not know of is in CR0_OWNED and CR4_OWNED. */
	if (rdmsr(MSR_VMX_CR0_FIXED0) != cr0_set)
		return x86_refuse(finding, "IA32_VMX_CR0_FIXED0", rdmsr(MSR_VMX_CR0_FIXED0),
				  cr0_set, "@: other bits have to be set than all known CPUs have");
	if (rdmsr(MSR_VMX_CR4_FIXED0) != CR4_VMXE)
		return x86_refuse(finding, "IA32_VMX_CR4_FIXED0", rdmsr(MSR_VMX_CR4_FIXED0),
				  CR4_VMXE,
				  "@: other bits have to be set than all known CPUs have");
	return 0;
}

/* Invalidate what this CPU has cached of a table: INVEPT, single context (31.3). */
static void invept(uint64_t pointer)
{
	struct {
		uint64_t pointer, reserved;
	} operand = { pointer, 0 };

	asm volatile("invept %0, %1" : : "m"(operand), "r"(1UL) : "cc", "memory");
}

/* Write-back walks, 4 levels, no accessed and dirty bits: 25.6.11. */
static uint64_t ept_pointer(const struct cell *cell)
{
	return cell->arch.npt_phys | 6 | 3 << 3;
}

static void use_cell_tables(const struct cell *cell)
{
	vmwrite(VMCS_IO_BITMAP_A, cell->arch.io_bitmap_phys);
	vmwrite(VMCS_IO_BITMAP_B, cell->arch.io_bitmap_phys + PAGE_SIZE);
	vmwrite(VMCS_MSR_BITMAP, cell->arch.msr_bitmap_phys);
	vmwrite(VMCS_EPT_POINTER, ept_pointer(cell));
	invept(ept_pointer(cell));
	guest_forget_pages();
}

/* What MOV to CR0 or CR3 forgets in a guest that has no EPT: of its own tables. All VPIDs. */
static void invvpid(void)
{
	struct {
		uint64_t vpid, address;
	} operand = { 0, 0 };

	asm volatile("invvpid %0, %1" : : "m"(operand), "r"(2UL) : "cc", "memory");
}

/* What an exit brings back: the hypervisor as it is now. */
static void init_host(void)
{
	struct table_register gdtr, idtr;

	asm volatile("sgdt %0" : "=m"(gdtr));
	asm volatile("sidt %0" : "=m"(idtr));
	for (unsigned int i = ES; i <= GS; i++)
		vmwrite(VMCS_HOST_ES + 2 * i, i == CS ? HV_CS : i == SS ? HV_DS : 0);
	/* Not 0, and not looked up: 27.2.3, 28.5.2. */
	vmwrite(VMCS_HOST_ES + 2 * 6, HV_TR);
	vmwrite(VMCS_HOST_CR0, read_cr0());
	vmwrite(VMCS_HOST_CR3, read_cr3());
	vmwrite(VMCS_HOST_CR4, read_cr4());
	for (unsigned int i = 0; i < 3; i++) /* FS, GS, TR */
		vmwrite(VMCS_HOST_FS_BASE + 2 * i, 0);
	vmwrite(VMCS_HOST_SYSENTER_CS, 0);
	vmwrite(VMCS_HOST_SYSENTER_ESP, 0);
	vmwrite(VMCS_HOST_SYSENTER_ESP + 2, 0);
	vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(VMCS_HOST_PAT, rdmsr(MSR_PAT));
	vmwrite(VMCS_HOST_GDTR_BASE, gdtr.base);
	vmwrite(VMCS_HOST_IDTR_BASE, idtr.base);
}

static void init_control(bool root)
{
	uint64_t cpu2 = controls[CPU2];

	/* For a cell it does nothing, as on AMD. */
	if (!root)
		cpu2 |= CPU2_WBINVD_EXITING;
	vmwrite(VMCS_PIN_CONTROLS, controls[PIN]);
	vmwrite(VMCS_CPU_CONTROLS, controls[CPU]);
	vmwrite(VMCS_CPU_CONTROLS2, cpu2);
	vmwrite(VMCS_EXIT_CONTROLS, controls[EXIT]);
	/* #DB, #AC: see svm.c; #MC: x86_machine_check() */
	vmwrite(VMCS_EXCEPTION_BITMAP, BIT(1) | BIT(17) | BIT(18));
	for (unsigned int i = 0; i < 3; i++) /* mask, match, count of CR3 targets */
		vmwrite(VMCS_PAGE_FAULT_MASK + 2 * i, 0);
	vmwrite(VMCS_EXIT_STORE_COUNT, 0);
	vmwrite(VMCS_EXIT_STORE_COUNT + 2, 0);
	vmwrite(VMCS_ENTRY_LOAD_COUNT, 0);
	if (cpu2 & CPU2_XSAVES)
		vmwrite(VMCS_XSS_EXITING, 0);
	vmwrite(VMCS_VPID, GUEST_VPID);
	vmwrite(VMCS_TSC_OFFSET, 0);
	vmwrite(VMCS_LINK, ~0UL);
	vmwrite(VMCS_PREEMPTION_TIMER, 0);
	vmwrite(VMCS_ENTRY_EVENT, 0);
	vmwrite(VMCS_INTERRUPTIBILITY, 0);
	vmwrite(VMCS_ACTIVITY, 0);
	vmwrite(VMCS_GUEST_PENDING_DEBUG, 0);
	vmwrite(VMCS_GUEST_DEBUGCTL, 0);
	for (unsigned int i = 0; i < 4; i++)
		vmwrite(VMCS_GUEST_PDPTE + 2 * i, 0);
	vmwrite(VMCS_CR0_MASK, CR0_OWNED);
	vmwrite(VMCS_CR4_MASK, CR4_OWNED);
	local->vendor.guest_nmi = 0;
}

static void set_cr0(uint64_t value)
{
	vmwrite(VMCS_CR0_SHADOW, value);
	vmwrite(VMCS_GUEST_CR0, (value & ~CR0_OWNED) | CR0_NE);
}

static void set_cr4(uint64_t value)
{
	vmwrite(VMCS_CR4_SHADOW, value);
	vmwrite(VMCS_GUEST_CR4, value | CR4_VMXE);
}

static void set_table(unsigned int base_field, unsigned int limit_field, uint64_t base,
		      uint32_t limit)
{
	vmwrite(base_field, base);
	vmwrite(limit_field, limit);
}

/* In long mode after the next entry? 27.3.1.1: field and control have to agree. */
static void set_long_mode(bool on)
{
	uint64_t entry = controls[ENTRY] & ~(uint64_t)ENTRY_64BIT;

	vmwrite(VMCS_ENTRY_CONTROLS, on ? entry | ENTRY_64BIT : entry);
}

/* The fields of all segments lie in the same distances. */
static void set_segment(unsigned int segment, uint16_t selector, uint64_t base, uint32_t limit,
			uint32_t access)
{
	vmwrite(VMCS_GUEST_ES + 2 * segment, selector);
	vmwrite(VMCS_GUEST_ES_BASE + 2 * segment, base);
	vmwrite(VMCS_GUEST_ES_LIMIT + 2 * segment, limit);
	vmwrite(VMCS_GUEST_ES_ACCESS + 2 * segment, access);
}

static void set_data_segments(uint16_t selector, uint32_t limit, uint32_t access)
{
	static const uint8_t data[] = { ES, SS, DS, FS, GS };

	for (unsigned int i = 0; i < ARRAY_SIZE(data); i++)
		set_segment(data[i], selector, 0, limit, access);
}

/* From the descriptor that Linux has for it: SDM vol. 3, 3.4.5 and 8.2.3. */
static void set_linux_segment(unsigned int segment, uint16_t selector, uint64_t base,
			      uint64_t descriptor)
{
	uint32_t limit = (uint32_t)((descriptor & 0xffff) | (descriptor >> 32 & 0xf0000));

	if (descriptor & BIT(55)) /* counts pages */
		limit = limit << PAGE_SHIFT | 0xfff;
	if (selector & ~3U)
		set_segment(segment, selector, base, limit, descriptor >> 40 & 0xf0ff);
	else
		set_segment(segment, selector, base, 0, ACCESS_UNUSABLE);
}

static uint64_t descriptor_base(const uint64_t *descriptor)
{
	return (descriptor[0] >> 16 & 0xffffff) | (descriptor[0] >> 32 & 0xff000000) |
	       descriptor[1] << 32;
}

static void set_linux_data(unsigned int segment, uint16_t selector)
{
	if (selector & ~3U)
		set_segment(segment, selector, 0, 0xffffffff, SEG_USER32);
	else
		set_segment(segment, selector, 0, 0, ACCESS_UNUSABLE);
}

/* The guest is Linux at the point where the driver called. */
void vendor_setup_root(struct cpu *cpu)
{
	const struct linux_state *linux_state = &local->linux_state;
	const struct linux_descriptors *descriptors = &linux_state->descriptors;
	uint16_t fs, gs, tr, ldtr;

	asm volatile("mov %%fs, %0" : "=rm"(fs));
	asm volatile("mov %%gs, %0" : "=rm"(gs));
	asm volatile("str %0" : "=rm"(tr));
	asm volatile("sldt %0" : "=rm"(ldtr));
	init_control(true);
	use_cell_tables(cpu->cell);
	set_long_mode(true);
	set_segment(CS, linux_state->cs, 0, 0xffffffff, SEG_CODE64);
	set_segment(SS, linux_state->ss, 0, linux_state->ss ? 0xffffffff : 0,
		    linux_state->ss ? SEG_DATA32 : ACCESS_UNUSABLE);
	set_linux_data(DS, linux_state->ds);
	set_linux_data(ES, linux_state->es);
	set_linux_segment(FS, fs, rdmsr(MSR_FS_BASE), descriptors->fs);
	set_linux_segment(GS, gs, rdmsr(MSR_GS_BASE), descriptors->gs);
	set_linux_segment(LDTR, ldtr, descriptor_base(descriptors->ldtr), descriptors->ldtr[0]);
	set_linux_segment(TR, tr, descriptor_base(descriptors->tr), descriptors->tr[0]);
	set_table(VMCS_GUEST_GDTR_BASE, VMCS_GUEST_GDTR_LIMIT, linux_state->gdtr.base,
		  linux_state->gdtr.limit);
	set_table(VMCS_GUEST_IDTR_BASE, VMCS_GUEST_IDTR_LIMIT, linux_state->idtr.base,
		  linux_state->idtr.limit);
	set_cr0(linux_state->cr0);
	vmwrite(VMCS_GUEST_CR3, linux_state->cr3);
	set_cr4(linux_state->cr4);
	vmwrite(VMCS_GUEST_EFER, linux_state->efer);
	vmwrite(VMCS_GUEST_PAT, linux_state->pat);
	vmwrite(VMCS_GUEST_DR7, read_dr7());
	vmwrite(VMCS_GUEST_DEBUGCTL, rdmsr(MSR_DEBUGCTL));
	vmwrite(VMCS_GUEST_SYSENTER_CS, rdmsr(MSR_SYSENTER_CS));
	vmwrite(VMCS_GUEST_SYSENTER_ESP, rdmsr(MSR_SYSENTER_ESP));
	vmwrite(VMCS_GUEST_SYSENTER_EIP, rdmsr(MSR_SYSENTER_EIP));
	vmwrite(VMCS_GUEST_RFLAGS, linux_state->rflags);
	vmwrite(VMCS_GUEST_RIP, linux_state->rip);
	vmwrite(VMCS_GUEST_RSP, linux_state->rsp);
}

/* The CPU's own words for a structure: its revision. 25.2, 25.11.5. */
static void write_revision(uint64_t phys)
{
	uint32_t *region = arch_window(phys);

	memset(region, 0, PAGE_SIZE);
	region[0] = (uint32_t)(rdmsr(MSR_VMX_BASIC) & BASIC_REVISION);
	arch_window_close();
}

/* With one physical address as operand; true: it has failed. */
#define VMX_INSTRUCTION(name)                                                        \
	static bool name(uint64_t phys)                                              \
	{                                                                            \
		bool failed;                                                         \
                                                                                     \
		asm volatile(#name " %1" : "=@ccbe"(failed) : "m"(phys) : "memory"); \
		return failed;                                                       \
	}
VMX_INSTRUCTION(vmxon)
VMX_INSTRUCTION(vmclear)
VMX_INSTRUCTION(vmptrld)

/*
 * What writes to memory beside the CPU's page tables and EPT: processor trace, whose tables are in
 * Linux' memory, must be off; sampling (PEBS) is switched off. Neither can be switched on later.
 */
static bool writes_traces(void)
{
	uint32_t a, b, c, d;

	cpuid(1, 0, &a, &b, &c, &d);
	if (d & BIT(21))
		(void)x86_wrmsr_safe(MSR_PEBS_ENABLE, 0);
	cpuid(7, 0, &a, &b, &c, &d);
	return b & BIT(25) && rdmsr(MSR_RTIT_CTL) & BIT(0);
}

int arch_cpu_init(struct cpu *cpu)
{
	const uint64_t enabled = FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX;
	uint64_t apic_base = rdmsr(MSR_APIC_BASE);

	/* The driver has said so already. */
	if ((rdmsr(MSR_FEATURE_CONTROL) & enabled) != enabled) {
		log_error("CPU %u: VMX is off, IA32_FEATURE_CONTROL 0x%lx", cpu->id,
			  rdmsr(MSR_FEATURE_CONTROL));
		return -ENODEV;
	}
	if (!!(apic_base & APIC_BASE_X2APIC) != x2apic_mode || !(apic_base & APIC_BASE_ENABLE)) {
		log_error("CPU %u: IA32_APIC_BASE 0x%lx, the first CPU has x2APIC %u", cpu->id,
			  apic_base, x2apic_mode);
		return -ENODEV;
	}
	if (writes_traces()) {
		log_error("CPU %u: processor trace is on (IA32_RTIT_CTL): stop it first", cpu->id);
		return -EBUSY;
	}
	local->apic_base = apic_base;
	write_cr0(read_cr0() | CR0_NE);
	write_cr4(read_cr4() | CR4_VMXE);
	write_revision(local->host_phys);
	write_revision(local->control_phys);
	if (vmxon(local->host_phys)) {
		write_cr4(read_cr4() & ~CR4_VMXE);
		log_error("CPU %u: VMXON fails", cpu->id);
		return -EIO;
	}
	if (vmclear(local->control_phys) || vmptrld(local->control_phys)) {
		arch_cpu_exit(cpu);
		log_error("CPU %u: the CPU does not take its VMCS", cpu->id);
		return -EIO;
	}
	local->vendor.vmcs_current = 1;
	apic_cpu_init(cpu);
	init_host();
	vendor_setup_root(cpu);
	return 0;
}

void arch_cpu_exit(struct cpu *cpu)
{
	(void)cpu;
	local->vendor.vmcs_current = 0;
	(void)vmclear(local->control_phys);
	asm volatile("vmxoff" : : : "cc", "memory");
	write_cr4(read_cr4() & ~CR4_VMXE);
}

/*
 * The guest called CL_HC_DISABLE: go on natively where it is. Its FS, GS, LDTR and TR it restores
 * itself, as they need its tables: driver/trampoline_x86.S.
 */
void arch_leave_guest(void)
{
	struct linux_state state = {
		.cr0 = guest_cr0(),
		.cr3 = guest_cr3(),
		.cr4 = guest_cr4(),
		.efer = guest_efer(),
		.rsp = guest_rsp(),
		.rip = guest_rip() + vmread(VMCS_INSTRUCTION_LENGTH),
		.pat = vmread(VMCS_GUEST_PAT),
		.gdtr = { (uint16_t)vmread(VMCS_GUEST_GDTR_LIMIT), vmread(VMCS_GUEST_GDTR_BASE) },
		.idtr = { (uint16_t)vmread(VMCS_GUEST_IDTR_LIMIT), vmread(VMCS_GUEST_IDTR_BASE) },
		.cs = (uint16_t)vmread(VMCS_GUEST_ES + 2 * CS),
		.ss = (uint16_t)vmread(VMCS_GUEST_ES + 2 * SS),
	};

	vmx_block_nmis(local->cpu);
	wrmsr(MSR_SYSENTER_CS, vmread(VMCS_GUEST_SYSENTER_CS));
	wrmsr(MSR_SYSENTER_ESP, vmread(VMCS_GUEST_SYSENTER_ESP));
	wrmsr(MSR_SYSENTER_EIP, vmread(VMCS_GUEST_SYSENTER_EIP));
	wrmsr(MSR_DEBUGCTL, vmread(VMCS_GUEST_DEBUGCTL));
	write_dr7(vmread(VMCS_GUEST_DR7));
	arch_cpu_exit(local->cpu);
	x86_leave(&state, 0);
}

void arch_cpu_run(struct cpu *cpu)
{
	(void)cpu;
	memset(stack_regs(), 0, sizeof(struct guest_regs));
	vmx_run(stack_regs());
}

static bool have_shadow_stacks(void)
{
	uint32_t a, b, c, d;

	cpuid(7, 0, &a, &b, &c, &d);
	return c & BIT(7);
}

/* Registers after INIT: SDM vol. 3, table 10-1. */
void arch_cpu_reset(struct cpu *cpu)
{
	apic_reset(cpu);
	init_control(cpu->cell == &root_cell);
	use_cell_tables(cpu->cell);
	set_long_mode(false);
	set_segment(CS, 0xf000, 0xffff0000, 0xffff, SEG_CODE16);
	set_data_segments(0, 0xffff, SEG_DATA16);
	set_segment(LDTR, 0, 0, 0xffff, SEG_LDT);
	set_segment(TR, 0, 0, 0xffff, SEG_TSS);
	set_table(VMCS_GUEST_GDTR_BASE, VMCS_GUEST_GDTR_LIMIT, 0, 0xffff);
	set_table(VMCS_GUEST_IDTR_BASE, VMCS_GUEST_IDTR_LIMIT, 0, 0xffff);
	set_cr0(CR0_ET | CR0_NW | CR0_CD);
	vmwrite(VMCS_GUEST_CR3, 0);
	set_cr4(0);
	guest_set_efer(0);
	vmwrite(VMCS_GUEST_PAT, PAT_RESET);
	vmwrite(VMCS_GUEST_DR7, 0x400);
	vmwrite(VMCS_GUEST_SYSENTER_CS, 0);
	vmwrite(VMCS_GUEST_SYSENTER_ESP, 0);
	vmwrite(VMCS_GUEST_SYSENTER_EIP, 0);
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_RESERVED);
	vmwrite(VMCS_GUEST_RIP, 0xfff0);
	vmwrite(VMCS_GUEST_RSP, 0);
	write_dr6(0xffff0ff0);
	/* MSRs that VMX does not load. */
	wrmsr(MSR_STAR, 0);
	wrmsr(MSR_LSTAR, 0);
	wrmsr(MSR_CSTAR, 0);
	wrmsr(MSR_SFMASK, 0);
	wrmsr(MSR_KERNEL_GS, 0);
	if (have_cet)
		wrmsr(MSR_S_CET, 0);
	if (have_shadow_stacks())
		wrmsr(MSR_ISST, 0);
	x86_reset_registers(stack_regs());
}

void arch_cpu_start(struct cpu *cpu, const struct arch_start *start)
{
	(void)cpu;
	if (start->kind == START_SIPI) {
		set_segment(CS, (uint16_t)(start->address >> 4), start->address, 0xffff,
			    SEG_CODE16);
		vmwrite(VMCS_GUEST_RIP, 0);
	} else {
		set_segment(CS, 0x08, 0, 0xffffffff, SEG_CODE32);
		set_data_segments(0x10, 0xffffffff, SEG_DATA32);
		set_cr0(CR0_PE | CR0_ET);
		vmwrite(VMCS_GUEST_RIP, start->address);
		stack_regs()->rbx = start->ebx;
	}
}

void arch_flush_guest_tlb(struct cpu *cpu)
{
	invept(ept_pointer(cpu->cell));
	guest_forget_pages();
}

/* An NMI for the guest, as soon as it takes one. */
void arch_cpu_event(struct cpu *cpu)
{
	(void)cpu;
	vmwrite(VMCS_CPU_CONTROLS, controls[CPU] | CPU_NMI_WINDOW);
}

/* Error codes are there in protected mode only: 27.2.1.3. */
void vendor_inject_exception(unsigned int vector, bool has_code, uint32_t code)
{
	uint32_t event = EVENT_VALID | EVENT_EXCEPTION | vector;

	if (has_code && guest_cr0() & CR0_PE)
		event |= EVENT_HAS_CODE;
	vmwrite(VMCS_ENTRY_EVENT_CODE, code);
	vmwrite(VMCS_ENTRY_EVENT, event);
}

static void skip(void)
{
	guest_skip((unsigned int)vmread(VMCS_INSTRUCTION_LENGTH));
}

/* The exit interrupted an IRET that had ended the blocking of NMIs already: 28.2.3. */
static void block_nmis_again(void)
{
	vmwrite(VMCS_INTERRUPTIBILITY, vmread(VMCS_INTERRUPTIBILITY) | BLOCKED_BY_NMI);
}

/*
 * The CPU has not changed DR6 and DR7 yet, and is still at an INT1: 28.1, 28.2.1. Bus lock and
 * transaction are the other way round in DR6: 0 says that it was one (18.2.3).
 */
static void debug_exception(bool int1)
{
	uint64_t cause = vmread(VMCS_QUALIFICATION);

	write_dr6(((read_dr6() & ~0xfUL) | DR6_NO_RTM | (cause & 0xe00f)) &
		  ~(cause & (DR6_NO_BUS_LOCK | DR6_NO_RTM)));
	if (int1)
		guest_advance((unsigned int)vmread(VMCS_INSTRUCTION_LENGTH));
	vmwrite(VMCS_GUEST_DR7, vmread(VMCS_GUEST_DR7) & ~BIT(13));
	/* Its delivery ends what STI and MOV SS hold back. */
	vmwrite(VMCS_INTERRUPTIBILITY,
		vmread(VMCS_INTERRUPTIBILITY) & ~(uint64_t)BLOCKED_BY_STI_OR_SS);
	vendor_inject_exception(1, false, 0);
}

/* The exit for a kick, or a kick that came too late for the last one: exception_nmi(). */
static void kicked(void)
{
	vmwrite(VMCS_PIN_CONTROLS, controls[PIN]);
	if (__atomic_exchange_n(&local->vendor.guest_nmi, 0, __ATOMIC_SEQ_CST))
		arch_cpu_event(local->cpu);
	cpu_handle_events();
}

/* A kick that has come since the exit, where the guest may come out again without a step forward. */
static void late_kick(void)
{
	if (vmread(VMCS_PIN_CONTROLS) & PIN_PREEMPTION_TIMER)
		kicked();
}

/* An exit in the middle of the delivery of an event: deliver it again. Instructions re-execute. */
static void deliver_again(uint64_t event)
{
	if (EVENT_TYPE(event) > TYPE_HARDWARE)
		return;
	if (EVENT_TYPE(event) == TYPE_NMI)
		vmwrite(VMCS_INTERRUPTIBILITY,
			vmread(VMCS_INTERRUPTIBILITY) & ~(uint64_t)BLOCKED_BY_NMI);
	vmwrite(VMCS_ENTRY_EVENT_CODE, vmread(VMCS_VECTORING_CODE));
	vmwrite(VMCS_ENTRY_EVENT, (uint32_t)event & ~(uint32_t)EVENT_NMI_UNBLOCKED);
}

static void exit_exception(void)
{
	uint64_t event = vmread(VMCS_EXIT_EVENT);

	if (EVENT_TYPE(event) == TYPE_NMI) {
		count_exit(CL_EXIT_KICK);
		if (!__atomic_exchange_n(&local->cpu->kick_pending, 0, __ATOMIC_SEQ_CST))
			local->vendor.guest_nmi = 1;
		kicked();
		return;
	}
	count_exit(CL_EXIT_EXCEPTION);
	if (unlikely(vmread(VMCS_VECTORING) & EVENT_VALID))
		deliver_again(vmread(VMCS_VECTORING));
	else if (event & EVENT_NMI_UNBLOCKED)
		block_nmis_again();
	switch (event & 0xff) {
	case 1:
		debug_exception(EVENT_TYPE(event) == TYPE_INT1);
		break;
	case 17:
		vendor_inject_exception(17, true, 0);
		break;
	default:
		x86_machine_check();
	}
	/*
	 * An exception can recur for ever while it is delivered. That goes before the exit for a
	 * kick (27.7.4), which then is looked at here: last, as the CPU may be taken back.
	 */
	late_kick();
}

static void nmi_window(void)
{
	count_exit(CL_EXIT_EXCEPTION);
	vmwrite(VMCS_CPU_CONTROLS, controls[CPU]);
	vmwrite(VMCS_INTERRUPTIBILITY,
		vmread(VMCS_INTERRUPTIBILITY) & ~(uint64_t)BLOCKED_BY_STI_OR_SS);
	vmwrite(VMCS_ENTRY_EVENT, EVENT_VALID | EVENT_NMI | 2);
}

static void ept_violation(struct guest_regs *regs)
{
	uint64_t access = vmread(VMCS_QUALIFICATION), address = vmread(VMCS_GUEST_PHYS);
	uint64_t delivery = vmread(VMCS_VECTORING);

	if (unlikely(delivery & EVENT_VALID)) {
		/* The instruction at RIP did not make this access, the delivery did. */
		if (mmio_implicit_access("stack or table", address, false))
			deliver_again(delivery);
		late_kick();
		return;
	}
	if (access & EPT_NMI_UNBLOCKED)
		block_nmis_again();
	if (unlikely(access & EPT_FETCH))
		mmio_implicit_access("code", address, true);
	else if (unlikely((access & (EPT_LINEAR | EPT_FINAL)) != (EPT_LINEAR | EPT_FINAL)))
		mmio_implicit_access("page table", address, false);
	else
		mmio_access(regs, address, access & EPT_WRITE);
}

/* PAE without long mode: MOV to CR0 loads the four pointers, and checks them (SDM vol. 3, 4.4.1). */
static bool load_pointers(void)
{
	uint64_t pointers[4];

	if (!guest_read_pointers(pointers))
		return false;
	for (unsigned int i = 0; i < 4; i++)
		vmwrite(VMCS_GUEST_PDPTE + 2 * i, pointers[i]);
	return true;
}

/*
 * MOV to CR0 that changes NE, NW or CD (all else the guest writes without an exit). Caches that a
 * guest switches off stay on: they would be off for all that share them.
 */
static bool write_guest_cr0(uint64_t value)
{
	uint64_t efer = guest_efer(), cr4 = guest_cr4();
	bool was_paging = guest_cr0() & CR0_PG, paging = value & CR0_PG;
	bool long_mode = paging && efer & EFER_LME;

	/* SDM vol. 2, MOV to control registers, and vol. 3, 10.8.5 */
	if (value >> 32 || (paging && !(value & CR0_PE)) || (value & CR0_NW && !(value & CR0_CD)))
		return false;
	if (!(value & CR0_WP) && cr4 & CR4_CET)
		return false;
	if (paging != was_paging) {
		bool code64 = vmread(VMCS_GUEST_CS_ACCESS) & ACCESS_L;

		if (!paging && (cr4 & CR4_PCIDE || guest_in_64bit()))
			return false;
		if (long_mode && (!(cr4 & CR4_PAE) || code64 ||
				  (vmread(VMCS_GUEST_ES_ACCESS + 2 * TR) & 0xf) != 11))
			return false;
	}
	if (paging && cr4 & CR4_PAE && !long_mode && !load_pointers())
		return false;
	set_cr0(value | CR0_ET);
	if (paging != was_paging) {
		guest_set_efer(long_mode ? efer | EFER_LMA : efer & ~EFER_LMA);
		set_long_mode(long_mode);
		invvpid();
	}
	return true;
}

/* 28.2.1, table 28-3: number, kind of access, register. CR4: bits that are not the guest's. */
static void exit_cr(const struct guest_regs *regs)
{
	uint64_t access = vmread(VMCS_QUALIFICATION);
	uint64_t value = guest_gpr(regs, access >> 8 & 15);

	count_exit(CL_EXIT_OTHER);
	if (!guest_in_64bit())
		value = (uint32_t)value;
	if ((access & 0x3f) == 0 && write_guest_cr0(value)) {
		skip();
		return;
	}
	if ((access & 0x3f) == 4)
		cell_denied("write to CR4", value, 0);
	x86_inject_gp();
}

static void exit_xsetbv(const struct guest_regs *regs)
{
	count_exit(CL_EXIT_OTHER);
	if (x86_xsetbv_safe((uint32_t)regs->rcx, (uint32_t)regs->rax | regs->rdx << 32))
		skip();
	else
		x86_inject_gp();
}

static __no_canary __attribute__((noinline)) bool fast_cpuid(struct guest_regs *regs)
{
	uint32_t leaf = (uint32_t)regs->rax, sub = (uint32_t)regs->rcx;
	uint32_t a, b, c, d;

	count_exit(CL_EXIT_CPUID);
	cpuid(leaf, sub, &a, &b, &c, &d);
	if (unlikely(cpuid_is_filtered(leaf)))
		cpuid_filter(leaf, sub, &a, &b, &c, &d);
	regs->rax = a;
	regs->rbx = b;
	regs->rcx = c;
	regs->rdx = d;
	skip();
	return true;
}

static __no_canary __attribute__((noinline)) bool fast_rdmsr(struct guest_regs *regs)
{
	uint64_t value;

	if (!msr_read((uint32_t)regs->rcx, &value)) {
		x86_inject_gp();
		return true;
	}
	regs->rax = (uint32_t)value;
	regs->rdx = value >> 32;
	skip();
	return true;
}

static __attribute__((noinline)) bool fast_wrmsr(struct guest_regs *regs)
{
	if (msr_write((uint32_t)regs->rcx, (uint32_t)regs->rax | regs->rdx << 32))
		skip();
	else
		x86_inject_gp();
	return true;
}

/* Table 28-5 */
static __no_canary __attribute__((noinline)) bool fast_io(struct guest_regs *regs)
{
	uint64_t access = vmread(VMCS_QUALIFICATION);
	unsigned int size = (access & 7) + 1;
	uint16_t port = (uint16_t)(access >> 16);
	bool in = access & BIT(3);
	uint32_t value = (uint32_t)regs->rax;

	if (unlikely(access & (BIT(4) | BIT(5)))) {
		if (!pio_string_access(port, size, in))
			x86_inject_gp();
		return true;
	}
	pio_access(port, size, in, &value);
	if (in)
		regs->rax = pio_result(regs->rax, size, value);
	skip();
	return true;
}

static __attribute__((noinline)) bool fast_hypercall(struct guest_regs *regs)
{
	count_exit(CL_EXIT_HYPERCALL);
	if (unlikely(guest_cpl()))
		regs->rax = (uint64_t)-EPERM;
	else
		regs->rax = (uint64_t)hypercall(regs->rax, regs->rdi, regs->rsi, regs->rdx);
	skip();
	return true;
}

/* What the CPU checks of a guest's registers at an entry, 27.3.1, as far as a guest can reach it. */
static const char *wrong_state(void)
{
	uint64_t cr0 = vmread(VMCS_GUEST_CR0), cr4 = vmread(VMCS_GUEST_CR4);
	uint64_t rflags = vmread(VMCS_GUEST_RFLAGS);
	uint64_t fixed0 = rdmsr(MSR_VMX_CR0_FIXED0) & ~(CR0_PE | CR0_PG);
	bool long_mode = vmread(VMCS_ENTRY_CONTROLS) & ENTRY_64BIT;

	if ((cr0 & fixed0) != fixed0 || cr0 & ~rdmsr(MSR_VMX_CR0_FIXED1))
		return "CR0 has bits that VMX does not allow";
	if (cr0 & CR0_PG && !(cr0 & CR0_PE))
		return "CR0: paging without protection";
	if (cr4 & ~rdmsr(MSR_VMX_CR4_FIXED1) || !(cr4 & CR4_VMXE))
		return "CR4 has bits that VMX does not allow";
	if (long_mode && !(cr0 & CR0_PG && cr4 & CR4_PAE))
		return "long mode without paging or PAE";
	if (!long_mode && cr4 & CR4_PCIDE)
		return "CR4.PCIDE outside of long mode";
	if (!!(guest_efer() & EFER_LMA) != long_mode)
		return "EFER.LMA does not fit the mode";
	if (guest_cr3() << 1 >> (phys_bits + 1))
		return "CR3 is beyond the CPU's addresses";
	if (!(rflags & RFLAGS_RESERVED))
		return "RFLAGS";
	for (unsigned int i = ES; i <= TR; i++)
		if (i != LDTR && vmread(VMCS_GUEST_ES_ACCESS + 2 * i) & 0xf00)
			return "reserved bits of a segment's access rights";
	if ((vmread(VMCS_GUEST_ES_ACCESS + 2 * TR) & (ACCESS_UNUSABLE | 0x97)) != 0x83 &&
	    (vmread(VMCS_GUEST_ES_ACCESS + 2 * TR) & (ACCESS_UNUSABLE | 0x9f)) != 0x8b)
		return "TR is not a busy task";
	if (vmread(VMCS_ACTIVITY) > 1)
		return "activity state";
	return "segments, or what they have to do with each other";
}

static void entry_refused(uint64_t reason)
{
	count_exit(CL_EXIT_OTHER);
	if (REASON_BASIC(reason) == REASON_INVALID_GUEST)
		cell_fail(
			"the CPU refuses to run the guest: %s (at 0x%lx, CR0 0x%lx CR4 0x%lx, qualification %lu)",
			wrong_state(), guest_rip(), guest_cr0(), guest_cr4(),
			vmread(VMCS_QUALIFICATION));
	else
		cell_fail("VM entry failed, reason %lu", REASON_BASIC(reason));
}

/* A defect of ours: fields that no guest sets. */
void vmx_entry_failed(void)
{
	cell_fail("VM entry failed: error %lu (SDM vol. 3, 31.4)", vmread(VMCS_INSTRUCTION_ERROR));
}

static void exit_rare(uint64_t reason)
{
	switch (reason) {
	case REASON_INVD:
	case REASON_WBINVD:
		count_exit(CL_EXIT_OTHER);
		x86_write_back_caches();
		skip();
		break;
	case REASON_GETSEC:
	case REASON_VMCLEAR ... REASON_VMXON:
	case REASON_INVEPT:
	case REASON_INVVPID:
	case REASON_VMFUNC:
	case REASON_SEAMCALL:
	case REASON_TDCALL:
		/*
		 * The guest has no VMX: CPUID does not show it, CR4.VMXE cannot be set. The last
		 * two exit from user mode as well, on CPUs with TDX.
		 */
		count_exit(CL_EXIT_OTHER);
		vendor_inject_exception(6, false, 0);
		break;
	case REASON_TRIPLE_FAULT:
		count_exit(CL_EXIT_OTHER);
		cell_fail("triple fault on CPU %u", local->cpu->id);
		break;
	case REASON_MACHINE_CHECK:
		count_exit(CL_EXIT_EXCEPTION);
		x86_machine_check();
		break;
	case REASON_TASK_SWITCH:
		/* Every task switch exits, and none is emulated: 26.2. */
		count_exit(CL_EXIT_OTHER);
		if (local->cpu->cell == &root_cell)
			x86_inject_gp();
		else
			cell_fail("task switch, at 0x%lx", guest_rip());
		late_kick();
		break;
	default:
		count_exit(CL_EXIT_OTHER);
		cell_fail("exit that has no handler (reason %lu, qualification 0x%lx) at 0x%lx",
			  reason, vmread(VMCS_QUALIFICATION), guest_rip());
	}
}

/*
 * Exits that need neither RBP nor R12 to R15, see enter.S; none of them can change the guest as a
 * whole. Returns false, with nothing done, for all others.
 */
bool vmx_exit_fast(struct guest_regs *regs)
{
	switch (vmread(VMCS_EXIT_REASON)) {
	case REASON_WRMSR:
		return fast_wrmsr(regs);
	case REASON_RDMSR:
		return fast_rdmsr(regs);
	case REASON_CPUID:
		return fast_cpuid(regs);
	case REASON_IO:
		return fast_io(regs);
	case REASON_VMCALL:
		return fast_hypercall(regs);
	default:
		return false;
	}
}

/* All exits that vmx_exit_fast() leaves. */
void vmx_exit(struct guest_regs *regs)
{
	uint64_t reason = vmread(VMCS_EXIT_REASON);

	/* The CPU has made the event that was to be delivered invalid: 28.2. */
	if (unlikely(reason & REASON_ENTRY_FAILED)) {
		vmwrite(VMCS_ENTRY_EVENT, 0);
		entry_refused(reason);
		return;
	}
	switch (REASON_BASIC(reason)) {
	case REASON_EXCEPTION:
		exit_exception();
		break;
	case REASON_EPT_VIOLATION:
		ept_violation(regs);
		break;
	case REASON_CR:
		exit_cr(regs);
		break;
	case REASON_XSETBV:
		exit_xsetbv(regs);
		break;
	case REASON_PREEMPTION_TIMER:
		count_exit(CL_EXIT_KICK);
		kicked();
		break;
	case REASON_NMI_WINDOW:
		nmi_window();
		break;
	default:
		exit_rare(REASON_BASIC(reason));
	}
}
