/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Program headers of ELF output: what is copied of the input's, and what they promise where the disk was full. */
#include "faults.h"
#include "t.h"

#define RANDOM  DUMPFILTER_IO_RANDOM
#define REWRITE (RANDOM | DUMPFILTER_IO_REWRITE)

#define PT_LOAD 1u
#define PT_NOTE 4u

struct header {
	uint32_t type;
	uint64_t offset, filesz, memsz, align;
};

static uint64_t get(const uint8_t *p, unsigned width)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < width; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

/* Program header number i of an ELF64 file; false: there are not so many. */
static bool header_at(const uint8_t *file, unsigned i, struct header *out)
{
	const uint8_t *p = file + get(file + 32, 8) + i * 56;

	if (i >= get(file + 56, 2))
		return false;
	*out = (struct header){ (uint32_t)get(p, 4), get(p + 8, 8), get(p + 32, 8), get(p + 40, 8), get(p + 48, 8) };
	return true;
}

static void init(struct fi_run *x, const struct fi_image *img)
{
	fi_run_init(x, img);
	x->cfg.level = 31;
	x->cfg.format = DUMPFILTER_FORMAT_ELF;
	x->cfg.codec = DUMPFILTER_CODEC_NONE;
	x->disk.caps = REWRITE;
}

/* p_align of PT_NOTE is the input's: crash tells kdump's files from netdump's by alignments. */
static void note_alignment(uint64_t align, const char *more)
{
	struct fi_image img;
	struct fi_run x;
	struct header h;

	FINE(fi_image_build(&img, fi_tiny, more));
	init(&x, &img);
	FINE(fi_run_go(&x));
	CHECK_EQ(x.result, 0);
	CHECK(header_at(x.disk.data, 0, &h));
	CHECK_EQ(h.type, PT_NOTE);
	CHECK_EQ(h.align, align);
	CHECK(header_at(x.disk.data, 1, &h));
	CHECK_EQ(h.type, PT_LOAD);
	CHECK_EQ(h.align, 0);
	fi_run_free(&x);
	fi_image_free(&img);
}

/* No header speaks of bytes behind the end of the file, also of none: crash says that such a file may be truncated. */
static void promised(const struct fi_run *x, unsigned *empty)
{
	struct header h;

	for (unsigned i = 0; header_at(x->disk.data, i, &h); i++) {
		CHECK(h.filesz <= h.memsz);
		CHECK(h.offset + h.filesz <= x->disk.end);
		*empty += !h.filesz && h.offset;
	}
}

static void full_disks(void)
{
	unsigned partial = 0, empty = 0;
	struct fi_image img;

	FINE(fi_image_build(&img, fi_recipe, NULL));
	for (uint64_t limit = 16 << 10; limit < img.built.size; limit += 250001) {
		struct fi_run x;

		init(&x, &img);
		x.limit = limit;
		FINE(fi_run_go(&x));
		CHECK(x.result == 0 || x.result == DUMPFILTER_PARTIAL);
		partial += x.result == DUMPFILTER_PARTIAL;
		promised(&x, &empty);
		fi_run_free(&x);
	}
	CHECK(partial > 5);
	CHECK(empty > 5);
	fi_image_free(&img);
}

int main(void)
{
	T_RUN("note_align_0", note_alignment(0, NULL));
	T_RUN("note_align_4", note_alignment(4, "phdr 0 p_align=4\n")); /* Linux 7.2 and later */
	T_RUN("note_align_of_the_first",
	      note_alignment(8, "note More 1 20 segment=1\nphdr 0 p_align=8\nphdr 1 p_align=4\n"));
	RUN(full_disks);
	return T_END();
}
