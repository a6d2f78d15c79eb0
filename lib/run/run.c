/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/dump.h"

#include "writer/writer.h"

#include <inttypes.h>

#include "format/elf.h"

struct dumpfilter_sink *df_target_sink(const struct df_target *to, unsigned i)
{
	if (to->npieces)
		return i < to->npieces ? to->pieces[i].sink : NULL;
	return i ? NULL : to->sink;
}

bool df_dump_touched(const struct df_dump *d)
{
	struct dumpfilter_sink *s;

	for (unsigned i = 0; (s = df_target_sink(&d->target, i)); i++)
		if (s->touched)
			return true;
	return false;
}

static void fill_report(struct dumpfilter_report *rep, const struct df_written *w, const struct df_target *to)
{
	struct dumpfilter_sink *s;

	rep->zero_pages = w->zero_pages;
	rep->written_pages = w->pages;
	rep->lost_pages += w->lost_pages;
	rep->unreadable_pages = w->unreadable_pages;
	rep->lost_before_pages = w->lost_before;
	rep->elf_written_pages = w->elf_pages;
	rep->bytes_out = rep->output_size = 0;
	for (unsigned i = 0; (s = df_target_sink(to, i)); i++) {
		rep->bytes_out += atomic_load(&s->bytes);
		rep->output_size += atomic_load(&s->end);
	}
}

/* All sinks, each with what its own output came to.  The first failure. */
static int finish_sinks(const struct df_target *to, int r, struct df_err *err)
{
	struct dumpfilter_sink *s;
	struct df_err why;
	int f = 0;

	for (unsigned i = 0; (s = df_target_sink(to, i)); i++) {
		int own = to->npieces && r >= 0 && to->pieces[i].result < 0 ? to->pieces[i].result : r;

		if (df_sink_finish(s, own, &why) >= 0)
			continue;
		if (to->npieces && to->pieces[i].result == 0)
			to->pieces[i].result = DUMPFILTER_PARTIAL;
		if (!f)
			*err = why;
		f = why.code;
	}
	return f;
}

static bool was_incomplete(const struct df_image *img)
{
	return img->past.incomplete || img->elf_flags & DF_ELF_FLAG_INCOMPLETE;
}

/* Nobody called a sink.  A first write that failed may have left something. */
static bool left_alone(const struct df_dump *d, int r)
{
	struct dumpfilter_sink *s;
	bool refused = false;

	for (unsigned i = 0; (s = df_target_sink(&d->target, i)); i++)
		refused |= atomic_load(&s->refused);
	return !df_dump_touched(d) && (r == DUMPFILTER_E_NOMEM || r == DUMPFILTER_E_CANCELLED || refused);
}

static int write_out(struct df_dump *d, const struct df_writer *writer, const struct df_output *o,
		     struct dumpfilter_report *report, struct df_err *err)
{
	struct df_written done = { 0 };
	struct df_err late;
	int r = writer->write(o, &done, err), f;

	if (r == 0 && d->image.truncated) {
		df_err_set(err, DUMPFILTER_E_TRUNCATED,
			   "%s is truncated: %" PRIu64 " pages of memory are missing in it", d->image.source.name,
			   d->plan.truncated_pages);
		r = DUMPFILTER_PARTIAL;
	}
	if (left_alone(d, r)) {
		fill_report(report, &done, &d->target); /* the sinks are as they were; after some errors they may be
							 * used again */
		return r;
	}
	f = finish_sinks(&d->target, r, &late);
	if (f < 0 && r == 0) {
		*err = late;
		r = DUMPFILTER_PARTIAL;
	}
	fill_report(report, &done, &d->target);
	return r;
}

/* As VMCOREINFO has it: headers of others are wrong at times.  What is only copied keeps its own where there is nothing
 * to judge it by. */
static uint64_t phys_base(const struct df_dump *d, const struct dumpfilter_config *cfg)
{
	bool own = cfg->flags & DUMPFILTER_COPY_ALL && d->image.past.has_phys_base;

	if (d->can_translate)
		return d->xlat.phys_base;
	return own ? d->image.past.phys_base : df_fact(&d->k, DF_NUM_phys_base, d->image.past.phys_base);
}

struct df_output df_dump_output(struct df_dump *d, const struct dumpfilter_config *cfg)
{
	return (struct df_output){
		.env = d->env,
		.image = &d->image,
		.sink = d->target.sink,
		.pieces = d->target.pieces,
		.npieces = d->target.npieces,
		.granule = d->target.granule,
		.keep = &d->plan.keep,
		.forbidden = &d->plan.forbidden,
		.zero_dropped = &d->plan.zero_dropped,
		.max_pfn = d->plan.max_pfn,
		.page_shift = d->page_shift,
		.threads = cfg->threads,
		.level = cfg->level | d->image.past.level,
		.codec = df_codec_find(cfg->codec),
		.codec_level = cfg->compression_level,
		.uts = d->uts,
		.crash_time = df_fact(&d->k, DF_CRASHTIME, d->image.past.crash_time),
		.crash_usec = df_has(&d->k, DF_CRASHTIME) ? 0 : d->image.past.crash_usec,
		.phys_base = phys_base(d, cfg),
		.without_vmemmap = d->plan.vmemmap.count || d->image.past.no_vmemmap,
		.incomplete = d->image.truncated || was_incomplete(&d->image),
	};
}

/* What the input has and the output will not. */
static void say_leftovers(const struct df_dump *d, const struct dumpfilter_config *cfg)
{
	uint32_t flags = d->image.elf_flags & ~DF_ELF_FLAG_INCOMPLETE;
	const struct df_leftovers *x = &d->image.leftovers;

	if (x->more)
		df_log(d->env, DUMPFILTER_LOG_WARN, "%s: the output does not carry %s and %u more",
		       d->image.source.name, x->text, x->more);
	else if (x->text[0])
		df_log(d->env, DUMPFILTER_LOG_WARN, "%s: the output does not carry %s", d->image.source.name, x->text);
	if (flags && cfg->format != DUMPFILTER_FORMAT_ELF)
		df_log(d->env, DUMPFILTER_LOG_WARN, "%s: the output does not carry e_flags %#" PRIx32,
		       d->image.source.name, flags);
}

int df_dump_run(struct df_dump *d, const struct dumpfilter_config *cfg, struct dumpfilter_report *report,
		struct df_err *err)
{
	const struct df_writer *writer = df_writer_find(cfg->format);
	struct df_output o = df_dump_output(d, cfg);
	double start = df_now();
	int r;

	if (df_cancelled(d->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled before anything was written");
	if (was_incomplete(&d->image))
		df_log(d->env, DUMPFILTER_LOG_WARN, "%s is marked incomplete, and so is the output",
		       d->image.source.name);
	say_leftovers(d, cfg);
	if (d->image.truncated)
		report->lost_pages = d->plan.truncated_pages;
	r = write_out(d, writer, &o, report, err);
	report->copy_seconds = df_now() - start;
	return r;
}
