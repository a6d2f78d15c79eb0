/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/env.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In front of each block: its size, padded so that the block keeps malloc's alignment. */
struct block {
	_Alignas(max_align_t) size_t bytes;
};

bool df_charge(struct df_env *env, size_t bytes)
{
	size_t limit = atomic_load(&env->mem_limit);
	size_t used = atomic_fetch_add(&env->mem_used, bytes) + bytes;
	size_t peak = atomic_load(&env->mem_peak);

	if (limit && used > limit) {
		atomic_fetch_sub(&env->mem_used, bytes);
		return false;
	}
	while (used > peak && !atomic_compare_exchange_weak(&env->mem_peak, &peak, used))
		;
	return true;
}

void df_discharge(struct df_env *env, size_t bytes)
{
	atomic_fetch_sub(&env->mem_used, bytes);
}

struct df_measure df_measure_begin(struct df_env *env)
{
	struct df_measure measure = { atomic_load(&env->mem_limit), atomic_load(&env->mem_peak) };

	atomic_store(&env->mem_limit, 0);
	atomic_store(&env->mem_peak, atomic_load(&env->mem_used));
	return measure;
}

size_t df_measure_end(struct df_env *env, struct df_measure measure)
{
	size_t peak = atomic_load(&env->mem_peak);

	atomic_store(&env->mem_limit, measure.limit);
	atomic_store(&env->mem_peak, measure.peak);
	return peak;
}

/* Zeroed.  calloc leaves memory alone that nobody has used yet: what is not touched later takes none. */
static struct block *raw_alloc(struct df_env *env, size_t bytes)
{
	struct block *block;

	if (!env->alloc)
		return calloc(1, bytes);
	block = env->alloc(env->alloc_user, bytes);
	if (block)
		memset(block, 0, bytes);
	return block;
}

void *df_alloc(struct df_env *env, size_t bytes)
{
	struct block *block;

	if (bytes > SIZE_MAX / 2 || !df_charge(env, bytes + sizeof *block))
		return NULL;
	block = raw_alloc(env, bytes + sizeof *block);
	if (!block) {
		df_discharge(env, bytes + sizeof *block);
		return NULL;
	}
	block->bytes = bytes;
	return block + 1;
}

void *df_alloc_array(struct df_env *env, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / 2 / size)
		return NULL;
	return df_alloc(env, count * size);
}

void df_free(struct df_env *env, void *ptr)
{
	struct block *block = ptr;

	if (!ptr)
		return;
	block--;
	df_discharge(env, block->bytes + sizeof *block);
	if (env->release)
		env->release(env->alloc_user, block);
	else
		free(block);
}

bool df_grow(struct df_env *env, void **arr, size_t *cap, size_t need, size_t size)
{
	size_t want = *cap ? *cap : 16;
	void *grown;

	if (need <= *cap)
		return true;
	while (want < need) {
		if (want > SIZE_MAX / 2)
			return false;
		want *= 2;
	}
	grown = df_alloc_array(env, want, size);
	if (!grown)
		return false;
	if (*arr)
		memcpy(grown, *arr, *cap * size);
	df_free(env, *arr);
	*arr = grown;
	*cap = want;
	return true;
}

int df_err_nomem(struct df_err *err, struct df_env *env, const char *what, size_t bytes)
{
	size_t limit = atomic_load(&env->mem_limit);

	if (!bytes)
		return df_err_set(err, DUMPFILTER_E_NOMEM, "no memory for %s (%zu bytes in use, limit %zu)", what,
				  atomic_load(&env->mem_used), limit);
	if (limit)
		return df_err_set(err, DUMPFILTER_E_NOMEM,
				  "no memory for %s: %zu bytes more than the limit of %zu leaves (%zu in use)", what,
				  bytes, limit, atomic_load(&env->mem_used));
	return df_err_set(err, DUMPFILTER_E_NOMEM, "no memory for %s: %zu bytes", what, bytes);
}

void df_log(struct df_env *env, int level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	if (!env->log_fn || level > env->log_max)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	env->log_fn(env->log_user, level, line);
}

void df_progress(struct df_env *env, const struct dumpfilter_progress *progress)
{
	if (env->progress_fn)
		env->progress_fn(env->progress_user, progress);
}
