// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
#include "../inmate.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000U
#define NO_DEVICE      0xffffU /* vendor ID */

static void select(uint8_t bus, uint8_t devfn, uint8_t offset)
{
	outl(CONFIG_ADDRESS,
	     CONFIG_ENABLE | (uint32_t)bus << 16 | (uint32_t)devfn << 8 | (offset & 0xfc));
}

uint32_t pci_read(uint8_t bus, uint8_t devfn, uint8_t offset)
{
	select(bus, devfn, offset);
	return inl(CONFIG_DATA);
}

void pci_write(uint8_t bus, uint8_t devfn, uint8_t offset, uint32_t value)
{
	select(bus, devfn, offset);
	outl(CONFIG_DATA, value);
}

/*
 * Every function of every device is asked for: a cell may own function 1 of a device without owning
 * function 0, which would tell whether there are others.
 */
void pci_scan(void (*found)(uint8_t bus, uint8_t devfn, uint32_t ids))
{
	unsigned int bus, devfn;
	uint32_t ids;

	for (bus = 0; bus < 256; bus++) {
		for (devfn = 0; devfn < 256; devfn++) {
			ids = pci_read(bus, devfn, 0);
			if ((ids & 0xffff) != NO_DEVICE)
				found(bus, devfn, ids);
		}
	}
}
