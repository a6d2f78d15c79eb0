// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kdf_pages: what libkdumpfile makes of a dump.
 *
 *     kdf_pages pages DUMP VMCORE [CLAIMS]   reads every page frame that DUMP claims to have, compares with VMCORE
 *     kdf_pages zeros DUMP DUMP2 VMCORE      frames that DUMP has and DUMP2 has not must be filled with zeros
 *     kdf_pages attrs DUMP                   prints machine, registers of the CPUs and VMCOREINFO, for diff
 *     kdf_pages elf DUMP VMCORE OUT          an ELF core of the frames that DUMP has, with the notes of VMCORE
 *     kdf_pages version                      prints the version of libkdumpfile
 *
 * VMCORE is read without libkdumpfile, by the plain meaning of an ELF core: a byte of memory comes from the first
 * PT_LOAD that has it, and what no PT_LOAD has of a page reads as zeros.  This must know nothing about filtering: it
 * is the yardstick.
 *
 *     cc -O2 -D_DEFAULT_SOURCE -D_FILE_OFFSET_BITS=64 -o kdf_pages kdf_pages.c -lkdumpfile
 */
#include <elf.h>
#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libkdumpfile/kdumpfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BITS_AT_ONCE (1u << 15) /* page frames whose bits are asked for in one go */
#define MAX_PAGE     65536
#define MAX_PIECES   16
#define SHOWN        5 /* frames named per kind of trouble */

struct load {
	uint64_t start, end, file; /* physical addresses [start, end) are at this offset of the file */
	uint64_t virt;             /* what the header says of the virtual address of start */
};

struct vmcore {
	int fd, big;
	Elf64_Ehdr header; /* as in the file */
	Elf64_Phdr note;
	struct load *load;
	size_t loads;
};

struct count {
	uint64_t read, excluded, errors, different, alien; /* alien: pages of DUMP that VMCORE does not have */
	uint64_t digest;                                   /* of the frame numbers read, FNV-1a */
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "kdf_pages: %s: %s\n", what, why);
	exit(2);
}

/* The pieces of a split dump: names with commas between them. */
static kdump_ctx_t *open_dump(const char *path)
{
	char *names = strdup(path), *left = names;
	kdump_ctx_t *ctx = kdump_new();
	int fd[MAX_PIECES];
	unsigned count = 0;

	for (const char *name; names && count < MAX_PIECES && (name = strsep(&left, ",")); count++) {
		fd[count] = open(name, O_RDONLY);
		if (fd[count] < 0)
			die(name, "cannot be opened");
	}
	free(names);
	if (!ctx)
		die(path, "no memory");
	if (kdump_open_fdset(ctx, n, fd) != KDUMP_OK)
		die(path, kdump_get_err(ctx));
	return ctx;
}

static size_t page_size(kdump_ctx_t *ctx, const char *path)
{
	kdump_num_t size;

	if (kdump_get_number_attr(ctx, KDUMP_ATTR_PAGE_SIZE, &size) != KDUMP_OK || !size || size > MAX_PAGE)
		die(path, "page size is not known");
	return size;
}

/* ------------------------------------------------------------------------------------------ the yardstick */

/* Between the byte order of a file and ours, both ways. */
static uint64_t swap64(int big, uint64_t value)
{
	return big ? be64toh(value) : le64toh(value);
}

static uint32_t swap32(int big, uint32_t value)
{
	return big ? be32toh(value) : le32toh(value);
}

static uint16_t swap16(int big, uint16_t value)
{
	return big ? be16toh(value) : le16toh(value);
}

static void add_load(struct vmcore *vmcore, const Elf64_Phdr *ph)
{
	uint32_t type = swap32(vmcore->big, ph->p_type);
	uint64_t size = swap64(vmcore->big, ph->p_filesz);
	struct load *load = &vmcore->load[vmcore->loads];

	if (type == PT_NOTE)
		vmcore->note = *ph;
	if (type != PT_LOAD || !size)
		return;
	load->start = swap64(vmcore->big, ph->p_paddr);
	load->end = load->start + size;
	load->file = swap64(vmcore->big, ph->p_offset);
	load->virt = swap64(vmcore->big, ph->p_vaddr);
	vmcore->loads++;
}

static int is_elf(const char *path)
{
	int fd = open(path, O_RDONLY);
	char magic[SELFMAG] = "";
	int elf = pread(fd, magic, SELFMAG, 0) == SELFMAG && memcmp(magic, ELFMAG, SELFMAG) == 0;

	close(fd);
	return elf;
}

