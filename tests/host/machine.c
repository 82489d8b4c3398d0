// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include "machine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOCAL_PAGES 64

uint8_t *machine_ram, *machine_devices, *machine_ecam;
unsigned int machine_config_writes;

static int physical; /* a file: byte n is at physical address n */
static uint32_t pci_address;

static void *must_map(void *at, uint64_t size, int protection, int flags, int file, uint64_t offset)
{
	void *address = mmap(at, size, protection, flags, file, (off_t)offset);

	if (address == MAP_FAILED) {
		perror("mmap");
		abort();
	}
	return address;
}

static uint8_t *view(uint64_t phys, uint64_t size)
{
	return must_map(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, physical, phys);
}

void machine_reset(void)
{
	if (!machine_ram) {
		physical = memfd_create("physical", 0);
		if (physical < 0 || ftruncate(physical, 1L << 32)) {
			perror("memfd_create");
			abort();
		}
		machine_ram = view(0, MACHINE_MEMORY);
		machine_devices = view(MACHINE_DEVICES, DEVICE_PAGES * PAGE_SIZE);
		machine_ecam = view(MACHINE_ECAM, ECAM_BUSES << 20);
		must_map((void *)LOCAL_BASE, LOCAL_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	}
	memset((void *)LOCAL_PRIVATE, 0, PAGE_SIZE);
	memset((void *)LOCAL_CONTROL, 0, PAGE_SIZE);
	memset((void *)LOCAL_TABLE, 0, PAGE_SIZE);
	must_map((void *)LOCAL_WINDOWS, (LOCAL_PAGES - LOCAL_PAGE_WINDOWS) * PAGE_SIZE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	machine_config_writes = 0;
	pci_address = 0;
}

/* A page table entry of the CPU's own has changed: what a TLB would see from now on. */
void invlpg(const void *address)
{
	uint64_t page = (uint64_t)address & PAGE_MASK;
	uint64_t entry = ((uint64_t *)LOCAL_TABLE)[(page - LOCAL_BASE) / PAGE_SIZE];
	int protection = entry & PTE_RW ? PROT_READ | PROT_WRITE : PROT_READ;

	if (!(entry & PTE_P)) {
		must_map((void *)page, PAGE_SIZE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		return;
	}
	machine_window(entry & PTE_ADDRESS, entry & PTE_RW);
	must_map((void *)page, PAGE_SIZE, protection, MAP_SHARED | MAP_FIXED, physical,
		 entry & PTE_ADDRESS);
}

/*
 * Configuration mechanism 1 (PCI Local Bus 3.0, 3.2.2.3.2): the byte behind a port, with its offset
 * in the function's header. NULL: nobody there.
 */
static uint8_t *config_byte(unsigned int port, unsigned int *offset)
{
	uint32_t bdf = pci_address >> 8 & 0xffff;

	if (port < PCI_DATA || port >= PCI_DATA + 4 || !(pci_address & BIT(31)) ||
	    bdf >> 8 >= ECAM_BUSES)
		return NULL;
	*offset = (pci_address & 0xfc) + (port & 3);
	return machine_ecam + ((uint64_t)bdf << 12) + *offset;
}

uint32_t port_in(uint16_t port, unsigned int size)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < size; i++) {
		unsigned int offset;
		const uint8_t *byte = config_byte(port + i, &offset);

		value |= (byte ? *byte : 0xffU) << 8 * i;
	}
	return value;
}

void port_out(uint16_t port, unsigned int size, uint32_t value)
{
	if (port == PCI_ADDRESS && size == 4)
		pci_address = value;
	for (unsigned int i = 0; i < size; i++) {
		uint8_t written = (uint8_t)(value >> 8 * i);
		unsigned int offset;
		uint8_t *byte = config_byte(port + i, &offset);

		if (!byte)
			continue;
		machine_config_writes++;
		/* Error bits of the status register: a written 1 clears them (6.2.3). */
		if (offset == 7)
			*byte &= (uint8_t) ~(written & 0xf9);
		else
			*byte = written;
	}
}
