// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Root cell: as qemu-root.c, with a pool for Linux cells, which takes four memory blocks of 128 MiB with
 * the hypervisor; on a machine with 2 GiB or more.
 */
#define POOL_SIZE 0x1fe00000
#include "qemu-root.c"