static struct vmcore open_vmcore(const char *path)
{
	struct vmcore vmcore = { .fd = open(path, O_RDONLY) };
	Elf64_Ehdr *eh = &vmcore.header;
	Elf64_Phdr ph;

	if (vmcore.fd < 0 || pread(vmcore.fd, eh, sizeof(*eh), 0) != sizeof(*eh))
		die(path, "cannot be read");
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0 || eh->e_ident[EI_CLASS] != ELFCLASS64)
		die(path, "is no ELF64 file");
	vmcore.big = eh->e_ident[EI_DATA] == ELFDATA2MSB;
	uint64_t at = swap64(vmcore.big, eh->e_phoff);
	unsigned count = swap16(vmcore.big, eh->e_phnum);
	vmcore.load = calloc(count + 1u, sizeof(*vmcore.load));
	if (!vmcore.load)
		die(path, "no memory");
	for (unsigned i = 0; i < count; i++) {
		if (pread(vmcore.fd, &ph, sizeof(ph), (off_t)(at + i * sizeof(ph))) != sizeof(ph))
			die(path, "program headers cannot be read");
		add_load(&vmcore, &ph);
	}
	return vmcore;
}

static uint64_t vmcore_end(const struct vmcore *vmcore)
{
	uint64_t end = 0;

	for (size_t i = 0; i < vmcore->loads; i++)
		if (vmcore->load[i].end > end)
			end = vmcore->load[i].end;
	return end;
}

static int vmcore_has(const struct vmcore *vmcore, uint64_t addr, size_t size)
{
	for (size_t i = 0; i < vmcore->loads; i++)
		if (addr < vmcore->load[i].end && addr + size > vmcore->load[i].start)
			return 1;
	return 0;
}

/* Fills page; returns 0 where no PT_LOAD has any of it. */
static int vmcore_page(const struct vmcore *vmcore, uint64_t addr, unsigned char *page, size_t size)
{
	int found = 0;

	memset(page, 0, size);
	for (size_t i = vmcore->loads; i-- > 0;) { /* backwards, so that the first one wins */
		const struct load *load = &vmcore->load[i];
		uint64_t from = addr > load->start ? addr : load->start;
		uint64_t to = addr + size < load->end ? addr + size : load->end;

		if (from >= to)
			continue;
		found = 1;
		if (pread(vmcore->fd, page + (from - addr), to - from, (off_t)(load->file + (from - load->start))) !=
		    (ssize_t)(to - from))
			die("VMCORE", "ends before the memory that its headers promise");
	}
	return found;
}

/* ------------------------------------------------------------------------------------------ pages */

static void trouble(uint64_t *counts, const char *what, uint64_t pfn, const char *why)
{
	if ((*counts)++ < SHOWN)
		fprintf(stderr, "# frame %#" PRIx64 ": %s%s%s\n", pfn, what, *why ? ": " : "", why);
}

static void one_page(kdump_ctx_t *ctx, const struct vmcore *vmcore, uint64_t pfn, size_t size, struct count *count)
{
	unsigned char want[MAX_PAGE], got[MAX_PAGE];
	size_t length = size;

	if (kdump_read(ctx, KDUMP_MACHPHYSADDR, pfn * size, got, &len) != KDUMP_OK) {
		trouble(&c->errors, "cannot be read", pfn, kdump_get_err(ctx));
		return;
	}
	count->read++;
	for (int shift = 0; shift < 64; shift += 8)
		count->digest = (count->digest ^ (pfn >> shift & 0xff)) * 0x100000001b3u;
	if (!vmcore_page(vmcore, pfn * size, want, size))
		trouble(&count->alien, "is not in the vmcore", pfn, "");
	else if (memcmp(want, got, size) != 0)
		trouble(&count->different, "differs", pfn, "");
}

/*
 * Which frames DUMP claims to have: of a kdump-compressed file libkdumpfile tells; of an ELF file its own PT_LOADs.
 * libkdumpfile (0.5.1 and 0.5.6 do) overruns the buffer of bits where PT_LOADs overlap, and the kernel image and the
 * memory it lies in always do; and it reads the frame right in front of a PT_LOAD as zeros although it is not in the
 * file.  Of a flattened ELF file CLAIMS tells, the same as a normal file.
 */
