/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/context.h"

#include "input/input.h"

#include <string.h>

/* The source is open (or failed with r): recognise it and learn what it is. */
static int open_image(struct dumpfilter *df, int r)
{
	struct df_dump *d = &df->dump;

	d->image.env = &df->env;
	if (!r)
		r = df_input_open(&d->image, &df->err);
	if (!r)
		r = df_dump_describe(d, &df->err);
	if (r < 0) {
		df_dump_fini(d);
		memset(&d->image, 0, sizeof d->image);
		return r;
	}
	df_err_clear(&df->err);
	df->state = ST_OPEN;
	return 0;
}

int dumpfilter_open_path(struct dumpfilter *df, const char *path, unsigned flags)
{
	int r = df_api_check(df, ST_NEW, ST_NEW, "open");

	if (!r)
		r = df_api_given(df, path, "open");
	return r ? r : open_image(df, df_source_open_path(&df->dump.image.source, &df->env, path, flags, &df->err));
}

int dumpfilter_open_fd(struct dumpfilter *df, int fd, const char *name, unsigned flags)
{
	int r = df_api_check(df, ST_NEW, ST_NEW, "open");

	return r ? r : open_image(df, df_source_open_fd(&df->dump.image.source, &df->env, fd, name, flags, &df->err));
}

int dumpfilter_open(struct dumpfilter *df, const struct dumpfilter_source_ops *ops, void *user)
{
	struct dumpfilter_source_ops o = { .size = sizeof o };
	int r = df_api_check(df, ST_NEW, ST_NEW, "open");

	if (r)
		return r;
	if (!df_api_options(&o, sizeof o, ops) || !o.read)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL,
				  "source: wrong size of the struct, or no read function");
	return open_image(df, df_source_open_ops(&df->dump.image.source, &df->env, &o, user, &df->err));
}

void dumpfilter_close(struct dumpfilter *df)
{
	df_dump_fini(&df->dump);
	atomic_store(&df->env.cancelled, 0);
	if (!df->cfg.memory_limit) /* what was left is for planning to find out again */
		atomic_store(&df->env.mem_limit, 0);
	df->state = ST_NEW;
	df->report = (struct dumpfilter_report){ 0 };
}

int dumpfilter_image_info(struct dumpfilter *df, struct dumpfilter_image_info *info)
{
	const struct df_dump *d = &df->dump;
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;
	uint64_t round = (UINT64_C(1) << d->page_shift) - 1;
	int r = df_api_check(df, ST_OPEN, ST_RUN, "image_info");

	if (r)
		return r;
	i.format = d->image.format;
	i.machine = df_arch_name(d->image.machine, d->image.bits, d->image.be);
	if (!i.machine)
		i.machine = "unknown";
	i.osrelease = d->k.osrelease;
	i.build_id = d->k.build_id;
	i.page_size = 1u << d->page_shift;
	i.word_bits = d->image.bits;
	i.big_endian = d->image.be;
	i.cpus = d->image.cpus;
	i.max_pfn = (d->image.end_paddr + round) >> d->page_shift;
	i.present_pages = df_image_pages(&d->image, DF_DESCRIBED, d->page_shift, UINT64_MAX);
	i.has_vmcoreinfo = d->k.has_text;
	i.truncated = d->image.truncated || df_source_cut(&d->image.source);
	i.level = (uint32_t)d->image.past.level;
	return df_api_answer(df, info, &i, sizeof i, "image_info");
}

int dumpfilter_fact_foreach(struct dumpfilter *df, dumpfilter_fact_fn fn, void *user)
{
	char name[96];
	int r = df_api_check(df, ST_OPEN, ST_RUN, "fact_foreach");

	if (!r && !fn)
		return df_api_missing(df, "fact_foreach");
	for (unsigned f = 0; !r && f < DF_FACT_COUNT; f++)
		if (df_has(&df->dump.k, (enum df_fact)f))
			fn(user, df_fact_name((enum df_fact)f, name, sizeof name), df->dump.k.value[f],
			   df_origin_name((enum df_origin)df->dump.k.origin[f]));
	return r;
}

int dumpfilter_explain(struct dumpfilter *df, dumpfilter_line_fn fn, void *user)
{
	struct df_dump *d = &df->dump;
	int r = df_api_check(df, ST_OPEN, ST_RUN, "explain");

	if (!r && !fn)
		return df_api_missing(df, "explain");
	if (r)
		return r;
	if (d->can_classify)
		df_rules_explain(&d->rules, fn, user);
	else
		fn(user, d->why_not.text);
	return 0;
}
