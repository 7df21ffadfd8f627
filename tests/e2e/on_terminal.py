# on_terminal.py COLUMNS COMMAND [ARGUMENT...] - run a command with a terminal for its standard error, and print what
# came there, escape sequences and all. Exits as the command did.
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0))
child = subprocess.Popen(sys.argv[2:], env={**os.environ, "TERM": "xterm"}, stderr=slave, stdout=subprocess.DEVNULL)
os.close(slave)
seen = b""
while True:
    try:
        piece = os.read(master, 65536)
    except OSError:  # the other end is closed
        piece = b""
    if not piece:
        break
    seen += piece
sys.stdout.buffer.write(seen)
sys.exit(child.wait())
