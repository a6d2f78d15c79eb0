/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/bytes.h"
#include "format/kdump.h"
#include "t.h"

static struct df_err err;

static const struct df_kdump_abi abi64 = { false, 64, 8 }, abi64be = { true, 64, 8 }, abi_i386 = { false, 32, 4 },
				 abi_arm = { false, 32, 8 }, abi_ppc = { true, 32, 8 };

static struct df_kdump_header sample_kdump(void)
{
	struct df_kdump_header h = {
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

	memcpy(h.uts, "Linux", 5);
	memcpy(h.uts + 5 * DF_KDUMP_UTS_FIELD, "(none)", 6);
	h.uts[DF_KDUMP_UTS_SIZE - 1] = 'x';
	return h;
}

static void kdump_header_at(const struct df_kdump_abi *abi, const unsigned at[12], size_t size)
{
	struct df_kdump_header h = sample_kdump(), got;
	uint8_t b[DF_KDUMP_HEADER_MAX + 8], again[DF_KDUMP_HEADER_MAX];

	memset(b, 0xaa, sizeof b);
	df_kdump_encode_header(abi, &h, b);
	CHECK_EQ(df_kdump_header_size(abi), size);
	CHECK_EQ(b[size], 0xaa);
	CHECK(df_kdump_is(b, 8) && !df_kdump_is(b, 7));
	CHECK(!memcmp(b, "KDUMP   ", 8));
	CHECK_EQ(df_get32(b + 8, abi->be), 6);
	CHECK(!memcmp(b + 12, "Linux", 6));
	CHECK(!memcmp(b + 12 + 325, "(none)", 6));
	CHECK_EQ(b[401], 'x');
	CHECK_EQ(b[402] | b[403], 0);
	CHECK_EQ(df_get(b + at[0], abi->bits / 8, abi->be), h.time_sec);
	CHECK_EQ(df_get(b + at[1], abi->bits / 8, abi->be), 0);
	CHECK_EQ(df_get32(b + at[2], abi->be), h.status);
	CHECK_EQ(df_kdump_status_offset(abi), at[2]);
	CHECK_EQ(df_get32(b + at[3], abi->be), h.block_size);
	CHECK_EQ(df_get32(b + at[4], abi->be), h.sub_hdr_size);
	CHECK_EQ(df_get32(b + at[5], abi->be), h.bitmap_blocks);
	CHECK_EQ(df_get32(b + at[6], abi->be), h.max_mapnr);
	CHECK_EQ(df_get32(b + at[7], abi->be), h.total_ram_blocks);
	CHECK_EQ(df_get32(b + at[8], abi->be), h.device_blocks);
	CHECK_EQ(df_get32(b + at[9], abi->be), h.written_blocks);
	CHECK_EQ(df_get32(b + at[10], abi->be), h.current_cpu);
	CHECK_EQ(df_get32(b + at[11], abi->be), (uint32_t)h.nr_cpus);
	memset(&got, 0x55, sizeof got);
	df_kdump_decode_header(abi, b, &got);
	df_kdump_encode_header(abi, &got, again);
	CHECK(!memcmp(b, again, size));
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
	const struct df_kdump_subheader *s = &sample_sub;
	unsigned word = abi->bits / 8;
	struct df_kdump_subheader got;
	uint8_t b[DF_KDUMP_SUBHEADER_MAX + 8];

	memset(b, 0xaa, sizeof b);
	df_kdump_encode_subheader(abi, s, b);
	CHECK_EQ(df_kdump_subheader_size(abi), size);
	CHECK_EQ(b[size], 0xaa);
	CHECK_EQ(df_get(b + at[0], word, abi->be), s->phys_base);
	CHECK_EQ(df_get32(b + at[1], abi->be), s->dump_level);
	CHECK_EQ(df_get32(b + at[2], abi->be), s->split);
	CHECK_EQ(df_get(b + at[3], word, abi->be), s->start_pfn);
	CHECK_EQ(df_get(b + at[4], word, abi->be), s->end_pfn);
	CHECK_EQ(df_get64(b + at[5], abi->be), s->offset_vmcoreinfo);
	CHECK_EQ(df_get(b + at[6], word, abi->be), s->size_vmcoreinfo);
	CHECK_EQ(df_get64(b + at[7], abi->be), s->offset_note);
	CHECK_EQ(df_get(b + at[8], word, abi->be), s->size_note);
	CHECK_EQ(df_get64(b + at[9], abi->be), s->offset_eraseinfo);
	CHECK_EQ(df_get(b + at[10], word, abi->be), s->size_eraseinfo);
	CHECK_EQ(df_get64(b + at[11], abi->be), s->start_pfn_64);
	CHECK_EQ(df_get64(b + at[12], abi->be), s->end_pfn_64);
	CHECK_EQ(df_get64(b + at[13], abi->be), s->max_mapnr_64);
	df_kdump_decode_subheader(abi, 6, b, &got);
	CHECK(!memcmp(s, &got, sizeof got));
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
	struct df_kdump_subheader got;
	uint8_t b[DF_KDUMP_SUBHEADER_MAX];

	df_kdump_encode_subheader(&abi64, &sample_sub, b);
	for (uint32_t v = 0; v < 8; v++) {
		memset(&got, 0x55, sizeof got);
		df_kdump_decode_subheader(&abi64, v, b, &got);
		CHECK_EQ(got.phys_base, sample_sub.phys_base);
		CHECK_EQ(got.dump_level, v >= 1 ? sample_sub.dump_level : 0);
		CHECK_EQ(got.split, v >= 2 ? 1 : 0);
		CHECK_EQ(got.end_pfn, v >= 2 ? sample_sub.end_pfn : 0);
		CHECK_EQ(got.size_vmcoreinfo, v >= 3 ? sample_sub.size_vmcoreinfo : 0);
		CHECK_EQ(got.offset_note, v >= 4 ? sample_sub.offset_note : 0);
		CHECK_EQ(got.offset_eraseinfo, v >= 5 ? sample_sub.offset_eraseinfo : 0);
		CHECK_EQ(got.start_pfn_64, v >= 6 ? sample_sub.start_pfn_64 : 0);
		CHECK_EQ(got.max_mapnr_64, v >= 6 ? sample_sub.max_mapnr_64 : 0);
	}
}

static void kdump_desc(void)
{
	const struct df_kdump_abi *abis[] = { &abi64, &abi64be, &abi_i386, &abi_arm, &abi_ppc };
	struct df_kdump_desc d = { UINT64_C(0x123456789a), 4096, DF_KDUMP_ZSTD, 0x77 }, got;
	uint8_t b[DF_KDUMP_DESC_SIZE + 1];

	for (size_t i = 0; i < sizeof abis / sizeof *abis; i++) {
		b[DF_KDUMP_DESC_SIZE] = 0xaa;
		df_kdump_encode_desc(abis[i], &d, b);
		CHECK_EQ(b[DF_KDUMP_DESC_SIZE], 0xaa);
		CHECK_EQ(df_get64(b, abis[i]->be), d.offset);
		CHECK_EQ(df_get32(b + 8, abis[i]->be), d.size);
		CHECK_EQ(df_get32(b + 12, abis[i]->be), d.flags);
		CHECK_EQ(df_get64(b + 16, abis[i]->be), d.page_flags);
		df_kdump_decode_desc(abis[i], b, &got);
		CHECK(!memcmp(&d, &got, sizeof d));
	}
}

static void guess(const struct df_kdump_abi *abi, const struct df_kdump_header *h)
{
	uint8_t b[4096] = { 0 };
	struct df_kdump_abi got;

	df_kdump_encode_header(abi, h, b);
	CHECK(df_kdump_guess_abi(b, sizeof b, &got));
	CHECK_EQ(got.be, abi->be);
	CHECK_EQ(got.bits, abi->bits);
	CHECK_EQ(got.align64, 8);
	CHECK(df_kdump_guess_abi(b, df_kdump_header_size(abi), &got));
	CHECK(!df_kdump_guess_abi(b, df_kdump_header_size(abi) - 1, &got));
	b[0] = 'D';
	CHECK(!df_kdump_guess_abi(b, sizeof b, &got));
}

static void kdump_guess(void)
{
	static const struct df_kdump_abi *const abis[] = { &abi64, &abi64be, &abi_i386, &abi_arm, &abi_ppc };
	static const uint32_t blocks[] = { 4096, 16384, 65536, 262144 };

	for (size_t i = 0; i < 5; i++) {
		for (size_t k = 0; k < 4; k++) {
			struct df_kdump_header h = sample_kdump();

			h.block_size = blocks[k];
			guess(abis[i], &h);
			h.time_sec = 0;
			h.status = 0;
			guess(abis[i], &h);
			h.time_sec = 0x7fffffff;
			h.time_usec = 4096; /* looks like the block size of a header of 32 bits */
			guess(abis[i], &h);
			h.time_usec = 65536;
			h.total_ram_blocks = h.device_blocks = h.written_blocks = 0;
			guess(abis[i], &h);
			h.max_mapnr = UINT32_MAX; /* more than fits: the real number is in the sub header */
			h.bitmap_blocks = 1 << 20;
			guess(abis[i], &h);
		}
	}
}

static void kdump_guess_refuses(void)
{
	struct df_kdump_header h = sample_kdump();
	struct df_kdump_abi got;
	uint8_t b[4096] = { 0 };

	h.block_size = 5000;
	df_kdump_encode_header(&abi64, &h, b);
	CHECK(!df_kdump_guess_abi(b, sizeof b, &got));
	h.block_size = 4096;
	h.bitmap_blocks = 31; /* 2^20 page frames need 32 */
	df_kdump_encode_header(&abi64, &h, b);
	CHECK(!df_kdump_guess_abi(b, sizeof b, &got));
	memset(b + 8, 0, sizeof b - 8);
	CHECK(!df_kdump_guess_abi(b, sizeof b, &got));
	memset(b + 8, 0xff, sizeof b - 8);
	CHECK(!df_kdump_guess_abi(b, sizeof b, &got));
}

static void layout_small(void)
{
	struct df_kdump_layout l;

	CHECK_EQ(df_kdump_layout(&abi64, 4096, 1048576, 4020, 1000, &l, &err), 0);
	CHECK_EQ(l.sub_offset, 4096);
	CHECK_EQ(l.note_offset, 4200);
	CHECK_EQ(l.sub_hdr_size, 2);
	CHECK_EQ(l.bitmap_blocks, 64);
	CHECK_EQ(l.bitmap_bytes, 131072);
	CHECK_EQ(l.bitmap1_offset, 3 * 4096);
	CHECK_EQ(l.bitmap2_offset, (3 + 32) * 4096);
	CHECK_EQ(l.desc_offset, (3 + 64) * 4096);
	CHECK_EQ(l.data_offset, (3 + 64) * 4096 + 24 * 1000);
	/* up to the edge of a block, and over */
	CHECK_EQ(df_kdump_layout(&abi64, 4096, 32768, 4096 - 104, 0, &l, &err), 0);
	CHECK_EQ(l.sub_hdr_size, 1);
	CHECK_EQ(l.bitmap_blocks, 2);
	CHECK_EQ(df_kdump_layout(&abi64, 4096, 32769, 4096 - 103, 0, &l, &err), 0);
	CHECK_EQ(l.sub_hdr_size, 2);
	CHECK_EQ(l.bitmap_blocks, 4);
	CHECK_EQ(df_kdump_layout(&abi_i386, 4096, 1, 0, 1, &l, &err), 0);
	CHECK_EQ(l.note_offset, 4096 + 80);
	CHECK_EQ(l.sub_hdr_size, 1);
	CHECK_EQ(l.bitmap_blocks, 2);
	CHECK_EQ(df_kdump_layout(&abi_arm, 65536, 0, 0, 0, &l, &err), 0);
	CHECK_EQ(l.note_offset, 65536 + 96);
	CHECK_EQ(l.bitmap_blocks, 0);
	CHECK_EQ(l.data_offset, 2 * 65536);
}

static void layout_large(void)
{
	struct df_kdump_layout l;
	uint64_t n = UINT64_C(1) << 40;

	CHECK_EQ(df_kdump_layout(&abi64, 4096, n, 5000, n, &l, &err), 0);
	CHECK_EQ(l.bitmap_blocks, 1 << 26);
	CHECK_EQ(l.bitmap2_offset - l.bitmap1_offset, n / 8);
	CHECK_EQ(l.desc_offset, 3 * 4096 + n / 4);
	CHECK_EQ(l.data_offset, 3 * 4096 + n / 4 + 24 * n);
}

static void layout_refused(const struct df_kdump_abi *abi, uint32_t block, uint64_t max_mapnr, uint64_t note_bytes,
			   uint64_t pages)
{
	struct df_kdump_layout l;

	err.text[0] = '\0';
	CHECK_EQ(df_kdump_layout(abi, block, max_mapnr, note_bytes, pages, &l, &err), DUMPFILTER_E_UNSUPPORTED);
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
