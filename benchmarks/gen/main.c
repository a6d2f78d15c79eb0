/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes a vmcore as the capture kernel of an x86_64 machine with Linux 6.1 would see it: ELF headers, notes with
 * VMCOREINFO, page tables, memory sections, struct pages.  Deterministic: the same size gives the same struct pages,
 * and the same contents as long as the files of /usr are the same.  Prints what a plan must find, "NAME NUMBER" a line.
 *
 * usage: gen_vmcore real|scale|scale-shared END FILE        END: of physical memory, with K, M, G or T behind it
 *
 *   real          a machine in use; every page has contents (content.c)
 *   scale         an idle one: nearly all is free; a struct page for each frame, contents only where level 31 keeps it
 *   scale-shared  the same, but all sections share the struct pages of eight: as small as a file can be
 *
 * Memory of nothing but zeros is a hole of the file.  From 3 to 4 GiB there is no memory.
 */
#define _GNU_SOURCE
#include "gen.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEED       UINT64_C(0x6c6962647566) /* any number but 0 */
#define NOTES_AT   PAGE
#define DATA_AT    (2 * PAGE)
#define CPUS       4
#define PRSTATUS   336u
#define ROOTS      2048u                /* of mem_section: 2^46 bytes in sections of 2^27, 256 in a page */
#define UTS_AT     (TEXT + 24 * MIB)    /* init_uts_ns */
#define ONLINE_AT  (UTS_AT + PAGE)      /* node_online_map */
#define NODES_AT   (UTS_AT + 2 * PAGE)  /* node_data */
#define VMAP_AT    (UTS_AT + 5 * PAGE)  /* vmap_area_list */
#define TABLES_AT  (UTS_AT + 16 * PAGE) /* swapper_pg_dir */
#define PGDAT_SIZE UINT64_C(174208)
#define VM_STAT    1344u /* offset in struct zone of its counters; the first one is of free pages */

void gen_fail(const char *what)
{
	fprintf(stderr, "gen_vmcore: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
	exit(1);
}

uint64_t gen_random(struct gen *gen)
{
	gen->random ^= gen->random >> 12;
	gen->random ^= gen->random << 25;
	gen->random ^= gen->random >> 27;
	return gen->random * UINT64_C(0x2545f4914f6cdd1d);
}

uint64_t gen_below(struct gen *gen, uint64_t count)
{
	return (gen_random(gen) >> 32) % count;
}

/* In the file the memory behind the hole follows the one before it. */
uint8_t *gen_at(const struct gen *gen, uint64_t paddr)
{
	return gen->file + gen->data + (paddr >= HOLE_END ? paddr - (HOLE_END - HOLE_START) : paddr);
}

void gen_write(const struct gen *gen, uint64_t paddr, const void *buffer, size_t length)
{
	off_t at = (off_t)(gen_at(gen, paddr) - gen->file);

	if (pwrite(gen->fd, buffer, length, at) != (ssize_t)length)
		gen_fail("writing");
}

uint64_t gen_alloc(struct gen *gen, uint64_t bytes, uint64_t align)
{
	uint64_t at = (gen->next + align - 1) / align * align;

	gen->next = at + bytes;
	if (gen->next > SECTION)
		gen_fail("the kernel's tables do not fit into the first section");
	return at;
}

void gen_put64(uint8_t *bytes, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
}

static uint8_t *kernel(const struct gen *gen, uint64_t vaddr)
{
	return gen_at(gen, KERNEL_PA + (vaddr - TEXT));
}

static uint64_t entry(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof value);
	return value;
}

/* The table below entry index of a table, made where there is none. */
static uint64_t table_below(struct gen *gen, uint64_t table, uint64_t index)
{
	uint8_t *e = gen_at(gen, table) + index * 8;

	if (!entry(e))
		gen_put64(e, gen_alloc(gen, PAGE, PAGE) | 0x63);
	return entry(e) & ~UINT64_C(0xfff);
}

/* Map a large page of 2^shift bytes (21 or 30). */
static void map_large(struct gen *gen, uint64_t vaddr, uint64_t paddr, unsigned shift)
{
	uint64_t table = KERNEL_PA + (TABLES_AT - TEXT);

	for (unsigned at = 39; at > shift; at -= 9)
		table = table_below(gen, table, vaddr >> at & 511);
	gen_put64(gen_at(gen, table) + (vaddr >> shift & 511) * 8, paddr | UINT64_C(0x80000000000001e3));
}

