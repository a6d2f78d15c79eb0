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
static ssize_t read_all(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), saved;
	ssize_t got = 0, total = fd < 0 ? -1 : 0;

	while (total >= 0 && (size_t)total < size) {
		got = read(fd, buffer + total, size - (size_t)total);
		if (got == 0)
			break;
		if (got < 0 && errno == EINTR && !signals_taken())
			continue;
		total = got < 0 ? -1 : total + got;
	}
	saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	return total;
}

/* NULL: it is a VMCOREINFO text. */
static const char *why_no_text(const char *text, size_t length)
{
	const char *first = text + (strncmp(text, "\xef\xbb\xbf", 3) ? 0 : 3); /* byte order mark */

	if (length > TEXT_MAX)
		return "it is larger than 1 MiB";
	if (strlen(text) != length)
		return "there are zero bytes in it";
	if (strncmp(first, "OSRELEASE=", 10) && !strstr(text, "\nOSRELEASE="))
		return "it has no line OSRELEASE=, as -g would have made it";
	return NULL;
}

/* The file's text, with a newline at its end, for free(); NULL: said why not. */
static char *read_text(struct tool *tool, const char *path, size_t *length)
{
	char *text = malloc(TEXT_MAX + 3); /* one byte too many, a newline, and the end */
	ssize_t got = text ? read_all(path, text, TEXT_MAX + 1) : -1;
	const char *why;

	if (got < 0) {
		msg(tool->messages, MSG_ERROR, "%s: %s", path, text ? strerror(errno) : "out of memory");
		free(text);
		return NULL;
	}
	*length = (size_t)got;
	if (*length && text[*length - 1] != '\n')
		text[(*length)++] = '\n';
	text[*length] = '\0';
	why = why_no_text(text, *length);
	if (!why)
		return text;
	msg(tool->messages, MSG_ERROR, "%s is no VMCOREINFO text: %s", path, why);
	free(text);
	return NULL;
}

static bool add_text(struct tool *tool, const char *path)
{
	size_t length;
	char *text = read_text(tool, path, &length);
	int result;

	if (!text)
		return false;
	result = dumpfilter_add_vmcoreinfo(tool->df, text, length);
	free(text);
	if (result < 0)
		msg(tool->messages, MSG_ERROR, "%s: %s", path, dumpfilter_errmsg(tool->df));
	if (result == DUMPFILTER_E_OTHER_KERNEL)
		tool->status = OTHER_KERNEL_STATUS;
	return result >= 0;
}

bool kernel_facts(struct tool *tool)
{
	const char *vmlinux = tool->options->text[OPT_VMLINUX], *text = tool->options->text[OPT_VMCOREINFO];

	if (text)
		return add_text(tool, text);
	if (!vmlinux || dumpfilter_add_vmlinux(tool->df, vmlinux, 0) >= 0)
		return true;
	tool_library_error(tool);
	return false;
}
