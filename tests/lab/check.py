# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the tool on a dump at every level and judges what it keeps by what the guest knew of its pages."""
import collections
import mmap
import os
import struct
import subprocess
import sys

JUDGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "real", "truth.py")
LEVELS = (0, 1, 2, 4, 8, 16, 31)
PAGE, BUDDY, HWPOISON, OFFLINE = 4096, 10, 19, 23
# Frames that were free, or on a per-CPU list, when kpageflags was read, and then moved on: a few batches of such lists.
DRIFT = 256


class Core:
    """Physical memory of an ELF vmcore with 4 KiB pages."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
        start, = struct.unpack_from("<Q", self.data, 32)
        count, = struct.unpack_from("<H", self.data, 56)
        headers = (struct.unpack_from("<IIQQQQQQ", self.data, start + 56 * i) for i in range(count))
        self.loads = [(h[4], h[5], h[2]) for h in headers if h[0] == 1]

    def at(self, frame):
        """Where the frame lies in the file; None where it does not, or not as a whole."""
        for address, size, offset in self.loads:
            if address <= frame * PAGE and frame * PAGE + PAGE <= address + size:
                return offset + frame * PAGE - address
        return None

    def is_zero(self, frame):
        """Where a PT_LOAD begins or ends within the frame, what it has of it counts."""
        found = False
        for address, size, offset in self.loads:
            start, end = max(address, frame * PAGE), min(address + size, (frame + 1) * PAGE)
            if start < end:
                found = True
                data = self.data[offset + start - address:offset + end - address]
                if data.count(0) != len(data):
                    return False
        return found


class Truth:
    """The records of plant.c."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        records, at = {}, 0
        while b"END" not in records:
            magic, name, size = struct.unpack_from("<8s48sQ", data, at)
            if magic != b"PZREC001":
                sys.exit(f"{path}: no record at {at}")
            records[name.rstrip(b"\0")] = data[at + 64:at + 64 + size]
            at += 64 + (size + 7) // 8 * 8
        self.kinds = {}
        for line in records[b"kinds"].decode().splitlines():
            number, tag, role, _ = line.split(" ", 3)
            self.kinds[int(number)] = (tag, role)
        self.pages = [e[:3] for e in struct.iter_unpack("<QIHH", records[b"pages"])]
        self.flags = struct.unpack(f"<{len(records[b'kpageflags']) // 8}Q", records[b"kpageflags"])

    def owned(self, frame):
        """Neither free nor on a per-CPU list of free frames, which have no flag at all."""
        return frame < len(self.flags) and self.flags[frame] and not self.has(frame, BUDDY)

    def has(self, frame, bit):
        return frame < len(self.flags) and bool(self.flags[frame] >> bit & 1)


