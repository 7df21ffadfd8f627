#!/usr/bin/env python3
"""Frames and their images, end to end: join.py SEEDS KILLS. See join.sh."""
import io
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import time

from checks import Wrong, expect, run_checks
from make_images import LAYER, REF_NAME, Layout, config, sha256
from served import CONFUSE, Server, compare, import_source, must, run

CREATED = "2020-06-01T12:00:00.5Z"
BEFORE, AFTER = 1500000000.25, 1700000000.75          # of that
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
KINDS = {"file": stat.S_IFREG, "dir": stat.S_IFDIR, "link": stat.S_IFLNK, "char": stat.S_IFCHR, "pipe": stat.S_IFIFO}
TAR_TYPES = {"file": tarfile.REGTYPE, "dir": tarfile.DIRTYPE, "link": tarfile.SYMTYPE, "char": tarfile.CHRTYPE,
             "pipe": tarfile.FIFOTYPE, "hard": tarfile.LNKTYPE}


# --- Images and frames ------------------------------------------------------------------------------------------------

class Node:
    """A file of an image, and what a crawler says of it."""

    def __init__(self, kind, mode=None, uid=0, gid=0, mtime=BEFORE, content=b"", target="", xattrs=None):
        self.kind, self.uid, self.gid, self.mtime, self.content, self.target = kind, uid, gid, mtime, content, target
        self.mode = mode if mode is not None else {"dir": 0o755, "link": 0o777}.get(kind, 0o644)
        self.xattrs = xattrs or {}

    def record(self, path, **changes):
        size = len(self.content) if self.kind == "file" else len(self.target) if self.kind == "link" else 0
        record = {"path": path, "mode": KINDS[self.kind] | self.mode, "uid": self.uid, "gid": self.gid, "mtime": self.mtime,
                  "ctime": BEFORE, "size": size, "linksto": self.target or None}
        record.update(changes)
        return record


def layer(members):
    """A tar of (path, node); the node of a whiteout is None."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, node in members:
            info = tarfile.TarInfo(path.lstrip("/") or ".")
            if node is not None:
                info.type, info.mode, info.uid, info.gid = TAR_TYPES[node.kind], node.mode, node.uid, node.gid
                info.mtime, info.linkname = node.mtime, node.target.lstrip("/") if node.kind == "hard" else node.target
                info.size = len(node.content) if node.kind == "file" else 0
                info.devmajor, info.devminor = 1, 3
                info.pax_headers = {"SCHILY.xattr." + name: value for name, value in node.xattrs.items()}
            tar.addfile(info, io.BytesIO(node.content if node is not None and node.kind == "file" else b""))
    return out.getvalue()


def write_image(directory, layers, name=None):
    """An OCI layout; returns the image id."""
    layout = Layout()
    layout.add(layout.image(layers, ARCH, LAYER), {REF_NAME: name} if name else None)
    layout.write(directory)
    return sha256(config(layers, ARCH))


def frame(namespace, records, image=None, created=CREATED, configs=(), **metadata):
    """A csv frame."""
    metadata = {"namespace": namespace, "timestamp": "2021-01-01T00:00:00Z", "container_long_id": "c0ffee", **metadata}
    if image:
        metadata["container_image"] = image
    rows = [("metadata", "metadata", metadata)]
    rows += [("config", path, {"name": path.rsplit("/", 1)[1], "content": content, "path": path}) for path, content in configs]
    rows += [("file", record["path"], record) for record in records]
    if created:
        rows.append(("dockerinspect", "c0ffee", {"Id": "c0ffee", "Created": created}))
    return "".join(f"{kind}\t{json.dumps(key)}\t{json.dumps(value)}\n" for kind, key, value in rows)


# --- The store under test ---------------------------------------------------------------------------------------------

class Store:
    count = 0

    def __init__(self, work):
        Store.count += 1
        self.work, self.path = work, os.path.join(work, f"store{Store.count}")

    def take(self, source, *options):
        """Import; the lines that are printed, each as id and namespace."""
        data = source.encode() if "\n" in source else None
        done = import_source(self.path, "-" if data else source, *options, stdin=data)
        if done.returncode != 0:
            raise Wrong(f"import: exit {done.returncode}: {done.stderr}")
        return [tuple(line.split()[:2]) for line in done.stdout.splitlines()]

    def log(self):
        return [json.loads(line) for line in must(CONFUSE, "--store", self.path, "--json", "log").splitlines()]

    def latest(self, namespace):
        return next(line["id"] for line in self.log() if line["namespace"] == namespace)

    def manifest(self, snapshot):
        lines = must(CONFUSE, "--store", self.path, "manifest", snapshot).splitlines()
        return [json.loads(line) for line in lines]

    def known(self, snapshot):
        """How each path is known."""
        return {line["path"]: line["known"] for line in self.manifest(snapshot) if "known" in line}

    def cat(self, snapshot, path):
        return must(CONFUSE, "--store", self.path, "cat", f"{snapshot}:{path}")

    def fsck(self):
        must(CONFUSE, "--store", self.path, "fsck")


def both_ways(work, image_directory, frames, *options):
    """The stores of an image before its frames, and after; the frames' snapshots are the same."""
    first, last = Store(work), Store(work)
    first.take(image_directory, "--namespace", "image")
    for text in frames:
        first.take(text, *options)
        last.take(text, *options)
    last.take(image_directory, "--namespace", "image")
    newest = [{}, {}]
    for store, ids in zip((first, last), newest):
        for line in store.log():
            ids.setdefault(line["namespace"], line["id"])
    expect("ids of frames after their image, and before it", newest[0], newest[1])
    for store in (first, last):
        store.fsck()
    return first, last


