"""The rows that tools have to print of a frame, as tools_rows.py reads them; of captured processes only."""
import datetime
import json
import math

LETTERS = {"sleeping": "S", "running": "R", "disk-sleep": "D", "stopped": "T", "idle": "I"}


class Facts:
    """The records of a csv frame."""

    def __init__(self, path):
        self.records = {}
        with open(path, encoding="ascii") as lines:
            for line in lines:
                kind, _, value = line.split("\t", 2)
                self.records.setdefault(kind, []).append(json.loads(value))
        timestamp = self.one("metadata")["timestamp"]
        self.time = datetime.datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%S%z").timestamp()
        self.boot, self.uptime = self.one("os")["boottime"], self.one("os")["uptime"]
        metrics = {metric["pid"]: metric for metric in self.records.get("metric", [])}
        self.processes = [(process, metrics.get(process["pid"], {})) for process in self.records["process"]]
        self.highest = max(process["pid"] for process, _ in self.processes)
        passwd = next((it["content"] for it in self.records["config"] if it["path"] == "/etc/passwd"), "")
        self.ids = {line.split(":")[0]: line.split(":")[2] for line in passwd.splitlines()}

    def one(self, kind):
        return self.records[kind][0]

    def ticks(self, process, metric):
        """Of its processor time: 1/100 s."""
        return int(metric.get("cpupct", 0) / 100 * int((self.time - process["created"]) * 100))

    def started(self, process):
        """The kernel tells of whole seconds for the boot, and of hundredths after it."""
        at = int(self.boot) + math.floor(process["created"] - self.boot)
        return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%a %b %e %H:%M:%S %Y").replace("  ", " ")

    def per_cent(self, process, metric):
        """Of the time since it began, cut to a tenth."""
        seconds = self.uptime - math.floor((process["created"] - self.boot) * 100) / 100
        share = int(self.ticks(process, metric) * 10 / seconds)
        return f"{share // 10}.{share % 10}"


def clock(ticks):
    """As ps -ef has it."""
    seconds = ticks // 100
    days = f"{seconds // 86400}-" if seconds >= 86400 else ""
    return f"{days}{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def minutes(ticks):
    return f"{ticks // 6000}:{ticks // 100 % 60:02}"


def state(process, metric):
    return LETTERS[metric["status"]] + "l" * (process["threads"] > 1)


def of_each(row):
    return lambda facts: [(process["pid"], *row(facts, process, metric)) for process, metric in facts.processes]


def sockets(facts, only_servers):
    commands = {process["pid"]: process["cmd"] for process, _ in facts.processes}
    for it in facts.records["connection"]:
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


def open_files(facts):
    users = {process["pid"]: process["user"] for process, _ in facts.processes}
    for process, _ in facts.processes:
        yield process["pid"], process["user"], "cwd", process["cwd"]
        for path in process["openfiles"]:
            yield process["pid"], process["user"], "file", path
    for it in facts.records["connection"]:
        name = bracketed(it["localipaddr"], it["localport"])
        if it["remoteipaddr"]:
            name += "->" + bracketed(it["remoteipaddr"], it["remoteport"])
        name = ("TCP " + name + f" ({it['connstatus']})") if it["connstatus"] != "NONE" else "UDP " + name
        yield it["pid"], users[it["pid"]], "IPv6" if ":" in it["localipaddr"] else "IPv4", name


def memory(facts):
    told = facts.one("memory")
    return [(None, str(told["memory_used"] + told["memory_free"]), *(str(told["memory_" + name]) for name in ("free", "buffered", "cached")))]


def uptime(facts):
    days, rest = divmod(int(facts.uptime), 86400)
    loads = (facts.one("load")[name] for name in ("shortterm", "midterm", "longterm"))
    return [(None, f"{days} days, {rest // 3600:2}:{rest // 60 % 60:02}", ", ".join(f"{load:.2f}" for load in loads))]


def installed(facts):
    return [(None, "ii", it["pkgname"], it["pkgversion"], it["pkgarchitecture"]) for it in facts.records["package"]]


def nothing(_):
    return []


TOLD = {
    "ps-ef": of_each(lambda f, p, m: (p["user"], str(p["ppid"]), clock(f.ticks(p, m)), p["cmd"])),
    "ps-forest": of_each(lambda f, p, m: (p["user"], f.per_cent(p, m), str(m["vms"] >> 10), str(m["rss"] >> 10), state(p, m),
                                          minutes(f.ticks(p, m)), p["cmd"])),
    "ps-fields": of_each(lambda f, p, m: (str(p["ppid"]), f.ids.get(p["user"], p["user"]), p["user"], str(p["threads"]), state(p, m),
                                          str(m["vms"] >> 10), str(m["rss"] >> 10), f.started(p), p["cmd"])),
    "pgrep": of_each(lambda f, p, m: (p["cmd"],)),
    "pgrep-user": lambda facts: [(process["pid"],) for process, _ in facts.processes if process["user"] == "app"],
    "pstree": of_each(lambda f, p, m: (p["ppid"], p["pname"])),
    "top": of_each(lambda f, p, m: (p["user"], str(m["vms"] >> 10), str(m["rss"] >> 10), LETTERS[m["status"]],
                                    f"{minutes(f.ticks(p, m))}.{f.ticks(p, m) % 100:02}", p["pname"])),
    "uptime": uptime, "free": memory,
    "netstat": lambda facts: list(sockets(facts, True)), "netstat-all": lambda facts: list(sockets(facts, False)),
    "lsof": lambda facts: list(open_files(facts)), "dpkg": installed,
    "w": nothing, "df": nothing, "mount": nothing,
}
