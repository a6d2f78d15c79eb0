/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Split dumps in memory, and a reader of its own that compares pieces with the dump in one file. */
#ifndef TESTS_UNIT_SPLITSET_H
#define TESTS_UNIT_SPLITSET_H

#include "refilter.h"

#include <pthread.h>

#define SS_MAX 8

struct ss_piece {
	struct memory file;
	uint64_t room;  /* bytes that fit; 0 = any number */
	int finished;   /* calls, */
	int result;     /* and what the last one was told */
	unsigned wrong; /* a byte came twice where that was not allowed */
};

struct ss_set {
	struct ss_piece pieces[SS_MAX];
	struct dumpfilter_piece seen[SS_MAX];
	unsigned count;
};

struct ss_how {
	struct rf_how how; /* flat: each piece is a flattened stream */
	unsigned count, caps;
	uint64_t block;
	unsigned flags; /* DUMPFILTER_COPY_ALL … */
	unsigned long cancel_at;
	void *(*alloc)(void *user, size_t bytes);
	void (*release)(void *user, void *ptr);
	void *heap;
};

static inline void ss_free(struct ss_set *set)
{
	for (unsigned i = 0; i < SS_MAX; i++)
		memory_free(&set->pieces[i].file);
	*set = (struct ss_set){ 0 };
}

/* A disk of p->room bytes that takes what fits. */
static inline int ss_write(void *user, uint64_t offset, const void *buffer, size_t length)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct ss_piece *piece = user;
	size_t fits = length;
	int result;

	if (piece->room && offset + length > piece->room)
		fits = offset < piece->room ? (size_t)(piece->room - offset) : 0;
	pthread_mutex_lock(&lock);
	result = fits ? memory_write(&piece->file, offset, buffer, fits) : 0;
	pthread_mutex_unlock(&lock);
	return result ? result : fits < length ? -ENOSPC : 0;
}

static inline int ss_finish(void *user, int result)
{
	struct ss_piece *piece = user;

	piece->finished++;
	piece->result = result;
	return 0;
}

struct ss_cancel {
	struct dumpfilter *df;
	unsigned long at, calls;
};

static inline void ss_progress(void *user, const struct dumpfilter_progress *progress)
{
	struct ss_cancel *cancel = user;

	(void)progress;
	if (++cancel->calls == cancel->at)
		dumpfilter_cancel(cancel->df);
}

static inline int ss_write_pieces(struct dumpfilter *df, const struct ss_how *how, struct ss_set *set)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = ss_write, .finish = ss_finish, .name = "disk" };
	struct dumpfilter_split_opts opts = DUMPFILTER_SPLIT_OPTS_INIT;
	struct dumpfilter_sink *inner[SS_MAX] = { 0 }, *sinks[SS_MAX] = { 0 };
	int result = 0;

	opts.block_bytes = how->block;
	ops.caps = how->how.flat ? 0 : how->caps ? how->caps : DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE;
	set->count = how->count;
	for (unsigned i = 0; i < how->count; i++) {
		inner[i] = dumpfilter_sink_custom(df, &ops, &set->pieces[i]);
		sinks[i] = how->how.flat && inner[i] ? dumpfilter_sink_flat(df, inner[i]) : inner[i];
		if (!sinks[i])
			result = DUMPFILTER_E_NOMEM;
	}
	if (!result)
		result = dumpfilter_run_split(df, sinks, how->count, &opts);
	for (unsigned i = 0; i < how->count; i++) {
		if (sinks[i] != inner[i])
			dumpfilter_sink_free(sinks[i]);
		dumpfilter_sink_free(inner[i]);
	}
	return result;
}

static inline int ss_configure(struct dumpfilter *df, const struct ss_how *how)
{
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;

	config.level = how->how.level;
	config.format = how->how.format;
	config.codec = how->how.codec;
	config.threads = how->how.threads ? how->how.threads : 1;
	config.flags = how->flags;
	return dumpfilter_configure(df, &config);
}

static inline struct dumpfilter *ss_new(const struct ss_how *how)
{
	struct dumpfilter_new_opts options = DUMPFILTER_NEW_OPTS_INIT;

	options.alloc = how->alloc;
	options.free = how->release;
	options.alloc_user = how->heap;
	return dumpfilter_new(&options);
}

