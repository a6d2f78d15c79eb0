/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What callers ask for by address: a translation, notes that lie in memory, memory that is not to count. */
#include "run/dump.h"

#include "format/elf.h"
#include "input/notes.h"

#include <inttypes.h>
#include <string.h>

static int translate(struct df_dump *d, uint64_t vaddr, uint64_t *paddr, struct df_reader *reader, struct df_err *err)
{
	struct df_walker w;
	uint64_t run;
	int r = df_walker_init(&w, &d->xlat, reader, err);

	if (!r)
		r = df_xlat_v2p(&w, vaddr, paddr, &run, err);
	df_walker_fini(&w);
	return r;
}

int df_dump_translate(struct df_dump *d, uint64_t vaddr, uint64_t *paddr, struct df_err *err)
{
	struct df_reader reader;
	int r;

	if (!d->can_translate) {
		*err = d->why_not;
		return df_err_wrap(err, "address %#" PRIx64, vaddr);
	}
	if (!d->arch->kernel_address(&d->xlat, vaddr))
		return df_err_set(err, DUMPFILTER_E_NODATA, "%#" PRIx64 " is no kernel address on %s", vaddr,
				  d->arch->name);
	r = df_reader_init(&reader, &d->image, DF_WINDOW_COPY, err);
	if (r < 0)
		return r;
	r = translate(d, vaddr, paddr, &reader, err);
	df_reader_fini(&reader);
	return r;
}

static bool has_vmcoreinfo(const struct df_image *img, const uint8_t *notes, size_t len)
{
	struct df_elf_note note;

	for (size_t pos = 0; df_elf_next_note(img->be, notes, len, &pos, &note);)
		if (note.descsz && df_elf_note_is(&note, "VMCOREINFO"))
			return true;
	return false;
}

static int read_at(struct df_image *img, uint64_t paddr, uint8_t *buf, size_t len, struct df_err *err)
{
	struct df_reader reader;
	int r = df_reader_init(&reader, img, DF_WINDOW_COPY, err);

	if (!r)
		r = df_reader_read(&reader, paddr, buf, len, err);
	df_reader_fini(&reader);
	if (!r && !has_vmcoreinfo(img, buf, len))
		r = df_err_set(err, DUMPFILTER_E_CORRUPT, "there is no VMCOREINFO note at physical address %#" PRIx64,
			       paddr);
	return r;
}

/* The image is another one than it was. */
static int describe_again(struct df_dump *d, const struct df_image *was, struct df_err *err)
{
	struct df_dump before = df_dump_put_aside(d);

	before.image = *was;
	return df_dump_settle(d, &before, df_dump_describe(d, err));
}

int df_dump_add_notes(struct df_dump *d, uint64_t paddr, size_t len, struct df_err *err)
{
	struct df_image *img = &d->image, was = *img;
	size_t had = img->notes_len;
	uint8_t *notes;
	int r;

	if (had + len > DF_INPUT_MAX_NOTES)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: %zu bytes of notes are too many", img->source.name,
				  had + len);
	notes = df_alloc(img->env, had + len);
	if (!notes)
		return df_err_nomem(err, img->env, "notes", had + len);
	r = read_at(img, paddr, notes + had, len, err);
	if (r < 0) {
		df_free(img->env, notes);
		return df_err_wrap(err, "VMCOREINFO of %s", img->source.name);
	}
	if (had)
		memcpy(notes, img->notes, had);
	img->notes = notes;
	img->notes_len = had + len;
	df_input_scan_notes(img);
	r = describe_again(d, &was, err);
	df_free(img->env, r < 0 ? notes : was.notes);
	return r;
}

int df_dump_cut(struct df_dump *d, uint64_t start, uint64_t end, struct df_err *err)
{
	struct df_image was = d->image, cut;
	int r = df_image_cut(&d->image, start, end, err);

	if (r < 0)
		return r;
	cut = d->image;
	r = describe_again(d, &was, err);
	df_image_free_ranges(r < 0 ? &cut : &was);
	return r;
}
