#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Names are words (CONTRIBUTING.md), and the measure finds a file that is written in letters.
. "$(dirname "${BASH_SOURCE[0]}")/lint.sh"
measure=(python3 "$src/tests/lint/measure.py")

# expect STATUS NAME TEXT...: `measure --names --check` of $tmp/tree/lib ends so, and says this.
expect() {
	local status=0 wanted=$1 name=$2
	shift 2
	(cd "$tmp/tree" && "${measure[@]}" --names --check lib) >"$tmp/said" 2>&1 || status=$?
	: >"$tmp/out"
	[ "$status" = "$wanted" ] || echo "exit status $status instead of $wanted" >"$tmp/out"
	for text; do
		grep -qF -- "$text" "$tmp/said" || echo "does not say: $text" >>"$tmp/out"
	done
	[ ! -s "$tmp/out" ] || cat "$tmp/said" >>"$tmp/out"
	report "$name" "$tmp/out"
}

mkdir -p "$tmp/tree/lib"
cat >"$tmp/tree/lib/walk.c" <<'C'
/* x, y, z: letters in comments do not count,
 * nor in strings and preprocessor lines. */
#define S(a, b, c) ((a) + (b) + (c))
int record_count(const struct record *record, unsigned length)
{
	return record->whole ? record_parts(record, "a b c d", 'e', length) : 0;
}
C
expect 0 "words pass" "lib"
cat >"$tmp/tree/lib/walk.c" <<'C'
/* How many records there are.
 * None where it is not whole. */
int record_count(const struct record *r, unsigned n)
{
	return r->w ? parts(r, "a b c d", 'e', n) : 0;
}
C
expect 1 "letters do not" "of the names are single letters, more than 7 %" "the median name has 1 characters, fewer than 6"
cat >"$tmp/tree/lib/walk.c" <<'C'
int record_count(const struct record *record, unsigned length)
{
	return record->whole ? record_parts(record, length) : 0;
}
C
expect 1 "code without comments does not" "0.0 % of the lines are comments, fewer than 11 %"
"${measure[@]}" --names --check >"$tmp/table" 2>"$tmp/out"
sed 's/^/# /' "$tmp/table"
report "names are words, and lib/ says why" "$tmp/out"
finish
