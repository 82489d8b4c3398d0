// SPDX-License-Identifier: GPL-2.0
/*
 * What the machine is called: SMBIOS 3.0 (DMTF DSP0134). Linux uses the ports of PCI configuration
 * space only where it finds a host bridge behind them, or a BIOS that is not older than 2001; the
 * host bridge is root's.
 */
#include <string.h>
#include "linux_x86.h"

#define BIOS_INFORMATION   0
#define SYSTEM_INFORMATION 1
#define END_OF_TABLE	   127
/* 7.1.1 and 7.1.2.2: no characteristics are told, but that it is a virtual machine */
#define NO_CHARACTERISTICS 0x08
#define VIRTUAL_MACHINE	   0x10
#define NOT_KNOWN	   0xff
#define WAKE_UNKNOWN	   2

/* 5.2.2 */
struct __attribute__((packed)) entry_point {
	char anchor[5];
	uint8_t checksum, length, major, minor, revision, entry_revision, reserved;
	uint32_t size;
	uint64_t address;
};
_Static_assert(sizeof(struct entry_point) == 24, "SMBIOS");

struct __attribute__((packed)) structure {
	uint8_t type, length;
	uint16_t handle;
};

/* Strings have numbers from 1 on and follow their structure; an empty one ends them. */
struct __attribute__((packed)) information {
	struct structure bios;
	uint8_t vendor, version;
	uint16_t segment;
	uint8_t date, rom_size;
	uint64_t characteristics;
	uint8_t extension[2], release[4];
	char bios_strings[sizeof("Cloister\0001\00001/01/2026\0")];
	struct structure system;
	uint8_t manufacturer, product, no_strings[2], uuid[16], wake_up, no_strings2[2];
	char system_strings[sizeof("Cloister\0cell\0")];
	struct structure end;
	char end_strings[2];
};
_Static_assert(sizeof(struct entry_point) + 8 + sizeof(struct information) <= SMBIOS_SIZE,
	       "SMBIOS");

void smbios_build(void *buffer, uint64_t address)
{
	static const struct information information = {
		.bios = { BIOS_INFORMATION, 24, 0 },
		.vendor = 1,
		.version = 2,
		.date = 3,
		.characteristics = NO_CHARACTERISTICS,
		.extension = { 0, VIRTUAL_MACHINE },
		.release = { NOT_KNOWN, NOT_KNOWN, NOT_KNOWN, NOT_KNOWN },
		.bios_strings = "Cloister\0001\00001/01/2026\0",
		.system = { SYSTEM_INFORMATION, 27, 1 },
		.manufacturer = 1,
		.product = 2,
		.wake_up = WAKE_UNKNOWN,
		.system_strings = "Cloister\0cell\0",
		.end = { END_OF_TABLE, 4, 2 },
	};
	struct entry_point *entry = buffer;
	const size_t place = 32; /* of the table */
	uint8_t sum = 0;

	*entry = (struct entry_point){ .anchor = { '_', 'S', 'M', '3', '_' },
				       .length = sizeof(*entry),
				       .major = 3,
				       .entry_revision = 1,
				       .size = sizeof(information),
				       .address = address + place };
	for (size_t i = 0; i < sizeof(*entry); i++)
		sum = (uint8_t)(sum + ((const uint8_t *)buffer)[i]);
	entry->checksum = (uint8_t)-sum;
	memcpy((char *)buffer + place, &information, sizeof(information));
}
