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
	size_t length;           /* of the first record, 0 = there is none at offset 0 */
	uint64_t again;          /* bytes of the second one that are to come */
	unsigned repeats;        /* records that follow it: */
	uint8_t bytes[HEAD_MAX]; /* as many of its first bytes as the first record has */
};

struct flat_sink {
	struct dumpfilter_sink sink;
	struct dumpfilter_sink *inner;
	uint64_t pos;        /* bytes in inner */
	bool begun;          /* header written */
	struct df_err err;   /* of the first failure: where the inner sink stands is not known then */
	uint64_t pending_at; /* the record that is being put together: its offset … */
	size_t pending;      /* … and length so far */
	uint64_t last;       /* highest end of a record */
	uint64_t records;    /* in inner */
	struct head head;
	unsigned nrecent;            /* the check against ranges that come twice: */
	struct range recent[RANGES]; /* those that grew last, the latest at the end */
	uint8_t buffer[DF_FLAT_RECORD + MERGE];
};

/* After a failure the stream is of no use: each call gives back the first cause. */
static int intact(const struct flat_sink *flat, struct df_err *err)
{
	if (!flat->err.code)
		return 0;
	*err = flat->err;
	return err->code;
}

static int put(struct flat_sink *flat, const void *buffer, size_t length, struct df_err *err)
{
	int result = intact(flat, err);

	if (result)
		return result;
	result = df_sink_write(flat->inner, flat->pos, buffer, length, err);
	if (result)
		flat->err = *err;
	else
		flat->pos += length;
	return result;
}

static int begin(struct flat_sink *flat, struct df_err *err)
{
	uint8_t header[DF_FLAT_HEADER];

	if (flat->begun)
		return intact(flat, err);
	df_flat_encode_header(header);
	flat->begun = true;
	return put(flat, header, sizeof header, err);
}

static int flush(struct flat_sink *flat, struct df_err *err)
{
	size_t length = flat->pending;

	if (!length)
		return 0;
	flat->pending = 0;
	flat->records++;
	df_flat_encode_record(flat->pending_at, length, flat->buffer);
	return put(flat, flat->buffer, DF_FLAT_RECORD + length, err);
}

static int begin_record(struct flat_sink *flat, uint64_t offset, uint64_t length, struct df_err *err)
{
	uint8_t head[DF_FLAT_RECORD];

	flat->records++;
	df_flat_encode_record(offset, length, head);
	return put(flat, head, sizeof head, err);
}

/* A large write goes out as it is. */
static int put_record(struct flat_sink *flat, uint64_t offset, const uint8_t *bytes, size_t length, struct df_err *err)
{
	int result = begin_record(flat, offset, length, err);

	return result ? result : put(flat, bytes, length, err);
}

static int merge(struct flat_sink *flat, uint64_t offset, const uint8_t *bytes, size_t length, struct df_err *err)
{
	while (length) {
		size_t count = MERGE - flat->pending < length ? MERGE - flat->pending : length;
		int result;

		if (!flat->pending)
			flat->pending_at = offset;
		memcpy(flat->buffer + DF_FLAT_RECORD + flat->pending, bytes, count);
		flat->pending += count;
		offset += count;
		bytes += count;
		length -= count;
		result = flat->pending == MERGE ? flush(flat, err) : 0;
		if (result)
			return result;
	}
	return 0;
}

/* The first header is a record of its own: readers that want nothing else look for it in the first one. */
static int put_head(struct flat_sink *flat, const uint8_t *bytes, size_t length, struct df_err *err)
{
	flat->head.length = length;
	return merge(flat, 0, bytes, length, err) ? err->code : flush(flat, err);
}

/* Note [from, to); false where a part of it was written lately.  Writers grow a few ranges at a time (headers, bitmaps,
 * descriptors, data), so few ranges see nearly everything. */
