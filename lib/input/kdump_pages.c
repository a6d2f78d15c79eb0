/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pages of a kdump-compressed file: the number of bits before a frame's in bitmap 2 is the number of its descriptor,
 * and that says where the page is and how it is packed.  Nothing a descriptor says is believed: what does not lie in
 * the file or does not unpack to a page is lost, and so is the page of a descriptor of zeros, which is how writers say
 * so.
 */
#include "input/kdump.h"

#include <inttypes.h>
#include <string.h>

#define DESCS     170u        /* read at once: 4080 bytes */
#define CACHE     8u          /* unpacked pages that a reader keeps, … */
#define CACHE_MAX (64u << 10) /* … fewer where they are large */
#define AHEAD     (16u << 10) /* bytes read at once where it is not known which pages are to come */
#define NO_FRAME  UINT64_MAX

/* What a reader of a kdump file has besides: descriptors that were read at once, and the last pages that were unpacked.
 * One thread's. */
struct reader {
	void *unpack;                       /* codec state */
	const struct df_kdump_piece *piece; /* that the window is on */
	uint64_t at_pfn, at_index;          /* frame whose descriptor's number was counted last */
	uint64_t desc_first;
	unsigned desc_n;
	uint8_t desc[DESCS * DF_KDUMP_DESC_SIZE];
	uint64_t ahead_at; /* what the window was filled with */
	size_t ahead_len;
	unsigned ncache, next;
	uint64_t pfn[CACHE];
	uint8_t *cache;
};

static const struct df_kdump_input *input_of(const struct df_reader *reader)
{
	return reader->image->format_data;
}

static int start(struct df_reader *reader, struct df_err *err)
{
	const struct df_kdump_input *input = input_of(reader);
	struct df_env *env = reader->image->env;
	struct reader *kdump_reader = reader->state = df_alloc(env, sizeof *kdump_reader);

	if (!kdump_reader)
		return df_err_nomem(err, env, "a reader", sizeof *kdump_reader);
	kdump_reader->piece = input->pieces;
	if (kdump_reader->piece->is_own)
		df_window_switch(&reader->window, &kdump_reader->piece->source);
	kdump_reader->ncache = CACHE_MAX / input->block < CACHE ? CACHE_MAX / input->block : CACHE;
	if (!kdump_reader->ncache)
		kdump_reader->ncache = 1;
	for (unsigned i = 0; i < kdump_reader->ncache; i++)
		kdump_reader->pfn[i] = NO_FRAME;
	kdump_reader->cache = df_alloc_array(env, kdump_reader->ncache, input->block);
	if (!kdump_reader->cache)
		return df_err_nomem(err, env, "pages", (size_t)kdump_reader->ncache * input->block);
	if (input->codec && !(kdump_reader->unpack = input->codec->state_new(env, DF_CODEC_UNPACK, 0)))
		return df_err_nomem(err, env, input->codec->name, 0);
	return 0;
}

static void stop(struct df_reader *reader)
{
	struct df_env *env = reader->image->env;
	struct reader *kdump_reader = reader->state;

	if (!kdump_reader)
		return;
	if (kdump_reader->unpack)
		input_of(reader)->codec->state_free(env, kdump_reader->unpack);
	df_free(env, kdump_reader->cache);
	df_free(env, kdump_reader);
	reader->state = NULL;
}

static bool is_in(const struct df_kdump_piece *piece, uint64_t pfn)
{
	return pfn >= piece->start && pfn < piece->end;
}

/* Turn to the file that has the frame. */
static void turn_to(struct df_reader *reader, uint64_t pfn)
{
	const struct df_kdump_input *input = input_of(reader);
	struct reader *kdump_reader = reader->state;
	unsigned low = 0, high = input->npieces;

	if (is_in(kdump_reader->piece, pfn))
		return;
	while (high - low > 1) {
		unsigned mid = low + (high - low) / 2;

		if (input->pieces[mid].start <= pfn)
			low = mid;
		else
			high = mid;
	}
	kdump_reader->piece = &input->pieces[low];
	kdump_reader->desc_n = 0;
	kdump_reader->ahead_len = 0;
	df_window_switch(&reader->window, &kdump_reader->piece->source);
}

/* Number of the frame's descriptor.  Frames mostly come in ascending order. */
static uint64_t index_of(struct df_reader *reader, uint64_t pfn)
{
	uint64_t chunk = pfn >> DF_CHUNK_SHIFT;
	struct reader *kdump_reader = reader->state;

	if (kdump_reader->at_pfn >> DF_CHUNK_SHIFT != chunk || kdump_reader->at_pfn > pfn) {
		kdump_reader->at_pfn = chunk << DF_CHUNK_SHIFT;
		kdump_reader->at_index = input_of(reader)->rank[chunk];
	}
	kdump_reader->at_index += df_pageset_count_range(&reader->image->stored_set, kdump_reader->at_pfn, pfn);
	kdump_reader->at_pfn = pfn;
	return kdump_reader->at_index;
}

