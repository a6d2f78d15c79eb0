# SPDX-License-Identifier: GPL-2.0-or-later
"""The cases.  Each has contenders that are run in turn: "ours-tN" (N threads), "incumbent" (without threads), "limit-tN"
(the codec alone on the same pages, or the memory touched once), "cp" (the same bytes copied) or "same-tN" (ours with the incumbent's
libraries, where that one brings its own)."""
import os
import subprocess

from . import inputs
from .measure import Contender, planning_steps, said

CODECS = {"raw": [], "lzo": ["-l"], "zlib": ["-c"], "zstd": ["-z"], "snappy": ["-p"]}
LEVELS = (31, 1, 0)


class Case:
    def __init__(self, name, image, build):
        """build(context) returns the contenders, or a text that says why there are none."""
        self.name, self.image, self.build = name, image, build


class Context:
    """What the cases need: programs, paths, and files that some of them share (made when first needed)."""

    def __init__(self, tool, programs, incumbents, work, runner, threads):
        self.tool, self.programs, self.incumbents = tool, programs, incumbents
        self.work, self.runner, self.threads = work, runner, threads
        self.image, self.files = None, {}

    def program(self, name):
        return os.path.join(self.programs, name)

    def ours(self, options, threads, **more):
        return Contender("ours-t%d" % threads,
                         [self.tool, "--num-threads", str(threads), *options, self.image, *output(more)], **more)

    def all_ours(self, options, **more):
        return [self.ours(options, threads, **more) for threads in self.threads]

    def with_its_libraries(self, codec, options):
        """Ours with the compression library of an incumbent that was unpacked from another suite: then the tools are compared,
        not two releases of a library."""
        loader = self.incumbents.get(codec, [])[:-1]
        return [Contender("same-t%d" % threads, [*loader, *self.ours(options, threads).argv]) for threads in (1, 2)] if loader else []

    def incumbent(self, codec, options, **more):
        command = self.incumbents.get(codec)
        return [Contender("incumbent", [*command, *options, self.image, *output(more)], **more)] if command else []

    def check_plan(self):
        """The planned counts are those that the generator says."""
        printed = subprocess.run([self.program("plan_only"), self.image, "31", str(self.threads[-1])], check=True,
                                 stdout=subprocess.PIPE, text=True).stdout
        found = dict(line.split() for line in printed.splitlines())
        for name, value in inputs.expected(self.image).items():
            if int(found[name]) != value:
                raise RuntimeError("the plan says %s %s, the image has %d" % (name, found[name], value))

    def file(self, key, contender, name="shared"):
        """Path of what the contender writes; one of each name at a time, as they may be large."""
        path = os.path.join(self.work, name)
        if self.files.get(name) != key:
            self.files[name] = None
            if not self.runner.once(contender, keep=path):
                raise RuntimeError(contender.error)
            self.files[name] = key
        return path


def output(more):
    return [] if more.get("stdout") else ["{out}"]


def codec_limit(context, level, codec):
    """The limit programs read an uncompressed dump of the same level."""
    raw = context.file((context.image, level), context.ours(["-d", str(level)], context.threads[-1]))
    return [Contender("limit-t%d" % threads, [context.program("limit_codec"), raw, codec, str(threads)], inner=said)
            for threads in (1, 2)]


def copy_limit(context, key, contender, name="shared"):
    return [Contender("cp", ["cp", context.file(key, contender, name), "{out}"])]


def kdump(level, codec):
    def build(context):
        options = ["-d", str(level), *CODECS[codec]]
        contenders = context.all_ours(options) + context.incumbent(codec, options) + context.with_its_libraries(codec, options)
        if codec == "raw":
            return contenders + copy_limit(context, (context.image, level), context.ours(options, 1))
        return (contenders + codec_limit(context, level, codec) +
                copy_limit(context, (context.image, level, codec), context.ours(options, context.threads[-1]), "small"))
    return build


def elf(level):
    def build(context):
        options = ["-E", "-d", str(level)]
        return (context.all_ours(options) + context.incumbent("raw", options) +
                copy_limit(context, (context.image, level, "elf"), context.ours(options, 1)))
    return build


def flattened(level, name, options):
    def build(context):
        every = ["-F", *options, "-d", str(level)]
        contenders = context.all_ours(every, stdout=True) + context.incumbent(name, every, stdout=True)
        if name in ("raw", "elf"):
            return contenders + copy_limit(context, (context.image, level, name, "flat"),
                                           context.ours(every, 1, stdout=True))
        return contenders + codec_limit(context, level, name)
    return build


def rearrange(context):
    """-R of a flattened stream."""
    flat = context.file((context.image, 31, "lzo", "flat"), context.ours(["-F", "-l", "-d", "31"], 1, stdout=True))
    contenders = [Contender("ours-t1", [context.tool, "-R", "{out}"], stdin=flat)]
    if context.incumbents.get("raw"):
        contenders.append(Contender("incumbent", [*context.incumbents["raw"], "-R", "{out}"], stdin=flat))
    return contenders + [Contender("cp", ["cp", flat, "{out}"])]


