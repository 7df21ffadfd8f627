"""The rows that tools have to print of the frame in tools_frame.py: as tools_rows.py reads them, of captured processes only."""
import datetime
import math

from tools_frame import BOOT, TIME, UPTIME, connections, packages, processes, system

IDS = {"root": 0, "app": 1000, "db": 1001, "nobody": 65534, "www-data": 33, "4242": 4242}
LETTERS = {"sleeping": "S", "running": "R", "disk-sleep": "D", "stopped": "T", "idle": "I"}
MEMORY = 8 << 30


def ticks(process, metric):
    """Of its processor time: 1/100 s."""
    return int(metric["cpupct"] / 100 * int((TIME - process["created"]) * 100))


def clock(seconds):
    """As ps -ef has it."""
    days = f"{seconds // 86400}-" if seconds >= 86400 else ""
    return f"{days}{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def started(process):
    """The kernel tells of whole seconds for the boot, and of hundredths after it."""
    at = int(BOOT) + math.floor(process["created"] - BOOT)
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%a %b %e %H:%M:%S %Y").replace("  ", " ")


def state(process, metric):
    return LETTERS[metric["status"]] + "l" * (process["threads"] > 1)


def per_cent(process, metric):
    """Of the time since it began, cut to a tenth."""
    seconds = UPTIME - math.floor((process["created"] - BOOT) * 100) / 100
    share = int(ticks(process, metric) * 10 / seconds)
    return f"{share // 10}.{share % 10}"


def of_each(row):
    return lambda _: [(process["pid"], *row(process, metric)) for process, metric in processes()]


def sockets(only_servers):
    commands = {process["pid"]: process["cmd"] for process, _ in processes()}
    for it in connections():
        remote, stream, six = it["remoteipaddr"], it["connstatus"] != "NONE", ":" in it["localipaddr"]
        if only_servers and remote:
            continue
        status = it["connstatus"] if stream else "ESTABLISHED" if remote else ""
        # Its program is what stands behind the last slash of the first argument, and the crawler knows of one only.
        program = f"{it['pid']}/{commands[it['pid']].rsplit('/', 1)[1]}"[:19].split("/", 1)[1].strip()
        yield (it["pid"], ("tcp" if stream else "udp") + "6" * six, f"{it['localipaddr']}:{it['localport']}",
               f"{remote}:{it['remoteport']}" if remote else ":::*" if six else "0.0.0.0:*", status, program)


def bracketed(host, port):
    host = "*" if host in ("::", "0.0.0.0") else f"[{host}]" if ":" in host else host
    return f"{host}:{port}"


def open_files(_):
    users = {process["pid"]: process["user"] for process, _ in processes()}
    for process, _ in processes():
        yield process["pid"], process["user"], "cwd", "/srv"
        for path in process["openfiles"]:
            yield process["pid"], process["user"], "file", path
    for it in connections():
        name = bracketed(it["localipaddr"], it["localport"])
        if it["remoteipaddr"]:
            name += "->" + bracketed(it["remoteipaddr"], it["remoteport"])
        name = ("TCP " + name + f" ({it['connstatus']})") if it["connstatus"] != "NONE" else "UDP " + name
        yield it["pid"], users[it["pid"]], "IPv6" if ":" in it["localipaddr"] else "IPv4", name


def parents(_):
    return [(process["pid"], process["ppid"], process["pname"]) for process, _ in processes()]


def memory(_):
    told = next(value for kind, _, value in system() if kind == "memory")
    return [(None, str(MEMORY), str(told["memory_free"]), str(told["memory_buffered"]), str(told["memory_cached"]))]


def load(_):
    told = next(value for kind, _, value in system() if kind == "load")
    return [(None, "10 days,  2:03", ", ".join(f"{told[name]:.2f}" for name in ("shortterm", "midterm", "longterm")))]


def installed(root):
    return [(None, "ii", it["pkgname"], it["pkgversion"], it["pkgarchitecture"]) for it in packages(root)]


TOLD = {
    "ps-ef": of_each(lambda p, m: (p["user"], str(p["ppid"]), clock(ticks(p, m) // 100), p["cmd"])),
    "ps-forest": of_each(lambda p, m: (p["user"], per_cent(p, m), str(m["vms"] >> 10), str(m["rss"] >> 10), state(p, m),
                                       f"{ticks(p, m) // 6000}:{ticks(p, m) // 100 % 60:02}", p["cmd"])),
    "ps-fields": of_each(lambda p, m: (str(p["ppid"]), str(IDS[p["user"]]), p["user"], str(p["threads"]), state(p, m), str(m["vms"] >> 10),
                                       str(m["rss"] >> 10), started(p), p["cmd"])),
    "pgrep": of_each(lambda p, _: (p["cmd"],)),
    "pgrep-user": lambda _: [(process["pid"],) for process, _ in processes() if process["user"] == "app"],
    "pstree": parents,
    "top": of_each(lambda p, m: (p["user"], str(m["vms"] >> 10), str(m["rss"] >> 10), LETTERS[m["status"]],
                                 f"{ticks(p, m) // 6000}:{ticks(p, m) // 100 % 60:02}.{ticks(p, m) % 100:02}", p["pname"])),
    "uptime": load, "free": memory,
    "netstat": lambda _: list(sockets(True)), "netstat-all": lambda _: list(sockets(False)),
    "lsof": lambda root: list(open_files(root)), "dpkg": installed,
    "w": lambda _: [], "df": lambda _: [], "mount": lambda _: [],
}
