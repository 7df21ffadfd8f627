#!/bin/sh
# The checks of `confuse run`, as the guest runs them; see checks.sh. Each way in is tried: the server on the host, which
# serves $SNAP, and a server that the command starts from /test/store, a copy of that store.
#
# The snapshot: busybox, two captured processes (1 and 4321) in /proc, a captured /dev/sda.
set -u

. /test/checks.sh
checks="prepare status killed_command messages writes proc overlay devices network ipv6 tools private together
    interrupt interrupt_remote terminal terminal_command terminate hangup kill_confuse kill_server nothing_left"

# An emulated processor; each run starts a server or mounts through a virtual network.
limit_of() { echo 120; }

remote="--server 10.0.2.2 $SNAP"
own="captured@latest"

# pivot_root(2) refuses the initramfs, which no machine that scans has as its root: a mount of it does.
inside() { CONFUSE_STORE=/test/store chroot /real /bin/confuse run "$@"; }

# both WANTED COMMAND...: the exit status with either server; what it said is in /tmp/said.
both() {
    local wanted="$1" way
    shift
    for way in "$remote" "$own"; do
        # shellcheck disable=SC2086 # words
        inside $way -- "$@" >/tmp/said 2>&1
        local status=$?
        [ $status = "$wanted" ] || fail "$way: $*: exit $status, $(tail -n 1 /tmp/said)"
    done
}

says() { [ "$(cat /tmp/said)" = "$1" ] || fail "said $(tr '\n' '|' </tmp/said)"; }

check_prepare() {
    mkdir -p /real && mount --rbind / /real || fail "no bind mount"
    cat /proc/mounts >/tmp/mounts
}

# --- the command ---

check_status() {
    start=$(now)
    both 0 true
    took=$((($(now) - start) * 10))
    echo "# two runs: $took ms" >>/tmp/notes
    echo $((took * 3 / 1000 + 6)) >/tmp/patience
    both 7 sh -c 'exit 7'
    both 127 no-such-command
}

check_killed_command() { both 143 sh -c 'kill -TERM $$'; }

check_messages() {
    setpriv --reuid 1000 --clear-groups /bin/confuse run "$SNAP" -- true >/tmp/said 2>&1
    [ $? = 4 ] && grep -q 'only root' /tmp/said || fail "not root: $(cat /tmp/said)"
    inside --server 10.0.2.2 00000000000000000000000000000000 -- true >/tmp/said 2>&1
    [ $? = 3 ] && grep -q 'no such snapshot' /tmp/said || fail "unknown: $(cat /tmp/said)"
    inside --server 10.0.2.2:7 "$SNAP" -- true >/tmp/said 2>&1
    [ $? = 4 ] && [ "$(wc -l </tmp/said)" = 1 ] || fail "no server there: $(cat /tmp/said)"
    inside nobody@latest -- true >/tmp/said 2>&1
    [ $? = 3 ] || fail "no such namespace: $(cat /tmp/said)"
}

# --- what it sees ---

check_writes() {
    both 0 sh -c 'echo mine >/etc/hostname && rm /etc/passwd && mkdir /new && cat /etc/hostname'
    says mine
    both 0 sh -c 'cat /etc/hostname /etc/passwd; test ! -e /new'
    says "box
root:x:0:0::/root:/bin/sh"
    CONFUSE_STORE=/test/store /bin/confuse fsck >/tmp/said 2>&1 || fail "fsck: $(tail -n 1 /tmp/said)"
}

check_proc() {
    both 0 sh -c 'cat /proc/1/comm /proc/4321/comm; test $$ -gt 4321; grep -x sh /proc/$$/comm; grep -x grep /proc/self/comm'
    says "captured-init
captured-server
sh
grep"
}

check_overlay() {
    both 0 awk '$2 == "/" { print $3 }' /proc/self/mounts
    says overlay
    both 0 sh -c '! mount -t tmpfs t /tmp 2>/dev/null'
}

check_devices() { both 0 sh -c 'echo >/dev/null && test -b /dev/sda && ! head -c 1 /dev/sda 2>/dev/null'; }

# Interfaces but for loopback.
check_network() {
    both 0 sh -c 'ls /proc/self/net/ >/dev/null; ip -o link | grep -vc " lo:"; true'
    says 0
    inside --net "$own" -- sh -c 'ip -o link | grep -vc " lo:"' >/tmp/said 2>&1
    says 1
    # shellcheck disable=SC2086 # words
    inside --net $remote -- sh -c 'ip -o link | grep -vc " lo:"' >/tmp/said 2>&1
    says 1
}

# A server on this machine, of which only an IPv6 address is known.
check_ipv6() {
    /bin/confuse --store /test/store serve --listen '[::1]:3049' --allow ::1/128 --portmap off >/tmp/serve 2>&1 &
    server=$!
    for _ in $(seq 100); do
        ! nc ::1 3049 </dev/null 2>/dev/null || break
        sleep 0.1
    done
    inside --server '[::1]:3049' "$SNAP" -- sh -c 'cat /etc/hostname; exit 5' >/tmp/said 2>&1
    status=$?
    kill "$server"
    [ $status = 5 ] || fail "exit $status: $(cat /tmp/said /tmp/serve)"
    says box
    inside --server '[::1]:3049' "$SNAP" -- true >/tmp/said 2>&1
    [ $? = 4 ] && [ "$(wc -l </tmp/said)" = 1 ] || fail "no server there: $(cat /tmp/said)"
}

