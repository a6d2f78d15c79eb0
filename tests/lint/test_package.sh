#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# debian/ agrees with the rest of the tree; whether packages come of it, tests/package/run finds out.
. "$(dirname "${BASH_SOURCE[0]}")/lint.sh"

version=$(awk '/^#define DUMPFILTER_VERSION_/ { v = v s $3; s = "." } END { print v }' include/libdumpfilter.h)
sed -nE '1s/^libdumpfilter \(([^)]*)\).*/\1/p' debian/changelog >"$tmp/version"
: >"$tmp/out"
[ "$(cat "$tmp/version")" = "$version" ] ||
	echo "debian/changelog begins with $(cat "$tmp/version"), include/libdumpfilter.h says $version" >"$tmp/out"
report "debian/changelog has the version of the header" "$tmp/out"

major=${version%%.*}
: >"$tmp/out"
grep -qx "Package: libdumpfilter$major" debian/control || echo "debian/control: no Package: libdumpfilter$major" >>"$tmp/out"
grep -q "^libdumpfilter\.so\.$major libdumpfilter$major " "debian/libdumpfilter$major.symbols" ||
	echo "debian/libdumpfilter$major.symbols is not of libdumpfilter.so.$major" >>"$tmp/out"
report "the package of the library is named after its SONAME" "$tmp/out"

# Nodes of the version script: each symbol of the library carries one.
grep -oE '^LIBDUMPFILTER_[0-9.]+' lib/libdumpfilter.map | sort >"$tmp/nodes"
grep -oE 'LIBDUMPFILTER_[0-9.]+' "debian/libdumpfilter$major.symbols" | sort | diff "$tmp/nodes" - >"$tmp/out"
report "debian/libdumpfilter$major.symbols lists the nodes of the version script" "$tmp/out"

# What the package builds with: all of the build's section of packages.txt that is no compiler.
sed -nE '/^# Build$/,/^# /{ /^[a-z0-9]/p }' cmake/packages.txt | grep -vx -e gcc -e libc6-dev >"$tmp/wanted"
sed -nE '/^Build-Depends:/,/^[A-Z][a-z]+.*:/p' debian/control | grep -oE '[a-z0-9][a-z0-9.+-]+' >"$tmp/has"
grep -vxFf "$tmp/has" "$tmp/wanted" | sed 's/^/debian\/control: Build-Depends lacks /' >"$tmp/out"
[ -s "$tmp/wanted" ] || echo "cmake/packages.txt: no section Build" >>"$tmp/out"
report "Build-Depends has what cmake/packages.txt builds with" "$tmp/out"

# What a program has to find that links the library statically: libdw.pc names libraries that libdw-dev does not depend on.
: >"$tmp/out"
sed -nE '/^Package: libdumpfilter-dev/,/^Description:/p' debian/control | grep -oE '[a-z0-9][a-z0-9.+-]+' >"$tmp/has"
wanted() { PKG_CONFIG_PATH=$build pkg-config --static --libs libdumpfilter | grep -oE -e '-l[^ ]+' | sed 's/^-l//' | sort -u; }
owner() { dpkg -S "$(realpath "$("${CC:-cc}" -print-file-name="lib$1.a")")" 2>/dev/null | sed 's/[:,].*//'; }
if command -v dpkg >/dev/null && [ -n "$(owner z)" ]; then
	wanted | grep -vx -e dumpfilter -e pthread | while read -r name; do
		package=$(owner "$name")
		[ -n "$package" ] || { echo "no package has lib$name.a"; continue; }
		grep -qxF "${package//[0-9][0-9]-dev/12-dev}" "$tmp/has" || echo "debian/control: libdumpfilter-dev does not depend on $package (-l$name)"
		[[ $package = libstdc++* ]] || grep -qxF "$package" cmake/packages.txt || echo "cmake/packages.txt lacks $package (-l$name)"
	done >"$tmp/out"
	report "libdumpfilter-dev depends on what a static link asks for" "$tmp/out"
else
	skip "libdumpfilter-dev depends on what a static link asks for" "libraries are not from Debian's packages"
fi

sed -nE 's/^Tests: //p' debian/tests/control | tr -s ', ' '\n' | while read -r test; do
	[ -x "debian/tests/$test" ] || echo "debian/tests/$test: missing, or cannot be executed"
done >"$tmp/out"
[ -x debian/rules ] || echo "debian/rules cannot be executed" >>"$tmp/out"
report "scripts of debian can be executed" "$tmp/out"
finish
