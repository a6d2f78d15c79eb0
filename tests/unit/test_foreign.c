/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of other formats: each is refused by its name, also inside a flattened stream, as a piece and by -R. */
#include "files.h"
#include "format/flat.h"
#include "libdumpfilter.h"

#define SIZE ((size_t)64 << 10)

static uint8_t data[SIZE + DF_FLAT_HEADER + 2 * DF_FLAT_RECORD];

/* The signature is at `at`. */
static const struct {
	const char *bytes;
	size_t length, at;
	const char *is;
} rows[] = {
#define ROW(bytes, at, is)                       \
	{                                        \
		bytes, sizeof(bytes) - 1, at, is \
	}
	ROW("sadump\0\0", 0, "a sadump dump (single partition): it is not supported; crash opens it as it is"),
	ROW("sadump\0\0", 4096, "a sadump dump (media backup): "),
	ROW("\xed\x23\x8f\x61\x73\x01\x19\xa8\x09\0\0\0", 0, "an LKCD dump: "),
	ROW("\xa8\x19\x01\x73\x61\x8f\x23\xed\0\0\0\x08", 0, "an LKCD dump: "),
	ROW("\xcd\x23\x8f\x61\x73\x01\x19\xa8\x09\0\0\0", 0, "an LKCD dump: "),
	ROW("\xa8\x19\x01\x73\x61\x8f\x23\xfd", 0, "an s390 stand-alone dump: make an ELF file of it with zgetdump"),
	ROW("\xa8\x19\x01\x73\x61\x8f\x23\xfe", 0, "an s390 stand-alone dump: "),
	ROW("DISKDUMP\x01", 0, "a diskdump file: "),
	ROW("EMiL\x01\0\0\0", 0, "a LiME file: it is not supported; copy the whole file"),
	ROW("AVML\x02\0\0\0", 0, "an AVML file: "),
	ROW("\xed\xeb\x0f\xf0\x02\0\0\0", 0, "a core of a Xen guest (xm dump-core): "),
	ROW("\xee\xeb\x0f\xf0\x02\0\0\0", 0, "a core of a Xen guest (xm dump-core): "),
	ROW("LinuxGuestRecord", 0, "the saved state of a Xen guest"),
	ROW("Xen saved domain, xl format\n \0 \r", 0, "the saved state of a Xen guest"),
	ROW("LibvirtQemudSave\x02", 0, "the saved state of a guest (virsh save or dump): use virsh dump --memory-only"),
	ROW("LibvirtQemudPart\x02", 0, "the saved state of a guest"),
	ROW("QEVM\0\0\0\x03", 0, "the saved state of a QEMU guest (migrate): use QEMU's dump-guest-memory"),
	ROW("\xd2\xbe\xd2\xbe\x08", 0, "the saved state of a VMware guest"),
	ROW("\xd3\xbe\xd3\xbe\x08", 0, "the saved state of a VMware guest"),
	ROW("PAGEDU64", 0, "a Windows crash dump: "),
	ROW("\x28\xb5\x2f\xfd", 0, "compressed with zstd: unpack it first"),
	ROW("\x1f\x8b\x08", 0, "compressed with gzip: unpack it first"),
	ROW("\xfd\x37zXZ\0", 0, "compressed with xz: unpack it first"),
	ROW("BZh9", 0, "compressed with bzip2: unpack it first"),
	ROW("\x04\x22\x4d\x18", 0, "compressed with lz4: unpack it first"),
	ROW("\x89LZO", 0, "compressed with lzop: unpack it first"),
#undef ROW
};
#define ROWS (sizeof rows / sizeof *rows)

/* The file, behind a flattened stream's headers or not; how long. */
static size_t make(size_t row, bool flat)
{
	size_t at = flat ? DF_FLAT_HEADER + DF_FLAT_RECORD : 0;

	memset(data, 0, sizeof data);
	fill_pattern(data + at, 1, SIZE);
	memcpy(data + at + rows[row].at, rows[row].bytes, rows[row].length);
	if (!strncmp(rows[row].bytes, "sadump", 6))
		memset(data + at + rows[row].at + 152, 0, 4); /* no disk set */
	if (!flat)
		return SIZE;
	df_flat_encode_header(data);
	df_flat_encode_record(0, SIZE, data + DF_FLAT_HEADER);
	df_flat_encode_end(data + at + SIZE);
	return at + SIZE + DF_FLAT_RECORD;
}

