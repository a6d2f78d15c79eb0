#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures C sources: length of functions and files, preprocessor conditionals, share of comments.

usage: measure.py [--functions] FILE...

A function is what clang-format leaves as one: its body begins with "{" and ends with "}" in the first column.  Its length
runs from the first line of its declarator to the closing brace."""
import re
import sys


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


def main(arguments):
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