def refilter(context):
    """A dump of level 1 filtered again to level 31."""
    small = context.file((context.image, 1, "lzo"), context.ours(["-l", "-d", "1"], context.threads[-1]))
    options = ["-l", "-d", "31", small, "{out}"]
    contenders = [Contender("ours-t%d" % threads, [context.tool, "--num-threads", str(threads), *options])
                  for threads in context.threads]
    if context.incumbents.get("lzo"):
        contenders.append(Contender("incumbent", [*context.incumbents["lzo"], *options]))
    return contenders


def dmesg(context):
    contenders = [Contender("ours-t1", [context.tool, "--dump-dmesg", context.image, "{out}"])]
    if context.incumbents.get("raw"):
        contenders.append(Contender("incumbent", [*context.incumbents["raw"], "--dump-dmesg", context.image, "{out}"]))
    return contenders


def plan(context):
    """The planning alone and the limit; the incumbent cannot do it alone, but says how long it took."""
    contenders = plan_alone(context)
    if context.incumbents.get("raw"):
        command = [*context.incumbents["raw"], "--dry-run", "--message-level", "16", "-d", "31", context.image, "{out}"]
        contenders.append(Contender("incumbent", command, inner=planning_steps))
    return contenders


def plan_alone(context):
    context.check_plan()
    contenders = [Contender("ours-t%d" % threads, [context.program("plan_only"), context.image, "31", str(threads)],
                            inner=said)
                  for threads in context.threads]
    for name, mode in (("limit", "mmap"), ("read", "read")):
        contenders += [Contender("%s-t%d" % (name, threads), [context.program("limit_plan"), context.image, str(threads), mode],
                                 inner=said) for threads in (1, 2)]
    return contenders


def incumbent_threads(codec):
    """What the incumbent's own threads do."""
    def build(context):
        options = ["-d", "31", *CODECS[codec]]
        command = context.incumbents.get(codec, [])
        threaded = [Contender("incumbent-t2", [*command, "--num-threads", "2", *options, context.image, "{out}"])]
        return context.all_ours(options) + context.incumbent(codec, options) + (threaded if command else [])
    return build


def all_cases():
    cases = []

    def add(image, what, build):
        cases.append(Case("%s/%s" % (image, what), image, build))

    for image in ("6.1", "7.3", "5g"):
        for level in LEVELS:
            for codec in CODECS:
                add(image, "d%d/%s/kdump" % (level, codec), kdump(level, codec))
            add(image, "d%d/elf" % level, elf(level))
            add(image, "d%d/raw/flat" % level, flattened(level, "raw", []))
            add(image, "d%d/elf/flat" % level, flattened(level, "elf", ["-E"]))
            for codec in ("lzo", "zlib", "zstd", "snappy"):
                add(image, "d%d/%s/flat" % (level, codec), flattened(level, codec, CODECS[codec]))
        for codec in ("lzo", "zlib"):
            add(image, "threads/%s" % codec, incumbent_threads(codec))
        add(image, "plan", plan)
        add(image, "rearrange", rearrange)
        add(image, "refilter", refilter)
        add(image, "dmesg", dmesg)
    for image in ("256g", "256g-shared"):
        add(image, "plan", plan)
    add("16t", "plan", plan_alone)
    add("256g", "d31/lzo/kdump", kdump(31, "lzo"))
    add("256g", "d31/lzo/kdump-e", excluded_memmap)
    add("256g", "d31/raw/kdump", kdump(31, "raw"))
    add("256g", "d31/elf", elf(31))
    return cases


def excluded_memmap(context):
    """-e: struct pages of what is left out are left out as well."""
    options = ["-e", "-l", "-d", "31"]
    return context.all_ours(options) + [c for c in context.incumbent("lzo", ["-l", "-d", "31"])]


# The default is what the targets speak of, and one case of each kind; --full adds the rest.
DEFAULT = (
    "6.1/d31/*", "6.1/d1/lzo/kdump", "6.1/d0/lzo/kdump", "6.1/d0/zlib/kdump", "6.1/d1/elf", "6.1/plan", "6.1/re*", "6.1/dmesg", "6.1/threads/*",
    "7.3/d31/*/kdump", "7.3/d31/elf", "7.3/plan",
    "5g/d31/*/kdump", "5g/d31/elf", "5g/d31/lzo/flat", "5g/d1/lzo/kdump", "5g/d0/raw/kdump", "5g/plan", "5g/rearrange",
    "256g/*", "256g-shared/plan", "16t/plan",
)
QUICK = ("6.1/d31/*/kdump", "6.1/d31/elf", "6.1/plan", "6.1/rearrange", "256g-shared/plan")
