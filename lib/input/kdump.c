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

static bool probe(const uint8_t *head, size_t len)
{
	return df_kdump_is(head, len);
}

static int corrupt(const struct df_kdump_opener *o, const char *what, uint64_t value, struct df_err *err)
{
	return df_err_set(err, DUMPFILTER_E_CORRUPT, "%s: kdump header: %s %" PRIu64 " is not possible",
			  o->source->name, what, value);
}

static const uint8_t *uts_machine(const struct df_kdump_opener *o)
{
	return o->h.uts + 4 * DF_KDUMP_UTS_FIELD;
}

/* ---- headers */

static int read_header(struct df_kdump_opener *o, const uint8_t *head, size_t len, struct df_err *err)
{
	const char *name = o->source->name;

	if (!df_kdump_guess_abi(head, len, &o->in->abi))
		return df_err_set(err, DUMPFILTER_E_CORRUPT,
				  "%s has the signature of a kdump-compressed file but no header that makes sense",
				  name);
	df_kdump_decode_header(&o->in->abi, head, &o->h);
	if (!o->h.version)
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s: version 0 of the kdump-compressed format (before 2007) is not supported", name);
	o->in->block = o->h.block_size;
	return 0;
}

/* Does [offset, offset + size) lie in the blocks of the sub header, or is nothing there? */
static bool in_sub_blocks(const struct df_kdump_opener *o, uint64_t offset, uint64_t size)
{
	uint64_t end;

	if (!size)
		return !offset;
	return offset >= o->in->block && df_add64(offset, size, &end) && end <= o->bitmap_at;
}

/* The alignment of 64-bit numbers is not said anywhere: the one that gives offsets inside the header is right. */
static void choose_alignment(struct df_kdump_opener *o, const uint8_t *raw)
{
	uint8_t usual = df_kdump_align64(o->in->abi.bits, df_machine_number(uts_machine(o), DF_KDUMP_UTS_FIELD));
	struct df_kdump_abi *abi = &o->in->abi;

	for (unsigned i = 0; i < 2; i++) {
		abi->align64 = i ? 12 - usual : usual;
		df_kdump_decode_subheader(abi, o->h.version, raw, &o->s);
		if (in_sub_blocks(o, o->s.offset_vmcoreinfo, o->s.size_vmcoreinfo) &&
		    in_sub_blocks(o, o->s.offset_note, o->s.size_note))
			return;
		if (abi->bits == 64)
			break; /* no choice */
	}
	abi->align64 = usual;
	df_kdump_decode_subheader(abi, o->h.version, raw, &o->s);
}

static int read_subheader(struct df_kdump_opener *o, struct df_err *err)
{
	const struct df_source *source = o->source;
	uint8_t raw[DF_KDUMP_SUBHEADER_MAX];
	int r = df_source_read(source, o->in->block, raw, sizeof raw, err);

	if (r < 0)
		return df_err_wrap(err, "kdump sub header");
	o->bitmap_at = (UINT64_C(1) + o->h.sub_hdr_size) * o->in->block;
	choose_alignment(o, raw);
	o->start = o->h.version >= 6 ? o->s.start_pfn_64 : o->s.start_pfn;
	o->end = o->h.version >= 6 ? o->s.end_pfn_64 : o->s.end_pfn;
	o->max_mapnr = o->s.max_mapnr_64 ? o->s.max_mapnr_64 : o->h.max_mapnr;
	/* as collectors know it (docs/collectors.md), and before anything is refused: a piece alone has a level, too */
	df_log(o->img->env, DUMPFILTER_LOG_DEBUG, "  dump_level       : %u", o->s.dump_level & DUMPFILTER_LEVEL_MAX);
	if (o->s.dump_level > DUMPFILTER_LEVEL_MAX)
		df_log(o->img->env, DUMPFILTER_LOG_WARN, "%s: dump level %u in its header: only %u of it counts",
		       source->name, o->s.dump_level, o->s.dump_level & DUMPFILTER_LEVEL_MAX);
	return 0;
}

