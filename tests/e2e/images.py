#!/usr/bin/env python3
"""Images with every trap that layers can set, each by itself, and seeded ones with all of them at once.

Every entry that does not say otherwise is owned by its number in the image, and its time follows from that number
(time_of()). So of any file in a tree the owner tells which header made it, and whose time it has to have.
"""
import random

from oci_layout import (Entry, Unclosed, device, directory, fifo, file, hardlink, opaque, pax_record, symlink, whiteout)

SECOND = 10**9
SERIALS = 100_000  # entries of one image at most: owners from here on were chosen by a case


def time_of(serial):
    """The mtime in ns that entry `serial` has; 0 is for what no entry made."""
    return (1_000_000_000 + 61 * serial) * SECOND + 1_000_003 * (serial % 997) if serial else 0


def number(layers):
    """Give the entries their owners and times; they are numbered from 1."""
    for serial, entry in enumerate((entry for layer in layers for entry in layer), 1):
        entry.uid = serial if entry.uid is None else entry.uid
        entry.gid = serial if entry.gid is None else entry.gid
        entry.mtime = time_of(serial) if entry.mtime is None else entry.mtime
    return list(layers)


class Image:
    """`layers`: bottom first. `refused`: how many entries umoci refuses the image for, so that it is given the image
    without them, and confuse leaves them out. `twin`: layers that umoci is given instead, because it knows less."""

    def __init__(self, *layers, refused=0, twin=None):
        self.layers = number(layers)
        self.twin = number(twin) if twin else self.layers
        self.refused = refused


# --- One trap each ----------------------------------------------------------------------------------------------------

def f(name, data=b"x", **more):
    return file(name, data, **more)


d, s, h, w, o = directory, symlink, hardlink, whiteout, opaque


def tree(top=b"a"):
    """A directory with a file, and one below it with another."""
    return [d(top), f(top + b"/old", b"old"), d(top + b"/sub", 0o711), f(top + b"/sub/old", b"older")]


def whiteouts():
    yield "file", Image([f(b"a"), f(b"b")], [w(b"a")])
    yield "directory", Image(tree() + [f(b"c")], [w(b"a")])
    yield "nothing", Image([f(b"f"), s(b"l", b"no")], [w(b"a"), w(b"no/such/a"), w(b"f/x"), w(b"l/x")])
    yield "lowest", Image([w(b"a"), o(b""), f(b"b")])
    yield "before", Image([f(b"a", b"old")], [w(b"a"), f(b"a", b"new")])
    yield "after", Image([f(b"a", b"old")], [f(b"a", b"new"), w(b"a")])
    yield "after-alone", Image([f(b"a", b"new"), w(b"a")])
    yield "around", Image([f(b"a", b"1")], [w(b"a"), f(b"a", b"2"), w(b"a"), w(b"a")])
    yield "directory-before", Image(tree(), [w(b"a"), d(b"a"), f(b"a/new")])
    yield "directory-after", Image(tree(), [d(b"a", 0o700), f(b"a/new"), f(b"a/sub/new"), w(b"a")])
    yield "child-then-directory", Image(tree() + [d(b"a/sub2"), f(b"a/sub2/x")], [f(b"a/sub/new"), w(b"a")])
    yield "directory-then-child", Image(tree(), [w(b"a"), f(b"a/sub/new")])
    yield "child-replaced", Image(tree(), [f(b"a/sub/new"), f(b"a/sub", b"file"), w(b"a/sub")])
    yield "child-gone-with-parent", Image(tree(), [f(b"a/old"), f(b"a", b"file"), d(b"a"), w(b"a/old")])
    yield "below-link", Image(tree() + [s(b"l", b"a")], [w(b"l/old")])
    yield "below-absolute-link", Image(tree() + [s(b"l", b"/a"), s(b"m", b"../../a/sub")], [w(b"l/old"), w(b"m/old")])
    yield "below-loop", Image([s(b"l", b"l"), f(b"x")], [w(b"l/x")], refused=1)
    yield "link-itself", Image(tree() + [s(b"l", b"a")], [w(b"l")])
    yield "other-name", Image(tree() + [s(b"l", b"a")], [f(b"l/new"), w(b"a")])
    yield "any-type", Image([f(b"a"), f(b"b"), f(b"c"), f(b"e")],
                            [d(b".wh.a"), s(b".wh.b", b"z"), f(b".wh.c", b"data"), h(b".wh.e", b"a")])
    yield "as-directory", Image([f(b"a")], [d(b".wh.a"), f(b".wh.a/x")])
    yield "names", Image([f(b"a"), f(b"b"), f(b"c"), f(b"e")],
                         [f(b"../.wh.a"), f(b"x/../.wh.b"), f(b"/.wh.c"), d(b".wh.e/")])
    yield "of-whiteouts", Image([f(b"x")], [f(b".wh..wh.x"), f(b".wh..wh.plnk"), f(b".wh..wh.aufs"), f(b".wh..wh..opq2")])
    # umoci takes away the directory, or the one above it, even the bundle, and fails then.
    yield "empty-name", Image(tree() + [f(b"y")], [f(b"a/.wh.")], refused=1)
    yield "dot", Image(tree() + [f(b"y")], [f(b"a/.wh..")], refused=1)
    yield "dot-dot", Image(tree() + [f(b"y")], [f(b"a/sub/.wh...")], refused=1)
    yield "root-and-climbing", Image([f(b"x")], [f(b".wh."), f(b".wh.."), f(b"a")], refused=2)
    yield "long", Image([f(b"n" * 251, b"long"), f(b"n" * 250)], [w(b"n" * 251)])


