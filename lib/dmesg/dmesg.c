/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dmesg/dmesg.h"

#include <inttypes.h>

static int write_layout(struct df_dmesg *dmesg)
{
	if (df_has(dmesg->kernel, DF_SYM_prb))
		return df_dmesg_ring(dmesg);
	if (df_has(dmesg->kernel, DF_SYM_log_first_idx))
		return df_dmesg_records(dmesg);
	if (df_has(dmesg->kernel, DF_SYM_log_end))
		return df_dmesg_text(dmesg);
	return df_err_set(
		dmesg->err, DUMPFILTER_E_NOINFO,
		"kernel log: VMCOREINFO has none of SYMBOL(prb), SYMBOL(log_first_idx) and SYMBOL(log_end): it "
		"cannot be found");
}

static int left_out(struct df_dmesg *dmesg)
{
	if (dmesg->damaged > 1)
		return df_err_set(dmesg->err, DUMPFILTER_PARTIAL, "%s (and %" PRIu64 " more)", dmesg->damage.text,
				  dmesg->damaged - 1);
	return df_err_set(dmesg->err, DUMPFILTER_PARTIAL, "%s", dmesg->damage.text);
}

int df_dmesg_write(struct df_dmesg *dmesg)
{
	int result;

	dmesg->out = df_alloc(dmesg->env, DF_DMESG_OUT);
	if (!dmesg->out)
		return df_err_nomem(dmesg->err, dmesg->env, "a buffer for the kernel log", DF_DMESG_OUT);
	result = write_layout(dmesg);
	if (!result && dmesg->line_open)
		df_dmesg_put(dmesg, "\n", 1);
	if (!result)
		result = df_dmesg_flush(dmesg);
	df_free(dmesg->env, dmesg->out);
	dmesg->out = NULL;
	return !result && dmesg->damaged ? left_out(dmesg) : result;
}
