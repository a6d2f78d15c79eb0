/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/extents.h"

#include <stdlib.h>

size_t df_extents_find(const struct df_extents *x, uint64_t addr)
{
	size_t lo = 0, hi = x->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (x->v[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A border of an input range, for the sweep. */
struct border {
	uint64_t at;
	size_t index; /* of the range */
	bool begin;
};

static int by_address(const void *a, const void *b)
{
	const struct border *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

/* Min-heap of indexes of ranges that are open at the sweep's position; ended ones are dropped when they come up. */
struct heap {
	size_t *v, n;
};

static void heap_push(struct heap *h, size_t index)
{
	size_t i = h->n++;

	for (; i && h->v[(i - 1) / 2] > index; i = (i - 1) / 2)
		h->v[i] = h->v[(i - 1) / 2];
	h->v[i] = index;
}

static void heap_pop(struct heap *h)
{
	size_t last = h->v[--h->n], i = 0;

	for (size_t kid; (kid = 2 * i + 1) < h->n; i = kid) {
		if (kid + 1 < h->n && h->v[kid + 1] < h->v[kid])
			kid++;
		if (h->v[kid] >= last)
			break;
		h->v[i] = h->v[kid];
	}
	h->v[i] = last;
}

static bool append(struct df_extents *x, struct df_env *env, struct df_extent e, bool merge)
{
	struct df_extent *prev = x->n ? &x->v[x->n - 1] : NULL;

	if (prev && prev->end == e.start && (merge || prev->offset + (prev->end - prev->start) == e.offset)) {
		prev->end = e.end;
		return true;
	}
	if (!df_grow(env, (void **)&x->v, &x->cap, x->n + 1, sizeof *x->v))
		return false;
	x->v[x->n++] = e;
	return true;
}

static int sweep(struct df_extents *x, struct df_env *env, const struct df_extent *in, struct border *b, size_t n,
		 struct heap *open, bool merge, struct df_err *err)
{
	qsort(b, n, sizeof *b, by_address);
	for (size_t i = 0; i < n; i++) {
		if (b[i].begin)
			heap_push(open, b[i].index);
		if (i + 1 == n || b[i + 1].at == b[i].at)
			continue;
		while (open->n && in[open->v[0]].end <= b[i].at)
			heap_pop(open);
		if (!open->n)
			continue;
		const struct df_extent *top = &in[open->v[0]];
		struct df_extent e = { b[i].at, b[i + 1].at, top->offset + (b[i].at - top->start) };

		if (!append(x, env, e, merge))
			return df_err_nomem(err, env, "memory ranges", (x->n + 1) * sizeof e);
	}
	return 0;
}

int df_extents_build(struct df_extents *x, struct df_env *env, const struct df_extent *in, size_t n, bool merge,
		     struct df_err *err)
{
	struct border *b = df_alloc_array(env, 2 * n, sizeof *b);
	struct heap open = { df_alloc_array(env, n, sizeof(size_t)), 0 };
	size_t k = 0;
	int r;

	if (!b || !open.v) {
		r = df_err_nomem(err, env, "memory ranges", n * (2 * sizeof *b + sizeof(size_t)));
	} else {
		for (size_t i = 0; i < n; i++) {
			if (in[i].start >= in[i].end)
				continue;
			b[k++] = (struct border){ in[i].start, i, true };
			b[k++] = (struct border){ in[i].end, i, false };
		}
		r = sweep(x, env, in, b, k, &open, merge, err);
	}
	df_free(env, open.v);
	df_free(env, b);
	return r;
}
