/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/kdump.h"

#include "base/bytes.h"
#include "format/machine.h"

#define SIGNATURE_SIZE 8u
#define VERSION_OFFSET 8u
#define UTS_OFFSET     12u
#define BLOCK_MIN      4096u
#define BLOCK_MAX      262144u
#define COUNT(a)       (sizeof(a) / sizeof *(a))

/* The headers are C structs of the machine that wrote the dump: lists of fields, of a fixed width or a word (long,
 * time_t) of the machine, put where its compiler puts them. */
enum width { U32, U64, WORD };
/* A field of a header: where it stands follows from the widths of those before it and from how the machine's compiler
 * aligns, so that no table of offsets is needed for each kind of machine. */
struct field {
	uint16_t member; /* offset in our struct */
	uint8_t member_size;
	uint8_t width; /* enum width */
	uint8_t since; /* header version that brought it */
};
#define FIELD(type, name, width, since)                                                    \
	{                                                                                  \
		offsetof(struct type, name), sizeof((struct type){ 0 }.name), width, since \
	}
#define HEADER(name, width)     FIELD(df_kdump_header, name, width, 0)
#define SUB(name, width, since) FIELD(df_kdump_subheader, name, width, since)
#define DESC(name, width)       FIELD(df_kdump_desc, name, width, 0)

/* What follows the utsname. */
static const struct field header_fields[] = {
	HEADER(time_sec, WORD),      HEADER(time_usec, WORD),       HEADER(status, U32),
	HEADER(block_size, U32),     HEADER(sub_hdr_size, U32),     HEADER(bitmap_blocks, U32),
	HEADER(max_mapnr, U32),      HEADER(total_ram_blocks, U32), HEADER(device_blocks, U32),
	HEADER(written_blocks, U32), HEADER(current_cpu, U32),      HEADER(nr_cpus, U32),
};
#define HEADER_FIELDS_TO_STATUS 2u

static const struct field sub_fields[] = {
	SUB(phys_base, WORD, 0),       SUB(dump_level, U32, 1),      SUB(split, U32, 2),
	SUB(start_pfn, WORD, 2),       SUB(end_pfn, WORD, 2),        SUB(offset_vmcoreinfo, U64, 3),
	SUB(size_vmcoreinfo, WORD, 3), SUB(offset_note, U64, 4),     SUB(size_note, WORD, 4),
	SUB(offset_eraseinfo, U64, 5), SUB(size_eraseinfo, WORD, 5), SUB(start_pfn_64, U64, 6),
	SUB(end_pfn_64, U64, 6),       SUB(max_mapnr_64, U64, 6),
};

static const struct field desc_fields[] = {
	DESC(offset, U64),
	DESC(size, U32),
	DESC(flags, U32),
	DESC(page_flags, U64),
};

static unsigned width_of(const struct df_kdump_abi *abi, const struct field *field)
{
	return field->width == U32 || (field->width == WORD && abi->bits == 32) ? 4 : 8;
}

/* Where a field of this width goes that may start at `at`. */
static size_t place(const struct df_kdump_abi *abi, unsigned width, size_t at)
{
	return (size_t)df_round_up(at, width < 8 ? width : abi->bits == 64 ? 8 : abi->align64);
}

/* End of n fields that start at `at`. */
static size_t measure(const struct df_kdump_abi *abi, const struct field *field, size_t count, size_t at)
{
	for (; count--; field++)
		at = place(abi, width_of(abi, field), at) + width_of(abi, field);
	return at;
}

static void encode(const struct df_kdump_abi *abi, const struct field *field, size_t count, size_t at, const void *from,
		   uint8_t *buffer)
{
	for (; count--; field++) {
		const char *member = (const char *)from + field->member;
		unsigned width = width_of(abi, field);
		uint32_t v32 = 0;
		uint64_t v64 = 0;

		memcpy(field->member_size == 4 ? (void *)&v32 : (void *)&v64, member, field->member_size);
		at = place(abi, width, at);
		df_put(buffer + at, width, v64 | v32, abi->big_endian);
		at += width;
	}
}

