/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/bytes.h"
#include "format/kdump.h"
#include "t.h"

static struct df_err err;

static const struct df_kdump_abi abi64 = { false, 64, 8 }, abi64be = { true, 64, 8 }, abi_i386 = { false, 32, 4 },
				 abi_arm = { false, 32, 8 }, abi_ppc = { true, 32, 8 };

static struct df_kdump_header sample_kdump(void)
{
	struct df_kdump_header header = {
		.version = DF_KDUMP_VERSION,
		.time_sec = 0x65f1a2b3,
		.status = DF_KDUMP_LZO | DF_KDUMP_INCOMPLETE,
		.block_size = 4096,
		.sub_hdr_size = 2,
		.bitmap_blocks = 66,
		.max_mapnr = 1048576,
		.total_ram_blocks = 5,
		.device_blocks = 6,
		.written_blocks = 7,
		.current_cpu = 3,
		.nr_cpus = 4,
	};

	memcpy(header.uts, "Linux", 5);
	memcpy(header.uts + 5 * DF_KDUMP_UTS_FIELD, "(none)", 6);
	header.uts[DF_KDUMP_UTS_SIZE - 1] = 'x';
	return header;
}

static void kdump_header_at(const struct df_kdump_abi *abi, const unsigned at[12], size_t size)
{
	struct df_kdump_header header = sample_kdump(), got;
	uint8_t bytes[DF_KDUMP_HEADER_MAX + 8], again[DF_KDUMP_HEADER_MAX];

	memset(bytes, 0xaa, sizeof bytes);
	df_kdump_encode_header(abi, &header, bytes);
	CHECK_EQ(df_kdump_header_size(abi), size);
	CHECK_EQ(bytes[size], 0xaa);
	CHECK(df_kdump_is(bytes, 8) && !df_kdump_is(bytes, 7));
	CHECK(!memcmp(bytes, "KDUMP   ", 8));
	CHECK_EQ(df_get32(bytes + 8, abi->big_endian), 6);
	CHECK(!memcmp(bytes + 12, "Linux", 6));
	CHECK(!memcmp(bytes + 12 + 325, "(none)", 6));
	CHECK_EQ(bytes[401], 'x');
	CHECK_EQ(bytes[402] | bytes[403], 0);
	CHECK_EQ(df_get(bytes + at[0], abi->bits / 8, abi->big_endian), header.time_sec);
	CHECK_EQ(df_get(bytes + at[1], abi->bits / 8, abi->big_endian), 0);
	CHECK_EQ(df_get32(bytes + at[2], abi->big_endian), header.status);
	CHECK_EQ(df_kdump_status_offset(abi), at[2]);
	CHECK_EQ(df_get32(bytes + at[3], abi->big_endian), header.block_size);
	CHECK_EQ(df_get32(bytes + at[4], abi->big_endian), header.sub_hdr_size);
	CHECK_EQ(df_get32(bytes + at[5], abi->big_endian), header.bitmap_blocks);
	CHECK_EQ(df_get32(bytes + at[6], abi->big_endian), header.max_mapnr);
	CHECK_EQ(df_get32(bytes + at[7], abi->big_endian), header.total_ram_blocks);
	CHECK_EQ(df_get32(bytes + at[8], abi->big_endian), header.device_blocks);
	CHECK_EQ(df_get32(bytes + at[9], abi->big_endian), header.written_blocks);
	CHECK_EQ(df_get32(bytes + at[10], abi->big_endian), header.current_cpu);
	CHECK_EQ(df_get32(bytes + at[11], abi->big_endian), (uint32_t)header.nr_cpus);
	memset(&got, 0x55, sizeof got);
	df_kdump_decode_header(abi, bytes, &got);
	df_kdump_encode_header(abi, &got, again);
	CHECK(!memcmp(bytes, again, size));
}

static void kdump_header(void)
{
	static const unsigned at64[] = { 408, 416, 424, 428, 432, 436, 440, 444, 448, 452, 456, 460 };
	static const unsigned at32[] = { 404, 408, 412, 416, 420, 424, 428, 432, 436, 440, 444, 448 };

	CHECK_EQ(DF_KDUMP_STATUS_OFFSET_64, 424);
	kdump_header_at(&abi64, at64, 464);
	kdump_header_at(&abi64be, at64, 464);
	kdump_header_at(&abi_i386, at32, 452);
	kdump_header_at(&abi_arm, at32, 452);
	kdump_header_at(&abi_ppc, at32, 452);
}

