#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""terminal.py COLUMNS COMMAND...: run a command on a terminal of that width (0: one that does not tell) and print what it
shows, as it is."""
import fcntl
import os
import pty
import struct
import sys
import termios


def main(columns, *command):
    child, master = pty.fork()
    if not child:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24 if int(columns) else 0, int(columns), 0, 0))
        os.execvp(command[0], command)
    try:
        while chunk := os.read(master, 1 << 16):
            sys.stdout.buffer.write(chunk)
    except OSError:
        pass  # that is the end of a terminal
    sys.stdout.flush()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


main(*sys.argv[1:])