static bool is_memory(const struct gen *gen, uint64_t paddr)
{
	return paddr < gen->end && (paddr < HOLE_START || paddr >= HOLE_END);
}

static void make_tables(struct gen *gen)
{
	for (uint64_t at = 0; at < KERNEL_SIZE; at += BLOCK)
		map_large(gen, TEXT + at, KERNEL_PA + at, 21);
	for (uint64_t paddr = 0; paddr < gen->end; paddr += GIB)
		if (is_memory(gen, paddr))
			map_large(gen, DIRECT + paddr, paddr, 30);
	for (uint64_t seed = 0; seed * SECTION < gen->end; seed++)
		if (is_memory(gen, seed * SECTION))
			map_large(gen, VMEMMAP + seed * BLOCK, gen_section_structs(gen, seed), 21);
}

/* SPARSEMEM_EXTREME: a page of 256 sections below each root.  Returns where the roots are. */
static uint64_t make_sections(struct gen *gen)
{
	uint64_t roots = gen_alloc(gen, ROOTS * 8, PAGE);

	for (uint64_t seed = 0; seed * SECTION < gen->end; seed++) {
		uint8_t *root = gen_at(gen, roots) + seed / 256 * 8;

		if (!is_memory(gen, seed * SECTION))
			continue;
		if (!entry(root))
			gen_put64(root, DIRECT + gen_alloc(gen, PAGE, PAGE));
		/* the address is coded less the section's first frame: the same for all; present, mapped, online, early
		 */
		gen_put64(gen_at(gen, entry(root) - DIRECT) + seed % 256 * 16, VMEMMAP | 0xf);
	}
	return roots;
}

static void make_zone(struct gen *gen, uint64_t pgdat)
{
	uint8_t *bytes = gen_at(gen, pgdat);

	gen_put64(bytes + VM_STAT, gen->count[COUNT_FREE]);
	gen_put64(bytes + 144, gen->end / PAGE); /* spanned_pages */
	gen_put64(bytes + 171552, 1);            /* nr_zones */
	gen_put64(bytes + 171576, gen->end / PAGE);
	gen_put64(kernel(gen, NODES_AT), DIRECT + pgdat);
	gen_put64(kernel(gen, ONLINE_AT), 1);
}

static void make_uname(struct gen *gen)
{
	static const char *const name[] = { "Linux", "bench", "6.1.0-bench", "#1 SMP", "x86_64", "(none)" };

	for (unsigned i = 0; i < 6; i++)
		memcpy(kernel(gen, UTS_AT) + i * 65, name[i], strlen(name[i]));
	gen_put64(kernel(gen, VMAP_AT), VMAP_AT);
	gen_put64(kernel(gen, VMAP_AT) + 8, VMAP_AT);
}

