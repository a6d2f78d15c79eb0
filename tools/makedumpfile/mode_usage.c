/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --mem-usage: what the pages of the running system, or of a dump, are used for. */
#include "tool.h"

#include <inttypes.h>

#define LEVEL 31

/* People's scripts look for these lines: tabs and widths as they always were. */
static void print_row(struct tool *tool, const char *type, uint64_t pages, const char *excludable, const char *what)
{
	msg(tool->messages, MSG_COMMON, "%s%-16" PRIu64 "\t%s\t\t%s", type, pages, excludable, what);
}

static void print_if_any(struct tool *tool, const char *type, uint64_t pages, const char *excludable, const char *what)
{
	if (pages)
		print_row(tool, type, pages, excludable, what);
}

static uint64_t absent(const struct dumpfilter_report *report)
{
	uint64_t count = 0;

	for (int letter = 0; letter < DUMPFILTER_CLASS_COUNT; letter++)
		count += report->absent_pages[letter];
	return count;
}

/* In the dump or not: its page structures speak of all. */
static uint64_t pages_of(const struct dumpfilter_report *report, int class)
{
	return report->class_pages[class] + report->absent_pages[class];
}

static void print_rows(struct tool *tool, const struct dumpfilter_report *report)
{
	uint64_t unknown = report->absent_pages[DUMPFILTER_CLASS_KEEP];

	print_row(tool, "ZERO\t\t", report->zero_pages, "yes", "Pages filled with zero");
	print_row(tool, "NON_PRI_CACHE\t", pages_of(report, DUMPFILTER_CLASS_CACHE), "yes",
		  "Cache pages without private flag");
	print_row(tool, "PRI_CACHE\t", pages_of(report, DUMPFILTER_CLASS_CACHE_PRIVATE), "yes",
		  "Cache pages with private flag");
	print_row(tool, "USER\t\t", pages_of(report, DUMPFILTER_CLASS_USER), "yes", "User process pages");
	print_row(tool, "FREE\t\t", pages_of(report, DUMPFILTER_CLASS_FREE), "yes", "Free pages");
	print_if_any(tool, "HWPOISON\t", pages_of(report, DUMPFILTER_CLASS_HWPOISON), "yes",
		     "Pages with a memory error");
	print_if_any(tool, "OFFLINE\t\t", pages_of(report, DUMPFILTER_CLASS_OFFLINE), "yes", "Pages taken offline");
	print_if_any(tool, "ABSENT\t\t", unknown, "yes", "Not in the dump: zero, lost, or use not known");
	print_row(tool, "KERN_DATA\t", report->class_pages[DUMPFILTER_CLASS_KEEP] - report->zero_pages, "no",
		  "Dumpable kernel data ");
}

static void print_usage(struct tool *tool, const struct dumpfilter_report *report, uint32_t page_size)
{
	msg(tool->messages, MSG_COMMON, "%s", "");
	msg(tool->messages, MSG_COMMON, "TYPE\t\tPAGES\t\t\tEXCLUDABLE\tDESCRIPTION");
	msg(tool->messages, MSG_COMMON, "----------------------------------------------------------------------");
	print_rows(tool, report);
	msg(tool->messages, MSG_COMMON, "%s", "");
	msg(tool->messages, MSG_COMMON, "page size:\t\t%-16" PRIu32, page_size);
	msg(tool->messages, MSG_COMMON, "Total pages on system:\t%-16" PRIu64, report->present_pages);
	msg(tool->messages, MSG_COMMON, "Total size on system:\t%-16" PRIu64 " Byte",
	    report->present_pages * page_size);
	if (absent(report))
		msg(tool->messages, MSG_COMMON, "Pages not in the dump:\t%-16" PRIu64, absent(report));
	msg(tool->messages, MSG_COMMON, "%s", "");
}

static bool survey(struct tool *tool)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
	int result = dumpfilter_survey(tool->df);

	if (result == DUMPFILTER_PARTIAL)
		tool_library_error(tool); /* the pages count as kernel data, as they would be tried to be saved */
	if (result < 0 || dumpfilter_report(tool->df, &report) < 0 || dumpfilter_image_info(tool->df, &i) < 0) {
		tool_library_error(tool);
		return false;
	}
	print_usage(tool, &report, i.page_size);
	return result != DUMPFILTER_PARTIAL;
}

static void print_why_not(void *user, const char *line)
{
	struct tool *tool = user;

	msg(tool->messages, MSG_ERROR, "what memory is used for cannot be told: %s", line);
}

/* Else the table would say that all is the kernel's. */
static bool can_tell(struct tool *tool)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;

	if (dumpfilter_image_info(tool->df, &i) < 0) {
		tool_library_error(tool);
		return false;
	}
	if (!i.can_filter)
		dumpfilter_explain(tool->df, print_why_not, tool);
	return i.can_filter;
}

bool mode_usage(struct tool *tool)
{
	if (!tool_open_input(tool) || !tool_configure(tool, LEVEL))
		return false;
	tool_print_input(tool);
	tool_print_vtop(tool);
	if (!can_tell(tool))
		return false;
	return survey(tool);
}
