"""`confuse capture` and `import --format live` against what tools in the container show. Run by live.sh."""
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

import feature_values

CONFUSE = os.environ.get("CONFUSE", "confuse")
HERE = os.path.dirname(os.path.abspath(__file__))
WAIT = 30  # s for the container
failures = 0

# Shown from inside, raw: hex keeps every byte.
DUMP = r"""
import json, os
out = {}
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        base = f"/proc/{pid}/"
        read = lambda name: open(base + name, "rb").read()
        stat = read("stat")
        rest = stat[stat.rindex(b")") + 2:].split()
        status = dict(l.split(b":", 1) for l in read("status").split(b"\n") if b":" in l)
        files = []
        zombie = rest[0] == b"Z"
        for fd in [] if zombie else os.listdir(base + "fd"):
            target = os.readlink((base + "fd/" + fd).encode())
            if target.startswith(b"/") and os.path.isfile(base + "fd/" + fd):
                files.append(target.hex())
        out[pid] = {"comm": stat[stat.index(b"(") + 1:stat.rindex(b")")].hex(), "state": rest[0].decode(), "ppid": int(rest[1]),
                    "threads": int(rest[17]), "start": int(rest[19]), "uid": int(status[b"Uid"].split()[0]),
                    "cmdline": read("cmdline").hex(), "cwd": "" if zombie else os.readlink((base + "cwd").encode()).hex(),
                    "files": sorted(files)}
    except (FileNotFoundError, ProcessLookupError):
        pass
print(json.dumps(out))
"""

# All that is to be seen of processes at rest, each file as it is; what cannot be read is not there.
SHOWN = r"""
import json, os
FILES = "cmdline environ limits cgroup loginuid maps mounts mountinfo comm stat status".split()
out = {"processes": {}, "system": {}}
def each(names, read):
    found = {}
    for name in names:
        try:
            found[name] = read(name).hex()
        except OSError:
            pass
    return found
def read(path):
    with open(path, "rb") as file:
        return file.read()
def listed(path):
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []
for pid in filter(str.isdigit, os.listdir("/proc")):
    base = f"/proc/{pid}/"
    link = lambda name: os.readlink((base + name).encode())
    out["processes"][pid] = {
        "files": each(FILES, lambda name: read(base + name)),
        "links": each(["cwd", "exe", "root"] + ["ns/" + name for name in ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")], link),
        "fds": each(["fd/" + name for name in listed(base + "fd")], link),
        "tasks": {tid: each(["comm", "stat"], lambda name: read(f"{base}task/{tid}/{name}")) for tid in listed(base + "task")},
    }
for name in ("net/tcp", "net/tcp6", "net/udp", "net/unix", "net/route", "sys/kernel/pid_max", "sys/kernel/random/boot_id", "cmdline", "version",
             "sys/kernel/osrelease", "sys/kernel/version", "filesystems", "partitions", "self/mounts"):
    try:
        out["system"][name] = read("/proc/" + name).hex()
    except OSError:
        pass
print(json.dumps(out))
"""


def wrong(text):
    global failures
    failures += 1
    print("WRONG:", text)


def equal(what, got, expected):
    if got != expected:
        wrong(f"{what}: {got!r}, expected {expected!r}")


def run(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False, **more)


def raw(text):
    """The bytes of a text that was JSON."""
    return text.encode("utf-8", "surrogateescape")


def frame(data):
    """{type: {key: [value]}} of csv; each line is one record."""
    records = {}
    for line in data.decode().split("\n")[:-1]:
        kind, key, value = line.split("\t")
        records.setdefault(kind, {}).setdefault(json.loads(key), []).append(json.loads(value))
    return records


