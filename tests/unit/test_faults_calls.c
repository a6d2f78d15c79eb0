/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls in every order: an error code and a line of text, never a crash.  Wrong arguments: test_faults_arguments.c. */
#include "states.h"

#include <unistd.h>

static const char *const state_names[] = { "new", "open", "planned", "failed plan", "run", "closed" };

/* ---- each function, called rightly */

static void on_fact(void *user, const char *name, uint64_t value, const char *origin)
{
	(void)value;
	*(unsigned *)user += name[0] && origin[0];
}

static void on_line(void *user, const char *line)
{
	*(unsigned *)user += line[0] != 0;
}

static int on_range(void *user, uint64_t first, uint64_t count)
{
	(void)first;
	*(unsigned *)user += count > 0;
	return 0;
}

static int call_open_fd(struct dumpfilter *df)
{
	return dumpfilter_open_fd(df, fileno(file), "image", 0);
}

static int call_open_path(struct dumpfilter *df)
{
	return dumpfilter_open_path(df, "/dev/null", 0);
}

/* The image is no piece of a split dump: refused, where it fits. */
static int call_open_paths(struct dumpfilter *df)
{
	static const char *const paths[] = { "/dev/null", "/dev/null" };
	int result = dumpfilter_open_paths(df, paths, 2, 0);

	return result == DUMPFILTER_E_FORMAT ? 0 : result;
}

static int call_open_pieces(struct dumpfilter *df)
{
	struct dumpfilter_source_ops ops = memory_source(&image, NULL);
	const struct dumpfilter_source_ops *const both[] = { &ops, &ops };
	void *const user[] = { &image, &image };
	int result = dumpfilter_open_pieces(df, both, user, 2);

	return result == DUMPFILTER_E_FORMAT ? 0 : result;
}

static int call_open(struct dumpfilter *df)
{
	struct dumpfilter_source_ops ops = memory_source(&image, NULL);

	return dumpfilter_open(df, &ops, &image);
}

static int call_add(struct dumpfilter *df)
{
	static const char text[] = "OSRELEASE=6.1.0-50-cloud-amd64\n";

	return dumpfilter_add_vmcoreinfo(df, text, sizeof text - 1);
}

/* No vmlinux: refused, with an error of its own, where it fits; changes nothing. */
static int call_vmlinux(struct dumpfilter *df)
{
	int result = dumpfilter_add_vmlinux(df, "/dev/null", 0);

	return result == DUMPFILTER_E_INVAL || result == DUMPFILTER_E_UNSUPPORTED ? 0 : result;
}

static int call_write_vmcoreinfo(struct dumpfilter *df)
{
	struct dumpfilter_sink *sink = dumpfilter_sink_null(df);
	int result = dumpfilter_write_vmcoreinfo(df, "/dev/null", sink);

	dumpfilter_sink_free(sink);
	return result == DUMPFILTER_E_INVAL || result == DUMPFILTER_E_UNSUPPORTED ? 0 : result;
}

/* There is no note at that address: the same. */
static int call_add_at(struct dumpfilter *df)
{
	int result = dumpfilter_add_vmcoreinfo_at(df, 0, 64);

	return result == DUMPFILTER_E_CORRUPT ? 0 : result;
}

static int call_cut(struct dumpfilter *df)
{
	return dumpfilter_cut(df, 0x10000, FI_PAGE);
}

static int call_translate(struct dumpfilter *df)
{
	uint64_t paddr;
	int result = dumpfilter_translate(df, 0, &paddr);

	return result == DUMPFILTER_E_NODATA ? 0 : result;
}

/* The image has no log. */
static int call_dmesg(struct dumpfilter *df)
{
	struct dumpfilter_sink *sink = dumpfilter_sink_null(df);
	int result = dumpfilter_dmesg(df, NULL, sink);

	dumpfilter_sink_free(sink);
	return result == DUMPFILTER_E_NODATA ? 0 : result;
}

static int call_info(struct dumpfilter *df)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;
	int result = dumpfilter_image_info(df, &i);

	if (!result)
		CHECK_EQ(i.page_size, 4096);
	return result;
}

static int call_facts(struct dumpfilter *df)
{
	unsigned count = 0;
	int result = dumpfilter_fact_foreach(df, on_fact, &count);

	CHECK(result || count > 10);
	return result;
}

