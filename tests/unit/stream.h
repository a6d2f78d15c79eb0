/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flattened streams that a test puts together. */
#ifndef TESTS_UNIT_STREAM_H
#define TESTS_UNIT_STREAM_H

#include "format/flat.h"
#include "format/kdump.h"
#include "sinks.h"

/* A stream that a test puts together. */
static struct {
	uint8_t bytes[8 << 20];
	size_t len;
} stream;

static inline void put_header(void)
{
	df_flat_encode_header(stream.bytes);
	stream.len = DF_FLAT_HEADER;
}

static inline void put_record(uint64_t offset, const void *data, size_t len)
{
	df_flat_encode_record(offset, len, stream.bytes + stream.len);
	memcpy(stream.bytes + stream.len + DF_FLAT_RECORD, data, len);
	stream.len += DF_FLAT_RECORD + len;
}

static inline void put_pattern(uint64_t offset, size_t len)
{
	df_flat_encode_record(offset, len, stream.bytes + stream.len);
	fill_pattern(stream.bytes + stream.len + DF_FLAT_RECORD, offset, len);
	stream.len += DF_FLAT_RECORD + len;
}

static inline void put_end(void)
{
	df_flat_encode_end(stream.bytes + stream.len);
	stream.len += DF_FLAT_RECORD;
}

static const struct df_kdump_abi abis[] = { { false, 64, 8 }, { true, 64, 8 }, { false, 32, 8 }, { true, 32, 8 } };

/* A main header that is taken for one, in a block of 4096 bytes. */
static inline size_t kdump_header(const struct df_kdump_abi *abi, uint8_t *block)
{
	struct df_kdump_header h = { .version = 6, .status = DF_KDUMP_ZLIB, .block_size = 4096, .sub_hdr_size = 1 };

	h.bitmap_blocks = 2;
	h.max_mapnr = 1000;
	h.nr_cpus = 1;
	memset(block, 0, 4096);
	df_kdump_encode_header(abi, &h, block);
	return df_kdump_status_offset(abi);
}

#endif
