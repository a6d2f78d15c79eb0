/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk that is found to be full only when the file is flushed, as network file systems do it: nothing may look whole
 * then.  This program's fsync() fails when it is told to. */
#include "unit/faults.h"
#include "unit/t.h"

#include <errno.h>
#include <libdumpfilter.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
	struct fi_image img;
	char folder[64], vmcore[96], dump[96], more[96], flat[96];
	int fail_at, calls; /* the fail_at-th call fails, and those behind it; 0: none */
} x;

int fsync(int fd)
{
	(void)fd;
	if (++x.calls < x.fail_at || !x.fail_at)
		return 0;
	errno = ENOSPC;
	return -1;
}

static void fail_from(int nth)
{
	x.calls = 0;
	x.fail_at = nth;
}

static void in_folder(char path[96], const char *name)
{
	snprintf(path, 96, "%s/%s", x.folder, name);
}

static unsigned byte_at(const char *path, long offset)
{
	FILE *f = fopen(path, "rb");
	int c;

	CHECK(f);
	CHECK_EQ(fseek(f, offset, SEEK_SET), 0);
	c = getc(f);
	fclose(f);
	CHECK(c != EOF);
	return (unsigned)c;
}

/* status of a kdump header, e_flags of an ELF one: both little-endian here */
static bool is_marked(const char *path, int format)
{
	return format == DUMPFILTER_FORMAT_ELF ? byte_at(path, 48) & 1 : byte_at(path, 424) & 8;
}

/* Result of a run; cause: of a partial one. */
static int dump(int format, unsigned pieces, int *cause)
{
	struct dumpfilter_config cfg = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sinks[2] = { NULL };
	int r;

	cfg.level = 31;
	cfg.format = format;
	cfg.threads = 1;
	CHECK_EQ(dumpfilter_open_path(df, x.vmcore, 0), 0);
	CHECK_EQ(dumpfilter_configure(df, &cfg), 0);
	sinks[0] = dumpfilter_sink_path(df, x.dump, DUMPFILTER_SINK_OVERWRITE);
	sinks[1] = pieces ? dumpfilter_sink_path(df, x.more, DUMPFILTER_SINK_OVERWRITE) : NULL;
	CHECK(sinks[0] && (sinks[1] || !pieces));
	r = pieces ? dumpfilter_run_split(df, sinks, 2, NULL) : dumpfilter_run(df, sinks[0]);
	CHECK_EQ(dumpfilter_report(df, &report), 0);
	*cause = report.cause;
	dumpfilter_sink_free(sinks[0]);
	dumpfilter_sink_free(sinks[1]);
	dumpfilter_free(df);
	return r;
}

static void one_file(int format)
{
	int cause;

	fail_from(0);
	CHECK_EQ(dump(format, 0, &cause), 0);
	CHECK(!is_marked(x.dump, format));
	CHECK(x.calls >= 2); /* before the mark goes, and behind it */
	fail_from(1);
	CHECK_EQ(dump(format, 0, &cause), DUMPFILTER_PARTIAL);
	CHECK_EQ(-cause, -DUMPFILTER_E_NOSPACE);
	CHECK(is_marked(x.dump, format));
}

static void kdump(void)
{
	one_file(DUMPFILTER_FORMAT_KDUMP);
}

static void elf(void)
{
	one_file(DUMPFILTER_FORMAT_ELF);
}

/* The second file's disk: both are marked, as their headers are equal. */
static void split(void)
{
	int cause;

	fail_from(2);
	CHECK_EQ(dump(DUMPFILTER_FORMAT_KDUMP, 2, &cause), DUMPFILTER_PARTIAL);
	CHECK_EQ(-cause, -DUMPFILTER_E_NOSPACE);
	CHECK(is_marked(x.dump, DUMPFILTER_FORMAT_KDUMP));
	CHECK(is_marked(x.more, DUMPFILTER_FORMAT_KDUMP));
}

static int flat_write(void *user, uint64_t offset, const void *buf, size_t len)
{
	(void)offset;
	return fwrite(buf, 1, len, user) == len ? 0 : -EIO;
}

static void make_flat(void)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = flat_write, .name = "stream" };
	struct dumpfilter *df = dumpfilter_new(NULL);
	FILE *f = fopen(x.flat, "wb");
	struct dumpfilter_sink *inner, *flat;

	CHECK(f);
	CHECK_EQ(dumpfilter_open_path(df, x.vmcore, 0), 0);
	inner = dumpfilter_sink_custom(df, &ops, f);
	flat = dumpfilter_sink_flat(df, inner);
	CHECK_EQ(dumpfilter_run(df, flat), 0);
	dumpfilter_sink_free(flat);
	dumpfilter_sink_free(inner);
	dumpfilter_free(df);
	CHECK_EQ(fclose(f), 0);
}

static int rearrange(void)
{
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sink = dumpfilter_sink_path(df, x.dump, DUMPFILTER_SINK_OVERWRITE);
	FILE *f = fopen(x.flat, "rb");
	int r;

	CHECK(sink && f);
	r = dumpfilter_rearrange(df, fileno(f), "stream", sink);
	fclose(f);
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
	return r;
}

static void rearranged(void)
{
	make_flat();
	fail_from(0);
	CHECK_EQ(rearrange(), 0);
	CHECK(!is_marked(x.dump, DUMPFILTER_FORMAT_KDUMP));
	fail_from(1);
	CHECK_EQ(-rearrange(), -DUMPFILTER_E_NOSPACE);
	CHECK(is_marked(x.dump, DUMPFILTER_FORMAT_KDUMP));
}

static bool write_vmcore(void)
{
	FILE *f = fopen(x.vmcore, "wb");
	bool ok = f && fwrite(x.img.built.data, 1, x.img.built.size, f) == x.img.built.size;

	return (!f || !fclose(f)) && ok;
}

int main(void)
{
	const char *tmp = getenv("TMPDIR"), *bad = fi_image_build(&x.img, fi_tiny, NULL);

	snprintf(x.folder, sizeof x.folder, "%.40s/df-flush-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (bad || !mkdtemp(x.folder)) {
		printf("not ok - image: %s\n", bad ? bad : strerror(errno));
		return EXIT_FAILURE;
	}
	in_folder(x.vmcore, "vmcore");
	in_folder(x.dump, "dump");
	in_folder(x.more, "more");
	in_folder(x.flat, "flat");
	if (write_vmcore()) {
		RUN(kdump);
		RUN(elf);
		RUN(split);
		RUN(rearranged);
	}
	unlink(x.vmcore);
	unlink(x.dump);
	unlink(x.more);
	unlink(x.flat);
	rmdir(x.folder);
	fi_image_free(&x.img);
	return T_END();
}
