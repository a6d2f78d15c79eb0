/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "progress.h"

#include "human.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define TERMINAL_INTERVAL 0.5 /* seconds between two lines */
#define PLAIN_INTERVAL    5.0 /* in a log file or on a serial console behind a pipe */
#define JSON_INTERVAL     1.0
#define RATE_AFTER        0.2 /* seconds of a phase before a rate means something */
#define TEXT_BYTES        40
#define LINE_BYTES        160
#define DEFAULT_COLUMNS   80 /* of a terminal that does not tell, such as a serial console */
#define LABEL_COLUMNS     30 /* with the colon */
#define PERCENT_COLUMNS   9
#define GAP               2

void progress_init(struct progress *progress, struct messages *messages, enum progress_kind kind)
{
	*progress = (struct progress){ .messages = messages,
				       .kind = kind,
				       .terminal = kind == PROGRESS_TEXT && isatty(STDERR_FILENO),
				       .phase = -1 };
}

const char *progress_label(int phase)
{
	switch (phase) {
	case DUMPFILTER_PHASE_PLAN:
		return "Excluding unnecessary pages";
	case DUMPFILTER_PHASE_ZERO:
		return "Excluding zero pages";
	case DUMPFILTER_PHASE_COPY:
		return "Copying data";
	case DUMPFILTER_PHASE_REARRANGE:
		return "Rearranging data";
	case PROGRESS_INPUT:
		return "Reading standard input";
	default:
		return "Working";
	}
}

double progress_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void format_eta(char text[TEXT_BYTES], double seconds)
{
	unsigned rest;

	if (seconds >= 100 * 24 * 3600.0) {
		snprintf(text, TEXT_BYTES, "eta: >100day");
		return;
	}
	rest = (unsigned)seconds;
	if (rest < 100)
		snprintf(text, TEXT_BYTES, "eta: %us", rest);
	else if (rest < 100 * 60)
		snprintf(text, TEXT_BYTES, "eta: %um%us", rest / 60, rest % 60);
	else if (rest < 48 * 3600)
		snprintf(text, TEXT_BYTES, "eta: %uh%um", rest / 3600, rest / 60 % 60);
	else
		snprintf(text, TEXT_BYTES, "eta: %ud%uh", rest / 86400, rest / 3600 % 24);
}

/* "[ 45.3 %]"; cut, not rounded: 100.0 means that all is done.  Empty where the total is not known. */
static void format_percent(char text[TEXT_BYTES], const struct dumpfilter_progress *progress)
{
	unsigned permille = 1000;

	text[0] = '\0';
	if (!progress->total)
		return;
	if (progress->done < progress->total)
		permille = (unsigned)((double)progress->done / (double)progress->total * 1000);
	snprintf(text, TEXT_BYTES, "[%3u.%u %%]", permille / 10, permille % 10);
}

/* What stands behind the label, in this order. */
enum part { PART_PERCENT, PART_BYTES, PART_RATE, PART_ETA, PART_COUNT };

/* A part that has nothing to say is empty: the phase that plans tells no bytes. */
static void format_parts(char parts[PART_COUNT][TEXT_BYTES], const struct dumpfilter_progress *progress, double elapsed)
{
	memset(parts, 0, PART_COUNT * TEXT_BYTES);
	format_percent(parts[PART_PERCENT], progress);
	if (progress->bytes_in)
		snprintf(parts[PART_BYTES], TEXT_BYTES, "%s", human_bytes((double)progress->bytes_in).text);
	if (elapsed < RATE_AFTER)
		return;
	if (progress->bytes_in)
		snprintf(parts[PART_RATE], TEXT_BYTES, "%s/s", human_bytes((double)progress->bytes_in / elapsed).text);
	if (progress->done && progress->done < progress->total)
		format_eta(parts[PART_ETA],
			   elapsed * (double)(progress->total - progress->done) / (double)progress->done);
}

/* Which parts a line has room for behind its label: those that tell most come first. */
static void drop_parts(char parts[PART_COUNT][TEXT_BYTES], int room)
{
	static const enum part by_need[PART_COUNT] = { PART_PERCENT, PART_ETA, PART_BYTES, PART_RATE };
	int used = 0;

	for (unsigned i = 0; i < PART_COUNT; i++) {
		char *text = parts[by_need[i]];
		int need = (int)strlen(text) + (used ? GAP : 0);

		if (text[0] && used + need <= room)
			used += need;
		else
			text[0] = '\0';
	}
}

