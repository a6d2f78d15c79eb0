/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/source_impl.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Mappings begin at a multiple of STEP (and so of any page size) and reach DF_WINDOW_MAX over the next one: every
 * request fits the mapping that its offset begins in. */
#define STEP    (UINT64_C(2) << 20)
#define MAP_MAX (STEP + DF_WINDOW_MAX)

#define PAGE         ((uintptr_t)4096) /* the smallest; larger ones are aligned to it as well, and rounded by the kernel */
#define POPULATE_MIN ((size_t)3 * 4096)

void df_window_fini(struct df_window *w)
{
	if (w->mapped)
		munmap(w->base, w->capacity);
	else if (w->base)
		df_free(w->source->env, w->base);
	w->base = NULL;
	w->mapped = false;
	w->capacity = w->len = 0;
}

static bool holds(const struct df_window *w, uint64_t offset, size_t len)
{
	return w->base && offset >= w->start && offset - w->start <= w->len && len <= w->len - (offset - w->start);
}

/* Bytes the file has now: what lies behind the end of a file that shrank since it was opened would be SIGBUS. */
static uint64_t length_now(const struct df_source *s)
{
	struct stat st;

	if (fstat(s->fd, &st) || st.st_size < 0)
		return 0;
	return (uint64_t)st.st_size < s->length ? (uint64_t)st.st_size : s->length;
}

/* Map around the request.  0 with map_failed set: read instead. */
static int map(struct df_window *w, uint64_t offset, size_t len, struct df_err *err)
{
	uint64_t start = offset / STEP * STEP, end = length_now(w->source);
	size_t size;
	void *p;

	df_window_fini(w);
	if (offset > end || len > end - offset)
		return df_source_truncated(w->source, offset, len, end, err);
	size = (size_t)(end - start < MAP_MAX ? end - start : MAP_MAX);
	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, w->source->fd, (off_t)start);
	if (p == MAP_FAILED) {
		w->map_failed = true; /* the kernel of the crash may not do it for /proc/vmcore (before 3.11) */
		return 0;
	}
	w->base = p;
	w->mapped = true;
	w->start = start;
	w->len = w->capacity = size;
	return 0;
}

/* Just what is asked for: what lies around it may be memory that must not be touched (poisoned, not accepted). */
static int fill(struct df_window *w, uint64_t offset, size_t len, struct df_err *err)
{
	int r = df_source_read(w->source, offset, w->base, len, err);

	w->start = offset;
	w->len = r ? 0 : len;
	return r;
}

static int buffer(struct df_window *w, struct df_err *err)
{
	if (w->base)
		return 0;
	w->base = df_alloc(w->source->env, w->most);
	if (!w->base)
		return df_err_nomem(err, w->source->env, "a read buffer", w->most);
	w->capacity = w->most;
	return 0;
}

int df_window_init(struct df_window *w, const struct df_source *s, size_t most)
{
	struct df_err ignored;

	*w = (struct df_window){ .source = s, .most = most };
	return s->can_map ? 0 : buffer(w, &ignored);
}

void df_window_switch(struct df_window *w, const struct df_source *s)
{
	w->source = s;
	w->len = 0;
}

static int move(struct df_window *w, uint64_t offset, size_t len, struct df_err *err)
{
	int r = df_source_check(w->source, offset, len, err);

	if (!r && len > w->most)
		r = df_err_set(err, DUMPFILTER_E_INVAL, "%s: %zu bytes are too many for a window", w->source->name,
			       len);
	if (!r && w->source->can_map && !w->map_failed) {
		r = map(w, offset, len, err);
		if (r || w->mapped)
			return r;
	}
	if (!r)
		r = buffer(w, err);
	return r ? r : fill(w, offset, len, err);
}

/* Have the kernel map all pages of a request at once: a fault for each costs more.  It also finds out what cannot be
 * read (a bad sector, a file that shrank), which would be SIGBUS later: then this window reads from now on.  Mappings
 * of /proc/vmcore are complete from the beginning and refuse (EINVAL), as kernels before 5.14 do. */
static int populate(struct df_window *w, uint64_t offset, size_t len, struct df_err *err)
{
	uintptr_t at = (uintptr_t)(w->base + (offset - w->start)), first = at & ~(PAGE - 1);

	if (!w->mapped || w->no_populate || len < POPULATE_MIN)
		return 0;
	if (!madvise((void *)first, (at + len - first + PAGE - 1) & ~(PAGE - 1), MADV_POPULATE_READ))
		return 0;
	if (errno == EINVAL || errno == ENOSYS) {
		w->no_populate = true;
		return 0;
	}
	w->map_failed = true;
	df_window_fini(w);
	return move(w, offset, len, err);
}

const uint8_t *df_window_get(struct df_window *w, uint64_t offset, size_t len, struct df_err *err)
{
	static const uint8_t nothing[1];

	if (!len)
		return nothing;
	if (!holds(w, offset, len) && move(w, offset, len, err))
		return NULL;
	if (populate(w, offset, len, err))
		return NULL;
	return w->base + (offset - w->start);
}
