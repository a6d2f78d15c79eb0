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

static uint64_t get(const uint8_t *bytes, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

/* Program header number i of an ELF64 file; false: there are not so many. */
static bool header_at(const uint8_t *file, unsigned i, struct header *header)
{
	const uint8_t *bytes = file + get(file + 32, 8) + i * 56;

	if (i >= get(file + 56, 2))
		return false;
	*header = (struct header){ (uint32_t)get(bytes, 4), get(bytes + 8, 8), get(bytes + 32, 8), get(bytes + 40, 8),
				   get(bytes + 48, 8) };
	return true;
}

static void init(struct fi_run *run, const struct fi_image *image)
{
	fi_run_init(run, image);
	run->config.level = 31;
	run->config.format = DUMPFILTER_FORMAT_ELF;
	run->config.codec = DUMPFILTER_CODEC_NONE;
	run->disk.caps = REWRITE;
}

/* p_align of PT_NOTE is the input's: crash tells kdump's files from netdump's by alignments. */
static void note_alignment(uint64_t align, const char *more)
{
	struct fi_image image;
	struct fi_run run;
	struct header header;

	FINE(fi_image_build(&image, fi_tiny, more));
	init(&run, &image);
	FINE(fi_run_go(&run));
	CHECK_EQ(run.result, 0);
	CHECK(header_at(run.disk.data, 0, &header));
	CHECK_EQ(header.type, PT_NOTE);
	CHECK_EQ(header.align, align);
	CHECK(header_at(run.disk.data, 1, &header));
	CHECK_EQ(header.type, PT_LOAD);
	CHECK_EQ(header.align, 0);
	fi_run_free(&run);
	fi_image_free(&image);
}

/* No header speaks of bytes behind the end of the file, also of none: crash says that such a file may be truncated. */
static void promised(const struct fi_run *run, unsigned *empty)
{
	struct header header;

	for (unsigned i = 0; header_at(run->disk.data, i, &header); i++) {
		CHECK(header.filesz <= header.memsz);
		CHECK(header.offset + header.filesz <= run->disk.end);
		*empty += !header.filesz && header.offset;
	}
}

static void full_disks(void)
{
	unsigned partial = 0, empty = 0;
	struct fi_image image;

	FINE(fi_image_build(&image, fi_recipe, NULL));
	for (uint64_t limit = 16 << 10; limit < image.built.size; limit += 250001) {
		struct fi_run run;

		init(&run, &image);
		run.limit = limit;
		FINE(fi_run_go(&run));
		CHECK(run.result == 0 || run.result == DUMPFILTER_PARTIAL);
		partial += run.result == DUMPFILTER_PARTIAL;
		promised(&run, &empty);
		fi_run_free(&run);
	}
	CHECK(partial > 5);
	CHECK(empty > 5);
	fi_image_free(&image);
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