static size_t make_info(char *to, size_t size, uint64_t roots)
{
	int count = snprintf(
		to, size,
		"OSRELEASE=6.1.0-bench\nPAGESIZE=4096\nSYMBOL(init_uts_ns)=%" PRIx64
		"\nOFFSET(uts_namespace.name)=0\nSYMBOL(node_online_map)=%" PRIx64 "\nSYMBOL(swapper_pg_dir)=%" PRIx64
		"\nSYMBOL(_stext)=%" PRIx64 "\nSYMBOL(vmap_area_list)=%" PRIx64 "\nSYMBOL(mem_section)=%" PRIx64
		"\nLENGTH(mem_section)=%u\nSYMBOL(init_top_pgt)=%" PRIx64 "\nSYMBOL(node_data)=%" PRIx64 "\n",
		UTS_AT, ONLINE_AT, TABLES_AT, TEXT, VMAP_AT, DIRECT + roots, ROOTS, TABLES_AT, NODES_AT);
	static const char rest[] =
		"SIZE(mem_section)=16\nOFFSET(mem_section.section_mem_map)=0\nNUMBER(SECTION_SIZE_BITS)=27\n"
		"NUMBER(MAX_PHYSMEM_BITS)=46\nSIZE(page)=64\nSIZE(pglist_data)=174208\nSIZE(zone)=1536\n"
		"SIZE(free_area)=88\nSIZE(list_head)=16\nSIZE(nodemask_t)=128\nOFFSET(page.flags)=0\n"
		"OFFSET(page._refcount)=52\nOFFSET(page.mapping)=24\nOFFSET(page.lru)=8\nOFFSET(page._mapcount)=48\n"
		"OFFSET(page.private)=40\nOFFSET(page.compound_dtor)=16\nOFFSET(page.compound_order)=17\n"
		"OFFSET(page.compound_head)=8\nOFFSET(pglist_data.node_zones)=0\nOFFSET(pglist_data.nr_zones)=171552\n"
		"OFFSET(pglist_data.node_start_pfn)=171560\nOFFSET(pglist_data.node_spanned_pages)=171576\n"
		"OFFSET(pglist_data.node_id)=171584\nOFFSET(zone.free_area)=256\nOFFSET(zone.vm_stat)=1344\n"
		"OFFSET(zone.spanned_pages)=144\nOFFSET(free_area.free_list)=0\nOFFSET(list_head.next)=0\n"
		"OFFSET(list_head.prev)=8\nOFFSET(vmap_area.va_start)=0\nOFFSET(vmap_area.list)=40\n"
		"LENGTH(zone.free_area)=11\nLENGTH(free_area.free_list)=5\nNUMBER(NR_FREE_PAGES)=0\nNUMBER(PG_lru)=4\n"
		"NUMBER(PG_private)=13\nNUMBER(PG_swapcache)=10\nNUMBER(PG_swapbacked)=19\nNUMBER(PG_slab)=9\n"
		"NUMBER(PG_head_mask)=65536\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\nNUMBER(HUGETLB_PAGE_DTOR)=2\n"
		"NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257\nNUMBER(phys_base)=0\nNUMBER(pgtable_l5_enabled)=0\n"
		"LENGTH(node_data)=1024\nKERNELOFFSET=0\nNUMBER(KERNEL_IMAGE_SIZE)=1073741824\nNUMBER(sme_mask)=0\n"
		"CRASHTIME=1700000000\n";

	if (count < 0 || (size_t)count + sizeof rest > size)
		gen_fail("VMCOREINFO is too long");
	memcpy(to + count, rest, sizeof rest);
	return (size_t)count + sizeof rest - 1;
}

static uint8_t *add_note(uint8_t *bytes, const char *name, uint32_t type, const void *desc, size_t length)
{
	Elf64_Nhdr header = { .n_namesz = (Elf64_Word)strlen(name) + 1,
			      .n_descsz = (Elf64_Word)length,
			      .n_type = type };

	memcpy(bytes, &header, sizeof header);
	memcpy(bytes + sizeof header, name, header.n_namesz);
	bytes += sizeof header + (header.n_namesz + 3) / 4 * 4;
	memcpy(bytes, desc, length);
	return bytes + (length + 3) / 4 * 4;
}

static size_t make_notes(struct gen *gen, uint64_t roots)
{
	static const uint8_t registers[PRSTATUS];
	char info[4096];
	size_t length = make_info(info, sizeof info, roots);
	uint8_t *start = gen->file + NOTES_AT, *bytes = start;

	for (unsigned i = 0; i < CPUS; i++)
		bytes = add_note(bytes, "CORE", NT_PRSTATUS, registers, sizeof registers);
	bytes = add_note(bytes, "VMCOREINFO", 0, info, length);
	if (bytes > gen->file + DATA_AT)
		gen_fail("the notes are too long");
	return (size_t)(bytes - start);
}

static Elf64_Phdr load(const struct gen *gen, uint64_t vaddr, uint64_t paddr, uint64_t size)
{
	return (Elf64_Phdr){ .p_type = PT_LOAD,
			     .p_flags = PF_R | PF_W | PF_X,
			     .p_offset = (uint64_t)(gen_at(gen, paddr) - gen->file),
			     .p_vaddr = vaddr,
			     .p_paddr = paddr,
			     .p_filesz = size,
			     .p_memsz = size };
}

