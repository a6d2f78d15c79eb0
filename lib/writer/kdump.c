/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kdump-compressed, header version 6: headers, notes, two bitmaps, a descriptor per kept page, page data. */
#include "format/kdump.h"
#include "base/bits.h"
#include "base/bytes.h"
#include "writer/share.h"
#include "writer/writer.h"

#include <string.h>

#define DESC_CACHE (64u << 10) /* descriptors are written in pieces of this size */

struct kdump {
	const struct df_output *o;
	struct df_written *done;
	struct df_kdump_abi abi;
	struct df_kdump_layout at;
	uint32_t block;
	uint64_t zero_at;   /* shared page of zeros; 0 = none */
	uint64_t data_end;  /* where the next page's data goes */
	uint64_t desc_done; /* bytes of the descriptor table that are written */
	uint8_t *desc;      /* those behind */
	size_t desc_len;
	uint32_t status;
	struct df_share *share; /* NULL: pages are not compressed */
	uint64_t lost_lines;    /* said, or not */
};

static int put(struct kdump *k, uint64_t offset, const void *buf, size_t len, struct df_err *err)
{
	return df_sink_write(k->o->sink, offset, buf, len, err);
}

/* The main header's block but for the mark, or with it where it may be written again. */
static int write_header(struct kdump *k, struct df_err *err)
{
	const struct df_output *o = k->o;
	size_t mark = df_kdump_status_offset(&k->abi), len = df_kdump_header_size(&k->abi);
	uint8_t buf[DF_KDUMP_HEADER_MAX];
	struct df_kdump_header h = {
		.version = DF_KDUMP_VERSION,
		.time_sec = o->crash_time,
		.status = k->status | DF_KDUMP_INCOMPLETE,
		.block_size = k->block,
		.sub_hdr_size = k->at.sub_hdr_size,
		.bitmap_blocks = k->at.bitmap_blocks,
		.max_mapnr = o->max_pfn > UINT32_MAX ? UINT32_MAX : (uint32_t)o->max_pfn,
		.nr_cpus = (int32_t)o->image->cpus,
	};
	int r;

	memcpy(h.uts, o->uts, sizeof h.uts);
	df_kdump_encode_header(&k->abi, &h, buf);
	if (o->sink->caps & DUMPFILTER_IO_REWRITE) {
		r = put(k, 0, buf, len, err);
	} else {
		r = put(k, 0, buf, mark, err);
		if (!r)
			r = put(k, mark + 4, buf + mark + 4, len - mark - 4, err);
	}
	return r ? r : df_sink_zeros(o->sink, len, k->block - len, err);
}

static int write_subheader(struct kdump *k, struct df_err *err)
{
	const struct df_image *img = k->o->image;
	uint64_t end = k->at.note_offset + img->notes_len;
	uint8_t buf[DF_KDUMP_SUBHEADER_MAX];
	struct df_kdump_subheader s = {
		.phys_base = k->o->phys_base,
		.dump_level = (uint32_t)k->o->level,
		.max_mapnr_64 = k->o->max_pfn,
	};
	int r;

	if (img->notes_len) {
		s.offset_note = k->at.note_offset;
		s.size_note = img->notes_len;
	}
	if (img->vmcoreinfo_len) {
		s.offset_vmcoreinfo = k->at.note_offset + img->vmcoreinfo_at;
		s.size_vmcoreinfo = img->vmcoreinfo_len;
	}
	df_kdump_encode_subheader(&k->abi, &s, buf);
	r = put(k, k->at.sub_offset, buf, df_kdump_subheader_size(&k->abi), err);
	if (!r)
		r = put(k, k->at.note_offset, img->notes, img->notes_len, err);
	return r ? r : df_sink_zeros(k->o->sink, end, k->at.bitmap1_offset - end, err);
}

