/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --help and -v. */
#include "options.h"

#include <string.h>

#define HELP_COLUMN 26
#define HELP_WIDTH  80

static void print_lines(struct messages *messages, const char *const *lines)
{
	for (; *lines; lines++)
		msg(messages, MSG_COMMON, "%s", *lines);
}

/* "-h, --help", "    --num-threads N" */
static void print_head(char *buffer, size_t size, const struct option_row *row)
{
	char letter[8] = "   ";

	if (row->letter)
		snprintf(letter, sizeof letter, "-%c%s", row->letter, row->long_name ? "," : "");
	snprintf(buffer, size, "  %s%s%s%s%s", letter, row->long_name ? " --" : "",
		 row->long_name ? row->long_name : "", row->argument && row->argument[0] != '[' ? " " : "",
		 row->argument ? row->argument : "");
}

/* Bytes of text that fit into width, whole words. */
static size_t fitting(const char *text, size_t width)
{
	size_t count = strlen(text);

	if (count <= width)
		return count;
	for (count = width; count && text[count] != ' '; count--)
		;
	return count ? count : width;
}

static void print_option(struct messages *messages, const struct option_row *row)
{
	char head[64];
	const char *text = row->help;

	print_head(head, sizeof head, row);
	if (strlen(head) >= HELP_COLUMN) {
		msg(messages, MSG_COMMON, "%s", head);
		head[0] = '\0';
	}
	while (*text) {
		size_t count = fitting(text, HELP_WIDTH - HELP_COLUMN);

		msg(messages, MSG_COMMON, "%-*s%.*s", HELP_COLUMN, head, (int)count, text);
		head[0] = '\0';
		text += count;
		text += strspn(text, " ");
	}
}

static const char *const help_top[] = {
	"Usage:",
	"  makedumpfile    [-c|-l|-p|-z|-E] [-d LEVEL] [OPTION]... VMCORE DUMPFILE",
	"  makedumpfile -F [-c|-l|-p|-z|-E] [-d LEVEL] [OPTION]... VMCORE > STREAM",
	"  makedumpfile -R [OPTION]... DUMPFILE < STREAM",
	"  makedumpfile --split [OPTION]... VMCORE DUMPFILE DUMPFILE...",
	"  makedumpfile --reassemble [OPTION]... DUMPFILE... JOINED",
	"  makedumpfile --dump-dmesg [--partial-dmesg] [OPTION]... VMCORE LOGFILE",
	"  makedumpfile --mem-usage [OPTION]... /proc/kcore|VMCORE",
	"  makedumpfile -g FILE -x VMLINUX",
	"  makedumpfile --check-params [OPTION]... VMCORE DUMPFILE",
	"  makedumpfile -h | -v",
	"",
	"Makes a small dump file of the memory of a crashed Linux kernel: leaves out the",
	"pages that the dump level names and compresses the others.",
	NULL,
};

static const char *const help_bottom[] = {
	"",
	"Examples:",
	"  In the capture kernel, to a disk; or through ssh, and a file of that there:",
	"    makedumpfile -l -d 31 /proc/vmcore /var/crash/vmcore",
	"    makedumpfile -F -l -d 31 /proc/vmcore | ssh host 'cat > vmcore.flat'",
	"    makedumpfile -R vmcore < vmcore.flat",
	"  A smaller dump of a dump, and an ELF file of it:",
	"    makedumpfile -z -d 31 vmcore.all vmcore.small",
	"    makedumpfile -E vmcore.small vmcore.elf",
	"  The log only; how large a dump would be; what the memory is used for now:",
	"    makedumpfile --dump-dmesg /proc/vmcore dmesg.txt",
	"    makedumpfile --dry-run -l -d 31 /proc/vmcore vmcore",
	"    makedumpfile --mem-usage /proc/kcore",
	"",
	"Exit status: 0 if the dump is complete, 2 if -i is of another kernel, else 1.",
	"More: man 8 makedumpfile.",
	NULL,
};

void usage_print_help(struct messages *messages)
{
	print_lines(messages, help_top);
	for (unsigned i = 0; i < option_row_count; i++) {
		if (!option_is_group(&option_rows[i])) {
			print_option(messages, &option_rows[i]);
			continue;
		}
		msg(messages, MSG_COMMON, "%s", "");
		msg(messages, MSG_COMMON, "%s:", option_rows[i].help);
	}
	print_lines(messages, help_bottom);
}

void usage_print_version(struct messages *messages)
{
	/* the order that scripts know; zlib is always there in other programs of this name */
	static const int codecs[] = { DUMPFILTER_CODEC_LZO, DUMPFILTER_CODEC_SNAPPY, DUMPFILTER_CODEC_ZSTD,
				      DUMPFILTER_CODEC_ZLIB };

	msg(messages, MSG_COMMON, "makedumpfile: version %s (libdumpfilter)", dumpfilter_version());
	for (unsigned i = 0; i < sizeof codecs / sizeof codecs[0]; i++)
		msg(messages, MSG_COMMON, "%s\t%s", dumpfilter_codec_name(codecs[i]),
		    dumpfilter_codec_available(codecs[i]) ? "enabled" : "disabled");
	msg(messages, MSG_COMMON, "%s", "");
}