check_tools() {
    both 127 tac /etc/hostname
    for way in "$remote" "$own"; do
        # shellcheck disable=SC2086 # words
        inside --tools /test/tools $way -- tac /etc/hostname >/tmp/said 2>&1 || fail "$way: $(cat /tmp/said)"
        says box
    done
    inside --tools /test/tools "$own" -- sh -c 'tac /etc/hostname; ! echo >/.confuse-tools/new' >/tmp/said 2>/dev/null
    says box
}

# --- others, and ends ---

# running REGEX: what runs with such arguments, a line each that begins with its number.
running() {
    ps -o pid,args >/tmp/running
    grep -- "$1" /tmp/running
}

# begin WAY...: a run that goes on, in a process group of its own; $! is its leader.
begin() {
    rm -f /tmp/status
    setsid /sbin/sh -c 'CONFUSE_STORE=/test/store chroot /real /bin/confuse run "$@" >/tmp/said 2>&1; echo $? >/tmp/status' \
        sh "$@" -- sh -c '/bin/sleep 98127 & /bin/sleep 98127' &
    for _ in $(seq 100); do
        [ "$(running '^ *[0-9]* /bin/sleep 98127$' | wc -l)" -ge 2 ] && return
        sleep 0.2
    done
    fail "it does not start: $(cat /tmp/said)"
}

number_of() { running "$1" | awk '{ print $1; exit }'; }
of_run() { number_of '^ *[0-9]* /bin/confuse run'; }

traces='98127\|confuse run\|confuse --store'

# ended STATUS: with that exit status (none: it could not tell), and nothing of it is there any more.
ended() {
    for _ in $(seq 50); do
        if ! running "$traces" >/dev/null; then
            [ -z "$1" ] || [ "$(cat /tmp/status)" = "$1" ] || fail "exit $(cat /tmp/status): $(cat /tmp/said)"
            same /tmp/mounts /proc/mounts
            return
        fi
        sleep 0.2
    done
    fail "still there: $(running "$traces" | tr '\n' ';')"
}

# Its own server is for nobody else on the machine.
check_private() {
    begin "$own"
    ! nc 127.0.0.1 2049 </dev/null 2>/dev/null || fail "somebody answers on port 2049"
    kill -TERM "$(of_run)"
    ended 143
}

check_together() {
    begin "$own"
    both 0 true
    kill -TERM "$(of_run)"
    ended 143
}

# To all of the group, once it has begun for sure. A job in the background would ignore it.
interrupt() {
    timeout -s INT "$(cat /tmp/patience)" chroot /real /bin/confuse --store /test/store run "$@" -- \
        sh -c 'echo begun; /bin/sleep 98127 & /bin/sleep 98127' >/tmp/said 2>&1
    [ $? = 124 ] && grep -q begun /tmp/said || fail "said $(cat /tmp/said)"
    ended ''
}

check_interrupt() { interrupt "$own"; }
# shellcheck disable=SC2086 # words
check_interrupt_remote() { interrupt $remote; }
# typed SCRIPT: Ctrl-C at a terminal where the command is, once it said `begun`; the exit status of the run.
typed() {
    rm -f /tmp/said
    {
        for _ in $(seq 200); do
            ! grep -q begun /tmp/said || break
            sleep 0.2
        done
        printf '\003'
        sleep 5
    } | script -qec "exec chroot /real /bin/confuse --store /test/store run $own -- sh -c '$1'" /dev/null >/tmp/said 2>&1
}

check_terminal() {
    typed 'echo begun; exec /bin/sleep 98127'
    status=$?
    [ $status = 130 ] || fail "exit $status: $(cat /tmp/said)"
    ended ''
}

# What takes Ctrl-C itself goes on.
check_terminal_command() {
    typed 'trap "echo caught; exit 9" INT; echo begun; while :; do /bin/sleep 1; done'
    status=$?
    [ $status = 9 ] && grep -q caught /tmp/said || fail "exit $status: $(cat /tmp/said)"
    ended ''
}

# shellcheck disable=SC2086 # words
check_terminate() { begin $remote; kill -TERM "$(of_run)"; ended 143; }
check_kill_confuse() { begin "$own"; kill -KILL "$(of_run)"; ended 137; }

# A caller that ignores SIGHUP has a run that does.
check_hangup() {
    trap '' HUP
    begin "$own"
    kill -HUP "$(of_run)"
    sleep 1
    [ "$(running '^ *[0-9]* /bin/sleep 98127$' | wc -l)" = 2 ] || fail "it has ended"
    kill -TERM "$(of_run)"
    ended 143
}

check_kill_server() {
    begin "$own"
    kill -KILL "$(number_of 'confuse --store .* serve')"
    ended 4
    grep -q 'the server has ended' /tmp/said || fail "said $(cat /tmp/said)"
}

check_nothing_left() {
    same /tmp/mounts /proc/mounts
    ! grep -q . /proc/fs/nfsfs/servers 2>/dev/null || [ "$(wc -l </proc/fs/nfsfs/servers)" -le 1 ] ||
        fail "$(tail -n 1 /proc/fs/nfsfs/servers)"
}

run_checks "$1"
