/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipe/pipe.h"

#include "base/pool.h"

#include <stdio.h>
#include <string.h>

struct worker {
	struct df_reader reader;
	void *codec_state;
};

struct run {
	const struct df_pipe *p;
	struct worker *workers;
	struct df_batch *slots;
	unsigned nworkers, nslots;
	size_t page_size, batch_pages;
	uint64_t next, run_end; /* where make stands: the run of kept frames [next, run_end) */
	uint64_t done, bytes_out;
};

static int make(void *user, void *slot, struct df_err *err)
{
	struct run *r = user;
	struct df_batch *b = slot;

	if (df_cancelled(r->p->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
	b->n = 0;
	while (b->n < r->batch_pages) {
		if (r->next >= r->run_end && !df_pageset_next_run(r->p->keep, r->next, &r->next, &r->run_end))
			break;
		b->pfn[b->n++] = r->next++;
	}
	return b->n ? 1 : 0;
}

/* Append page to the batch's data, compressed where that makes it smaller. */
static void pack(const struct run *r, struct worker *w, struct df_batch *b, unsigned i, const uint8_t *page)
{
	const struct df_codec *c = r->p->codec;
	uint8_t *to = b->data + b->data_len;
	size_t n = 0;

	/* room: data holds all pages raw, and the last one's worst case behind that */
	if (c)
		n = c->compress(w->codec_state, page, r->page_size, to, c->bound(r->page_size));
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

static int work(void *user, void *slot, unsigned worker, struct df_err *err)
{
	struct run *r = user;
	struct worker *w = &r->workers[worker];
	struct df_batch *b = slot;

	b->data_len = 0;
	b->why[0] = '\0';
	for (unsigned i = 0; i < b->n; i++) {
		const uint8_t *page = df_reader_page(&w->reader, b->pfn[i] << r->p->page_shift, r->page_size, err);

		b->size[i] = 0;
		if (!page) {
			if (!b->why[0])
				snprintf(b->why, sizeof b->why, "%s", err->text);
			b->kind[i] = DF_PAGE_LOST;
		} else if (r->p->find_zero && df_is_zero(page, r->page_size)) {
			b->kind[i] = DF_PAGE_ZERO;
		} else {
			pack(r, w, b, i, page);
		}
	}
	df_err_clear(err);
	return 0;
}

static void progress(struct run *r, int phase)
{
	struct dumpfilter_progress p = { .phase = phase, .done = r->done, .total = r->p->keep->count };

	p.bytes_in = r->done << r->p->page_shift;
	p.bytes_out = r->bytes_out;
	df_progress(r->p->env, &p);
}

static int take(void *user, void *slot, struct df_err *err)
{
	struct run *r = user;
	struct df_batch *b = slot;
	int rc = r->p->take(r->p->user, b, err);

	r->done += b->n;
	r->bytes_out += b->data_len;
	progress(r, DUMPFILTER_PHASE_COPY);
	return rc;
}

static void stop(struct run *r)
{
	struct df_env *env = r->p->env;

	for (unsigned i = 0; r->slots && i < r->nslots; i++)
		df_free(env, r->slots[i].data);
	df_free(env, r->slots);
	for (unsigned i = 0; r->workers && i < r->nworkers; i++) {
		df_reader_fini(&r->workers[i].reader);
		if (r->p->codec && r->workers[i].codec_state)
			r->p->codec->state_free(env, r->workers[i].codec_state);
	}
	df_free(env, r->workers);
}

static int start_worker(struct run *r, struct worker *w, struct df_err *err)
{
	const struct df_codec *c = r->p->codec;
	int rc = df_reader_init(&w->reader, r->p->image, err);

	if (!rc && c && c->state_new && !(w->codec_state = c->state_new(r->p->env, r->p->codec_level)))
		rc = df_err_nomem(err, r->p->env, c->name, 0);
	return rc;
}

static int start(struct run *r, bool data, struct df_err *err)
{
	struct df_env *env = r->p->env;
	size_t bytes = r->batch_pages * r->page_size + (r->p->codec ? r->p->codec->bound(r->page_size) : 0);
	int rc = 0;

	r->workers = df_alloc_array(env, r->nworkers, sizeof *r->workers);
	r->slots = df_alloc_array(env, r->nslots, sizeof *r->slots);
	if (!r->workers || !r->slots)
		return df_err_nomem(err, env, "workers", r->nworkers * sizeof *r->workers);
	for (unsigned i = 0; !rc && i < r->nworkers; i++)
		rc = start_worker(r, &r->workers[i], err);
	for (unsigned i = 0; !rc && data && i < r->nslots; i++)
		if (!(r->slots[i].data = df_alloc(env, bytes)))
			rc = df_err_nomem(err, env, "a batch of pages", bytes);
	return rc;
}

static void prepare(struct run *r, const struct df_pipe *p)
{
	*r = (struct run){ .p = p, .page_size = (size_t)1 << p->page_shift };
	r->nworkers = p->threads ? p->threads : 1;
	r->nslots = r->nworkers > 1 ? 2 * r->nworkers : 1;
	r->batch_pages = DF_BATCH_BYTES >> p->page_shift;
	if (r->batch_pages > DF_BATCH_PAGES)
		r->batch_pages = DF_BATCH_PAGES;
	if (!r->batch_pages)
		r->batch_pages = 1;
}

int df_pipe_run(const struct df_pipe *p, struct df_err *err)
{
	static const struct df_pool_ops ops = { make, work, take };
	struct run r;
	int rc;

	prepare(&r, p);
	rc = start(&r, true, err);
	if (!rc) {
		progress(&r, DUMPFILTER_PHASE_COPY);
		rc = df_pool_run(p->env, &ops, &r, r.nworkers, r.slots, sizeof *r.slots, r.nslots, err);
		progress(&r, DUMPFILTER_PHASE_COPY);
	}
	stop(&r);
	return rc;
}

/* ---- pages of zeros, for formats that must know them beforehand */

struct sieve {
	struct run run;
	struct df_pageset *keep;
	uint64_t chunk, dropped;
};

struct sieve_slot {
	uint64_t chunk, zero;
	uint64_t words[DF_CHUNK_WORDS];
};

static int sieve_make(void *user, void *slot, struct df_err *err)
{
	struct sieve *s = user;
	struct sieve_slot *c = slot;
	uint64_t first, end;

	if (df_cancelled(s->run.p->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
	if (!df_pageset_next_run(s->keep, s->chunk << DF_CHUNK_SHIFT, &first, &end))
		return 0;
	c->chunk = first >> DF_CHUNK_SHIFT;
	s->chunk = c->chunk + 1;
	df_pageset_load(s->keep, c->chunk, c->words);
	return 1;
}

static int sieve_work(void *user, void *slot, unsigned worker, struct df_err *err)
{
	struct sieve *s = user;
	struct sieve_slot *c = slot;
	struct worker *w = &s->run.workers[worker];

	c->zero = 0;
	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++) {
		for (uint64_t m = c->words[i]; m; m &= m - 1) {
			uint64_t pfn = (c->chunk << DF_CHUNK_SHIFT) + i * 64 + (unsigned)__builtin_ctzll(m);
			const uint8_t *page = df_reader_page(&w->reader, pfn << s->run.p->page_shift, s->run.page_size,
							     err);

			if (!page || !df_is_zero(page, s->run.page_size))
				continue;
			c->words[i] &= ~(m & -m);
			c->zero++;
		}
	}
	df_err_clear(err);
	return 0;
}

static int sieve_take(void *user, void *slot, struct df_err *err)
{
	struct sieve *s = user;
	struct sieve_slot *c = slot;
	uint64_t had = df_pageset_chunk_count(s->keep, c->chunk), total = s->keep->count + s->dropped;
	struct dumpfilter_progress p = { .phase = DUMPFILTER_PHASE_ZERO, .total = total };
	int rc = c->zero ? df_pageset_store(s->keep, c->chunk, c->words, err) : 0;

	s->dropped += c->zero;
	s->run.done += had;
	p.done = s->run.done;
	p.bytes_in = s->run.done << s->run.p->page_shift;
	df_progress(s->run.p->env, &p);
	return rc;
}

int df_pipe_drop_zero(const struct df_pipe *p, struct df_pageset *keep, uint64_t *dropped, struct df_err *err)
{
	static const struct df_pool_ops ops = { sieve_make, sieve_work, sieve_take };
	struct sieve s = { .keep = keep };
	struct sieve_slot *slots;
	int rc;

	prepare(&s.run, p);
	rc = start(&s.run, false, err);
	slots = df_alloc_array(p->env, s.run.nslots, sizeof *slots);
	if (!rc && !slots)
		rc = df_err_nomem(err, p->env, "workers", s.run.nslots * sizeof *slots);
	if (!rc)
		rc = df_pool_run(p->env, &ops, &s, s.run.nworkers, slots, sizeof *slots, s.run.nslots, err);
	df_free(p->env, slots);
	stop(&s.run);
	*dropped = s.dropped;
	return rc;
}