/* The next chunk at or behind c that has a page in the bitmap; false = none. */
static bool next_chunk(const struct kdump *k, const struct df_pageset *pages, uint64_t *c)
{
	uint64_t pfn = *c << DF_CHUNK_SHIFT, end;

	if (pages ? !df_pageset_next_run(pages, pfn, &pfn, &end)
		  : !df_image_next(k->o->image, DF_DESCRIBED, k->o->page_shift, pfn, &pfn, NULL))
		return false;
	*c = pfn >> DF_CHUNK_SHIFT;
	return pfn < k->o->max_pfn;
}

/* Bytes of one chunk's part of a bitmap into raw. */
static size_t bitmap_chunk(const struct kdump *k, const struct df_pageset *pages, uint64_t c,
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

/* One bitmap; pages: those kept, or NULL for those that the image describes.  Chunks without a page are a gap: memory
 * may be described up to addresses that no loop could reach. */
static int write_bitmap(struct kdump *k, uint64_t offset, const struct df_pageset *pages, struct df_err *err)
{
	uint64_t at = offset; /* written up to here */
	uint8_t raw[DF_CHUNK_PAGES / 8];

	for (uint64_t c = 0; next_chunk(k, pages, &c); c++) {
		uint64_t to = offset + c * sizeof raw;
		size_t n = bitmap_chunk(k, pages, c, raw);
		int r = df_sink_zeros(k->o->sink, at, to - at, err);

		if (!r)
			r = put(k, to, raw, n, err);
		if (r < 0)
			return r;
		at = to + n;
	}
	if (pages && df_pageset_failed(pages, err))
		return err->code;
	return df_sink_zeros(k->o->sink, at, offset + k->at.bitmap_bytes - at, err);
}

/* Room for the index, so that a disk that fills up later still takes it. */
static int reserve_descriptors(struct kdump *k, struct df_err *err)
{
	uint64_t left = k->at.data_offset - k->at.desc_offset, at = k->at.desc_offset;
	int r = 0;

	if (!(k->o->sink->caps & DUMPFILTER_IO_REWRITE))
		return 0;
	for (; !r && left; left -= left < DESC_CACHE ? left : DESC_CACHE, at += DESC_CACHE)
		r = put(k, at, k->desc, left < DESC_CACHE ? (size_t)left : DESC_CACHE, err);
	return r;
}

static int write_zero_page(struct kdump *k, struct df_err *err)
{
	int r;

	k->data_end = k->at.data_offset;
	if (!(k->o->level & DUMPFILTER_LEVEL_ZERO))
		return 0;
	/* from the descriptor cache, which is still all zero; a page may be larger than it, so in pieces */
	for (uint32_t n = 0; n < k->block; n += DESC_CACHE) {
		r = put(k, k->data_end + n, k->desc, k->block - n < DESC_CACHE ? k->block - n : DESC_CACHE, err);
		if (r < 0)
			return r;
	}
	k->zero_at = k->data_end;
	k->data_end += k->block;
	return 0;
}

static int begin(struct kdump *k, struct df_err *err)
{
	int r = write_header(k, err);

	if (!r)
		r = write_subheader(k, err);
	if (!r)
		r = write_bitmap(k, k->at.bitmap1_offset, NULL, err);
	if (!r)
		r = write_bitmap(k, k->at.bitmap2_offset, k->o->keep, err);
	if (!r)
		r = reserve_descriptors(k, err);
	if (!r)
		r = write_zero_page(k, err);
	return r;
}

/* Say what will be written even where data does not fit any more: descriptors, those of `more` bytes on the way
 * included, the zeros that end the index, the mark. */
static void keep_room(struct kdump *k, size_t more)
{
	uint64_t now = k->desc_len + more, left = k->at.data_offset - k->at.desc_offset - k->desc_done - now;

	k->o->sink->closing = now + (left < DESC_CACHE ? left : DESC_CACHE) + sizeof(uint32_t);
}

static int flush_descriptors(struct kdump *k, struct df_err *err)
{
	int r = put(k, k->at.desc_offset + k->desc_done, k->desc, k->desc_len, err);

	if (r < 0)
		return r;
	k->desc_done += k->desc_len;
	k->desc_len = 0;
	return 0;
}

/* Descriptors of a batch; an all-zero one says that the page is lost. */
static void describe(struct kdump *k, const struct df_batch *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		struct df_kdump_desc d = { .offset = b->page_at[i], .size = b->size[i] };

		if (b->kind[i] == DF_PAGE_ZERO)
			d = (struct df_kdump_desc){ .offset = k->zero_at, .size = k->block };
		else if (b->kind[i] == DF_PAGE_LOST)
			d = (struct df_kdump_desc){ 0 };
		else if (b->kind[i] == DF_PAGE_PACKED)
			d.flags = k->o->codec->kdump_flag;
		df_kdump_encode_desc(&k->abi, &d, k->desc + k->desc_len);
		k->desc_len += DF_KDUMP_DESC_SIZE;
	}
}

