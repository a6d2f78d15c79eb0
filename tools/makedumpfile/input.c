/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The input: opening it, and what there is to say of it. */
#include "kcore.h"
#include "kernel.h"
#include "tool.h"

#include <inttypes.h>
#include <string.h>

static bool open_pieces(struct tool *tool, const char *const *names, unsigned count, unsigned flags)
{
	if (dumpfilter_open_paths(tool->df, names, count, flags) >= 0)
		return true;
	tool_library_error(tool);
	return false;
}

bool tool_open_input(struct tool *tool)
{
	unsigned flags = tool_asked(tool, OPT_NO_MMAP) ? DUMPFILTER_OPEN_NO_MMAP : 0, count = 0;
	const char *names[1 + MAX_PIECES];
	bool open = false;

	if (tool->options->mode == MODE_REASSEMBLE || tool->options->piece_count) {
		while (count < 1 + MAX_PIECES && (names[count] = tool_input(tool->options, count)))
			count++;
		open = open_pieces(tool, names, count, flags);
	} else if (!strcmp(tool->options->operands[0], "-")) {
		open = tool_open_stdin(tool, flags);
	} else if (dumpfilter_open_path(tool->df, tool->options->operands[0], flags) >= 0) {
		open = kcore_complete(tool);
	} else {
		tool_library_error(tool);
	}
	return open && kernel_facts(tool);
}

static void print_crash_time(void *user, const char *name, uint64_t value, const char *origin)
{
	(void)origin;
	if (!strcmp(name, "CRASHTIME"))
		msg(user, MSG_DEBUG, "  CRASHTIME=%" PRIu64, value);
}

/* Lines that collectors look for in the debug messages, in the form that they know: docs/collectors.md.  Another one,
 * dump_level, the library logs when it reads the header. */
static void print_known_lines(struct tool *tool, const struct dumpfilter_image_info *i)
{
	if (i->osrelease[0])
		msg(tool->messages, MSG_DEBUG, "  OSRELEASE=%s", i->osrelease);
	dumpfilter_fact_foreach(tool->df, print_crash_time, tool->messages);
}

void tool_print_input(struct tool *tool)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;

	if (!(tool->messages->level & MSG_DEBUG) || dumpfilter_image_info(tool->df, &i) < 0)
		return;
	msg(tool->messages, MSG_DEBUG, "input: %s, %s, %u bit, %s endian, %u CPUs, page size %u", i.format, i.machine,
	    i.word_bits, i.big_endian ? "big" : "little", i.cpus, i.page_size);
	msg(tool->messages, MSG_DEBUG, "kernel: release '%s', build id '%s', VMCOREINFO %s", i.osrelease, i.build_id,
	    i.has_vmcoreinfo ? "present" : "absent");
	msg(tool->messages, MSG_DEBUG, "memory: max_pfn %#" PRIx64 ", %#" PRIx64 " pages present%s", i.max_pfn,
	    i.present_pages, i.truncated ? ", the file is cut short" : "");
	print_known_lines(tool, &i);
	dumpfilter_explain(tool->df, msg_debug_line, tool->messages);
}

void tool_print_vtop(struct tool *tool)
{
	uint64_t vaddr = tool->options->vtop, paddr;

	if (!tool_asked(tool, OPT_VTOP))
		return;
	msg(tool->messages, MSG_COMMON, "%s", "");
	msg(tool->messages, MSG_COMMON, "Translating virtual address %" PRIx64 " to physical address.", vaddr);
	if (dumpfilter_translate(tool->df, vaddr, &paddr) < 0) {
		msg(tool->messages, MSG_COMMON, "There is none: %s.", dumpfilter_errmsg(tool->df));
	} else {
		msg(tool->messages, MSG_COMMON, "VIRTUAL           PHYSICAL");
		msg(tool->messages, MSG_COMMON, "%16" PRIx64 "  %" PRIx64, vaddr, paddr);
	}
	msg(tool->messages, MSG_COMMON, "%s", "");
}
