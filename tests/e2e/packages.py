#!/usr/bin/env python3
"""Package databases, end to end: packages.py PACKAGES. See packages.sh."""
import hashlib
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys

from checks import Wrong, expect, run_checks
from join import Node, Store, frame as join_frame, layer, write_image
from served import CONFUSE, resident

RPMDB = "/var/lib/rpm/rpmdb.sqlite"
SYSIMAGE = "/usr/lib/sysimage/rpm"
QUERY = "%{NAME}|%{EPOCH}|%{VERSION}|%{RELEASE}|%{ARCH}|%{LONGSIZE}|%{INSTALLTIME}\\n"
MARK = "unknown (made by confuse; no feature tells)"
RSS_MAX = resident(700)  # of an import of 100,000 packages


def run(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **more)


def must(*command, **more):
    """What it says; nothing was to be complained of."""
    done = run(*command, **more)
    if done.returncode != 0 or done.stderr:
        raise Wrong(f"{command}: {done.returncode} {done.stderr.decode(errors='replace')}")
    return done.stdout.decode()


def rpm(root, *arguments):
    return must("rpm", "--root", root, "--dbpath", "/var/lib/rpm", *arguments)


def package(name, version, size="10", architecture="x86_64", installed="1527000000", **more):
    return ("package", name, {"installed": installed, "pkgname": name, "pkgsize": size, "pkgversion": version,
                              "pkgarchitecture": architecture, **more})


def system(name):
    return ("os", "linux", {"boottime": 1527760000.0, "os": name, "os_version": "9"})


def frame(*lines):
    """Lines of a frame: (type, key, value)."""
    metadata = ("metadata", "metadata", {"namespace": "e2e/packages", "timestamp": "2018-06-01T12:00:00+0000", "system_type": "host"})
    return "".join(f"{kind}\t{json.dumps(key)}\t{json.dumps(value)}\n" for kind, key, value in (metadata, *lines))


def row(record):
    """A record as rpm has it: what QUERY prints."""
    epoch, _, rest = record["pkgversion"].rpartition(":")
    version, _, release = rest.rpartition("-")
    return "|".join(value or "(none)" for value in (record["pkgname"], epoch, version, release, record["pkgarchitecture"],
                                                    record["pkgsize"], record["installed"]))