static int read_descs(struct df_reader *reader, uint64_t index, struct df_err *err)
{
	const struct df_source *source = reader->window.source;
	uint64_t length = source->length, first = index - index % DESCS, at;
	struct reader *kdump_reader = reader->state;
	uint64_t count;
	int result;

	at = input_of(reader)->desc_at + first * DF_KDUMP_DESC_SIZE;
	count = at < length ? (length - at) / DF_KDUMP_DESC_SIZE : 0;
	if (first + count <= index)
		return df_err_set(err, DUMPFILTER_E_TRUNCATED, "%s ends before its index does", source->name);
	kdump_reader->desc_first = first;
	kdump_reader->desc_n = 0;
	result = df_source_read(source, at, kdump_reader->desc,
				(count < DESCS ? (size_t)count : DESCS) * DF_KDUMP_DESC_SIZE, err);
	if (!result)
		kdump_reader->desc_n = count < DESCS ? (unsigned)count : DESCS;
	return result;
}

/* A descriptor that may be followed. */
static int check_desc(const struct df_reader *reader, uint64_t pfn, const struct df_kdump_desc *desc,
		      struct df_err *err)
{
	const struct df_kdump_input *input = input_of(reader);
	uint64_t length = reader->window.source->length;

	if (!desc->offset || !desc->size)
		return df_err_set(err, DUMPFILTER_E_LOST, "%s: page frame %#" PRIx64 " was lost when the dump was made",
				  reader->window.source->name, pfn);
	if (desc->size > input->block || desc->offset < input->desc_at || (!desc->flags && desc->size != input->block))
		return df_err_set(err, DUMPFILTER_E_CORRUPT,
				  "%s: the descriptor of page frame %#" PRIx64 " is damaged: %u bytes at %" PRIu64,
				  reader->window.source->name, pfn, desc->size, desc->offset);
	if (desc->offset > length || desc->size > length - desc->offset)
		return df_err_set(err, DUMPFILTER_E_TRUNCATED, "%s ends before page frame %#" PRIx64,
				  reader->window.source->name, pfn);
	return 0;
}

static int find(struct df_reader *reader, uint64_t pfn, struct df_kdump_desc *desc, struct df_err *err)
{
	struct reader *kdump_reader = reader->state;
	uint64_t index;

	turn_to(reader, pfn);
	index = index_of(reader, pfn) - kdump_reader->piece->first;
	if ((index < kdump_reader->desc_first || index - kdump_reader->desc_first >= kdump_reader->desc_n) &&
	    read_descs(reader, index, err) < 0)
		return err->code;
	df_kdump_decode_desc(&input_of(reader)->abi,
			     kdump_reader->desc + (index - kdump_reader->desc_first) * DF_KDUMP_DESC_SIZE, desc);
	return check_desc(reader, pfn, desc, err);
}

/* Have the window hold length bytes of the file. */
static const uint8_t *fill(struct df_reader *reader, uint64_t offset, size_t length, struct df_err *err)
{
	const uint8_t *bytes = df_window_get(&reader->window, offset, length, err);
	struct reader *kdump_reader = reader->state;

	kdump_reader->ahead_at = offset;
	kdump_reader->ahead_len = bytes ? length : 0;
	return bytes;
}

/* Bytes of the file; some more are read at once, as pages follow one another in it. */
static const uint8_t *bytes_at(struct df_reader *reader, uint64_t offset, uint32_t size, struct df_err *err)
{
	uint64_t left = reader->window.source->length - offset;
	size_t ahead = reader->window.most < AHEAD ? reader->window.most : AHEAD,
	       more = left < ahead ? (size_t)left : ahead;
	struct reader *kdump_reader = reader->state;
	const uint8_t *bytes;

	if (offset >= kdump_reader->ahead_at && offset - kdump_reader->ahead_at <= kdump_reader->ahead_len &&
	    size <= kdump_reader->ahead_len - (offset - kdump_reader->ahead_at))
		return df_window_get(&reader->window, offset, size, err);
	bytes = more > size ? fill(reader, offset, more, err) : NULL;
	return bytes ? bytes : fill(reader, offset, size, err);
}

/* These pages are about to be read: what of them lies together in the file is read at once. */
static void prepare(struct df_reader *reader, uint64_t paddr, size_t length)
{
	uint64_t pfn = paddr >> reader->image->frame_shift, last = (paddr + length - 1) >> reader->image->frame_shift;
	uint64_t start = 0, end = 0;
	struct reader *kdump_reader = reader->state;
	unsigned pages = 0;
	struct df_err ignored;

	turn_to(reader, pfn);
	if (last >= kdump_reader->piece->end)
		last = kdump_reader->piece->end - 1;
	for (; pfn <= last; pfn++) {
		struct df_kdump_desc desc = { 0 };

		if (!df_pageset_test(&reader->image->stored_set, pfn) || find(reader, pfn, &desc, &ignored) < 0)
			continue;
		if (pages > 1 && desc.offset != end)
			continue; /* the shared page of zeros */
		if (!pages || desc.offset != end) {
			start = desc.offset;
			pages = 0;
		}
		end = desc.offset + desc.size;
		pages++;
	}
	if (pages > 1 && end - start <= reader->window.most)
		fill(reader, start, (size_t)(end - start), &ignored);
}

