/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "input/input.h"

#include "format/flat.h"

#include <stdio.h>
#include <string.h>

static const struct df_input *const inputs[] = { &df_input_kdump, &df_input_elf };

bool df_input_name(const uint8_t *head, size_t length, char text[DF_FOREIGN_TEXT])
{
	if (df_foreign_name(head, length, text))
		return true;
	for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
		if (!inputs[i]->probe(head, length))
			continue;
		snprintf(text, DF_FOREIGN_TEXT, "%s", inputs[i]->is);
		return true;
	}
	return false;
}

static int refuse(const struct df_source *source, const uint8_t *head, size_t length, struct df_err *err)
{
	char is[DF_FOREIGN_TEXT];

	if (df_flat_is(head, length))
		return df_err_set(err, DUMPFILTER_E_FORMAT,
				  "%s is a flattened stream inside another one: rearrange it first (makedumpfile -R)",
				  source->name);
	if (df_input_name(head, length, is))
		return df_err_set(err, DUMPFILTER_E_FORMAT, "%s is %s", source->name, is);
	return df_err_set(err, DUMPFILTER_E_FORMAT,
			  "%s is not a memory image: it is neither an ELF core file nor a kdump-compressed one",
			  source->name);
}

/* Length of a source that does not tell (a file that the kernel makes as it is read, callbacks): the first offset at
 * which nothing can be read.  Nothing may be looked for behind it, whatever headers promise. */
static void measure(struct df_source *source)
{
	uint64_t have = 0, none = UINT64_C(1) << 62;
	struct df_err ignored;
	uint8_t byte;

	if (source->length != UINT64_MAX)
		return;
	while (none - have > 1) {
		uint64_t mid = have + (none - have) / 2;

		/* a byte that cannot be read is there all the same */
		if (df_source_read(source, mid, &byte, 1, &ignored) == DUMPFILTER_E_TRUNCATED)
			none = mid;
		else
			have = mid;
	}
	if (!have && df_source_read(source, 0, &byte, 1, &ignored) == DUMPFILTER_E_TRUNCATED)
		none = 0;
	source->length = none;
}

static const struct df_input *input_of(const uint8_t *head, size_t length)
{
	for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
		if (inputs[i]->probe(head, length))
			return inputs[i];
	return NULL;
}

/* The first block must be readable, the second is there to name what is no input. */
static int read_head(const struct df_source *source, uint8_t *head, size_t *length, struct df_err *err)
{
	size_t all = source->length < DF_INPUT_PROBE ? (size_t)source->length : DF_INPUT_PROBE,
	       first = DF_INPUT_PROBE / 2;
	struct df_err ignored;
	int result;

	*length = all < first ? all : first;
	result = df_source_read(source, 0, head, *length, err);
	if (!result && all > first && !input_of(head, *length) &&
	    !df_source_read(source, first, head + first, all - first, &ignored))
		*length = all;
	return result;
}

int df_input_look(struct df_source *source, uint8_t head[DF_INPUT_PROBE], size_t *length, bool *cut, struct df_err *err)
{
	int result;

	*cut = false;
	memset(head, 0, DF_INPUT_PROBE);
	measure(source);
	if (source->length == 0)
		return df_err_set(err, DUMPFILTER_E_FORMAT, "%s is empty", source->name);
	result = read_head(source, head, length, err);
	if (result < 0 || !df_flat_is(head, *length))
		return result;
	/* a flattened stream: what it makes is the input */
	result = df_source_flatten(source, err);
	*cut = df_source_cut(source);
	memset(head, 0, DF_INPUT_PROBE);
	return result ? result : read_head(source, head, length, err);
}

int df_input_open(struct df_image *image, struct df_err *err)
{
	uint8_t head[DF_INPUT_PROBE];
	size_t length = 0;
	int result = df_input_look(&image->source, head, &length, &image->past.incomplete, err);

	for (size_t i = 0; !result && i < sizeof inputs / sizeof *inputs; i++) {
		if (!inputs[i]->probe(head, length))
			continue;
		result = inputs[i]->open(image, head, length, err);
		if (!result)
			return 0;
	}
	if (!result)
		result = refuse(&image->source, head, length, err);
	df_image_fini(image);
	return result;
}
