/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the user is told: classes of messages, chosen by --message-level, and the stream of each. */
#ifndef MAKEDUMPFILE_MESSAGES_H
#define MAKEDUMPFILE_MESSAGES_H

#include <libdumpfilter.h>

#include <stdbool.h>
#include <stdio.h>

enum message_class {
	MSG_PROGRESS = 1, /* stderr */
	MSG_COMMON = 2,   /* stdout, with -F stderr */
	MSG_ERROR = 4,    /* stderr, "makedumpfile: " in front; at every level but 0 */
	MSG_DEBUG = 8,    /* as common */
	MSG_REPORT = 16,  /* as common */
	MSG_DEFAULT = MSG_PROGRESS | MSG_COMMON | MSG_ERROR,
	MSG_ALL = 31,
};

struct messages {
	unsigned level;                             /* bits of message_class */
	bool flat;                                  /* stdout carries the dump */
	bool json;                                  /* a program reads stderr: each line is an event */
	bool open_line;                             /* an unfinished progress line stands on the terminal */
	void (*hear)(void *user, const char *line); /* is told every error line, wanted or not; NULL: nobody */
	void *hear_user;
};

/* Print a line (the newline is added) if its class is wanted.  Control characters in it, which may come from a dump
 * or a file name, become '?'.  With json what goes to stderr becomes {"event":"message","class":"error","text":"…"},
 * and an empty line nothing. */
void msg(struct messages *messages, enum message_class cls, const char *fmt, ...) DUMPFILTER_PRINTF(3, 4);

/* Of the common class, and where that is not wanted an error: why a run fails, or makes another dump than was asked
 * for, is said at every level but 0. */
void msg_needed(struct messages *messages, const char *fmt, ...) DUMPFILTER_PRINTF(2, 3);

/* A piece of a progress line, as it is: "\r…" leaves the line open, "…\n" ends it. */
void msg_progress(struct messages *messages, const char *text);

/* For dumpfilter_set_log() and dumpfilter_explain(); user: struct messages. */
void msg_log(void *user, int level, const char *line);
void msg_debug_line(void *user, const char *line);

#endif
