/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sources and windows on them.  Sinks: test_sink.c. */
#include "files.h"
#include "io/source.h"

#include <errno.h>

#define SIZE ((size_t)(5u << 20) + 1234)

static struct df_env env;
static struct df_err err;

/* ------------------------------------------------------------------------------------- a source of callbacks */

struct script {
	uint64_t size;
	size_t most;           /* bytes at a time */
	int interrupts;        /* −EINTR every so many calls; 0 = never */
	uint64_t bad, bad_len; /* what cannot be read */
	int64_t lie;           /* returned as it is where not 0 */
	unsigned calls;
};

static int64_t script_read(void *user, uint64_t offset, void *buffer, size_t length)
{
	struct script *script = user;
	size_t count = length < script->most ? length : script->most;

	script->calls++;
	if (script->lie)
		return script->lie;
	if (script->interrupts && script->calls % (unsigned)script->interrupts == 0)
		return -EINTR;
	if (offset >= script->size)
		return 0;
	if (count > script->size - offset)
		count = (size_t)(script->size - offset);
	if (script->bad_len && offset < script->bad + script->bad_len && script->bad < offset + count)
		return -EIO; /* like /proc/vmcore: nothing of the range */
	fill_pattern(buffer, offset, count);
	return (int64_t)count;
}

static void open_script(struct df_source *source, struct script *script, uint64_t length)
{
	struct dumpfilter_source_ops ops = { .size = sizeof ops, .read = script_read, .length = length, .name = "img" };

	CHECK_EQ(df_source_open_ops(source, &env, &ops, script, &err), 0);
}

/* ------------------------------------------------------------------------------------------------ opening */

static void refuse_path(const char *path, int code, const char *text)
{
	struct df_source source;

	CHECK_EQ(df_source_open_path(&source, &env, path, 0, &err), code);
	CHECK_HAS(err.text, path);
	CHECK_HAS(err.text, text);
}

static void open_refused(void)
{
	struct df_source source;

	write_file(in_dir("empty"), "", 0);
	refuse_path(in_dir("empty"), DUMPFILTER_E_FORMAT, "is empty");
	refuse_path(files.dir, DUMPFILTER_E_FORMAT, "is a directory");
	CHECK(!mkfifo(in_dir("fifo"), 0600));
	refuse_path(in_dir("fifo"), DUMPFILTER_E_FORMAT, "is a pipe");
	refuse_path(in_dir("missing"), DUMPFILTER_E_IO, "No such file");
	refuse_path("/dev/null", DUMPFILTER_E_FORMAT, "is empty");
	CHECK_EQ(df_source_open_path(&source, &env, in_dir("empty"), 8, &err), DUMPFILTER_E_INVAL);
	CHECK_EQ(df_source_open_path(&source, &env, in_dir("empty"), DUMPFILTER_OPEN_MMAP | DUMPFILTER_OPEN_NO_MMAP,
				     &err),
		 DUMPFILTER_E_INVAL);
}

/* Files that the kernel generates say 0 bytes and have some. */
static void open_proc(void)
{
	struct df_source source;
	struct df_window window;
	char buffer[8];

	CHECK_EQ(df_source_open_path(&source, &env, "/proc/self/status", 0, &err), 0);
	CHECK_EQ(source.length, UINT64_MAX);
	CHECK(!source.can_map);
	CHECK_EQ(df_source_read(&source, 0, buffer, 5, &err), 0);
	CHECK(!memcmp(buffer, "Name:", 5));
	df_window_init(&window, &source, DF_WINDOW_MAX);
	CHECK(df_window_get(&window, 0, 5, &err));
	CHECK(!df_window_get(&window, 1u << 20, 5, &err));
	CHECK_EQ(err.code, DUMPFILTER_E_TRUNCATED);
	df_window_fini(&window);
	df_source_close(&source);
}

static void open_fd(void)
{
	struct df_source source;
	int fds[2], fd;
	char buffer[4];

	write_pattern(in_dir("f"), 100);
	fd = open(in_dir("f"), O_RDONLY);
	CHECK_EQ(lseek(fd, 17, SEEK_SET), 17);
	CHECK_EQ(df_source_open_fd(&source, &env, fd, NULL, 0, &err), 0);
	CHECK_HAS(source.name, "fd ");
	CHECK_EQ(source.length, 100);
	CHECK_EQ(df_source_read(&source, 50, buffer, 4, &err), 0);
	CHECK(is_pattern((uint8_t *)buffer, 50, 4));
	df_source_close(&source);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 17); /* neither moved nor closed */
	close(fd);

	fd = open(in_dir("f"), O_WRONLY);
	CHECK_EQ(df_source_open_fd(&source, &env, fd, "f", 0, &err), DUMPFILTER_E_INVAL);
	CHECK_HAS(err.text, "not open for reading");
	close(fd);
	CHECK_EQ(df_source_open_fd(&source, &env, fd, "f", 0, &err), DUMPFILTER_E_INVAL);
	CHECK(!pipe(fds));
	CHECK_EQ(df_source_open_fd(&source, &env, fds[0], "p", 0, &err), DUMPFILTER_E_FORMAT);
	close(fds[0]);
	close(fds[1]);
}

