/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A flattened stream in a file, read as the file that it makes.  Nothing is unpacked: an index says where each byte is.
 *
 * The data of all records, put together without the headers between them, is one row of bytes.  Records that follow
 * one another in the stream mostly do so in the file, too: the map from the file to that row has few ranges, whatever
 * the sizes of the records.  From the row to the stream only the number of headers on the way counts; it is noted where
 * records change their size.
 */
#include "base/bytes.h"
#include "base/extents.h"
#include "format/flat.h"
#include "io/source_impl.h"

#include <inttypes.h>

#define RANGES_MAX ((size_t)1 << 19) /* 12 MiB, and 28 more while the index is made */
#define MARKS_MAX  ((size_t)1 << 22) /* 64 MiB: a stream of 256 GiB in records of 64 KiB that are all unequal */
#define LOOK       4096u             /* bytes read at once to find headers */

/* From here on records have one size: that of the row's bytes up to the next mark by the number of records. */
struct mark {
	uint64_t row, record;
};

/* The index of a flattened stream: built once, then only read.  Owns inner, the stream. */
struct df_source_flat {
	struct df_source inner;
	struct df_extents map; /* of the file; offset: in the row */
	struct mark *marks;    /* and one more behind the last, for the end */
	size_t nmarks, marks_cap;
	bool cut;
};

/* While the index is made: one walk from record to record.  pos, row and end are bytes. */
struct indexer {
	struct df_source_flat *f;
	struct df_env *env;
	struct df_extent *ranges; /* in the order of the stream */
	size_t n, cap;
	uint64_t pos, row, records, end;
	uint8_t buf[LOOK];
	uint64_t buf_at;
	size_t buf_len;
};

static int too_many(const struct indexer *x, struct df_err *err)
{
	return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
			  "%s: a flattened stream in too many small pieces, rearrange it first (makedumpfile -R)",
			  x->f->inner.name);
}

static int nomem(const struct indexer *x, size_t bytes, struct df_err *err)
{
	return df_err_nomem(err, x->env, "the index of a flattened stream", bytes);
}

static int add_range(struct indexer *x, uint64_t offset, uint64_t size, struct df_err *err)
{
	struct df_extent *last = x->n ? &x->ranges[x->n - 1] : NULL;

	if (last && last->end == offset && last->offset + (last->end - last->start) == x->row) {
		last->end += size;
		return 0;
	}
	if (x->n == RANGES_MAX)
		return too_many(x, err);
	if (!df_grow(x->env, (void **)&x->ranges, &x->cap, x->n + 1, sizeof *x->ranges))
		return nomem(x, (x->n + 1) * sizeof *x->ranges, err);
	x->ranges[x->n++] = (struct df_extent){ offset, offset + size, x->row };
	return 0;
}

static int add_mark(struct indexer *x, struct df_err *err)
{
	struct df_source_flat *f = x->f;

	if (f->nmarks == MARKS_MAX)
		return too_many(x, err);
	if (!df_grow(x->env, (void **)&f->marks, &f->marks_cap, f->nmarks + 1, sizeof *f->marks))
		return nomem(x, (f->nmarks + 1) * sizeof *f->marks, err);
	f->marks[f->nmarks++] = (struct mark){ x->row, x->records };
	return 0;
}

/* The size of the records that the last mark speaks of, if there are any. */
static uint64_t last_size(const struct indexer *x)
{
	const struct mark *m = x->f->nmarks ? &x->f->marks[x->f->nmarks - 1] : NULL;

	return m ? (x->row - m->row) / (x->records - m->record) : 0;
}

static int add_record(struct indexer *x, uint64_t offset, uint64_t size, struct df_err *err)
{
	int r = add_range(x, offset, size, err);

	if (!r && last_size(x) != size)
		r = add_mark(x, err);
	x->row += size;
	x->records++;
	x->pos += DF_FLAT_RECORD + size;
	if (offset + size > x->end)
		x->end = offset + size;
	return r;
}

/* The header at pos; NULL with err->code 0: the stream ends before it. */
static const uint8_t *header(struct indexer *x, struct df_err *err)
{
	const struct df_source *s = &x->f->inner;

	err->code = 0;
	if (s->length < DF_FLAT_RECORD || x->pos > s->length - DF_FLAT_RECORD)
		return NULL;
	if (x->pos < x->buf_at || x->pos + DF_FLAT_RECORD > x->buf_at + x->buf_len) {
		x->buf_at = x->pos;
		x->buf_len = s->length - x->pos < LOOK ? (size_t)(s->length - x->pos) : LOOK;
		if (df_source_read(s, x->buf_at, x->buf, x->buf_len, err) < 0)
			return NULL;
	}
	return x->buf + (x->pos - x->buf_at);
}

