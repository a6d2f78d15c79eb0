/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ELF: the input's loads, cut where at least GAP pages in a row are left out.  What is left out is always the tail of
 * a load (memsz > filesz); shorter gaps are written with their contents.  Data follows the notes without alignment and
 * p_align is copied: crash tells kdump's files by that.
 *
 * A fragmented machine has a segment for each few hundred pages, so they are never listed: each pass over them
 * (counting, headers, data) cuts the loads again.
 */
#include "writer/elf.h"

#include "base/bits.h"
#include "base/pool.h"
#include "writer/elf_estimate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PIECE DF_WINDOW_COPY /* bytes copied at once */

/* ---- data */

static int make(void *user, void *slot, struct df_err *err)
{
	struct df_elf_writer *e = user;
	struct df_elf_piece *p = slot;
	uint64_t left;

	while (e->at_byte >= e->seg.filesz) {
		if (!df_elf_next_segment(e, &e->cut, &e->seg) || df_elf_plan_failed(e, err))
			return df_elf_plan_failed(e, err);
		e->at_byte = 0;
	}
	if (df_cancelled(e->o->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
	left = e->seg.filesz - e->at_byte;
	p->paddr = e->seg.paddr + e->at_byte;
	p->offset = e->seg.offset + e->at_byte;
	p->len = left < PIECE ? (size_t)left : PIECE;
	p->ends = p->len == left;
	e->at_byte += p->len;
	return 1;
}

/* Page by page, where pages must not be read or the piece as a whole cannot be: zeros stand for these.  A page that is
 * here only to fill a gap is no loss. */
static void read_by_page(struct df_elf_writer *e, struct df_reader *r, struct df_elf_piece *p, struct df_err *err)
{
	unsigned shift = e->o->page_shift;
	size_t missing;

	for (size_t n, at = 0; at < p->len; at += n) {
		uint64_t pfn = (p->paddr + at) >> shift;

		n = (size_t)(((pfn + 1) << shift) - (p->paddr + at));
		if (n > p->len - at)
			n = p->len - at;
		if (df_pageset_test(e->o->forbidden, pfn)) {
			memset(p->buf + at, 0, n);
		} else if (e->o->image->ops->read(r, p->paddr + at, p->buf + at, n, &missing, err) < 0) {
			memset(p->buf + at, 0, n);
			if (!df_pageset_test(e->o->keep, pfn))
				continue;
			df_bit_set(p->lost, pfn - (p->paddr >> shift));
			if (!p->why[0])
				memcpy(p->why, err->text, sizeof p->why);
		}
	}
	df_err_clear(err);
}

static int work(void *user, void *slot, unsigned worker, struct df_err *err)
{
	struct df_elf_writer *e = user;
	struct df_elf_piece *p = slot;
	uint64_t first = p->paddr >> e->o->page_shift, last = (p->paddr + p->len - 1) >> e->o->page_shift;
	struct df_reader *r = &e->readers[worker];
	size_t missing;

	p->why[0] = '\0';
	p->lost[0] = p->lost[1] = 0;
	/* bytes that the input does not hold (a gap of under 256 pages between what it does) read as zeros */
	if (df_pageset_count_range(e->o->forbidden, first, last + 1) ||
	    e->o->image->ops->read(r, p->paddr, p->buf, p->len, &missing, err) < 0)
		read_by_page(e, r, p, err);
	return df_elf_plan_failed(e, err);
}

static void progress(struct df_elf_writer *e)
{
	unsigned shift = e->o->page_shift;
	struct dumpfilter_progress p = { .phase = DUMPFILTER_PHASE_COPY };

	p.done = e->copied >> shift;
	p.total = e->total >> shift;
	p.bytes_in = p.bytes_out = e->copied;
	df_progress(e->o->env, &p);
}

static int take(void *user, void *slot, struct df_err *err)
{
	struct df_elf_writer *e = user;
	struct df_elf_piece *p = slot;

	/* in order and from one thread: where writing breaks off, everything before is there */
	if (df_sink_write(e->o->sink, p->offset, p->buf, p->len, err) < 0)
		return err->code;
	if (p->why[0])
		df_elf_count_lost(e, p);
	df_elf_count_frames(e, p);
	e->written = p->offset + p->len;
	e->copied += p->len;
	progress(e);
	return 0;
}

/* What an earlier run erased, where the input does not have it as a note. */
static int make_erased(struct df_elf_writer *e, struct df_err *err)
{
	const struct df_image *img = e->o->image;
	uint32_t len = (uint32_t)img->eraseinfo_len;

	if (!len || img->eraseinfo_noted)
		return 0;
	e->erased_len = df_elf_encode_note(img->be, "ERASEINFO", NULL, len, NULL);
	e->erased = df_alloc(e->o->env, e->erased_len);
	if (!e->erased)
		return df_err_nomem(err, e->o->env, "text about erased data", e->erased_len);
	df_elf_encode_note(img->be, "ERASEINFO", img->eraseinfo, len, e->erased);
	return 0;
}

static void stop(struct df_elf_writer *e)
{
	df_free(e->o->env, e->erased);
	for (unsigned i = 0; e->slots && i < e->nslots; i++)
		df_free(e->o->env, e->slots[i].buf);
	df_free(e->o->env, e->slots);
	for (unsigned i = 0; e->readers && i < e->workers; i++)
		df_reader_fini(&e->readers[i]);
	df_free(e->o->env, e->readers);
	if (e->lost.env)
		df_pageset_fini(&e->lost);
	df_free(e->o->env, e->seen);
	df_free(e->o->env, e->shared);
}

/* All memory that copying needs, before the first byte is written. */
static int start(struct df_elf_writer *e, struct df_err *err)
{
	struct df_env *env = e->o->env;
	int r = 0;

	/* Copying alone gains nothing from threads: with two the same dump took 7 % longer, and writing straight from a
	 * mapping 11 % longer than reading it first (391 MiB image in the page cache, output to a tmpfs).  Unpacking
	 * does, where the sets can be looked at by several. */
	e->workers = 1;
	if (e->o->image->ops->stored && e->o->threads && !e->o->keep->refill && !e->o->forbidden->refill)
		e->workers = e->o->threads;
	e->nslots = df_pool_slots(e->workers);
	e->slots = df_alloc_array(env, e->nslots, sizeof *e->slots);
	e->readers = df_alloc_array(env, e->workers, sizeof *e->readers);
	if (!e->slots || !e->readers)
		return df_err_nomem(err, env, "workers", e->nslots * sizeof *e->slots);
	for (unsigned i = 0; !r && i < e->workers; i++)
		r = df_reader_init(&e->readers[i], e->o->image, DF_WINDOW_COPY, err);
	for (unsigned i = 0; !r && i < e->nslots; i++)
		if (!(e->slots[i].buf = df_alloc(env, PIECE)))
			r = df_err_nomem(err, env, "a piece of memory", PIECE);
	if (!r)
		r = df_pageset_init(&e->lost, env, e->o->max_pfn, err);
	return r ? r : df_elf_find_shared(e, err);
}

static int copy(struct df_elf_writer *e, struct df_err *err)
{
	static const struct df_pool_ops ops = { .make = make, .work = work, .take = take };
	int r;

	e->cut = (struct df_elf_cut){ .offset = e->data_at };
	e->written = e->data_at;
	progress(e);
	r = df_pool_run(e->o->env, &ops, e, e->workers, e->slots, sizeof *e->slots, e->nslots, err);
	progress(e);
	return r;
}

/* ---- end */

/* Loads are cut to what arrived; where that is too late the mark says that they promise too much. */
static int end_file(struct df_elf_writer *e, bool complete, uint64_t limit, struct df_err *err)
{
	int r = 0;

	if (limit < UINT64_MAX && e->o->sink->caps & DUMPFILTER_IO_REWRITE && !df_elf_plan_failed(e, err))
		r = df_elf_write_phdrs(e, limit, err);
	if (!r && complete)
		r = df_sink_flush(e->o->sink, err);
	return r ? r : df_elf_write_mark(e, complete, err);
}

static int end_stream(struct df_elf_writer *e, bool complete, uint64_t limit, struct df_err *err)
{
	if (complete || (e->o->incomplete && limit == UINT64_MAX)) /* as the header says */
		return df_sink_flush(e->o->sink, err);
	return df_elf_write_heads_again(e, limit, err);
}

static int finish(struct df_elf_writer *e, int r, struct df_err *err)
{
	bool again = e->o->sink->caps & DUMPFILTER_IO_REWRITE, whole = r >= 0 && !e->done->unreadable_pages;
	uint64_t limit = r < 0 ? e->written : UINT64_MAX;
	struct df_err late;
	int f;

	e->o->sink->closing = 0;
	f = (df_sink_is_flat(e->o->sink) ? end_stream : end_file)(e, whole && !e->o->incomplete, limit, &late);
	if (r >= 0 && f < 0) {
		*err = late;
		r = f;
	}
	e->done->pages -= e->done->unreadable_pages < e->done->pages ? e->done->unreadable_pages : e->done->pages;
	if (e->done->pages > e->o->keep->count)
		e->done->pages = e->o->keep->count;
	e->done->lost_pages = e->o->keep->count - e->done->pages;
	if (r < 0)
		return f < 0 && !again ? r : DUMPFILTER_PARTIAL;
	if (whole)
		return 0;
	df_err_set(err, DUMPFILTER_E_IO, "%s: pages could not be read; zeros are in their place",
		   e->o->image->source.name);
	return DUMPFILTER_PARTIAL;
}

static struct df_pipe pipe_of(const struct df_output *o)
{
	return (struct df_pipe){
		.env = o->env, .image = o->image, .keep = o->keep, .page_shift = o->page_shift, .threads = o->threads
	};
}

static int drop_zero(const struct df_output *o, struct df_written *done, struct df_err *err)
{
	struct df_pipe p = pipe_of(o);
	uint64_t dropped;
	int r = df_pipe_drop_zero(&p, o->keep, &dropped, err);

	*o->zero_dropped += dropped;
	done->zero_pages = *o->zero_dropped;
	return r;
}

static int rehearse_elf(const struct df_output *o, struct df_err *err)
{
	struct df_pipe p = pipe_of(o);
	struct df_elf_writer e = { .o = o };
	int r = o->level & DUMPFILTER_LEVEL_ZERO ? df_pipe_rehearse_zero(&p, err) : 0;

	if (!r)
		r = make_erased(&e, err);
	if (!r)
		r = start(&e, err);
	stop(&e);
	return r;
}

int df_elf_segments(const struct df_output *o, struct df_elf_data *data, df_elf_segment_fn fn, void *user,
		    struct df_err *err)
{
	struct df_elf_writer e = { .o = o };
	struct df_elf_cut c = { 0 };
	struct df_elf_segment s;
	int r = df_elf_lay_out(&e, err);

	*data = (struct df_elf_data){ .head = e.data_at, .bytes = e.total, .gap = DF_ELF_GAP };
	for (size_t load = 0; !r && df_elf_next_segment(&e, &c, &s); load = c.load)
		r = fn(user, load, s.paddr, s.filesz, err);
	return r ? r : df_elf_plan_failed(&e, err);
}

static int begin_on(void *user, struct dumpfilter_sink *sink, struct df_err *err)
{
	struct df_elf_writer e = *(struct df_elf_writer *)user;
	struct df_output o = *e.o;

	o.sink = sink;
	e.o = &o;
	return df_elf_begin(&e, err);
}

static int fits(struct df_elf_writer *e, struct df_err *err)
{
	bool flat = df_sink_is_flat(e->o->sink);

	e->o->sink->closing = flat ? 0 : sizeof(uint32_t); /* the mark */
	e->o->sink->head = flat ? df_elf_heads_len(e) : 0;
	return df_writer_fits(e->o, e->data_at, begin_on, e, err);
}

static int write_elf(const struct df_output *o, struct df_written *done, struct df_err *err)
{
	struct df_elf_writer e = { .o = o, .done = done };
	int r = 0;

	if (!(o->sink->caps & DUMPFILTER_IO_RANDOM))
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s is a stream, and an ELF file needs writing at offsets: use the flattened format",
				  o->sink->name);
	if (o->level & DUMPFILTER_LEVEL_ZERO)
		r = drop_zero(o, done, err);
	if (!r)
		r = make_erased(&e, err);
	if (!r)
		r = df_elf_lay_out(&e, err);
	if (!r)
		r = start(&e, err);
	if (!r)
		r = fits(&e, err);
	if (!r)
		r = df_elf_begin(&e, err);
	if (!r)
		r = finish(&e, copy(&e, err), err);
	stop(&e);
	return r;
}

const struct df_writer df_writer_elf = { .format = DUMPFILTER_FORMAT_ELF,
					 .name = "ELF",
					 .needs_forbidden = true,
					 .sifts = true,
					 .write = write_elf,
					 .rehearse = rehearse_elf,
					 .estimate = df_elf_estimate };
