/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/context.h"

#include "codec/codec.h"

#include <stdlib.h>
#include <string.h>

#define STRING(x)        #x
#define VERSION(a, b, c) STRING(a) "." STRING(b) "." STRING(c)

const char *dumpfilter_version(void)
{
	return VERSION(DUMPFILTER_VERSION_MAJOR, DUMPFILTER_VERSION_MINOR, DUMPFILTER_VERSION_PATCH);
}

const char *dumpfilter_strerror(int result)
{
	switch (result) {
	case DUMPFILTER_OK:
		return "success";
	case DUMPFILTER_WARN:
		return "complete, with pages kept in doubt";
	case DUMPFILTER_PARTIAL:
		return "incomplete output";
	case DUMPFILTER_E_NOMEM:
		return "out of memory";
	case DUMPFILTER_E_INVAL:
		return "invalid argument";
	case DUMPFILTER_E_SEQUENCE:
		return "call out of order";
	case DUMPFILTER_E_IO:
		return "input/output error";
	case DUMPFILTER_E_NOSPACE:
		return "no space for the output";
	case DUMPFILTER_E_EXISTS:
		return "output exists";
	case DUMPFILTER_E_FORMAT:
		return "unknown input format";
	case DUMPFILTER_E_CORRUPT:
		return "damaged input";
	case DUMPFILTER_E_TRUNCATED:
		return "truncated input";
	case DUMPFILTER_E_UNSUPPORTED:
		return "not supported";
	case DUMPFILTER_E_NOINFO:
		return "kernel facts missing";
	case DUMPFILTER_E_CANCELLED:
		return "cancelled";
	case DUMPFILTER_E_NODATA:
		return "not in the image";
	case DUMPFILTER_E_OTHER_KERNEL:
		return "of another kernel";
	case DUMPFILTER_E_LOST:
		return "page lost earlier";
	default:
		return "unknown result";
	}
}

int df_api_given(struct dumpfilter *df, const void *arg, const char *what)
{
	return arg ? 0 : df_api_missing(df, what);
}

int df_api_missing(struct dumpfilter *df, const char *what)
{
	return df_err_set(&df->err, DUMPFILTER_E_INVAL, "%s: an argument is NULL", what);
}

int df_api_look(struct dumpfilter *df, enum state from, enum state to, const char *call)
{
	static const char *const names[] = { "nothing is open", "an image is open", "the plan is made",
					     "run was called" };

	if (df->state >= from && df->state <= to)
		return 0;
	return df_err_set(&df->err, DUMPFILTER_E_SEQUENCE, "%s is not possible now: %s", call, names[df->state]);
}

int df_api_check(struct dumpfilter *df, enum state from, enum state to, const char *call)
{
	df_err_clear(&df->err);
	return df_api_look(df, from, to, call);
}

void df_api_forget_pieces(struct dumpfilter *df)
{
	df_free(&df->env, df->pieces);
	df->pieces = NULL;
	df->npieces = 0;
}

struct dumpfilter *dumpfilter_new(const struct dumpfilter_new_opts *opts)
{
	struct dumpfilter_new_opts options = DUMPFILTER_NEW_OPTS_INIT;
	struct dumpfilter *df;
	struct df_err untold; /* there is no context yet that could tell */

	if (opts && (df_args_copy(&options, sizeof options, opts, "new", "DUMPFILTER_NEW_OPTS_INIT", &untold) ||
		     !options.alloc != !options.free))
		return NULL;
	df = options.alloc ? options.alloc(options.alloc_user, sizeof *df) : malloc(sizeof *df);
	if (!df)
		return NULL;
	memset(df, 0, sizeof *df);
	df->env.alloc = options.alloc;
	df->env.release = options.free;
	df->env.alloc_user = options.alloc_user;
	df->config = (struct dumpfilter_config)DUMPFILTER_CONFIG_INIT;
	df->dump.env = &df->env;
	return df;
}

void dumpfilter_close(struct dumpfilter *df)
{
	df_dump_fini(&df->dump);
	df_api_forget_pieces(df);
	atomic_store(&df->env.cancelled, 0);
	if (!df->config.memory_limit) /* what was left is for planning to find out again */
		atomic_store(&df->env.mem_limit, 0);
	df->state = ST_NEW;
	df->report = (struct dumpfilter_report){ 0 };
}

void dumpfilter_free(struct dumpfilter *df)
{
	void (*release)(void *user, void *ptr);

	if (!df)
		return;
	dumpfilter_close(df);
	release = df->env.release;
	if (release)
		release(df->env.alloc_user, df);
	else
		free(df);
}

const char *dumpfilter_errmsg(const struct dumpfilter *df)
{
	return df->err.text;
}

int dumpfilter_errcode(const struct dumpfilter *df)
{
	return df->err.code;
}

void dumpfilter_set_log(struct dumpfilter *df, dumpfilter_log_fn fn, void *user, int max_level)
{
	df->env.log_fn = fn;
	df->env.log_user = user;
	df->env.log_max = max_level;
}

void dumpfilter_set_progress(struct dumpfilter *df, dumpfilter_progress_fn fn, void *user)
{
	df->env.progress_fn = fn;
	df->env.progress_user = user;
}

void dumpfilter_cancel(struct dumpfilter *df)
{
	atomic_store(&df->env.cancelled, 1);
}

int dumpfilter_codec_available(int codec)
{
	return codec == DUMPFILTER_CODEC_NONE || df_codec_find(codec);
}

const char *dumpfilter_codec_name(int codec)
{
	return df_codec_name(codec);
}
