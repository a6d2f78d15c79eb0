/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a call that was refused leaves behind: nothing but its error, which calls that only tell something leave alone.
 */
#include "files.h"
#include "states.h"

static struct dumpfilter_sink_ops in_order(void)
{
	struct dumpfilter_sink_ops ops = DUMPFILTER_SINK_OPS_INIT;

	ops.write = nowhere_write;
	return ops;
}

/* A stream takes no kdump file, but a flattened one: the same sink and the same context go on. */
static void a_stream_is_refused_and_then_flattened(void)
{
	static const enum state states[] = { OPEN, PLANNED };

	for (unsigned i = 0; i < 2; i++) {
		struct dumpfilter *df = in_state(states[i]);
		struct dumpfilter_sink_ops ops = in_order();
		struct dumpfilter_sink *stream = dumpfilter_sink_custom(df, &ops, NULL), *flat;

		for (unsigned times = 0; times < 2; times++) {
			CHECK_EQ(dumpfilter_run(df, stream), DUMPFILTER_E_UNSUPPORTED);
			CHECK_EQ(dumpfilter_errcode(df), DUMPFILTER_E_UNSUPPORTED);
			CHECK(strstr(dumpfilter_errmsg(df), "flattened"));
		}
		flat = dumpfilter_sink_flat(df, stream);
		CHECK(flat);
		CHECK_EQ(dumpfilter_run(df, flat), 0);
		CHECK_EQ(dumpfilter_run(df, flat), DUMPFILTER_E_SEQUENCE);
		dumpfilter_sink_free(flat);
		dumpfilter_sink_free(stream);
		dumpfilter_free(df);
	}
}

/* A flattened sink that was not written to gives back the one below it. */
static void a_flat_sink_that_was_not_used(void)
{
	struct dumpfilter *df = in_state(PLANNED);
	struct dumpfilter_sink *null = dumpfilter_sink_null(df), *flat = dumpfilter_sink_flat(df, null);

	CHECK(flat);
	CHECK_EQ(dumpfilter_run(df, null), DUMPFILTER_E_SEQUENCE); /* as long as it is there */
	dumpfilter_sink_free(flat);
	CHECK_EQ(dumpfilter_run(df, null), 0);
	dumpfilter_sink_free(null);
	dumpfilter_free(df);
}

/* What is no flattened stream is refused before a byte is written. */
static void rearranging_something_else(void)
{
	struct dumpfilter *df = in_state(PLANNED);
	struct dumpfilter_sink *null = dumpfilter_sink_null(df);

	rewind(file);
	CHECK_EQ(dumpfilter_rearrange(df, fileno(file), "image", null), DUMPFILTER_E_FORMAT);
	CHECK_EQ(dumpfilter_run(df, null), 0);
	dumpfilter_sink_free(null);
	dumpfilter_free(df);
}

static int sinks_code(struct dumpfilter *df, const char *path)
{
	struct dumpfilter_sink *sink = dumpfilter_sink_path(df, path, 0);

	CHECK(!sink);
	dumpfilter_sink_free(sink);
	return dumpfilter_errcode(df);
}

/* Constructors return no code: the context has it. */
static void codes_of_constructors(void)
{
	struct dumpfilter *df = in_state(NEW);
	struct dumpfilter_sink *sink;

	CHECK_EQ(dumpfilter_errcode(df), 0);
	sink = dumpfilter_sink_path(df, in_dir("there"), 0);
	CHECK(sink);
	CHECK_EQ(sinks_code(df, in_dir("there")), DUMPFILTER_E_EXISTS);
	CHECK_EQ(sinks_code(df, in_dir("none/of/these")), DUMPFILTER_E_IO);
	CHECK_EQ(sinks_code(df, in_dir(".")), DUMPFILTER_E_INVAL);
	CHECK_EQ(sinks_code(df, NULL), DUMPFILTER_E_INVAL);
	CHECK(!dumpfilter_sink_flat(df, NULL));
	CHECK_EQ(dumpfilter_errcode(df), DUMPFILTER_E_INVAL);
	CHECK(!dumpfilter_sink_fd(df, -1, NULL));
	CHECK_EQ(dumpfilter_errcode(df), DUMPFILTER_E_INVAL);
	CHECK_EQ(dumpfilter_plan(df), DUMPFILTER_E_SEQUENCE);
	CHECK_EQ(dumpfilter_errcode(df), DUMPFILTER_E_SEQUENCE);
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
}

static int full_write(void *user, uint64_t offset, const void *buffer, size_t length)
{
	(void)user;
	(void)buffer;
	(void)length;
	return offset > 65536 ? -ENOSPC : 0;
}

static void nothing_line(void *user, const char *line)
{
	(void)user;
	(void)line;
}

static void nothing_fact(void *user, const char *name, uint64_t value, const char *origin)
{
	(void)user;
	(void)name;
	(void)value;
	(void)origin;
}

static int nothing_range(void *user, uint64_t first, uint64_t count)
{
	(void)user;
	(void)first;
	(void)count;
	return 0;
}

/* First the report, then why. */
static void telling_keeps_the_error(void)
{
	struct dumpfilter *df = in_state(OPEN);
	struct dumpfilter_sink_ops ops = DUMPFILTER_SINK_OPS_INIT;
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
	struct dumpfilter_image_info info = DUMPFILTER_IMAGE_INFO_INIT;
	struct dumpfilter_sink *sink;
	uint64_t pages;
	char text[512];

	ops.caps = DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE;
	ops.write = full_write;
	sink = dumpfilter_sink_custom(df, &ops, NULL);
	CHECK_EQ(dumpfilter_run(df, sink), DUMPFILTER_PARTIAL);
	snprintf(text, sizeof text, "%s", dumpfilter_errmsg(df));
	CHECK(text[0]);
	CHECK_EQ(dumpfilter_report(df, &report), 0);
	CHECK_EQ(report.cause, DUMPFILTER_E_NOSPACE);
	CHECK_EQ(dumpfilter_image_info(df, &info), 0);
	CHECK_EQ(dumpfilter_plan_count(df, DUMPFILTER_CLASS_FREE, &pages), 0);
	CHECK_EQ(dumpfilter_plan_kept(df, 31, &pages), 0);
	CHECK_EQ(dumpfilter_plan_foreach(df, nothing_range, NULL), 0);
	CHECK_EQ(dumpfilter_fact_foreach(df, nothing_fact, NULL), 0);
	CHECK_EQ(dumpfilter_explain(df, nothing_line, NULL), 0);
	CHECK_STR(dumpfilter_errmsg(df), text);
	CHECK_EQ(dumpfilter_errcode(df), DUMPFILTER_E_NOSPACE);
	CHECK_EQ(dumpfilter_plan_kept(df, 32, &pages), DUMPFILTER_E_INVAL); /* its own error shows */
	CHECK_EQ(dumpfilter_errcode(df), DUMPFILTER_E_INVAL);
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
}

int main(void)
{
	if (!states_begin())
		return EXIT_FAILURE;
	files_begin();
	RUN(a_stream_is_refused_and_then_flattened);
	RUN(a_flat_sink_that_was_not_used);
	RUN(rearranging_something_else);
	RUN(codes_of_constructors);
	RUN(telling_keeps_the_error);
	files_end();
	states_end();
	return T_END();
}
