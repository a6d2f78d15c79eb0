# SPDX-License-Identifier: GPL-2.0-or-later
"""
Run by drgn (prog is defined): prints what drgn finds in a dump, as text for diff.

    drgn -q -c DUMP --no-default-symbols -s VMLINUX drgn_probe.py

It keeps to what the kernel itself owns: user pages, page cache and free pages are what a filter leaves out.  A part that
drgn cannot do for a kernel or machine prints one line "FAILED" and the reason; the same must then happen with each
dump of that memory.  Sections that run() in tests/readers/run insists on are marked with a star.
"""

import zlib

import drgn
from drgn.helpers import linux as hl

MAX_FRAMES = 64
# drgn looks at every page of memory once per cache: of all two hundred caches that takes minutes.
SLAB_CACHES = (
    "task_struct",
    "mm_struct",
    "signal_cache",
    "filp",
    "dentry",
    "inode_cache",
    "kernfs_node_cache",
    "radix_tree_node",
    "kmalloc-64",
    "kmalloc-1k",
)


def section(name, lines):
    print(f"== {name}")
    try:
        for line in lines():
            print(line)
    except Exception as e:  # drgn raises anything from FaultError to AttributeError where a layout is new to it
        print(f"FAILED {type(e).__name__}: {str(e)[:200]}")


def text(s):
    return s.decode("utf-8", "backslashreplace")


def cstr(obj):
    return text(obj.string_())


def tasks():
    return sorted(hl.for_each_task(prog), key=lambda t: (t.pid.value_(), t.value_()))


def uname():
    name = prog["init_uts_ns"].name
    for field in ("sysname", "nodename", "release", "version", "machine", "domainname"):
        yield f"{field} {cstr(getattr(name, field))}"
    yield f"platform {prog.platform}"


def cpus():
    online = list(hl.for_each_online_cpu(prog))
    yield f"{len(online)} online: {online}"
    yield f"possible: {list(hl.for_each_possible_cpu(prog))}"


def task_list():
    for t in tasks():
        yield f"{t.pid.value_()} {t.tgid.value_()} {hl.task_state_to_char(t)} {t.value_():#x} {cstr(t.comm)}"


def find_by_pid():
    for t in tasks():
        if t.pid.value_():  # through the pid namespace's radix tree
            yield f"{t.pid.value_()} {hl.find_task(prog, t.pid).value_():#x}"


def frames(trace):
    """Up to the first frame that is no function of the kernel: behind it is the stack of a user program, which a filter
    may leave out, or what an unwinder makes of a task that was running."""
    for n, frame in enumerate(list(trace)[:MAX_FRAMES]):
        try:
            function = frame.symbol().name
        except LookupError:
            break
        yield f"  #{n} {frame.name} in {function} {frame.pc:#x}"


def stack_of(thread):
    try:
        return list(frames(prog.stack_trace(thread)))
    except Exception as e:
        return [f"  {type(e).__name__}: {str(e)[:200]}"]


def stacks():
    for t in tasks():
        yield f"{t.pid.value_()} {cstr(t.comm)}"
        yield from stack_of(t)


def crashed():
    thread = prog.crashed_thread()
    yield f"tid {thread.tid}"
    yield from frames(thread.stack_trace())


def kernel_log():
    from drgn.helpers.linux.printk import get_dmesg

    yield text(get_dmesg(prog))


def modules():
    for m in hl.list_for_each_entry("struct module", prog["modules"].address_of_(), "list"):
        yield f"{cstr(m.name)} {m.value_():#x} state {m.state.value_()} refs {m.refcnt.counter.value_()}"


def memory_maps():
    for t in tasks():
        if t.mm and t.pid == t.tgid:
            yield f"{t.pid.value_()} {cstr(t.comm)}"
            for v in hl.for_each_vma(t.mm):
                yield f"  {v.vm_start.value_():x}-{v.vm_end.value_():x} {v.vm_flags.value_():x}"


def page_tables():
    """Where the first page of each mapping lies: walks user page tables, which are kernel pages."""
    if prog.platform.arch == drgn.Architecture.S390X:
        # drgn 0.3.0 reads 16 KiB there, the size of the tables above, where a page table has 2: what lies behind it may
        # well be left out.
        yield "not on s390x"
        return
    for t in tasks():
        if not t.mm or t.pid != t.tgid:
            continue
        for v in hl.for_each_vma(t.mm):
            try:
                where = f"{hl.follow_phys(t.mm, v.vm_start).value_():#x}"
            except Exception as e:
                where = type(e).__name__
            yield f"{t.pid.value_()} {v.vm_start.value_():x} {where}"


def files():
    for t in tasks():
        if t.files and t.pid == t.tgid:
            for fd, f in hl.for_each_file(t):
                yield f"{t.pid.value_()} {fd} {text(hl.d_path(f.f_path))}"


def mounts():
    for m in hl.for_each_mount(prog):
        yield f"{text(hl.mount_src(m))} {text(hl.mount_dst(m))} {text(hl.mount_fstype(m))}"


def disks():
    for d in hl.for_each_disk(prog):
        yield f"{text(hl.disk_name(d))} {d.value_():#x}"


def net_devices():
    for d in hl.list_for_each_entry("struct net_device", prog["init_net"].dev_base_head.address_of_(), "dev_list"):
        yield f"{cstr(d.name)} {d.value_():#x}"


def slab_caches():
    for c in sorted(hl.for_each_slab_cache(prog), key=lambda c: c.value_()):
        yield f"{cstr(c.name)} {c.value_():#x} size {c.size.value_()} object {c.object_size.value_()}"


def slab_objects():
    """Every allocated object of some caches: finds the slab pages by their struct pages and reads what is in them."""
    for name in SLAB_CACHES:
        c = hl.find_slab_cache(prog, name)
        if c is None:
            yield f"{name}: no such cache"
            continue
        size = c.object_size.value_()
        count = crc = 0
        try:
            for obj in hl.slab_cache_for_each_allocated_object(c, "unsigned char"):
                crc = zlib.crc32(prog.read(obj.value_(), size), crc)
                count += 1
            yield f"{name}: {count} objects, crc {crc:08x}"
        except Exception as e:
            yield f"{name}: after {count} objects, crc {crc:08x}: {type(e).__name__} {str(e)[:200]}"


def zones():
    for node in hl.for_each_online_node(prog):
        try:
            data = prog["node_data"][node]
        except KeyError:  # a kernel without NUMA
            data = prog["contig_page_data"].address_of_()
        for z in data.node_zones:
            free = [a.nr_free.value_() for a in z.free_area]
            yield f"{node} {cstr(z.name)} present {z.present_pages.value_()} free {free}"


def cgroups():
    root = prog["cgrp_dfl_root"].cgrp.self.address_of_()
    for css in hl.css_for_each_descendant_pre(root):
        yield text(hl.cgroup_path(css.cgroup))


section("uname*", uname)
section("cpus*", cpus)
section("tasks*", task_list)
section("tasks by pid", find_by_pid)
section("kernel log*", kernel_log)
section("modules*", modules)
section("crashed thread", crashed)
section("stacks", stacks)
section("memory maps", memory_maps)
section("page tables", page_tables)
section("files", files)
section("mounts", mounts)
section("disks", disks)
section("network devices", net_devices)
section("slab caches", slab_caches)
section("slab objects", slab_objects)
section("zones", zones)
section("control groups", cgroups)
