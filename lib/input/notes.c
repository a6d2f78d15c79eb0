/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "input/notes.h"

#include "base/bytes.h"
#include "format/elf.h"

#define NAME        "VMCOREINFO"
#define NAME_PADDED 12u
#define HEADER      12u

void df_input_scan_notes(struct df_image *img)
{
	struct df_elf_note note;

	img->cpus = 0;
	img->vmcoreinfo_at = img->vmcoreinfo_len = 0;
	for (size_t pos = 0; df_elf_next_note(img->be, img->notes, img->notes_len, &pos, &note);) {
		if (note.type == DF_ELF_NT_PRSTATUS && df_elf_note_is(&note, "CORE"))
			img->cpus++;
		if (!img->vmcoreinfo_len && df_elf_note_is(&note, NAME)) {
			img->vmcoreinfo_at = note.desc_offset;
			img->vmcoreinfo_len = note.descsz;
		}
	}
}

int df_input_add_vmcoreinfo(struct df_image *img, uint64_t offset, uint32_t len, size_t *cap, struct df_err *err)
{
	size_t desc = HEADER + NAME_PADDED, more = desc + (size_t)df_round_up(len, 4);
	uint8_t *note;
	int r;

	if (!df_grow(img->env, (void **)&img->notes, cap, img->notes_len + more, 1))
		return df_err_nomem(err, img->env, "notes", img->notes_len + more);
	note = img->notes + img->notes_len;
	memset(note, 0, more);
	df_put32(note, sizeof NAME, img->be);
	df_put32(note + 4, len, img->be);
	memcpy(note + HEADER, NAME, sizeof NAME);
	r = df_source_read(&img->source, offset, note + desc, len, err);
	if (!r)
		img->notes_len += more;
	return r;
}
