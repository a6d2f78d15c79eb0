/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes before the pages: headers, notes, two bitmaps, room for the index, the page of zeros. */
#include "base/bits.h"
#include "base/bytes.h"
#include "writer/kdump.h"

#include <string.h>

static void encode_header(const struct df_kdump *kdump, bool incomplete, uint8_t buffer[DF_KDUMP_HEADER_MAX])
{
	const struct df_output *output = kdump->output;
	struct df_kdump_header header = {
		.version = DF_KDUMP_VERSION,
		.time_sec = output->crash_time,
		.time_usec = output->crash_usec,
		.status = kdump->status | (incomplete ? DF_KDUMP_INCOMPLETE : 0),
		.block_size = kdump->block,
		.sub_hdr_size = kdump->layout.sub_hdr_size,
		.bitmap_blocks = kdump->layout.bitmap_blocks,
		.max_mapnr = output->max_pfn > UINT32_MAX ? UINT32_MAX : (uint32_t)output->max_pfn,
		.nr_cpus = (int32_t)output->image->cpus,
	};

	memcpy(header.uts, output->uts, sizeof header.uts);
	df_kdump_encode_header(&kdump->abi, &header, buffer);
}

/* The main header's block: with the mark, where that can be taken off; in a flattened stream, which shows by its end
 * whether it is whole, as it will stay, and a record of its own; else but for the mark's bytes. */
static void write_header(struct df_kdump *kdump, struct df_kdump_file *file)
{
	size_t mark = df_kdump_status_offset(&kdump->abi), length = df_kdump_header_size(&kdump->abi);
	bool flat = df_sink_is_flat(file->sink);
	uint8_t buffer[DF_KDUMP_HEADER_MAX];

	encode_header(kdump, !flat || kdump->output->incomplete, buffer);
	if (flat) {
		df_kdump_put(file, 0, buffer, length);
		return;
	}
	if (file->sink->caps & DUMPFILTER_IO_REWRITE) {
		df_kdump_put(file, 0, buffer, length);
	} else {
		df_kdump_put(file, 0, buffer, mark);
		df_kdump_put(file, mark + 4, buffer + mark + 4, length - mark - 4);
	}
	df_kdump_zeros(file, length, kdump->block - length);
}

int df_kdump_header_again(struct df_kdump *kdump, struct df_kdump_file *file, struct df_err *err)
{
	size_t length = df_kdump_header_size(&kdump->abi);
	uint8_t buffer[DF_KDUMP_HEADER_MAX];
	int result = df_sink_again(file->sink, length, err);

	encode_header(kdump, true, buffer);
	return result ? result : df_sink_write(file->sink, 0, buffer, length, err);
}

static uint64_t pfn32(uint64_t pfn)
{
	return pfn > UINT32_MAX ? UINT32_MAX : pfn;
}

int df_kdump_subheader(struct df_kdump *kdump, struct df_kdump_file *file, uint64_t erased_at, struct df_err *err)
{
	const struct df_image *image = kdump->output->image;
	uint8_t buffer[DF_KDUMP_SUBHEADER_MAX];
	struct df_kdump_subheader subheader = {
		.phys_base = kdump->output->phys_base,
		.dump_level = (uint32_t)kdump->output->level,
		.max_mapnr_64 = kdump->output->max_pfn,
	};

	if (file->split) {
		subheader.split = 1;
		subheader.start_pfn_64 = file->start;
		subheader.end_pfn_64 = file->end;
		subheader.start_pfn = pfn32(file->start);
		subheader.end_pfn = pfn32(file->end);
	}
	if (image->notes_len) {
		subheader.offset_note = kdump->layout.note_offset;
		subheader.size_note = image->notes_len;
	}
	if (image->vmcoreinfo_len) {
		subheader.offset_vmcoreinfo = kdump->layout.note_offset + image->vmcoreinfo_at;
		subheader.size_vmcoreinfo = image->vmcoreinfo_len;
	}
	if (erased_at) {
		subheader.offset_eraseinfo = erased_at;
		subheader.size_eraseinfo = image->eraseinfo_len;
	}
	df_kdump_encode_subheader(&kdump->abi, &subheader, buffer);
	return df_sink_write(file->sink, kdump->layout.sub_offset, buffer, df_kdump_subheader_size(&kdump->abi), err);
}

bool df_kdump_subheader_late(const struct df_kdump *kdump, const struct df_kdump_file *file)
{
	return kdump->output->image->eraseinfo_len && !(file->sink->caps & DUMPFILTER_IO_REWRITE);
}

/* VMCOREINFO in one piece: who only wants to know the kernel reads no more than one record of a stream. */
static void write_notes(struct df_kdump *kdump, struct df_kdump_file *file)
{
	const struct df_image *image = kdump->output->image;
	size_t from = image->vmcoreinfo_len ? image->vmcoreinfo_at : image->notes_len,
	       to = from + image->vmcoreinfo_len;
	struct df_err err;

	df_kdump_put(file, kdump->layout.note_offset, image->notes, from);
	if (!file->err.code &&
	    df_sink_write_whole(file->sink, kdump->layout.note_offset + from, image->notes + from, to - from, &err) < 0)
		df_kdump_fail(file, &err);
	df_kdump_put(file, kdump->layout.note_offset + to, image->notes + to, image->notes_len - to);
}

