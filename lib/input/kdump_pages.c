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

static const struct df_kdump_input *input_of(const struct df_reader *r)
{
	return r->image->format_data;
}

static int start(struct df_reader *r, struct df_err *err)
{
	const struct df_kdump_input *in = input_of(r);
	struct df_env *env = r->image->env;
	struct reader *x = r->state = df_alloc(env, sizeof *x);

	if (!x)
		return df_err_nomem(err, env, "a reader", sizeof *x);
	x->piece = in->pieces;
	if (x->piece->is_own)
		df_window_switch(&r->window, &x->piece->own);
	x->ncache = CACHE_MAX / in->block < CACHE ? CACHE_MAX / in->block : CACHE;
	if (!x->ncache)
		x->ncache = 1;
	for (unsigned i = 0; i < x->ncache; i++)
		x->pfn[i] = NO_FRAME;
	x->cache = df_alloc_array(env, x->ncache, in->block);
	if (!x->cache)
		return df_err_nomem(err, env, "pages", (size_t)x->ncache * in->block);
	if (in->codec && !(x->unpack = in->codec->state_new(env, DF_CODEC_UNPACK, 0)))
		return df_err_nomem(err, env, in->codec->name, 0);
	return 0;
}

static void stop(struct df_reader *r)
{
	struct df_env *env = r->image->env;
	struct reader *x = r->state;

	if (!x)
		return;
	if (x->unpack)
		input_of(r)->codec->state_free(env, x->unpack);
	df_free(env, x->cache);
	df_free(env, x);
	r->state = NULL;
}

static bool is_in(const struct df_kdump_piece *p, uint64_t pfn)
{
	return pfn >= p->start && pfn < p->end;
}

/* Turn to the file that has the frame. */
static void turn_to(struct df_reader *r, uint64_t pfn)
{
	const struct df_kdump_input *in = input_of(r);
	struct reader *x = r->state;
	unsigned lo = 0, hi = in->npieces;

	if (is_in(x->piece, pfn))
		return;
	while (hi - lo > 1) {
		unsigned mid = lo + (hi - lo) / 2;

		if (in->pieces[mid].start <= pfn)
			lo = mid;
		else
			hi = mid;
	}
	x->piece = &in->pieces[lo];
	x->desc_n = 0;
	x->ahead_len = 0;
	df_window_switch(&r->window, &x->piece->own);
}

/* Number of the frame's descriptor.  Frames mostly come in ascending order. */
static uint64_t index_of(struct df_reader *r, uint64_t pfn)
{
	uint64_t chunk = pfn >> DF_CHUNK_SHIFT;
	struct reader *x = r->state;

	if (x->at_pfn >> DF_CHUNK_SHIFT != chunk || x->at_pfn > pfn) {
		x->at_pfn = chunk << DF_CHUNK_SHIFT;
		x->at_index = input_of(r)->rank[chunk];
	}
	x->at_index += df_pageset_count_range(&r->image->stored_set, x->at_pfn, pfn);
	x->at_pfn = pfn;
	return x->at_index;
}

static int read_descs(struct df_reader *r, uint64_t index, struct df_err *err)
{
	const struct df_source *source = r->window.source;
	uint64_t length = source->length, first = index - index % DESCS, at;
	struct reader *x = r->state;
	uint64_t n;
	int rc;

	at = input_of(r)->desc_at + first * DF_KDUMP_DESC_SIZE;
	n = at < length ? (length - at) / DF_KDUMP_DESC_SIZE : 0;
	if (first + n <= index)
		return df_err_set(err, DUMPFILTER_E_TRUNCATED, "%s ends before its index does", source->name);
	x->desc_first = first;
	x->desc_n = 0;
	rc = df_source_read(source, at, x->desc, (n < DESCS ? (size_t)n : DESCS) * DF_KDUMP_DESC_SIZE, err);
	if (!rc)
		x->desc_n = n < DESCS ? (unsigned)n : DESCS;
	return rc;
}

