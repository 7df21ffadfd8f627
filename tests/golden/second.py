#!/usr/bin/env python3
"""A second implementation of the store's format, written from doc/FORMAT.md: what crawler frames become, and its ids.

    second.py [--strip-prefix P] [--excluded P]... [--partial] FRAME...

prints for each frame in each file: <id> <root digest> <links digest> <features digest> <namespace>.

It is meant for readers, beside the document. Lines become records, records become a tree of files and a set of features, these
are cut into nodes, and three digests make the id. Nothing is stored, nothing is fast, and what the importer refuses is not
looked for. A path is bytes without a `/` at its end, so that the root is b"".
"""
import argparse
import calendar
import codecs
import hashlib
import json
import re
import stat
import struct
import sys
import zlib
from time import gmtime


def digest(data):
    return hashlib.sha256(data).digest()


def string(text):
    return struct.pack(">I", len(text)) + text


# ---- Strings, canonical JSON, numbers ------------------------------------------------------------------------------

class Number(str):
    """A number as it was written; NaN and the infinities too."""


def lone_surrogate(error):
    """U+DC80 to U+DCFF is a byte, any other one is its three bytes."""
    parts = error.object[error.start:error.end]
    return b"".join(bytes([ord(c) - 0xdc00]) if "\udc80" <= c <= "\udcff" else c.encode("utf-8", "surrogatepass")
                    for c in parts), error.end


codecs.register_error("lone_surrogate", lone_surrogate)


def raw(text):
    return text.encode("utf-8", "lone_surrogate")


def is_string(value):
    return isinstance(value, str) and not isinstance(value, Number)


def parse(text):
    """JSON as Python values. Objects go by the bytes of their keys, so that the last of equal ones counts."""
    return json.loads(text.decode("utf-8", "surrogateescape"), parse_int=Number, parse_float=Number, parse_constant=Number,
                      object_pairs_hook=lambda members: {raw(key): value for key, value in members})


def quoted(data):
    def escape(match):
        return "\\" + match[0] if match[0] in '"\\' else "\\u%04x" % ord(match[0])

    text = data.decode("utf-8", "surrogateescape")          # a byte that is no UTF-8 becomes U+DCxx
    return b'"%s"' % re.sub('["\\\\\x00-\x1f\udc80-\udcff]', escape, text).encode("utf-8")


def canonical(value):
    if isinstance(value, dict):
        return b"{" + b",".join(quoted(key) + b":" + canonical(value[key]) for key in sorted(value)) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    if isinstance(value, Number):
        return b"null" if value[-1] in "Ny" else value.encode()
    if isinstance(value, str):
        return quoted(raw(value))
    return {None: b"null", True: b"true", False: b"false"}[value]


def number(value, most=10**40, shift=0, negative=None):
    """The number in a field, in units of 10**-shift and without what is below one unit; None if it is no number up to most."""
    match = re.fullmatch(r"(-?)(?=\.?[0-9])([0-9]*)\.?([0-9]*)(?:[eE]([-+]?[0-9]+))?", value) if isinstance(value, str) else None
    if not match:
        return None
    if match[1]:
        return negative
    digits = (match[2] + match[3]).lstrip("0")
    whole = len(digits) - len(match[3]) + int(match[4] or 0) + shift        # how many digits it has
    result = int(digits[:max(whole, 0)].ljust(min(whole, 40), "0") or "0") if digits else 0
    return result if result <= most else None


# ---- Frames: lines become records ----------------------------------------------------------------------------------

