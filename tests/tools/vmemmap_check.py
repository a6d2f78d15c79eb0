#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vmemmap_check.py VMCORE PLAIN WITH [ALWAYS]: is what makedumpfile -e leaves out right?

PLAIN, WITH and ALWAYS are the frames that dumps of the same level without -e and with it, and one of level 0, keep, as
"dumpcheck pfns" prints them.  Reads the memory sections and walks the page tables of the vmcore by itself (x86_64 with four
and five levels, s390x), and puts together for each page frame all virtual pages of the memory map that are mapped onto it.
A frame may be left out only where all of them are full of struct pages of frames that PLAIN lacks and the vmcore has; and
where ALWAYS is given it must be left out then, unless one of them speaks of a frame that ALWAYS lacks (poisoned or
offline).  Prints numbers; exit status 1 where something is wrong.
"""
import mmap
import struct
import sys


class Lost(Exception):
    """Memory that should be in the vmcore is not."""


class Vmcore:
    def __init__(self, path):
        with open(path, "rb") as stream:
            self.data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        if self.data[4] != 2:
            raise Lost("not 64 bits")
        self.end = "<" if self.data[5] == 1 else ">"
        self.machine, = self.unpack("H", 18)
        phoff, = self.unpack("Q", 32)
        phsize, phnum = self.unpack("HH", 54)
        if phnum == 0xffff:
            shoff, = self.unpack("Q", 40)
            phnum, = self.unpack("I", shoff + 44)
        self.loads, self.info, self.words = [], {}, {}
        for i in range(phnum):
            kind, _, offset, vaddr, paddr, filesz, _, _ = self.unpack("IIQQQQQQ", phoff + i * phsize)
            if kind == 1 and filesz:
                self.loads.append((paddr, min(filesz, len(self.data) - offset), offset, vaddr))
            elif kind == 4:
                self.notes(offset, filesz)

    def unpack(self, form, offset):
        return struct.unpack_from(self.end + form, self.data, offset)

    def notes(self, at, size):
        stop = min(at + size, len(self.data))
        while at + 12 <= stop:
            namesz, descsz, _ = self.unpack("III", at)
            name = self.data[at + 12:at + 12 + namesz].rstrip(b"\0")
            at += 12 + (namesz + 3) // 4 * 4
            if name == b"VMCOREINFO" and not self.info:
                text = self.data[at:at + descsz].decode("latin-1")
                self.info = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
            at += (descsz + 3) // 4 * 4

    def read(self, pa, count):
        for start, size, offset, _ in self.loads:
            if start <= pa and pa + count <= start + size:
                return self.data[offset + pa - start:offset + pa - start + count]
        if count == 1:
            raise Lost("physical %#x" % pa)
        return b"".join(self.read(pa + i, 1) for i in range(count))

    def word(self, pa):
        if pa not in self.words:
            self.words[pa] = struct.unpack(self.end + "Q", self.read(pa, 8))[0]
        return self.words[pa]

    def number(self, key, otherwise=None):
        text = self.info.get(key)
        if text is None:
            return otherwise
        return int(text, 16 if key.startswith("SYMBOL") or "(" not in key else 0)


class X86:
    MAP, ADDRESS = 0xffffffff80000000, 0x000ffffffffff000

    def __init__(self, core):
        self.core = core
        top = core.number("SYMBOL(init_top_pgt)") or core.number("SYMBOL(init_level4_pgt)") or core.number("SYMBOL(swapper_pg_dir)")
        base = core.number("NUMBER(phys_base)")
        if base is None:  # the kernel image's PT_LOAD says where it lies
            base = next((p - (v - self.MAP) for p, _, _, v in core.loads if v >= self.MAP), 0)
        self.encrypted = core.number("NUMBER(sme_mask)", 0)
        self.root = top - self.MAP + base
        self.shifts = ([48] if core.number("NUMBER(pgtable_l5_enabled)", 0) else []) + [39, 30, 21, 12]

    def physical(self, va):
        table = self.root
        for shift in self.shifts:
            entry = self.core.word(table + (va >> shift & 511) * 8) & ~self.encrypted
            if not entry & 1:
                return None
            if shift == 12 or (shift in (21, 30) and entry & 0x80):
                low = (1 << shift) - 1
                return (entry & self.ADDRESS & ~low) | (va & low)
            table = entry & self.ADDRESS
        return None


class S390:
    def __init__(self, core):
        self.core = core
        self.offset, self.phys = core.number("KERNELOFFSET"), core.number("KERNELOFFPHYS")
        self.identity = core.number("IDENTITYBASE", 0)
        self.vmemmap = core.number("SYMBOL(vmemmap)")
        self.top = max(p + s for p, s, _, _ in core.loads)
        self.root = self.physical(core.number("SYMBOL(swapper_pg_dir)"))
        self.kind = core.word(self.root) >> 2 & 3

    def linear(self, va):
        if self.phys is None:
            return va if va < self.top else None
        if va >= self.offset:
            return va - self.offset + self.phys
        return va - self.identity if self.identity <= va < min(self.vmemmap or self.offset, self.offset) else None

    def physical(self, va):
        pa = self.linear(va)
        if pa is not None:
            return pa
        table = self.root
        for kind in range(self.kind, -1, -1):
            shift = 20 + 11 * kind
            entry = self.core.word(table + (va >> shift & 2047) * 8)
            if entry & 0x20:
                return None
            if kind <= 1 and entry & 0x400:
                return (entry & ~((1 << shift) - 1)) | (va & ((1 << shift) - 1))
            table = entry & (~0xfff if kind else ~0x7ff)
        entry = self.core.word(table + (va >> 12 & 255) * 8)
        return None if entry & 0xc00 else (entry & ~0xfff) | (va & 0xfff)


def frames(path):
    out = set()
    with open(path) as stream:
        for line in stream:
            first, count = (int(x, 16) for x in line.split())
            out.update(range(first, first + count))
    return out


def sections(core, machine, last):
    """First frame, end and address of the struct page of frame 0 of each section that has a memory map."""
    size, per_frame = core.number("SIZE(mem_section)"), core.number("SIZE(page)")
    bits = core.number("NUMBER(SECTION_SIZE_BITS)", 27 if core.machine == 62 else 28)
    table, length = core.number("SYMBOL(mem_section)"), core.number("LENGTH(mem_section)")
    total = 1 << core.number("NUMBER(MAX_PHYSMEM_BITS)", 46) - bits
    per_root, per_section = 4096 // size, 1 << bits - 12
    offset = core.number("OFFSET(mem_section.section_mem_map)")

    def word(va):
        pa = machine.physical(va)
        if pa is None:
            raise Lost("virtual %#x" % va)
        return core.word(pa)

    for nr in range(min(total, last // per_section + 1)):
        at = table + nr * size
        if length != total:
            root = word(table + nr // per_root * 8)
            if not root:
                continue
            at = root + nr % per_root * size
        coded = word(at + offset)
        if coded & 3 == 3:
            origin = coded & ~0x3f
            known = core.number("SYMBOL(vmemmap)")
            if known is not None and origin != known:
                raise Lost("section %d" % nr)
            yield nr * per_section, (nr + 1) * per_section, origin, per_frame


def pages_of_map(core, machine, last):
    """By virtual page of the memory map: how many of its bytes are struct pages, and of which frames (first, end)."""
    pages = {}
    for first, end, origin, size in sections(core, machine, last):
        start, stop = origin + first * size, origin + end * size
        for va in range(start & ~4095, stop, 4096):
            low, high = max(va, start), min(va + 4096, stop)
            parts = pages.setdefault(va, [0, []])
            parts[0] += high - low
            parts[1].append(((low - origin) // size, (high - origin + size - 1) // size))
    return pages


def judge(core, machine, image, plain):
    """Frames that may go; all that hold struct pages: whose each are."""
    behind, gone = {}, image - plain
    for va, (count, parts) in pages_of_map(core, machine, max(image)).items():
        pa = machine.physical(va)
        if pa is None:
            continue
        owners = {pfn for first, end in parts for pfn in range(first, end)}
        entry = behind.setdefault(pa >> 12, [True, set()])
        entry[0] &= count == 4096 and owners <= gone
        entry[1] |= owners
    return {pfn for pfn, (free, _) in behind.items() if free and pfn in plain}, behind


def allowed(core, image, plain):
    """The same; nothing may go where the vmcore cannot be understood."""
    machines = {62: X86, 22: S390}
    try:
        if core.machine not in machines or "SYMBOL(mem_section)" not in core.info:
            raise Lost("no machine or memory model that this knows")
        return judge(core, machines[core.machine](core), image, plain)
    except (Lost, KeyError, TypeError, struct.error, ValueError) as error:
        print("not understood: %r" % error)
        return set(), {}


def main():
    core = Vmcore(sys.argv[1])
    plain, with_e = frames(sys.argv[2]), frames(sys.argv[3])
    image = {pfn for pa, size, _, _ in core.loads for pfn in range(pa >> 12, (pa + size + 4095) >> 12)}
    left, (may, behind) = plain - with_e, allowed(core, image, plain)
    wrong, missed = left - may, set()
    if len(sys.argv) > 4:
        special = image - frames(sys.argv[4])
        missed = {pfn for pfn in may - left if not behind[pfn][1] & special}
    print("left out %d, allowed %d, of %d frames with struct pages; kept %d, without %d" %
          (len(left), len(may), len(behind), len(plain), len(with_e)))
    for name, found in (("wrong", wrong), ("missed", missed), ("new", with_e - plain)):
        if found:
            print("%s: %s" % (name, " ".join("%#x" % pfn for pfn in sorted(found)[:20])))
    return 1 if wrong or missed or with_e - plain else 0


if __name__ == "__main__":
    sys.exit(main())
