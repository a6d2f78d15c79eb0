# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# The checks of tests/readers/run, sourced by it.  Uses its variables: here, dumps, cache, work, sid, tool.

passed=0 failed=0 skipped=0 by_elf=
ok() { passed=$((passed + 1)); echo "ok - $*"; }
skip() { skipped=$((skipped + 1)); echo "ok - $* # SKIP"; }
not_ok() { failed=$((failed + 1)); echo "not ok - $*"; }
show() { head -n "${2:-12}" "$1" | cut -c 1-200 | sed 's/^/#   /'; }

# in_root ROOT CMD...: run CMD in ROOT, or right here where ROOT is empty.  The folders in use are at the same paths.
in_root() {
	_root=$1
	shift
	if [ -z "$_root" ]; then
		"$@" </dev/null
		return
	fi
	mkdir -p "$_root$cache" "$_root$dumps" "$_root$here"
	# A mount name space of its own: nothing stays mounted, whatever happens.
	# shellcheck disable=SC2016
	unshare -m sh -c '
		root=$1 cache=$2 dumps=$3 here=$4
		shift 4
		for d in "$cache" "$dumps" "$here"; do mount --bind "$d" "$root$d" || exit 125; done
		mount -t proc proc "$root/proc" || exit 125
		exec chroot "$root" "$@"' sh "$_root" "$cache" "$dumps" "$here" "$@" </dev/null
}

build_kdf() { # ROOT
	in_root "$1" cc -std=c11 -O2 -D_FILE_OFFSET_BITS=64 -D_DEFAULT_SOURCE -o "$work/kdf_pages${1:+.sid}" \
		"$here/kdf_pages.c" -lkdumpfile
}
kdf() { # ROOT ARGS...
	_r=$1
	shift
	in_root "$_r" "$work/kdf_pages${_r:+.sid}" "$@"
}

# ------------------------------------------------------------------------------------------------ our outputs

# Name of the output, and the options it is made with.  "rearranged" is what -R makes of "flat", "reassembled" is made of
# the pieces of "split", "refiltered" of "lzo1".  "vmemmap" lacks page structures.
outputs='lzo31:-l -d 31
zlib31:-c -d 31
zstd31:-z -d 31
snappy31:-p -d 31
elf31:-E -d 31
lzo1:-l -d 1
flat:-F -l -d 31
rearranged:-R
flat-elf:-F -E -d 31
split:--split -l -d 31
reassembled:--reassemble
refiltered:-l -d 31
vmemmap:-e -l -d 31'

# Its file, or the files of its pieces with a character between them.
files_of() { # DIR OUTPUT SEPARATOR
	case $2 in
	split) echo "$1/split.1$3$1/split.2$3$1/split.3" ;;
	*) echo "$1/$2" ;;
	esac
}

# shellcheck disable=SC2046,SC2086 # options and names are words
make_output() { # OUTPUT OPTIONS VMCORE DIR
	case $1 in
	flat*) "$tool" $2 "$3" >"$4/$1" ;;
	rearranged) "$tool" -R "$4/$1" <"$4/flat" ;;
	split) "$tool" $2 "$3" $(files_of "$4" split ' ') ;;
	reassembled) "$tool" $2 $(files_of "$4" split ' ') "$4/$1" ;;
	refiltered) "$tool" $2 "$4/lzo1" "$4/$1" ;;
	*) "$tool" $2 "$3" "$4/$1" ;;
	esac
}

make_outputs() { # NAME VMCORE DIR
	made=
	while IFS=: read -r out opts; do
		if make_output "$out" "$opts" "$2" "$3" >"$3/$out.log" 2>&1 </dev/null; then
			ok "$1: makedumpfile $opts"
			made="$made $out"
		else
			not_ok "$1: makedumpfile $opts: exit $?"
			tail -n 3 "$3/$out.log" | tr '\r' '\n' | tail -n 3 | sed 's/^/#   /'
			rm -f "$3/$out"
		fi
	done <<EOT
$outputs
EOT
}

# ------------------------------------------------------------------------------------------------ libkdumpfile

# Flattened files are new in libkdumpfile 0.5.2.
kdf_opens_flat() { # ROOT
	case $(kdf "$1" version) in 0.[0-4].* | 0.5.[01]) return 1 ;; esac
}

