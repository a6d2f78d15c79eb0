/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two different dumps of one vmcore at the same time: a small one to look at first and a full one.  Each thread has a
 * context of its own, and contexts share nothing.
 *
 *     cc -pthread two_dumps.c $(pkg-config --cflags --libs libdumpfilter) -o two_dumps
 *     ./two_dumps /proc/vmcore small full
 */
#include <libdumpfilter.h>
#include <pthread.h>
#include <stdio.h>

struct job {
	const char *vmcore, *output;
	int level, codec;
	int result;
	char message[256];
};

static int write_dump(struct dumpfilter *df, const struct job *job)
{
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter_sink *sink = dumpfilter_sink_path(df, job->output, 0);
	int ret = DUMPFILTER_E_IO;

	config.level = job->level;
	config.codec = job->codec;
	config.threads = 1;
	if (sink && (ret = dumpfilter_open_path(df, job->vmcore, 0)) >= 0 &&
	    (ret = dumpfilter_configure(df, &config)) >= 0)
		ret = dumpfilter_run(df, sink);
	dumpfilter_sink_free(sink);
	return ret;
}

static void *dump_thread(void *arg)
{
	struct job *job = arg;
	struct dumpfilter *df = dumpfilter_new(NULL);

	if (df) {
		job->result = write_dump(df, job);
		snprintf(job->message, sizeof job->message, "%s", dumpfilter_errmsg(df));
	}
	dumpfilter_free(df);
	return NULL;
}

int main(int argc, char **argv)
{
	struct job job[2] = {
		{ .level = DUMPFILTER_LEVEL_MAX, .codec = DUMPFILTER_CODEC_ZLIB, .result = DUMPFILTER_E_NOMEM },
		{ .level = 0, .codec = DUMPFILTER_CODEC_NONE, .result = DUMPFILTER_E_NOMEM },
	};
	pthread_t thread[2];
	int failed = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: %s VMCORE SMALL FULL\n", argv[0]);
		return 2;
	}
	for (int i = 0; i < 2; i++) {
		job[i].vmcore = argv[1];
		job[i].output = argv[2 + i];
		if (pthread_create(&thread[i], NULL, dump_thread, &job[i]) != 0) {
			fprintf(stderr, "cannot start a thread\n");
			return 1;
		}
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(thread[i], NULL);
		printf("%s: %s%s%s\n", job[i].output, dumpfilter_strerror(job[i].result), *job[i].message ? ": " : "",
		       job[i].message);
		failed |= job[i].result != DUMPFILTER_OK && job[i].result != DUMPFILTER_WARN;
	}
	return failed;
}