/* in split into how->n pieces. */
static inline int ss_split(const struct memory *memory, const struct ss_how *how, struct ss_set *set,
			   struct rf_seen *seen)
{
	struct dumpfilter_source_ops source = memory_source(memory, "input");
	struct dumpfilter *df = ss_new(how);
	struct ss_cancel cancel = { df, how->cancel_at, 0 };

	*seen = (struct rf_seen){ .result = DUMPFILTER_E_NOMEM };
	if (!df)
		return seen->result;
	dumpfilter_set_log(df, rf_log, seen, DUMPFILTER_LOG_WARN);
	dumpfilter_set_progress(df, ss_progress, &cancel);
	seen->opened = seen->result = dumpfilter_open(df, &source, (void *)(uintptr_t)memory);
	if (!seen->result)
		seen->result = ss_configure(df, how);
	if (!seen->result)
		seen->result = ss_write_pieces(df, how, set);
	snprintf(seen->text, sizeof seen->text, "%s", dumpfilter_errmsg(df));
	seen->report = (struct dumpfilter_report)DUMPFILTER_REPORT_INIT;
	dumpfilter_report(df, &seen->report);
	for (unsigned i = 0; i < how->count; i++) {
		set->seen[i] = (struct dumpfilter_piece)DUMPFILTER_PIECE_INIT;
		dumpfilter_piece(df, i, &set->seen[i]);
	}
	dumpfilter_free(df);
	return seen->result;
}

/* A dump of the set, its files in the order of order[] (NULL: as they are). */
static inline int ss_dump(const struct ss_set *set, const unsigned *order, const struct ss_how *how,
			  struct memory *memory, struct rf_seen *seen)
{
	const struct dumpfilter_source_ops *ops[SS_MAX];
	struct dumpfilter_source_ops source[SS_MAX];
	struct dumpfilter *df = ss_new(how);
	char name[SS_MAX][24];
	void *user[SS_MAX];

	memory_free(memory);
	*seen = (struct rf_seen){ .result = DUMPFILTER_E_NOMEM };
	if (!df)
		return seen->result;
	for (unsigned i = 0; i < set->count; i++) {
		unsigned index = order ? order[i] : i;

		snprintf(name[i], sizeof name[i], "piece %u", index);
		source[i] = memory_source(&set->pieces[index].file, name[i]);
		ops[i] = &source[i];
		user[i] = (void *)(uintptr_t)&set->pieces[index].file;
	}
	dumpfilter_set_log(df, rf_log, seen, DUMPFILTER_LOG_WARN);
	seen->opened = seen->result = dumpfilter_open_pieces(df, ops, user, set->count);
	if (!seen->result)
		seen->result = ss_configure(df, how);
	if (!seen->result)
		rf_run(df, &how->how, memory, seen);
	else
		snprintf(seen->text, sizeof seen->text, "%s", dumpfilter_errmsg(df));
	dumpfilter_free(df);
	return seen->result;
}

/* ---- the reader: 64-bit files */

struct ss_head {
	const struct memory *memory;
	bool big_endian;
	uint32_t status, block, split;
	uint64_t max_mapnr, start, end, bitmap1, bitmap2, desc, data, pages;
};

static inline uint64_t ss_get(const struct ss_head *head, uint64_t at, unsigned width)
{
	uint64_t value = 0;

	if (at + width > head->memory->size)
		T_FAIL("%u bytes at %" PRIu64 " of a file of %zu", width, at, head->memory->size);
	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)head->memory->data[at + (head->big_endian ? width - 1 - i : i)] << 8 * i;
	return value;
}

static inline bool ss_bit(const struct ss_head *head, uint64_t map, uint64_t pfn)
{
	return head->memory->data[map + pfn / 8] >> pfn % 8 & 1;
}

static inline struct ss_head ss_head(const struct memory *memory)
{
	struct ss_head head = { .memory = memory };
	uint64_t half;

	CHECK(memory->size > 8192 && !memcmp(memory->data, "KDUMP   ", 8));
	head.big_endian = !memory->data[8]; /* version 6 */
	head.status = (uint32_t)ss_get(&head, 424, 4);
	head.block = (uint32_t)ss_get(&head, 428, 4);
	half = ss_get(&head, 436, 4) / 2 * head.block;
	head.split = (uint32_t)ss_get(&head, head.block + 12, 4);
	head.start = ss_get(&head, head.block + 80, 8);
	head.end = ss_get(&head, head.block + 88, 8);
	head.max_mapnr = ss_get(&head, head.block + 96, 8);
	head.bitmap1 = (1 + ss_get(&head, 432, 4)) * head.block;
	head.bitmap2 = head.bitmap1 + half;
	head.desc = head.bitmap2 + half;
	CHECK(head.desc <= memory->size);
	for (uint64_t pfn = 0; pfn < head.max_mapnr; pfn++)
		head.pages += ss_bit(&head, head.bitmap2, pfn);
	head.data = head.desc + 24 * head.pages;
	return head;
}