def make_root(root):
    for name in ("etc", "proc", "sys", "dev", "usr", "tmp", "data", "mnt x", "var/lib/dpkg/info", "lib/apk/db", "shadowed"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    for name in ("bin", "lib64", "sbin"):
        os.symlink(f"usr/{name}", f"{root}/{name}")
    files = {"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nbroken\nnobody:x:65534:65534:n:/:/bin/sh\nnobody2:x:65534:0:::\n",
             "etc/group": "root:x:0:\n", "etc/hostname": "inside\n", "etc/os-release": 'NAME="T"\nID=testos\nVERSION_ID="12.5"\n',
             "etc/outside": "ours\n",
             "var/lib/dpkg/status": "Package: a\nStatus: install ok installed\nInstalled-Size: 12\nArchitecture: amd64\n"
                                    "Version: 1.0-1\nDescription: x\n Version: 7\n .\n\nPackage: gone\n"
                                    "Status: deinstall ok config-files\nVersion: 2\n\nPackage: b\nStatus: install ok installed\n"
                                    "Architecture: all\nVersion: 3",
             "var/lib/dpkg/info/a.list": "/.\n/usr\n/usr/share/a b\n", "var/lib/dpkg/info/b:all.list": "/b\n",
             "var/lib/dpkg/info/gone.list": "/gone\n",
             "lib/apk/db/installed": "P:musl\nV:1.2-r0\nA:x86_64\nI:622592\nF:lib\nR:x\n\n", "plain": "text\n",
             "live_inside.py": open(f"{HERE}/live_inside.py").read()}
    for name, content in files.items():
        with open(f"{root}/{name}", "w") as out:
            out.write(content)
    os.symlink("../proc/self/mounts", f"{root}/etc/mtab")
    os.symlink("/etc/outside", f"{root}/etc/fstab")          # below the root, whoever reads it
    os.symlink("/" + "../" * 20 + "etc/shadow", f"{root}/etc/sudoers")
    os.symlink("/proc/version", f"{root}/to-proc")
    os.symlink("/mnt x/hidden", f"{root}/to-mount")
    os.mkfifo(f"{root}/etc/aliases")                         # nobody writes to it
    os.mknod(f"{root}/dev/null", 0o20666, os.makedev(1, 3))
    with open(f"{root}/etc/hosts", "w") as out:
        out.truncate(64 << 20)


START = r"""
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount --rbind /usr usr
for libraries in /usr/lib/*-linux-gnu; do
    mkdir -p "lib/${libraries##*/}"
    mount --rbind "$libraries" "lib/${libraries##*/}"
done
mount -t proc proc proc
mount -t tmpfs -o size=1m,nosuid 'dev\with space' 'mnt x'
echo hidden >'mnt x/hidden'
mount --bind data shadowed
hostname inside
ip link set lo up 2>/dev/null || ifconfig lo up
exec chroot . /usr/bin/env -i PATH=/usr/bin:/usr/sbin:/bin LD_LIBRARY_PATH= python3 /live_inside.py
"""


def start(root):
    # No file from outside of its root is open in it: in a chroot, where it is depends on who asks.
    holder = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--net", "sh", "-c", START, "sh", root],
                              stdin=subprocess.PIPE)
    for _ in range(WAIT * 10):
        if os.path.exists(f"{root}/ready"):
            break
        if holder.poll() is not None:
            print("the container does not start here")
            sys.exit(77)
        time.sleep(0.1)
    with open(f"/proc/{holder.pid}/task/{holder.pid}/children") as children:
        return holder, children.read().split()[0]


def inside(pid, *command):
    done = run("nsenter", "-t", pid, "-p", "-m", "-n", "-u", "-r", "-w", *command)
    return done.stdout


def close_to(what, got, expected, within):
    if abs(float(got) - float(expected)) > within:
        wrong(f"{what}: {got}, expected about {expected}")


