/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the system says is left: made-up /proc and /sys, whole, partly and in disorder. */
#include "base/limits.h"

#include "files.h"
#include "t.h"

#include <sys/resource.h>

static char root[300];

/* A file with its folders. */
static void put(const char *path, const char *text)
{
	char full[700];
	FILE *file;

	snprintf(full, sizeof full, "%s%s", root, path);
	for (char *p = full + strlen(files.dir) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		mkdir(full, 0700);
	}
	file = fopen(full, "w");
	CHECK(file);
	CHECK(fputs(text, file) >= 0);
	CHECK(!fclose(file));
}

/* A new, empty tree. */
static void begin(const char *name)
{
	snprintf(root, sizeof root, "%s/%s", files.dir, name);
	mkdir(root, 0700);
}

static struct df_limits get(void)
{
	struct df_limits limits;

	df_limits_read(&limits, root);
	return limits;
}

static void nothing(void)
{
	struct df_limits limits;

	begin("nothing");
	limits = get();
	CHECK_EQ(limits.meminfo, UINT64_MAX);
	CHECK_EQ(limits.cgroup, UINT64_MAX);
}

static void meminfo(void)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{ "MemTotal:       24684000 kB\nMemFree: 1 kB\nMemAvailable:   20000 kB\n", 20000 << 10 },
		{ "MemAvailable: 7 kB", 7 << 10 },
		{ "MemTotal: 100 kB\nMemFree: 50 kB\n", UINT64_MAX },
		{ "MemAvailable: 99999999999999999999999 kB\n", UINT64_MAX },
		{ "MemAvailable: 18446744073709551615 kB\n", UINT64_MAX },
		{ "MemAvailable: -5 kB\n", UINT64_MAX },
		{ "MemAvailable: 5x kB\n", UINT64_MAX },
		{ "NotMemAvailable: 5 kB\nMemAvailable:", UINT64_MAX },
		{ "", UINT64_MAX },
	};

	begin("meminfo");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		put("/proc/meminfo", cases[i].text);
		CHECK_EQ(get().meminfo, cases[i].bytes);
	}
}

/* The least of the group and those above; the idle cache of files is no use. */
static void version_2(void)
{
	begin("v2");
	put("/proc/self/cgroup", "0::/a/b/c\n");
	CHECK_EQ(get().cgroup, UINT64_MAX);
	put("/sys/fs/cgroup/a/b/c/memory.max", "max\n");
	put("/sys/fs/cgroup/a/b/c/memory.current", "5000\n");
	CHECK_EQ(get().cgroup, UINT64_MAX);
	put("/sys/fs/cgroup/a/b/memory.max", "1000000\n");
	CHECK_EQ(get().cgroup, 1000000);
	put("/sys/fs/cgroup/a/b/memory.current", "900000\n");
	CHECK_EQ(get().cgroup, 100000);
	put("/sys/fs/cgroup/a/b/memory.stat", "anon 1\nfile 700000\ninactive_file 300000\nactive_file 2\n");
	CHECK_EQ(get().cgroup, 400000);
	put("/sys/fs/cgroup/a/memory.max", "500000\n");
	put("/sys/fs/cgroup/a/memory.current", "600000\n");
	CHECK_EQ(get().cgroup, 0);
	put("/sys/fs/cgroup/a/memory.stat", "inactive_file 9999999999\n");
	CHECK_EQ(get().cgroup, 400000);
	put("/sys/fs/cgroup/memory.max", "300000\n");
	CHECK_EQ(get().cgroup, 300000);
}

/* In a container the path is often that of the host, and only its own top is mounted. */
static void path_of_the_host(void)
{
	begin("host");
	put("/proc/self/cgroup", "0::/docker/0123456789abcdef\n");
	put("/sys/fs/cgroup/memory.max", "70000\n");
	put("/sys/fs/cgroup/memory.current", "20000\n");
	CHECK_EQ(get().cgroup, 50000);
	put("/proc/self/cgroup", "0::/../../x/\n");
	CHECK_EQ(get().cgroup, 50000);
	put("/proc/self/cgroup", "0::/");
	CHECK_EQ(get().cgroup, 50000);
}