struct claims {
	kdump_bmp_t *map;
	struct vmcore vmcore;
	unsigned char bits[BITS_AT_ONCE / 8]; /* of the frames from first on */
	uint64_t first;
};

static void open_claims(struct claims *claims, kdump_ctx_t *ctx, const char *path)
{
	kdump_attr_t attr;
	const char *format;

	if (kdump_get_string_attr(ctx, KDUMP_ATTR_FILE_FORMAT, &format) != KDUMP_OK)
		die(path, "format is not known");
	claims->first = UINT64_MAX;
	if (strcmp(format, "elf") == 0 && is_elf(path))
		claims->vmcore = open_vmcore(path);
	else if (kdump_get_attr(ctx, KDUMP_ATTR_FILE_PAGEMAP, &attr) == KDUMP_OK && attr.type == KDUMP_BITMAP)
		c->map = attr.val.bitmap;
	else
		die(path, "has no page map");
}

static int claimed(struct claims *claims, uint64_t pfn, size_t size)
{
	uint64_t first = pfn / BITS_AT_ONCE * BITS_AT_ONCE;

	if (!claims->map)
		return vmcore_has(&claims->vmcore, pfn * size, size);
	if (first != claims->first) {
		memset(claims->bits, 0, sizeof(claims->bits));
		(void)kdump_bmp_get_bits(claims->map, first, first + BITS_AT_ONCE - 1, claims->bits);
		claims->first = first;
	}
	return claims->bits[(pfn - first) / 8] >> pfn % 8 & 1;
}

/* The end of what DUMP claims above end, or end. */
static uint64_t claims_end(const struct claims *claims, uint64_t end, size_t size)
{
	kdump_addr_t pfn = end;

	if (!claims->map)
		return vmcore_end(&claims->vmcore) / size > end ? vmcore_end(&claims->vmcore) / size : end;
	return kdump_bmp_find_set(c->map, &pfn) == KDUMP_OK ? pfn + 1 : end;
}

static int pages(const char *dump, const char *vmcore, const char *claims_file)
{
	static struct claims claims;
	struct vmcore core = open_vmcore(vmcore);
	kdump_ctx_t *ctx = open_dump(dump);
	struct count count = { .digest = 0xcbf29ce484222325u };
	size_t size = page_size(ctx, dump);

	open_claims(&claims, ctx, claims_file);
	uint64_t end = claims_end(&claims, (vmcore_end(&core) + size - 1) / size, size);
	for (uint64_t pfn = 0; pfn < end; pfn++) {
		if (claimed(&claims, pfn, size))
			one_page(ctx, &v, pfn, size, &c);
		else if (vmcore_has(&core, pfn * size, size))
			count.excluded++;
	}
	printf("read %" PRIu64 " excluded %" PRIu64 " errors %" PRIu64 " different %" PRIu64 " alien %" PRIu64
	       " set %016" PRIx64 "\n",
	       count.read, count.excluded, count.errors, count.different, count.alien, count.digest);
	kdump_free(ctx);
	free(core.load);
	free(claims.vmcore.load);
	return !count.read || count.errors || count.different || count.alien;
}

/* An ELF dump has no shared page of zeros: zero pages are left out of it, and nothing else that the other format has.
 */
static int zeros(const char *dump, const char *dump2, const char *vmcore)
{
	static const unsigned char zero[MAX_PAGE];
	static struct claims claims, claims2;
	unsigned char page[MAX_PAGE];
	struct vmcore core = open_vmcore(vmcore);
	kdump_ctx_t *ctx = open_dump(dump), *ctx2 = open_dump(dump2);
	size_t size = page_size(ctx, dump);
	uint64_t lost = 0, zero_pages = 0;

	open_claims(&claims, ctx, dump);
	open_claims(&claims2, ctx2, dump2);
	for (uint64_t pfn = 0; pfn * size < vmcore_end(&core); pfn++) {
		if (!claimed(&claims, pfn, size) || claimed(&claims2, pfn, size))
			continue;
		vmcore_page(&core, pfn * size, page, size);
		if (memcmp(page, zero, size) == 0)
			zero_pages++;
		else
			trouble(&lost, "is not in the second dump", pfn, "");
	}
	printf("zero pages %" PRIu64 " lost %" PRIu64 "\n", zero_pages, lost);
	kdump_free(ctx);
	kdump_free(ctx2);
	return lost != 0;
}

/* ------------------------------------------------------------------------------------------ ELF */

