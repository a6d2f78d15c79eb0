/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sinks on files and on callbacks, for tests that see internal names. */
#ifndef TESTS_UNIT_SINKS_H
#define TESTS_UNIT_SINKS_H

#include "files.h"
#include "io/sink.h"

#include <errno.h>

static struct df_env env;
static struct df_err err;

static inline struct dumpfilter_sink *open_path(const char *name, unsigned flags)
{
	struct dumpfilter_sink *s = df_sink_path(&env, in_dir(name), flags, &err);

	CHECK(s);
	return s;
}

static inline void done(struct dumpfilter_sink *s)
{
	df_sink_free(s);
	CHECK_EQ(env.mem_used, 0);
}

/* A callback sink: counts, remembers the first bytes and fails where it is told to. */
struct target {
	uint8_t first[464];
	unsigned writes, fail_at; /* number of the write that fails, from 1 on; 0 = none */
	int fail;                 /* what each call returns; 0 = all is well */
	int finished, result;
};

static inline int target_write(void *user, uint64_t offset, const void *buf, size_t len)
{
	struct target *t = user;

	if (++t->writes == t->fail_at)
		return -ENOSPC;
	if (t->fail)
		return t->fail;
	if (offset < sizeof t->first)
		memcpy(t->first + offset, buf, sizeof t->first - offset < len ? sizeof t->first - (size_t)offset : len);
	return 0;
}

static inline int target_finish(void *user, int result)
{
	struct target *t = user;

	t->finished++;
	t->result = result;
	return t->fail;
}

static inline struct dumpfilter_sink *target_sink(struct target *t, unsigned caps)
{
	struct dumpfilter_sink_ops ops = {
		.size = sizeof ops, .caps = caps, .write = target_write, .finish = target_finish
	};
	struct dumpfilter_sink *s = df_sink_custom(&env, &ops, t, &err);

	CHECK(s);
	return s;
}

#endif
