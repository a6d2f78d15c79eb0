/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Split dumps in memory, and a reader of its own that compares pieces with the dump in one file. */
#ifndef TESTS_UNIT_SPLITSET_H
#define TESTS_UNIT_SPLITSET_H

#include "refilter.h"

#include <pthread.h>

#define SS_MAX 8

struct ss_piece {
	struct memory file;
	uint64_t room;  /* bytes that fit; 0 = any number */
	int finished;   /* calls, */
	int result;     /* and what the last one was told */
	unsigned wrong; /* a byte came twice where that was not allowed */
};

struct ss_set {
	struct ss_piece v[SS_MAX];
	struct dumpfilter_piece seen[SS_MAX];
	unsigned n;
};

struct ss_how {
	struct rf_how rf; /* flat: each piece is a flattened stream */
	unsigned n, caps;
	uint64_t block;
	unsigned flags; /* DUMPFILTER_COPY_ALL … */
	unsigned long cancel_at;
	void *(*alloc)(void *user, size_t bytes);
	void (*release)(void *user, void *ptr);
	void *heap;
};

static inline void ss_free(struct ss_set *s)
{
	for (unsigned i = 0; i < SS_MAX; i++)
		memory_free(&s->v[i].file);
	*s = (struct ss_set){ 0 };
}

/* A disk of p->room bytes that takes what fits. */
static inline int ss_write(void *user, uint64_t offset, const void *buf, size_t len)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct ss_piece *p = user;
	size_t fits = len;
	int r;

	if (p->room && offset + len > p->room)
		fits = offset < p->room ? (size_t)(p->room - offset) : 0;
	pthread_mutex_lock(&lock);
	r = fits ? memory_write(&p->file, offset, buf, fits) : 0;
	pthread_mutex_unlock(&lock);
	return r ? r : fits < len ? -ENOSPC : 0;
}

static inline int ss_finish(void *user, int result)
{
	struct ss_piece *p = user;

	p->finished++;
	p->result = result;
	return 0;
}

struct ss_cancel {
	struct dumpfilter *df;
	unsigned long at, calls;
};

static inline void ss_progress(void *user, const struct dumpfilter_progress *p)
{
	struct ss_cancel *c = user;

	(void)p;
	if (++c->calls == c->at)
		dumpfilter_cancel(c->df);
}

static inline int ss_write_pieces(struct dumpfilter *df, const struct ss_how *how, struct ss_set *out)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = ss_write, .finish = ss_finish, .name = "disk" };
	struct dumpfilter_split_opts opts = DUMPFILTER_SPLIT_OPTS_INIT;
	struct dumpfilter_sink *inner[SS_MAX] = { 0 }, *sinks[SS_MAX] = { 0 };
	int r = 0;

	opts.block_bytes = how->block;
	ops.caps = how->rf.flat ? 0 : how->caps ? how->caps : DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE;
	out->n = how->n;
	for (unsigned i = 0; i < how->n; i++) {
		inner[i] = dumpfilter_sink_custom(df, &ops, &out->v[i]);
		sinks[i] = how->rf.flat && inner[i] ? dumpfilter_sink_flat(df, inner[i]) : inner[i];
		if (!sinks[i])
			r = DUMPFILTER_E_NOMEM;
	}
	if (!r)
		r = dumpfilter_run_split(df, sinks, how->n, &opts);
	for (unsigned i = 0; i < how->n; i++) {
		if (sinks[i] != inner[i])
			dumpfilter_sink_free(sinks[i]);
		dumpfilter_sink_free(inner[i]);
	}
	return r;
}

static inline int ss_configure(struct dumpfilter *df, const struct ss_how *how)
{
	struct dumpfilter_config cfg = DUMPFILTER_CONFIG_INIT;

	cfg.level = how->rf.level;
	cfg.format = how->rf.format;
	cfg.codec = how->rf.codec;
	cfg.threads = how->rf.threads ? how->rf.threads : 1;
	cfg.flags = how->flags;
	return dumpfilter_configure(df, &cfg);
}

static inline struct dumpfilter *ss_new(const struct ss_how *how)
{
	struct dumpfilter_new_opts o = DUMPFILTER_NEW_OPTS_INIT;

	o.alloc = how->alloc;
	o.free = how->release;
	o.alloc_user = how->heap;
	return dumpfilter_new(&o);
}

