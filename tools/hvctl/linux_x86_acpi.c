// SPDX-License-Identifier: GPL-2.0
/* ACPI tables of a cell: ACPI 6.5, chapter 5. Hardware-reduced: no timer, no events, no legacy. */
#include <stddef.h>
#include <string.h>
#include <cloister/comm.h>
#include <cloister/ports.h>
#include "linux_x86.h"

#define SYSTEM_MEMORY 0
#define SYSTEM_IO     1
#define BYTE_ACCESS   1
#define DWORD_ACCESS  3
#define DSDT_PLACE    0x400 /* bytes; iasl decides how many of them are used */
#define SSDT_PLACE    0x1800

struct __attribute__((packed)) table {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
};

struct __attribute__((packed)) address {
	uint8_t space, bits, offset, access;
	uint64_t address;
};

/* 5.2.5.3 */
struct __attribute__((packed)) rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum, reserved[3];
};

struct __attribute__((packed)) xsdt {
	struct table head;
	uint64_t tables[5];
};

/* 5.2.9; what a hardware-reduced machine ignores is not named */
struct __attribute__((packed)) fadt {
	struct table head;
	uint8_t ignored[109 - 36];
	uint16_t boot_flags;
	uint8_t reserved;
	uint32_t flags;
	struct address reset;
	uint8_t reset_value;
	uint16_t arm_flags;
	uint8_t minor_version;
	uint64_t facs, dsdt;
	uint8_t ignored2[244 - 148];
	struct address sleep_control, sleep_status;
	uint64_t vendor;
};
_Static_assert(sizeof(struct fadt) == 276, "FADT");
_Static_assert(offsetof(struct fadt, reset) == 116 && offsetof(struct fadt, dsdt) == 140, "FADT");

/* Table 5.11: no VGA, no RTC; no legacy devices and no keyboard controller by bits that are 0. */
#define BOOT_NO_VGA 0x04
#define BOOT_NO_RTC 0x20
/* Table 5.10: caches can be written back; no buttons but those of the DSDT; reset register. */
#define FLAG_WBINVD	     (1U << 0)
#define FLAG_NO_POWER_BUTTON (1U << 4)
#define FLAG_NO_SLEEP_BUTTON (1U << 5)
#define FLAG_RESET	     (1U << 10)
#define FLAG_PHYSICAL	     (1U << 19) /* a cell's interrupts have physical destinations */
#define FLAG_REDUCED	     (1U << 20)

/* 5.2.12 */
struct __attribute__((packed)) madt {
	struct table head;
	uint32_t apic_address, flags;
};

struct __attribute__((packed)) madt_apic {
	uint8_t type, length, uid, id;
	uint32_t flags;
};

struct __attribute__((packed)) madt_x2apic {
	uint8_t type, length;
	uint16_t reserved;
	uint32_t id, flags, uid;
};

struct __attribute__((packed)) madt_ioapic {
	uint8_t type, length, id, reserved;
	uint32_t address, first;
};

/*
 * Microsoft, "Hardware Watchdog Timers Design Specification" 1.01, chapter 2: what is done to a
 * register for each action.
 */
struct __attribute__((packed)) wdat_entry {
	uint8_t action, instruction;
	uint16_t reserved;
	struct address where;
	uint32_t value, mask;
};

#define WDAT_ENTRIES 6

struct __attribute__((packed)) wdat {
	struct table head;
	uint32_t header_length;
	uint16_t pci_segment;
	uint8_t pci_bus, pci_device, pci_function, reserved[3];
	uint32_t period; /* ms of one count */
	uint32_t max_count, min_count;
	uint8_t flags, reserved2[3];
	uint32_t entries;
	struct wdat_entry entry[WDAT_ENTRIES];
};
_Static_assert(offsetof(struct wdat, entry) == 36 + 32, "WDAT");

enum {
	WDAT_RESET = 1,
	WDAT_SET_COUNTDOWN = 6,
	WDAT_GET_RUNNING = 8,
	WDAT_SET_RUNNING = 9,
	WDAT_GET_STOPPED = 10,
	WDAT_SET_STOPPED = 11,
};

enum { WDAT_READ_VALUE = 0, WDAT_WRITE_VALUE = 2, WDAT_PRESERVE = 0x80 };

#define WDAT_NO_PCI  0xff
#define WDAT_ENABLED 1

/* PCI Firmware Specification 3.3, table 4-2 */
struct __attribute__((packed)) mcfg {
	struct table head;
	uint8_t reserved[8];
	uint64_t address; /* where bus 0 is or would be */
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint8_t reserved2[4];
};
_Static_assert(sizeof(struct mcfg) == 60, "MCFG");