/* Members of fields that came after version are left as they are. */
static void decode(const struct df_kdump_abi *abi, const struct field *field, size_t count, size_t at, uint32_t version,
		   const uint8_t *buffer, void *to)
{
	for (; count-- && field->since <= version; field++) {
		unsigned width = width_of(abi, field);
		uint64_t v64;
		uint32_t v32;

		at = place(abi, width, at);
		v64 = df_get(buffer + at, width, abi->big_endian);
		v32 = (uint32_t)v64;
		memcpy((char *)to + field->member, field->member_size == 4 ? (void *)&v32 : (void *)&v64,
		       field->member_size);
		at += width;
	}
}

uint8_t df_kdump_align64(uint8_t bits, uint16_t machine)
{
	return bits == 32 && machine == DF_EM_386 ? 4 : 8;
}

bool df_kdump_is(const void *buffer, size_t length)
{
	return length >= SIGNATURE_SIZE && !memcmp(buffer, DF_KDUMP_SIGNATURE, SIGNATURE_SIZE);
}

size_t df_kdump_header_size(const struct df_kdump_abi *abi)
{
	return measure(abi, header_fields, COUNT(header_fields), UTS_OFFSET + DF_KDUMP_UTS_SIZE);
}

size_t df_kdump_subheader_size(const struct df_kdump_abi *abi)
{
	return measure(abi, sub_fields, COUNT(sub_fields), 0);
}

size_t df_kdump_status_offset(const struct df_kdump_abi *abi)
{
	return measure(abi, header_fields, HEADER_FIELDS_TO_STATUS, UTS_OFFSET + DF_KDUMP_UTS_SIZE);
}

void df_kdump_encode_header(const struct df_kdump_abi *abi, const struct df_kdump_header *header, void *buffer)
{
	uint8_t *bytes = buffer;

	memset(bytes, 0, df_kdump_header_size(abi));
	memcpy(bytes, DF_KDUMP_SIGNATURE, SIGNATURE_SIZE);
	df_put32(bytes + VERSION_OFFSET, header->version, abi->big_endian);
	memcpy(bytes + UTS_OFFSET, header->uts, DF_KDUMP_UTS_SIZE);
	encode(abi, header_fields, COUNT(header_fields), UTS_OFFSET + DF_KDUMP_UTS_SIZE, header, bytes);
}

void df_kdump_decode_header(const struct df_kdump_abi *abi, const void *buffer, struct df_kdump_header *header)
{
	const uint8_t *bytes = buffer;

	header->version = df_get32(bytes + VERSION_OFFSET, abi->big_endian);
	memcpy(header->uts, bytes + UTS_OFFSET, DF_KDUMP_UTS_SIZE);
	decode(abi, header_fields, COUNT(header_fields), UTS_OFFSET + DF_KDUMP_UTS_SIZE, 0, bytes, header);
}

void df_kdump_encode_subheader(const struct df_kdump_abi *abi, const struct df_kdump_subheader *subheader, void *buffer)
{
	memset(buffer, 0, df_kdump_subheader_size(abi));
	encode(abi, sub_fields, COUNT(sub_fields), 0, subheader, buffer);
}

void df_kdump_decode_subheader(const struct df_kdump_abi *abi, uint32_t version, const void *buffer,
			       struct df_kdump_subheader *subheader)
{
	*subheader = (struct df_kdump_subheader){ 0 };
	decode(abi, sub_fields, COUNT(sub_fields), 0, version, buffer, subheader);
}

void df_kdump_encode_desc(const struct df_kdump_abi *abi, const struct df_kdump_desc *desc, void *buffer)
{
	encode(abi, desc_fields, COUNT(desc_fields), 0, desc, buffer);
}

void df_kdump_decode_desc(const struct df_kdump_abi *abi, const void *buffer, struct df_kdump_desc *desc)
{
	decode(abi, desc_fields, COUNT(desc_fields), 0, 0, buffer, desc);
}

