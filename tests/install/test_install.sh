#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs the build tree into a folder of its own and uses it as a stranger would: pkg-config, CMake, shared, static.
set -u
export LC_ALL=C.UTF-8
src=${DF_SRC:?} build=${DF_BUILD:?} cc=${CC:-cc} cmake=${CMAKE:-cmake}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
failed=0

# check NAME COMMAND...: a case; the output is shown where it failed
check() {
	local name=$1
	shift
	if "$@" >"$tmp/log" 2>&1; then
		echo "ok - $name"
	else
		sed 's/^/# /' "$tmp/log"
		echo "not ok - $name"
		failed=1
		return 1
	fi
}

inst=$tmp/prefix
check "cmake --install" "$cmake" --install "$build" --prefix "$inst" || exit 1
DESTDIR=$tmp/destdir check "cmake --install with DESTDIR" "$cmake" --install "$build" --prefix /opt/df
check "DESTDIR takes everything" test -e "$tmp/destdir/opt/df/include/libdumpfilter.h"

lib=$(dirname "$(find "$inst" -name libdumpfilter.a)")
export PKG_CONFIG_PATH=$lib/pkgconfig
for f in sbin/makedumpfile include/libdumpfilter.h share/man/man8/makedumpfile.8 \
	share/man/man3/libdumpfilter.3 share/man/man3/dumpfilter_open_fd.3 \
	share/bash-completion/completions/makedumpfile share/zsh/site-functions/_makedumpfile \
	share/fish/vendor_completions.d/makedumpfile.fish; do
	check "installed: $f" test -s "$inst/$f"
done
check "installed tool finds its library" "$inst/sbin/makedumpfile" -v
# Its length would show in the tool, and two builds would differ.
knows_its_folder() { strings -a "$build/makedumpfile" | grep -F "$build"; }
if [ -z "${DF_SANITIZE:-}" ]; then
	check "the tool does not know the folder that it was built in" eval '! knows_its_folder'
