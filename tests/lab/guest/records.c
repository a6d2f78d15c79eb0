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
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE         4096UL
#define HUGE         (2UL << 20)
#define ANON         (MAP_PRIVATE | MAP_ANONYMOUS)
#define FRAME_BITS   ((1ULL << 55) - 1) /* of a pagemap entry; bit 63: present */
#define KPF_BUDDY    10
#define MEMFD_SECRET 447 /* the system call; not in every libc */
#define THP_SETTINGS "/sys/kernel/mm/transparent_hugepage/"

enum kind {
	K_ANON,
	K_ZERO,
	K_LOCKED,
	K_THP,
	K_SPLIT,
	K_MTHP,
	K_HUGETLB,
	K_POOL,
	K_SHARED,
	K_KSM,
	K_SWAPCACHE,
	K_COW,
	K_TMPFS,
	K_SHMEMTHP,
	K_SECRET,
	K_CLEAN,
	K_DIRTY,
	K_POISON,
	K_FREED,
	K_PIPE,
	K_NR
};

/* role: what a filter must make of it; see ../check.py */
static const struct {
	const char *tag, *role, *what;
} kinds[K_NR] = {
	[K_ANON] = { "ANONPAGE", "user", "anonymous" },
	[K_ZERO] = { "ZEROANON", "user", "anonymous, written, all zero" },
	[K_LOCKED] = { "MLOCKPAG", "user", "anonymous, locked" },
	[K_THP] = { "THPANON_", "user", "anonymous huge page" },
	[K_SPLIT] = { "THPSPLIT", "user", "anonymous huge page, the second half unmapped" },
	[K_MTHP] = { "MTHPANON", "user", "anonymous folio of 64 KiB" },
	[K_HUGETLB] = { "HUGETLBP", "user", "hugetlb, in use" },
	[K_POOL] = { "HUGEPOOL", "user", "hugetlb, back in the pool" },
	[K_SHARED] = { "SHMEMPAG", "user", "shared anonymous memory" },
	[K_KSM] = { "KSMMERGE", "user", "anonymous, merged by KSM" },
	[K_SWAPCACHE] = { "SWAPCACH", "user", "swapped out and read back" },
	[K_COW] = { "COWPAGE_", "user", "private copy of a file's page" },
	[K_TMPFS] = { "TMPFSPAG", "user", "tmpfs file, not mapped" },
	[K_SHMEMTHP] = { "SHMEMTHP", "user", "tmpfs file of huge pages" },
	[K_SECRET] = { "SECRETMM", "user", "memfd_secret" },
	[K_CLEAN] = { "FILECLEN", "user", "page cache, clean" },
	[K_DIRTY] = { "FILEDIRT", "user", "page cache, dirty" },
	[K_POISON] = { "HWPOISON", "poison", "taken out of use by a memory failure" },
	[K_FREED] = { "FREEPAGE", "free", "filled and freed" },
	[K_PIPE] = { "PIPEPAGE", "kernel", "buffer of a pipe: no flag, no list, no owner to be seen" },
};

struct entry {
	uint64_t frame;
	uint32_t seq;
	uint16_t kind, zero;
};

/* Memory that is still mapped when the records are made: where its pages are is asked then. */
struct area {
	char *p;
	size_t pages;
	uint32_t seq;
	enum kind kind;
	struct area *next;
};

static struct area *areas;
static int pagemap, scale;
static uint64_t frames;    /* one past the last of System RAM */
static struct entry *gone; /* of memory that was unmapped on purpose */
static size_t gone_count;
static char *to_poison; /* a huge page */
static char *records;
static size_t records_at, records_size;

static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fflush(stdout);
}

static void die(const char *what)
{
	say("LAB-FAIL %s: %s\n", what, strerror(errno));
	for (;;)
		pause();
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

/* The first number after key, or in the file; -1 where there is none. */
static long get(const char *path, const char *key)
{
	char line[256], *s;
	long value = -1;
	FILE *f = fopen(path, "r");

	while (f && value < 0 && fgets(line, sizeof line, f)) {
		s = key ? strstr(line, key) : line;
		s = s ? s + strcspn(s, "0123456789") : NULL;
		if (s && *s)
			value = strtol(s, NULL, 10);
	}
	if (f)
		fclose(f);
	return value;
}

static size_t scaled(size_t pages)
{
	return pages * scale / 100 + 1;
}

static char *map(size_t bytes, int flags)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/* Anonymous memory at a boundary of 2 MiB, of huge pages where the kernel has them. */
static char *map_huge(size_t bytes)
{
	char *p = map(bytes + HUGE, ANON), *at = (char *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));

	madvise(at, bytes, MADV_HUGEPAGE);
	return at;
}