/* in split into how->n pieces. */
static inline int ss_split(const struct memory *in, const struct ss_how *how, struct ss_set *out, struct rf_seen *seen)
{
	struct dumpfilter_source_ops source = memory_source(in, "input");
	struct dumpfilter *df = ss_new(how);
	struct ss_cancel cancel = { df, how->cancel_at, 0 };

	*seen = (struct rf_seen){ .result = DUMPFILTER_E_NOMEM };
	if (!df)
		return seen->result;
	dumpfilter_set_log(df, rf_log, seen, DUMPFILTER_LOG_WARN);
	dumpfilter_set_progress(df, ss_progress, &cancel);
	seen->opened = seen->result = dumpfilter_open(df, &source, (void *)(uintptr_t)in);
	if (!seen->result)
		seen->result = ss_configure(df, how);
	if (!seen->result)
		seen->result = ss_write_pieces(df, how, out);
	snprintf(seen->text, sizeof seen->text, "%s", dumpfilter_errmsg(df));
	seen->report = (struct dumpfilter_report)DUMPFILTER_REPORT_INIT;
	dumpfilter_report(df, &seen->report);
	for (unsigned i = 0; i < how->n; i++) {
		out->seen[i] = (struct dumpfilter_piece)DUMPFILTER_PIECE_INIT;
		dumpfilter_piece(df, i, &out->seen[i]);
	}
	dumpfilter_free(df);
	return seen->result;
}

/* A dump of the set, its files in the order of order[] (NULL: as they are). */
static inline int ss_dump(const struct ss_set *in, const unsigned *order, const struct ss_how *how, struct memory *out,
			  struct rf_seen *seen)
{
	const struct dumpfilter_source_ops *ops[SS_MAX];
	struct dumpfilter_source_ops source[SS_MAX];
	struct dumpfilter *df = ss_new(how);
	char name[SS_MAX][24];
	void *user[SS_MAX];

	memory_free(out);
	*seen = (struct rf_seen){ .result = DUMPFILTER_E_NOMEM };
	if (!df)
		return seen->result;
	for (unsigned i = 0; i < in->n; i++) {
		unsigned k = order ? order[i] : i;

		snprintf(name[i], sizeof name[i], "piece %u", k);
		source[i] = memory_source(&in->v[k].file, name[i]);
		ops[i] = &source[i];
		user[i] = (void *)(uintptr_t)&in->v[k].file;
	}
	dumpfilter_set_log(df, rf_log, seen, DUMPFILTER_LOG_WARN);
	seen->opened = seen->result = dumpfilter_open_pieces(df, ops, user, in->n);
	if (!seen->result)
		seen->result = ss_configure(df, how);
	if (!seen->result)
		rf_run(df, &how->rf, out, seen);
	else
		snprintf(seen->text, sizeof seen->text, "%s", dumpfilter_errmsg(df));
	dumpfilter_free(df);
	return seen->result;
}

/* ---- the reader: 64-bit files */

struct ss_head {
	const struct memory *f;
	bool be;
	uint32_t status, block, split;
	uint64_t max_mapnr, start, end, bitmap1, bitmap2, desc, data, pages;
};

static inline uint64_t ss_get(const struct ss_head *h, uint64_t at, unsigned width)
{
	uint64_t v = 0;

	if (at + width > h->f->size)
		T_FAIL("%u bytes at %" PRIu64 " of a file of %zu", width, at, h->f->size);
	for (unsigned i = 0; i < width; i++)
		v |= (uint64_t)h->f->data[at + (h->be ? width - 1 - i : i)] << 8 * i;
	return v;
}

static inline bool ss_bit(const struct ss_head *h, uint64_t map, uint64_t pfn)
{
	return h->f->data[map + pfn / 8] >> pfn % 8 & 1;
}

static inline struct ss_head ss_head(const struct memory *f)
{
	struct ss_head h = { .f = f };
	uint64_t half;

	CHECK(f->size > 8192 && !memcmp(f->data, "KDUMP   ", 8));
	h.be = !f->data[8]; /* version 6 */
	h.status = (uint32_t)ss_get(&h, 424, 4);
	h.block = (uint32_t)ss_get(&h, 428, 4);
	half = ss_get(&h, 436, 4) / 2 * h.block;
	h.split = (uint32_t)ss_get(&h, h.block + 12, 4);
	h.start = ss_get(&h, h.block + 80, 8);
	h.end = ss_get(&h, h.block + 88, 8);
	h.max_mapnr = ss_get(&h, h.block + 96, 8);
	h.bitmap1 = (1 + ss_get(&h, 432, 4)) * h.block;
	h.bitmap2 = h.bitmap1 + half;
	h.desc = h.bitmap2 + half;
	CHECK(h.desc <= f->size);
	for (uint64_t pfn = 0; pfn < h.max_mapnr; pfn++)
		h.pages += ss_bit(&h, h.bitmap2, pfn);
	h.data = h.desc + 24 * h.pages;
	return h;
}

