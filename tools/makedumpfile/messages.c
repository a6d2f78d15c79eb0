/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "messages.h"

#include "utf8.h"

#include <stdarg.h>
#include <string.h>

#define LINE_MAX_BYTES 8192 /* two file names of the longest kind, and some words */

static FILE *stream_of(const struct messages *m, enum message_class cls)
{
	return cls == MSG_PROGRESS || cls == MSG_ERROR || m->flat ? stderr : stdout;
}

static void blot_controls(char *line)
{
	for (char *p = line; *p; p++)
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
			*p = '?';
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
static bool is_wanted(const struct messages *m, enum message_class cls)
{
	return m->level & cls || (cls == MSG_ERROR && m->level);
}

static void vmsg(struct messages *m, enum message_class cls, const char *fmt, va_list ap)
{
	char line[LINE_MAX_BYTES];

	if (!is_wanted(m, cls) && !(cls == MSG_ERROR && m->hear))
		return;
	vsnprintf(line, sizeof line, fmt, ap);
	blot_controls(line);
	if (cls == MSG_ERROR && m->hear)
		m->hear(m->hear_user, line);
	if (!is_wanted(m, cls))
		return;
	if (m->open_line)
		msg_progress(m, "\n");
	if (m->json && stream_of(m, cls) == stderr)
		print_event(cls, line);
	else
		fprintf(stream_of(m, cls), "%s%s\n", cls == MSG_ERROR ? "makedumpfile: " : "", line);
}

void msg(struct messages *m, enum message_class cls, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vmsg(m, cls, fmt, ap);
	va_end(ap);
}

void msg_needed(struct messages *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vmsg(m, is_wanted(m, MSG_COMMON) ? MSG_COMMON : MSG_ERROR, fmt, ap);
	va_end(ap);
}

void msg_progress(struct messages *m, const char *text)
{
	size_t n = strlen(text);

	fputs(text, stderr);
	m->open_line = n && text[n - 1] != '\n';
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