def opaques():
    yield "before", Image(tree(), [d(b"a", 0o700), o(b"a"), f(b"a/new")])
    yield "after", Image(tree(), [d(b"a", 0o700), f(b"a/new"), o(b"a")])
    yield "after-deep", Image(tree() + [d(b"a/sub/t"), f(b"a/sub/t/old"), d(b"a/u"), f(b"a/u/x")],
                              [f(b"a/sub/new"), o(b"a")])
    yield "before-deep", Image(tree(), [o(b"a"), f(b"a/sub/new")])
    yield "unlisted", Image(tree(), [o(b"a")])
    yield "not-there-yet", Image([f(b"x")], [o(b"a"), f(b"a/new")])
    yield "root-after", Image(tree() + [f(b"x")], [f(b"a/new"), o(b"")])
    yield "root-before", Image(tree() + [f(b"x")], [o(b""), f(b"a/new")])
    yield "below-link", Image(tree() + [s(b"l", b"a")], [f(b"l/new"), o(b"l")])
    yield "other-name", Image(tree() + [s(b"l", b"/a")], [f(b"a/new"), o(b"l")])
    yield "no-directory", Image([f(b"f"), s(b"l", b"no")], [o(b"f"), o(b"l")])
    yield "twice", Image(tree(), [o(b"a"), f(b"a/2"), o(b"a")])
    yield "only-layer", Image([d(b"a"), f(b"a/1"), o(b"a"), f(b"a/2")])
    yield "linked-out", Image(tree(), [h(b"b", b"a/old"), h(b"a/3", b"a/sub/old"), o(b"a")])
    yield "linked-late", Image(tree(), [o(b"a"), h(b"b", b"a/old")], refused=1)
    yield "with-whiteout", Image(tree(), [o(b"a"), w(b"a/old"), f(b"a/2")])
    yield "touched-loses-children", Image(tree(), [d(b"a/sub", 0o700), o(b"a")])
    yield "three-layers", Image(tree(), [f(b"a/mid"), f(b"a/sub/mid")], [o(b"a/sub"), f(b"a/sub/new")])


