/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "recipes.h"

#include "slow.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX (1u << 20)

static int is_recipe(const struct dirent *entry)
{
	size_t count = strlen(entry->d_name);

	return count > 4 && !strcmp(entry->d_name + count - 4, ".txt");
}

static void one(const char *dir, const char *name, void (*fn)(const char *name, const char *text, size_t length))
{
	char path[700], *text = calloc(1, TEXT_MAX);
	size_t length;
	FILE *in;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	in = fopen(path, "rb");
	length = in && text ? fread(text, 1, TEXT_MAX - 1, in) : 0;
	if (in)
		fclose(in);
	if (text)
		fn(name, text, length);
	free(text);
}

bool rc_each(const char *only, bool (*picks)(int i, const char *name),
	     void (*fn)(const char *name, const char *text, size_t length))
{
	const char *src = getenv("DF_SRC");
	struct dirent **list;
	char dir[400];
	int count;

	snprintf(dir, sizeof dir, "%s/tests/fixtures/recipes", src ? src : ".");
	count = scandir(dir, &list, is_recipe, alphasort);
	if (count <= 0) {
		printf("not ok - no recipes in %s\n", dir);
		return false;
	}
	for (int i = 0; i < count; i++) {
		const char *name = list[i]->d_name;

		if (only ? strstr(name, only) != NULL : !picks || picks(i, name))
			one(dir, name, fn);
		free(list[i]);
	}
	free(list);
	return true;
}

bool rc_fifth(int i, const char *name)
{
	return !t_slow() || i % 5 == 0 || rc_stands_for_machine(name);
}

bool rc_tenth(int i, const char *name)
{
	(void)name;
	return !t_slow() || i % 10 == 0;
}

bool rc_stands_for_machine(const char *name)
{
	return !strcmp(name, "shape-contents.txt") || !strcmp(name, "kernel-6.12-s390x.txt");
}
