// SPDX-License-Identifier: GPL-2.0
/*
 * The PCI host bridge of a cell in ACPI's machine language (ACPI 6.5, chapter 20; resources: 6.4;
 * host bridges: PCI Firmware Specification 3.3, chapter 4):
 *
 *	Scope (\_SB) {
 *		Device (PCI0) { _HID, _CID, _UID, _SEG, _BBN, _CRS: bus and windows, _PRT }
 *		Device (ECAM) { _HID, _UID, _CRS: configuration space, not for other use }
 *	}
 */
#include <string.h>
#include "linux_x86.h"

#define ZERO_OP	   0x00
#define ONE_OP	   0x01
#define NAME_OP	   0x08
#define BYTE_OP	   0x0a
#define WORD_OP	   0x0b
#define DWORD_OP   0x0c
#define SCOPE_OP   0x10
#define BUFFER_OP  0x11
#define PACKAGE_OP 0x12
#define EXT_OP	   0x5b
#define DEVICE_OP  0x82

/* EISA ids as EisaId() encodes them */
#define PNP0A08 0x080ad041
#define PNP0A03 0x030ad041
#define PNP0C02 0x020cd041

#define WORD_SPACE	 0x88 /* 6.4.3.5.3 */
#define WORD_SPACE_SIZE	 13
#define QWORD_SPACE	 0x8a /* 6.4.3.5.1 */
#define QWORD_SPACE_SIZE 43
#define END_TAG		 0x79 /* 6.4.2.9; a checksum of 0 counts as right */
/* General flags: both ends are fixed; a resource that the device uses itself, or hands out. */
#define SPACE_FIXED    0x0c
#define SPACE_CONSUMER 0x01

enum { SPACE_MEMORY = 0, SPACE_IO = 1, SPACE_BUS = 2 };

#define MEMORY_WRITABLE 0x01
#define IO_ENTIRE	0x03

#define PINS	     4
#define ANY_FUNCTION 0xffff

static void put(struct aml *aml, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++, aml->size++)
		if (aml->size < aml->room)
			aml->data[aml->size] = (uint8_t)(value >> 8 * i);
}

static void put_name(struct aml *aml, const char *name)
{
	for (unsigned int i = 0; i < 4; i++)
		put(aml, (uint8_t)name[i], 1);
}

/* 20.2.4: a package's length, which counts itself; 3 bytes that end_package() fills in. */
static size_t begin_package(struct aml *aml)
{
	size_t at = aml->size;

	put(aml, 0, 3);
	return at;
}

static void end_package(struct aml *aml, size_t at)
{
	size_t length = aml->size - at;

	if (aml->size > aml->room)
		return;
	aml->data[at] = (uint8_t)(0x80 | (length & 0xf));
	aml->data[at + 1] = (uint8_t)(length >> 4);
	aml->data[at + 2] = (uint8_t)(length >> 12);
}

static void put_integer(struct aml *aml, uint32_t value)
{
	if (value <= 1) {
		put(aml, value ? ONE_OP : ZERO_OP, 1);
	} else if (value <= 0xff) {
		put(aml, BYTE_OP, 1);
		put(aml, value, 1);
	} else {
		put(aml, DWORD_OP, 1);
		put(aml, value, 4);
	}
}

static void put_named_integer(struct aml *aml, const char *name, uint32_t value)
{
	put(aml, NAME_OP, 1);
	put_name(aml, name);
	put_integer(aml, value);
}

static size_t begin_device(struct aml *aml, const char *name)
{
	size_t at;

	put(aml, EXT_OP, 1);
	put(aml, DEVICE_OP, 1);
	at = begin_package(aml);
	put_name(aml, name);
	return at;
}

/* _CRS: a buffer with resource descriptors. Its size, a word, is filled in by end_resources(). */
struct resources {
	size_t package, size;
};

static struct resources begin_resources(struct aml *aml)
{
	struct resources r;

	put(aml, NAME_OP, 1);
	put_name(aml, "_CRS");
	put(aml, BUFFER_OP, 1);
	r.package = begin_package(aml);
	put(aml, WORD_OP, 1);
	r.size = aml->size;
	put(aml, 0, 2);
	return r;
}

