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

void df_window_fini(struct df_window *window)
{
	if (window->mapped)
		munmap(window->base, window->capacity);
	else if (window->base)
		df_free(window->source->env, window->base);
	window->base = NULL;
	window->mapped = false;
	window->capacity = window->length = 0;
}

static bool holds(const struct df_window *window, uint64_t offset, size_t length)
{
	return window->base && offset >= window->start && offset - window->start <= window->length &&
	       length <= window->length - (offset - window->start);
}

/* Bytes the file has now: what lies behind the end of a file that shrank since it was opened would be SIGBUS. */
static uint64_t length_now(const struct df_source *source)
{
	struct stat st;

	if (fstat(source->fd, &st) || st.st_size < 0)
		return 0;
	return (uint64_t)st.st_size < source->length ? (uint64_t)st.st_size : source->length;
}

/* Map around the request.  0 with map_failed set: read instead. */
static int map(struct df_window *window, uint64_t offset, size_t length, struct df_err *err)
{
	uint64_t start = offset / STEP * STEP, end = length_now(window->source);
	size_t size;
	void *mapping;

	df_window_fini(window);
	if (offset > end || length > end - offset)
		return df_source_truncated(window->source, offset, length, end, err);
	size = (size_t)(end - start < MAP_MAX ? end - start : MAP_MAX);
	mapping = mmap(NULL, size, PROT_READ, MAP_PRIVATE, window->source->fd, (off_t)start);
	if (mapping == MAP_FAILED) {
		window->map_failed = true; /* the kernel of the crash may not do it for /proc/vmcore (before 3.11) */
		return 0;
	}
	window->base = mapping;
	window->mapped = true;
	window->start = start;
	window->length = window->capacity = size;
	return 0;
}

/* Just what is asked for: what lies around it may be memory that must not be touched (poisoned, not accepted). */
static int fill(struct df_window *window, uint64_t offset, size_t length, struct df_err *err)
{
	int result = df_source_read(window->source, offset, window->base, length, err);

	window->start = offset;
	window->length = result ? 0 : length;
	return result;
}

static int buffer(struct df_window *window, struct df_err *err)
{
	if (window->base)
		return 0;
	window->base = df_alloc(window->source->env, window->most);
	if (!window->base)
		return df_err_nomem(err, window->source->env, "a read buffer", window->most);
	window->capacity = window->most;
	return 0;
}

int df_window_init(struct df_window *window, const struct df_source *source, size_t most)
{
	struct df_err ignored;

	*window = (struct df_window){ .source = source, .most = most };
	return source->can_map ? 0 : buffer(window, &ignored);
}

void df_window_switch(struct df_window *window, const struct df_source *source)
{
	window->source = source;
	window->length = 0;
}

static int move(struct df_window *window, uint64_t offset, size_t length, struct df_err *err)
{
	int result = df_source_check(window->source, offset, length, err);

	if (!result && length > window->most)
		result = df_err_set(err, DUMPFILTER_E_INVAL, "%s: %zu bytes are too many for a window",
				    window->source->name, length);
	if (!result && window->source->can_map && !window->map_failed) {
		result = map(window, offset, length, err);
		if (result || window->mapped)
			return result;
	}
	if (!result)
		result = buffer(window, err);
	return result ? result : fill(window, offset, length, err);
}

/* Have the kernel map all pages of a request at once: a fault for each costs more.  It also finds out what cannot be
 * read (a bad sector, a file that shrank), which would be SIGBUS later: then this window reads from now on.  Mappings
 * of /proc/vmcore are complete from the beginning and refuse (EINVAL), as kernels before 5.14 do. */
static int populate(struct df_window *window, uint64_t offset, size_t length, struct df_err *err)
{
	uintptr_t at = (uintptr_t)(window->base + (offset - window->start)), first = at & ~(PAGE - 1);

	if (!window->mapped || window->no_populate || length < POPULATE_MIN)
		return 0;
	if (!madvise((void *)first, (at + length - first + PAGE - 1) & ~(PAGE - 1), MADV_POPULATE_READ))
		return 0;
	if (errno == EINVAL || errno == ENOSYS) {
		window->no_populate = true;
		return 0;
	}
	window->map_failed = true;
	df_window_fini(window);
	return move(window, offset, length, err);
}

const uint8_t *df_window_get(struct df_window *window, uint64_t offset, size_t length, struct df_err *err)
{
	static const uint8_t nothing[1];

	if (!length)
		return nothing;
	if (!holds(window, offset, length) && move(window, offset, length, err))
		return NULL;
	if (populate(window, offset, length, err))
		return NULL;
	return window->base + (offset - window->start);
}
