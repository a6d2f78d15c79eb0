#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # conditions are called through check
# Which message goes where at which message level; the last lines of a run; the lines of --show-stats.
. "$(dirname "$0")/lib.sh"

"${DF_BUILD:?is not set}/mkvmcore" "${DF_SRC:?is not set}/tests/fixtures/recipes/kernel-6.1.txt" vmcore || exit 1

# ---- the end of a run, word by word
saved="
The dumpfile is saved to dump.

makedumpfile Completed."
ends_with() { status_is 0 && out_is "$1"; }
run -d 31 vmcore dump
check "a dump: standard output" ends_with "$saved"
run -f -E -d 31 vmcore dump
check "an ELF dump: standard output" ends_with "$saved"
"$MAKEDUMPFILE" -F -d 31 vmcore >flat 2>"$tmp/err" </dev/null
"$MAKEDUMPFILE" -f -R dump <flat >"$tmp/out" 2>"$tmp/err"
status=$?
check "-R: standard output" ends_with "$saved"
run -f --message-level 2 -d 31 vmcore dump
check "message level 2: nothing on standard error" err_is_empty

# ---- each bit of the level, and its stream
# one_class: messages of this class are on the stream they belong to, where the level has their bit, and nowhere else
has_progress() { grep -q 'Copying data *: \[' "$1"; }
has_common() { grep -qE 'Completed|Failed' "$1"; }
has_error() { grep -q '^makedumpfile: .*\(nosuch\|warning\)' "$1"; }
has_debug() { grep -q '^input: ELF' "$1"; }
has_report() { grep -q '^Original pages' "$1"; }
one_class() { # NAME BIT LEVEL STREAM OTHER
	if [ $(($3 & $2)) -ne 0 ]; then
		"has_$1" "$4" && ! "has_$1" "$5"
	else
		! "has_$1" "$4" && ! "has_$1" "$5"
	fi || { echo "# $1 at level $3"; return 1; }
}
good() { # LEVEL OUT
	status_is 0 && one_class progress 1 "$1" "$tmp/err" "$tmp/out" && one_class common 2 "$1" "$2" "$3" &&
		one_class debug 8 "$1" "$2" "$3" && one_class report 16 "$1" "$2" "$3"
}
bad() { status_is 1 && one_class error 4 "$1" "$tmp/err" "$tmp/out" && one_class common 2 "$1" "$2" "$3"; }
# silent streams have nothing at all
rest() { [ "$1" -ne 0 ] || { [ ! -s "$2" ] && [ ! -s "$3" ]; }; }
for level in 0 1 2 3 4 6 7 8 16 18 31; do
	run -f --message-level $level -d 31 vmcore dump
	check "level $level: a good run" good $level "$tmp/out" "$tmp/err"
	check "level $level: nothing else" rest $level "$tmp/out" "$tmp/err"
	run --message-level $level -d 31 nosuch none
	check "level $level: a run that fails" bad $level "$tmp/out" "$tmp/err"
	"$MAKEDUMPFILE" --message-level $level -F -d 31 vmcore >flat 2>"$tmp/err" </dev/null
	status=$?
	: >"$tmp/out"
	check "level $level, -F: all on standard error" good $level "$tmp/err" "$tmp/out"
done
"$MAKEDUMPFILE" --message-level 31 -F -d 31 vmcore >flat2 2>"$tmp/err" </dev/null
"$MAKEDUMPFILE" --message-level 0 -F -d 31 vmcore >flat </dev/null
check "-F: messages do not get into the stream" cmp flat flat2
run -f -D -d 31 vmcore dump
check "-D adds 8" good 15 "$tmp/out" "$tmp/err"
run -f --show-stats -d 31 vmcore dump
check "--show-stats adds 16" good 23 "$tmp/out" "$tmp/err"
run -f --message-level 0 -D --show-stats -d 31 vmcore dump
check "-D and --show-stats on top of 0" good 24 "$tmp/out" "$tmp/err"
silent() { status_is 0 && out_is_empty && err_is_empty; }
run --check-params -D --show-stats --message-level 31 vmcore dump
check "--check-params takes no notice of these" silent

# ---- errors are one line: what, where
one_line() { status_is 1 && lines_are "$tmp/err" 1 && err_has "makedumpfile: nosuch: No such file or directory"; }
run --message-level 4 -d 31 nosuch none
check "an error: one line, without names of functions" one_line

# ---- the report
cat >want <<'END'
STEP [Excluding unnecessary pages] : N seconds
STEP [Copying data               ] : N seconds

Original pages  : H
  Excluded pages   : H
    Pages filled with zero  : H
    Non-private cache pages : H
    Private cache pages     : H
    User process data pages : H
    Free pages              : H
    Hwpoison pages          : H
    Offline pages           : H
  Remaining pages  : H
  (The number of pages is reduced to N%.)
Memory Hole     : H
--------------------------------------------------
Total pages     : H
Write bytes     : N
END
layout() {
	sed -E 's/0x[0-9a-f]{16}$/H/; s/[0-9]+\.[0-9]{6}/N/; s/[0-9]+%/N%/; s/^(Write bytes     : )[0-9]+$/\1N/
		/^    (Page structures|Behind the memory map) /d' "$tmp/out" | sed -n '/^STEP/,/^Write/p' >got
	status_is 0 && diff want got
}
run -f --message-level 16 -d 31 vmcore dump
check "the report has the lines that programs look for" layout
sed 's/^  Excluded pages .*/&\n     in ELF format : H/; s/^  Remaining pages .*/&\n     in ELF format : H/' want >want.elf
mv want.elf want
run -f --message-level 16 -E -d 31 vmcore dump
check "the report of ELF" layout
written() { sed -n 's/^Write bytes     : //p' "$tmp/out"; }
run -f --message-level 16 -d 31 vmcore dump
# What is written twice, as the room for the index, counts twice.
size_is_written() { [ "$(written)" -ge "$(stat -c %s dump)" ] && [ "$(written)" -le $((2 * $(stat -c %s dump))) ]; }
check "Write bytes: at least the size of the file" size_is_written
test_end
