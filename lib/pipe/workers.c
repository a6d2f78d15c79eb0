/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipe/workers.h"

#include "base/pool.h"

static int init_one(struct df_pipe_worker *worker, const struct df_pipe *pipe, struct df_err *err)
{
	int result = df_reader_init(&worker->reader, pipe->image, DF_WINDOW_COPY, err);
	size_t page = (size_t)1 << pipe->page_shift;

	if (result < 0 || !pipe->codec)
		return result;
	if (pipe->codec->beside) {
		size_t beside = pipe->codec->beside(pipe->codec_level, page);

		if (!df_charge(pipe->env, beside))
			return df_err_nomem(err, pipe->env, pipe->codec->name, beside);
		worker->beside = beside;
	}
	worker->codec_state = pipe->codec->state_new(pipe->env, pipe->codec_level, page);
	return worker->codec_state ? 0 : df_err_nomem(err, pipe->env, pipe->codec->name, 0);
}

int df_pipe_workers_init(struct df_pipe_workers *workers, const struct df_pipe *pipe, struct df_err *err)
{
	int result = 0;

	*workers = (struct df_pipe_workers){ .pipe = pipe, .count = pipe->threads ? pipe->threads : 1 };
	workers->nslots = df_pool_slots(workers->count);
	workers->worker = df_alloc_array(pipe->env, workers->count, sizeof *workers->worker);
	if (!workers->worker)
		return df_err_nomem(err, pipe->env, "workers", workers->count * sizeof *workers->worker);
	for (unsigned i = 0; !result && i < workers->count; i++)
		result = init_one(&workers->worker[i], pipe, err);
	if (result < 0)
		df_pipe_workers_fini(workers);
	return result;
}

void df_pipe_workers_fini(struct df_pipe_workers *workers)
{
	for (unsigned i = 0; workers->worker && i < workers->count; i++) {
		df_reader_fini(&workers->worker[i].reader);
		if (workers->worker[i].codec_state)
			workers->pipe->codec->state_free(workers->pipe->env, workers->worker[i].codec_state);
		df_discharge(workers->pipe->env, workers->worker[i].beside);
	}
	if (workers->pipe)
		df_free(workers->pipe->env, workers->worker);
	workers->worker = NULL;
}
