"""A frame of which every fact is known: 40 processes of several users, sockets of every kind, open files, packages and the
system's own figures; as a container of an image tells it, and by itself."""
import json
import os
import re

TIME = 1764000000            # of the capture, s: 2025-11-24T16:00:00Z
UPTIME = 871384.5            # s: 10 days, 2:03
BOOT = TIME - UPTIME
USERS = ["root", "app", "db", "nobody", "www-data", "4242"]  # the last has no name
PASSWD = "app:x:1000:1000::/srv:/bin/sh\ndb:x:1001:1002::/srv:/bin/sh\n"
NAMES = ["sshd", "nginx", "postgres", "cron", "a name", "java", "redis-server", "wait) R 1 ("]
STATES = ["sleeping", "running", "disk-sleep", "stopped", "idle"]
PROCESSES = 40
FILES = ["/etc/passwd", "/usr/bin/dpkg", "/var/lib/dpkg/status", "/etc"]


def processes():
    """Each with its metric: init, five services below it, workers below those."""
    for number in range(PROCESSES):
        pid = 1 if number == 0 else 100 + 37 * number
        parent = 0 if number == 0 else 1 if number < 6 else 100 + 37 * (1 + number % 5)
        name = "init" if number == 0 else NAMES[number % len(NAMES)]
        user = "root" if number == 0 else USERS[number % len(USERS)]
        yield {"pid": pid, "ppid": parent, "pname": name, "user": user, "threads": 1 + number % 3, "cwd": "/srv",
               "cmd": f"/usr/sbin/{name} --number {number}", "created": round(BOOT + 10 + 20000.25 * number, 2),
               "openfiles": FILES[:number % (len(FILES) + 1)]}, \
              {"pid": pid, "pname": name, "user": user, "status": STATES[number % len(STATES)], "cpupct": number / 8,
               "mempct": 0.5, "rss": (number + 1) << 20, "vms": (number + 3) << 22, "read": 0, "write": 0}


def connections():
    """(process number, local, port, remote, port, state): what listens, what is connected, of both protocols and families."""
    sockets = [
        (1, "0.0.0.0", 22, None, None, "LISTEN"), (2, "127.0.0.1", 80, None, None, "LISTEN"),
        (2, "::", 80, None, None, "LISTEN"), (3, "::1", 5432, None, None, "LISTEN"),
        (1, "10.1.2.3", 22, "10.9.8.7", 50022, "ESTABLISHED"), (2, "10.1.2.3", 80, "192.0.2.7", 40000, "CLOSE_WAIT"),
        (3, "2001:db8::1", 5432, "2001:db8::2", 41000, "ESTABLISHED"), (6, "10.1.2.3", 33000, "192.0.2.9", 443, "SYN_SENT"),
        (4, "0.0.0.0", 5353, None, None, "NONE"), (5, "::", 5353, None, None, "NONE"),
        (5, "10.1.2.3", 34000, "10.0.0.53", 53, "NONE"), (7, "fe80::1", 546, "fe80::2", 547, "NONE"),
    ]
    every = list(processes())
    for number, local, port, remote, remote_port, state in sockets:
        process = every[number][0]
        yield {"pid": process["pid"], "pname": process["pname"], "localipaddr": local, "localport": port, "remoteipaddr": remote,
               "remoteport": remote_port, "connstatus": state}


def packages(root):
    """What dpkg has installed there."""
    with open(f"{root}/var/lib/dpkg/status", encoding="utf-8") as status:
        for text in status.read().strip().split("\n\n"):
            field = dict(re.findall(r"^(\S+): (.*)$", text, re.M))
            if field["Status"] == "install ok installed":
                yield {"pkgname": field["Package"], "pkgversion": field["Version"], "pkgarchitecture": field["Architecture"],
                       "pkgsize": field.get("Installed-Size", "0"), "installed": None}


