/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Section headers of a core file.  Memory is read by program headers; what only a section has is lost to us: all memory
 * in Xen's cores of guests, and in QEMU's dumps of protected guests what decrypts it.
 */
#ifndef DF_INPUT_SECTIONS_H
#define DF_INPUT_SECTIONS_H

#include "format/elf.h"
#include "image/image.h"

#define DF_SECTION_NAME 32u
#define DF_SECTIONS_MAX 256u /* that are looked at: those who make core files make ten at most */

struct df_section {
	char name[DF_SECTION_NAME]; /* printable; "" where it cannot be read */
	uint32_t number, type;
	uint64_t offset, size;
};

struct df_sections {
	struct df_section v[DF_SECTIONS_MAX];
	unsigned count; /* those with contents, but for the one of the names */
	uint32_t more;  /* headers that were not looked at */
};

/* What of it can be read: a damaged table is no reason to lose the memory. */
void df_sections_read(struct df_sections *sections, const struct df_source *source, const struct df_elf_header *header);
/* Is there one of this name? */
bool df_sections_have(const struct df_sections *sections, const char *name);
/* Refuses what its sections tell: cores of Xen guests (E_FORMAT), dumps of protected guests (E_UNSUPPORTED). */
int df_sections_judge(const struct df_sections *sections, const char *file, struct df_err *err);
/* Note in the image which have contents that no program header p[n] has. */
void df_sections_leave(const struct df_sections *sections, struct df_image *image, const struct df_elf_phdr *phdr,
		       uint32_t count);

#endif
