#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# labels: long
# shellcheck disable=SC2317 # conditions are called through check
# -x, -i and -g with small kernels: images of the recipes, and for each a file with the symbols and types of its vmlinux
# (tests/tools/mkvmlinux), linked elsewhere by as much as KASLR has moved the image.  Real kernels: tests/real.
. "$(dirname "$0")/lib.sh"
: "${DF_BUILD:?is not set: give the folder of the build}" "${DF_SRC:?is not set: give the source tree}"

recipes=$DF_SRC/tests/fixtures/recipes
mkvmlinux=$DF_SRC/tests/tools/mkvmlinux
kaslr=0x12400000

printf 'int x;\n' >probe.c
if ! ${CC:-cc} -g -nostdlib -static -Wl,-e,0 -o probe probe.c 2>/dev/null ||
	! "$MAKEDUMPFILE" -f -g probe.text -x probe 2>&1 | grep -q 'struct page\|symbol'; then
	echo "ok - kernels from vmlinux # SKIP no compiler, or built without debug information"
	exit 77
fi

info() { strings -n 6 -a "$1" | grep -aE '^(OSRELEASE|BUILD-ID|PAGESIZE|KERNELOFFSET|[A-Z]+\([a-zA-Z_.0-9]+\))=' ; }

# kernel RECIPE [LINE]...: note.vmcore, nonote.vmcore and text, its facts.  In the image as in real kernels: a pointer
# to the table of sections, phys_base, the version.
kernel() {
	local name=$1 mask
	"$DF_BUILD/mkvmcore" "$recipes/$name.txt" plain.vmcore || exit 1
	release=$(info plain.vmcore | sed -n 's/^OSRELEASE=//p')
	version="Linux version $release (me@here) #1 SMP"
	{
		grep -v '^# expect' "$recipes/$name.txt"
		echo "layout kaslr=$kaslr"
		echo 'mem section_pointer u64=@mem_section'
		echo 'mem phys_base u64=@phys_base_value'
		echo "mem linux_banner str=\"$version\" u8=10"
		printf 'fact SYMBOL(%s)=@\n' section_pointer phys_base linux_banner
		mask=$(sed -n 's/^paging.*sme=\(0x[0-9a-f]*\).*/\1/p' "$recipes/$name.txt")
		[ -z "$mask" ] || printf 'mem sme_me_mask u64=%s\nfact SYMBOL(sme_me_mask)=@\n' "$mask"
		shift
		printf '%s\n' "$@"
	} >recipe
	"$DF_BUILD/mkvmcore" recipe note.vmcore || exit 1
	echo 'info none' >>recipe
	"$DF_BUILD/mkvmcore" recipe nonote.vmcore || exit 1
	info note.vmcore >text
}
vmlinux() { # OUT [OPTION]...
	BANNER=$version POINTER=$(sed -n 's/^SYMBOL(section_pointer)=//p' text) KASLR=$kaslr "$mkvmlinux" text "$@"
}
frames() { "$DF_BUILD/dumpcheck" pages "$1" | grep -o 'pfns [0-9a-f]*'; }

# same_dump VMCORE OPTION...: the same bytes as with the note alone; same_frames: the same page frames, as the text of the
# note is in the dump
same_dump() {
	local vmcore=$1 level
	shift
	for level in 31 8; do
		"$MAKEDUMPFILE" --message-level 4 -f -d $level note.vmcore a &&
			run --message-level 4 -f -d $level "$@" "$vmcore" b && cmp -s a b || return 1
	done
}
same_frames() {
	local vmcore=$1 level
	shift
	for level in 31 8; do
		"$MAKEDUMPFILE" --message-level 4 -f -d $level note.vmcore a &&
			run --message-level 4 -f -d $level "$@" "$vmcore" b && [ "$(frames a)" = "$(frames b)" ] || return 1
	done
}
refused() { # STATUS TEXT OPTION...
	local want=$1 what=$2
	shift 2
	run --message-level 4 -f -d 31 "$@" b
	status_is "$want" && err_has "$what" && out_is_empty
}

# What both have is the same in text and generated; GENERATED lines that the text has otherwise are printed.
agree() {
	awk -F= 'NR == FNR { v[$1] = $2; next }
		$1 in v && $1 !~ /^SYMBOL|^KERNELOFFSET/ && v[$1] != $2 { print; bad = 1 } END { exit bad }' text "$1" >"$tmp/out"
}
covers() { # GENERATED KEY...
	local file=$1 key
	shift
	for key; do
		grep -qF -e "$key" "$file" || { echo "$key is missing" >"$tmp/out"; return 1; }
	done
}

