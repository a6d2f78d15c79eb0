#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# gdb takes all idle CPUs of a vmcore for one thread, and shows the registers of the first CPU as those of that thread.
#
# Guess:   four NT_PRSTATUS notes are four threads, each with its own registers.
# In fact: gdb names threads by pr_pid, and the kernel writes there the pid of the task that the CPU ran. Each idle CPU runs a
#          task of pid 0, so three idle CPUs become one thread. Its registers are looked up without a number, which finds those
#          of the first note: here of the CPU that ran task 1234. The registers of no idle CPU can be reached.
# Seen:    gdb 13.1 (Debian 12), 2026-12-01.
# Where:   elfcore_grok_prstatus and _bfd_elfcore_make_pseudosection of BFD name the registers .reg/PID and, the first ones, .reg
#          as well; get_core_register_section in gdb/corelow.c asks for .reg where the number of the thread is 0.
# Matters: to whoever looks at /proc/vmcore or an ELF dump with gdb. The notes are right, and no writer should "repair" them.
. "$(dirname "$0")/common.sh"
guess "four notes, pids 1234 0 0 0, program counters 1000 2000 3000 4000, are four threads with these program counters"
python3 - "$tmp/vmcore" <<'END'
import struct, sys
from dumps import *
notes = b"".join(prstatus(pid, registers=bytes(16 * 8) + struct.pack("<Q", counter))
                 for pid, counter in ((1234, 0x1000), (0, 0x2000), (0, 0x3000), (0, 0x4000)))
open(sys.argv[1], "wb").write(elf64([(DIRECT_MAP, 0, page("A", 16), 16 * PAGE)], notes + vmcoreinfo()))
END
unpack bookworm amd64 gdb=13.1-3
run "$tree" usr/bin/gdb --data-directory="$tree/usr/share/gdb" -nx -batch -ex 'info threads' -c "$tmp/vmcore" 2>&1 |
	grep -E '^(\*| ) ' | sed 's/ *$//' >"$tmp/seen"
verdict <<'END'
  Id   Target Id         Frame
* 1    LWP 1234          0x0000000000001000 in ?? ()
  4    process 1         0x0000000000001000 in ?? ()
END
