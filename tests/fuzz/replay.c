/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a fuzz target over files, once each: for compilers without libFuzzer, and as a test of every build.
 * replay-NAME FILE-OR-FOLDER… */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

static unsigned runs;

static int one_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *buf = NULL;
	size_t n = 0, cap = 0, got = 0;

	if (!f) {
		perror(path);
		return 1;
	}
	do {
		n += got;
		if (cap - n < 4096 && !(buf = realloc(buf, cap = cap * 2 + 8192)))
			abort();
		got = fread(buf + n, 1, cap - n, f);
	} while (got);
	fclose(f);
	/* of its exact size, so that a byte too much is seen */
	buf = realloc(buf, n ? n : 1);
	LLVMFuzzerTestOneInput(buf, n);
	free(buf);
	runs++;
	return 0;
}

static int all_of(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char name[4096];
	int bad = 0;

	if (!d)
		return one_file(path);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "%s/%s", path, e->d_name);
		bad |= one_file(name);
	}
	closedir(d);
	return bad;
}

int main(int argc, char **argv)
{
	int bad = 0;

	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++)
		bad |= all_of(argv[i]);
	printf("%s - %u inputs\n", bad || !runs ? "not ok" : "ok", runs);
	return bad || !runs;
}