def uncompressed(data):
    """The text of gzip members that follow one another, whatever comes behind them; or the data itself."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    text = b""
    while data.startswith(b"\x1f\x8b"):
        member = zlib.decompressobj(31)
        text, data = text + member.decompress(data), member.unused_data
    return text


class Frame:
    """Records (type, key, value) as they came, and the lines they came in."""

    def __init__(self):
        self.records, self.lines, self.metadata, self.partial = [], [], None, False


# The json dialect drops the key. It is made of these fields, joined by a slash; or fixed.
KEYS = {
    b"file": ["path"], b"config": ["path"], b"jar": ["path"], b"process": ["pname", "pid"], b"metric": ["pname", "pid"],
    b"connection": ["pid", "localipaddr", "localport"], b"disk": ["mountpt"], b"dockerinspect": ["Id"], b"dockerps": ["Id"],
    b"package": ["pkgname"], b"python-package": ["pkgname"], b"ruby-package": ["pkgname"], b"node-package": ["pkgname"],
    b"os": b"linux", b"memory": b"memory", b"load": b"load",
}


def key_text(value, null=b"null"):
    """What a value is in a key. (Of arrays and objects it is the text as it stands, which is not known any more here.)"""
    if is_string(value):
        return raw(value)
    return value.encode() if isinstance(value, Number) else null if value is None else canonical(value)


def made_key(type_, value, cpus):
    if type_ == b"cpu":
        cpus.append(type_)
        return b"cpu-%d" % (len(cpus) - 1)
    parts = KEYS.get(type_, b"")
    if isinstance(parts, bytes):
        return parts
    return b"/".join(key_text(value.get(name.encode(), ""), b"None") for name in parts)


def row(line):
    """A line of csv. v0.1 wraps a field that holds a ' in '…', where it is doubled."""
    type_, key, value = (field[1:-1].replace(b"''", b"'") if field.startswith(b"'") else field for field in line.split(b"\t", 2))
    parsed = parse(key)
    return type_, raw(parsed) if is_string(parsed) else key.strip(), parse(value)


def records_of(line, cpus):
    line = line.strip(b" \r\n")
    if not line.startswith(b"{"):
        return [row(line)] if line else []
    value = parse(line)
    if {b"feature_type", b"feature_key", b"feature_val"} <= value.keys():                       # fluentd
        return [(raw(value[b"feature_type"]), key_text(value[b"feature_key"]), value[b"feature_val"])]
    if b"feature_type" in value:                                                                # json
        type_ = raw(value[b"feature_type"])
        fields = {name: value[name] for name in value if name not in (b"feature_type", b"namespace")}
        return [(type_, made_key(type_, value, cpus), fields)]
    if isinstance(value.get(b"metadata"), dict):                                                # logstash
        return [(b"metadata", b"metadata", value.pop(b"metadata")),
                *((type_, key, value[type_][key]) for type_ in sorted(value) for key in sorted(value[type_]))]
    cpus.clear()
    return [(b"metadata", b"metadata", value)]                                                  # json's first line


def frames_of(data, partial):
    frame, cpus = Frame(), []
    for line in re.findall(rb"[^\n]*\n|[^\n]+", data):
        try:
            records = records_of(line, cpus)
        except ValueError:
            if not partial or line.endswith(b"\n"):
                raise
            frame.partial, records = True, []
        for record in records:
            if record[0] == b"metadata":
                if frame.metadata is not None:
                    yield frame
                    frame = Frame()
                frame.metadata = record[2]
            frame.records.append(record)
        frame.lines.append(line)
    yield frame


def time_of(text):
    """In ns; ValueError: it is none."""
    match = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d*))?([Zz]|([-+])(\d\d):?(\d\d))?", text)
    if not match:
        raise ValueError(text)
    *date, fraction, zone, sign, hours, minutes = match.groups()
    seconds = calendar.timegm(tuple(map(int, date))) - int((sign or "+") + "1") * (int(hours or 0) * 60 + int(minutes or 0)) * 60
    return min(max(seconds * 10**9 + int((fraction or "").ljust(9, "0")[:9]), 0), LATEST)


def time_text(time):
    seconds, fraction = divmod(time, 10**9)
    return "%04d-%02d-%02dT%02d:%02d:%02d" % gmtime(seconds)[:6] + (".%09d" % fraction).rstrip("0").rstrip(".") + "Z"


# ---- `file` records ------------------------------------------------------------------------------------------------

