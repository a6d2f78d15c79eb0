#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares the manual pages of the library with its header.

usage: man3.py functions|prototypes|names|links|examples HEADER MAP PAGE...

functions    each function of MAP has a page that names it
prototypes   what a SYNOPSIS shows is declared in HEADER in the same way
names        each constant and each member of a struct of HEADER is spoken of in a page
links        each page is of one section 3, its file is named after its first name, and its .Xr of ours exist
examples     writes each example that is a program into the current folder, and prints the names of the files

One line for each fault.  What a page says is read by its mdoc macros.
"""
import os
import re
import sys


def squeeze(text):
    """A declaration in one form: no blanks but between words."""
    return re.sub(r"\s*([(),*])\s*", r"\1", " ".join(text.split())).replace("*", " *").replace("  ", " ").strip()


class Header:
    """What libdumpfilter.h declares."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            text = re.sub(r"/\*.*?\*/", " ", f.read(), flags=re.DOTALL)
        self.prototypes = {}
        for found in re.finditer(r"DUMPFILTER_API\s+([^;{]*?)\b(dumpfilter_\w+)\s*(\([^;]*?\))\s*;", text):
            self.prototypes[found.group(2)] = squeeze(found.group(1) + " " + found.group(2) + found.group(3))
        for found in re.finditer(r"typedef\s+([^;{]*?\(\*(dumpfilter_\w+)\)\s*\([^;]*?\))\s*;", text):
            self.prototypes[found.group(2)] = squeeze("typedef " + found.group(1))
        self.members = {}
        for found in re.finditer(r"struct\s+(dumpfilter_\w+)\s*\{(.*?)\n\}", text, flags=re.DOTALL):
            names = []
            for statement in found.group(2).split(";"):
                function = re.search(r"\(\*(\w+)\)", statement)
                several = re.findall(r"(\w+)(?:\[\w+\])?\s*(?=,|$)", statement.strip())
                names += [function.group(1)] if function else several
            self.members[found.group(1)] = names
        self.constants = set(re.findall(r"^\s*(DUMPFILTER_[A-Z0-9_]+)\s*(?:=|,)", text, flags=re.MULTILINE))
        self.constants |= set(re.findall(r"^#define\s+(DUMPFILTER_[A-Z0-9_]+)(?=\s)", text, flags=re.MULTILINE))
        self.constants -= {"DUMPFILTER_API", "DUMPFILTER_PRINTF"}


class Page:
    """One manual page."""

    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as f:
            self.lines = f.read().splitlines()

    def section(self, title):
        inside = False
        for line in self.lines:
            if line.startswith(".Sh "):
                inside = line == ".Sh " + title
            elif inside:
                yield line

    def names(self):
        return [line.split()[1] for line in self.section("NAME") if line.startswith(".Nm ")]

    def shown(self):
        """Name and text of each declaration of the SYNOPSIS."""
        result = name = None
        arguments = []
        for line in self.section("SYNOPSIS"):
            macro, _, rest = line.partition(" ")
            rest = rest.strip('"')
            if macro == ".Ft":
                result = rest
            elif macro == ".Fo":
                name, arguments = rest, []
            elif macro == ".Fa":
                arguments.append(rest)
            elif macro == ".Fc":
                yield name.strip("(*)"), squeeze(f"{result} {name}({','.join(arguments)})")

    def spoken_of(self, word):
        return re.search(r"(?<![A-Za-z0-9_])" + re.escape(word) + r"(?![A-Za-z0-9_])", "\n".join(self.lines))

    def programs(self):
        """Examples that begin by including a header, as text."""
        block = None
        for line in self.lines:
            if line.startswith(".Bd "):
                block = []
            elif line == ".Ed":
                if block and block[0].startswith("#include"):
                    yield "\n".join(block) + "\n"
                block = None
            elif block is not None:
                block.append(line.replace("\\&", "").replace("\\e", "\\"))


def functions(_header, exported, pages):
    named = {name for page in pages for name in page.names()}
    for name in exported:
        if name not in named:
            yield f"{name}: no page of docs/man3 has .Nm {name} in its NAME"


def prototypes(header, exported, pages):
    shown = {}
    for page in pages:
        for name, text in page.shown():
            shown[name] = text
            if name not in header.prototypes:
                yield f"{page.path}: {name} is not declared in the header"
            elif header.prototypes[name] != text:
                yield f"{page.path}: shows    {text}"
                yield f"{page.path}: declared {header.prototypes[name]}"
        for name in page.names():
            if name in exported and name not in shown:
                yield f"{page.path}: no prototype of {name} in its SYNOPSIS"
    for name in sorted(header.prototypes):
        if name not in shown:
            yield f"{name}: no SYNOPSIS shows it"


def names(header, _exported, pages):
    for name in sorted(header.constants):
        if not any(page.spoken_of(name) for page in pages):
            yield f"{name}: no page of docs/man3 speaks of it"
    for struct, members in sorted(header.members.items()):
        about = [page for page in pages if page.spoken_of(struct)]
        if not about:
            yield f"struct {struct}: no page of docs/man3 speaks of it"
        for member in members:
            items = [line for page in about for line in page.lines if line.startswith(".It Fa ")]
            if about and not any(re.search(r"\b" + member + r"\b", line) for line in items):
                yield f"struct {struct}: no .It Fa of a page that speaks of it has the member {member}"


def links(_header, _exported, pages):
    files = {os.path.basename(page.path)[:-2] for page in pages}
    known = set()
    for page in pages:
        known.update(page.names())
    for page in pages:
        base = os.path.basename(page.path)[:-2]
        if not page.names() or page.names()[0] != base:
            yield f"{page.path}: the first .Nm is not {base}"
        if f".Dt {base.upper()} 3" not in page.lines:
            yield f"{page.path}: no line .Dt {base.upper()} 3"
        for line in page.lines:
            found = re.match(r"\.Xr (\w+) 3\b", line)
            if found and "dumpfilter" in found.group(1) and found.group(1) not in known | files:
                yield f"{page.path}: {line}: there is no such page"
        if base != "libdumpfilter" and ".Xr libdumpfilter 3" not in "\n".join(page.lines):
            yield f"{page.path}: no .Xr libdumpfilter 3"


def examples(_header, _exported, pages):
    for page in pages:
        for i, text in enumerate(page.programs()):
            name = f"{os.path.basename(page.path)[:-2]}-{i}.c"
            with open(name, "w", encoding="utf-8") as f:
                f.write(text)
            yield name


def main():
    what, header, version_script, *paths = sys.argv[1:]
    with open(version_script, encoding="utf-8") as f:
        exported = re.findall(r"^\t(dumpfilter_\w+);$", f.read(), flags=re.MULTILINE)
    check = {c.__name__: c for c in (functions, prototypes, names, links, examples)}[what]
    for line in check(Header(header), exported, [Page(path) for path in paths]):
        print(line)


main()
