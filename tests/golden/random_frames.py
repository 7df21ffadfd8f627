#!/usr/bin/env python3
"""Random frames from a seed, for tests/golden/second.sh: whatever a crawler or a hostile container may have written.

    random_frames.py SEED COUNT FOLDER

Names come from a small set, so that records meet: duplicates, links onto each other, contents through links, files below files.
The first frame has a directory of 20,000 names and some 2,000 features, so that nodes are cut at several levels; the next two
have many contents.
"""
import gzip
import random
import sys

NAMES = ["a", "b", "c", "etc", "proc", "usr", "share", "tmp", "var", "cache", "l1", "l2", "l3", "x" * 255, "x" * 256, "", ".", "..",
         "\u00e9", "\U0001f600", "\udcff", "\udcc3\udca9", "\ud83d", "\udfff", "new\nline\r\t", "it's", '"\\/', "\x7f\x1b", "n\0l", "~note",
         "\udcc0\udc80", "\udcf4\udc90\udc80\udc80", "\udce2\udc82", "\udced\udca0\udc80", "\udce0\udc80\udcaf", "\udcf0\udc9f"]
USUAL = NAMES[:13]
TARGETS = ["/etc/a", "../a", "..", "b", "./b/", "l1", "../l2", "/l3/c", "/", "/proc/a", "gone/../a", "/nowhere/x", "a\0b", "", "t" * 4095,
           "t" * 4096, "\udcff\u00e9", "/etc/\ud800"]
MODES = [33188, 33261, 35309, 16877, 17407, 41471, 49645, 4516, 24992, 8612, 0, 420, 511, 12345, 98724, 65535, "33188", "x", None]
NUMBERS = ["0", "1", "7", "4096", "-1", "-0", "-0.0", "0.9", "-0.5", "1e0", "1.5E+2", "25e-1", "4294967294.5", "4294967295", "4294967295.5",
           "4294967296", "4294967295.9999999999", "1489251869.702927", "1489251869.1234567891", "1e300", "1e-300", "9223372036854775807",
           "9223372036854775808", "18446744073709551616", "0.0000000000000000001e19", "9.2233720368547758071e18", "922337203685477580.7e1",
           "1" + "0" * 30 + "e-30", "0." + "0" * 50 + "1e51", "4294967295.99999999999999999999999999999", "1e99999999999", "NaN", "Infinity", "-Infinity", "null", "true", "[]", "{}"]
STRINGS = ["7", "4096", "", " 7", "7 ", "+7", "0x7", "07", "7.", ".7", "1e1", "1489251869.5", "NaN", "seven", "7\0", "-3"]
CTIMES = ["1489251869.702927", "1489251869.7029269999", "1489251869.702928", "1500000000", "0"]
CREATED = ["2017-03-11T17:04:29.702927Z", "2017-03-11T17:04:29.702927Z", "2017-03-11T18:04:29.702926999+01:00", "2017-03-11T17:04:29", "2200-01-01T00:00:00Z",
           "1969-12-31T23:59:59Z", "yesterday", "", 7, None]
CONTENTS = ["", "x", "content\n", "caf\u00e9", "a\udcff\udcfe", "a\ud800b", "\udfff", "\0", "x" * 300, "it's", None, 7]


class Literal(str):
    """JSON as it stands."""


class Writer:
    def __init__(self, rng):
        self.rng = rng

    def char(self, c):
        code, way = ord(c), self.rng.random()
        if c in '"\\' or c == "/" and way < .1:
            return b"\\" + c.encode()
        if code >= 32 and way < .6 and not 0xd800 <= code <= 0xdfff:
            return c.encode()
        if 0xdc80 <= code <= 0xdcff and way < .3:
            return bytes([code - 0xdc00])
        if c in "\n\t\r\b\f" and way < .5:
            return {"\n": b"\\n", "\t": b"\\t", "\r": b"\\r", "\b": b"\\b", "\f": b"\\f"}[c]
        if code < 0x80 <= code + 0x60 and way < .9 and code >= 32:
            return c.encode()
        form = "\\u%04x" if way < .95 else "\\u%04X"
        if code > 0xffff:
            return (form % (0xd800 + (code - 0x10000 >> 10)) + form % (0xdc00 + (code & 0x3ff))).encode()
        return (form % code).encode()

    def json(self, value):
        space = b" " * (self.rng.random() < .05)
        if isinstance(value, Literal):
            return value.encode()
        if isinstance(value, str):
            return b'"' + b"".join(map(self.char, value)) + b'"'
        if isinstance(value, dict):
            value = list(value.items())
        if isinstance(value, list) and value and isinstance(value[0], tuple):   # an object, with keys that may repeat
            return b"{" + (b"," + space).join(self.json(k) + b":" + space + self.json(v) for k, v in value) + space + b"}"
        if isinstance(value, list):
            return b"[" + (space + b",").join(map(self.json, value)) + b"]"
        return {None: b"null", True: b"true", False: b"false"}.get(value) if value is None or isinstance(value, bool) else b"%d" % value


