#!/usr/bin/env python3
"""Made files, end to end: veneer.py PROCESSES. See veneer.sh."""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from decimal import Decimal

import feature_values
from checks import Wrong, expect, run_checks
from served import CONFUSE, resident

SOURCE = os.environ.get("srcdir", ".")
REAL = os.path.join(SOURCE, "../shared/frames/nadgowdas-testframe.sample.fa44d5881ec8.0")
SAMPLE = os.path.join(SOURCE, "samples/web-1.frame")
TICKS = 100
RSS_MAX = resident(700)  # of an import of 100,000 processes
STAT = ("pid comm state ppid pgrp session tty_nr tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime priority nice "
        "num_threads itrealvalue starttime vsize rss").split()


class Store:
    def __init__(self, work, name):
        self.path = os.path.join(work, name)

    def run(self, *arguments, stdin=None):
        done = subprocess.run([CONFUSE, "--store", self.path, *arguments], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise Wrong(f"{arguments}: {done.returncode} {done.stderr.decode()}")
        return done.stdout

    def take(self, source, *options):
        """A path, or a frame's bytes; the id."""
        if isinstance(source, bytes):
            return self.run("import", *options, "-", stdin=source).decode().split()[0]
        return self.run("import", *options, source).decode().split()[0]

    def manifest(self, snapshot):
        return [json.loads(line.decode("utf-8", "surrogateescape")) for line in self.run("manifest", snapshot).splitlines()]

    def cat(self, snapshot, path):
        return self.run("cat", f"{snapshot}:{path}")


def records(path, wanted):
    with open(path, encoding="utf-8") as frame:
        for line in frame:
            kind, _, value = line.split("\t", 2)
            if kind == wanted:
                yield json.loads(value)


def frame(*lines):
    """Lines of a frame: (type, key, value)."""
    metadata = ("metadata", "metadata", {"namespace": "e2e/veneer", "timestamp": "2018-06-01T12:00:00+0000", "system_type": "host"})
    return "".join(f"{kind}\t{json.dumps(key)}\t{json.dumps(value)}\n" for kind, key, value in (metadata, *lines)).encode()


def process(pid, **more):
    return ("process", f"sh/{pid}", {"cmd": f"sh -c {pid}", "created": 1527760000.5, "cwd": "/", "pname": "sh", "openfiles": ["/dev/null"],
                                     "pid": pid, "ppid": 1, "threads": 1, "user": "root", **more})


def read_stat(text):
    """As proc_pid_stat(5) says: the name ends at the last parenthesis."""
    head, tail = text.rsplit(b")", 1)
    pid, name = head.split(b" (", 1)
    fields = [pid, name, *tail.split()]
    expect("fields of stat", 52, len(fields))
    return dict(zip(STAT, fields))


def check_processes(store, snapshot, path):
    boot = next(records(path, "os"))["boottime"]
    users = {value["content"] for value in records(path, "config") if value["path"] == "/etc/passwd"}
    ids = {line.split(":")[0]: line.split(":")[2:4] for text in users for line in text.splitlines()}
    told = list(records(path, "process"))
    made = {line["path"] for line in store.manifest(snapshot) if line.get("known") == "made"}
    pids = {name.split("/")[2] for name in made if name.startswith("/proc/") and name.split("/")[2].isdigit()}
    expect("pids", {str(value["pid"]) for value in told}, pids)
    for value in told:
        directory = f"/proc/{value['pid']}/"
        stat = read_stat(store.cat(snapshot, directory + "stat"))
        expect("pid", value["pid"], int(stat["pid"]))
        expect("name", value["pname"].encode()[:15], stat["comm"])
        expect("parent", value["ppid"], int(stat["ppid"]))
        expect("threads", value["threads"], int(stat["num_threads"]))
        expect("start", int((Decimal(str(value["created"])) - Decimal(str(boot))) * TICKS), int(stat["starttime"]))
        expect("command", value["cmd"].encode() + b"\0", store.cat(snapshot, directory + "cmdline"))
        status = dict(line.split(":\t", 1) for line in store.cat(snapshot, directory + "status").decode().splitlines())
        expect("uid", [ids[value["user"]][0]] * 4, status["Uid"].split())
        expect("gid", [ids[value["user"]][1]] * 4, status["Gid"].split())


def check_packages(store, snapshot, path, work):
    """By dpkg-query, where that is; else by the format."""
    told = sorted((value["pkgname"], value["pkgversion"]) for value in records(path, "package"))
    status = store.cat(snapshot, "/var/lib/dpkg/status")
    admin = os.path.join(work, "dpkg")
    os.makedirs(os.path.join(admin, "info"))
    os.makedirs(os.path.join(admin, "updates"))
    with open(os.path.join(admin, "status"), "wb") as out:
        out.write(status)
    if shutil.which("dpkg-query"):
        done = subprocess.run(["dpkg-query", "--admindir=" + admin, "-W", "-f", "${Package} ${Version} ${Status}\\n"], check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        expect("what dpkg-query complains of", b"", done.stderr)
        got = [line.split(" ", 2) for line in done.stdout.decode().splitlines()]
        expect("installed", {"install ok installed"}, {state for _, _, state in got})
        expect("packages", told, sorted((name, version) for name, version, _ in got))
    fields = [dict(line.split(": ", 1) for line in text.splitlines()) for text in status.decode().strip().split("\n\n")]
    expect("packages as text", told, sorted((each["Package"], each["Version"]) for each in fields))
    shutil.rmtree(admin)


def check_real(work):
    """The real frame, where it is at hand, and the sample."""
    store = Store(work, "real")
    for path in filter(os.path.exists, (REAL, SAMPLE)):
        snapshot = store.take(path)
        check_processes(store, snapshot, path)
        status = {line["path"]: line for line in store.manifest(snapshot) if "type" in line}["/var/lib/dpkg/status"]
        if status["known"] == "made":
            check_packages(store, snapshot, path, work)
        expect("again", snapshot, store.take(path))
        plain = store.take(path, "--no-veneer")
        expect("made without the veneer", set(), {line["type"] for line in store.manifest(plain) if line.get("known") == "made"} - {"dir"})
        expect("notes without the veneer", [], [line for line in store.manifest(plain) if line.get("note", {}).get("what") == "veneer"])
        expect("shown", True, b"veneer     version 2" in store.run("show", snapshot))
        if path == REAL:
            text = store.cat(snapshot, "/usr/lib/os-release").decode()
            expect("os-release", True, 'ID=ubuntu\n' in text and 'VERSION_ID="16.04"\n' in text)
            expect("packages", 98, store.cat(snapshot, "/var/lib/dpkg/status").count(b"\nVersion: "))
    store.run("fsck")


def check_many(work, count):
    """Very many processes, twice the same pid, a very long command, descriptors without end."""
    lines = [process(pid + 1) for pid in range(count)]
    lines += [process(1, cmd="another"), process(count + 1, cmd="x" * (1 << 20)), process(count + 2, cmd="y" * (3 << 20)),
              process(count + 3, openfiles=["/f"] * 70000), process(-1), process(count + 4, user="nobody:x", pname="a\nb" * 100),
              process(count + 5, environ=["x" * (3 << 20)], argv=["z" * (1 << 20), ""])]
    source = os.path.join(work, "many.frame")
    with open(source, "wb") as out:
        out.write(frame(*lines))
    store = Store(work, "many")
    pid = os.posix_spawn(CONFUSE, [CONFUSE, "--store", store.path, "import", source], os.environ,
                         file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    expect("status", 0, status)
    expect("memory within bounds", True, usage.ru_maxrss < RSS_MAX)
    print(f"{count} processes: {usage.ru_maxrss >> 10} MiB, {usage.ru_utime + usage.ru_stime:.1f} s")
    snapshot = "e2e/veneer@latest"
    expect("long", (1 << 20) + 1, len(store.cat(snapshot, f"/proc/{count + 1}/cmdline")))
    listed = {line.split("/")[-1] for line in store.run("ls", f"{snapshot}:/proc").decode().splitlines()}
    expect("long, apart", (1 << 20) + 2, len(store.cat(snapshot, f"/proc/{count + 5}/cmdline")))
    expect("too long", False, b"environ" in store.run("ls", f"{snapshot}:/proc/{count + 5}").split())
    expect("pids", {str(pid + 1) for pid in range(count + 5)} - {str(count + 2)}, {name for name in listed if name.isdigit()})
    notes = {(note["note"]["record"], note["note"]["why"]): note["note"]["count"] for note in store.manifest(snapshot)
             if note.get("note", {}).get("what") == "not-rendered"}
    expect("notes", {("process", "another record has its pid"): 1, ("process", "its pid is no number from 1 to 4194304"): 1,
                     ("process", "it is no object, or there is too much of its type"): 1,
                     ("process", "a field is too large, or there is too much of them"): 1,
                     ("process", "an open file that no link can name, or too many"): 70000 - 65536}, notes)
    read_stat(store.cat(snapshot, f"/proc/{count + 4}/stat"))
    store.run("fsck")


def check_version(work):
    """What an older confuse made stays until it is asked for anew."""
    store, text = Store(work, "version"), frame(process(1))
    plain, snapshot = store.take(text, "--no-veneer"), store.take(text)
    database = sqlite3.connect(os.path.join(store.path, "confuse.db"))
    with database:
        old, new = b'{"version":2,"what":"veneer"}', b'{"version":1,"what":"veneer"}'
        rows = [(node, feature_values.unpack(data)) for node, data in database.execute("SELECT node, data FROM feature_values")]
        expect("notes", 1, sum(values.count(old) for _, values in rows))
        database.executemany("UPDATE feature_values SET data = ? WHERE node = ?",
                             [(feature_values.pack([new if value == old else value for value in values]), node)
                              for node, values in rows])
        database.execute("UPDATE snapshot SET id = ?, root = (SELECT root FROM snapshot WHERE id = ?) WHERE id = ?",
                         (bytes(16), bytes.fromhex(plain), bytes.fromhex(snapshot)))
    database.close()
    expect("the old id", "0" * 32, store.take(text))
    expect("anew", snapshot, store.take(text, "--render"))
    expect("from then on", snapshot, store.take(text))


def main():
    run_checks("veneer", (check_real,), (check_many, int(sys.argv[1])), (check_version,))


main()
