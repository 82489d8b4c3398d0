/* SPDX-License-Identifier: GPL-2.0 */
/* Included before everything: all symbols are in the one image, none needs a global offset table. */
#ifndef __ASSEMBLER__
#pragma GCC visibility push(hidden)
#endif