class Generator:
    def __init__(self, rng):
        self.rng, self.paths = rng, ["/"]

    def path(self):
        rng, roll = self.rng, self.rng.random()
        if roll < .3:
            return rng.choice(self.paths)
        if roll < .32:
            return rng.choice(["", "relative", "/" + "/".join(["d" * 200] * 21), "/" + "/".join(["d"] * 2047), "//", "/a/"])
        base = rng.choice(self.paths) if roll < .6 else rng.choice(["", "/etc", "/proc", "/a", "/usr", "/usr/share"])
        path = base.rstrip("/") + "/" + "/".join(rng.choice(NAMES if rng.random() < .2 else USUAL) for _ in range(rng.choice([1, 1, 1, 2, 3])))
        self.paths.append(path)
        return path

    def number(self, usual):
        roll = self.rng.random()
        if roll < .7:
            return Literal(usual)
        return Literal(self.rng.choice(NUMBERS)) if roll < .9 else self.rng.choice(STRINGS)

    def file(self):
        rng, path = self.rng, self.path()
        roll = rng.random()
        mode = 16877 if roll < .3 else 33188 if roll < .55 else 41471 if roll < .75 else rng.choice(MODES)
        value = {"atime": Literal("1.5"), "ctime": self.number(rng.choice(CTIMES)), "gid": self.number("0"), "linksto": None, "mode": mode, "mtime": self.number("1489251869.702927"),
                 "name": path.rsplit("/", 1)[-1], "path": path, "size": self.number(rng.choice("01379")), "uid": self.number("0"),
                 "type": rng.choice(["file", "file", "dir", "link", "block", "char", "pipe", "socket", "", None, 7])}
        if mode == 41471 or value["type"] == "link":
            value["linksto"] = rng.choice(TARGETS + self.paths) if rng.random() < .95 else rng.choice([None, 7])
        fields = list(value.items())
        if rng.random() < .1:
            fields.remove(rng.choice(fields))
        if rng.random() < .1:
            fields.append(("size", Literal("5")))
        return "file", path, fields

    def config(self):
        rng, path = self.rng, self.path()
        name = path.rsplit("/", 1)[-1] if rng.random() < .5 else rng.choice(NAMES + ["../b", None, 7])
        value = {"name": name, "content": rng.choice(CONTENTS), "path": path}
        if rng.random() < .05:
            del value[rng.choice(list(value))]
        return "config", path, list(value.items()) or {}

    def value(self, depth=0):
        rng, roll = self.rng, self.rng.random()
        if roll < .3 and depth < 4:
            return [(rng.choice(NAMES), self.value(depth + 1)) for _ in range(rng.randrange(4))] or {}
        if roll < .4 and depth < 4:
            return [self.value(depth + 1) for _ in range(rng.randrange(4))]
        if roll < .7:
            return rng.choice(NAMES + STRINGS + CONTENTS[:-2])
        return Literal(rng.choice(NUMBERS))

    def feature(self):
        rng = self.rng
        types = ["os", "process", "package", "package", "cpu", "gpu", "unknown", "~note", "~", "memory", "connection", "interface", "disk",
                 "metric", "dockerps", "dockerinspect", "dockerhistory", "dockernetwork", "diskio", "load", "jar", "netlink",
                 "python-package"]
        fields = ["pname", "pid", "pkgname", "mountpt", "Id", "path", "localipaddr", "localport", "remoteport", "ifname", "\u00e9"]
        key = rng.choice(NAMES + ["bash", "linux", "\U0001f600\udcff"])
        value = [("hashes", self.value())] + [(f, self.value(9)) for f in rng.sample(fields, rng.randrange(len(fields)))]
        if rng.random() < .1:                               # of the container, or of another one
            value = [("Created", rng.choice(CREATED)), ("Id", "id")][rng.randrange(10) == 0:]
            return "dockerinspect", rng.choice(["c0ffee", "c0ffee", "other"]), value
        return rng.choice(types), key, value

    def records(self):
        rng = self.rng
        records = [("file", "/", [("mode", 16877), ("mtime", 5), ("size", 4096), ("uid", 0), ("gid", 0)])] * (rng.random() < .8)
        for _ in range(rng.randrange(60)):
            records.append(rng.choices([self.file, self.config, self.feature], [6, 2, 2])[0]())
        records += rng.sample(records, min(len(records), 3))
        return records

    def metadata(self):
        rng = self.rng
        time = rng.choice(["2017-03-11T17:04:42+0000", "2017-03-11T17:04:42Z", "2024-02-29T23:59:59-0130", "2038-01-19T03:14:08+0530",
                           "1970-01-01T00:00:00+0000"])
        return [("namespace", rng.choice(["ns/one", "a/b/c", "\u00e9\udcff", "10.0.2.15/wizardly"])), ("timestamp", time),
                ("features", ["os", "file"])] + [("system_type", "vm")] * rng.randrange(2) + \
            [("container_long_id", rng.choice(["c0ffee", "c0ffee", "", None]))] * rng.randrange(2) + \
            [("container_image", rng.choice(["sha256:" + "0" * 64, "x", "", None]))] * rng.randrange(2) + \
            [("docker_image_long_name", rng.choice(["nginx:1.25", "@", "", 7]))] * (rng.random() < .2)


