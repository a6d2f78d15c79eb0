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
	size_t length;
} stream;

static inline void put_header(void)
{
	df_flat_encode_header(stream.bytes);
	stream.length = DF_FLAT_HEADER;
}

static inline void put_record(uint64_t offset, const void *data, size_t length)
{
	df_flat_encode_record(offset, length, stream.bytes + stream.length);
	memcpy(stream.bytes + stream.length + DF_FLAT_RECORD, data, length);
	stream.length += DF_FLAT_RECORD + length;
}

static inline void put_pattern(uint64_t offset, size_t length)
{
	df_flat_encode_record(offset, length, stream.bytes + stream.length);
	fill_pattern(stream.bytes + stream.length + DF_FLAT_RECORD, offset, length);
	stream.length += DF_FLAT_RECORD + length;
}

static inline void put_end(void)
{
	df_flat_encode_end(stream.bytes + stream.length);
	stream.length += DF_FLAT_RECORD;
}

static const struct df_kdump_abi abis[] = { { false, 64, 8 }, { true, 64, 8 }, { false, 32, 8 }, { true, 32, 8 } };

/* A main header that is taken for one, in a block of 4096 bytes. */
static inline size_t kdump_header(const struct df_kdump_abi *abi, uint8_t *block)
{
	struct df_kdump_header header = {
		.version = 6, .status = DF_KDUMP_ZLIB, .block_size = 4096, .sub_hdr_size = 1
	};

	header.bitmap_blocks = 2;
	header.max_mapnr = 1000;
	header.nr_cpus = 1;
	memset(block, 0, 4096);
	df_kdump_encode_header(abi, &header, block);
	return df_kdump_status_offset(abi);
}

#endif
