/* SPDX-License-Identifier: LGPL-2.1-or-later */
#if 0 /* cut in the next commit */
/* The plan: chunks classified in parallel, taken in order; what a unit spills into later chunks is applied then. */
#include "base/bits.h"
#include "base/pool.h"
#include "classify/zones.h"
#include "run/steps.h"
#include "run/refill.h"
#include "run/vmemmap.h"
#include "writer/writer.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define BEYOND_WARN 1024u /* frames behind the memory map: more than a device's ROM is worth a warning */

double df_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

unsigned df_plan_price(int level)
{
	unsigned cache = level & DUMPFILTER_LEVEL_CACHE_PRIVATE ? 2 : level & DUMPFILTER_LEVEL_CACHE ? 1 : 0;

	return cache * 4 + (level & DUMPFILTER_LEVEL_USER ? 2 : 0) + (level & DUMPFILTER_LEVEL_FREE ? 1 : 0);
}

uint64_t df_dump_chunks(const struct df_dump *d)
{
	return df_image_pages(&d->image, DF_STORED, d->page_shift, UINT64_MAX) >> DF_CHUNK_SHIFT;
}

static int make(void *user, void *slot, struct df_err *err)
{
	struct df_planner *x = user;
	struct df_plan_slot *s = slot;
	uint64_t pfn = x->next << DF_CHUNK_SHIFT;

	if (pfn >= x->p->max_pfn)
		return 0;
	/* over holes, and over what is described but not stored, in one step */
	if (!df_image_next(&x->d->image, DF_STORED, x->d->page_shift, pfn, &pfn, NULL) || pfn >= x->p->max_pfn)
		return 0;
	if (df_cancelled(x->d->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
	s->c.chunk = pfn >> DF_CHUNK_SHIFT;
	x->next = s->c.chunk + 1;
	return 1;
}

static void cut_end(uint64_t *words, uint64_t frames)
{
	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
		if (i * 64 + 64 > frames)
			words[i] &= i * 64 >= frames ? 0 : df_bit_mask(0, (unsigned)(frames - i * 64));
}

int df_plan_work(void *user, void *slot, unsigned worker, struct df_err *err)
{
	struct df_planner *x = user;
	struct df_plan_slot *s = slot;
	uint64_t left = x->p->max_pfn - (s->c.chunk << DF_CHUNK_SHIFT);

	df_image_chunk(&x->d->image, DF_STORED, x->d->page_shift, s->c.chunk, s->stored);
	if (left < DF_CHUNK_PAGES)
		cut_end(s->stored, left);
	if (x->scanners) {
		df_classify_chunk(&x->scanners[worker], s->stored, &s->c);
	} else {
		memset(s->c.w, 0, sizeof s->c.w);
		memset(s->c.unreadable, 0, sizeof s->c.unreadable);
	}
	if (!x->use_vmemmap)
		return 0;
	return df_vmemmap_translate(&x->vmemmap, df_scanner_walker(&x->scanners[worker]), s->c.chunk, &s->vmemmap, err);
}

/* Units that began in earlier chunks. */
static void apply_spills(struct df_planner *x, struct df_classes *c)
{
	uint64_t base = c->chunk << DF_CHUNK_SHIFT;

	for (unsigned k = 0; k < DF_SET_COUNT; k++) {
		if (x->spill_end[k] > base) {
			uint64_t n = x->spill_end[k] - base;

			df_bits_fill(c->w[k], 0, n < DF_CHUNK_PAGES ? n : DF_CHUNK_PAGES);
		}
		if (c->spill_end[k] > x->spill_end[k])
			x->spill_end[k] = c->spill_end[k];
		if (c->spill_end[k] > base && c->spill_end[k] - base > x->p->spill_reach)
			x->p->spill_reach = c->spill_end[k] - base;
	}
}

static void apply_list(struct df_planner *x, struct df_classes *c)
{
	uint64_t listed[DF_CHUNK_WORDS];

	if (!x->use_list)
		return;
	df_pageset_load(&x->listed, c->chunk, listed);
	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
		c->w[DF_SET_FREE][i] |= listed[i];
}

/* Sets in the order in which they claim a page for the counts. */
static const struct {
	enum df_set set;
	enum dumpfilter_class cls;
	int level; /* bits that leave it out; 0 = every level does: the page must not be read */
} order[] = {
	{ DF_SET_FREE, DUMPFILTER_CLASS_FREE, DUMPFILTER_LEVEL_FREE },
	{ DF_SET_CACHE, DUMPFILTER_CLASS_CACHE, DUMPFILTER_LEVEL_CACHE | DUMPFILTER_LEVEL_CACHE_PRIVATE },
	{ DF_SET_CACHE_PRIVATE, DUMPFILTER_CLASS_CACHE_PRIVATE, DUMPFILTER_LEVEL_CACHE_PRIVATE },
	{ DF_SET_USER, DUMPFILTER_CLASS_USER, DUMPFILTER_LEVEL_USER },
	{ DF_SET_HWPOISON, DUMPFILTER_CLASS_HWPOISON, 0 },
	{ DF_SET_OFFLINE, DUMPFILTER_CLASS_OFFLINE, 0 },
};
#define ORDERED     (sizeof order / sizeof *order)

static bool leaves_out(unsigned i, int level)
{
	return !order[i].level || (order[i].level & level);
}

/* Word w of the frames that a level keeps. */
static uint64_t kept_word(const struct df_plan_slot *s, unsigned w, int level)
{
	uint64_t keep = s->stored[w];

	for (unsigned i = 0; i < ORDERED; i++)
		if (leaves_out(i, level))
			keep &= ~s->c.w[order[i].set][w];
	return keep;
}

static uint64_t popcount(uint64_t v)
{
	return (uint64_t)__builtin_popcountll(v);
}

/* Counts of one word; any: all frames in it that are in a set. */
static void count_word(struct df_counts *n, const struct df_plan_slot *s, unsigned w, int level)
{
	static const int cache[] = { 0, DUMPFILTER_LEVEL_CACHE, DUMPFILTER_LEVEL_CACHE_PRIVATE };
	uint64_t left = s->stored[w], active = left, any = 0;

	for (unsigned i = 0; i < ORDERED; i++) {
		uint64_t in = s->c.w[order[i].set][w];

		if (!in)
			continue;
		n->class_pages[order[i].cls] += popcount(left & in);
		left &= ~in;
		any |= in;
		if (leaves_out(i, level)) {
			n->excluded_pages[order[i].cls] += popcount(active & in);
			active &= ~in;
		}
	}
	n->stored += popcount(s->stored[w]);
	n->class_pages[DUMPFILTER_CLASS_KEEP] += popcount(left);
	if (s->c.w[DF_SET_DOUBT][w] & ~any)
		n->doubtful += popcount(s->c.w[DF_SET_DOUBT][w] & ~any & s->stored[w]);
	if (s->c.unreadable[w])
		n->unreadable_structs += popcount(s->c.unreadable[w] & s->stored[w]);
	if (!any) { /* every level keeps them all */
		for (unsigned i = 0; i < DF_PRICES; i++)
			n->kept_at[i] += popcount(s->stored[w]);
		return;
	}
	for (unsigned i = 0; i < DF_PRICES; i++)
		n->kept_at[i] += popcount(kept_word(s, w,
						    cache[i / 4] | (i & 2 ? DUMPFILTER_LEVEL_USER : 0) |
							    (i & 1 ? DUMPFILTER_LEVEL_FREE : 0)));
}

/* What depends on the chunks before. */
void df_plan_order(void *user, void *slot)
{
	struct df_planner *x = user;
	struct df_plan_slot *s = slot;

	if (!x->scanners)
		return;
	apply_spills(x, &s->c);
	apply_list(x, &s->c);
}

static void add_counts(struct df_counts *to, const struct df_counts *n, uint64_t times)
{
	to->stored += n->stored * times;
	to->doubtful += n->doubtful * times;
	to->unreadable_structs += n->unreadable_structs * times;
	for (unsigned i = 0; i < DUMPFILTER_CLASS_COUNT; i++) {
		to->class_pages[i] += n->class_pages[i] * times;
		to->excluded_pages[i] += n->excluded_pages[i] * times;
	}
	for (unsigned i = 0; i < DF_PRICES; i++)
		to->kept_at[i] += n->kept_at[i] * times;
}

static bool same_word(const struct df_plan_slot *s, unsigned a, unsigned b)
{
	uint64_t differ = (s->stored[a] ^ s->stored[b]) | (s->c.unreadable[a] ^ s->c.unreadable[b]);

	for (unsigned i = 0; i < DF_SET_COUNT; i++)
		differ |= s->c.w[i][a] ^ s->c.w[i][b];
	return !differ;
}

static void distrust(struct df_plan_slot *s)
{
	for (unsigned w = 0; w < DF_CHUNK_WORDS; w++) {
		s->c.w[DF_SET_DOUBT][w] |= s->c.w[DF_SET_FREE][w];
		s->c.w[DF_SET_FREE][w] = 0;
	}
}

/* Memory is alike over long stretches: equal words are resolved once. */
int df_plan_resolve(void *user, void *slot, struct df_err *err)
{
	struct df_planner *x = user;
	struct df_plan_slot *s = slot;

	(void)err;
	memset(&s->count, 0, sizeof s->count);
	if (x->distrust_free)
		distrust(s);
	for (unsigned w = 0, end; w < DF_CHUNK_WORDS; w = end) {
		uint64_t keep = kept_word(s, w, x->cfg->level), stored = s->stored[w];
		uint64_t forbidden = stored & (s->c.w[DF_SET_HWPOISON][w] | s->c.w[DF_SET_OFFLINE][w]);
		struct df_counts n = { 0 };

		for (end = w + 1; end < DF_CHUNK_WORDS && same_word(s, w, end);)
			end++;
		count_word(&n, s, w, x->cfg->level);
		add_counts(&s->count, &n, end - w);
		for (unsigned i = w; i < end; i++) {
			s->keep[i] = keep;
			s->forbidden[i] = forbidden;
		}
	}
	return 0;
}

/* Struct pages of what the plan leaves out, but of poisoned pages: these say which memory is faulty. */
static int judge_vmemmap(struct df_planner *x, const struct df_plan_slot *s, struct df_err *err)
{
	uint64_t out[DF_CHUNK_WORDS];

	if (!x->use_vmemmap)
		return 0;
	for (unsigned w = 0; w < DF_CHUNK_WORDS; w++)
		out[w] = s->stored[w] & ~s->keep[w] & ~s->c.w[DF_SET_HWPOISON][w];
	return df_vmemmap_judge(&x->vmemmap, &s->vmemmap, out, err);
}

static int take(void *user, void *slot, struct df_err *err)
{
	struct df_planner *x = user;
	struct df_plan_slot *s = slot;
	struct dumpfilter_progress pr = { .phase = DUMPFILTER_PHASE_PLAN, .total = x->p->max_pfn };
	int r;

	add_counts(&x->p->count, &s->count, 1);
	pr.done = (s->c.chunk + 1) << DF_CHUNK_SHIFT;
	if (pr.done > pr.total)
		pr.done = pr.total;
	df_progress(x->d->env, &pr);
	r = x->p->forbidden.env ? df_pageset_store(&x->p->forbidden, s->c.chunk, s->forbidden, err) : 0;
	if (!r)
		r = judge_vmemmap(x, s, err);
	return r ? r : df_pageset_store(&x->p->keep, s->c.chunk, s->keep, err);
}

int df_plan_list(struct df_planner *x, uint64_t *doubts, struct df_err *err)
{
	struct df_dump *d = x->d;
	int r;

	*doubts = 0;
	if (df_known(&d->rules, DF_BUDDY))
		return 0;
	r = df_pageset_init(&x->listed, d->env, d->map.end_pfn, err);
	if (!r)
		r = df_freelist_walk(&x->classifier, &d->k, df_scanner_walker(&x->scanners[0]), &x->listed, doubts,
				     err);
	x->use_list = !r;
	return r;
}

static int walk_lists(struct df_planner *x, struct df_err *err)
{
	struct df_env *env = x->d->env;
	uint64_t doubts;
	int r = df_plan_list(x, &doubts, err);

	if (r == DUMPFILTER_E_NOINFO) {
		if (x->cfg->level & DUMPFILTER_LEVEL_FREE) {
			df_log(env, DUMPFILTER_LOG_WARN, "%s", err->text);
			x->p->kept_more = true;
		}
		return 0;
	}
	if (doubts) {
		df_log(env, DUMPFILTER_LOG_WARN, "%" PRIu64 " free lists are damaged: what they held is kept", doubts);
		x->p->kept_more = true;
	}
	return r;
}

int df_plan_start(struct df_planner *x, unsigned n, struct df_err *err)
{
	struct df_dump *d = x->d;
	int r = 0;

	x->classifier = (struct df_classifier){ &d->rules, &d->map, &d->xlat, d->page_shift };
	x->scanners = df_alloc_array(d->env, n, sizeof *x->scanners);
	if (!x->scanners)
		return df_err_nomem(err, d->env, "workers", n * sizeof *x->scanners);
	for (; !r && x->nscanners < n; x->nscanners++)
		r = df_scanner_init(&x->scanners[x->nscanners], &x->classifier, err);
	return r;
}

void df_plan_stop(struct df_planner *x)
{
	for (unsigned i = 0; i < x->nscanners; i++)
		df_scanner_fini(&x->scanners[i]);
	df_free(x->d->env, x->scanners);
	if (x->listed.env)
		df_pageset_fini(&x->listed);
}

static int scan(struct df_planner *x, struct df_err *err)
{
	static const struct df_pool_ops ops = {
		.make = make, .work = df_plan_work, .order = df_plan_order, .write = df_plan_resolve, .take = take
	};
	struct df_env *env = x->d->env;
	unsigned threads = x->cfg->threads, nslots = threads > 1 ? 2 * threads : 1;
	struct df_plan_slot *slots = df_alloc_array(env, nslots, sizeof *slots);
	int r;

	if (!slots)
		return df_err_nomem(err, env, "workers", nslots * sizeof *slots);
	r = df_pool_run(env, &ops, x, threads, slots, sizeof *slots, nslots, err);
	for (unsigned i = 0; i < nslots; i++)
		df_vmemmap_part_fini(&slots[i].vmemmap, env);
	df_free(env, slots);
	return r;
}

/* May this image be planned?  0, also where nothing can be told apart, or the reason why not in err. */
static int judge(struct df_dump *d, const struct dumpfilter_config *cfg, struct df_plan *p, struct df_err *err)
{
	if (d->can_classify || cfg->flags & DUMPFILTER_COPY_ALL)
		return 0;
	if (!d->k.has_text) {
		*err = d->why_not;
		return cfg->level <= DUMPFILTER_LEVEL_ZERO ? 0 : err->code;
	}
	/* One chance: a dump with everything in it is better than none. */
	p->kept_more = cfg->level > DUMPFILTER_LEVEL_ZERO;
	df_log(d->env, p->kept_more ? DUMPFILTER_LOG_WARN : DUMPFILTER_LOG_INFO,
	       "pages cannot be told apart, all are kept: %s", d->why_not.text);
	return 0;
}

void df_plan_set_end(struct df_dump *d, const struct dumpfilter_config *cfg, struct df_plan *p)
{
	bool classifies = df_dump_classifies(d, cfg);
	const struct df_image *img = &d->image;
	uint64_t round = (UINT64_C(1) << d->page_shift) - 1, end = (d->image.end_paddr + round) >> d->page_shift;
	const struct df_extents *stored = &img->stored;

	/* where no memory map sets bounds, headers may describe any amount of memory that is not in the file */
	if ((!classifies || d->map.section_shift == 64) && !img->frame_shift)
		end = stored->n ? (stored->v[stored->n - 1].end + round) >> d->page_shift : 0;
	p->max_pfn = end;
	p->described_pages = df_image_pages(img, DF_DESCRIBED, d->page_shift, end);
	/* memory behind the last struct page is none that the kernel knew (device ROMs, mem=): makedumpfile cuts there
	 */
	if (classifies && !d->map.odd_sections && d->map.end_pfn < end) {
		p->max_pfn = d->map.end_pfn;
		p->beyond_pages = p->described_pages - df_image_pages(img, DF_DESCRIBED, d->page_shift, p->max_pfn);
		p->described_pages -= p->beyond_pages;
	}
}

/* The kernel counted its free pages, too: where far more look free than it knew of, something is misread, and nothing
 * is left out as free.  (CPUs hold back a few hundred changes each, and pages move while the machine dies.) */
static bool free_pages_agree(struct df_planner *x)
{
	struct df_dump *d = x->d;
	uint64_t counted = x->p->count.class_pages[DUMPFILTER_CLASS_FREE], known;

	if (!x->scanners || !df_zones_free_pages(&d->k, df_scanner_walker(&x->scanners[0]), &known))
		return true;
	df_log(d->env, DUMPFILTER_LOG_DEBUG, "free pages: %" PRIu64 " found, %" PRIu64 " by the kernel's counters",
	       counted, known);
	return counted <= known + known / 8 + 4096 + 512 * (uint64_t)d->image.cpus;
}

static void conclude(struct df_dump *d, const struct dumpfilter_config *cfg, struct df_plan *p)
{
	if (d->image.truncated)
		p->truncated_pages = (d->image.missing_bytes + (UINT64_C(1) << d->page_shift) - 1) >> d->page_shift;
	if (p->beyond_pages)
		df_log(d->env, p->beyond_pages > BEYOND_WARN ? DUMPFILTER_LOG_WARN : DUMPFILTER_LOG_INFO,
		       "%" PRIu64 " pages behind the kernel's memory map are left out", p->beyond_pages);
	if (d->map.odd_sections && !(cfg->flags & DUMPFILTER_COPY_ALL)) {
		df_log(d->env, DUMPFILTER_LOG_WARN,
		       "%" PRIu64 " memory sections are not where they must be: their pages are kept",
		       d->map.odd_sections);
		p->kept_more = true;
	}
	if (p->count.unreadable_structs) {
		df_log(d->env, DUMPFILTER_LOG_WARN, "struct pages of %" PRIu64 " pages cannot be read: they are kept",
		       p->count.unreadable_structs);
		p->kept_more = true;
	}
	if (p->count.doubtful)
		df_log(d->env, DUMPFILTER_LOG_INFO,
		       "%" PRIu64 " pages are kept because their page structures "
		       "contradict each other",
		       p->count.doubtful);
}

static int start_sets(struct df_planner *x, struct df_err *err)
{
	struct df_plan *p = x->p;
	int r = df_pageset_init(&p->keep, x->d->env, p->max_pfn, err);

	if (!r && df_writer_find(x->cfg->format)->needs_forbidden)
		r = df_pageset_init(&p->forbidden, x->d->env, p->max_pfn, err);
	p->keep.may_drop = p->forbidden.may_drop = true;
	return r;
}

static int begin_vmemmap(struct df_planner *x, struct df_err *err)
{
	int r;

	df_vmemmap_fini(&x->vmemmap);
	if (!(x->cfg->flags & DUMPFILTER_EXCLUDE_VMEMMAP))
		return 0;
	r = df_vmemmap_begin(&x->vmemmap, x->d, x->scanners ? df_scanner_walker(&x->scanners[0]) : NULL, err);
	x->use_vmemmap = !r && !x->vmemmap.why_not;
	return r;
}

static int finish_vmemmap(struct df_planner *x, struct df_err *err)
{
	const char *why = NULL;
	int r;

	if (!(x->cfg->flags & DUMPFILTER_EXCLUDE_VMEMMAP))
		return 0;
	r = df_vmemmap_finish(&x->vmemmap, &x->p->keep, &x->p->vmemmap, err);
	if (!r)
		r = df_vmemmap_subtract(&x->p->keep, &x->p->vmemmap, &x->p->vmemmap_end, err);
	if (r < 0)
		return r;
	if (x->vmemmap.why_not) {
		x->p->kept_more = true;
		why = x->vmemmap.why_not;
	} else if (!x->p->vmemmap.count) {
		why = "each page of them is also about pages that are kept";
	}
	if (why)
		df_log(x->d->env, DUMPFILTER_LOG_WARN, "no struct pages are left out: %s", why);
	return 0;
}

/* One pass over all chunks. */
static int pass(struct df_planner *x, struct df_err *err)
{
	struct df_dump *d = x->d;
	struct df_plan *p = x->p;
	struct dumpfilter_progress pr = { .phase = DUMPFILTER_PHASE_PLAN };
	bool kept_more = p->kept_more;
	int r;

	df_dump_plan_fini(p);
	p->kept_more = kept_more;
	df_plan_set_end(d, x->cfg, p);
	pr.total = p->max_pfn;
	df_progress(d->env, &pr);
	r = start_sets(x, err);
	if (!r)
		r = begin_vmemmap(x, err);
	if (!r)
		r = scan(x, err);
	if (r < 0)
		return r;
	pr.done = pr.total;
	df_progress(d->env, &pr);
	return 0;
}

static int passes(struct df_planner *x, struct df_err *err)
{
	int r = pass(x, err);

	if (r < 0 || free_pages_agree(x))
		return r;
	df_log(x->d->env, DUMPFILTER_LOG_WARN,
	       "%" PRIu64 " pages look free, far more than the kernel counted: none is left out as free",
	       x->p->count.class_pages[DUMPFILTER_CLASS_FREE]);
	x->p->kept_more = true;
	x->distrust_free = true;
	x->next = 0;
	memset(x->spill_end, 0, sizeof x->spill_end);
	return pass(x, err);
}

void df_dump_plan_fini(struct df_plan *p)
{
	df_refill_stop(p);
	df_pageset_fini(&p->vmemmap);
	df_pageset_fini(&p->forbidden);
	df_pageset_fini(&p->keep);
	*p = (struct df_plan){ 0 };
}

int df_dump_plan(struct df_dump *d, const struct dumpfilter_config *cfg, struct df_err *err)
{
	struct df_plan *p = &d->plan;
	struct dumpfilter_config in_force = *cfg;
	struct df_planner x = { .d = d, .p = p, .cfg = &in_force };
	double start = df_now();
	int r;

	/* each has buffers to be made ready: no more than find a chunk to do */
	if (in_force.threads > df_dump_chunks(d) + 1)
		in_force.threads = (unsigned)df_dump_chunks(d) + 1;
	p->kept_more = false;
	r = judge(d, cfg, p, err);
	if (df_dump_classifies(d, cfg))
		in_force.level |= d->image.past.level; /* as if the vmcore were dumped at once */
	if (!r && df_dump_classifies(d, cfg))
		r = df_plan_start(&x, in_force.threads, err);
	if (!r && x.scanners)
		r = walk_lists(&x, err);
	if (!r)
		r = passes(&x, err);
	df_plan_stop(&x);
	p->listed = x.use_list;
	p->distrust_free = x.distrust_free;
	if (!r)
		r = df_refill_where_needed(d, &in_force, err);
	if (!r)
		r = finish_vmemmap(&x, err);
	df_vmemmap_fini(&x.vmemmap);
	if (r < 0) {
		df_dump_plan_fini(p);
		return r;
	}
	conclude(d, cfg, p);
	p->seconds = df_now() - start;
	return p->kept_more ? DUMPFILTER_WARN : 0;
}
#endif
