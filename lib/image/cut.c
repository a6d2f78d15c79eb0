/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A range of memory that is to count as not there: new lists of ranges in place of those that the image has. */
#include "image/image.h"

#include <string.h>

static bool splits(uint64_t start, uint64_t end, uint64_t a, uint64_t b)
{
	return start < a && b < end;
}

/* v[n], sorted, without [a, b); room for one more. */
static size_t cut_extents(struct df_extent *v, size_t n, uint64_t a, uint64_t b)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		struct df_extent e = v[i];

		if (splits(e.start, e.end, a, b)) {
			memmove(v + i + 2, v + i + 1, (n - i - 1) * sizeof *v);
			v[i + 1] = (struct df_extent){ b, e.end, e.offset + (b - e.start) };
			v[i].end = a;
			return n + 1; /* no other one has a part of it */
		}
		if (e.start < b && a < e.end && e.end <= b)
			e.end = a;
		if (e.start < b && a <= e.start && e.start < e.end) {
			e.offset += b - e.start;
			e.start = b;
		}
		if (e.start < e.end)
			v[out++] = e;
	}
	return out;
}

/* What of a load lies before addr, or from there on. */
static struct df_load load_before(const struct df_load *l, uint64_t addr)
{
	struct df_load part = *l;

	part.memsz = addr - l->paddr;
	if (part.filesz > part.memsz)
		part.filesz = part.memsz;
	return part;
}

static struct df_load load_from(const struct df_load *l, uint64_t addr)
{
	uint64_t gone = addr - l->paddr;
	struct df_load part = *l;

	part.paddr += gone;
	part.vaddr += gone;
	part.memsz -= gone;
	part.filesz = l->filesz > gone ? l->filesz - gone : 0;
	part.offset = part.filesz ? l->offset + gone : 0;
	return part;
}

static size_t cut_loads(const struct df_load *in, size_t n, struct df_load *out, uint64_t a, uint64_t b)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t end = in[i].paddr + in[i].memsz;

		if (end <= a || b <= in[i].paddr) {
			out[k++] = in[i];
			continue;
		}
		if (in[i].paddr < a)
			out[k++] = load_before(&in[i], a);
		if (b < end)
			out[k++] = load_from(&in[i], b);
	}
	return k;
}

static size_t loads_after(const struct df_image *img, uint64_t a, uint64_t b)
{
	size_t n = img->nloads;

	for (size_t i = 0; i < img->nloads; i++)
		n += splits(img->loads[i].paddr, img->loads[i].paddr + img->loads[i].memsz, a, b);
	return n;
}

/* Something is stored outside. */
static bool leaves_any(const struct df_image *img, uint64_t a, uint64_t b)
{
	for (size_t i = 0; i < img->stored.n; i++)
		if (img->stored.v[i].start < a || img->stored.v[i].end > b)
			return true;
	return false;
}

/* A copy with room for one more. */
static bool copy(struct df_env *env, struct df_extents *to, const struct df_extents *from)
{
	*to = (struct df_extents){ .n = from->n };
	if (!df_grow(env, (void **)&to->v, &to->cap, from->n + 1, sizeof *to->v))
		return false;
	memcpy(to->v, from->v, from->n * sizeof *to->v);
	return true;
}

int df_image_cut(struct df_image *img, uint64_t start, uint64_t end, struct df_err *err)
{
	struct df_image cut = *img;
	size_t n = loads_after(img, start, end);

	if (img->frame_shift)
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED, "%s: a range cannot be taken out of %s input",
				  img->source.name, img->format);
	if (!leaves_any(img, start, end))
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: nothing would be left of it", img->source.name);
	cut.described.v = cut.stored.v = NULL;
	cut.loads = df_alloc_array(img->env, n, sizeof *cut.loads);
	if (!cut.loads || !copy(img->env, &cut.described, &img->described) ||
	    !copy(img->env, &cut.stored, &img->stored)) {
		df_image_free_ranges(&cut);
		return df_err_nomem(err, img->env, "memory ranges", n * sizeof *cut.loads);
	}
	cut.nloads = cut_loads(img->loads, img->nloads, cut.loads, start, end);
	cut.described.n = cut_extents(cut.described.v, cut.described.n, start, end);
	cut.stored.n = cut_extents(cut.stored.v, cut.stored.n, start, end);
	cut.end_paddr = cut.described.v[cut.described.n - 1].end;
	*img = cut;
	return 0;
}
