#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures C sources: length of functions and files, preprocessor conditionals, share of comments, and names.

usage: measure.py [--functions] FILE...
       measure.py --names [--check] [FOLDER...]
  --names  a table: for each folder (lib, tools, tests and benchmarks where none is named) what its names are like
  --check  exit status 1 where a folder is beyond its limits

A name is an identifier each time that it stands in the code: comments, strings, keywords and preprocessor lines are left
out.
A function is what clang-format leaves as one: its body begins with "{" and ends with "}" in the first column.  Its length
runs from the first line of its declarator to the closing brace."""
import collections
import os
import pathlib
import re
import sys

KEYWORDS = frozenset("""auto break case char const continue default do double else enum extern float for goto if inline int
long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while _Bool
_Atomic _Static_assert _Noreturn _Thread_local _Alignas _Alignof bool true false""".split())

# Folder: most single letters (percent), least median length of a name, least share of comment lines (percent).
LIMITS = {
    "lib": (7, 6, 11),
    "tools": (7, 6, 0),
    "tests": (10, 0, 0),
    "benchmarks": (10, 0, 0),
}


def strip_comments(text):
    """The text with comments and the insides of strings blanked, line breaks kept; and the number of comment lines."""
    def blank(match):
        found = match.group(0)
        if found[0] in "\"'":
            return found[0] + found[0]
        return re.sub(r"[^\n]", " ", found)

    token = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', re.S)
    comments = sum(m.group(0).count("\n") + 1 for m in token.finditer(text) if m.group(0).startswith("/"))
    return token.sub(blank, text), comments


def functions(lines):
    """(name, first line, length) of each function."""
    begin = None
    for number, line in enumerate(lines):
        if line.startswith("{"):
            begin = number
            while begin > 0 and lines[begin - 1].strip() and lines[begin - 1][0] not in "#}" \
                    and not lines[begin - 1].rstrip().endswith((";", "\\")):
                begin -= 1
        elif line.startswith("}") and begin is not None:
            head = " ".join(lines[begin:number + 1]).split("{")[0]
            name = re.search(r"(\w+)\s*\(", head)
            if name:
                yield name.group(1), begin + 1, number - begin + 1
            begin = None


def conditionals(lines):
    """#if, #ifdef and #ifndef, without the guard of a header."""
    found = [i for i, line in enumerate(lines) if re.match(r"\s*#\s*if", line)]
    if found and re.match(r"#ifndef \w+_H$", lines[found[0]].rstrip()):
        found = found[1:]
    return len(found)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0


def names(text):
    """Length of each name that stands in the code."""
    code = strip_comments(text)[0]
    code = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", " ", code, flags=re.M)
    for word in re.findall(r"\b[A-Za-z_]\w*", code):
        if word not in KEYWORDS:
            yield len(word)


def of_folder(folder):
    """(names, percent of single letters, median length of a name, percent of comment lines) of a folder."""
    lengths, lines, comments = collections.Counter(), 0, 0
    for path in sorted(pathlib.Path(folder).rglob("*.[ch]")):
        text = path.read_text(encoding="utf-8")
        lengths.update(names(text))
        lines += text.count("\n")
        comments += strip_comments(text)[1]
    count = sum(lengths.values())
    median = percentile(list(lengths.elements()), 0.5)
    return count, 100 * lengths[1] / max(count, 1), median, 100 * comments / max(lines, 1)


def name_table(folders, check):
    beyond = []
    print(f"{'folder':12} {'names':>7} {'single letters':>15} {'median':>7} {'comments':>9}")
    for folder in folders:
        count, single, median, comments = of_folder(folder)
        print(f"{folder:12} {count:7} {single:13.1f} % {median:7} {comments:7.1f} %")
        most, least, share = LIMITS.get(os.path.basename(os.path.normpath(folder)), (100, 0, 0))
        if single > most:
            beyond.append(f"{folder}: {single:.1f} % of the names are single letters, more than {most} %: use words")
        if median < least:
            beyond.append(f"{folder}: the median name has {median} characters, fewer than {least}: use words")
        if comments < share:
            beyond.append(f"{folder}: {comments:.1f} % of the lines are comments, fewer than {share} %")
    if check:
        for line in beyond:
            print(line, file=sys.stderr)
        return 1 if beyond else 0
    return 0


def main(arguments):
    if "--names" in arguments:
        folders = [a for a in arguments if not a.startswith("--")]
        sys.exit(name_table(folders or list(LIMITS), "--check" in arguments))
    every = "--functions" in arguments
    lengths, files, total, ifs, comment_lines = [], [], 0, 0, 0
    for path in (a for a in arguments if not a.startswith("--")):
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        code, comments = strip_comments(text)
        lines = code.split("\n")
        size = text.count("\n")
        total += size
        comment_lines += comments
        ifs += conditionals(lines)
        files.append((size, path))
        for name, line, length in functions(lines):
            lengths.append(length)
            if every:
                print(f"{length} {path}:{line} {name}")
    if every:
        return
    print(f"files {len(files)}")
    print(f"lines {total}")
    print(f"file_max {max(files)[0] if files else 0}")
    print(f"functions {len(lengths)}")
    print(f"function_median {percentile(lengths, 0.5)}")
    print(f"function_p90 {percentile(lengths, 0.9)}")
    print(f"function_max {max(lengths, default=0)}")
    print(f"ifs {ifs}")
    print(f"comment_percent {round(100 * comment_lines / max(total, 1))}")


if __name__ == "__main__":
    main(sys.argv[1:])
