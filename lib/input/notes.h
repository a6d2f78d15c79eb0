/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What formats with ELF notes share. */
#ifndef DF_INPUT_NOTES_H
#define DF_INPUT_NOTES_H

#include "image/image.h"

#define DF_INPUT_MAX_NOTES (64u << 20) /* a prstatus note is 356 bytes: enough for 100000 CPUs */

/* cpus, vmcoreinfo_* and xen_note from img->notes. */
void df_input_scan_notes(struct df_image *image);
/* After that.  Refuses what the notes tell: cores of processes (E_FORMAT), memory of protected guests (E_UNSUPPORTED).
 */
int df_input_judge_notes(const struct df_image *image, struct df_err *err);
/* A VMCOREINFO note behind img->notes (of capacity *cap): length bytes of text at offset of the source, length at most
 * DF_INPUT_MAX_NOTES.  Where they cannot be read the notes stay as they are. */
int df_input_add_vmcoreinfo(struct df_image *image, const struct df_source *source, uint64_t offset, uint32_t length,
			    size_t *cap, struct df_err *err);

#define DF_INPUT_MAX_ERASEINFO (1u << 20) /* a line of about 40 bytes for each rule that hit something */
/* eraseinfo_* from an ERASEINFO note, where the image has none of its own. */
int df_input_find_eraseinfo(struct df_image *image, struct df_err *err);

#endif