enum { MADT_APIC = 0, MADT_IOAPIC = 1, MADT_X2APIC = 9 };

#define APIC_ADDRESS 0xfee00000U
#define APIC_IDS     255 /* more have x2APIC's entries */
#define CPU_ENABLED  1

static uint8_t sum(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint8_t total = 0;

	while (size--)
		total = (uint8_t)(total + *bytes++);
	return total;
}

static void begin(struct table *t, const char *signature, uint8_t revision)
{
	memcpy(t->signature, signature, 4);
	t->revision = revision;
	memcpy(t->oem, "CLSTR ", 6);
	memcpy(t->oem_table, "CELL    ", 8);
	t->oem_revision = 1;
	memcpy(t->creator, "CLST", 4);
	t->creator_revision = 1;
}

static void end(struct table *t, size_t length)
{
	t->length = (uint32_t)length;
	t->checksum = (uint8_t)-sum(t, length);
}

static struct address io_port(uint64_t port)
{
	return (struct address){
		.space = SYSTEM_IO, .bits = 8, .access = BYTE_ACCESS, .address = port
	};
}

static void build_fadt(struct fadt *f, uint64_t dsdt)
{
	begin(&f->head, "FACP", 6);
	f->minor_version = 5;
	f->boot_flags = BOOT_NO_VGA | BOOT_NO_RTC;
	f->flags = FLAG_WBINVD | FLAG_NO_POWER_BUTTON | FLAG_NO_SLEEP_BUTTON | FLAG_RESET |
		   FLAG_PHYSICAL | FLAG_REDUCED;
	f->reset = io_port(CL_PORT_RESET);
	f->reset_value = CL_RESET_VALUE;
	f->dsdt = dsdt;
	f->sleep_control = io_port(CL_PORT_SLEEP_CONTROL);
	f->sleep_status = io_port(CL_PORT_SLEEP_STATUS);
	end(&f->head, sizeof(*f));
}

/* How long the table is; nothing is written beyond `room`. */
static size_t build_madt(struct madt *m, size_t room, const uint32_t *apic_ids, unsigned int count)
{
	size_t length = sizeof(*m) + sizeof(struct madt_ioapic);
	char *at = (char *)(m + 1);
	unsigned int i;

	for (i = 0; i < count; i++)
		length += apic_ids[i] < APIC_IDS ? sizeof(struct madt_apic)
						 : sizeof(struct madt_x2apic);
	if (length > room)
		return length;
	begin(&m->head, "APIC", 6);
	m->apic_address = APIC_ADDRESS;
	for (i = 0; i < count; i++) {
		struct madt_apic apic = { MADT_APIC, sizeof(apic), (uint8_t)i, (uint8_t)apic_ids[i],
					  CPU_ENABLED };
		struct madt_x2apic x2apic = { .type = MADT_X2APIC,
					      .length = sizeof(x2apic),
					      .id = apic_ids[i],
					      .flags = CPU_ENABLED,
					      .uid = i };

		if (apic_ids[i] < APIC_IDS)
			at = (char *)memcpy(at, &apic, sizeof(apic)) + sizeof(apic);
		else
			at = (char *)memcpy(at, &x2apic, sizeof(x2apic)) + sizeof(x2apic);
	}
	memcpy(at,
	       &(struct madt_ioapic){ .type = MADT_IOAPIC,
				      .length = sizeof(struct madt_ioapic),
				      .address = CL_VUART_CHIP },
	       sizeof(struct madt_ioapic));
	end(&m->head, length);
	return length;
}

/* All actions read or write the word in the comm region: the time of the countdown is fixed. */
static void build_wdat(struct wdat *w, const struct linux_watchdog *watchdog)
{
	static const struct {
		uint8_t action, instruction;
		uint32_t value, mask;
	} actions[WDAT_ENTRIES] = {
		{ WDAT_RESET, WDAT_WRITE_VALUE | WDAT_PRESERVE, CL_WATCHDOG_KICKED,
		  CL_WATCHDOG_KICKED },
		{ WDAT_SET_COUNTDOWN, WDAT_WRITE_VALUE | WDAT_PRESERVE, CL_WATCHDOG_KICKED,
		  CL_WATCHDOG_KICKED },
		{ WDAT_GET_RUNNING, WDAT_READ_VALUE, CL_WATCHDOG_ARMED, CL_WATCHDOG_ARMED },
		{ WDAT_SET_RUNNING, WDAT_WRITE_VALUE, CL_WATCHDOG_ARMED | CL_WATCHDOG_KICKED,
		  CL_WATCHDOG_ARMED | CL_WATCHDOG_KICKED },
		{ WDAT_GET_STOPPED, WDAT_READ_VALUE, 0, CL_WATCHDOG_ARMED },
		{ WDAT_SET_STOPPED, WDAT_WRITE_VALUE, 0, CL_WATCHDOG_ARMED | CL_WATCHDOG_KICKED },
	};

	begin(&w->head, "WDAT", 1);
	w->header_length = offsetof(struct wdat, entry) - sizeof(w->head);
	w->pci_segment = WDAT_NO_PCI;
	w->pci_bus = w->pci_device = w->pci_function = WDAT_NO_PCI;
	w->period = 1;
	w->max_count = watchdog->timeout_ms;
	w->min_count = 1;
	w->flags = WDAT_ENABLED;
	w->entries = WDAT_ENTRIES;
	for (unsigned int i = 0; i < WDAT_ENTRIES; i++)
		w->entry[i] = (struct wdat_entry){
			.action = actions[i].action,
			.instruction = actions[i].instruction,
			.where = { .space = SYSTEM_MEMORY,
				   .bits = 32,
				   .access = DWORD_ACCESS,
				   .address = watchdog->address },
			.value = actions[i].value,
			.mask = actions[i].mask,
		};
	end(&w->head, sizeof(*w));
}