def many(rng):
    """Enough of everything for lists above lists; names of up to 255 bytes, values of up to a MiB."""
    def file(path, mode, **more):
        return "file", path, [("mode", mode), ("mtime", 7), ("size", 0), ("uid", 0), ("gid", 0), *more.items()]

    records = [file("/", 16877), file("/many", 16877), file("/long", 16877), file("/deep", 16877)]
    records += [file("/many/%s%d" % (rng.choice("abc~\u00e9\udcff"), n), 33188) for n in range(20000)]
    records += [file("/long/%03d%s" % (n, "n" * 252), 41471, linksto="t" * 4095) for n in range(700)]
    records += [file("/deep/%d/%d" % (n % 300, n), 33188) for n in range(3000)]
    records += [("package", "p%d" % n, [("pkgname", "p%d" % n), ("v", "v" * rng.randrange(9))]) for n in range(2000)]
    records += [("big", "b%d" % n, "v" * rng.choice([300000, 1 << 19, (1 << 20) - 10, 1 << 20])) for n in range(12)]
    rng.shuffle(records)
    return records


def chains(rng):
    """More links on the ways of contents than are followed for one, and for all."""
    def link(path, target):
        return "file", path, [("mode", 41471), ("mtime", 7), ("size", 0), ("uid", 0), ("gid", 0), ("linksto", target)]

    records = [link("/l%d" % n, "l%d" % (n + 1)) for n in range(50)] + [link("/d", "/long/" * 600), link("/etc/l9", "../proc/gone")]
    for n in range(500):
        path = rng.choice(["/l%d" % rng.randrange(50), "/gone/x%d" % n, "/d/d/x", "/l45/below", "/etc/l9"])
        records.append(("config", path, [("name", rng.choice(["l9", path[-1], "x"])), ("content", str(n % 7))]))
    return records


def contents(rng):
    """Many contents without a record, among some with one."""
    records = [("file", "/%s" % name, [("mode", 33188), ("mtime", 7), ("size", 1), ("uid", 0), ("gid", 0)]) for name in "bdfhkz"]
    records += [("config", "/%s%s" % (rng.choice("abcdefghijkz"), rng.choice(["", "0", "1", "/x"])), [("name", "x"), ("content", "x")])
                for _ in range(40)]
    return records


def csv(writer, records, metadata):
    return [type_.encode() + b"\t" + writer.json(key) + b"\t" + writer.json(value) + b"\n"
            for type_, key, value in [("metadata", "metadata", metadata), *records]]


def old_csv(writer, records, metadata):
    def field(text):
        return b"'" + text.replace(b"'", b"''") + b"'" if b"'" in text else text

    return [b"\t".join(map(field, line[:-1].split(b"\t"))) + b"\r\n" for line in csv(writer, records, metadata)]


def json_lines(writer, records, metadata):
    lines = [writer.json(metadata) + b"\n"]
    for type_, _, value in records:
        members = value if isinstance(value, list) and (not value or isinstance(value[0], tuple)) else []
        lines.append(writer.json([*members, ("feature_type", type_), ("namespace", "n")]) + b"\n")
    return lines


def logstash(writer, records, metadata):
    types = {}
    for type_, key, value in records:
        types.setdefault(type_, []).append((key, value))
    members = [(type_, keys) for type_, keys in types.items()]
    members.insert(writer.rng.randrange(len(members) + 1), ("metadata", metadata))
    return [writer.json(members) + b"\n" * writer.rng.randrange(2)]


def fluentd(writer, records, metadata):
    return [writer.json([("feature_type", type_), ("feature_key", key), ("feature_val", value)]) + b"\n"
            for type_, key, value in [("metadata", "metadata", metadata), *records]]


SPECIAL = {0: many, 1: chains, 2: contents}


def frame(seed, number):
    rng = random.Random("%s %d" % (seed, number))
    generator, writer = Generator(rng), Writer(rng)
    special = SPECIAL.get(number)
    dialect = csv if special else rng.choice([csv, csv, csv, old_csv, json_lines, logstash, fluentd])
    lines = dialect(writer, special(rng) if special else generator.records(), generator.metadata())
    if dialect in (csv, old_csv) and number % 3 == 0:
        rng.shuffle(lines)
    elif dialect is csv and number % 3 == 1:                # another frame behind
        lines += [b"\n"] * rng.randrange(2) + csv(writer, generator.records(), generator.metadata())
    data = b"".join(lines)
    return gzip.compress(data, 1, mtime=0) + b"\n" * rng.randrange(2) if rng.random() < .1 else data


def main():
    seed, count, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    for number in range(count):
        with open("%s/%03d.frame" % (folder, number), "wb") as file:
            file.write(frame(seed, number))


if __name__ == "__main__":
    main()