kernels="kernel-4.18 kernel-6.12 shape-qemu shape-sme"
[ -n "${DF_SANITIZE:-}" ] || kernels="$kernels kernel-3.14 kernel-4.4 kernel-6.3 kernel-6.6 kernel-6.9 kernel-6.11 kernel-7.3"
for name in $kernels; do
	kernel $name
	vmlinux vmlinux
	check "$name: -x beside the note" same_dump note.vmcore -x vmlinux
	check "$name: -x instead of the note" same_frames nonote.vmcore -x vmlinux
	run --message-level 4 -f -g generated -x vmlinux
	check "$name: -g" status_is 0
	check "$name: what -g says is what the note says" agree generated
	check "$name: -i with what -g made, beside the note" same_dump note.vmcore -i generated
	check "$name: -i with what -g made, instead of the note" same_frames nonote.vmcore -i generated
	check "$name: -i with addresses of the running kernel" same_frames nonote.vmcore -i text
	check "$name: the same beside the note" same_dump note.vmcore -i text
done

# forms of debug information
kernel kernel-6.12
for form in "-gdwarf-2 -gstrict-dwarf" -gdwarf-3 -gdwarf-4 -gdwarf-5 -gz "-gdwarf-4 -fdebug-types-section"; do
	if vmlinux other $form 2>/dev/null; then
		run --message-level 4 -f -g generated -x other
		check "$form" agree generated
		check "$form: all is there" covers generated 'SIZE(page)' 'OFFSET(page.compound_head)' 'LENGTH(zone.free_area)' \
			'LENGTH(node_data)' 'NUMBER(PG_lru)' 'NUMBER(PG_head_mask)' 'NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)' \
			'NUMBER(mem_section_is_pointer)' 'SIZE(nodemask_t)' 'SYMBOL(node_online_map)' BUILD-ID OSRELEASE
	fi
done
# other word sizes and byte orders, where the compilers are there
other_machine() { # NAME OPTION...
	local name=$1
	shift
	POINTER=$(sed -n 's/^SYMBOL(section_pointer)=//p' machine) BANNER=$version "$mkvmlinux" machine other "$@" 2>/dev/null ||
		return 0
	run --message-level 4 -f -g generated -x other
	mv text text.64 && mv machine text
	check "$name" agree generated
	check "$name: all is there" covers generated 'SIZE(page)' 'OFFSET(page.compound_head)' 'LENGTH(node_data)' \
		'NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)' OSRELEASE "SYMBOL(_stext)=$(sed -n 's/^SYMBOL(_stext)=//p' text)"
	mv text.64 text
}
sed 's/=ffffffff/=/; /=ffff8/d' text >machine
other_machine "32 bits" -m32
cp text machine
CC="clang --target=powerpc64-unknown-linux-gnu" other_machine "big endian" -fuse-ld=lld

vmlinux other
objcopy --only-keep-debug other other.debug
[ -n "${DF_SANITIZE:-}" ] || check "a separate debug file" same_dump note.vmcore -x other.debug
check "a separate debug file, without a note" same_frames nonote.vmcore -x other.debug
run --message-level 4 -g new -x other.debug
check "-g needs the release" eval 'status_is 1 && err_has "no release" && no_file new'

# arrays instead of the pointer: up to 4.14, without KASLR
kernel kernel-4.14 "layout kaslr=0"
kaslr=0
BANNER=$version "$mkvmlinux" text vmlinux
kaslr=0x12400000
check "mem_section as an array" same_frames nonote.vmcore -x vmlinux

# other kernels
kernel kernel-6.12
vmlinux vmlinux
sed -i 's/^BUILD-ID=..../BUILD-ID=0000/' text
vmlinux other
check "another build id" refused 1 "of another kernel: its build id" -x other note.vmcore
check "another build id, -i" refused 2 "of another kernel: its build id" -i text note.vmcore
sed '/^BUILD-ID/d; s/^OSRELEASE=.*/OSRELEASE=6.12.1/' text >release
check "another release, -i" refused 2 "its release is '6.12.1', the image's '$release'" -i release note.vmcore
check "another release, without a note" refused 2 "of another kernel" -i release nonote.vmcore
sed '/^BUILD-ID/d' text >text.2 && mv text.2 text
version="Linux version $release (me@here) #2 SMP"
vmlinux other
check "another build of the release" refused 1 "#2 SMP" -x other nonote.vmcore
version="Linux version $release (me@here) #1 SMP"
sed '/^BUILD-ID/d; s/^\(SYMBOL(_stext)=.*\)....$/\11000/; s/^\(SYMBOL(init_uts_ns)=.*\)....$/\15000/' text >moved
check "addresses that do not fit" refused 2 "addresses are not those" -i moved note.vmcore
grep -v 'SYMBOL(init_uts_ns)' text >no-uts
check "where the kernel lies cannot be known" refused 1 "SYMBOL(init_uts_ns)" -i no-uts nonote.vmcore
check "and need not" same_dump note.vmcore -i no-uts

