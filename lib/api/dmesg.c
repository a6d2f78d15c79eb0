/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/context.h"

#define FLAGS (DUMPFILTER_DMESG_PARTIAL | DUMPFILTER_DMESG_LEVELS)

int dumpfilter_dmesg(struct dumpfilter *df, const struct dumpfilter_dmesg_opts *opts, struct dumpfilter_sink *sink)
{
	struct dumpfilter_dmesg_opts o = DUMPFILTER_DMESG_OPTS_INIT;
	int r = df_api_check(df, ST_OPEN, ST_RUN, "dmesg");

	if (!r)
		r = df_api_given(df, sink, "dmesg");
	if (r)
		return r;
	if (opts && df_api_options(df, &o, opts, "dmesg", "DUMPFILTER_DMESG_OPTS_INIT"))
		return df->err.code;
	if (o.flags & ~FLAGS)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "dmesg: flags %#x do not exist", o.flags & ~FLAGS);
	if (sink->used)
		return df_err_set(&df->err, DUMPFILTER_E_SEQUENCE, "dmesg: %s has taken an output already", sink->name);
	sink->used = true;
	r = df_dump_dmesg(&df->dump, o.flags, sink, &df->err);
	sink->used = sink->touched || r >= 0;
	return r;
}
