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
	memset((void *)LOCAL_VMCB, 0, PAGE_SIZE);
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

/* Configuration mechanism 1 (PCI Local Bus 3.0, 3.2.2.3.2). NULL: nobody there. */
static uint8_t *config_bytes(uint16_t port)
{
	uint32_t bdf = pci_address >> 8 & 0xffff;

	if (!(pci_address & BIT(31)) || bdf >> 8 >= ECAM_BUSES)
		return NULL;
	return machine_ecam + ((uint64_t)bdf << 12) + (pci_address & 0xfc) + (port & 3);
}

uint32_t port_in(uint16_t port, unsigned int size)
{
	const uint8_t *bytes = NULL;
	uint32_t value = 0;

	if (port >= PCI_DATA && port + size <= PCI_DATA + 4)
		bytes = config_bytes(port);
	if (!bytes)
		return ~0U >> (32 - 8 * size);
	memcpy(&value, bytes, size);
	return value;
}

/* The bits of a function's status register that a written 1 clears (6.2.3), by byte of the header. */
static uint8_t cleared_by_one(unsigned int offset)
{
	return offset == 7 ? 0xf9 : 0;
}

void port_out(uint16_t port, unsigned int size, uint32_t value)
{
	uint8_t *bytes;

	if (port == PCI_ADDRESS && size == 4)
		pci_address = value;
	if (port < PCI_DATA || port + size > PCI_DATA + 4)
		return;
	machine_config_writes++;
	bytes = config_bytes(port);
	for (unsigned int i = 0; bytes && i < size; i++) {
		unsigned int offset = (pci_address & 0xfc) + (port & 3) + i;
		uint8_t clears = cleared_by_one(offset), written = (uint8_t)(value >> 8 * i);

		bytes[i] = clears ? (uint8_t)(bytes[i] & ~(written & clears)) : written;
	}
}
