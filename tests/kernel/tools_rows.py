"""The rows of what tools print: lists of (process, field, …), where the process is None if a row is of none."""
import re


def columns(count, *wanted):
    """Rows under a line of headers, of `count` columns, the last one to the end of the line; of these the wanted ones."""
    def rows(text):
        split = (line.split(None, count - 1) for line in text.splitlines()[1:] if line.strip())
        return [(int(row[wanted[0]]), *(row[at].strip() for at in wanted[1:])) for row in split]
    return rows


def forest(text):
    return [(*row[:-1], re.sub(r"^[ |\\]*(_ )?", "", row[-1])) for row in columns(11, 1, 0, 2, 4, 5, 7, 9, 10)(text)]


def top(text):
    return columns(12, 0, 1, 4, 5, 7, 10, 11)(text[re.search(r"^ *PID USER", text, re.M).start():])


def listed(text):
    return [(int(line.split(" ", 1)[0]), *line.split(" ", 1)[1:]) for line in text.splitlines() if line]


def pstree(text):
    """(process, parent, name): a child begins three columns behind the end of its parent."""
    token, ends, found = re.compile(r"(.*?)\((\d+)\)(?=---|-\+-|$)"), {}, []
    for line in text.splitlines():
        at = re.match(r"[ |`-]*", line).end()
        while (match := token.match(line, at)) and not match[1].startswith("{"):
            found.append((int(match[2]), ends.get(at - 3, 0), match[1]))
            ends[match.end()] = int(match[2])
            at = match.end() + 3
    return found


def netstat(text):
    """(process, protocol, local, remote, state, program)."""
    row = re.compile(r"((?:tcp|udp)6?) +\d+ +\d+ +(\S+) +(\S+) +([A-Z_0-9]*) +(?:(\d+)/(.*)|-) *$")
    return [(int(found[5]) if found[5] else None, *found.group(1, 2, 3, 4), (found[6] or "").strip())
            for found in map(row.match, text.splitlines()) if found]


def lsof(text):
    """(process, user, what, name, descriptor): what is cwd, rtd, txt, mem, IPv4, IPv6 or, whatever it is, a file."""
    lines = text.splitlines()
    name = lines[0].index("NAME")
    found = []
    for line in filter(None, lines[1:]):
        _, pid, user, descriptor, kind = line[:name].split()[:5]
        what = descriptor if not descriptor[0].isdigit() else kind if kind.startswith("IPv") else "file"
        protocol = re.search(r" (TCP|UDP) $", line[:name]) if what.startswith("IPv") else None
        # What only tells where it looked.
        text = re.sub(r" \((stat: |readlink: |path dev=).*\)$", "", line[name:].rstrip())
        found.append((int(pid), user, what, f"{protocol[1]} {text}" if protocol else text, re.match(r"\d*", descriptor)[0]))
    return found


def dpkg(text):
    """(None, state, name, version, architecture)."""
    return [(None, *line.split(None, 4)[:4]) for line in text.splitlines() if re.match(r"[a-z]{2} ", line)]


def uptime(text):
    return [(None, *re.search(r" up +(.*?), +\d+ users?, +load average: (.*)", text).groups())]


def free(text):
    """(None, total, free, buffers, cache): in bytes."""
    words = re.search(r"^Mem: +(.*)", text, re.M)[1].split()
    return [(None, words[0], words[2], words[4], words[5])]


def debsums(text):
    return [(None, *line.rsplit(None, 1)) for line in text.splitlines() if line]


def none(_):
    """What a machine has mounted, and who is logged in there, is the run's own."""
    return []


ROWS = {
    "ps-ef": columns(8, 1, 0, 2, 6, 7), "ps-forest": forest,
    "ps-fields": lambda text: [(*row[:-1], *split_date(row[-1])) for row in columns(9, 0, 1, 2, 3, 4, 5, 6, 7, 8)(text)],
    "pgrep": listed, "pgrep-user": listed, "pstree": pstree, "top": top, "uptime": uptime, "free": free,
    "netstat": netstat, "netstat-all": netstat, "lsof": lsof, "dpkg": dpkg, "w": none, "df": none, "mount": none, "debsums": debsums,
    "os-release": lambda text: [(None, line) for line in text.splitlines() if line and line[0] != "#"],
}


def split_date(text):
    """lstart's five words, and what follows."""
    words = text.split(None, 5)
    return " ".join(words[:5]), words[5]


def sections(path):
    """{run: {command: (output, errors, exit status)}} of what the guest said."""
    with open(path, encoding="utf-8", errors="surrogateescape") as said:
        text = said.read()
    runs = re.split(r"^@run (\S+)\n", text, flags=re.M)[1:]
    command = re.compile(r"^@begin (\S+)\n(.*?)\n@said\n(.*?)@exit (\d+)\n", re.M | re.S)
    return {name: {found[1]: (found[2], found[3], int(found[4])) for found in command.finditer(body)}
            for name, body in zip(runs[::2], runs[1::2])}, text.endswith("@end\n")
