/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/dump.h"

#include "dmesg/dmesg.h"

/* What must be there: facts and translation.  No memory map is needed. */
static int can_find(const struct df_dump *dump, struct df_err *err)
{
	if (!dump->kernel.has_text && !dump->image.xen_note)
		return df_err_set(err, DUMPFILTER_E_NOINFO, "%s has no VMCOREINFO: the kernel log cannot be found",
				  dump->image.source.name);
	if (!dump->can_translate) {
		*err = dump->why_not;
		return df_err_wrap(err, "kernel log");
	}
	return 0;
}

static int write_log(struct df_dump *dump, unsigned flags, struct df_reader *reader, struct dumpfilter_sink *sink,
		     struct df_err *err)
{
	struct df_walker walker;
	struct df_dmesg dmesg = {
		.env = dump->env,
		.kernel = &dump->kernel,
		.walker = &walker,
		.sink = sink,
		.err = err,
		.word = dump->image.bits / 8,
		.big_endian = dump->image.big_endian,
		.partial = flags & DUMPFILTER_DMESG_PARTIAL,
		.levels = flags & DUMPFILTER_DMESG_LEVELS,
	};
	int result = df_walker_init(&walker, &dump->xlat, reader, err);

	if (!result)
		result = df_dmesg_write(&dmesg);
	df_walker_fini(&walker);
	return result;
}

int df_dump_dmesg(struct df_dump *dump, unsigned flags, struct dumpfilter_sink *sink, struct df_err *err)
{
	struct df_reader reader;
	struct df_err late;
	int result = can_find(dump, err), finished;

	if (!result)
		result = df_reader_init(&reader, &dump->image, DF_WINDOW_COPY, err);
	if (result < 0)
		return result;
	result = write_log(dump, flags, &reader, sink, err);
	df_reader_fini(&reader);
	if (result == DUMPFILTER_PARTIAL && !sink->touched)
		result = err->code = DUMPFILTER_E_CORRUPT;
	if (result < 0 && !sink->touched)
		return result; /* the sink is as it was */
	if (result < 0)        /* what was written is text, and stays */
		result = err->code = DUMPFILTER_PARTIAL;
	sink->may_be_empty = !result;
	finished = df_sink_finish(sink, result, &late);
	if (finished < 0 && !result) {
		*err = late;
		result = err->code = DUMPFILTER_PARTIAL;
	}
	return result;
}