static int read_records(struct indexer *x, struct df_err *err)
{
	int r = 0;

	while (!r) {
		const uint8_t *head = header(x, err);
		uint64_t offset = 0, size = 0, have;
		enum df_flat_kind kind = DF_FLAT_BAD;

		if (!head && err->code)
			return err->code;
		if (df_cancelled(x->env))
			return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
		if (head)
			kind = df_flat_decode_record(head, &offset, &size);
		if (kind == DF_FLAT_END)
			return 0;
		have = x->f->inner.length - x->pos - DF_FLAT_RECORD;
		x->f->cut = kind == DF_FLAT_BAD || size > have;
		if (kind == DF_FLAT_BAD || !have)
			return 0;
		r = add_record(x, offset, size < have ? size : have, err);
		if (x->f->cut)
			break;
	}
	return r;
}

/* Where records overlap the later one counts, as if they were written one after the other. */
static int make_map(struct indexer *x, struct df_err *err)
{
	int r = add_mark(x, err); /* the end */

	x->f->nmarks -= !r;
	for (size_t i = 0; i < x->n / 2; i++) {
		struct df_extent t = x->ranges[i];

		x->ranges[i] = x->ranges[x->n - 1 - i];
		x->ranges[x->n - 1 - i] = t;
	}
	return r ? r : df_extents_build(&x->f->map, x->env, x->ranges, x->n, false, err);
}

static void free_flat(struct df_source_flat *f, struct df_env *env)
{
	df_free(env, f->marks);
	df_free(env, f->map.v);
	df_free(env, f);
}

/* Make the index of f->inner; *length of the file in it. */
static int make_index(struct df_source_flat *f, struct df_env *env, uint64_t *length, struct df_err *err)
{
	struct indexer *x = df_alloc(env, sizeof *x);
	int r;

	if (!x)
		return df_err_nomem(err, env, "the index of a flattened stream", sizeof *x);
	*x = (struct indexer){ .f = f, .env = env, .pos = DF_FLAT_HEADER };
	r = read_records(x, err);
	if (!r && !x->n)
		r = df_err_set(err, DUMPFILTER_E_CORRUPT, "%s: the flattened stream holds no data", f->inner.name);
	if (!r)
		r = make_map(x, err);
	if (!r && f->cut)
		df_log(env, DUMPFILTER_LOG_WARN,
		       "%s: no record at byte %" PRIu64 " of the stream, which was cut there: what it lacks is lost",
		       f->inner.name, x->pos);
	*length = x->end;
	df_free(env, x->ranges);
	df_free(env, x);
	return r;
}

/* Where byte at of the row is in the stream; *left = bytes of its record from there on. */
static uint64_t in_stream(const struct df_source_flat *f, uint64_t at, uint64_t *left)
{
	size_t lo = 0, hi = f->nmarks;
	uint64_t size, number;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->marks[mid].row <= at)
			lo = mid;
		else
			hi = mid;
	}
	size = (f->marks[lo + 1].row - f->marks[lo].row) / (f->marks[lo + 1].record - f->marks[lo].record);
	number = (at - f->marks[lo].row) / size;
	*left = f->marks[lo].row + (number + 1) * size - at;
	return DF_FLAT_HEADER + at + (f->marks[lo].record + number + 1) * DF_FLAT_RECORD;
}

static int64_t flat_read(const struct df_source *s, uint64_t offset, void *buf, size_t len)
{
	const struct df_source_flat *f = s->flat;
	size_t i = df_extents_find(&f->map, offset);
	const struct df_extent *e = i < f->map.n ? &f->map.v[i] : NULL;
	uint64_t left;

	if (!e)
		return 0;
	if (e->start > offset) { /* no record speaks of it: a hole */
		len = e->start - offset < len ? (size_t)(e->start - offset) : len;
		memset(buf, 0, len);
		return (int64_t)len;
	}
	if (len > e->end - offset)
		len = (size_t)(e->end - offset);
	offset = in_stream(f, e->offset + (offset - e->start), &left);
	return df_source_read_once(&f->inner, offset, buf, len < left ? len : (size_t)left);
}

static void flat_close(struct df_source *s)
{
	df_source_close(&s->flat->inner);
	free_flat(s->flat, s->env);
}

static const struct df_source_layer flat_layer = { .read = flat_read, .close = flat_close };

int df_source_flatten(struct df_source *s, struct df_err *err)
{
	struct df_source_flat *f = df_alloc(s->env, sizeof *f);
	uint64_t length = 0;
	int r;

	if (!f)
		return df_err_nomem(err, s->env, "the index of a flattened stream", sizeof *f);
	f->inner = *s;
	r = make_index(f, s->env, &length, err);
	if (r < 0) {
		free_flat(f, s->env);
		return r;
	}
	s->flat = f;
	s->layer = &flat_layer;
	s->own_fd = s->can_map = false;
	s->fd = -1;
	s->length = length;
	return 0;
}

bool df_source_cut(const struct df_source *s)
{
	return s->flat && s->flat->cut;
}
