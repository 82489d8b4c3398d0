// SPDX-License-Identifier: GPL-2.0
/* From the driver's call to hv_entry(), and back to native Linux. */
#include <image.h>
#include <log.h>
#include <page.h>
#include <vendor.h>
#include <x86.h>

extern char exception_nmi[], exception_gp[], exception_drain[];
extern const uint64_t exception_stubs[32];
extern void x86_load_segments(void);
extern void x86_halt(void) __attribute__((noreturn));
extern void x86_exit(uint64_t address, const uint64_t *values) __attribute__((noreturn));

bool have_cet __ro_after_init;

/*
 * The hypervisor's memory: 4 KiB pages where the image and the CPUs' areas are, so that text, data
 * and private memory get different rights; larger memory behind that in 2 MiB pages, up to the
 * 1 GiB that the config check allows.
 */
#define FINE_TABLES 2
static uint64_t hv_pdpt[512] __aligned_page __ro_after_init;
static uint64_t hv_pd[512] __aligned_page __ro_after_init;
static uint64_t hv_pt[FINE_TABLES][512] __aligned_page __ro_after_init;
static uint64_t trampoline_tables[4][512] __aligned_page
	__ro_after_init; /* PML4 (5-level), PDPT, PD, PT */

static unsigned int first_taken __ro_after_init;
static struct lock start_lock __ro_after_init;

/* "Accessed" is set, so that the CPU does not write to it. */
static const uint64_t gdt[3] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff };

static struct gate {
	uint16_t low, selector;
	uint8_t ist, type;
	uint16_t middle;
	uint32_t high, reserved;
} idt[256] __ro_after_init, drain_idt[256] __ro_after_init;

/* entry.S uses these offsets. */
_Static_assert(offsetof(struct cpu, kick_pending) == CPU_KICK_PENDING, "layout.h");
_Static_assert(offsetof(struct local_data, cpu) == LOCAL_OFFSET_CPU, "layout.h");
_Static_assert(offsetof(struct cpu, events) == CPU_EVENTS, "layout.h");
_Static_assert(offsetof(struct guest_regs, r11) == GUEST_REGS_LATE, "layout.h");
_Static_assert(offsetof(struct local_data, vendor) == LOCAL_OFFSET_VENDOR, "layout.h");
_Static_assert(offsetof(struct local_data, control_phys) == LOCAL_OFFSET_CONTROL_PHYS, "layout.h");

/* What -fstack-protector-strong compares; for it alone, and by name. */
extern uint64_t __stack_chk_guard;
uint64_t __stack_chk_guard __ro_after_init;
void __stack_chk_fail(void) __attribute__((noreturn));

static void make_canary(void)
{
	uint64_t canary = rdtsc();
	uint32_t a, b, c, d;

	cpuid(1, 0, &a, &b, &c, &d);
	if (c & BIT(30)) {
		uint64_t random;
		bool good = false;

		for (unsigned int i = 0; i < 10 && !good; i++)
			asm volatile("rdrand %0" : "=r"(random), "=@ccc"(good));
		if (good)
			canary = random;
	}
	/* A zero byte ends what copies strings. */
	__stack_chk_guard = canary & ~0xffUL;
}

static unsigned int table_index(uint64_t virt, unsigned int level)
{
	return virt >> (PAGE_SHIFT + 9 * (level - 1)) & 511;
}

static void set_gate(struct gate *table, unsigned int vector, uint64_t address)
{
	table[vector].low = (uint16_t)address;
	table[vector].middle = (uint16_t)(address >> 16);
	table[vector].high = (uint32_t)(address >> 32);
	table[vector].selector = HV_CS;
	table[vector].type = 0x8e; /* present, interrupt gate */
}