static void end_resources(struct aml *aml, struct resources r)
{
	size_t bytes;

	put(aml, END_TAG, 2);
	bytes = aml->size - (r.size + 2);
	if (aml->size <= aml->room) {
		aml->data[r.size] = (uint8_t)bytes;
		aml->data[r.size + 1] = (uint8_t)(bytes >> 8);
	}
	end_package(aml, r.package);
}

static void put_space(struct aml *aml, unsigned int type, unsigned int flags, uint64_t start,
		      uint64_t size)
{
	unsigned int bytes = type == SPACE_MEMORY ? 8 : 2;

	put(aml, bytes == 8 ? QWORD_SPACE : WORD_SPACE, 1);
	put(aml, bytes == 8 ? QWORD_SPACE_SIZE : WORD_SPACE_SIZE, 2);
	put(aml, type, 1);
	put(aml, SPACE_FIXED | flags, 1);
	put(aml, type == SPACE_MEMORY ? MEMORY_WRITABLE : type == SPACE_IO ? IO_ENTIRE : 0, 1);
	put(aml, 0, bytes); /* granularity */
	put(aml, start, bytes);
	put(aml, start + size - 1, bytes);
	put(aml, 0, bytes); /* translation */
	put(aml, size, bytes);
}

/* 6.2.13: INTA to INTD of each device that has an interrupt go to one pin, by its number. */
static void put_routes(struct aml *aml, const struct acpi_pci *pci)
{
	unsigned int count = 0, device, pin;
	size_t all, one;

	for (device = 0; device < ACPI_DEVICES; device++)
		count += pci->routes[device] ? PINS : 0;
	put(aml, NAME_OP, 1);
	put_name(aml, "_PRT");
	put(aml, PACKAGE_OP, 1);
	all = begin_package(aml);
	put(aml, count, 1);
	for (device = 0; device < ACPI_DEVICES; device++) {
		for (pin = 0; pci->routes[device] && pin < PINS; pin++) {
			put(aml, PACKAGE_OP, 1);
			one = begin_package(aml);
			put(aml, 4, 1);
			put_integer(aml, device << 16 | ANY_FUNCTION);
			put_integer(aml, pin);
			put_integer(aml, 0);
			put_integer(aml, pci->routes[device]);
			end_package(aml, one);
		}
	}
	end_package(aml, all);
}

static void put_bridge(struct aml *aml, const struct acpi_pci *pci)
{
	size_t device = begin_device(aml, "PCI0");
	struct resources r;

	put_named_integer(aml, "_HID", pci->ecam_phys ? PNP0A08 : PNP0A03);
	put_named_integer(aml, "_CID", PNP0A03);
	put_named_integer(aml, "_UID", 0);
	put_named_integer(aml, "_SEG", 0);
	put_named_integer(aml, "_BBN", pci->bus);
	r = begin_resources(aml);
	put_space(aml, SPACE_BUS, 0, pci->bus, 1);
	for (unsigned int i = 0; i < pci->window_count; i++)
		put_space(aml, pci->windows[i].ports ? SPACE_IO : SPACE_MEMORY, 0,
			  pci->windows[i].start, pci->windows[i].size);
	end_resources(aml, r);
	put_routes(aml, pci);
	end_package(aml, device);
}

static void put_ecam(struct aml *aml, const struct acpi_pci *pci)
{
	size_t device = begin_device(aml, "ECAM");
	struct resources r;

	put_named_integer(aml, "_HID", PNP0C02);
	put_named_integer(aml, "_UID", 0);
	r = begin_resources(aml);
	put_space(aml, SPACE_MEMORY, SPACE_CONSUMER,
		  pci->ecam_phys + ((uint64_t)pci->ecam_first_bus << 20),
		  (pci->ecam_last_bus - pci->ecam_first_bus + 1ULL) << 20);
	end_resources(aml, r);
	end_package(aml, device);
}

bool aml_build(struct aml *aml, const struct acpi_pci *pci)
{
	size_t scope;

	put(aml, SCOPE_OP, 1);
	scope = begin_package(aml);
	put(aml, '\\', 1);
	put_name(aml, "_SB_");
	put_bridge(aml, pci);
	if (pci->ecam_phys)
		put_ecam(aml, pci);
	end_package(aml, scope);
	return aml->size <= aml->room;
}
