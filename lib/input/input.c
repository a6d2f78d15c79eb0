/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "input/input.h"

#include "format/flat.h"

#include <string.h>

static const struct df_input *const inputs[] = { &df_input_kdump, &df_input_elf };

/* What a file that no probe takes looks like, for the error's hint. */
static const char *describe(const uint8_t *head, size_t len)
{
	if (len >= 24 && df_flat_is(head, len))
		return "it is a flattened stream inside another one: rearrange it first (makedumpfile -R)";
	if (len >= 4 && !memcmp(head, "\x28\xb5\x2f\xfd", 4))
		return "it is compressed with zstd: unpack it first";
	if (len >= 2 && !memcmp(head, "\x1f\x8b", 2))
		return "it is compressed with gzip: unpack it first";
	return "it is neither an ELF core file nor a kdump-compressed one";
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

static int read_head(const struct df_source *s, uint8_t *head, size_t *len, struct df_err *err)
{
	*len = s->length < DF_INPUT_PROBE ? (size_t)s->length : DF_INPUT_PROBE;
	return df_source_read(s, 0, head, *len, err);
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
		r = df_err_set(err, DUMPFILTER_E_FORMAT, "%s is not a memory image: %s", img->source.name,
			       describe(head, len));
	df_image_fini(img);
	return r;
}