static void open_ops(void)
{
	struct script script = { .size = 10, .most = 10 };
	struct {
		struct dumpfilter_source_ops ops;
		char more[8];
	} o = { .ops = { .size = sizeof o, .read = script_read, .length = 10, .name = "a\nb" } };
	struct df_source source;

	CHECK_EQ(df_source_open_ops(&source, &env, &o.ops, &script, &err), 0);
	CHECK_STR(source.name, "a?b");
	CHECK(!source.concurrent);
	o.ops.caps = DUMPFILTER_IO_CONCURRENT;
	CHECK_EQ(df_source_open_ops(&source, &env, &o.ops, &script, &err), 0);
	CHECK(source.concurrent);
	o.more[5] = 1;
	CHECK_EQ(df_source_open_ops(&source, &env, &o.ops, &script, &err), DUMPFILTER_E_INVAL);
	o.ops.size = sizeof o.ops;
	CHECK_EQ(df_source_open_ops(&source, &env, &o.ops, &script, &err), 0);
	o.ops.size--;
	CHECK_EQ(df_source_open_ops(&source, &env, &o.ops, &script, &err), DUMPFILTER_E_INVAL);
	o.ops.size = offsetof(struct dumpfilter_source_ops, name); /* a caller that does not know of names yet */
	CHECK_EQ(df_source_open_ops(&source, &env, &o.ops, &script, &err), 0);
	CHECK_STR(source.name, "input");
	o.ops.size = sizeof o.ops;
	o.ops.caps = DUMPFILTER_IO_RANDOM;
	CHECK_EQ(df_source_open_ops(&source, &env, &o.ops, &script, &err), DUMPFILTER_E_INVAL);
	o.ops.caps = 0;
	o.ops.length = 0;
	CHECK_EQ(df_source_open_ops(&source, &env, &o.ops, &script, &err), DUMPFILTER_E_FORMAT);
	o.ops.read = NULL;
	CHECK_EQ(df_source_open_ops(&source, &env, &o.ops, &script, &err), DUMPFILTER_E_INVAL);
}

/* ------------------------------------------------------------------------------------------------ reading */

static void read_short(void)
{
	struct script script = { .size = 10000, .most = 7, .interrupts = 3 };
	uint8_t buffer[1000];
	struct df_source source;

	open_script(&source, &script, 10000);
	CHECK_EQ(df_source_read(&source, 123, buffer, sizeof buffer, &err), 0);
	CHECK(is_pattern(buffer, 123, sizeof buffer));
	CHECK_EQ(df_source_read(&source, 9000, buffer, 1000, &err), 0);
	CHECK_EQ(df_source_read(&source, 10000, buffer, 0, &err), 0);
}

static void read_end(void)
{
	static const struct {
		uint64_t length, offset;
		size_t len;
		const char *text;
	} rows[] = {
		{ 1000, 999, 2, "ends at byte 1000, but 2 bytes are needed at offset 999" },
		{ 1000, 1001, 0, "ends at byte 1000" },
		{ 1000, UINT64_MAX, 2, "ends at byte 1000" },
		{ UINT64_MAX, 990, 11, "ends at byte 1000, but 11 bytes are needed at offset 990" },
		{ UINT64_MAX, 5000, 1, "ends at byte 5000" },
		{ UINT64_MAX, UINT64_MAX - 3, 8, "beyond what files can hold" },
		{ 2000, 995, 10, "ends at byte 1000" }, /* a length that is a lie */
	};
	struct script script = { .size = 1000, .most = 64 };
	struct df_source source;
	uint8_t buffer[16];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		open_script(&source, &script, rows[i].length);
		CHECK_EQ(df_source_read(&source, rows[i].offset, buffer, rows[i].len, &err), DUMPFILTER_E_TRUNCATED);
		CHECK_HAS(err.text, rows[i].text);
	}
}