/* Each field has its own value, so that a wrong place shows. */
static const struct df_kdump_subheader sample_sub = {
	.phys_base = 0xd8a00001,
	.dump_level = 31,
	.split = 1,
	.start_pfn = 0x1002,
	.end_pfn = 0x1003,
	.offset_vmcoreinfo = UINT64_C(0x100000004),
	.size_vmcoreinfo = 0x1005,
	.offset_note = UINT64_C(0x100000006),
	.size_note = 0x1007,
	.offset_eraseinfo = UINT64_C(0x100000008),
	.size_eraseinfo = 0x1009,
	.start_pfn_64 = UINT64_C(0x10000000a),
	.end_pfn_64 = UINT64_C(0x10000000b),
	.max_mapnr_64 = UINT64_C(0x10000000c),
};

static void kdump_sub_at(const struct df_kdump_abi *abi, const unsigned at[14], size_t size)
{
	const struct df_kdump_subheader *subheader = &sample_sub;
	unsigned word = abi->bits / 8;
	struct df_kdump_subheader got;
	uint8_t bytes[DF_KDUMP_SUBHEADER_MAX + 8];

	memset(bytes, 0xaa, sizeof bytes);
	df_kdump_encode_subheader(abi, subheader, bytes);
	CHECK_EQ(df_kdump_subheader_size(abi), size);
	CHECK_EQ(bytes[size], 0xaa);
	CHECK_EQ(df_get(bytes + at[0], word, abi->big_endian), subheader->phys_base);
	CHECK_EQ(df_get32(bytes + at[1], abi->big_endian), subheader->dump_level);
	CHECK_EQ(df_get32(bytes + at[2], abi->big_endian), subheader->split);
	CHECK_EQ(df_get(bytes + at[3], word, abi->big_endian), subheader->start_pfn);
	CHECK_EQ(df_get(bytes + at[4], word, abi->big_endian), subheader->end_pfn);
	CHECK_EQ(df_get64(bytes + at[5], abi->big_endian), subheader->offset_vmcoreinfo);
	CHECK_EQ(df_get(bytes + at[6], word, abi->big_endian), subheader->size_vmcoreinfo);
	CHECK_EQ(df_get64(bytes + at[7], abi->big_endian), subheader->offset_note);
	CHECK_EQ(df_get(bytes + at[8], word, abi->big_endian), subheader->size_note);
	CHECK_EQ(df_get64(bytes + at[9], abi->big_endian), subheader->offset_eraseinfo);
	CHECK_EQ(df_get(bytes + at[10], word, abi->big_endian), subheader->size_eraseinfo);
	CHECK_EQ(df_get64(bytes + at[11], abi->big_endian), subheader->start_pfn_64);
	CHECK_EQ(df_get64(bytes + at[12], abi->big_endian), subheader->end_pfn_64);
	CHECK_EQ(df_get64(bytes + at[13], abi->big_endian), subheader->max_mapnr_64);
	df_kdump_decode_subheader(abi, 6, bytes, &got);
	CHECK(!memcmp(subheader, &got, sizeof got));
}

static void kdump_subheader(void)
{
	static const unsigned at64[] = { 0, 8, 12, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96 };
	static const unsigned at_i386[] = { 0, 4, 8, 12, 16, 20, 28, 32, 40, 44, 52, 56, 64, 72 };
	static const unsigned at_arm[] = { 0, 4, 8, 12, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88 };

	kdump_sub_at(&abi64, at64, 104);
	kdump_sub_at(&abi64be, at64, 104);
	kdump_sub_at(&abi_i386, at_i386, 80);
	kdump_sub_at(&abi_arm, at_arm, 96);
	kdump_sub_at(&abi_ppc, at_arm, 96);
}

static void kdump_versions(void)
{
	struct df_kdump_subheader subheader;
	uint8_t bytes[DF_KDUMP_SUBHEADER_MAX];

	df_kdump_encode_subheader(&abi64, &sample_sub, bytes);
	for (uint32_t value = 0; value < 8; value++) {
		memset(&subheader, 0x55, sizeof subheader);
		df_kdump_decode_subheader(&abi64, value, bytes, &subheader);
		CHECK_EQ(subheader.phys_base, sample_sub.phys_base);
		CHECK_EQ(subheader.dump_level, value >= 1 ? sample_sub.dump_level : 0);
		CHECK_EQ(subheader.split, value >= 2 ? 1 : 0);
		CHECK_EQ(subheader.end_pfn, value >= 2 ? sample_sub.end_pfn : 0);
		CHECK_EQ(subheader.size_vmcoreinfo, value >= 3 ? sample_sub.size_vmcoreinfo : 0);
		CHECK_EQ(subheader.offset_note, value >= 4 ? sample_sub.offset_note : 0);
		CHECK_EQ(subheader.offset_eraseinfo, value >= 5 ? sample_sub.offset_eraseinfo : 0);
		CHECK_EQ(subheader.start_pfn_64, value >= 6 ? sample_sub.start_pfn_64 : 0);
		CHECK_EQ(subheader.max_mapnr_64, value >= 6 ? sample_sub.max_mapnr_64 : 0);
	}
}

