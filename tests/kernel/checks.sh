# checks.sh - what the guest's scripts share: how checks are run, and what they are made of.
#
# A script names its checks in `checks`, has a function check_NAME for each and limit_of NAME in s, and ends with
# `run_checks "$1"`. `SCRIPT all` then runs each in a process of its own with that limit, and prints `ok NAME` or
# `not ok NAME: why`. Lines with # are for people.
#
# A check fails by returning non-zero; what it printed last is the reason. A mount_* check leaves its mount for those behind it,
# up to the umount; when it fails they are left out, since they could only say the same.
# shellcheck shell=dash

. /test/settings   # SNAP, the id of the snapshot; of the frame also its NAMESPACE and TIME
ports=vers=3,proto=tcp,port=2049,mountproto=tcp,mountport=2049
tab=$(printf '\t')

fail() { echo "$*"; exit 1; }

# Runs a command that must be refused with this reason.
refused() {
    local reason="$1" said
    shift
    said=$(timeout 10 "$@" 2>&1 </dev/null) && fail "$* was not refused"
    echo "$said" | grep -Eq "$reason" || fail "$*: $said"
}

mount_nfs() { mount -t nfs "$@" >/tmp/mount.log 2>&1 || fail "$(tr '\n' ';' </tmp/mount.log)"; }
forget_caches() { echo 3 >/proc/sys/vm/drop_caches; }
same() { cmp -s "$1" "$2" || fail "$(diff "$1" "$2" | grep '^[-+][^-+]' | head -n 4 | tr '\n\t' '| ')"; }
now() { cut -d ' ' -f 1 /proc/uptime | tr -d .; }   # in 10 ms

run_one() {
    : >/tmp/notes
    if timeout -s KILL "$(limit_of "$1")" sh "$0" "$1" >/tmp/why 2>&1; then
        echo "ok $1"
        cat /tmp/notes
        return
    fi
    why=$(tail -n 1 /tmp/why | cut -c 1-300)
    echo "not ok $1: ${why:-no reason given}"
    cat /tmp/notes
    return 1
}

run_all() {
    echo "# boot: $(cut -d ' ' -f 1 /proc/uptime) s"
    for name in $checks; do
        case $name in
        mount_*) if run_one "$name"; then unmounted=; else unmounted=$name; fi ;;
        *) if [ -n "$unmounted" ]; then echo "# $name is left out: $unmounted failed"; else run_one "$name"; fi ;;
        esac
        [ "$name" != umount ] || unmounted=
    done
    echo @end
}

run_checks() {
    unmounted=
    case $1 in
    all) run_all ;;
    *) "check_$1" ;;
    esac
}