static void build_shared_tables(void)
{
	uint64_t text = (uint64_t)hv_text_end - HV_BASE;
	uint64_t rodata = (uint64_t)hv_rodata_end - HV_BASE;
	uint64_t areas = (uint64_t)hv_core_end - HV_BASE;
	uint64_t areas_end = areas + (uint64_t)cpu_count * AREA_PAGES * PAGE_SIZE;
	uint64_t virt = image_system.trampoline_virt;

	hv_pdpt[0] = virt_to_phys(hv_pd) | PTE_P | PTE_RW;
	for (uint64_t offset = 0; offset < image_system.hv_size;) {
		uint64_t phys = image_system.hv_phys + offset;
		unsigned int table = (unsigned int)(offset >> 21);

		if (table >= FINE_TABLES) {
			hv_pd[table] = phys | PTE_P | PTE_RW | PTE_PS | PTE_NX;
			offset += 2 << 20;
			continue;
		}
		hv_pd[table] = virt_to_phys(hv_pt[table]) | PTE_P | PTE_RW;
		if (offset < text)
			hv_pt[table][table_index(offset, 1)] = phys | PTE_P;
		else if (offset < rodata)
			hv_pt[table][table_index(offset, 1)] = phys | PTE_P | PTE_NX;
		else if (offset < areas || offset >= areas_end)
			hv_pt[table][table_index(offset, 1)] = phys | PTE_P | PTE_RW | PTE_NX;
		/* else private to a CPU */
		offset += PAGE_SIZE;
	}

	trampoline_tables[3][table_index(virt, 1)] = image_system.trampoline_phys | PTE_P;
	trampoline_tables[2][table_index(virt, 2)] = virt_to_phys(trampoline_tables[3]) | PTE_P |
						     PTE_RW;
	trampoline_tables[1][table_index(virt, 3)] = virt_to_phys(trampoline_tables[2]) | PTE_P |
						     PTE_RW;
	trampoline_tables[0][table_index(virt, 4)] = virt_to_phys(trampoline_tables[1]) | PTE_P |
						     PTE_RW;

	for (unsigned int i = 0; i < 256; i++) {
		set_gate(idt, i, i < 32 ? exception_stubs[i] : (uint64_t)exception_drain);
		set_gate(drain_idt, i, (uint64_t)exception_drain);
	}
	set_gate(idt, 2, (uint64_t)exception_nmi);
	set_gate(idt, 13, (uint64_t)exception_gp);
	set_gate(drain_idt, 2, (uint64_t)exception_nmi);
}

static void load_idt(const struct gate *table)
{
	struct table_register idtr = { sizeof(idt) - 1, (uint64_t)table };

	asm volatile("lidt %0" : : "m"(idtr));
}

/*
 * The APIC takes vectors from 16 on (APM vol. 2, chapter 16), so a cell can leave some behind that
 * are exceptions to the hypervisor. Here they are interrupts; NOPs cause no exceptions. A machine
 * check just now would be taken for a stray interrupt, too: what it is about stays in the banks.
 */
void x86_drain_interrupt(void)
{
	load_idt(drain_idt);
	asm volatile(VENDOR_LET_IN "sti\n\tnop\n\tnop\n\tcli\n\t" VENDOR_KEEP_OUT : : : "memory");
	load_idt(idt);
}

static void save_linux(struct linux_state *state, uint64_t rsp, uint64_t rip, uint64_t cr3)
{
	state->rsp = rsp;
	state->rip = rip;
	state->cr3 = cr3;
	state->cr0 = read_cr0();
	state->cr4 = read_cr4();
	state->efer = rdmsr(MSR_EFER) & ~VENDOR_EFER; /* set by the trampoline */
	state->pat = rdmsr(MSR_PAT);
	state->rflags = RFLAGS_RESERVED;
	asm volatile("sgdt %0" : "=m"(state->gdtr));
	asm volatile("sidt %0" : "=m"(state->idtr));
	asm volatile("mov %%cs, %0" : "=rm"(state->cs));
	asm volatile("mov %%ss, %0" : "=rm"(state->ss));
	asm volatile("mov %%ds, %0" : "=rm"(state->ds));
	asm volatile("mov %%es, %0" : "=rm"(state->es));
}

/*
 * On the driver's tables and in the linear mapping. Builds this CPU's tables and returns their
 * physical address. Nothing can fail here.
 */