/* Everything before the index is that of the whole dump, but for the range, and, where that may be, the mark. */
static inline void ss_same_head(const struct ss_head *whole, const struct ss_head *piece, bool marked)
{
	uint8_t *a = malloc(whole->desc), *b = malloc(whole->desc);
	bool same;

	CHECK_EQ(piece->desc, whole->desc);
	memcpy(a, whole->f->data, whole->desc);
	memcpy(b, piece->f->data, whole->desc);
	for (unsigned i = 12; i < 32; i++)
		a[whole->block + i] = b[whole->block + i] = 0;
	for (unsigned i = 80; i < 96; i++)
		a[whole->block + i] = b[whole->block + i] = 0;
	for (unsigned i = 64; i < 80; i++) /* where the text about erased data is */
		a[whole->block + i] = b[whole->block + i] = 0;
	if (marked)
		a[424 + 3 * whole->be] |= 8;
	same = !memcmp(a, b, whole->desc);
	free(a);
	free(b);
	CHECK(same);
	CHECK_EQ(piece->split, 1);
	CHECK_EQ(ss_get(piece, piece->block + 16, 8), piece->start);
	CHECK_EQ(ss_get(piece, piece->block + 24, 8), piece->end);
}

/* Pages of a piece are those of the whole dump: the same bytes, or where lost may be, nothing.  Pages that it has. */
static inline uint64_t ss_same_pages(const struct ss_head *whole, const struct ss_head *piece, bool lost)
{
	uint64_t index = 0, own = 0, there = 0, data = whole->data;

	for (uint64_t pfn = 0; pfn < piece->end; pfn++) {
		uint64_t w = whole->desc + 24 * index, p = piece->desc + 24 * own, at, from;
		size_t size;

		if (!ss_bit(whole, whole->bitmap2, pfn))
			continue;
		index++;
		if (pfn < piece->start)
			continue;
		own++;
		from = ss_get(whole, w, 8);
		size = (size_t)ss_get(whole, w + 8, 4);
		at = p + 24 <= piece->f->size ? ss_get(piece, p, 8) : 0;
		if (!at && lost)
			continue;
		if (at < data || at + size > piece->f->size)
			T_FAIL("pfn %#" PRIx64 ": data at %" PRIu64, pfn, at);
		CHECK(!memcmp(whole->f->data + w + 8, piece->f->data + p + 8, 16));
		CHECK((from == data) == (at == data) || !(whole->f->data[whole->block + 8 + 3 * whole->be] & 1));
		if (memcmp(whole->f->data + from, piece->f->data + at, size))
			T_FAIL("pfn %#" PRIx64 " has other bytes", pfn);
		there++;
	}
	for (uint64_t at = piece->desc + 24 * own; at < data && at < piece->f->size; at++)
		CHECK(!piece->f->data[at]);
	return there;
}

/* The set is the whole dump.  Pages that are there. */
static inline uint64_t ss_check(const struct memory *one, const struct ss_set *s, uint64_t granule, bool marked)
{
	struct ss_head whole = ss_head(one);
	uint64_t at = 0, there = 0;

	for (unsigned i = 0; i < s->n; i++) {
		struct ss_head h = ss_head(&s->v[i].file);

		ss_same_head(&whole, &h, marked);
		if (memcmp(s->v[0].file.data, s->v[i].file.data, 464))
			T_FAIL("main header of piece %u differs", i);
		CHECK_EQ(h.start, at);
		CHECK(h.start % granule == 0 || h.start == h.max_mapnr);
		CHECK_EQ(s->seen[i].start_pfn, h.start);
		CHECK_EQ(s->seen[i].end_pfn, h.end);
		at = h.end;
		there += ss_same_pages(&whole, &h, marked);
	}
	CHECK_EQ(at, whole.max_mapnr);
	return there;
}

#endif