LOSSY, MADE, ABSENT = 1, 2, 4                               # flags of an entry
HAS_TARGET, HAS_CONTENT, HAS_SUBTREE = 1, 2, 8              # what follows in it (4, xattrs: no frame has any)
LATEST = (2**32 - 1) * 10**9 + 999_999_999                  # ns
TYPES = {"file": stat.S_IFREG, "dir": stat.S_IFDIR, "link": stat.S_IFLNK, "block": stat.S_IFBLK, "char": stat.S_IFCHR,
         "pipe": stat.S_IFIFO}
USUAL = {stat.S_IFDIR: 0o755, stat.S_IFLNK: 0o777}          # permissions where there is no mode; else 0644


class File:
    def __init__(self, mode, mtime=0, flags=0):
        self.mode, self.uid, self.gid, self.size, self.mtime, self.flags = mode, 0, 0, 0, mtime, flags
        self.target = self.content = self.children = None
        self.size_known, self.notes = True, []
        if stat.S_ISDIR(mode):
            self.size, self.children = 4096, {}

    def bytes(self):
        """All of the entry but name and subtree: what makes two of one path differ."""
        follows = HAS_TARGET * (self.target is not None) + HAS_CONTENT * (self.content is not None) + \
            HAS_SUBTREE * (self.children is not None)
        return struct.pack(">IIIQQIIBB", self.mode, self.uid, self.gid, self.size, self.mtime, 0, 0, self.flags, follows) + \
            (b"" if self.target is None else string(self.target)) + (b"" if self.content is None else digest(self.content))


def mode_of(value, unknown):
    mode, type_ = number(value.get(b"mode"), 0o177777), value.get(b"type")
    if mode is None:
        unknown.append("mode")
    elif stat.S_IFMT(mode) in [*TYPES.values(), stat.S_IFSOCK]:
        return mode
    if not is_string(type_) or type_ not in TYPES:
        unknown.append("type")
        type_ = "file"
    type_ = TYPES[type_]
    return type_ | (USUAL.get(type_, 0o644) if mode is None else stat.S_IMODE(mode))


def file_of(value):
    """The file that a record tells of, and the notes on it."""
    def field(name, otherwise, **how):
        found = number(value.get(name.encode()), **how)
        if found is None:
            unknown.append(name)
        return otherwise if found is None else found

    unknown = []
    file = File(mode_of(value, unknown), min(field("mtime", 0, shift=9, negative=0), LATEST))
    file.uid, file.gid = field("uid", 65534, most=2**32 - 1), field("gid", 65534, most=2**32 - 1)
    size = field("size", 0, most=2**63 - 1)
    file.size_known = "size" not in unknown
    if stat.S_ISREG(file.mode) and size == 0 and file.size_known:
        file.content = b""
    elif stat.S_ISREG(file.mode):
        file.flags |= ABSENT
    if stat.S_ISLNK(file.mode):
        target = raw(value[b"linksto"]) if is_string(value.get(b"linksto")) else b""
        if 0 < len(target) <= 4095 and b"\0" not in target:
            file.target = target
            if size != len(target) and file.size_known:
                file.notes.append({"held": len(target), "size": size, "what": "target-size"})
        else:
            file.flags |= ABSENT
            unknown.append("linksto")
    if not stat.S_ISDIR(file.mode):
        file.size = len(file.target) if file.target else size
    if unknown:
        file.notes.append({"fields": sorted(unknown), "what": "unknown"})
    return file


# ---- Records become a tree and features ----------------------------------------------------------------------------

UNCRAWLED = {b"/boot": 0o755, b"/dev": 0o755, b"/mnt": 0o755, b"/proc": 0o555, b"/sys": 0o555, b"/tmp": 0o1777,
             b"/usr/share/doc": 0o755, b"/usr/share/man": 0o755, b"/usr/share/mime": 0o755, b"/var/cache": 0o755}
LINKS_A_PATH, LINKS_A_FRAME, PATH_MAX = 40, 10000, 4095
TOO_LONG = "its path is too long when links are followed"
NO_DIRECTORY = "something above it is no directory"


class LeftOut(Exception):
    """Why the tree cannot hold a record."""


