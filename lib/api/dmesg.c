/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/context.h"

#define FLAGS (DUMPFILTER_DMESG_PARTIAL | DUMPFILTER_DMESG_LEVELS)

int dumpfilter_dmesg(struct dumpfilter *df, const struct dumpfilter_dmesg_opts *opts, struct dumpfilter_sink *sink)
{
	struct dumpfilter_dmesg_opts options = DUMPFILTER_DMESG_OPTS_INIT;
	int result = df_api_check(df, ST_OPEN, ST_RUN, "dmesg");

	if (!result)
		result = df_api_given(df, sink, "dmesg");
	if (result)
		return result;
	if (opts && df_api_options(df, &options, opts, "dmesg", "DUMPFILTER_DMESG_OPTS_INIT"))
		return df->err.code;
	if (options.flags & ~FLAGS)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "dmesg: flags %#x do not exist",
				  options.flags & ~FLAGS);
	if (sink->used)
		return df_err_set(&df->err, DUMPFILTER_E_SEQUENCE, "dmesg: %s has taken an output already", sink->name);
	sink->used = true;
	result = df_dump_dmesg(&df->dump, options.flags, sink, &df->err);
	sink->used = sink->touched || result >= 0;
	return result;
}
