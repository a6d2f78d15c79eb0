/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/args.h"
#include "io/sink_impl.h"

#include <inttypes.h>

static const uint8_t zero_block[16 << 10];

void *df_sink_new(struct df_env *env, size_t size, const struct df_sink_ops *ops, unsigned caps, const char *name,
		  struct df_err *err)
{
	struct dumpfilter_sink *s = df_alloc(env, size);

	if (!s) {
		df_err_nomem(err, env, "a sink", size);
		return NULL;
	}
	s->ops = ops;
	s->env = env;
	s->caps = caps;
	s->limit = UINT64_MAX;
	df_args_name(s->name, sizeof s->name, name);
	return s;
}

void df_sink_free(struct dumpfilter_sink *s)
{
	if (s && s->ops->free)
		s->ops->free(s);
}

static void reach(atomic_uint_least64_t *mark, uint64_t end)
{
	uint_least64_t old = atomic_load(mark);

	while (old < end && !atomic_compare_exchange_weak(mark, &old, end))
		;
}

static int check(struct dumpfilter_sink *s, uint64_t offset, uint64_t len, struct df_err *err)
{
	uint64_t end = atomic_load(&s->end);

	if (offset > INT64_MAX || len > INT64_MAX - offset)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: offset %" PRIu64 " is beyond what files can hold",
				  s->name, offset);
	if (s->caps & DUMPFILTER_IO_RANDOM || offset == end || (offset < end && s->caps & DUMPFILTER_IO_REWRITE))
		return 0;
	return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
			  "%s: a stream takes bytes only in order (it is at %" PRIu64 ", these belong at %" PRIu64
			  "): write the flattened format to it",
			  s->name, end, offset);
}

void df_sink_set_limit(struct dumpfilter_sink *s, uint64_t bytes)
{
	s->limit = bytes;
}

int df_sink_refuse(struct dumpfilter_sink *s, struct df_err *err)
{
	atomic_store(&s->refused, true);
	return df_err_set(err, DUMPFILTER_E_NOSPACE, "%s: its size limit of %" PRIu64 " bytes is reached", s->name,
			  s->limit);
}

/* How many of len bytes at offset the limit lets through. */
static size_t within_limit(const struct dumpfilter_sink *s, uint64_t offset, size_t len)
{
	if (s->limit >= offset + len || s->ops->flat)
		return len;
	return s->limit > offset ? (size_t)(s->limit - offset) : 0;
}

int df_sink_write(struct dumpfilter_sink *s, uint64_t offset, const void *buf, size_t len, struct df_err *err)
{
	size_t n;
	int r;

	if (!len)
		return 0;
	r = check(s, offset, len, err);
	if (r)
		return r;
	n = within_limit(s, offset, len);
	r = n ? s->ops->write(s, offset, buf, n, err) : 0;
	if (r)
		return r;
	if (n) {
		atomic_fetch_add(&s->bytes, n);
		reach(&s->written, offset + n);
		reach(&s->end, offset + n);
		__atomic_store_n(&s->touched, true, __ATOMIC_RELAXED); /* writers may be several */
	}
	return n < len ? df_sink_refuse(s, err) : 0;
}

/* Fewest zeros that may be left out. */
static uint64_t gap_min(const struct dumpfilter_sink *s)
{
	return s->caps & DUMPFILTER_IO_RANDOM ? s->ops->least_gap : UINT64_MAX;
}

int df_sink_zeros(struct dumpfilter_sink *s, uint64_t offset, uint64_t len, struct df_err *err)
{
	int r = len ? check(s, offset, len, err) : 0;

	if (r || !len)
		return r;
	if (len >= gap_min(s)) {
		if (!s->ops->flat && offset + len > s->limit)
			return df_sink_refuse(s, err);
		reach(&s->end, offset + len);
		return 0;
	}
	while (len && !r) {
		size_t n = len < sizeof zero_block ? (size_t)len : sizeof zero_block;

		r = df_sink_write(s, offset, zero_block, n, err);
		offset += n;
		len -= n;
	}
	return r;
}

int df_sink_flush(struct dumpfilter_sink *s, struct df_err *err)
{
	return s->ops->flush ? s->ops->flush(s, err) : 0;
}

int df_sink_finish(struct dumpfilter_sink *s, int result, struct df_err *err)
{
	return s->ops->finish ? s->ops->finish(s, result, err) : 0;
}
