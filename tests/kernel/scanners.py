#!/usr/bin/env python3
"""Security tools over a mount and in the original system: which, and what they have to say.

    scanners.py commands                    the lines that scanners.sh reads: name, way, command
    scanners.py originals SYSTEMS FOLDER    what those that are pointed at a directory say of the original (tests/debian/scanners), to FOLDER
    scanners.py compare FOLDER              what they said there (NAME.original, NAME.mounted); `ok NAME` or `not ok NAME: why` a line

$SCANNERS, if set, names those that are meant. `originals` mounts: in a mount namespace of its own.
"""
import os
import re
import subprocess
import sys

SHOWN = 4  # lines of a difference

CONTENT = "/usr/share/xml/scap/ssg/content/ssg-debian11-ds.xml"
PROFILE = "xccdf_org.ssgproject.content_profile_standard"
RESULTS = r"""awk -F '[<>"]' '/<rule-result /{rule = $3} /<result>/{print $3, rule}' /tmp/results"""

# Name: way (see scanners.sh), command, and what it has to find: patterns of lines.
TOOLS = {
    "debsums": ("pointed", "debsums --root=/target -a",
                [r"^/target/usr/sbin/tarcat +FAILED$", r"^/target/usr/bin/which +FAILED$", r"^/target/etc/deluser.conf +FAILED$",
                 r"^/target/usr/bin/perl +OK$"]),
    "clamscan": ("pointed", "cd /target && clamscan -r -d /data/test.ndb etc opt root srv usr/local usr/sbin var/lib",
                 [r"^srv/app/upload: Confuse.Test.Planted.UNOFFICIAL FOUND$", r"^Infected files: 1$"]),
    "yara": ("pointed", "yara -r -N /data/test.yar /target", [r"^planted /target/srv/app/upload$", r"^shell /target/usr/bin/"]),
    "aide": ("pointed", "aide --config /data/aide.conf --check",
             [r": /srv/app/upload$", r"^File: /usr/sbin/tarcat$", r"^ Perm +: -rw-r--r-- +\| -rw-rw-rw-$", r"^ +Added entries:\s+6$"]),
    "debsecan": ("pointed", "debsecan --source file:///data/debsecan/ --status /target/var/lib/dpkg/status", [r"^TEMP-0000001 bash"]),
    "chkrootkit": ("inside", "chkrootkit", [r"HiDrootkit rootkit installed", r"^Checking `ls'\.\.\. +not infected$"]),
    "rkhunter": ("inside", "rkhunter --check --sk --nocolors --enable properties,local_host; cat /var/log/rkhunter.log",
                 [r"Warning: The file properties have changed:\n.*File: /usr/bin/which$", r"Account 'toor' is root equivalent"]),
    "oscap": ("overlaid", f"oscap-chroot /target xccdf eval --profile {PROFILE} --results /tmp/results {CONTENT}; echo exit $?; {RESULTS}",
              [r"^fail .*_file_permissions_etc_group$", r"^pass .*_file_permissions_etc_passwd$"]),
    "lynis": ("inside", "lynis audit system --quick --no-colors; echo; cat /var/log/lynis-report.dat",
              [r"^warning\[\]=AUTH-9204\|", r"^hardening_index=\d+$"]),
}
ENVIRONMENT = ["/usr/bin/env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=dumb", "LC_ALL=C"]
RULES_MIN = 20  # of OpenSCAP, that pass or fail

# What tells of the run and not of the system (times, durations), or differs because of how the system is reached: patterns, and what is compared
# in their place. doc/TOOLS.md tells why.
DIFFER = {
    "clamscan": [(r"^(Time|Start Date|End Date): .*\n", "")],
    "aide": [(r"^(Start|End) timestamp: .*\n", ""), (r"\(run time: .*\)", "")],
    "chkrootkit": [(r"/proc/1/fd/\d+: Permission denied\n", "")],
    "rkhunter": [(r"^\[[\d:]+\] ?", ""), (r"^(Info: (Start|End) date is|The system checks took).*\n", ""),
                 (r"( time: \d+) \(.*\)$", r"\1"), (r"^ +No output from the 'lsattr' command - .*\n", "")],
    "lynis": [(r"^(report_datetime_(start|end)|uptime_in_seconds|slow_test\[\])=.*\n", ""), (r"^.* had a long execution: .*\n|^\n", "")],
}


def lines_of(name, text):
    for pattern, replacement in DIFFER.get(name, []):
        text = re.sub(pattern, replacement, text, flags=re.M)
    return text.splitlines()


def read(folder, name, where):
    with open(os.path.join(folder, f"{name}.{where}"), encoding="utf-8", errors="replace") as said:
        return said.read()


def missing(patterns, text):
    return [pattern for pattern in patterns if not re.search(pattern, text, re.M)]


def few_rules(name, text):
    decided = len(re.findall(r"^(?:pass|fail) ", text, re.M))
    return f"{decided} rules pass or fail" if name == "oscap" and decided < RULES_MIN else ""


def wrong(folder, name):
    texts = {where: read(folder, name, where) for where in ("original", "mounted")}
    for where, text in texts.items():
        if missing(TOOLS[name][2], text):
            return f"{where}: not found: {'; '.join(missing(TOOLS[name][2], text))}"
    original, mounted = (lines_of(name, texts[where]) for where in ("original", "mounted"))
    if sorted(original) == sorted(mounted):
        return few_rules(name, texts["mounted"])
    less, more = subtract(original, mounted), subtract(mounted, original)
    return " | ".join(["-" + line for line in less[:SHOWN]] + ["+" + line for line in more[:SHOWN]])


def subtract(lines, others):
    left = list(others)
    return [line for line in lines if not (line in left and not left.remove(line))]


def chosen():
    names = os.environ.get("SCANNERS")
    return names.split() if names else list(TOOLS)


def compare(folder):
    for name in chosen():
        try:
            why = wrong(folder, name)
        except FileNotFoundError:
            why = "it did not run"
        print(f"not ok {name}: {why}" if why else f"ok {name}")


def commands():
    for name in chosen():
        print(name, *TOOLS[name][:2], sep="\t")


def originals(systems, folder):
    scanner = os.path.join(systems, "scanner")
    # To read only: OpenSCAP would leave apt's cache there.
    for arguments in (["--bind", "-o", "ro", os.path.join(systems, "scanned"), scanner + "/target"], ["-t", "tmpfs", "tmp", scanner + "/tmp"],
                      ["-t", "proc", "proc", scanner + "/proc"], ["--bind", "/dev", scanner + "/dev"]):
        subprocess.run(["mount", *arguments], check=True)
    for name in chosen():
        way, command, _ = TOOLS[name]
        if way != "inside":
            done = subprocess.run(["chroot", scanner, *ENVIRONMENT, "sh", "-c", command], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            with open(os.path.join(folder, f"{name}.original"), "wb") as out:
                out.write(done.stdout + f"exit {done.returncode}\n".encode())


def main():
    {"commands": commands, "originals": originals, "compare": compare}[sys.argv[1]](*sys.argv[2:])


main()
