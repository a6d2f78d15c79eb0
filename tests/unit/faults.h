/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole dump in memory whose every part can be made to fail: the allocator, the source, the sink.  What comes out is
 * read by a reader of its own and compared with the image.  Nothing here believes the library.
 */
#ifndef TESTS_UNIT_FAULTS_H
#define TESTS_UNIT_FAULTS_H

#include "build.h"
#include "heap.h"
#include "libdumpfilter.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FI_PAGE  4096u
#define FI_NEVER UINT64_MAX

/* With t.h: what the functions below return is NULL where all is well. */
#define FINE(call)                            \
	do {                                  \
		const char *fi_bad = (call);  \
		if (fi_bad)                   \
			T_FAIL("%s", fi_bad); \
	} while (0)

/* ---- the image */

struct fi_image {
	struct builder_image built;
	uint64_t max_pfn;
	uint8_t *memory;                       /* max_pfn pages, as a reader must see them */
	uint8_t *present;                      /* a byte per frame */
	uint64_t untouchable, untouchable_end; /* frames that must not even be read: zeros may stand for them in ELF */
};

/* The recipe of a small x86_64 machine with pages of every class; `more` lines are added to it. */
extern const char fi_recipe[], fi_tiny[];
/* NULL, or what is wrong. */
const char *fi_image_build(struct fi_image *image, const char *recipe, const char *more);
void fi_image_free(struct fi_image *image);

/* ---- who calls: callbacks that are not declared concurrent come from one thread, one at a time */

struct fi_guard {
	pthread_t owner;
	bool concurrent;
	atomic_int inside;
	atomic_bool wrong_thread, overlapped;
};

/* ---- the source */

struct fi_source {
	const uint8_t *data;
	uint64_t size;               /* the source ends here */
	uint64_t length;             /* what the library is told; 0 = size */
	uint64_t fail_from, fail_to; /* file range that always fails */
	unsigned long fail_at;       /* number of the read that fails, from 1 on; 0 = none */
	bool fail_on;                /* and all behind it */
	int error;                   /* errno value; 0 = EIO */
	size_t most;                 /* bytes given at once at most; 0 = all */
	atomic_ulong reads;
	struct fi_guard guard;
};

/* ---- the disk */

struct fi_disk {
	unsigned caps;
	uint64_t room; /* blocks of FI_PAGE that fit; 0 = no limit.  Blocks that were written can be written again */
	unsigned long fail_at; /* number of the write that fails half way, from 1 on; 0 = none */
	bool fail_on;          /* and all behind it */
	int error;             /* errno value; 0 = EIO */
	int finish_error;      /* errno value that finish() returns */
	unsigned long writes, finishes;
	int finish_result;
	uint8_t *data;  /* what is on the disk */
	uint64_t end;   /* behind the last byte written */
	uint8_t *block; /* a byte per block: it was written to */
	uint64_t used;
	bool out_of_order; /* without RANDOM: a write did not continue the last */
	bool rewritten;    /* without REWRITE: a byte came twice */
	uint8_t *touched;  /* a byte per byte, only without REWRITE */
	struct fi_guard guard;
};

void fi_disk_free(struct fi_disk *disk);

/* ---- one dump */

struct fi_run {
	const struct fi_image *image;
	struct dumpfilter_config config;
	bool flat;       /* flattened onto the disk */
	uint64_t limit;  /* dumpfilter_sink_limit(); 0 = none */
	bool at_limit;   /* result: dumpfilter_sink_at_limit() */
	bool plan_first; /* dumpfilter_plan() before dumpfilter_run() */
	struct fi_heap heap;
	struct fi_source source;
	struct fi_disk disk;
	/* called between the steps, may be NULL: 0 before open, 1 before plan, 2 before run, 3 before free */
	void (*step)(struct fi_run *run, struct dumpfilter *df, int step);
	void (*progress)(struct fi_run *run, struct dumpfilter *df, const struct dumpfilter_progress *state);
	void *user;
	struct dumpfilter *df; /* while it runs */
	pthread_t caller;
	/* results */
	bool opened, planned;
	int result;
	char message[600];
	struct dumpfilter_report report;
	bool have_report;
	unsigned long callbacks, strange_callbacks; /* the second: on another thread */
};

void fi_run_init(struct fi_run *run, const struct fi_image *image);
/* Open, (plan,) run, report, free.  NULL, or which rule of the library was broken: a leak, a callback on a wrong
 * thread, a missing or multi-line message … */
const char *fi_run_go(struct fi_run *run);
void fi_run_free(struct fi_run *run);

/* ---- what came out */

struct fi_dump {
	bool elf, incomplete;
	uint64_t max_pfn;
	uint8_t *kept;   /* a byte per frame of the image: the dump says it keeps it */
	uint8_t *listed; /* the dump has its contents (a page of zeros counts) */
	uint64_t nkept, nlisted;
};

/* Read dump as a dump of image.  NULL, or why it does not open or lists what is not there or wrong.  Frames whose
 * contents lie in the file range [run->src.fail_from, fail_to) may be zeros in ELF. */
const char *fi_dump_read(struct fi_dump *dump, const struct fi_run *run);
void fi_dump_free(struct fi_dump *dump);
/* Every page that a has contents of, b has or keeps too. */
bool fi_dump_covers(const struct fi_dump *dump, const struct fi_dump *first);
/* The same run without a fault, for comparison. */
const char *fi_reference(struct fi_dump *dump, const struct fi_run *run);
/* The report tells what the disk holds.  NULL or the difference. */
const char *fi_report_agrees(const struct fi_run *run, const struct fi_dump *dump);

/* A stream of records into what it stands for; NULL where it is none.  *complete: it has its end record. */
uint8_t *fi_unflatten(const uint8_t *stream, uint64_t length, uint64_t *size, bool *complete);

#endif