# --- Checks -----------------------------------------------------------------------------------------------------------

USUAL = {"/": Node("dir"), "/etc": Node("dir"), "/etc/os": Node("file", content=b"os\n"), "/bin": Node("link", target="usr/bin"),
         "/usr": Node("dir"), "/usr/bin": Node("dir"), "/usr/bin/tool": Node("file", 0o755, content=b"tool"),
         "/usr/bin/same": Node("hard", target="/usr/bin/tool"), "/tmp": Node("dir", 0o1777),
         "/tmp/left": Node("file", content=b"by the build"), "/opt": Node("dir"), "/opt/big": Node("dir"),
         "/opt/big/data": Node("file", content=b"data"), "/gone": Node("file", content=b"gone")}
TOOL = USUAL["/usr/bin/tool"]


def usual_image(work, **more):
    return write_image(os.path.join(work, "usual"), [layer(USUAL.items())], **more)


def usual_records(*without):
    nodes = {**USUAL, "/usr/bin/same": TOOL}
    return [node.record(path) for path, node in nodes.items()
            if not any(path == w or path.startswith(w + "/") for w in ("/tmp", "/gone", *without))]


def check_usual(work):
    image = usual_image(work)
    records = usual_records()
    records[2]["ctime"] = AFTER                       # /etc/os
    first, last = both_ways(work, os.path.join(work, "usual"), [frame("usual", records, image)])
    known = first.known("usual@latest")
    expect("known", {"/etc/os": "image-unproven", "/usr/bin/tool": "image", "/usr/bin/same": "image", "/etc": "image",
                     "/tmp/left": "image-unproven", "/tmp": "image-unproven", "/boot": "made", "/bin": "image"},
           {path: known.get(path) for path in ("/etc/os", "/usr/bin/tool", "/usr/bin/same", "/etc", "/tmp/left", "/tmp", "/boot",
                                               "/bin")})
    expect("what the frame lacks", False, "/gone" in known)
    expect("names", [2, 2], [line["nlink"] for line in first.manifest("usual@latest") if line["path"].startswith("/usr/bin/")])
    expect("content", "tool", first.cat("usual@latest", "/bin/tool"))
    expect("revisions", 2, sum(line["namespace"] == "usual" for line in last.log()))
    first_id = next(line["id"] for line in last.log() if line["namespace"] == "usual" and "image" not in line)
    expect("the first one stays", "absent", last.known(first_id)["/etc/os"])
    expect("the frame again", last.latest("usual"), last.take(frame("usual", records, image))[0][0])
    expect("the image again", 1, len(last.take(os.path.join(work, "usual"), "--namespace", "image")))


