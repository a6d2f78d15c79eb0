/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"

#include "utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_VERSION 1
#define MAX_LINES      200 /* messages kept: a damaged image could bring any number */

typedef struct json_object json;

struct report {
	const char *path;
	int fd;
	struct messages *messages;
	double began;
	json *lines, *outputs;
};

/* ------------------------------------------------------------------------------------------------ values */

/* Where there is no memory for a member it is missing, and json_object_object_add() takes NULL for null. */
static void add(json *object, const char *key, json *value)
{
	json_object_object_add(object, key, value);
}

static json *text(const char *value)
{
	char valid[UTF8_MAX_BYTES];

	return json_object_new_string(utf8_valid(value, valid, sizeof valid));
}

static void add_text(json *object, const char *key, const char *value)
{
	add(object, key, value ? text(value) : NULL);
}

static void add_number(json *object, const char *key, uint64_t count)
{
	add(object, key, json_object_new_uint64(count));
}

static void add_bool(json *object, const char *key, bool value)
{
	add(object, key, json_object_new_boolean(value));
}

static void add_seconds(json *object, const char *key, double seconds)
{
	char digits[32];

	snprintf(digits, sizeof digits, "%.6f", seconds);
	add(object, key, json_object_new_double_s(seconds, digits));
}

/* ------------------------------------------------------------------------------------------------ parts */

static const char *mode_name(enum mode mode)
{
	static const char *const names[] = {
		[MODE_HELP] = "help",
		[MODE_VERSION] = "version",
		[MODE_GENERATE] = "generate",
		[MODE_REARRANGE] = "rearrange",
		[MODE_REASSEMBLE] = "reassemble",
		[MODE_DMESG] = "dmesg",
		[MODE_MEM_USAGE] = "mem-usage",
		[MODE_DUMP] = "dump",
	};

	return names[mode];
}

static json *of_tool(void)
{
	json *object = json_object_new_object();

	add_text(object, "name", "makedumpfile");
	add_text(object, "version", dumpfilter_version());
	return object;
}

/* The files of a split dump but the first one. */
static json *of_pieces(const struct options *options)
{
	json *names = json_object_new_array();
	const char *name;

	for (unsigned i = 1; (name = tool_input(options, i)); i++)
		json_object_array_add(names, text(name));
	return names;
}

static json *of_input(const struct tool *tool, const struct dumpfilter_image_info *i)
{
	json *object = json_object_new_object();

	add_text(object, "name", tool->options->operand_count ? tool->options->operands[0] : NULL);
	add(object, "pieces", of_pieces(tool->options));
	add_text(object, "format", i->format);
	add_text(object, "machine", i->machine);
	add_number(object, "word_bits", i->word_bits);
	add_text(object, "byte_order", i->big_endian ? "big" : "little");
	add_number(object, "page_size", i->page_size);
	add_number(object, "cpus", i->cpus);
	add_number(object, "max_pfn", i->max_pfn);
	add_number(object, "present_pages", i->present_pages);
	add_bool(object, "truncated", i->truncated);
	add_number(object, "level", i->level);
	return object;
}

static void add_rule(void *user, const char *line)
{
	json_object_array_add(user, text(line));
}

static json *of_kernel(const struct tool *tool, const struct dumpfilter_image_info *i)
{
	json *object = json_object_new_object(), *rules = json_object_new_array();

	add_text(object, "release", i->osrelease);
	add_text(object, "build_id", i->build_id);
	add_bool(object, "vmcoreinfo", i->has_vmcoreinfo);
	dumpfilter_explain(tool->df, add_rule, rules);
	add(object, "rules", rules);
	return object;
}

/* absent: what a survey alone tells. */
static json *of_classes(const struct dumpfilter_report *report, uint32_t page_size, bool absent)
{
	static const char *const names[DUMPFILTER_CLASS_COUNT] = { "keep", "cache",    "cache_private", "user",
								   "free", "hwpoison", "offline" };
	json *object = json_object_new_object();

	for (unsigned column = 0; column < DUMPFILTER_CLASS_COUNT; column++) {
		json *counts = json_object_new_object();

		add_number(counts, "pages", report->class_pages[column]);
		add_number(counts, "bytes", report->class_pages[column] * page_size);
		add_number(counts, "excluded_pages", report->excluded_pages[column]);
		if (absent)
			add_number(counts, "absent_pages", report->absent_pages[column]);
		add(object, names[column], counts);
	}
	return object;
}

static json *of_pages(const struct dumpfilter_report *report, uint32_t page_size, bool absent)
{
	json *object = json_object_new_object();

	add_number(object, "present", report->present_pages);
	add_number(object, "max_pfn", report->max_pfn);
	add(object, "classes", of_classes(report, page_size, absent));
	add_number(object, "kept", report->kept_pages);
	add_number(object, "zero", report->zero_pages);
	add_number(object, "written", report->written_pages);
	add_number(object, "written_elf", report->elf_written_pages);
	add_number(object, "lost", report->lost_pages);
	add_number(object, "unreadable", report->unreadable_pages);
	add_number(object, "doubtful", report->doubtful_pages);
	add_number(object, "unreadable_structs", report->unreadable_memmap_pages);
	add_number(object, "beyond_memory_map", report->beyond_memmap_pages);
	add_number(object, "page_structures", report->vmemmap_pages);
	return object;
}

