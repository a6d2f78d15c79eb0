/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of plant share. */
#ifndef LAB_PLANT_H
#define LAB_PLANT_H

#define _GNU_SOURCE
#include <stdint.h>
#include <sys/mman.h>

#define PAGE         4096UL
#define HUGE         (2UL << 20)
#define ANON         (MAP_PRIVATE | MAP_ANONYMOUS)
#define THP_SETTINGS "/sys/kernel/mm/transparent_hugepage/"

enum kind {
	K_ANON,
	K_ZERO,
	K_LOCKED,
	K_THP,
	K_SPLIT,
	K_MTHP,
	K_HUGETLB,
	K_POOL,
	K_SHARED,
	K_KSM,
	K_SWAPCACHE,
	K_COW,
	K_TMPFS,
	K_SHMEMTHP,
	K_SECRET,
	K_CLEAN,
	K_DIRTY,
	K_POISON,
	K_FREED,
	K_PIPE,
	K_NR
};

/* role: what a filter must make of it; see ../check.py */
struct kind_row {
	const char *tag, *role, *what;
};
extern const struct kind_row kinds[K_NR];

struct entry {
	uint64_t frame;
	uint32_t seq;
	uint16_t kind, zero;
};

/* Memory that is still mapped when the records are made: where its pages are is asked then. */
struct area {
	char *text;
	size_t pages;
	uint32_t seq;
	enum kind kind;
	struct area *next;
};

extern struct area *areas;
extern int scale;
extern uint64_t frames;    /* one past the last of System RAM */
extern struct entry *gone; /* of memory that was unmapped on purpose */
extern size_t gone_count;

/* ---- pages.c: the guest's files, memory, pages that are filled and remembered ---- */

void say(const char *format, ...);
void die(const char *what);
int put(const char *path, const char *text);
/* The first number after key, or in the file; -1 where there is none. */
long get(const char *path, const char *key);
size_t scaled(size_t pages);
char *map(size_t bytes, int flags);
/* Anonymous memory at a boundary of 2 MiB, of huge pages where the kernel has them. */
char *map_huge(size_t bytes);
char *map_small(size_t pages);
void fill(void *page, enum kind kind, uint32_t seq);
void keep(char *text, size_t pages, enum kind kind, uint32_t seq);
void fill_all(char *text, size_t pages, enum kind kind, uint32_t seq);
void plant(char *text, size_t pages, enum kind kind, uint32_t seq);
uint64_t frame_of(const void *memory);
void record_gone(uint64_t frame, enum kind kind, uint32_t seq);
void unmap(char *text, size_t pages, enum kind kind, uint32_t seq);

/* Before anything is planted: see where pages are. */
void pages_begin(void);

/* ---- kinds.c ---- */

/* Pages of all kinds, in the order in which they do not disturb each other. */
void plant_all(void);
void low_watermarks(void);

/* ---- records.c ---- */

/* Room for the records: all memory that is needed is touched before the frames are looked at. */
void records_begin(void);
void record_kinds(void);
void record_pages(void);
void record_flags(void);
void record_last(void);
void write_records(const char *disk);

#endif
