// SPDX-License-Identifier: GPL-2.0
/* What arm64's fuzz targets have in common of the core: four CPUs, and what must not happen. */
#define _GNU_SOURCE
#include "../../fuzz/fuzz.h"
#include <arm64.h>
#include <mmio.h>
#include <sys/mman.h>
#include "machine.h"

struct cell root_cell;
struct cell *cells[CONFIG_MAX_CELLS];
struct cpu cpus[CONFIG_MAX_CPUS];
unsigned int cpu_count = MACHINE_CPUS;
struct info_region info;
uint8_t phys_bits = 40;

void cpu_relax(void)
{
	require(false, "a lock is taken");
}

int cell_refuse(int error, const char *object, const char *field, uint64_t found, uint64_t expected,
		const char *rule)
{
	(void)found;
	(void)expected;
	require(false, "%d: %s: %s: %s", error, object, field, rule);
	return -error;
}

void mmio_ignore(bool write, uint64_t address, uint64_t *value)
{
	(void)write;
	(void)address;
	*value = ~0UL;
}

void machine_map_local(void)
{
	void *at = mmap((void *)LOCAL_PRIVATE, PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	require(at != MAP_FAILED, "mmap");
}
