/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a size limit must have room for. */
#include "writer/writer.h"

#include <inttypes.h>

static int too_small(const struct dumpfilter_sink *sink, struct df_err *err)
{
	return df_err_set(err, DUMPFILTER_E_NOSPACE,
			  "%s: a size limit of %" PRIu64
			  " bytes has no room for headers and index, not to speak of pages: raise it",
			  sink->name, sink->limit);
}

int df_writer_fits(const struct df_output *output, uint64_t head,
		   int (*begin)(void *user, struct dumpfilter_sink *sink, struct df_err *err), void *user,
		   struct df_err *err)
{
	struct dumpfilter_sink *twin;
	int result;

	if (output->sink->limit == UINT64_MAX)
		return 0;
	if (!df_sink_is_flat(output->sink)) {
		atomic_store(&output->sink->refused, head > output->sink->limit);
		return head > output->sink->limit ? too_small(output->sink, err) : 0;
	}
	twin = df_sink_flat_twin(output->sink);
	if (!twin)
		return 0; /* then it shows on the way */
	result = begin(user, twin, err);
	if (result == DUMPFILTER_E_NOSPACE) {
		atomic_store(&output->sink->refused, true);
		result = too_small(output->sink, err);
	}
	df_sink_flat_twin_free(twin);
	return result;
}
