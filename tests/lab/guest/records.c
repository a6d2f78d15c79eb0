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
	char *result = records + records_at;

	memset(result, 0, 64);
	memcpy(result, "PZREC001", 8);
	memcpy(result + 8, name, strlen(name));
	return result + 64;
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
	size_t count = 0;

	for (int index = 0; index < K_NR; index++)
		count += sprintf(text + count, "%d %s %s %s\n", index, kinds[index].tag, kinds[index].role,
				 kinds[index].what);
	record_end(count);
}

void record_pages(void)
{
	struct entry *entry = record("pages");
	size_t count = gone_count;

	memcpy(entry, gone, count * sizeof *entry);
	for (const struct area *area = areas; area; area = area->next) {
		for (size_t i = 0; i < area->pages; i++) {
			uint64_t frame = frame_of(area->text + i * PAGE);

			if (frame)
				entry[count++] = (struct entry){ frame, area->seq + i, area->kind, 0 };
		}
	}
	record_end(count * sizeof *entry);
}

void record_flags(void)
{
	char *text = record("kpageflags");
	int fd = open("/proc/kpageflags", O_RDONLY);
	size_t count = 0;
	ssize_t got;

	while (count < frames * 8 && (got = read(fd, text + count, frames * 8 - count)) > 0)
		count += got;
	close(fd);
	record_end(count);
}

void record_last(void)
{
	record("END");
	record_end(0);
}

void write_records(const char *disk)
{
	int fd = open(disk, O_RDWR | O_DIRECT);
	ssize_t got;

	for (size_t at = 0; at < records_at; at += got) {
		got = records_at - at < 1 << 20 ? (records_at - at + PAGE - 1) & ~(PAGE - 1) : 1 << 20;
		got = pwrite(fd, records + at, got, at);
		if (got <= 0)
			die(disk);
	}
	fsync(fd);
	close(fd);
}