static char *map_small(size_t pages)
{
	char *p = map(pages * PAGE, ANON);

	madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
	return p;
}

static void fill(void *page, enum kind kind, uint32_t seq)
{
	uint64_t *w = page;

	for (size_t i = 0; i < PAGE / 8; i += 2) {
		memcpy(w + i, kinds[kind].tag, 8);
		w[i + 1] = seq;
	}
	if (kind == K_ZERO)
		memset(page, 0, PAGE);
}

static void keep(char *p, size_t pages, enum kind kind, uint32_t seq)
{
	struct area *a = malloc(sizeof *a);

	*a = (struct area){ p, pages, seq, kind, areas };
	areas = a;
}

static void fill_all(char *p, size_t pages, enum kind kind, uint32_t seq)
{
	for (size_t i = 0; i < pages; i++)
		fill(p + i * PAGE, kind, seq + i);
}

static void plant(char *p, size_t pages, enum kind kind, uint32_t seq)
{
	fill_all(p, pages, kind, seq);
	keep(p, pages, kind, seq);
}

static uint64_t frame_of(const void *p)
{
	uint64_t entry = 0;

	if (pread(pagemap, &entry, 8, (uintptr_t)p / PAGE * 8) != 8)
		die("/proc/self/pagemap");
	return entry >> 63 ? entry & FRAME_BITS : 0;
}

static void record_gone(uint64_t frame, enum kind kind, uint32_t seq)
{
	if (frame && gone_count < frames)
		gone[gone_count++] = (struct entry){ frame, seq, kind, 0 };
}

static void unmap(char *p, size_t pages, enum kind kind, uint32_t seq)
{
	for (size_t i = 0; i < pages; i++)
		record_gone(frame_of(p + i * PAGE), kind, seq + i);
	munmap(p, pages * PAGE);
}

/* ---- kinds ---- */

static void small(enum kind kind, size_t pages)
{
	char *p = map_small(pages);

	plant(p, pages, kind, 0);
	if (kind == K_LOCKED && mlock(p, pages * PAGE))
		die("mlock");
}

/* One page in each of many ranges of 2 MiB: as many page tables. */
static void page_tables(void)
{
	size_t n = scaled(128);
	char *p = map(n * HUGE, ANON | MAP_NORESERVE);

	madvise(p, n * HUGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < n; i++)
		plant(p + i * HUGE, 1, K_ANON, 1U << 20 | i);
}

static void thp(void)
{
	size_t pages = (scaled(2) + 1) * HUGE / PAGE, half = HUGE / PAGE / 2;
	char *p = map_huge(pages * PAGE);

	plant(p, pages, K_THP, 0);
	p = map_huge(HUGE);
	fill_all(p, 2 * half, K_SPLIT, 0);
	keep(p, half, K_SPLIT, 0);
	unmap(p + half * PAGE, half, K_SPLIT, half);
}

static void mthp(void)
{
	size_t bytes = scaled(512) / 16 * 16 * PAGE;
	char *p;

	if (put(THP_SETTINGS "hugepages-64kB/enabled", "madvise"))
		return;
	p = map_huge(bytes);
	put(THP_SETTINGS "hugepages-2048kB/enabled", "never");
	plant(p, bytes / PAGE, K_MTHP, 0);
	madvise(p, bytes, MADV_NOHUGEPAGE); /* or khugepaged makes 2 MiB of it */
	put(THP_SETTINGS "hugepages-2048kB/enabled", "inherit");
}

static char *map_hugetlb(void)
{
	char *p = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, ANON | MAP_HUGETLB | 21 << 26 /* 2 MiB */, -1, 0);

	return p == MAP_FAILED ? NULL : p;
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
	char *p = map_small(pages);
	long scans = get("/sys/kernel/mm/ksm/full_scans", NULL);

	if (madvise(p, pages * PAGE, MADV_MERGEABLE))
		return;
	for (size_t i = 0; i < pages; i++)
		plant(p + i * PAGE, 1, K_KSM, 0);
	put("/sys/kernel/mm/ksm/sleep_millisecs", "5");
	put("/sys/kernel/mm/ksm/pages_to_scan", "2000");
	put("/sys/kernel/mm/ksm/run", "1");
	for (int t = 0; t < 300 && get("/sys/kernel/mm/ksm/full_scans", NULL) < scans + 4; t++)
		usleep(100000);
	put("/sys/kernel/mm/ksm/run", "0");
}

static void swap_cache(void)
{
	size_t pages = scaled(512);
	char *p = map_small(pages);

	plant(p, pages, K_SWAPCACHE, 0);
	madvise(p, pages * PAGE, MADV_PAGEOUT);
	sleep(1);
	for (size_t i = 0; i < pages / 2; i++)
		(void)*(volatile char *)(p + i * PAGE);
}