static int unpack(struct df_reader *reader, uint64_t pfn, const struct df_kdump_desc *desc, const uint8_t *from,
		  uint8_t *to, struct df_err *err)
{
	const struct df_kdump_input *input = input_of(reader);
	const struct df_codec *codec = df_codec_by_flag(desc->flags);
	struct reader *kdump_reader = reader->state;

	if (!codec)
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s: page frame %#" PRIx64 " is packed in a way that is not known here (flags %#x)",
				  reader->window.source->name, pfn, desc->flags);
	if (!codec->decompress(codec == input->codec ? kdump_reader->unpack : NULL, from, desc->size, to, input->block))
		return df_err_set(err, DUMPFILTER_E_CORRUPT, "%s: page frame %#" PRIx64 " does not unpack (%s)",
				  reader->window.source->name, pfn, codec->name);
	return 0;
}

/* A stored page, in place or from the cache; valid until the next call. */
static const uint8_t *page(struct df_reader *reader, uint64_t pfn, struct df_err *err)
{
	const struct df_kdump_input *input = input_of(reader);
	struct reader *kdump_reader = reader->state;
	struct df_kdump_desc desc = { 0 };
	const uint8_t *bytes;
	uint8_t *to;

	for (unsigned i = 0; i < kdump_reader->ncache; i++)
		if (kdump_reader->pfn[i] == pfn)
			return kdump_reader->cache + (size_t)i * input->block;
	if (find(reader, pfn, &desc, err) < 0)
		return NULL;
	bytes = bytes_at(reader, desc.offset, desc.size, err);
	if (!bytes || !desc.flags)
		return bytes;
	to = kdump_reader->cache + (size_t)kdump_reader->next * input->block;
	kdump_reader->pfn[kdump_reader->next] = NO_FRAME;
	if (unpack(reader, pfn, &desc, bytes, to, err) < 0)
		return NULL;
	kdump_reader->pfn[kdump_reader->next] = pfn;
	kdump_reader->next = (kdump_reader->next + 1) % kdump_reader->ncache;
	return to;
}

static const uint8_t *peek(struct df_reader *reader, uint64_t paddr, size_t length, struct df_err *err)
{
	uint64_t pfn = paddr >> reader->image->frame_shift;
	size_t block = input_of(reader)->block, at = (size_t)(paddr & (block - 1));
	const uint8_t *bytes;

	err->code = 0;
	if (length > block - at)
		return NULL;
	if (!df_pageset_test(&reader->image->stored_set, pfn)) {
		df_err_set(err, DUMPFILTER_E_NODATA, "physical address %#" PRIx64 " is not in the image", paddr);
		return NULL;
	}
	bytes = page(reader, pfn, err);
	return bytes ? bytes + at : NULL;
}

static int read_bytes(struct df_reader *reader, uint64_t paddr, void *buffer, size_t length, size_t *missing,
		      struct df_err *err)
{
	size_t block = input_of(reader)->block;
	uint8_t *out = buffer;

	*missing = 0;
	if (length > block)
		prepare(reader, paddr, length);
	while (length) {
		uint64_t pfn = paddr >> reader->image->frame_shift;
		size_t at = (size_t)(paddr & (block - 1)), count = block - at < length ? block - at : length;

		if (df_pageset_test(&reader->image->stored_set, pfn)) {
			const uint8_t *bytes = page(reader, pfn, err);

			if (!bytes)
				return err->code;
			memcpy(out, bytes + at, count);
		} else {
			memset(out, 0, count);
			*missing += count;
		}
		out += count;
		paddr += count;
		length -= count;
	}
	return 0;
}

static bool stored(struct df_reader *reader, uint64_t paddr, struct df_stored_page *out)
{
	uint64_t pfn = paddr >> reader->image->frame_shift;
	struct df_kdump_desc desc = { 0 };
	struct df_err ignored;

	if (!df_pageset_test(&reader->image->stored_set, pfn) || find(reader, pfn, &desc, &ignored) < 0)
		return false;
	*out = (struct df_stored_page){ bytes_at(reader, desc.offset, desc.size, &ignored), desc.size, desc.flags };
	return out->data;
}

static void close_input(struct df_image *image)
{
	struct df_kdump_input *input = image->format_data;

	for (unsigned i = 0; input && i < input->npieces; i++)
		if (input->pieces[i].is_own)
			df_source_close(&input->pieces[i].source);
	if (input) {
		df_free(image->env, input->pieces);
		df_free(image->env, input->rank);
	}
	df_free(image->env, input);
	image->format_data = NULL;
}

const struct df_image_ops df_kdump_image_ops = { .peek = peek,
						 .read = read_bytes,
						 .start = start,
						 .stop = stop,
						 .prepare = prepare,
						 .stored = stored,
						 .close = close_input };
