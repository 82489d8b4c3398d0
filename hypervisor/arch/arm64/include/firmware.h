/* SPDX-License-Identifier: GPL-2.0 */
/* Calls to the firmware beneath, at EL3. */
#ifndef HV_FIRMWARE_H
#define HV_FIRMWARE_H

#include <cell.h>

#define SMCCC_64	 0x40000000U /* of a function id: arguments and results have 64 bits */
#define FIRMWARE_REGS	 18
#define FIRMWARE_RESULTS 4

/* entry.S: SMC with X0 to X17 as in regs, where the results (X0 to X3) are put. */
void arm64_smc(uint64_t *regs);

/* Does a valid config list this function? */
bool firmware_is_listed(const struct cl_config *config, uint32_t function);

/* Make the guest's call; x are its registers. */
void firmware_call(uint64_t *x);

/*
 * An SMC of a guest of this cell, after which its program counter stands: make the call if the
 * cell's config lists it, or root is allowed to by --audit. False: it is refused, nothing was done.
 * True as well if root has been stopped for it (CL_CELL_STRICT).
 */
bool firmware_forward(const struct cell *cell, uint64_t *x);

#endif