class Checker:
    def __init__(self, name, folder, tool, dumpcheck):
        self.name, self.tool, self.dumpcheck = name, tool, dumpcheck
        self.vmcore, self.work = os.path.join(folder, "vmcore"), os.path.join(folder, "work")
        self.truth_path = os.path.join(folder, "truth")
        os.makedirs(self.work, exist_ok=True)
        self.core, self.truth = Core(self.vmcore), Truth(self.truth_path)
        self.passed = self.failed = 0

    def report(self, text, good, *why):
        print(f"{'ok' if good else 'not ok'} - {self.name}{text}", flush=True)
        self.passed += good
        self.failed += not good
        for line in "\n".join(why).splitlines() if not good else ():
            print(f"# {line}", flush=True)

    def frames(self, dump, name):
        """The frames that a dump keeps; the runs stay in a file of that name."""
        text = subprocess.run([self.dumpcheck, "pfns", dump], check=True, capture_output=True, text=True).stdout
        with open(os.path.join(self.work, name), "w") as f:
            f.write(text)
        out = set()
        for line in text.splitlines():
            first, count = (int(x, 16) for x in line.split())
            out.update(range(first, first + count))
        return out

    def planted(self):
        """Planted frames that still hold in the vmcore what was written to them, by tag; poisoned ones as recorded.

        Of those that were unmapped not all do: reclaim splits a huge page that is half unmapped, and frees that half.
        """
        found, entries, held = collections.defaultdict(set), collections.Counter(), collections.Counter()
        for frame, seq, kind in self.truth.pages:
            tag, role = self.truth.kinds[kind]
            if role == "free" and not self.truth.has(frame, BUDDY) or role == "user" and not self.truth.owned(frame):
                continue
            entries[tag] += 1
            at = self.core.at(frame)
            words = bytes(16) if tag == "ZEROANON" else tag.encode() + struct.pack("<Q", seq)
            if at is not None and self.core.data[at:at + PAGE] == words * (PAGE // 16) or role == "poison":
                found[tag].add(frame)
                held[tag] += 1
        short = [f"{tag}: {held[tag]} of {n} pages" for tag, n in entries.items() if held[tag] < n // 2]
        self.report(": the vmcore holds what was planted", len(entries) > 12 and not short,
                    f"{len(entries)} kinds", *short)
        return found

    def kernel_pages(self):
        """Frames with a tag of the kernel's own: no pagemap shows these, they are searched for."""
        tags = [tag.encode() for tag, role in self.truth.kinds.values() if role == "kernel"]
        out = set()
        for frame in self.image:
            at = self.core.at(frame)
            if at is not None and self.core.data[at:at + 8] in tags and not self.truth.has(frame, BUDDY):
                out.add(frame)
        self.report(": kernel pages that were planted are found", len(out) >= 256, f"{len(out)} are")
        return out

    def run(self):
        self.image = self.frames(self.vmcore, "image")
        self.user = self.planted()
        self.kernel = self.kernel_pages()
        self.unreadable = {f for f in self.image if self.truth.has(f, HWPOISON) or self.truth.has(f, OFFLINE)}
        for level in LEVELS:
            packed = self.one(level, "-l")
            plain = self.one(level, "-E")
            if packed is None or plain is None:
                continue
            self.judge(level)
            # ELF files also keep short runs of what is left out, and have no way to store a page of zeros short.
            missing = {f for f in packed - plain if f in self.image and not (level & 1 and self.core.is_zero(f))}
            self.report(f", level {level}: the ELF file has all that the kdump file has", not missing,
                        self.words(missing))
            if level == 31:
                self.gone(packed)
        return self.failed == 0

    def words(self, frames):
        some = ", ".join(f"{f:#x}" for f in sorted(frames)[:8])
        return f"{len(frames)} frames: {some}"

    def one(self, level, form):
        """One dump; the frames it keeps, or None."""
        dump, what = os.path.join(self.work, "dump"), f", level {level}, {form}"
        if os.path.exists(dump):
            os.remove(dump)
        tool = subprocess.run([self.tool, "--message-level", "4", form, "-d", str(level), self.vmcore, dump],
                              capture_output=True, text=True)
        if tool.returncode or tool.stderr:
            self.report(f"{what}: the tool has nothing to complain of", False, f"status {tool.returncode}", tool.stderr)
        if not os.path.exists(dump):
            return None
        pages = subprocess.run([self.dumpcheck, "pages", dump, self.vmcore], capture_output=True, text=True)
        self.report(f"{what}: every page is the vmcore's", pages.returncode == 0, pages.stdout, pages.stderr)
        kept = self.frames(dump, "kept" if form == "-l" else "kept-elf")
        wrong = kept & self.unreadable
        self.report(f"{what}: no poisoned or offline page", not wrong, self.words(wrong))
        lost = self.kernel - kept
        self.report(f"{what}: the kernel's planted pages are kept", not lost, self.words(lost))
        os.remove(dump)
        return kept

    def judge(self, level):
        """By kpageflags, as the tests on stored dumps do."""
        text = subprocess.run([sys.executable, JUDGE, "judge", self.truth_path, str(level), self.work + "/image",
                               self.work + "/kept"], check=True, capture_output=True, text=True).stdout
        n = {name: int(count) for name, count in (line.split() for line in text.splitlines())}
        self.report(f", level {level}: no slab, page table or reserved page is lost",
                    n["kernel"] > 1000 and n["kernel-lost"] == 0, text)
        counts = f"{n['lost']} frames, {n['lost-moved']} moved on"
        self.report(f", level {level}: what is left out ({counts}) is of its classes",
                    n["lost-owned"] == 0 and n["lost-moved"] <= DRIFT, text)
        self.report(f", level {level}: none of these is kept ({n['kept-free']} moved on)",
                    n["kept-wrongly"] == 0 and n["kept-free"] <= DRIFT, text)

    def gone(self, kept):
        for tag, role in self.truth.kinds.values():
            left, frames = self.user[tag] & kept, self.user[tag]
            if not frames or role == "kernel":
                continue
            self.report(f", level 31: none of {len(frames)} pages {tag} is kept ({len(left)} moved on)"
                        if role == "free" else f", level 31: none of {len(frames)} pages {tag} is kept",
                        len(left) <= (DRIFT if role == "free" else 0), self.words(left))