/* A descriptor that may be followed. */
static int check_desc(const struct df_reader *r, uint64_t pfn, const struct df_kdump_desc *d, struct df_err *err)
{
	const struct df_kdump_input *in = input_of(r);
	uint64_t length = r->window.source->length;

	if (!d->offset || !d->size)
		return df_err_set(err, DUMPFILTER_E_LOST, "%s: page frame %#" PRIx64 " was lost when the dump was made",
				  r->window.source->name, pfn);
	if (d->size > in->block || d->offset < in->desc_at || (!d->flags && d->size != in->block))
		return df_err_set(err, DUMPFILTER_E_CORRUPT,
				  "%s: the descriptor of page frame %#" PRIx64 " is damaged: %u bytes at %" PRIu64,
				  r->window.source->name, pfn, d->size, d->offset);
	if (d->offset > length || d->size > length - d->offset)
		return df_err_set(err, DUMPFILTER_E_TRUNCATED, "%s ends before page frame %#" PRIx64,
				  r->window.source->name, pfn);
	return 0;
}

static int find(struct df_reader *r, uint64_t pfn, struct df_kdump_desc *d, struct df_err *err)
{
	struct reader *x = r->state;
	uint64_t index;

	turn_to(r, pfn);
	index = index_of(r, pfn) - x->piece->first;
	if ((index < x->desc_first || index - x->desc_first >= x->desc_n) && read_descs(r, index, err) < 0)
		return err->code;
	df_kdump_decode_desc(&input_of(r)->abi, x->desc + (index - x->desc_first) * DF_KDUMP_DESC_SIZE, d);
	return check_desc(r, pfn, d, err);
}

/* Have the window hold len bytes of the file. */
static const uint8_t *fill(struct df_reader *r, uint64_t offset, size_t len, struct df_err *err)
{
	const uint8_t *p = df_window_get(&r->window, offset, len, err);
	struct reader *x = r->state;

	x->ahead_at = offset;
	x->ahead_len = p ? len : 0;
	return p;
}

/* Bytes of the file; some more are read at once, as pages follow one another in it. */
static const uint8_t *bytes_at(struct df_reader *r, uint64_t offset, uint32_t size, struct df_err *err)
{
	uint64_t left = r->window.source->length - offset;
	size_t ahead = r->window.most < AHEAD ? r->window.most : AHEAD, more = left < ahead ? (size_t)left : ahead;
	struct reader *x = r->state;
	const uint8_t *p;

	if (offset >= x->ahead_at && offset - x->ahead_at <= x->ahead_len &&
	    size <= x->ahead_len - (offset - x->ahead_at))
		return df_window_get(&r->window, offset, size, err);
	p = more > size ? fill(r, offset, more, err) : NULL;
	return p ? p : fill(r, offset, size, err);
}

/* These pages are about to be read: what of them lies together in the file is read at once. */
static void prepare(struct df_reader *r, uint64_t paddr, size_t len)
{
	uint64_t pfn = paddr >> r->image->frame_shift, last = (paddr + len - 1) >> r->image->frame_shift;
	uint64_t start = 0, end = 0;
	struct reader *x = r->state;
	unsigned pages = 0;
	struct df_err ignored;

	turn_to(r, pfn);
	if (last >= x->piece->end)
		last = x->piece->end - 1;
	for (; pfn <= last; pfn++) {
		struct df_kdump_desc d = { 0 };

		if (!df_pageset_test(&r->image->stored_set, pfn) || find(r, pfn, &d, &ignored) < 0)
			continue;
		if (pages > 1 && d.offset != end)
			continue; /* the shared page of zeros */
		if (!pages || d.offset != end) {
			start = d.offset;
			pages = 0;
		}
		end = d.offset + d.size;
		pages++;
	}
	if (pages > 1 && end - start <= r->window.most)
		fill(r, start, (size_t)(end - start), &ignored);
}

static int unpack(struct df_reader *r, uint64_t pfn, const struct df_kdump_desc *d, const uint8_t *from, uint8_t *to,
		  struct df_err *err)
{
	const struct df_kdump_input *in = input_of(r);
	const struct df_codec *c = df_codec_by_flag(d->flags);
	struct reader *x = r->state;

