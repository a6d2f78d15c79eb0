#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# labels: long
# shellcheck disable=SC2317,SC2016 # conditions are called through check; text for other shells
# A signal in the middle of each mode: the work is brought to an end, a line says so, and the program ends by the signal, so
# that a shell sees 130, 143 or 129 and a script's loop ends.  Files that are cut short this way: tests/real/test_wrong_input.sh.
. "$(dirname "$0")/lib.sh"

here=${DF_SRC:?is not set}/tests/cli
"${DF_BUILD:?is not set}/mkvmcore" "$DF_SRC/tests/fixtures/recipes/kernel-6.1.txt" vmcore || exit 1
"$DF_BUILD/mkvmcore" "$DF_SRC/tests/fixtures/recipes/log-ring.txt" logged || exit 1
"$MAKEDUMPFILE" -F -c -d 31 vmcore >flat 2>"$tmp/err"
"$MAKEDUMPFILE" -d 31 vmcore dump >"$tmp/out" 2>&1
"$MAKEDUMPFILE" -F --dump-dmesg logged >log 2>"$tmp/err"
head -c 300000 vmcore >half
head -c 20000 flat >half.flat
: >nothing

# interrupted [OPTION]... SIGNAL ARGUMENT...: see interrupted.py; $tmp/err is what the tool said
interrupted() {
	local options=()

	while [ "${1#--}" != "$1" ]; do
		case $1 in
		--input) options+=("$1" "$2"); shift 2 ;;
		*) options+=("$1"); shift ;;
		esac
	done
	: >"$tmp/out"
	status=$(timeout 60 python3 "$here/interrupted.py" "${options[@]}" "$1" "$MAKEDUMPFILE" "${@:2}" 2>"$tmp/err" |
		tail -n 1)
}
ends() { # STATUS [TEXT]
	status_is "$1" && err_has "makedumpfile: ${2-interrupted by SIG}" && lines_are "$tmp/err" "${3-2}"
}
for how in "INT 130" "TERM 143" "HUP 129"; do
	sig=${how% *}
	want=${how#* }
	rm -f new new2
	interrupted --input half "$sig" --message-level 4 -d 31 - new
	check "SIG$sig: a dump from standard input" ends "$want" "interrupted by SIG$sig"
	check "SIG$sig: nothing was written yet" no_file new
	interrupted --input half "$sig" --message-level 4 --dump-dmesg - new
	check "SIG$sig: --dump-dmesg" ends "$want" "interrupted by SIG$sig"
	interrupted --input half "$sig" --message-level 4 --mem-usage -
	check "SIG$sig: --mem-usage" ends "$want" "interrupted by SIG$sig"
	interrupted --input half "$sig" --message-level 4 --dry-run -d 31 - new
	check "SIG$sig: --dry-run" ends "$want" "interrupted by SIG$sig"
	interrupted --input half "$sig" --message-level 4 --split -d 31 - new new2
	check "SIG$sig: --split" ends "$want" "interrupted by SIG$sig"
	rm -f new
	interrupted --input half.flat "$sig" --message-level 4 -R new
	check "SIG$sig: -R" ends "$want" "interrupted by SIG$sig" 3
	check "SIG$sig: -R: what is there is said to be incomplete" err_has "new is incomplete but may be usable"
	interrupted --full "$sig" --message-level 4 -F -d 0 vmcore
	check "SIG$sig: -F" ends "$want" "interrupted by SIG$sig"
	check "SIG$sig: -F: says what is missing" err_has "STDOUT is incomplete but may be usable"
	rm -f new
	"$MAKEDUMPFILE" -R new <saved >"$tmp/out" 2>&1
	status=$?
	check "SIG$sig: -F: a whole stream" status_is 0
	interrupted --input nothing "$sig" --message-level 4 -f -d 31 -i /dev/stdin vmcore new
	check "SIG$sig: -i" ends "$want" "interrupted by SIG$sig"
done

# ---- a signal that came when nothing was left to stop
interrupted --full TERM --message-level 4 -F --dump-dmesg logged
check "all was done: says so" ends 143 "interrupted by SIGTERM, when all was done" 1
check "all was done: the log" cmp -s saved log

# ---- the second one, whatever it is, ends the program at once; one that is ignored stays so
interrupted --full --twice INT --message-level 4 -F -d 0 vmcore
check "a second signal" eval 'status_is 130 && err_is_empty'
interrupted --ignored --input vmcore HUP --message-level 4 -f -d 31 - new
check "an ignored signal" eval 'status_is 0 && err_is_empty && cmp -s dump new'

# ---- level 0: not a word; for programs
interrupted --input half INT --message-level 0 -f -d 31 - new
check "message level 0" eval 'status_is 130 && err_is_empty'
interrupted --input half TERM --json report --progress=json -f -d 31 - new
check "--progress=json: the status" eval 'err_has "{\"event\":\"end\",\"exit_status\":143}"'
in_report() { grep -q "\"exit_status\": $1" report && grep -q "\"$2\"" report; }
check "--json: status and message" in_report 143 "interrupted by SIGTERM"

# ---- a loop of a script ends, too
loop='for i in 1 2 3; do echo "$i" >>turns; "$0" --message-level 4 -f -d 31 - new; done'
: >turns
status=$(timeout 60 python3 "$here/interrupted.py" --group --input half INT bash -c "$loop" "$MAKEDUMPFILE" 2>"$tmp/err" |
	tail -n 1)
check "Ctrl-C ends a loop of bash" eval 'status_is 130 && lines_are turns 1'
test_end