static json *of_config(const struct tool *tool, const struct dumpfilter_report *report)
{
	json *object = json_object_new_object();

	add_number(object, "level", (uint64_t)report->level);
	add_text(object, "format", tool_asked(tool, OPT_ELF) ? "elf" : "kdump");
	add_text(object, "codec", dumpfilter_codec_name(report->codec));
	add(object, "compression_level",
	    tool->options->compression_level ? json_object_new_int(tool->options->compression_level) : NULL);
	add_bool(object, "flattened", tool_asked(tool, OPT_FLAT));
	add_bool(object, "dry_run", tool_asked(tool, OPT_DRY_RUN));
	add_bool(object, "exclude_vmemmap", tool_asked(tool, OPT_VMEMMAP));
	add_number(object, "threads", report->threads);
	return object;
}

static json *of_timings(const struct report *report, const struct dumpfilter_report *counts)
{
	json *object = json_object_new_object();

	add_seconds(object, "plan_seconds", counts->plan_seconds);
	add_seconds(object, "copy_seconds", counts->copy_seconds);
	add_seconds(object, "total_seconds", progress_clock() - report->began);
	return object;
}

/* What only a run that came as far as a plan can tell. */
static void add_plan(json *object, const struct report *report, const struct tool *tool, uint32_t page_size)
{
	struct dumpfilter_report counts = DUMPFILTER_REPORT_INIT;
	bool planned = tool->df && dumpfilter_report(tool->df, &counts) >= 0;

	add(object, "config", planned ? of_config(tool, &counts) : NULL);
	add(object, "pages", planned ? of_pages(&counts, page_size, tool->options->mode == MODE_MEM_USAGE) : NULL);
	add(object, "timings", of_timings(report, &counts));
	add_number(object, "bytes_out", counts.bytes_out);
	add_number(object, "peak_memory", counts.peak_memory);
}

static const char *result_name(const struct tool *tool, int status)
{
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;

	if (tool->df)
		dumpfilter_report(tool->df, &report);
	if (report.result == DUMPFILTER_PARTIAL)
		return "incomplete";
	if (status)
		return "failed";
	return report.result == DUMPFILTER_WARN ? "larger than asked" : "complete";
}

static json *of_run(const struct report *report, const struct tool *tool, int status)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;
	bool open = tool->df && dumpfilter_image_info(tool->df, &i) >= 0;
	json *object = json_object_new_object();

	add_number(object, "report_version", REPORT_VERSION);
	add(object, "tool", of_tool());
	add_text(object, "mode", mode_name(tool->options->mode));
	add_text(object, "result", result_name(tool, status));
	add_number(object, "exit_status", (uint64_t)tool_exit_status(tool, status));
	add(object, "input", open ? of_input(tool, &i) : NULL);
	add(object, "kernel", open ? of_kernel(tool, &i) : NULL);
	add_plan(object, report, tool, i.page_size);
	add(object, "outputs", json_object_get(report->outputs));
	add(object, "messages", json_object_get(report->lines));
	return object;
}

/* ------------------------------------------------------------------------------------------------ file */

static void hear(void *user, const char *line)
{
	struct report *report = user;

	if (json_object_array_length(report->lines) < MAX_LINES)
		json_object_array_add(report->lines, text(line));
}

static int create(const char *path, bool overwrite)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (overwrite ? O_TRUNC : O_EXCL);

	return strcmp(path, "-") ? open(path, flags, 0600) : dup(STDOUT_FILENO);
}

struct report *report_open(const char *path, bool overwrite, struct messages *messages)
{
	struct report *report = calloc(1, sizeof *report);

	if (!report) {
		msg(messages, MSG_ERROR, "%s: out of memory", path);
		return NULL;
	}
	*report = (struct report){
		.path = path, .fd = create(path, overwrite), .messages = messages, .began = progress_clock()
	};
	if (report->fd < 0) {
		msg(messages, MSG_ERROR, "%s: %s%s", path, strerror(errno),
		    errno == EEXIST ? ": use -f to overwrite it, or another name" : "");
		free(report);
		return NULL;
	}
	report->lines = json_object_new_array();
	report->outputs = json_object_new_array();
	messages->hear = hear;
	messages->hear_user = report;
	return report;
}

bool report_is_file(const struct report *report, const struct stat *file)
{
	struct stat st;

	return report && !fstat(report->fd, &st) && tool_same_file(&st, file);
}

void report_output(struct report *report, const char *name, uint64_t bytes)
{
	json *object;

	if (!report)
		return;
	object = json_object_new_object();
	add_text(object, "name", name);
	add(object, "bytes", bytes == UINT64_MAX ? NULL : json_object_new_uint64(bytes));
	json_object_array_add(report->outputs, object);
}

static bool write_all(int fd, const char *text)
{
	for (size_t left = strlen(text); left;) {
		ssize_t got = write(fd, text, left);

		if (got < 0 && errno != EINTR)
			return false;
		text += got > 0 ? got : 0;
		left -= got > 0 ? (size_t)got : 0;
	}
	return true;
}

bool report_close(struct report *report, const struct tool *tool, int status)
{
	json *object;
	bool ok;

	if (!report)
		return true;
	object = of_run(report, tool, status);
	report->messages->hear = NULL;
	ok = write_all(report->fd,
		       json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
								      JSON_C_TO_STRING_NOSLASHESCAPE)) &&
	     write_all(report->fd, "\n");
	ok = !close(report->fd) && ok;
	if (!ok)
		msg(report->messages, MSG_ERROR, "%s: the report cannot be written: %s", report->path, strerror(errno));
	json_object_put(object);
	json_object_put(report->lines);
	json_object_put(report->outputs);
	free(report);
	return ok;
}
