/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How pages of each kind come about, and how the rest of memory is filled. */
#include "plant.h"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KPF_BUDDY    10
#define MEMFD_SECRET 447 /* the system call; not in every libc */

static char *to_poison; /* a huge page */

static void small(enum kind kind, size_t pages)
{
	char *text = map_small(pages);

	plant(text, pages, kind, 0);
	if (kind == K_LOCKED && mlock(text, pages * PAGE))
		die("mlock");
}

/* One page in each of many ranges of 2 MiB: as many page tables. */
static void page_tables(void)
{
	size_t count = scaled(128);
	char *text = map(count * HUGE, ANON | MAP_NORESERVE);

	madvise(text, count * HUGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < count; i++)
		plant(text + i * HUGE, 1, K_ANON, 1U << 20 | i);
}

static void thp(void)
{
	size_t pages = (scaled(2) + 1) * HUGE / PAGE, half = HUGE / PAGE / 2;
	char *text = map_huge(pages * PAGE);

	plant(text, pages, K_THP, 0);
	text = map_huge(HUGE);
	fill_all(text, 2 * half, K_SPLIT, 0);
	keep(text, half, K_SPLIT, 0);
	unmap(text + half * PAGE, half, K_SPLIT, half);
}

static void mthp(void)
{
	size_t bytes = scaled(512) / 16 * 16 * PAGE;
	char *text;

	if (put(THP_SETTINGS "hugepages-64kB/enabled", "madvise"))
		return;
	text = map_huge(bytes);
	put(THP_SETTINGS "hugepages-2048kB/enabled", "never");
	plant(text, bytes / PAGE, K_MTHP, 0);
	madvise(text, bytes, MADV_NOHUGEPAGE); /* or khugepaged makes 2 MiB of it */
	put(THP_SETTINGS "hugepages-2048kB/enabled", "inherit");
}

static char *map_hugetlb(void)
{
	char *text = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, ANON | MAP_HUGETLB | 21 << 26 /* 2 MiB */, -1, 0);

	return text == MAP_FAILED ? NULL : text;
}

/* Seven huge pages, the struct pages of the last four optimised away where the kernel can: four are used, two go back
 * to the pool, one is for poison(). */
static void hugetlb(void)
{
	const uint32_t size = HUGE / PAGE;
	char *p[6];

	put("/proc/sys/vm/nr_hugepages", "3");
	put("/proc/sys/vm/hugetlb_optimize_vmemmap", "1");
	put("/proc/sys/vm/nr_hugepages", "7");
	for (uint32_t i = 0; i < 6; i++) {
		p[i] = map_hugetlb();
		if (p[i])
			fill_all(p[i], size, i < 4 ? K_HUGETLB : K_POOL, i * size);
	}
	to_poison = map_hugetlb();
	if (to_poison)
		fill_all(to_poison, size, K_POISON, size);
	for (uint32_t i = 0; i < 6; i++) {
		if (p[i] && i < 4)
			keep(p[i], size, K_HUGETLB, i * size);
		else if (p[i])
			unmap(p[i], size, K_POOL, i * size);
	}
}

static void ksm(void)
{
	size_t pages = scaled(1024);
	char *text = map_small(pages);
	long scans = get("/sys/kernel/mm/ksm/full_scans", NULL);

	if (madvise(text, pages * PAGE, MADV_MERGEABLE))
		return;
	for (size_t i = 0; i < pages; i++)
		plant(text + i * PAGE, 1, K_KSM, 0);
	put("/sys/kernel/mm/ksm/sleep_millisecs", "5");
	put("/sys/kernel/mm/ksm/pages_to_scan", "2000");
	put("/sys/kernel/mm/ksm/run", "1");
	for (int type = 0; type < 300 && get("/sys/kernel/mm/ksm/full_scans", NULL) < scans + 4; type++)
		usleep(100000);
	put("/sys/kernel/mm/ksm/run", "0");
}

static void swap_cache(void)
{
	size_t pages = scaled(512);
	char *text = map_small(pages);

	plant(text, pages, K_SWAPCACHE, 0);
	madvise(text, pages * PAGE, MADV_PAGEOUT);
	sleep(1);
	for (size_t i = 0; i < pages / 2; i++)
		(void)*(volatile char *)(text + i * PAGE);
}

static char *map_file(int fd, size_t pages, int flags)
{
	char *text;

	if (fd < 0 || ftruncate(fd, pages * PAGE))
		return NULL;
	text = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
	return text == MAP_FAILED ? NULL : text;
}

static char *plant_file(const char *path, enum kind kind, size_t pages)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	char *text = map_file(fd, pages, MAP_SHARED);

	if (!text)
		die(path);
	fill_all(text, pages, kind, 0);
	if (kind == K_CLEAN && fsync(fd))
		die(path);
	close(fd);
	return text;
}

static void files(void)
{
	size_t pages = scaled(1024), copies = scaled(128);
	char *text = plant_file("/run/tmpfs", K_TMPFS, pages);
	int fd;

	unmap(text, pages, K_TMPFS, 0);
	keep(plant_file("/huge/thp", K_SHMEMTHP, 2 * HUGE / PAGE), 2 * HUGE / PAGE, K_SHMEMTHP, 0);
	keep(plant_file("/data/clean", K_CLEAN, 2 * pages), 2 * pages, K_CLEAN, 0);
	keep(plant_file("/data/dirty", K_DIRTY, pages), pages, K_DIRTY, 0);
	fd = open("/data/clean", O_RDWR);
	text = map_file(fd, 2 * pages, MAP_PRIVATE);
	if (text)
		plant(text, copies, K_COW, 0);
	fd = syscall(MEMFD_SECRET, 0);
	text = map_file(fd, scaled(64), MAP_SHARED);
	if (text)
		plant(text, scaled(64), K_SECRET, 0);
}

