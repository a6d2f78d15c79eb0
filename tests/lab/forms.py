# SPDX-License-Identifier: GPL-2.0-or-later
"""The other forms in which QEMU writes a stopped guest: from each of them the same must come as from its ELF file.

`dump-guest-memory` has kdump-compressed files (flattened; QEMU 10.0 has plain ones, too, "raw") and ELF files by the
guest's page tables ("paging").  Its kdump headers are not to be trusted: VMCOREINFO's phys_base is read as a hexadecimal
number where it is a decimal one, and the names of the kernel are empty.
"""
import os
import re
import struct
import subprocess

# With -c pages that QEMU packed with zlib are copied as they are, and ELF files have other loads: same pages, other bytes.
RUNS = (("-l", "31", True), ("-l", "1", True), ("-c", "31", False), ("-E", "31", False))
SUB_HEADER = 4096


def plain_head(path):
    """The first two blocks of a kdump file, in order where it is flattened."""
    with open(path, "rb") as f:
        start = f.read(2 * SUB_HEADER)
        if not start.startswith(b"makedumpfile"):
            return False, start
        head, at = bytearray(2 * SUB_HEADER), SUB_HEADER
        while True:
            f.seek(at)
            offset, size = struct.unpack(">qq", f.read(16))
            if offset < 0 or offset >= len(head):
                return True, bytes(head)
            data = f.read(min(size, len(head) - offset))
            head[offset:offset + len(data)] = data
            at += 16 + size


def kdump_facts(path):
    """What its header says: flattened or not, the kernel's names, dump level, phys_base."""
    flat, head = plain_head(path)
    phys_base, level = struct.unpack_from("<qI", head, SUB_HEADER)
    return flat, re.sub(rb"\0+", b" ", head[12:12 + 6 * 65]).strip().decode("latin-1"), level, phys_base


def noted_phys_base(vmcore):
    with open(vmcore, "rb") as f:
        m = re.search(rb"\nNUMBER\(phys_base\)=(-?\d+)\n", f.read(1 << 20))
    return int(m[1]) if m else None


def frames(dumpcheck, dump):
    text = subprocess.run([dumpcheck, "pfns", dump], check=True, capture_output=True, text=True).stdout
    runs = ((int(x, 16) for x in line.split()) for line in text.splitlines())
    return {frame for first, count in runs for frame in range(first, first + count)}


def same_bytes(a, b):
    return subprocess.run(["cmp", "-s", a, b]).returncode == 0


def pages(dumpcheck, dump, vmcore):
    """Which pages it has and what they hold, in a line; every one compared with the vmcore."""
    out = subprocess.run([dumpcheck, "pages", dump, vmcore], capture_output=True, text=True)
    m = re.search(r"kept (\d+) of .* zero (\d+),.* pfns (\w+), content (\w+), bad 0", out.stdout)
    return " ".join(m.groups()) if m and out.returncode == 0 else out.stdout + out.stderr


def same_pages(dumpcheck, a, b, vmcore):
    return pages(dumpcheck, a, vmcore) == pages(dumpcheck, b, vmcore)


class Forms:
    """With a check.Checker, which has the tool and counts."""

    def __init__(self, checker, folder):
        self.c, self.folder = checker, folder
        self.names = sorted(n for n in os.listdir(folder) if n.startswith("qemu-"))

    def make(self, source, form, level, name):
        """A dump of it, in the folder of work; None where the tool fails."""
        dump = os.path.join(self.c.work, name)
        if os.path.exists(dump):
            os.remove(dump)
        tool = subprocess.run([self.c.tool, "--message-level", "4", form, "-d", level, source, dump],
                              capture_output=True, text=True)
        if tool.returncode or tool.stderr:
            self.c.report(f": {os.path.basename(source)}, level {level}, {form}", False,
                          f"status {tool.returncode}", tool.stderr)
        return dump if tool.returncode == 0 else None

    def as_of_the_elf_file(self, name, source):
        for form, level, exact in RUNS:
            want = self.make(self.c.vmcore, form, level, "want")
            got = self.make(source, form, level, "got")
            good = want and got and (same_bytes(want, got) if exact else
                                     same_pages(self.c.dumpcheck, want, got, self.c.vmcore))
            self.c.report(f": {name}, level {level}, {form}: the {'bytes' if exact else 'pages'} that come of the "
                          "ELF file", bool(good))

    def rearranged(self, name, source):
        plain = os.path.join(self.c.work, "plain")
        with open(source, "rb") as f:
            tool = subprocess.run([self.c.tool, "--message-level", "4", "-f", "-R", plain], stdin=f)
        self.c.report(f": {name} is rearranged", tool.returncode == 0)
        if tool.returncode == 0:
            self.as_of_the_elf_file(f"{name}, rearranged", plain)
            os.remove(plain)

    def kdump(self, name, source):
        flat, names, level, phys_base = kdump_facts(source)
        real = noted_phys_base(self.c.vmcore)
        said = "right" if phys_base == real else f"wrong ({phys_base:#x}, not {real:#x})" if real else "alone"
        self.c.report(f": {name} is a {'flattened' if flat else 'plain'} file of level {level}, phys_base is {said}, "
                      f"the kernel's names are '{names}'", flat == ("-raw" not in name))
        self.as_of_the_elf_file(name, source)
        if flat:
            self.rearranged(name, source)

    def paging(self, name, source):
        """It lacks what no page table maps, and has some pages twice."""
        there = frames(self.c.dumpcheck, source)
        for form, level, _ in RUNS:
            want = self.make(self.c.vmcore, form, level, "want")
            got = self.make(source, form, level, "got")
            if form != "-E":  # ELF outputs also keep short runs of what is left out
                good = want and got and frames(self.c.dumpcheck, got) == frames(self.c.dumpcheck, want) & there
                self.c.report(f": {name}, level {level}, {form}: the frames that the ELF file gives, of those it has",
                              bool(good))
            if got:
                found = pages(self.c.dumpcheck, got, source)
                self.c.report(f": {name}, level {level}, {form}: every page is right", found.count(" ") == 3, found)

    def run(self):
        for name in self.names:
            source = os.path.join(self.folder, name)
            if name.startswith("qemu-kdump"):
                self.kdump(name, source)
            else:
                self.paging(name, source)
