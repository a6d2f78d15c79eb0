/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --mem-usage: what the pages of the running system, or of a dump, are used for. */
#include "tool.h"

#include <inttypes.h>

#define LEVEL 31

/* People's scripts look for these lines: tabs and widths as they always were. */
static void print_row(struct tool *t, const char *type, uint64_t pages, const char *excludable, const char *what)
{
	msg(t->messages, MSG_COMMON, "%s%-16" PRIu64 "\t%s\t\t%s", type, pages, excludable, what);
}

static void print_if_any(struct tool *t, const char *type, uint64_t pages, const char *excludable, const char *what)
{
	if (pages)
		print_row(t, type, pages, excludable, what);
}

static uint64_t absent(const struct dumpfilter_report *r)
{
	uint64_t n = 0;

	for (int c = 0; c < DUMPFILTER_CLASS_COUNT; c++)
		n += r->absent_pages[c];
	return n;
}

/* In the dump or not: its page structures speak of all. */
static uint64_t pages_of(const struct dumpfilter_report *r, int class)
{
	return r->class_pages[class] + r->absent_pages[class];
}

static void print_rows(struct tool *t, const struct dumpfilter_report *r)
{
	uint64_t unknown = r->absent_pages[DUMPFILTER_CLASS_KEEP];

	print_row(t, "ZERO\t\t", r->zero_pages, "yes", "Pages filled with zero");
	print_row(t, "NON_PRI_CACHE\t", pages_of(r, DUMPFILTER_CLASS_CACHE), "yes", "Cache pages without private flag");
	print_row(t, "PRI_CACHE\t", pages_of(r, DUMPFILTER_CLASS_CACHE_PRIVATE), "yes",
		  "Cache pages with private flag");
	print_row(t, "USER\t\t", pages_of(r, DUMPFILTER_CLASS_USER), "yes", "User process pages");
	print_row(t, "FREE\t\t", pages_of(r, DUMPFILTER_CLASS_FREE), "yes", "Free pages");
	print_if_any(t, "HWPOISON\t", pages_of(r, DUMPFILTER_CLASS_HWPOISON), "yes", "Pages with a memory error");
	print_if_any(t, "OFFLINE\t\t", pages_of(r, DUMPFILTER_CLASS_OFFLINE), "yes", "Pages taken offline");
	print_if_any(t, "ABSENT\t\t", unknown, "yes", "Not in the dump: zero, lost, or use not known");
	print_row(t, "KERN_DATA\t", r->class_pages[DUMPFILTER_CLASS_KEEP] - r->zero_pages, "no",
		  "Dumpable kernel data ");
}

static void print_usage(struct tool *t, const struct dumpfilter_report *r, uint32_t page_size)
{
	msg(t->messages, MSG_COMMON, "%s", "");
	msg(t->messages, MSG_COMMON, "TYPE\t\tPAGES\t\t\tEXCLUDABLE\tDESCRIPTION");
	msg(t->messages, MSG_COMMON, "----------------------------------------------------------------------");
	print_rows(t, r);
	msg(t->messages, MSG_COMMON, "%s", "");
	msg(t->messages, MSG_COMMON, "page size:\t\t%-16" PRIu32, page_size);
	msg(t->messages, MSG_COMMON, "Total pages on system:\t%-16" PRIu64, r->present_pages);
	msg(t->messages, MSG_COMMON, "Total size on system:\t%-16" PRIu64 " Byte", r->present_pages * page_size);
	if (absent(r))
		msg(t->messages, MSG_COMMON, "Pages not in the dump:\t%-16" PRIu64, absent(r));
	msg(t->messages, MSG_COMMON, "%s", "");
}

static bool survey(struct tool *t)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;
	struct dumpfilter_report r = DUMPFILTER_REPORT_INIT;
	int result = dumpfilter_survey(t->df);

	if (result == DUMPFILTER_PARTIAL)
		tool_library_error(t); /* the pages count as kernel data, as they would be tried to be saved */
	if (result < 0 || dumpfilter_report(t->df, &r) < 0 || dumpfilter_image_info(t->df, &i) < 0) {
		tool_library_error(t);
		return false;
	}
	print_usage(t, &r, i.page_size);
	return result != DUMPFILTER_PARTIAL;
}

static void print_why_not(void *user, const char *line)
{
	struct tool *t = user;

	msg(t->messages, MSG_ERROR, "what memory is used for cannot be told: %s", line);
}

/* Else the table would say that all is the kernel's. */
static bool can_tell(struct tool *t)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;

	if (dumpfilter_image_info(t->df, &i) < 0) {
		tool_library_error(t);
		return false;
	}
	if (!i.can_filter)
		dumpfilter_explain(t->df, print_why_not, t);
	return i.can_filter;
}

bool mode_usage(struct tool *t)
{
	if (!tool_open_input(t) || !tool_configure(t, LEVEL))
		return false;
	tool_print_input(t);
	tool_print_vtop(t);
	if (!can_tell(t))
		return false;
	return survey(t);
}
