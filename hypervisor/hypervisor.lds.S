/* SPDX-License-Identifier: GPL-2.0 */
#include <layout.h>

ENTRY(image_entry)

SECTIONS
{
	. = HV_BASE;
	hv_base = .;
	.header : { KEEP(*(.header)) }
	.text : { *(.text.vectors) *(.text .text.*) }
	. = ALIGN(4096);
	hv_text_end = .;
	.rodata : { *(.rodata .rodata.* .data.rel.ro .data.rel.ro.*) }
	.system : { *(.system) . = ALIGN(64); }
	. = ALIGN(4096);
	hv_rodata_end = .;
	.data : { *(.data .data.*) . = ALIGN(SIZEOF(.data) ? 64 : 1); }
	/* The file ends with the last section that has contents. */
	image_file_end = SIZEOF(.data) ? . : ADDR(.system) + SIZEOF(.system);
	. = ALIGN(4096);
	hv_ro_after_init = .;
	.ro_after_init : { *(.bss.ro_after_init) }
	. = ALIGN(4096);
	hv_ro_after_init_end = .;
	.bss : { *(.bss .bss.* COMMON) }
	. = ALIGN(4096);
	hv_core_end = .;
	/DISCARD/ : { *(.comment) *(.note .note.*) *(.eh_frame) }
}

/* What struct cl_image says of the image: absolute numbers. */
image_file_size = ABSOLUTE(image_file_end - HV_BASE);
image_core_size = ABSOLUTE(hv_core_end - HV_BASE);
image_entry_offset = ABSOLUTE(image_entry - HV_BASE);
image_system_offset = ABSOLUTE(image_system - HV_BASE);
image_info_offset = ABSOLUTE(info - HV_BASE);
