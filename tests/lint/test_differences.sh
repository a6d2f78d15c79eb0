#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# docs/differences.md: every known defect has its row, and the tests that are named are there.
. "$(dirname "${BASH_SOURCE[0]}")/lint.sh"
doc=docs/differences.md
# Of parts that do not exist yet: erase rules, extensions.
not_yet=" B3 B3a B5 B10 B36 B38 B39 B47 D7 D8 D16 D17 "

sed -n '/^## Known defects/,$p' $doc >"$tmp/defects"
{
	printf 'B%s\n' {1..53} 1a 3a 30a
	printf 'D%s\n' {1..23}
} >"$tmp/numbers"
while read -r number; do
	rows=$(grep -c "^| $number |" "$tmp/defects")
	grep -q "\b$number\b.* were not given" "$tmp/defects" && rows=$((rows + 1))
	[ "$rows" -eq 1 ] || echo "$number: $rows rows, one expected"
done <"$tmp/numbers" >"$tmp/out"
report "each known defect has a row" "$tmp/out"

# Cells of a row: number, there, here, test.
while IFS='|' read -r _ number there here tests rest; do
	read -r number <<<"$number"
	[ -n "${there// /}" ] && [ -n "${here// /}" ] && [ -z "$rest" ] || echo "$number: not four cells"
	case $tests in
	*'`'*) ;;
	" not yet ") [[ $not_yet == *" $number "* ]] || echo "$number: \"not yet\" without an excuse" ;;
	*) echo "$number: no test is named" ;;
	esac
done < <(grep -E '^\| [BD][0-9]+a? \|' "$tmp/defects") >"$tmp/out"
report "each row names a test" "$tmp/out"

# Names in backticks: of tests, and behind a C file of its cases.
# exists NAME FILE-BEFORE: is there such a test; leaves the file in $file
exists() {
	case $1 in
	tests/* | benchmarks/*) [ -e "$1" ] ;;
	*.txt) [ -e "tests/fixtures/recipes/$1" ] ;;
	test_*.c) [ -e "tests/unit/$1" ] && file=tests/unit/$1 ;;
	test_*.sh) [ -e "tests/cli/$1" ] || [ -e "tests/real/$1" ] ;;
	*) [ -z "$file" ] || grep -qw -e "$1" "$file" ;;
	esac
}
# names: those in backticks of the last cell of each row that speaks of tests
awk -F '|' '/^\|/ && NF > 3 { print $(NF - 1) }' $doc | grep -oE '`[^`]+`|^.' | tr -d '`' >"$tmp/names"
file=
while read -r name; do
	case $name in
	*.txt | *.c | *.sh | *.py | *.tab | tests/* | benchmarks/*)
		file=
		exists "$name" || echo "there is no $name"
		;;
	'' | *[!a-z0-9_]*) file= ;;
	*) exists "$name" || echo "there is no $name in $file" ;;
	esac
done <"$tmp/names" >"$tmp/out"
grep -oE '`tests/[A-Za-z0-9_./-]+`' $doc | tr -d '`' | while read -r name; do
	[ -e "$name" ] || echo "there is no $name"
done >>"$tmp/out"
report "tests that are named exist" "$tmp/out"
finish