def file_record(path, real, size=None, mtime=None):
    st = os.lstat(real)
    kind = {0o100000: "file", 0o040000: "dir", 0o120000: "link", 0o060000: "block", 0o020000: "char", 0o010000: "pipe"}
    return {"path": path, "name": os.path.basename(path), "mode": st.st_mode, "uid": st.st_uid, "gid": st.st_gid, "atime": st.st_atime,
            "mtime": st.st_mtime if mtime is None else mtime, "ctime": BOOT, "size": st.st_size if size is None else size,
            "type": kind.get(st.st_mode & 0o170000, "file"), "linksto": os.readlink(real) if os.path.islink(real) else None}


def files(root, passwd):
    """As a crawler walks; the container has added users."""
    yield file_record("/", root)
    for folder, names, others in os.walk(root):
        below = folder[len(root):]
        if below in ("/proc", "/sys", "/dev", "/tmp"):
            names.clear()
            continue
        for name in sorted(names + others):
            path = f"{below}/{name}"
            changes = {"size": len(passwd), "mtime": float(TIME)} if path == "/etc/passwd" else {}
            yield file_record(path, root + path, **changes)


def system():
    yield "os", "linux", {"boottime": BOOT, "uptime": UPTIME, "ipaddr": ["127.0.0.1", "10.1.2.3"], "os": "debian", "os_version": "12",
                          "os_kernel": "Linux-6.1.0-1-amd64-x86_64-with-glibc2.36", "architecture": "x86_64"}
    yield "memory", "memory", {"memory_used": 3 << 30, "memory_free": 5 << 30, "memory_buffered": 64 << 20, "memory_cached": 1 << 30,
                               "memory_util_percentage": 37.5}
    yield "load", "load", {"shortterm": 0.25, "midterm": 1.5, "longterm": 12.75}
    for number in range(2):
        yield "cpu", f"cpu-{number}", {"cpu_idle": 80.0, "cpu_nice": 0.0, "cpu_user": 15.0, "cpu_wait": 1.0, "cpu_system": 4.0,
                                       "cpu_interrupt": 0.0, "cpu_steal": 0.0, "cpu_util": 20.0}
    for point, device, kind in (("/", "overlay", "overlay"), ("/srv", "/dev/vdb1", "ext4")):
        yield "disk", point, {"partitionname": device, "mountpt": point, "fstype": kind, "mountopts": "rw,relatime", "freepct": 40.0,
                              "partitionsize": 10 << 30}
    for name in ("lo", "eth0"):
        yield "interface", "interface-" + name, dict.fromkeys(
            ("if_octets_tx", "if_octets_rx", "if_packets_tx", "if_packets_rx", "if_errors_tx", "if_errors_rx"), 0)


def records(namespace, root, image):
    """(type, key, value); without an image, of the files those only that tools ask."""
    with open(f"{root}/etc/passwd", encoding="utf-8") as text:
        passwd = text.read() + PASSWD
    yield "metadata", "metadata", {"namespace": namespace, "timestamp": "2025-11-24T16:00:00+0000", "system_type": "container",
                                   "container_long_id": "c0ffee", **({"container_image": "sha256:" + image} if image else {})}
    yield "config", "/etc/passwd", {"name": "passwd", "path": "/etc/passwd", "content": passwd}
    yield from (("file", record["path"], record) for record in (files(root, passwd) if image else ()))
    yield from system()
    for process, metric in processes():
        key = f"{process['pname']}/{process['pid']}"
        yield "process", key, process
        yield "metric", key, metric
    for value in connections():
        yield "connection", f"{value['pid']}/{value['localipaddr']}/{value['localport']}", value
    yield from (("package", value["pkgname"], value) for value in packages(root))


def write(path, namespace, root, image=None):
    with open(path, "w", encoding="ascii") as out:
        for kind, key, value in records(namespace, root, image):
            out.write(f"{kind}\t{json.dumps(key)}\t{json.dumps(value)}\n")
