/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of linux_layout() for arm64. */
#ifndef HVCTL_LINUX_ARM64_H
#define HVCTL_LINUX_ARM64_H

#include "linux.h"

/*
 * The kernel's file as it is to be loaded: if it is compressed, g->kernel becomes what was in it,
 * of at most max bytes. What its header says: bytes from a multiple of 2 MiB to where it belongs,
 * and how many it needs there. EXIT_OK, or an exit code with the reason printed.
 */
int arm64_image(struct linux_guest *g, size_t max, uint64_t *text_offset, uint64_t *size);

#define ARM64_TREE_MAX (2U << 20) /* bytes that Linux takes */

/*
 * g->dtb becomes the tree for the cell, made of the one that is there if there is one. initrd: its
 * address. EXIT_OK, or an exit code with the reason printed.
 */
int arm64_tree(struct linux_guest *g, uint64_t initrd);

#endif
