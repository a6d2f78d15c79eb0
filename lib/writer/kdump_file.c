/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Index and data of one file. */
#include "base/bytes.h"
#include "writer/kdump.h"

#include <string.h>

void df_kdump_keep_room(struct df_kdump *k, struct df_kdump_file *f, size_t more)
{
	uint64_t now = f->desc_len + more, left = f->kept * DF_KDUMP_DESC_SIZE - f->desc_done - now;

	f->sink->closing = now + (left < DF_KDUMP_DESCS ? left : DF_KDUMP_DESCS);
	f->sink->head = df_kdump_header_size(&k->abi);
	if (df_kdump_subheader_late(k, f))
		f->sink->closing += df_kdump_subheader_size(&k->abi);
}

static int flush_descriptors(struct df_kdump *k, struct df_kdump_file *f, struct df_err *err)
{
	int r = df_sink_write(f->sink, k->at.desc_offset + f->desc_done, f->desc, f->desc_len, err);

	if (r < 0)
		return r;
	f->desc_done += f->desc_len;
	f->desc_len = 0;
	return 0;
}

/* Descriptors of a batch; an all-zero one says that the page is lost. */
static void describe(struct df_kdump *k, struct df_kdump_file *f, const struct df_batch *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		struct df_kdump_desc d = { .offset = b->page_at[i], .size = b->size[i] };

		if (b->kind[i] == DF_PAGE_ZERO)
			d = (struct df_kdump_desc){ .offset = f->zero_at, .size = k->block };
		else if (df_page_is_missing(b->kind[i]))
			d = (struct df_kdump_desc){ 0 };
		else if (b->kind[i] == DF_PAGE_PACKED)
			d.flags = k->o->codec->kdump_flag;
		df_kdump_encode_desc(&k->abi, &d, f->desc + f->desc_len);
		f->desc_len += DF_KDUMP_DESC_SIZE;
	}
}

static void count(struct df_kdump *k, struct df_kdump_file *f, const struct df_batch *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		bool missing = df_page_is_missing(b->kind[i]);

		k->done->zero_pages += b->kind[i] == DF_PAGE_ZERO;
		k->done->unreadable_pages += missing;
		k->done->lost_before += b->kind[i] == DF_PAGE_GONE;
		f->pages += !missing;
	}
	if (b->why[0] && k->lost_lines++ < DF_LOST_LINES)
		df_log(k->o->env, DUMPFILTER_LOG_WARN, "a page cannot be read and is lost: %s", b->why);
}

/* In the order of frames, whoever calls: so the places, and with them the bytes of the file, do not depend on the
 * number of threads.  Only here data_end moves. */