static void make_headers(struct gen *gen, size_t notes)
{
	Elf64_Ehdr header = { .e_type = ET_CORE,
			      .e_machine = EM_X86_64,
			      .e_version = EV_CURRENT,
			      .e_phoff = sizeof header,
			      .e_ehsize = sizeof header,
			      .e_phentsize = sizeof(Elf64_Phdr) };
	Elf64_Phdr phdrs[4] = { { .p_type = PT_NOTE, .p_offset = NOTES_AT, .p_filesz = notes, .p_memsz = notes } };
	unsigned count = 1;

	memcpy(header.e_ident, ELFMAG, SELFMAG);
	header.e_ident[EI_CLASS] = ELFCLASS64;
	header.e_ident[EI_DATA] = ELFDATA2LSB;
	header.e_ident[EI_VERSION] = EV_CURRENT;
	phdrs[count++] = load(gen, TEXT, KERNEL_PA, KERNEL_SIZE);
	phdrs[count++] = load(gen, DIRECT, 0, gen->end < HOLE_START ? gen->end : HOLE_START);
	if (gen->end > HOLE_END)
		phdrs[count++] = load(gen, DIRECT + HOLE_END, HOLE_END, gen->end - HOLE_END);
	header.e_phnum = (Elf64_Half)count;
	memcpy(gen->file, &header, sizeof header);
	memcpy(gen->file + sizeof header, phdrs, count * sizeof *phdrs);
}

static void open_file(struct gen *gen, const char *path)
{
	uint64_t size = DATA_AT + (gen->end > HOLE_END ? gen->end - (HOLE_END - HOLE_START) : gen->end);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	void *map;

	if (fd < 0 || ftruncate(fd, (off_t)size))
		gen_fail(path);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (map == MAP_FAILED)
		gen_fail(path);
	gen->fd = fd;
	gen->file = map;
	gen->data = DATA_AT;
}

static uint64_t parse_size(const char *text)
{
	static const char units[] = "KMGT";
	char *end;
	uint64_t count = strtoull(text, &end, 10);
	const char *unit = *end ? strchr(units, *end) : NULL;

	return unit ? count << 10 * (unit - units + 1) : count;
}

static enum kind parse_kind(const char *text)
{
	static const char *const names[] = { "real", "scale", "scale-shared" };

	for (unsigned i = 0; i < 3; i++)
		if (!strcmp(text, names[i]))
			return (enum kind)i;
	errno = 0;
	gen_fail("the kinds are real, scale and scale-shared");
}

static void print_counts(const struct gen *gen)
{
	static const char *const names[] = { "class0", "class1", "class2", "class3", "class4" };
	uint64_t present = 0;

	for (unsigned i = 0; i < COUNTS; i++) {
		printf("%s %" PRIu64 "\n", names[i], gen->count[i]);
		present += gen->count[i];
	}
	printf("present %" PRIu64 "\nkept %" PRIu64 "\n", present, gen->count[COUNT_KEEP]);
}

int main(int argc, char **argv)
{
	struct gen gen = { .random = SEED, .next = KERNEL_PA + KERNEL_SIZE, .section = SECTION_NONE };
	uint64_t pgdat, roots;

	if (argc != 4) {
		fprintf(stderr, "usage: gen_vmcore real|scale|scale-shared END FILE\n");
		return 2;
	}
	gen.kind = parse_kind(argv[1]);
	gen.end = parse_size(argv[2]);
	if (gen.end < 8 * SECTION || gen.end % SECTION || gen.end > 16384 * GIB ||
	    (gen.end > HOLE_START && gen.end < HOLE_END + 2 * GIB))
		gen_fail("END must be a multiple of 128M from 1G to 3G or from 6G to 16T");
	open_file(&gen, argv[3]);
	if (gen.kind == KIND_REAL)
		gen.files = gen_files_open();
	pgdat = gen_alloc(&gen, PGDAT_SIZE, PAGE);
	gen_memmap(&gen);
	roots = make_sections(&gen);
	make_tables(&gen);
	make_zone(&gen, pgdat);
	make_uname(&gen);
	make_headers(&gen, make_notes(&gen, roots));
	if (gen.files)
		gen_files_close(gen.files);
	if (close(gen.fd))
		gen_fail(argv[3]);
	print_counts(&gen);
	return 0;
}
