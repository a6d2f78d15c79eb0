/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The input is a VMCOREINFO text for a small image; the image's own note says the rest, or nothing at all. */
#include "fuzz.h"

#include "build.h"

static const char recipe[] = "ram 0 640K\n"
			     "ram 1M 256K\n"
			     "layout kernel=256K kernel_size=128K\n"
			     "memmodel sparse-extreme section_bits=21 phys_bits=32\n"
			     "paging direct=4K kernel=4K\n"
			     "page 0x10-0x17 kind=anon\n"
			     "page 0x20-0x23 kind=file\n"
			     "compound 0x28 order=3 kind=thp\n"
			     "buddy 0x100 order=4\n";

/* With a note, and without one. */
static struct builder_image images[2];

static void build(void)
{
	char text[1024], err[BUILDER_ERR];

	for (int i = 0; i < 2 && !images[i].data; i++) {
		int count = snprintf(text, sizeof text, "preset 6.1\n%s%s", i ? "info none\n" : "", recipe);

		if (builder_build(text, (size_t)count, &images[i], err)) {
			fprintf(stderr, "%s\n", err);
			abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned how = size ? data[size - 1] : 0;
	const struct builder_image *image;
	struct dumpfilter *df = fz_new(31, how >> 1 & 1, 1);
	struct fz_ranges ranges = { 0 };
	struct fz_source source;

	build();
	image = &images[how & 1];
	source = (struct fz_source){ .data = image->data, .size = image->size, .length = image->size };
	MUST(!fz_open(df, &source));
	if (size > 1 && !dumpfilter_add_vmcoreinfo(df, (const char *)data, size - 1)) {
		MUST(!dumpfilter_fact_foreach(df, fz_fact, NULL) && !dumpfilter_explain(df, fz_line, NULL));
		if (dumpfilter_plan(df) >= 0) {
			fz_check_plan(df, 31, &ranges);
			fz_run(df, false);
		}
	}
	dumpfilter_free(df);
	return 0;
}
