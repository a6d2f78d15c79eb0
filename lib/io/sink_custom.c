/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/args.h"
#include "io/sink_impl.h"

#include <errno.h>
#include <inttypes.h>

#define ERRNO_MAX 4095 /* of Linux */
#define CAPS      (DUMPFILTER_IO_CONCURRENT | DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE)

/* The caller's functions, copied; user is the caller's and never looked at. */
struct custom_sink {
	struct dumpfilter_sink sink;
	struct dumpfilter_sink_ops ops;
	void *user;
	bool finished;
};

/* The errno value in what a callback returned. */
static int errno_of(int result)
{
	return result < 0 && result >= -ERRNO_MAX ? -result : EPROTO;
}

static int custom_write(struct dumpfilter_sink *sink, uint64_t offset, const void *buffer, size_t length,
			struct df_err *err)
{
	struct custom_sink *custom = (struct custom_sink *)sink;
	int result = custom->ops.write(custom->user, offset, buffer, length);

	if (!result)
		return 0;
	return df_err_sys(err, df_err_of_errno(errno_of(result)), errno_of(result),
			  "%s: writing %zu bytes at offset %" PRIu64, sink->name, length, offset);
}

static int custom_finish(struct dumpfilter_sink *sink, int result, struct df_err *err)
{
	struct custom_sink *custom = (struct custom_sink *)sink;
	int finished, first = 0;

	if (custom->finished)
		return 0;
	custom->finished = true;
	/* who counts what arrives must see an end that lies in a gap */
	if (result >= 0 && atomic_load(&sink->written) < atomic_load(&sink->end))
		first = custom_write(sink, atomic_load(&sink->end) - 1, "", 1, err);
	finished = custom->ops.finish ? custom->ops.finish(custom->user, first ? first : result) : 0;
	if (first)
		return first;
	return finished ? df_err_sys(err, df_err_of_errno(errno_of(finished)), errno_of(finished), "%s: finishing",
				     sink->name)
			: 0;
}

static void custom_free(struct dumpfilter_sink *sink)
{
	df_free(sink->env, sink);
}

static const struct df_sink_ops custom_ops = { .write = custom_write, .finish = custom_finish, .free = custom_free };

struct dumpfilter_sink *df_sink_custom(struct df_env *env, const struct dumpfilter_sink_ops *ops, void *user,
				       struct df_err *err)
{
	struct dumpfilter_sink_ops known;
	struct custom_sink *custom;

	if (df_args_copy(&known, sizeof known, ops, "sink_custom", "DUMPFILTER_SINK_OPS_INIT", err))
		return NULL;
	if (!known.write || known.caps & ~CAPS) {
		df_err_set(err, DUMPFILTER_E_INVAL, "struct dumpfilter_sink_ops: %s",
			   known.write ? "unknown caps" : "the sink has no write function");
		return NULL;
	}
	custom = df_sink_new(env, sizeof *custom, &custom_ops, known.caps, known.name ? known.name : "output", err);
	if (!custom)
		return NULL;
	custom->ops = known;
	custom->ops.name = NULL; /* the caller's may go away; the sink has a copy */
	custom->user = user;
	return &custom->sink;
}
