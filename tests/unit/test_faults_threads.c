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
	struct fi_run run;
	const char *bad;
};

/* All differ: image, level, format, codec, number of threads. */
static void init(struct job *j)
{
	int count = j->number;

	fi_run_init(&j->run, &images[count % 2]);
	j->run.config.level = count < 2 ? 31 : count % 2;
	j->run.config.format = count == 3 ? DUMPFILTER_FORMAT_ELF : DUMPFILTER_FORMAT_KDUMP;
	j->run.config.codec = count == 3   ? DUMPFILTER_CODEC_NONE
			      : count == 1 ? DUMPFILTER_CODEC_LZO
					   : DUMPFILTER_CODEC_ZLIB;
	if (!dumpfilter_codec_available(j->run.config.codec))
		j->run.config.codec = DUMPFILTER_CODEC_NONE;
	j->run.config.threads = 1 + (unsigned)(count + j->round) % 3;
	j->run.flat = count == 2;
	if (j->run.flat)
		j->run.disk.caps = 0;
	/* callbacks that allow it come from several threads of this dump */
	j->run.disk.guard.concurrent = count == 0;
	if (count == 0)
		j->run.disk.caps |= DUMPFILTER_IO_CONCURRENT;
}

static void *run(void *arg)
{
	struct job *j = arg;

	j->bad = fi_run_go(&j->run);
	return NULL;
}

static void at_once(void)
{
	static struct job alone[DUMPS], jobs[DUMPS];
	pthread_t threads[DUMPS];

	for (int count = 0; count < DUMPS; count++) {
		alone[count].number = count;
		init(&alone[count]);
		run(&alone[count]);
		FINE(alone[count].bad);
		CHECK_EQ(alone[count].run.result, 0);
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (int count = 0; count < DUMPS; count++) {
			jobs[count] = (struct job){ .number = count, .round = round };
			init(&jobs[count]);
			CHECK(!pthread_create(&threads[count], NULL, run, &jobs[count]));
		}
		for (int count = 0; count < DUMPS; count++)
			pthread_join(threads[count], NULL);
		for (int count = 0; count < DUMPS; count++) {
			FINE(jobs[count].bad);
			CHECK_EQ(jobs[count].run.result, 0);
			CHECK_EQ(jobs[count].run.disk.end, alone[count].run.disk.end);
			CHECK(!memcmp(jobs[count].run.disk.data, alone[count].run.disk.data,
				      alone[count].run.disk.end));
			fi_run_free(&jobs[count].run);
		}
	}
	for (int count = 0; count < DUMPS; count++)
		fi_run_free(&alone[count].run);
}

/* The number of threads is not seen in the output. */
static void same_bytes(void)
{
	static const unsigned threads[] = { 2, 3, 8, 0 };

	for (int format = 0; format < 2; format++) {
		for (int level = 0; level < 32; level += 31) {
			struct fi_run run, many;

			fi_run_init(&run, &images[0]);
			run.config.format = format;
			run.config.level = level;
			run.config.codec = format ? DUMPFILTER_CODEC_NONE : DUMPFILTER_CODEC_ZLIB;
			many = run;
			FINE(fi_run_go(&run));
			CHECK_EQ(run.result, 0);
			for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
				struct fi_run first = many;

				first.config.threads = threads[i];
				first.disk.guard.concurrent = i % 2;
				if (i % 2)
					first.disk.caps |= DUMPFILTER_IO_CONCURRENT;
				FINE(fi_run_go(&first));
				CHECK_EQ(first.result, 0);
				CHECK_EQ(first.disk.end, run.disk.end);
				CHECK(!memcmp(first.disk.data, run.disk.data, first.disk.end));
				fi_run_free(&first);
			}
			fi_run_free(&run);
		}
	}
}

/* Cancelling one dump does not touch the others. */
static void on_progress(struct fi_run *run, struct dumpfilter *df, const struct dumpfilter_progress *progress)
{
	(void)run;
	if (progress->phase == DUMPFILTER_PHASE_COPY && progress->done > 100)
		dumpfilter_cancel(df);
}

static void cancel_one(void)
{
	static struct job jobs[DUMPS];
	pthread_t threads[DUMPS];

	for (int count = 0; count < DUMPS; count++) {
		jobs[count] = (struct job){ .number = count, .round = 2 };
		init(&jobs[count]);
		if (count == 2)
			jobs[count].run.progress = on_progress;
		CHECK(!pthread_create(&threads[count], NULL, run, &jobs[count]));
	}
	for (int count = 0; count < DUMPS; count++)
		pthread_join(threads[count], NULL);
	for (int count = 0; count < DUMPS; count++) {
		FINE(jobs[count].bad);
		CHECK_EQ(jobs[count].run.result, count == 2 ? DUMPFILTER_PARTIAL : 0);
		fi_run_free(&jobs[count].run);
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
