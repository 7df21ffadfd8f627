#!/usr/bin/env python3
"""layers.py DIRECTORY: the corpus of fuzz_layer: images as tars with a line between them."""
import io
import os
import sys
import tarfile

CUT = b"----CUT HERE----"


def layer(*members, fmt=tarfile.USTAR_FORMAT):
    """A tar of (name, type, what): the content of a file, the target of a link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as tar:
        for name, kind, what in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(what)
                tar.addfile(info, io.BytesIO(what))
                continue
            info.linkname = what
            info.mode = 0o755
            tar.addfile(info)
    return out.getvalue()


F, D, S, H, P = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE
IMAGES = {
    "whiteouts": [
        layer(("d", D, ""), ("d/a", F, b"a"), ("d/b", F, b"b"), ("d/e/f", F, b"f"), ("x", F, b"x")),
        layer(("d/.wh.a", F, b""), (".wh.x", F, b""), ("d/e/g", F, b"g"), ("d/.wh.e", F, b""), (".wh.", F, b"")),
        layer(("d/.wh..wh..opq", F, b""), ("d/new", F, b"n")),
    ],
    "links": [
        layer(("hard1", F, b"h"), ("hard2", H, "hard1"), ("d/one", F, b"1"), ("s", S, "d/one")),
        layer((".wh.hard1", F, b""), ("d/two", H, "d/one"), ("t", H, "s"), ("hard3", H, "hard2"), ("no", H, "gone")),
        layer(("d/one", F, b"other"), ("d/three", H, "d/two"), ("d/four", H, "d/one"), (".wh..wh..opq", F, b"")),
    ],
    "symlinks": [
        layer(("usr/lib", D, ""), ("lib", S, "usr/lib"), ("abs", S, "/usr"), ("loop", S, "loop"), ("up", S, "../../usr")),
        layer(("lib/a", F, b"a"), ("abs/lib/b", F, b"b"), ("loop/x", F, b"x"), ("up/c", F, b"c"), ("l", H, "lib/a")),
        layer(("lib/.wh.a", F, b""), ("lib", D, ""), ("lib/z", F, b"z"), ("usr", F, b"no more"), ("usr/x", F, b"x")),
    ],
    "types": [
        layer(("a", D, ""), ("a/b/c", F, b"c"), ("p", P, ""), ("../../up", F, b"u"), ("/abs", F, b"a")),
        layer(("a", F, b"file"), ("p", D, ""), ("p/q", F, b"q"), (".", D, ""), ("./p/../r", F, b"r")),
        layer(("a", D, ""), ("a/n" * 40, F, b"deep"), ("p", S, "a")),
    ],
    "pax": [layer(("n" * 200, F, b"long"), ("\udcff", F, b"bytes"), fmt=tarfile.PAX_FORMAT)],
}

for name, layers in IMAGES.items():
    with open(os.path.join(sys.argv[1], name), "wb") as out:
        out.write(CUT.join(layers))
