/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole dumps from memory to memory, for tests that filter what was filtered before. */
#ifndef TESTS_UNIT_REFILTER_H
#define TESTS_UNIT_REFILTER_H

#include "memory.h"
#include "t.h"

struct rf_how {
	int level, format, codec;
	unsigned threads;
	bool flat, slow_source; /* slow: not concurrent, of unknown length */
};

/* What came of it: the result and its text, image and report where there are such. */
struct rf_seen {
	int opened, result;
	char text[600];
	struct dumpfilter_image_info image;
	struct dumpfilter_report report;
	unsigned warnings;
	char warning[600]; /* the last one */
};

static inline void rf_log(void *user, int level, const char *line)
{
	struct rf_seen *seen = user;

	(void)level;
	seen->warnings++;
	snprintf(seen->warning, sizeof seen->warning, "%s", line);
}

static inline void rf_run(struct dumpfilter *df, const struct rf_how *how, struct memory *memory, struct rf_seen *seen)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = memory_write };
	struct dumpfilter_sink *inner, *sink;

	ops.caps = how->flat ? 0 : DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE;
	inner = dumpfilter_sink_custom(df, &ops, memory);
	sink = how->flat && inner ? dumpfilter_sink_flat(df, inner) : inner;
	seen->result = sink ? dumpfilter_run(df, sink) : DUMPFILTER_E_NOMEM;
	snprintf(seen->text, sizeof seen->text, "%s", dumpfilter_errmsg(df));
	seen->report = (struct dumpfilter_report)DUMPFILTER_REPORT_INIT;
	if (seen->result >= 0)
		dumpfilter_report(df, &seen->report);
	if (sink != inner)
		dumpfilter_sink_free(sink);
	dumpfilter_sink_free(inner);
}

/* The dump of in, into *out (emptied before).  The result: of open where that fails, else of run. */
static inline int rf_dump(const struct memory *memory, const struct rf_how *how, struct memory *out,
			  struct rf_seen *seen)
{
	struct dumpfilter_source_ops source = memory_source(memory, "input");
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);

	if (how->slow_source) {
		source.caps = 0;
		source.length = UINT64_MAX;
	}
	memory_free(out);
	*seen = (struct rf_seen){ 0 };
	config.level = how->level;
	config.format = how->format;
	config.codec = how->codec;
	config.threads = how->threads ? how->threads : 1;
	dumpfilter_set_log(df, rf_log, seen, DUMPFILTER_LOG_WARN);
	seen->opened = seen->result = dumpfilter_open(df, &source, (void *)(uintptr_t)memory);
	if (!seen->opened)
		seen->opened = seen->result = dumpfilter_configure(df, &config);
	seen->image = (struct dumpfilter_image_info)DUMPFILTER_IMAGE_INFO_INIT;
	if (!seen->opened && !dumpfilter_image_info(df, &seen->image)) {
		seen->image.osrelease = seen->image.build_id = NULL; /* they end with the context */
		rf_run(df, how, out, seen);
	} else {
		snprintf(seen->text, sizeof seen->text, "%s", dumpfilter_errmsg(df));
	}
	dumpfilter_free(df);
	return seen->result;
}

#endif
