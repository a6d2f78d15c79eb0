#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# labels: long
# timeout: 900
# -e: pages of struct pages of what is left out.  Each case is a recipe of tests/builder and the number of pages that must
# go; which ones is worked out by tests/tools/vmemmap_check.py, which reads the vmcore by itself.
# shellcheck disable=SC2317 # conditions are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
build=${DF_BUILD:?is not set: give the folder of the build}
mkvmcore=$build/mkvmcore
dumpcheck=$build/dumpcheck
checker=${DF_SRC:?is not set: give the top of the source tree}/tests/tools/vmemmap_check.py
if ! command -v python3 >/dev/null; then
	echo "skipped: there is no python3"
	exit 77
fi

# make_dumps LEVEL: plain, with (-e) and always (level 0), and the frames that they keep
make_dumps() {
	rm -f plain with threads always
	run --message-level 4 --num-threads 1 -d "$1" vmcore plain
	run --message-level 4 --num-threads 1 -d 0 vmcore always
	run --message-level 4 --num-threads 3 -e -d "$1" vmcore threads
	run --message-level 4 --num-threads 1 -e -d "$1" vmcore with
	for dump in plain with always; do
		"$dumpcheck" pfns $dump >$dump.pfns || return 1
	done
}
judged() { # LEFT: how many are left out
	status_is 0 && cmp -s with threads || return 1
	"$dumpcheck" pages with vmcore >pages || { cat pages; return 1; }
	python3 "$checker" vmcore plain.pfns with.pfns always.pfns >verdict || { sed 's/^/# /' verdict; return 1; }
	grep -q "^left out $1, " verdict || { sed 's/^/# /' verdict; return 1; }
}
# The header's status, little-endian: bit 4 says that such pages are missing.
status_word() { od -A n -t u4 --endian="$2" -j 424 -N 4 "$1" | tr -d ' '; }
said() { # LEFT BYTE-ORDER TEXT
	[ $(($(status_word plain "$2") & 16)) -eq 0 ] || return 1
	if [ "$1" -gt 0 ]; then
		[ $(($(status_word with "$2") & 16)) -ne 0 ] && ! err_has "no struct pages"
	else
		cmp -s plain with && err_has "no struct pages are left out: $3"
	fi
}
# recipe NAME LEFT [TEXT [BYTE-ORDER]], the recipe on standard input
recipe() {
	cat >recipe
	"$mkvmcore" recipe vmcore || { check "$1" false; return; }
	make_dumps 31
	check "$1: $2 pages go" judged "$2"
	check "$1: the header and the messages say so" said "$2" "${4:-little}" "${3:-each page of them is also about}"
}

# 64 struct pages of 64 bytes to a page.
recipe "small pages" 24 <<-END
	preset 6.1
	compound 0x200 order=9 kind=thp
	buddy 0x400 order=9
	page 0x800-0x9ff kind=file
END
recipe "begin and end in the middle of a page" 4 <<-END
	preset 6.1
	page 0x201-0x2ff kind=file
	page 0x400-0x441 kind=anon
END
recipe "a page of another kind in the middle" 7 <<-END
	preset 6.1
	page 0x400-0x49f kind=file
	page 0x4a0 kind=slab
	page 0x4a1-0x5ff kind=file
END
recipe "large pages, PAT and protection keys in their entries" 16 <<-END
	preset 6.1
	paging direct=1G kernel=2M vmemmap=2M leafbits=0x6800000000001000
	compound 0x200 order=9 kind=thp
	buddy 0x400 order=9
END
recipe "structs of 56 bytes, over the borders of pages" 13 <<-END
	preset 2.6.32-el6
	compound 0x200 order=9 kind=thp
	page 0x401-0x602 kind=anon
	page 0x701-0x74a kind=file
END
recipe "five levels, structs far from each other" 24 <<-END
	preset 7.3
	ram 0 32M
	ram 0x1900000000 16M
	ram 0x2180000000 16M
	paging levels=5
	memmodel sparse-extreme phys_bits=52
	layout kernel=16M
	buddy 0x400 order=9
	compound 0x1900200 order=9 kind=thp
	compound 0x2180200 order=9 kind=thp
END
recipe "holes of 64 GiB and more" 24 <<-END
	preset 6.1
	ram 0 32M
	ram 0x2100000000 16M
	ram 0x2180000000 16M
	paging vmemmap=2M
	layout kernel=16M
	buddy 0x400 order=9
	compound 0x2100200 order=9 kind=thp
	page 0x2180200-0x21803ff kind=file
END
recipe "s390x" 16 "" big <<-END
	machine s390x
	preset 6.12-s390x
	compound 0x200 order=9 kind=thp
	buddy 0x400 order=9
END

# ---- pages that are mapped several times
recipe "shared tails of huge pages up to 7.0: one page each" 2 <<-END
	preset 6.1
	compound 0x200 order=9 kind=hugetlb hvo
	compound 0x400 order=9 kind=pool hvo
END
recipe "the same, but one of them is in doubt" 1 <<-END
	preset 6.1
	compound 0x200 order=9 kind=hugetlb hvo
	compound 0x400 order=9 kind=pool hvo
	page 0x400 order=10
END
recipe "shared tails from 7.1 on: one page for all" 4 <<-END
	preset 7.3
	compound 0x200 order=9 kind=hugetlb hvo
	compound 0x400 order=9 kind=pool hvo
	compound 0x600 order=9 kind=hugetlb hvo
END
recipe "the same, but one user is kept" 2 <<-END
	preset 7.3
	compound 0x200 order=9 kind=hugetlb hvo
	compound 0x400 order=9 kind=pool hvo
	compound 0x600 order=9 kind=slab hvo
