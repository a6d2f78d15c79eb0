/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/dump.h"

#include "dmesg/dmesg.h"

/* What must be there: facts and translation.  No memory map is needed. */
static int can_find(const struct df_dump *d, struct df_err *err)
{
	if (!d->k.has_text && !d->image.xen_note)
		return df_err_set(err, DUMPFILTER_E_NOINFO, "%s has no VMCOREINFO: the kernel log cannot be found",
				  d->image.source.name);
	if (!d->can_translate) {
		*err = d->why_not;
		return df_err_wrap(err, "kernel log");
	}
	return 0;
}

static int write_log(struct df_dump *d, unsigned flags, struct df_reader *reader, struct dumpfilter_sink *sink,
		     struct df_err *err)
{
	struct df_walker w;
	struct df_dmesg log = {
		.env = d->env,
		.k = &d->k,
		.walker = &w,
		.sink = sink,
		.err = err,
		.word = d->image.bits / 8,
		.be = d->image.be,
		.partial = flags & DUMPFILTER_DMESG_PARTIAL,
		.levels = flags & DUMPFILTER_DMESG_LEVELS,
	};
	int r = df_walker_init(&w, &d->xlat, reader, err);

	if (!r)
		r = df_dmesg_write(&log);
	df_walker_fini(&w);
	return r;
}

int df_dump_dmesg(struct df_dump *d, unsigned flags, struct dumpfilter_sink *sink, struct df_err *err)
{
	struct df_reader reader;
	struct df_err late;
	int r = can_find(d, err), f;

	if (!r)
		r = df_reader_init(&reader, &d->image, DF_WINDOW_COPY, err);
	if (r < 0)
		return r;
	r = write_log(d, flags, &reader, sink, err);
	df_reader_fini(&reader);
	if (r == DUMPFILTER_PARTIAL && !sink->touched)
		r = err->code = DUMPFILTER_E_CORRUPT;
	if (r < 0 && !sink->touched)
		return r; /* the sink is as it was */
	if (r < 0)        /* what was written is text, and stays */
		r = err->code = DUMPFILTER_PARTIAL;
	sink->may_be_empty = !r;
	f = df_sink_finish(sink, r, &late);
	if (f < 0 && !r) {
		*err = late;
		r = err->code = DUMPFILTER_PARTIAL;
	}
	return r;
}