static void kdump_desc(void)
{
	const struct df_kdump_abi *abis[] = { &abi64, &abi64be, &abi_i386, &abi_arm, &abi_ppc };
	struct df_kdump_desc desc = { UINT64_C(0x123456789a), 4096, DF_KDUMP_ZSTD, 0x77 }, got;
	uint8_t bytes[DF_KDUMP_DESC_SIZE + 1];

	for (size_t i = 0; i < sizeof abis / sizeof *abis; i++) {
		bytes[DF_KDUMP_DESC_SIZE] = 0xaa;
		df_kdump_encode_desc(abis[i], &desc, bytes);
		CHECK_EQ(bytes[DF_KDUMP_DESC_SIZE], 0xaa);
		CHECK_EQ(df_get64(bytes, abis[i]->big_endian), desc.offset);
		CHECK_EQ(df_get32(bytes + 8, abis[i]->big_endian), desc.size);
		CHECK_EQ(df_get32(bytes + 12, abis[i]->big_endian), desc.flags);
		CHECK_EQ(df_get64(bytes + 16, abis[i]->big_endian), desc.page_flags);
		df_kdump_decode_desc(abis[i], bytes, &got);
		CHECK(!memcmp(&desc, &got, sizeof desc));
	}
}

static void guess(const struct df_kdump_abi *abi, const struct df_kdump_header *header)
{
	uint8_t bytes[4096] = { 0 };
	struct df_kdump_abi got;

	df_kdump_encode_header(abi, header, bytes);
	CHECK(df_kdump_guess_abi(bytes, sizeof bytes, &got));
	CHECK_EQ(got.big_endian, abi->big_endian);
	CHECK_EQ(got.bits, abi->bits);
	CHECK_EQ(got.align64, 8);
	CHECK(df_kdump_guess_abi(bytes, df_kdump_header_size(abi), &got));
	CHECK(!df_kdump_guess_abi(bytes, df_kdump_header_size(abi) - 1, &got));
	bytes[0] = 'D';
	CHECK(!df_kdump_guess_abi(bytes, sizeof bytes, &got));
}

static void kdump_guess(void)
{
	static const struct df_kdump_abi *const abis[] = { &abi64, &abi64be, &abi_i386, &abi_arm, &abi_ppc };
	static const uint32_t blocks[] = { 4096, 16384, 65536, 262144 };

	for (size_t i = 0; i < 5; i++) {
		for (size_t index = 0; index < 4; index++) {
			struct df_kdump_header header = sample_kdump();

			header.block_size = blocks[index];
			guess(abis[i], &header);
			header.time_sec = 0;
			header.status = 0;
			guess(abis[i], &header);
			header.time_sec = 0x7fffffff;
			header.time_usec = 4096; /* looks like the block size of a header of 32 bits */
			guess(abis[i], &header);
			header.time_usec = 65536;
			header.total_ram_blocks = header.device_blocks = header.written_blocks = 0;
			guess(abis[i], &header);
			header.max_mapnr = UINT32_MAX; /* more than fits: the real number is in the sub header */
			header.bitmap_blocks = 1 << 20;
			guess(abis[i], &header);
		}
	}
}

static void kdump_guess_refuses(void)
{
	struct df_kdump_header header = sample_kdump();
	struct df_kdump_abi abi;
	uint8_t bytes[4096] = { 0 };

	header.block_size = 5000;
	df_kdump_encode_header(&abi64, &header, bytes);
	CHECK(!df_kdump_guess_abi(bytes, sizeof bytes, &abi));
	header.block_size = 4096;
	header.bitmap_blocks = 31; /* 2^20 page frames need 32 */
	df_kdump_encode_header(&abi64, &header, bytes);
	CHECK(!df_kdump_guess_abi(bytes, sizeof bytes, &abi));
	memset(bytes + 8, 0, sizeof bytes - 8);
	CHECK(!df_kdump_guess_abi(bytes, sizeof bytes, &abi));
	memset(bytes + 8, 0xff, sizeof bytes - 8);
	CHECK(!df_kdump_guess_abi(bytes, sizeof bytes, &abi));
}