/* Everything before the index is that of the whole dump, but for the range, and, where that may be, the mark. */
static inline void ss_same_head(const struct ss_head *whole, const struct ss_head *piece, bool marked)
{
	uint8_t *a = malloc(whole->desc), *bytes = malloc(whole->desc);
	bool same;

	CHECK_EQ(piece->desc, whole->desc);
	memcpy(a, whole->memory->data, whole->desc);
	memcpy(bytes, piece->memory->data, whole->desc);
	for (unsigned i = 12; i < 32; i++)
		a[whole->block + i] = bytes[whole->block + i] = 0;
	for (unsigned i = 80; i < 96; i++)
		a[whole->block + i] = bytes[whole->block + i] = 0;
	for (unsigned i = 64; i < 80; i++) /* where the text about erased data is */
		a[whole->block + i] = bytes[whole->block + i] = 0;
	if (marked)
		a[424 + 3 * whole->big_endian] |= 8;
	same = !memcmp(a, bytes, whole->desc);
	free(a);
	free(bytes);
	CHECK(same);
	CHECK_EQ(piece->split, 1);
	CHECK_EQ(ss_get(piece, piece->block + 16, 8), piece->start);
	CHECK_EQ(ss_get(piece, piece->block + 24, 8), piece->end);
}

/* Pages of a piece are those of the whole dump: the same bytes, or where lost may be, nothing.  Pages that it has. */
static inline uint64_t ss_same_pages(const struct ss_head *whole, const struct ss_head *piece, bool lost)
{
	uint64_t index = 0, own = 0, there = 0, data = whole->data;

	for (uint64_t pfn = 0; pfn < piece->end; pfn++) {
		uint64_t word = whole->desc + 24 * index, p = piece->desc + 24 * own, at, from;
		size_t size;

		if (!ss_bit(whole, whole->bitmap2, pfn))
			continue;
		index++;
		if (pfn < piece->start)
			continue;
		own++;
		from = ss_get(whole, word, 8);
		size = (size_t)ss_get(whole, word + 8, 4);
		at = p + 24 <= piece->memory->size ? ss_get(piece, p, 8) : 0;
		if (!at && lost)
			continue;
		if (at < data || at + size > piece->memory->size)
			T_FAIL("pfn %#" PRIx64 ": data at %" PRIu64, pfn, at);
		CHECK(!memcmp(whole->memory->data + word + 8, piece->memory->data + p + 8, 16));
		CHECK((from == data) == (at == data) ||
		      !(whole->memory->data[whole->block + 8 + 3 * whole->big_endian] & 1));
		if (memcmp(whole->memory->data + from, piece->memory->data + at, size))
			T_FAIL("pfn %#" PRIx64 " has other bytes", pfn);
		there++;
	}
	for (uint64_t at = piece->desc + 24 * own; at < data && at < piece->memory->size; at++)
		CHECK(!piece->memory->data[at]);
	return there;
}

/* The set is the whole dump.  Pages that are there. */
static inline uint64_t ss_check(const struct memory *memory, const struct ss_set *set, uint64_t granule, bool marked)
{
	struct ss_head whole = ss_head(memory);
	uint64_t at = 0, there = 0;

	for (unsigned i = 0; i < set->count; i++) {
		struct ss_head head = ss_head(&set->pieces[i].file);

		ss_same_head(&whole, &head, marked);
		if (memcmp(set->pieces[0].file.data, set->pieces[i].file.data, 464))
			T_FAIL("main header of piece %u differs", i);
		CHECK_EQ(head.start, at);
		CHECK(head.start % granule == 0 || head.start == head.max_mapnr);
		CHECK_EQ(set->seen[i].start_pfn, head.start);
		CHECK_EQ(set->seen[i].end_pfn, head.end);
		at = head.end;
		there += ss_same_pages(&whole, &head, marked);
	}
	CHECK_EQ(at, whole.max_mapnr);
	return there;
}

#endif
