/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The smallest collector: filters VMCORE and hands the dump to a write function of its own, which could as well send it
 * over the network.  The function takes bytes strictly in order, so the dump leaves in the flattened form, which
 * "makedumpfile -R DUMP <STREAM" turns into a normal file.
 *
 *     cc collector.c $(pkg-config --cflags --libs libdumpfilter) -o collector
 *     ./collector /proc/vmcore stream
 */
#include <errno.h>
#include <fcntl.h>
#include <libdumpfilter.h>
#include <stdio.h>
#include <unistd.h>

/* The library's data arrives here.  Without DUMPFILTER_IO_RANDOM each offset continues the one before. */
static int write_all(void *user, uint64_t offset, const void *buffer, size_t length)
{
	const char *text = buffer;
	int fd = *(int *)user;

	(void)offset;
	while (length > 0) {
		ssize_t got = write(fd, text, length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		text += got;
		length -= (size_t)got;
	}
	return 0;
}

static void log_line(void *user, int level, const char *line)
{
	(void)user;
	fprintf(stderr, "%s%s\n", level <= DUMPFILTER_LOG_WARN ? "warning: " : "", line);
}

static int collect(struct dumpfilter *df, const char *vmcore, int fd)
{
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = write_all, .name = "the example's stream" };
	struct dumpfilter_sink *mine, *flat;
	int ret = DUMPFILTER_E_NOMEM;

	config.level = DUMPFILTER_LEVEL_MAX;
	config.codec = DUMPFILTER_CODEC_ZLIB;
	mine = dumpfilter_sink_custom(df, &ops, &fd);
	flat = mine ? dumpfilter_sink_flat(df, mine) : NULL;
	if (flat && (ret = dumpfilter_open_path(df, vmcore, 0)) >= 0 && (ret = dumpfilter_configure(df, &config)) >= 0)
		ret = dumpfilter_run(df, flat);
	if (ret != DUMPFILTER_OK)
		fprintf(stderr, "%s: %s\n", dumpfilter_strerror(ret), dumpfilter_errmsg(df));
	dumpfilter_sink_free(flat);
	dumpfilter_sink_free(mine);
	return ret;
}

int main(int argc, char **argv)
{
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
	struct dumpfilter *df;
	int fd, ret;

	if (argc != 3) {
		fprintf(stderr, "usage: %s VMCORE OUTPUT\n", argv[0]);
		return 2;
	}
	fd = open(argv[2], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		perror(argv[2]);
		return 1;
	}
	df = dumpfilter_new(NULL);
	if (!df) {
		fprintf(stderr, "out of memory\n");
		return 1;
	}
	dumpfilter_set_log(df, log_line, NULL, DUMPFILTER_LOG_WARN);
	ret = collect(df, argv[1], fd);
	if (ret >= 0 && dumpfilter_report(df, &report) >= 0)
		printf("%llu of %llu pages, %llu bytes\n", (unsigned long long)report.written_pages,
		       (unsigned long long)report.present_pages, (unsigned long long)report.bytes_out);
	dumpfilter_free(df);
	if (close(fd) < 0)
		ret = DUMPFILTER_E_IO;
	return ret >= 0 && ret != DUMPFILTER_PARTIAL ? 0 : 1;
}
