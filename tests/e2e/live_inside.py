"""The container of live.py: processes with every kind of name, sockets and files. Writes /ready when all is there."""
import ctypes
import os
import resource
import socket
import sys
import threading
import time

LIBC = ctypes.CDLL(None)
PR_SET_NAME = 15
NAMES = [b"plain", b"a) R 1 (b", b"))((", b"two\nlines", b"tab\there", b'"quote\\', b"\xff\xfe", b""]


def child(name, uid=0, cwd="/", todo=lambda: None):
    if os.fork():
        return
    os.chdir(cwd)
    kept = todo()
    if uid:
        os.setgid(uid)
        os.setuid(uid)
    LIBC.prctl(PR_SET_NAME, name, 0, 0, 0)
    time.sleep(600)
    sys.exit(kept is None)


def sockets():
    listening = socket.create_server(("127.0.0.1", 8080))
    client = socket.create_connection(("127.0.0.1", 8080))
    accepted, _ = listening.accept()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("0.0.0.0", 5353))
    kept = [listening, client, accepted, udp, os.dup(listening.fileno())]
    for name in ("/data/unix", "\0abstract\0name"):
        kept.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        kept[-1].bind(name)
        kept[-1].listen()
    kept.append(os.memfd_create("memory"))
    os.dup2(kept[-1], 200)
    if socket.has_ipv6 and os.path.exists("/proc/net/tcp6"):
        try:
            kept.append(socket.create_server(("::1", 8081), family=socket.AF_INET6))
        except OSError:
            pass
    return kept


def files():
    kept = [open("/data/open", "w+"), open("/data/with\nline", "w+"), open("/data/gone", "w+"), open("/etc/passwd")]
    os.unlink("/data/gone")
    kept.append(os.open("/data/fifo", os.O_RDWR))
    kept.append(os.open("/data", os.O_RDONLY))
    return kept


def arguments():
    os.execv(sys.executable, [b"odd", b"-c", b"import time; time.sleep(600)", b"a\nb", b"c\td", b'"', b"", b"\xff", b"last"])


def surroundings():
    """An environment, limits, a session and a niceness of its own."""
    os.setsid()
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.RLIM_INFINITY))
    os.execve(sys.executable, [b"around", b"-c", b"import time; time.sleep(600)"],
              {b"PATH": b"/usr/bin", b"LINES": b"a\nb", b"BYTES": b"\xff\x01", b"EMPTY": b"", b"TAB": b"\t\"\\"})


def threads():
    for name in (b"worker", b") R 1 (", b"two\nlines", b"\xff"):
        def work(name=name):
            LIBC.prctl(PR_SET_NAME, name, 0, 0, 0)
            time.sleep(600)
        threading.Thread(target=work).start()
    time.sleep(0.5)


def jail():
    os.chroot("/data")
    os.chdir("/")


def long_arguments():
    os.execv(sys.executable, [b"long", b"-c", b"import time; time.sleep(600)", b"x" * 100000, b"y" * 100000])


os.mkfifo("/data/fifo")
for number, each in enumerate(NAMES):
    child(each, uid=[0, 65534, 4242][number % 3], cwd=["/", "/data"][number % 2])
child(b"sockets", todo=sockets)
child(b"files", todo=files)
child(b"odd", todo=arguments)
child(b"long", todo=long_arguments)
child(b"around", todo=surroundings)
child(b"threads", todo=threads)
child(b"jail", uid=65534, todo=jail)
if not os.fork() and not os.fork():  # its parent ends: a zombie, and an orphan of process 1
    time.sleep(600)
if os.fork() == 0:
    sys.exit(0)
time.sleep(3)  # those that began again as another program are there by then
open("/ready", "w").close()
time.sleep(600)
