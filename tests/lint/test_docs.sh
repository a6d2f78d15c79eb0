#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The documents say what is there: generated tables are fresh, files and folders that are named exist, links lead somewhere.
. "$(dirname "${BASH_SOURCE[0]}")/lint.sh"

docs/gen-facts >"$tmp/facts" 2>"$tmp/out"
diff docs/facts.md "$tmp/facts" | head -n 20 >>"$tmp/out"
[ ! -s "$tmp/out" ] || echo "run: docs/gen-facts >docs/facts.md" >>"$tmp/out"
report "docs/facts.md is what docs/gen-facts prints" "$tmp/out"

docs/gen-layers >"$tmp/picture" 2>"$tmp/out"
diff docs/layers.svg "$tmp/picture" | head -n 20 >>"$tmp/out"
[ ! -s "$tmp/out" ] || echo "run: docs/gen-layers >docs/layers.svg" >>"$tmp/out"
report "docs/layers.svg is what docs/gen-layers prints" "$tmp/out"

# Rows that the script did not understand would be missing in the table and nobody would see.
for def in lib/kdesc/facts.def lib/classify/variants.def; do
	sed -nE 's/^(FACT|PLAIN|ALIAS|KNOWN|VARIANT)\(.*/\1/p' "$def"
done | grep -cv '^ALIAS$' >"$tmp/rows"
grep -E '^\| ' docs/facts.md | grep -cvE '^\| (VMCOREINFO|role) \|' >"$tmp/listed"
diff "$tmp/rows" "$tmp/listed" >"$tmp/out"
report "docs/facts.md has a row for each fact and variant" "$tmp/out"

# named FILE: what of lib/ it names
named() { grep -oE '\blib/[A-Za-z0-9_./-]+' "$1" | sed 's/[.,:]*$//; s,/$,,' | sort -u; }
for doc in docs/architecture.md docs/adding.md docs/library.md docs/testing.md; do
	named "$doc" | while read -r path; do
		case $path in
		*/NAME*) ;; # to be chosen by the reader
		*) [ -e "$path" ] || echo "$doc names $path, which does not exist" ;;
		esac
	done
done >"$tmp/out"
report "files of lib that documents name exist" "$tmp/out"

find lib -mindepth 1 -maxdepth 1 -type d | sort | while read -r folder; do
	named docs/architecture.md | grep -q "^$folder\$" || echo "docs/architecture.md does not mention $folder"
done >"$tmp/out"
report "docs/architecture.md mentions every folder of lib" "$tmp/out"

for doc in README.md CONTRIBUTING.md docs/*.md; do
	grep -oE '\]\([^)#]+' "$doc" | sed 's/^](//' | grep -v '://' | while read -r link; do
		[ -e "$(dirname "$doc")/$link" ] || echo "$doc: link to $link, which does not exist"
	done
done >"$tmp/out"
report "links between documents lead somewhere" "$tmp/out"
finish