static void read_errors(void)
{
	static const struct {
		int64_t lie;
		const char *text;
	} rows[] = {
		{ -EIO, "Input/output error" }, { -EACCES, "Permission denied" }, { INT64_MIN, "Protocol error" },
		{ 17, "Protocol error" },       { INT64_MAX, "Protocol error" },
	};
	struct df_source source;
	uint8_t buffer[16];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct script script = { .size = 1000, .most = 64, .lie = rows[i].lie };

		open_script(&source, &script, UINT64_MAX);
		CHECK_EQ(df_source_read(&source, 40, buffer, 16, &err), DUMPFILTER_E_IO);
		CHECK_HAS(err.text, "img: reading 16 bytes at offset 40: ");
		CHECK_HAS(err.text, rows[i].text);
	}
}

/* ------------------------------------------------------------------------------------------------ windows */

/* Many requests at random places, some of them over the end, all equal to the pattern. */
static void roam(const struct df_source *source, struct df_window *window)
{
	uint64_t seed = 7;

	for (int i = 0; i < 600; i++) {
		uint64_t offset = next_random(&seed) % (SIZE + 5000);
		size_t length = next_random(&seed) % (i % 4 ? 9000 : DF_WINDOW_MAX + 1);
		const uint8_t *bytes = df_window_get(window, offset, length, &err);

		if (offset + length <= SIZE) {
			CHECK(bytes);
			CHECK(is_pattern(bytes, offset, length));
		} else if (length) {
			CHECK(!bytes);
			CHECK_EQ(err.code, DUMPFILTER_E_TRUNCATED);
			CHECK_HAS(err.text, source->name);
		}
	}
	for (uint64_t at = 0; at + 4096 <= SIZE; at += 4096) {
		const uint8_t *bytes = df_window_get(window, at, 4096, &err);

		CHECK(bytes);
		CHECK(is_pattern(bytes, at, 4096));
	}
	CHECK(!df_window_get(window, 0, DF_WINDOW_MAX + 1, &err));
	CHECK_EQ(err.code, DUMPFILTER_E_INVAL);
}

static void window_file(unsigned flags)
{
	struct df_source source;
	struct df_window window;

	write_pattern(in_dir("w"), SIZE);
	CHECK_EQ(df_source_open_path(&source, &env, in_dir("w"), flags, &err), 0);
	CHECK_EQ(source.length, SIZE);
	CHECK_EQ(df_window_init(&window, &source, DF_WINDOW_MAX), 0);
	roam(&source, &window);
	CHECK_EQ(window.mapped, flags == DUMPFILTER_OPEN_MMAP);
	CHECK(window.capacity < 3u << 20);
	df_window_fini(&window);
	df_source_close(&source);
	CHECK_EQ(env.mem_used, 0);
}

static void window_callbacks(uint64_t length)
{
	struct script script = { .size = SIZE, .most = 50000, .interrupts = 5 };
	struct df_source source;
	struct df_window window;

	open_script(&source, &script, length);
	df_window_init(&window, &source, DF_WINDOW_MAX);
	roam(&source, &window);
	CHECK(!window.mapped);
	df_window_fini(&window);
	CHECK_EQ(env.mem_used, 0);
}

/* The windows over the old end must be an error, not SIGBUS. */
static void window_shrunk(unsigned flags)
{
	struct df_source source;
	struct df_window window;

	write_pattern(in_dir("s"), SIZE);
	CHECK_EQ(df_source_open_path(&source, &env, in_dir("s"), flags, &err), 0);
	df_window_init(&window, &source, DF_WINDOW_MAX);
	CHECK(df_window_get(&window, 0, 100, &err));
	CHECK(!truncate(in_dir("s"), (4 << 20) + 100));
	CHECK(is_pattern(df_window_get(&window, 4 << 20, 100, &err), 4 << 20, 100));
	CHECK(!df_window_get(&window, 4 << 20, 101, &err));
	CHECK_EQ(err.code, DUMPFILTER_E_TRUNCATED);
	CHECK_HAS(err.text, "ends at byte 4194404");
	CHECK(!df_window_get(&window, SIZE - 10, 10, &err));
	CHECK_EQ(err.code, DUMPFILTER_E_TRUNCATED);
	CHECK(is_pattern(df_window_get(&window, 5, 100, &err), 5, 100)); /* it still works where there is something */
	df_window_fini(&window);
	df_source_close(&source);
}

