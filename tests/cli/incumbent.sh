# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154
# Sourced after lib.sh by the tests that compare command lines with makedumpfile 1.7.2.
table=${DF_SRC:?is not set}/tests/cli/incumbent.tab
document=$DF_SRC/docs/differences.md

# What a program says of a command line, in a word: accepted; rejected (as a whole: two lines that are always the same);
# refused (one option of it: one line); or its exit status.
# answer PROGRAM ARGUMENT...
answer() {
	_program=$1
	shift
	"$_program" --check-params "$@" </dev/null >"$tmp/out" 2>"$tmp/err"
	status=$?
	case " $* " in
	*" -F "*) tail -n 3 "$tmp/err" >"$tmp/last" ;; # with -F all goes to stderr; a line of one's own may come last
	*) tail -n 2 "$tmp/out" >"$tmp/last" ;;
	esac
	case $status in
	0) if [ -s "$tmp/out" ] && [ "$1" != -h ] && [ "$1" != -v ] && [ "$1" != --version ]; then echo "loud"; else echo accepted; fi ;;
	1) if has_hint "$tmp/last"; then echo rejected; else echo refused; fi ;;
	*) echo "status $status" ;;
	esac
}
has_hint() {
	grep -qx 'Commandline parameter is invalid.' "$1" &&
		grep -qx "Try \`makedumpfile --help' for more information." "$1"
}

# each COMMAND: called with what 1.7.2 answers and the words of the command line, for each line of the table
each() {
	while read -r _answer _line; do
		case $_answer in '' | '#'*) continue ;; esac
		# shellcheck disable=SC2086 # words
		"$1" "$_answer" $_line
	done <"$table"
}
