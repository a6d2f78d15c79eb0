/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The running system as input. */
#ifndef MAKEDUMPFILE_KCORE_H
#define MAKEDUMPFILE_KCORE_H

#include "tool.h"

/* Is the input, which is open, /proc/kcore? */
bool kcore_is_input(const struct tool *t);

/* Tell the library what that file does not: where VMCOREINFO is, on kernels before 4.19, and which memory is reserved
 * for a capture kernel and does not count.  false: said why not. */
bool kcore_complete(struct tool *t);

#endif