def check_drift(work):
    """`confuse diff --drift`: what a container did to its image, and nothing that it did not."""
    image = usual_image(work)
    records = usual_records()
    os_file = next(record for record in records if record["path"] == "/etc/os")
    os_file.update(size=len("drifted"), mtime=AFTER, ctime=AFTER)
    records.append(Node("file", mtime=AFTER, content=b"new").record("/etc/new", ctime=AFTER))
    store = Store(work)
    store.take(os.path.join(work, "usual"), "--namespace", "image")
    store.take(frame("drift", records, image, configs=[("/etc/os", "drifted"), ("/etc/new", "new")]))

    def diff(*arguments):
        done = run(CONFUSE, "--store", store.path, "--json", "diff", *arguments)
        return done.returncode, [(line["change"], line.get("path")) for line in map(json.loads, done.stdout.splitlines())]

    expected = [("added", "/etc/new"), ("modified", "/etc/os"), ("removed", "/gone")]
    expect("drift", (1, expected), diff("--drift", "drift@latest"))
    expect("drift of the image", (0, []), diff("--drift", "image@latest"))
    files = [step for step in diff("--no-renames", "image@latest", "drift@latest")[1] if step[1]]
    expect("against the image's snapshot", expected, files)


def check_times(work):
    """Without a time when the container was created, nothing is proven."""
    image = usual_image(work)
    records = usual_records()
    records[2]["ctime"] = "unknown"
    texts = [frame("told", records, image), frame("not-told", records, image, created=None),
             frame("no-time", records, image, created="yesterday"), frame("other", records, image, container_long_id="other")]
    first, _ = both_ways(work, os.path.join(work, "usual"), texts)
    for namespace, os_file, tool in (("told", "image-unproven", "image"), ("not-told", "image-unproven", "image-unproven"),
                                     ("no-time", "image-unproven", "image-unproven"), ("other", "image-unproven", "image")):
        known = first.known(namespace + "@latest")
        expect(namespace, (os_file, tool), (known["/etc/os"], known["/usr/bin/tool"]))


def check_excluded(work):
    image = usual_image(work)
    records = usual_records("/opt/big")
    first, _ = both_ways(work, os.path.join(work, "usual"), [frame("excluded", records, image)], "--excluded", "/opt/big/",
                         "--excluded", "/etc", "--excluded", "/none/there")
    known = first.known("excluded@latest")
    expect("what was excluded", ("image-unproven", "image", False),
           (known.get("/opt/big/data"), known.get("/etc/os"), "/none" in known))
    other = Store(work)
    other.take(os.path.join(work, "usual"), "--namespace", "image")
    other.take(frame("excluded", records, image))
    expect("what was not", False, "/opt/big" in other.known("excluded@latest"))
    for options in (["--excluded", "relative"], ["--excluded", "/"]):
        expect("a path that is none", 2, import_source(other.path, "-", *options, stdin=b"x\n").returncode)
    expect("an image with --excluded", 2,
           import_source(other.path, os.path.join(work, "usual"), "--excluded", "/opt").returncode)


def check_no_files(work):
    """A frame of contents only has all of the image."""
    image = usual_image(work)
    first, _ = both_ways(work, os.path.join(work, "usual"),
                         [frame("none", [], image, configs=[("/etc/os", "os\n"), ("/etc/new", "new\n"), ("/usr/bin/tool", "hacked")])])
    known = first.known("none@latest")
    expect("known", {"/etc/os": "captured", "/etc/new": "captured", "/usr/bin/tool": "captured", "/usr/bin/same": "image-unproven",
                     "/gone": "image-unproven", "/tmp/left": "image-unproven", "/usr": "image-unproven"},
           {path: known.get(path) for path in ("/etc/os", "/etc/new", "/usr/bin/tool", "/usr/bin/same", "/gone", "/tmp/left", "/usr")})
    lines = {line["path"]: line for line in first.manifest("none@latest") if "mode" in line}
    expect("mode of the image", "0755", lines["/usr/bin/tool"]["mode"])
    expect("a broken group", None, lines["/usr/bin/same"].get("nlink"))
    nothing, _ = both_ways(work, os.path.join(work, "usual"), [frame("nothing", [], image)])
    expect("names", [2, 2], [line["nlink"] for line in nothing.manifest("nothing@latest") if line["path"].startswith("/usr/bin/")])


