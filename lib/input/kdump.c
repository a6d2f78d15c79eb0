/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kdump-compressed files of any version from 1 on, word size and byte order: what makedumpfile, QEMU and this library
 * write.  What is described is bitmap 1, what is stored is bitmap 2; both become page sets.
 */
#include "input/kdump.h"

#include "base/bits.h"
#include "base/bytes.h"
#include "format/elf.h"
#include "format/machine.h"
#include "input/input.h"
#include "input/notes.h"

#include <inttypes.h>
#include <string.h>

#define MAX_FRAMES  (UINT64_C(1) << 38) /* 1 PiB in pages of 4 KiB; their rank index takes 64 MiB */
#define MAX_PADDR   (UINT64_C(1) << 56)
#define MAX_LOADS   ((size_t)1 << 16) /* the last one takes in what is left */
#define CHUNK_BYTES (DF_CHUNK_PAGES / 8)
#define PIECE       16u /* chunks of a bitmap read at once */
#define CODECS      (DF_KDUMP_ZLIB | DF_KDUMP_LZO | DF_KDUMP_SNAPPY | DF_KDUMP_ZSTD)
#define STATUS      ((uint32_t)(CODECS | DF_KDUMP_INCOMPLETE | DF_KDUMP_EXCLUDED_VMEMMAP))

static bool probe(const uint8_t *head, size_t length)
{
	return df_kdump_is(head, length);
}

static int corrupt(const struct df_kdump_opener *opener, const char *what, uint64_t value, struct df_err *err)
{
	return df_err_set(err, DUMPFILTER_E_CORRUPT, "%s: kdump header: %s %" PRIu64 " is not possible",
			  opener->source->name, what, value);
}

static const uint8_t *uts_machine(const struct df_kdump_opener *opener)
{
	return opener->header.uts + 4 * DF_KDUMP_UTS_FIELD;
}

/* ---- headers */

static int read_header(struct df_kdump_opener *opener, const uint8_t *head, size_t length, struct df_err *err)
{
	const char *name = opener->source->name;

	if (!df_kdump_guess_abi(head, length, &opener->input->abi))
		return df_err_set(err, DUMPFILTER_E_CORRUPT,
				  "%s has the signature of a kdump-compressed file but no header that makes sense",
				  name);
	df_kdump_decode_header(&opener->input->abi, head, &opener->header);
	if (!opener->header.version)
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s: version 0 of the kdump-compressed format (before 2007) is not supported", name);
	opener->input->block = opener->header.block_size;
	return 0;
}

/* Does [offset, offset + size) lie in the blocks of the sub header, or is nothing there? */
static bool in_sub_blocks(const struct df_kdump_opener *opener, uint64_t offset, uint64_t size)
{
	uint64_t end;

	if (!size)
		return !offset;
	return offset >= opener->input->block && df_add64(offset, size, &end) && end <= opener->bitmap_at;
}

/* The alignment of 64-bit numbers is not said anywhere: the one that gives offsets inside the header is right. */
static void choose_alignment(struct df_kdump_opener *opener, const uint8_t *raw)
{
	uint8_t usual = df_kdump_align64(opener->input->abi.bits,
					 df_machine_number(uts_machine(opener), DF_KDUMP_UTS_FIELD));
	struct df_kdump_abi *abi = &opener->input->abi;

	for (unsigned i = 0; i < 2; i++) {
		abi->align64 = i ? 12 - usual : usual;
		df_kdump_decode_subheader(abi, opener->header.version, raw, &opener->subheader);
		if (in_sub_blocks(opener, opener->subheader.offset_vmcoreinfo, opener->subheader.size_vmcoreinfo) &&
		    in_sub_blocks(opener, opener->subheader.offset_note, opener->subheader.size_note))
			return;
		if (abi->bits == 64)
			break; /* no choice */
	}
	abi->align64 = usual;
	df_kdump_decode_subheader(abi, opener->header.version, raw, &opener->subheader);
}

