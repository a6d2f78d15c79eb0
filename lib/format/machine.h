/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Machines by the name that uname gives them: the kdump format has no number for them. */
#ifndef DF_FORMAT_MACHINE_H
#define DF_FORMAT_MACHINE_H

#include <stddef.h>
#include <stdint.h>

#define DF_EM_386 3u

/* ELF's e_machine of a name of at most max bytes, terminated or not; 0 = not known. */
uint16_t df_machine_number(const void *name, size_t max);
/* The 64-bit machine whose kernels put such lines into VMCOREINFO; 0 = none of those known here. */
uint16_t df_machine_of_vmcoreinfo(const char *text, size_t length);

#endif
