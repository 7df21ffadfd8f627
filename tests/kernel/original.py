"""The system that tools.py captures alive, of some 20 processes; runs as its first process, and writes their numbers to /ready."""
import os
import socket
import time

USERS = [0, 33, 65534, 4242]  # the last has no name
NAMES = ["plain", "two words", "a) R 1 (b", "quote\"d"]


def child(number, todo=lambda: None):
    """Its number; it sleeps for ever."""
    pid = os.fork()
    if pid:
        return pid
    kept = todo()
    with open("/proc/self/comm", "w", encoding="ascii") as comm:
        comm.write(NAMES[number % len(NAMES)])
    os.chdir("/srv" if number % 2 else "/")
    os.setgid(USERS[number % len(USERS)])
    os.setuid(USERS[number % len(USERS)])
    while True:
        time.sleep(600 + (kept is None))


def sockets():
    kept = [socket.create_server(("127.0.0.1", 8080)), socket.create_server(("::", 8081), family=socket.AF_INET6)]
    kept.append(socket.create_connection(("127.0.0.1", 8080)))
    kept.append(kept[0].accept()[0])
    kept.append(socket.create_connection(("::1", 8081)))
    kept.append(kept[1].accept()[0])
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        bound, connected = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
        bound.bind((address, 5353))
        connected.bind((address, 5454))
        connected.connect((address, 5353))
        kept += [bound, connected]
    return kept


def files():
    return [open(path, mode, encoding="utf-8") for path, mode in (("/etc/passwd", "r"), ("/var/lib/dpkg/status", "r"), ("/srv/written", "w"))]


def shared():
    """A socket that two processes hold."""
    kept = socket.create_server(("127.0.0.1", 9090))
    os.set_inheritable(kept.fileno(), True)
    os.fork()
    return kept


def main():
    pids = [os.getpid()] + [child(number) for number in range(12)]
    pids += [child(20, sockets), child(21, files), child(22, shared)]
    for _ in range(2):
        pids.append(os.posix_spawn("/usr/bin/sleep", ["sleep", "100000"], {}))
    time.sleep(2)  # those are other programs by then, and the one that forked has
    with open("/ready.new", "w", encoding="ascii") as out:
        out.write(str(max(int(name) for name in os.listdir("/proc") if name.isdigit())))
    os.rename("/ready.new", "/ready")
    while True:
        time.sleep(600)


main()
