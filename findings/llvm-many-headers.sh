#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# llvm-readelf does not know PN_XNUM: of a core with 70001 program headers it shows 65535, and says nothing.
#
# Guess:   e_phnum 0xffff means that sh_info of section header 0 has the number, as it does for readelf, eu-readelf and gdb.
# In fact: the value is taken as it stands, in LLVM 14 and in LLVM 19. The last 4466 segments are not there, the exit status
#          is 0, and no warning is printed. llvm-objdump, llvm-objcopy and lldb read headers with the same class.
# Seen:    LLVM 14.0.6 (Debian 12) and LLVM 19.1.7 (Debian 13), 2026-12-01.
# Where:   ELFFile::program_headers() in llvm/include/llvm/Object/ELF.h.
# Matters: kernels with much scattered memory and dumps that are cut at every hole (makedumpfile -E) exceed 65534 segments.
. "$(dirname "$0")/common.sh"
guess "70001 program headers, or at least a warning"
python3 - "$tmp/vmcore" <<'END'
import sys
from dumps import *
loads = [(DIRECT_MAP + frame * 2 * PAGE, frame * 2 * PAGE, b"", PAGE) for frame in range(70000)]
open(sys.argv[1], "wb").write(elf64(loads, prstatus(1) + vmcoreinfo()))
END
for release in "bookworm llvm-14=1:14.0.6-12" "trixie llvm-19=1:19.1.7-3+b1"; do
	read -r suite package <<<"$release"
	unpack "$suite" amd64 "$package"
	status=0
	run "$tree" "usr/lib/${package%%=*}/bin/llvm-readobj" --elf-output-style=GNU -l "$tmp/vmcore" >"$tmp/out" 2>"$tmp/error" || status=$?
	echo "${package%%=*}: $(grep 'program headers' "$tmp/out")" | sed 's/, starting.*//' >>"$tmp/seen"
	echo "${package%%=*}: $(grep -c ' LOAD ' "$tmp/out") loads, exit status $status, $(wc -l <"$tmp/error") warnings" >>"$tmp/seen"
	rm -rf "$tree"
done
unpack bookworm amd64 binutils=2.40-2
echo "readelf: $(run "$tree" usr/bin/readelf -lW "$tmp/vmcore" | grep -c ' LOAD ') loads" >>"$tmp/seen"
verdict <<'END'
llvm-14: There are 65535 program headers
llvm-14: 65534 loads, exit status 0, 0 warnings
llvm-19: There are 65535 program headers
llvm-19: 65534 loads, exit status 0, 0 warnings
readelf: 70000 loads
END
