/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/dump.h"

#include "writer/writer.h"

#include <inttypes.h>

#include "format/elf.h"

static void fill_report(struct dumpfilter_report *rep, const struct df_written *w, struct dumpfilter_sink *sink)
{
	rep->zero_pages = w->zero_pages;
	rep->written_pages = w->pages;
	rep->lost_pages += w->lost_pages;
	rep->unreadable_pages = w->unreadable_pages;
	rep->elf_written_pages = w->elf_pages;
	rep->bytes_out = atomic_load(&sink->bytes);
	rep->output_size = atomic_load(&sink->end);
}

static bool was_incomplete(const struct df_image *img)
{
	return img->past.incomplete || img->elf_flags & DF_ELF_FLAG_INCOMPLETE;
}

/* Nobody called the sink.  A first write that failed may have left something. */
static bool left_alone(const struct dumpfilter_sink *sink, int r)
{
	return !sink->touched &&
	       (r == DUMPFILTER_E_NOMEM || r == DUMPFILTER_E_CANCELLED || atomic_load(&sink->refused));
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
	if (left_alone(o->sink, r)) {
		fill_report(report, &done, o->sink); /* the sink is as it was; after some errors it may be used again */
		return r;
	}
	f = df_sink_finish(o->sink, r, &late);
	if (f < 0 && r == 0) {
		*err = late;
		r = DUMPFILTER_PARTIAL;
	}
	fill_report(report, &done, o->sink);
	return r;
}

struct df_output df_dump_output(struct df_dump *d, const struct dumpfilter_config *cfg, struct dumpfilter_sink *sink)
{
	return (struct df_output){
		.env = d->env,
		.image = &d->image,
		.sink = sink,
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
		.phys_base = d->k.has_text ? d->xlat.phys_base : d->image.past.phys_base,
		.without_vmemmap = d->plan.vmemmap.count || d->image.past.no_vmemmap,
		.incomplete = d->image.truncated || was_incomplete(&d->image),
	};
}

int df_dump_run(struct df_dump *d, const struct dumpfilter_config *cfg, struct dumpfilter_sink *sink,
		struct dumpfilter_report *report, struct df_err *err)
{
	const struct df_writer *writer = df_writer_find(cfg->format);
	struct df_output o = df_dump_output(d, cfg, sink);
	double start = df_now();
	int r;

	if (df_cancelled(d->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled before anything was written");
	if (was_incomplete(&d->image))
		df_log(d->env, DUMPFILTER_LOG_WARN, "%s is marked incomplete, and so is the output",
		       d->image.source.name);
	if (d->image.truncated)
		report->lost_pages = d->plan.truncated_pages;
	r = write_out(d, writer, &o, report, err);
	report->copy_seconds = df_now() - start;
	return r;
}
