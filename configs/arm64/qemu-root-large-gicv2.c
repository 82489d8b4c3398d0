// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* Root cell: as qemu-root-gicv2.c, with a pool for Linux cells; on a machine with 2 GiB or more. */
#define POOL_SIZE 0x13e00000
#include "qemu-root-gicv2.c"
