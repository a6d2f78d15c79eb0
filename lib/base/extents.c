/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/extents.h"

#include <stdlib.h>

size_t df_extents_find(const struct df_extents *extents, uint64_t addr)
{
	size_t low = 0, high = extents->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (extents->extent[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* A border of an input range, for the sweep. */
struct border {
	uint64_t at;
	size_t index; /* of the range */
	bool begin;
};

static int by_address(const void *left, const void *right)
{
	const struct border *border = left, *second = right;

	if (border->at != second->at)
		return border->at < second->at ? -1 : 1;
	return (border->index > second->index) - (border->index < second->index);
}

/* Min-heap of indexes of ranges that are open at the sweep's position; ended ones are dropped when they come up. */
struct heap {
	size_t *index, count;
};

static void heap_push(struct heap *heap, size_t index)
{
	size_t i = heap->count++;

	for (; i && heap->index[(i - 1) / 2] > index; i = (i - 1) / 2)
		heap->index[i] = heap->index[(i - 1) / 2];
	heap->index[i] = index;
}

static void heap_pop(struct heap *heap)
{
	size_t last = heap->index[--heap->count], i = 0;

	for (size_t kid; (kid = 2 * i + 1) < heap->count; i = kid) {
		if (kid + 1 < heap->count && heap->index[kid + 1] < heap->index[kid])
			kid++;
		if (heap->index[kid] >= last)
			break;
		heap->index[i] = heap->index[kid];
	}
	heap->index[i] = last;
}

static bool append(struct df_extents *extents, struct df_env *env, struct df_extent extent, bool merge)
{
	struct df_extent *prev = extents->count ? &extents->extent[extents->count - 1] : NULL;

	if (prev && prev->end == extent.start && (merge || prev->offset + (prev->end - prev->start) == extent.offset)) {
		prev->end = extent.end;
		return true;
	}
	if (!df_grow(env, (void **)&extents->extent, &extents->cap, extents->count + 1, sizeof *extents->extent))
		return false;
	extents->extent[extents->count++] = extent;
	return true;
}

static int sweep(struct df_extents *extents, struct df_env *env, const struct df_extent *extent, struct border *border,
		 size_t count, struct heap *open, bool merge, struct df_err *err)
{
	qsort(border, count, sizeof *border, by_address);
	for (size_t i = 0; i < count; i++) {
		if (border[i].begin)
			heap_push(open, border[i].index);
		if (i + 1 == count || border[i + 1].at == border[i].at)
			continue;
		while (open->count && extent[open->index[0]].end <= border[i].at)
			heap_pop(open);
		if (!open->count)
			continue;
		const struct df_extent *top = &extent[open->index[0]];
		struct df_extent next = { border[i].at, border[i + 1].at, top->offset + (border[i].at - top->start) };

		if (!append(extents, env, next, merge))
			return df_err_nomem(err, env, "memory ranges", (extents->count + 1) * sizeof next);
	}
	return 0;
}

int df_extents_build(struct df_extents *extents, struct df_env *env, const struct df_extent *extent, size_t count,
		     bool merge, struct df_err *err)
{
	struct border *border = df_alloc_array(env, 2 * count, sizeof *border);
	struct heap open = { df_alloc_array(env, count, sizeof(size_t)), 0 };
	size_t borders = 0;
	int result;

	if (!border || !open.index) {
		result = df_err_nomem(err, env, "memory ranges", count * (2 * sizeof *border + sizeof(size_t)));
	} else {
		for (size_t i = 0; i < count; i++) {
			if (extent[i].start >= extent[i].end)
				continue;
			border[borders++] = (struct border){ extent[i].start, i, true };
			border[borders++] = (struct border){ extent[i].end, i, false };
		}
		result = sweep(extents, env, extent, border, borders, &open, merge, err);
	}
	df_free(env, open.index);
	df_free(env, border);
	return result;
}
