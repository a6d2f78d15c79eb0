/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/context.h"

#include "input/input.h"

#include <string.h>

/* The input is open (or failed with r): learn what it is. */
static int describe(struct dumpfilter *df, int r)
{
	struct df_dump *d = &df->dump;

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

/* The source is open (or failed with r): recognise it. */
static int open_image(struct dumpfilter *df, int r)
{
	df->dump.image.env = &df->env;
	if (!r)
		r = df_input_open(&df->dump.image, &df->err);
	return describe(df, r);
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

static int open_source(struct dumpfilter *df, const struct dumpfilter_source_ops *ops, void *user, struct df_source *s)
{
	struct dumpfilter_source_ops o = DUMPFILTER_SOURCE_OPS_INIT;

	if (df_api_options(df, &o, ops, "open", "DUMPFILTER_SOURCE_OPS_INIT"))
		return df->err.code;
	if (!o.read)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "open: the source has no read function");
	return df_source_open_ops(s, &df->env, &o, user, &df->err);
}

int dumpfilter_open(struct dumpfilter *df, const struct dumpfilter_source_ops *ops, void *user)
{
	int r = df_api_check(df, ST_NEW, ST_NEW, "open");

	return r ? r : open_image(df, open_source(df, ops, user, &df->dump.image.source));
}

/* A set of n sources: open_one opens number i. */
static int open_set(struct dumpfilter *df, unsigned n, int (*open_one)(void *user, unsigned i, struct df_source *s),
		    void *user)
{
	struct df_source *sources;
	unsigned opened = 0;
	int r = 0;

	if (!n || n > DUMPFILTER_PIECES_MAX)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "open: %u pieces; 1 to %u are possible", n,
				  DUMPFILTER_PIECES_MAX);
	sources = df_alloc_array(&df->env, n, sizeof *sources);
	if (!sources)
		return df_err_nomem(&df->err, &df->env, "pieces", n * sizeof *sources);
	while (!r && opened < n) {
		r = open_one(user, opened, &sources[opened]);
		opened += !r;
	}
	df->dump.image.env = &df->env;
	if (!r)
		r = df_input_open_set(&df->dump.image, sources, n, &df->err);
	else
		while (opened)
			df_source_close(&sources[--opened]);
	df_free(&df->env, sources);
	return describe(df, r);
}

struct path_set {
	struct dumpfilter *df;
	const char *const *paths;
	unsigned flags;
};

static int open_one_path(void *user, unsigned i, struct df_source *s)
{
	const struct path_set *x = user;

	if (!x->paths[i])
		return df_api_missing(x->df, "open_paths");
	return df_source_open_path(s, &x->df->env, x->paths[i], x->flags, &x->df->err);
}

int dumpfilter_open_paths(struct dumpfilter *df, const char *const *paths, unsigned n, unsigned flags)
{
	struct path_set x = { df, paths, flags };
	int r = df_api_check(df, ST_NEW, ST_NEW, "open");

	if (!r)
		r = df_api_given(df, paths, "open_paths");
	return r ? r : open_set(df, n, open_one_path, &x);
}

struct ops_set {
	struct dumpfilter *df;
	const struct dumpfilter_source_ops *const *ops;
	void *const *user;
};

static int open_one_ops(void *user, unsigned i, struct df_source *s)
{
	const struct ops_set *x = user;

	return open_source(x->df, x->ops[i], x->user[i], s);
}

int dumpfilter_open_pieces(struct dumpfilter *df, const struct dumpfilter_source_ops *const *ops, void *const *user,
			   unsigned n)
{
	struct ops_set x = { df, ops, user };
	int r = df_api_check(df, ST_NEW, ST_NEW, "open");

	if (!r)
		r = df_api_given(df, ops, "open_pieces");
	if (!r)
		r = df_api_given(df, user, "open_pieces");
	return r ? r : open_set(df, n, open_one_ops, &x);
}

int dumpfilter_image_info(struct dumpfilter *df, struct dumpfilter_image_info *info)
{
	const struct df_dump *d = &df->dump;
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;
	uint64_t round = (UINT64_C(1) << d->page_shift) - 1;
	int r = df_api_look(df, ST_OPEN, ST_RUN, "image_info");

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
	i.can_filter = d->can_classify;
	return df_api_answer(df, info, &i, "image_info", "DUMPFILTER_IMAGE_INFO_INIT");
}

int dumpfilter_fact_foreach(struct dumpfilter *df, dumpfilter_fact_fn fn, void *user)
{
	char name[96];
	int r = df_api_look(df, ST_OPEN, ST_RUN, "fact_foreach");

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
	int r = df_api_look(df, ST_OPEN, ST_RUN, "explain");

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
