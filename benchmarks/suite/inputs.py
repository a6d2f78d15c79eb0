# SPDX-License-Identifier: GPL-2.0-or-later
"""The images that are measured: unpacked or generated once, into a cache outside the tree."""
import os
import subprocess
import sys

# name: (file in the folder of real dumps, or None; arguments of gen_vmcore)
INPUTS = {
    "6.1": ("amd64-6.1-kdump", None),
    "7.3": ("amd64-7.3-kdump", None),
    "5g": (None, ["real", "6G"]),
    "256g": (None, ["scale", "256G"]),
    "256g-shared": (None, ["scale-shared", "256G"]),
    "16t": (None, ["scale-shared", "16T"]),
}


def cache_dir():
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.environ.get("DF_BENCH_CACHE") or os.path.join(home, "libdumpfilter-bench")


class Inputs:
    def __init__(self, vmcores, programs):
        self.vmcores, self.programs, self.cache = vmcores, programs, cache_dir()
        self.missing = {}

    def get(self, name):
        """Path of an input, or None with the reason in self.missing."""
        dump, arguments = INPUTS[name]
        path = os.path.join(self.cache, (dump or name) + ".vmcore")
        if name in self.missing:
            return None
        os.makedirs(self.cache, exist_ok=True)
        try:
            if dump:
                self.unpack(dump, path)
            else:
                self.generate(arguments, path)
        except (OSError, subprocess.CalledProcessError) as error:
            self.missing[name] = str(error)
            print("input %s is left out: %s" % (name, error), file=sys.stderr)
            return None
        return path

    def unpack(self, dump, path):
        packed = os.path.join(self.vmcores or "", dump + ".vmcore.zst")
        plain = os.path.join(self.vmcores or "", dump + ".vmcore")
        if os.path.exists(path):
            return
        if self.vmcores and os.path.exists(plain):
            os.symlink(os.path.abspath(plain), path)
            return
        if not self.vmcores or not os.path.exists(packed):
            raise OSError("no %s.vmcore.zst (see --vmcores)" % dump)
        subprocess.run(["zstd", "-dq", "--long=29", "-f", packed, "-o", path + ".new"], check=True)
        os.replace(path + ".new", path)

    def generate(self, arguments, path):
        """Made again whenever the generator is newer."""
        program = os.path.join(self.programs, "gen_vmcore")
        if os.path.exists(path) and os.path.getmtime(path) >= os.path.getmtime(program):
            return
        print("making %s …" % path, file=sys.stderr)
        with open(path + ".expect", "w") as expect:
            subprocess.run([program, *arguments, path + ".new"], check=True, stdout=expect)
        os.replace(path + ".new", path)



def expected(path):
    """What the generator says about its image: numbers by name; {} for real dumps."""
    try:
        with open(path + ".expect") as stream:
            return {key: int(value) for key, value in (line.split() for line in stream)}
    except FileNotFoundError:
        return {}


def warm(path):
    """Into the page cache; only the parts of a sparse file that have data."""
    with open(path, "rb", buffering=0) as stream:
        at, end, buffer = 0, os.fstat(stream.fileno()).st_size, bytearray(1 << 20)
        while at < end:
            try:
                at = os.lseek(stream.fileno(), at, os.SEEK_DATA)
                stop = os.lseek(stream.fileno(), at, os.SEEK_HOLE)
            except OSError:
                break
            os.lseek(stream.fileno(), at, os.SEEK_SET)
            while at < stop:
                count = stream.readinto(memoryview(buffer)[:min(len(buffer), stop - at)])
                if not count:
                    return
                at += count
