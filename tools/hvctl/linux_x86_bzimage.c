// SPDX-License-Identifier: GPL-2.0
/* The file of an x86 kernel: Documentation/arch/x86/boot.rst of Linux. */
#include <string.h>
#include "linux_x86.h"

#define HEADER_OFFSET	0x1f1
#define BOOT_FLAG	0xaa55
#define MAGIC		0x53726448 /* "HdrS" */
#define VERSION		0x020c	   /* the first with a 64-bit entry and initrds anywhere */
#define SECTOR		512
#define KERNEL_MAX	(1ULL << 30)
#define SMALLEST_ALIGN	0x1000U
#define LARGEST_ALIGN	(1U << 30)
#define OLD_SETUP_SECTS 4

int bzimage_read(const char *path, const void *file, size_t size, struct bzimage *image)
{
	struct setup_header *h = &image->header;
	size_t setup, length;

	memset(image, 0, sizeof(*image));
	if (size < HEADER_OFFSET + sizeof(*h))
		return fail(EXIT_REFUSED,
			    "%s: the file has %zu bytes, a kernel (bzImage) has more than %zu",
			    path, size, HEADER_OFFSET + sizeof(*h));
	memcpy(h, (const char *)file + HEADER_OFFSET, sizeof(*h));
	if (h->boot_flag != BOOT_FLAG || h->header != MAGIC)
		return fail(
			EXIT_REFUSED,
			"%s: no kernel for x86 (bzImage): 0x%x and 0x%x are at 0x1fe and 0x202, "
			"expected 0x%x and 0x%x; /boot/vmlinuz-* are such files",
			path, h->boot_flag, h->header, BOOT_FLAG, MAGIC);
	if (h->version < VERSION)
		return fail(
			EXIT_REFUSED,
			"%s: boot protocol %u.%02u, expected at least 2.12: take a newer kernel",
			path, h->version >> 8, h->version & 0xff);
	if (!(h->xloadflags & XLF_KERNEL_64))
		return fail(
			EXIT_REFUSED,
			"%s: xloadflags 0x%x without bit 0: a 32-bit kernel; take one for x86-64",
			path, h->xloadflags);
	if (!h->relocatable_kernel)
		return fail(EXIT_REFUSED,
			    "%s: the kernel is not relocatable; it needs CONFIG_RELOCATABLE", path);
	if (h->kernel_alignment < SMALLEST_ALIGN || h->kernel_alignment > LARGEST_ALIGN ||
	    h->kernel_alignment & (h->kernel_alignment - 1))
		return fail(EXIT_REFUSED,
			    "%s: kernel_alignment 0x%x, expected a power of two from 0x%x to 0x%x",
			    path, h->kernel_alignment, SMALLEST_ALIGN, LARGEST_ALIGN);
	/* What follows the jump at 0x200 up to its target is header; newer ones are longer. */
	length = 0x202 + (h->jump >> 8) - HEADER_OFFSET;
	if (length < sizeof(*h))
		memset((char *)h + length, 0, sizeof(*h) - length);
	setup = (size_t)((h->setup_sects ? h->setup_sects : OLD_SETUP_SECTS) + 1) * SECTOR;
	image->code_size = (size_t)h->syssize * 16;
	if (!image->code_size || setup > size || image->code_size > size - setup)
		return fail(EXIT_REFUSED,
			    "%s: the file has %zu bytes, its header speaks of %zu: it is cut off",
			    path, size, setup + image->code_size);
	image->code = (const char *)file + setup;
	image->memory = h->init_size > image->code_size ? h->init_size : image->code_size;
	if (image->memory > KERNEL_MAX)
		return fail(EXIT_REFUSED, "%s: init_size 0x%x, expected at most 0x%llx", path,
			    h->init_size, KERNEL_MAX);
	return EXIT_OK;
}