def types():
    others = {"file": f(b"a", b"file"), "link": s(b"a", b"d"), "fifo": fifo(b"a"), "char": device(b"a", b"3", 1, 3),
              "block": device(b"a", b"4", 259, 70000), "hardlink": h(b"a", b"d/x")}
    for name, other in others.items():
        base = [d(b"d"), f(b"d/x")]
        yield f"directory-by-{name}", Image(base + tree(), [other])
        yield f"directory-by-{name}-same-layer", Image(base + tree() + [other])
        yield f"{name}-by-directory", Image(base + [other], [d(b"a"), f(b"a/x")])
        yield f"directory-by-{name}-and-back", Image(base + tree(), [other, d(b"a"), f(b"a/new")])
        yield f"directory-by-{name}-and-back-above", Image(base + tree(), [other], [d(b"a")], [f(b"a/new")])
        yield f"{name}-by-file", Image(base + [other], [f(b"a", b"another")])
    yield "directory-by-directory", Image(tree(), [d(b"a", 0o2750)])
    yield "below-file", Image([f(b"a"), f(b"a/x"), f(b"b")], refused=1)
    yield "below-lower-file", Image([f(b"a")], [f(b"a/x"), d(b"a/y"), f(b"a/b/c/z"), f(b"b")], refused=3)
    yield "below-fifo", Image([fifo(b"a")], [f(b"a/x"), s(b"a/y", b"z")], refused=2)
    yield "linked-directory-replaced", Image(tree() + [s(b"l", b"a")], [d(b"l"), f(b"l/new")])


def symlinks():
    yield "relative", Image([d(b"d"), s(b"l", b"d"), f(b"l/f")])
    yield "absolute", Image([d(b"d"), s(b"l", b"/d"), f(b"l/f")])
    yield "climbing", Image([d(b"d"), s(b"l", b"../../../d"), f(b"l/f")])
    yield "outside", Image([s(b"l", b"/etc"), f(b"l/f"), s(b"m", b"../../../../tmp"), f(b"m/f")])
    yield "missing", Image([s(b"l", b"no/where"), f(b"l/f")])
    yield "missing-absolute", Image([d(b"a"), s(b"a/l", b"/no/where"), f(b"a/l/f")])
    yield "missing-and-back", Image([s(b"l", b"x/../y"), f(b"l/f")])
    yield "file-and-back", Image([f(b"f"), s(b"l", b"f/../y"), f(b"l/g")])
    yield "file-and-far-back", Image([f(b"f"), s(b"l", b"f/./../y"), f(b"l/g"), s(b"m", b"f/x/./y/../../../z"), f(b"m/h")])
    yield "below-file-by-link", Image([f(b"f"), s(b"l", b"f/x/../y"), f(b"l/g"), f(b"h")], refused=1)
    yield "chain", Image([d(b"d"), s(b"l1", b"d"), s(b"l2", b"l1"), d(b"e"), s(b"e/l3", b"../l2"), f(b"e/l3/f")])
    yield "chain-40", Image([d(b"d"), s(b"l0", b"d")] + [s(b"l%d" % i, b"l%d" % (i - 1)) for i in range(1, 41)] + [f(b"l40/f")])
    yield "loop", Image([s(b"l", b"m"), s(b"m", b"l"), f(b"l/f"), f(b"x")], refused=1)
    yield "self", Image([s(b"l", b"l"), f(b"l/f"), h(b"x", b"l/f"), f(b"y")], refused=2)
    yield "to-file", Image([f(b"f"), s(b"l", b"f"), f(b"l/g"), f(b"x")], refused=1)
    yield "lower", Image([d(b"d"), s(b"l", b"d")], [f(b"l/f"), d(b"l/e"), f(b"l/e/g"), fifo(b"l/p")])
    yield "parents", Image([d(b"d"), s(b"l", b"d"), f(b"l/x/y/f")])
    yield "to-itself-by-dots", Image([d(b"d"), s(b"d/l", b"../d/./"), f(b"d/l/l/l/f")])
    yield "to-root", Image([s(b"l", b"/"), f(b"l/f"), s(b"m", b".."), f(b"m/g"), s(b"k", b"."), f(b"k/e")])
    yield "made-later", Image([s(b"l", b"d"), f(b"l/f")], [d(b"d", 0o700), f(b"d/g"), f(b"l/h")])
    yield "retargeted", Image([d(b"d"), d(b"e"), s(b"l", b"d"), f(b"l/1"), s(b"l", b"e"), f(b"l/2")], [s(b"l", b"d"), f(b"l/3")])
    yield "long-target", Image([s(b"l", b"t" * 100), s(b"m", b"t" * 101), s(b"n", b"t/" * 1000, form="gnu"),
                                s(b"k", b"not\xffutf8")])


