/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/pool.h"
#include "pipe/stored.h"
#include "pipe/workers.h"

#include <string.h>

/* Where make stands in a part: the next kept frames are [next, run_end), but for the first `skip`. */
struct cursor {
	uint64_t next, run_end, end;
	uint64_t skip;
	unsigned in_group; /* of a sample */
};

/* A pipeline with all that it needs to run.  parts, turn and the three sums are the calling thread's; workers have
 * one state each.  total and done are pages, bytes_out is bytes of data. */
struct df_pipe_run {
	struct df_pipe p;
	struct df_pipe_workers workers;
	struct df_batch *slots;
	size_t page_size, batch_pages;
	struct cursor *parts;
	unsigned nparts, turn;
	uint64_t total, done, bytes_out;
};

uint64_t df_pipe_total(const struct df_pipe *p)
{
	uint64_t period = p->group + p->skip, n = p->keep->count, rest;

	if (!p->skip)
		return n;
	n -= p->skip / 2 < n ? p->skip / 2 : n;
	rest = n % period;
	return n / period * p->group + (rest < p->group ? rest : p->group);
}

/* Step over what is to be skipped.  false: the part has no more. */
static bool find_next(const struct df_pipe_run *r, struct cursor *c)
{
	while (c->skip >= c->run_end - c->next) {
		c->skip -= c->run_end - c->next;
		c->next = c->run_end;
		if (c->next >= c->end || !df_pageset_next_run(r->p.keep, c->next, &c->next, &c->run_end) ||
		    c->next >= c->end) {
			c->next = c->run_end = c->end;
			return false;
		}
		if (c->run_end > c->end)
			c->run_end = c->end;
	}
	c->next += c->skip;
	c->skip = 0;
	return true;
}

static void fill_batch(const struct df_pipe_run *r, struct cursor *c, struct df_batch *b)
{
	b->n = 0;
	while (b->n < r->batch_pages && find_next(r, c)) {
		b->pfn[b->n++] = c->next++;
		if (r->p.skip && ++c->in_group == r->p.group) {
			c->in_group = 0;
			c->skip = r->p.skip;
		}
	}
}

