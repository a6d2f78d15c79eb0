/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a vmlinux (or its separate debug file) says of a kernel: symbol table and DWARF, as VMCOREINFO text.  Unlike a
 * dump the file is one that the user names, and it goes through libelf and libdw, whose bounds are theirs.
 *
 * What comes out is text and not a table of facts, so that a vmlinux, a text file and a dump's own note pass the same
 * checks in kdesc/ and the user can look at what was found.  If the kernel is the one in the dump is not asked here:
 * that takes the dump's memory (run/given.c).  The headers of libelf and libdw are included in this folder only.
 */
#ifndef DF_DEBUGINFO_DEBUGINFO_H
#define DF_DEBUGINFO_DEBUGINFO_H

#include "base/env.h"

#include <stdint.h>

/* What was found.  Owned by the caller, text from the environment's allocator; calling thread only. */
struct df_vmlinux {
	char *text; /* lines of VMCOREINFO; addresses as the kernel was linked */
	size_t length, cap;
	char release[65];
	char banner[512];  /* linux_banner up to its newline; "" where the file has no data (separate debug files) */
	char build_id[65]; /* hex digits or "" */
	uint16_t machine;  /* ELF e_machine */
	uint8_t bits;
	bool big_endian;
	uint64_t zero_page; /* bytes of empty_zero_page, 0 = not there: tells the size of a page */
};

/* Read path.  E_UNSUPPORTED where this build cannot; else errors say what is wrong with the file. */
int df_vmlinux_read(struct df_vmlinux *vmlinux, struct df_env *env, const char *path, struct df_err *err);
void df_vmlinux_fini(struct df_vmlinux *vmlinux, struct df_env *env); /* also of a zeroed struct */

#endif