/* Both bitmaps; a file with room for only one (as readers see it) has one that stands for both. */
static int place_bitmaps(struct df_kdump_opener *o, struct df_err *err)
{
	uint64_t block = o->in->block, half = o->h.bitmap_blocks / 2 * block, need;

	if (!o->max_mapnr || o->max_mapnr > MAX_PADDR / block)
		return corrupt(o, "number of page frames", o->max_mapnr, err);
	if (o->max_mapnr > MAX_FRAMES)
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s: %" PRIu64 " page frames are more than the %" PRIu64 " that are supported",
				  o->source->name, o->max_mapnr, MAX_FRAMES);
	need = (o->max_mapnr + 7) / 8;
	if (need > o->h.bitmap_blocks * block)
		return corrupt(o, "number of bitmap blocks", o->h.bitmap_blocks, err);
	o->bitmap1 = o->bitmap_at;
	o->bitmap2 = need <= half ? o->bitmap1 + half : o->bitmap1;
	o->in->desc_at = o->bitmap_at + o->h.bitmap_blocks * block;
	/* before memory for that many frames is asked for */
	if (o->bitmap2 + need > o->source->length)
		return df_err_set(err, DUMPFILTER_E_TRUNCATED,
				  "%s: ends at byte %" PRIu64 ", but its bitmaps would end at %" PRIu64,
				  o->source->name, o->source->length, o->bitmap2 + need);
	return 0;
}

/* ---- notes */

static bool in_file(const struct df_kdump_opener *o, uint64_t offset, uint64_t size)
{
	uint64_t end;

	return size && size <= DF_INPUT_MAX_NOTES && df_add64(offset, size, &end) && end <= o->source->length;
}

static int read_notes(struct df_kdump_opener *o, size_t *cap, struct df_err *err)
{
	struct df_image *img = o->img;
	size_t len = (size_t)df_round_up(o->s.size_note, 4);
	struct df_err why;

	if (!o->s.size_note)
		return 0;
	if (!in_file(o, o->s.offset_note, o->s.size_note)) {
		df_log(img->env, DUMPFILTER_LOG_WARN,
		       "%s: notes of %" PRIu64 " bytes at %" PRIu64 " are not in the file: ignored", o->source->name,
		       o->s.size_note, o->s.offset_note);
		return 0;
	}
	if (!df_grow(img->env, (void **)&img->notes, cap, len, 1))
		return df_err_nomem(err, img->env, "notes", len);
	if (df_source_read(o->source, o->s.offset_note, img->notes, (size_t)o->s.size_note, &why) < 0)
		df_log(img->env, DUMPFILTER_LOG_WARN, "notes: %s: ignored", why.text);
	else
		img->notes_len = len;
	return 0;
}

/* Behind what the image has.  Pieces that were made of a dump that had such a text all have it: that counts once. */
static int add_eraseinfo(struct df_kdump_opener *o, const uint8_t *text, size_t len, struct df_err *err)
{
	struct df_image *img = o->img;
	size_t had = img->eraseinfo_len;

	if (len == o->erased_first && !memcmp(img->eraseinfo, text, len))
		return 0;
	if (!df_grow(img->env, (void **)&img->eraseinfo, &o->erased_cap, had + len, 1))
		return df_err_nomem(err, img->env, "text about erased data", had + len);
	memcpy(img->eraseinfo + had, text, len);
	img->eraseinfo_len += len;
	if (!had)
		o->erased_first = len;
	return 0;
}

int df_kdump_read_eraseinfo(struct df_kdump_opener *o, struct df_err *err)
{
	uint64_t size = o->s.size_eraseinfo;
	struct df_env *env = o->img->env;
	struct df_err why;
	uint8_t *text;
	int r = 0;

	if (!size)
		return 0;
	if (size > DF_INPUT_MAX_ERASEINFO || !in_file(o, o->s.offset_eraseinfo, size)) {
		df_log(env, DUMPFILTER_LOG_WARN,
		       "%s: text about erased data, %" PRIu64 " bytes at %" PRIu64 ", is not in the file: ignored",
		       o->source->name, size, o->s.offset_eraseinfo);
		return 0;
	}
	text = df_alloc(env, (size_t)size);
	if (!text)
		return df_err_nomem(err, env, "text about erased data", (size_t)size);
	if (df_source_read(o->source, o->s.offset_eraseinfo, text, (size_t)size, &why) < 0)
		df_log(env, DUMPFILTER_LOG_WARN, "text about erased data: %s: ignored", why.text);
	else
		r = add_eraseinfo(o, text, (size_t)size, err);
	df_free(env, text);
	return r;
}

