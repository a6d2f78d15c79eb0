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
static int errno_of(int r)
{
	return r < 0 && r >= -ERRNO_MAX ? -r : EPROTO;
}

static int custom_write(struct dumpfilter_sink *s, uint64_t offset, const void *buf, size_t len, struct df_err *err)
{
	struct custom_sink *c = (struct custom_sink *)s;
	int r = c->ops.write(c->user, offset, buf, len);

	if (!r)
		return 0;
	return df_err_sys(err, df_err_of_errno(errno_of(r)), errno_of(r), "%s: writing %zu bytes at offset %" PRIu64,
			  s->name, len, offset);
}

static int custom_finish(struct dumpfilter_sink *s, int result, struct df_err *err)
{
	struct custom_sink *c = (struct custom_sink *)s;
	int r, first = 0;

	if (c->finished)
		return 0;
	c->finished = true;
	/* who counts what arrives must see an end that lies in a gap */
	if (result >= 0 && atomic_load(&s->written) < atomic_load(&s->end))
		first = custom_write(s, atomic_load(&s->end) - 1, "", 1, err);
	r = c->ops.finish ? c->ops.finish(c->user, first ? first : result) : 0;
	if (first)
		return first;
	return r ? df_err_sys(err, df_err_of_errno(errno_of(r)), errno_of(r), "%s: finishing", s->name) : 0;
}

static void custom_free(struct dumpfilter_sink *s)
{
	df_free(s->env, s);
}

static const struct df_sink_ops custom_ops = { .write = custom_write, .finish = custom_finish, .free = custom_free };

struct dumpfilter_sink *df_sink_custom(struct df_env *env, const struct dumpfilter_sink_ops *ops, void *user,
				       struct df_err *err)
{
	struct dumpfilter_sink_ops known;
	struct custom_sink *c;

	if (df_args_copy(&known, sizeof known, ops, "sink_custom", "DUMPFILTER_SINK_OPS_INIT", err))
		return NULL;
	if (!known.write || known.caps & ~CAPS) {
		df_err_set(err, DUMPFILTER_E_INVAL, "struct dumpfilter_sink_ops: %s",
			   known.write ? "unknown caps" : "the sink has no write function");
		return NULL;
	}
	c = df_sink_new(env, sizeof *c, &custom_ops, known.caps, known.name ? known.name : "output", err);
	if (!c)
		return NULL;
	c->ops = known;
	c->ops.name = NULL; /* the caller's may go away; the sink has a copy */
	c->user = user;
	return &c->sink;
}
