/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * "These bytes at this offset", one after the other.  Readers sort the records of the whole stream in memory (crash by
 * insertion), so records are made large, and a range that comes twice is an error here: which of the two a reader
 * takes is undefined.  The exception is the header of an output that ends early, see df_sink_again().
 *
 * What readers want of the records is listed in docs/readers.md, and tests/unit/test_flat_records.c asks for it.
 */
#include "format/flat.h"
#include "io/sink_impl.h"

#include <inttypes.h>
#include <string.h>

#define MERGE      ((size_t)64 << 10) /* writes that follow each other become one record up to this */
#define RECORD_MAX ((size_t)1 << 20)
#define RANGES     16u
#define GAP_MIN    (MERGE + 1)   /* a gap costs a reader more than a few zeros */
#define HEAD_MAX   ((size_t)512) /* more than the first header of any format */
#define REPEATS    4u            /* most records that a header which is written again takes */

#define CLOSING_RECORDS 6u /* more than the last writes of any format make, with the rounding up of each */

struct range {
	uint64_t from, to;
};

/* The header, which comes first and, of an output that ends early, once more at the end. */
struct head {
	size_t len;              /* of the first record, 0 = there is none at offset 0 */
	uint64_t again;          /* bytes of the second one that are to come */
	unsigned repeats;        /* records that follow it: */
	uint8_t bytes[HEAD_MAX]; /* as many of its first bytes as the first record has */
};

struct flat_sink {
	struct dumpfilter_sink sink;
	struct dumpfilter_sink *inner;
	uint64_t pos;        /* bytes in inner */
	bool begun;          /* header written */
	struct df_err why;   /* of the first failure: where the inner sink stands is not known then */
	uint64_t pending_at; /* the record that is being put together: its offset … */
	size_t pending;      /* … and length so far */
	uint64_t last;       /* highest end of a record */
	uint64_t records;    /* in inner */
	struct head head;
	unsigned nrecent;            /* the check against ranges that come twice: */
	struct range recent[RANGES]; /* those that grew last, the latest at the end */
	uint8_t buf[DF_FLAT_RECORD + MERGE];
};

/* After a failure the stream is of no use: each call gives back the first cause. */
static int intact(const struct flat_sink *f, struct df_err *err)
{
	if (!f->why.code)
		return 0;
	*err = f->why;
	return err->code;
}

static int put(struct flat_sink *f, const void *buf, size_t len, struct df_err *err)
{
	int r = intact(f, err);

	if (r)
		return r;
	r = df_sink_write(f->inner, f->pos, buf, len, err);
	if (r)
		f->why = *err;
	else
		f->pos += len;
	return r;
}

static int begin(struct flat_sink *f, struct df_err *err)
{
	uint8_t header[DF_FLAT_HEADER];

	if (f->begun)
		return intact(f, err);
	df_flat_encode_header(header);
	f->begun = true;
	return put(f, header, sizeof header, err);
}

static int flush(struct flat_sink *f, struct df_err *err)
{
	size_t len = f->pending;

	if (!len)
		return 0;
	f->pending = 0;
	f->records++;
	df_flat_encode_record(f->pending_at, len, f->buf);
	return put(f, f->buf, DF_FLAT_RECORD + len, err);
}

static int begin_record(struct flat_sink *f, uint64_t offset, uint64_t len, struct df_err *err)
{
	uint8_t head[DF_FLAT_RECORD];

	f->records++;
	df_flat_encode_record(offset, len, head);
	return put(f, head, sizeof head, err);
}

/* A large write goes out as it is. */
static int put_record(struct flat_sink *f, uint64_t offset, const uint8_t *p, size_t len, struct df_err *err)
{
	int r = begin_record(f, offset, len, err);

	return r ? r : put(f, p, len, err);
}

static int merge(struct flat_sink *f, uint64_t offset, const uint8_t *p, size_t len, struct df_err *err)
{
	while (len) {
		size_t n = MERGE - f->pending < len ? MERGE - f->pending : len;
		int r;

		if (!f->pending)
			f->pending_at = offset;
		memcpy(f->buf + DF_FLAT_RECORD + f->pending, p, n);
		f->pending += n;
		offset += n;
		p += n;
		len -= n;
		r = f->pending == MERGE ? flush(f, err) : 0;
		if (r)
			return r;
	}
	return 0;
}

/* The first header is a record of its own: readers that want nothing else look for it in the first one. */
static int put_head(struct flat_sink *f, const uint8_t *p, size_t len, struct df_err *err)
{
	f->head.len = len;
	return merge(f, 0, p, len, err) ? err->code : flush(f, err);
}

/* Note [from, to); false where a part of it was written lately.  Writers grow a few ranges at a time (headers, bitmaps,
 * descriptors, data), so few ranges see nearly everything. */