static void pipes(void)
{
	static char buffer[2 * PAGE] __attribute__((aligned(4096)));
	char *page = buffer + 64; /* not at a page's start, or it would look like one of the pipe's */
	int fd[2];

	for (uint32_t i = 0; i < 256; i++) {
		if (i % 64 == 0 && (pipe(fd) || fcntl(fd[1], F_SETPIPE_SZ, 64 * PAGE) < 0))
			die("pipe");
		fill(page, K_PIPE, i);
		if (write(fd[1], page, PAGE) != (ssize_t)PAGE)
			die("pipe");
	}
	memset(buffer, 0, sizeof buffer);
}

static void slab(void)
{
	char name[100];
	int fd;

	for (size_t i = 0; i < scaled(3000); i++) {
		snprintf(name, sizeof name, "/run/a-file-whose-name-is-too-long-to-be-kept-in-its-dentry-%zu", i);
		fd = open(name, O_CREAT | O_WRONLY, 0600);
		if (fd >= 0)
			close(fd);
	}
	for (size_t i = 0; i < scaled(12000); i++) { /* negative dentries */
		snprintf(name, sizeof name, "/data/absent-%zu", i);
		access(name, F_OK);
	}
}

/* ---- memory failures ---- */

static void on_sigbus(int number)
{
	(void)number;
}

static int hard_offline(uint64_t frame)
{
	char text[32];

	snprintf(text, sizeof text, "%#llx", (unsigned long long)frame * PAGE);
	return put("/sys/devices/system/memory/hard_offline_page", text);
}

/* A frame amidst 200 free ones. */
static uint64_t free_frame(void)
{
	int fd = open("/proc/kpageflags", O_RDONLY);
	uint64_t flags = 0, found = 0;

	for (uint64_t at = frames / 4, run = 0; at < frames && !found; at++) {
		if (pread(fd, &flags, 8, at * 8) != 8)
			break;
		run = flags >> KPF_BUDDY & 1 ? run + 1 : 0;
		if (run == 200)
			found = at - 100;
	}
	close(fd);
	return found;
}

static void poison(void)
{
	char *text = map_small(4);
	uint64_t frame;
	int failed;

	signal(SIGBUS, on_sigbus);
	for (int i = 0; i < 4; i++) {
		fill(text + i * PAGE, K_POISON, i);
		frame = frame_of(text + i * PAGE);
		failed = i & 1 ? hard_offline(frame) : madvise(text + i * PAGE, PAGE, MADV_HWPOISON);
		if (failed && i == 0) {
			say("plant: this kernel does not know memory failures\n");
			return;
		}
		if (!failed)
			record_gone(frame, K_POISON, i);
	}
	frame = free_frame();
	if (frame && !hard_offline(frame))
		record_gone(frame, K_POISON, 4);
	if (!to_poison)
		return;
	frame = frame_of(to_poison + 3 * PAGE);
	if (!madvise(to_poison + 3 * PAGE, PAGE, MADV_HWPOISON))
		record_gone(frame, K_POISON, HUGE / PAGE + 3);
}

/* ---- the rest of memory ---- */

/* The host takes pages away when it reads this line. */
static void balloon(long pages)
{
	if (get("/proc/vmstat", "balloon_inflate") < 0)
		return;
	say("LAB-BALLOON %ld\n", pages);
	for (int type = 0; type < 300 && get("/proc/vmstat", "balloon_inflate") < pages; type++)
		usleep(100000);
}

void low_watermarks(void)
{
	put("/proc/sys/vm/min_free_kbytes", "2048");
}

/* Node by node, so that no node is so short of memory that pages are reclaimed. */
static void freed(void)
{
	char path[80];

	low_watermarks(); /* writes to the settings of huge pages have raised them */
	for (unsigned node = 0; node < 8; node++) {
		unsigned long mask = 1UL << node;
		size_t pages;
		char *text;
		long kb;

		snprintf(path, sizeof path, "/sys/devices/system/node/node%u/meminfo", node);
		kb = get(path, "MemFree") - 14 * 1024;
		if (kb < 2048)
			continue;
		syscall(SYS_set_mempolicy, MPOL_BIND, &mask, 64);
		pages = kb / 4;
		text = map_small(pages);
		fill_all(text, pages, K_FREED, node << 24);
		unmap(text, pages, K_FREED, node << 24);
	}
	syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0);
}

void plant_all(void)
{
	char *text;

	say("plant: %llu frames\n", (unsigned long long)frames);
	hugetlb();
	thp();
	mthp();
	page_tables();
	pipes();
	swap_cache();
	ksm();
	poison();
	small(K_ANON, scaled(4096));
	small(K_ZERO, scaled(1024));
	small(K_LOCKED, scaled(512));
	text = map(scaled(1024) * PAGE, MAP_SHARED | MAP_ANONYMOUS);
	plant(text, scaled(1024), K_SHARED, 0);
	low_watermarks();
	files();
	slab();
	balloon(scaled(4096));
	freed();
	say("plant: done\n");
}
