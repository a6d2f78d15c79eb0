/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The input: opening it, and what there is to say of it. */
#include "kcore.h"
#include "kernel.h"
#include "tool.h"

#include <inttypes.h>
#include <string.h>

static bool open_pieces(struct tool *t, const char *const *names, unsigned n, unsigned flags)
{
	if (dumpfilter_open_paths(t->df, names, n, flags) >= 0)
		return true;
	tool_library_error(t);
	return false;
}

bool tool_open_input(struct tool *t)
{
	unsigned flags = tool_asked(t, OPT_NO_MMAP) ? DUMPFILTER_OPEN_NO_MMAP : 0, n = 0;
	const char *names[1 + MAX_PIECES];
	bool open = false;

	if (t->options->mode == MODE_REASSEMBLE || t->options->piece_count) {
		while (n < 1 + MAX_PIECES && (names[n] = tool_input(t->options, n)))
			n++;
		open = open_pieces(t, names, n, flags);
	} else if (!strcmp(t->options->operands[0], "-")) {
		open = tool_open_stdin(t, flags);
	} else if (dumpfilter_open_path(t->df, t->options->operands[0], flags) >= 0) {
		open = kcore_complete(t);
	} else {
		tool_library_error(t);
	}
	return open && kernel_facts(t);
}

static void print_crash_time(void *user, const char *name, uint64_t value, const char *origin)
{
	(void)origin;
	if (!strcmp(name, "CRASHTIME"))
		msg(user, MSG_DEBUG, "  CRASHTIME=%" PRIu64, value);
}

/* Lines that collectors look for in the debug messages, in the form that they know: docs/collectors.md.  Another one,
 * dump_level, the library logs when it reads the header. */
static void print_known_lines(struct tool *t, const struct dumpfilter_image_info *i)
{
	if (i->osrelease[0])
		msg(t->messages, MSG_DEBUG, "  OSRELEASE=%s", i->osrelease);
	dumpfilter_fact_foreach(t->df, print_crash_time, t->messages);
}

void tool_print_input(struct tool *t)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;

	if (!(t->messages->level & MSG_DEBUG) || dumpfilter_image_info(t->df, &i) < 0)
		return;
	msg(t->messages, MSG_DEBUG, "input: %s, %s, %u bit, %s endian, %u CPUs, page size %u", i.format, i.machine,
	    i.word_bits, i.big_endian ? "big" : "little", i.cpus, i.page_size);
	msg(t->messages, MSG_DEBUG, "kernel: release '%s', build id '%s', VMCOREINFO %s", i.osrelease, i.build_id,
	    i.has_vmcoreinfo ? "present" : "absent");
	msg(t->messages, MSG_DEBUG, "memory: max_pfn %#" PRIx64 ", %#" PRIx64 " pages present%s", i.max_pfn,
	    i.present_pages, i.truncated ? ", the file is cut short" : "");
	print_known_lines(t, &i);
	dumpfilter_explain(t->df, msg_debug_line, t->messages);
}

void tool_print_vtop(struct tool *t)
{
	uint64_t vaddr = t->options->vtop, paddr;

	if (!tool_asked(t, OPT_VTOP))
		return;
	msg(t->messages, MSG_COMMON, "%s", "");
	msg(t->messages, MSG_COMMON, "Translating virtual address %" PRIx64 " to physical address.", vaddr);
	if (dumpfilter_translate(t->df, vaddr, &paddr) < 0) {
		msg(t->messages, MSG_COMMON, "There is none: %s.", dumpfilter_errmsg(t->df));
	} else {
		msg(t->messages, MSG_COMMON, "VIRTUAL           PHYSICAL");
		msg(t->messages, MSG_COMMON, "%16" PRIx64 "  %" PRIx64, vaddr, paddr);
	}
	msg(t->messages, MSG_COMMON, "%s", "");
}