/* Version 3 has VMCOREINFO but no notes: it gets one, so that the output is like any other. */
static int take_notes(struct df_kdump_opener *o, struct df_err *err)
{
	struct df_image *img = o->img;
	struct df_err why;
	size_t cap = 0;
	int r = read_notes(o, &cap, err);

	if (r < 0)
		return r;
	df_input_scan_notes(img);
	if (!img->vmcoreinfo_len && in_file(o, o->s.offset_vmcoreinfo, o->s.size_vmcoreinfo)) {
		r = df_input_add_vmcoreinfo(img, o->source, o->s.offset_vmcoreinfo, (uint32_t)o->s.size_vmcoreinfo,
					    &cap, &why);
		if (r == DUMPFILTER_E_NOMEM) {
			*err = why;
			return r;
		}
		if (r < 0)
			df_log(img->env, DUMPFILTER_LOG_WARN, "VMCOREINFO: %s: ignored", why.text);
		df_input_scan_notes(img);
	}
	if (!img->cpus && (int32_t)o->h.nr_cpus > 0)
		img->cpus = (uint32_t)o->h.nr_cpus;
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

static int take_chunk(struct df_kdump_opener *o, uint64_t chunk, const uint8_t *raw1, const uint8_t *raw2,
		      struct df_err *err)
{
	uint64_t frames = o->max_mapnr - (chunk << DF_CHUNK_SHIFT), described[DF_CHUNK_WORDS], stored[DF_CHUNK_WORDS];
	struct df_image *img = o->img;
	int r;

	words_of(raw1, frames, described);
	words_of(raw2, frames, stored);
	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
		described[i] |= stored[i]; /* what is stored exists */
	o->in->rank[chunk] = img->stored_set.count;
	r = df_pageset_store(&img->described_set, chunk, described, err);
	return r ? r : df_pageset_store(&img->stored_set, chunk, stored, err);
}

static int read_bitmaps(struct df_kdump_opener *o, struct df_err *err)
{
	const struct df_source *source = o->source;
	uint64_t bytes = (o->max_mapnr + 7) / 8;
	uint8_t *raw1 = o->buf, *raw2 = o->buf + PIECE * CHUNK_BYTES;
	int r = 0;

	for (uint64_t at = 0; !r && at < bytes; at += PIECE * CHUNK_BYTES) {
		size_t n = bytes - at < PIECE * CHUNK_BYTES ? (size_t)(bytes - at) : PIECE * CHUNK_BYTES;

		if (df_cancelled(o->img->env))
			return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
		memset(o->buf, 0, 2 * (size_t)PIECE * CHUNK_BYTES);
		r = df_source_read(source, o->bitmap1 + at, raw1, n, err);
		if (!r)
			r = df_source_read(source, o->bitmap2 + at, raw2, n, err);
		for (size_t i = 0; !r && i < n; i += CHUNK_BYTES)
			r = take_chunk(o, (at + i) / CHUNK_BYTES, raw1 + i, raw2 + i, err);
	}
	return r < 0 ? df_err_wrap(err, "bitmaps") : 0;
}

int df_kdump_compare_bitmap(struct df_kdump_opener *o, uint64_t first, uint64_t end, struct df_err *err)
{
	uint64_t words[DF_CHUNK_WORDS], there[DF_CHUNK_WORDS];

	for (uint64_t c = first >> DF_CHUNK_SHIFT; c << DF_CHUNK_SHIFT < end; c++) {
		uint64_t base = c << DF_CHUNK_SHIFT, left = o->max_mapnr - base;
		uint64_t n = left < DF_CHUNK_PAGES ? left : DF_CHUNK_PAGES;
		int r;

		memset(o->buf, 0, CHUNK_BYTES);
		r = df_source_read(o->source, o->bitmap2 + base / 8, o->buf, (size_t)(n + 7) / 8, err);
		if (r < 0)
			return df_err_wrap(err, "bitmaps");
		words_of(o->buf, n, there);
		df_pageset_load(&o->img->stored_set, c, words);
		if (memcmp(words, there, sizeof words))
			return df_err_set(err, DUMPFILTER_E_CORRUPT,
					  "%s: lists other pages than the first piece of the dump, from page frame "
					  "%#" PRIx64 " on",
					  o->source->name, base);
	}
	return 0;
}

static int make_sets(struct df_kdump_opener *o, struct df_err *err)
{
	struct df_image *img = o->img;
	uint64_t chunks = (o->max_mapnr + DF_CHUNK_PAGES - 1) >> DF_CHUNK_SHIFT;
	int r = df_pageset_init(&img->described_set, img->env, o->max_mapnr, err);

	if (!r)
		r = df_pageset_init(&img->stored_set, img->env, o->max_mapnr, err);
	if (r < 0)
		return r;
	o->in->rank = df_alloc_array(img->env, chunks, sizeof *o->in->rank);
	o->buf = df_alloc(img->env, 2 * (size_t)PIECE * CHUNK_BYTES);
	if (!o->in->rank || !o->buf)
		return df_err_nomem(err, img->env, "the index of page frames", chunks * sizeof *o->in->rank);
	r = read_bitmaps(o, err);
	if (!r && !img->stored_set.count)
		r = df_err_set(err, DUMPFILTER_E_FORMAT, "%s lists no page: there is no memory in it", o->source->name);
	return r;
}

/* For ELF output: a load for each range of memory that exists, at addresses as QEMU gives them. */
static int make_loads(struct df_kdump_opener *o, struct df_err *err)
{
	struct df_image *img = o->img;
	unsigned shift = img->frame_shift;
	size_t cap = 0;

	for (uint64_t a, b = 0; df_pageset_next_run(&img->described_set, b, &a, &b);) {
		if (img->nloads == MAX_LOADS) {
			img->loads[MAX_LOADS - 1].memsz = (b << shift) - img->loads[MAX_LOADS - 1].paddr;
			continue;
		}
		if (!df_grow(img->env, (void **)&img->loads, &cap, img->nloads + 1, sizeof *img->loads))
			return df_err_nomem(err, img->env, "memory ranges", (img->nloads + 1) * sizeof *img->loads);
		img->loads[img->nloads++] = (struct df_load){
			.paddr = a << shift, .vaddr = a << shift, .memsz = (b - a) << shift, .flags = 7 /* rwx */
		};
	}
	return 0;
}

/* ---- the whole */

static int take_codec(struct df_kdump_opener *o, struct df_err *err)
{
	uint32_t flag = o->h.status & CODECS;

	o->in->codec = df_codec_by_flag(flag);
	o->img->past.codec_flag = flag;
	if (!flag || o->in->codec || flag & (flag - 1))
		return 0;
	return df_err_set(err, DUMPFILTER_E_UNSUPPORTED, "%s is compressed with %s, which is not built in",
			  o->source->name,
			  df_codec_name(flag == DF_KDUMP_LZO      ? DUMPFILTER_CODEC_LZO
					: flag == DF_KDUMP_SNAPPY ? DUMPFILTER_CODEC_SNAPPY
								  : DUMPFILTER_CODEC_ZSTD));
}

/* The output has a header of version 6, with nothing in the fields that no reader looks at. */
static void leave_header(struct df_kdump_opener *o)
{
	const struct df_kdump_header *h = &o->h;
	const struct {
		const char *name;
		uint32_t value;
	} unused[] = { { "total_ram_blocks", h->total_ram_blocks },
		       { "device_blocks", h->device_blocks },
		       { "written_blocks", h->written_blocks },
		       { "current_cpu", h->current_cpu } };

	if (h->version > DF_KDUMP_VERSION)
		df_image_leave(o->img, "what version %" PRIu32 " of its header has and version %u has not", h->version,
			       DF_KDUMP_VERSION);
	if (h->status & ~STATUS)
		df_image_leave(o->img, "bits %#" PRIx32 " of its header's status", h->status & ~STATUS);
	for (size_t i = 0; i < sizeof unused / sizeof *unused; i++)
		if (unused[i].value)
			df_image_leave(o->img, "%s %" PRIu32 " of its header", unused[i].name, unused[i].value);
}

static void describe(struct df_kdump_opener *o)
{
	struct df_past *past = &o->img->past;
	struct df_image *img = o->img;

	img->format = "kdump-compressed";
	img->be = o->in->abi.be;
	img->bits = o->in->abi.bits;
	img->machine = df_machine_number(uts_machine(o), DF_KDUMP_UTS_FIELD);
	img->elf_type = DF_ELF_ET_CORE;
	img->frame_shift = (uint8_t)__builtin_ctz(o->in->block);
	img->page_size = o->in->block;
	img->end_paddr = o->max_mapnr * o->in->block;
	past->level = (int)(o->s.dump_level & DUMPFILTER_LEVEL_MAX);
	past->incomplete |= o->h.status & DF_KDUMP_INCOMPLETE;
	past->no_vmemmap = o->h.status & DF_KDUMP_EXCLUDED_VMEMMAP;
	past->has_phys_base = true;
	past->phys_base = o->s.phys_base;
	past->crash_time = o->h.time_sec;
	past->crash_usec = o->h.time_usec;
	memcpy(past->uts, o->h.uts, sizeof past->uts);
	leave_header(o);
}

/* QEMU writes "Unknown" as the machine's name where it was not told of one, as in Debian 13. */
static void find_machine(struct df_image *img)
{
	if (!img->machine && img->bits == 64 && img->vmcoreinfo_len)
		img->machine = df_machine_of_vmcoreinfo((const char *)img->notes + img->vmcoreinfo_at,
							img->vmcoreinfo_len);
}

int df_kdump_read_headers(struct df_kdump_opener *o, const uint8_t *head, size_t len, struct df_err *err)
{
	int r = read_header(o, head, len, err);

	return r ? r : read_subheader(o, err);
}

int df_kdump_read_rest(struct df_kdump_opener *o, struct df_err *err)
{
	int r = place_bitmaps(o, err);

	if (!r)
		r = take_codec(o, err);
	if (r < 0)
		return r;
	describe(o);
	r = take_notes(o, err);
	if (!r)
		r = df_input_judge_notes(o->img, err);
	if (!r)
		find_machine(o->img);
	if (!r)
		r = make_sets(o, err);
	return r ? r : make_loads(o, err);
}

struct df_kdump_opener *df_kdump_opener_new(struct df_image *img, struct df_err *err)
{
	struct df_kdump_opener *o = df_alloc(img->env, sizeof *o);
	struct df_kdump_input *in = df_alloc(img->env, sizeof *in);

	if (!o || !in) {
		df_err_nomem(err, img->env, "the headers", sizeof *o + sizeof *in);
		df_free(img->env, in);
		df_free(img->env, o);
		return NULL;
	}
	o->img = img;
	o->in = img->format_data = in;
	img->ops = &df_kdump_image_ops;
	return o;
}

void df_kdump_opener_free(struct df_kdump_opener *o)
{
	if (!o)
		return;
	df_free(o->img->env, o->buf);
	df_free(o->img->env, o);
}

/* A dump that is one file. */
static int open_whole(struct df_kdump_opener *o, const uint8_t *head, size_t len, struct df_err *err)
{
	int r = df_kdump_read_headers(o, head, len, err);

	if (r < 0)
		return r;
	if (o->s.split)
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s is one piece of a split dump: give all of its pieces (makedumpfile --reassemble "
				  "puts them together)",
				  o->source->name);
	o->in->pieces = df_alloc(o->img->env, sizeof *o->in->pieces);
	if (!o->in->pieces)
		return df_err_nomem(err, o->img->env, "the headers", sizeof *o->in->pieces);
	o->in->npieces = 1;
	o->in->pieces[0].end = UINT64_MAX;
	r = df_kdump_read_rest(o, err);
	return r ? r : df_kdump_read_eraseinfo(o, err);
}

static int open_kdump(struct df_image *img, const uint8_t *head, size_t len, struct df_err *err)
{
	struct df_kdump_opener *o = df_kdump_opener_new(img, err);
	int r;

	if (!o)
		return err->code;
	img->source.can_map = false; /* what is wanted of it lies in small pieces far apart: mapping costs more */
	o->source = &img->source;
	r = open_whole(o, head, len, err);
	df_kdump_opener_free(o);
	return r ? r : df_input_find_eraseinfo(img, err);
}

const struct df_input df_input_kdump = {
	.name = "kdump-compressed", .is = "a kdump-compressed file", .probe = probe, .open = open_kdump
};