def check_captured(work):
    """What was captured is captured, also where it is as in the image; what is empty needs nobody's content."""
    nodes = {**USUAL, "/etc/empty": Node("file"), "/etc/passwd": Node("file", content=b"root:x:0:0:\n")}
    image = write_image(os.path.join(work, "captured"), [layer(nodes.items())])
    records = usual_records() + [nodes[path].record(path) for path in ("/etc/empty", "/etc/passwd")]
    first, _ = both_ways(work, os.path.join(work, "captured"),
                         [frame("c", records, image, configs=[("/etc/passwd", "root:x:0:0:\n"), ("/etc/os", "OS\n")])])
    known = first.known("c@latest")
    expect("known", ["captured"] * 3, [known[path] for path in ("/etc/passwd", "/etc/os", "/etc/empty")])
    expect("the container's content", "OS\n", first.cat("c@latest", "/etc/os"))


def check_hostile(work):
    """Types that differ from the image's, and a frame that makes much of little."""
    image = usual_image(work)
    file, directory = Node("file", content=b"tool"), Node("dir")
    records = [directory.record("/"), directory.record("/bin"), file.record("/bin/tool"), file.record("/usr"),
               Node("link", target="/etc").record("/etc"), directory.record("/usr/bin/tool"), file.record("/tmp"),
               Node("link", target="/").record("/opt"), file.record("/opt/big/data"), Node("file", content=b"x" * 9).record("/gone")]
    records += [file.record(f"/many/{n}", ctime=AFTER) for n in range(3000)]
    first, _ = both_ways(work, os.path.join(work, "usual"), [frame("hostile", records, image)])
    lines = {line["path"]: line for line in first.manifest("hostile@latest") if "mode" in line}
    expect("types", ["dir", "file", "link", "file", "link"], [lines[path]["type"] for path in ("/bin", "/usr", "/etc", "/tmp", "/opt")])
    expect("known", ["absent"] * 4, [lines[path]["known"] for path in ("/bin/tool", "/usr", "/tmp", "/gone")])
    expect("paths below what is no directory", [], [path for path in lines if path.startswith(("/usr/", "/tmp/", "/etc/", "/opt/"))
                                                    and not path.startswith("/usr/share")])


def check_names(work):
    """By its name only where the frame tells no id; and what was joined stays, wherever the tag goes."""
    store, records = Store(work), usual_records()
    first = usual_image(work, name="nginx:1.25")
    texts = [frame("short", records, docker_image_long_name="nginx:1.25"),
             frame("full", records, docker_image_long_name="docker.io/library/nginx:1.25"),
             frame("other-tag", records, docker_image_long_name="nginx"),
             frame("other-id", records, image="sha256:" + "0" * 64, docker_image_long_name="nginx:1.25"),
             frame("no-id", records, image="nginx", docker_image_long_name="nginx:1.25"),
             frame("digest", records, docker_image_long_name="nginx@sha256:" + first)]
    for text in texts:
        store.take(text)
    printed = store.take(os.path.join(work, "usual"))
    expect("completed", ["docker.io/library/nginx", "short", "full", "no-id"], [namespace for _, namespace in printed])
    nodes = {**USUAL, "/etc/os": Node("file", content=b"OS\n")}
    write_image(os.path.join(work, "moved"), [layer(nodes.items())], name="nginx:1.25")
    expect("completed by another", 1, len(store.take(os.path.join(work, "moved"))))
    before = store.latest("short")
    expect("the frame again", before, store.take(texts[0])[0][0])
    expect("its content", "os\n", store.cat("short@latest", "/etc/os"))
    expect("content of a new one", "OS\n", store.cat(store.take(frame("new", records, docker_image_long_name="nginx:1.25"))[0][0],
                                                    "/etc/os"))
    store.take(os.path.join(work, "moved"), "--namespace", "other")
    store.fsck()


