/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PATH 1024u
#define TEXT 8192u

#define NO_LIMIT (UINT64_C(1) << 60) /* version 1 has a large number for "none" */

/* The first TEXT - 1 bytes of root + path + name; false = not there.  No stdio: nothing is allocated. */
static bool read_text(char text[TEXT], const char *root, const char *path, const char *name)
{
	char full[PATH];
	int printed = snprintf(full, sizeof full, "%s%s%s", root, path, name), fd;
	size_t length = 0;
	ssize_t got = 1;

	if (printed < 0 || (size_t)printed >= sizeof full || (fd = open(full, O_RDONLY | O_CLOEXEC)) < 0)
		return false;
	while (got && length < TEXT - 1) {
		got = read(fd, text + length, TEXT - 1 - length);
		if (got < 0 && errno != EINTR)
			break;
		length += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	text[length] = '\0';
	return got >= 0;
}

/* A decimal number at text, with nothing but white space behind it on its word; UINT64_MAX where there is none ("max").
 */
static uint64_t number_at(const char *text)
{
	char *end;
	uint64_t value;

	text += strspn(text, " \t");
	if (*text < '0' || *text > '9')
		return UINT64_MAX;
	errno = 0;
	value = strtoull(text, &end, 10);
	return errno || !strchr(" \t\n", *end) ? UINT64_MAX : value;
}

/* The number behind a word at the beginning of a line. */
static uint64_t field(const char *text, const char *word)
{
	size_t count = strlen(word);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, word, count) && strchr(" \t", line[count]))
			return number_at(line + count);
	}
	return UINT64_MAX;
}

static uint64_t read_number(const char *root, const char *path, const char *name)
{
	char text[TEXT];

	return read_text(text, root, path, name) ? number_at(text) : UINT64_MAX;
}

static uint64_t read_field(const char *root, const char *path, const char *name, const char *word)
{
	char text[TEXT];

	return read_text(text, root, path, name) ? field(text, word) : UINT64_MAX;
}

static uint64_t least(uint64_t left, uint64_t right)
{
	return left < right ? left : right;
}

/* ---- control groups */

struct hierarchy {
	const char *mount, *limit, *usage, *cache;
};

static const struct hierarchy hierarchy = { "/sys/fs/cgroup", "/memory.max", "/memory.current", "inactive_file" };
static const struct hierarchy v2_hybrid = { "/sys/fs/cgroup/unified", "/memory.max", "/memory.current",
					    "inactive_file" };
static const struct hierarchy hierarchy_v1 = { "/sys/fs/cgroup/memory", "/memory.limit_in_bytes",
					       "/memory.usage_in_bytes", "total_inactive_file" };

/* What one group leaves.  Its usage counts the cache of files, of which the kernel takes the idle part back first. */
static uint64_t left_in(const struct hierarchy *version, const char *root, const char *path)
{
	uint64_t limit = read_number(root, path, version->limit), used, idle;

	if (limit >= NO_LIMIT)
		return UINT64_MAX;
	used = read_number(root, path, version->usage);
	if (used == UINT64_MAX)
		return limit;
	idle = read_field(root, path, "/memory.stat", version->cache);
	if (idle != UINT64_MAX)
		used -= least(used, idle);
	return limit - least(limit, used);
}

/* The group and all those above it.  Inside a container the path may be that of the host: what does not exist says
 * nothing, and the top of what is mounted is the container's own. */
static uint64_t least_in(const struct hierarchy *version, const char *root, const char *group, size_t length)
{
	size_t base = strlen(version->mount);
	char path[PATH / 2];
	uint64_t count = UINT64_MAX;

	if (base + length >= sizeof path)
		length = 0;
	memcpy(path, version->mount, base);
	memcpy(path + base, group, length);
	while (length && group[length - 1] == '/')
		length--;
	for (;; length--) {
		path[base + length] = '\0';
		count = least(count, left_in(version, root, path));
		while (length && group[length - 1] != '/')
			length--;
		if (!length)
			return count;
	}
}

static bool lists(const char *controllers, size_t length, const char *name)
{
	size_t count = strlen(name);

	for (size_t at = 0; at + count <= length; at++)
		if ((!at || controllers[at - 1] == ',') && !memcmp(controllers + at, name, count) &&
		    (at + count == length || controllers[at + count] == ','))
			return true;
	return false;
}

/* A line of /proc/self/cgroup: NUMBER:CONTROLLERS:PATH; no controllers: version 2. */
static uint64_t one_line(const char *root, const char *line, size_t length)
{
	const char *list = memchr(line, ':', length), *path, *end = line + length;

	path = list ? memchr(list + 1, ':', (size_t)(end - list) - 1) : NULL;
	if (!path)
		return UINT64_MAX;
	list++;
	if (path == list)
		return least(least_in(&hierarchy, root, path + 1, (size_t)(end - path) - 1),
			     least_in(&v2_hybrid, root, path + 1, (size_t)(end - path) - 1));
	if (!lists(list, (size_t)(path - list), "memory"))
		return UINT64_MAX;
	return least_in(&hierarchy_v1, root, path + 1, (size_t)(end - path) - 1);
}

static uint64_t cgroups(const char *root)
{
	uint64_t count = UINT64_MAX;
	char text[TEXT];

	if (!read_text(text, root, "/proc/self", "/cgroup"))
		return count;
	for (const char *path = text; *path;) {
		size_t length = strcspn(path, "\n");

		count = least(count, one_line(root, path, length));
		path += length + (path[length] == '\n');
	}
	return count;
}

/* ---- resource limits */

static uint64_t left_of(int resource, uint64_t used)
{
	struct rlimit rlimit;

	if (getrlimit(resource, &rlimit) || rlimit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return rlimit.rlim_cur - least(rlimit.rlim_cur, used);
}

static uint64_t rlimits(const char *root)
{
	uint64_t size = 0, data = 0, page = (uint64_t)sysconf(_SC_PAGESIZE), space;
	char text[TEXT];

	/* size resident shared text lib data */
	if (read_text(text, root, "/proc/self", "/statm") &&
	    sscanf(text, "%" SCNu64 " %*u %*u %*u %*u %" SCNu64, &size, &data) != 2)
		size = data = 0;
	space = left_of(RLIMIT_AS, size * page);
	return least(space == UINT64_MAX ? space : space / 2, left_of(RLIMIT_DATA, data * page));
}

void df_limits_read(struct df_limits *limits, const char *root)
{
	uint64_t kib = read_field(root, "/proc", "/meminfo", "MemAvailable:");

	limits->meminfo = kib > UINT64_MAX >> 10 ? UINT64_MAX : kib << 10;
	limits->cgroup = cgroups(root);
	limits->rlimit = rlimits(root);
	limits->available = least(limits->meminfo, least(limits->cgroup, limits->rlimit));
}

size_t df_limits_share(const struct df_limits *limits, size_t used)
{
	uint64_t share = limits->available / 2;

	return share > SIZE_MAX - used ? SIZE_MAX : used + (size_t)share;
}

static void log_one(struct df_env *env, const char *what, uint64_t bytes)
{
	if (bytes != UINT64_MAX)
		df_log(env, DUMPFILTER_LOG_DEBUG, "memory: %s leaves %" PRIu64 " KiB", what, bytes >> 10);
}

void df_limits_log(struct df_env *env, const struct df_limits *limits)
{
	log_one(env, "MemAvailable", limits->meminfo);
	log_one(env, "the control group", limits->cgroup);
	log_one(env, "the resource limit", limits->rlimit);
}
