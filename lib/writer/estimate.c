/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Groups of neighbouring pages, evenly spread over all that are kept: the same ones each time.  Each goes through the
 * same pipeline as in a real run, and its compressed bytes count for all.
 */
#include "writer/estimate.h"

#include "format/flat.h"
#include "format/kdump.h"
#include "writer/share.h"
#include "writer/writer.h"

#define RECORD_DATA (64u << 10) /* what the flattened sink puts together */

uint64_t df_sample_skip(uint64_t n, uint64_t most)
{
	uint64_t groups = most / DF_SAMPLE_GROUP ? most / DF_SAMPLE_GROUP : 1;

	if (n <= most)
		return 0;
	/* one period a group, rounded up; at least one page is passed over, as 0 would mean all */
	return (n + groups - 1) / groups > DF_SAMPLE_GROUP ? (n + groups - 1) / groups - DF_SAMPLE_GROUP : 1;
}

void df_sample_add(struct df_sample *s, uint64_t value)
{
	s->sum += value;
	s->group += value;
	if (++s->pages % DF_SAMPLE_GROUP)
		return;
	s->squares += (double)s->group * (double)s->group;
	s->groups++;
	s->group = 0;
}

/* No more than needed: the mathematics library would be one more to link. */
static double square_root(double v)
{
	double x = v > 1 ? v : 1;

	for (unsigned i = 0; i < 200; i++)
		x = (x + v / x) / 2;
	return x;
}

uint64_t df_sample_total(const struct df_sample *s, uint64_t n, uint64_t *off)
{
	double mean, variance, groups = (double)s->groups;

	*off = 0;
	if (!s->pages || s->pages >= n)
		return s->sum;
	mean = (double)s->sum / (double)s->pages;
	if (s->groups > 1) {
		double of_groups = mean * DF_SAMPLE_GROUP;

		variance = (s->squares - groups * of_groups * of_groups) / (groups - 1);
		variance *= 1 - (double)s->pages / (double)n;
		if (variance > 0)
			*off = (uint64_t)(2 * square_root(variance / groups) * ((double)n / DF_SAMPLE_GROUP));
	}
	return (uint64_t)(mean * (double)n + 0.5);
}

struct tally {
	struct df_share *share;
	uint64_t at; /* a place for each page, so that shared ones are told by theirs */
	struct df_sample sample;
};

/* As the writer gives pages their places. */
static int take(void *user, struct df_batch *b, struct df_err *err)
{
	const uint8_t *data = b->data;
	struct tally *t = user;

	(void)err;
	for (unsigned i = 0; i < b->n; data += b->size[i++]) {
		uint64_t at = ++t->at;
		bool shared = b->kind[i] == DF_PAGE_PACKED && df_share_place(t->share, data, b->size[i], at) != at;

		df_sample_add(&t->sample, shared ? 0 : b->size[i]);
	}
	return 0;
}

static int sample_pages(const struct df_pipe *p, struct df_err *err)
{
	struct df_pipe_run *run = df_pipe_start(p, err);
	int r = run ? df_pipe_copy(run, err) : err->code;

	df_pipe_stop(run);
	return r;
}

int df_estimate_pages(const struct df_output *o, struct df_estimate *e, struct df_err *err)
{
	struct tally t = { .share = NULL };
	struct df_pipe p = {
		.env = o->env,
		.image = o->image,
		.keep = o->keep,
		.page_shift = o->page_shift,
		.threads = o->threads,
		.codec = o->codec,
		.codec_level = o->codec_level,
		.find_zero = o->level & DUMPFILTER_LEVEL_ZERO,
		.group = DF_SAMPLE_GROUP,
		.skip = df_sample_skip(o->keep->count, e->most),
		.user = &t,
		.take = take,
	};
	uint64_t off;
	int r;

	e->sampled = e->of = o->keep->count;
	e->bytes = e->low = e->high = e->of << o->page_shift;
	if (!p.codec && !p.find_zero)
		return 0; /* nothing to find out */
	t.share = df_share_new(o->env);
	if (!t.share)
		return df_err_nomem(err, o->env, "equal pages", 0);
	r = sample_pages(&p, err);
	df_share_free(t.share, o->env);
	e->sampled = t.sample.pages;
	e->bytes = df_sample_total(&t.sample, e->of, &off);
	e->low = e->bytes > off ? e->bytes - off : 0;
	e->high = e->bytes + off;
	return r;
}

uint64_t df_estimate_records(uint64_t data, uint64_t batches, uint64_t index)
{
	uint64_t merged = (data + RECORD_DATA - 1) / RECORD_DATA, records = merged < batches ? merged : batches;

	/* each piece of the index ends a record and is one */
	return (records + 2 * ((index + RECORD_DATA - 1) / RECORD_DATA)) * DF_FLAT_RECORD;
}
