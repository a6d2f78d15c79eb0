/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipe/workers.h"

#include "base/pool.h"

static int init_one(struct df_pipe_worker *w, const struct df_pipe *p, struct df_err *err)
{
	int r = df_reader_init(&w->reader, p->image, DF_WINDOW_COPY, err);
	size_t page = (size_t)1 << p->page_shift;

	if (r < 0 || !p->codec)
		return r;
	if (p->codec->beside) {
		size_t beside = p->codec->beside(p->codec_level, page);

		if (!df_charge(p->env, beside))
			return df_err_nomem(err, p->env, p->codec->name, beside);
		w->beside = beside;
	}
	w->codec_state = p->codec->state_new(p->env, p->codec_level, page);
	return w->codec_state ? 0 : df_err_nomem(err, p->env, p->codec->name, 0);
}

int df_pipe_workers_init(struct df_pipe_workers *w, const struct df_pipe *p, struct df_err *err)
{
	int r = 0;

	*w = (struct df_pipe_workers){ .p = p, .n = p->threads ? p->threads : 1 };
	w->nslots = df_pool_slots(w->n);
	w->v = df_alloc_array(p->env, w->n, sizeof *w->v);
	if (!w->v)
		return df_err_nomem(err, p->env, "workers", w->n * sizeof *w->v);
	for (unsigned i = 0; !r && i < w->n; i++)
		r = init_one(&w->v[i], p, err);
	if (r < 0)
		df_pipe_workers_fini(w);
	return r;
}

void df_pipe_workers_fini(struct df_pipe_workers *w)
{
	for (unsigned i = 0; w->v && i < w->n; i++) {
		df_reader_fini(&w->v[i].reader);
		if (w->v[i].codec_state)
			w->p->codec->state_free(w->p->env, w->v[i].codec_state);
		df_discharge(w->p->env, w->v[i].beside);
	}
	if (w->p)
		df_free(w->p->env, w->v);
	w->v = NULL;
}
