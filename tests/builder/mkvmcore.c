/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkvmcore RECIPE OUT: builds a vmcore; - is standard input or output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

static char *slurp(const char *path, size_t *len)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "rb") : stdin;
	size_t cap = 1 << 16;
	char *p = malloc(cap), *more;

	*len = 0;
	while (f && p) {
		size_t n = fread(p + *len, 1, cap - *len, f);

		*len += n;
		if (!n)
			break;
		if (*len == cap) {
			more = realloc(p, cap *= 2);
			if (!more)
				free(p);
			p = more;
		}
	}
	if (!f)
		perror(path);
	if (f && f != stdin)
		fclose(f);
	if (f)
		return p;
	free(p);
	return NULL;
}

static int save(const char *path, const struct builder_image *img)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "wb") : stdout;
	int bad;

	if (!f) {
		perror(path);
		return -1;
	}
	bad = fwrite(img->data, 1, img->size, f) != img->size;
	if (f == stdout)
		bad |= fflush(f) != 0;
	else
		bad |= fclose(f) != 0;
	if (bad)
		perror(path);
	return bad ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct builder_image img;
	char err[BUILDER_ERR];
	size_t len;
	char *text;
	int rc;

	if (argc != 3) {
		fprintf(stderr, "usage: mkvmcore RECIPE OUT\n");
		return 2;
	}
	text = slurp(argv[1], &len);
	if (!text)
		return 1;
	rc = builder_build(text, len, &img, err);
	free(text);
	if (rc) {
		fprintf(stderr, "mkvmcore: %s: %s\n", argv[1], err);
		return 1;
	}
	rc = save(argv[2], &img);
	builder_image_free(&img);
	return rc ? 1 : 0;
}
