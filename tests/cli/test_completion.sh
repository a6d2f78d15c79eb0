#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317,SC2016,SC2034 # conditions are called through check; text for other shells
# Completions: each shell loads its own, and completes what is typed.  A shell that is not installed is left out.
. "$(dirname "$0")/lib.sh"
here=${DF_SRC:?is not set: give the top of the source tree}/tests/cli
made=${DF_BUILD:?is not set: give the folder of the build}/completions
: >"$tmp/out"
: >"$tmp/err"
installed() {
	command -v "$1" >/dev/null && return
	echo "ok - $1 # SKIP it is not installed"
	return 1
}
mkdir area area/folder
cd area || exit 1
touch vmlinux other "my vmcore"

# ---- what is in them: the options of --help, but for those that are refused
"$MAKEDUMPFILE" --help | sed '/^Not supported/,/^$/d' | sed -nE 's/^  (-.|   ),? ?(--[a-z_-]+)?.*/\1 \2/p' |
	tr ' ' '\n' | grep '^-' | sort >"$tmp/options"
sed -nE 's/^\t\twords="(.*)"$/\1/p' "$made/makedumpfile" | tr ' ' '\n' | grep . | sort >"$tmp/bash"
sed -nE "s/^\t'(\([^)]*\))?(--?[A-Za-z_-]+)[]+=[].*/\2/p" "$made/_makedumpfile" | sed -E 's/=-$//' | sort >"$tmp/zsh"
sed -nE 's/^complete -c makedumpfile( -s (.))?( -l ([^ ]+))? .*/-\2 --\4/p' "$made/makedumpfile.fish" | tr ' ' '\n' |
	grep -v -x -e - -e -- | sort >"$tmp/fish"
check "--help has options" grep -qx -e --num-threads "$tmp/options"
for shell in bash zsh fish; do
	check "$shell: the options of --help" cmp -s "$tmp/options" "$tmp/$shell"
done

# ---- bash: the words to choose from
# words NAME LINE WORD...: for the line, of which the last word is what is being typed, these are offered
words() {
	name=$1
	expected=$2
	shift 2
	bash --norc -c 'compopt() { :; }
		. "$0" && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && _makedumpfile && echo ${COMPREPLY[@]}' \
		"$made/makedumpfile" makedumpfile "$@" >"$tmp/out" 2>&1
	check "bash: $name" out_is "$expected"
}
if installed bash; then
	words "one option" "--num-threads" --num
	words "options with the same beginning" "--dump-dmesg" --du
	words "levels" "31 17 1 0" -d ""
	words "levels, begun" "31" -d 3
	words "levels behind a bundle" "17 1" -cd 1
	words "behind an equals sign" "1 2 4 8" --num-threads "="
	words "behind an equals sign, begun" "8" --num-threads = 8
	words "kinds" "text json none" --progress ""
	words "a word that need not be there" "exact" --dry-run =
	words "names are the shell's" "" ""
fi

# ---- bash and zsh: typed
# typed SHELL FILE: lines of two columns, what is typed and what makedumpfile gets; a tab lies between
typed() {
	installed "$1" || return 0
	printf '%s\n' "$lines" | cut -f 1 | python3 "$here/typed.py" "$1" "$made/$2" >"$tmp/out" 2>&1
	status=$?
	check "$1: it loads and answers" status_is 0
	printf '%s\n' "$lines" | while IFS='	' read -r line result; do
		printf '%s\t%s\t%s\n' "$1" "$line" "$result"
	done >"$tmp/cases"
	while IFS='	' read -r shell line result; do
		check "$shell: $line" grep -qxF -e "$result" "$tmp/out"
	done <"$tmp/cases"
}
lines='makedumpfile --num<TAB>3	[--num-threads][3]
makedumpfile --du<TAB>	[--dump-dmesg]
makedumpfile -d 3<TAB>my<TAB>	[-d][31][my vmcore]
makedumpfile -x vml<TAB>oth<TAB>	[-x][vmlinux][other]
makedumpfile -l --work-dir <TAB>	[-l][--work-dir][folder/]
makedumpfile --dry-run=<TAB>-F	[--dry-run=exact][-F]
makedumpfile --num-threads 8<TAB>-D	[--num-threads][8][-D]
makedumpfile --vtop <TAB>-E	[--vtop][-E]'
if command -v python3 >/dev/null; then
	typed bash makedumpfile
	lines=$(printf '%s\n' "$lines" | sed 's/num<TAB>3	\[--num-threads\]\[3\]/num<TAB>3	[--num-threads=3]/; s,folder/,folder,')
	typed zsh _makedumpfile
else
	echo "ok - bash and zsh # SKIP there is no python3 to type for them"
fi

# ---- fish: it says what it would offer
# offered NAME LINE TEXT
offered() {
	HOME=$tmp XDG_CONFIG_HOME=$tmp XDG_DATA_HOME=$tmp fish --no-config -c 'source $argv[1]; complete -C $argv[2]' \
		"$made/makedumpfile.fish" "makedumpfile $2" </dev/null >"$tmp/out" 2>&1
	check "fish: $1" grep -q "^$3" "$tmp/out"
}
if installed fish; then
	tab='	'
	offered "one option" --num "--num-threads${tab}Work with N threads\$"
	offered "letters" "-" "-F${tab}Write a flattened"
	offered "levels" "-d " "31${tab}leave out all that can be\$"
	check "fish: levels and no names" not out_has vmlinux
	offered "numbers" "--num-threads=" "--num-threads=8"
	offered "a word that need not be there" "--dry" "--dry-run=exact"
	offered "names" "-l " "my vmcore\$"
	offered "names of an argument" "-x vml" "vmlinux\$"
	offered "folders" "--work-dir fo" "folder/"
	check "fish: folders and no names" not out_has vmlinux
fi
cd "$tmp" || exit 1
test_end
