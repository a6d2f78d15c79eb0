/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of the pages, onto a disk: plant.c describes the format. */
#include "plant.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char *records;
static size_t records_at, records_size;

void records_begin(void)
{
	records_size = (1 << 20) + frames * (8 + 2 * sizeof(struct entry));
	records = map_small(records_size / PAGE + 1);
	gone = (struct entry *)map_small(frames * sizeof *gone / PAGE + 1);
	if (mlock(records, records_size) || mlock(gone, frames * sizeof *gone))
		die("mlock");
}

static void *record(const char *name)
{
	char *r = records + records_at;

	memset(r, 0, 64);
	memcpy(r, "PZREC001", 8);
	memcpy(r + 8, name, strlen(name));
	return r + 64;
}

static void record_end(uint64_t size)
{
	memcpy(records + records_at + 56, &size, 8);
	records_at += 64 + (size + 7) / 8 * 8;
	if (records_at + 64 > records_size)
		die("no room for the records");
}

void record_kinds(void)
{
	char *text = record("kinds");
	size_t n = 0;

	for (int k = 0; k < K_NR; k++)
		n += sprintf(text + n, "%d %s %s %s\n", k, kinds[k].tag, kinds[k].role, kinds[k].what);
	record_end(n);
}

void record_pages(void)
{
	struct entry *e = record("pages");
	size_t n = gone_count;

	memcpy(e, gone, n * sizeof *e);
	for (const struct area *a = areas; a; a = a->next) {
		for (size_t i = 0; i < a->pages; i++) {
			uint64_t frame = frame_of(a->p + i * PAGE);

			if (frame)
				e[n++] = (struct entry){ frame, a->seq + i, a->kind, 0 };
		}
	}
	record_end(n * sizeof *e);
}

void record_flags(void)
{
	char *p = record("kpageflags");
	int fd = open("/proc/kpageflags", O_RDONLY);
	size_t n = 0;
	ssize_t got;

	while (n < frames * 8 && (got = read(fd, p + n, frames * 8 - n)) > 0)
		n += got;
	close(fd);
	record_end(n);
}

void record_last(void)
{
	record("END");
	record_end(0);
}

void write_records(const char *disk)
{
	int fd = open(disk, O_RDWR | O_DIRECT);
	ssize_t n;

	for (size_t at = 0; at < records_at; at += n) {
		n = records_at - at < 1 << 20 ? (records_at - at + PAGE - 1) & ~(PAGE - 1) : 1 << 20;
		n = pwrite(fd, records + at, n, at);
		if (n <= 0)
			die(disk);
	}
	fsync(fd);
	close(fd);
}