def check_processes(pid, records):
    seen = json.loads(inside(pid, "python3", "-c", DUMP))
    got = {str(value[0]["pid"]): (key, value[0]) for key, value in records["process"].items()}
    passwd = {0: "root", 65534: "nobody"}
    ticks = os.sysconf("SC_CLK_TCK")
    boot = int(re.search(r"btime (\d+)", open("/proc/stat").read()).group(1))
    mine = [number for number, it in seen.items() if b"DUMP" in bytes.fromhex(it["cmdline"]) or number not in got]
    for number in mine:
        if b"nsenter" not in bytes.fromhex(seen[number]["comm"]) and b"json, os" not in bytes.fromhex(seen[number]["cmdline"]):
            wrong(f"process {number} is missing: {seen[number]}")
    equal("processes", sorted(got), sorted(set(seen) - set(mine)))
    for number, (key, value) in got.items():
        it = seen[number]
        comm = bytes.fromhex(it["comm"])
        equal(f"{number} key", raw(key), comm + b"/" + number.encode())
        equal(f"{number} pname", raw(value["pname"]), comm)
        command = bytes.fromhex(it["cmdline"])
        command = command[:128 << 10]
        equal(f"{number} cmd", raw(value["cmd"]), command[:-1].replace(b"\0", b" ") if command.endswith(b"\0") else command.replace(b"\0", b" "))
        equal(f"{number} ppid", value["ppid"], it["ppid"])
        equal(f"{number} threads", value["threads"], it["threads"])
        equal(f"{number} user", value["user"], passwd.get(it["uid"], str(it["uid"])))
        equal(f"{number} cwd", raw(value["cwd"]), bytes.fromhex(it["cwd"]) or b"unknown")
        equal(f"{number} openfiles", [raw(path).hex() for path in value["openfiles"]], it["files"])
        close_to(f"{number} created", value["created"], boot + it["start"] / ticks, 0.02)
    rows = {row.split()[0]: row.split() for row in
            inside(pid, "ps", "-eo", "pid,ppid,nlwp,user:20,rss,vsz,stat").decode().splitlines()[1:]}
    metrics = {str(value[0]["pid"]): value[0] for value in records["metric"].values()}
    states = {"S": "sleeping", "R": "running", "D": "disk-sleep", "Z": "zombie"}
    for number, (_, value) in got.items():
        row = rows[number]
        equal(f"ps {number}", [str(value[name]) for name in ("pid", "ppid", "threads", "user")], row[:4])
        metric = metrics[number]
        equal(f"metric {number}", [metric["vms"] // 1024, metric["status"], metric["user"]],
              [int(row[5]), states[row[6][0]], row[3]])
        # What is resident the kernel may change at any time.
        close_to(f"metric {number}, rss", metric["rss"] / 1024, int(row[4]), int(row[4]) / 4)
    if not any(len(value["cmd"]) == 128 << 10 for _, value in got.values()):
        wrong("the long command line is not cut")


def check_connections(pid, records):
    got = set()
    for key, values in records["connection"].items():
        for value in values:
            equal("key", key, f"{value['pid']}/{value['localipaddr']}/{value['localport']}")
            got.add((value["pid"], value["localipaddr"], value["localport"], value["remoteipaddr"], value["remoteport"], value["connstatus"]))
    states = {"LISTEN": "LISTEN", "ESTAB": "ESTABLISHED", "UNCONN": "NONE"}
    expected = set()
    for row in inside(pid, "ss", "-tunapH").decode(errors="replace").splitlines():
        words = row.split(None, 6)
        local, local_port = words[4].rsplit(":", 1)
        remote, remote_port = words[5].rsplit(":", 1)
        connected = remote_port != "*"
        for owner in set(re.findall(r"pid=(\d+)", row)):
            expected.add((int(owner), local.strip("[]"), int(local_port), remote.strip("[]") if connected else None,
                          int(remote_port) if connected else None, states[words[1]]))
    equal("connections", got, expected)
    if len(got) < 4:
        wrong(f"only {len(got)} connections")


def check_system(pid, records):
    mounts = {}
    for line in inside(pid, "cat", "/proc/mounts").splitlines():
        fields = [re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m.group(1), 8)]), field) for field in line.split(b" ")]
        mounts.setdefault(fields[1], []).append(fields)
    got = {raw(key): values for key, values in records["disk"].items()}
    equal("mount points", sorted(got), sorted(mounts))
    for point, lines in mounts.items():
        for value, fields in zip(got[point], lines):
            equal(f"mount {point}", [raw(value[name]) for name in ("partitionname", "mountpt", "fstype", "mountopts")],
                  fields[:4])
    for line in inside(pid, "df", "-B1", "--output=size,pcent,target", "/", "/mnt x").decode().splitlines()[1:]:
        size, percent, target = line.split(None, 2)
        equal(f"size of {target}", records["disk"][target][0]["partitionsize"], int(size))
        close_to(f"free on {target}", records["disk"][target][0]["freepct"], 100 - int(percent.strip("%")), 1.1)
    os_record = records["os"]["linux"][0]
    equal("os", [os_record["os"], os_record["os_version"], os_record["architecture"]], ["testos", "12.5", os.uname().machine])
    equal("addresses", os_record["ipaddr"], ["127.0.0.1"])
    close_to("uptime", os_record["uptime"], inside(pid, "cat", "/proc/uptime").split()[0], WAIT)
    memory = records["memory"]["memory"][0]
    total = int(re.search(r"MemTotal:\s+(\d+)", open("/proc/meminfo").read()).group(1)) * 1024
    equal("memory", memory["memory_used"] + memory["memory_free"], total)
    equal("cpus", sorted(records["cpu"]), sorted(re.findall(r"^cpu\d+", open("/proc/stat").read(), re.M) and
                                                 ["cpu-" + n for n in re.findall(r"^cpu(\d+)", open("/proc/stat").read(), re.M)]))
    interfaces = re.findall(r"^\s*(\S+):", inside(pid, "cat", "/proc/net/dev").decode(), re.M)
    equal("interfaces", sorted(records["interface"]), sorted("interface-" + name for name in interfaces))
    equal("load", set(records["load"]["load"][0]), {"shortterm", "midterm", "longterm"})