void df_kdump_place(void *user, struct df_batch *b)
{
	struct df_kdump *k = user;
	struct df_kdump_file *f = &k->files[b->part];
	const uint8_t *data = b->data;

	b->at = f->data_end;
	b->late.code = 0;
	for (unsigned i = 0; i < b->n; data += b->size[i++]) {
		b->page_at[i] = f->data_end;
		if (b->kind[i] == DF_PAGE_PACKED)
			b->page_at[i] = df_share_place(f->share, data, b->size[i], f->data_end);
		if (b->page_at[i] == f->data_end)
			f->data_end += b->size[i];
	}
	b->shared = f->data_end - b->at < b->data_len;
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

static void write_data(struct df_kdump_file *f, struct df_batch *b)
{
	struct df_err why;

	if (b->shared)
		close_up(b);
	if (df_sink_write(f->sink, b->at, b->data, b->data_len, &why) < 0)
		b->late = why;
}

/* A failure is the file's, and known to it when the batch's turn comes. */
int df_kdump_write(void *user, struct df_batch *b, struct df_err *err)
{
	struct df_kdump *k = user;
	struct df_kdump_file *f = &k->files[b->part];

	(void)err;
	if (f->sink->caps & DUMPFILTER_IO_CONCURRENT && !atomic_load_explicit(&f->dead, memory_order_relaxed))
		write_data(f, b);
	return 0;
}

/* Where the sink takes one write at a time this writes the data, too: the calling thread is the only one that is sure
 * to be alone.  A file that fails gets no more batches; the run ends when the last one has failed. */
int df_kdump_take(void *user, struct df_batch *b, struct df_err *err)
{
	struct df_kdump *k = user;
	struct df_kdump_file *f = &k->files[b->part];
	struct df_err why;

	if (f->why.code) { /* made before that was known */
		df_pipe_end_part(k->pipe, b->part);
		return 0;
	}
	if (f->desc_len + b->n * DF_KDUMP_DESC_SIZE > DF_KDUMP_DESCS) {
		f->sink->closing -= f->desc_len;
		if (flush_descriptors(k, f, &why) < 0)
			df_kdump_fail(f, &why);
	}
	df_kdump_keep_room(k, f, b->n * DF_KDUMP_DESC_SIZE);
	/* data before its descriptors: what the index lists is there */
	if (!f->why.code && !(f->sink->caps & DUMPFILTER_IO_CONCURRENT))
		write_data(f, b);
	if (b->late.code)
		df_kdump_fail(f, &b->late);
	if (f->why.code) {
		df_pipe_end_part(k->pipe, b->part);
		return df_kdump_alive(k, err);
	}
	describe(k, f, b);
	count(k, f, b);
	return 0;
}

/* The index of a sink that was not reserved: descriptors of lost pages are zero.  The last byte is really written, so
 * that a full disk shows now. */
static int end_index(struct df_kdump *k, struct df_kdump_file *f, struct df_err *err)
{
	uint64_t table = f->kept * DF_KDUMP_DESC_SIZE;
	int r;

	if (f->desc_done >= table || f->sink->caps & DUMPFILTER_IO_REWRITE)
		return 0;
	r = df_sink_zeros(f->sink, k->at.desc_offset + f->desc_done, table - f->desc_done - 1, err);
	return r ? r : df_sink_write(f->sink, k->at.desc_offset + table - 1, "", 1, err);
}

/* The text about what was erased, behind the data, and where it is. */
static int write_erased(struct df_kdump *k, struct df_kdump_file *f, struct df_err *err)
{
	const struct df_image *img = k->o->image;
	uint64_t at = f->why.code ? 0 : f->data_end;
	int r = 0;

	if (!img->eraseinfo_len)
		return 0;
	if (at)
		r = df_sink_write(f->sink, at, img->eraseinfo, img->eraseinfo_len, err);
	if (!r && (at || df_kdump_subheader_late(k, f)))
		r = df_kdump_subheader(k, f, at, err);
	return r;
}

void df_kdump_end(struct df_kdump *k, struct df_kdump_file *f)
{
	uint64_t own = f->kept * DF_KDUMP_DESC_SIZE, table = k->at.data_offset - k->at.desc_offset;
	struct df_err why;
	int r;

	f->sink->closing = 0;
	r = flush_descriptors(k, f, &why);
	if (!r)
		r = end_index(k, f, &why);
	if (r < 0)
		f->headless |= !(f->sink->caps & DUMPFILTER_IO_REWRITE);
	if (!r && !f->why.code && own < table) /* the other pieces' descriptors: a gap */
		r = df_sink_zeros(f->sink, k->at.desc_offset + own, table - own, &why);
	if (!r)
		r = write_erased(k, f, &why);
	if (r < 0)
		df_kdump_fail(f, &why);
	/* pages that were copied but whose descriptors could not be written cannot be found */
	f->pages -= f->desc_len / DF_KDUMP_DESC_SIZE < f->pages ? f->desc_len / DF_KDUMP_DESC_SIZE : f->pages;
}

int df_kdump_mark(struct df_kdump *k, struct df_kdump_file *f, bool incomplete, struct df_err *err)
{
	uint8_t status[4];

	if (df_sink_is_flat(f->sink))
		return incomplete && !k->o->incomplete ? df_kdump_header_again(k, f, err) : df_sink_flush(f->sink, err);
	df_put32(status, k->status | (incomplete ? DF_KDUMP_INCOMPLETE : 0), k->abi.be);
	return df_sink_write(f->sink, df_kdump_status_offset(&k->abi), status, sizeof status, err);
}
