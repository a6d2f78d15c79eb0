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
	struct df_extents extents; /* of the file; offset: in the row */
	struct mark *marks;        /* and one more behind the last, for the end */
	size_t nmarks, marks_cap;
	bool cut;
};

/* While the index is made: one walk from record to record.  pos, row and end are bytes. */
struct indexer {
	struct df_source_flat *flat;
	struct df_env *env;
	struct df_extent *ranges; /* in the order of the stream */
	size_t count, cap;
	uint64_t pos, row, records, end;
	uint8_t buffer[LOOK];
	uint64_t buf_at;
	size_t buf_len;
};

static int too_many(const struct indexer *indexer, struct df_err *err)
{
	return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
			  "%s: a flattened stream in too many small pieces, rearrange it first (makedumpfile -R)",
			  indexer->flat->inner.name);
}

static int nomem(const struct indexer *indexer, size_t bytes, struct df_err *err)
{
	return df_err_nomem(err, indexer->env, "the index of a flattened stream", bytes);
}

static int add_range(struct indexer *indexer, uint64_t offset, uint64_t size, struct df_err *err)
{
	struct df_extent *last = indexer->count ? &indexer->ranges[indexer->count - 1] : NULL;

	if (last && last->end == offset && last->offset + (last->end - last->start) == indexer->row) {
		last->end += size;
		return 0;
	}
	if (indexer->count == RANGES_MAX)
		return too_many(indexer, err);
	if (!df_grow(indexer->env, (void **)&indexer->ranges, &indexer->cap, indexer->count + 1,
		     sizeof *indexer->ranges))
		return nomem(indexer, (indexer->count + 1) * sizeof *indexer->ranges, err);
	indexer->ranges[indexer->count++] = (struct df_extent){ offset, offset + size, indexer->row };
	return 0;
}

static int add_mark(struct indexer *indexer, struct df_err *err)
{
	struct df_source_flat *flat = indexer->flat;

	if (flat->nmarks == MARKS_MAX)
		return too_many(indexer, err);
	if (!df_grow(indexer->env, (void **)&flat->marks, &flat->marks_cap, flat->nmarks + 1, sizeof *flat->marks))
		return nomem(indexer, (flat->nmarks + 1) * sizeof *flat->marks, err);
	flat->marks[flat->nmarks++] = (struct mark){ indexer->row, indexer->records };
	return 0;
}

/* The size of the records that the last mark speaks of, if there are any. */
static uint64_t last_size(const struct indexer *indexer)
{
	const struct mark *mark = indexer->flat->nmarks ? &indexer->flat->marks[indexer->flat->nmarks - 1] : NULL;

	return mark ? (indexer->row - mark->row) / (indexer->records - mark->record) : 0;
}

static int add_record(struct indexer *indexer, uint64_t offset, uint64_t size, struct df_err *err)
{
	int result = add_range(indexer, offset, size, err);

	if (!result && last_size(indexer) != size)
		result = add_mark(indexer, err);
	indexer->row += size;
	indexer->records++;
	indexer->pos += DF_FLAT_RECORD + size;
	if (offset + size > indexer->end)
		indexer->end = offset + size;
	return result;
}

/* The header at pos; NULL with err->code 0: the stream ends before it. */
static const uint8_t *header(struct indexer *indexer, struct df_err *err)
{
	const struct df_source *source = &indexer->flat->inner;

	err->code = 0;
	if (source->length < DF_FLAT_RECORD || indexer->pos > source->length - DF_FLAT_RECORD)
		return NULL;
	if (indexer->pos < indexer->buf_at || indexer->pos + DF_FLAT_RECORD > indexer->buf_at + indexer->buf_len) {
		indexer->buf_at = indexer->pos;
		indexer->buf_len = source->length - indexer->pos < LOOK ? (size_t)(source->length - indexer->pos)
									: LOOK;
		if (df_source_read(source, indexer->buf_at, indexer->buffer, indexer->buf_len, err) < 0)
			return NULL;
	}
	return indexer->buffer + (indexer->pos - indexer->buf_at);
}

static int read_records(struct indexer *indexer, struct df_err *err)
{
	int result = 0;

	while (!result) {
		const uint8_t *head = header(indexer, err);
		uint64_t offset = 0, size = 0, have;
		enum df_flat_kind kind = DF_FLAT_BAD;

		if (!head && err->code)
			return err->code;
		if (df_cancelled(indexer->env))
			return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
		if (head)
			kind = df_flat_decode_record(head, &offset, &size);
		if (kind == DF_FLAT_END)
			return 0;
		have = indexer->flat->inner.length - indexer->pos - DF_FLAT_RECORD;
		indexer->flat->cut = kind == DF_FLAT_BAD || size > have;
		if (kind == DF_FLAT_BAD || !have)
			return 0;
		result = add_record(indexer, offset, size < have ? size : have, err);
		if (indexer->flat->cut)
			break;
	}
	return result;
}