def check_served(work):
    """The frame of a directory whose image is here is that directory, over NFS."""
    top = os.path.join(work, "top")
    os.makedirs(os.path.join(top, "etc"))
    os.makedirs(os.path.join(top, "srv/deep/er"))
    for path, content in (("etc/os", b"os\n"), ("srv/large", bytes(range(256)) * 1000), ("srv/deep/er/empty", b"")):
        with open(os.path.join(top, path), "wb") as file:
            file.write(content)
    os.chmod(os.path.join(top, "srv/large"), 0o4750)
    os.link(os.path.join(top, "etc/os"), os.path.join(top, "srv/os"))
    os.symlink("../etc/os", os.path.join(top, "srv/link"))
    os.mkfifo(os.path.join(top, "srv/pipe"))
    for name in ("boot", "dev", "mnt", "proc", "sys", "tmp", "usr/share/doc", "usr/share/man", "usr/share/mime", "var/cache"):
        os.makedirs(os.path.join(top, name))
    out, records = io.BytesIO(), []
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(top, ".")
    for at, directories, files in os.walk(top):
        for name in [""] + [n for n in directories if os.path.islink(os.path.join(at, n))] + files:
            path = os.path.join(at, name).rstrip("/")
            st = os.lstat(path)
            records.append({"path": path[len(top):] or "/", "mode": st.st_mode, "uid": st.st_uid, "gid": st.st_gid,
                            "mtime": int(st.st_mtime * 1e6) / 1e6, "ctime": st.st_ctime, "size": st.st_size,
                            "linksto": os.readlink(path) if os.path.islink(path) else None})
    out = out.getvalue()
    image = write_image(os.path.join(work, "served"), [out])
    _, store = both_ways(work, os.path.join(work, "served"), [frame("served", records, image, created="2100-01-01T00:00:00Z")])
    # tarfile's times are floats: what is served is what the tar has.
    with tarfile.open(fileobj=io.BytesIO(out)) as tar:
        times = {member.name: member.mtime for member in tar}
    for name, mtime in sorted(times.items(), reverse=True):
        seconds, _, fraction = repr(mtime).partition(".")
        ns = int(seconds) * 10**9 + int((fraction or "0").ljust(9, "0")[:9])
        os.utime(os.path.join(top, name), ns=(ns, ns), follow_symlinks=False)
    server = Server(store.path, os.path.join(work, "server.log"))
    try:
        expect("what is served", "", compare(server, "/snap/" + store.latest("served"), top))
        expect("the server's end", 0, server.stop())
    finally:
        server.kill()


def check_kill(work, kills):
    """Interrupted whenever it may be, all are completed in the end, and no id that was there is gone."""
    image = usual_image(work)
    more = [Node("file", content=b"%d" % n * (n % 50)).record(f"/srv/{n}") for n in range(200)]
    text = "".join(frame(f"kill/{n}", usual_records() + more[n:], image) for n in range(50))
    rng, interrupted = random.Random(1), 0
    for _ in range(kills):
        store = Store(work)
        ids = [line[0] for line in store.take(text)]
        expect("frames", 50, len(ids))
        store.take(os.path.join(work, "moved"), "--namespace", "warm")
        for round_ in range(3):
            process = subprocess.Popen([CONFUSE, "--store", store.path, "import", "--namespace", "image",
                                        os.path.join(work, "usual")], stdout=subprocess.PIPE)
            time.sleep(rng.uniform(0.005, 0.15))
            process.send_signal(signal.SIGKILL)
            printed = process.communicate()[0].decode().splitlines()
            there = {line["id"] for line in store.log()}
            expect("what was there", True, set(ids) <= there)
            expect("what was printed", True, {line.split()[0] for line in printed if len(line) > 32} <= there)
            revisions = sum("image" in line for line in store.log() if line["namespace"].startswith("kill/"))
            interrupted += 0 < revisions < 50
        store.take(os.path.join(work, "usual"), "--namespace", "image")
        log = [line for line in store.log() if line["namespace"].startswith("kill/")]
        expect("revisions", (100, 50), (len(log), sum("image" in line for line in log)))
        store.fsck()
        shutil.rmtree(store.path)
    print(f"{interrupted} times in the middle")