static bool claim(struct flat_sink *f, uint64_t from, uint64_t to)
{
	struct range grown = { from, to };
	unsigned at = f->nrecent;

	for (unsigned i = 0; i < f->nrecent; i++) {
		struct range *r = &f->recent[i];

		if (from < r->to && r->from < to)
			return false;
		if (from == r->to || to == r->from)
			at = i;
	}
	if (at < f->nrecent) {
		if (f->recent[at].from < from)
			grown.from = f->recent[at].from;
		else
			grown.to = f->recent[at].to;
	} else if (f->nrecent < RANGES) {
		f->nrecent++;
	} else {
		at = 0;
	}
	memmove(&f->recent[at], &f->recent[at + 1], (f->nrecent - 1 - at) * sizeof f->recent[0]);
	f->recent[f->nrecent - 1] = grown;
	return true;
}

/* Most bytes that the stream takes for a write of len bytes, and for several ones. */
static uint64_t one_write(uint64_t len)
{
	return len + (len < MERGE ? 2 : len / RECORD_MAX + 1) * DF_FLAT_RECORD;
}

static uint64_t several_writes(uint64_t len)
{
	return len ? len + (len / MERGE + CLOSING_RECORDS) * DF_FLAT_RECORD : 0;
}

/* The same for the header that is written again, and the last byte of a gap at the end. */
static uint64_t ending(const struct flat_sink *f)
{
	uint64_t head = f->sink.head ? DF_FLAT_RECORD + f->sink.head : 0;

	return head + (head ? (REPEATS - 1) * (DF_FLAT_RECORD + f->head.len) : 0) + DF_FLAT_RECORD + 1;
}

/* The limit is one of the stream.  The rest of the output and the end record must still fit behind what is taken now,
 * so that the stream is whole. */
static bool fits(const struct flat_sink *f, size_t len)
{
	uint64_t after = f->pos + (f->begun ? 0 : DF_FLAT_HEADER) + ending(f) + DF_FLAT_RECORD;

	after += f->pending ? f->pending + DF_FLAT_RECORD : 0;
	return after + one_write(len) + several_writes(f->sink.closing) <= f->sink.limit;
}

/* A part of the header that is written again. */
static int put_again(struct flat_sink *f, uint64_t offset, const uint8_t *p, size_t len, struct df_err *err)
{
	struct head *h = &f->head;

	if (len > h->again)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: internal error: a header grew while it was written",
				  f->sink.name);
	if (offset < h->len)
		memcpy(h->bytes + offset, p, len < h->len - offset ? len : h->len - (size_t)offset);
	h->again -= len;
	return put(f, p, len, err);
}

static int flat_write(struct dumpfilter_sink *s, uint64_t offset, const void *buf, size_t len, struct df_err *err)
{
	struct flat_sink *f = (struct flat_sink *)s;
	const uint8_t *p = buf;
	int r = intact(f, err);

	if (r)
		return r;
	if (f->head.repeats)
		return put_again(f, offset, p, len, err);
	if (f->sink.limit < UINT64_MAX && !fits(f, len))
		return df_sink_refuse(s, err);
	if (!claim(f, offset, offset + len))
		return df_err_set(err, DUMPFILTER_E_INVAL,
				  "%s: internal error: %zu bytes at %" PRIu64
				  " were written before, which a flattened stream cannot hold",
				  s->name, len, offset);
	r = begin(f, err);
	if (!r && f->pending && f->pending_at + f->pending != offset)
		r = flush(f, err);
	if (!r && !offset && len <= HEAD_MAX) {
		r = put_head(f, p, len, err);
	} else if (!r && len < MERGE) {
		r = merge(f, offset, p, len, err);
	} else {
		if (!r)
			r = flush(f, err);
		for (size_t n; !r && len; offset += n, p += n, len -= n) {
			n = len < RECORD_MAX ? len : RECORD_MAX;
			r = put_record(f, offset, p, n, err);
		}
	}
	if (!r && offset + len > f->last)
		f->last = offset + len;
	return r;
}

/* All data.  A gap at the end becomes visible by its last byte: crash looks for a record behind each gap. */
static int end_data(struct flat_sink *f, struct df_err *err)
{
	uint64_t end = atomic_load(&f->sink.end);
	int r = begin(f, err);

	if (!r)
		r = flush(f, err);
	if (!r && end > f->last) {
		f->last = end;
		r = put_record(f, end - 1, (const uint8_t *)"", 1, err);
	}
	return r;
}

/* Before the end record says that all is there. */
static int flat_flush(struct dumpfilter_sink *s, struct df_err *err)
{
	struct flat_sink *f = (struct flat_sink *)s;
	int r = end_data(f, err);

	if (r)
		return r;
	r = df_sink_flush(f->inner, err);
	if (r)
		f->why = *err;
	return r;
}

