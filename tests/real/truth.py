#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Judge what a dump keeps by what the guest itself said of each page frame (/proc/kpageflags, right before the crash).

truth.py judge TRUTH LEVEL IMAGE KEPT   counts of frames, one "name number" a line
truth.py with-offline TRUTH IMAGE KEPT  the frames kept and the offline ones together, as "kept" and "pfns" of dumpcheck

IMAGE and KEPT: runs of page frames, start and length in hex, as "dumpcheck pfns" prints them for the vmcore and the dump.
"""
import collections
import struct
import sys

# Documentation/admin-guide/mm/pagemap.rst, include/linux/kernel-page-flags.h
LRU, SLAB, BUDDY, ANON, TAIL, HUGE = 5, 7, 10, 12, 16, 17
HWPOISON, THP, OFFLINE, PGTABLE, RESERVED, PRIVATE = 19, 22, 23, 26, 32, 35
ZERO, CACHE, CACHE_PRIVATE, USER, FREE = 1, 2, 4, 8, 16


def kpageflags(path):
    with open(path, "rb") as f:
        data = f.read()
    at = 0
    while True:
        magic, name, size = struct.unpack_from("<8s48sQ", data, at)
        name = name.rstrip(b"\0")
        if magic != b"PZREC001" or name == b"END":
            sys.exit(f"{path}: no record kpageflags")
        at += 64
        if name == b"kpageflags":
            return struct.unpack_from(f"<{size // 8}Q", data, at)
        at += (size + 7) // 8 * 8


def frames(path):
    out = set()
    with open(path) as f:
        for line in f:
            first, count = (int(x, 16) for x in line.split())
            out.update(range(first, first + count))
    return out


class Frame:
    """What the guest said of one frame."""

    def __init__(self, flags, pfn):
        self.flags = flags[pfn]
        # A poisoned hugetlb page goes as a whole; older kernels show the mark at its first frame only.
        self.poison = self.has(HWPOISON)
        while not self.poison and flags[pfn] >> HUGE & 1 and flags[pfn] >> TAIL & 1 and pfn:
            pfn -= 1
            self.poison = bool(flags[pfn] >> HWPOISON & 1)

    def has(self, *bits):
        return any(self.flags >> b & 1 for b in bits)

    def kernel(self):
        return self.has(SLAB, PGTABLE, RESERVED) and not self.poison

    def may_go(self, level):
        """A class that the level leaves out.  Tails of huge pages in the page cache have no LRU flag in older kernels."""
        return (self.poison or self.has(OFFLINE)
                or bool(level & FREE) and self.has(BUDDY)
                or bool(level & USER) and self.has(ANON, HUGE)
                or bool(level & (CACHE | CACHE_PRIVATE)) and self.has(LRU, THP) and not self.has(ANON))

    def must_go(self, level):
        if self.has(SLAB, PGTABLE, RESERVED):
            return False
        cache = self.has(LRU) and not self.has(ANON)
        return (self.has(HWPOISON, OFFLINE)
                or bool(level & FREE) and self.has(BUDDY)
                or bool(level & USER) and self.has(ANON, HUGE)
                or bool(level & CACHE) and cache and not self.has(PRIVATE)
                or bool(level & CACHE_PRIVATE) and cache)


def judge(truth, level, image, kept):
    flags, level = kpageflags(truth), int(level)
    image, kept = frames(image), frames(kept)
    n = collections.Counter({k: 0 for k in (
        "kernel", "kernel-lost", "lost", "lost-owned", "lost-moved", "kept-free", "kept-wrongly", "foreign")})
    n["foreign"] = len(kept - image)
    for pfn in image:
        if pfn >= len(flags):  # ROM behind the memory: no struct page, so the guest said nothing
            continue
        f = Frame(flags, pfn)
        n["kernel"] += f.kernel()
        if pfn in kept:
            if f.must_go(level):
                n["kept-free" if f.has(BUDDY) else "kept-wrongly"] += 1
            continue
        n["lost"] += 1
        n["kernel-lost"] += f.kernel()
        if not f.may_go(level):
            n["lost-moved" if not f.flags or f.has(BUDDY) else "lost-owned"] += 1
    for name, count in n.items():
        print(name, count)


def with_offline(truth, image, kept):
    flags, image, kept = kpageflags(truth), frames(image), frames(kept)
    offline = {p for p in image if p < len(flags) and flags[p] >> OFFLINE & 1}
    if kept & offline:
        sys.exit(f"{len(kept & offline)} offline frames are kept")
    digest = 1
    for pfn in sorted(kept | offline):
        digest = (digest ^ pfn) * 0x9E3779B97F4A7C15 & (1 << 64) - 1
        digest ^= digest >> 29
    print(f"kept {len(kept | offline)} pfns {digest:016x}")


{"judge": judge, "with-offline": with_offline}[sys.argv[1]](*sys.argv[2:])