static void build_mcfg(struct mcfg *m, const struct acpi_pci *pci)
{
	begin(&m->head, "MCFG", 1);
	m->address = pci->ecam_phys;
	m->first_bus = pci->ecam_first_bus;
	m->last_bus = pci->ecam_last_bus;
	end(&m->head, sizeof(*m));
}

static bool build_ssdt(struct table *t, const struct acpi_pci *pci)
{
	struct aml aml = { (uint8_t *)(t + 1), 0, SSDT_PLACE - sizeof(*t) };

	if (!aml_build(&aml, pci))
		return false;
	begin(t, "SSDT", 2);
	end(t, sizeof(*t) + aml.size);
	return true;
}

bool acpi_build(void *buffer, uint64_t address, const uint32_t *apic_ids, unsigned int count,
		const struct linux_watchdog *watchdog, const struct acpi_pci *pci)
{
	struct {
		struct rsdp rsdp __attribute__((aligned(16)));
		struct xsdt xsdt __attribute__((aligned(16)));
		struct fadt fadt __attribute__((aligned(16)));
		struct wdat wdat __attribute__((aligned(16)));
		struct mcfg mcfg __attribute__((aligned(16)));
		char ssdt[SSDT_PLACE] __attribute__((aligned(16)));
		char dsdt[DSDT_PLACE] __attribute__((aligned(16)));
		char madt[] __attribute__((aligned(16)));
	} *tables = buffer;
	size_t room = ACPI_SIZE - offsetof(__typeof__(*tables), madt);
	unsigned int number = 0;

	if (linux_dsdt_size > sizeof(tables->dsdt))
		return false;
	memset(buffer, 0, ACPI_SIZE);
	if (build_madt((struct madt *)tables->madt, room, apic_ids, count) > room)
		return false;
	memcpy(tables->dsdt, linux_dsdt, linux_dsdt_size);
	build_fadt(&tables->fadt, address + offsetof(__typeof__(*tables), dsdt));
	begin(&tables->xsdt.head, "XSDT", 1);
	tables->xsdt.tables[number++] = address + offsetof(__typeof__(*tables), fadt);
	tables->xsdt.tables[number++] = address + offsetof(__typeof__(*tables), madt);
	if (watchdog->timeout_ms) {
		build_wdat(&tables->wdat, watchdog);
		tables->xsdt.tables[number++] = address + offsetof(__typeof__(*tables), wdat);
	}
	if (pci->present) {
		if (!build_ssdt((struct table *)tables->ssdt, pci))
			return false;
		tables->xsdt.tables[number++] = address + offsetof(__typeof__(*tables), ssdt);
	}
	if (pci->ecam_phys) {
		build_mcfg(&tables->mcfg, pci);
		tables->xsdt.tables[number++] = address + offsetof(__typeof__(*tables), mcfg);
	}
	end(&tables->xsdt.head, offsetof(struct xsdt, tables) + number * sizeof(uint64_t));
	memcpy(tables->rsdp.signature, "RSD PTR ", 8);
	memcpy(tables->rsdp.oem, "CLSTR ", 6);
	tables->rsdp.revision = 2;
	tables->rsdp.length = sizeof(tables->rsdp);
	tables->rsdp.xsdt = address + offsetof(__typeof__(*tables), xsdt);
	tables->rsdp.checksum = (uint8_t)-sum(&tables->rsdp, 20);
	tables->rsdp.extended_checksum = (uint8_t)-sum(&tables->rsdp, sizeof(tables->rsdp));
	return true;
}
