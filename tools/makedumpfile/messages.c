/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "messages.h"

#include "utf8.h"

#include <stdarg.h>
#include <string.h>

#define LINE_MAX_BYTES 8192 /* two file names of the longest kind, and some words */

static FILE *stream_of(const struct messages *messages, enum message_class cls)
{
	return cls == MSG_PROGRESS || cls == MSG_ERROR || messages->flat ? stderr : stdout;
}

static void blot_controls(char *line)
{
	for (char *at = line; *at; at++)
		if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f)
			*at = '?';
}

static const char *class_name(enum message_class cls)
{
	switch (cls) {
	case MSG_PROGRESS:
		return "progress";
	case MSG_ERROR:
		return "error";
	case MSG_DEBUG:
		return "debug";
	case MSG_REPORT:
		return "report";
	default:
		return "common";
	}
}

/* Of control characters only tabs are left. */
static void print_event(enum message_class cls, const char *line)
{
	char valid[LINE_MAX_BYTES];

	if (!line[0])
		return;
	fprintf(stderr, "{\"event\":\"message\",\"class\":\"%s\",\"text\":\"", class_name(cls));
	for (const char *next = utf8_valid(line, valid, sizeof valid); *next; next++) {
		if (*next == '"' || *next == '\\')
			fputc('\\', stderr);
		if (*next == '\t')
			fputs("\\t", stderr);
		else
			fputc(*next, stderr);
	}
	fputs("\"}\n", stderr);
}

/* Who leaves out what is said of errors still sees them: a failure without a word cannot be mended. */
static bool is_wanted(const struct messages *messages, enum message_class cls)
{
	return messages->level & cls || (cls == MSG_ERROR && messages->level);
}

static void vmsg(struct messages *messages, enum message_class cls, const char *fmt, va_list ap)
{
	char line[LINE_MAX_BYTES];

	if (!is_wanted(messages, cls) && !(cls == MSG_ERROR && messages->hear))
		return;
	vsnprintf(line, sizeof line, fmt, ap);
	blot_controls(line);
	if (cls == MSG_ERROR && messages->hear)
		messages->hear(messages->hear_user, line);
	if (!is_wanted(messages, cls))
		return;
	if (messages->open_line)
		msg_progress(messages, "\n");
	if (messages->json && stream_of(messages, cls) == stderr)
		print_event(cls, line);
	else
		fprintf(stream_of(messages, cls), "%s%s\n", cls == MSG_ERROR ? "makedumpfile: " : "", line);
}

void msg(struct messages *messages, enum message_class cls, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vmsg(messages, cls, fmt, ap);
	va_end(ap);
}

void msg_needed(struct messages *messages, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vmsg(messages, is_wanted(messages, MSG_COMMON) ? MSG_COMMON : MSG_ERROR, fmt, ap);
	va_end(ap);
}

void msg_progress(struct messages *messages, const char *text)
{
	size_t count = strlen(text);

	fputs(text, stderr);
	messages->open_line = count && text[count - 1] != '\n';
}

void msg_log(void *user, int level, const char *line)
{
	if (level <= DUMPFILTER_LOG_ERROR)
		msg(user, MSG_ERROR, "%s", line);
	else if (level == DUMPFILTER_LOG_WARN)
		msg(user, MSG_ERROR, "warning: %s", line);
	else
		msg(user, MSG_DEBUG, "%s", line);
}

void msg_debug_line(void *user, const char *line)
{
	msg(user, MSG_DEBUG, "%s", line);
}
