/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several faults at once, drawn by lot, the same in every run.  For a longer search: DF_ROUNDS=100000 DF_SEED=7
 * (DF_ROUND: the first). */
#include "faults.h"
#include "t.h"

#include <errno.h>

static struct fi_image images[2];
static struct fi_dump whole[2][32]; /* by image and level, kdump */
static uint64_t state;

static uint64_t lot(uint64_t count)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state >> 33) % count;
}

/* One time in n. */
static bool seldom(uint64_t count)
{
	return !lot(count);
}

static void on_progress(struct fi_run *run, struct dumpfilter *df, const struct dumpfilter_progress *progress)
{
	unsigned long *left = run->user;

	(void)progress;
	if (*left && !--*left)
		dumpfilter_cancel(df);
}

static void draw_sink(struct fi_run *run)
{
	struct fi_disk *disk = &run->disk;

	run->flat = seldom(3);
	disk->caps = run->flat ? 0 : DUMPFILTER_IO_RANDOM;
	if (!run->flat && lot(3))
		disk->caps |= DUMPFILTER_IO_REWRITE;
	if (!run->flat && lot(2))
		disk->caps |= DUMPFILTER_IO_CONCURRENT;
	disk->guard.concurrent = disk->caps & DUMPFILTER_IO_CONCURRENT;
	if (seldom(3))
		disk->room = 1 + lot(300);
	if (seldom(3)) {
		disk->fail_at = 1 + lot(30);
		disk->fail_on = lot(2);
		disk->error = lot(2) ? ENOSPC : EIO;
	}
	if (seldom(8))
		disk->finish_error = EIO;
}

static void draw_source(struct fi_run *run)
{
	struct fi_source *source = &run->source;

	if (seldom(3)) {
		source->fail_from = lot(source->size);
		source->fail_to = source->fail_from + (UINT64_C(1) << lot(18));
	}
	if (seldom(4)) {
		source->fail_at = 1 + lot(200);
		source->fail_on = seldom(2);
	}
	if (seldom(4)) {
		source->size = lot(source->size);
		source->length = seldom(2) ? UINT64_MAX : source->size ? source->size : 1;
	}
	if (seldom(6))
		source->most = 1 + (size_t)lot(10000);
	source->guard.concurrent = !seldom(3);
}

static void draw(struct fi_run *run, unsigned long *cancel_at)
{
	fi_run_init(run, &images[lot(4) == 0]);
	run->config.level = (int)lot(32);
	run->config.format = (int)lot(2);
	run->config.codec = run->config.format == DUMPFILTER_FORMAT_ELF ? DUMPFILTER_CODEC_NONE : (int)lot(5);
	if (!dumpfilter_codec_available(run->config.codec))
		run->config.codec = DUMPFILTER_CODEC_NONE;
	run->config.threads = (unsigned)lot(5);
	if (seldom(3))
		run->config.memory_limit = 20000 + lot(3000000);
	if (seldom(3)) {
		run->heap.fail_at = 1 + lot(120);
		run->heap.fail_on = seldom(4);
	}
	draw_source(run);
	draw_sink(run);
	run->plan_first = lot(2);
	*cancel_at = seldom(4) ? 1 + lot(20) : 0;
	run->progress = on_progress;
	run->user = cancel_at;
}

/* What holds whatever failed. */
static const char *judge(const struct fi_run *run)
{
	const struct fi_dump *dump = &whole[run->image == &images[1]][run->config.level];
	const char *bad;
	struct fi_dump second;

	if (run->result < 0)
		return NULL;
	bad = fi_dump_read(&second, run);
	if (!bad)
		bad = fi_report_agrees(run, &second);
	if (!bad && run->result == DUMPFILTER_PARTIAL) {
		if (!second.incomplete && !run->disk.fail_at && !run->disk.room && !run->disk.finish_error)
			bad = "PARTIAL, and no mark";
	} else if (!bad) {
		if (second.incomplete)
			bad = "a whole dump is marked";
		else if (!second.elf && (second.nlisted != second.nkept || !fi_dump_covers(&second, dump)))
			bad = "a whole dump lacks pages";
	}
	fi_dump_free(&second);
	return bad;
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 0) : otherwise;
}

static void draws(void)
{
	unsigned long rounds = number("DF_ROUNDS", 600), from = number("DF_ROUND", 0), seed = number("DF_SEED", 1);
	unsigned long results[3] = { 0 }, errors = 0;

	for (unsigned long i = from; i < rounds; i++) {
		unsigned long cancel_at;
		const char *bad;
		struct fi_run run;

		state = seed * UINT64_C(1000003) + i;
		lot(2);
		draw(&run, &cancel_at);
		bad = fi_run_go(&run);
		if (!bad)
			bad = judge(&run);
		if (bad)
			T_FAIL("DF_SEED=%lu, round %lu: %d, %s: %s", seed, i, run.result, run.message, bad);
		if (run.result < 0)
			errors++;
		else
			results[run.result]++;
		fi_run_free(&run);
	}
	printf("# %lu complete, %lu with more than asked, %lu partial, %lu errors\n", results[0], results[1],
	       results[2], errors);
	if (!from && rounds >= 600)
		CHECK(results[0] > 30 && results[2] > 30 && errors > 30);
}

int main(void)
{
	const char *bad = fi_image_build(&images[0], fi_tiny, NULL);

	if (!bad)
		bad = fi_image_build(&images[1], fi_recipe, NULL);
	for (int i = 0; !bad && i < 64; i++) {
		struct fi_run run;

		fi_run_init(&run, &images[i / 32]);
		run.config.level = i % 32;
		bad = fi_reference(&whole[i / 32][i % 32], &run);
	}
	if (bad) {
		printf("not ok - image: %s\n", bad);
		return EXIT_FAILURE;
	}
	RUN(draws);
	for (int i = 0; i < 64; i++)
		fi_dump_free(&whole[i / 32][i % 32]);
	fi_image_free(&images[0]);
	fi_image_free(&images[1]);
	return T_END();
}
