/* SPDX-License-Identifier: GPL-2.0-or-later */
/* labels: long */
/*
 * The promise: heap and anonymous memory never take more than 6 MiB + 0.75 MiB for each thread + a bit for each page
 * frame, and 0.25 MiB for each file of a split dump, in every mode.  The kernel looks after it: each mode runs in a
 * process of its own that cannot get more (RLIMIT_DATA, which counts stacks of threads as a whole, too).  What codecs
 * allocate by themselves is what they say.
 */
#include "codec/codec.h"
#include "libdumpfilter.h"

#include "build.h"
#include "files.h"
#include "memory.h"
#include "t.h"

#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#if HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif

#define KIB ((size_t)1024)

static const char recipe[] = "preset 6.12\nram 0 32M\nzero 0x800-0x8ff\npage 0xc00-0xfff kind=anon\n";
static struct builder_image image;

/* ---- the modes */

struct mode {
	const char *name;
	int format, codec;
	bool flat, callbacks, rearrange;
	unsigned pieces; /* 0 = not split */
};

static size_t promise(const struct mode *mode, unsigned threads)
{
	return (6144 + 768 * (size_t)threads + 256 * (size_t)mode->pieces) * KIB + (32u << 20) / 4096 / 8;
}

static const struct mode modes[] = {
	{ "raw", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE, false, false, false, 0 },
	{ "zlib", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, false, false, false, 0 },
	{ "lzo", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_LZO, false, false, false, 0 },
	{ "snappy", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_SNAPPY, false, false, false, 0 },
	{ "zstd", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZSTD, false, false, false, 0 },
	{ "elf", DUMPFILTER_FORMAT_ELF, DUMPFILTER_CODEC_NONE, false, false, false, 0 },
	{ "flat", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, true, false, false, 0 },
	{ "callbacks", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, false, true, false, 0 },
	{ "elf_callbacks", DUMPFILTER_FORMAT_ELF, DUMPFILTER_CODEC_NONE, true, true, false, 0 },
	{ "rearrange", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE, false, false, true, 0 },
	{ "split", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, false, false, false, 20 },
};
#define MODES (sizeof modes / sizeof *modes)

static int64_t read_image(void *user, uint64_t offset, void *buffer, size_t length)
{
	return pread(*(int *)user, buffer, length, (off_t)offset);
}

static int open_image(struct dumpfilter *df, const struct mode *mode, int *fd)
{
	struct dumpfilter_source_ops ops = { .size = sizeof ops,
					     .caps = DUMPFILTER_IO_CONCURRENT,
					     .read = read_image,
					     .length = UINT64_MAX,
					     .name = "image" };

	return mode->callbacks ? dumpfilter_open(df, &ops, fd) : dumpfilter_open_fd(df, *fd, "vmcore", 0);
}

static int split(struct dumpfilter *df, unsigned count)
{
	struct dumpfilter_sink *sinks[32];
	int result = 0;

	for (unsigned i = 0; i < count; i++)
		if (!(sinks[i] = dumpfilter_sink_null(df)))
			result = DUMPFILTER_E_NOMEM;
	if (!result)
		result = dumpfilter_run_split(df, sinks, count, NULL);
	for (unsigned i = 0; i < count; i++)
		dumpfilter_sink_free(sinks[i]);
	return result;
}

static int dump(struct dumpfilter *df, const struct mode *mode, struct dumpfilter_sink *sink, unsigned threads)
{
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	int fd = open(in_dir("vmcore"), O_RDONLY), result = open_image(df, mode, &fd);

	config.level = 31;
	config.format = mode->format;
	config.codec = mode->codec;
	config.threads = threads;
	config.memory_limit = DUMPFILTER_MEMORY_UNLIMITED;
	if (!result)
		result = dumpfilter_configure(df, &config);
	if (!result)
		result = mode->pieces ? split(df, mode->pieces) : dumpfilter_run(df, sink);
	close(fd);
	return result;
}

static int rearrange(struct dumpfilter *df, struct dumpfilter_sink *sink)
{
	int fd = open(in_dir("stream"), O_RDONLY), result = dumpfilter_rearrange(df, fd, "stream", sink);

	close(fd);
	return result;
}

