/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The input is a vmlinux.  Most of the way through it is libelf's and libdw's, which are not built to be looked at
 * here: what is found is what they do to us, and what we do with what they say. */
#include "fuzz.h"

#include <unistd.h>

/* A file that is gone when the process is. */
static int hidden_file(void)
{
	char name[] = "/tmp/fuzz-vmlinux-XXXXXX";
	int fd = mkstemp(name);

	MUST(fd >= 0 && !unlink(name));
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct dumpfilter *df = fz_new(31, false, 1);
	struct dumpfilter_sink *sink = dumpfilter_sink_null(df);
	char path[64];
	int result;

	if (fd < 0)
		fd = hidden_file();
	MUST(sink && !ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	result = dumpfilter_write_vmcoreinfo(df, path, sink);
	MUST(result <= 0 && (!result || dumpfilter_errmsg(df)[0]));
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
	return 0;
}
