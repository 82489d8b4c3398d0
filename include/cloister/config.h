/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The cell config: what a cell owns. A config is written in C with the CLOISTER_* macros below and
 * linked to a blob (*.cell): a struct cl_config, then sections one after the other. Each section is
 * a struct cl_section followed by its entries and says how large one entry is and how many there
 * are, so that a reader built for an older or a newer entry layout can still walk it:
 *
 * - a shorter entry than the reader knows is read as if the missing bytes were zero;
 * - of a longer entry, the bytes that the reader does not know must be zero, else it refuses.
 *
 * All numbers are little-endian. No count or length is written by hand: the compiler derives the
 * counts, the linker script (configs/cell.lds) the total size.
 */
#ifndef CLOISTER_CONFIG_H
#define CLOISTER_CONFIG_H

#include <cloister/types.h>

#define CL_CONFIG_MAGIC "CLOISTER" /* 8 bytes, no NUL in the blob */
#define CL_CONFIG_MAX	16384	   /* bytes; a larger blob is refused */

/* struct cl_config.flags */
#define CL_CELL_ROOT 0x0001 /* the root cell's config: needs a platform section */
/*
 * Give the cell a virtual UART and a power button. x86: a 16550A at COM1 (ports 0x3f8-0x3ff), whose
 * interrupt is pin CL_VUART_PIN of an IOAPIC at CL_VUART_CHIP; the button's is pin CL_BUTTON_PIN.
 * arm64: a PL011 at CL_VUART_ADDRESS, with the interrupt CL_VUART_INTID; the button's is
 * CL_BUTTON_INTID.
 */
#define CL_CELL_VUART 0x0002
/*
 * From its start on, root can neither load, change, stop nor destroy the cell, until the cell
 * releases itself (CL_HC_RELEASE) or the machine is reset. Not for the root cell.
 */
#define CL_CELL_LOCKED 0x0004
/*
 * Root cell only: stop root when it touches memory or ports that it does not have, or calls the
 * firmware for what could be in its config (struct cl_firmware) and is not. Without it such an
 * access reads ones, a write is dropped, a call is not supported, and the first one is logged.
 */
#define CL_CELL_STRICT 0x0008
/*
 * arm64, not for the root cell: interrupts go to the cell's CPUs without an exit. The interrupt
 * controller must have one security state (GICD_CTLR.DS). The cell is then trusted to end only
 * interrupts that it has got: the hardware does not check that. SGI 15 is not available to it.
 */
#define CL_CELL_DIRECT_IRQ 0x0010
#define CL_CELL_FLAGS	   0x001f /* all that are defined */

/* struct cl_config.restart: when "hvctl cell run" and "hvctl cell linux" with --supervise load and
 * start the cell again. 0: never. */
#define CL_RESTART_ON_FAILURE 0x1 /* it broke a rule, crashed, or did not kick its watchdog */
#define CL_RESTART_ON_REBOOT  0x2 /* it has asked for a restart: CL_STATE_RESET */
#define CL_RESTART_FLAGS      0x3

/* What a restart_limit and a restart_seconds of 0 stand for. */
#define CL_RESTART_LIMIT   5
#define CL_RESTART_SECONDS 60

/* arm64: guest-physical address of the virtual UART, one page; a cell with CL_CELL_VUART has
 * nothing else there. */
#define CL_VUART_ADDRESS 0x09000000
#define CL_VUART_SIZE	 0x1000
/* Its interrupt: shared, a level; the power button's: shared, an edge. Neither with
 * CL_CELL_DIRECT_IRQ. */
#define CL_VUART_INTID	33
#define CL_BUTTON_INTID 32

/* x86: guest-physical address of the IOAPIC with the pins of virtual UART and power button, one
 * page; a cell with CL_CELL_VUART has nothing else there, and can have other pins of the hardware's
 * at this address. Both are edges. */
#define CL_VUART_CHIP 0xfec00000
#define CL_VUART_PIN  4
#define CL_BUTTON_PIN 5