__no_canary uint64_t boot_cpu(unsigned int index, uint64_t rsp, uint64_t rip, uint64_t cr3,
			      char *area, const struct linux_descriptors *descriptors)
{
	struct local_data *private = (struct local_data *)(area + AREA_PRIVATE * PAGE_SIZE);
	uint64_t *top = (uint64_t *)(area + AREA_TOP * PAGE_SIZE);
	uint64_t *pml4 = top;
	uint64_t *pdpt = (uint64_t *)(area + AREA_PDPT * PAGE_SIZE);
	uint64_t *pd = (uint64_t *)(area + AREA_PD * PAGE_SIZE);
	uint64_t *pt = (uint64_t *)(area + AREA_PT * PAGE_SIZE);
	uint64_t area_phys = (uint64_t)area - HV_BASE + image_system.hv_phys;

	lock_take(&start_lock);
	if (!first_taken) {
		first_taken = index + 1;
		hv_phys = image_system.hv_phys;
		cpu_count = image_system.cpu_count;
		make_canary();
		build_shared_tables();
		for_each_cpu(i) {
			cpus[i].id = image_system.cpus[i].id;
			cpus[i].hw_id = image_system.cpus[i].hw_id;
		}
	}
	lock_drop(&start_lock);

	save_linux(&private->linux_state, rsp, rip, cr3);
	private->linux_state.descriptors = *descriptors;
	private->cpu = &cpus[index];
	private->exits = info.cpus[index].exits;
	private->control_phys = area_phys + AREA_CONTROL * PAGE_SIZE;
	private->host_phys = area_phys + AREA_HOST * PAGE_SIZE;

	if (private->linux_state.cr4 & CR4_LA57) {
		pml4 = (uint64_t *)(area + AREA_PML4 * PAGE_SIZE);
		/* All that we map is in the last 256 TiB of either format. */
		top[511] = virt_to_phys(pml4) | PTE_P | PTE_RW;
	}
	pml4[table_index(HV_BASE, 4)] = virt_to_phys(hv_pdpt) | PTE_P | PTE_RW;
	pml4[table_index(LOCAL_BASE, 4)] = virt_to_phys(pdpt) | PTE_P | PTE_RW;
	pdpt[table_index(LOCAL_BASE, 3)] = virt_to_phys(pd) | PTE_P | PTE_RW;
	pd[table_index(LOCAL_BASE, 2)] = virt_to_phys(pt) | PTE_P | PTE_RW;
	pt[LOCAL_PAGE_STACK] = (area_phys + AREA_STACK * PAGE_SIZE) | PTE_P | PTE_RW | PTE_NX;
	pt[LOCAL_PAGE_STACK + 1] = pt[LOCAL_PAGE_STACK] + PAGE_SIZE;
	pt[LOCAL_PAGE_PRIVATE] = (area_phys + AREA_PRIVATE * PAGE_SIZE) | PTE_P | PTE_RW | PTE_NX;
	pt[LOCAL_PAGE_CONTROL] = private->control_phys | PTE_P | PTE_RW | PTE_NX;
	pt[LOCAL_PAGE_TABLE] = virt_to_phys(pt) | PTE_P | PTE_RW | PTE_NX;
	pt[LOCAL_PAGE_TOP] = virt_to_phys(pml4) | PTE_P | PTE_RW | PTE_NX;
	return virt_to_phys(top);
}

static bool have_xsave(void)
{
	uint32_t a, b, c, d;

	cpuid(1, 0, &a, &b, &c, &d);
	return c & BIT(26);
}

/* On this CPU's own tables and stack. */
void boot_continue(void)
{
	struct table_register gdtr = { sizeof(gdt) - 1, (uint64_t)gdt };
	struct linux_state *linux_state = &local->linux_state;
	uint32_t a, b, c, d;

	asm volatile("lgdt %0" : : "m"(gdtr));
	load_idt(idt);
	x86_load_segments();

	cpuid(7, 0, &a, &b, &c, &d);
	/* Supervisor shadow stacks and IBT (APM vol. 2, 18): Linux' settings, then ours: off. */
	have_cet = c & BIT(7) || d & BIT(20);
	if (have_cet) {
		linux_state->s_cet = rdmsr(MSR_S_CET);
		if (c & BIT(7))
			linux_state->isst = rdmsr(MSR_ISST);
	}
	/* Clearing PGE also drops Linux' global translations. */
	/* XSETBV and XRSTOR are the guests', whatever Linux uses. */
	write_cr4(CR4_PAE | (linux_state->cr4 & (CR4_LA57 | CR4_MCE)) |
		  (have_xsave() ? CR4_OSXSAVE : 0) | (b & BIT(7) ? CR4_SMEP : 0) |
		  (b & BIT(20) ? CR4_SMAP : 0) | (c & BIT(2) ? CR4_UMIP : 0));
	write_cr0((linux_state->cr0 & ~(CR0_TS | CR0_EM)) | CR0_WP);
	wrmsr(MSR_EFER, linux_state->efer | EFER_NXE | VENDOR_EFER);

	hv_entry(local->cpu, local->cpu->id + 1 == first_taken);
}

/*
 * Back to native Linux as *state says. The trampoline is mapped only now: it is Linux' memory, and
 * while cells run nothing that Linux can change is executed here.
 */
