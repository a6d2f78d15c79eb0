/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of a split dump as one image.  Each has all headers and both bitmaps, and of the index and the data what
 * belongs to its range of page frames.  Files of different dumps would give wrong pages without any error: so their
 * headers must be equal, their ranges must fit together, and each must list the same pages in its range.
 */
#include "format/kdump.h"
#include "input/input.h"
#include "input/kdump.h"
#include "input/notes.h"
#include "io/args.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What of each file is kept while the set is put together. */
struct member {
	struct df_kdump_piece piece;
	struct df_kdump_subheader s;
	uint32_t status;
	dev_t dev; /* of a file, else ino is 0 */
	ino_t ino;
};

/* While pieces are compared with the first of them. */
struct set {
	struct df_kdump_opener *o;
	struct member *m;
	unsigned n;
	uint8_t header[DF_KDUMP_HEADER_MAX]; /* of the first, without the mark */
	char first[DF_NAME];                 /* its name */
	bool incomplete;
};

/* ---- each file by itself */

static void identify(struct member *m)
{
	const struct df_source *s = &m->piece.own;
	struct stat st;

	if (s->fd < 0 || fstat(s->fd, &st) || !S_ISREG(st.st_mode))
		return;
	m->dev = st.st_dev;
	m->ino = st.st_ino;
}

/* The main header of all must be the same; the mark of an incomplete one may be missing where a writer was killed. */
static int compare_header(struct set *x, unsigned i, const uint8_t *head, struct df_err *err)
{
	size_t mark = df_kdump_status_offset(&x->o->in->abi), len = df_kdump_header_size(&x->o->in->abi);
	uint8_t header[DF_KDUMP_HEADER_MAX] = { 0 };

	memcpy(header, head, len);
	header[mark + (x->o->in->abi.be ? 3 : 0)] &= (uint8_t)~DF_KDUMP_INCOMPLETE;
	if (!i) {
		memcpy(x->header, header, sizeof header);
		snprintf(x->first, sizeof x->first, "%s", x->o->source->name);
	}
	if (!memcmp(x->header, header, sizeof header))
		return 0;
	return df_err_set(err, DUMPFILTER_E_CORRUPT, "%s and %s are not pieces of the same dump: their headers differ",
			  x->first, x->o->source->name);
}

static bool same_rest(const struct df_kdump_subheader *a, const struct df_kdump_subheader *b)
{
	return a->phys_base == b->phys_base && a->dump_level == b->dump_level && a->max_mapnr_64 == b->max_mapnr_64 &&
	       a->size_note == b->size_note && a->size_vmcoreinfo == b->size_vmcoreinfo;
}

static int check_piece(struct set *x, unsigned i, struct df_err *err)
{
	const struct df_kdump_opener *o = x->o;

	if (!o->s.split)
		return df_err_set(err, DUMPFILTER_E_FORMAT, "%s is not a piece of a split dump but a whole one",
				  o->source->name);
	if (o->start > o->end || o->end > o->max_mapnr)
		return df_err_set(err, DUMPFILTER_E_CORRUPT,
				  "%s: page frames %#" PRIx64 " to %#" PRIx64 " of %#" PRIx64
				  " are not possible for a piece",
				  o->source->name, o->start, o->end, o->max_mapnr);
	if (!same_rest(&x->m[0].s, &o->s))
		return df_err_set(err, DUMPFILTER_E_CORRUPT,
				  "%s and %s are not pieces of the same dump: their sub headers differ", x->first,
				  x->m[i].piece.own.name);
	return 0;
}

static int no_piece(const struct df_source *source, const uint8_t *head, size_t len, struct df_err *err)
{
	char is[DF_FOREIGN_TEXT];

	if (!df_input_name(head, len, is))
		snprintf(is, sizeof is, "no kdump-compressed file");
	return df_err_set(err, DUMPFILTER_E_FORMAT, "%s is not a piece of a split dump: it is %s", source->name, is);
}

static int look_at(struct set *x, unsigned i, struct df_err *err)
{
	struct df_source *source = &x->m[i].piece.own;
	struct df_kdump_opener *o = x->o;
	uint8_t head[DF_INPUT_PROBE];
	size_t len;
	bool cut;
	int r;

	identify(&x->m[i]);
	source->can_map = false;
	o->source = source;
	r = df_input_look(source, head, &len, &cut, err);
	x->incomplete |= cut;
	if (!r && !df_input_kdump.probe(head, len))
		r = no_piece(source, head, len, err);
	if (!r)
		r = df_kdump_read_headers(o, head, len, err);
	if (!r)
		r = compare_header(x, i, head, err);
	if (r < 0)
		return r;
	x->m[i].s = o->s;
	x->m[i].status = o->h.status;
	x->m[i].piece.start = o->start;
	x->m[i].piece.end = o->end;
	x->incomplete |= o->h.status & DF_KDUMP_INCOMPLETE;
	return check_piece(x, i, err);
}

/* ---- all together */

static int by_range(const void *a, const void *b)
{
	const struct df_kdump_piece *x = &((const struct member *)a)->piece, *y = &((const struct member *)b)->piece;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->end > y->end) - (x->end < y->end);
}

