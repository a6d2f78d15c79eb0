/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/canaries.h"

#include "base/bits.h"
#include "classify/zones.h"

#include <inttypes.h>

#define TEXT_BYTES   (UINT64_C(1) << 20) /* of the kernel's text: no kernel that can crash has less */
#define LOG_MAX      (UINT64_C(32) << 20)
#define FEW          2u                  /* wrong bits may just as well be in the canaries' own struct pages */
#define POISON_LEAST 64u                 /* poisoned pages that any machine may have */
#define SMALL_MAX    (UINT64_C(1) << 16) /* pages of struct pages that are looked at one by one */

/* What was found so far, in any order. */
struct finder {
	struct df_dump *dump;
	struct df_walker *walker;
	struct df_extent *found; /* page frames */
	size_t count, cap;
	bool failed; /* no memory */
};

static void add_frames(struct finder *finder, uint64_t paddr, uint64_t length)
{
	unsigned shift = finder->dump->page_shift;
	struct df_extent *last = finder->count ? &finder->found[finder->count - 1] : NULL;
	uint64_t first = paddr >> shift, end = ((paddr + length - 1) >> shift) + 1;

	if (finder->failed || !length || paddr + length < paddr)
		return;
	if (last && last->end == first) {
		last->end = end;
		return;
	}
	finder->failed = !df_grow(finder->dump->env, (void **)&finder->found, &finder->cap, finder->count + 1,
				  sizeof *finder->found);
	if (!finder->failed)
		finder->found[finder->count++] = (struct df_extent){ .start = first, .end = end };
}

/* Of [vaddr, vaddr + length) what is mapped.  steps: leaves to look at, at most. */
static void add_virtual(struct finder *finder, uint64_t vaddr, uint64_t length, uint64_t steps)
{
	uint64_t page = UINT64_C(1) << finder->dump->page_shift, paddr, run;
	struct df_err ignored;

	while (length && steps-- && !finder->failed) {
		uint64_t count = page - (vaddr & (page - 1));

		if (!df_xlat_v2p(finder->walker, vaddr, &paddr, &run, &ignored)) {
			count = run < length ? run : length;
			add_frames(finder, paddr, count);
		}
		if (count > length)
			count = length;
		vaddr += count;
		length -= count;
	}
}

static void add_struct_pages(struct finder *finder)
{
	const struct df_memmap *memmap = &finder->dump->memmap;

	for (size_t i = 0; i < memmap->count; i++)
		add_virtual(finder, memmap->range[i].vaddr,
			    (memmap->range[i].end - memmap->range[i].first) * memmap->page_struct, SMALL_MAX);
}

/* Each is a variable, or the beginning of one, and none of those that the kernel frees when it has booted. */
static void add_symbols(struct finder *finder)
{
	static const enum df_fact symbols[] = {
		DF_SYM_init_uts_ns,     DF_SYM_swapper_pg_dir, DF_SYM_init_top_pgt,     DF_SYM_node_data,
		DF_SYM_node_online_map, DF_SYM_mem_section,    DF_SYM_contig_page_data, DF_SYM_prb,
		DF_SYM_clear_seq,       DF_SYM_log_buf,
	};
	const struct df_kdesc *kernel = &finder->dump->kernel;

	for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
		if (df_has(kernel, symbols[i]))
			add_virtual(finder, kernel->value[symbols[i]], 8, 1);
	if (df_has(kernel, DF_SYM_stext))
		add_virtual(finder, kernel->value[DF_SYM_stext], TEXT_BYTES, TEXT_BYTES >> finder->dump->page_shift);
}

static int add_zone(struct df_zones *zones, uint64_t zone)
{
	add_virtual(zones->user, zone, zones->kernel->value[DF_SIZE_zone], 16);
	return 0;
}

static void add_zones(struct finder *finder)
{
	struct df_err ignored;
	struct df_zones zones = { .kernel = &finder->dump->kernel,
				  .walker = finder->walker,
				  .each = add_zone,
				  .user = finder,
				  .word = finder->dump->image.bits / 8,
				  .budget = 1 << 16,
				  .err = &ignored };

	if (df_zones_known(&finder->dump->kernel))
		df_zones_foreach(&zones);
}

/* Up to 5.9: log_buf points to log_buf_len bytes. */
static void add_log(struct finder *finder)
{
	const struct df_kdesc *kernel = &finder->dump->kernel;
	unsigned word = finder->dump->image.bits / 8;
	uint64_t at, length;
	struct df_err ignored;

	if (!df_has(kernel, DF_SYM_log_buf) || !df_has(kernel, DF_SYM_log_buf_len) ||
	    df_xlat_get(finder->walker, kernel->value[DF_SYM_log_buf], word, &at, &ignored) < 0 ||
	    df_xlat_get(finder->walker, kernel->value[DF_SYM_log_buf_len], 4, &length, &ignored) < 0 ||
	    length > LOG_MAX)
		return;
	add_virtual(finder, at, length, LOG_MAX >> 12);
}

void df_canaries_fini(struct df_dump *dump)
{
	df_free(dump->env, dump->canaries.extent);
	dump->canaries = (struct df_extents){ 0 };
}