/*
 * Of a stream in which the header comes twice, makedumpfile -R and libkdumpfile take the last one.  So must crash,
 * which sorts the records by offset, a later one before those of the same offset, and looks for an offset by halving:
 * at record n/2 of n, then in the half that may have it (makedumpfile.c from 7.0.4 to 9.0.2).  So the header comes as
 * often as it takes for that to meet the first of the later ones, which is the one in front of the old one.
 */
static unsigned repeats_for(uint64_t records)
{
	unsigned again = 2;

	for (; again < REPEATS; again++) {
		uint64_t at = (records + again) / 2;

		while (at > again)
			at /= 2;
		if (at == again - 1)
			break;
	}
	return again;
}

int df_sink_again(struct dumpfilter_sink *s, uint64_t len, struct df_err *err)
{
	struct flat_sink *f = (struct flat_sink *)s;
	int r = end_data(f, err);

	if (!r && (!f->head.len || len < f->head.len))
		r = df_err_set(err, DUMPFILTER_E_INVAL, "%s: internal error: no header to write again", s->name);
	if (r)
		return r;
	f->head.repeats = repeats_for(f->records);
	f->head.again = len;
	return begin_record(f, 0, len, err);
}

/* What is missing for a complete stream. */
static int complete(struct flat_sink *f, struct df_err *err)
{
	uint8_t tail[DF_FLAT_RECORD];
	int r = f->head.repeats ? intact(f, err) : end_data(f, err);

	if (!r && f->head.again)
		r = df_err_set(err, DUMPFILTER_E_INVAL, "%s: internal error: half a header", f->sink.name);
	for (unsigned i = 1; !r && i < f->head.repeats; i++)
		r = put_record(f, 0, f->head.bytes, f->head.len, err);
	df_flat_encode_end(tail);
	return r ? r : put(f, tail, sizeof tail, err);
}

/* No end record after a failure: the reader must see that the stream was cut. */
static int flat_finish(struct dumpfilter_sink *s, int result, struct df_err *err)
{
	struct flat_sink *f = (struct flat_sink *)s;
	struct df_err ignored = { 0 };
	int r = 0, inner;

	if (result >= 0)
		r = complete(f, err);
	else
		(void)flush(f, &ignored);
	inner = df_sink_finish(f->inner, r ? r : result, r ? &ignored : err);
	return r ? r : inner;
}

static void flat_free(struct dumpfilter_sink *s)
{
	struct flat_sink *f = (struct flat_sink *)s;

	f->inner->used = s->touched || f->inner->touched; /* else it takes another output */
	df_free(s->env, s);
}

static const struct df_sink_ops flat_ops = {
	.write = flat_write,
	.flush = flat_flush,
	.finish = flat_finish,
	.free = flat_free,
	.least_gap = GAP_MIN,
	.flat = true,
};

struct dumpfilter_sink *df_sink_flat(struct df_env *env, struct dumpfilter_sink *inner, struct df_err *err)
{
	struct flat_sink *f;

	if (inner->used || inner->touched) {
		df_err_set(err, DUMPFILTER_E_SEQUENCE, "%s: holds an output already", inner->name);
		return NULL;
	}
	f = df_sink_new(env, sizeof *f, &flat_ops, DUMPFILTER_IO_RANDOM, inner->name, err);
	if (!f)
		return NULL;
	f->inner = inner;
	inner->used = true;
	return &f->sink;
}

bool df_sink_is_flat(const struct dumpfilter_sink *s)
{
	return s->ops == &flat_ops;
}

int df_sink_write_whole(struct dumpfilter_sink *s, uint64_t offset, const void *buf, size_t len, struct df_err *err)
{
	struct flat_sink *f = (struct flat_sink *)s;
	int r = 0;

	if (df_sink_is_flat(s) && f->pending + len > MERGE)
		r = flush(f, err);
	return r ? r : df_sink_write(s, offset, buf, len, err);
}

struct dumpfilter_sink *df_sink_flat_twin(const struct dumpfilter_sink *s)
{
	struct df_err ignored;
	struct dumpfilter_sink *null = df_sink_null(s->env, &ignored), *twin = NULL;

	if (null)
		twin = df_sink_flat(s->env, null, &ignored);
	if (!twin) {
		df_sink_free(null);
		return NULL;
	}
	twin->limit = s->limit;
	twin->closing = s->closing;
	twin->head = s->head;
	return twin;
}

void df_sink_flat_twin_free(struct dumpfilter_sink *twin)
{
	struct dumpfilter_sink *null = twin ? ((struct flat_sink *)twin)->inner : NULL;

	df_sink_free(twin);
	df_sink_free(null);
}