def check_packages(records):
    equal("packages", {key: [(v["pkgversion"], v["pkgarchitecture"], v["pkgsize"], v["installed"]) for v in values]
                       for key, values in records["package"].items()},
          {"a": [("1.0-1", "amd64", "12", None)], "b": [("3", "all", "", None)], "musl": [("1.2-r0", "x86_64", "622592", None)]})
    equal("files of packages", {key: values[0].get("pkgfiles") for key, values in records["package"].items()},
          {"a": ["/.", "/usr", "/usr/share/a b"], "b": ["/b"], "musl": None})


def check_files(root, records):
    for path, values in records["file"].items():
        value, real = values[0], root + path
        if path in ("/proc", "/mnt x", "/usr", "/shadowed") or path.endswith("-linux-gnu"):
            continue
        st = os.lstat(real)
        equal(path, [value["mode"], value["uid"], value["gid"], value["size"], value["path"]],
              [st.st_mode, st.st_uid, st.st_gid, st.st_size, path])
        equal(f"{path} target", value["linksto"], os.readlink(real) if os.path.islink(real) else None)
    for path in ("/mnt x/hidden", "/usr/bin", "/proc/1", "/shadowed/open"):
        if path in records["file"]:
            wrong(f"{path} is behind a mount")
    for path in ("/data/with\nline", "/etc/hosts", "/data/fifo", "/dev/null"):
        if path not in records["file"]:
            wrong(f"{path} is missing")
    configs = {key: value[0]["content"] for key, value in records["config"].items()}
    equal("configs", sorted(configs), ["/etc/fstab", "/etc/group", "/etc/hostname", "/etc/mtab", "/etc/passwd", "/to-mount"])
    equal("a file behind a mount", configs.get("/to-mount"), "hidden\n")
    equal("a link below the root", configs.get("/etc/fstab"), "ours\n")
    for path in ("/etc/hosts", "/etc/aliases", "/etc/sudoers"):
        if path in configs:
            wrong(f"{path} was read")


def features(store):
    connection = sqlite3.connect(f"{store}/confuse.db")
    connection.text_factory = bytes
    values = {node: feature_values.unpack(data) for node, data in connection.execute("SELECT node, data FROM feature_values")}
    return [{"id": row, "type": kind, "key": key, "value": values[row >> 6][row & 63]}
            for row, kind, key in connection.execute("SELECT id, type, key FROM feature")]


def stable(records):
    """What two captures of one container have in common: all that does not move with time."""
    moving = {"metadata", "~note", "memory", "load", "cpu", "interface", "diskio", "metric", "proc"}
    text = lambda value: bytes(value).decode(errors="surrogateescape")
    found = set()
    for record in records:
        kind = text(record["type"])
        value = json.loads(text(record["value"]))
        for name in ("uptime", "freepct") if isinstance(value, dict) else ():
            value.pop(name, None)
        if kind not in moving:
            found.add((kind, text(record["key"]), json.dumps(value, sort_keys=True)))
    return found