static bool claim(struct flat_sink *flat, uint64_t from, uint64_t to)
{
	struct range grown = { from, to };
	unsigned at = flat->nrecent;

	for (unsigned i = 0; i < flat->nrecent; i++) {
		struct range *range = &flat->recent[i];

		if (from < range->to && range->from < to)
			return false;
		if (from == range->to || to == range->from)
			at = i;
	}
	if (at < flat->nrecent) {
		if (flat->recent[at].from < from)
			grown.from = flat->recent[at].from;
		else
			grown.to = flat->recent[at].to;
	} else if (flat->nrecent < RANGES) {
		flat->nrecent++;
	} else {
		at = 0;
	}
	memmove(&flat->recent[at], &flat->recent[at + 1], (flat->nrecent - 1 - at) * sizeof flat->recent[0]);
	flat->recent[flat->nrecent - 1] = grown;
	return true;
}

/* Most bytes that the stream takes for a write of length bytes, and for several ones. */
static uint64_t one_write(uint64_t length)
{
	return length + (length < MERGE ? 2 : length / RECORD_MAX + 1) * DF_FLAT_RECORD;
}

static uint64_t several_writes(uint64_t length)
{
	return length ? length + (length / MERGE + CLOSING_RECORDS) * DF_FLAT_RECORD : 0;
}

/* The same for the header that is written again, and the last byte of a gap at the end. */
static uint64_t ending(const struct flat_sink *flat)
{
	uint64_t head = flat->sink.head ? DF_FLAT_RECORD + flat->sink.head : 0;

	return head + (head ? (REPEATS - 1) * (DF_FLAT_RECORD + flat->head.length) : 0) + DF_FLAT_RECORD + 1;
}

/* The limit is one of the stream.  The rest of the output and the end record must still fit behind what is taken now,
 * so that the stream is whole. */
static bool fits(const struct flat_sink *flat, size_t length)
{
	uint64_t after = flat->pos + (flat->begun ? 0 : DF_FLAT_HEADER) + ending(flat) + DF_FLAT_RECORD;

	after += flat->pending ? flat->pending + DF_FLAT_RECORD : 0;
	return after + one_write(length) + several_writes(flat->sink.closing) <= flat->sink.limit;
}

/* A part of the header that is written again. */
static int put_again(struct flat_sink *flat, uint64_t offset, const uint8_t *bytes, size_t length, struct df_err *err)
{
	struct head *head = &flat->head;

	if (length > head->again)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: internal error: a header grew while it was written",
				  flat->sink.name);
	if (offset < head->length)
		memcpy(head->bytes + offset, bytes,
		       length < head->length - offset ? length : head->length - (size_t)offset);
	head->again -= length;
	return put(flat, bytes, length, err);
}

static int flat_write(struct dumpfilter_sink *sink, uint64_t offset, const void *buffer, size_t length,
		      struct df_err *err)
{
	struct flat_sink *flat = (struct flat_sink *)sink;
	const uint8_t *bytes = buffer;
	int result = intact(flat, err);

	if (result)
		return result;
	if (flat->head.repeats)
		return put_again(flat, offset, bytes, length, err);
	if (flat->sink.limit < UINT64_MAX && !fits(flat, length))
		return df_sink_refuse(sink, err);
	if (!claim(flat, offset, offset + length))
		return df_err_set(err, DUMPFILTER_E_INVAL,
				  "%s: internal error: %zu bytes at %" PRIu64
				  " were written before, which a flattened stream cannot hold",
				  sink->name, length, offset);
	result = begin(flat, err);
	if (!result && flat->pending && flat->pending_at + flat->pending != offset)
		result = flush(flat, err);
	if (!result && !offset && length <= HEAD_MAX) {
		result = put_head(flat, bytes, length, err);
	} else if (!result && length < MERGE) {
		result = merge(flat, offset, bytes, length, err);
	} else {
		if (!result)
			result = flush(flat, err);
		for (size_t count; !result && length; offset += count, bytes += count, length -= count) {
			count = length < RECORD_MAX ? length : RECORD_MAX;
			result = put_record(flat, offset, bytes, count, err);
		}
	}
	if (!result && offset + length > flat->last)
		flat->last = offset + length;
	return result;
}

/* All data.  A gap at the end becomes visible by its last byte: crash looks for a record behind each gap. */
static int end_data(struct flat_sink *flat, struct df_err *err)
{
	uint64_t end = atomic_load(&flat->sink.end);
	int result = begin(flat, err);

	if (!result)
		result = flush(flat, err);
	if (!result && end > flat->last) {
		flat->last = end;
		result = put_record(flat, end - 1, (const uint8_t *)"", 1, err);
	}
	return result;
}

