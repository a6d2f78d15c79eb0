/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a fuzz target over files, once each: for compilers without libFuzzer, and as a test of every build.
 * replay-NAME FILE-OR-FOLDER… */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

static unsigned runs;

static int one_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *buffer = NULL;
	size_t count = 0, cap = 0, got = 0;

	if (!file) {
		perror(path);
		return 1;
	}
	do {
		count += got;
		if (cap - count < 4096 && !(buffer = realloc(buffer, cap = cap * 2 + 8192)))
			abort();
		got = fread(buffer + count, 1, cap - count, file);
	} while (got);
	fclose(file);
	/* of its exact size, so that a byte too much is seen */
	buffer = realloc(buffer, count ? count : 1);
	LLVMFuzzerTestOneInput(buffer, count);
	free(buffer);
	runs++;
	return 0;
}

static int all_of(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *dirent;
	char name[4096];
	int bad = 0;

	if (!folder)
		return one_file(path);
	while ((dirent = readdir(folder))) {
		if (dirent->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "%s/%s", path, dirent->d_name);
		bad |= one_file(name);
	}
	closedir(folder);
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