def stat_fields(data):
    """Name and the fields behind it, state first."""
    return data[data.index(b"(") + 1:data.rindex(b")")], data[data.rindex(b")") + 2:].split()


# Fields of stat that the made one has: all up to the size, but faults and times of running, which looking may add to.
STAT_SAME = [0, 1, 2, 3, 4, 5, 15, 16, 17, 19, 20]
STATUS_SAME = (b"Name", b"State", b"Tgid", b"Pid", b"PPid", b"Uid", b"Gid", b"Threads")


def status_fields(data):
    return {line.split(b":")[0]: line.split(b":", 1)[1].split() for line in data.split(b"\n") if line.split(b":")[0] in STATUS_SAME}


class Made:
    """The made files of a snapshot."""

    def __init__(self, store, snapshot):
        self.store, self.snapshot = store, snapshot
        lines = [json.loads(line.decode("utf-8", "surrogateescape")) for line in
                 run(CONFUSE, "--store", store, "manifest", snapshot).stdout.splitlines()]
        self.all = {line["path"]: line for line in lines if "type" in line}
        self.entries = {path: line for path, line in self.all.items() if line["known"] == "made"}

    def read(self, path):
        return run(CONFUSE, "--store", self.store, "cat", f"{self.snapshot}:{path}").stdout if path in self.entries else None

    def link(self, path):
        return raw(self.entries[path]["target"]) if path in self.entries else None

    def names(self, directory):
        return {path[len(directory) + 1:] for path in self.entries if path.startswith(directory + "/") and "/" not in path[len(directory) + 1:]}


def check_made_process(made, number, shown):
    base = f"/proc/{number}/"
    files = {name: bytes.fromhex(data) for name, data in shown["files"].items()}
    comm, fields = stat_fields(files.pop("stat"))
    status = status_fields(files.pop("status"))
    got_comm, got_fields = stat_fields(made.read(base + "stat"))
    equal(f"{base}stat", [got_comm] + [got_fields[i] for i in STAT_SAME], [comm] + [fields[i] for i in STAT_SAME])
    close_to(f"{base}stat, times", sum(map(int, got_fields[11:13])), sum(map(int, fields[11:13])), 2)
    equal(f"{base}status", status_fields(made.read(base + "status")), status)
    if fields[0] == b"Z":  # its memory, files and root are gone: there are empty files, or none
        files = {name: data for name, data in files.items() if name in ("cmdline", "limits", "cgroup", "loginuid", "comm")}
    for name, data in files.items():
        expected = data if len(data) <= 128 << 10 else data[:128 << 10] + b"\0"
        equal(base + name, made.read(base + name), expected)
    for name, target in {**shown["links"], **shown["fds"]}.items():
        equal(base + name, made.link(base + name), bytes.fromhex(target))
    equal(f"{base}fd", made.names(base + "fd"), {name[3:] for name in shown["fds"]})
    equal(f"{base}task", made.names(base + "task"), set(shown["tasks"]))
    for tid, task in shown["tasks"].items():
        equal(f"{base}task/{tid}/comm", made.read(f"{base}task/{tid}/comm"), bytes.fromhex(task["comm"]))
        name, fields = stat_fields(bytes.fromhex(task["stat"]))
        got_name, got_fields = stat_fields(made.read(f"{base}task/{tid}/stat"))
        equal(f"{base}task/{tid}/stat", [got_name] + [got_fields[i] for i in STAT_SAME], [name] + [fields[i] for i in STAT_SAME])


def sockets(text):
    rows = [line.split() for line in text.split(b"\n")[1:-1]]
    return sorted((row[1], row[2], row[3], row[7], row[9]) for row in rows if row[9] != b"0")