/* Before the end record says that all is there. */
static int flat_flush(struct dumpfilter_sink *sink, struct df_err *err)
{
	struct flat_sink *flat = (struct flat_sink *)sink;
	int result = end_data(flat, err);

	if (result)
		return result;
	result = df_sink_flush(flat->inner, err);
	if (result)
		flat->err = *err;
	return result;
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

int df_sink_again(struct dumpfilter_sink *sink, uint64_t length, struct df_err *err)
{
	struct flat_sink *flat = (struct flat_sink *)sink;
	int result = end_data(flat, err);

	if (!result && (!flat->head.length || length < flat->head.length))
		result = df_err_set(err, DUMPFILTER_E_INVAL, "%s: internal error: no header to write again",
				    sink->name);
	if (result)
		return result;
	flat->head.repeats = repeats_for(flat->records);
	flat->head.again = length;
	return begin_record(flat, 0, length, err);
}

/* What is missing for a complete stream. */
static int complete(struct flat_sink *flat, struct df_err *err)
{
	uint8_t tail[DF_FLAT_RECORD];
	int result = flat->head.repeats ? intact(flat, err) : end_data(flat, err);

	if (!result && flat->head.again)
		result = df_err_set(err, DUMPFILTER_E_INVAL, "%s: internal error: half a header", flat->sink.name);
	for (unsigned i = 1; !result && i < flat->head.repeats; i++)
		result = put_record(flat, 0, flat->head.bytes, flat->head.length, err);
	df_flat_encode_end(tail);
	return result ? result : put(flat, tail, sizeof tail, err);
}

/* No end record after a failure: the reader must see that the stream was cut. */
static int flat_finish(struct dumpfilter_sink *sink, int result, struct df_err *err)
{
	struct flat_sink *flat = (struct flat_sink *)sink;
	struct df_err ignored = { 0 };
	int finished = 0, inner;

	if (result >= 0)
		finished = complete(flat, err);
	else
		(void)flush(flat, &ignored);
	inner = df_sink_finish(flat->inner, finished ? finished : result, finished ? &ignored : err);
	return finished ? finished : inner;
}

static void flat_free(struct dumpfilter_sink *sink)
{
	struct flat_sink *flat = (struct flat_sink *)sink;

	flat->inner->used = sink->touched || flat->inner->touched; /* else it takes another output */
	df_free(sink->env, sink);
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
	struct flat_sink *flat;

	if (inner->used || inner->touched) {
		df_err_set(err, DUMPFILTER_E_SEQUENCE, "%s: holds an output already", inner->name);
		return NULL;
	}
	flat = df_sink_new(env, sizeof *flat, &flat_ops, DUMPFILTER_IO_RANDOM, inner->name, err);
	if (!flat)
		return NULL;
	flat->inner = inner;
	inner->used = true;
	return &flat->sink;
}

bool df_sink_is_flat(const struct dumpfilter_sink *sink)
{
	return sink->sink_ops == &flat_ops;
}

int df_sink_write_whole(struct dumpfilter_sink *sink, uint64_t offset, const void *buffer, size_t length,
			struct df_err *err)
{
	struct flat_sink *flat = (struct flat_sink *)sink;
	int result = 0;

	if (df_sink_is_flat(sink) && flat->pending + length > MERGE)
		result = flush(flat, err);
	return result ? result : df_sink_write(sink, offset, buffer, length, err);
}

struct dumpfilter_sink *df_sink_flat_twin(const struct dumpfilter_sink *sink)
{
	struct df_err ignored;
	struct dumpfilter_sink *null = df_sink_null(sink->env, &ignored), *twin = NULL;

	if (null)
		twin = df_sink_flat(sink->env, null, &ignored);
	if (!twin) {
		df_sink_free(null);
		return NULL;
	}
	twin->limit = sink->limit;
	twin->closing = sink->closing;
	twin->head = sink->head;
	return twin;
}

void df_sink_flat_twin_free(struct dumpfilter_sink *twin)
{
	struct dumpfilter_sink *null = twin ? ((struct flat_sink *)twin)->inner : NULL;

	df_sink_free(twin);
	df_sink_free(null);
}
