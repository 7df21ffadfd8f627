#!/usr/bin/env python3
"""OCI image layouts with layers of any bytes: tars are written header by header, since tarfile's would be too well made.

An entry says what its header says; how its name, sizes and times are encoded (ustar, GNU, pax) is the entry's to choose.
"""
import gzip
import hashlib
import json
import os
import shutil
import subprocess

BLOCK = 512
USTAR, GNU, PAX = b"ustar\x0000", b"ustar  \x00", b"ustar\x0000"


def octal(number, width):
    """A number field: octal digits and a NUL, or GNU's base 256 where they do not reach."""
    if 0 <= number < 8 ** (width - 1):
        return b"%0*o\0" % (width - 1, number)
    return (number & (256 ** width - 1) | 1 << (8 * width - 1)).to_bytes(width, "big")


def padded(data):
    return data + bytes(-len(data) % BLOCK)


def header(name, kind, size, mode=0o644, uid=0, gid=0, mtime=0, target=b"", rdev=(0, 0), magic=USTAR, prefix=b"",
           extra=None):
    """One block. `extra`: bytes in place of the prefix and what follows it (GNU's sparse map)."""
    block = bytearray(BLOCK)

    def put(at, data):
        block[at:at + len(data)] = data

    put(0, name[:100])
    for at, number, width in ((100, mode, 8), (108, uid, 8), (116, gid, 8), (124, size, 12), (136, mtime, 12)):
        put(at, octal(number, width))
    put(148, b" " * 8)
    put(156, kind)
    put(157, target[:100])
    put(257, magic)
    put(329, octal(rdev[0], 8))
    put(337, octal(rdev[1], 8))
    put(345, prefix[:155] if extra is None else extra)
    put(148, b"%06o\0 " % sum(block))
    return bytes(block)


def pax_record(key, value):
    """`LENGTH KEY=VALUE\\n`, where the length counts its own digits."""
    rest = b" " + key + b"=" + value + b"\n"
    size = len(rest) + 1
    while len(rest) + len(b"%d" % size) != size:
        size = len(rest) + len(b"%d" % size)
    return b"%d" % size + rest


