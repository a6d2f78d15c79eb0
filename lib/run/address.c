/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What callers ask for by address: a translation, notes that lie in memory, memory that is not to count. */
#include "run/dump.h"

#include "format/elf.h"
#include "input/notes.h"

#include <inttypes.h>
#include <string.h>

static int translate(struct df_dump *dump, uint64_t vaddr, uint64_t *paddr, struct df_reader *reader,
		     struct df_err *err)
{
	struct df_walker walker;
	uint64_t run;
	int result = df_walker_init(&walker, &dump->xlat, reader, err);

	if (!result)
		result = df_xlat_v2p(&walker, vaddr, paddr, &run, err);
	df_walker_fini(&walker);
	return result;
}

int df_dump_translate(struct df_dump *dump, uint64_t vaddr, uint64_t *paddr, struct df_err *err)
{
	struct df_reader reader;
	int result;

	if (!dump->can_translate) {
		*err = dump->why_not;
		return df_err_wrap(err, "address %#" PRIx64, vaddr);
	}
	if (!dump->arch->kernel_address(&dump->xlat, vaddr))
		return df_err_set(err, DUMPFILTER_E_NODATA, "%#" PRIx64 " is no kernel address on %s", vaddr,
				  dump->arch->name);
	result = df_reader_init(&reader, &dump->image, DF_WINDOW_COPY, err);
	if (result < 0)
		return result;
	result = translate(dump, vaddr, paddr, &reader, err);
	df_reader_fini(&reader);
	return result;
}

static bool has_vmcoreinfo(const struct df_image *image, const uint8_t *notes, size_t length)
{
	struct df_elf_note note;

	for (size_t pos = 0; df_elf_next_note(image->big_endian, notes, length, &pos, &note);)
		if (note.descsz && df_elf_note_is(&note, "VMCOREINFO"))
			return true;
	return false;
}

static int read_at(struct df_image *image, uint64_t paddr, uint8_t *buffer, size_t length, struct df_err *err)
{
	struct df_reader reader;
	int result = df_reader_init(&reader, image, DF_WINDOW_COPY, err);

	if (!result)
		result = df_reader_read(&reader, paddr, buffer, length, err);
	df_reader_fini(&reader);
	if (!result && !has_vmcoreinfo(image, buffer, length))
		result = df_err_set(err, DUMPFILTER_E_CORRUPT,
				    "there is no VMCOREINFO note at physical address %#" PRIx64, paddr);
	return result;
}

/* The image is another one than it was. */
static int describe_again(struct df_dump *dump, const struct df_image *image, struct df_err *err)
{
	struct df_dump before = df_dump_put_aside(dump);

	before.image = *image;
	return df_dump_settle(dump, &before, df_dump_describe(dump, err));
}

int df_dump_add_notes(struct df_dump *dump, uint64_t paddr, size_t length, struct df_err *err)
{
	struct df_image *image = &dump->image, was = *image;
	size_t had = image->notes_len;
	uint8_t *notes;
	int result;

	if (had + length > DF_INPUT_MAX_NOTES)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: %zu bytes of notes are too many", image->source.name,
				  had + length);
	notes = df_alloc(image->env, had + length);
	if (!notes)
		return df_err_nomem(err, image->env, "notes", had + length);
	result = read_at(image, paddr, notes + had, length, err);
	if (result < 0) {
		df_free(image->env, notes);
		return df_err_wrap(err, "VMCOREINFO of %s", image->source.name);
	}
	if (had)
		memcpy(notes, image->notes, had);
	image->notes = notes;
	image->notes_len = had + length;
	df_input_scan_notes(image);
	result = describe_again(dump, &was, err);
	df_free(image->env, result < 0 ? notes : was.notes);
	return result;
}

int df_dump_cut(struct df_dump *dump, uint64_t start, uint64_t end, struct df_err *err)
{
	struct df_image image = dump->image, cut;
	int result = df_image_cut(&dump->image, start, end, err);

	if (result < 0)
		return result;
	cut = dump->image;
	result = describe_again(dump, &image, err);
	df_image_free_ranges(result < 0 ? &cut : &image);
	return result;
}