/* Would a writer have made this header?  The blocks of the sub header are what tells 64-bit headers from 32-bit ones:
 * read with the wrong word size they are the high half of a time or an unused counter, 0 either way. */
static bool plausible(const struct df_kdump_abi *abi, const void *buffer)
{
	struct df_kdump_header header = { 0 };

	df_kdump_decode_header(abi, buffer, &header);
	return header.version <= 0xff && header.block_size >= BLOCK_MIN && header.block_size <= BLOCK_MAX &&
	       !(header.block_size & (header.block_size - 1)) && header.sub_hdr_size &&
	       header.sub_hdr_size <= INT32_MAX && header.bitmap_blocks <= INT32_MAX &&
	       UINT64_C(8) * header.bitmap_blocks * header.block_size >= header.max_mapnr;
}

bool df_kdump_guess_abi(const void *buffer, size_t length, struct df_kdump_abi *abi)
{
	static const struct df_kdump_abi known[] = {
		{ false, 64, 8 },
		{ true, 64, 8 },
		{ false, 32, 8 },
		{ true, 32, 8 },
	};

	if (!df_kdump_is(buffer, length))
		return false;
	for (size_t i = 0; i < COUNT(known); i++) {
		if (length >= df_kdump_header_size(&known[i]) && plausible(&known[i], buffer)) {
			*abi = known[i];
			return true;
		}
	}
	return false;
}

static uint64_t div_up(uint64_t value, uint64_t by)
{
	return value / by + (value % by != 0);
}

/* Readers hold numbers of blocks in an int, and sizes of notes in a word of the machine. */
static int check_limits(const struct df_kdump_abi *abi, uint32_t block, uint64_t max_mapnr, uint64_t notes,
			uint64_t pages, struct df_err *err)
{
	if (block & (block - 1) || block < df_kdump_header_size(abi) || block > BLOCK_MAX)
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED, "kdump format: pages of %u bytes do not fit it",
				  block);
	if (div_up(div_up(max_mapnr, 8), block) > INT32_MAX / 2)
		return df_err_set(
			err, DUMPFILTER_E_UNSUPPORTED,
			"kdump format: %llu page frames are more than its bitmaps can hold; write ELF instead",
			(unsigned long long)max_mapnr);
	if (notes / block > INT32_MAX - 2 || (abi->bits == 32 && notes > UINT32_MAX))
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED, "kdump format: %llu bytes of ELF notes are too many",
				  (unsigned long long)notes);
	if (pages > max_mapnr)
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED, "kdump format: %llu pages of only %llu page frames",
				  (unsigned long long)pages, (unsigned long long)max_mapnr);
	return 0;
}

int df_kdump_layout(const struct df_kdump_abi *abi, uint32_t block, uint64_t max_mapnr, uint64_t notes, uint64_t pages,
		    struct df_kdump_layout *layout, struct df_err *err)
{
	size_t sub = df_kdump_subheader_size(abi);
	uint64_t bitmap;
	int result = check_limits(abi, block, max_mapnr, notes, pages, err);

	if (result < 0)
		return result;
	bitmap = div_up(div_up(max_mapnr, 8), block);
	layout->sub_hdr_size = (uint32_t)div_up(sub + notes, block);
	layout->bitmap_blocks = (uint32_t)(2 * bitmap);
	layout->sub_offset = block;
	layout->note_offset = block + sub;
	layout->bitmap_bytes = bitmap * block;
	layout->bitmap1_offset = (UINT64_C(1) + layout->sub_hdr_size) * block;
	layout->bitmap2_offset = layout->bitmap1_offset + layout->bitmap_bytes;
	layout->desc_offset = layout->bitmap2_offset + layout->bitmap_bytes;
	layout->data_offset = layout->desc_offset + pages * DF_KDUMP_DESC_SIZE;
	return 0;
}
