/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contexts share nothing: several dumps at once in one process, each the same byte by byte as alone.  Meant for
 * ThreadSanitizer too. */
#include "faults.h"
#include "t.h"

#define DUMPS  4
#define ROUNDS 6

static struct fi_image images[2];

struct job {
	int number, round;
	struct fi_run x;
	const char *bad;
};

/* All differ: image, level, format, codec, number of threads. */
static void init(struct job *j)
{
	int n = j->number;

	fi_run_init(&j->x, &images[n % 2]);
	j->x.cfg.level = n < 2 ? 31 : n % 2;
	j->x.cfg.format = n == 3 ? DUMPFILTER_FORMAT_ELF : DUMPFILTER_FORMAT_KDUMP;
	j->x.cfg.codec = n == 3 ? DUMPFILTER_CODEC_NONE : n == 1 ? DUMPFILTER_CODEC_LZO : DUMPFILTER_CODEC_ZLIB;
	if (!dumpfilter_codec_available(j->x.cfg.codec))
		j->x.cfg.codec = DUMPFILTER_CODEC_NONE;
	j->x.cfg.threads = 1 + (unsigned)(n + j->round) % 3;
	j->x.flat = n == 2;
	if (j->x.flat)
		j->x.disk.caps = 0;
	/* callbacks that allow it come from several threads of this dump */
	j->x.disk.guard.concurrent = n == 0;
	if (n == 0)
		j->x.disk.caps |= DUMPFILTER_IO_CONCURRENT;
}

static void *run(void *arg)
{
	struct job *j = arg;

	j->bad = fi_run_go(&j->x);
	return NULL;
}

static void at_once(void)
{
	static struct job alone[DUMPS], jobs[DUMPS];
	pthread_t t[DUMPS];

	for (int n = 0; n < DUMPS; n++) {
		alone[n].number = n;
		init(&alone[n]);
		run(&alone[n]);
		FINE(alone[n].bad);
		CHECK_EQ(alone[n].x.result, 0);
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (int n = 0; n < DUMPS; n++) {
			jobs[n] = (struct job){ .number = n, .round = round };
			init(&jobs[n]);
			CHECK(!pthread_create(&t[n], NULL, run, &jobs[n]));
		}
		for (int n = 0; n < DUMPS; n++)
			pthread_join(t[n], NULL);
		for (int n = 0; n < DUMPS; n++) {
			FINE(jobs[n].bad);
			CHECK_EQ(jobs[n].x.result, 0);
			CHECK_EQ(jobs[n].x.disk.end, alone[n].x.disk.end);
			CHECK(!memcmp(jobs[n].x.disk.data, alone[n].x.disk.data, alone[n].x.disk.end));
			fi_run_free(&jobs[n].x);
		}
	}
	for (int n = 0; n < DUMPS; n++)
		fi_run_free(&alone[n].x);
}

/* The number of threads is not seen in the output. */
static void same_bytes(void)
{
	static const unsigned threads[] = { 2, 3, 8, 0 };

	for (int format = 0; format < 2; format++) {
		for (int level = 0; level < 32; level += 31) {
			struct fi_run one, many;

			fi_run_init(&one, &images[0]);
			one.cfg.format = format;
			one.cfg.level = level;
			one.cfg.codec = format ? DUMPFILTER_CODEC_NONE : DUMPFILTER_CODEC_ZLIB;
			many = one;
			FINE(fi_run_go(&one));
			CHECK_EQ(one.result, 0);
			for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
				struct fi_run x = many;

				x.cfg.threads = threads[i];
				x.disk.guard.concurrent = i % 2;
				if (i % 2)
					x.disk.caps |= DUMPFILTER_IO_CONCURRENT;
				FINE(fi_run_go(&x));
				CHECK_EQ(x.result, 0);
				CHECK_EQ(x.disk.end, one.disk.end);
				CHECK(!memcmp(x.disk.data, one.disk.data, x.disk.end));
				fi_run_free(&x);
			}
			fi_run_free(&one);
		}
	}
}

/* Cancelling one dump does not touch the others. */
static void on_progress(struct fi_run *x, struct dumpfilter *df, const struct dumpfilter_progress *p)
{
	(void)x;
	if (p->phase == DUMPFILTER_PHASE_COPY && p->done > 100)
		dumpfilter_cancel(df);
}

static void cancel_one(void)
{
	static struct job jobs[DUMPS];
	pthread_t t[DUMPS];

	for (int n = 0; n < DUMPS; n++) {
		jobs[n] = (struct job){ .number = n, .round = 2 };
		init(&jobs[n]);
		if (n == 2)
			jobs[n].x.progress = on_progress;
		CHECK(!pthread_create(&t[n], NULL, run, &jobs[n]));
	}
	for (int n = 0; n < DUMPS; n++)
		pthread_join(t[n], NULL);
	for (int n = 0; n < DUMPS; n++) {
		FINE(jobs[n].bad);
		CHECK_EQ(jobs[n].x.result, n == 2 ? DUMPFILTER_PARTIAL : 0);
		fi_run_free(&jobs[n].x);
	}
}

int main(void)
{
	const char *bad = fi_image_build(&images[0], fi_recipe, NULL);

	if (!bad)
		bad = fi_image_build(&images[1], fi_tiny, "page 0x118-0x11f kind=anon\n");
	if (bad) {
		printf("not ok - image: %s\n", bad);
		return EXIT_FAILURE;
	}
	RUN(at_once);
	RUN(same_bytes);
	RUN(cancel_one);
	fi_image_free(&images[0]);
	fi_image_free(&images[1]);
	return T_END();
}
