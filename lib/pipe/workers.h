/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The threads' own readers and codec states, for the copying and the looking for zeros. */
#ifndef DF_PIPE_WORKERS_H
#define DF_PIPE_WORKERS_H

#include "pipe/pipe.h"

/* What one thread needs to read and pack pages. */
struct df_pipe_worker {
	struct df_reader reader;
	void *codec_state;
	size_t beside; /* what the codec allocates by itself, counted */
};

/* All of them: as many as memory and threads allow.  Owned by who runs the pipe or the sieve. */
struct df_pipe_workers {
	const struct df_pipe *pipe;
	struct df_pipe_worker *worker;
	unsigned count;
	unsigned nslots; /* items under way: more than workers, so that nobody waits for the one that is due */
};

int df_pipe_workers_init(struct df_pipe_workers *workers, const struct df_pipe *pipe, struct df_err *err);
void df_pipe_workers_fini(struct df_pipe_workers *workers); /* also of a zeroed struct */

#endif