static void write_sub_blocks(struct df_kdump *kdump, struct df_kdump_file *file)
{
	const struct df_image *image = kdump->output->image;
	uint64_t end = kdump->layout.note_offset + image->notes_len;
	struct df_err err;

	if (!file->err.code && !df_kdump_subheader_late(kdump, file) && df_kdump_subheader(kdump, file, 0, &err) < 0)
		df_kdump_fail(file, &err);
	write_notes(kdump, file);
	df_kdump_zeros(file, end, kdump->layout.bitmap1_offset - end);
}

/* The next chunk at or behind chunk that has a page in the bitmap; false = none. */
static bool next_chunk(const struct df_kdump *kdump, const struct df_pageset *pages, uint64_t *chunk)
{
	uint64_t pfn = *chunk << DF_CHUNK_SHIFT, end;

	if (pages ? !df_pageset_next_run(pages, pfn, &pfn, &end)
		  : !df_image_next(kdump->output->image, DF_DESCRIBED, kdump->output->page_shift, pfn, &pfn, NULL))
		return false;
	*chunk = pfn >> DF_CHUNK_SHIFT;
	return pfn < kdump->output->max_pfn;
}

/* Bytes of one chunk's part of a bitmap into raw. */
static size_t bitmap_chunk(const struct df_kdump *kdump, const struct df_pageset *pages, uint64_t chunk,
			   uint8_t raw[DF_CHUNK_PAGES / 8])
{
	uint64_t left = kdump->output->max_pfn - (chunk << DF_CHUNK_SHIFT),
		 count = left < DF_CHUNK_PAGES ? left : DF_CHUNK_PAGES;
	uint64_t words[DF_CHUNK_WORDS];

	if (pages)
		df_pageset_load(pages, chunk, words);
	else
		df_image_chunk(kdump->output->image, DF_DESCRIBED, kdump->output->page_shift, chunk, words);
	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++) {
		uint64_t first = i * 64;

		if (first + 64 > count)
			words[i] &= first >= count ? 0 : df_bit_mask(0, (unsigned)(count - first));
		df_put64(raw + i * 8, words[i], false); /* bit order is by bytes on every machine */
	}
	return (size_t)((count + 7) / 8);
}

/* One bitmap, into all files at once: the plan's bits may have to be made for it.  pages: those kept, or NULL for those
 * that the image describes.  Chunks without a page are a gap: memory may be described up to addresses that no loop
 * could reach. */
static int write_bitmap(struct df_kdump *kdump, uint64_t offset, const struct df_pageset *pages, struct df_err *err)
{
	uint64_t at = offset; /* written up to here */
	uint8_t raw[DF_CHUNK_PAGES / 8];

	for (uint64_t chunk_index = 0; next_chunk(kdump, pages, &chunk_index); chunk_index++) {
		uint64_t to = offset + chunk_index * sizeof raw;
		size_t count = bitmap_chunk(kdump, pages, chunk_index, raw);

		for (unsigned i = 0; i < kdump->count; i++) {
			df_kdump_zeros(&kdump->files[i], at, to - at);
			df_kdump_put(&kdump->files[i], to, raw, count);
		}
		if (df_kdump_alive(kdump, err) < 0)
			return err->code;
		at = to + count;
	}
	if (pages && df_pageset_failed(pages, err))
		return err->code;
	for (unsigned i = 0; i < kdump->count; i++)
		df_kdump_zeros(&kdump->files[i], at, offset + kdump->layout.bitmap_bytes - at);
	return 0;
}

/* Room for the index, so that a disk that fills up later still takes it. */
static void reserve_descriptors(struct df_kdump *kdump, struct df_kdump_file *file)
{
	uint64_t left = file->kept * DF_KDUMP_DESC_SIZE, at = kdump->layout.desc_offset;

	if (!(file->sink->caps & DUMPFILTER_IO_REWRITE))
		return;
	for (; !file->err.code && left; left -= left < DF_KDUMP_DESCS ? left : DF_KDUMP_DESCS, at += DF_KDUMP_DESCS)
		df_kdump_put(file, at, file->desc, left < DF_KDUMP_DESCS ? (size_t)left : DF_KDUMP_DESCS);
}

static void write_zero_page(struct df_kdump *kdump, struct df_kdump_file *file)
{
	file->data_end = kdump->layout.data_offset;
	if (!(kdump->output->level & DUMPFILTER_LEVEL_ZERO))
		return;
	/* from the descriptor cache, which is still all zero; a page may be larger than it, so in pieces */
	for (uint32_t count = 0; count < kdump->block; count += DF_KDUMP_DESCS)
		df_kdump_put(file, file->data_end + count, file->desc,
			     kdump->block - count < DF_KDUMP_DESCS ? kdump->block - count : DF_KDUMP_DESCS);
	file->zero_at = file->data_end;
	file->data_end += kdump->block;
}

int df_kdump_begin(struct df_kdump *kdump, struct df_err *err)
{
	int result;

	for (unsigned i = 0; i < kdump->count; i++) {
		write_header(kdump, &kdump->files[i]);
		write_sub_blocks(kdump, &kdump->files[i]);
	}
	result = write_bitmap(kdump, kdump->layout.bitmap1_offset, NULL, err);
	if (!result)
		result = write_bitmap(kdump, kdump->layout.bitmap2_offset, kdump->output->keep, err);
	for (unsigned i = 0; !result && i < kdump->count; i++) {
		reserve_descriptors(kdump, &kdump->files[i]);
		write_zero_page(kdump, &kdump->files[i]);
		kdump->files[i].headless = kdump->files[i].err.code;
	}
	return result ? result : df_kdump_alive(kdump, err);
}