struct cl_config {
	char magic[8];	      /* CL_CONFIG_MAGIC */
	uint16_t abi_version; /* CL_ABI_VERSION */
	uint16_t arch;	      /* enum cl_arch */
	uint32_t header_size; /* bytes from here to the first section; a multiple of 8 */
	uint64_t total_size;  /* bytes of the whole blob */
	char name[CL_NAME_LEN];
	uint32_t flags;		  /* CL_CELL_* */
	uint8_t restart;	  /* CL_RESTART_* */
	uint8_t restart_limit;	  /* restarts in restart_seconds; with one more it stays stopped */
	uint16_t restart_seconds; /* 0 with a restart of 0, like the one above */
	/*
	 * Guest-physical address at which the first CPU of the cell starts. x86: in 32-bit
	 * protected mode with flat segments, paging and interrupts off, EBX = guest-physical
	 * address of the comm region or 0. arm64: at EL1 with MMU, caches and interrupts off, X0 =
	 * the same address. Not used by the root cell.
	 */
	uint64_t entry;
};

enum cl_section_type {
	CL_SEC_PLATFORM = 1,  /* struct cl_platform, exactly one, root only */
	CL_SEC_CPUS = 2,      /* struct cl_cpu; the root cell has none: it owns every online CPU */
	CL_SEC_MEMORY = 3,    /* struct cl_memory */
	CL_SEC_PIO = 4,	      /* struct cl_pio, x86 only */
	CL_SEC_IRQCHIP = 5,   /* struct cl_irqchip */
	CL_SEC_PCI = 6,	      /* struct cl_pci_device */
	CL_SEC_GIC = 7,	      /* struct cl_gic, exactly one, arm64's root only */
	CL_SEC_IOMMU = 8,     /* struct cl_iommu, arm64's root only */
	CL_SEC_FIRMWARE = 9,  /* struct cl_firmware, arm64 only */
	CL_SEC_WATCHDOG = 10, /* struct cl_watchdog, at most one, not root */
};

struct cl_section {
	uint32_t type;	     /* enum cl_section_type; each at most once */
	uint32_t entry_size; /* bytes of one entry; a multiple of 8 */
	uint32_t count;	     /* entries */
	uint32_t reserved;
	/* entries follow */
};

/* "Find a place": the driver takes memory from the running kernel and fills the address in. */
#define CL_AUTO (~0ULL)

enum cl_console_type {
	CL_CONSOLE_NONE = 0,
	CL_CONSOLE_16550_PIO = 1,
	CL_CONSOLE_PL011 = 2,
	CL_CONSOLE_16550_MMIO = 3, /* registers of 1 byte, one after the other */
};

struct cl_platform {
	uint64_t hv_phys;   /* the hypervisor's own memory, 2 MiB aligned, or CL_AUTO */
	uint64_t hv_size;   /* bytes, a multiple of 2 MiB */
	uint64_t pool_phys; /* memory that cells are made of, 2 MiB aligned, or CL_AUTO */
	uint64_t pool_size; /* bytes, a multiple of 2 MiB, may be 0 */
	uint64_t ecam_phys; /* PCI memory-mapped configuration space (MCFG), 0 if there is none */
	uint32_t ecam_first_bus;
	uint32_t ecam_last_bus;
	uint32_t console_type; /* enum cl_console_type: where the hypervisor's log also goes */
	uint32_t reserved;
	uint64_t console_address; /* first I/O port or physical address */
};

struct cl_cpu {
	uint32_t id; /* the root Linux' number of the CPU (/proc/cpuinfo "processor") */
	uint32_t reserved;
};

/* struct cl_memory.flags */
#define CL_MEM_READ	0x01
#define CL_MEM_WRITE	0x02
#define CL_MEM_EXECUTE	0x04
#define CL_MEM_IO	0x08 /* device registers: mapped uncached; sizes below a page are moderated */
#define CL_MEM_SHARED	0x10 /* the same memory may also be in another config that says so */
#define CL_MEM_COMM	0x20 /* the comm region: one page that the hypervisor provides; phys unused */
#define CL_MEM_LOADABLE 0x40 /* root may write it while the cell is not running (cell load) */
#define CL_MEM_FLAGS	0x7f

#define CL_MEM_RAM (CL_MEM_READ | CL_MEM_WRITE | CL_MEM_EXECUTE)

