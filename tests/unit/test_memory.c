/* SPDX-License-Identifier: GPL-2.0-or-later */
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
static struct builder_image img;

/* ---- the modes */

struct mode {
	const char *name;
	int format, codec;
	bool flat, callbacks, rearrange;
	unsigned pieces; /* 0 = not split */
};

static size_t promise(const struct mode *m, unsigned threads)
{
	return (6144 + 768 * (size_t)threads + 256 * (size_t)m->pieces) * KIB + (32u << 20) / 4096 / 8;
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

static int64_t read_image(void *user, uint64_t offset, void *buf, size_t len)
{
	return pread(*(int *)user, buf, len, (off_t)offset);
}

static int open_image(struct dumpfilter *df, const struct mode *m, int *fd)
{
	struct dumpfilter_source_ops ops = { .size = sizeof ops,
					     .caps = DUMPFILTER_IO_CONCURRENT,
					     .read = read_image,
					     .length = UINT64_MAX,
					     .name = "image" };

	return m->callbacks ? dumpfilter_open(df, &ops, fd) : dumpfilter_open_fd(df, *fd, "vmcore", 0);
}

static int split(struct dumpfilter *df, unsigned n)
{
	struct dumpfilter_sink *sinks[32];
	int r = 0;

	for (unsigned i = 0; i < n; i++)
		if (!(sinks[i] = dumpfilter_sink_null(df)))
			r = DUMPFILTER_E_NOMEM;
	if (!r)
		r = dumpfilter_run_split(df, sinks, n, NULL);
	for (unsigned i = 0; i < n; i++)
		dumpfilter_sink_free(sinks[i]);
	return r;
}

static int dump(struct dumpfilter *df, const struct mode *m, struct dumpfilter_sink *sink, unsigned threads)
{
	struct dumpfilter_config cfg = DUMPFILTER_CONFIG_INIT;
	int fd = open(in_dir("vmcore"), O_RDONLY), r = open_image(df, m, &fd);

	cfg.level = 31;
	cfg.format = m->format;
	cfg.codec = m->codec;
	cfg.threads = threads;
	cfg.memory_limit = DUMPFILTER_MEMORY_UNLIMITED;
	if (!r)
		r = dumpfilter_configure(df, &cfg);
	if (!r)
		r = m->pieces ? split(df, m->pieces) : dumpfilter_run(df, sink);
	close(fd);
	return r;
}

static int rearrange(struct dumpfilter *df, struct dumpfilter_sink *sink)
{
	int fd = open(in_dir("stream"), O_RDONLY), r = dumpfilter_rearrange(df, fd, "stream", sink);

	close(fd);
	return r;
}

/* One dump with what may be in force: 0, and the report; else what went wrong. */
static const char *run(const struct mode *m, unsigned threads, struct dumpfilter_report *rep)
{
	static char why[600];
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = nowhere_write, .name = "nowhere" };
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *null = df && m->flat ? dumpfilter_sink_custom(df, &ops, NULL)
				       : df          ? dumpfilter_sink_null(df)
						     : NULL;
	struct dumpfilter_sink *sink = m->flat && null ? dumpfilter_sink_flat(df, null) : null;
	int r = DUMPFILTER_E_NOMEM;

	*rep = (struct dumpfilter_report)DUMPFILTER_REPORT_INIT;
	if (sink)
		r = m->rearrange ? rearrange(df, sink) : dump(df, m, sink, threads);
	snprintf(why, sizeof why, "%d %s", r, df ? dumpfilter_errmsg(df) : "no context");
	if (!r && !m->rearrange)
		r = dumpfilter_report(df, rep);
	if (m->flat)
		dumpfilter_sink_free(sink);
	dumpfilter_sink_free(null);
	dumpfilter_free(df);
	return r ? why : NULL;
}

/* ---- under the kernel's eyes */