def extract(store, snapshot, path, root, to=None):
    """A file of a snapshot, below a directory that nobody may write to."""
    done = run(CONFUSE, "--store", store.path, "cat", f"{snapshot}:{path}")
    if done.returncode != 0:
        raise Wrong(f"{path}: {done.stderr.decode()}")
    target = root + (to or path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as out:
        out.write(done.stdout)
    os.chmod(target, 0o444)
    return done.stdout


ALIGN = {4: 4, 5: 8}                                        # bytes, of the types of numbers
STRINGS = (6, 8, 9)


def check_header(blob):
    """What readers that are not rpm insist on (go-rpmdb, which Trivy reads with): one region over all tags, whose data lie
    one behind the other in the order of their tags; its trailer; and nothing else. The tags."""
    tags, size = struct.unpack_from(">II", blob)
    expect("size of a header", 8 + 16 * tags + size, len(blob))
    entries = [struct.unpack_from(">IIiI", blob, 8 + 16 * number) for number in range(tags)]
    store = blob[8 + 16 * tags:]
    expect("region", (63, 7, size - 16, 16), entries[0])
    expect("trailer", (63, 7, -16 * tags, 16), struct.unpack(">IIiI", store[-16:]))
    expect("order", sorted(tag for tag, _, _, _ in entries), [tag for tag, _, _, _ in entries])
    at, found = 0, {}
    for tag, kind, offset, count in entries[1:]:
        at += -at % ALIGN.get(kind, 1)
        expect(f"offset of {tag}", at, offset)
        expect(f"count of {tag}", 1, count)
        end = store.index(b"\0", at) + 1 if kind in STRINGS else at + ALIGN[kind]
        found[tag] = store[at:end - 1].decode() if kind in STRINGS else int.from_bytes(store[at:end], "big")
        at = end
    expect("where the data end", size - 16, at)
    return found


def check_made(work):
    """Rows of rpm are the features, and nothing is complained of."""
    told = [package("bash", "5.1.8-6.el9", "7738778"), package("bind-libs", "32:9.16.23-11.el9", "3700000"),
            package("gpg-pubkey", "fd431d51-4ae0493b", "0", None), package("kernel-core", "5.14.0-284.el9", "63835000"),
            package("kernel-core", "5.14.0-362.el9", "63835001"), package("libgcc", "11.4.1-2.1.el9"),
            package("libgcc", "11.4.1-2.1.el9", architecture="i686"), package("tilde", "1.0~rc1^git1-0.1", None, "noarch", None),
            package("large", "1-1", str(1 << 33))]
    store, root = Store(work), os.path.join(work, "made")
    for name in ("rhel", "Fedora", "opensuse-leap", "centos linux"):
        text = frame(system(name), *told)
        [(snapshot, _)] = store.take(text)
        extract(store, snapshot, RPMDB, root)
        expect(f"rows of {name}", sorted(row(value) for _, _, value in told), sorted(rpm(root, "-qa", "--qf", QUERY).splitlines()))
        expect("beside it", ["rpmdb.sqlite"], os.listdir(root + "/var/lib/rpm"))
    expect("by name", 2, len(rpm(root, "-q", "kernel-core").splitlines()))
    said = dict(line.split(":", 1) for line in rpm(root, "-qi", "bash").splitlines() if ":" in line)
    said = {name.strip(): value.strip() for name, value in said.items()}
    expect("told", ["bash", "5.1.8", "6.el9", "x86_64", "7738778"],
           [said[name] for name in ("Name", "Version", "Release", "Architecture", "Size")])
    expect("marked", {MARK}, {said[name] for name in ("License", "Vendor", "Source RPM", "Summary")})
    expect("no file's", 1, run("rpm", "--root", root, "--dbpath", "/var/lib/rpm", "-q", "--whatprovides", "x").returncode)
    must("rpmdb", "--root", root, "--dbpath", "/var/lib/rpm", "--verifydb")
    database = sqlite3.connect(f"file:{root}{RPMDB}?mode=ro", uri=True)
    expect("SQLite's opinion", [("ok",), ("delete",)],
           database.execute("PRAGMA integrity_check").fetchall() + database.execute("PRAGMA journal_mode").fetchall())
    tags = [check_header(blob) for blob, in database.execute("SELECT blob FROM Packages")]
    database.close()
    expect("names", [value["pkgname"] for value in sorted((value for _, _, value in told), key=lambda each: each["pkgname"])],
           [each[1000] for each in tags])
    expect("source packages", {MARK}, {each[1044] for each in tags})
    store.fsck()


SPEC = """Name: {name}
Version: {version}
Release: {release}
{epoch}Summary: a summary
License: none
BuildArch: noarch
%description
A description.
%install
mkdir -p %{{buildroot}}/opt/{name}
echo {name} >%{{buildroot}}/opt/{name}/file
%files
/opt/{name}
"""


def build(work, name, version, release, epoch=None):
    spec = os.path.join(work, name + ".spec")
    with open(spec, "w", encoding="utf-8") as out:
        out.write(SPEC.format(name=name, version=version, release=release, epoch=f"Epoch: {epoch}\n" if epoch else ""))
    done = run("rpmbuild", "-bb", "--quiet", "--define", f"_topdir {work}/rpmbuild", spec)
    if done.returncode != 0:
        raise Wrong(f"rpmbuild: {done.stderr.decode()}")
    return f"{work}/rpmbuild/RPMS/noarch/{name}-{version}-{release}.noarch.rpm"


def captured(root):
    """The packages of a captured directory as rpm has them, and what was complained of."""
    done = run(CONFUSE, "capture", root)
    expect("capture", 0, done.returncode)
    records = [line.split("\t", 2) for line in done.stdout.decode().splitlines()]
    return sorted(row(json.loads(value)) for kind, _, value in records if kind == "package"), done.stderr.decode(), done.stdout


def digests(directory):
    """What lies there; the wal-index is a writer's own, and is not read."""
    found = {}
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), "rb") as data:
            found[name] = hashlib.sha256(data.read()).hexdigest()
    return found


