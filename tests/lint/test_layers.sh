#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Reads the #include lines: folders of lib/ may only include what the table allows, tools only the public header.
. "$(dirname "${BASH_SOURCE[0]}")/lint.sh"

# folder: what it may include besides itself, base/ and the public header.  Each line only names folders above it, so no
# circle can be written.  docs/architecture.md says why.
cat >"$tmp/table" <<'END'
base:
codec:
format:
io: format
kdesc:
debuginfo: kdesc
pageset:
image: io pageset
input: image format codec io
xlat: image kdesc
arch: xlat kdesc image
kfind: image xlat kdesc format
memmap: arch xlat kdesc image
classify: memmap pageset kdesc xlat image
dmesg: io image kdesc xlat
erase: kfind memmap
pipe: image codec pageset erase
writer: format pageset io image pipe
run: io codec format kdesc pageset image input xlat arch kfind memmap classify dmesg erase pipe writer
api: run io codec kdesc debuginfo image input writer
END

# file:line:<header> or file:line:"header" of each #include of the given files
includes() {
	grep -nE '^[[:space:]]*#[[:space:]]*include' "$@" /dev/null |
		sed -nE 's/^([^:]*):([0-9]+):[^<"]*([<"][^>"]*[>"]).*/\1:\2:\3/p'
}

awk -F: '{ n = split($2, d, " "); for (i = 1; i <= n; i++) if (!(d[i] in seen)) print $1 " names " d[i] ", which is not above it"
	seen[$1] = 1 }' "$tmp/table" >"$tmp/out"
report "the table of layers has no circle" "$tmp/out"

find lib -mindepth 1 -maxdepth 1 -type d | sed 's,lib/,,' | sort >"$tmp/folders"
cut -d: -f1 "$tmp/table" | sort >"$tmp/known"
comm -23 "$tmp/folders" "$tmp/known" | sed 's/.*/lib\/& is not in the table of layers/' >"$tmp/out"
find lib -maxdepth 1 -name '*.[ch]' | sed 's/$/: sources belong into a folder/' >>"$tmp/out"
report "every folder of lib has its place" "$tmp/out"

mapfile -t sources < <(find lib -name '*.[ch]' -o -name '*.def' -path 'lib/*' -o -name '*.inc' -path 'lib/*' | sort)
includes "${sources[@]}" >"$tmp/includes"
[ -s "$tmp/includes" ] || echo "no #include found at all" >"$tmp/out"

awk -F: 'NR == FNR { allowed[$1] = " " $1 " base " $2 " "; next }
	$3 ~ /^</ { next }
	{
		split($1, path, "/"); from = path[2]
		header = substr($3, 2, length($3) - 2)
		if (header == "libdumpfilter.h")
			next
		if (split(header, part, "/") < 2)
			print $1 ":" $2 ": \"" header "\" must be written with its folder"
		else if (index(allowed[from], " " part[1] " ") == 0)
			print $1 ":" $2 ": " from "/ may not include " header
	}' "$tmp/table" "$tmp/includes" >"$tmp/out"
report "lib includes only downwards" "$tmp/out"

# Headers of other libraries stay behind the one folder that wraps them.
grep -E ':<(zlib|zstd|lzo/|lzo1x|lzoconf|snappy|libdeflate)' "$tmp/includes" | grep -v '^lib/codec/' >"$tmp/out"
report "compression libraries only in lib/codec" "$tmp/out"
grep -E ':<(elfutils/|libelf|gelf|elf\.h|dwarf)' "$tmp/includes" | grep -v '^lib/debuginfo/' >"$tmp/out"
report "libelf and libdw only in lib/debuginfo" "$tmp/out"
grep -E '^lib/(format|pageset|kdesc)/.*:<(fcntl|unistd|pthread|sys/.*)\.h' "$tmp/includes" >"$tmp/out"
report "no input or output in lib/format, lib/pageset, lib/kdesc" "$tmp/out"

mapfile -t sources < <(find tools examples -name '*.[ch]' | sort)
includes "${sources[@]}" >"$tmp/includes"
while IFS=: read -r file line header; do
	name=${header:1:-1}
	case $header in
	\<*) [ "$name" != libdumpfilter.h ] && [ -e "lib/$name" ] && echo "$file:$line: $name is internal" ;;
	*) [ "$name" = libdumpfilter.h ] || [ -e "$(dirname "$file")/$name" ] || echo "$file:$line: $name is not its own" ;;
	esac
done <"$tmp/includes" >"$tmp/out"
report "tools and examples include only the public header" "$tmp/out"
finish