static void count(struct kdump *k, const struct df_batch *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		k->done->zero_pages += b->kind[i] == DF_PAGE_ZERO;
		k->done->unreadable_pages += b->kind[i] == DF_PAGE_LOST;
		k->done->pages += b->kind[i] != DF_PAGE_LOST;
	}
	if (b->why[0] && k->lost_lines++ < DF_LOST_LINES)
		df_log(k->o->env, DUMPFILTER_LOG_WARN, "a page cannot be read and is lost: %s", b->why);
}

static void place(void *user, struct df_batch *b)
{
	struct kdump *k = user;
	const uint8_t *data = b->data;

	b->at = k->data_end;
	for (unsigned i = 0; i < b->n; data += b->size[i++]) {
		b->page_at[i] = k->data_end;
		if (b->kind[i] == DF_PAGE_PACKED)
			b->page_at[i] = df_share_place(k->share, data, b->size[i], k->data_end);
		if (b->page_at[i] == k->data_end)
			k->data_end += b->size[i];
	}
	b->shared = k->data_end - b->at < b->data_len;
}

/* Take out of a batch's data what is elsewhere already. */
static void close_up(struct df_batch *b)
{
	uint64_t at = b->at;
	uint8_t *from = b->data;

	for (unsigned i = 0; i < b->n; from += b->size[i++]) {
		if (b->page_at[i] != at)
			continue;
		memmove(b->data + (at - b->at), from, b->size[i]);
		at += b->size[i];
	}
	b->data_len = (size_t)(at - b->at);
}

static int write_data(void *user, struct df_batch *b, struct df_err *err)
{
	if (b->shared)
		close_up(b);
	return put(user, b->at, b->data, b->data_len, err);
}

static int take(void *user, struct df_batch *b, struct df_err *err)
{
	struct kdump *k = user;
	int r = 0;

	if (k->desc_len + b->n * DF_KDUMP_DESC_SIZE > DESC_CACHE) {
		k->o->sink->closing -= k->desc_len;
		r = flush_descriptors(k, err);
	}
	keep_room(k, b->n * DF_KDUMP_DESC_SIZE);
	/* data before its descriptors: what the index lists is there */
	if (!r && !(k->o->sink->caps & DUMPFILTER_IO_CONCURRENT))
		r = write_data(k, b, err);
	if (r < 0)
		return r;
	describe(k, b);
	count(k, b);
	return 0;
}

/* The index of a sink that was not reserved: descriptors of lost pages are zero.  The last byte is really written, so
 * that a full disk shows now. */
static int end_index(struct kdump *k, uint64_t table, struct df_err *err)
{
	int r = df_sink_zeros(k->o->sink, k->at.desc_offset + k->desc_done, table - k->desc_done - 1, err);

	return r ? r : put(k, k->at.desc_offset + table - 1, "", 1, err);
}

/* The rest of the index and the mark.  lost: pages are missing. */
static int finish(struct kdump *k, bool lost, struct df_err *err)
{
	uint64_t table = k->at.data_offset - k->at.desc_offset;
	struct df_err ignored;
	uint8_t status[4];
	int r;

	k->o->sink->closing = 0;
	r = flush_descriptors(k, err);

	if (!r && k->desc_done < table && !(k->o->sink->caps & DUMPFILTER_IO_REWRITE))
		r = end_index(k, table, err);
	df_put32(status, k->status | (lost || r < 0 ? DF_KDUMP_INCOMPLETE : 0), k->abi.be);
	if (!r)
		return put(k, df_kdump_status_offset(&k->abi), status, sizeof status, err);
	put(k, df_kdump_status_offset(&k->abi), status, sizeof status, &ignored);
	return r;
}