/* At most so many columns, so that the line does not wrap. */
static void format_line(char line[LINE_BYTES], int columns, const struct dumpfilter_progress *progress, double elapsed)
{
	const char *label = progress_label(progress->phase);
	bool narrow = columns < LABEL_COLUMNS + PERCENT_COLUMNS;
	char parts[PART_COUNT][TEXT_BYTES];
	int length;

	line[0] = '\0';
	format_parts(parts, progress, elapsed);
	if (narrow) {
		int room = columns - PERCENT_COLUMNS - 1;

		drop_parts(parts, columns < PERCENT_COLUMNS ? 0 : PERCENT_COLUMNS);
		length = room > 0 ? snprintf(line, LINE_BYTES, "%.*s ", room, label) : 0;
	} else {
		drop_parts(parts, columns - LABEL_COLUMNS);
		length = snprintf(line, LINE_BYTES, "%-27s : ", label);
	}
	for (unsigned i = 0, shown = 0; i < PART_COUNT; i++)
		if (parts[i][0])
			length += snprintf(line + length, (size_t)(LINE_BYTES - length), "%*s%s", shown++ ? GAP : 0, "",
					   parts[i]);
	while (length && line[length - 1] == ' ')
		line[--length] = '\0';
}

/* One less than the terminal has, where the cursor stays. */
static int terminal_columns(void)
{
	const char *text = getenv("COLUMNS");
	struct winsize size;
	long columns = 0;

	if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		columns = size.ws_col;
	else if (text)
		columns = strtol(text, NULL, 10);
	if (columns < 2 || columns > DEFAULT_COLUMNS)
		columns = DEFAULT_COLUMNS; /* a longer line would not say more */
	return (int)columns - 1;
}

/* {"event":"progress","phase":"copy","unit":"pages","done":12,"total":34,…}; total 0: not known. */
static void print_json(struct progress *progress, const struct dumpfilter_progress *now, double elapsed)
{
	static const char *const phases[][2] = {
		[DUMPFILTER_PHASE_PLAN] = { "plan", "pages" },
		[DUMPFILTER_PHASE_ZERO] = { "zero", "pages" },
		[DUMPFILTER_PHASE_COPY] = { "copy", "pages" },
		[DUMPFILTER_PHASE_REARRANGE] = { "rearrange", "bytes" },
	};
	static const char *const input[] = { "input", "bytes" }, *const other[] = { "other", "other" };
	bool known = now->phase >= 0 && (size_t)now->phase < sizeof phases / sizeof *phases;
	const char *const *names = known ? phases[now->phase] : now->phase == PROGRESS_INPUT ? input : other;
	char line[512];

	snprintf(line, sizeof line,
		 "{\"event\":\"progress\",\"phase\":\"%s\",\"unit\":\"%s\",\"done\":%" PRIu64 ",\"total\":%" PRIu64
		 ",\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64 ",\"seconds\":%.3f}\n",
		 names[0], names[1], now->done, now->total, now->bytes_in, now->bytes_out, elapsed);
	msg_progress(progress->messages, line);
}

static void print_line(struct progress *progress, const struct dumpfilter_progress *now, double elapsed)
{
	int columns = progress->terminal ? terminal_columns() : LINE_BYTES;
	char line[LINE_BYTES], out[LINE_BYTES + 4];

	if (progress->kind == PROGRESS_JSON) {
		print_json(progress, now, elapsed);
		return;
	}
	format_line(line, columns, now, elapsed);
	if (progress->terminal)
		snprintf(out, sizeof out, "\r%-*s%s", columns, line, progress->complete ? "\n" : "");
	else
		snprintf(out, sizeof out, "%s\n", line);
	msg_progress(progress->messages, out);
}

static void begin_phase(struct progress *progress, int phase, double time)
{
	if (progress->messages->open_line)
		msg_progress(progress->messages, "\n");
	progress->phase = phase;
	progress->complete = false;
	progress->began = time;
	progress->shown = progress->terminal || progress->kind == PROGRESS_JSON ? 0 : time;
}

/* Who asks for JSON reads it, whatever the level of the messages for people is. */
static bool wanted(const struct progress *progress)
{
	return progress->kind == PROGRESS_JSON ||
	       (progress->kind == PROGRESS_TEXT && progress->messages->level & MSG_PROGRESS);
}

static double interval(const struct progress *progress)
{
	if (progress->kind == PROGRESS_JSON)
		return JSON_INTERVAL;
	return progress->terminal ? TERMINAL_INTERVAL : PLAIN_INTERVAL;
}

void progress_show(void *user, const struct dumpfilter_progress *progress)
{
	struct progress *shown = user;
	double time;

	shown->bytes_out = progress->bytes_out;
	if (!wanted(shown))
		return;
	time = progress_clock();
	if (progress->phase != shown->phase)
		begin_phase(shown, progress->phase, time);
	if (shown->complete)
		return;
	shown->complete = progress->total && progress->done >= progress->total;
	if (!shown->complete && time - shown->shown < interval(shown))
		return;
	shown->shown = time;
	print_line(shown, progress, time - shown->began);
}

void progress_restart(struct progress *progress)
{
	progress->phase = -1;
}

void progress_end(struct progress *progress, int status)
{
	char line[64];

	if (progress->kind != PROGRESS_JSON)
		return;
	snprintf(line, sizeof line, "{\"event\":\"end\",\"exit_status\":%d}\n", status);
	msg_progress(progress->messages, line);
}
