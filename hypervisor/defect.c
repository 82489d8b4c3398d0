// SPDX-License-Identifier: GPL-2.0
/* Defects on request, to see that page tables and canaries catch them:
 * tests/system/test_hardening.py */
#include <arch.h>
#include <cell.h>
#include <layout.h>

#ifdef CONFIG_FAULT_INJECT

#include <image.h>
#include <page.h>
#include <cloister/hypercall.h>

static void write_to(const volatile void *address)
{
	*(volatile char *)address = *(const volatile char *)address;
}

static void read_from(uint64_t address)
{
	(void)*(const volatile char *)address;
}

static void execute(const volatile void *code)
{
	((void (*)(void))(uintptr_t)code)();
}

/* 16 bytes more than there are, as a careless copy would do. */
static __attribute__((noinline)) void overrun(unsigned int count)
{
	volatile char array[16];

	for (volatile char *byte = array; count; count--)
		*byte++ = 0x41;
}

int64_t do_defect(enum cl_defect defect)
{
	static volatile uint32_t in_data = ARCH_RETURN;
	volatile uint32_t on_stack = ARCH_RETURN;

	switch (defect) {
	case CL_DEFECT_WRITE_TEXT:
		write_to((const void *)(uintptr_t)do_defect);
		break;
	case CL_DEFECT_WRITE_RODATA:
		write_to(&image_system);
		break;
	case CL_DEFECT_WRITE_SETTLED:
		write_to(hv_ro_after_init);
		break;
	case CL_DEFECT_WRITE_TABLES:
		write_to(arch_shared_tables());
		break;
	case CL_DEFECT_EXECUTE_DATA:
		execute(&in_data);
		break;
	case CL_DEFECT_EXECUTE_STACK:
		execute(&on_stack);
		break;
	case CL_DEFECT_BELOW_STACK:
		write_to((void *)(LOCAL_STACK_TOP - 2 * PAGE_SIZE - 8));
		break;
	case CL_DEFECT_ABOVE_STACK:
		write_to((void *)LOCAL_STACK_TOP);
		break;
	case CL_DEFECT_OTHER_CPU:
		read_from((uint64_t)hv_core_end + AREA_PRIVATE * PAGE_SIZE);
		break;
	case CL_DEFECT_GUEST_MEMORY:
		read_from(arch_this_cpu()->cell->config->entry);
		break;
	case CL_DEFECT_OLD_WINDOW:
		read_from((uint64_t)arch_window(virt_to_phys(hv_core_end)));
		arch_window_close();
		read_from(LOCAL_WINDOWS); /* the one of arch_window() is the first */
		break;
	case CL_DEFECT_OVERRUN:
		overrun(32);
		break;
	default:
		break;
	}
	return 0;
}

#endif