struct cl_memory {
	uint64_t phys; /* host-physical address or CL_AUTO (cells: from the root config's pool) */
	uint64_t virt; /* guest-physical address; root regions are mapped one to one */
	uint64_t size; /* bytes, multiple of 4096 (CL_MEM_IO: any) */
	uint64_t flags;
};

/* I/O ports base .. base + length - 1 go straight to the hardware. */
struct cl_pio {
	uint32_t base;
	uint32_t length;
};

/*
 * One interrupt controller with the pins that this cell owns. x86: an IOAPIC. arm64: the GIC's
 * distributor, whose pins are the shared interrupts, by INTID; an entry for each 128 of them.
 */
struct cl_irqchip {
	uint64_t address; /* physical address of its registers */
	uint64_t pins[2]; /* bit n: pin first + n belongs to this cell */
	uint32_t first;	  /* x86: 0; arm64: 32, 160, 288, ... */
	uint32_t reserved;
};

#define CL_ITS_MAX 4

/* arm64: where the parts of the interrupt controller are. Addresses are 0 where there is no such
 * part. */
struct cl_gic {
	uint32_t version;	  /* 2 or 3; 4 is used as 3 */
	uint32_t maintenance_irq; /* INTID, 16 to 31 */
	uint64_t dist_phys;	  /* GICD: 64 KiB, version 2: 4 KiB */
	uint64_t redist_phys;	  /* version 3: GICR, 128 KiB for each CPU in one piece */
	uint64_t redist_size;	  /* bytes */
	uint64_t cpu_phys;	  /* version 2: GICC, 8 KiB */
	uint64_t hyp_phys;	  /* version 2: GICH, 4 KiB */
	uint64_t vcpu_phys;	  /* version 2: GICV, 8 KiB */
	/*
	 * version 3: GITS, 64 KiB with the registers of each ITS; the 64 KiB behind it, which
	 * devices write to, are a memory region of root
	 */
	uint64_t its_phys[CL_ITS_MAX];
};

enum cl_iommu_kind {
	CL_IOMMU_SMMUV3 = 1,
};

#define CL_SMMU_SIZE 0x20000 /* of its registers */

#define CL_IOMMU_MAX 4
#define CL_FUNCTIONS 0x10000 /* PCI functions that there can be: by bus << 8 | devfn */

/*
 * arm64: what the memory accesses of PCI functions go through. Linux must not use it. Functions
 * that are behind none reach all memory; a cell cannot have them, unless there is no such section
 * at all.
 */
struct cl_iommu {
	uint64_t phys; /* its registers: CL_SMMU_SIZE */
	uint32_t kind; /* enum cl_iommu_kind */
	uint32_t reserved;
	uint32_t first;	    /* of the functions behind it, as bus << 8 | devfn */
	uint32_t functions; /* how many; 0: all, with these numbers as stream ids */
	uint32_t stream;    /* stream id of the first; those of the others follow */
	uint32_t reserved2;
};

/*
 * arm64: calls to the firmware (SMC) that the cell, or root, may make: function ids function ..
 * function + count - 1, as the SMC calling convention (ARM DEN 0028) writes them, each with bit 30
 * (SMC64) as it is called. The firmware acts on addresses in such a call's arguments without a
 * check by Cloister.
 */
struct cl_firmware {
	uint32_t function;
	uint32_t count;
};

#define CL_FIRMWARE_MAX 64 /* entries of one config */

/*
 * Can this function be in a config? Fast calls (bit 31) of the services of the SoC's (owner 2) and
 * the board's maker (3), and random numbers (TRNG, ARM DEN 0098: owner 4, functions 0x50 to 0x5f).
 * The other standard services are not: they hand memory or CPUs to the firmware, or have it call
 * back.
 */
static inline bool cl_firmware_possible(uint32_t function)
{
	uint32_t number = function & 0xffff;

	switch (function >> 16 & 0xbfff) {
	case 0x8200:
	case 0x8300:
		return true;
	case 0x8400:
		return number >= 0x50 && number <= 0x5f;
	default:
		return false;
	}
}

/*
 * The cell has a watchdog: struct cl_comm.watchdog. Once it is armed, the cell fails when it has
 * not been kicked for timeout_ms. The cell needs a comm region.
 */
struct cl_watchdog {
	uint32_t timeout_ms; /* CL_WATCHDOG_MIN to CL_WATCHDOG_MAX */
	uint32_t reserved;
};