/*
 * For drgn and s390x: of files that are not plain ELF drgn asks libkdumpfile for kernel addresses, which (0.5.1, 0.5.6)
 * does not translate them since Linux 6.10 took the s390x kernel out of the identity mapping, of the vmcore itself
 * neither.  Page tables of an ELF core drgn walks by itself.
 */
struct elf_out {
	FILE *file;
	int big;
	Elf64_Phdr *ph;
	size_t count, room;
	uint64_t offset; /* where the next byte of data goes */
};

static Elf64_Phdr *new_header(struct elf_out *elf_out, uint32_t type, uint64_t addr, uint64_t virt)
{
	Elf64_Phdr *ph;

	if (elf_out->count == elf_out->room) {
		elf_out->room = elf_out->room ? 2 * elf_out->room : 64;
		elf_out->ph = realloc(elf_out->ph, elf_out->room * sizeof(*elf_out->ph));
		if (!elf_out->ph || elf_out->room > PN_XNUM)
			die("OUT", "too many runs of pages");
	}
	ph = &elf_out->ph[elf_out->count++];
	*ph = (Elf64_Phdr){
		.p_type = type, .p_flags = PF_R, .p_vaddr = virt, .p_paddr = addr, .p_offset = elf_out->offset
	};
	return ph;
}

static void add_data(struct elf_out *elf_out, Elf64_Phdr *ph, const void *data, size_t size)
{
	if (fseek(elf_out->file, (long)elf_out->offset, SEEK_SET) != 0 || fwrite(data, 1, size, elf_out->file) != size)
		die("OUT", "cannot be written");
	elf_out->offset += size;
	ph->p_filesz += size;
	ph->p_memsz += size;
}

static void add_notes(struct elf_out *elf_out, const struct vmcore *vmcore)
{
	size_t size = swap64(vmcore->big, vmcore->note.p_filesz);
	char *notes = malloc(size);

	if (!notes ||
	    pread(vmcore->fd, notes, size, (off_t)swap64(vmcore->big, vmcore->note.p_offset)) != (ssize_t)size)
		die("VMCORE", "notes cannot be read");
	add_data(elf_out, new_header(elf_out, PT_NOTE, 0, 0), notes, size);
	free(notes);
}

static void finish_elf(struct elf_out *elf_out, Elf64_Ehdr eh)
{
	eh.e_phoff = swap64(elf_out->big, elf_out->offset);
	eh.e_phnum = swap16(elf_out->big, (uint16_t)elf_out->count);
	eh.e_shoff = 0;
	eh.e_shnum = eh.e_shstrndx = 0;
	for (size_t i = 0; i < elf_out->count; i++) {
		Elf64_Phdr *phdr = &elf_out->ph[i];

		phdr->p_type = swap32(elf_out->big, phdr->p_type);
		phdr->p_flags = swap32(elf_out->big, phdr->p_flags);
		phdr->p_offset = swap64(elf_out->big, phdr->p_offset);
		phdr->p_vaddr = swap64(elf_out->big, phdr->p_vaddr);
		phdr->p_paddr = swap64(elf_out->big, phdr->p_paddr);
		phdr->p_filesz = swap64(elf_out->big, phdr->p_filesz);
		phdr->p_memsz = swap64(elf_out->big, phdr->p_memsz);
	}
	if (fwrite(elf_out->ph, sizeof(*elf_out->ph), elf_out->count, elf_out->file) != elf_out->count ||
	    fseek(elf_out->file, 0, SEEK_SET) != 0 || fwrite(&eh, sizeof(eh), 1, elf_out->file) != 1 ||
	    fclose(elf_out->file) != 0)
		die("OUT", "cannot be written");
	free(elf_out->ph);
}

/* As the first PT_LOAD that has it says. */
static uint64_t virtual_address(const struct vmcore *vmcore, uint64_t addr)
{
	for (size_t i = 0; i < vmcore->loads; i++)
		if (addr >= vmcore->load[i].start && addr < vmcore->load[i].end)
			return vmcore->load[i].virt + (addr - vmcore->load[i].start);
	return 0;
}