static int read_subheader(struct df_kdump_opener *opener, struct df_err *err)
{
	const struct df_source *source = opener->source;
	uint8_t raw[DF_KDUMP_SUBHEADER_MAX];
	int result = df_source_read(source, opener->input->block, raw, sizeof raw, err);

	if (result < 0)
		return df_err_wrap(err, "kdump sub header");
	opener->bitmap_at = (UINT64_C(1) + opener->header.sub_hdr_size) * opener->input->block;
	choose_alignment(opener, raw);
	opener->start = opener->header.version >= 6 ? opener->subheader.start_pfn_64 : opener->subheader.start_pfn;
	opener->end = opener->header.version >= 6 ? opener->subheader.end_pfn_64 : opener->subheader.end_pfn;
	opener->max_mapnr = opener->subheader.max_mapnr_64 ? opener->subheader.max_mapnr_64 : opener->header.max_mapnr;
	/* as collectors know it (docs/collectors.md), and before anything is refused: a piece alone has a level, too */
	df_log(opener->image->env, DUMPFILTER_LOG_DEBUG, "  dump_level       : %u",
	       opener->subheader.dump_level & DUMPFILTER_LEVEL_MAX);
	if (opener->subheader.dump_level > DUMPFILTER_LEVEL_MAX)
		df_log(opener->image->env, DUMPFILTER_LOG_WARN, "%s: dump level %u in its header: only %u of it counts",
		       source->name, opener->subheader.dump_level, opener->subheader.dump_level & DUMPFILTER_LEVEL_MAX);
	return 0;
}

/* Both bitmaps; a file with room for only one (as readers see it) has one that stands for both. */
static int place_bitmaps(struct df_kdump_opener *opener, struct df_err *err)
{
	uint64_t block = opener->input->block, half = opener->header.bitmap_blocks / 2 * block, need;

	if (!opener->max_mapnr || opener->max_mapnr > MAX_PADDR / block)
		return corrupt(opener, "number of page frames", opener->max_mapnr, err);
	if (opener->max_mapnr > MAX_FRAMES)
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s: %" PRIu64 " page frames are more than the %" PRIu64 " that are supported",
				  opener->source->name, opener->max_mapnr, MAX_FRAMES);
	need = (opener->max_mapnr + 7) / 8;
	if (need > opener->header.bitmap_blocks * block)
		return corrupt(opener, "number of bitmap blocks", opener->header.bitmap_blocks, err);
	opener->bitmap1 = opener->bitmap_at;
	opener->bitmap2 = need <= half ? opener->bitmap1 + half : opener->bitmap1;
	opener->input->desc_at = opener->bitmap_at + opener->header.bitmap_blocks * block;
	/* before memory for that many frames is asked for */
	if (opener->bitmap2 + need > opener->source->length)
		return df_err_set(err, DUMPFILTER_E_TRUNCATED,
				  "%s: ends at byte %" PRIu64 ", but its bitmaps would end at %" PRIu64,
				  opener->source->name, opener->source->length, opener->bitmap2 + need);
	return 0;
}

/* ---- notes */

static bool in_file(const struct df_kdump_opener *opener, uint64_t offset, uint64_t size)
{
	uint64_t end;

	return size && size <= DF_INPUT_MAX_NOTES && df_add64(offset, size, &end) && end <= opener->source->length;
}

static int read_notes(struct df_kdump_opener *opener, size_t *cap, struct df_err *err)
{
	struct df_image *image = opener->image;
	size_t length = (size_t)df_round_up(opener->subheader.size_note, 4);
	struct df_err why;

	if (!opener->subheader.size_note)
		return 0;
	if (!in_file(opener, opener->subheader.offset_note, opener->subheader.size_note)) {
		df_log(image->env, DUMPFILTER_LOG_WARN,
		       "%s: notes of %" PRIu64 " bytes at %" PRIu64 " are not in the file: ignored",
		       opener->source->name, opener->subheader.size_note, opener->subheader.offset_note);
		return 0;
	}
	if (!df_grow(image->env, (void **)&image->notes, cap, length, 1))
		return df_err_nomem(err, image->env, "notes", length);
	if (df_source_read(opener->source, opener->subheader.offset_note, image->notes,
			   (size_t)opener->subheader.size_note, &why) < 0)
		df_log(image->env, DUMPFILTER_LOG_WARN, "notes: %s: ignored", why.text);
	else
		image->notes_len = length;
	return 0;
}

