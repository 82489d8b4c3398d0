/* SPDX-License-Identifier: GPL-2.0 */
/* What the x86 files offer each other. */
#ifndef X86_H
#define X86_H

#include <arch.h>
#include <asm.h>
#include <cell.h>
#include <inspect.h>
#include <layout.h>
#include <pci.h>
#include <vendor.h>

/*
 * Windows on pages of the guest that stay for the next walk: tables by level 1 to 5, and the code
 * pages of the last fetches, by the low bits of their page number.
 */
#define CODE_PAGES  8
#define GUEST_CODE  6
#define GUEST_PAGES (GUEST_CODE + CODE_PAGES)

#define XAPIC_PAGE 0xfee00000UL /* physical address of the local APICs' registers */

/* PCI configuration mechanism 1 */
#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc

struct guest_regs {
	uint64_t r15, r14, r13, r12, rbp; /* not there in a fast exit, see enter.S */
	uint64_t r11, r10, r9, r8, rdi, rsi, rbx, rdx, rcx;
	uint64_t rax; /* AMD keeps it in the VMCB: copied by the vendor's code */
	uint64_t unused;
};

/* Linux as it was at the driver's call, on this CPU. */
struct linux_state {
	uint64_t cr0, cr3, cr4, efer, rsp, rip, rflags, pat;
	struct table_register gdtr, idtr;
	uint16_t cs, ss, ds, es;
	uint64_t s_cet, isst;
	/* Intel: descriptors, 0 where nothing is selected */
	struct linux_descriptors {
		uint64_t tr[2], ldtr[2], fs, gs;
	} descriptors;
};

/* The CPU's private page, mapped at LOCAL_PRIVATE on every CPU. */
struct local_data {
	struct cpu *cpu;       /* offset 0: enter.S */
	uint64_t control_phys; /* offset 8: svm/enter.S */
	uint64_t host_phys;
	struct vendor_local vendor; /* offset 24: vmx/enter.S */
	struct linux_state linux_state;
	uint64_t *exits;    /* counters in the info region */
	uint64_t apic_base; /* what the guest reads there, set at the CPU's reset */
	uint64_t tsc_moved; /* by root's writes: what the counter is ahead of arch_timestamp() */
	struct {
		uint64_t guest_page; /* what the window shows, ~0: nothing */
		const volatile char *window;
	} guest_pages[GUEST_PAGES]; /* by use, see walk.c */
	struct {
		uint64_t cr3, page; /* ~0: nothing is remembered */
		unsigned int levels;
		struct {
			const volatile uint64_t *entry; /* in a window */
			uint64_t value;
		} walk[5];
		const volatile char *code;
	} fetches[CODE_PAGES]; /* in 64-bit mode, see walk.c */
	struct {
		uint32_t dest, generation;
		uint32_t target; /* its APIC id */
	} last_logical;		 /* the last logical destination in xAPIC mode, see apic.c */
};

#define local ((struct local_data *)local_base())

/* The guest's registers while the hypervisor runs: at the top of the stack. */
static inline struct guest_regs *stack_regs(void)
{
	return (struct guest_regs *)(LOCAL_STACK_TOP - sizeof(struct guest_regs));
}

extern bool x2apic_mode;
extern uint8_t phys_bits;
extern bool have_cet;

/* Called from entry.S */
uint64_t boot_cpu(unsigned int index, uint64_t rsp, uint64_t rip, uint64_t cr3, char *area,
		  const struct linux_descriptors *descriptors);
void boot_continue(void);
void exception_fatal(const uint64_t *frame);
void apic_drained(void);

/* entry.S: write a guest's value; false: the CPU raised #GP */
bool x86_wrmsr_safe(uint32_t msr, uint64_t value);
bool x86_xsetbv_safe(uint32_t xcr, uint64_t value);

/* boot.c */
void x86_leave(const struct linux_state *state, int result) __attribute__((noreturn));

/* A temporary mapping per use, so that a page walk and what it looks up can coexist. */
enum { WINDOW_COPY, WINDOW_MMIO, WINDOW_GUEST };
static inline volatile void *window(unsigned int slot, uint64_t phys, uint64_t bits)
{
	char *address = (char *)LOCAL_WINDOWS + slot * PAGE_SIZE;
	uint64_t *entry = (uint64_t *)LOCAL_TABLE + LOCAL_PAGE_WINDOWS + slot;
	uint64_t value = phys | bits | PTE_P | PTE_NX;

	if (*entry != value) {
		*entry = value;
		invlpg(address);
	}
	return address;
}

