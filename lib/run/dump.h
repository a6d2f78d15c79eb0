/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One dump from open to report: what the public entry points call.
 *
 * The folder run/ is the only one that knows all of the others and in which order they are called; a file a verb
 * (locate, plan, run, rearrange …).  It decodes no bytes of its own.  What goes wrong below becomes one of two things
 * here: an error, while nothing is written, or a page more that is kept, with a warning.  It must never turn something
 * that is not known into a page that is left out.
 */
#ifndef DF_RUN_DUMP_H
#define DF_RUN_DUMP_H

#include "arch/arch.h"
#include "classify/classify.h"
#include "format/kdump.h"
#include "image/image.h"
#include "io/sink.h"
#include "memmap/memmap.h"
#include "pageset/pageset.h"
#include "run/counts.h"

struct df_piece; /* writer/writer.h */

/* What the planning pass found out: which frames are kept, and the numbers for the report.  All numbers are frames of
 * the kernel's page size.  Made and changed by the calling thread; given up when the context is configured anew.
 * Zeroed: there is no plan. */
struct df_plan {
	struct df_pageset keep;
	struct df_pageset forbidden; /* poisoned and offline: not to be read at any level */
	struct df_pageset vmemmap;   /* taken out of keep for DUMPFILTER_EXCLUDE_VMEMMAP … */
	uint64_t vmemmap_end;        /* … in chunks below this one */
	uint64_t max_pfn;
	uint64_t described_pages, beyond_pages, truncated_pages;
	uint64_t unmapped_pages; /* behind the memory map as well, but too many to be left out */
	struct df_counts count;
	uint64_t zero_dropped; /* pages of zeros that the ELF writer has taken out of keep */
	bool kept_more;        /* something could not be judged as the level asked */
	double seconds;
	/* For making dropped bits again (run/refill.h). */
	uint64_t
		spill_reach; /* frames that a unit reaches beyond the beginning of its chunk; 0 = none leaves its own */
	bool listed;
	unsigned distrust; /* a bit for each set that is not believed */
	struct df_refill *refill;
};

/* All that is known of one input.  Member of a context and living as long; filled in by the calling thread from the
 * top down (image, facts, machine, translation, memory map, rules, plan), each from those above it.  Workers only read
 * it. */
struct df_dump {
	struct df_env *env;
	struct df_image image;
	char *text; /* VMCOREINFO given by the caller */
	size_t text_len;
	char *banner; /* linux_banner of the vmlinux that text was made of; NULL where it is not known */
	struct df_kdesc kernel;
	const struct df_arch *arch; /* NULL: machine not known */
	unsigned page_shift;
	struct df_xlat xlat;
	struct df_memmap memmap;
	struct df_rules rules;
	bool can_translate;    /* xlat is set */
	bool can_classify;     /* xlat, map and rules are set */
	struct df_err why_not; /* where they are not */
	uint8_t uts[DF_KDUMP_UTS_SIZE];
	struct df_extents canaries; /* page frames, not bytes, that no level leaves out (run/canaries.h) */
	struct df_plan plan;
	bool odd_pages; /* the input counts in pages of a size that the kernel does not have */
	/* Where the dump goes; set by who runs it. */
	struct df_target {
		struct dumpfilter_sink *sink; /* NULL where there are pieces, and while rehearsing */
		struct df_piece *pieces;
		unsigned npieces; /* 0 = not split */
		uint64_t granule; /* pieces begin at multiples of so many frames */
	} target;
};

/* Are pages told apart? */
static inline bool df_dump_classifies(const struct df_dump *dump, const struct dumpfilter_config *config)
{
	return dump->can_classify && !(config->flags & DUMPFILTER_COPY_ALL);
}

/* dump->image is open: facts, page size.  E_OTHER_KERNEL and what else makes dump->text useless are errors; what the
 * image alone makes impossible is in why_not. */
int df_dump_describe(struct df_dump *dump, struct df_err *err);
void df_dump_fini(struct df_dump *dump); /* also of a zeroed struct */

/* To describe an open image anew: take what is known out of dump, change what has changed, describe.  settle: result <
 * 0 = give up what was found, all is as in before again; else give up what before has.  Returns result. */
struct df_dump df_dump_put_aside(struct df_dump *dump);
int df_dump_settle(struct df_dump *dump, struct df_dump *before, int result);

/* run/locate.c: page tables, memory map, rules; after df_dump_describe().  0; E_NOINFO where the image has no
 * VMCOREINFO; other failures are of damaged or unknown images: the text says what is missing. */
int df_dump_locate(struct df_dump *dump, struct df_err *err);

/* Put other text of the caller's (and banner; both become d's) in place of what there is, and describe again; on
 * failure all is as before, and the new ones are freed. */
int df_dump_give(struct df_dump *dump, char *text, size_t length, char *banner, struct df_err *err);

/* run/given.c: text that the caller gave.  dump->kernel.adrift: move its addresses to where the kernel is found in
 * memory. */
int df_dump_find_kernel(struct df_dump *dump, struct df_err *err);
/* Addresses can be translated: is the text of the kernel that is in the image? */
int df_dump_same_kernel(struct df_dump *dump, struct df_walker *walker, struct df_err *err);

/* Chunks of a page set that the stored memory would fill: how much there is to plan. */
uint64_t df_dump_chunks(const struct df_dump *dump);

/* run/plan.c: which frames are kept.  config is complete (threads > 0).  0, DUMPFILTER_WARN or an error.  Where there
 * is no memory for all bits, those are dropped that it has no room for. */
int df_dump_plan(struct df_dump *dump, const struct dumpfilter_config *config, struct df_err *err);
/* Where planning ends: plan->max_pfn, and how many pages of the image lie before and behind it. */
void df_plan_set_end(struct df_dump *dump, const struct dumpfilter_config *config, struct df_plan *plan);
void df_dump_plan_fini(struct df_plan *plan); /* also of a zeroed struct */

/* run/run.c: what a writer must know. */
struct df_output;
struct df_output df_dump_output(struct df_dump *dump, const struct dumpfilter_config *config);
/* The i-th sink, or NULL. */
struct dumpfilter_sink *df_target_sink(const struct df_target *target, unsigned i);
/* Has the target taken a byte? */
bool df_dump_touched(const struct df_dump *dump);
/* Copy what the plan keeps to the target.  Fills the report's copy fields.  A writer's result. */
int df_dump_run(struct df_dump *dump, const struct dumpfilter_config *config, struct dumpfilter_report *report,
		struct df_err *err);

/* run/dmesg.c: write the kernel log as text.  flags: DUMPFILTER_DMESG_*.  0, DUMPFILTER_PARTIAL (text was written, and
 * something is missing) or an error. */
int df_dump_dmesg(struct df_dump *dump, unsigned flags, struct dumpfilter_sink *sink, struct df_err *err);

/* run/address.c.  The physical address of a kernel virtual one.  E_NOINFO: nothing can be translated; E_NODATA: this is
 * not mapped. */
int df_dump_translate(struct df_dump *dump, uint64_t vaddr, uint64_t *paddr, struct df_err *err);
/* Notes at a physical address, behind those of the image. */
int df_dump_add_notes(struct df_dump *dump, uint64_t paddr, size_t length, struct df_err *err);
/* Physical memory [start, end) is none of the image's. */
int df_dump_cut(struct df_dump *dump, uint64_t start, uint64_t end, struct df_err *err);

/* Seconds of a clock that only goes forward. */
double df_now(void);

#endif
