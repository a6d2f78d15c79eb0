#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# drgn reads zeros for a page that is in the file, if a later PT_LOAD claims the same physical address without having data.
#
# Guess:   where two PT_LOADs cover a physical page and only one has its bytes, the bytes win, or the first PT_LOAD does, as in
#          makedumpfile.
# In fact: each PT_LOAD takes its physical range away from those before it, whether it has data there or not. What lies behind
#          p_filesz is zero-filled in kernel dumps (a file with a VMCOREINFO note), so the read succeeds with zeros. With
#          the two program headers swapped the same read gives the bytes.
# Seen:    drgn 0.0.22 (Debian 12) and 0.0.31 (Debian 13), 2026-12-01.
# Where:   drgn_program_set_core_dump_fd in libdrgn/program.c adds one segment for each header, of p_memsz bytes;
#          drgn_memory_reader_add_segment truncates what was there.
# Matters: /proc/vmcore always has such a pair: the kernel text, first, and the RAM it lies in. A writer that saves space by
#          storing the text once must keep the copy in the last PT_LOAD, or make this header end before it.
. "$(dirname "$0")/common.sh"
guess "8 bytes at physical 0x20000 are TTTTTTTT in either order"
python3 - "$tmp" <<'END'
import sys
from dumps import *
text = (0xFFFFFFFF81000000, 0x20000, page("T", 16), 16 * PAGE)
ram = (DIRECT_MAP, 0, page("A", 16), 64 * PAGE)
symbols = VMCOREINFO + b"SYMBOL(swapper_pg_dir)=ffffffff82000000\nKERNELOFFSET=0\nNUMBER(pgtable_l5_enabled)=0\n"
notes = prstatus(1) + vmcoreinfo(symbols)
open(sys.argv[1] + "/text-first", "wb").write(elf64([text, ram], notes))
open(sys.argv[1] + "/ram-first", "wb").write(elf64([ram, text], notes))
END
cat >"$tmp/read.py" <<'END'
import sys, drgn
for name in ("text-first", "ram-first"):
    program = drgn.Program()
    program.set_core_dump(f"{sys.argv[1]}/{name}")
    print(f"{sys.argv[2]}, {name}: {program.read(0x20000, 8, True)}")
END
for release in "bookworm python3-drgn=0.0.22-1" "trixie python3-drgn=0.0.31-1"; do
	read -r suite package <<<"$release"
	unpack "$suite" amd64 "$package"
	python "$tree" "$tmp/read.py" "$tmp" "${package#*=}" >>"$tmp/seen"
done
verdict <<'END'
0.0.22-1, text-first: b'\x00\x00\x00\x00\x00\x00\x00\x00'
0.0.22-1, ram-first: b'TTTTTTTT'
0.0.31-1, text-first: b'\x00\x00\x00\x00\x00\x00\x00\x00'
0.0.31-1, ram-first: b'TTTTTTTT'
END
