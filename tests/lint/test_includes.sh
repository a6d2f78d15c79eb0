#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Headers compile alone: the public one in every C and C++ that users may have, internal ones in ours.
. "$(dirname "${BASH_SOURCE[0]}")/lint.sh"
cc=${CC:-cc} cxx=${CXX:-c++}

# try NAME COMPILER ARGUMENT...: compiles standard input
try() {
	local name=$1
	shift
	"$@" -fsyntax-only - >"$tmp/out" 2>&1 || echo "failed: $*" >>"$tmp/out"
	report "$name" "$tmp/out"
}
use='#include <libdumpfilter.h>
int main(void) { return dumpfilter_version() == 0; }'
strict=(-pedantic -Wall -Wextra -Wundef -Wstrict-prototypes -Werror -Iinclude)
for std in c99 c11 gnu17; do
	try "libdumpfilter.h in $std" "$cc" -x c -std=$std "${strict[@]}" <<<"$use"
done
# each struct with its own macro, as they are in the header
initialisers=$(
	echo '#include <libdumpfilter.h>'
	echo 'int main(void) { size_t sum = 0;'
	grep -oE '^#define DUMPFILTER_[A-Z_]+_INIT' include/libdumpfilter.h | while read -r _ macro; do
		name=${macro#DUMPFILTER_}
		name=${name%_INIT}
		echo "{ struct dumpfilter_${name,,} made = $macro; sum += made.size - sizeof made; }"
	done
	echo 'return sum != 0; }'
)
try "its initialisers in c99" "$cc" -x c -std=c99 "${strict[@]}" <<<"$initialisers"
if command -v "$cxx" >/dev/null; then
	for std in c++11 c++17 c++20; do
		try "libdumpfilter.h in $std" "$cxx" -x c++ -std=$std -pedantic -Wall -Wextra -Werror -Iinclude <<<"$use"
		try "its initialisers in $std" "$cxx" -x c++ -std=$std -pedantic -Wall -Wextra -Werror -Iinclude \
			<<<"$initialisers"
	done
else
	skip "libdumpfilter.h in C++" "no C++ compiler"
fi

: >"$tmp/out"
find lib -name '*.h' | sort | while read -r header; do
	printf '#include "%s"\n' "${header#lib/}" |
		"$cc" -x c -std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -Ilib -Iinclude -Werror -fsyntax-only - \
			>"$tmp/one" 2>&1 || head -n 5 "$tmp/one"
done >"$tmp/out"
report "internal headers compile alone" "$tmp/out"
find lib tools -name '*.h' | while read -r header; do
	guard=$(sed -nE '/^#ifndef/ { s/^#ifndef //p; q }' "$header")
	grep -q "^#define $guard$" "$header" || echo "$header: no include guard"
done >"$tmp/out"
report "headers have include guards" "$tmp/out"
finish