/* One dump with what may be in force: 0, and the report; else what went wrong. */
static const char *run(const struct mode *mode, unsigned threads, struct dumpfilter_report *report)
{
	static char why[600];
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = nowhere_write, .name = "nowhere" };
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *null = df && mode->flat ? dumpfilter_sink_custom(df, &ops, NULL)
				       : df             ? dumpfilter_sink_null(df)
							: NULL;
	struct dumpfilter_sink *sink = mode->flat && null ? dumpfilter_sink_flat(df, null) : null;
	int result = DUMPFILTER_E_NOMEM;

	*report = (struct dumpfilter_report)DUMPFILTER_REPORT_INIT;
	if (sink)
		result = mode->rearrange ? rearrange(df, sink) : dump(df, mode, sink, threads);
	snprintf(why, sizeof why, "%d %s", result, df ? dumpfilter_errmsg(df) : "no context");
	if (!result && !mode->rearrange)
		result = dumpfilter_report(df, report);
	if (mode->flat)
		dumpfilter_sink_free(sink);
	dumpfilter_sink_free(null);
	dumpfilter_free(df);
	return result ? why : NULL;
}

/* ---- under the kernel's eyes */

static size_t data_in_use(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long data = 0;
	int count = file ? fscanf(file, "%*u %*u %*u %*u %*u %lu", &data) : 0;

	if (file)
		fclose(file);
	return count == 1 ? data * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

/* In a program of its own, so that no memory is left over from before: true = all that was asked for came, with so many
 * threads, within so many bytes. */
static bool fits(const struct mode *choice, unsigned threads, size_t bytes)
{
	char mode[32], count[32], limit[32];
	int status;
	pid_t pid;

	snprintf(mode, sizeof mode, "%td", choice - modes);
	snprintf(count, sizeof count, "%u", threads);
	snprintf(limit, sizeof limit, "%zu", bytes);
	pid = fork();
	if (!pid) {
		execl("/proc/self/exe", "test_memory", files.dir, mode, count, limit, (char *)NULL);
		_exit(3);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return !WEXITSTATUS(status);
}

static int child(char **argv)
{
	const struct mode *mode = &modes[atoi(argv[2])];
	unsigned threads = (unsigned)atoi(argv[3]);
	struct dumpfilter_report report;
	struct rlimit rlimit = { 0, RLIM_INFINITY };
	const char *bad;

	snprintf(files.dir, sizeof files.dir, "%s", argv[1]);
	rlimit.rlim_cur = data_in_use() + strtoull(argv[4], NULL, 10);
	if (setrlimit(RLIMIT_DATA, &rlimit))
		return 2;
	bad = run(mode, threads, &report);
	return bad || (!mode->rearrange && report.threads != threads);
}

static void within_data_limit(const struct mode *mode)
{
	for (unsigned threads = 1; threads <= 8; threads *= 2)
		if (!fits(mode, threads, promise(mode, threads)))
			T_FAIL("%u threads take more than %zu KiB", threads, promise(mode, threads) / KIB);
	CHECK(!fits(mode, 8, 256 * KIB)); /* the limit is one */
}

/* By the count: with many threads the kernel's one of stacks is mostly of what is never touched. */
static void within_count(const struct mode *mode)
{
	static const unsigned many[] = { 1, 2, 32, 200 };

	for (size_t i = 0; i < sizeof many / sizeof *many; i++) {
		struct dumpfilter_report report;
		const char *bad = run(mode, many[i], &report);
		size_t rest = 512 * KIB + 24 * KIB * many[i]; /* what malloc adds; stacks as far as they are used */

		if (bad)
			T_FAIL("%s", bad);
		CHECK_EQ(report.threads, many[i]);
		if (report.peak_memory + rest > promise(mode, many[i]))
			T_FAIL("%u threads take %" PRIu64 " KiB and %zu KiB; the promise is %zu KiB", many[i],
			       report.peak_memory / 1024, rest / KIB, promise(mode, many[i]) / KIB);
	}
}

/* ---- what codecs take beside the count */

static atomic_size_t beside_now; /* snappy allocates in any thread */
static size_t beside_peak;
static bool beside_counted; /* with one thread */

static void *beside_alloc(size_t count)
{
	size_t *sizes = malloc(count + 16);

	if (!sizes)
		abort();
	*sizes = count;
	count += atomic_fetch_add(&beside_now, count);
	if (beside_counted && count > beside_peak)
		beside_peak = count;
	return sizes + 2;
}

static void beside_free(void *ptr)
{
	size_t *sizes = ptr;

	if (!sizes)
		return;
	atomic_fetch_sub(&beside_now, sizes[-2]);
	free(sizes - 2);
}

/* C++'s new and delete, as the linker knows them: snappy allocates by these. */
#define EXPORTED __attribute__((visibility("default")))
EXPORTED void *_Znwm(size_t count);
EXPORTED void _ZdlPv(void *memory);
EXPORTED void _ZdlPvm(void *memory, size_t count);
void *_Znwm(size_t count)
{
	return beside_alloc(count);
}
void _ZdlPv(void *memory)
{
	beside_free(memory);
}
void _ZdlPvm(void *memory, size_t count)
{
	(void)count;
	beside_free(memory);
}

static void codec_tells_the_truth(const struct df_codec *codec, int level, size_t count)
{
	struct df_env env = { 0 };
	uint8_t *in = malloc(count), *out = malloc(codec->bound(count));
	void *state;

	CHECK(in && out);
	fill_pattern(in, 0, count);
	beside_peak = beside_now;
	beside_counted = true;
	state = codec->state_new(&env, level, count);
	CHECK(state && codec->compress(state, in, count, out, codec->bound(count)));
	codec->state_free(&env, state);
	free(in);
	free(out);
	if (beside_peak > codec->beside(level, count))
		T_FAIL("%s takes %zu bytes, not %zu", codec->name, beside_peak, codec->beside(level, count));
	CHECK(beside_peak > codec->beside(level, count) / 2);
}

static void codecs_tell_the_truth(void)
{
	const struct df_codec *zlib = df_codec_find(DUMPFILTER_CODEC_ZLIB);
	const struct df_codec *snappy = df_codec_find(DUMPFILTER_CODEC_SNAPPY);

#if HAVE_LIBDEFLATE
	libdeflate_set_memory_allocator(beside_alloc, beside_free);
#endif
	for (size_t count = 4096; count <= 256 * KIB; count *= 4) {
		for (int level = 0; zlib->beside && level <= zlib->level_max; level++)
			codec_tells_the_truth(zlib, level, count);
		if (snappy)
			codec_tells_the_truth(snappy, 0, count);
	}
#if HAVE_LIBDEFLATE
	libdeflate_set_memory_allocator(malloc, free);
#endif
	CHECK_EQ(beside_now, 0);
}

/* ---- */

static void make_files(void)
{
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *file = dumpfilter_sink_path(df, in_dir("stream"), 0);
	struct dumpfilter_sink *sink = file ? dumpfilter_sink_flat(df, file) : NULL;
	FILE *stream = fopen(in_dir("vmcore"), "wb");

	CHECK(stream && sink && fwrite(image.data, 1, image.size, stream) == image.size && !fclose(stream));
	CHECK_EQ(dump(df, &modes[0], sink, 1), 0);
	dumpfilter_sink_free(sink);
	dumpfilter_sink_free(file);
	dumpfilter_free(df);
}

int main(int argc, char **argv)
{
	char err[BUILDER_ERR], name[64];

	if (argc == 5)
		return child(argv);
	files_begin();
	if (builder_build(recipe, strlen(recipe), &image, err)) {
		printf("not ok - image: %s\n", err);
		return EXIT_FAILURE;
	}
	RUN(make_files);
	for (volatile size_t i = 0; i < MODES; i++) {
		if (!dumpfilter_codec_available(modes[i].codec))
			continue;
		snprintf(name, sizeof name, "limit_of_data_%s", modes[i].name);
		if (!t_slow())
			T_RUN(name, within_data_limit(&modes[i]));
		else
			printf("ok - %s # SKIP sanitizers take memory of their own\n", name);
		snprintf(name, sizeof name, "count_%s", modes[i].name);
		if (!modes[i].rearrange)
			T_RUN(name, within_count(&modes[i]));
	}
	if (!t_slow())
		RUN(codecs_tell_the_truth);
	builder_image_free(&image);
	files_end();
	return T_END();
}
