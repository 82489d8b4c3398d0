// SPDX-License-Identifier: GPL-2.0
/* Exits whose meaning is the same for both vendors, and that are rare. */
#include <vendor.h>
#include <x86.h>

void x86_inject_gp(void)
{
	vendor_inject_exception(13, true, 0);
}

/*
 * A machine check while the guest ran: it stays pending in the banks, which root reads. A cell that
 * is hit is stopped; root gets its exception.
 */
void x86_machine_check(void)
{
	if (local->cpu->cell != &root_cell)
		cell_fail("machine check on CPU %u", local->cpu->id);
	else
		vendor_inject_exception(18, false, 0);
}

/*
 * INVD would drop modified lines of other cells, and either would empty caches that others share.
 * Devices see what is in caches (APM 7.3), so a cell need not write them back. Root's INVD is at
 * least a write-back.
 */
void x86_write_back_caches(void)
{
	if (local->cpu->cell == &root_cell)
		asm volatile("wbinvd" : : : "memory");
}
