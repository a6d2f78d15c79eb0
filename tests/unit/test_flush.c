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
	struct fi_image image;
	char folder[64], vmcore[96], dump[96], more[96], flat[96];
	int fail_at, calls; /* the fail_at-th call fails, and those behind it; 0: none */
} fixture;

int fsync(int fd)
{
	(void)fd;
	if (++fixture.calls < fixture.fail_at || !fixture.fail_at)
		return 0;
	errno = ENOSPC;
	return -1;
}

static void fail_from(int nth)
{
	fixture.calls = 0;
	fixture.fail_at = nth;
}

static void in_folder(char path[96], const char *name)
{
	snprintf(path, 96, "%s/%s", fixture.folder, name);
}

static unsigned byte_at(const char *path, long offset)
{
	FILE *file = fopen(path, "rb");
	int letter;

	CHECK(file);
	CHECK_EQ(fseek(file, offset, SEEK_SET), 0);
	letter = getc(file);
	fclose(file);
	CHECK(letter != EOF);
	return (unsigned)letter;
}

/* status of a kdump header, e_flags of an ELF one: both little-endian here */
static bool is_marked(const char *path, int format)
{
	return format == DUMPFILTER_FORMAT_ELF ? byte_at(path, 48) & 1 : byte_at(path, 424) & 8;
}

/* Result of a run; cause: of a partial one. */
static int dump(int format, unsigned pieces, int *cause)
{
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sinks[2] = { NULL };
	int result;

	config.level = 31;
	config.format = format;
	config.threads = 1;
	CHECK_EQ(dumpfilter_open_path(df, fixture.vmcore, 0), 0);
	CHECK_EQ(dumpfilter_configure(df, &config), 0);
	sinks[0] = dumpfilter_sink_path(df, fixture.dump, DUMPFILTER_SINK_OVERWRITE);
	sinks[1] = pieces ? dumpfilter_sink_path(df, fixture.more, DUMPFILTER_SINK_OVERWRITE) : NULL;
	CHECK(sinks[0] && (sinks[1] || !pieces));
	result = pieces ? dumpfilter_run_split(df, sinks, 2, NULL) : dumpfilter_run(df, sinks[0]);
	CHECK_EQ(dumpfilter_report(df, &report), 0);
	*cause = report.cause;
	dumpfilter_sink_free(sinks[0]);
	dumpfilter_sink_free(sinks[1]);
	dumpfilter_free(df);
	return result;
}

static void one_file(int format)
{
	int cause;

	fail_from(0);
	CHECK_EQ(dump(format, 0, &cause), 0);
	CHECK(!is_marked(fixture.dump, format));
	CHECK(fixture.calls >= 2); /* before the mark goes, and behind it */
	fail_from(1);
	CHECK_EQ(dump(format, 0, &cause), DUMPFILTER_PARTIAL);
	CHECK_EQ(-cause, -DUMPFILTER_E_NOSPACE);
	CHECK(is_marked(fixture.dump, format));
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
	CHECK(is_marked(fixture.dump, DUMPFILTER_FORMAT_KDUMP));
	CHECK(is_marked(fixture.more, DUMPFILTER_FORMAT_KDUMP));
}

static int flat_write(void *user, uint64_t offset, const void *buffer, size_t length)
{
	(void)offset;
	return fwrite(buffer, 1, length, user) == length ? 0 : -EIO;
}

static void make_flat(void)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = flat_write, .name = "stream" };
	struct dumpfilter *df = dumpfilter_new(NULL);
	FILE *file = fopen(fixture.flat, "wb");
	struct dumpfilter_sink *inner, *flat;

	CHECK(file);
	CHECK_EQ(dumpfilter_open_path(df, fixture.vmcore, 0), 0);
	inner = dumpfilter_sink_custom(df, &ops, file);
	flat = dumpfilter_sink_flat(df, inner);
	CHECK_EQ(dumpfilter_run(df, flat), 0);
	dumpfilter_sink_free(flat);
	dumpfilter_sink_free(inner);
	dumpfilter_free(df);
	CHECK_EQ(fclose(file), 0);
}

static int rearrange(void)
{
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sink = dumpfilter_sink_path(df, fixture.dump, DUMPFILTER_SINK_OVERWRITE);
	FILE *file = fopen(fixture.flat, "rb");
	int result;

	CHECK(sink && file);
	result = dumpfilter_rearrange(df, fileno(file), "stream", sink);
	fclose(file);
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
	return result;
}

static void rearranged(void)
{
	make_flat();
	fail_from(0);
	CHECK_EQ(rearrange(), 0);
	CHECK(!is_marked(fixture.dump, DUMPFILTER_FORMAT_KDUMP));
	fail_from(1);
	CHECK_EQ(-rearrange(), -DUMPFILTER_E_NOSPACE);
	CHECK(is_marked(fixture.dump, DUMPFILTER_FORMAT_KDUMP));
}

static bool write_vmcore(void)
{
	FILE *file = fopen(fixture.vmcore, "wb");
	bool ok = file &&
		  fwrite(fixture.image.built.data, 1, fixture.image.built.size, file) == fixture.image.built.size;

	return (!file || !fclose(file)) && ok;
}

int main(void)
{
	const char *tmp = getenv("TMPDIR"), *bad = fi_image_build(&fixture.image, fi_tiny, NULL);

	snprintf(fixture.folder, sizeof fixture.folder, "%.40s/df-flush-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (bad || !mkdtemp(fixture.folder)) {
		printf("not ok - image: %s\n", bad ? bad : strerror(errno));
		return EXIT_FAILURE;
	}
	in_folder(fixture.vmcore, "vmcore");
	in_folder(fixture.dump, "dump");
	in_folder(fixture.more, "more");
	in_folder(fixture.flat, "flat");
	if (write_vmcore()) {
		RUN(kdump);
		RUN(elf);
		RUN(split);
		RUN(rearranged);
	}
	unlink(fixture.vmcore);
	unlink(fixture.dump);
	unlink(fixture.more);
	unlink(fixture.flat);
	rmdir(fixture.folder);
	fi_image_free(&fixture.image);
	return T_END();
}
