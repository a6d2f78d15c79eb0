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
# errors: at every level but 0
bad() { status_is 1 && one_class error 31 "$1" "$tmp/err" "$tmp/out" && one_class common 2 "$1" "$2" "$3"; }
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

# ---- no mode fails, and none makes another dump than was asked for, without a word, but at level 0
"$DF_BUILD/mkvmcore" "$DF_SRC/tests/fixtures/recipes/shape-arm64.txt" unknown || exit 1
"$MAKEDUMPFILE" -f -c -d 31 vmcore dump >"$tmp/log" 2>&1
"$MAKEDUMPFILE" -F -c -d 31 vmcore >flat 2>"$tmp/log"
head -c 100000 flat >cut
"$MAKEDUMPFILE" --split -d 31 vmcore p1 p2 >"$tmp/log" 2>&1
said() { status_is "$1" && err_has "makedumpfile: $2"; }
quiet() { status_is "$1" && out_is_empty && err_is_empty; }
# everywhere STATUS TEXT INPUT ARGUMENT...: at levels that leave out errors and common messages; nothing at level 0
everywhere() {
	wanted=$1
	text=$2
	input=$3
	shift 3
	for level in 1 8 16 0; do
		rm -f new log
		"$MAKEDUMPFILE" --message-level $level "$@" <"$input" >"$tmp/out" 2>"$tmp/err"
		status=$?
		if [ $level -ne 0 ]; then
			check "level $level: $*: says so" said "$wanted" "$text"
		else
			check "level 0: $*: says nothing" quiet "$wanted"
		fi
	done
}
everywhere 1 "nosuch: No such file" /dev/null -d 31 nosuch new
everywhere 1 "dump: File exists" /dev/null -d 31 vmcore dump
everywhere 1 "nosuch: No such file" /dev/null --dump-dmesg nosuch log
everywhere 1 "dump: File exists" /dev/null --dump-dmesg vmcore dump
everywhere 1 "nosuch: No such file" /dev/null --mem-usage nosuch
everywhere 1 "standard input" cut -R new
everywhere 1 "dump: File exists" flat -R dump
everywhere 1 "Size limit(1000) reached." flat -L 1000 -R new
everywhere 1 "dump: File exists" /dev/null --reassemble p1 p2 dump
everywhere 1 "nosuch: No such file" /dev/null --reassemble p1 nosuch new
everywhere 1 "p1: File exists" /dev/null --split -d 31 vmcore p1 new
everywhere 1 "nosuch: No such file" /dev/null -g new -x nosuch
everywhere 1 "nosuch: No such file" /dev/null -i nosuch -d 31 vmcore new
everywhere 1 "/nosuch/report: No such file" /dev/null --json /nosuch/report -d 31 vmcore new
everywhere 1 "too many names from 'third' on" /dev/null -d 31 vmcore new third
everywhere 1 "-d '99': expected a number" /dev/null -d 99 vmcore new
everywhere 1 "Size limit(40960) reached." /dev/null -L 40K -d 31 vmcore new
everywhere 0 "warning: pages cannot be told apart, all are kept" /dev/null -d 31 unknown new
everywhere 0 "The dump level is 31: 1 was asked for, and dump was made with 31." /dev/null -d 1 dump new

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
one_sum() { # PATTERN: one line of that form, behind the counts
	status_is 0 && [ "$(sed -n '/^Write bytes/,$p' "$tmp/out" | grep -cE "$1")" -eq 1 ]
}
size='[0-9.]+ ([KM]i)?B'
sum="$size → $size \\([0-9.]+ %\\), [0-9,]+ of [0-9,]+ pages, [0-9.]+ s\$"
check "a line for people" one_sum "^vmcore → dump: $sum"
run -f --message-level 16 -d 31 dump smaller
check "a line for people: of a dump" one_sum "^dump → smaller: $sum"
run -f --message-level 16 --dry-run -d 31 vmcore dump
check "a line for people: a dry run" one_sum "^Dry run: vmcore → dump: $sum"
run -f --message-level 16 -d 31 --split vmcore a b
check "a line for people: a split dump" one_sum "^vmcore → a and b: $sum"
run -f --message-level 16 --reassemble a b joined
check "a line for people: pieces" one_sum "^a and 1 more → joined: $sum"
run -f -d 31 vmcore dump
check "no line for people where no report is wanted" not out_has "→"
run -f --message-level 16 -d 31 vmcore dump
# What is written twice, as the room for the index, counts twice.
size_is_written() { [ "$(written)" -ge "$(stat -c %s dump)" ] && [ "$(written)" -le $((2 * $(stat -c %s dump))) ]; }
check "Write bytes: at least the size of the file" size_is_written
test_end
