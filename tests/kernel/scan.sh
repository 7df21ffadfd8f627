# The checks of `confuse scan`, as the guest runs them; see checks.sh. The server on the host serves $SNAP, contents and the
# cache; here they are mounted by the command itself, and by mount.
#
# The snapshot: three contents that are bad, one of them under two names, and ten that are not.
set -u

. /test/checks.sh
checks="server warm nodes names killed mount_cache mounted umount nothing_left"

limit_of() { echo 120; }

remote="--server 10.0.2.2"
printf '#!/bin/sh\necho "$1" >>/tmp/scanned\ngrep -q evil "$1" && { echo evil; exit 1; }\nexit 0\n' >/tmp/scanner
chmod +x /tmp/scanner

# scan WAY NAME OPTIONS...: what it found is in /tmp/found, path by path.
scan() {
    local way="$1" name="$2"
    shift 2
    # shellcheck disable=SC2086 # words
    /bin/confuse --json scan $way --scanner "$name" --version 1 "$@" "$SNAP" -- /tmp/scanner {} >/tmp/said 2>/tmp/errors
    local status=$?
    [ $status = 1 ] || fail "exit $status: $(tail -n 1 /tmp/errors)"
    sed -n 's/.*"path":"\([^"]*\)","verdict":"found".*/\1/p' /tmp/said >/tmp/found
    [ "$(tr '\n' ' ' </tmp/found)" = "/again /bad1 /bad2 /bad3 " ] || fail "found $(tr '\n' ' ' </tmp/found)"
}

check_server() {
    : >/tmp/scanned
    cat /proc/mounts >/tmp/mounts
    start=$(now)
    scan "$remote" first
    echo "# 13 contents: $((($(now) - start) * 10)) ms" >>/tmp/notes
    [ "$(wc -l </tmp/scanned)" = 13 ] || fail "scanned $(wc -l </tmp/scanned)"
}

check_warm() {
    : >/tmp/scanned
    scan "$remote" first
    [ "$(wc -l </tmp/scanned)" = 0 ] || fail "scanned $(wc -l </tmp/scanned) again"
}

# Three at once, each with a mount of its own.
check_nodes() {
    local node
    : >/tmp/scanned
    for node in 1 2 3; do
        # shellcheck disable=SC2086 # words
        /bin/confuse scan $remote --scanner nodes --version 1 "$SNAP" -- /tmp/scanner {} >"/tmp/node$node" 2>&1 &
    done
    wait
    for node in 1 2 3; do
        [ "$(grep -c evil "/tmp/node$node")" = 4 ] || fail "node $node: $(tail -n 1 "/tmp/node$node")"
    done
    [ "$(wc -l </tmp/scanned)" = 13 ] || fail "scanned $(wc -l </tmp/scanned): $(sort /tmp/scanned | uniq -d | head -n 1)"
}

check_names() {
    : >/tmp/scanned
    scan "$remote" names --key content+mode+owner+name
    [ "$(wc -l </tmp/scanned)" = 14 ] && grep -q "/snap/$SNAP/again$" /tmp/scanned || fail "scanned $(tail -n 1 /tmp/scanned)"
}

check_killed() {
    # shellcheck disable=SC2086 # words
    /bin/confuse scan $remote --scanner killed --version 1 "$SNAP" -- sleep 98128 >/dev/null 2>&1 {} &
    sleep 5
    kill -KILL $!
    wait $! 2>/dev/null
    sleep 2
    set -- /tmp/confuse-scan-*
    [ ! -e "$1" ] || fail "it left $1"
}

check_mount_cache() {
    mount_nfs "confuse:/" /mnt -o "$ports,nolock"
    [ "$(ls /mnt/cache/first-1 | grep -c '^[0-9a-f]*$')" = 13 ] || fail "$(ls /mnt/cache/first-1 | wc -l) verdicts"
    ! ls /mnt/cache/first-1 | grep -q claim || fail "claims are left"
}

check_mounted() {
    : >/tmp/scanned
    scan "--mount /mnt" first
    [ "$(wc -l </tmp/scanned)" = 0 ] || fail "scanned $(wc -l </tmp/scanned) again"
    scan "--mount /mnt" second
    [ "$(wc -l </tmp/scanned)" = 13 ] || fail "scanned $(wc -l </tmp/scanned)"
}

check_umount() { umount /mnt || fail "/mnt is in use"; }
check_nothing_left() { same /tmp/mounts /proc/mounts; }

run_checks "$1"
