/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plant: fills a guest's memory with pages of known kinds, writes down which page frame holds what and what the kernel
 * itself says of every frame, then crashes the kernel or holds still.
 *
 *   plant kdump|hold SCALE DISK           SCALE: per cent of the usual numbers; DISK: raw, for the records
 *   plant load KERNEL INITRD COMMANDLINE  load a capture kernel with kexec_file_load(2)
 *
 * A planted page holds two words in turn: a tag of 8 characters and its number in its area.  A record on DISK is
 * "PZREC001", a name of 48 bytes, the length of the data as a 64-bit word, the data, zeros up to a multiple of 8:
 *   kinds       text: number, tag, role and description of each kind
 *   pages       the planted pages, struct entry
 *   kpageflags  the file of that name, right before the crash
 *   END         the last one
 */
#include "plant.h"

#include <fcntl.h>
#include <linux/kexec.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t count_frames(void)
{
	char line[256];
	unsigned long long from, to, end = 0;
	FILE *file = fopen("/proc/iomem", "r");

	while (file && fgets(line, sizeof line, file)) {
		if (strstr(line, "System RAM") && sscanf(line, "%llx-%llx", &from, &to) == 2)
			end = to + 1;
	}
	if (file)
		fclose(file);
	return end / PAGE;
}

/* Nothing shall move pages, write them back or merge them on its own. */
static void settle(void)
{
	static const char *const settings[][2] = {
		{ THP_SETTINGS "enabled", "madvise" },
		{ THP_SETTINGS "defrag", "madvise" }, /* a small guest boots with it off */
		{ THP_SETTINGS "khugepaged/defrag", "0" },
		{ THP_SETTINGS "khugepaged/scan_sleep_millisecs", "600000" },
		{ "/proc/sys/vm/dirty_writeback_centisecs", "0" },
		{ "/proc/sys/vm/dirty_background_ratio", "80" },
		{ "/proc/sys/vm/dirty_ratio", "90" },
		{ "/proc/sys/vm/swappiness", "0" },
		{ "/proc/sys/vm/compaction_proactiveness", "0" },
		{ "/proc/sys/kernel/numa_balancing", "0" },
	};

	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		put(settings[i][0], settings[i][1]);
	low_watermarks();
}

/* All memory that plant needs for itself is touched before the frames are looked at. */
static void prepare(void)
{
	cpu_set_t first = { { 1 } };

	/* So that pages of the kernel's per-CPU lists are pushed out to the lists proper by those that follow. */
	sched_setaffinity(0, sizeof first, &first);
	pages_begin();
	frames = count_frames();
	if (!frames)
		die("/proc");
	settle();
	records_begin();
}

static int load(char **arg)
{
	int kernel = open(arg[0], O_RDONLY), initrd = open(arg[1], O_RDONLY);

	if (!syscall(SYS_kexec_file_load, kernel, initrd, strlen(arg[2]) + 1, arg[2], KEXEC_FILE_ON_CRASH))
		return 0;
	perror("plant: kexec_file_load");
	return 1;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "load"))
		return load(argv + 2);
	if (argc != 4)
		return 2;
	scale = atoi(argv[2]);
	prepare();
	plant_all();
	record_kinds();
	sleep(3); /* idle: what is under way shall end */
	record_pages();
	record_flags();
	record_last();
	write_records(argv[3]);
	if (!strcmp(argv[1], "kdump")) {
		put("/proc/sys/kernel/sysrq", "1");
		put("/proc/sysrq-trigger", "c");
	}
	say("LAB-READY\n");
	for (;;)
		pause();
}
