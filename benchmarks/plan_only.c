/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens an image and plans it, nothing else; through the public interface.  Prints the seconds of the planning pass,
 * the frames that are kept, and the peak of what the context allocated.
 *
 * usage: plan_only VMCORE LEVEL[e] THREADS [MEMORY-LIMIT [mmap|read]]    e: without struct pages of what is left out
 */
#include <libdumpfilter.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double clock_of(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int plan(struct dumpfilter *df, char **argv)
{
	unsigned flags = !argv[4] || !argv[5] ? 0 : argv[5][0] == 'm' ? DUMPFILTER_OPEN_MMAP : DUMPFILTER_OPEN_NO_MMAP;
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
	double cpu = 0;
	int result;

	config.level = atoi(argv[2]);
	config.flags = strchr(argv[2], 'e') ? DUMPFILTER_EXCLUDE_VMEMMAP : 0;
	config.threads = (unsigned)atoi(argv[3]);
	config.memory_limit = argv[4] ? (size_t)strtoull(argv[4], NULL, 0) : 0;
	result = dumpfilter_open_path(df, argv[1], flags);
	if (result >= 0)
		result = dumpfilter_configure(df, &config);
	if (result >= 0) {
		cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);
		result = dumpfilter_plan(df);
		cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	}
	if (result >= 0)
		result = dumpfilter_report(df, &report);
	if (result < 0) {
		fprintf(stderr, "plan_only: %s\n", dumpfilter_errmsg(df));
		return 1;
	}
	printf("seconds %.6f\ncpu %.6f\nkept %" PRIu64 "\npresent %" PRIu64 "\npeak %" PRIu64 "\nvmemmap %" PRIu64 "\n",
	       report.plan_seconds, cpu, report.kept_pages, report.present_pages, report.peak_memory,
	       report.vmemmap_pages);
	for (int i = 0; i < DUMPFILTER_CLASS_COUNT; i++)
		printf("class%d %" PRIu64 "\n", i, report.class_pages[i]);
	return 0;
}

int main(int argc, char **argv)
{
	struct dumpfilter *df;
	int result;

	if (argc < 4 || argc > 6) {
		fprintf(stderr, "usage: plan_only VMCORE LEVEL[e] THREADS [MEMORY-LIMIT [mmap|read]]\n");
		return 2;
	}
	df = dumpfilter_new(NULL);
	if (!df)
		return 1;
	result = plan(df, argv);
	dumpfilter_free(df);
	return result;
}
