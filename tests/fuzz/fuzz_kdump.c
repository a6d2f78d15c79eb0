/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The input is a kdump header, then a sub header, then numbers for the layout. */
#include "fuzz.h"

#include "format/kdump.h"

static uint64_t take(const uint8_t **p, size_t *left)
{
	uint64_t value = 0;
	size_t count = *left < 8 ? *left : 8;

	memcpy(&value, *p, count);
	*p += count;
	*left -= count;
	return value;
}

/* What was decoded and encoded again decodes to the same. */
static void headers(const struct df_kdump_abi *abi, const uint8_t *data, size_t size)
{
	uint8_t head[DF_KDUMP_HEADER_MAX] = { 0 }, sub[DF_KDUMP_SUBHEADER_MAX] = { 0 }, again[DF_KDUMP_HEADER_MAX];
	struct df_kdump_subheader subheader, s2;
	struct df_kdump_header header = { 0 }, h2 = { 0 };
	struct df_kdump_desc desc = { 0 };
	size_t count = df_kdump_header_size(abi);

	memcpy(head, data, size < count ? size : count);
	df_kdump_decode_header(abi, head, &header);
	df_kdump_encode_header(abi, &header, again);
	df_kdump_decode_header(abi, again, &h2);
	MUST(header.status == h2.status && header.max_mapnr == h2.max_mapnr && header.time_sec == h2.time_sec);
	MUST(df_kdump_status_offset(abi) + 4 <= count);
	if (size > count)
		memcpy(sub, data + count,
		       size - count < df_kdump_subheader_size(abi) ? size - count : df_kdump_subheader_size(abi));
	df_kdump_decode_subheader(abi, header.version % 8, sub, &subheader);
	df_kdump_encode_subheader(abi, &subheader, again);
	df_kdump_decode_subheader(abi, header.version % 8, again, &s2);
	MUST(!memcmp(&subheader.phys_base, &s2.phys_base, sizeof subheader.phys_base) &&
	     subheader.max_mapnr_64 == s2.max_mapnr_64);
	df_kdump_decode_desc(abi, sub, &desc);
}

static void layout(const struct df_kdump_abi *abi, const uint8_t *data, size_t size)
{
	uint32_t block = (uint32_t)take(&data, &size);
	uint64_t mapnr = take(&data, &size), notes = take(&data, &size), pages = take(&data, &size);
	struct df_kdump_layout at;
	struct df_err err = { 0 };

	if (df_kdump_layout(abi, block, mapnr, notes, pages, &at, &err) < 0) {
		MUST(err.text[0]);
		return;
	}
	MUST(at.sub_offset >= df_kdump_header_size(abi) && at.note_offset > at.sub_offset);
	MUST(at.bitmap1_offset >= at.note_offset + notes && at.bitmap1_offset % block == 0);
	MUST(at.bitmap_bytes >= mapnr / 8 && at.bitmap2_offset == at.bitmap1_offset + at.bitmap_bytes);
	MUST(at.desc_offset == at.bitmap2_offset + at.bitmap_bytes);
	MUST(at.data_offset == at.desc_offset + pages * DF_KDUMP_DESC_SIZE && at.data_offset < INT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct df_kdump_abi abis[] = {
		{ false, 64, 8 }, { true, 64, 8 }, { false, 32, 8 }, { true, 32, 8 }, { false, 32, 4 },
	};
	struct df_kdump_abi abi;
	uint8_t *copy = malloc(size ? size : 1); /* its exact size, so that a byte more is seen */

	MUST(copy);
	memcpy(copy, data, size);
	if (df_kdump_guess_abi(copy, size, &abi))
		headers(&abi, copy, size);
	for (size_t i = 0; i < sizeof abis / sizeof *abis; i++) {
		headers(&abis[i], copy, size);
		layout(&abis[i], copy, size);
	}
	free(copy);
	return 0;
}