END
recipe "shared with pages that are not in the image" 7 <<-END
	preset 6.1
	ram 0 64M
	load kernel
	load 0 0x3000000
	load 0x3800000 8M
	buddy 0x400 order=9
	share 0x3100+64 with=0x440
END
recipe "shared with pages of which the image has not even one of the chunk" 7 <<-END
	preset 6.1
	memmodel sparse-extreme section_bits=30
	ram 0 256M zero
	layout alloc_end=64M
	load kernel
	load 0 64M
	buddy 0x400 order=9
	share 0xa000+64 with=0x440
END
recipe "shared with pages behind the end of the image" 7 <<-END
	preset 6.1
	memmodel sparse-extreme section_bits=28
	ram 0 64M
	layout alloc_end=32M
	load kernel
	load 0 32M
	buddy 0x400 order=9
	share 0x3000+64 with=0x440
END
recipe "shared with pages of which nothing says that they may go" 7 <<-END
	preset 6.1
	buddy 0x400 order=9
	share 0x800+64 with=0x440
END
# as the frame of a struct page it is the kernel's, so that nothing is left out as user data
recipe "onto a frame that looks like user memory (where the struct page of 0x440 is)" 8 <<-END
	preset 6.1
	buddy 0x400 order=9
	compound 0x800 order=9 kind=thp
	page 0x1f8d kind=anon
END

# ---- frames that are left out at every level
recipe "poisoned pages: their structs stay" 23 <<-END
	preset 6.1
	compound 0x200 order=9 kind=thp
	page 0x217 flags=+hwpoison
	page 0x400-0x7ff kind=anon
END
recipe "offline pages" 8 <<-END
	preset 6.1
	page 0x400-0x5ff kind=offline
END

# ---- unreadable, damaged, of another form
recipe "some structs are not mapped" 7 <<-END
	preset 6.1
	buddy 0x400 order=9
	unmap 0x440+64
END
recipe "a section is not where it must be" 0 "memory sections are not where they must be" <<-END
	preset 6.12
	ram 0 256M zero
	layout alloc_end=64M
	section 1 word=0xffffea0000100003
	load kernel
	load 0 64M
	load 128M 1M
	buddy 0x400 order=9
END
recipe "SPARSEMEM without a virtual memory map: whole pages only" 16 <<-END
	preset 6.1
	memmodel sparse memmap=direct section_bits=22 phys_bits=36
	compound 0x200 order=9 kind=thp
	buddy 0x400 order=9
END
recipe "the same in pages of 1 GiB" 16 <<-END
	preset 6.1
	paging direct=1G
	memmodel sparse-extreme memmap=direct
	compound 0x200 order=9 kind=thp
	buddy 0x400 order=9
END
recipe "FLATMEM" 0 "the struct pages are one array" <<-END
	preset 6.1
	memmodel flat
	compound 0x200 order=9 kind=thp
	buddy 0x400 order=9
END
recipe "an unknown machine" 0 "pages cannot be told apart" <<-END
	machine arm64
	preset 6.12
	buddy 0x400 order=9
END
recipe "nothing is left out" 0 <<-END
	preset 6.1
END

# The second piece of memory has a root entry of its own; ELF, because a bitmap of 32 TiB is large.
table_is_missing() {
	rm -f plain with
	run --message-level 4 -E -d 31 vmcore plain
	run --message-level 4 -E -e -d 31 vmcore with
	cmp plain with && err_has "no struct pages are left out: a page table of the memory map cannot be read"
}
for entry in 0x3ffffff000067 0x0; do
	"$mkvmcore" - vmcore <<-END
		preset 6.1
		ram 0 32M
		ram 0x200000000000 16M
		layout kernel=16M
		memmodel sparse-extreme phys_bits=46
		buddy 0x400 order=9
		mem swapper_pg_dir+3752 u64=$entry
	END
	[ $entry = 0x0 ] || check "a page table is missing: nothing goes" table_is_missing
done
sees_the_rest() {
	run -f --message-level 20 -E -e -d 31 vmcore with
	status_is 0 && out_has "Page structures         : 0x0000000000000008"
}
check "nothing is mapped there: no table is missing" sees_the_rest

# ---- other levels and outputs
"$mkvmcore" - vmcore <<-END
	preset 6.1
	compound 0x200 order=9 kind=thp
	buddy 0x400 order=9
	page 0x800-0x9ff kind=file
END
for level in 2 8 16; do
	make_dumps $level
	check "level $level: its own pages" judged 8
done
make_dumps 0
check "level 0: nothing" judged 0
kept_in_elf() { # the same set, but for short gaps
	run -E --message-level 4 -e -d 30 vmcore elf
	status_is 0 && err_is_empty && "$dumpcheck" pages elf vmcore >pages && "$dumpcheck" pfns elf >elf.pfns
}
check "ELF" kept_in_elf
check "-e with --work-dir, which is not used" eval 'run -e --work-dir /nonexistent -d 31 vmcore dump; status_is 0'
reported() { out_has "Page structures         : 0x0000000000000018" && out_has "Remaining pages"; }
run -f -e --message-level 16 -d 31 vmcore dump
check "the report counts them" reported
flat_is_same() {
	run -f -e -d 31 vmcore dump
	"$MAKEDUMPFILE" -F -e -d 31 vmcore 2>/dev/null | "$MAKEDUMPFILE" -R again >/dev/null 2>&1
	cmp dump again
}
check "-F and -R make the same file" flat_is_same
test_end
