/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files for tests: a directory of their own, patterns, whole contents. */
#ifndef TESTS_UNIT_FILES_H
#define TESTS_UNIT_FILES_H

#include "t.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
	char dir[256];
	char path[320];
} files;

static inline void files_begin(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(files.dir, sizeof files.dir, "%.200s/df-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(files.dir)) {
		perror(files.dir);
		exit(EXIT_FAILURE);
	}
}

/* The path of a name in the directory, valid until the next call. */
static inline const char *in_dir(const char *name)
{
	snprintf(files.path, sizeof files.path, "%s/%s", files.dir, name);
	return files.path;
}

static inline void files_end(void)
{
	char command[512];

	snprintf(command, sizeof command, "rm -rf '%s'", files.dir);
	if (system(command))
		perror(command);
}

/* Byte n of a pattern that does not repeat at any power of two. */
static inline uint8_t pattern(uint64_t count)
{
	return (uint8_t)(count * 2654435761u >> 13 ^ count >> 3);
}

static inline void fill_pattern(uint8_t *bytes, uint64_t offset, size_t length)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = pattern(offset + i);
}

static inline bool is_pattern(const uint8_t *bytes, uint64_t offset, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] != pattern(offset + i))
			return false;
	return true;
}

static inline void write_file(const char *path, const void *buffer, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	CHECK(write(fd, buffer, length) == (ssize_t)length);
	CHECK(!close(fd));
}

static inline void write_pattern(const char *path, size_t length)
{
	uint8_t *bytes = malloc(length + 1);

	CHECK(bytes);
	fill_pattern(bytes, 0, length);
	write_file(path, bytes, length);
	free(bytes);
}

/* All bytes of a file; free() them. */
static inline uint8_t *read_file(const char *path, size_t *length)
{
	struct stat st;
	uint8_t *bytes;
	int fd = open(path, O_RDONLY);

	CHECK(fd >= 0);
	CHECK(!fstat(fd, &st));
	bytes = malloc((size_t)st.st_size + 1);
	CHECK(bytes);
	CHECK(read(fd, bytes, (size_t)st.st_size) == st.st_size);
	close(fd);
	*length = (size_t)st.st_size;
	return bytes;
}

static inline bool file_is(const char *path, const void *want, size_t length)
{
	size_t got;
	uint8_t *bytes = read_file(path, &got);
	bool same = got == length && !memcmp(bytes, want, length);

	free(bytes);
	return same;
}

static inline bool exists(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

/* Numbers that look random and are the same everywhere. */
static inline uint64_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

#endif
