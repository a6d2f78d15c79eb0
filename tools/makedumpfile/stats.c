/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stats.h"

#include "human.h"
#include "progress.h"

#include <inttypes.h>
#include <string.h>

static void print_step(struct messages *messages, int phase, double seconds)
{
	msg(messages, MSG_REPORT, "STEP [%-27s] : %.6f seconds", progress_label(phase), seconds);
}

static void print_count(struct messages *messages, const char *label, uint64_t pages)
{
	msg(messages, MSG_REPORT, "%s: 0x%016" PRIx64, label, pages);
}

static void print_if_any(struct messages *messages, const char *label, uint64_t pages)
{
	if (pages)
		print_count(messages, label, pages);
}

/* Pages that the input speaks of but does not have: an earlier dump has left them out. */
static uint64_t missing_before(const struct dumpfilter_report *report)
{
	uint64_t have = 0;

	for (int letter = 0; letter < DUMPFILTER_CLASS_COUNT; letter++)
		have += report->class_pages[letter];
	return report->present_pages > have ? report->present_pages - have : 0;
}

static uint64_t excluded_sum(const struct dumpfilter_report *report)
{
	uint64_t sum = report->zero_pages + report->beyond_memmap_pages + report->vmemmap_pages +
		       missing_before(report);

	for (int letter = DUMPFILTER_CLASS_CACHE; letter < DUMPFILTER_CLASS_COUNT; letter++)
		sum += report->excluded_pages[letter];
	return sum;
}

static void print_excluded(struct messages *messages, const struct dumpfilter_report *report, bool elf)
{
	const uint64_t *counts = report->excluded_pages;

	print_count(messages, "  Excluded pages   ", excluded_sum(report));
	if (elf)
		print_count(messages, "     in ELF format ", report->present_pages - report->elf_written_pages);
	print_count(messages, "    Pages filled with zero  ", report->zero_pages);
	print_count(messages, "    Non-private cache pages ", counts[DUMPFILTER_CLASS_CACHE]);
	print_count(messages, "    Private cache pages     ", counts[DUMPFILTER_CLASS_CACHE_PRIVATE]);
	print_count(messages, "    User process data pages ", counts[DUMPFILTER_CLASS_USER]);
	print_count(messages, "    Free pages              ", counts[DUMPFILTER_CLASS_FREE]);
	print_count(messages, "    Hwpoison pages          ", counts[DUMPFILTER_CLASS_HWPOISON]);
	print_count(messages, "    Offline pages           ", counts[DUMPFILTER_CLASS_OFFLINE]);
	print_if_any(messages, "    Page structures         ", report->vmemmap_pages);
	print_if_any(messages, "    Behind the memory map   ", report->beyond_memmap_pages);
	print_if_any(messages, "    Not in the input        ", missing_before(report));
}

static void print_remaining(struct messages *messages, const struct dumpfilter_report *report, bool elf)
{
	uint64_t remaining = report->present_pages - excluded_sum(report);

	print_count(messages, "  Remaining pages  ", remaining);
	if (elf)
		print_count(messages, "     in ELF format ", report->elf_written_pages);
	if (report->present_pages)
		msg(messages, MSG_REPORT, "  (The number of pages is reduced to %" PRIu64 "%%.)",
		    remaining * 100 / report->present_pages);
}

/* What no other program of this name knows; nothing to say in the normal case. */
static void print_troubles(struct messages *messages, const struct dumpfilter_report *report)
{
	print_if_any(messages, "Pages kept in doubt     ", report->doubtful_pages);
	print_if_any(messages, "Struct pages unreadable ", report->unreadable_memmap_pages);
	print_if_any(messages, "Pages lost              ", report->lost_pages);
	print_if_any(messages, "  of these unreadable   ", report->unreadable_pages);
}

void stats_print(struct messages *messages, const struct dumpfilter_report *report, bool elf)
{
	if (!(messages->level & MSG_REPORT))
		return;
	print_step(messages, DUMPFILTER_PHASE_PLAN, report->plan_seconds);
	print_step(messages, DUMPFILTER_PHASE_COPY, report->copy_seconds);
	msg(messages, MSG_REPORT, "%s", "");
	print_count(messages, "Original pages  ", report->present_pages);
	print_excluded(messages, report, elf);
	print_remaining(messages, report, elf);
	print_count(messages, "Memory Hole     ", report->max_pfn - report->present_pages);
	msg(messages, MSG_REPORT, "--------------------------------------------------");
	print_count(messages, "Total pages     ", report->max_pfn);
	msg(messages, MSG_REPORT, "Write bytes     : %" PRIu64, report->bytes_out);
	print_troubles(messages, report);
	msg(messages, MSG_REPORT, "%s", "");
}

/* What the input takes on disk.  /proc/kcore says the size of the address space: there it is the memory.  0: not known.
 */
static uint64_t input_size(struct tool *tool, const struct dumpfilter_report *report)
{
	struct dumpfilter_image_info info = DUMPFILTER_IMAGE_INFO_INIT;
	uint64_t size = 0;
	struct stat file;
	const char *name;

	if (dumpfilter_image_info(tool->df, &info) < 0)
		return 0;
	for (unsigned i = 0; (name = tool_input(tool->options, i)); i++) {
		if (!strcmp(name, "-"))
			return report->present_pages * info.page_size;
		if (stat(name, &file) || !S_ISREG(file.st_mode))
			return 0;
		size += (uint64_t)file.st_size;
	}
	return size >> 46 ? report->present_pages * info.page_size : size;
}

void stats_print_sum(struct tool *tool, const struct dumpfilter_report *report, uint64_t output_size)
{
	uint64_t from = input_size(tool, report);
	char sizes[128], more[24] = "";
	unsigned pieces = 1;

	if (!(tool->messages->level & MSG_REPORT))
		return;
	while (tool_input(tool->options, pieces))
		pieces++;
	if (pieces > 1)
		snprintf(more, sizeof more, " and %u more", pieces - 1);
	if (from)
		snprintf(sizes, sizeof sizes, "%s → %s (%s)", human_bytes((double)from).text,
			 human_bytes((double)output_size).text, human_share((double)output_size, (double)from).text);
	else
		snprintf(sizes, sizeof sizes, "%s", human_bytes((double)output_size).text);
	msg(tool->messages, MSG_REPORT, "%s%s%s → %s: %s, %s of %s pages, %s",
	    tool_asked(tool, OPT_DRY_RUN) ? "Dry run: " : "", tool_input_name(tool), more, tool->output, sizes,
	    human_count(report->present_pages - excluded_sum(report)).text, human_count(report->present_pages).text,
	    human_seconds(report->plan_seconds + report->copy_seconds).text);
}
