/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts of a text and of a note put together: whose kernel, which value, which address. */
#include "kfind/kfind.h"

#include "t.h"

#define NOTE                                                                                                    \
	"OSRELEASE=6.1.0\nBUILD-ID=aa\nSYMBOL(_stext)=ffffffff92400000\nSYMBOL(init_uts_ns)=ffffffff93401000\n" \
	"SYMBOL(mem_section)=ffff888001ffc000\nKERNELOFFSET=11400000\nNUMBER(phys_base)=-4096\nSIZE(page)=64\n" \
	"OFFSET(page.flags)=0\nNUMBER(PG_lru)=4\n"
#define LINKED                                                                                                   \
	"OSRELEASE=6.1.0\nBUILD-ID=aa\nSYMBOL(_stext)=ffffffff81000000\nSYMBOL(init_uts_ns)=ffffffff82001000\n"  \
	"SYMBOL(mem_section)=ffffffff82002000\nNUMBER(mem_section_is_pointer)=1\nSYMBOL(prb)=ffffffff82003000\n" \
	"SIZE(page)=64\nOFFSET(page.private)=40\n"

static struct df_kdesc kernel;
static struct df_err err;
static struct df_env env;

static int find(const char *note, const char *text)
{
	struct df_image image = { .env = &env, .bits = 64 };
	size_t length = strlen(note);
	int result;

	image.notes = length ? (uint8_t *)malloc(length) : NULL; /* just as long, for sanitizers */
	if (length)
		memcpy(image.notes, note, length);
	image.notes_len = image.vmcoreinfo_len = length;
	result = df_kfind(&kernel, &image, text, text ? strlen(text) : 0, &err);
	free(image.notes);
	return result;
}

#define CHECK_FACT(f, want)                      \
	do {                                     \
		CHECK(df_has(&kernel, f));       \
		CHECK_EQ(kernel.value[f], want); \
	} while (0)

static void linked_addresses_are_moved_by_kaslr(void)
{
	CHECK_EQ(find(NOTE, LINKED), 0);
	CHECK_FACT(DF_SYM_init_uts_ns, 0xffffffff93401000);
	CHECK_FACT(DF_SYM_prb, 0xffffffff93403000);
	CHECK(kernel.confirmed && !kernel.adrift);
}

static void addresses_of_the_running_kernel_stay(void)
{
	CHECK_EQ(find(NOTE, NOTE "SYMBOL(prb)=ffffffff93403000\n"), 0);
	CHECK_FACT(DF_SYM_init_uts_ns, 0xffffffff93401000);
	CHECK_FACT(DF_SYM_prb, 0xffffffff93403000);
}

/* Without symbols in the note, as in an old one that is cut short. */
static void the_offset_alone_says_it_too(void)
{
	CHECK_EQ(find("OSRELEASE=6.1.0\nKERNELOFFSET=11400000\n", LINKED), 0);
	CHECK_FACT(DF_SYM_prb, 0xffffffff93403000);
	CHECK(!kernel.adrift && !kernel.confirmed);
}

static void one_damaged_symbol_is_mended(void)
{
	static const char note[] = "OSRELEASE=6.1.0\nKERNELOFFSET=11400000\nSYMBOL(_stext)=ffffffff92400000\n"
				   "SYMBOL(swapper_pg_dir)=ffffffff93402000\nSYMBOL(init_uts_ns)=ffffffff93f01000\n";

	CHECK_EQ(find(note, LINKED "SYMBOL(swapper_pg_dir)=ffffffff82002000\n"), 0);
	CHECK_FACT(DF_SYM_init_uts_ns, 0xffffffff93401000);
}

static void addresses_that_do_not_belong_together_are_refused(void)
{
	CHECK_EQ(-find("OSRELEASE=6.1.0\nSYMBOL(_stext)=ffffffff92400000\nSYMBOL(init_uts_ns)=ffffffff93f01000\n",
		       LINKED),
		 -DUMPFILTER_E_OTHER_KERNEL);
	CHECK_EQ(-find("OSRELEASE=6.1.0\nSYMBOL(_stext)=ffffffff92400010\n", LINKED), -DUMPFILTER_E_OTHER_KERNEL);
}