void x86_leave(const struct linux_state *state, int result)
{
	unsigned int index = table_index(image_system.trampoline_virt, 4);
	uint64_t *top = (uint64_t *)LOCAL_TOP;
	uint64_t values[] = {
		state->cr3,  state->rip, state->rsp, state->cs, (uint64_t)(int64_t)result,
		state->efer, state->ss
	};

	/* The slot of the trampoline is free: neither of ours is in Linux' text and module area. */
	top[index] = trampoline_tables[0][index];
	wrmsr(MSR_PAT, state->pat);
	write_cr0(state->cr0);
	/* Now, for PCIDE can be set only while the low bits of CR3 are zero (APM 5.5.1). */
	write_cr4(state->cr4);
	asm volatile("mov %0, %%ds" : : "r"((uint32_t)0));
	asm volatile("mov %0, %%es" : : "r"((uint32_t)0));
	asm volatile("lgdt %0" : : "m"(state->gdtr));
	asm volatile("lidt %0" : : "m"(state->idtr));
	x86_exit(image_system.exit_virt, values);
}

void arch_leave_to_linux(int result)
{
	x86_leave(&local->linux_state, result);
}

void exception_fatal(const uint64_t *frame)
{
	log_error("hypervisor exception %lu code 0x%lx at 0x%lx sp 0x%lx cr2 0x%lx", frame[0],
		  frame[1], frame[2], frame[5], read_cr2());
	cell_cpu_lost();
}

void __stack_chk_fail(void)
{
	if (local->cpu->info->state == CL_CPU_FAILED)
		x86_halt(); /* once more, while that was logged */
	cell_cpu_lost();
	log_error("hypervisor stack overrun in the function that called 0x%lx",
		  (uint64_t)__builtin_return_address(0));
	x86_halt();
}

void cpu_relax(void)
{
	__builtin_ia32_pause();
}

const void *arch_shared_tables(void)
{
	return hv_pdpt;
}

unsigned int arch_cpu_id(void)
{
	return local->cpu->id;
}

uint64_t arch_timestamp(void)
{
	return rdtsc() - local->tsc_moved;
}

uint64_t arch_ticks_per_ms(void)
{
	return image_system.tsc_khz ? image_system.tsc_khz : 1000000;
}

void *arch_window(uint64_t phys)
{
	return (void *)window(WINDOW_COPY, phys, PTE_RW);
}

void arch_window_close(void)
{
	window_close(WINDOW_COPY);
}

/*
 * What is __ro_after_init is read-only from now on, page tables and IDT included; before, it had to
 * be written by the first CPU. Every CPU does it, as each has its own TLB. Not undone: the way back
 * to Linux writes to the CPU's own tables only, and the next enable loads the image anew.
 */
void arch_protect(void)
{
	uint64_t page = (uint64_t)hv_ro_after_init, end = (uint64_t)hv_ro_after_init_end;

	for (; page < end; page += PAGE_SIZE) {
		uint64_t entry = virt_to_phys(&hv_pt[0][(page - HV_BASE) / PAGE_SIZE]);
		char *table = arch_window(entry & PAGE_MASK);

		__atomic_fetch_and((uint64_t *)(table + (entry & ~PAGE_MASK)), ~PTE_RW,
				   __ATOMIC_SEQ_CST);
		invlpg((void *)page);
	}
	arch_window_close();
}

void arch_cpu_idle(void)
{
	vendor_nmi_sleep();
}

#ifdef CONFIG_CONSOLE_16550

static uint16_t console_port __ro_after_init;

void arch_console_init(const struct cl_platform *platform)
{
	console_port = platform->console_type == CL_CONSOLE_16550_PIO
			       ? (uint16_t)platform->console_address
			       : 0;
}

/* A UART that is not there or does not drain costs this much, and the rest of the text. */
static bool console_put(char c)
{
	for (unsigned int i = 0; !(port_in(console_port + 5, 1) & 0x20); i++) {
		if (i == 10000)
			return false;
		cpu_relax();
	}
	port_out(console_port, 1, (uint8_t)c);
	return true;
}

void arch_console_write(const char *text)
{
	if (!console_port)
		return;
	for (; *text; text++)
		if ((*text == '\n' && !console_put('\r')) || !console_put(*text))
			return;
}

#else

void arch_console_init(const struct cl_platform *platform)
{
	(void)platform;
}

void arch_console_write(const char *text)
{
	(void)text;
}

#endif
