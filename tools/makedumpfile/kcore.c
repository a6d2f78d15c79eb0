/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kcore.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define KCORE  "/proc/kcore"
#define CHOSEN "/proc/device-tree/chosen/linux,"

static bool is_input(const struct tool *t)
{
	struct stat in, kcore;

	return !stat(t->options->operands[0], &in) && !stat(KCORE, &kcore) && in.st_dev == kcore.st_dev &&
	       in.st_ino == kcore.st_ino;
}

/* ------------------------------------------------------------------------------------------------ VMCOREINFO */

/* "ADDRESS LENGTH", both hexadecimal. */
static bool add_vmcoreinfo(struct tool *t)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;
	unsigned long long at, len;
	FILE *f;
	int n = 0;

	if (dumpfilter_image_info(t->df, &i) < 0 || i.has_vmcoreinfo)
		return true;
	f = fopen("/sys/kernel/vmcoreinfo", "re");
	if (f) {
		n = fscanf(f, "%llx %llx", &at, &len);
		fclose(f);
	}
	if (n == 2 && len <= SIZE_MAX && dumpfilter_add_vmcoreinfo_at(t->df, at, (size_t)len) < 0) {
		tool_library_error(t);
		return false;
	}
	return true; /* without it planning says what is missing */
}

/* ------------------------------------------------------------------------------------------------ capture kernel */

static bool leave_out(struct tool *t, uint64_t start, uint64_t bytes)
{
	if (!bytes)
		return true;
	msg(t->messages, MSG_DEBUG, "reserved for a capture kernel: %#" PRIx64 " to %#" PRIx64, start,
	    start + bytes - 1);
	if (dumpfilter_cut(t->df, start, bytes) >= 0)
		return true;
	tool_library_error(t);
	return false;
}

/* Lines such as "  17000000-1effffff : Crash kernel", last address included. */
static bool leave_out_of_iomem(struct tool *t)
{
	FILE *f = fopen("/proc/iomem", "re");
	unsigned long long first, last;
	char line[256];
	bool ok = true;

	while (f && ok && fgets(line, sizeof line, f))
		if (strstr(line, ": Crash kernel") && sscanf(line, "%llx-%llx", &first, &last) == 2 && first < last)
			ok = leave_out(t, first, last - first + 1);
	if (f)
		fclose(f);
	return ok;
}

/* A number of the device tree: 8 bytes, big-endian. */
static bool read_property(const char *path, uint64_t *v)
{
	FILE *f = fopen(path, "re");
	unsigned char raw[8];
	bool whole = f && fread(raw, 1, sizeof raw, f) == sizeof raw;

	if (f)
		fclose(f);
	*v = 0;
	for (unsigned i = 0; whole && i < sizeof raw; i++)
		*v = *v << 8 | raw[i];
	return whole;
}

/* powerpc says it there only. */
static bool leave_out_of_device_tree(struct tool *t)
{
	uint64_t start, bytes;

	if (!read_property(CHOSEN "crashkernel-base", &start) || !read_property(CHOSEN "crashkernel-size", &bytes) ||
	    bytes > UINT64_MAX - start)
		return true;
	return leave_out(t, start, bytes);
}

bool kcore_complete(struct tool *t)
{
	return !is_input(t) || (add_vmcoreinfo(t) && leave_out_of_iomem(t) && leave_out_of_device_tree(t));
}