def hardlinks():
    yield "layer", Image([f(b"a"), h(b"b", b"a", mode=0o600)])
    yield "lower", Image([f(b"a")], [h(b"b", b"a", mode=0o600)])
    yield "targets", Image([f(b"a"), h(b"b", b"/a"), h(b"c", b"./a"), h(b"e", b"../../a"), h(b"g", b"x/../a"), h(b"i", b"//a")])
    yield "symlink", Image([f(b"a"), s(b"l", b"a"), h(b"b", b"l"), s(b"m", b"no"), h(b"n", b"m")])
    yield "chain", Image([f(b"a"), h(b"b", b"a"), h(b"c", b"b")], [h(b"d", b"c")], [h(b"e", b"d")])
    yield "below-link", Image([d(b"d"), f(b"d/a"), s(b"l", b"d"), h(b"b", b"l/a"), h(b"l/c", b"l/a"), s(b"m", b"/d"), h(b"m/e", b"m/a")])
    yield "missing", Image([h(b"b", b"a"), f(b"x")], refused=1)
    yield "missing-over", Image([f(b"b")], [h(b"b", b"a"), f(b"x")], refused=1)
    yield "itself", Image([f(b"b")], [h(b"b", b"b"), f(b"x")], refused=1)
    yield "again", Image([f(b"a"), h(b"b", b"a")], [h(b"b", b"a")])
    yield "directory", Image([d(b"d"), h(b"b", b"d"), h(b"c", b"."), f(b"x")], refused=2)
    yield "below-file", Image([f(b"f"), h(b"b", b"f/x"), f(b"x")], refused=1)
    yield "target-replaced", Image([f(b"a", b"1"), h(b"b", b"a"), f(b"a", b"2")])
    yield "target-replaced-above", Image([f(b"a", b"1"), h(b"b", b"a")], [f(b"a", b"2")])
    yield "target-replaced-twice", Image([f(b"a", b"1"), h(b"b", b"a")], [f(b"a", b"2"), h(b"c", b"a")], [f(b"a", b"3"), h(b"d", b"b")])
    yield "hard1-hard2", Image([f(b"hard1"), h(b"hard2", b"hard1")], [w(b"hard1")])
    yield "three-less-one", Image([f(b"1"), h(b"2", b"1"), h(b"3", b"1")], [w(b"1")], [h(b"4", b"3")])
    yield "whiteout-first", Image([f(b"a")], [w(b"a"), h(b"b", b"a"), f(b"x")], refused=1)
    yield "whiteout-last", Image([f(b"a")], [h(b"b", b"a"), w(b"a")])
    yield "early", Image([h(b"b", b"a"), f(b"a"), h(b"c", b"a")], refused=1)
    yield "early-over-lower", Image([f(b"a", b"old")], [h(b"b", b"a"), f(b"a", b"new")])
    yield "kinds", Image([fifo(b"p"), h(b"q", b"p"), device(b"c", b"3", 1, 3), h(b"e", b"c"), device(b"b", b"4", 8, 1), h(b"g", b"b")])
    yield "over-directory", Image(tree() + [f(b"x")], [h(b"a", b"x")])
    yield "through-what-goes", Image(tree() + [s(b"l", b"a"), s(b"m", b"l")], [h(b"l", b"l/old"), f(b"x")], [h(b"l", b"m/old")], refused=2)
    yield "out-of-what-goes", Image(tree(), [h(b"a", b"a/old"), f(b"x")], refused=1)
    yield "parents", Image([f(b"a"), h(b"p/q/b", b"a")])
    yield "one-overwritten", Image([f(b"a", b"1"), h(b"b", b"a"), h(b"c", b"b")], [f(b"b", b"2")])
    yield "groups-cross", Image([f(b"a", b"1"), h(b"b", b"a"), f(b"c", b"2"), h(b"d", b"c")], [h(b"a", b"c")], [h(b"d", b"b")])
    yield "directory-gone", Image(tree() + [h(b"b", b"a/old"), h(b"c", b"a/sub/old")], [w(b"a")])
    yield "directory-opaque", Image(tree() + [h(b"b", b"a/old"), h(b"c", b"a/sub/old")], [o(b"a"), h(b"a/x", b"b")])
    yield "many", Image([f(b"m/000")] + [h(b"m/%03d" % i, b"m/000") for i in range(1, 300)], [w(b"m/000"), h(b"z", b"m/150")])
    yield "long-target", Image([f(b"t" * 200), h(b"b", b"t" * 200), h(b"c", b"t" * 200, form="gnu")])


