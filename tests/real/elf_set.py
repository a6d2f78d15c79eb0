#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""elf_set.py VMCORE KDUMP KDUMP-PFNS ELF-PFNS: does an ELF dump have the pages of a kdump-compressed one, and no more?

It must have each page that the kdump file has with contents of its own (not as the shared zero page of level bit 1).  Of
the others only runs of less than 256 frames inside a PT_LOAD of the vmcore are written: gaps too short for a program
header.  All of it little-endian with 64 bits and pages of 4 KiB.  The PFNS are what "dumpcheck pfns" prints.
"""
import struct
import sys

PAGE = 4096
GAP = 256


def frames(path):
    out = set()
    with open(path) as f:
        for line in f:
            first, count = (int(x, 16) for x in line.split())
            out.update(range(first, first + count))
    return out


def loads(path):
    with open(path, "rb") as f:
        head = f.read(64)
        phoff, phentsize, phnum = *struct.unpack_from("<Q", head, 32), *struct.unpack_from("<HH", head, 54)
        f.seek(phoff)
        table = f.read(phnum * phentsize)
    for i in range(phnum):
        kind, _, _, _, paddr, _, memsz = struct.unpack_from("<IIQQQQQ", table, i * phentsize)
        if kind == 1 and memsz:
            yield paddr, paddr + memsz


def shared_zero(path, kept):
    """The frames whose descriptor points to the shared page of zeros, the first thing in the data area."""
    with open(path, "rb") as f:
        head = f.read(2 * PAGE)
        blocks = 1 + sum(struct.unpack_from("<II", head, 432))
        if not struct.unpack_from("<I", head, PAGE + 8)[0] & 1:
            return set()
        f.seek(blocks * PAGE)
        table = f.read(24 * len(kept))
    shared = blocks * PAGE + len(table)
    return {pfn for i, pfn in enumerate(sorted(kept)) if struct.unpack_from("<Q", table, 24 * i)[0] == shared}


def short_gaps(first, last, wanted):
    """Frames of [first, last) that are not wanted, in runs of less than GAP; and those in longer runs."""
    short, long, run = set(), set(), []
    for pfn in range(first, last + 1):
        if pfn < last and pfn not in wanted:
            run.append(pfn)
            continue
        (short if len(run) < GAP else long).update(run)
        run = []
    return short, long


def main(vmcore, kdump, kdump_pfns, elf_pfns):
    kept, elf = frames(kdump_pfns), frames(elf_pfns)
    wanted = kept - shared_zero(kdump, kept)
    short, long, torn = set(), set(), set()
    for start, end in loads(vmcore):
        # frames that a PT_LOAD covers in part are no matter of levels
        torn.update(a // PAGE for a in (start, end) if a % PAGE)
        for into, more in zip((short, long), short_gaps(start // PAGE, -(-end // PAGE), wanted)):
            into.update(more)
    lost, extra, left_in = wanted - elf, elf - wanted - short - torn, (long - short - torn) & elf
    print(f"# kdump {len(kept)}, of these zero {len(kept) - len(wanted)}, ELF {len(elf)}: lost {len(lost)}, "
          f"unasked {len(extra)}, in runs of {GAP} and more {len(left_in)}, left out {len(long - short - torn)}")
    return bool(lost or extra or left_in)


sys.exit(main(*sys.argv[1:]))
