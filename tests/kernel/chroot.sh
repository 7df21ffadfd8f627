#!/bin/sh
# The checks of a Debian system (tests/debian/image), as the guest runs them; see checks.sh. The snapshot, mounted from the server,
# is the lower directory of an overlay with a tmpfs on top; in a chroot of that, commands have to print what they print in a
# chroot of the system itself, which are the answers in /test/answers.
set -u

. /test/checks.sh
checks="mount_system root perl python dpkg_verify debsums purge lower umount"

# The emulated processor takes a minute for what hashes every file.
limit_of() { echo 600; }

# --- the system ---

check_mount_system() {
    mount_nfs "confuse:/snap/$SNAP" /mnt -o "ro,$ports,nolock"
    mkdir -p /upper /system
    mount -t tmpfs upper /upper || fail "no tmpfs"
    mkdir /upper/files /upper/work
    mount -t overlay system /system -o lowerdir=/mnt,upperdir=/upper/files,workdir=/upper/work 2>/tmp/mount.log ||
        fail "overlay: $(cat /tmp/mount.log; dmesg | tail -n 1)"
    mount -t proc proc /system/proc || fail "no proc"
    mount -t devtmpfs dev /system/dev || fail "no dev"
}

check_root() { inside 'test "$(stat -c "%d %i" /)" = "$(stat -c "%d %i" /..)" && grep -q bookworm /etc/os-release'; }

check_umount() {
    umount /system/dev && umount /system/proc && umount /system && umount /mnt || fail "umount: $?"
    grep -q ' /mnt ' /proc/mounts && fail "still mounted"
    return 0
}

inside() { chroot /system /usr/bin/env -i PATH=/usr/sbin:/usr/bin LC_ALL=C HOME=/root /bin/sh -c "$1" 2>&1 </dev/null; }

# --- what it answers ---

answers() {
    command=$(sed -n "s/^$1$tab//p" /test/answers/COMMANDS)
    start=$(now)
    inside "$command" >/tmp/seen
    echo "exit $?" >>/tmp/seen
    echo "# $command: $((($(now) - start) / 100)) s, $(wc -l </tmp/seen) lines" >>/tmp/notes
    same "/test/answers/$1" /tmp/seen
}

check_perl() { answers perl; }
check_python() { answers python; }
check_dpkg_verify() { answers dpkg-verify; }
check_debsums() { answers debsums; }

# --- and written to ---

check_purge() {
    inside 'dpkg --purge hello' >/tmp/said || fail "$(tail -n 1 /tmp/said)"
    [ ! -e /system/usr/bin/hello ] || fail "hello is still there"
    ! inside 'dpkg --status hello' >/tmp/said || fail "hello is still installed"
}

check_lower() { [ -x /mnt/usr/bin/hello ] || fail "hello is gone from the snapshot"; }

run_checks "$1"