def check(path):
    """Leave out what no tree can hold."""
    why = "the path is empty" if not path else "the path is not absolute" if path[:1] != b"/" else \
        "the path holds a NUL" if b"\0" in path else "the path is longer than 4095 bytes" if len(path) > PATH_MAX else None
    for name in path.split(b"/")[1:] if path != b"/" and not why else []:
        why = why or ("a component of the path is empty" if not name else
                      "a component of the path is longer than 255 bytes" if len(name) > 255 else
                      'a component of the path is "%s"' % name.decode() if name in (b".", b"..") else None)
    if why:
        raise LeftOut(why)


def told(value, name):
    """A member that is a string and not empty, as bytes; or None."""
    text = value.get(name) if isinstance(value, dict) else None
    return raw(text) if is_string(text) and text else None


def created(frame):
    """When the frame's container was, in ns; or None."""
    inspected = [(key, value) for type_, key, value in frame.records if type_ == b"dockerinspect"]
    container = told(frame.metadata, b"container_long_id")
    chosen = [value for key, value in inspected if container and key == container] or [value for _, value in inspected if len(inspected) == 1]
    try:
        return time_of(chosen[0][b"Created"])
    except (IndexError, KeyError, TypeError, ValueError):
        return None


class Capture:
    """What a frame becomes: `tree`, files by path, each directory with its children; `features` (type, key, canonical value)."""

    def __init__(self, frame, prefix, excluded):
        self.prefix, self.tree, self.features, self.links = prefix, {}, set(), LINKS_A_FRAME
        self.tells_image = any(told(frame.metadata, name) for name in (b"container_image", b"docker_image_long_name"))
        self.ctimes = []                                    # (path, ctime or None) of what a content can change in
        self.uncrawled = UNCRAWLED if prefix is None else {}
        self.time = time_of(frame.metadata[b"timestamp"])
        files, contents = {}, {}                            # both: by path, what was said of it, in the frame's order
        for type_, key, value in frame.records:
            if type_ == b"file":
                self.attempt(self.take_file, files, type_, key, value)
            elif type_ != b"config":
                self.features.add((b"~" + type_ if type_.startswith(b"~") else type_, key, canonical(value)))
        if frame.partial:
            self.note(b"", {"what": "partial", "why": "the last record is cut short"})
        for path in sorted(files, key=lambda p: p.split(b"/")):
            for file, key, value in files[path]:
                self.attempt(self.place_file, path, b"file", key, value, file)
        for path in [b"", *self.uncrawled]:
            if path not in self.tree:
                self.hang(path, self.made(path))
        for type_, key, value in frame.records:
            if type_ == b"config":
                self.attempt(self.take_content, contents, type_, key, value)
        for path in sorted(contents, key=lambda p: p.split(b"/")):
            for first, (content, lossy, key, value) in zip([True] + [False] * len(contents[path]), contents[path]):
                self.attempt(self.place_content, path, b"config", key, value, content, lossy, first)
        self.note_not_crawled(files, excluded)
        self.note_changes(created(frame))

    # -- Features

    def note(self, path, note):
        value = {name.encode(): Number(v) if isinstance(v, int) else v for name, v in note.items()}
        self.features.add((b"~note", path, canonical(value)))

    def keep(self, path, type_, key, value, note):
        """A record that the tree does not hold."""
        self.features.add((type_, key, canonical(value)))
        self.note(path, {"record": type_.decode(), **note})

    def attempt(self, step, argument, type_, key, value, *more):
        try:
            step(argument, key, value, *more)
        except LeftOut as why:
            self.keep(key, type_, key, value, {"what": "left-out", "why": str(why)})

    # -- Files

    def path_of(self, key):
        if self.prefix is not None:
            if key != self.prefix and not key.startswith(self.prefix + b"/"):
                raise LeftOut("it does not lie below the prefix")
            key = key[len(self.prefix):] or b"/"
        check(key)
        return key if key != b"/" else b""

    def take_file(self, files, key, value):
        path, file = self.path_of(key), file_of(value)
        if stat.S_ISREG(file.mode) or stat.S_ISBLK(file.mode) or stat.S_ISCHR(file.mode):
            self.ctimes.append((path or b"/", number(value.get(b"ctime"), shift=9, negative=0)))
        for note in file.notes:
            self.note(path or b"/", note)
        files.setdefault(path, []).append((file, key, value))

    def place_file(self, path, key, value, file):
        if path in self.tree:
            if self.tree[path].bytes() != file.bytes():
                self.keep(path or b"/", b"file", key, value, {"what": "duplicate"})
        elif not path and file.children is None:
            raise LeftOut("it is the root, and no directory")
        elif not self.hang(path, file):
            raise LeftOut(NO_DIRECTORY)

    def hang(self, path, file):
        """Put a file into its directory, which is made if it is missing; False if something above it is no directory."""
        above, _, name = path.rpartition(b"/")
        if path:
            if above not in self.tree and not self.hang(above, self.made(above)):
                return False
            if self.tree[above].children is None:
                return False
            self.tree[above].children[name] = file
        self.tree[path] = file
        return True

    def made(self, path):
        return File(stat.S_IFDIR | self.uncrawled.get(path, 0o755), flags=MADE)

    # -- Contents

    def lead(self, path):
        """Where a path leads, links followed; nothing need be there."""
        at, left, links, may_go_on = b"", path, min(LINKS_A_PATH, self.links), True
        while left.strip(b"/"):
            name, slash, left = left.lstrip(b"/").partition(b"/")
            left = slash + left
            if len(at) + 1 + len(name) > PATH_MAX:
                raise LeftOut(TOO_LONG)
            if not may_go_on:
                raise LeftOut("its path leads below something that is no directory")
            if name in (b".", b".."):
                at = at.rpartition(b"/")[0] if name == b".." else at
                continue
            file = self.tree.get(at + b"/" + name)
            if file is None or not stat.S_ISLNK(file.mode):
                at, may_go_on = at + b"/" + name, file is None or file.children is not None
                continue
            if links == 0 or file.target is None:
                raise LeftOut("its path leads through too many links")
            links, self.links = links - 1, self.links - 1
            if len(file.target) + 1 + len(left) > PATH_MAX:
                raise LeftOut(TOO_LONG)
            at, left = b"" if file.target.startswith(b"/") else at, file.target + b"/" + left
        return at

    def lead_by_name(self, path, name):
        """Where /etc/NAME leads, if the content belongs there and not at its path; or None."""
        name = raw(name) if is_string(name) else b""
        link = self.tree.get(b"/etc/" + name)
        if b"/" in name or (path.endswith(b"/" + name) and not path.startswith(b"/proc/")) or \
                link is None or not stat.S_ISLNK(link.mode):
            return None
        try:
            place = self.lead(b"/etc/" + name)
        except LeftOut:
            return None
        return place if place == path or place not in self.tree else None

    def take_content(self, contents, key, value):
        path, text = self.path_of(key), value.get(b"content")
        if not is_string(text):
            raise LeftOut("it has no content")
        place = self.lead_by_name(path, value.get(b"name"))
        if place is None:
            place = self.lead(path)
        check(place or b"/")
        lossy = re.search("[\ud800-\udc7f\udd00-\udfff]", text) is not None
        contents.setdefault(place, []).append((raw(text), lossy, key, value))

    def place_content(self, path, key, value, content, lossy, first):
        file, held = self.tree.get(path), len(content)
        if file is None:
            file = File(stat.S_IFREG | 0o644, self.time)
            if not self.hang(path, file):
                raise LeftOut(NO_DIRECTORY)
            file.size = held
            self.note(path, {"what": "no-record"})
        elif not stat.S_ISREG(file.mode):
            raise LeftOut("what stands at its path is no regular file")
        if not first:
            if file.content != content:
                self.keep(path, b"config", key, value, {"what": "duplicate"})
            return
        if lossy or held < file.size:
            file.flags |= LOSSY
            self.note(path, {"held": held, "size": file.size, "what": "lossy"})
        elif held > file.size and file.size_known:
            self.note(path, {"held": held, "size": file.size, "what": "other-time"})
        file.content, file.size, file.flags = content, held, file.flags & ~ABSENT
        if self.tells_image:
            self.note(path, {"what": "captured"})

    # -- Notes for a join

    def note_not_crawled(self, files, excluded):
        if not self.tells_image:
            return
        if not any(path in self.tree and any(file is self.tree[path] for file, *_ in said) for path, said in files.items()):
            self.note(b"/", {"what": "not-crawled"})
        for place in [*self.uncrawled, *excluded]:
            if not any(path == place or path.startswith(place + b"/") for path, file in self.tree.items() if not file.flags & MADE):
                self.note(place, {"what": "not-crawled"})

    def note_changes(self, created_at):
        if created_at is None:
            return
        self.note(b"", {"time": time_text(created_at), "what": "created"})
        for path, ctime in self.ctimes:
            if ctime is None or min(ctime, LATEST) > created_at:
                self.note(path, {"what": "changed-after-created"})