# --- Random ones ------------------------------------------------------------------------------------------------------

NAMES = ["a", "b", "c", "tmp", "proc", "etc"]


def random_path(rng):
    return "".join("/" + rng.choice(NAMES) for _ in range(rng.choice([1, 1, 2, 2, 3])))


def random_node(rng, seen):
    kind = rng.choice(["file"] * 5 + ["dir"] * 4 + ["link", "char", "pipe"] + ["hard"] * 2 * bool(seen))
    return Node(kind, rng.choice([None, None, 0o700, 0o4755]), rng.choice([0, 0, 7]), 0, rng.choice([BEFORE, 1, 1.123456]),
                rng.choice([b"", b"x", b"longer", b"yy"]), rng.choice(seen) if kind == "hard" else rng.choice(["a", "../b", "/c/a"]),
                {"user.x": "y"} if kind in ("file", "dir") and rng.random() < .2 else None)


def random_layers(rng):
    seen, layers, nodes = [], [], {"/": Node("dir")}
    for _ in range(rng.choice([1, 1, 2])):
        members = []
        for _ in range(rng.randrange(1, 30)):
            path = random_path(rng)
            if layers and rng.random() < .15:
                at, _, name = path.rpartition("/")
                members.append((f"{at}/.wh.{name}", None))
                continue
            node = random_node(rng, seen)
            members.append((path, node))
            nodes[path] = nodes.get(node.target, node) if node.kind == "hard" else node
            seen.append(path)
        layers.append(layer(members))
    return layers, {path: node for path, node in nodes.items() if node.kind != "hard"}


def random_records(rng, nodes):
    records = []
    for path, node in [*nodes.items(), *[(random_path(rng), random_node(rng, [])) for _ in range(3)]]:
        if rng.random() < .15:
            continue
        record = node.record(path)
        for field, value in (("mode", record["mode"] ^ 0o111), ("uid", 9), ("mtime", 5.5), ("size", 77), ("ctime", AFTER),
                             ("ctime", None), ("linksto", "x"), ("mtime", None)):
            if rng.random() < .06:
                record[field] = value
        records.append(record)
    return records


def random_frame(rng, namespace, nodes, image):
    records = random_records(rng, nodes) if rng.random() < .85 else []
    some = [(path, node.content.decode()) for path, node in nodes.items() if node.kind == "file"]
    configs = rng.sample(some, min(len(some), rng.randrange(4))) + [(random_path(rng), rng.choice(["", "x", "captured"]))] * rng.randrange(2)
    rng.shuffle(records)
    return frame(namespace, records, image, rng.choice([CREATED, CREATED, None]), configs)


def check_random(work, seeds):
    for seed in range(seeds):
        rng = random.Random(seed)
        layers, nodes = random_layers(rng)
        directory = os.path.join(work, "random")
        image = write_image(directory, layers)
        texts = [random_frame(rng, f"random/{n}", nodes, image) for n in range(3)]
        options = ["--excluded", random_path(rng), "--excluded", random_path(rng)] * rng.randrange(2)
        try:
            first, last = both_ways(work, directory, texts, *options)
            for n in range(3):
                for one, other in zip(first.manifest(f"random/{n}@latest"), last.manifest(f"random/{n}@latest")):
                    expect("manifest", one, other)
        except Wrong as wrong:
            raise Wrong(f"seed {seed}: {wrong}") from None
        shutil.rmtree(first.path)
        shutil.rmtree(last.path)


def main():
    seeds, kills = map(int, sys.argv[1:])
    run_checks("join", (check_usual,), (check_drift,), (check_times,), (check_excluded,), (check_no_files,), (check_captured,),
               (check_hostile,), (check_names,), (check_served,), (check_random, seeds), (check_kill, kills))


if __name__ == "__main__":
    main()
