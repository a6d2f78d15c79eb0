/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several faults at once, drawn by lot, the same in every run.  For a longer search: DF_ROUNDS=100000 DF_SEED=7
 * (DF_ROUND: the first). */
#include "faults.h"
#include "t.h"

#include <errno.h>

static struct fi_image images[2];
static struct fi_dump whole[2][32]; /* by image and level, kdump */
static uint64_t state;

static uint64_t lot(uint64_t n)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state >> 33) % n;
}

/* One time in n. */
static bool seldom(uint64_t n)
{
	return !lot(n);
}

static void on_progress(struct fi_run *x, struct dumpfilter *df, const struct dumpfilter_progress *p)
{
	unsigned long *left = x->user;

	(void)p;
	if (*left && !--*left)
		dumpfilter_cancel(df);
}

static void draw_sink(struct fi_run *x)
{
	struct fi_disk *d = &x->disk;

	x->flat = seldom(3);
	d->caps = x->flat ? 0 : DUMPFILTER_IO_RANDOM;
	if (!x->flat && lot(3))
		d->caps |= DUMPFILTER_IO_REWRITE;
	if (!x->flat && lot(2))
		d->caps |= DUMPFILTER_IO_CONCURRENT;
	d->guard.concurrent = d->caps & DUMPFILTER_IO_CONCURRENT;
	if (seldom(3))
		d->room = 1 + lot(300);
	if (seldom(3)) {
		d->fail_at = 1 + lot(30);
		d->fail_on = lot(2);
		d->error = lot(2) ? ENOSPC : EIO;
	}
	if (seldom(8))
		d->finish_error = EIO;
}

static void draw_source(struct fi_run *x)
{
	struct fi_source *s = &x->src;

	if (seldom(3)) {
		s->fail_from = lot(s->size);
		s->fail_to = s->fail_from + (UINT64_C(1) << lot(18));
	}
	if (seldom(4)) {
		s->fail_at = 1 + lot(200);
		s->fail_on = seldom(2);
	}
	if (seldom(4)) {
		s->size = lot(s->size);
		s->length = seldom(2) ? UINT64_MAX : s->size ? s->size : 1;
	}
	if (seldom(6))
		s->most = 1 + (size_t)lot(10000);
	s->guard.concurrent = !seldom(3);
}

static void draw(struct fi_run *x, unsigned long *cancel_at)
{
	fi_run_init(x, &images[lot(4) == 0]);
	x->cfg.level = (int)lot(32);
	x->cfg.format = (int)lot(2);
	x->cfg.codec = x->cfg.format == DUMPFILTER_FORMAT_ELF ? DUMPFILTER_CODEC_NONE : (int)lot(5);
	if (!dumpfilter_codec_available(x->cfg.codec))
		x->cfg.codec = DUMPFILTER_CODEC_NONE;
	x->cfg.threads = (unsigned)lot(5);
	if (seldom(3))
		x->cfg.memory_limit = 20000 + lot(3000000);
	if (seldom(3)) {
		x->heap.fail_at = 1 + lot(120);
		x->heap.fail_on = seldom(4);
	}
	draw_source(x);
	draw_sink(x);
	x->plan_first = lot(2);
	*cancel_at = seldom(4) ? 1 + lot(20) : 0;
	x->progress = on_progress;
	x->user = cancel_at;
}

/* What holds whatever failed. */
static const char *judge(const struct fi_run *x)
{
	const struct fi_dump *ref = &whole[x->img == &images[1]][x->cfg.level];
	const char *bad;
	struct fi_dump d;

	if (x->result < 0)
		return NULL;
	bad = fi_dump_read(&d, x);
	if (!bad)
		bad = fi_report_agrees(x, &d);
	if (!bad && x->result == DUMPFILTER_PARTIAL) {
		if (!d.incomplete && !x->disk.fail_at && !x->disk.room && !x->disk.finish_error)
			bad = "PARTIAL, and no mark";
	} else if (!bad) {
		if (d.incomplete)
			bad = "a whole dump is marked";
		else if (!d.elf && (d.nlisted != d.nkept || !fi_dump_covers(&d, ref)))
			bad = "a whole dump lacks pages";
	}
	fi_dump_free(&d);
	return bad;
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *s = getenv(name);

	return s && *s ? strtoul(s, NULL, 0) : otherwise;
}

static void draws(void)
{
	unsigned long rounds = number("DF_ROUNDS", 600), from = number("DF_ROUND", 0), seed = number("DF_SEED", 1);
	unsigned long results[3] = { 0 }, errors = 0;

	for (unsigned long i = from; i < rounds; i++) {
		unsigned long cancel_at;
		const char *bad;
		struct fi_run x;

		state = seed * UINT64_C(1000003) + i;
		lot(2);
		draw(&x, &cancel_at);
		bad = fi_run_go(&x);
		if (!bad)
			bad = judge(&x);
		if (bad)
			T_FAIL("DF_SEED=%lu, round %lu: %d, %s: %s", seed, i, x.result, x.message, bad);
		if (x.result < 0)
			errors++;
		else
			results[x.result]++;
		fi_run_free(&x);
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
		struct fi_run x;

		fi_run_init(&x, &images[i / 32]);
		x.cfg.level = i % 32;
		bad = fi_reference(&whole[i / 32][i % 32], &x);
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
