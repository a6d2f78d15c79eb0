#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # conditions are called through check
# A dump as input: what is said, exit status, files that are left.
. "$(dirname "$0")/lib.sh"

"${DF_BUILD:?is not set}/mkvmcore" "${DF_SRC:?is not set}/tests/fixtures/recipes/kernel-6.1.txt" vmcore || exit 1

saved() { status_is 0 && err_is_quiet && out_has "The dumpfile is saved to $1."; }
err_is_quiet() { ! grep -q '^makedumpfile: ' "$tmp/err"; }
same() { [ -s "$1" ] && cmp "$1" "$2"; }
fails() { status_is 1 && err_has "$1" && out_has "makedumpfile Failed."; }

run -c -d 1 vmcore low
check "a dump of level 1" saved low
run -c -d 31 vmcore once
check "a dump of level 31" saved once
run -c -d 31 low again
check "level 1, then 31" saved again
check "level 1, then 31: as at once" same again once
check "level 1, then 31: no word about the level" not out_has "dump level"
run -f -c -d 8 once again
check "level 31, then 8" saved again
check "level 31, then 8: still 31" same again once
check "level 31, then 8: it is said" out_has "The dump level is 31: 8 was asked for, and once was made with 31."
run -f --show-stats -c -d 8 once again
check "the report counts what is not in the input" out_has "Not in the input"
run --show-stats --dry-run -c -d 31 vmcore other
check "the report does not, where all is" not out_has "Not in the input"
run -E once elf
check "ELF from kdump" saved elf
run -f -c -d 31 elf again
check "kdump from ELF" saved again
run -f -d 31 once once
check "the input as output" fails "once is the input itself"

"$MAKEDUMPFILE" -F -c -d 1 vmcore >flat 2>"$tmp/err" </dev/null
run -f -c -d 31 flat again
check "a flattened stream as input" saved again
check "a flattened stream as input: the same" same again once
"$MAKEDUMPFILE" -F -c -d 31 flat 2>"$tmp/err" </dev/null >flat31
"$MAKEDUMPFILE" -R back <flat31 >"$tmp/out" 2>"$tmp/err"
check "a flattened stream from a flattened stream" same back once
run --check-params -E -d 31 low elf
check "-E from a dump is a valid command line" status_is 0

# ---- damaged
size=$(wc -c <low)
head -c $((size / 2)) low >cut
run -c -d 31 cut lost
check "half a dump: incomplete" fails "lost is incomplete but may be usable"
check "half a dump: how many pages" err_has "pages are missing"
run -f -c -d 31 lost again
check "an incomplete dump: incomplete again" fails "again is incomplete but may be usable"
check "an incomplete dump: the mark is said" err_has "lost is marked incomplete, and so is the output"
head -c 9000 flat >cut
run -f -c cut other
check "a stream without its pages" fails "cut"
check "a stream without its pages: no file" no_file other
for at in 12 400 4096 5000 9000; do
	head -c $at low >cut
	run -d 31 cut other
	check "a dump of $at bytes" fails "cut"
	check "a dump of $at bytes: no file" no_file other
done
{
	head -c 4096 flat
	cat flat
} >twice
run -d 31 twice other
check "a stream that holds no dump" fails "twice"
check "a stream that holds no dump: no file" no_file other
test_end
