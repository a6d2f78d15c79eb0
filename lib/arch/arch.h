/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Machines: one file each with const data and a few hooks, one row in arch_table.c.  All are in every build.
 *
 * In come the kernel's facts and its memory, out come paging form, root and regions for xlat/.  A machine's file must
 * not ask which machine the library runs on, and not believe an address because a note has it: a root counts where the
 * tables below it map the kernel to the place at which it is known to be.
 */
#ifndef DF_ARCH_ARCH_H
#define DF_ARCH_ARCH_H

#include "kdesc/kdesc.h"
#include "xlat/xlat.h"

/* Where a kernel is that is not where it was linked. */
struct df_moved {
	uint64_t delta;     /* virtual addresses lie this much further */
	uint64_t phys_base; /* as NUMBER(phys_base) */
};

/* A machine: constant.  Its hooks keep nothing and are called by the thread that opens, but for kernel_address(), which
 * any thread may call. */
struct df_arch {
	uint16_t machine; /* ELF e_machine */
	uint8_t bits;     /* 32 or 64 */
	bool big_endian;
	const char *name;                       /* as utsname.machine */
	uint8_t min_page_shift, max_page_shift; /* pages of this machine's kernels; the smaller is the usual one */
	uint8_t section_size_bits;              /* where the note has none */
	uint8_t max_physmem_bits;               /* where neither note nor LENGTH(mem_section) tell */
	/* Paging form, root and regions of this kernel; xlat->image is set.  reader: of the image.  E_NOINFO where
	 * facts are missing, E_CORRUPT where the image contradicts them. */
	int (*setup)(struct df_xlat *xlat, const struct df_kdesc *kernel, struct df_reader *reader, struct df_err *err);
	/* The image has no note, kernel has addresses of a text: find the kernel in memory.  NULL: cannot; the kernel
	 * must then lie where the text says.  arch: this one.  E_OTHER_KERNEL: it is not there. */
	int (*find)(const struct df_arch *arch, const struct df_image *image, const struct df_kdesc *kernel,
		    struct df_reader *reader, struct df_moved *moved, struct df_err *err);
	/* What all addresses of kernel data have in common: vaddr & pointer_mask == pointer_value, and not zero. */
	uint64_t pointer_mask, pointer_value;
	/* Can vaddr be kernel data?  A plausibility test of pointers found in memory. */
	bool (*kernel_address)(const struct df_xlat *xlat, uint64_t vaddr);
};

extern const struct df_arch df_arch_x86_64, df_arch_s390x;

/* As utsname.machine has it, also of machines that are only known by name; NULL = not even that. */
const char *df_arch_name(uint16_t machine, uint8_t bits, bool big_endian);

/* NULL where the machine is not known. */
const struct df_arch *df_arch_find(uint16_t machine, uint8_t bits, bool big_endian);

#endif