check_kdf() { # ROOT NAME VMCORE DIR
	_who=libkdumpfile-$(kdf "$1" version)
	kdf "$1" attrs "$3" >"$4/attrs" 2>"$4/err" || { not_ok "$2: $_who: does not open the vmcore itself"; show "$4/err"; return; }
	sets=
	for out in $made; do
		case $out in
		flat*) kdf_opens_flat "$1" || { skip "$2: $out: $_who: does not open flattened files"; continue; } ;;
		esac
		file=$(files_of "$4" "$out" ,)
		claims=$file
		[ "$out" != flat-elf ] || claims=$4/elf31
		if kdf "$1" pages "$file" "$3" "$claims" >"$4/pages" 2>"$4/err"; then
			ok "$2: $out: $_who: $(sed 's/ set.*//' "$4/pages")"
		else
			not_ok "$2: $out: $_who: $(sed 's/ set.*//' "$4/pages")"
			show "$4/err"
		fi
		case $out in *elf* | lzo1 | vmemmap) ;; *) sets="$sets $(sed 's/.* set //' "$4/pages")" ;; esac
		if kdf "$1" attrs "$file" >"$4/attrs.out" 2>&1 && diff "$4/attrs" "$4/attrs.out" >"$4/diff"; then
			ok "$2: $out: $_who: machine, CPUs and VMCOREINFO ($(wc -l <"$4/attrs") values)"
		else
			not_ok "$2: $out: $_who: machine, CPUs and VMCOREINFO"
			show "$4/diff"
		fi
	done
	if [ -n "${sets# }" ] && [ "$(echo "$sets" | tr ' ' '\n' | sed '/^$/d' | sort -u | wc -l)" -eq 1 ]; then
		ok "$2: $_who: kdump-compressed outputs of level 31 have the same pages"
	else
		not_ok "$2: $_who: kdump-compressed outputs of level 31 have not the same pages"
	fi
	case "$made " in *" lzo31 "*" elf31 "*) ;; *) return ;; esac
	if kdf "$1" zeros "$4/lzo31" "$4/elf31" "$3" >"$4/pages" 2>"$4/err"; then
		ok "$2: elf31: $_who: lacks nothing of lzo31 but zero pages: $(cat "$4/pages")"
	else
		not_ok "$2: elf31: $_who: lacks more of lzo31 than zero pages: $(cat "$4/pages")"
		show "$4/err"
	fi
}

# ------------------------------------------------------------------------------------------------ crash

# Each command's output goes to a file of its own.  "foreach bt" is there for dumps of a paused guest, where "bt" has no
# panicking task to show; kmem -s and the commands behind it read much slab memory.
crash_commands='sys
bt
bt -a
foreach bt
log
ps
kmem -i
mod
kmem -s
mount
foreach files
runq
timer
irq
dev
net
swap'

# shellcheck disable=SC2086 # DUMPS are words
crash_run() { # ROOT VMLINUX DUMPS DIR: 0 where crash came to its end
	rm -rf "$4"
	mkdir -p "$4"
	echo "$crash_commands" | while read -r c; do
		echo "$c > $4/$(echo "$c" | tr ' ' _)"
	done >"$4.cmds"
	echo quit >>"$4.cmds"
	# -s leaves out the banner, which names files; HOME, so that no .crashrc of a user has a say.
	in_root "$1" env HOME="$4" TERM=dumb timeout 900 crash -s --no_scroll -i "$4.cmds" "$2" $3 \
		>"$4/session" 2>&1 || { echo "crash: exit status $?" >>"$4/session"; return 1; }
	# What must differ: in "sys" the names of the dump files, and "[PARTIAL DUMP]" behind them, which crash prints where
	# the header's dump level says that pages were left out; and the warning that page structures are missing.
	sed -i -E '/^ *DUMPFILES?: /,/^ *CPUS: /{/^ *CPUS: /!d}' "$4/sys"
	sed -i -e '/^WARNING: .*:$/,/unpredictable runtime behavior/d' -e '/^$/d' "$4/session"
}

# Would equal outputs mean anything?  They must hold what crash is known to find in these dumps.
crash_sane() { # DIR
	grep -q 'RELEASE:' "$1/sys" && grep -q '^ #0 ' "$1/foreach_bt" && grep -q 'Linux version' "$1/log" &&
		[ "$(wc -l <"$1/ps")" -ge 3 ] && grep -q 'TOTAL MEM' "$1/kmem_-i" && grep -q virtio "$1/mod"
}

same_answers() { # OUTPUT DIR
	if [ "$1" = vmemmap ]; then
		diff -r -x kmem_-i "$2/crash.in" "$2/crash.out"
	else
		diff -r "$2/crash.in" "$2/crash.out"
	fi
}

