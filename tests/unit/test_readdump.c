/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader that checks our dumps (tests/builder/readdump.c): which machine's layout it takes a file for. */
#include "files.h"
#include "mkdump.h"
#include "readdump.h"

#define PAGES "  pprz.plrs  p.zzp"
#define INFO  "OSRELEASE=6.1.0-test\nPAGESIZE=4096\n"

static const struct {
	const char *machine; /* NULL: the header has no names */
	unsigned bits, align;
	bool big_endian;
	const char *layout;
} machines[] = {
	{ "x86_64", 64, 8, false, "64-bit" },
	{ "s390x", 64, 8, true, "64-bit" },
	{ "i686", 32, 4, false, "32-bit" },
	{ "i386", 32, 4, false, "32-bit" },
	{ "armv7l", 32, 8, false, "32-bit padded" },
	{ "ppc", 32, 8, true, "32-bit padded" },
	{ NULL, 32, 4, false, "32-bit" },
	{ NULL, 32, 8, false, "32-bit padded" },
	{ "Unknown", 32, 4, false, "32-bit" },
	{ "Unknown", 32, 8, false, "32-bit padded" },
};

/* moved: notes that do not follow the sub header at once, as other makers leave them. */
static void one(unsigned i, const char *info, bool moved)
{
	struct mk made = { .bits = machines[i].bits,
			   .align = machines[i].align,
			   .big_endian = machines[i].big_endian,
			   .version = 6,
			   .block = 4096,
			   .status = 1,
			   .level = 31,
			   .machine = machines[i].machine,
			   .info = info,
			   .packer = 1,
			   .pages = PAGES };
	unsigned note_off = made.bits == 64 ? 48 : made.align == 4 ? 32 : 40;
	struct mk_file file;
	struct dump *dump;

	mk_build(&made, &file);
	if (moved)
		mk_put(&made, file.data + file.sub_at + note_off, 8, file.notes_at + 64);
	write_file(in_dir("dump"), file.data, file.size);
	mk_free(&file);
	dump = rd_open(in_dir("dump"));
	CHECK_STR(dump->layout->name, machines[i].layout);
	CHECK_EQ(dump->level, 31);
	CHECK_EQ(dump->max_mapnr, strlen(PAGES));
	CHECK_EQ(dump->note_off, info ? dump->block + dump->layout->size + (moved ? 64 : 0) : 0);
	rd_close(dump);
}

static void every_machine(void)
{
	for (unsigned i = 0; i < sizeof machines / sizeof *machines; i++)
		one(i, INFO, false);
}

static void without_notes(void)
{
	for (unsigned i = 0; i < sizeof machines / sizeof *machines; i++)
		one(i, NULL, false);
}

static void notes_elsewhere(void)
{
	for (unsigned i = 0; i < sizeof machines / sizeof *machines; i++)
		one(i, INFO, true);
}

int main(void)
{
	files_begin();
	RUN(every_machine);
	RUN(without_notes);
	RUN(notes_elsewhere);
	files_end();
	return T_END();
}
