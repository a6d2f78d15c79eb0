/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMCORE "-": a dump on standard input.  Filtering reads struct pages all over memory before it can say of any page
 * whether it is kept, so what cannot be read at offsets is copied to a file first, which has no name and goes with the
 * program.
 */
#define _GNU_SOURCE /* O_TMPFILE, mkostemp */
#include "signals.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER ((size_t)256 << 10)
#define BLOCK  ((size_t)4096)
#define NAME   "standard input"

static const char *work_dir(const struct tool *tool)
{
	const char *tmp = getenv("TMPDIR");

	if (tool->options->text[OPT_WORK_DIR])
		return tool->options->text[OPT_WORK_DIR];
	return tmp && *tmp ? tmp : "/var/tmp";
}

/* A file without a name, readable by nobody else. */
static int unnamed_file(const char *dir)
{
	char path[4096];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* not every file system has such files */
	if ((size_t)snprintf(path, sizeof path, "%s/makedumpfile.XXXXXX", dir) >= sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

/* Bytes, 0 at the end, or −1 with errno. */
static ssize_t read_some(uint8_t *buffer, size_t length)
{
	for (;;) {
		struct pollfd wait = { .fd = STDIN_FILENO, .events = POLLIN };
		ssize_t got;

		if (signals_taken()) {
			errno = ECANCELED;
			return -1;
		}
		got = read(STDIN_FILENO, buffer, length);
		if (got >= 0)
			return got;
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			(void)poll(&wait, 1, -1);
		else if (errno != EINTR)
			return -1;
	}
}

/* A whole buffer unless the input ends. */
static ssize_t fill(uint8_t *buffer)
{
	size_t got = 0;
	ssize_t bytes = 1;

	while (got < BUFFER && bytes > 0) {
		bytes = read_some(buffer + got, BUFFER - got);
		if (bytes > 0)
			got += (size_t)bytes;
	}
	return bytes < 0 ? bytes : (ssize_t)got;
}

static bool write_all(int fd, const uint8_t *bytes, size_t length, uint64_t offset)
{
	while (length) {
		ssize_t got = pwrite(fd, bytes, length, (off_t)offset);

		if (got <= 0 && errno != EINTR)
			return false;
		if (got > 0) {
			bytes += got;
			length -= (size_t)got;
			offset += (uint64_t)got;
		}
	}
	return true;
}

/* Blocks of zeros from bytes on, or of something else; *zero: which. */
static size_t run_of_blocks(const uint8_t *bytes, size_t length, bool *zero)
{
	size_t at = 0;

	while (at < length) {
		size_t count = length - at < BLOCK ? length - at : BLOCK;
		bool zeros = !bytes[at] && !memcmp(bytes + at, bytes + at + 1, count - 1);

		if (at && zeros != *zero)
			break;
		*zero = zeros;
		at += count;
	}
	return at;
}

/* Zeros, of which memory has many, become gaps. */
static bool store(int fd, const uint8_t *bytes, size_t length, uint64_t offset)
{
	while (length) {
		bool zero = false;
		size_t count = run_of_blocks(bytes, length, &zero);

		if (!zero && !write_all(fd, bytes, count, offset))
			return false;
		bytes += count;
		length -= count;
		offset += count;
	}
	return true;
}

static bool cannot_store(struct tool *tool, uint64_t done)
{
	msg(tool->messages, MSG_ERROR,
	    "%s: copying " NAME " to a temporary file, after %" PRIu64
	    " bytes: %s: give a directory with more space by --work-dir, or the dump as a file",
	    work_dir(tool), done, strerror(errno));
	return false;
}

static bool cannot_read(struct tool *tool, uint64_t done)
{
	if (errno == ECANCELED)
		msg(tool->messages, MSG_ERROR, NAME ": cancelled after %" PRIu64 " bytes", done);
	else
		msg(tool->messages, MSG_ERROR, NAME ": reading at byte %" PRIu64 ": %s", done, strerror(errno));
	return false;
}

/* ------------------------------------------------------------------------------------------------ what it is */

struct beginning {
	const uint8_t *buffer;
	size_t length;
};

static int64_t read_beginning(void *user, uint64_t offset, void *buffer, size_t length)
{
	const struct beginning *beginning = user;

	if (offset >= beginning->length)
		return 0;
	if (length > beginning->length - offset)
		length = beginning->length - (size_t)offset;
	memcpy(buffer, beginning->buffer + offset, length);
	return (int64_t)length;
}

/* What is no dump would fill the disk before anybody says so.  Does the library know what begins so?  Says why not.
 * In a context of its own, without a log: of what is cut off here most of what it would say is wrong. */
static bool begins_as_dump(struct tool *tool, const uint8_t *buffer, size_t length)
{
	struct beginning beginning = { buffer, length };
	struct dumpfilter_source_ops ops = {
		.size = sizeof ops, .read = read_beginning, .length = length, .name = NAME
	};
	struct dumpfilter *df;
	int result = DUMPFILTER_OK;

	if (length < BUFFER)
		return true; /* it is all that there is: opening it tells */
	df = dumpfilter_new(NULL);
	if (df)
		result = dumpfilter_open(df, &ops, &beginning);
	if (result == DUMPFILTER_E_FORMAT)
		msg(tool->messages, MSG_ERROR, "%s", dumpfilter_errmsg(df));
	dumpfilter_free(df);
	return result != DUMPFILTER_E_FORMAT;
}

/* ------------------------------------------------------------------------------------------------ the copy */

static bool copy_all(struct tool *tool, int fd, uint8_t *buffer)
{
	struct dumpfilter_progress progress = { .phase = PROGRESS_INPUT };

	for (;;) {
		ssize_t got = fill(buffer);

		if (got < 0)
			return cannot_read(tool, progress.done);
		if (!progress.done && !begins_as_dump(tool, buffer, (size_t)got))
			return false;
		if (got && !store(fd, buffer, (size_t)got, progress.done))
			return cannot_store(tool, progress.done);
		progress.done += (uint64_t)got;
		progress.bytes_in = progress.bytes_out = progress.done;
		progress_show(&tool->progress, &progress);
		if (!got)
			return !ftruncate(fd, (off_t)progress.done) || cannot_store(tool, progress.done);
	}
}

static bool make_copy(struct tool *tool)
{
	uint8_t *buffer;
	bool ok;
	int fd;

	if (isatty(STDIN_FILENO)) {
		msg(tool->messages, MSG_ERROR, NAME " is a terminal: a dump is expected there");
		return false;
	}
	fd = unnamed_file(work_dir(tool));
	if (fd < 0) {
		msg(tool->messages, MSG_ERROR,
		    "%s: creating a temporary file for " NAME ": %s: choose another directory "
		    "by --work-dir",
		    work_dir(tool), strerror(errno));
		return false;
	}
	tool->input_copy = fd;
	buffer = malloc(BUFFER);
	ok = buffer && copy_all(tool, fd, buffer);
	if (!buffer)
		msg(tool->messages, MSG_ERROR, "out of memory");
	free(buffer);
	return ok;
}

/* A file or a disk from its beginning on: what stands in front of it must not be read again. */
static bool can_be_read_in_place(void)
{
	struct stat st;

	return !fstat(STDIN_FILENO, &st) && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) &&
	       !lseek(STDIN_FILENO, 0, SEEK_CUR);
}

bool tool_open_stdin(struct tool *tool, unsigned flags)
{
	bool in_place = can_be_read_in_place();

	if (!in_place && !make_copy(tool))
		return false;
	if (dumpfilter_open_fd(tool->df, in_place ? STDIN_FILENO : tool->input_copy, NAME, flags) >= 0)
		return true;
	tool_library_error(tool);
	return false;
}
