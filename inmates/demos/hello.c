// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* Says hello, and what a cell can know about itself. */
#include <inmate.h>

static void describe_cell(void)
{
	unsigned int i;

	if (!comm) {
		printf("There is no comm region: this cell cannot be asked to shut down.\n");
		return;
	}
	printf("CPUs:");
	for (i = 0; i < comm->cpu_count; i++)
		printf(" %u", comm->hw_ids[i]);
	printf(" (%s), %s, time counted at %u kHz\n", HW_IDS, interrupt_controller(),
	       comm->tsc_khz);
}

void inmate_main(void)
{
	char name[32];

	if (!cmdline_string("name", name, sizeof(name)))
		snprintf(name, sizeof(name), "world");
	printf("Hello, %s! This cell runs in %u-bit mode.\n", name,
	       (unsigned int)sizeof(void *) * 8);
	describe_cell();
	while (!shutdown_requested()) {
		if (comm)
			comm->heartbeat++;
		delay_us(1000);
	}
	printf("Goodbye.\n");
}
