/* SPDX-License-Identifier: GPL-2.0-or-later */
/* To be preloaded: /proc/kcore as kernels before 4.19 have it, without a VMCOREINFO note. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOTES (64 << 10) /* they are in the first bytes of the file */

ssize_t pread64(int fd, void *buffer, size_t length, off64_t offset)
{
	ssize_t got = syscall(SYS_pread64, fd, buffer, length, offset);

	if (got > 0 && offset < NOTES) {
		char *name = memmem(buffer, (size_t)got, "VMCOREINFO", sizeof "VMCOREINFO");

		if (name) {
			*name = 'X';
			if (write(STDERR_FILENO, "\nLAB-HIDDEN\n", 12) < 0)
				return -1;
		}
	}
	return got;
}

ssize_t pread(int fd, void *buffer, size_t length, off_t offset)
{
	return pread64(fd, buffer, length, offset);
}
