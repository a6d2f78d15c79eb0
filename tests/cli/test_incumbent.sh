#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # functions are called by name
# Each command line of incumbent.tab is answered as makedumpfile 1.7.2 does, or stands in docs/differences.md, with both
# answers.  tests/real/test_incumbent_params.sh asks the program itself.
. "$(dirname "$0")/lib.sh"
. "${DF_SRC:?is not set}/tests/cli/incumbent.sh"

# The rows of the document's table, one a line: answer of 1.7.2, answer here, command line.
sed -n '/^## Command lines/,/^## /p' "$document" | awk -F ' *[|] *' '/^\| `/ {
	n = split($2, line, "`")
	for (i = 2; i <= n; i += 2)
		print $3, $4, line[i]
}' >"$tmp/documented"

# documented ARGUMENT...: the row of a command line, or nothing
documented() { awk -v l="$*" '{ row = $0; sub(/^[^ ]+ [^ ]+ /, "", row) } row == l { print $1, $2 }' "$tmp/documented"; }

built_in() {
	case " $* " in
	*" -p "*) "$MAKEDUMPFILE" -v | grep -q '^snappy	enabled$' ;;
	*" -z "*) "$MAKEDUMPFILE" -v | grep -q '^zstd	enabled$' ;;
	*" -l "* | *" -cl "*) "$MAKEDUMPFILE" -v | grep -q '^lzo	enabled$' ;;
	esac
}
is() {
	[ "$1" = "$2" ] && return
	echo "# $1, expected $2"
	return 1
}
ours() { # ANSWER ARGUMENT...
	theirs=$1
	shift
	said=$(answer "$MAKEDUMPFILE" "$@")
	row=$(documented "$@")
	if ! built_in "$@"; then
		printf 'ok - %s # SKIP a compressor is not built in\n' "$*"
	elif [ -z "$row" ]; then
		check "as 1.7.2: $*" is "$said" "$theirs"
	else
		check "as documented: $*" is "$theirs $said" "$row"
	fi
}
each ours

lines_at_least() { [ "$(wc -l <"$1")" -ge "$2" ]; }

# Rows of the document that nobody looked at, and rows that say that there is no difference.
awk 'NR == FNR { if ($1 !~ /^#/ && NF) { sub(/^[^ ]+ /, ""); known[$0] = 1 } next }
	{ row = $0; sub(/^[^ ]+ [^ ]+ /, "", row)
	  if (!(row in known)) print "not in incumbent.tab: " row
	  if ($1 == $2) print "no difference: " row }' "$table" "$tmp/documented" >"$tmp/stray"
check "the document has the command lines of the table" not test -s "$tmp/stray"
sed 's/^/# /' "$tmp/stray"
check "there are some" lines_at_least "$tmp/documented" 40
test_end
