/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes before the pages: headers, notes, two bitmaps, room for the index, the page of zeros. */
#include "base/bits.h"
#include "base/bytes.h"
#include "writer/kdump.h"

#include <string.h>

static void encode_header(const struct df_kdump *k, bool incomplete, uint8_t buf[DF_KDUMP_HEADER_MAX])
{
	const struct df_output *o = k->o;
	struct df_kdump_header h = {
		.version = DF_KDUMP_VERSION,
		.time_sec = o->crash_time,
		.time_usec = o->crash_usec,
		.status = k->status | (incomplete ? DF_KDUMP_INCOMPLETE : 0),
		.block_size = k->block,
		.sub_hdr_size = k->at.sub_hdr_size,
		.bitmap_blocks = k->at.bitmap_blocks,
		.max_mapnr = o->max_pfn > UINT32_MAX ? UINT32_MAX : (uint32_t)o->max_pfn,
		.nr_cpus = (int32_t)o->image->cpus,
	};

	memcpy(h.uts, o->uts, sizeof h.uts);
	df_kdump_encode_header(&k->abi, &h, buf);
}

/* The main header's block: with the mark, where that can be taken off; in a flattened stream, which shows by its end
 * whether it is whole, as it will stay, and a record of its own; else but for the mark's bytes. */
static void write_header(struct df_kdump *k, struct df_kdump_file *f)
{
	size_t mark = df_kdump_status_offset(&k->abi), len = df_kdump_header_size(&k->abi);
	bool flat = df_sink_is_flat(f->sink);
	uint8_t buf[DF_KDUMP_HEADER_MAX];

	encode_header(k, !flat || k->o->incomplete, buf);
	if (flat) {
		df_kdump_put(f, 0, buf, len);
		return;
	}
	if (f->sink->caps & DUMPFILTER_IO_REWRITE) {
		df_kdump_put(f, 0, buf, len);
	} else {
		df_kdump_put(f, 0, buf, mark);
		df_kdump_put(f, mark + 4, buf + mark + 4, len - mark - 4);
	}
	df_kdump_zeros(f, len, k->block - len);
}

int df_kdump_header_again(struct df_kdump *k, struct df_kdump_file *f, struct df_err *err)
{
	size_t len = df_kdump_header_size(&k->abi);
	uint8_t buf[DF_KDUMP_HEADER_MAX];
	int r = df_sink_again(f->sink, len, err);

	encode_header(k, true, buf);
	return r ? r : df_sink_write(f->sink, 0, buf, len, err);
}

static uint64_t pfn32(uint64_t pfn)
{
	return pfn > UINT32_MAX ? UINT32_MAX : pfn;
}

int df_kdump_subheader(struct df_kdump *k, struct df_kdump_file *f, uint64_t erased_at, struct df_err *err)
{
	const struct df_image *img = k->o->image;
	uint8_t buf[DF_KDUMP_SUBHEADER_MAX];
	struct df_kdump_subheader s = {
		.phys_base = k->o->phys_base,
		.dump_level = (uint32_t)k->o->level,
		.max_mapnr_64 = k->o->max_pfn,
	};

	if (f->split) {
		s.split = 1;
		s.start_pfn_64 = f->start;
		s.end_pfn_64 = f->end;
		s.start_pfn = pfn32(f->start);
		s.end_pfn = pfn32(f->end);
	}
	if (img->notes_len) {
		s.offset_note = k->at.note_offset;
		s.size_note = img->notes_len;
	}
	if (img->vmcoreinfo_len) {
		s.offset_vmcoreinfo = k->at.note_offset + img->vmcoreinfo_at;
		s.size_vmcoreinfo = img->vmcoreinfo_len;
	}
	if (erased_at) {
		s.offset_eraseinfo = erased_at;
		s.size_eraseinfo = img->eraseinfo_len;
	}
	df_kdump_encode_subheader(&k->abi, &s, buf);
	return df_sink_write(f->sink, k->at.sub_offset, buf, df_kdump_subheader_size(&k->abi), err);
}

bool df_kdump_subheader_late(const struct df_kdump *k, const struct df_kdump_file *f)
{
	return k->o->image->eraseinfo_len && !(f->sink->caps & DUMPFILTER_IO_REWRITE);
}

/* VMCOREINFO in one piece: who only wants to know the kernel reads no more than one record of a stream. */
static void write_notes(struct df_kdump *k, struct df_kdump_file *f)
{
	const struct df_image *img = k->o->image;
	size_t from = img->vmcoreinfo_len ? img->vmcoreinfo_at : img->notes_len, to = from + img->vmcoreinfo_len;
	struct df_err why;

	df_kdump_put(f, k->at.note_offset, img->notes, from);
	if (!f->why.code &&
	    df_sink_write_whole(f->sink, k->at.note_offset + from, img->notes + from, to - from, &why) < 0)
		df_kdump_fail(f, &why);
	df_kdump_put(f, k->at.note_offset + to, img->notes + to, img->notes_len - to);
}