static void without_a_note_the_kernel_is_adrift(void)
{
	CHECK_EQ(find("", LINKED "NUMBER(pgtable_l5_enabled)=1\n"), 0);
	CHECK(kernel.adrift && !kernel.confirmed);
	CHECK_FACT(DF_SYM_init_uts_ns, 0xffffffff82001000);
	CHECK(!df_has(&kernel, DF_NUM_pgtable_l5_enabled));
	df_kdesc_move(&kernel, 0x1000);
	CHECK_FACT(DF_SYM_init_uts_ns, 0xffffffff82002000);
	CHECK_FACT(DF_SIZE_page, 64);
}

static void other_kernels_are_refused(void)
{
	CHECK_EQ(-find(NOTE, "OSRELEASE=6.1.0\nBUILD-ID=ab\n"), -DUMPFILTER_E_OTHER_KERNEL);
	CHECK_HAS(err.text, "its build id is ab, the image's aa");
	CHECK_EQ(-find(NOTE, "OSRELEASE=6.1.1\n"), -DUMPFILTER_E_OTHER_KERNEL);
	CHECK_HAS(err.text, "its release is '6.1.1', the image's '6.1.0'");
	CHECK_EQ(find(NOTE, "OSRELEASE=6.1.0\n"), 0);
	CHECK(!kernel.confirmed);
}

static void layouts_of_the_text_go_first_numbers_of_the_note(void)
{
	CHECK_EQ(find(NOTE, LINKED "NUMBER(phys_base)=8192\nNUMBER(PG_lru)=5\nOFFSET(page.flags)=8\n"), 0);
	CHECK_FACT(DF_NUM_phys_base, (uint64_t)-4096);
	CHECK_FACT(DF_NUM_PG_lru, 4);
	CHECK_FACT(DF_OFF_page_flags, 8);
	CHECK_FACT(DF_OFF_page_private, 40);
	/* the table itself, where a vmlinux has the pointer to it */
	CHECK_FACT(DF_SYM_mem_section, 0xffff888001ffc000);
	CHECK(!df_has(&kernel, DF_NUM_mem_section_pointer));
}

static void what_cannot_be_in_one_the_other_says(void)
{
	CHECK_EQ(find("NUMBER(PG_lru)=400\nSIZE(page)=64\n", "NUMBER(PG_lru)=5\nSIZE(page)=999999\n"), 0);
	CHECK_FACT(DF_NUM_PG_lru, 5);
	CHECK_FACT(DF_SIZE_page, 64);
	CHECK_EQ(find("", "LENGTH(node_data)=9223372036854775806\n"), 0);
	CHECK(!df_has(&kernel, DF_LEN_node_data));
}

/* 6.10 and 6.11: enumerators of page types, written by who only looks at names. */
static void types_by_the_names_of_flags(void)
{
	CHECK_EQ(find("", "OSRELEASE=6.11.0\nSIZE(page)=64\nOFFSET(page._mapcount)=48\nNUMBER(PG_slab)=33554432\n"
			  "NUMBER(PG_buddy)=1073741824\n"),
		 0);
	CHECK(!df_has(&kernel, DF_NUM_PG_slab) && !df_has(&kernel, DF_NUM_PG_buddy));
	CHECK_EQ((uint32_t)df_fact(&kernel, DF_NUM_PAGE_SLAB, 0), (uint32_t)~0x02000000);
	CHECK_EQ((uint32_t)df_fact(&kernel, DF_NUM_PAGE_BUDDY, 0), (uint32_t)~0x40000000);
	CHECK_EQ(find("", "OSRELEASE=4.4.0\nNUMBER(PG_slab)=7\n"), 0);
	CHECK_FACT(DF_NUM_PG_slab, 7);
}

