#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The numbers that CONTRIBUTING.md promises, licence lines, blanks, format.
. "$(dirname "${BASH_SOURCE[0]}")/lint.sh"
measure=(python3 "$src/tests/lint/measure.py")
project_files >"$tmp/files"
grep -E '\.[ch]$' "$tmp/files" >"$tmp/c"
mapfile -t product < <(grep -E '^(lib|include|tools|examples)/' "$tmp/c")
mapfile -t all < <(cat "$tmp/c")

"${measure[@]}" "${product[@]}" >"$tmp/numbers" || exit 1
sed 's/^/# /' "$tmp/numbers"
value() { sed -n "s/^$1 //p" "$tmp/numbers"; }
# limit NAME VALUE MOST TEXT
limit() {
	: >"$tmp/out"
	[ "$2" -le "$3" ] || echo "it is $2, more than $3" >"$tmp/out"
	report "$1" "$tmp/out"
}
limit "median length of functions is at most 12 lines" "$(value function_median)" 12
limit "nine of ten functions have at most 22 lines" "$(value function_p90)" 22
"${measure[@]}" --functions "${all[@]}" | awk '$1 > 70 { print $2 ": " $3 " has " $1 " lines" }' >"$tmp/out"
report "no function has more than 70 lines" "$tmp/out"
wc -l "${all[@]}" | awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines" }' >"$tmp/out"
report "no file has more than 600 lines" "$tmp/out"
limit "at most 2 #if in 1000 lines" "$(value ifs)" $((2 * ($(value lines) + 999) / 1000))

licence() {
	case $1 in
	lib/* | include/* | examples/*) echo LGPL-2.1-or-later ;;
	*) echo GPL-2.0-or-later ;;
	esac
}
grep -E '\.([ch]|def|inc|map|sh|py|awk|cmake)$|(^|/)(CMakeLists\.txt|Makefile)$|^(demo|run-tests|\.ci/run)$' "$tmp/files" |
	while read -r file; do
		head -n 3 "$file" | grep -qE "SPDX-License-Identifier: $(licence "$file")( |$)" ||
			echo "$file: no line SPDX-License-Identifier: $(licence "$file")"
	done >"$tmp/out"
report "every source names its licence" "$tmp/out"

# Text only: fixtures and licences are what they are.
grep -Ev '^(LICENSES|tests/fixtures|tests/fuzz/seeds)/|\.(zst|gz|xz|bin|png)$' "$tmp/files" >"$tmp/text"
xargs -d '\n' grep -nIE '[[:blank:]]+$' <"$tmp/text" | cut -c1-120 >"$tmp/out"
report "no blanks at the end of a line" "$tmp/out"
while read -r file; do
	[ ! -s "$file" ] || [ -z "$(tail -c 1 "$file" | tr -d '\n')" ] || echo "$file"
done <"$tmp/text" >"$tmp/out"
report "every file ends with a line break" "$tmp/out"
# Written in pieces, so that this line is none of what it looks for.
machine="(^|[^.[:alnum:]_/-])/(wor""k|roo""t|hom""e/[a-z]|var/tm""p|tmp/bas""h|far""m)/"
xargs -d '\n' grep -nIE "$machine" <"$tmp/text" | cut -c1-160 >"$tmp/out"
report "no path of somebody's machine" "$tmp/out"
grep -nIE '\b(TO''DO|FIX''ME|XX''X)\b' "${all[@]}" >"$tmp/out"
report "no unfinished business in comments" "$tmp/out"

name="sources are as clang-format writes them"
# Other releases of clang-format disagree on details.
version=$(clang-format --version 2>/dev/null | sed -nE 's/.*version ([0-9]+).*/\1/p')
if [ "$version" = 14 ]; then
	clang-format --dry-run -Werror "${all[@]}" 2>&1 | grep -E 'error:' | cut -d: -f1 | sort | uniq -c >"$tmp/out"
	report "$name" "$tmp/out"
else
	skip "$name" "clang-format 14 is not installed"
fi
finish
