#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Run a command, send it a signal when it waits, and print its exit status as a shell sees it.

interrupted.py [OPTION]... SIGNAL COMMAND...
  --input FILE    standard input is a pipe that brings this file and does not end; default: /dev/null
  --full          standard output is a pipe that is full until the signal was sent; what the command wrote goes to "saved"
  --ignored       the signal is ignored when the command starts
  --twice         the signal is sent until the command ends
  --group         the command leads a process group, and all of it gets the signal, as from a terminal; it is "makedumpfile"
                  below it that waits
"""
import argparse
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--input")
    for flag in ("--full", "--ignored", "--twice", "--group"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("signal")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    return parser.parse_args()


def field(pid, name):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next((line.split(":", 1)[1].strip() for line in f if line.startswith(name + ":")), "")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as f:
        return [int(p) for p in f.read().split()]


def waits(pid, number, ignored):
    """It has come as far as its handlers, and sleeps."""
    mask = int(field(pid, "SigIgn" if ignored else "SigCgt"), 16)
    pipe_ignored = int(field(pid, "SigIgn"), 16) >> (signal.SIGPIPE - 1) & 1
    return mask >> (number - 1) & 1 and pipe_ignored and field(pid, "State").startswith("S")


def until_it_waits(child, number, opts):
    calm = 0
    for _ in range(2000):
        time.sleep(0.01)
        try:
            pids = children(child.pid) if opts.group else [child.pid]
            calm = calm + 1 if pids and all(waits(p, number, opts.ignored) for p in pids) else 0
        except OSError:
            calm = 0
        if calm == 10 or child.poll() is not None:
            return


def feed(fd, name):
    with open(name, "rb") as f, os.fdopen(os.dup(fd), "wb") as to:
        try:
            to.write(f.read())
        except BrokenPipeError:
            pass


def full_pipe():
    r, w = os.pipe()
    flags = fcntl.fcntl(w, fcntl.F_GETFL)
    fcntl.fcntl(w, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    size = 0
    try:
        while True:
            size += os.write(w, b"\0" * 4096)
    except BlockingIOError:
        fcntl.fcntl(w, fcntl.F_SETFL, flags)
    return r, w, size


def main():
    opts = arguments()
    number = getattr(signal, "SIG" + opts.signal)

    def before():
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(s, signal.SIG_DFL)
        if opts.ignored:
            signal.signal(number, signal.SIG_IGN)

    stdin = feeder = None
    if opts.input:
        stdin, feeder = os.pipe()
    r, w, size = full_pipe() if opts.full else (None, None, 0)
    child = subprocess.Popen(opts.command, stdin=stdin if opts.input else subprocess.DEVNULL, stdout=w,
                             preexec_fn=before, start_new_session=opts.group)
    if opts.input:
        threading.Thread(target=feed, args=(feeder, opts.input), daemon=True).start()
    if opts.full:
        os.close(w)
    until_it_waits(child, number, opts)
    for _ in range(20 if opts.twice else 1):
        (os.killpg if opts.group else os.kill)(child.pid, number)
        if opts.twice:
            time.sleep(0.05)
        if child.poll() is not None:
            break
    if opts.ignored and opts.input:
        os.close(feeder)
    if opts.full:
        with os.fdopen(r, "rb") as f, open("saved", "wb") as to:
            f.read(size)
            to.write(f.read())
    status = child.wait(20)
    print(128 - status if status < 0 else status)
    sys.stdout.flush()
    os._exit(0)  # the feeder may wait for ever


main()