/* An access to registers at a host-physical address. False: it would leave the page. */
static inline bool access_registers(uint64_t address, bool write, unsigned int size,
				    uint64_t *value)
{
	volatile char *registers;

	/* The window is one page. */
	if ((address & ~PAGE_MASK) + size > PAGE_SIZE)
		return false;
	registers = window(WINDOW_MMIO, address & PAGE_MASK, PTE_RW | PTE_PCD | PTE_PWT);
	registers += address & ~PAGE_MASK;
	switch (size) {
#define ACCESS(bytes, type)                                         \
	case bytes:                                                 \
		if (write)                                          \
			*(volatile type *)registers = (type)*value; \
		else                                                \
			*value = *(volatile type *)registers;       \
		break
		ACCESS(1, uint8_t);
		ACCESS(2, uint16_t);
		ACCESS(4, uint32_t);
		ACCESS(8, uint64_t);
#undef ACCESS
	}
	return true;
}

static inline void window_close(unsigned int slot)
{
	uint64_t *entry = (uint64_t *)LOCAL_TABLE + LOCAL_PAGE_WINDOWS + slot;

	if (!*entry)
		return;
	*entry = 0;
	invlpg((char *)LOCAL_WINDOWS + slot * PAGE_SIZE);
}

/* boot.c */
void x86_drain_interrupt(void); /* take one that is pending in the APIC; calls apic_drained() */

/* platform.c */
/* Fill in a finding about the CPU; returns -ENODEV. */
int x86_refuse(struct cl_finding *finding, const char *field, uint64_t found, uint64_t expected,
	       const char *rule);

/* reset.c */
/* For the CPU's next owner: also FPU, and what the CPU has learnt of the former one */
void x86_reset_registers(struct guest_regs *regs);

/* apic.c */
void apic_init(void);
void apic_cpu_init(struct cpu *cpu);
void apic_reset(struct cpu *cpu); /* nothing pending, timer off, as after a reset */
void apic_send_fixed(const struct cpu *cpu, unsigned int vector); /* 16 or above */
void apic_icr_write(uint64_t icr);		   /* by the guest, in the x2APIC layout */
bool apic_msr_write(uint32_t msr, uint64_t value); /* moderated x2APIC registers; false: #GP */
void apic_mmio_write(unsigned int offset, uint32_t value);
uint32_t apic_mmio_read(unsigned int offset);
extern uint8_t cpu_of_apic_id[256]; /* 0xff: none */

/* Is this the local APIC of one of the cell's CPUs? */
static inline bool cell_has_apic(const struct cell *cell, uint8_t id)
{
	unsigned int cpu = cpu_of_apic_id[id];

	return cpu != 0xff && cell_has_cpu(cell, cpu);
}

/* pio.c */
void pio_init_cell(struct cell *cell);
void pio_move(const struct cell *cell, bool to_cell); /* between root and the cell */
/* INS and OUTS to ports that are not the cell's own: true if they are now, and it tries again; else
 * #GP */
bool pio_string_access(uint16_t port, unsigned int size, bool in);
void pio_access(uint16_t port, unsigned int size, bool in, uint32_t *value);
/* RAX after an IN: 4 bytes clear the upper half */
static inline uint64_t pio_result(uint64_t rax, unsigned int size, uint32_t value)
{
	uint64_t mask = size == 4 ? ~0UL : (1UL << 8 * size) - 1;

	return (rax & ~mask) | (value & mask);
}

/* ioapic.c */
#define IOAPIC_MASKED BIT(16)
int ioapic_init_cell(struct cell *cell);
void ioapic_move(const struct cell *cell, bool to_cell); /* pins between root and the cell */
uint64_t ioapic_entry(uint64_t chip, unsigned int pin);	 /* what the hardware has */
bool ioapic_access(struct cell *cell, uint64_t address, bool write, unsigned int size,
		   uint32_t *value);
/* Register index: low half if it is even; the other half of the same entry is other_half. */
bool ioapic_entry_allowed(const struct cell *cell, unsigned int index, uint32_t value,
			  uint32_t other_half);

/* vpin.c: pins without hardware; index is that of the IOAPIC's register */
bool vpin_is(const struct cell *cell, uint64_t address, unsigned int pin);
void vpin_reset(struct cell *cell);
uint32_t vpin_read(struct cell *cell, unsigned int index);
bool vpin_write(struct cell *cell, unsigned int index, uint32_t value); /* false: refused */