/* Where records overlap the later one counts, as if they were written one after the other. */
static int make_map(struct indexer *indexer, struct df_err *err)
{
	int result = add_mark(indexer, err); /* the end */

	indexer->flat->nmarks -= !result;
	for (size_t i = 0; i < indexer->count / 2; i++) {
		struct df_extent extent = indexer->ranges[i];

		indexer->ranges[i] = indexer->ranges[indexer->count - 1 - i];
		indexer->ranges[indexer->count - 1 - i] = extent;
	}
	return result ? result
		      : df_extents_build(&indexer->flat->extents, indexer->env, indexer->ranges, indexer->count, false,
					 err);
}

static void free_flat(struct df_source_flat *flat, struct df_env *env)
{
	df_free(env, flat->marks);
	df_free(env, flat->extents.extent);
	df_free(env, flat);
}

/* Make the index of flat->inner; *length of the file in it. */
static int make_index(struct df_source_flat *flat, struct df_env *env, uint64_t *length, struct df_err *err)
{
	struct indexer *indexer = df_alloc(env, sizeof *indexer);
	int result;

	if (!indexer)
		return df_err_nomem(err, env, "the index of a flattened stream", sizeof *indexer);
	*indexer = (struct indexer){ .flat = flat, .env = env, .pos = DF_FLAT_HEADER };
	result = read_records(indexer, err);
	if (!result && !indexer->count)
		result = df_err_set(err, DUMPFILTER_E_CORRUPT, "%s: the flattened stream holds no data",
				    flat->inner.name);
	if (!result)
		result = make_map(indexer, err);
	if (!result && flat->cut)
		df_log(env, DUMPFILTER_LOG_WARN,
		       "%s: no record at byte %" PRIu64 " of the stream, which was cut there: what it lacks is lost",
		       flat->inner.name, indexer->pos);
	*length = indexer->end;
	df_free(env, indexer->ranges);
	df_free(env, indexer);
	return result;
}

/* Where byte at of the row is in the stream; *left = bytes of its record from there on. */
static uint64_t in_stream(const struct df_source_flat *flat, uint64_t at, uint64_t *left)
{
	size_t low = 0, high = flat->nmarks;
	uint64_t size, number;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (flat->marks[mid].row <= at)
			low = mid;
		else
			high = mid;
	}
	size = (flat->marks[low + 1].row - flat->marks[low].row) /
	       (flat->marks[low + 1].record - flat->marks[low].record);
	number = (at - flat->marks[low].row) / size;
	*left = flat->marks[low].row + (number + 1) * size - at;
	return DF_FLAT_HEADER + at + (flat->marks[low].record + number + 1) * DF_FLAT_RECORD;
}

static int64_t flat_read(const struct df_source *source, uint64_t offset, void *buffer, size_t length)
{
	const struct df_source_flat *flat = source->flat;
	size_t i = df_extents_find(&flat->extents, offset);
	const struct df_extent *extent = i < flat->extents.count ? &flat->extents.extent[i] : NULL;
	uint64_t left;

	if (!extent)
		return 0;
	if (extent->start > offset) { /* no record speaks of it: a hole */
		length = extent->start - offset < length ? (size_t)(extent->start - offset) : length;
		memset(buffer, 0, length);
		return (int64_t)length;
	}
	if (length > extent->end - offset)
		length = (size_t)(extent->end - offset);
	offset = in_stream(flat, extent->offset + (offset - extent->start), &left);
	return df_source_read_once(&flat->inner, offset, buffer, length < left ? length : (size_t)left);
}

static void flat_close(struct df_source *source)
{
	df_source_close(&source->flat->inner);
	free_flat(source->flat, source->env);
}

static const struct df_source_layer flat_layer = { .read = flat_read, .close = flat_close };

int df_source_flatten(struct df_source *source, struct df_err *err)
{
	struct df_source_flat *flat = df_alloc(source->env, sizeof *flat);
	uint64_t length = 0;
	int result;

	if (!flat)
		return df_err_nomem(err, source->env, "the index of a flattened stream", sizeof *flat);
	flat->inner = *source;
	result = make_index(flat, source->env, &length, err);
	if (result < 0) {
		free_flat(flat, source->env);
		return result;
	}
	source->flat = flat;
	source->layer = &flat_layer;
	source->own_fd = source->can_map = false;
	source->fd = -1;
	source->length = length;
	return 0;
}

bool df_source_cut(const struct df_source *source)
{
	return source->flat && source->flat->cut;
}
