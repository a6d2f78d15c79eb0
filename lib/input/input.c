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
static void measure(struct df_image *img)
{
	uint64_t have = 0, none = UINT64_C(1) << 62;
	struct df_err ignored;
	uint8_t byte;

	if (img->source.length != UINT64_MAX)
		return;
	while (none - have > 1) {
		uint64_t mid = have + (none - have) / 2;

		/* a byte that cannot be read is there all the same */
		if (df_source_read(&img->source, mid, &byte, 1, &ignored) == DUMPFILTER_E_TRUNCATED)
			none = mid;
		else
			have = mid;
	}
	if (!have && df_source_read(&img->source, 0, &byte, 1, &ignored) == DUMPFILTER_E_TRUNCATED)
		none = 0;
	img->source.length = none;
}

static int read_head(struct df_image *img, uint8_t *head, size_t *len, struct df_err *err)
{
	*len = img->source.length < DF_INPUT_PROBE ? (size_t)img->source.length : DF_INPUT_PROBE;
	return df_source_read(&img->source, 0, head, *len, err);
}

/* The source is a flattened stream: what it makes is the input. */
static int look_inside(struct df_image *img, uint8_t head[DF_INPUT_PROBE], size_t *len, struct df_err *err)
{
	int r = df_source_flatten(&img->source, err);

	img->past.incomplete = df_source_cut(&img->source);
	memset(head, 0, DF_INPUT_PROBE);
	return r ? r : read_head(img, head, len, err);
}

int df_input_open(struct df_image *img, struct df_err *err)
{
	uint8_t head[DF_INPUT_PROBE] = { 0 };
	size_t len = 0;
	int r = 0;

	measure(img);
	if (img->source.length == 0)
		r = df_err_set(err, DUMPFILTER_E_FORMAT, "%s is empty", img->source.name);
	else
		r = read_head(img, head, &len, err);
	if (!r && df_flat_is(head, len))
		r = look_inside(img, head, &len, err);
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