static int call_explain(struct dumpfilter *df)
{
	unsigned count = 0;
	int result = dumpfilter_explain(df, on_line, &count);

	CHECK(result || count > 5);
	return result;
}

static int call_configure(struct dumpfilter *df)
{
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;

	config.threads = 1;
	return dumpfilter_configure(df, &config);
}

static int call_count(struct dumpfilter *df)
{
	uint64_t count;

	return dumpfilter_plan_count(df, DUMPFILTER_CLASS_USER, &count);
}

static int call_kept(struct dumpfilter *df)
{
	uint64_t count;

	return dumpfilter_plan_kept(df, 31, &count);
}

static int call_foreach(struct dumpfilter *df)
{
	unsigned count = 0;
	int result = dumpfilter_plan_foreach(df, on_range, &count);

	CHECK(result || count);
	return result;
}

static int call_estimate(struct dumpfilter *df)
{
	struct dumpfilter_estimate estimate = DUMPFILTER_ESTIMATE_INIT;
	int result = dumpfilter_estimate(df, NULL, &estimate);

	CHECK(result || estimate.bytes > FI_PAGE);
	return result;
}

static int call_run(struct dumpfilter *df)
{
	struct dumpfilter_sink *sink = dumpfilter_sink_null(df);
	int result;

	CHECK(sink);
	result = dumpfilter_run(df, sink);
	dumpfilter_sink_free(sink);
	return result;
}

static int call_split(struct dumpfilter *df)
{
	struct dumpfilter_sink *sinks[] = { dumpfilter_sink_null(df), dumpfilter_sink_null(df) };
	int result = dumpfilter_run_split(df, sinks, 2, NULL);

	dumpfilter_sink_free(sinks[0]);
	dumpfilter_sink_free(sinks[1]);
	return result;
}

/* What was run was not split. */
static int call_piece(struct dumpfilter *df)
{
	struct dumpfilter_piece piece = DUMPFILTER_PIECE_INIT;
	int result = dumpfilter_piece(df, 0, &piece);

	return result == DUMPFILTER_E_INVAL ? 0 : result;
}

static int call_report(struct dumpfilter *df)
{
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;

	return dumpfilter_report(df, &report);
}

static int call_rearrange(struct dumpfilter *df)
{
	struct dumpfilter_sink *sink = dumpfilter_sink_null(df);
	int fds[2], result;

	CHECK(sink && !pipe(fds));
	close(fds[1]);
	result = dumpfilter_rearrange(df, fds[0], NULL, sink);
	close(fds[0]);
	dumpfilter_sink_free(sink);
	return result == DUMPFILTER_E_FORMAT ? 0 : result; /* an empty pipe */
}

static int call_sinks(struct dumpfilter *df)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = nowhere_write };
	struct dumpfilter_sink *custom = dumpfilter_sink_custom(df, &ops, NULL), *flat;

	CHECK(custom);
	flat = dumpfilter_sink_flat(df, custom);
	CHECK(flat);
	CHECK(!dumpfilter_sink_flat(df, custom)); /* taken */
	CHECK(dumpfilter_errmsg(df)[0]);
	CHECK_EQ(dumpfilter_sink_limit(df, flat, 1 << 20), 0);
	CHECK_EQ(dumpfilter_sink_at_limit(flat), 0);
	dumpfilter_sink_discard(flat);
	dumpfilter_sink_discard(NULL);
	dumpfilter_sink_free(flat);
	dumpfilter_sink_free(custom);
	dumpfilter_sink_free(NULL);
	return 0;
}

static int call_texts(struct dumpfilter *df)
{
	dumpfilter_set_log(df, NULL, NULL, 0);
	dumpfilter_set_progress(df, NULL, NULL);
	return dumpfilter_errmsg(df) ? 0 : -1;
}

#define IN(state) (1u << (state))
#define ALL       ((1u << STATES) - 1)

