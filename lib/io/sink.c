/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/args.h"
#include "io/sink_impl.h"

#include <inttypes.h>

static const uint8_t zero_block[16 << 10];

void *df_sink_new(struct df_env *env, size_t size, const struct df_sink_ops *sink_ops, unsigned caps, const char *name,
		  struct df_err *err)
{
	struct dumpfilter_sink *sink = df_alloc(env, size);

	if (!sink) {
		df_err_nomem(err, env, "a sink", size);
		return NULL;
	}
	sink->sink_ops = sink_ops;
	sink->env = env;
	sink->caps = caps;
	sink->limit = UINT64_MAX;
	df_args_name(sink->name, sizeof sink->name, name);
	return sink;
}

void df_sink_free(struct dumpfilter_sink *sink)
{
	if (sink && sink->sink_ops->free)
		sink->sink_ops->free(sink);
}

static void reach(atomic_uint_least64_t *mark, uint64_t end)
{
	uint_least64_t old = atomic_load(mark);

	while (old < end && !atomic_compare_exchange_weak(mark, &old, end))
		;
}

static int check(struct dumpfilter_sink *sink, uint64_t offset, uint64_t length, struct df_err *err)
{
	uint64_t end = atomic_load(&sink->end);

	if (offset > INT64_MAX || length > INT64_MAX - offset)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: offset %" PRIu64 " is beyond what files can hold",
				  sink->name, offset);
	if (sink->caps & DUMPFILTER_IO_RANDOM || offset == end || (offset < end && sink->caps & DUMPFILTER_IO_REWRITE))
		return 0;
	return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
			  "%s: a stream takes bytes only in order (it is at %" PRIu64 ", these belong at %" PRIu64
			  "): write the flattened format to it",
			  sink->name, end, offset);
}

void df_sink_set_limit(struct dumpfilter_sink *sink, uint64_t bytes)
{
	sink->limit = bytes;
}

int df_sink_refuse(struct dumpfilter_sink *sink, struct df_err *err)
{
	atomic_store(&sink->refused, true);
	return df_err_set(err, DUMPFILTER_E_NOSPACE, "%s: its size limit of %" PRIu64 " bytes is reached", sink->name,
			  sink->limit);
}

/* How many of length bytes at offset the limit lets through. */
static size_t within_limit(const struct dumpfilter_sink *sink, uint64_t offset, size_t length)
{
	if (sink->limit >= offset + length || sink->sink_ops->flat)
		return length;
	return sink->limit > offset ? (size_t)(sink->limit - offset) : 0;
}

int df_sink_write(struct dumpfilter_sink *sink, uint64_t offset, const void *buffer, size_t length, struct df_err *err)
{
	size_t count;
	int result;

	if (!length)
		return 0;
	result = check(sink, offset, length, err);
	if (result)
		return result;
	count = within_limit(sink, offset, length);
	result = count ? sink->sink_ops->write(sink, offset, buffer, count, err) : 0;
	if (result)
		return result;
	if (count) {
		atomic_fetch_add(&sink->bytes, count);
		reach(&sink->written, offset + count);
		reach(&sink->end, offset + count);
		__atomic_store_n(&sink->touched, true, __ATOMIC_RELAXED); /* writers may be several */
	}
	return count < length ? df_sink_refuse(sink, err) : 0;
}

/* Fewest zeros that may be left out. */
static uint64_t gap_min(const struct dumpfilter_sink *sink)
{
	return sink->caps & DUMPFILTER_IO_RANDOM ? sink->sink_ops->least_gap : UINT64_MAX;
}

int df_sink_zeros(struct dumpfilter_sink *sink, uint64_t offset, uint64_t length, struct df_err *err)
{
	int result = length ? check(sink, offset, length, err) : 0;

	if (result || !length)
		return result;
	if (length >= gap_min(sink)) {
		if (!sink->sink_ops->flat && offset + length > sink->limit)
			return df_sink_refuse(sink, err);
		reach(&sink->end, offset + length);
		return 0;
	}
	while (length && !result) {
		size_t count = length < sizeof zero_block ? (size_t)length : sizeof zero_block;

		result = df_sink_write(sink, offset, zero_block, count, err);
		offset += count;
		length -= count;
	}
	return result;
}

int df_sink_flush(struct dumpfilter_sink *sink, struct df_err *err)
{
	return sink->sink_ops->flush ? sink->sink_ops->flush(sink, err) : 0;
}

int df_sink_finish(struct dumpfilter_sink *sink, int result, struct df_err *err)
{
	return sink->sink_ops->finish ? sink->sink_ops->finish(sink, result, err) : 0;
}
