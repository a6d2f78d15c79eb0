/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dmesg/dmesg.h"

#include <inttypes.h>

static int write_layout(struct df_dmesg *d)
{
	if (df_has(d->k, DF_SYM_prb))
		return df_dmesg_ring(d);
	if (df_has(d->k, DF_SYM_log_first_idx))
		return df_dmesg_records(d);
	if (df_has(d->k, DF_SYM_log_end))
		return df_dmesg_text(d);
	return df_err_set(
		d->err, DUMPFILTER_E_NOINFO,
		"kernel log: VMCOREINFO has none of SYMBOL(prb), SYMBOL(log_first_idx) and SYMBOL(log_end): it "
		"cannot be found");
}

static int left_out(struct df_dmesg *d)
{
	if (d->damaged > 1)
		return df_err_set(d->err, DUMPFILTER_PARTIAL, "%s (and %" PRIu64 " more)", d->damage.text,
				  d->damaged - 1);
	return df_err_set(d->err, DUMPFILTER_PARTIAL, "%s", d->damage.text);
}

int df_dmesg_write(struct df_dmesg *d)
{
	int r;

	d->out = df_alloc(d->env, DF_DMESG_OUT);
	if (!d->out)
		return df_err_nomem(d->err, d->env, "a buffer for the kernel log", DF_DMESG_OUT);
	r = write_layout(d);
	if (!r && d->line_open)
		df_dmesg_put(d, "\n", 1);
	if (!r)
		r = df_dmesg_flush(d);
	df_free(d->env, d->out);
	d->out = NULL;
	return !r && d->damaged ? left_out(d) : r;
}