static void layout_small(void)
{
	struct df_kdump_layout layout;

	CHECK_EQ(df_kdump_layout(&abi64, 4096, 1048576, 4020, 1000, &layout, &err), 0);
	CHECK_EQ(layout.sub_offset, 4096);
	CHECK_EQ(layout.note_offset, 4200);
	CHECK_EQ(layout.sub_hdr_size, 2);
	CHECK_EQ(layout.bitmap_blocks, 64);
	CHECK_EQ(layout.bitmap_bytes, 131072);
	CHECK_EQ(layout.bitmap1_offset, 3 * 4096);
	CHECK_EQ(layout.bitmap2_offset, (3 + 32) * 4096);
	CHECK_EQ(layout.desc_offset, (3 + 64) * 4096);
	CHECK_EQ(layout.data_offset, (3 + 64) * 4096 + 24 * 1000);
	/* up to the edge of a block, and over */
	CHECK_EQ(df_kdump_layout(&abi64, 4096, 32768, 4096 - 104, 0, &layout, &err), 0);
	CHECK_EQ(layout.sub_hdr_size, 1);
	CHECK_EQ(layout.bitmap_blocks, 2);
	CHECK_EQ(df_kdump_layout(&abi64, 4096, 32769, 4096 - 103, 0, &layout, &err), 0);
	CHECK_EQ(layout.sub_hdr_size, 2);
	CHECK_EQ(layout.bitmap_blocks, 4);
	CHECK_EQ(df_kdump_layout(&abi_i386, 4096, 1, 0, 1, &layout, &err), 0);
	CHECK_EQ(layout.note_offset, 4096 + 80);
	CHECK_EQ(layout.sub_hdr_size, 1);
	CHECK_EQ(layout.bitmap_blocks, 2);
	CHECK_EQ(df_kdump_layout(&abi_arm, 65536, 0, 0, 0, &layout, &err), 0);
	CHECK_EQ(layout.note_offset, 65536 + 96);
	CHECK_EQ(layout.bitmap_blocks, 0);
	CHECK_EQ(layout.data_offset, 2 * 65536);
}

static void layout_large(void)
{
	struct df_kdump_layout layout;
	uint64_t count = UINT64_C(1) << 40;

	CHECK_EQ(df_kdump_layout(&abi64, 4096, count, 5000, count, &layout, &err), 0);
	CHECK_EQ(layout.bitmap_blocks, 1 << 26);
	CHECK_EQ(layout.bitmap2_offset - layout.bitmap1_offset, count / 8);
	CHECK_EQ(layout.desc_offset, 3 * 4096 + count / 4);
	CHECK_EQ(layout.data_offset, 3 * 4096 + count / 4 + 24 * count);
}

static void layout_refused(const struct df_kdump_abi *abi, uint32_t block, uint64_t max_mapnr, uint64_t note_bytes,
			   uint64_t pages)
{
	struct df_kdump_layout layout;

	err.text[0] = '\0';
	CHECK_EQ(df_kdump_layout(abi, block, max_mapnr, note_bytes, pages, &layout, &err), DUMPFILTER_E_UNSUPPORTED);
	CHECK_HAS(err.text, "kdump format");
}

static void layout_refusals(void)
{
	layout_refused(&abi64, 0, 10, 0, 0);
	layout_refused(&abi64, 256, 10, 0, 0);
	layout_refused(&abi64, 5000, 10, 0, 0);
	layout_refused(&abi64, 1u << 31, 10, 0, 0);
	layout_refused(&abi64, 4096, UINT64_MAX, 0, 0);
	layout_refused(&abi64, 4096, UINT64_C(1) << 46, 0, 0);
	layout_refused(&abi64, 4096, 10, UINT64_MAX, 0);
	layout_refused(&abi64, 4096, 10, UINT64_C(1) << 43, 0);
	layout_refused(&abi_i386, 4096, 10, UINT64_C(1) << 32, 0);
	layout_refused(&abi64, 4096, 10, 0, 11);
}

int main(void)
{
	RUN(kdump_header);
	RUN(kdump_subheader);
	RUN(kdump_versions);
	RUN(kdump_desc);
	RUN(kdump_guess);
	RUN(kdump_guess_refuses);
	RUN(layout_small);
	RUN(layout_large);
	RUN(layout_refusals);
	return T_END();
}