static void refused(const char *name, size_t length, const char *what)
{
	struct dumpfilter *df = dumpfilter_new(NULL);
	char want[256], got[512];
	int result;

	write_file(in_dir(name), data, length);
	result = dumpfilter_open_path(df, in_dir(name), 0);
	snprintf(got, sizeof got, "%s", dumpfilter_errmsg(df));
	dumpfilter_free(df);
	snprintf(want, sizeof want, "%s is %s", name, what);
	CHECK_EQ(result, DUMPFILTER_E_FORMAT);
	CHECK_HAS(got, want);
}

static void by_name(void)
{
	for (size_t i = 0; i < ROWS; i++)
		refused("file", make(i, false), rows[i].is);
}

static void in_a_stream(void)
{
	for (size_t i = 0; i < ROWS; i++)
		refused("stream", make(i, true), rows[i].is);
}

static void disk_of_a_set(void)
{
	size_t length = make(0, false);

	data[152] = 2;
	refused("file", length, "a sadump dump (disk 2 of a set): ");
}

/* What is too short for its format is named all the same. */
static void short_files(void)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (strncmp(rows[i].bytes, "sadump", 6) == 0)
			continue;
		make(i, false);
		refused("file", rows[i].length, rows[i].is);
	}
	make(0, false);
	refused("file", 155, "not a memory image: it is neither an ELF core file nor a kdump-compressed one");
	make(1, false);
	refused("file", 4096, "not a memory image");
}

static void as_pieces(void)
{
	for (size_t i = 0; i < ROWS; i++) {
		struct dumpfilter *df = dumpfilter_new(NULL);
		char path[320], want[256], got[512];
		const char *paths[2] = { path, path };
		int result;

		write_file(in_dir("piece"), data, make(i, false));
		snprintf(path, sizeof path, "%s", in_dir("piece"));
		result = dumpfilter_open_paths(df, paths, 2, 0);
		snprintf(got, sizeof got, "%s", dumpfilter_errmsg(df));
		dumpfilter_free(df);
		snprintf(want, sizeof want, "piece is not a piece of a split dump: it is %s", rows[i].is);
		CHECK_EQ(result, DUMPFILTER_E_FORMAT);
		CHECK_HAS(got, want);
	}
}

static void rearranged(size_t length, const char *is)
{
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sink;
	char want[256], got[512];
	int fd, result;

	write_file(in_dir("stdin"), data, length);
	fd = open(in_dir("stdin"), O_RDONLY);
	sink = dumpfilter_sink_path(df, in_dir("out"), 0);
	result = dumpfilter_rearrange(df, fd, "stdin", sink);
	snprintf(got, sizeof got, "%s", dumpfilter_errmsg(df));
	close(fd);
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
	snprintf(want, sizeof want, "stdin: is not in the flattened format, there is nothing to rearrange%s%s",
		 is ? ": it is " : "", is ? is : "");
	CHECK_EQ(result, DUMPFILTER_E_FORMAT);
	CHECK_HAS(got, want);
	CHECK(!exists(in_dir("out")));
}

static void by_rearrange(void)
{
	for (size_t i = 0; i < ROWS; i++)
		rearranged(make(i, false), rows[i].is);
	make(0, false);
	memcpy(data, "\177ELF\2\1\1", 7);
	rearranged(SIZE, "an ELF file");
	memcpy(data, "KDUMP   \6", 9);
	rearranged(SIZE, "a kdump-compressed file");
	memset(data, 'x', SIZE);
	rearranged(SIZE, NULL);
}

/* A source whose second block cannot be read is still looked at. */
static int64_t read_first_block(void *user, uint64_t offset, void *buffer, size_t length)
{
	(void)user;
	if (offset >= 4096)
		return -5;
	if (length > 4096 - offset)
		length = 4096 - (size_t)offset;
	memcpy(buffer, data + offset, length);
	return (int64_t)length;
}

static void unreadable_second_block(void)
{
	struct dumpfilter_source_ops ops = {
		.size = sizeof ops, .read = read_first_block, .length = SIZE, .name = "disk"
	};
	struct dumpfilter *df = dumpfilter_new(NULL);
	char got[512];
	int result;

	make(0, false);
	result = dumpfilter_open(df, &ops, NULL);
	snprintf(got, sizeof got, "%s", dumpfilter_errmsg(df));
	dumpfilter_free(df);
	CHECK_EQ(result, DUMPFILTER_E_FORMAT);
	CHECK_HAS(got, "disk is a sadump dump");
}

int main(void)
{
	files_begin();
	RUN(by_name);
	RUN(in_a_stream);
	RUN(disk_of_a_set);
	RUN(short_files);
	RUN(as_pieces);
	RUN(by_rearrange);
	RUN(unreadable_second_block);
	files_end();
	return T_END();
}