/* Behind what the image has.  Pieces that were made of a dump that had such a text all have it: that counts once. */
static int add_eraseinfo(struct df_kdump_opener *opener, const uint8_t *text, size_t length, struct df_err *err)
{
	struct df_image *image = opener->image;
	size_t had = image->eraseinfo_len;

	if (length == opener->erased_first && !memcmp(image->eraseinfo, text, length))
		return 0;
	if (!df_grow(image->env, (void **)&image->eraseinfo, &opener->erased_cap, had + length, 1))
		return df_err_nomem(err, image->env, "text about erased data", had + length);
	memcpy(image->eraseinfo + had, text, length);
	image->eraseinfo_len += length;
	if (!had)
		opener->erased_first = length;
	return 0;
}

int df_kdump_read_eraseinfo(struct df_kdump_opener *opener, struct df_err *err)
{
	uint64_t size = opener->subheader.size_eraseinfo;
	struct df_env *env = opener->image->env;
	struct df_err why;
	uint8_t *text;
	int result = 0;

	if (!size)
		return 0;
	if (size > DF_INPUT_MAX_ERASEINFO || !in_file(opener, opener->subheader.offset_eraseinfo, size)) {
		df_log(env, DUMPFILTER_LOG_WARN,
		       "%s: text about erased data, %" PRIu64 " bytes at %" PRIu64 ", is not in the file: ignored",
		       opener->source->name, size, opener->subheader.offset_eraseinfo);
		return 0;
	}
	text = df_alloc(env, (size_t)size);
	if (!text)
		return df_err_nomem(err, env, "text about erased data", (size_t)size);
	if (df_source_read(opener->source, opener->subheader.offset_eraseinfo, text, (size_t)size, &why) < 0)
		df_log(env, DUMPFILTER_LOG_WARN, "text about erased data: %s: ignored", why.text);
	else
		result = add_eraseinfo(opener, text, (size_t)size, err);
	df_free(env, text);
	return result;
}

/* Version 3 has VMCOREINFO but no notes: it gets one, so that the output is like any other. */
static int take_notes(struct df_kdump_opener *opener, struct df_err *err)
{
	struct df_image *image = opener->image;
	struct df_err why;
	size_t cap = 0;
	int result = read_notes(opener, &cap, err);

	if (result < 0)
		return result;
	df_input_scan_notes(image);
	if (!image->vmcoreinfo_len &&
	    in_file(opener, opener->subheader.offset_vmcoreinfo, opener->subheader.size_vmcoreinfo)) {
		result = df_input_add_vmcoreinfo(image, opener->source, opener->subheader.offset_vmcoreinfo,
						 (uint32_t)opener->subheader.size_vmcoreinfo, &cap, &why);
		if (result == DUMPFILTER_E_NOMEM) {
			*err = why;
			return result;
		}
		if (result < 0)
			df_log(image->env, DUMPFILTER_LOG_WARN, "VMCOREINFO: %s: ignored", why.text);
		df_input_scan_notes(image);
	}
	if (!image->cpus && (int32_t)opener->header.nr_cpus > 0)
		image->cpus = (uint32_t)opener->header.nr_cpus;
	return 0;
}

/* ---- bitmaps */

static void words_of(const uint8_t *raw, uint64_t frames, uint64_t words[DF_CHUNK_WORDS])
{
	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++) {
		uint64_t first = i * 64;

		words[i] = df_get64(raw + i * 8, false); /* by bytes on every machine */
		if (first + 64 > frames)
			words[i] &= first >= frames ? 0 : df_bit_mask(0, (unsigned)(frames - first));
	}
}