static int to_elf(const char *dump, const char *vmcore, const char *out)
{
	static struct claims claims;
	struct vmcore core = open_vmcore(vmcore);
	kdump_ctx_t *ctx = open_dump(dump);
	size_t size = page_size(ctx, dump), length;
	struct elf_out elf_out = { .file = fopen(out, "wb"), .big = core.big, .offset = size };
	Elf64_Phdr *run = NULL;
	char page[MAX_PAGE];

	if (!elf_out.file)
		die(out, "cannot be created");
	open_claims(&claims, ctx, dump);
	add_notes(&elf_out, &core);
	for (uint64_t pfn = 0; pfn * size < vmcore_end(&core); pfn++) {
		if (!claimed(&claims, pfn, size)) {
			run = NULL;
			continue;
		}
		length = size;
		if (kdump_read(ctx, KDUMP_MACHPHYSADDR, pfn * size, page, &len) != KDUMP_OK)
			die(dump, kdump_get_err(ctx));
		uint64_t virt = virtual_address(&core, pfn * size);
		if (!run || virt != run->p_vaddr + run->p_memsz)
			run = new_header(&elf_out, PT_LOAD, pfn * size, virt);
		add_data(&elf_out, run, page, size);
	}
	finish_elf(&elf_out, core.header);
	kdump_free(ctx);
	free(core.load);
	return 0;
}

/* ------------------------------------------------------------------------------------------ attributes */

static void print_blob(kdump_blob_t *blob)
{
	const unsigned char *bytes = kdump_blob_pin(blob);

	for (size_t i = 0; i < kdump_blob_size(blob); i++)
		printf("%02x", b[i]);
	kdump_blob_unpin(blob);
}

static void print_attr(const char *path, const kdump_attr_t *array)
{
	printf("%s=", path);
	if (a->type == KDUMP_NUMBER)
		printf("%" KDUMP_PRIuNUM, a->val.number);
	else if (a->type == KDUMP_ADDRESS)
		printf("%#" KDUMP_PRIxADDR, a->val.address);
	else if (a->type == KDUMP_STRING)
		printf("%s", a->val.string);
	else if (a->type == KDUMP_BLOB)
		print_blob(a->val.blob);
	putchar('\n');
}

/* Prints what is set below a directory of attributes; depth bounds the recursion. */
static void print_dir(kdump_ctx_t *ctx, const char *dir, int depth)
{
	kdump_attr_iter_t it;
	kdump_attr_t a;
	char path[512];

	if (depth > 8 || kdump_attr_iter_start(ctx, dir, &it) != KDUMP_OK)
		return;
	for (; it.key; kdump_attr_iter_next(ctx, &it)) {
		snprintf(path, sizeof(path), "%s.%s", dir, it.key);
		if (kdump_attr_ref_type(&it.pos) == KDUMP_DIRECTORY)
			print_dir(ctx, path, depth + 1);
		else if (kdump_attr_ref_isset(&it.pos) && kdump_attr_ref_get(ctx, &it.pos, &a) == KDUMP_OK)
			print_attr(path, &a);
	}
	kdump_attr_iter_end(ctx, &it);
}

static int attrs(const char *dump)
{
	/* Not all of arch and linux: e_machine is in ELF headers only, utsname in kdump headers only. */
	static const char *const dirs[] = { "cpu", "linux.vmcoreinfo" };
	static const char *const keys[] = { "arch.name", "arch.byte_order", "arch.page_size" };
	kdump_ctx_t *ctx = open_dump(dump);
	kdump_attr_t a;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (kdump_get_attr(ctx, keys[i], &a) == KDUMP_OK)
			print_attr(keys[i], &a);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		print_dir(ctx, dirs[i], 0);
	kdump_free(ctx);
	return 0;
}

int main(int argc, char **argv)
{
	if ((argc == 4 || argc == 5) && strcmp(argv[1], "pages") == 0)
		return pages(argv[2], argv[3], argc == 5 ? argv[4] : argv[2]);
	if (argc == 5 && strcmp(argv[1], "zeros") == 0)
		return zeros(argv[2], argv[3], argv[4]);
	if (argc == 3 && strcmp(argv[1], "attrs") == 0)
		return attrs(argv[2]);
	if (argc == 5 && strcmp(argv[1], "elf") == 0)
		return to_elf(argv[2], argv[3], argv[4]);
	if (argc == 2 && strcmp(argv[1], "version") == 0)
		return puts(KDUMPFILE_VERSION_STRING) < 0;
	fprintf(stderr,
		"usage: kdf_pages pages DUMP VMCORE [CLAIMS] | zeros DUMP DUMP2 VMCORE | attrs DUMP | version\n");
	return 2;
}