static char *map_file(int fd, size_t pages, int flags)
{
	char *p;

	if (fd < 0 || ftruncate(fd, pages * PAGE))
		return NULL;
	p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

static char *plant_file(const char *path, enum kind kind, size_t pages)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	char *p = map_file(fd, pages, MAP_SHARED);

	if (!p)
		die(path);
	fill_all(p, pages, kind, 0);
	if (kind == K_CLEAN && fsync(fd))
		die(path);
	close(fd);
	return p;
}

static void files(void)
{
	size_t pages = scaled(1024), copies = scaled(128);
	char *p = plant_file("/run/tmpfs", K_TMPFS, pages);
	int fd;

	unmap(p, pages, K_TMPFS, 0);
	keep(plant_file("/huge/thp", K_SHMEMTHP, 2 * HUGE / PAGE), 2 * HUGE / PAGE, K_SHMEMTHP, 0);
	keep(plant_file("/data/clean", K_CLEAN, 2 * pages), 2 * pages, K_CLEAN, 0);
	keep(plant_file("/data/dirty", K_DIRTY, pages), pages, K_DIRTY, 0);
	fd = open("/data/clean", O_RDWR);
	p = map_file(fd, 2 * pages, MAP_PRIVATE);
	if (p)
		plant(p, copies, K_COW, 0);
	fd = syscall(MEMFD_SECRET, 0);
	p = map_file(fd, scaled(64), MAP_SHARED);
	if (p)
		plant(p, scaled(64), K_SECRET, 0);
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
	char *p = map_small(4);
	uint64_t frame;
	int failed;

	signal(SIGBUS, on_sigbus);
	for (int i = 0; i < 4; i++) {
		fill(p + i * PAGE, K_POISON, i);
		frame = frame_of(p + i * PAGE);
		failed = i & 1 ? hard_offline(frame) : madvise(p + i * PAGE, PAGE, MADV_HWPOISON);
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
	for (int t = 0; t < 300 && get("/proc/vmstat", "balloon_inflate") < pages; t++)
		usleep(100000);
}

static void low_watermarks(void)
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
		char *p;
		long kb;

		snprintf(path, sizeof path, "/sys/devices/system/node/node%u/meminfo", node);
		kb = get(path, "MemFree") - 14 * 1024;
		if (kb < 2048)
			continue;
		syscall(SYS_set_mempolicy, MPOL_BIND, &mask, 64);
		pages = kb / 4;
		p = map_small(pages);
		fill_all(p, pages, K_FREED, node << 24);
		unmap(p, pages, K_FREED, node << 24);
	}
	syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0);
}

/* ---- records ---- */

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

static void record_kinds(void)
{
	char *text = record("kinds");
	size_t n = 0;

	for (int k = 0; k < K_NR; k++)
		n += sprintf(text + n, "%d %s %s %s\n", k, kinds[k].tag, kinds[k].role, kinds[k].what);
	record_end(n);
}

static void record_pages(void)
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

static void record_flags(void)
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

static void write_records(const char *disk)
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

static uint64_t count_frames(void)
{
	char line[256];
	unsigned long long from, to, end = 0;
	FILE *f = fopen("/proc/iomem", "r");

	while (f && fgets(line, sizeof line, f)) {
		if (strstr(line, "System RAM") && sscanf(line, "%llx-%llx", &from, &to) == 2)
			end = to + 1;
	}
	if (f)
		fclose(f);
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
	pagemap = open("/proc/self/pagemap", O_RDONLY);
	frames = count_frames();
	if (pagemap < 0 || !frames)
		die("/proc");
	settle();
	records_size = (1 << 20) + frames * (8 + 2 * sizeof(struct entry));
	records = map_small(records_size / PAGE + 1);
	gone = (struct entry *)map_small(frames * sizeof *gone / PAGE + 1);
	if (mlock(records, records_size) || mlock(gone, frames * sizeof *gone))
		die("mlock");
}

static void plant_all(void)
{
	char *p;

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
	p = map(scaled(1024) * PAGE, MAP_SHARED | MAP_ANONYMOUS);
	plant(p, scaled(1024), K_SHARED, 0);
	low_watermarks();
	files();
	slab();
	balloon(scaled(4096));
	freed();
	say("plant: done\n");
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
	record("END");
	record_end(0);
	write_records(argv[3]);
	if (!strcmp(argv[1], "kdump")) {
		put("/proc/sys/kernel/sysrq", "1");
		put("/proc/sysrq-trigger", "c");
	}
	say("LAB-READY\n");
	for (;;)
		pause();
}
