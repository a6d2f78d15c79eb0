#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# labels: long
# shellcheck disable=SC2317 # conditions are called through check
# What people see on a terminal: lines of progress that are written over and never wrap, whatever its width.
. "$(dirname "$0")/lib.sh"

here=${DF_SRC:?is not set}/tests/cli
"${DF_BUILD:?is not set}/mkvmcore" "$DF_SRC/tests/fixtures/recipes/kernel-6.1.txt" vmcore || exit 1
unset COLUMNS

# on COLUMNS ARGUMENT...: $tmp/out is what a terminal of that width shows, "shown" each line that was written over
on() {
	columns=$1
	shift
	: >"$tmp/err"
	python3 "$here/terminal.py" "$columns" "$MAKEDUMPFILE" "$@" </dev/null >"$tmp/out"
	status=$?
	tr '\r' '\n' <"$tmp/out" | grep . >shown
}
fit() { # COLUMNS: the cursor stays in the line
	status_is 0 && awk -v most="$1" 'length($0) >= most { wide = $0 } END { if (wide) { print "# " length(wide) ": " wide; exit 1 } }' shown
}
shows() { grep -q "$1" shown; }
for width in 1 5 9 10 12 20 38 39 40 41 52 79 80 132 1000; do
	on $width -f -c -d 0 --num-threads 1 --message-level 1 vmcore dump
	expected=$width
	[ $width -gt 1 ] || expected=80
	check "$width columns: no line wraps" fit $expected
	check "$width columns: no bytes where there are none" not shows ' 0 B'
	[ $width -lt 10 ] || check "$width columns: the end" shows '\[100.0 %\]'
done
on 40 -f -c -d 31 --message-level 1 vmcore dump
check "40 columns: the whole label" shows '^Excluding unnecessary pages : \[100.0 %\]$'
check "40 columns: labels of one width" shows '^Copying data                : \[100.0 %\]$'
on 80 -f -c -d 0 --message-level 1 vmcore dump
check "80 columns: bytes, too" shows '^Copying data                : \[100.0 %\]  [0-9.]* [KM]iB'

# a terminal that does not tell its width: the variable, else 80
COLUMNS=40
export COLUMNS
on 0 -f -c -d 0 --message-level 1 vmcore dump
check "the width in COLUMNS" fit 40
on 60 -f -c -d 0 --message-level 1 vmcore dump
check "the terminal knows better" shows '[KM]iB'
COLUMNS=nonsense
on 0 -f -c -d 0 --message-level 1 vmcore dump
check "no width anywhere" fit 80
check "no width anywhere: all of the line" shows '[KM]iB'
unset COLUMNS

# one that comes through a pipe has no total
on_pipe() {
	# shellcheck disable=SC2016 # text for another shell
	python3 "$here/terminal.py" "$1" sh -c 'cat vmcore | "$0" -f -c -d 31 --message-level 1 - dump' "$MAKEDUMPFILE" >"$tmp/out"
	status=$?
	tr '\r' '\n' <"$tmp/out" | grep . >shown
}
for width in 20 40 80; do
	on_pipe $width
	check "$width columns: standard input: no line wraps" fit $width
	check "$width columns: standard input: bytes" shows '^Reading.*[0-9] [KM]iB'
done
test_end
