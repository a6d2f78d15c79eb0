#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The manual pages of the library: each function has one, what they show is what the header declares, their examples are
# programs, mandoc finds no fault.
. "$(dirname "${BASH_SOURCE[0]}")/lint.sh"
pages=("$src"/docs/man3/*.3)
cc=${CC:-cc}

# compare NAME WHAT: with the header
compare() {
	python3 "$src/tests/lint/man3.py" "$2" include/libdumpfilter.h lib/libdumpfilter.map docs/man3/*.3 >"$tmp/out" 2>&1 ||
		echo "man3.py failed" >>"$tmp/out"
	report "$1" "$tmp/out"
}
compare "every public function has a manual page" functions
compare "manual pages show the header's prototypes" prototypes
compare "manual pages speak of every constant and member" names
compare "manual pages have the names of their files, and refer to each other" links

if command -v mandoc >/dev/null; then
	# Whether other manuals are installed here says nothing about these.
	mandoc -T lint "${pages[@]}" 2>/dev/null | grep -v 'referenced manual not found' >"$tmp/out"
	report "mandoc finds no fault in the library's pages" "$tmp/out"
else
	skip "mandoc finds no fault in the library's pages" "mandoc is not installed"
fi

mkdir "$tmp/examples"
(cd "$tmp/examples" && python3 "$src/tests/lint/man3.py" examples "$src/include/libdumpfilter.h" \
	"$src/lib/libdumpfilter.map" "${pages[@]}") >"$tmp/programs"
: >"$tmp/out"
[ "$(wc -l <"$tmp/programs")" -ge 5 ] || echo "only $(wc -l <"$tmp/programs") examples found" >"$tmp/out"
while read -r program; do
	"$cc" -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wshadow -Wno-missing-prototypes -Werror -Iinclude -c \
		"$tmp/examples/$program" -o "$tmp/examples/$program.o" >>"$tmp/out" 2>&1 || echo "$program: see above" >>"$tmp/out"
done <"$tmp/programs"
report "examples of manual pages compile" "$tmp/out"

# The pages' names of one page lead to it, installed.
: >"$tmp/out"
for page in "${pages[@]}"; do
	base=$(basename "$page" .3)
	sed -nE '/^\.Sh NAME/,/^\.Sh SYNOPSIS/s/^\.Nm ([a-z_]+).*/\1/p' "$page" | grep -vx "$base" | while read -r name; do
		[ "$(cat "$build/man3/$name.3" 2>&1)" = ".so man3/$base.3" ] || echo "$build/man3/$name.3 does not lead to $base.3"
	done
done >>"$tmp/out"
report "other names of a page lead to it" "$tmp/out"
finish