def check_captured(work):
    """A database of rpm's own, at rest, with a log, being written, moved, and of other kinds."""
    root = os.path.join(work, "captured")
    home = root + "/var/lib/rpm"
    os.makedirs(root + "/etc")
    with open(root + "/etc/os-release", "w", encoding="utf-8") as out:
        out.write("ID=fedora\nVERSION_ID=35\n")
    built = [build(work, "plain", "1.0", "1"), build(work, "epoch", "2.0~rc1", "3.fc35", 7)]
    done = run("rpm", "--root", root, "--dbpath", "/var/lib/rpm", "--define", "_pkgverify_level none", "-i", "--nodeps", "--noscripts",
               "--nosignature", *built)
    expect("rpm -i", 0, done.returncode)
    before = digests(home)
    got, said, text = captured(root)
    expect("untouched", before, digests(home))
    expect("nothing is complained of", "", said)
    expected = sorted(rpm(root, "-qa", "--qf", QUERY).splitlines())
    expect("packages", expected, got)
    expect("epochs", ["epoch|7|2.0~rc1|3.fc35", "plain|(none)|1.0|1"], [line.rsplit("|", 3)[0] for line in got])

    store, again = Store(work), os.path.join(work, "again")
    [(snapshot, _)] = store.take(text.decode())
    extract(store, snapshot, RPMDB, again)
    expect("made of what was captured", expected, sorted(rpm(again, "-qa", "--qf", QUERY).splitlines()))

    # Somebody has it open, and has committed what is in the log only.
    writer = sqlite3.connect(home + "/rpmdb.sqlite", isolation_level=None)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("PRAGMA wal_autocheckpoint=0")
    writer.execute("DELETE FROM Packages WHERE hnum = (SELECT hnum FROM Name WHERE key = 'plain')")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM Packages")
    before = digests(home)
    expect("a log", True, os.path.getsize(home + "/rpmdb.sqlite-wal") > 0)
    expect("what was committed", ([line for line in expected if line.startswith("epoch")], ""), captured(root)[:2])
    expect("untouched while it is open", before, digests(home))
    writer.execute("ROLLBACK")
    writer.close()

    os.makedirs(root + "/usr/lib/sysimage")
    os.rename(home, root + SYSIMAGE)
    expect("moved", 1, len(captured(root)[0]))
    os.symlink("../../usr/lib/sysimage/rpm", home)
    expect("behind a link", 1, len(captured(root)[0]))
    with open(root + SYSIMAGE + "/rpmdb.sqlite-journal", "wb") as out:
        out.write(b"x")
    expect("a transaction that did not end", (0, True), (len(captured(root)[0]), "did not end" in captured(root)[1]))
    os.unlink(root + SYSIMAGE + "/rpmdb.sqlite-journal")
    with open(root + SYSIMAGE + "/rpmdb.sqlite", "r+b") as out:
        out.truncate(30000)
    expect("cut", True, "damaged" in captured(root)[1])
    os.unlink(root + SYSIMAGE + "/rpmdb.sqlite")
    os.symlink("/../../../../../../.." + work + "/outside", root + SYSIMAGE + "/rpmdb.sqlite")
    shutil.copy(again + RPMDB, work + "/outside")
    expect("a link that leads out", ([], ""), captured(root)[:2])
    os.unlink(root + SYSIMAGE + "/rpmdb.sqlite")
    for name, words in (("Packages.db", "ndb"), ("Packages", "Berkeley DB")):
        with open(root + SYSIMAGE + "/" + name, "wb"):
            pass
        expect(name, True, words in captured(root)[1])


DATABASES = {"rpm": ("centos", RPMDB, "1-1"), "dpkg": ("debian", "/var/lib/dpkg/status", "1-1"),
             "apk": ("alpine", "/lib/apk/db/installed", "1-r1")}


def check_images(work):
    """A record without content: the image's where it is the image's file; else the made one, with the record's mode, owner
    and time, and its own size."""
    for manager, (name, path, version) in DATABASES.items():
        directory = os.path.join(work, "image-" + manager)
        root, held = Node("dir"), Node("file", content=b"of the image\n")
        image = write_image(directory, [layer([("/", root), (path, held)])])
        lines = [("os", "linux", {"os": name}), package("a-b", version, architecture="amd64")]
        tail = "".join(f"{kind}\t{json.dumps(key)}\t{json.dumps(value)}\n" for kind, key, value in lines)
        for order in ("frame", "image"):
            for changed in (False, True):
                store = Store(work)
                changes = {"size": 99, "mtime": 1700000000.75, "mode": 0o100600, "uid": 5, "gid": 6} if changed else {}
                text = join_frame("c", [root.record("/"), held.record(path, **changes)], image) + tail
                for source in ((text, directory) if order == "frame" else (directory, text)):
                    store.take(source, *(["--namespace", "image"] if source == directory else []))
                snapshot = store.latest("c")
                entry = next(line for line in store.manifest(snapshot) if line["path"] == path and "type" in line)
                content = run(CONFUSE, "--store", store.path, "cat", f"{snapshot}:{path}").stdout
                expect(f"{manager}, {order} first, changed {changed}: from the image", not changed, content == b"of the image\n")
                expect("the size that is served", len(content), entry["size"])
                expect("known", changed, entry["known"] == "made")
                if changed:
                    expect("kept", ["0600", 5, 6, "2023-11-14T22:13:20.75Z"], [entry[key] for key in ("mode", "uid", "gid", "mtime")])
                    notes = [line["note"] for line in store.manifest(snapshot) if line["path"] == path and "note" in line]
                    expect("its size in the manifest", True, {"what": "filled", "size": 99, "held": len(content)} in notes)
                store.fsck()