def check_made_system(made, shown):
    for name, data in shown.items():
        data, got = bytes.fromhex(data), made.read("/proc/" + name)
        if name == "sys/kernel/pid_max":  # each namespace may have its own, and tells those in it only
            equal(f"/proc/{name}", got, None)
        elif name not in ("net/tcp", "net/tcp6", "net/udp"):
            equal(f"/proc/{name}", got, data)
        elif sockets(data):
            equal(f"/proc/{name}", sockets(got), sockets(data))
    inodes = {row[4] for name in ("net/tcp", "net/udp") for row in sockets(made.read("/proc/" + name))}
    linked = {path for path, entry in made.entries.items() if any(entry.get("target") == f"socket:[{inode.decode()}]" for inode in inodes)}
    if len(inodes) < 4 or len(linked) < len(inodes):
        wrong(f"sockets in /proc/net {inodes}, in fd {linked}")


def check_made(pid, store, snapshot, frame_store, frame_snapshot):
    """What was made is what was to be seen; a frame gives the same files."""
    shown = json.loads(inside(pid, "python3", "-c", SHOWN))
    made, framed = Made(store, snapshot), Made(frame_store, frame_snapshot)
    pids = {name for name in made.names("/proc") if name.isdigit()}
    equal("processes that were not seen", pids - set(shown["processes"]), set())
    if len(pids) < 15:
        wrong(f"only {len(pids)} processes")
    for number in sorted(pids, key=int):
        check_made_process(made, number, shown["processes"][number])
    check_made_system(made, shown["system"])
    same = ("cmdline", "environ", "limits", "cgroup", "loginuid", "maps", "mounts", "mountinfo", "comm", "route", "unix", "tcp", "udp")
    content = lambda it: {path: (entry.get("sha256"), entry.get("target")) for path, entry in it.all.items()
                          if path.startswith("/proc/") and (entry["type"] == "link" or path.rsplit("/", 1)[1] in same)}
    equal("/proc of the frame", set(content(framed).items()) ^ set(content(made).items()), set())
    paths = lambda it: {path for path in it.all if path.startswith(("/proc/", "/sys/"))}
    equal("paths of the frame", paths(framed) ^ paths(made), set())


def check_imports(pid, root, scratch, captured):
    live, framed, piped = (f"{scratch}/{name}" for name in ("live", "framed", "piped"))
    done = run(CONFUSE, "--store", live, "import", "--format", "live", "--namespace", "c", pid)
    equal("import --format live", done.returncode, 0)
    first = done.stdout.split()[0].decode()
    done = run(CONFUSE, "--store", framed, "import", captured)
    equal("import of the frame", done.returncode, 0)
    check_made(pid, live, first, framed, done.stdout.split()[0].decode())
    ours, theirs = stable(features(live)), stable(features(framed))
    equal("only live has", sorted(ours - theirs)[:3], [])
    equal("only the frame has", sorted(theirs - ours)[:3], [])
    if len(ours) < 20:
        wrong(f"only {len(ours)} records")
    kinds = lambda store: {record["type"] for record in features(store)} - {b"~note"}
    equal("kinds", kinds(live), kinds(framed))
    equal("content", run(CONFUSE, "--store", live, "cat", f"{first}:/plain").stdout, b"text\n")
    listing = run(CONFUSE, "--store", live, "ls", "-R", first).stdout
    if b"hidden" in listing:
        wrong("what is behind a mount is in the snapshot")
    for path in (b"proc/1/stat", b"proc/net/tcp"):
        equal(f"{path} is made from features", path in listing.splitlines(), True)
    plain = run(CONFUSE, "--store", f"{scratch}/plain", "import", "--format", "live", "--no-veneer", pid).stdout.split()[0].decode()
    equal("without a veneer", b"proc/1" in run(CONFUSE, "--store", f"{scratch}/plain", "ls", "-R", plain).stdout, False)
    again = run(CONFUSE, "--store", live, "import", "--format", "live", "--namespace", "c", pid).stdout.split()[0].decode()
    if again == first:
        wrong("what ran later is the same snapshot")
    told = [json.loads(line) for line in run(CONFUSE, "--store", live, "--json", "diff", first, again).stdout.splitlines()]
    equal("counters in a diff", [line for line in told if line.get("feature") in ("metric", "load", "memory")
                                 or line.get("key") in ("/proc/meminfo", "/proc/stat", "/proc/uptime")], [])
    equal("fsck", run(CONFUSE, "--store", live, "fsck").returncode, 0)
    pipe = subprocess.run(f"'{CONFUSE}' capture {pid} 2>/dev/null | '{CONFUSE}' --store {piped} import -", shell=True,
                          stdout=subprocess.PIPE, check=False)
    equal("capture | import", (pipe.returncode, pipe.stdout.split()[1].decode()), (0, f"{os.uname().nodename}/{pid}"))


