/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The running system as input. */
#ifndef MAKEDUMPFILE_KCORE_H
#define MAKEDUMPFILE_KCORE_H

#include "tool.h"

/* Where the input, which is open, is /proc/kcore: tell the library what that file does not, where VMCOREINFO is, on
 * kernels before 4.19, and which memory is reserved for a capture kernel and is in no dump.  false: said why not. */
bool kcore_complete(struct tool *tool);

#endif
