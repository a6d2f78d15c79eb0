#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The manual page and --help tell of the same options, and mandoc finds no fault.
. "$(dirname "$0")/lib.sh"
manual=${DF_BUILD:-}/makedumpfile.8
if [ ! -e "$manual" ]; then
	echo "ok - manual page # SKIP it is not in DF_BUILD"
	exit 77
fi

run --help
check "--help" status_is 0
sed -nE 's/^  (-.|   ),? ?(--[a-z_-]+)?.*/\1 \2/p' "$tmp/out" | tr ' ' '\n' | grep '^-' | sort -u >options
grep -v ' No ' "$manual" | sed -nE 's/^\.It Fl //p' | sed 's/ Ar .*//; s/ Ns .*//' | sed 's/ , Fl /\n/' | sed 's/^/-/' | sort -u >documented
check "--help knows options" grep -qx -e --num-threads options
check "--help and the manual have the same options" cmp -s options documented
check "docs/makedumpfile.8 is this page (else copy it there from the build)" cmp -s "$DF_SRC/docs/makedumpfile.8" "$manual"
check "no marker is left" not grep -q '@' "$manual"

if ! command -v mandoc >/dev/null; then
	echo "ok - mandoc # SKIP it is not installed"
	test_end
fi
# Whether other manuals are installed here says nothing about this one.
mandoc -T lint "$manual" 2>/dev/null | grep -v 'referenced manual not found' >"$tmp/out"
check "mandoc -T lint" out_is_empty
mandoc -T ascii "$manual" | sed 's/.\x08//g' >text
for section in NAME SYNOPSIS DESCRIPTION OPTIONS COMBINATIONS "DUMP LEVELS" FILES "EXIT STATUS" EXAMPLES DIFFERENCES "SEE ALSO"; do
	check "section $section" grep -qx -e "$section" text
done
test_end