def check_directory(root, scratch):
    done = run(CONFUSE, "capture", "--config", "/plain", "--config", "/nowhere", root)
    equal("capture of a directory", done.returncode, 0)
    records = frame(done.stdout)
    check_packages(records)
    equal("kinds of a directory", sorted(records), ["config", "file", "metadata", "os", "package"])
    equal("config", records["config"]["/plain"][0], {"name": "plain", "content": "text\n", "path": "/plain"})
    equal("namespace", records["metadata"]["metadata"][0]["namespace"], os.path.basename(root))
    if b"warning" not in done.stderr:
        wrong("nothing is said of what could not be read")
    equal("files of the directory", len(records["file"]), len(run("find", root, "-printf", "x").stdout))
    done = run(CONFUSE, "--store", f"{scratch}/dir", "import", "-", input=done.stdout)
    equal("import of it", done.returncode, 0)
    listing = run(CONFUSE, "--store", f"{scratch}/dir", "ls", "-R", done.stdout.split()[0].decode()).stdout
    for path in (b"etc/passwd", b"data/fifo", b"plain"):
        if path not in listing:
            wrong(f"{path} is not in the tree of the frame")
    equal("packages of the frame", {record for record in stable(features(f"{scratch}/dir")) if record[0] == "package"},
          {("package", key, json.dumps(values[0], sort_keys=True)) for key, values in records["package"].items()})


def check_errors(scratch):
    for arguments, code in ((["capture"], 2), (["capture", "a", "b"], 2), (["capture", "999999999"], 3),
                            (["capture", f"{scratch}/nowhere"], 4), (["capture", "--config", "etc/x", scratch], 2),
                            (["capture", "-o", f"{scratch}/no/where", scratch], 4),
                            (["import", "--format", "live", "/"], 2), (["import", "--format", "live", "999999999"], 3)):
        done = run(CONFUSE, "--store", f"{scratch}/errors", *arguments)
        equal(f"{arguments}", (done.returncode, len(done.stderr.splitlines()), done.stdout), (code, 1, b""))
    equal("what is left aside", [name for name in os.listdir(scratch) if name.startswith("frame.")], [])


def wait_for_rest(pid):
    """Until no process grows or changes its state any more; on a busy machine some are still starting."""
    last, same = None, 0
    for _ in range(150):
        now = [row for row in inside(pid, "ps", "-eo", "pid,rss,vsz,stat,comm").decode(errors="replace").splitlines()
               if not row.endswith(" ps")]
        same = same + 1 if now == last else 0
        if same == 3:
            return
        last = now
        time.sleep(0.2)


def main():
    scratch = tempfile.mkdtemp(prefix="confuse-live-")
    root = f"{scratch}/root"
    holder = None
    try:
        os.mkdir(root)
        make_root(root)
        holder, pid = start(root)
        wait_for_rest(pid)
        captured = f"{scratch}/frame"
        done = run(CONFUSE, "capture", "-o", captured, "--namespace", "c", "--config", "/to-proc", "--config", "/to-mount", pid)
        equal("capture", (done.returncode, done.stdout), (0, b""))
        with open(captured, "rb") as data:
            records = frame(data.read())
        equal("mode of the frame", os.stat(captured).st_mode & 0o777, 0o600)
        metadata = records["metadata"]["metadata"][0]
        equal("metadata", (metadata["namespace"], metadata["system_type"]), ("c", "container"))
        check_processes(pid, records)
        check_connections(pid, records)
        check_system(pid, records)
        check_packages(records)
        check_files(root, records)
        check_imports(pid, root, scratch, captured)
        holder.kill()
        holder.wait()
        holder = None
        time.sleep(0.5)
        check_directory(root, scratch)
        check_errors(scratch)
    finally:
        if holder:
            holder.kill()
            holder.wait()
        shutil.rmtree(scratch, ignore_errors=True)
    sys.exit(failures > 0)


main()