/* In which states each may be called. */
static const struct {
	const char *name;
	int (*call)(struct dumpfilter *df);
	unsigned fits;
} calls[] = {
	{ "open_fd", call_open_fd, IN(NEW) | IN(CLOSED) },
	{ "open_path", call_open_path, IN(NEW) | IN(CLOSED) },
	{ "open_paths", call_open_paths, IN(NEW) | IN(CLOSED) },
	{ "open_pieces", call_open_pieces, IN(NEW) | IN(CLOSED) },
	{ "open", call_open, IN(NEW) | IN(CLOSED) },
	{ "add_vmcoreinfo", call_add, IN(OPEN) | IN(FAILED_PLAN) },
	{ "add_vmlinux", call_vmlinux, IN(OPEN) | IN(FAILED_PLAN) },
	{ "add_vmcoreinfo_at", call_add_at, IN(OPEN) | IN(FAILED_PLAN) },
	{ "cut", call_cut, IN(OPEN) | IN(FAILED_PLAN) },
	{ "translate", call_translate, IN(OPEN) | IN(PLANNED) | IN(FAILED_PLAN) | IN(DONE) },
	{ "dmesg", call_dmesg, IN(OPEN) | IN(PLANNED) | IN(FAILED_PLAN) | IN(DONE) },
	{ "write_vmcoreinfo", call_write_vmcoreinfo, ALL },
	{ "image_info", call_info, IN(OPEN) | IN(PLANNED) | IN(FAILED_PLAN) | IN(DONE) },
	{ "fact_foreach", call_facts, IN(OPEN) | IN(PLANNED) | IN(FAILED_PLAN) | IN(DONE) },
	{ "explain", call_explain, IN(OPEN) | IN(PLANNED) | IN(FAILED_PLAN) | IN(DONE) },
	{ "configure", call_configure, ALL },
	{ "plan", dumpfilter_plan, IN(OPEN) | IN(FAILED_PLAN) },
	{ "plan_count", call_count, IN(PLANNED) | IN(DONE) },
	{ "plan_kept", call_kept, IN(PLANNED) | IN(DONE) },
	{ "plan_foreach", call_foreach, IN(PLANNED) | IN(DONE) },
	{ "survey", dumpfilter_survey, IN(OPEN) | IN(PLANNED) | IN(FAILED_PLAN) },
	{ "estimate", call_estimate, IN(OPEN) | IN(PLANNED) | IN(FAILED_PLAN) },
	{ "run", call_run, IN(OPEN) | IN(PLANNED) | IN(FAILED_PLAN) },
	{ "run_split", call_split, IN(OPEN) | IN(PLANNED) | IN(FAILED_PLAN) },
	{ "piece", call_piece, IN(DONE) },
	{ "report", call_report, IN(PLANNED) | IN(DONE) },
	{ "rearrange", call_rearrange, ALL },
	{ "sinks", call_sinks, ALL },
	{ "texts", call_texts, ALL },
};
#define CALLS (sizeof calls / sizeof *calls)

static void one_call(struct dumpfilter *df, size_t column, enum state state)
{
	int result = calls[column].call(df);

	if (!(calls[column].fits >> state & 1)) {
		if (result != DUMPFILTER_E_SEQUENCE)
			T_FAIL("%s, %s: %d", calls[column].name, state_names[state], result);
		CHECK(dumpfilter_errmsg(df)[0]);
	} else if (result == DUMPFILTER_E_SEQUENCE ||
		   (result < 0 && calls[column].call != call_open_path && state != FAILED_PLAN)) {
		T_FAIL("%s, %s: %d, %s", calls[column].name, state_names[state], result, dumpfilter_errmsg(df));
	}
}

static void every_call_in_every_state(void)
{
	for (int status = 0; status < STATES; status++) {
		for (size_t column = 0; column < CALLS; column++) {
			struct dumpfilter *df = in_state((enum state)status);

			one_call(df, column, (enum state)status);
			dumpfilter_free(df);
		}
	}
}

/* A call that does not fit changes nothing: after all of them the dump goes on. */
static void wrong_calls_change_nothing(void)
{
	for (int status = 0; status < STATES; status++) {
		struct dumpfilter *df = in_state((enum state)status);
		unsigned count = 0;

		for (size_t column = 0; column < CALLS; column++)
			if (!(calls[column].fits >> status & 1))
				one_call(df, column, (enum state)status);
		for (size_t column = 0; column < CALLS && status != FAILED_PLAN; column++)
			if (calls[column].fits >> status & 1 && calls[column].call != call_open_fd &&
			    calls[column].call != call_open && calls[column].call != dumpfilter_plan &&
			    calls[column].call != dumpfilter_survey && calls[column].call != call_estimate &&
			    calls[column].call != call_run && calls[column].call != call_split &&
			    calls[column].call != call_configure)
				count++, one_call(df, column, (enum state)status);
		CHECK(count || status == FAILED_PLAN);
		dumpfilter_free(df);
	}
}

