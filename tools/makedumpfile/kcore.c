/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kcore.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define KCORE  "/proc/kcore"
#define CHOSEN "/proc/device-tree/chosen/linux,"

static bool is_input(const struct tool *tool)
{
	struct stat found, kcore;

	return !stat(tool->options->operands[0], &found) && !stat(KCORE, &kcore) && found.st_dev == kcore.st_dev &&
	       found.st_ino == kcore.st_ino;
}

/* ------------------------------------------------------------------------------------------------ VMCOREINFO */

/* "ADDRESS LENGTH", both hexadecimal. */
static bool add_vmcoreinfo(struct tool *tool)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;
	unsigned long long at, length;
	FILE *file;
	int printed = 0;

	if (dumpfilter_image_info(tool->df, &i) < 0 || i.has_vmcoreinfo)
		return true;
	file = fopen("/sys/kernel/vmcoreinfo", "re");
	if (file) {
		printed = fscanf(file, "%llx %llx", &at, &length);
		fclose(file);
	}
	if (printed == 2 && length <= SIZE_MAX && dumpfilter_add_vmcoreinfo_at(tool->df, at, (size_t)length) < 0) {
		tool_library_error(tool);
		return false;
	}
	return true; /* without it planning says what is missing */
}

/* ------------------------------------------------------------------------------------------------ capture kernel */

static bool leave_out(struct tool *tool, uint64_t start, uint64_t bytes)
{
	if (!bytes)
		return true;
	msg(tool->messages, MSG_DEBUG, "reserved for a capture kernel: %#" PRIx64 " to %#" PRIx64, start,
	    start + bytes - 1);
	if (dumpfilter_cut(tool->df, start, bytes) >= 0)
		return true;
	tool_library_error(tool);
	return false;
}

/* Lines such as "  17000000-1effffff : Crash kernel", last address included. */
static bool leave_out_of_iomem(struct tool *tool)
{
	FILE *file = fopen("/proc/iomem", "re");
	unsigned long long first, last;
	char line[256];
	bool ok = true;

	while (file && ok && fgets(line, sizeof line, file))
		if (strstr(line, ": Crash kernel") && sscanf(line, "%llx-%llx", &first, &last) == 2 && first < last)
			ok = leave_out(tool, first, last - first + 1);
	if (file)
		fclose(file);
	return ok;
}

/* A number of the device tree: 8 bytes, big-endian. */
static bool read_property(const char *path, uint64_t *value)
{
	FILE *file = fopen(path, "re");
	unsigned char raw[8];
	bool whole = file && fread(raw, 1, sizeof raw, file) == sizeof raw;

	if (file)
		fclose(file);
	*value = 0;
	for (unsigned i = 0; whole && i < sizeof raw; i++)
		*value = *value << 8 | raw[i];
	return whole;
}

/* powerpc says it there only. */
static bool leave_out_of_device_tree(struct tool *tool)
{
	uint64_t start, bytes;

	if (!read_property(CHOSEN "crashkernel-base", &start) || !read_property(CHOSEN "crashkernel-size", &bytes) ||
	    bytes > UINT64_MAX - start)
		return true;
	return leave_out(tool, start, bytes);
}

bool kcore_complete(struct tool *tool)
{
	return !is_input(tool) || (add_vmcoreinfo(tool) && leave_out_of_iomem(tool) && leave_out_of_device_tree(tool));
}
