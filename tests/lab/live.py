# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the tool inside a guest on the guest's own memory, /proc/kcore, and judges what it says of it."""
import os
import re
import shutil
import subprocess

import image
import vm

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = 4096
DRIFT = 2048  # pages that come and go between two looks at a machine that idles, the tool's own among them
ROWS = {"ZERO": "yes", "NON_PRI_CACHE": "yes", "PRI_CACHE": "yes", "USER": "yes", "FREE": "yes", "KERN_DATA": "no"}


def files(out, tool):
    """What is put into the guest: the tool, the shim, the incumbent where there is one, and their libraries."""
    shim = os.path.join(out, "hide.so")
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", "-o", shim,
                    os.path.join(HERE, "guest", "hide.c")], check=True)
    programs = {"bin/makedumpfile": tool, "bin/hide.so": shim}
    incumbent = shutil.which("makedumpfile")
    if incumbent:
        programs["bin/incumbent"] = incumbent
    found = {name: image.read(path) for name, path in programs.items()}
    for path in programs.values():
        found.update((so[1:], image.read(so)) for so in image.shared_objects(path))
    return found


def boot(case, kernel, cache, folder, tool):
    """The parts that the guest printed: name: (status, bytes)."""
    images = os.path.join(cache, "images", case["name"])
    os.makedirs(images, exist_ok=True)
    os.makedirs(folder, exist_ok=True)
    image.initramfs(os.path.join(images, "initrd.img"), files(images, tool), {}, "live")
    console = os.path.join(folder, "console.log")
    open(console, "w").close()
    guest = subprocess.Popen(vm.arguments(case, kernel, images, {}, folder), stdin=subprocess.DEVNULL)
    try:
        guest.wait(vm.LIMIT)
    finally:
        if guest.poll() is None:
            guest.kill()
            guest.wait()
    shutil.rmtree(images)
    with open(console, "rb") as f:
        text = f.read().replace(b"\r\n", b"\n")
    if b"LAB-DONE" not in text:
        raise RuntimeError("the guest did not come to its end")
    return {m[1].decode(): (int(m[3]), m[2])
            for m in re.finditer(rb"LAB-BEGIN (\w+)\n(.*?)LAB-END (\d+)\n", text, re.S)}


def table(text):
    """Rows of a --mem-usage table, and the number of all pages."""
    rows = {m[1]: (int(m[2]), m[3]) for m in re.finditer(r"^([A-Z_]+)\t+(\d+) *\t(yes|no)\t", text, re.M)}
    total = re.search(r"^Total pages on system:\t(\d+)", text, re.M)
    return rows, int(total[1]) if total else 0


def ranges(iomem, what):
    """Frames of the ranges of /proc/iomem of that name: those that have at least a byte in them."""
    return [(int(m[1], 16) // PAGE, int(m[2], 16) // PAGE + 1)
            for m in re.finditer(rf"^ *([0-9a-f]+)-([0-9a-f]+) : {what}$", iomem, re.M)]


class Judge:
    def __init__(self, case, parts):
        self.name, self.status = case["name"], {n: p[0] for n, p in parts.items()}
        self.text = {n: p[1].decode(errors="replace") for n, p in parts.items()}
        self.passed = self.failed = 0

    def report(self, what, good, why=""):
        print(f"{'ok' if good else 'not ok'} - {self.name}: {what}", flush=True)
        self.passed += good
        self.failed += not good
        for line in str(why).splitlines() if not good else ():
            print(f"# {line}", flush=True)

    def near(self, what, a, b, drift=DRIFT):
        self.report(f"{what} ({a}, {b})", abs(a - b) <= drift)

    def run(self):
        for part, status in self.status.items():
            if part != "incumbent":
                self.report(f"{part}: status 0", status == 0, self.text[part])
        self.memory()
        self.usage()
        self.compare()
        self.vtop()
        self.sizes()

    def memory(self):
        crash = ranges(self.text["iomem"], "Crash kernel")
        self.reserved = sum(end - first for first, end in crash)
        self.ram = sum(end - first for first, end in ranges(self.text["iomem"], "System RAM"))

    def usage(self):
        rows, total = table(self.text["usage"])
        # where a range ends within a frame the kernel shows whole frames only
        self.near("all memory but what is reserved", total, self.ram - self.reserved, 4)
        self.report("rows and what can be left out", {k: v[1] for k, v in rows.items() if k in ROWS} == ROWS, rows)
        self.report("the rows are all pages", sum(v[0] for v in rows.values()) == total, rows)
        self.near("free pages are those of /proc/vmstat", rows["FREE"][0], int(self.text["vmstat"]))
        hidden, pages = table(self.text["hidden"])
        self.report("the same memory without a note", pages == total and "LAB-HIDDEN" in self.text["hidden"], self.text["hidden"])
        for row in ROWS:
            self.near(f"{row} without a note", hidden[row][0], rows[row][0])

    def compare(self):
        if not self.status.get("incumbent", 1):
            rows, (other, total) = table(self.text["usage"])[0], table(self.text["incumbent"])
            for row in ROWS:
                if row != "KERN_DATA":
                    self.near(f"{row}, as the installed makedumpfile says", rows[row][0], other[row][0])
            twice = total - sum(v[0] for v in rows.values())
            self.report(f"it counts the kernel's image twice ({twice} pages)", 0 <= twice < 0x40000000 // PAGE, total)
            self.near("KERN_DATA, but for these", rows["KERN_DATA"][0] + twice, other["KERN_DATA"][0])

    def vtop(self):
        code = re.search(r"^ *([0-9a-f]+)-[0-9a-f]+ : Kernel code$", self.text["iomem"], re.M)
        found = re.search(r"^ *[0-9a-f]{8,16}  ([0-9a-f]+)$", self.text["vtop"], re.M)
        self.report("--vtop finds the kernel's code", bool(code and found) and int(code[1], 16) == int(found[1], 16),
                    self.text["vtop"])

    def sizes(self):
        guess = re.search(r"would take about (\d+) bytes", self.text["guess"])
        exact = re.search(r"would take (\d+) bytes", self.text["exact"])
        good = guess and exact and abs(int(guess[1]) - int(exact[1])) < int(exact[1]) / 10
        self.report("--dry-run is near --dry-run=exact", good, self.text["guess"] + self.text["exact"])


def run(case, kernel, cache, folder, tool):
    """(passed, failed)"""
    judge = Judge(case, boot(case, kernel, cache, folder, tool))
    judge.run()
    return judge.passed, judge.failed