static size_t data_in_use(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long data = 0;
	int n = f ? fscanf(f, "%*u %*u %*u %*u %*u %lu", &data) : 0;

	if (f)
		fclose(f);
	return n == 1 ? data * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

/* In a program of its own, so that no memory is left over from before: true = all that was asked for came, with so many
 * threads, within so many bytes. */
static bool fits(const struct mode *m, unsigned threads, size_t bytes)
{
	char mode[32], count[32], limit[32];
	int status;
	pid_t pid;

	snprintf(mode, sizeof mode, "%td", m - modes);
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
	const struct mode *m = &modes[atoi(argv[2])];
	unsigned threads = (unsigned)atoi(argv[3]);
	struct dumpfilter_report rep;
	struct rlimit r = { 0, RLIM_INFINITY };
	const char *bad;

	snprintf(files.dir, sizeof files.dir, "%s", argv[1]);
	r.rlim_cur = data_in_use() + strtoull(argv[4], NULL, 10);
	if (setrlimit(RLIMIT_DATA, &r))
		return 2;
	bad = run(m, threads, &rep);
	return bad || (!m->rearrange && rep.threads != threads);
}

static void within_data_limit(const struct mode *m)
{
	for (unsigned threads = 1; threads <= 8; threads *= 2)
		if (!fits(m, threads, promise(m, threads)))
			T_FAIL("%u threads take more than %zu KiB", threads, promise(m, threads) / KIB);
	CHECK(!fits(m, 8, 256 * KIB)); /* the limit is one */
}

/* By the count: with many threads the kernel's one of stacks is mostly of what is never touched. */
static void within_count(const struct mode *m)
{
	static const unsigned many[] = { 1, 2, 32, 200 };

	for (size_t i = 0; i < sizeof many / sizeof *many; i++) {
		struct dumpfilter_report rep;
		const char *bad = run(m, many[i], &rep);
		size_t rest = 512 * KIB + 24 * KIB * many[i]; /* what malloc adds; stacks as far as they are used */

		if (bad)
			T_FAIL("%s", bad);
		CHECK_EQ(rep.threads, many[i]);
		if (rep.peak_memory + rest > promise(m, many[i]))
			T_FAIL("%u threads take %" PRIu64 " KiB and %zu KiB; the promise is %zu KiB", many[i],
			       rep.peak_memory / 1024, rest / KIB, promise(m, many[i]) / KIB);
	}
}

/* ---- what codecs take beside the count */

static atomic_size_t beside_now; /* snappy allocates in any thread */
static size_t beside_peak;
static bool beside_counted; /* with one thread */

static void *beside_alloc(size_t n)
{
	size_t *p = malloc(n + 16);

	if (!p)
		abort();
	*p = n;
	n += atomic_fetch_add(&beside_now, n);
	if (beside_counted && n > beside_peak)
		beside_peak = n;
	return p + 2;
}

static void beside_free(void *ptr)
{
	size_t *p = ptr;

	if (!p)
		return;
	atomic_fetch_sub(&beside_now, p[-2]);
	free(p - 2);
}

/* C++'s new and delete, as the linker knows them: snappy allocates by these. */
#define EXPORTED __attribute__((visibility("default")))
EXPORTED void *_Znwm(size_t n);
EXPORTED void _ZdlPv(void *p);
EXPORTED void _ZdlPvm(void *p, size_t n);
void *_Znwm(size_t n)
{
	return beside_alloc(n);
}
void _ZdlPv(void *p)
{
	beside_free(p);
}
void _ZdlPvm(void *p, size_t n)
{
	(void)n;
	beside_free(p);
}

static void codec_tells_the_truth(const struct df_codec *c, int level, size_t n)
{
	struct df_env env = { 0 };
	uint8_t *in = malloc(n), *out = malloc(c->bound(n));
	void *state;

	CHECK(in && out);
	fill_pattern(in, 0, n);
	beside_peak = beside_now;
	beside_counted = true;
	state = c->state_new(&env, level, n);
	CHECK(state && c->compress(state, in, n, out, c->bound(n)));
	c->state_free(&env, state);
	free(in);
	free(out);
	if (beside_peak > c->beside(level, n))
		T_FAIL("%s takes %zu bytes, not %zu", c->name, beside_peak, c->beside(level, n));
	CHECK(beside_peak > c->beside(level, n) / 2);
}

static void codecs_tell_the_truth(void)
{
	const struct df_codec *zlib = df_codec_find(DUMPFILTER_CODEC_ZLIB);
	const struct df_codec *snappy = df_codec_find(DUMPFILTER_CODEC_SNAPPY);

#if HAVE_LIBDEFLATE
	libdeflate_set_memory_allocator(beside_alloc, beside_free);
#endif
	for (size_t n = 4096; n <= 256 * KIB; n *= 4) {
		for (int level = 0; zlib->beside && level <= zlib->level_max; level++)
			codec_tells_the_truth(zlib, level, n);
		if (snappy)
			codec_tells_the_truth(snappy, 0, n);
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
	struct dumpfilter_sink *out = file ? dumpfilter_sink_flat(df, file) : NULL;
	FILE *f = fopen(in_dir("vmcore"), "wb");

	CHECK(f && out && fwrite(img.data, 1, img.size, f) == img.size && !fclose(f));
	CHECK_EQ(dump(df, &modes[0], out, 1), 0);
	dumpfilter_sink_free(out);
	dumpfilter_sink_free(file);
	dumpfilter_free(df);
}

int main(int argc, char **argv)
{
	char err[BUILDER_ERR], name[64];

	if (argc == 5)
		return child(argv);
	files_begin();
	if (builder_build(recipe, strlen(recipe), &img, err)) {
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
	builder_image_free(&img);
	files_end();
	return T_END();
}