/* Pages that were copied but whose descriptors could not be written cannot be found. */
static void account(struct kdump *k)
{
	uint64_t hidden = k->desc_len / DF_KDUMP_DESC_SIZE;

	k->done->pages -= hidden < k->done->pages ? hidden : k->done->pages;
	k->done->lost_pages = k->o->keep->count - k->done->pages;
}

static int copy(struct kdump *k, struct df_pipe_run *pipe, struct df_err *err)
{
	struct df_err late;
	int r = df_pipe_copy(pipe, err), f;

	f = finish(k, r < 0 || k->done->unreadable_pages || k->o->incomplete, &late);
	if (r >= 0 && f < 0) {
		*err = late;
		r = f;
	}
	account(k);
	if (r >= 0 && k->done->unreadable_pages) {
		df_err_set(err, DUMPFILTER_E_IO, "%s: pages could not be read", k->o->image->source.name);
		return DUMPFILTER_PARTIAL;
	}
	/* an index that is not there and cannot be mended: nothing opens this */
	if (f < 0 && !(k->o->sink->caps & DUMPFILTER_IO_REWRITE))
		return err->code; /* of the first failure */
	return r < 0 ? DUMPFILTER_PARTIAL : r;
}

static int allocate(struct kdump *k, struct df_err *err)
{
	struct df_env *env = k->o->env;

	k->desc = df_alloc(env, DESC_CACHE);
	if (!k->desc)
		return df_err_nomem(err, env, "descriptors", DESC_CACHE);
	if (k->o->codec && !(k->share = df_share_new(env)))
		return df_err_nomem(err, env, "equal pages", 0);
	return 0;
}

/* Pages that are stored as they are: one thread reads while another one writes.  More only wait for each other, with 8
 * for 1.4 to 1.7 times the CPU time of one. */
#define RAW_THREADS 2u

static unsigned useful_threads(const struct df_output *o)
{
	bool copies = !o->codec && !o->image->ops->stored;

	return copies && o->threads > RAW_THREADS ? RAW_THREADS : o->threads;
}

static struct df_pipe pipe_of(struct kdump *k, bool concurrent)
{
	const struct df_output *o = k->o;

	return (struct df_pipe){
		.env = o->env,
		.image = o->image,
		.keep = o->keep,
		.page_shift = o->page_shift,
		.threads = useful_threads(o),
		.codec = o->codec,
		.codec_level = o->codec_level,
		.find_zero = o->level & DUMPFILTER_LEVEL_ZERO,
		.user = k,
		.place = place,
		.write = concurrent ? write_data : NULL,
		.writers = o->sink ? o->sink->writers : 0,
		.take = take,
	};
}

/* All memory before the first byte is written. */
static struct df_pipe_run *start(struct kdump *k, bool concurrent, struct df_err *err)
{
	struct df_pipe p = pipe_of(k, concurrent);

	return allocate(k, err) ? NULL : df_pipe_start(&p, err);
}

static void stop(struct kdump *k, struct df_pipe_run *pipe)
{
	df_pipe_stop(pipe);
	df_share_free(k->share, k->o->env);
	df_free(k->o->env, k->desc);
}

static int rehearse_kdump(const struct df_output *o, struct df_err *err)
{
	struct kdump k = { .o = o };
	struct df_pipe_run *pipe = start(&k, false, err);

	stop(&k, pipe);
	return pipe ? 0 : err->code;
}