# two kernels of one release, as kexec leaves them
kernel kernel-6.12 "ram 0 64M" "mem p:0x3001000 copy=0x1001000,0x1000" "mem p:0x3005000 copy=0x1005000,0x3000"
vmlinux vmlinux
check "the kernel that ran before is not taken" same_frames nonote.vmcore -x vmlinux

# a text whose page types have the names of flags, as others write it for 6.10 and 6.11
kernel kernel-6.11
vmlinux vmlinux
run --message-level 4 -f -g generated -x vmlinux
sed '/^NUMBER(PAGE_[BHS].*MAPCOUNT/d; s/^NUMBER(PG_lru)=.*/&\nNUMBER(PG_slab)=33554432\nNUMBER(PG_buddy)=1073741824\nNUMBER(PG_hugetlb)=67108864\nLENGTH(pgdat_list)=9223372036854775806/
	/is_pointer\|page_type\|phys_base/d' generated >others
for level in 8 16; do
	run --message-level 4 -f -d $level -i others nonote.vmcore b
	"$MAKEDUMPFILE" --message-level 4 -f -d $level -i generated nonote.vmcore a
	check "types by the names of flags, level $level" eval '[ "$status" = 0 ] && err_is_empty &&
		[ "$(frames a)" = "$(frames b)" ]'
done

# what is no vmlinux, what is no text
check "-x: missing" refused 1 "nothere: No such file" -x nothere note.vmcore
check "-x: no ELF" refused 1 "text is no ELF file" -x text note.vmcore
check "-x: a folder" refused 1 "is no regular file" -x . note.vmcore
check "-x: without types" refused 1 "no struct page" -x probe note.vmcore
strip -g -o stripped vmlinux
check "-x: without debug information" refused 1 "no debug information" -x stripped note.vmcore
strip -o bare vmlinux
check "-x: without symbols" refused 1 "no symbol table" -x bare note.vmcore
head -c 3000 vmlinux >cut
check "-x: cut short" refused 1 "cut ends at byte 3000, before its section headers" -x cut note.vmcore
check "-i: missing" refused 1 "nothere: No such file" -i nothere note.vmcore
yes 'NUMBER(padding_of_a_long_text)=1' | head -c 1100000 | cat text - >long
check "-i: a text that is too long" refused 1 "long is no VMCOREINFO text: it is larger than 1 MiB" -i long note.vmcore
printf '\0' | cat text - >zero
check "-i: a text with a zero byte" refused 1 "zero is no VMCOREINFO text: there are zero bytes in it" -i zero note.vmcore
grep -v OSRELEASE text >no-release
check "-i: a text of no release" refused 1 "no-release is no VMCOREINFO text: it has no line OSRELEASE=" -i no-release note.vmcore
check "-i: no text" refused 1 "vmlinux is no VMCOREINFO text" -i vmlinux note.vmcore
"$DF_BUILD/mkvmcore" "$recipes/kernel-6.12-s390x.txt" s390x.vmcore
check "-x: of another machine" refused 1 "is of another machine" -x vmlinux s390x.vmcore

# -g: the file
run -g new -x vmlinux
check "-g says where" eval 'status_is 0 && err_is_empty && out_is "
The vmcoreinfo is saved to new.

makedumpfile Completed."'
check "-g: mode 0600" [ "$(stat -c %a new)" = 600 ]
run -g new -x vmlinux
check "-g: an existing file" eval 'status_is 1 && err_has "new: File exists"'
run -f -g new -x vmlinux
check "-g: -f overwrites it" status_is 0
run -f -g vmlinux -x vmlinux
check "-g: not over the vmlinux" eval 'status_is 1 && err_has "vmlinux is the input itself"'
run -f -d 31 -x vmlinux note.vmcore vmlinux
check "a dump: not over the vmlinux" eval 'status_is 1 && err_has "vmlinux is the input itself"'
run -g empty -x text
check "-g: nothing is left of a failure" eval 'status_is 1 && no_file empty'
run --message-level 4 --dump-dmesg -f -x vmlinux nonote.vmcore log
check "--dump-dmesg with -x" eval 'status_is 1 && err_has "log" && not err_has "VMCOREINFO"'
printf '%s' "$(cat new)" >unended
run --message-level 4 -f -d 31 -i unended note.vmcore b
check "-i: no newline at the end" status_is 0
run --message-level 4 -f -d 31 -i new note.vmcore reference
for edit in 's/$/\r/' 's/$/ \t/' '1s/^/\xef\xbb\xbf/' '1s/^/\xef\xbb\xbf/; s/$/ \r/'; do
	sed "$edit" new >edited
	run --message-level 4 -f -d 31 -i edited note.vmcore b
	check "-i: edited with $edit" eval 'status_is 0 && err_is_empty && cmp -s reference b'
	run --message-level 4 -f -d 31 -i edited nonote.vmcore b
	check "-i: edited with $edit, without a note" eval 'status_is 0 && err_is_empty'
done
test_end
