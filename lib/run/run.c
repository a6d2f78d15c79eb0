/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/dump.h"

#include "writer/writer.h"

#include <inttypes.h>

#include "format/elf.h"

struct dumpfilter_sink *df_target_sink(const struct df_target *target, unsigned i)
{
	if (target->npieces)
		return i < target->npieces ? target->pieces[i].sink : NULL;
	return i ? NULL : target->sink;
}

bool df_dump_touched(const struct df_dump *dump)
{
	struct dumpfilter_sink *sink;

	for (unsigned i = 0; (sink = df_target_sink(&dump->target, i)); i++)
		if (sink->touched)
			return true;
	return false;
}

static void fill_report(struct dumpfilter_report *report, const struct df_written *written,
			const struct df_target *target)
{
	struct dumpfilter_sink *sink;

	report->zero_pages = written->zero_pages;
	report->written_pages = written->pages;
	report->lost_pages += written->lost_pages;
	report->unreadable_pages = written->unreadable_pages;
	report->lost_before_pages = written->lost_before;
	report->elf_written_pages = written->elf_pages;
	report->bytes_out = report->output_size = 0;
	for (unsigned i = 0; (sink = df_target_sink(target, i)); i++) {
		report->bytes_out += atomic_load(&sink->bytes);
		report->output_size += atomic_load(&sink->end);
	}
}

/* All sinks, each with what its own output came to.  The first failure. */
static int finish_sinks(const struct df_target *target, int result, struct df_err *err)
{
	struct dumpfilter_sink *sink;
	struct df_err why;
	int finished = 0;

	for (unsigned i = 0; (sink = df_target_sink(target, i)); i++) {
		int own = target->npieces && result >= 0 && target->pieces[i].result < 0 ? target->pieces[i].result
											 : result;

		if (df_sink_finish(sink, own, &why) >= 0)
			continue;
		if (target->npieces && target->pieces[i].result == 0)
			target->pieces[i].result = DUMPFILTER_PARTIAL;
		if (!finished)
			*err = why;
		finished = why.code;
	}
	return finished;
}

static bool was_incomplete(const struct df_image *image)
{
	return image->past.incomplete || image->elf_flags & DF_ELF_FLAG_INCOMPLETE;
}

/* Nobody called a sink.  A first write that failed may have left something. */
static bool left_alone(const struct df_dump *dump, int result)
{
	struct dumpfilter_sink *sink;
	bool refused = false;

	for (unsigned i = 0; (sink = df_target_sink(&dump->target, i)); i++)
		refused |= atomic_load(&sink->refused);
	return !df_dump_touched(dump) && (result == DUMPFILTER_E_NOMEM || result == DUMPFILTER_E_CANCELLED || refused);
}

static int write_out(struct df_dump *dump, const struct df_writer *writer, const struct df_output *output,
		     struct dumpfilter_report *report, struct df_err *err)
{
	struct df_written done = { 0 };
	struct df_err late;
	int result = writer->write(output, &done, err), finished;

	if (result == 0 && dump->image.truncated) {
		df_err_set(err, DUMPFILTER_E_TRUNCATED,
			   "%s is truncated: %" PRIu64 " pages of memory are missing in it", dump->image.source.name,
			   dump->plan.truncated_pages);
		result = DUMPFILTER_PARTIAL;
	}
	if (left_alone(dump, result)) {
		fill_report(report, &done, &dump->target); /* the sinks are as they were; after some errors they may be
							    * used again */
		return result;
	}
	finished = finish_sinks(&dump->target, result, &late);
	if (finished < 0 && result == 0) {
		*err = late;
		result = DUMPFILTER_PARTIAL;
	}
	fill_report(report, &done, &dump->target);
	return result;
}

/* As VMCOREINFO has it: headers of others are wrong at times.  What is only copied keeps its own where there is nothing
 * to judge it by. */
static uint64_t phys_base(const struct df_dump *dump, const struct dumpfilter_config *config)
{
	bool own = config->flags & DUMPFILTER_COPY_ALL && dump->image.past.has_phys_base;

	if (dump->can_translate)
		return dump->xlat.phys_base;
	return own ? dump->image.past.phys_base : df_fact(&dump->kernel, DF_NUM_phys_base, dump->image.past.phys_base);
}

/* libkdumpfile (0.5.1, 0.5.4) tries the header of 32 bits first, which has the page size where one of 64 bits has
 * these: a power of two makes it open the dump wrongly (findings/libkdumpfile-microseconds.sh). */
static uint64_t harmless_usec(uint64_t usec)
{
	bool power_of_two = usec > 1 && !(usec & (usec - 1));

	return power_of_two ? usec + 1 : usec;
}

struct df_output df_dump_output(struct df_dump *dump, const struct dumpfilter_config *config)
{
	return (struct df_output){
		.env = dump->env,
		.image = &dump->image,
		.sink = dump->target.sink,
		.pieces = dump->target.pieces,
		.npieces = dump->target.npieces,
		.granule = dump->target.granule,
		.keep = &dump->plan.keep,
		.forbidden = &dump->plan.forbidden,
		.zero_dropped = &dump->plan.zero_dropped,
		.max_pfn = dump->plan.max_pfn,
		.page_shift = dump->page_shift,
		.threads = config->threads,
		.level = config->level | dump->image.past.level,
		.codec = df_codec_find(config->codec),
		.codec_level = config->compression_level,
		.uts = dump->uts,
		.crash_time = df_fact(&dump->kernel, DF_CRASHTIME, dump->image.past.crash_time),
		.crash_usec = df_has(&dump->kernel, DF_CRASHTIME) ? 0 : harmless_usec(dump->image.past.crash_usec),
		.phys_base = phys_base(dump, config),
		.without_vmemmap = dump->plan.vmemmap.count || dump->image.past.no_vmemmap,
		.incomplete = dump->image.truncated || was_incomplete(&dump->image),
	};
}

/* What the input has and the output will not. */
static void say_leftovers(const struct df_dump *dump, const struct dumpfilter_config *config)
{
	uint32_t flags = dump->image.elf_flags & ~DF_ELF_FLAG_INCOMPLETE;
	const struct df_leftovers *leftovers = &dump->image.leftovers;

	if (leftovers->more)
		df_log(dump->env, DUMPFILTER_LOG_WARN, "%s: the output does not carry %s and %u more",
		       dump->image.source.name, leftovers->text, leftovers->more);
	else if (leftovers->text[0])
		df_log(dump->env, DUMPFILTER_LOG_WARN, "%s: the output does not carry %s", dump->image.source.name,
		       leftovers->text);
	if (flags && config->format != DUMPFILTER_FORMAT_ELF)
		df_log(dump->env, DUMPFILTER_LOG_WARN, "%s: the output does not carry e_flags %#" PRIx32,
		       dump->image.source.name, flags);
}

int df_dump_run(struct df_dump *dump, const struct dumpfilter_config *config, struct dumpfilter_report *report,
		struct df_err *err)
{
	const struct df_writer *writer = df_writer_find(config->format);
	struct df_output output = df_dump_output(dump, config);
	double start = df_now();
	int result;

	if (df_cancelled(dump->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled before anything was written");
	if (was_incomplete(&dump->image))
		df_log(dump->env, DUMPFILTER_LOG_WARN, "%s is marked incomplete, and so is the output",
		       dump->image.source.name);
	say_leftovers(dump, config);
	if (dump->image.truncated)
		report->lost_pages = dump->plan.truncated_pages;
	result = write_out(dump, writer, &output, report, err);
	report->copy_seconds = df_now() - start;
	return result;
}