int df_canaries_find(struct df_dump *dump, struct df_walker *walker, struct df_err *err)
{
	struct finder finder = { .dump = dump, .walker = walker };
	int result;

	df_canaries_fini(dump);
	add_frames(&finder, dump->xlat.root, UINT64_C(1) << dump->page_shift);
	add_symbols(&finder);
	add_struct_pages(&finder);
	add_zones(&finder);
	add_log(&finder);
	if (finder.failed)
		result = df_err_nomem(err, dump->env, "the kernel's own frames",
				      (finder.count + 1) * sizeof *finder.found);
	else
		result = df_extents_build(&dump->canaries, dump->env, finder.found, finder.count, true, err);
	df_free(dump->env, finder.found);
	return result;
}

/* Frames [first, end) of a chunk are the kernel's. */
static void protect(struct df_classes *classes, uint64_t first, uint64_t end, uint64_t hits[DF_SET_COUNT])
{
	for (uint64_t i = first / 64; i * 64 < end; i++) {
		uint64_t own = df_bit_mask(first > i * 64 ? (unsigned)(first - i * 64) : 0,
					   end - i * 64 < 64 ? (unsigned)(end - i * 64) : 64);

		for (unsigned set = 0; set < DF_SET_COUNT; set++) {
			if (set == DF_SET_DOUBT)
				continue;
			hits[set] += (uint64_t)__builtin_popcountll(own & classes->words[set][i]);
			classes->words[set][i] &= ~own;
		}
	}
}

void df_canaries_protect(const struct df_dump *dump, struct df_classes *classes, uint64_t hits[DF_SET_COUNT])
{
	uint64_t base = classes->chunk << DF_CHUNK_SHIFT, stop = base + DF_CHUNK_PAGES;

	for (size_t i = df_extents_find(&dump->canaries, base); i < dump->canaries.count; i++) {
		const struct df_extent *extent = &dump->canaries.extent[i];

		if (extent->start >= stop)
			return;
		protect(classes, extent->start > base ? extent->start - base : 0,
			(extent->end < stop ? extent->end : stop) - base, hits);
	}
}

static const struct {
	const char *name;
	enum dumpfilter_class class;
	bool unread; /* reading such a page may stop the machine that dumps: more than FEW must be wrong */
} sets[DF_SET_COUNT] = {
	[DF_SET_FREE] = { "free", DUMPFILTER_CLASS_FREE, false },
	[DF_SET_CACHE] = { "page cache", DUMPFILTER_CLASS_CACHE, false },
	[DF_SET_CACHE_PRIVATE] = { "page cache with private data", DUMPFILTER_CLASS_CACHE_PRIVATE, false },
	[DF_SET_USER] = { "user data", DUMPFILTER_CLASS_USER, false },
	[DF_SET_HWPOISON] = { "poisoned", DUMPFILTER_CLASS_HWPOISON, true },
	[DF_SET_OFFLINE] = { "offline", DUMPFILTER_CLASS_OFFLINE, true },
	[DF_SET_DOUBT] = { NULL, DUMPFILTER_CLASS_KEEP, false },
};

/* Memory with errors is rare: where more than one page in 1,000 claims to have some, a bit is misread. */
static bool too_many_poisoned(const struct df_planner *planner)
{
	const struct df_counts *counts = &planner->plan->count;

	return counts->class_pages[DUMPFILTER_CLASS_HWPOISON] > counts->stored / 1000 + POISON_LEAST;
}

static bool is_misread(const struct df_planner *planner, unsigned set)
{
	if (set == DF_SET_HWPOISON && too_many_poisoned(planner))
		return true;
	return planner->hits[set] > (sets[set].unread ? FEW : 0);
}

/* More canaries than a few wrong bits explain: what is known about struct pages is wrong as a whole (their size, where
 * they lie), and no class can be right.  Poisoned and offline pages stay unread, unless these are misread themselves.
 */
static unsigned all_misread(const struct df_planner *planner)
{
	unsigned readable = 0;
	uint64_t hits = 0;

	for (unsigned i = 0; i < DF_SET_COUNT; i++) {
		if (sets[i].unread || !sets[i].name)
			continue;
		readable |= 1u << i;
		hits += planner->hits[i];
	}
	if (hits <= FEW)
		return 0;
	df_log(planner->dump->env, DUMPFILTER_LOG_WARN,
	       "the kernel's page structures are misread: no page is left out by what they say");
	return readable & ~planner->distrust;
}

unsigned df_canaries_judge(struct df_planner *planner)
{
	unsigned distrust = 0;

	for (unsigned i = 0; i < DF_SET_COUNT; i++) {
		if (planner->distrust >> i & 1 || !is_misread(planner, i))
			continue;
		df_log(planner->dump->env, DUMPFILTER_LOG_WARN,
		       "%" PRIu64 " page frames of the kernel itself look %s%s: no page is left out as such",
		       planner->hits[i],
		       i == DF_SET_USER || i == DF_SET_CACHE || i == DF_SET_CACHE_PRIVATE ? "like " : "", sets[i].name);
		distrust |= 1u << i;
	}
	return distrust ? distrust | all_misread(planner) : 0;
}