# ---- Nodes and the id ----------------------------------------------------------------------------------------------

DIRECTORY, LINKS, FEATURES = 1, 2, 3


def ends_before(level, key, count, size):
    """Whether a node of `count` items with `size` bytes of text ends before the item with this key."""
    return count > 0 and (count == 64 or size >= 1 << 20 or
                          digest(bytes([level]) + key)[-1] & 15 == 0 and (level == 0 or count >= 2))


def cut(kind, items, level=0):
    """Items (key, bytes of text, bytes, counts), in order, to digest and counts of their top node."""
    def finished():
        node = b"node" + bytes([1, kind, level, len(filling)]) + b"".join(item[2] for item in filling)
        return digest(node), [sum(item[3][i] for item in filling) for i in range(3)]

    def as_item():
        (top, counts), key = finished(), filling[0][0]
        return key, len(key), string(key) + top + struct.pack(">III", *counts), counts

    done, filling = [], []
    for item in items:
        if ends_before(level, item[0], len(filling), sum(item[1] for item in filling)):
            done.append(as_item())
            filling = []
        filling.append(item)
    return cut(kind, done + [as_item()], level + 1) if done else finished()


def entry(name, file):
    data, nodes = string(name) + file.bytes(), 0
    if file.children is not None:
        top, counts = cut(DIRECTORY, [entry(child, file.children[child]) for child in sorted(file.children)])
        data, nodes = data + top + struct.pack(">III", *counts), counts[2]
    return name, len(name) + len(file.target or b""), data, (1, int(file.children is not None), 1 + nodes)