static void write_sub_blocks(struct df_kdump *k, struct df_kdump_file *f)
{
	const struct df_image *img = k->o->image;
	uint64_t end = k->at.note_offset + img->notes_len;
	struct df_err why;

	if (!f->why.code && !df_kdump_subheader_late(k, f) && df_kdump_subheader(k, f, 0, &why) < 0)
		df_kdump_fail(f, &why);
	write_notes(k, f);
	df_kdump_zeros(f, end, k->at.bitmap1_offset - end);
}

/* The next chunk at or behind c that has a page in the bitmap; false = none. */
static bool next_chunk(const struct df_kdump *k, const struct df_pageset *pages, uint64_t *c)
{
	uint64_t pfn = *c << DF_CHUNK_SHIFT, end;

	if (pages ? !df_pageset_next_run(pages, pfn, &pfn, &end)
		  : !df_image_next(k->o->image, DF_DESCRIBED, k->o->page_shift, pfn, &pfn, NULL))
		return false;
	*c = pfn >> DF_CHUNK_SHIFT;
	return pfn < k->o->max_pfn;
}

/* Bytes of one chunk's part of a bitmap into raw. */
static size_t bitmap_chunk(const struct df_kdump *k, const struct df_pageset *pages, uint64_t c,
			   uint8_t raw[DF_CHUNK_PAGES / 8])
{
	uint64_t left = k->o->max_pfn - (c << DF_CHUNK_SHIFT), n = left < DF_CHUNK_PAGES ? left : DF_CHUNK_PAGES;
	uint64_t words[DF_CHUNK_WORDS];

	if (pages)
		df_pageset_load(pages, c, words);
	else
		df_image_chunk(k->o->image, DF_DESCRIBED, k->o->page_shift, c, words);
	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++) {
		uint64_t first = i * 64;

		if (first + 64 > n)
			words[i] &= first >= n ? 0 : df_bit_mask(0, (unsigned)(n - first));
		df_put64(raw + i * 8, words[i], false); /* bit order is by bytes on every machine */
	}
	return (size_t)((n + 7) / 8);
}

/* One bitmap, into all files at once: the plan's bits may have to be made for it.  pages: those kept, or NULL for those
 * that the image describes.  Chunks without a page are a gap: memory may be described up to addresses that no loop
 * could reach. */
static int write_bitmap(struct df_kdump *k, uint64_t offset, const struct df_pageset *pages, struct df_err *err)
{
	uint64_t at = offset; /* written up to here */
	uint8_t raw[DF_CHUNK_PAGES / 8];

	for (uint64_t c = 0; next_chunk(k, pages, &c); c++) {
		uint64_t to = offset + c * sizeof raw;
		size_t n = bitmap_chunk(k, pages, c, raw);

		for (unsigned i = 0; i < k->n; i++) {
			df_kdump_zeros(&k->files[i], at, to - at);
			df_kdump_put(&k->files[i], to, raw, n);
		}
		if (df_kdump_alive(k, err) < 0)
			return err->code;
		at = to + n;
	}
	if (pages && df_pageset_failed(pages, err))
		return err->code;
	for (unsigned i = 0; i < k->n; i++)
		df_kdump_zeros(&k->files[i], at, offset + k->at.bitmap_bytes - at);
	return 0;
}

/* Room for the index, so that a disk that fills up later still takes it. */
static void reserve_descriptors(struct df_kdump *k, struct df_kdump_file *f)
{
	uint64_t left = f->kept * DF_KDUMP_DESC_SIZE, at = k->at.desc_offset;

	if (!(f->sink->caps & DUMPFILTER_IO_REWRITE))
		return;
	for (; !f->why.code && left; left -= left < DF_KDUMP_DESCS ? left : DF_KDUMP_DESCS, at += DF_KDUMP_DESCS)
		df_kdump_put(f, at, f->desc, left < DF_KDUMP_DESCS ? (size_t)left : DF_KDUMP_DESCS);
}

static void write_zero_page(struct df_kdump *k, struct df_kdump_file *f)
{
	f->data_end = k->at.data_offset;
	if (!(k->o->level & DUMPFILTER_LEVEL_ZERO))
		return;
	/* from the descriptor cache, which is still all zero; a page may be larger than it, so in pieces */
	for (uint32_t n = 0; n < k->block; n += DF_KDUMP_DESCS)
		df_kdump_put(f, f->data_end + n, f->desc,
			     k->block - n < DF_KDUMP_DESCS ? k->block - n : DF_KDUMP_DESCS);
	f->zero_at = f->data_end;
	f->data_end += k->block;
}

int df_kdump_begin(struct df_kdump *k, struct df_err *err)
{
	int r;

	for (unsigned i = 0; i < k->n; i++) {
		write_header(k, &k->files[i]);
		write_sub_blocks(k, &k->files[i]);
	}
	r = write_bitmap(k, k->at.bitmap1_offset, NULL, err);
	if (!r)
		r = write_bitmap(k, k->at.bitmap2_offset, k->o->keep, err);
	for (unsigned i = 0; !r && i < k->n; i++) {
		reserve_descriptors(k, &k->files[i]);
		write_zero_page(k, &k->files[i]);
		k->files[i].headless = k->files[i].why.code;
	}
	return r ? r : df_kdump_alive(k, err);
}
