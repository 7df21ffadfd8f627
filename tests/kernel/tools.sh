#!/bin/sh
# Tools that expect a running system, in `confuse run`, as the guest runs them; see checks.sh. What they print goes to the third
# serial port, from which tools.py takes it to compare it with what was captured. The snapshots are TOOLS, a
# Debian system that is mounted here for --tools, and those of /test/runs, a line each: name, id, and which way.
set -u

. /test/checks.sh
. /test/settings.tools
checks="prepare run"

# An emulated processor: some 2 s a tool.
limit_of() { echo 600; }

# pivot_root(2) refuses the initramfs: see run.sh.
check_prepare() {
    mkdir -p /tools /real
    mount_nfs "confuse:/snap/$TOOLS" /tools -o "ro,$ports,nolock"
    mount --rbind / /real || fail "no bind mount"
    stty -F /dev/ttyS2 raw -echo
}

inside() { TZ=UTC LC_ALL=C chroot /real /bin/confuse run --server 10.0.2.2 "$@"; }

# One run, of a shell that runs each command.
by_shell() { inside "$1" -- sh -c "$(cat /test/each.sh)" <"/test/commands.$2"; }

# A run for each command, which is started by its own loader.
by_tools() {
    while IFS="$tab" read -r name command; do
        echo "@begin $name"
        # shellcheck disable=SC2086 # words
        inside --tools /tools "$1" -- $command 2>/tmp/said </dev/null
        status=$?
        printf '\n@said\n'
        cat /tmp/said
        echo "@exit $status"
    done <"/test/commands.$2"
}

check_run() {
    while read -r name id way; do
        start=$(now)
        { echo "@run $name"; "by_$way" "$id" "$name" 2>&1; } | cat >/dev/ttyS2
        echo "# $name, $(wc -l <"/test/commands.$name") commands by $way: $((($(now) - start) / 100)) s" >>/tmp/notes
    done </test/runs
    echo @end | cat >/dev/ttyS2
    # Until the port has sent it all.
    sleep 1
}

run_checks "$1"