/* A vmlinux has no page types up to 6.9: what they are in each kernel. */
static void types_that_no_vmlinux_has(void)
{
	static const struct {
		const char *release, *member;
		uint32_t buddy, offline, hugetlb; /* 0 = not there */
	} kernels[] = {
		{ "2.6.37", "", 0, 0, 0 },
		{ "2.6.38", "", (uint32_t)-2, 0, 0 },
		{ "2.6.39", "", (uint32_t)-128, 0, 0 },
		{ "4.17.19", "", (uint32_t)-128, 0, 0 },
		{ "4.14.0-el7", "OFFSET(page.page_type)=48\n", ~(uint32_t)0x80, 0, 0 },
		{ "4.18.0", "", ~(uint32_t)0x80, 0, 0 },
		{ "5.1.0", "OFFSET(page.page_type)=48\n", ~(uint32_t)0x80, ~(uint32_t)0x100, 0 },
		{ "6.9.12", "OFFSET(page.page_type)=48\n", ~(uint32_t)0x80, ~(uint32_t)0x100, ~(uint32_t)0x800 },
		{ "6.10.0", "OFFSET(page.page_type)=48\n", 0, 0, 0 },
		{ "7.3.0", "OFFSET(page.page_type)=48\n", 0, 0, 0 },
	};
	char text[256];

	for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
		snprintf(text, sizeof text, "OSRELEASE=%s\nSIZE(page)=64\nOFFSET(page._mapcount)=48\n%s",
			 kernels[i].release, kernels[i].member);
		CHECK_EQ(find("", text), 0);
		CHECK_EQ((uint32_t)df_fact(&kernel, DF_NUM_PAGE_BUDDY, 0), kernels[i].buddy);
		CHECK_EQ((uint32_t)df_fact(&kernel, DF_NUM_PAGE_OFFLINE, 0), kernels[i].offline);
		CHECK_EQ((uint32_t)df_fact(&kernel, DF_NUM_PAGE_HUGETLB, 0), kernels[i].hugetlb);
	}
	/* a flag says it */
	CHECK_EQ(find("", "OSRELEASE=2.6.39\nSIZE(page)=64\nOFFSET(page._mapcount)=48\nNUMBER(PG_buddy)=19\n"), 0);
	CHECK(!df_has(&kernel, DF_NUM_PAGE_BUDDY));
}

/* Texts go through editors, mailers and other systems; notes do not. */
static void texts_that_were_edited(void)
{
	static const char *const texts[] = {
		"OSRELEASE=6.1.0\r\nBUILD-ID=aa\r\nSYMBOL(_stext)=ffffffff92400000\r\nSIZE(page)=56\r\n",
		"OSRELEASE=6.1.0 \nBUILD-ID=aa\t\nSYMBOL(_stext)=ffffffff92400000  \nSIZE(page)=56 \t\r\n",
		"\xef\xbb\xbfOSRELEASE=6.1.0\nBUILD-ID=aa\nSYMBOL(_stext)=ffffffff92400000\nSIZE(page)=56\n",
		"OSRELEASE=6.1.0\nBUILD-ID=aa\nSYMBOL(_stext)=ffffffff92400000\nSIZE(page)=56",
		"\xef\xbb\xbf\r\n\r\nOSRELEASE=6.1.0\r\nBUILD-ID=aa\r\nSIZE(page)=56\r",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		CHECK_EQ(find(NOTE, texts[i]), 0);
		CHECK_STR(kernel.osrelease, "6.1.0");
		CHECK_STR(kernel.build_id, "aa");
		CHECK(kernel.confirmed);
		CHECK_FACT(DF_SIZE_page, 56);
	}
	CHECK_EQ(find("OSRELEASE=6.1.0\nSYMBOL(prb)=ffffffff9340300 \nSIZE(page)=64", NULL), 0);
	CHECK(!df_has(&kernel, DF_SYM_prb));   /* a digit was overwritten */
	CHECK(!df_has(&kernel, DF_SIZE_page)); /* or is missing */
}

int main(void)
{
	RUN(linked_addresses_are_moved_by_kaslr);
	RUN(addresses_of_the_running_kernel_stay);
	RUN(the_offset_alone_says_it_too);
	RUN(one_damaged_symbol_is_mended);
	RUN(addresses_that_do_not_belong_together_are_refused);
	RUN(without_a_note_the_kernel_is_adrift);
	RUN(other_kernels_are_refused);
	RUN(layouts_of_the_text_go_first_numbers_of_the_note);
	RUN(what_cannot_be_in_one_the_other_says);
	RUN(types_by_the_names_of_flags);
	RUN(types_that_no_vmlinux_has);
	RUN(texts_that_were_edited);
	return T_END();
}
