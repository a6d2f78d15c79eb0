/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DF_ARCH_X86_64_H
#define DF_ARCH_X86_64_H

#include "arch/arch.h"

#define START_KERNEL_MAP UINT64_C(0xffffffff80000000) /* arch/x86/include/asm/page_64_types.h */

int df_x86_64_find(const struct df_arch *arch, const struct df_image *image, const struct df_kdesc *kernel,
		   struct df_reader *reader, struct df_moved *moved, struct df_err *err);

#endif
