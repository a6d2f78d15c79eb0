#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Run a command and send it a signal in the middle of its output.  Prints the command's exit status, as a
shell sees it.

interrupt.py file SIGNAL OUTPUT BYTES COMMAND...    as soon as OUTPUT has BYTES; "finished N" where it never came to that
interrupt.py stream SIGNAL OUTPUT BYTES COMMAND...  standard output is a pipe that is read into OUTPUT; after BYTES the
                                                    signal, then the rest.  The pipe is full and the command waits in
                                                    write() by then, so this needs no luck.
"""
import os
import signal
import subprocess
import sys


def default_signals():
    """A test that runs in the background of a shell inherits SIGINT as ignored, and the command would keep that."""
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, signal.SIG_DFL)


def start(command, **more):
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=default_signals, **more)


def in_shell(status):
    return 128 - status if status < 0 else status


def size(path):
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def into_file(number, output, amount, command):
    with start(command) as child:
        while size(output) < amount:
            try:
                child.wait(0.002)
            except subprocess.TimeoutExpired:
                continue
            print("finished", in_shell(child.returncode))
            return
        child.send_signal(number)
        print(in_shell(child.wait()))


def into_stream(number, output, amount, command):
    with start(command, stdout=subprocess.PIPE) as child, open(output, "wb") as f:
        f.write(child.stdout.read(amount))
        child.send_signal(number)
        while chunk := child.stdout.read(1 << 16):
            f.write(chunk)
        print(in_shell(child.wait()))


def main(mode, name, output, amount, *command):
    number = getattr(signal, "SIG" + name)
    {"file": into_file, "stream": into_stream}[mode](number, output, int(amount), list(command))


main(*sys.argv[1:])