/* The parts take turns, but not where bits are made again chunk by chunk: few of these are at hand. */
static int make(void *user, void *slot, struct df_err *err)
{
	struct df_pipe_run *r = user;
	struct df_batch *b = slot;

	b->n = 0;
	for (unsigned tried = 0; !b->n && tried < r->nparts; tried++) {
		b->part = r->turn;
		fill_batch(r, &r->parts[r->turn], b);
		if (!b->n || !r->p.keep->refill)
			r->turn = (r->turn + 1) % r->nparts;
	}
	if (b->n && df_cancelled(r->p.env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
	return b->n ? 1 : df_pageset_failed(r->p.keep, err);
}

void df_pipe_end_part(struct df_pipe_run *r, unsigned part)
{
	struct cursor *c = &r->parts[part];

	c->next = c->run_end = c->end;
	c->skip = 0;
}

/* Append page to the batch's data, compressed where that makes it smaller.  A codec that fails is no reason to lose the
 * page: it is stored raw, as one that does not shrink. */
static void pack(const struct df_pipe_run *r, void *state, struct df_batch *b, unsigned i, const uint8_t *page)
{
	const struct df_codec *c = r->p.codec;
	uint8_t *to = b->data + b->data_len;
	size_t n = 0;

	/* room: data holds all pages raw, and the last one's worst case behind that */
	if (c)
		n = c->compress(state, page, r->page_size, to, c->bound(r->page_size));
	if (!n || n >= r->page_size) {
		memcpy(to, page, r->page_size);
		n = r->page_size;
		b->kind[i] = DF_PAGE_RAW;
	} else {
		b->kind[i] = DF_PAGE_PACKED;
	}
	b->size[i] = (uint32_t)n;
	b->data_len += n;
}

/* How many frames of a batch follow one another from i on. */
static unsigned run_at(const struct df_batch *b, unsigned i)
{
	unsigned n = 1;

	while (i + n < b->n && b->pfn[i + n] == b->pfn[i] + n)
		n++;
	return n;
}

/* A run that is stored as it is, read to where it goes: no copy but where pages of zeros leave gaps.  false: it cannot
 * be read as a whole. */
static bool read_run(const struct df_pipe_run *r, struct df_pipe_worker *w, struct df_batch *b, unsigned i, unsigned n)
{
	uint8_t *page = b->data + b->data_len, *to = page;
	struct df_err ignored;
	size_t missing;

	if (r->p.image->ops->read(&w->reader, b->pfn[i] << r->p.page_shift, page, n * r->page_size, &missing,
				  &ignored) < 0)
		return false;
	for (unsigned end = i + n; i < end; i++, page += r->page_size) {
		bool zero = r->p.find_zero && df_is_zero(page, r->page_size);

		b->kind[i] = zero ? DF_PAGE_ZERO : DF_PAGE_RAW;
		b->size[i] = zero ? 0 : (uint32_t)r->page_size;
		if (to != page && !zero)
			memcpy(to, page, r->page_size);
		to += b->size[i];
	}
	b->data_len = (size_t)(to - b->data);
	return true;
}

/* Frames [i, i + n) of a batch that follow one another: all at once, where that is better.  Frames that are done. */
static unsigned whole_run(const struct df_pipe_run *r, struct df_pipe_worker *w, struct df_batch *b, unsigned i)
{
	unsigned n = run_at(b, i);
	struct df_err ignored;

	if (r->p.image->ops->prepare)
		r->p.image->ops->prepare(&w->reader, b->pfn[i] << r->p.page_shift, n * r->page_size);
	else if (!r->p.codec && !r->p.image->source.can_map && read_run(r, w, b, i, n))
		return n;
	else
		r->p.image->ops->peek(&w->reader, b->pfn[i] << r->p.page_shift, n * r->page_size, &ignored);
	return 0;
}

/* One page; E_NOMEM where there is no memory to look at it, which is not its fault. */
static int one_page(const struct df_pipe_run *r, struct df_pipe_worker *w, struct df_batch *b, unsigned i,
		    struct df_err *err)
{
	const uint8_t *page = df_reader_page(&w->reader, b->pfn[i] << r->p.page_shift, r->page_size, err);

	b->size[i] = 0;
	if (!page && err->code == DUMPFILTER_E_NOMEM)
		return err->code;
	if (!page) {
		if (!b->why[0])
			memcpy(b->why, err->text, sizeof b->why);
		b->kind[i] = err->code == DUMPFILTER_E_LOST ? DF_PAGE_GONE : DF_PAGE_LOST;
	} else if (r->p.find_zero && df_is_zero(page, r->page_size)) {
		b->kind[i] = DF_PAGE_ZERO;
	} else {
		pack(r, w->codec_state, b, i, page);
	}
	return 0;
}

static int work(void *user, void *slot, unsigned worker, struct df_err *err)
{
	struct df_pipe_run *r = user;
	struct df_pipe_worker *w = &r->workers.v[worker];
	struct df_batch *b = slot;

	b->data_len = 0;
	b->why[0] = '\0';
	for (unsigned i = 0, done; i < b->n; i += done) {
		int rc;

		done = !i || b->pfn[i] != b->pfn[i - 1] + 1 ? whole_run(r, w, b, i) : 0;
		if (!done)
			done = df_pipe_take_stored(&r->p, &w->reader, b, i);
		if (done)
			continue;
		rc = one_page(r, w, b, i, err);
		if (rc < 0)
			return rc;
		done = 1;
	}
	df_err_clear(err);
	return 0;
}

static void order(void *user, void *slot)
{
	struct df_pipe_run *r = user;

	r->p.place(r->p.user, slot);
}

static int write_batch(void *user, void *slot, struct df_err *err)
{
	struct df_pipe_run *r = user;

	return r->p.write(r->p.user, slot, err);
}

static void progress(struct df_pipe_run *r)
{
	struct dumpfilter_progress p = { .phase = r->p.phase ? r->p.phase : DUMPFILTER_PHASE_COPY };

	if (r->p.phase < 0)
		return;
	p.done = r->done;
	p.total = r->total;
	p.bytes_in = r->done << r->p.page_shift;
	p.bytes_out = r->bytes_out;
	df_progress(r->p.env, &p);
}

static int take(void *user, void *slot, struct df_err *err)
{
	struct df_pipe_run *r = user;
	struct df_batch *b = slot;
	int rc = r->p.take(r->p.user, b, err);

	if (rc < 0)
		return rc;
	r->done += b->n;
	r->bytes_out += b->data_len;
	progress(r);
	return 0;
}

static int allocate(struct df_pipe_run *r, struct df_err *err)
{
	struct df_env *env = r->p.env;
	size_t bytes = r->batch_pages * r->page_size + (r->p.codec ? r->p.codec->bound(r->page_size) : 0);
	int rc = df_pipe_workers_init(&r->workers, &r->p, err);

	if (rc < 0)
		return rc;
	r->slots = df_alloc_array(env, r->workers.nslots, sizeof *r->slots);
	if (!r->slots)
		return df_err_nomem(err, env, "batches", r->workers.nslots * sizeof *r->slots);
	for (unsigned i = 0; i < r->workers.nslots; i++)
		if (!(r->slots[i].data = df_alloc(env, bytes)))
			return df_err_nomem(err, env, "a batch of pages", bytes);
	return 0;
}

static int make_cursors(struct df_pipe_run *r, struct df_err *err)
{
	r->nparts = r->p.parts ? r->p.nparts : 1;
	r->parts = df_alloc_array(r->p.env, r->nparts, sizeof *r->parts);
	if (!r->parts)
		return df_err_nomem(err, r->p.env, "parts of a dump", r->nparts * sizeof *r->parts);
	for (unsigned i = 0; i < r->nparts; i++) {
		uint64_t start = r->p.parts ? r->p.parts[i].start : 0;

		r->parts[i] = (struct cursor){ .next = start,
					       .run_end = start,
					       .end = r->p.parts ? r->p.parts[i].end : UINT64_MAX,
					       .skip = r->p.skip / 2 };
	}
	return 0;
}

struct df_pipe_run *df_pipe_start(const struct df_pipe *p, struct df_err *err)
{
	struct df_pipe_run *r = df_alloc(p->env, sizeof *r);

	if (!r) {
		df_err_nomem(err, p->env, "the pipeline", sizeof *r);
		return NULL;
	}
	r->p = *p;
	r->page_size = (size_t)1 << p->page_shift;
	r->batch_pages = DF_BATCH_BYTES >> p->page_shift;
	if (r->batch_pages > DF_BATCH_PAGES)
		r->batch_pages = DF_BATCH_PAGES;
	if (make_cursors(r, err) < 0 || allocate(r, err) < 0) {
		df_pipe_stop(r);
		return NULL;
	}
	return r;
}

int df_pipe_copy(struct df_pipe_run *r, struct df_err *err)
{
	struct df_pool_ops ops = { .make = make, .work = work, .take = take, .writers = r->p.writers };
	int rc;

	if (r->p.place)
		ops.order = order;
	if (r->p.write)
		ops.write = write_batch;
	r->total = df_pipe_total(&r->p);
	progress(r);
	rc = df_pool_run(r->p.env, &ops, r, r->workers.n, r->slots, sizeof *r->slots, r->workers.nslots, err);
	progress(r);
	return rc;
}

void df_pipe_stop(struct df_pipe_run *r)
{
	if (!r)
		return;
	for (unsigned i = 0; r->slots && i < r->workers.nslots; i++)
		df_free(r->p.env, r->slots[i].data);
	df_free(r->p.env, r->slots);
	df_free(r->p.env, r->parts);
	df_pipe_workers_fini(&r->workers);
	df_free(r->p.env, r);
}
