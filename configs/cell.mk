# SPDX-License-Identifier: GPL-2.0
#
# How a cell config becomes a blob. In the tree configs/Makefile includes it; after installation it
# works alone, for a config anywhere:
#
#   make -f /usr/local/share/cloister/cell.mk my-cell.cell
#
# compiles my-cell.c in the same directory.

CELL_DIR := $(dir $(lastword $(MAKEFILE_LIST)))
# in the tree the headers are beside configs/, installed they are in PREFIX/include
CELL_INCLUDE ?= $(patsubst %/cloister,%,$(firstword \
		  $(wildcard $(CELL_DIR)../include/cloister $(CELL_DIR)../../include/cloister)))

# members that a config does not name are zero, and are meant to be
CELL_CFLAGS := -std=gnu11 -O1 -Wall -Wextra -Werror -Wno-missing-field-initializers -ffreestanding -fno-pic -fno-lto \
	       -fno-asynchronous-unwind-tables -I$(CELL_INCLUDE)

# $(call build_cell,SOURCE,BLOB)
define build_cell
	$(CROSS_COMPILE)gcc $(CELL_CFLAGS) -MMD -MF $(2).d -MT $(2) -c -o $(2).o $(1)
	$(CROSS_COMPILE)ld -T $(CELL_DIR)cell.lds -o $(2).elf $(2).o
	$(CROSS_COMPILE)objcopy -O binary -j .cell $(2).elf $(2)
	@chmod 644 $(2) && rm -f $(2).o $(2).elf
endef

%.cell: %.c
	$(call build_cell,$<,$@)
	@rm -f $@.d
