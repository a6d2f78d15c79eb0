/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stats.h"

#include "human.h"
#include "progress.h"

#include <inttypes.h>
#include <string.h>

static void print_step(struct messages *m, int phase, double seconds)
{
	msg(m, MSG_REPORT, "STEP [%-27s] : %.6f seconds", progress_label(phase), seconds);
}

static void print_count(struct messages *m, const char *label, uint64_t pages)
{
	msg(m, MSG_REPORT, "%s: 0x%016" PRIx64, label, pages);
}

static void print_if_any(struct messages *m, const char *label, uint64_t pages)
{
	if (pages)
		print_count(m, label, pages);
}

/* Pages that the input speaks of but does not have: an earlier dump has left them out. */
static uint64_t missing_before(const struct dumpfilter_report *r)
{
	uint64_t have = 0;

	for (int c = 0; c < DUMPFILTER_CLASS_COUNT; c++)
		have += r->class_pages[c];
	return r->present_pages > have ? r->present_pages - have : 0;
}

static uint64_t excluded_sum(const struct dumpfilter_report *r)
{
	uint64_t sum = r->zero_pages + r->beyond_memmap_pages + r->vmemmap_pages + missing_before(r);

	for (int c = DUMPFILTER_CLASS_CACHE; c < DUMPFILTER_CLASS_COUNT; c++)
		sum += r->excluded_pages[c];
	return sum;
}

static void print_excluded(struct messages *m, const struct dumpfilter_report *r, bool elf)
{
	const uint64_t *n = r->excluded_pages;

	print_count(m, "  Excluded pages   ", excluded_sum(r));
	if (elf)
		print_count(m, "     in ELF format ", r->present_pages - r->elf_written_pages);
	print_count(m, "    Pages filled with zero  ", r->zero_pages);
	print_count(m, "    Non-private cache pages ", n[DUMPFILTER_CLASS_CACHE]);
	print_count(m, "    Private cache pages     ", n[DUMPFILTER_CLASS_CACHE_PRIVATE]);
	print_count(m, "    User process data pages ", n[DUMPFILTER_CLASS_USER]);
	print_count(m, "    Free pages              ", n[DUMPFILTER_CLASS_FREE]);
	print_count(m, "    Hwpoison pages          ", n[DUMPFILTER_CLASS_HWPOISON]);
	print_count(m, "    Offline pages           ", n[DUMPFILTER_CLASS_OFFLINE]);
	print_if_any(m, "    Page structures         ", r->vmemmap_pages);
	print_if_any(m, "    Behind the memory map   ", r->beyond_memmap_pages);
	print_if_any(m, "    Not in the input        ", missing_before(r));
}

static void print_remaining(struct messages *m, const struct dumpfilter_report *r, bool elf)
{
	uint64_t remaining = r->present_pages - excluded_sum(r);

	print_count(m, "  Remaining pages  ", remaining);
	if (elf)
		print_count(m, "     in ELF format ", r->elf_written_pages);
	if (r->present_pages)
		msg(m, MSG_REPORT, "  (The number of pages is reduced to %" PRIu64 "%%.)",
		    remaining * 100 / r->present_pages);
}

/* What no other program of this name knows; nothing to say in the normal case. */
static void print_troubles(struct messages *m, const struct dumpfilter_report *r)
{
	print_if_any(m, "Pages kept in doubt     ", r->doubtful_pages);
	print_if_any(m, "Struct pages unreadable ", r->unreadable_memmap_pages);
	print_if_any(m, "Pages lost              ", r->lost_pages);
	print_if_any(m, "  of these unreadable   ", r->unreadable_pages);
}

void stats_print(struct messages *m, const struct dumpfilter_report *r, bool elf)
{
	if (!(m->level & MSG_REPORT))
		return;
	print_step(m, DUMPFILTER_PHASE_PLAN, r->plan_seconds);
	print_step(m, DUMPFILTER_PHASE_COPY, r->copy_seconds);
	msg(m, MSG_REPORT, "%s", "");
	print_count(m, "Original pages  ", r->present_pages);
	print_excluded(m, r, elf);
	print_remaining(m, r, elf);
	print_count(m, "Memory Hole     ", r->max_pfn - r->present_pages);
	msg(m, MSG_REPORT, "--------------------------------------------------");
	print_count(m, "Total pages     ", r->max_pfn);
	msg(m, MSG_REPORT, "Write bytes     : %" PRIu64, r->bytes_out);
	print_troubles(m, r);
	msg(m, MSG_REPORT, "%s", "");
}

/* What the input takes on disk.  /proc/kcore says the size of the address space: there it is the memory.  0: not known.
 */
static uint64_t input_size(struct tool *t, const struct dumpfilter_report *r)
{
	struct dumpfilter_image_info info = DUMPFILTER_IMAGE_INFO_INIT;
	uint64_t size = 0;
	struct stat file;
	const char *name;

	if (dumpfilter_image_info(t->df, &info) < 0)
		return 0;
	for (unsigned i = 0; (name = tool_input(t->options, i)); i++) {
		if (!strcmp(name, "-"))
			return r->present_pages * info.page_size;
		if (stat(name, &file) || !S_ISREG(file.st_mode))
			return 0;
		size += (uint64_t)file.st_size;
	}
	return size >> 46 ? r->present_pages * info.page_size : size;
}

void stats_print_sum(struct tool *t, const struct dumpfilter_report *r, uint64_t output_size)
{
	uint64_t from = input_size(t, r);
	char sizes[128], more[24] = "";
	unsigned pieces = 1;

	if (!(t->messages->level & MSG_REPORT))
		return;
	while (tool_input(t->options, pieces))
		pieces++;
	if (pieces > 1)
		snprintf(more, sizeof more, " and %u more", pieces - 1);
	if (from)
		snprintf(sizes, sizeof sizes, "%s → %s (%s)", human_bytes((double)from).text,
			 human_bytes((double)output_size).text, human_share((double)output_size, (double)from).text);
	else
		snprintf(sizes, sizeof sizes, "%s", human_bytes((double)output_size).text);
	msg(t->messages, MSG_REPORT, "%s%s%s → %s: %s, %s of %s pages, %s",
	    tool_asked(t, OPT_DRY_RUN) ? "Dry run: " : "", tool_input_name(t), more, t->output, sizes,
	    human_count(r->present_pages - excluded_sum(r)).text, human_count(r->present_pages).text,
	    human_seconds(r->plan_seconds + r->copy_seconds).text);
}
