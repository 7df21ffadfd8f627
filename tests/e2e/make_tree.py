#!/usr/bin/env python3
"""Make a directory with everything a tar can hold: make_tree.py DIRECTORY. What needs root is left out for others."""
import os
import random
import sys

top = os.fsencode(sys.argv[1])
random.seed(1)


def path(*parts):
    return os.path.join(top, *parts)


def write(name, content, mode=0o644):
    with open(path(name), "wb") as file:
        file.write(content)
    os.chmod(path(name), mode)


def directories():
    for name in (b"empty", b"a", b"a/b", b"a/b/c", b"sticky", b"many", b"caf\xc3\xa9", b"\xff\xfe"):
        os.mkdir(path(name))
    os.chmod(path(b"sticky"), 0o1777)
    os.chmod(path(b"empty"), 0o2750)


def files():
    for size in (0, 1, 511, 512, 513, 65535, 65536, 65537, 1000000):
        write(b"size-%d" % size, random.randbytes(size))
    for number in range(300):
        write(b"many/%d" % number, b"%d" % (number % 7))
    write(b"setuid", b"#!", 0o4755)
    write(b"n" * 255, b"long")
    write(b"a/b/c/" + b"m" * 250, b"longer")
    for name in (b"cafe\xcc\x81", b"caf\xc3\xa9/x", b"raw\xff\x80", b"\xff\xfe/y", b"new\nline", b"sp ace", b"back\\slash",
                 b"-dash"):
        write(name, name)
    with open(path(b"sparse"), "wb") as file:
        file.seek(3 << 20)
        file.write(b"data")
        file.seek(7 << 20)
        file.write(b"more")
        file.truncate(9 << 20)


def links():
    os.symlink(b"size-1", path(b"link"))
    os.symlink(b"/no/where", path(b"dangling"))
    os.symlink(b"raw\xff\x80/" + b"t" * 120, path(b"link\xfe"))
    os.symlink(b"x" * 4000, path(b"far"))
    os.link(path(b"size-513"), path(b"a/hard"))
    os.link(path(b"size-513"), path(b"zzz"))
    os.link(path(b"link"), path(b"link-hard"), follow_symlinks=False)
    os.link(path(b"raw\xff\x80"), path(b"\xff\xfe/hard\xff"))
    os.link(path(b"n" * 255), path(b"o" * 255))
    os.mkfifo(path(b"fifo"), 0o622)
    os.link(path(b"fifo"), path(b"fifo-hard"))


def devices():
    os.mknod(path(b"null"), 0o20666, os.makedev(1, 3))
    os.mknod(path(b"disk"), 0o60660, os.makedev(259, 70000))


def owners():
    os.chown(path(b"size-1"), 2**21 + 5, 2**31 + 7)
    os.chown(path(b"setuid"), 65534, 1)
    os.chmod(path(b"setuid"), 0o6711)
    os.chown(path(b"dangling"), 12, 13, follow_symlinks=False)


def times():
    for number, (directory, _, names) in enumerate(os.walk(top, topdown=False)):
        for name in names:
            ns = random.randrange(10**9 * 2**31)
            os.utime(os.path.join(directory, name), ns=(ns, ns), follow_symlinks=False)
        os.utime(directory, ns=(number, 10**18 + number))


directories()
files()
links()
if os.geteuid() == 0:
    devices()
    owners()
times()
