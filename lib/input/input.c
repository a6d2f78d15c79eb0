/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "input/input.h"

#include "format/flat.h"

#include <stdio.h>
#include <string.h>

static const struct df_input *const inputs[] = { &df_input_kdump, &df_input_elf };

bool df_input_name(const uint8_t *head, size_t len, char text[DF_FOREIGN_TEXT])
{
	if (df_foreign_name(head, len, text))
		return true;
	for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
		if (!inputs[i]->probe(head, len))
			continue;
		snprintf(text, DF_FOREIGN_TEXT, "%s", inputs[i]->is);
		return true;
	}
	return false;
}

static int refuse(const struct df_source *s, const uint8_t *head, size_t len, struct df_err *err)
{
	char is[DF_FOREIGN_TEXT];

	if (df_flat_is(head, len))
		return df_err_set(err, DUMPFILTER_E_FORMAT,
				  "%s is a flattened stream inside another one: rearrange it first (makedumpfile -R)",
				  s->name);
	if (df_input_name(head, len, is))
		return df_err_set(err, DUMPFILTER_E_FORMAT, "%s is %s", s->name, is);
	return df_err_set(err, DUMPFILTER_E_FORMAT,
			  "%s is not a memory image: it is neither an ELF core file nor a kdump-compressed one",
			  s->name);
}

/* Length of a source that does not tell (a file that the kernel makes as it is read, callbacks): the first offset at
 * which nothing can be read.  Nothing may be looked for behind it, whatever headers promise. */
static void measure(struct df_source *s)
{
	uint64_t have = 0, none = UINT64_C(1) << 62;
	struct df_err ignored;
	uint8_t byte;

	if (s->length != UINT64_MAX)
		return;
	while (none - have > 1) {
		uint64_t mid = have + (none - have) / 2;

		/* a byte that cannot be read is there all the same */
		if (df_source_read(s, mid, &byte, 1, &ignored) == DUMPFILTER_E_TRUNCATED)
			none = mid;
		else
			have = mid;
	}
	if (!have && df_source_read(s, 0, &byte, 1, &ignored) == DUMPFILTER_E_TRUNCATED)
		none = 0;
	s->length = none;
}

static const struct df_input *input_of(const uint8_t *head, size_t len)
{
	for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
		if (inputs[i]->probe(head, len))
			return inputs[i];
	return NULL;
}

/* The first block must be readable, the second is there to name what is no input. */
static int read_head(const struct df_source *s, uint8_t *head, size_t *len, struct df_err *err)
{
	size_t all = s->length < DF_INPUT_PROBE ? (size_t)s->length : DF_INPUT_PROBE, first = DF_INPUT_PROBE / 2;
	struct df_err ignored;
	int r;

	*len = all < first ? all : first;
	r = df_source_read(s, 0, head, *len, err);
	if (!r && all > first && !input_of(head, *len) &&
	    !df_source_read(s, first, head + first, all - first, &ignored))
		*len = all;
	return r;
}

int df_input_look(struct df_source *s, uint8_t head[DF_INPUT_PROBE], size_t *len, bool *cut, struct df_err *err)
{
	int r;

	*cut = false;
	memset(head, 0, DF_INPUT_PROBE);
	measure(s);
	if (s->length == 0)
		return df_err_set(err, DUMPFILTER_E_FORMAT, "%s is empty", s->name);
	r = read_head(s, head, len, err);
	if (r < 0 || !df_flat_is(head, *len))
		return r;
	/* a flattened stream: what it makes is the input */
	r = df_source_flatten(s, err);
	*cut = df_source_cut(s);
	memset(head, 0, DF_INPUT_PROBE);
	return r ? r : read_head(s, head, len, err);
}

int df_input_open(struct df_image *img, struct df_err *err)
{
	uint8_t head[DF_INPUT_PROBE];
	size_t len = 0;
	int r = df_input_look(&img->source, head, &len, &img->past.incomplete, err);

	for (size_t i = 0; !r && i < sizeof inputs / sizeof *inputs; i++) {
		if (!inputs[i]->probe(head, len))
			continue;
		r = inputs[i]->open(img, head, len, err);
		if (!r)
			return 0;
	}
	if (!r)
		r = refuse(&img->source, head, len, err);
	df_image_fini(img);
	return r;
}
