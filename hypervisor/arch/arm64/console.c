// SPDX-License-Identifier: GPL-2.0
/* The hypervisor's log on a UART of the machine: a PL011, or a 16550 with registers of one byte. */
#include <arm64.h>

#ifdef CONFIG_CONSOLE_NONE

void arch_console_init(const struct cl_platform *platform)
{
	(void)platform;
}

void arch_console_write(const char *text)
{
	(void)text;
}

#else

#define PL011_DR      0x00
#define PL011_FR      0x18
#define PL011_FR_TXFF 0x20
#define NS16550_THR   0
#define NS16550_LSR   5
#define NS16550_THRE  0x20

static volatile char *registers __ro_after_init;
static bool is_pl011 __ro_after_init;

void arch_console_init(const struct cl_platform *platform)
{
	is_pl011 = platform->console_type == CL_CONSOLE_PL011;
	registers = NULL;
	if (is_pl011 || platform->console_type == CL_CONSOLE_16550_MMIO)
		registers = map_device(DEVICE_PAGE_CONSOLE, platform->console_address);
}

static bool is_busy(void)
{
	return is_pl011 ? mmio_read32(registers + PL011_FR) & PL011_FR_TXFF
			: !(registers[NS16550_LSR] & NS16550_THRE);
}

static void put(char c)
{
	if (is_pl011)
		mmio_write32(registers + PL011_DR, (uint8_t)c);
	else
		registers[NS16550_THR] = c;
}

void arch_console_write(const char *text)
{
	if (!registers)
		return;
	for (; *text; text++) {
		/* A UART that does not drain costs this much, and the rest of the text. */
		for (unsigned int i = 0; is_busy(); i++) {
			if (i == 10000)
				return;
			cpu_relax();
		}
		if (*text == '\n')
			put('\r');
		put(*text);
	}
}

#endif
