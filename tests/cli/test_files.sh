#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # conditions are called through check
# Inputs that cannot be read and outputs that cannot be written are found before any work, and nothing is left behind.
. "$(dirname "$0")/lib.sh"

fails() { status_is 1 && err_has "$1" && out_is "
makedumpfile Failed."; }
fails_line() { status_is 1 && err_has "$1" && out_has "Commandline parameter is invalid."; }
fails_flat() { status_is 1 && out_is_empty && err_has "$1" && err_has "makedumpfile Failed."; }

run nosuch dump
check "missing input" fails "nosuch"
check "missing input: no output file" no_file dump
run -F nosuch
check "missing input with -F" fails_flat "nosuch"
echo "this is no vmcore" >text
run -d 31 text dump
check "input that is no dump" fails "text"
check "input that is no dump: no output file" no_file dump
run -f text dump
check "input that is no dump, -f" fails "text"
check "input that is no dump, -f: no output file" no_file dump

echo old >old
old_is_there() { [ "$(cat old)" = old ]; }
run text old
check "existing output, bad input" fails "makedumpfile: "
check "existing output is untouched" old_is_there
run -f text old
check "existing output with -f, bad input" fails "text"
check "existing output with -f is untouched" old_is_there

# ---- -R
run -R old
check "-R: existing output" fails "old: File exists: use -f"
check "-R: existing output is untouched" old_is_there
run -R -f old
check "-R: no stream at all" fails "standard input"
check "-R: existing output is untouched without a stream" old_is_there
# run_on FILE ARGUMENT...
run_on() {
	input=$1
	shift
	"$MAKEDUMPFILE" "$@" <"$input" >"$tmp/out" 2>"$tmp/err"
	status=$?
}
run_on text -R dump
check "-R: input that is no stream" fails "standard input"
check "-R: input that is no stream: no output file" no_file dump
run_on text -R -f text
check "-R: the input as output" fails "text is the input itself"
text_is_there() { [ "$(cat text)" = "this is no vmcore" ]; }
check "-R: the input is untouched" text_is_there
run_on text -R nosuch/dump
check "-R: no such folder" fails "nosuch/dump"

# ---- names that are none
run '' dump
check "an empty name of the input" fails_line "name 1 is empty"
run text ''
check "an empty name of the output" fails_line "name 2 is empty"

# ---- where text on standard output is what was asked for
"${DF_BUILD:?is not set}/mkvmcore" "${DF_SRC:?is not set}/tests/fixtures/recipes/kernel-6.1.txt" vmcore || exit 1
to_full() {
	: >"$tmp/out"
	"$MAKEDUMPFILE" "$@" </dev/null >/dev/full 2>"$tmp/err"
	status=$?
}
lost() { status_is 1 && err_has "standard output: cannot be written"; }
to_full --help
check "--help to a full disk" lost
to_full -v
check "-v to a full disk" lost
to_full --mem-usage vmcore
check "--mem-usage to a full disk" lost
to_full --dry-run -d 31 vmcore dump
check "--dry-run to a full disk" lost
to_full --message-level 0 --dry-run -d 31 vmcore dump
check "--dry-run to a full disk, silent" status_is 0
to_full -d 31 vmcore dump
check "a dump that is saved is saved" status_is 0
rm dump

# ---- closed streams must not end up in a file
"$MAKEDUMPFILE" text dump >&- 2>"$tmp/err"
status=$?
: >"$tmp/out"
check "stdout closed" status_is 1
check "stdout closed: no output file" no_file dump
test_end
