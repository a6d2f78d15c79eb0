/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Groups of neighbouring pages, evenly spread over all that are kept: the same ones each time.  Each goes through the
 * same pipeline as in a real run, and its compressed bytes count for all.
 */
#include "writer/estimate.h"

#include "format/flat.h"
#include "format/kdump.h"
#include "writer/share.h"
#include "writer/writer.h"

#define RECORD_DATA (64u << 10) /* what the flattened sink puts together */

uint64_t df_sample_skip(uint64_t count, uint64_t most)
{
	uint64_t groups = most / DF_SAMPLE_GROUP ? most / DF_SAMPLE_GROUP : 1;

	if (count <= most)
		return 0;
	/* one period a group, rounded up; at least one page is passed over, as 0 would mean all */
	return (count + groups - 1) / groups > DF_SAMPLE_GROUP ? (count + groups - 1) / groups - DF_SAMPLE_GROUP : 1;
}

void df_sample_add(struct df_sample *sample, uint64_t value)
{
	sample->sum += value;
	sample->group += value;
	if (++sample->pages % DF_SAMPLE_GROUP)
		return;
	sample->squares += (double)sample->group * (double)sample->group;
	sample->groups++;
	sample->group = 0;
}

/* No more than needed: the mathematics library would be one more to link. */
static double square_root(double value)
{
	double root = value > 1 ? value : 1;

	for (unsigned i = 0; i < 200; i++)
		root = (root + value / root) / 2;
	return root;
}

uint64_t df_sample_total(const struct df_sample *sample, uint64_t count, uint64_t *off)
{
	double mean, variance, groups = (double)sample->groups;

	*off = 0;
	if (!sample->pages || sample->pages >= count)
		return sample->sum;
	mean = (double)sample->sum / (double)sample->pages;
	if (sample->groups > 1) {
		double of_groups = mean * DF_SAMPLE_GROUP;

		variance = (sample->squares - groups * of_groups * of_groups) / (groups - 1);
		variance *= 1 - (double)sample->pages / (double)count;
		if (variance > 0)
			*off = (uint64_t)(2 * square_root(variance / groups) * ((double)count / DF_SAMPLE_GROUP));
	}
	return (uint64_t)(mean * (double)count + 0.5);
}

struct tally {
	struct df_share *share;
	uint64_t at; /* a place for each page, so that shared ones are told by theirs */
	struct df_sample sample;
};

/* As the writer gives pages their places. */
static int take(void *user, struct df_batch *batch, struct df_err *err)
{
	const uint8_t *data = batch->data;
	struct tally *tally = user;

	(void)err;
	for (unsigned i = 0; i < batch->count; data += batch->size[i++]) {
		uint64_t at = ++tally->at;
		bool shared = batch->kind[i] == DF_PAGE_PACKED &&
			      df_share_place(tally->share, data, batch->size[i], at) != at;

		df_sample_add(&tally->sample, shared ? 0 : batch->size[i]);
	}
	return 0;
}

static int sample_pages(const struct df_pipe *pipe, struct df_err *err)
{
	struct df_pipe_run *run = df_pipe_start(pipe, err);
	int result = run ? df_pipe_copy(run, err) : err->code;

	df_pipe_stop(run);
	return result;
}

int df_estimate_pages(const struct df_output *output, struct df_estimate *estimate, struct df_err *err)
{
	struct tally tally = { .share = NULL };
	struct df_pipe pipe = {
		.env = output->env,
		.image = output->image,
		.keep = output->keep,
		.page_shift = output->page_shift,
		.threads = output->threads,
		.codec = output->codec,
		.codec_level = output->codec_level,
		.find_zero = output->level & DUMPFILTER_LEVEL_ZERO,
		.group = DF_SAMPLE_GROUP,
		.skip = df_sample_skip(output->keep->count, estimate->most),
		.user = &tally,
		.take = take,
	};
	uint64_t off;
	int result;

	estimate->sampled = estimate->total = output->keep->count;
	estimate->bytes = estimate->low = estimate->high = estimate->total << output->page_shift;
	if (!pipe.codec && !pipe.find_zero)
		return 0; /* nothing to find out */
	tally.share = df_share_new(output->env);
	if (!tally.share)
		return df_err_nomem(err, output->env, "equal pages", 0);
	result = sample_pages(&pipe, err);
	df_share_free(tally.share, output->env);
	estimate->sampled = tally.sample.pages;
	estimate->bytes = df_sample_total(&tally.sample, estimate->total, &off);
	estimate->low = estimate->bytes > off ? estimate->bytes - off : 0;
	estimate->high = estimate->bytes + off;
	return result;
}

uint64_t df_estimate_records(uint64_t data, uint64_t batches, uint64_t index)
{
	uint64_t merged = (data + RECORD_DATA - 1) / RECORD_DATA, records = merged < batches ? merged : batches;

	/* each piece of the index ends a record and is one */
	return (records + 2 * ((index + RECORD_DATA - 1) / RECORD_DATA)) * DF_FLAT_RECORD;
}
