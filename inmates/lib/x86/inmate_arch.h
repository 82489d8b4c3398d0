/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* What inmates have on x86 only, and how x86 does what they have everywhere. */
#ifndef INMATE_ARCH_H
#define INMATE_ARCH_H

/* comm->hw_ids in words */
#define HW_IDS "APIC ids"

static inline const char *interrupt_controller(void)
{
	return comm->flags & CL_COMM_X2APIC ? "x2APIC" : "xAPIC";
}

/* Until the next interrupt that cannot be switched off. */
static inline void cpu_halt(void)
{
	__asm__ volatile("cli; hlt" ::: "memory");
}

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

/* After everything before it, and before everything after it. */
static inline uint64_t rdtsc_ordered(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void outw(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t mmio_read32(uintptr_t address)
{
	return *(volatile uint32_t *)address;
}

static inline void mmio_write32(uintptr_t address, uint32_t value)
{
	*(volatile uint32_t *)address = value;
}

static inline void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *eax, uint32_t *ebx,
			 uint32_t *ecx, uint32_t *edx)
{
	__asm__ volatile("cpuid"
			 : "=a"(*eax), "=b"(*ebx), "=c"(*ecx), "=d"(*edx)
			 : "a"(leaf), "c"(subleaf));
}

/* PCI configuration space, by ports 0xcf8 and 0xcfc. Offsets are multiples of 4. */
uint32_t pci_read(uint8_t bus, uint8_t devfn, uint8_t offset);
void pci_write(uint8_t bus, uint8_t devfn, uint8_t offset, uint32_t value);
/* Calls found() for each function that is there; ids is device ID << 16 | vendor ID. */
void pci_scan(void (*found)(uint8_t bus, uint8_t devfn, uint32_t ids));

#ifdef __x86_64__

/* 64-bit mode only. */

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

/*
 * Instructions that may fault: if the one between labels 1 and 2 of the assembler text does,
 * execution goes on behind it with the exception's vector, plus FAULTED, in R8.
 */
#define FAULTED 0x100
#define CAN_FAULT                       \
	".pushsection .extable,\"a\"\n" \
	".quad 1b, 2b\n"                \
	".popsection\n"

/* 0, or FAULTED | the vector of the exception. */
static inline unsigned int rdmsr_safe(uint32_t msr, uint64_t *value)
{
	register uint64_t fault __asm__("r8") = 0;
	uint32_t low = 0, high = 0;

	__asm__ volatile("1: rdmsr\n2:\n" CAN_FAULT
			 : "+r"(fault), "+a"(low), "+d"(high)
			 : "c"(msr)
			 : "memory");
	*value = (uint64_t)high << 32 | low;
	return fault;
}

static inline unsigned int wrmsr_safe(uint32_t msr, uint64_t value)
{
	register uint64_t fault __asm__("r8") = 0;

	__asm__ volatile("1: wrmsr\n2:\n" CAN_FAULT
			 : "+r"(fault)
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
	return fault;
}

/* 0, or FAULTED | the vector of the exception. */
static inline unsigned int mmio_read32_safe(uint64_t address, uint32_t *value)
{
	register uint64_t fault __asm__("r8") = 0;
	uint32_t got = 0;

	__asm__ volatile("1: movl (%2), %1\n2:\n" CAN_FAULT
			 : "+r"(fault), "+a"(got)
			 : "r"(address)
			 : "memory");
	*value = got;
	return fault;
}

/* What was written there is to be executed. */
static inline void sync_code(const void *start, size_t size)
{
	(void)start;
	(void)size;
}

/* Whether hypercalls are VMCALL (Intel) or VMMCALL (AMD); each CPU has one of them only. */
extern bool has_vmcall;

static inline int64_t hypercall(uint64_t number, uint64_t arg0, uint64_t arg1, uint64_t arg2)
{
	int64_t result;

	if (has_vmcall)
		__asm__ volatile("vmcall"
				 : "=a"(result)
				 : "a"(number), "D"(arg0), "S"(arg1), "d"(arg2)
				 : "memory");
	else
		__asm__ volatile("vmmcall"
				 : "=a"(result)
				 : "a"(number), "D"(arg0), "S"(arg1), "d"(arg2)
				 : "memory");
	return result;
}

#define TIMER_VECTOR  0x40
#define IPI_VECTOR(n) (0x50 + (n))

static inline void interrupts_on(void)
{
	__asm__ volatile("sti" ::: "memory");
}

static inline void interrupts_off(void)
{
	__asm__ volatile("cli" ::: "memory");
}

/* Wait for an interrupt. Call with interrupts off: one that is pending already ends it at once. */
static inline void wait_for_interrupt(void)
{
	__asm__ volatile("sti; hlt; cli" ::: "memory");
}

/* Local APIC. */
bool apic_is_x2(void);
uint32_t apic_id(void);
uint32_t apic_read(uint32_t reg);	       /* reg as in xAPIC mode: 0x20 is the id */
void apic_write(uint32_t reg, uint32_t value); /* not for the ICR */
void apic_send(uint32_t hw_id, uint32_t icr);  /* icr: vector and delivery mode */

#define APIC_ID	    0x20
#define APIC_TPR    0x80
#define APIC_EOI    0xb0
#define APIC_SVR    0xf0
#define APIC_ICR    0x300
#define APIC_ICR_HI 0x310
#define APIC_LVTT   0x320
#define APIC_TMICT  0x380
#define APIC_TMCCT  0x390
#define APIC_TDCR   0x3e0

#define ICR_FIXED   0x00000
#define ICR_NMI	    0x00400
#define ICR_INIT    0x04500
#define ICR_STARTUP 0x00600

#endif

#endif
