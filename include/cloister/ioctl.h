/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * /dev/cloister (mode 0600). pread() reads the info region (<cloister/info.h>); -ENODATA if there
 * was never one. Everything else is an ioctl with a struct whose first member is its size as the
 * caller knows it: the driver reads missing members as zero and refuses non-zero unknown ones with
 * -E2BIG. `message` returns a sentence for the person, empty if all went well; CELL_SHUTDOWN also
 * says there that the cell had to be stopped.
 */
#ifndef CLOISTER_IOCTL_H
#define CLOISTER_IOCTL_H

#include <cloister/types.h>
#ifdef __KERNEL__
#include <linux/ioctl.h>
#else
#include <sys/ioctl.h>
#endif

#define CL_MESSAGE_LEN 256

struct cl_ioc_version {
	uint32_t size;
	uint32_t abi_version; /* out: CL_ABI_VERSION of the driver */
	uint32_t enabled;     /* out */
	uint32_t reserved;
	char driver[32]; /* out: version of the driver */
	char image[32];	 /* out: file name of the image that fits this machine, or empty */
	char message[CL_MESSAGE_LEN]; /* out: why this machine cannot run Cloister, or empty */
};

#define CL_ENABLE_DRY_RUN 0x1 /* check everything that can be checked without changing anything */
#define CL_ENABLE_AUDIT	  0x2 /* allow and record what root does beyond its config */

struct cl_ioc_config { /* ENABLE, CELL_CREATE */
	uint32_t size;
	uint32_t flags;	      /* ENABLE: CL_ENABLE_* */
	uint64_t config;      /* in: address of the blob */
	uint64_t config_size; /* in: bytes */
	uint32_t id;	      /* out, CELL_CREATE: the cell's id */
	uint32_t reserved;
	char message[CL_MESSAGE_LEN];
};

struct cl_ioc_cell { /* CELL_START, CELL_SHUTDOWN, CELL_DESTROY; DISABLE, LOCK (id unused) */
	uint32_t size;
	uint32_t id;
	uint32_t timeout_ms; /* CELL_SHUTDOWN: how long to wait for the cell, 0: 1000 */
	uint32_t reserved;
	char message[CL_MESSAGE_LEN];
};

#define CL_LOAD_FIRST 0x1 /* first piece: stops the cell and makes it loadable */

struct cl_ioc_load {
	uint32_t size;
	uint32_t id;
	uint64_t address; /* guest-physical */
	uint64_t data;	  /* user address */
	uint64_t length;  /* bytes; the driver refuses what is not wholly in one loadable region */
	uint32_t flags;	  /* CL_LOAD_* */
	uint32_t reserved;
	char message[CL_MESSAGE_LEN];
};

struct cl_ioc_console { /* CONSOLE_WRITE */
	uint32_t size;
	uint32_t id;
	uint64_t data;
	uint32_t length;  /* in: bytes */
	uint32_t written; /* out: bytes that the cell's UART took */
	char message[CL_MESSAGE_LEN];
};

struct cl_ioc_inspect {
	uint32_t size;
	uint32_t capacity; /* in: records that fit at `records` */
	uint32_t count;	   /* out: records that there are; only if they fit, all are stored */
	uint32_t reserved;
	uint64_t records; /* user address of struct cl_inspect_record[] */
	char message[CL_MESSAGE_LEN];
};

#define CL_SYMBOL_LEN 128

struct cl_ioc_symbol {
	uint32_t size;
	uint32_t reserved;
	uint64_t address;	    /* in: of an instruction of root's */
	char symbol[CL_SYMBOL_LEN]; /* out: "function+0xoffset/0xsize [module]", cut off where it is
				       too long; empty for what is not the kernel's */
	char message[CL_MESSAGE_LEN];
};

#define CL_IOC_VERSION	     _IOWR('C', 0, struct cl_ioc_version)
#define CL_IOC_ENABLE	     _IOWR('C', 1, struct cl_ioc_config)
#define CL_IOC_DISABLE	     _IOWR('C', 2, struct cl_ioc_cell)
#define CL_IOC_CELL_CREATE   _IOWR('C', 3, struct cl_ioc_config)
#define CL_IOC_CELL_LOAD     _IOWR('C', 4, struct cl_ioc_load)
#define CL_IOC_CELL_START    _IOWR('C', 5, struct cl_ioc_cell)
#define CL_IOC_CELL_SHUTDOWN _IOWR('C', 6, struct cl_ioc_cell)
#define CL_IOC_CELL_DESTROY  _IOWR('C', 7, struct cl_ioc_cell)
#define CL_IOC_CONSOLE_WRITE _IOWR('C', 8, struct cl_ioc_console)
#define CL_IOC_LOCK	     _IOWR('C', 9, struct cl_ioc_cell)
#define CL_IOC_INSPECT	     _IOWR('C', 10, struct cl_ioc_inspect)
#define CL_IOC_SYMBOL	     _IOWR('C', 11, struct cl_ioc_symbol)

#endif
