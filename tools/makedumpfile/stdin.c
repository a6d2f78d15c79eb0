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

static const char *work_dir(const struct tool *t)
{
	const char *tmp = getenv("TMPDIR");

	if (t->options->text[OPT_WORK_DIR])
		return t->options->text[OPT_WORK_DIR];
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
static ssize_t read_some(uint8_t *buf, size_t len)
{
	for (;;) {
		struct pollfd wait = { .fd = STDIN_FILENO, .events = POLLIN };
		ssize_t n;

		if (signals_taken()) {
			errno = ECANCELED;
			return -1;
		}
		n = read(STDIN_FILENO, buf, len);
		if (n >= 0)
			return n;
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			(void)poll(&wait, 1, -1);
		else if (errno != EINTR)
			return -1;
	}
}

/* A whole buffer unless the input ends. */
static ssize_t fill(uint8_t *buf)
{
	size_t got = 0;
	ssize_t n = 1;

	while (got < BUFFER && n > 0) {
		n = read_some(buf + got, BUFFER - got);
		if (n > 0)
			got += (size_t)n;
	}
	return n < 0 ? n : (ssize_t)got;
}

static bool write_all(int fd, const uint8_t *p, size_t len, uint64_t offset)
{
	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset);

		if (n <= 0 && errno != EINTR)
			return false;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
			offset += (uint64_t)n;
		}
	}
	return true;
}

/* Blocks of zeros from p on, or of something else; *zero: which. */
static size_t run_of_blocks(const uint8_t *p, size_t len, bool *zero)
{
	size_t at = 0;

	while (at < len) {
		size_t n = len - at < BLOCK ? len - at : BLOCK;
		bool z = !p[at] && !memcmp(p + at, p + at + 1, n - 1);

		if (at && z != *zero)
			break;
		*zero = z;
		at += n;
	}
	return at;
}

/* Zeros, of which memory has many, become gaps. */
static bool store(int fd, const uint8_t *p, size_t len, uint64_t offset)
{
	while (len) {
		bool zero = false;
		size_t n = run_of_blocks(p, len, &zero);

		if (!zero && !write_all(fd, p, n, offset))
			return false;
		p += n;
		len -= n;
		offset += n;
	}
	return true;
}

static bool cannot_store(struct tool *t, uint64_t done)
{
	msg(t->messages, MSG_ERROR,
	    "%s: copying " NAME " to a temporary file, after %" PRIu64
	    " bytes: %s: give a directory with more space by --work-dir, or the dump as a file",
	    work_dir(t), done, strerror(errno));
	return false;
}

static bool cannot_read(struct tool *t, uint64_t done)
{
	if (errno == ECANCELED)
		msg(t->messages, MSG_ERROR, NAME ": cancelled after %" PRIu64 " bytes", done);
	else
		msg(t->messages, MSG_ERROR, NAME ": reading at byte %" PRIu64 ": %s", done, strerror(errno));
	return false;
}

/* ------------------------------------------------------------------------------------------------ what it is */

struct beginning {
	const uint8_t *buf;
	size_t len;
};

static int64_t read_beginning(void *user, uint64_t offset, void *buf, size_t len)
{
	const struct beginning *x = user;

	if (offset >= x->len)
		return 0;
	if (len > x->len - offset)
		len = x->len - (size_t)offset;
	memcpy(buf, x->buf + offset, len);
	return (int64_t)len;
}

/* What is no dump would fill the disk before anybody says so.  Does the library know what begins so?  Says why not.
 * In a context of its own, without a log: of what is cut off here most of what it would say is wrong. */
static bool begins_as_dump(struct tool *t, const uint8_t *buf, size_t len)
{
	struct beginning x = { buf, len };
	struct dumpfilter_source_ops ops = { .size = sizeof ops, .read = read_beginning, .length = len, .name = NAME };
	struct dumpfilter *df;
	int r = DUMPFILTER_OK;

	if (len < BUFFER)
		return true; /* it is all that there is: opening it tells */
	df = dumpfilter_new(NULL);
	if (df)
		r = dumpfilter_open(df, &ops, &x);
	if (r == DUMPFILTER_E_FORMAT)
		msg(t->messages, MSG_ERROR, "%s", dumpfilter_errmsg(df));
	dumpfilter_free(df);
	return r != DUMPFILTER_E_FORMAT;
}

/* ------------------------------------------------------------------------------------------------ the copy */

static bool copy_all(struct tool *t, int fd, uint8_t *buf)
{
	struct dumpfilter_progress p = { .phase = PROGRESS_INPUT };

	for (;;) {
		ssize_t n = fill(buf);

		if (n < 0)
			return cannot_read(t, p.done);
		if (!p.done && !begins_as_dump(t, buf, (size_t)n))
			return false;
		if (n && !store(fd, buf, (size_t)n, p.done))
			return cannot_store(t, p.done);
		p.done += (uint64_t)n;
		p.bytes_in = p.bytes_out = p.done;
		progress_show(&t->progress, &p);
		if (!n)
			return !ftruncate(fd, (off_t)p.done) || cannot_store(t, p.done);
	}
}

static bool make_copy(struct tool *t)
{
	uint8_t *buf;
	bool ok;
	int fd;

	if (isatty(STDIN_FILENO)) {
		msg(t->messages, MSG_ERROR, NAME " is a terminal: a dump is expected there");
		return false;
	}
	fd = unnamed_file(work_dir(t));
	if (fd < 0) {
		msg(t->messages, MSG_ERROR,
		    "%s: creating a temporary file for " NAME ": %s: choose another directory "
		    "by --work-dir",
		    work_dir(t), strerror(errno));
		return false;
	}
	t->input_copy = fd;
	buf = malloc(BUFFER);
	ok = buf && copy_all(t, fd, buf);
	if (!buf)
		msg(t->messages, MSG_ERROR, "out of memory");
	free(buf);
	return ok;
}

/* A file or a disk from its beginning on: what stands in front of it must not be read again. */
static bool can_be_read_in_place(void)
{
	struct stat st;

	return !fstat(STDIN_FILENO, &st) && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) &&
	       !lseek(STDIN_FILENO, 0, SEEK_CUR);
}

bool tool_open_stdin(struct tool *t, unsigned flags)
{
	bool in_place = can_be_read_in_place();

	if (!in_place && !make_copy(t))
		return false;
	if (dumpfilter_open_fd(t->df, in_place ? STDIN_FILENO : t->input_copy, NAME, flags) >= 0)
		return true;
	tool_library_error(t);
	return false;
}
