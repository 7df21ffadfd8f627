"""`confuse import` and `confuse serve`, for tests that compare what is served with a directory.

$CONFUSE is the program; compare_tree is taken from beside it.
"""
import os
import re
import subprocess
import sys
import time

CONFUSE = os.environ.get("CONFUSE", "confuse")
COMPARE = os.path.join(os.path.dirname(CONFUSE), "tests", "e2e", "compare_tree")
LIMIT = 600  # s for one command; the slowest takes 10


def resident(mib):
    """So much memory in KiB, as rusage has it; a sanitizer's shadow comes on top, several times as much."""
    with open(CONFUSE, "rb") as program:
        shadows = 4 if re.search(b"__[at]san_init", program.read()) else 1
    return (mib << 10) * shadows


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="backslashreplace",
                          timeout=LIMIT, check=False)


def must(*command):
    """What it prints; the test ends if it fails."""
    done = run(*command)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stdout}")
    return done.stdout


def import_source(store, argument, *options, stdin=None):
    """What became of it: returncode, stdout and stderr as texts."""
    done = subprocess.run([CONFUSE, "--store", store, "import", *options, argument], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=LIMIT, check=False)
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode(errors="backslashreplace")
    return done


class Server:
    """`confuse serve` on a port of its own; new snapshots show at once."""

    def __init__(self, store, log):
        self.log = open(log, "w+b")
        self.process = subprocess.Popen(
            [CONFUSE, "--store", store, "serve", "--listen", "127.0.0.1:0", "--allow", "127.0.0.0/8,insecure",
             "--portmap", "off", "--threads", "1"], stderr=self.log)
        self.port = self.wait_for_port()

    def wait_for_port(self):
        for _ in range(100):
            self.log.seek(0)
            found = re.search(rb"listening for=nfs address=127\.0\.0\.1 port=(\d+)", self.log.read())
            if found:
                return found.group(1).decode()
            time.sleep(0.1)
        sys.exit("the server does not start")

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=LIMIT)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()


def compare(server, export, directory, *form):
    """How they differ, or nothing."""
    done = run(COMPARE, server.port, export, directory, *form)
    return done.stdout if done.returncode != 0 else ""


# --- What a tool unpacked ---------------------------------------------------------------------------------------------

def folders(top):
    """The directories of a tree, itself among them."""
    return [at for at, _, _ in os.walk(top)]


def coarse_now():
    """As the kernel stamps files, in ns: its clock is some ms behind."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) - 10**8