/* Everything but what allocates. */
static int lay_out(struct kdump *k, struct df_err *err)
{
	const struct df_output *o = k->o;

	k->abi = (struct df_kdump_abi){ o->image->be, o->image->bits,
					df_kdump_align64(o->image->bits, o->image->machine) };
	k->block = 1u << o->page_shift;
	k->status = (o->codec ? o->codec->kdump_flag : 0) | (o->without_vmemmap ? DF_KDUMP_EXCLUDED_VMEMMAP : 0);
	return df_kdump_layout(&k->abi, k->block, o->max_pfn, o->image->notes_len, o->keep->count, &k->at, err);
}

/* Headers and bitmaps as they go into a flattened stream, where long gaps of a bitmap take nothing: bytes of it. */
static int flat_head(const struct df_output *o, uint64_t *bytes, struct df_err *err)
{
	struct df_output flat = *o;
	struct kdump k = { .o = &flat };
	struct dumpfilter_sink *inner = df_sink_null(o->env, err);
	int r;

	flat.sink = inner ? df_sink_flat(o->env, inner, err) : NULL;
	k.desc = df_alloc(o->env, DESC_CACHE);
	if (flat.sink && !k.desc)
		df_err_nomem(err, o->env, "descriptors", DESC_CACHE);
	r = flat.sink && k.desc ? lay_out(&k, err) : err->code;
	if (!r)
		r = begin(&k, err);
	if (!r)
		r = df_sink_finish(flat.sink, 0, err);
	*bytes = inner ? atomic_load(&inner->bytes) : 0;
	df_free(o->env, k.desc);
	df_sink_free(flat.sink);
	df_sink_free(inner);
	return r;
}

static int estimate_kdump(const struct df_output *o, struct df_estimate *e, struct df_err *err)
{
	unsigned batch = DF_BATCH_BYTES >> o->page_shift < DF_BATCH_PAGES ? DF_BATCH_BYTES >> o->page_shift
									  : DF_BATCH_PAGES;
	struct kdump k = { .o = o };
	uint64_t index, head, records = 0;
	int r = lay_out(&k, err);

	if (!r)
		r = df_estimate_pages(o, e, err);
	index = e->of * DF_KDUMP_DESC_SIZE;
	head = k.at.data_offset + (o->level & DUMPFILTER_LEVEL_ZERO ? k.block : 0);
	if (!r && e->flat) {
		r = flat_head(o, &head, err);
		head += index;
		records = df_estimate_records(e->bytes, (e->of + batch - 1) / batch, index);
	}
	e->bytes += head + records;
	e->low += head; /* there may be fewer */
	e->high += head + records;
	return r;
}

static int begin_on(void *user, struct dumpfilter_sink *sink, struct df_err *err)
{
	struct kdump k = *(struct kdump *)user;
	struct df_output o = *k.o;

	o.sink = sink;
	k.o = &o;
	return begin(&k, err);
}

static int fits(struct kdump *k, struct df_err *err)
{
	uint64_t zeros = k->o->level & DUMPFILTER_LEVEL_ZERO ? k->block : 0;

	keep_room(k, 0);
	return df_writer_fits(k->o, k->at.data_offset + zeros, begin_on, k, err);
}

static int write_kdump(const struct df_output *o, struct df_written *done, struct df_err *err)
{
	struct kdump k = { .o = o, .done = done };
	struct df_pipe_run *pipe;
	int r;

	if (!(o->sink->caps & DUMPFILTER_IO_RANDOM))
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s is a stream, and a kdump file needs writing at offsets: use the flattened format",
				  o->sink->name);
	r = lay_out(&k, err);
	if (r < 0)
		return r;
	pipe = start(&k, o->sink->caps & DUMPFILTER_IO_CONCURRENT, err);
	r = pipe ? fits(&k, err) : err->code;
	if (!r)
		r = begin(&k, err);
	if (!r)
		r = copy(&k, pipe, err);
	stop(&k, pipe);
	return r;
}

const struct df_writer df_writer_kdump = { .format = DUMPFILTER_FORMAT_KDUMP,
					   .name = "kdump",
					   .compresses = true,
					   .write = write_kdump,
					   .rehearse = rehearse_kdump,
					   .estimate = estimate_kdump };
