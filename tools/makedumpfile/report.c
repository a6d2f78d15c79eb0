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
static void add(json *to, const char *key, json *value)
{
	json_object_object_add(to, key, value);
}

static json *text(const char *s)
{
	char valid[UTF8_MAX_BYTES];

	return json_object_new_string(utf8_valid(s, valid, sizeof valid));
}

static void add_text(json *to, const char *key, const char *s)
{
	add(to, key, s ? text(s) : NULL);
}

static void add_number(json *to, const char *key, uint64_t n)
{
	add(to, key, json_object_new_uint64(n));
}

static void add_bool(json *to, const char *key, bool b)
{
	add(to, key, json_object_new_boolean(b));
}

static void add_seconds(json *to, const char *key, double seconds)
{
	char digits[32];

	snprintf(digits, sizeof digits, "%.6f", seconds);
	add(to, key, json_object_new_double_s(seconds, digits));
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
	json *o = json_object_new_object();

	add_text(o, "name", "makedumpfile");
	add_text(o, "version", dumpfilter_version());
	return o;
}

/* The files of a split dump but the first one. */
static json *of_pieces(const struct options *o)
{
	json *names = json_object_new_array();
	const char *name;

	for (unsigned i = 1; (name = tool_input(o, i)); i++)
		json_object_array_add(names, text(name));
	return names;
}

static json *of_input(const struct tool *t, const struct dumpfilter_image_info *i)
{
	json *o = json_object_new_object();

	add_text(o, "name", t->options->operand_count ? t->options->operands[0] : NULL);
	add(o, "pieces", of_pieces(t->options));
	add_text(o, "format", i->format);
	add_text(o, "machine", i->machine);
	add_number(o, "word_bits", i->word_bits);
	add_text(o, "byte_order", i->big_endian ? "big" : "little");
	add_number(o, "page_size", i->page_size);
	add_number(o, "cpus", i->cpus);
	add_number(o, "max_pfn", i->max_pfn);
	add_number(o, "present_pages", i->present_pages);
	add_bool(o, "truncated", i->truncated);
	add_number(o, "level", i->level);
	return o;
}

static void add_rule(void *user, const char *line)
{
	json_object_array_add(user, text(line));
}

static json *of_kernel(const struct tool *t, const struct dumpfilter_image_info *i)
{
	json *o = json_object_new_object(), *rules = json_object_new_array();

	add_text(o, "release", i->osrelease);
	add_text(o, "build_id", i->build_id);
	add_bool(o, "vmcoreinfo", i->has_vmcoreinfo);
	dumpfilter_explain(t->df, add_rule, rules);
	add(o, "rules", rules);
	return o;
}

/* absent: what a survey alone tells. */
static json *of_classes(const struct dumpfilter_report *r, uint32_t page_size, bool absent)
{
	static const char *const names[DUMPFILTER_CLASS_COUNT] = { "keep", "cache",    "cache_private", "user",
								   "free", "hwpoison", "offline" };
	json *o = json_object_new_object();

	for (unsigned c = 0; c < DUMPFILTER_CLASS_COUNT; c++) {
		json *n = json_object_new_object();

		add_number(n, "pages", r->class_pages[c]);
		add_number(n, "bytes", r->class_pages[c] * page_size);
		add_number(n, "excluded_pages", r->excluded_pages[c]);
		if (absent)
			add_number(n, "absent_pages", r->absent_pages[c]);
		add(o, names[c], n);
	}
	return o;
}

static json *of_pages(const struct dumpfilter_report *r, uint32_t page_size, bool absent)
{
	json *o = json_object_new_object();

	add_number(o, "present", r->present_pages);
	add_number(o, "max_pfn", r->max_pfn);
	add(o, "classes", of_classes(r, page_size, absent));
	add_number(o, "kept", r->kept_pages);
	add_number(o, "zero", r->zero_pages);
	add_number(o, "written", r->written_pages);
	add_number(o, "written_elf", r->elf_written_pages);
	add_number(o, "lost", r->lost_pages);
	add_number(o, "unreadable", r->unreadable_pages);
	add_number(o, "doubtful", r->doubtful_pages);
	add_number(o, "unreadable_structs", r->unreadable_memmap_pages);
	add_number(o, "beyond_memory_map", r->beyond_memmap_pages);
	add_number(o, "page_structures", r->vmemmap_pages);
	return o;
}

static json *of_config(const struct tool *t, const struct dumpfilter_report *r)
{
	json *o = json_object_new_object();

	add_number(o, "level", (uint64_t)r->level);
	add_text(o, "format", tool_asked(t, OPT_ELF) ? "elf" : "kdump");
	add_text(o, "codec", dumpfilter_codec_name(r->codec));
	add(o, "compression_level",
	    t->options->compression_level ? json_object_new_int(t->options->compression_level) : NULL);
	add_bool(o, "flattened", tool_asked(t, OPT_FLAT));
	add_bool(o, "dry_run", tool_asked(t, OPT_DRY_RUN));
	add_bool(o, "exclude_vmemmap", tool_asked(t, OPT_VMEMMAP));
	add_number(o, "threads", r->threads);
	return o;
}