def names():
    yield "forms", Image([f(b"./a"), f(b"/b"), f(b"//c//d"), f(b"e/./f"), d(b"g/"), d(b"./h//"), s(b"k/", b"a")])
    yield "dots", Image([f(b"../x"), f(b"../../../y"), f(b"/../z"), f(b"a/../b"), f(b"c/../../e")])
    yield "dots-and-link", Image([d(b"d"), d(b"d/e"), s(b"l", b"d/e"), f(b"l/../x")])
    yield "root", Image([d(b"./", 0o700), f(b"./x")], [f(b"y")])
    yield "root-forms", Image([d(b".", 0o700)], [d(b"/", 0o711)], [d(b"a/..", 0o750), f(b"x")])
    yield "root-no-directory", Image([f(b"."), s(b"/", b"x"), fifo(b"a/.."), f(b"x")], refused=3)
    yield "twice", Image([f(b"a", b"1"), f(b"a", b"2"), f(b"./a", b"3"), d(b"d", 0o700), f(b"d/x"), d(b"d", 0o711)])
    yield "long", Image([f(b"n" * 255), f(b"m" * 255, form="gnu"), f(b"d" * 99 + b"/" + b"e" * 99), f(b"d" * 100 + b"/" + b"e" * 155),
                         f(b"/".join([b"p" * 200] * 10)), f(b"/".join([b"q" * 200] * 10), form="gnu"), d(b"r" * 255)])
    yield "too-long", Image([f(b"n" * 256), f(b"x")], refused=1)
    yield "bytes", Image([f(b"not\xffutf8"), d(b"\xc3"), f(b"\xc3/\x80\x81"), f(b"new\nline"), f(b" "), f(b"\x01\x1b[31m"), f(b'"\\'),
                          s(b"l\xfe", b"\xc3"), f(b"l\xfe/through"), h(b"h\xfe", b"not\xffutf8"), f(b"*?[a]"), f(b"-rf")])
    yield "bytes-pax", Image([f(b"\xff" * 150), s(b"\xfe" * 150, b"\xfd" * 150), f(b"\xff" * 120, form="gnu")])
    yield "unlisted-parents", Image([f(b"a/b/c/x")])
    yield "parents-listed-later", Image([f(b"a/b/x"), d(b"a", 0o700), d(b"a/b", 0o711)])
    yield "parents-listed-above", Image([f(b"a/b/x")], [d(b"a/b", 0o711)], [f(b"a/b/c/y")])
    yield "made-in-listed", Image([d(b"a", 0o2775), f(b"a/b/x"), f(b"a/y")], [f(b"a/z")])


