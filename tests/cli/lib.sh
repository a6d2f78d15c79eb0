# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Sourced by the command line tests.  MAKEDUMPFILE is the tool under test.  A test prints "ok - NAME" or
# "not ok - NAME" for each case; test_end prints the sums and leaves with 1 where a case failed.
set -u
LC_ALL=C
export LC_ALL
unset POSIXLY_CORRECT
: "${MAKEDUMPFILE:?is not set: give the path of the tool to test}"
passed=0
failed=0
status=0
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1

# run ARGUMENT...: the tool, without input; sets status, and leaves what it printed in $tmp/out and $tmp/err.
run() {
	"$MAKEDUMPFILE" "$@" </dev/null >"$tmp/out" 2>"$tmp/err"
	status=$?
}

# Conditions on the last run, for "check".  Texts are fixed strings.
status_is() { [ "$status" -eq "$1" ]; }
out_has() { grep -qF -e "$1" "$tmp/out"; }
err_has() { grep -qF -e "$1" "$tmp/err"; }
out_is_empty() { [ ! -s "$tmp/out" ]; }
err_is_empty() { [ ! -s "$tmp/err" ]; }
out_is() { [ "$(cat "$tmp/out")" = "$1" ]; }
lines_are() { [ "$(wc -l <"$1")" -eq "$2" ]; }
no_file() { [ ! -e "$1" ] && [ ! -L "$1" ]; }
not() { ! "$@"; }

# check NAME CONDITION [ARGUMENT]...
check() {
	name=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		printf 'ok - %s\n' "$name"
	else
		failed=$((failed + 1))
		printf 'not ok - %s\n# failed: %s; exit status %s\n' "$name" "$*" "$status"
		sed 's/^/# stdout: /' "$tmp/out"
		sed 's/^/# stderr: /' "$tmp/err"
	fi
}

test_end() {
	printf '%s passed, %s failed\n' "$passed" "$failed"
	[ "$failed" -eq 0 ]
	exit
}
