#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Types lines into an interactive shell and says what came of them, for the test of completions.

usage: typed.py bash|zsh COMPLETION   lines on standard input; "<TAB>" in them is the key

For each line: what the shell printed up to its next prompt.  makedumpfile is a function that prints its arguments, one in
brackets each, so that a line that was completed shows as "[--num-threads]".
"""
import os
import pty
import select
import sys
import time

READY = "at-your-service>"
TIMEOUT = 60  # seconds; a machine may be busy
PRINTER = "makedumpfile() { printf '[%s]' \"$@\"; echo; }"


def bash(completion):
    return ["bash", "--norc", "--noprofile", "-i"], [
        "PS1='at-your''-service>' PS2=",
        "bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; bind 'set completion-query-items 0'",
        f"source '{completion}'",
        PRINTER,
    ]


def zsh(completion):
    return ["zsh", "-f", "-i"], [
        "unsetopt prompt_cr prompt_sp beep; PROMPT='at-your''-service>' PROMPT2=",
        f"fpath=('{os.path.dirname(completion)}' $fpath); autoload -Uz compinit; compinit -u -D",
        "compdef _makedumpfile makedumpfile",
        PRINTER,
    ]


class Shell:
    """A shell behind a terminal."""

    def __init__(self, command):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.environ.update(TERM="dumb", INPUTRC="/dev/null", HISTFILE="", LC_ALL="C", COLUMNS="500")
            os.execvp(command[0], command)
        self.seen = ""

    def read_until(self, end):
        """What comes before `end`, which is taken out."""
        deadline = time.monotonic() + TIMEOUT
        while end not in self.seen:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                sys.exit(f"typed.py: no {end!r} in: {self.seen!r}")
            try:
                self.seen += os.read(self.fd, 65536).decode(errors="replace")
            except OSError:
                sys.exit(f"typed.py: the shell has gone: {self.seen!r}")
        text, self.seen = self.seen.split(end, 1)
        return text

    def type(self, line):
        """Type a line and the key Enter; what was printed up to the next prompt."""
        os.write(self.fd, line.encode() + b"\n")
        return self.read_until(READY)


def main():
    command, settings = {"bash": bash, "zsh": zsh}[sys.argv[1]](sys.argv[2])
    shell = Shell(command)
    shell.type(settings[0])
    for line in settings[1:]:
        shell.type(line)
    for line in sys.stdin.read().splitlines():
        print(shell.type(line.replace("<TAB>", "\t")).replace("\r", ""))


main()
