/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -x and -i: what is known of the kernel besides the vmcore. */
#include "kernel.h"

#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OTHER_KERNEL_STATUS 2 /* of -i, as scripts know it */
#define TEXT_MAX            (1u << 20)

/* Bytes of the file, at most size; −1 with errno. */
static ssize_t read_all(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), saved;
	ssize_t n = 0, total = fd < 0 ? -1 : 0;

	while (total >= 0 && (size_t)total < size) {
		n = read(fd, buf + total, size - (size_t)total);
		if (n == 0)
			break;
		if (n < 0 && errno == EINTR && !signals_taken())
			continue;
		total = n < 0 ? -1 : total + n;
	}
	saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	return total;
}

/* NULL: it is a VMCOREINFO text. */
static const char *why_no_text(const char *text, size_t len)
{
	const char *first = text + (strncmp(text, "\xef\xbb\xbf", 3) ? 0 : 3); /* byte order mark */

	if (len > TEXT_MAX)
		return "it is larger than 1 MiB";
	if (strlen(text) != len)
		return "there are zero bytes in it";
	if (strncmp(first, "OSRELEASE=", 10) && !strstr(text, "\nOSRELEASE="))
		return "it has no line OSRELEASE=, as -g would have made it";
	return NULL;
}

/* The file's text, with a newline at its end, for free(); NULL: said why not. */
static char *read_text(struct tool *t, const char *path, size_t *len)
{
	char *text = malloc(TEXT_MAX + 3); /* one byte too many, a newline, and the end */
	ssize_t n = text ? read_all(path, text, TEXT_MAX + 1) : -1;
	const char *why;

	if (n < 0) {
		msg(t->messages, MSG_ERROR, "%s: %s", path, text ? strerror(errno) : "out of memory");
		free(text);
		return NULL;
	}
	*len = (size_t)n;
	if (*len && text[*len - 1] != '\n')
		text[(*len)++] = '\n';
	text[*len] = '\0';
	why = why_no_text(text, *len);
	if (!why)
		return text;
	msg(t->messages, MSG_ERROR, "%s is no VMCOREINFO text: %s", path, why);
	free(text);
	return NULL;
}

static bool add_text(struct tool *t, const char *path)
{
	size_t len;
	char *text = read_text(t, path, &len);
	int r;

	if (!text)
		return false;
	r = dumpfilter_add_vmcoreinfo(t->df, text, len);
	free(text);
	if (r < 0)
		msg(t->messages, MSG_ERROR, "%s: %s", path, dumpfilter_errmsg(t->df));
	if (r == DUMPFILTER_E_OTHER_KERNEL)
		t->status = OTHER_KERNEL_STATUS;
	return r >= 0;
}

bool kernel_facts(struct tool *t)
{
	const char *vmlinux = t->options->text[OPT_VMLINUX], *text = t->options->text[OPT_VMCOREINFO];

	if (text)
		return add_text(t, text);
	if (!vmlinux || dumpfilter_add_vmlinux(t->df, vmlinux, 0) >= 0)
		return true;
	tool_library_error(t);
	return false;
}