static int take_chunk(struct df_kdump_opener *opener, uint64_t chunk, const uint8_t *raw1, const uint8_t *raw2,
		      struct df_err *err)
{
	uint64_t frames = opener->max_mapnr - (chunk << DF_CHUNK_SHIFT), described[DF_CHUNK_WORDS],
		 stored[DF_CHUNK_WORDS];
	struct df_image *image = opener->image;
	int result;

	words_of(raw1, frames, described);
	words_of(raw2, frames, stored);
	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
		described[i] |= stored[i]; /* what is stored exists */
	opener->input->rank[chunk] = image->stored_set.count;
	result = df_pageset_store(&image->described_set, chunk, described, err);
	return result ? result : df_pageset_store(&image->stored_set, chunk, stored, err);
}

static int read_bitmaps(struct df_kdump_opener *opener, struct df_err *err)
{
	const struct df_source *source = opener->source;
	uint64_t bytes = (opener->max_mapnr + 7) / 8;
	uint8_t *raw1 = opener->buffer, *raw2 = opener->buffer + PIECE * CHUNK_BYTES;
	int result = 0;

	for (uint64_t at = 0; !result && at < bytes; at += PIECE * CHUNK_BYTES) {
		size_t count = bytes - at < PIECE * CHUNK_BYTES ? (size_t)(bytes - at) : PIECE * CHUNK_BYTES;

		if (df_cancelled(opener->image->env))
			return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
		memset(opener->buffer, 0, 2 * (size_t)PIECE * CHUNK_BYTES);
		result = df_source_read(source, opener->bitmap1 + at, raw1, count, err);
		if (!result)
			result = df_source_read(source, opener->bitmap2 + at, raw2, count, err);
		for (size_t i = 0; !result && i < count; i += CHUNK_BYTES)
			result = take_chunk(opener, (at + i) / CHUNK_BYTES, raw1 + i, raw2 + i, err);
	}
	return result < 0 ? df_err_wrap(err, "bitmaps") : 0;
}

int df_kdump_compare_bitmap(struct df_kdump_opener *opener, uint64_t first, uint64_t end, struct df_err *err)
{
	uint64_t words[DF_CHUNK_WORDS], there[DF_CHUNK_WORDS];

	for (uint64_t chunk = first >> DF_CHUNK_SHIFT; chunk << DF_CHUNK_SHIFT < end; chunk++) {
		uint64_t base = chunk << DF_CHUNK_SHIFT, left = opener->max_mapnr - base;
		uint64_t count = left < DF_CHUNK_PAGES ? left : DF_CHUNK_PAGES;
		int result;

		memset(opener->buffer, 0, CHUNK_BYTES);
		result = df_source_read(opener->source, opener->bitmap2 + base / 8, opener->buffer,
					(size_t)(count + 7) / 8, err);
		if (result < 0)
			return df_err_wrap(err, "bitmaps");
		words_of(opener->buffer, count, there);
		df_pageset_load(&opener->image->stored_set, chunk, words);
		if (memcmp(words, there, sizeof words))
			return df_err_set(err, DUMPFILTER_E_CORRUPT,
					  "%s: lists other pages than the first piece of the dump, from page frame "
					  "%#" PRIx64 " on",
					  opener->source->name, base);
	}
	return 0;
}

static int make_sets(struct df_kdump_opener *opener, struct df_err *err)
{
	struct df_image *image = opener->image;
	uint64_t chunks = (opener->max_mapnr + DF_CHUNK_PAGES - 1) >> DF_CHUNK_SHIFT;
	int result = df_pageset_init(&image->described_set, image->env, opener->max_mapnr, err);

	if (!result)
		result = df_pageset_init(&image->stored_set, image->env, opener->max_mapnr, err);
	if (result < 0)
		return result;
	opener->input->rank = df_alloc_array(image->env, chunks, sizeof *opener->input->rank);
	opener->buffer = df_alloc(image->env, 2 * (size_t)PIECE * CHUNK_BYTES);
	if (!opener->input->rank || !opener->buffer)
		return df_err_nomem(err, image->env, "the index of page frames", chunks * sizeof *opener->input->rank);
	result = read_bitmaps(opener, err);
	if (!result && !image->stored_set.count)
		result = df_err_set(err, DUMPFILTER_E_FORMAT, "%s lists no page: there is no memory in it",
				    opener->source->name);
	return result;
}

