/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/context.h"

#include "input/input.h"

#include <string.h>

/* The input is open (or failed with result): learn what it is. */
static int describe(struct dumpfilter *df, int result)
{
	struct df_dump *dump = &df->dump;

	if (!result)
		result = df_dump_describe(dump, &df->err);
	if (result < 0) {
		df_dump_fini(dump);
		memset(&dump->image, 0, sizeof dump->image);
		return result;
	}
	df_err_clear(&df->err);
	df->state = ST_OPEN;
	return 0;
}

/* The source is open (or failed with result): recognise it. */
static int open_image(struct dumpfilter *df, int result)
{
	df->dump.image.env = &df->env;
	if (!result)
		result = df_input_open(&df->dump.image, &df->err);
	return describe(df, result);
}

int dumpfilter_open_path(struct dumpfilter *df, const char *path, unsigned flags)
{
	int result = df_api_check(df, ST_NEW, ST_NEW, "open");

	if (!result)
		result = df_api_given(df, path, "open");
	return result ? result
		      : open_image(df, df_source_open_path(&df->dump.image.source, &df->env, path, flags, &df->err));
}

int dumpfilter_open_fd(struct dumpfilter *df, int fd, const char *name, unsigned flags)
{
	int result = df_api_check(df, ST_NEW, ST_NEW, "open");

	return result ? result
		      : open_image(df, df_source_open_fd(&df->dump.image.source, &df->env, fd, name, flags, &df->err));
}

static int open_source(struct dumpfilter *df, const struct dumpfilter_source_ops *ops, void *user,
		       struct df_source *source)
{
	struct dumpfilter_source_ops custom = DUMPFILTER_SOURCE_OPS_INIT;

	if (df_api_options(df, &custom, ops, "open", "DUMPFILTER_SOURCE_OPS_INIT"))
		return df->err.code;
	if (!custom.read)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "open: the source has no read function");
	return df_source_open_ops(source, &df->env, &custom, user, &df->err);
}

int dumpfilter_open(struct dumpfilter *df, const struct dumpfilter_source_ops *ops, void *user)
{
	int result = df_api_check(df, ST_NEW, ST_NEW, "open");

	return result ? result : open_image(df, open_source(df, ops, user, &df->dump.image.source));
}

/* A set of n sources: open_one opens number i. */
static int open_set(struct dumpfilter *df, unsigned count,
		    int (*open_one)(void *user, unsigned i, struct df_source *source), void *user)
{
	struct df_source *sources;
	unsigned opened = 0;
	int result = 0;

	if (!count || count > DUMPFILTER_PIECES_MAX)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "open: %u pieces; 1 to %u are possible", count,
				  DUMPFILTER_PIECES_MAX);
	sources = df_alloc_array(&df->env, count, sizeof *sources);
	if (!sources)
		return df_err_nomem(&df->err, &df->env, "pieces", count * sizeof *sources);
	while (!result && opened < count) {
		result = open_one(user, opened, &sources[opened]);
		opened += !result;
	}
	df->dump.image.env = &df->env;
	if (!result)
		result = df_input_open_set(&df->dump.image, sources, count, &df->err);
	else
		while (opened)
			df_source_close(&sources[--opened]);
	df_free(&df->env, sources);
	return describe(df, result);
}

struct path_set {
	struct dumpfilter *df;
	const char *const *paths;
	unsigned flags;
};

static int open_one_path(void *user, unsigned i, struct df_source *source)
{
	const struct path_set *path_set = user;

	if (!path_set->paths[i])
		return df_api_missing(path_set->df, "open_paths");
	return df_source_open_path(source, &path_set->df->env, path_set->paths[i], path_set->flags, &path_set->df->err);
}

int dumpfilter_open_paths(struct dumpfilter *df, const char *const *paths, unsigned count, unsigned flags)
{
	struct path_set path_set = { df, paths, flags };
	int result = df_api_check(df, ST_NEW, ST_NEW, "open");

	if (!result)
		result = df_api_given(df, paths, "open_paths");
	return result ? result : open_set(df, count, open_one_path, &path_set);
}

struct ops_set {
	struct dumpfilter *df;
	const struct dumpfilter_source_ops *const *ops;
	void *const *user;
};

static int open_one_ops(void *user, unsigned i, struct df_source *source)
{
	const struct ops_set *ops_set = user;

	return open_source(ops_set->df, ops_set->ops[i], ops_set->user[i], source);
}

int dumpfilter_open_pieces(struct dumpfilter *df, const struct dumpfilter_source_ops *const *ops, void *const *user,
			   unsigned count)
{
	struct ops_set ops_set = { df, ops, user };
	int result = df_api_check(df, ST_NEW, ST_NEW, "open");

	if (!result)
		result = df_api_given(df, ops, "open_pieces");
	if (!result)
		result = df_api_given(df, user, "open_pieces");
	return result ? result : open_set(df, count, open_one_ops, &ops_set);
}

int dumpfilter_image_info(struct dumpfilter *df, struct dumpfilter_image_info *info)
{
	const struct df_dump *dump = &df->dump;
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;
	uint64_t round = (UINT64_C(1) << dump->page_shift) - 1;
	int result = df_api_look(df, ST_OPEN, ST_RUN, "image_info");

	if (result)
		return result;
	i.format = dump->image.format;
	i.machine = df_arch_name(dump->image.machine, dump->image.bits, dump->image.big_endian);
	if (!i.machine)
		i.machine = "unknown";
	i.osrelease = dump->kernel.osrelease;
	i.build_id = dump->kernel.build_id;
	i.page_size = 1u << dump->page_shift;
	i.word_bits = dump->image.bits;
	i.big_endian = dump->image.big_endian;
	i.cpus = dump->image.cpus;
	i.max_pfn = (dump->image.end_paddr + round) >> dump->page_shift;
	i.present_pages = df_image_pages(&dump->image, DF_DESCRIBED, dump->page_shift, UINT64_MAX);
	i.has_vmcoreinfo = dump->kernel.has_text;
	i.truncated = dump->image.truncated || df_source_cut(&dump->image.source);
	i.level = (uint32_t)dump->image.past.level;
	i.can_filter = dump->can_classify;
	return df_api_answer(df, info, &i, "image_info", "DUMPFILTER_IMAGE_INFO_INIT");
}

int dumpfilter_fact_foreach(struct dumpfilter *df, dumpfilter_fact_fn fn, void *user)
{
	char name[96];
	int result = df_api_look(df, ST_OPEN, ST_RUN, "fact_foreach");

	if (!result && !fn)
		return df_api_missing(df, "fact_foreach");
	for (unsigned fact = 0; !result && fact < DF_FACT_COUNT; fact++)
		if (df_has(&df->dump.kernel, (enum df_fact)fact))
			fn(user, df_fact_name((enum df_fact)fact, name, sizeof name), df->dump.kernel.value[fact],
			   df_origin_name((enum df_origin)df->dump.kernel.origin[fact]));
	return result;
}

int dumpfilter_explain(struct dumpfilter *df, dumpfilter_line_fn fn, void *user)
{
	struct df_dump *dump = &df->dump;
	int result = df_api_look(df, ST_OPEN, ST_RUN, "explain");

	if (!result && !fn)
		return df_api_missing(df, "explain");
	if (result)
		return result;
	if (dump->can_classify)
		df_rules_explain(&dump->rules, fn, user);
	else
		fn(user, dump->why_not.text);
	return 0;
}