#define CL_WATCHDOG_MIN 100
#define CL_WATCHDOG_MAX 3600000

struct cl_pci_device {
	uint16_t domain; /* must be 0 */
	uint8_t bus;
	uint8_t devfn; /* device << 3 | function */
	/*
	 * x86, cells only: which pin of the IOAPIC at CL_VUART_CHIP its interrupt INTA to INTD goes
	 * to, for the kernel of hvctl cell linux. 0: none, or not told
	 */
	uint8_t intx;
	uint8_t reserved[3];
};

/* How a config is written. */

/* The linker script's absolute symbol: its address is the size of the blob. */
extern const char cl_blob_size[];

#define CL_DEVFN(device, function) ((device) << 3 | (function))

#define CL_BLOB_PART(order) __attribute__((section(".cell." #order), used, aligned(8)))

#if defined(__x86_64__)
#define CL_ARCH_HERE CL_ARCH_X86_64
#elif defined(__aarch64__)
#define CL_ARCH_HERE CL_ARCH_ARM64
#elif defined(__riscv)
#define CL_ARCH_HERE CL_ARCH_RISCV64
#endif

/* CLOISTER_CELL(.name = "rtvm", .flags = CL_CELL_VUART, .entry = 0x100000); */
#define CLOISTER_CELL(...)                                                  \
	static const struct cl_config cl_cell CL_BLOB_PART(                 \
		0) = { .magic = { 'C', 'L', 'O', 'I', 'S', 'T', 'E', 'R' }, \
		       .abi_version = CL_ABI_VERSION,                       \
		       .arch = CL_ARCH_HERE,                                \
		       .header_size = sizeof(struct cl_config),             \
		       .total_size = (uintptr_t)cl_blob_size,               \
		       __VA_ARGS__ }

#define CL_SECTION(order, sectype, entrytype, var, ...)                                            \
	static const struct {                                                                      \
		struct cl_section head;                                                            \
		entrytype entries[sizeof((const entrytype[]){ __VA_ARGS__ }) / sizeof(entrytype)]; \
	} var CL_BLOB_PART(order) = { { sectype, sizeof(entrytype),                                \
					sizeof(var.entries) / sizeof(entrytype), 0 },              \
				      { __VA_ARGS__ } }

/* CLOISTER_CPUS({ 2 }, { 3 }); and so on: the entries of one section in braces. */
#define CLOISTER_PLATFORM(...) \
	CL_SECTION(1, CL_SEC_PLATFORM, struct cl_platform, cl_platform_sec, { __VA_ARGS__ })
#define CLOISTER_CPUS(...) CL_SECTION(2, CL_SEC_CPUS, struct cl_cpu, cl_cpu_sec, __VA_ARGS__)
#define CLOISTER_MEMORY(...) \
	CL_SECTION(3, CL_SEC_MEMORY, struct cl_memory, cl_memory_sec, __VA_ARGS__)
#define CLOISTER_PIO(...) CL_SECTION(4, CL_SEC_PIO, struct cl_pio, cl_pio_sec, __VA_ARGS__)
#define CLOISTER_IRQCHIP(...) \
	CL_SECTION(5, CL_SEC_IRQCHIP, struct cl_irqchip, cl_irq_sec, __VA_ARGS__)
#define CLOISTER_PCI(...)   CL_SECTION(6, CL_SEC_PCI, struct cl_pci_device, cl_pci_sec, __VA_ARGS__)
#define CLOISTER_GIC(...)   CL_SECTION(7, CL_SEC_GIC, struct cl_gic, cl_gic_sec, { __VA_ARGS__ })
#define CLOISTER_IOMMU(...) CL_SECTION(8, CL_SEC_IOMMU, struct cl_iommu, cl_iommu_sec, __VA_ARGS__)
#define CLOISTER_FIRMWARE(...) \
	CL_SECTION(9, CL_SEC_FIRMWARE, struct cl_firmware, cl_fw_sec, __VA_ARGS__)
#define CLOISTER_WATCHDOG(...) \
	CL_SECTION(10, CL_SEC_WATCHDOG, struct cl_watchdog, cl_dog_sec, { __VA_ARGS__ })

#endif