def pax_time(nanoseconds):
    return b"%d.%09d" % divmod(nanoseconds, 10**9) if nanoseconds % 10**9 else b"%d" % (nanoseconds // 10**9)


class Entry:
    """A member of a layer's tar. `kind` is the typeflag; `mtime` in nanoseconds; `form`, "pax" or "gnu": how what does not
    fit the header is written. Owner and time are None until somebody decides on them."""

    def __init__(self, name, kind=b"0", data=b"", mode=0o644, uid=None, gid=None, mtime=None, target=b"", rdev=(0, 0),
                 xattrs=(), form="pax", sparse=None, records=()):
        self.name, self.kind, self.data, self.mode = name, kind, data, mode
        self.uid, self.gid, self.mtime, self.target, self.rdev = uid, gid, mtime, target, rdev
        self.xattrs, self.form, self.sparse, self.records = dict(xattrs), form, sparse, list(records)

    def pax_records(self):
        yield from self.records
        yield from ((b"SCHILY.xattr." + key, value) for key, value in sorted(self.xattrs.items()))
        if len(self.name) > 100:
            yield b"path", self.name
        if len(self.target) > 100:
            yield b"linkpath", self.target
        if self.mtime % 10**9 or not 0 <= self.mtime // 10**9 < 8**11:
            yield b"mtime", pax_time(self.mtime)
        for key, number in ((b"uid", self.uid), (b"gid", self.gid)):
            if number >= 8**7:
                yield key, b"%d" % number

    def block(self, size, **more):
        numbers = {"uid": self.uid, "gid": self.gid, "mtime": self.mtime // 10**9}
        if self.form == "pax":
            numbers = {"uid": min(self.uid, 8**7 - 1), "gid": min(self.gid, 8**7 - 1),
                       "mtime": min(max(numbers["mtime"], 0), 8**11 - 1)}
        return header(self.name, more.pop("kind", self.kind), size, self.mode, target=self.target, rdev=self.rdev,
                      magic=PAX if self.form == "pax" else GNU, **numbers, **more)

    def tar(self):
        if self.sparse is not None:
            return self.tar_sparse()
        before = pax_header(list(self.pax_records())) if self.form == "pax" else self.long_texts()
        return before + self.block(len(self.data)) + padded(self.data)

    def long_texts(self):
        return b"".join(header(b"././@LongLink", kind, len(text) + 1, magic=GNU) + padded(text + b"\0")
                        for kind, text in ((b"L", self.name), (b"K", self.target)) if len(text) > 100)

    def tar_sparse(self):
        """`sparse` is (real size, [(offset, bytes)]): GNU's old form or pax 1.0."""
        real, pieces = self.sparse
        data = b"".join(piece for _, piece in pieces)
        spans = [(at, len(piece)) for at, piece in pieces] + [(real, 0)]
        if self.form == "gnu":
            return self.gnu_sparse(real, spans, data)
        numbers = padded(b"".join(b"%d\n" % n for n in [len(spans)] + [n for span in spans for n in span]))
        records = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", self.name),
                   (b"GNU.sparse.realsize", b"%d" % real)] + [r for r in self.pax_records() if r[0] != b"path"]
        shadow = Entry(b"GNUSparseFile.0/" + os.path.basename(self.name)[:60], self.kind, numbers + data, self.mode,
                       self.uid, self.gid, self.mtime)
        return pax_header(records) + shadow.block(len(shadow.data)) + padded(shadow.data)

    def gnu_sparse(self, real, spans, data):
        def fields(some, room):
            text = b"".join(octal(at, 12) + octal(size, 12) for at, size in some)
            return text.ljust(24 * room, b"\0")

        first, rest = spans[:4], spans[4:]
        extra = bytes(41) + fields(first, 4) + (b"\1" if rest else b"\0") + octal(real, 12)
        blocks = self.long_texts() + self.block(len(data), kind=b"S", extra=extra)
        while rest:
            some, rest = rest[:21], rest[21:]
            blocks += (fields(some, 21) + (b"\1" if rest else b"\0")).ljust(BLOCK, b"\0")
        return blocks + padded(data)


def pax_header(records):
    if not records:
        return b""
    text = b"".join(pax_record(key, value) for key, value in records)
    return header(b"PaxHeaders/x", b"x", len(text)) + padded(text)


def file(name, data=b"", mode=0o644, **more):
    return Entry(name, b"0", data, mode, **more)


def directory(name, mode=0o755, **more):
    return Entry(name, b"5", mode=mode, **more)


def symlink(name, target, **more):
    return Entry(name, b"2", target=target, mode=0o777, **more)


def hardlink(name, target, **more):
    return Entry(name, b"1", target=target, **more)


def device(name, kind, major, minor, **more):
    return Entry(name, kind, rdev=(major, minor), **more)


def fifo(name, **more):
    return Entry(name, b"6", **more)


def whiteout(path):
    folder, name = os.path.split(path)
    return Entry(os.path.join(folder, b".wh." + name))


def opaque(path):
    return Entry(os.path.join(path, b".wh..wh..opq"))


# --- Layouts ----------------------------------------------------------------------------------------------------------

LAYER = "application/vnd.oci.image.layer.v1.tar"
COMPRESSORS = {  # what a media type's suffix means
    "": lambda data: data,
    "+gzip": lambda data: gzip.compress(data, 6, mtime=0),
    "+zstd": lambda data: subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout,
}


def write_blob(layout, data):
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(layout, "blobs", "sha256", digest), "wb") as blob:
        blob.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def write_json(layout, value):
    return write_blob(layout, json.dumps(value, sort_keys=True).encode())


class Unclosed(list):
    """A layer whose tar ends where its last entry's content does, as `umoci insert` makes them."""


def tar_of(layer):
    tar = b"".join(entry.tar() for entry in layer)
    if isinstance(layer, Unclosed):
        return tar[:len(tar) - -len(layer[-1].data) % BLOCK]
    return tar + bytes(2 * BLOCK)


def chain_ids(layers):
    """The name of the image after each of its layers: of the lowest its own, then of the one below and the layer's."""
    chains = []
    for layer in layers:
        digest = hashlib.sha256(tar_of(layer)).hexdigest()
        chains.append(hashlib.sha256(f"sha256:{chains[-1]} sha256:{digest}".encode()).hexdigest() if chains else digest)
    return chains


def write_layout(layout, layers, compressions=("+gzip",), tag="latest"):
    """A new layout with one image; `layers` are lists of entries, bottom first; compressions are taken in turn."""
    shutil.rmtree(layout, ignore_errors=True)
    os.makedirs(os.path.join(layout, "blobs", "sha256"))
    diff_ids, descriptors = [], []
    for i, layer in enumerate(layers):
        tar = tar_of(layer)
        suffix = compressions[i % len(compressions)]
        diff_ids.append("sha256:" + hashlib.sha256(tar).hexdigest())
        descriptors.append({"mediaType": LAYER + suffix, **write_blob(layout, COMPRESSORS[suffix](tar))})
    config = {"architecture": "amd64", "os": "linux", "created": "2024-02-29T12:00:00Z", "config": {},
              "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **write_json(layout, config)},
                "layers": descriptors}
    index = {"schemaVersion": 2, "manifests": [
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", **write_json(layout, manifest),
         "platform": {"architecture": "amd64", "os": "linux"},
         "annotations": {"org.opencontainers.image.ref.name": tag}}]}
    for name, value in (("oci-layout", {"imageLayoutVersion": "1.0.0"}), ("index.json", index)):
        with open(os.path.join(layout, name), "w", encoding="ascii") as out:
            json.dump(value, out, sort_keys=True)