fi
version=$(awk '/^#define DUMPFILTER_VERSION_/ { v = v s $3; s = "." } END { print v }' "$inst/include/libdumpfilter.h")
# pages_are_signed COMMAND...: COMMAND shows a page of which head and foot name us, and no other system
pages_are_signed() {
	local page name
	for page in "$inst"/share/man/man[38]/*; do
		! grep -q '^\.so ' "$page" || continue
		name=libdumpfilter
		[[ $page = *.3 ]] || name=makedumpfile
		"$@" "$page" | sed 's/.\x08//g; s/\x1b\[[0-9;]*m//g' >shown
		grep -v '^ *$' shown | tail -n 1 | grep -qE "^$name $version .* $name $version\$" && ! head -n 1 shown | grep BSD || {
			echo "$page"
			sed -n '1p; $p' shown
			return 1
		}
	done
}
for reader in "mandoc -T ascii" "nroff -mandoc -Tascii"; do
	if command -v "${reader%% *}" >/dev/null; then
		check "manual pages as ${reader%% *} shows them: name and version" pages_are_signed $reader
	else
		echo "ok - manual pages as ${reader%% *} shows them # SKIP it is not installed"
	fi
done
check "pkg-config knows the version" pkg-config --exact-version "$version" libdumpfilter
# --define-prefix tells nothing new: the file finds itself.
moved=$tmp/moved
cp -a "$inst" "$moved"
moved_to() { PKG_CONFIG_PATH=${lib/#"$inst"/"$moved"}/pkgconfig pkg-config --cflags libdumpfilter | grep -qF "$moved/"; }
check "an installed tree can be moved" moved_to

mapfile -t cflags < <(pkg-config --cflags libdumpfilter | xargs -n1)
mapfile -t shared < <(pkg-config --libs libdumpfilter | xargs -n1)
mapfile -t static < <(pkg-config --static --libs libdumpfilter | xargs -n1 | sed 's/^-ldumpfilter$/-l:libdumpfilter.a/')
warnings=(-O2 -std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Wshadow -Wmissing-prototypes -Werror)
for example in collector two_dumps; do
	check "$example links the shared library" "$cc" "${warnings[@]}" -pthread "${cflags[@]}" \
		"$src/examples/$example.c" "${shared[@]}" -Wl,-rpath,"$lib" -o "$example.shared"
	check "$example links the static library" "$cc" "${warnings[@]}" -pthread "${cflags[@]}" \
		"$src/examples/$example.c" "${static[@]}" -o "$example.static"
done
uses() { readelf -d "$1" | grep -q 'NEEDED.*\[libdumpfilter\.so\.[0-9]*\]'; }
is_static() { test -e "$1" && ! uses "$1"; }
check "the shared one needs libdumpfilter.so.N" uses collector.shared
check "the static one does not" is_static collector.static
cp -r "$src/examples" examples
check "examples/Makefile" make -C examples CC="$cc"

vmcore=$tmp/vmcore
if ! "$build/mkvmcore" "$src/tests/fixtures/recipes/kernel-6.1.txt" "$vmcore" >"$tmp/log" 2>&1; then
	sed 's/^/# /' "$tmp/log"
	echo "not ok - a vmcore to try the examples on"
	exit 1
fi
for kind in shared static; do
	collect() { "./collector.$kind" "$vmcore" "stream.$kind"; }
	rearrange() { "$inst/sbin/makedumpfile" -R "dump.$kind" <"stream.$kind"; }
	check "collector ($kind) writes a stream" collect
	check "its stream can be rearranged ($kind)" rearrange
	check "its dump holds the pages of the vmcore ($kind)" "$build/dumpcheck" pages "dump.$kind" "$vmcore"
	check "two_dumps ($kind) writes both" "./two_dumps.$kind" "$vmcore" "small.$kind" "full.$kind"
	for dump in small full; do
		check "the $dump one holds the pages of the vmcore ($kind)" "$build/dumpcheck" pages "$dump.$kind" "$vmcore"
	done
	smaller() { [ "$(stat -c %s "small.$kind")" -lt "$(stat -c %s "full.$kind")" ]; }
	check "the small one is smaller ($kind)" smaller
done
check "shared and static write the same bytes" cmp dump.shared dump.static

# ---- nothing but one file: -static
has_static_libc() {
	echo 'int main(void) { return 0; }' >probe.c
	"$cc" -static probe.c -o probe 2>/dev/null && ./probe
}
not_dynamic() { ! readelf -lW "$1" | grep INTERP; }
lacks() { # what the linker would look for in vain
	local name
	has_static_libc || echo "libc.a"
	for name in $(pkg-config --static --libs libdumpfilter json-c | grep -oE -e '-l[^ ]+' | sed 's/^-l//' | sort -u); do
		[ "$name" = dumpfilter ] || [ -e "$("$cc" -print-file-name="lib$name.a")" ] || echo "lib$name.a"
	done
}
lacking=$(lacks | tr '\n' ' ')
if [ -n "${DF_SANITIZE:-}" ] || [ -n "$lacking" ]; then
	echo "ok - -static # SKIP a sanitizer, or there is no ${lacking:-library for it}"
	static_libc=
else
	static_libc=1
	mapfile -t all < <(pkg-config --static --libs libdumpfilter | xargs -n1)
	check "collector links with -static" "$cc" "${warnings[@]}" -static -pthread "${cflags[@]}" \
		"$src/examples/collector.c" "${all[@]}" -o collector.alone
	check "it needs no library" not_dynamic collector.alone
	check "it runs" ./collector.alone "$vmcore" stream.alone
	check "it writes the same bytes" cmp stream.alone stream.shared
fi
# Not optimised: it is built here.
options=(-S "$src" -B static -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER="$cc" -DBUILD_TESTING=OFF
	-DCMAKE_INSTALL_PREFIX=/usr)
check "a static tool is configured" "$cmake" "${options[@]}" -DDF_STATIC_TOOL=ON
no_folders() { # liblzo2 has one for its headers
	PKG_CONFIG_PATH=static pkg-config --cflags --libs libdumpfilter | sed 's,-I[^ ]*/lzo ,,' | grep -vE -e '-[LI]|\.\.'
}
check "for /usr pkg-config names no folder that compilers know" no_folders
if [ -n "$static_libc" ]; then
	check "DF_STATIC_TOOL" "$cmake" --build static --target makedumpfile -j "$(nproc)"
	check "the tool needs no library" not_dynamic static/makedumpfile
	same_dump() {
		static/makedumpfile -c -d 31 "$vmcore" tool.alone && "$inst/sbin/makedumpfile" -c -d 31 "$vmcore" tool.shared &&
			cmp tool.alone tool.shared
	}
	check "it writes the same bytes as the other one" same_dump
fi
refused() { ! "$cmake" "${options[@]}" -DDF_STATIC_TOOL=OFF -DCMAKE_EXE_LINKER_FLAGS=-static && grep -q 'use -DDF_STATIC_TOOL=ON' "$tmp/log"; }
check "linker flags with -static: it is said what to use" refused

# ---- a CMake project that finds the package
mkdir consumer
cat >consumer/CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES C)
find_package(libdumpfilter 0.1 REQUIRED)
set(THREADS_PREFER_PTHREAD_FLAG ON)
add_executable(with_shared collector.c)
target_link_libraries(with_shared PRIVATE libdumpfilter::libdumpfilter)
add_executable(with_static collector.c)
target_link_libraries(with_static PRIVATE libdumpfilter::libdumpfilter_static)
if(ALONE)
	add_executable(alone collector.c)
	target_link_libraries(alone PRIVATE libdumpfilter::libdumpfilter_static -static)
endif()
END
cp "$src/examples/collector.c" consumer/
check "find_package(libdumpfilter)" "$cmake" -S consumer -B consumer/build -DCMAKE_PREFIX_PATH="$inst" \
	-DCMAKE_C_COMPILER="$cc" -DCMAKE_C_FLAGS=-D_DEFAULT_SOURCE -DALONE="$static_libc"
check "a CMake project builds with it" "$cmake" --build consumer/build
for kind in shared static; do
	check "and runs ($kind)" "consumer/build/with_$kind" "$vmcore" "cmake.$kind"
	check "and writes the same bytes ($kind)" cmp "cmake.$kind" stream.shared
done
check "its static program does not need the shared library" is_static consumer/build/with_static
if [ -n "$static_libc" ]; then
	check "its -static program needs no library" not_dynamic consumer/build/alone
	check "and writes the same bytes (alone)" eval 'consumer/build/alone "$vmcore" cmake.alone && cmp cmake.alone stream.shared'
fi
exit "$failed"
