/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkvmcore RECIPE OUT: builds a vmcore; - is standard input or output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

static char *slurp(const char *path, size_t *length)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "rb") : stdin;
	size_t cap = 1 << 16;
	char *text = malloc(cap), *more;

	*length = 0;
	while (file && text) {
		size_t count = fread(text + *length, 1, cap - *length, file);

		*length += count;
		if (!count)
			break;
		if (*length == cap) {
			more = realloc(text, cap *= 2);
			if (!more)
				free(text);
			text = more;
		}
	}
	if (!file)
		perror(path);
	if (file && file != stdin)
		fclose(file);
	if (file)
		return text;
	free(text);
	return NULL;
}

static int save(const char *path, const struct builder_image *image)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "wb") : stdout;
	int bad;

	if (!file) {
		perror(path);
		return -1;
	}
	bad = fwrite(image->data, 1, image->size, file) != image->size;
	if (file == stdout)
		bad |= fflush(file) != 0;
	else
		bad |= fclose(file) != 0;
	if (bad)
		perror(path);
	return bad ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct builder_image image;
	char err[BUILDER_ERR];
	size_t length;
	char *text;
	int result;

	if (argc != 3) {
		fprintf(stderr, "usage: mkvmcore RECIPE OUT\n");
		return 2;
	}
	text = slurp(argv[1], &length);
	if (!text)
		return 1;
	result = builder_build(text, length, &image, err);
	free(text);
	if (result) {
		fprintf(stderr, "mkvmcore: %s: %s\n", argv[1], err);
		return 1;
	}
	result = save(argv[2], &image);
	builder_image_free(&image);
	return result ? 1 : 0;
}