/* A mapping that fails once is not tried again. */
static void window_no_map(void)
{
	struct df_source source;
	struct df_window window;

	write_pattern(in_dir("w"), SIZE);
	CHECK_EQ(df_source_open_path(&source, &env, in_dir("w"), DUMPFILTER_OPEN_NO_MMAP, &err), 0);
	CHECK(!source.can_map);
	close(source.fd);
	source.fd = open(in_dir("w"), O_WRONLY); /* mmap says EACCES, fstat works */
	source.can_map = true;
	df_window_init(&window, &source, DF_WINDOW_MAX);
	CHECK(!df_window_get(&window, 0, 10, &err)); /* and so does reading fail */
	CHECK_EQ(err.code, DUMPFILTER_E_IO);
	CHECK(window.map_failed);
	close(source.fd);
	source.fd = open(in_dir("w"), O_RDONLY);
	roam(&source, &window);
	CHECK(!window.mapped);
	df_window_fini(&window);
	df_source_close(&source);
	CHECK_EQ(env.mem_used, 0);
}

/* What is around an unreadable place is had in spite of it. */
static void window_bad_place(void)
{
	struct script script = { .size = 1 << 20, .most = 1 << 20, .bad = 8192, .bad_len = 4096 };
	struct df_source source;
	struct df_window window;

	open_script(&source, &script, 1 << 20);
	df_window_init(&window, &source, DF_WINDOW_MAX);
	CHECK(is_pattern(df_window_get(&window, 4096, 4096, &err), 4096, 4096));
	CHECK(!df_window_get(&window, 8192, 4096, &err));
	CHECK_EQ(err.code, DUMPFILTER_E_IO);
	CHECK_HAS(err.text, "at offset 8192");
	CHECK(is_pattern(df_window_get(&window, 12288, 4096, &err), 12288, 4096));
	script.bad_len = 100;
	CHECK(is_pattern(df_window_get(&window, 8192 + 100, 50, &err), 8192 + 100, 50));
	df_window_fini(&window);
}

/* Only what is asked for is read: around it may be memory that must not be touched. */
static void window_reads_no_more(void)
{
	struct script script = { .size = 1 << 20, .most = 1 << 20, .bad = 64 << 10, .bad_len = 4096 };
	struct df_source source;
	struct df_window window;

	open_script(&source, &script, 1 << 20);
	CHECK(!df_window_init(&window, &source, DF_WINDOW_MAX));
	CHECK(is_pattern(df_window_get(&window, 60 << 10, 4096, &err), 60 << 10, 4096));
	CHECK(is_pattern(df_window_get(&window, 68 << 10, 4096, &err), 68 << 10, 4096));
	CHECK_EQ(script.calls, 2);
	CHECK(is_pattern(df_window_get(&window, (68 << 10) + 100, 500, &err), (68 << 10) + 100, 500));
	CHECK_EQ(script.calls, 2);
	df_window_fini(&window);
}

/* The buffer is there from the beginning: later no page may be lost for lack of it. */
static void window_no_memory(void)
{
	struct script script = { .size = 1000, .most = 1000 };
	struct df_source source;
	struct df_window window;

	open_script(&source, &script, 1000);
	atomic_store(&env.mem_limit, 1000);
	CHECK_EQ(df_window_init(&window, &source, DF_WINDOW_MAX), DUMPFILTER_E_NOMEM);
	atomic_store(&env.mem_limit, 0);
	df_window_fini(&window);
	CHECK(!df_window_init(&window, &source, DF_WINDOW_MAX));
	CHECK(df_window_get(&window, 0, 10, &err));
	df_window_fini(&window);
}

int main(void)
{
	files_begin();
	RUN(open_refused);
	RUN(open_proc);
	RUN(open_fd);
	RUN(open_ops);
	RUN(read_short);
	RUN(read_end);
	RUN(read_errors);
	T_RUN("window_file by default", window_file(0));
	T_RUN("window_file mapped", window_file(DUMPFILTER_OPEN_MMAP));
	T_RUN("window_file read", window_file(DUMPFILTER_OPEN_NO_MMAP));
	T_RUN("window_callbacks", window_callbacks(SIZE));
	T_RUN("window_callbacks of unknown length", window_callbacks(UINT64_MAX));
	T_RUN("window_shrunk mapped", window_shrunk(DUMPFILTER_OPEN_MMAP));
	T_RUN("window_shrunk read", window_shrunk(DUMPFILTER_OPEN_NO_MMAP));
	RUN(window_no_map);
	RUN(window_bad_place);
	RUN(window_reads_no_more);
	RUN(window_no_memory);
	files_end();
	return T_END();
}
