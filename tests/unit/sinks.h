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
	struct dumpfilter_sink *sink = df_sink_path(&env, in_dir(name), flags, &err);

	CHECK(sink);
	return sink;
}

static inline void done(struct dumpfilter_sink *sink)
{
	df_sink_free(sink);
	CHECK_EQ(env.mem_used, 0);
}

/* A callback sink: counts, remembers the first bytes and fails where it is told to. */
struct target {
	uint8_t first[464];
	unsigned writes, fail_at; /* number of the write that fails, from 1 on; 0 = none */
	int fail;                 /* what each call returns; 0 = all is well */
	int finished, result;
};

static inline int target_write(void *user, uint64_t offset, const void *buffer, size_t length)
{
	struct target *target = user;

	if (++target->writes == target->fail_at)
		return -ENOSPC;
	if (target->fail)
		return target->fail;
	if (offset < sizeof target->first)
		memcpy(target->first + offset, buffer,
		       sizeof target->first - offset < length ? sizeof target->first - (size_t)offset : length);
	return 0;
}

static inline int target_finish(void *user, int result)
{
	struct target *target = user;

	target->finished++;
	target->result = result;
	return target->fail;
}

static inline struct dumpfilter_sink *target_sink(struct target *target, unsigned caps)
{
	struct dumpfilter_sink_ops ops = {
		.size = sizeof ops, .caps = caps, .write = target_write, .finish = target_finish
	};
	struct dumpfilter_sink *sink = df_sink_custom(&env, &ops, target, &err);

	CHECK(sink);
	return sink;
}

#endif