static json *of_timings(const struct report *rep, const struct dumpfilter_report *r)
{
	json *o = json_object_new_object();

	add_seconds(o, "plan_seconds", r->plan_seconds);
	add_seconds(o, "copy_seconds", r->copy_seconds);
	add_seconds(o, "total_seconds", progress_clock() - rep->began);
	return o;
}

/* What only a run that came as far as a plan can tell. */
static void add_plan(json *o, const struct report *rep, const struct tool *t, uint32_t page_size)
{
	struct dumpfilter_report r = DUMPFILTER_REPORT_INIT;
	bool planned = t->df && dumpfilter_report(t->df, &r) >= 0;

	add(o, "config", planned ? of_config(t, &r) : NULL);
	add(o, "pages", planned ? of_pages(&r, page_size, t->options->mode == MODE_MEM_USAGE) : NULL);
	add(o, "timings", of_timings(rep, &r));
	add_number(o, "bytes_out", r.bytes_out);
	add_number(o, "peak_memory", r.peak_memory);
}

static const char *result_name(const struct tool *t, int status)
{
	struct dumpfilter_report r = DUMPFILTER_REPORT_INIT;

	if (t->df)
		dumpfilter_report(t->df, &r);
	if (r.result == DUMPFILTER_PARTIAL)
		return "incomplete";
	if (status)
		return "failed";
	return r.result == DUMPFILTER_WARN ? "larger than asked" : "complete";
}

static json *of_run(const struct report *rep, const struct tool *t, int status)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;
	bool open = t->df && dumpfilter_image_info(t->df, &i) >= 0;
	json *o = json_object_new_object();

	add_number(o, "report_version", REPORT_VERSION);
	add(o, "tool", of_tool());
	add_text(o, "mode", mode_name(t->options->mode));
	add_text(o, "result", result_name(t, status));
	add_number(o, "exit_status", (uint64_t)tool_exit_status(t, status));
	add(o, "input", open ? of_input(t, &i) : NULL);
	add(o, "kernel", open ? of_kernel(t, &i) : NULL);
	add_plan(o, rep, t, i.page_size);
	add(o, "outputs", json_object_get(rep->outputs));
	add(o, "messages", json_object_get(rep->lines));
	return o;
}

/* ------------------------------------------------------------------------------------------------ file */

static void hear(void *user, const char *line)
{
	struct report *r = user;

	if (json_object_array_length(r->lines) < MAX_LINES)
		json_object_array_add(r->lines, text(line));
}

static int create(const char *path, bool overwrite)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (overwrite ? O_TRUNC : O_EXCL);

	return strcmp(path, "-") ? open(path, flags, 0600) : dup(STDOUT_FILENO);
}

struct report *report_open(const char *path, bool overwrite, struct messages *m)
{
	struct report *r = calloc(1, sizeof *r);

	if (!r) {
		msg(m, MSG_ERROR, "%s: out of memory", path);
		return NULL;
	}
	*r = (struct report){ .path = path, .fd = create(path, overwrite), .messages = m, .began = progress_clock() };
	if (r->fd < 0) {
		msg(m, MSG_ERROR, "%s: %s%s", path, strerror(errno),
		    errno == EEXIST ? ": use -f to overwrite it, or another name" : "");
		free(r);
		return NULL;
	}
	r->lines = json_object_new_array();
	r->outputs = json_object_new_array();
	m->hear = hear;
	m->hear_user = r;
	return r;
}

bool report_is_file(const struct report *r, const struct stat *file)
{
	struct stat st;

	return r && !fstat(r->fd, &st) && tool_same_file(&st, file);
}

void report_output(struct report *r, const char *name, uint64_t bytes)
{
	json *o;

	if (!r)
		return;
	o = json_object_new_object();
	add_text(o, "name", name);
	add(o, "bytes", bytes == UINT64_MAX ? NULL : json_object_new_uint64(bytes));
	json_object_array_add(r->outputs, o);
}

static bool write_all(int fd, const char *s)
{
	for (size_t left = strlen(s); left;) {
		ssize_t n = write(fd, s, left);

		if (n < 0 && errno != EINTR)
			return false;
		s += n > 0 ? n : 0;
		left -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

bool report_close(struct report *r, const struct tool *t, int status)
{
	json *o;
	bool ok;

	if (!r)
		return true;
	o = of_run(r, t, status);
	r->messages->hear = NULL;
	ok = write_all(r->fd, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
									JSON_C_TO_STRING_NOSLASHESCAPE)) &&
	     write_all(r->fd, "\n");
	ok = !close(r->fd) && ok;
	if (!ok)
		msg(r->messages, MSG_ERROR, "%s: the report cannot be written: %s", r->path, strerror(errno));
	json_object_put(o);
	json_object_put(r->lines);
	json_object_put(r->outputs);
	free(r);
	return ok;
}