/* For ELF output: a load for each range of memory that exists, at addresses as QEMU gives them. */
static int make_loads(struct df_kdump_opener *opener, struct df_err *err)
{
	struct df_image *image = opener->image;
	unsigned shift = image->frame_shift;
	size_t cap = 0;

	for (uint64_t start, end = 0; df_pageset_next_run(&image->described_set, end, &start, &end);) {
		if (image->nloads == MAX_LOADS) {
			image->loads[MAX_LOADS - 1].memsz = (end << shift) - image->loads[MAX_LOADS - 1].paddr;
			continue;
		}
		if (!df_grow(image->env, (void **)&image->loads, &cap, image->nloads + 1, sizeof *image->loads))
			return df_err_nomem(err, image->env, "memory ranges",
					    (image->nloads + 1) * sizeof *image->loads);
		image->loads[image->nloads++] = (struct df_load){
			.paddr = start << shift,
			.vaddr = start << shift,
			.memsz = (end - start) << shift,
			.flags = 7 /* rwx */
		};
	}
	return 0;
}

/* ---- the whole */

static int take_codec(struct df_kdump_opener *opener, struct df_err *err)
{
	uint32_t flag = opener->header.status & CODECS;

	opener->input->codec = df_codec_by_flag(flag);
	opener->image->past.codec_flag = flag;
	if (!flag || opener->input->codec || flag & (flag - 1))
		return 0;
	return df_err_set(err, DUMPFILTER_E_UNSUPPORTED, "%s is compressed with %s, which is not built in",
			  opener->source->name,
			  df_codec_name(flag == DF_KDUMP_LZO      ? DUMPFILTER_CODEC_LZO
					: flag == DF_KDUMP_SNAPPY ? DUMPFILTER_CODEC_SNAPPY
								  : DUMPFILTER_CODEC_ZSTD));
}

/* The output has a header of version 6, with nothing in the fields that no reader looks at. */
static void leave_header(struct df_kdump_opener *opener)
{
	const struct df_kdump_header *header = &opener->header;
	const struct {
		const char *name;
		uint32_t value;
	} unused[] = { { "total_ram_blocks", header->total_ram_blocks },
		       { "device_blocks", header->device_blocks },
		       { "written_blocks", header->written_blocks },
		       { "current_cpu", header->current_cpu } };

	if (header->version > DF_KDUMP_VERSION)
		df_image_leave(opener->image, "what version %" PRIu32 " of its header has and version %u has not",
			       header->version, DF_KDUMP_VERSION);
	if (header->status & ~STATUS)
		df_image_leave(opener->image, "bits %#" PRIx32 " of its header's status", header->status & ~STATUS);
	for (size_t i = 0; i < sizeof unused / sizeof *unused; i++)
		if (unused[i].value)
			df_image_leave(opener->image, "%s %" PRIu32 " of its header", unused[i].name, unused[i].value);
}

static void describe(struct df_kdump_opener *opener)
{
	struct df_past *past = &opener->image->past;
	struct df_image *image = opener->image;

	image->format = "kdump-compressed";
	image->big_endian = opener->input->abi.big_endian;
	image->bits = opener->input->abi.bits;
	image->machine = df_machine_number(uts_machine(opener), DF_KDUMP_UTS_FIELD);
	image->elf_type = DF_ELF_ET_CORE;
	image->frame_shift = (uint8_t)__builtin_ctz(opener->input->block);
	image->page_size = opener->input->block;
	image->end_paddr = opener->max_mapnr * opener->input->block;
	past->level = (int)(opener->subheader.dump_level & DUMPFILTER_LEVEL_MAX);
	past->incomplete |= opener->header.status & DF_KDUMP_INCOMPLETE;
	past->no_vmemmap = opener->header.status & DF_KDUMP_EXCLUDED_VMEMMAP;
	past->has_phys_base = true;
	past->phys_base = opener->subheader.phys_base;
	past->crash_time = opener->header.time_sec;
	past->crash_usec = opener->header.time_usec;
	memcpy(past->uts, opener->header.uts, sizeof past->uts);
	leave_header(opener);
}