def check_lists(work):
    """Lists of files as dpkg-query reads them."""
    if not shutil.which("dpkg-query"):
        return
    store, root = Store(work), os.path.join(work, "lists")
    files = {"hello": ["/.", "/usr", "/usr/bin", "/usr/bin/hello"], "zlib1g:amd64": ["/.", "/lib/amd64"], "zlib1g:i386": ["/.", "/lib/i386"]}
    [(snapshot, _)] = store.take(frame(system("debian"), *(
        package(name.split(":")[0], "1:1.0-1", architecture=(name.split(":") + ["amd64"])[1], installed=None, pkgfiles=paths)
        for name, paths in files.items())))
    made = [line["path"] for line in store.manifest(snapshot) if line.get("known") == "made" and line.get("type") == "file"]
    for path in made:
        if path.startswith("/var/lib/dpkg/"):
            extract(store, snapshot, path, root)
    os.makedirs(root + "/var/lib/dpkg/updates", exist_ok=True)
    for name, paths in files.items():
        expect(f"files of {name}", paths, must("dpkg-query", "--admindir=" + root + "/var/lib/dpkg", "-L", name).splitlines())
    expect("sums", [], [path for path in made if path.endswith("sums")])


def check_hostile_lists(work):
    """Lists that lead out, keep waiting or do not end: the packages are there, without them."""
    root = os.path.join(work, "hostile")
    info = root + "/var/lib/dpkg/info/"
    os.makedirs(info)
    names = ["plain", "out", "fifo", "dir", "large", "many", "none", "../../../../etc/x", "odd"]
    with open(root + "/var/lib/dpkg/status", "w", encoding="utf-8") as out:
        out.write("".join(f"Package: {name}\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n" for name in names))
    for name, content in (("plain", b"/a\n\n/b"), ("large", b"/" + b"x" * (1 << 20)), ("many", b"/\n" * (300 << 10)), ("odd", b"/\xff\"\\\n")):
        with open(info + name + ".list", "wb") as out:
            out.write(content)
    with open(work + "/secret", "wb") as out:
        out.write(b"/secret\n")
    os.symlink("../" * 20 + work.lstrip("/") + "/secret", info + "out.list")
    os.mkfifo(info + "fifo.list")
    os.mkdir(info + "dir.list")
    done = run(CONFUSE, "capture", root, timeout=60)
    expect("capture", 0, done.returncode)
    got = [json.loads(line.split("\t", 2)[2]) for line in done.stdout.decode().splitlines() if line.startswith("package")]
    expect("packages", sorted(names), sorted(each["pkgname"] for each in got))
    expect("lists", {"plain": ["/a", "/b"], "odd": ['/\udcff"\\']}, {each["pkgname"]: each["pkgfiles"] for each in got if "pkgfiles" in each})
    expect("what is said", True, b"/var/lib/dpkg/info: unreadable" in done.stderr)


def check_many(work, count):
    """Very many packages: all in the database, within bounds."""
    store, root, source = Store(work), os.path.join(work, "many"), os.path.join(work, "many.frame")
    with open(source, "w", encoding="utf-8") as out:
        out.write(frame(system("rhel"), *(package(f"package-{number:06}", f"{number}:1.{number}-1.el9") for number in range(count))))
    pid = os.posix_spawn(CONFUSE, [CONFUSE, "--store", store.path, "import", source], os.environ,
                         file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    expect("status", 0, status)
    size = len(extract(store, "e2e/packages@latest", RPMDB, root))
    print(f"{count} packages: {usage.ru_maxrss >> 10} MiB, {usage.ru_utime + usage.ru_stime:.1f} s, a database of {size >> 10} KiB")
    expect("memory within bounds", True, usage.ru_maxrss < RSS_MAX)
    rows = rpm(root, "-qa", "--qf", "%{NAME} %{EPOCH}\\n").splitlines()
    expect("rows", sorted(f"package-{number:06} {number}" for number in range(count)), sorted(rows))


def main():
    run_checks("packages", (check_made,), (check_captured,), (check_images,), (check_lists,), (check_hostile_lists,),
               (check_many, int(sys.argv[1])))


main()