def attributes():
    yield "modes", Image([f(b"a", mode=0o4711), f(b"b", mode=0o2711), d(b"c", 0o1777), f(b"e", mode=0o7777), f(b"g", mode=0),
                          d(b"i", 0), f(b"j", mode=0o104755), d(b"k", 0o7777), f(b"c/inner")])
    yield "owners", Image([f(b"a", uid=3_000_000, gid=4_000_000), f(b"b", uid=2**32 - 2, gid=2**31, form="gnu"),
                           f(b"c", uid=2**32 - 2, gid=0), d(b"e", uid=2_097_152, gid=2_097_151), s(b"l", b"a", uid=5_000_000)])
    yield "times", Image([f(b"a", mtime=123_456_789_012_345_678), f(b"b", mtime=0), f(b"c", mtime=1), d(b"e", mtime=SECOND - 1),
                          s(b"l", b"a", mtime=7 * SECOND + 999_999_999), fifo(b"p", mtime=1_700_000_000_100_000_000)])
    yield "devices", Image([device(b"a", b"3", 259, 70000), device(b"b", b"4", 8, 1), device(b"c", b"3", 0, 0, mode=0o666),
                            device(b"e", b"3", 4095, 1048575), fifo(b"p", mode=0o600)])
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    yield "xattrs", Image([f(b"a", xattrs={b"user.x": b"\0\1\n=", b"security.capability": capability}), d(b"c", xattrs={b"user.d": b"1"})],
                          [d(b"c", 0o700, xattrs={b"user.e": b""}), f(b"c/x"), h(b"b", b"a", xattrs={b"user.not": b"1"})])
    yield "sizes", Image([f(b"0", b""), f(b"1", b"1"), f(b"511", b"x" * 511), f(b"512", b"y" * 512), f(b"513", b"z" * 513),
                          f(b"row", b"r" * 65536), f(b"large", bytes(range(256)) * 257), d(b"empty")])
    yield "sparse", Image(sparse("pax"), [f(b"some", b"whole")])
    yield "sparse-gnu", Image(sparse("gnu"), twin=[sparse("pax")])


def sparse(form):
    """Whole seconds: GNU's form has no others."""
    some = 10_000_000, [(0, b"start" * 1000), (1_000_000, b"middle"), (9_000_000, b"late" * 300)]
    many = 6_000_000, [(i * 100_000 + 7, b"%d" % i * 50) for i in range(60)]
    to_the_end = 1_000_000, [(900_000, b"e" * 100_000)]
    named = {b"some": some, b"many": many, b"hole": (5_000_000, []), b"to-the-end": to_the_end, b"p" * 200: some}
    files = [f(name, form=form, sparse=pieces, mtime=i * SECOND) for i, (name, pieces) in enumerate(named.items(), 1)]
    return files + [h(b"linked", b"some")]


def strange():
    header = Entry(b"pax_global_header", b"g", pax_record(b"comment", b"unknown"), uid=0, gid=0, mtime=0)
    yield "global-header", Image([header, f(b"a")], twin=[[w(b"none"), f(b"a")]])
    yield "contiguous", Image([Entry(b"a", b"7", b"x"), f(b"b")], twin=[[f(b"a"), f(b"b")]])
    yield "empty-layer", Image([])
    yield "empty-layers", Image([f(b"a/x")], [], [f(b"a/y")], [], [])
    yield "unclosed", Image(tree(), Unclosed([f(b"a/x", b"new\n")]), Unclosed([f(b"a/y", b"z" * 513)]), Unclosed([d(b"e")]),
                            Unclosed([f(b"full", b"f" * 1024)]), [f(b"b")])
    yield "no-change", Image(tree(), [w(b"none")], [d(b"none"), w(b"none/x")])
    yield "many-layers", Image(*[[f(b"f%d" % i), f(b"same", b"%d" % i), w(b"f%d" % (i - 3))] for i in range(60)])
    yield "copies", Image(tree(b"a") + tree(b"b") + tree(b"c/d"))