/* QEMU writes "Unknown" as the machine's name where it was not told of one, as in Debian 13. */
static void find_machine(struct df_image *image)
{
	if (!image->machine && image->bits == 64 && image->vmcoreinfo_len)
		image->machine = df_machine_of_vmcoreinfo((const char *)image->notes + image->vmcoreinfo_at,
							  image->vmcoreinfo_len);
}

int df_kdump_read_headers(struct df_kdump_opener *opener, const uint8_t *head, size_t length, struct df_err *err)
{
	int result = read_header(opener, head, length, err);

	return result ? result : read_subheader(opener, err);
}

int df_kdump_read_rest(struct df_kdump_opener *opener, struct df_err *err)
{
	int result = place_bitmaps(opener, err);

	if (!result)
		result = take_codec(opener, err);
	if (result < 0)
		return result;
	describe(opener);
	result = take_notes(opener, err);
	if (!result)
		result = df_input_judge_notes(opener->image, err);
	if (!result)
		find_machine(opener->image);
	if (!result)
		result = make_sets(opener, err);
	return result ? result : make_loads(opener, err);
}

struct df_kdump_opener *df_kdump_opener_new(struct df_image *image, struct df_err *err)
{
	struct df_kdump_opener *opener = df_alloc(image->env, sizeof *opener);
	struct df_kdump_input *input = df_alloc(image->env, sizeof *input);

	if (!opener || !input) {
		df_err_nomem(err, image->env, "the headers", sizeof *opener + sizeof *input);
		df_free(image->env, input);
		df_free(image->env, opener);
		return NULL;
	}
	opener->image = image;
	opener->input = image->format_data = input;
	image->image_ops = &df_kdump_image_ops;
	return opener;
}

void df_kdump_opener_free(struct df_kdump_opener *opener)
{
	if (!opener)
		return;
	df_free(opener->image->env, opener->buffer);
	df_free(opener->image->env, opener);
}

/* A dump that is one file. */
static int open_whole(struct df_kdump_opener *opener, const uint8_t *head, size_t length, struct df_err *err)
{
	int result = df_kdump_read_headers(opener, head, length, err);

	if (result < 0)
		return result;
	if (opener->subheader.split)
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s is one piece of a split dump: give all of its pieces (makedumpfile --reassemble "
				  "puts them together)",
				  opener->source->name);
	opener->input->pieces = df_alloc(opener->image->env, sizeof *opener->input->pieces);
	if (!opener->input->pieces)
		return df_err_nomem(err, opener->image->env, "the headers", sizeof *opener->input->pieces);
	opener->input->npieces = 1;
	opener->input->pieces[0].end = UINT64_MAX;
	result = df_kdump_read_rest(opener, err);
	return result ? result : df_kdump_read_eraseinfo(opener, err);
}

static int open_kdump(struct df_image *image, const uint8_t *head, size_t length, struct df_err *err)
{
	struct df_kdump_opener *opener = df_kdump_opener_new(image, err);
	int result;

	if (!opener)
		return err->code;
	image->source.can_map = false; /* what is wanted of it lies in small pieces far apart: mapping costs more */
	opener->source = &image->source;
	result = open_whole(opener, head, length, err);
	df_kdump_opener_free(opener);
	return result ? result : df_input_find_eraseinfo(image, err);
}

const struct df_input df_input_kdump = {
	.name = "kdump-compressed", .is = "a kdump-compressed file", .probe = probe, .open = open_kdump
};
