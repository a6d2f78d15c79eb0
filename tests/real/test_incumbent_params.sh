#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # functions are called by name
# Is tests/cli/incumbent.tab what makedumpfile 1.7.2 answers?  Where it is installed.
. "$(dirname "$0")/../cli/lib.sh"
. "${DF_SRC:?is not set}/tests/cli/incumbent.sh"

other=$(PATH=$PATH:/usr/sbin:/sbin command -v makedumpfile || true)
if ! { [ -n "$other" ] && "$other" -v | grep -q '^makedumpfile: version 1\.7\.2 '; }; then
	echo "skipped: no makedumpfile 1.7.2 is installed"
	exit 77
fi
is() {
	[ "$1" = "$2" ] && return
	echo "# $1, expected $2"
	return 1
}
theirs() { # ANSWER ARGUMENT...
	want=$1
	shift
	check "$*" is "$(answer "$other" "$@")" "$want"
}
each theirs

# The last lines of a run that is refused are the same, too.  Nothing is opened: all of these end at the check.
ends() { # PROGRAM ARGUMENT...
	_program=$1
	shift
	"$_program" "$@" </dev/null >"$tmp/out" 2>"$tmp/err"
	status=$?
	case " $* " in
	*" -F "*) tail -n 2 "$tmp/err" ;;
	*) tail -n 4 "$tmp/out" ;;
	esac
	echo "$status"
}
same_end() { [ "$(ends "$other" "$@")" = "$(ends "$MAKEDUMPFILE" "$@")" ]; }
for line in "-E -c vmcore dump" "vmcore" "vmcore dump third" "-R" "-R -c dump" "-F" "-F vmcore dump" \
	"--non-cyclic vmcore dump" "-F -E -c vmcore" "--dump-dmesg vmcore" "--partial-dmesg vmcore log"; do
	# shellcheck disable=SC2086 # words
	check "ends alike: $line" same_end $line
done
test_end