GROUPS = {"whiteout": whiteouts, "opaque": opaques, "type": types, "symlink": symlinks, "hardlink": hardlinks, "name": names,
          "attribute": attributes, "strange": strange}


def cases():
    """(name, image) of each trap."""
    for group, make in GROUPS.items():
        for name, image in make():
            yield f"{group}-{name}", image


# --- All of them at once ----------------------------------------------------------------------------------------------

# Few names, so that they meet: one in ten is of another's kind.
FOLDERS, LINKS, LEAVES = [b"a", b"b", b"c"], [b"k", b"l"], [b"f", b"g", b"h"]
NAMES = {"directory": FOLDERS, "symlink": LINKS}
KINDS = {"file": 26, "directory": 18, "symlink": 10, "hardlink": 16, "whiteout": 9, "opaque": 4, "fifo": 2, "device": 2}


class Chance:
    """Draws entries. It remembers what it wrote, without a thought on what became of that: most of the entries are to hit
    something, and some nothing."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.seen = {"file": [b"a"], "directory": [b"a"], "symlink": [b"a"]}

    def name(self, kind):
        return self.rng.choice(NAMES.get(kind, LEAVES) if self.rng.random() < 0.9 else FOLDERS + LINKS + LEAVES)

    def path(self, kind):
        if self.rng.random() < 0.6:
            above = self.rng.choice(self.seen[self.rng.choice(("directory", "directory", "directory", "symlink"))])
        else:
            above = b"/".join(self.rng.choice(FOLDERS) for _ in range(self.rng.choice((0, 1, 1, 2, 3))))
        return (above + b"/" if above else b"") + self.name(kind)

    def seen_path(self):
        return self.rng.choice(self.seen[self.rng.choice(tuple(self.seen))])

    def form(self, path):
        return self.rng.choice((b"",) * 8 + (b"./", b"/", b"../", b"x/../", b".//")) + path

    def target(self, path):
        """Of a symbolic link: from the root, or climbing some of the way to it, and beyond."""
        up = self.rng.choice((path.count(b"/"), path.count(b"/"), 0, 1, 5))
        start = b"/" if self.rng.random() < 0.3 else b"../" * up
        return start + self.form(self.rng.choice((self.rng.choice(self.seen["directory"]), self.path("directory"))))

    def make(self, kind, path):
        if kind == "file":
            return file(path, self.rng.choice((b"", b"one", b"another", b"k" * 70_000)), self.rng.choice((0o644, 0o4755, 0)))
        if kind == "directory":
            xattrs = {b"user.x": path} if self.rng.random() < 0.1 else {}
            return directory(path + self.rng.choice((b"", b"/")), self.rng.choice((0o755, 0o700, 0o2775)), xattrs=xattrs)
        if kind == "symlink":
            return symlink(path, self.target(path))
        if kind == "hardlink":
            found = self.rng.choice(self.seen["file"]) if self.rng.random() < 0.8 else self.path("file")
            return hardlink(path, self.form(found), mode=0o600)
        if kind == "fifo":
            return fifo(path)
        return device(path, self.rng.choice((b"3", b"4")), self.rng.randrange(300), self.rng.randrange(70_000))

    def entry(self):
        kind = self.rng.choices(tuple(KINDS), tuple(KINDS.values()))[0]
        if kind == "whiteout":
            return whiteout(self.form(self.rng.choice((self.seen_path(), self.path("file")))))
        if kind == "opaque":
            return opaque(b"" if self.rng.random() < 0.05 else self.seen_path())
        path = self.path(kind)
        self.seen.get(kind, self.seen["file"]).append(path)
        return self.make(kind, self.form(path))


def random_image(seed):
    """3 to 6 layers over so few names that everything meets everything; what umoci refuses is found by asking it."""
    chance = Chance(seed)
    layers = [[chance.entry() for _ in range(chance.rng.randrange(1, 40))] for _ in range(chance.rng.randrange(3, 7))]
    return Image(*layers, refused=None)
