#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Reads the symbol tables: what is exported, how internal names begin, and that nothing of ours can be written to.
. "$(dirname "${BASH_SOURCE[0]}")/lint.sh"
shared=$build/libdumpfilter.so
static=$build/libdumpfilter.a
for f in "$shared" "$static"; do
	[ -e "$f" ] || { echo "not ok - $f is not built"; exit 1; }
done

# Functions that the header declares.
awk 'BEGIN { RS = "\001" }
	{
		gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, "")
		n = split($0, statement, ";")
		for (i = 1; i <= n; i++)
			if (statement[i] ~ /DUMPFILTER_API/ && match(statement[i], /dumpfilter_[a-z0-9_]+ *\(/))
				print substr(statement[i], RSTART, RLENGTH - 1)
	}' include/libdumpfilter.h | sort >"$tmp/header"
# Names that the version script exports.
sed -nE '/^global:/,/^local:/ s/^\t([A-Za-z0-9_*]+);$/\1/p' lib/libdumpfilter.map | sort >"$tmp/map"
nm -D --defined-only --extern-only "$shared" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >"$tmp/exported"

test -s "$tmp/header" || echo "no function found in the header" >"$tmp/out"
diff "$tmp/header" "$tmp/map" >>"$tmp/out"
report "the version script lists what the header declares" "$tmp/out"

diff "$tmp/map" "$tmp/exported" >"$tmp/out"
report "the shared library exports what the version script lists" "$tmp/out"

grep -v '^dumpfilter_' "$tmp/exported" >"$tmp/out"
report "exported names begin with dumpfilter_" "$tmp/out"

nm -D --defined-only "$shared" | grep 'dumpfilter_' | grep -v '@@\{0,1\}LIBDUMPFILTER_[0-9.]*$' >"$tmp/out"
report "exported names carry a version" "$tmp/out"

nm --defined-only --extern-only "$static" 2>/dev/null | awk 'NF == 3 && $3 !~ /^(df|dumpfilter)_/ { print $3 }' >"$tmp/out"
report "external names begin with df_ or dumpfilter_" "$tmp/out"

# Class and section of each symbol; .data.rel.ro becomes read-only once the program is loaded.
nm -A -f sysv --defined-only "$static" 2>/dev/null | awk -F'|' '{
		for (i = 1; i <= NF; i++)
			gsub(/^ +| +$/, "", $i)
		section = $NF
		if (section ~ /^\.data\.rel\.ro/)
			next
		if (section ~ /^\.(data|bss|tdata|tbss|sdata|sbss)/ || section == "*COM*")
			print $1 " lies in " section
	}' >"$tmp/out"
report "no writable variable" "$tmp/out"

readelf -d "$shared" >"$tmp/dynamic"
major=$(sed -n 's/^#define DUMPFILTER_VERSION_MAJOR //p' include/libdumpfilter.h)
: >"$tmp/out"
grep -q "SONAME.*\[libdumpfilter\.so\.$major\]" "$tmp/dynamic" || cp "$tmp/dynamic" "$tmp/out"
report "SONAME is libdumpfilter.so.$major" "$tmp/out"
grep -E 'RPATH|RUNPATH|TEXTREL' "$tmp/dynamic" >"$tmp/out"
report "the shared library has no run path and no text relocation" "$tmp/out"
finish