static void version_1(void)
{
	begin("v1");
	put("/proc/self/cgroup",
	    "12:cpu,cpuacct:/x\n11:notmemory:/x\n4:hugetlb,memory:/y/z\n1:name=systemd:/x\n0::/x\n");
	put("/sys/fs/cgroup/memory/y/z/memory.limit_in_bytes", "9223372036854771712\n");
	put("/sys/fs/cgroup/memory/y/z/memory.usage_in_bytes", "1\n");
	CHECK_EQ(get().cgroup, UINT64_MAX);
	put("/sys/fs/cgroup/memory/y/memory.limit_in_bytes", "4000000\n");
	put("/sys/fs/cgroup/memory/y/memory.usage_in_bytes", "1000000\n");
	CHECK_EQ(get().cgroup, 3000000);
	put("/sys/fs/cgroup/memory/y/memory.stat", "cache 5\ninactive_file 9\ntotal_inactive_file 400000\n");
	CHECK_EQ(get().cgroup, 3400000);
	put("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1\n"); /* not ours */
	CHECK_EQ(get().cgroup, 3400000);
	put("/sys/fs/cgroup/unified/x/memory.max", "200\n"); /* both at once */
	CHECK_EQ(get().cgroup, 200);
}

static void garbage(void)
{
	static const char *const lines[] = { "",
					     "\n\n\n",
					     ":",
					     "::",
					     "0:",
					     "0::",
					     "memory",
					     "4:memory",
					     "4:memory:",
					     "0::/x\n\n0::",
					     "\xff\xfe\n:::::\n" };
	static char lengthy[20000];
	size_t i;

	begin("garbage");
	put("/sys/fs/cgroup/memory.max", "nonsense");
	for (i = 0; i < sizeof lines / sizeof *lines; i++) {
		put("/proc/self/cgroup", lines[i]);
		CHECK_EQ(get().cgroup, UINT64_MAX);
	}
	memset(lengthy, 'a', sizeof lengthy - 1);
	memcpy(lengthy, "0::/", 4);
	for (i = 10; i < sizeof lengthy - 1; i += 10)
		lengthy[i] = '/';
	put("/proc/self/cgroup", lengthy);
	CHECK_EQ(get().cgroup, UINT64_MAX);
	put("/sys/fs/cgroup/memory.max", "77");
	CHECK_EQ(get().cgroup, 77);
}

static void resource_limits(void)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct rlimit rlimit, limit;

	begin("rlimit");
	put("/proc/self/statm", "1000 50 40 3 0 200 0\n");
	CHECK(!getrlimit(RLIMIT_DATA, &rlimit));
	limit = rlimit;
	limit.rlim_cur = (rlim_t)(100000 * page);
	CHECK(!setrlimit(RLIMIT_DATA, &limit));
	CHECK_EQ(get().rlimit, 99800 * page);
	CHECK_EQ(get().available, 99800 * page);
	put("/proc/self/statm", "nonsense");
	CHECK_EQ(get().rlimit, 100000 * page);
	setrlimit(RLIMIT_DATA, &rlimit);
	put("/proc/self/statm", "1000 50 40 3 0 200 0\n");
	CHECK(!getrlimit(RLIMIT_AS, &rlimit));
	limit = rlimit;
	limit.rlim_cur = (rlim_t)(UINT64_C(1) << 46);
	if (!setrlimit(RLIMIT_AS, &limit)) /* not for AddressSanitizer's taste */
		CHECK_EQ(get().rlimit, ((UINT64_C(1) << 46) - 1000 * page) / 2);
	setrlimit(RLIMIT_AS, &rlimit);
}

static void shares(void)
{
	struct df_limits limits = { .available = 1000 };

	CHECK_EQ(df_limits_share(&limits, 70), 570);
	limits.available = 0;
	CHECK_EQ(df_limits_share(&limits, 70), 70);
	limits.available = UINT64_MAX - 1;
	CHECK_EQ(df_limits_share(&limits, SIZE_MAX - 5), SIZE_MAX);
}

int main(void)
{
	files_begin();
	RUN(nothing);
	RUN(meminfo);
	RUN(version_2);
	RUN(path_of_the_host);
	RUN(version_1);
	RUN(garbage);
	RUN(resource_limits);
	RUN(shares);
	files_end();
	return T_END();
}