	if (!c)
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s: page frame %#" PRIx64 " is packed in a way that is not known here (flags %#x)",
				  r->window.source->name, pfn, d->flags);
	if (!c->decompress(c == in->codec ? x->unpack : NULL, from, d->size, to, in->block))
		return df_err_set(err, DUMPFILTER_E_CORRUPT, "%s: page frame %#" PRIx64 " does not unpack (%s)",
				  r->window.source->name, pfn, c->name);
	return 0;
}

/* A stored page, in place or from the cache; valid until the next call. */
static const uint8_t *page(struct df_reader *r, uint64_t pfn, struct df_err *err)
{
	const struct df_kdump_input *in = input_of(r);
	struct reader *x = r->state;
	struct df_kdump_desc d = { 0 };
	const uint8_t *p;
	uint8_t *to;

	for (unsigned i = 0; i < x->ncache; i++)
		if (x->pfn[i] == pfn)
			return x->cache + (size_t)i * in->block;
	if (find(r, pfn, &d, err) < 0)
		return NULL;
	p = bytes_at(r, d.offset, d.size, err);
	if (!p || !d.flags)
		return p;
	to = x->cache + (size_t)x->next * in->block;
	x->pfn[x->next] = NO_FRAME;
	if (unpack(r, pfn, &d, p, to, err) < 0)
		return NULL;
	x->pfn[x->next] = pfn;
	x->next = (x->next + 1) % x->ncache;
	return to;
}

static const uint8_t *peek(struct df_reader *r, uint64_t paddr, size_t len, struct df_err *err)
{
	uint64_t pfn = paddr >> r->image->frame_shift;
	size_t block = input_of(r)->block, at = (size_t)(paddr & (block - 1));
	const uint8_t *p;

	err->code = 0;
	if (len > block - at)
		return NULL;
	if (!df_pageset_test(&r->image->stored_set, pfn)) {
		df_err_set(err, DUMPFILTER_E_NODATA, "physical address %#" PRIx64 " is not in the image", paddr);
		return NULL;
	}
	p = page(r, pfn, err);
	return p ? p + at : NULL;
}

static int read_bytes(struct df_reader *r, uint64_t paddr, void *buf, size_t len, size_t *missing, struct df_err *err)
{
	size_t block = input_of(r)->block;
	uint8_t *out = buf;

	*missing = 0;
	if (len > block)
		prepare(r, paddr, len);
	while (len) {
		uint64_t pfn = paddr >> r->image->frame_shift;
		size_t at = (size_t)(paddr & (block - 1)), n = block - at < len ? block - at : len;

		if (df_pageset_test(&r->image->stored_set, pfn)) {
			const uint8_t *p = page(r, pfn, err);

			if (!p)
				return err->code;
			memcpy(out, p + at, n);
		} else {
			memset(out, 0, n);
			*missing += n;
		}
		out += n;
		paddr += n;
		len -= n;
	}
	return 0;
}

static bool stored(struct df_reader *r, uint64_t paddr, struct df_stored_page *out)
{
	uint64_t pfn = paddr >> r->image->frame_shift;
	struct df_kdump_desc d = { 0 };
	struct df_err ignored;

	if (!df_pageset_test(&r->image->stored_set, pfn) || find(r, pfn, &d, &ignored) < 0)
		return false;
	*out = (struct df_stored_page){ bytes_at(r, d.offset, d.size, &ignored), d.size, d.flags };
	return out->data;
}

static void close_input(struct df_image *img)
{
	struct df_kdump_input *in = img->format_data;

	for (unsigned i = 0; in && i < in->npieces; i++)
		if (in->pieces[i].is_own)
			df_source_close(&in->pieces[i].own);
	if (in) {
		df_free(img->env, in->pieces);
		df_free(img->env, in->rank);
	}
	df_free(img->env, in);
	img->format_data = NULL;
}

const struct df_image_ops df_kdump_image_ops = { .peek = peek,
						 .read = read_bytes,
						 .start = start,
						 .stop = stop,
						 .prepare = prepare,
						 .stored = stored,
						 .close = close_input };
