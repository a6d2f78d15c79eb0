/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A context in every state that it can be in. */
#ifndef TESTS_UNIT_STATES_H
#define TESTS_UNIT_STATES_H

#include "faults.h"
#include "memory.h"
#include "t.h"

#include <errno.h>

static struct fi_image img;
static struct memory image; /* the same as a source */
static FILE *file;          /* and as a file */

enum state { NEW, OPEN, PLANNED, FAILED_PLAN, DONE, CLOSED, STATES };

static inline void cancel_plan(void *user, const struct dumpfilter_progress *progress)
{
	(void)progress;
	dumpfilter_cancel(user);
}

static inline struct dumpfilter *in_state(enum state state)
{
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sink = dumpfilter_sink_null(df);

	CHECK(df && sink);
	config.level = 31;
	config.threads = 1;
	CHECK_EQ(dumpfilter_configure(df, &config), 0);
	if (state != NEW)
		CHECK_EQ(dumpfilter_open_fd(df, fileno(file), "image", 0), 0);
	if (state == PLANNED)
		CHECK_EQ(dumpfilter_plan(df), 0);
	if (state == FAILED_PLAN) {
		dumpfilter_set_progress(df, cancel_plan, df);
		CHECK_EQ(-dumpfilter_plan(df), -DUMPFILTER_E_CANCELLED);
		dumpfilter_set_progress(df, NULL, NULL);
	}
	if (state >= DONE)
		CHECK_EQ(dumpfilter_run(df, sink), 0);
	if (state == CLOSED)
		dumpfilter_close(df);
	dumpfilter_sink_free(sink);
	return df;
}

/* Make image and file; false: said why not. */
static inline bool states_begin(void)
{
	const char *bad = fi_image_build(&img, fi_tiny, NULL);

	image = (struct memory){ img.built.data, img.built.size, 0 };
	file = tmpfile();
	if (!bad && file && fwrite(img.built.data, 1, img.built.size, file) == img.built.size && !fflush(file))
		return true;
	printf("not ok - image: %s\n", bad ? bad : strerror(errno));
	return false;
}

static inline void states_end(void)
{
	fclose(file);
	fi_image_free(&img);
}

#endif
