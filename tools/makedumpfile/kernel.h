/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MAKEDUMPFILE_KERNEL_H
#define MAKEDUMPFILE_KERNEL_H

#include "tool.h"

/* The input is open: add what -x or -i say of its kernel.  false: said why not; tool->status is set. */
bool kernel_facts(struct tool *tool);

#endif