check_crash() { # ROOT NAME VMLINUX VMCORE DIR
	_who=crash-$(in_root "$1" crash --version 2>/dev/null | sed -n 's/^crash //p' | head -n 1)
	if ! crash_run "$1" "$3" "$4" "$5/crash.in" || ! crash_sane "$5/crash.in"; then
		not_ok "$2: $_who: does not read the vmcore itself"
		show "$5/crash.in/session"
		return
	fi
	_lines=$(cat "$5/crash.in"/* | wc -l)
	for out in $made; do
		: >"$5/diff"
		if crash_run "$1" "$3" "$(files_of "$5" "$out" ' ')" "$5/crash.out" && same_answers "$out" "$5" >"$5/diff"; then
			ok "$2: $out: $_who: $(echo "$crash_commands" | wc -l) commands, $_lines lines"
		else
			not_ok "$2: $out: $_who"
			[ -s "$5/diff" ] || cp "$5/crash.out/session" "$5/diff"
			show "$5/diff"
		fi
	done
}

# ------------------------------------------------------------------------------------------------ drgn

drgn_run() { # ROOT VMLINUX DUMP OUT
	in_root "$1" env HOME="$work" timeout 900 drgn -q -c "$3" --no-default-symbols -s "$2" "$here/drgn_probe.py" \
		>"$4" 2>"$4.err" || { echo "drgn: exit status $?" >>"$4.err"; return 1; }
}

# The sections marked with a star must have been found in the vmcore itself.
drgn_sane() { # OUT
	awk '/^== / { name = $0 } /^FAILED/ && name ~ /\*$/ { bad = 1 } END { exit bad || NR < 500 }' "$1"
}

# Where drgn cannot translate addresses of kdump-compressed files (see kernels.tab): through an ELF core of the same pages.
check_drgn_elf() {
	by_elf=1
	check_drgn "$@"
	by_elf=
}

check_drgn() { # ROOT NAME VMLINUX VMCORE DIR
	_who=drgn-$(in_root "$1" drgn --version 2>&1 | sed -nE 's/^drgn ([0-9.]+).*/\1/p')
	if ! drgn_run "$1" "$3" "$4" "$5/drgn.in" || ! drgn_sane "$5/drgn.in"; then
		not_ok "$2: $_who: does not read the vmcore itself"
		show "$5/drgn.in.err"
		grep -B 1 FAILED "$5/drgn.in" | sed 's/^/#   /'
		return
	fi
	_parts="$(grep -c '^== ' "$5/drgn.in") parts, $(grep -c '^FAILED' "$5/drgn.in" || true) of them failing alike"
	for out in $made; do
		: >"$5/diff"
		dump=$5/$out
		[ "$out" != split ] || { skip "$2: $out: $_who: opens one file"; continue; }
		if [ -n "$by_elf" ] && [ "$out" != elf31 ]; then
			case $out in flat-elf) continue ;; esac
			dump=$5/drgn.elf
			kdf "$1" elf "$5/$out" "$4" "$dump" || { not_ok "$2: $out: $_who: no ELF core of it"; continue; }
		fi
		if drgn_run "$1" "$3" "$dump" "$5/drgn.out" && diff "$5/drgn.in" "$5/drgn.out" >"$5/diff"; then
			ok "$2: $out: $_who: $(wc -l <"$5/drgn.in") lines, $_parts"
		elif grep -q 'not an ELF core file' "$5/drgn.out.err" && [ "$out" != "${out#flat}" ]; then
			skip "$2: $out: $_who: does not open flattened files"
		else
			not_ok "$2: $out: $_who"
			[ -s "$5/diff" ] || tail -n 4 "$5/drgn.out.err" >"$5/diff"
			show "$5/diff"
		fi
	done
}

# ------------------------------------------------------------------------------------------------ a dump

vmcore_path() { # NAME: prints where the unpacked dump is
	if [ -e "$dumps/$1.vmcore" ]; then
		echo "$dumps/$1.vmcore"
		return
	fi
	if [ ! -e "$cache/dumps/$1.vmcore" ]; then
		zstd -q -d --long=31 -o "$cache/dumps/$1.part" "$dumps/$1.vmcore.zst" >&2 || return 1
		mv "$cache/dumps/$1.part" "$cache/dumps/$1.vmcore"
	fi
	echo "$cache/dumps/$1.vmcore"
}

build_id_fits() { # VMLINUX VMCORE
	_id=$(kdf "" attrs "$2" | sed -n 's/^linux.vmcoreinfo.lines.BUILD-ID=//p')
	[ -n "$_id" ] && readelf -n "$1" 2>/dev/null | grep -q "Build ID: $_id"
}

check_readers() { # NAME VMCORE DIR
	vmlinux=$cache/vmlinux/$1
	readers=$(awk -v n="$1" '$1 == n { print $5 }' "$here/kernels.tab")
	[ -n "$readers" ] || { skip "$1: crash and drgn: no vmlinux for this kernel"; return; }
	"$here/fetch-vmlinux" "$1" "$cache" || { not_ok "$1: vmlinux cannot be had"; return; }
	build_id_fits "$vmlinux" "$2" || { not_ok "$1: vmlinux has not the build ID of the dump"; return; }
	ok "$1: vmlinux has the build ID of the dump"
	for reader in $(echo "$readers" | tr ',' ' '); do
		root=
		case $reader in
		new-*) root=$sid; [ -n "$root" ] || { skip "$1: $reader: of --sid only"; continue; } ;;
		esac
		program=${reader#new-}
		program=${program%_elf}
		in_root "$root" sh -c "command -v $program" >/dev/null || { skip "$1: $reader: not installed"; continue; }
		"check_${reader#new-}" "$root" "$1" "$vmlinux" "$2" "$3"
	done
}

check_dump() { # NAME
	dir=$work/$1
	mkdir -p "$dir"
	vmcore=$(vmcore_path "$1") || { not_ok "$1: no such dump"; return; }
	make_outputs "$1" "$vmcore" "$dir"
	if [ -n "$made" ]; then
		check_kdf "" "$1" "$vmcore" "$dir"
		[ -z "$sid" ] || check_kdf "$sid" "$1" "$vmcore" "$dir"
		check_readers "$1" "$vmcore" "$dir"
	fi
	[ -n "$keep" ] || rm -rf "$dir"
}