static void one_context_many_dumps(void)
{
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct fi_heap heap = { .live = 0 };
	struct dumpfilter_new_opts opts = { sizeof opts, fi_heap_alloc, fi_heap_free, &heap };
	struct dumpfilter *df = dumpfilter_new(&opts);
	long empty;

	CHECK(df);
	empty = heap.live;
	for (int i = 0; i < 30; i++) {
		struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
		struct dumpfilter_sink *sink = dumpfilter_sink_null(df);
		static uint64_t written[6];

		CHECK(sink);
		config.level = i % 2 ? 31 : 0;
		config.format = i % 3 == 2 ? DUMPFILTER_FORMAT_ELF : DUMPFILTER_FORMAT_KDUMP;
		config.codec = i % 3 ? DUMPFILTER_CODEC_NONE : DUMPFILTER_CODEC_ZLIB;
		config.threads = 1 + i % 2;
		CHECK_EQ(dumpfilter_configure(df, &config), 0);
		CHECK_EQ(i % 5 ? call_open_fd(df) : call_open(df), 0);
		if (i % 4 == 1)
			CHECK_EQ(dumpfilter_plan(df), 0);
		if (i % 7 != 3) {
			CHECK_EQ(dumpfilter_run(df, sink), 0);
			CHECK_EQ(dumpfilter_report(df, &report), 0);
			CHECK(!written[i % 6] || written[i % 6] == report.written_pages);
			CHECK_EQ(-dumpfilter_run(df, sink), -DUMPFILTER_E_SEQUENCE);
			written[i % 6] = report.written_pages;
		}
		dumpfilter_sink_free(sink);
		dumpfilter_close(df);
		if (i % 6 == 5)
			dumpfilter_close(df);
		CHECK_EQ(heap.live, empty);
	}
	dumpfilter_free(df);
	CHECK_EQ(heap.live, 0);
}

static void a_sink_takes_one_output(void)
{
	struct dumpfilter *df = in_state(OPEN), *other = in_state(OPEN);
	struct dumpfilter_sink *sink = dumpfilter_sink_null(df);

	CHECK_EQ(dumpfilter_run(df, sink), 0);
	dumpfilter_close(df);
	CHECK_EQ(call_open_fd(df), 0);
	CHECK_EQ(-dumpfilter_run(df, sink), -DUMPFILTER_E_SEQUENCE);
	CHECK_EQ(-dumpfilter_rearrange(df, fileno(file), NULL, sink), -DUMPFILTER_E_SEQUENCE);
	CHECK(!dumpfilter_sink_flat(df, sink));
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
	dumpfilter_free(other);
}

/* Pieces are those of the run that was: a split dump that came to nothing has left none. */
static void no_pieces_of_a_failure(void)
{
	struct dumpfilter *df = in_state(PLANNED);
	struct dumpfilter_sink *sinks[] = { dumpfilter_sink_null(df), dumpfilter_sink_null(df) };
	struct dumpfilter_sink *taken = dumpfilter_sink_flat(df, sinks[1]);
	struct dumpfilter_piece piece = DUMPFILTER_PIECE_INIT;

	CHECK_EQ(-dumpfilter_run_split(df, sinks, 2, NULL), -DUMPFILTER_E_SEQUENCE);
	CHECK_EQ(-dumpfilter_piece(df, 0, &piece), -DUMPFILTER_E_SEQUENCE);
	CHECK_EQ(call_run(df), 0);
	CHECK_EQ(-dumpfilter_piece(df, 0, &piece), -DUMPFILTER_E_INVAL);
	dumpfilter_sink_free(taken);
	dumpfilter_sink_free(sinks[0]);
	dumpfilter_sink_free(sinks[1]);
	dumpfilter_free(df);
}

int main(void)
{
	if (!states_begin())
		return EXIT_FAILURE;
	RUN(every_call_in_every_state);
	RUN(wrong_calls_change_nothing);
	RUN(one_context_many_dumps);
	RUN(a_sink_takes_one_output);
	RUN(no_pieces_of_a_failure);
	states_end();
	return T_END();
}
