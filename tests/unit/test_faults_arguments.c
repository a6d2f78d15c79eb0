/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Wrong arguments of every kind: an error code and a line of text, never a crash. */
#include "states.h"

static int run_once(struct dumpfilter *df)
{
	struct dumpfilter_sink *sink = dumpfilter_sink_null(df);
	int result;

	CHECK(sink);
	result = dumpfilter_run(df, sink);
	dumpfilter_sink_free(sink);
	return result;
}

static void null_arguments(void)
{
	struct dumpfilter *df = in_state(NEW);
	uint64_t count;

	CHECK_EQ(-dumpfilter_open(df, NULL, NULL), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_open_path(df, NULL, 0), -DUMPFILTER_E_INVAL);
	CHECK(dumpfilter_open_fd(df, -1, NULL, 0) < 0);
	CHECK(dumpfilter_errmsg(df)[0]);
	CHECK_EQ(-dumpfilter_configure(df, NULL), -DUMPFILTER_E_INVAL);
	CHECK(!dumpfilter_sink_path(df, NULL, 0));
	CHECK(!dumpfilter_sink_fd(df, -1, NULL));
	CHECK(!dumpfilter_sink_flat(df, NULL));
	CHECK(!dumpfilter_sink_custom(df, NULL, NULL));
	CHECK_EQ(-dumpfilter_rearrange(df, fileno(file), NULL, NULL), -DUMPFILTER_E_INVAL);
	dumpfilter_free(df);
	df = in_state(PLANNED);
	CHECK_EQ(-dumpfilter_image_info(df, NULL), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_report(df, NULL), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_fact_foreach(df, NULL, NULL), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_explain(df, NULL, NULL), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_plan_foreach(df, NULL, NULL), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_plan_count(df, 0, NULL), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_plan_kept(df, 0, NULL), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_plan_count(df, -1, &count), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_plan_count(df, DUMPFILTER_CLASS_COUNT, &count), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_plan_kept(df, -1, &count), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_plan_kept(df, 32, &count), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_dmesg(df, NULL, NULL), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_estimate(df, NULL, NULL), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_translate(df, 0, NULL), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_run(df, NULL), -DUMPFILTER_E_INVAL);
	CHECK_EQ(run_once(df), 0); /* nothing of that used the run up */
	dumpfilter_free(df);
	df = in_state(OPEN);
	CHECK_EQ(-dumpfilter_add_vmcoreinfo(df, NULL, 5), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_add_vmcoreinfo(df, "", 0), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_add_vmlinux(df, NULL, 0), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_add_vmlinux(df, "x", 1), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_write_vmcoreinfo(df, NULL, NULL), -DUMPFILTER_E_INVAL);
	CHECK_EQ(-dumpfilter_add_vmcoreinfo(df, "x", (size_t)1 << 40), -DUMPFILTER_E_INVAL);
	dumpfilter_free(df);
	dumpfilter_free(NULL);
}

static void strange_numbers(void)
{
	struct dumpfilter *df = in_state(NEW);

	for (int i = 0; i < 12; i++) {
		struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
		static const int odd[] = { -1, 32, 1 << 30, -2147483647 - 1 };

		*(i < 4 ? &config.level : i < 8 ? &config.format : &config.codec) = odd[i % 4];
		CHECK_EQ(-dumpfilter_configure(df, &config), -DUMPFILTER_E_INVAL);
		CHECK(dumpfilter_errmsg(df)[0]);
		CHECK(!dumpfilter_codec_name(odd[i % 4]));
		CHECK(!dumpfilter_codec_available(odd[i % 4]));
	}
	for (unsigned bit = 1; bit < 32; bit++) {
		struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;

		config.flags = DUMPFILTER_EXCLUDE_VMEMMAP | 1u << bit;
		CHECK_EQ(-dumpfilter_configure(df, &config), -DUMPFILTER_E_INVAL);
		CHECK_HAS(dumpfilter_errmsg(df), "flags");
	}
	for (int result = -100; result < 100; result++)
		CHECK(dumpfilter_strerror(result)[0]);
	dumpfilter_free(df);
}

static void many_threads(void)
{
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = in_state(OPEN);

	config.threads = UINT32_MAX;
	config.memory_limit = 64 << 20; /* too little for as many as there may be */
	CHECK_EQ(dumpfilter_configure(df, &config), 0);
	for (int i = 0; i < 2; i++) {
		int result = run_once(df);

		CHECK(result == 0 || (result == DUMPFILTER_E_NOMEM && i == 0));
		if (result == 0)
			break;
		config.threads = 2;
		CHECK_EQ(dumpfilter_configure(df, &config), 0);
	}
	dumpfilter_free(df);
}

int main(void)
{
	if (!states_begin())
		return EXIT_FAILURE;
	RUN(null_arguments);
	RUN(strange_numbers);
	RUN(many_threads);
	states_end();
	return T_END();
}