/* kvm_clock.c: KVM's paravirtual clock, for cells */
#define KVM_LEAF 0x40000100
void kvm_clock_cpuid(uint32_t leaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d);
bool kvm_clock_write(uint32_t msr, uint64_t value); /* false: not its register, or not possible */
/* Nanoseconds are ticks, shifted left (right where shift is negative), times multiplier / 2^32. */
struct clock_scale {
	uint32_t multiplier;
	int8_t shift;
};
struct clock_scale kvm_clock_scale(uint32_t khz);

/* msr.c */
bool msr_read(uint32_t msr, uint64_t *value);
bool msr_write(uint32_t msr, uint64_t value);
void msr_init_cell(struct cell *cell);
/* The bitmap as it has to be, of MSR_BITMAP_BYTES; which registers are in it, the vendor says. */
#define MSR_BLOCK 0x2000 /* registers, from each of MSR_BLOCKS on */
void msr_policy(unsigned char *bitmap, bool root);

/* cpuid.c */
/* Take out of the CPU's answer what the guest does not have. */
void cpuid_filter(uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d);
/* Which leaves that could be: 1, 6, 7, 80000001, 8000000a, 4xxxxxxx, and some it leaves alone. */
static inline bool cpuid_is_filtered(uint32_t leaf)
{
	return leaf - 1 < 7 || (leaf & ~0xbU) == 0x80000000 || leaf >> 28 == 4;
}

/* mmio.c: an access of the guest that the cell's mappings do not allow */
void mmio_access(struct guest_regs *regs, uint64_t address, bool write);
/*
 * One that the CPU makes by itself, not for an operand: there is nothing to emulate. True: root has
 * the page now, and what was going on can go on; else a cell has ended, or root gets #GP.
 */
bool mmio_implicit_access(const char *what, uint64_t address, bool fetch);
/* Register of this number in instructions. */
uint64_t guest_gpr(const struct guest_regs *regs, unsigned int number);

/* exit.c: what the guest gets for an exit, and the same for both vendors */
void x86_inject_gp(void);
void x86_machine_check(void);
void x86_write_back_caches(void); /* INVD, WBINVD */
#define count_exit(reason) (local->exits[reason]++)

/* walk.c */
/* Copy up to 15 bytes of the current instruction to a buffer of 16 or more; returns how many. */
unsigned int guest_fetch(unsigned char *bytes);
/* PAE without long mode: the four entries that CR3 points to; false: the CPU would not take them */
bool guest_read_pointers(uint64_t *pointers);
/* The cell's mappings have changed, or the cell: close the windows on its pages. */
void guest_forget_pages(void);

/*
 * The vendor interface, with the inline functions and constants of vendor.h: all that differs
 * between AMD and Intel. svm/, vmx/
 */
int vendor_check(struct cl_finding *finding);
void vendor_setup_root(struct cpu *cpu);
void vendor_inject_exception(unsigned int vector, bool has_code, uint32_t code);
/* The second-level tables: rights of CL_MEM_* as bits and back, and how deep they are. */
uint64_t vendor_page_bits(uint64_t flags);
uint32_t vendor_page_rights(const struct mapping *mapping);
unsigned int vendor_page_levels(void);
unsigned int vendor_page_leaves(void); /* the highest level that has leaves: 3, 1 GiB; 2, 2 MiB */
void vendor_nmi_sleep(void); /* until an NMI has come, which may be since events were looked at */
/*
 * A bitmap of MSR_BITMAP_BYTES: do these accesses to registers first to last exit, and the bit that
 * says so for one. Registers that are in no bitmap (-1) always exit.
 */
#define MSR_READ  1U
#define MSR_WRITE 2U
void vendor_msr_exits(unsigned char *bitmap, uint32_t first, uint32_t last, unsigned int accesses,
		      bool exit);
int vendor_msr_bit(uint32_t msr, bool write);
/* Registers of virtualisation itself, which always exit. False: it is none that can be read. */
bool vendor_msr_read(uint32_t msr, uint64_t *value);
extern const uint32_t vendor_msrs[];
extern const unsigned int vendor_msr_count;
/* What CPUID says of virtualisation: the guest of another cell than root has none. */
void vendor_cpuid_filter(uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c,
			 uint32_t *d);

#endif
