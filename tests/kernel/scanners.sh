#!/bin/sh
# Security tools over a mount and in the original system, as the guest runs them; see checks.sh. scanners.py compares what they say.
#
# A line of /test/commands: name, way, command. Way `inside`: in the system itself, over the mount by `confuse run`; and in the original, since
# such a tool asks the kernel too. Way `pointed`: in the scanner's system, with the mount at /target; of the original that was said on the host.
# Way `overlaid`: the same, but with an overlay over the mount, for tools that leave out what is remote.
# /dev/vda is the scanner's system, vdb the original one, vdc takes what was said.
set -u

. /test/checks.sh
checks="prepare commands"

# An emulated processor, and all commands.
limit_of() { echo 5000; }

# overlay LOWER: with a tmpfs that takes writes, at LOWER.over.
overlay() {
    mkdir -p "$1.over" "$1.upper"
    mount -t tmpfs upper "$1.upper" || fail "no tmpfs"
    mkdir "$1.upper/files" "$1.upper/work"
    mount -t overlay -o "nodev,nosuid,lowerdir=$1,upperdir=$1.upper/files,workdir=$1.upper/work" confuse "$1.over" || fail "no overlay over $1"
}

check_prepare() {
    mkdir -p /real /scanner /original /mounted /out
    mount --rbind / /real || fail "no bind mount"
    mount -t ext4 -o ro,noload /dev/vda /scanner || fail "no disk of the scanner"
    mount -t ext4 -o ro,noload /dev/vdb /original || fail "no disk of the original"
    mount_nfs "confuse:/snap/$SNAP" /mounted -o "ro,$ports,nolock"
    for system in /scanner /original /mounted; do overlay "$system"; done
    mount -t tmpfs tmp /scanner.over/tmp && mount -t proc proc /scanner.over/proc &&
        mount --bind /dev /scanner.over/dev || fail "the scanner's system is not ready"
}

# --- the ways ---

environment="/usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LC_ALL=C"

at() {
    # shellcheck disable=SC2016,SC2086 # for the shell there; words
    unshare -m /sbin/sh -c 'mount --bind "$1" /scanner.over/target && shift && exec chroot /scanner.over "$@"' sh "$1" $environment sh -c "$2"
}

pointed() { at /mounted "$2"; }
overlaid() { at /mounted.over "$2"; }

inside() {
    case $1 in
    mounted) TERM=dumb LC_ALL=C chroot /real /bin/confuse run --server 10.0.2.2 "$SNAP" -- sh -c "$2" ;;
    original) unshare -m -p -f -n -i /sbin/sh /test/guest.sh original "$2" ;;
    esac
}

# In the namespaces: what `confuse run` does. Process 1 is not the command there either: lynis looks at its command line.
in_original() {
    cd /original.over || exit 1
    mount -t proc -o ro,nosuid,nodev,noexec proc proc
    for device in null zero full random urandom tty; do
        [ -e "dev/$device" ] || : >"dev/$device"
        mount --bind "/dev/$device" "dev/$device"
    done
    ip link set lo up
    # shellcheck disable=SC2086 # words
    chroot . $environment sh -c "$1"
    exit $?
}

said() {
    "$3" "$2" "$4" >"/out/$1.$2" 2>&1 </dev/null
    echo "exit $?" >>"/out/$1.$2"
}

# --- the commands ---

all_of() {
    while IFS="$tab" read -r name way command; do
        case " $* " in *" $way "*) ;; *) continue ;; esac
        start=$(now)
        [ "$way" != inside ] || said "$name" original "$way" "$command" &
        said "$name" mounted "$way" "$command"
        wait
        echo "# $name: $((($(now) - start) / 100)) s" >>/tmp/notes
        (cd /out && tar cf - .) >/dev/vdc || fail "no room for what was said"
    done </test/commands
}

# There are two processors.
check_commands() {
    all_of pointed overlaid &
    all_of inside
    wait
    (cd /out && tar cf - .) >/dev/vdc
}

if [ "$1" = original ]; then in_original "$2"; fi
run_checks "$1"