static int find_twice(const struct set *x, struct df_err *err)
{
	for (unsigned i = 1; i < x->n; i++) {
		for (unsigned k = 0; k < i; k++) {
			const struct member *a = &x->m[k], *b = &x->m[i];

			if (a->ino && a->ino == b->ino && a->dev == b->dev)
				return df_err_set(err, DUMPFILTER_E_INVAL,
						  "%s and %s are the same file: give each piece once",
						  a->piece.own.name, b->piece.own.name);
		}
	}
	return 0;
}

static int missing(uint64_t first, uint64_t end, struct df_err *err)
{
	return df_err_set(err, DUMPFILTER_E_INVAL,
			  "page frames %#" PRIx64 " to %#" PRIx64
			  " are in none of the files: give all pieces of the split dump",
			  first, end - 1);
}

static int check_ranges(const struct set *x, struct df_err *err)
{
	const struct df_kdump_piece *last = NULL;
	uint64_t at = 0;

	for (unsigned i = 0; i < x->n; i++) {
		const struct df_kdump_piece *p = &x->m[i].piece;

		if (p->start == p->end)
			continue;
		if (p->start > at)
			return missing(at, p->start, err);
		if (p->start < at)
			return df_err_set(err, DUMPFILTER_E_INVAL, "%s and %s both have page frame %#" PRIx64 ": %s",
					  last->own.name, p->own.name, p->start,
					  last->start == p->start && last->end == p->end
						  ? "give each piece once"
						  : "they are of different dumps");
		at = p->end;
		last = p;
	}
	return at == x->o->max_mapnr ? 0 : missing(at, x->o->max_mapnr, err);
}

static void use(struct set *x, unsigned i)
{
	x->o->source = &x->m[i].piece.own;
	x->o->s = x->m[i].s;
}

/* The first file in the order of memory tells what there is; the others must agree. */
static int read_all(struct set *x, struct df_err *err)
{
	struct df_kdump_opener *o = x->o;
	int r;

	use(x, 0);
	r = df_kdump_read_rest(o, err);
	for (unsigned i = 0; !r && i < x->n; i++) {
		struct df_kdump_piece *p = &x->m[i].piece;

		use(x, i);
		p->first = df_pageset_count_range(&o->img->stored_set, 0, p->start);
		r = i ? df_kdump_compare_bitmap(o, p->start, p->end, err) : 0;
		if (!r)
			r = df_kdump_read_eraseinfo(o, err);
	}
	return r;
}

/* What reading needs: the files that have a page frame. */
static int keep_pieces(struct set *x, struct df_err *err)
{
	struct df_kdump_input *in = x->o->in;

	in->pieces = df_alloc_array(x->o->img->env, x->n, sizeof *in->pieces);
	if (!in->pieces)
		return df_err_nomem(err, x->o->img->env, "pieces", x->n * sizeof *in->pieces);
	for (unsigned i = 0; i < x->n; i++) {
		struct df_kdump_piece *p = &x->m[i].piece;

		if (p->start == p->end)
			continue;
		in->pieces[in->npieces] = *p;
		in->pieces[in->npieces++].is_own = true;
		p->own = (struct df_source){ .fd = -1 };
	}
	return 0;
}

/* In place of a source: for messages, and for whether there may be threads. */
static void name_image(const struct set *x)
{
	struct df_source *s = &x->o->img->source;
	bool concurrent = true;

	for (unsigned i = 0; i < x->n; i++)
		concurrent &= x->m[i].piece.own.concurrent;
	*s = (struct df_source){ .env = x->o->img->env, .fd = -1, .concurrent = concurrent };
	if (x->n > 1)
		snprintf(s->name, sizeof s->name, "%.200s (and %u more)", x->first, x->n - 1);
	else
		snprintf(s->name, sizeof s->name, "%s", x->first);
}

static int open_members(struct set *x, struct df_err *err)
{
	int r = 0;

	for (unsigned i = 0; !r && i < x->n; i++)
		r = look_at(x, i, err);
	if (!r)
		r = find_twice(x, err);
	if (r < 0)
		return r;
	name_image(x);
	qsort(x->m, x->n, sizeof *x->m, by_range);
	r = check_ranges(x, err);
	if (!r)
		r = read_all(x, err);
	if (!r)
		r = df_input_find_eraseinfo(x->o->img, err);
	x->o->img->past.incomplete |= x->incomplete;
	return r ? r : keep_pieces(x, err);
}

static int open_set(struct df_image *img, struct df_source *sources, unsigned n, struct df_err *err)
{
	struct set x = { .n = n, .o = df_kdump_opener_new(img, err) };
	int r = x.o ? 0 : err->code;

	img->source = (struct df_source){ .env = img->env, .fd = -1 };
	if (!r && !(x.m = df_alloc_array(img->env, n, sizeof *x.m)))
		r = df_err_nomem(err, img->env, "pieces", n * sizeof *x.m);
	for (unsigned i = 0; !r && i < n; i++) {
		x.m[i].piece.own = sources[i];
		sources[i] = (struct df_source){ .fd = -1 };
	}
	if (!r)
		r = open_members(&x, err);
	for (unsigned i = 0; x.m && i < n; i++)
		df_source_close(&x.m[i].piece.own);
	df_free(img->env, x.m);
	df_kdump_opener_free(x.o);
	return r;
}

int df_input_open_set(struct df_image *img, struct df_source *sources, unsigned n, struct df_err *err)
{
	int r = open_set(img, sources, n, err);

	for (unsigned i = 0; i < n; i++)
		df_source_close(&sources[i]);
	if (r < 0)
		df_image_fini(img);
	return r;
}