def feature(type_, key, value):
    return type_ + b"\0" + key, len(type_ + key + value), string(type_) + string(key) + digest(value), (1, 0, 0)


def snapshot(frame, prefix, excluded):
    """Id, and digests of root, links (no frame has any) and features."""
    capture = Capture(frame, prefix, excluded)
    tops = [cut(DIRECTORY, [entry(b"", capture.tree[b""])]), cut(LINKS, []),
            cut(FEATURES, [feature(*f) for f in sorted(capture.features)])]
    digests = [top for top, counts in tops]
    data = b"snap\x01" + string(raw(frame.metadata[b"namespace"])) + struct.pack(">QB", capture.time, 1) + \
        digest(b"".join(frame.lines)) + b"".join(digests)
    return [digest(data)[:16], *digests]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--strip-prefix", type=lambda prefix: prefix.encode("utf-8", "surrogateescape").rstrip(b"/"))
    arguments.add_argument("--excluded", action="append", default=[], type=lambda path: path.encode("utf-8", "surrogateescape").rstrip(b"/"))
    arguments.add_argument("--partial", action="store_true")
    arguments.add_argument("frame", nargs="+")
    arguments = arguments.parse_args()
    sys.setrecursionlimit(20000)                            # a path has up to 2047 components
    for path in arguments.frame:
        with open(path, "rb") as file:
            data = uncompressed(file.read())
        for frame in frames_of(data, arguments.partial):
            parts = [part.hex().encode() for part in snapshot(frame, arguments.strip_prefix, arguments.excluded)]
            sys.stdout.buffer.write(b" ".join([*parts, raw(frame.metadata[b"namespace"])]) + b"\n")


if __name__ == "__main__":
    main()
