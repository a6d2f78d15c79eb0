# SPDX-License-Identifier: GPL-2.0-or-later
"""Alternating runs of several commands: A B C A B C …, each a whole process, and what they took."""
import os
import re
import statistics
import subprocess


class Contender:
    """A command that takes part in a case.

    argv: the command; "{out}" is replaced by the path of its output, which is removed before each run.
    stdin: a file to read; stdout: True where the output is what it prints.
    inner: a function for programs that say themselves how long it took: of all that was printed, (wall, cpu)."""

    def __init__(self, name, argv, stdin=None, stdout=False, inner=None):
        self.name, self.argv, self.stdin, self.stdout, self.inner = name, argv, stdin, stdout, inner
        self.wall, self.cpu, self.rss, self.size, self.error = [], [], 0, None, None

    def summary(self):
        result = {"argv": self.argv, "wall": self.wall, "cpu": self.cpu, "rss_kib": self.rss, "bytes": self.size}
        if self.error:
            result["error"] = self.error
        if self.wall:
            result.update(wall_median=statistics.median(self.wall), wall_best=min(self.wall),
                          cpu_median=statistics.median(self.cpu), cpu_best=min(self.cpu))
        return result


def said(text):
    """Of the limit programs."""
    words = dict(line.split() for line in text.splitlines())
    return float(words["seconds"]), float(words["cpu"])


def planning_steps(text):
    """What the incumbent reports (message level 16) as spent on all but copying; it has only one thread."""
    steps = re.findall(r"STEP \[(.*?)\s*\] : ([0-9.]+) seconds", text)
    total = sum(float(seconds) for name, seconds in steps if not name.startswith("Copying"))
    return total, total


def read(path):
    """Text of a file; progress lines end in carriage returns."""
    with open(path, errors="replace") as stream:
        return stream.read().replace("\r", "\n")


def last_line(path):
    """The last line that says something."""
    lines = [line.strip() for line in read(path).split("\n")]
    lines = [line for line in lines if line]
    return lines[-1][:200] if lines else ""


def remove(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


class Runner:
    def __init__(self, timeit, work):
        """timeit: the command, with its options."""
        self.timeit, self.work = timeit, work

    def once(self, contender, keep=None):
        """One run; the output is removed, or becomes the file "keep"."""
        out, printed, errors = (os.path.join(self.work, name) for name in ("out", "printed", "errors"))
        remove(out)
        command = [*self.timeit, "-o", out if contender.stdout else printed, "-e", errors]
        if contender.stdin:
            command += ["-i", contender.stdin]
        command += [out if argument == "{out}" else argument for argument in contender.argv]
        result = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.split()
        wall, user, system, rss, status = (*map(float, result[:3]), int(result[3]), int(result[4]))
        if status:
            contender.error = "status %d: %s" % (status, last_line(errors) or last_line(printed))
            remove(out)
            return False
        cpu = user + system
        if contender.inner:
            wall, cpu = contender.inner(read(printed) + read(errors))
        contender.wall.append(wall)
        contender.cpu.append(cpu)
        contender.rss = max(contender.rss, rss)
        if os.path.exists(out):
            contender.size = os.stat(out).st_size
            if keep:
                os.replace(out, keep)
        remove(out)
        return True

    def alternate(self, contenders, rounds, seconds):
        """A round to warm up, which does not count; then rounds until there are enough or the time is used up, but three at
        least, or one where the first took all the time.  Every round begins with another contender."""
        for contender in contenders:
            self.once(contender)
        least = 1 if sum(sum(c.wall) for c in contenders) > seconds else 3
        for contender in contenders:
            contender.wall, contender.cpu, contender.rss = [], [], 0
        contenders = [c for c in contenders if not c.error]
        spent = 0.0
        for number in range(rounds):
            if not contenders or (number >= least and spent > seconds):
                break
            shift = number % len(contenders)
            for contender in contenders[shift:] + contenders[:shift]:
                if self.once(contender):
                    spent += contender.wall[-1]
                else:
                    return


def ratio(a, b, what="wall"):
    """Median over the rounds of a's time divided by b's in the same round: slow drifts of the machine cancel out."""
    pairs = [(x, y) for x, y in zip(getattr(a, what), getattr(b, what)) if y > 0]
    return statistics.median(x / y for x, y in pairs) if pairs else None


def busy_ticks():
    """CPU seconds that the machine spent on anything, and those of finished children of this process."""
    with open("/proc/stat") as stream:
        fields = [int(field) for field in stream.readline().split()[1:9]]
    ticks = sum(fields) - fields[3] - fields[4]
    times = os.times()
    own = times.children_user + times.children_system + times.user + times.system
    return ticks / os.sysconf("SC_CLK_TCK"), own
