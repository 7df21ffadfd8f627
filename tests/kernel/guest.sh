#!/bin/sh
# The checks of a frame with every answer known (frame.sh), as the guest runs them; see checks.sh. A line @restart asks the host
# to restart the server, which answers with a line once that is done.
# shellcheck disable=SC2086 # $as_1000
set -u

. /test/checks.sh
checks="portmap exports mount_plain version_3 find fileids cat stat links large_directory md5 absent modes read_only umount
    mount_ports refused_writes restart umount mount_udp umount mount_subdirectory subdirectory umount unknown_snapshot from_root umount_all
    mount_latest latest umount mount_time time restart_time umount mount_history history umount_all
    mount_diff diff diff_after_restart umount
    mount_locks lock_shared lock_exclusive lock_after_lock umount
    mount_cache cache_publish cache_claim cache_remove cache_limits cache_create cache_rename cache_exclusive cache_unlink
    cache_attributes cache_many umount"

# The slowest check takes 7 s here, but for that of 100,000 names; a mount less than 1.
limit_of() { case $1 in mount_*) echo 20 ;; cache_many) echo 200 ;; *) echo 60 ;; esac; }

# --- portmap, MOUNT ---

check_portmap() {
    rpcinfo -p confuse >/tmp/portmap 2>&1 || fail "$(cat /tmp/portmap)"
    for wanted in '100003 3 tcp 2049' '100005 3 tcp 2049' '100005 3 udp 2049' '100021 4 tcp 2049'; do
        awk '{ print $1, $2, $3, $4 }' /tmp/portmap | grep -qx "$wanted" || fail "not listed: $wanted"
    done
}

check_exports() { showmount -e confuse >/tmp/exports 2>&1 && grep -q '^/' /tmp/exports || fail "$(cat /tmp/exports)"; }

# What people type. The client tries 4.2, 4.1, 4.0, then 3, and asks portmap; a question that nobody answers costs it 10 s.
check_mount_plain() {
    start=$(now)
    mount_nfs "confuse:/snap/$SNAP" /mnt -o ro,nolock
    took=$((($(now) - start) * 10))
    echo "# mount: $took ms" >>/tmp/notes
    [ "$took" -le 5000 ] || fail "the mount took $took ms"
}

check_mount_ports() { mount_nfs "confuse:/snap/$SNAP" /mnt -o "$ports,nolock"; }
check_mount_udp() { mount_nfs "confuse:/snap/$SNAP" /mnt -o ro,vers=3,port=2049,mountproto=udp,mountport=2049,nolock; }
check_mount_locks() { rpcbind && mount_nfs "confuse:/snap/$SNAP" /mnt -o ro; }
check_version_3() { grep ' /mnt nfs ' /proc/mounts | grep -q 'vers=3,' || fail "$(grep /mnt /proc/mounts)"; }

# A clean one: no open state on the server can hold it up, and the server answers UMNT.
check_umount() {
    umount /mnt || fail "umount: $?"
    grep -q ' /mnt ' /proc/mounts && fail "still mounted"
    return 0
}

check_mount_subdirectory() { mount_nfs "confuse:/snap/$SNAP/etc" /mnt -o "ro,$ports,nolock"; }

check_subdirectory() {
    (cd /mnt && find . | sort) >/tmp/seen
    sed -n 's,^etc\(/[^\t]*\)\t.*,.\1,p; s,^etc\t.*,.,p' /test/find | sort >/tmp/wanted
    same /tmp/wanted /tmp/seen
}

check_unknown_snapshot() {
    mkdir -p /none
    refused 'No such file|not exist' mount -t nfs confuse:/snap/00000000000000000000000000000000 /none -o "ro,$ports,nolock"
}

# What is new between two snapshots, and nothing else; the same after the server was started again.
check_mount_diff() { mount_nfs "confuse:$(cat /test/diff)/new" /mnt -o "ro,$ports,nolock"; }

check_diff() {
    (cd /mnt && find . | sort) >/tmp/seen
    printf '%s\n' . ./etc ./etc/added ./etc/hostname >/tmp/wanted
    same /tmp/wanted /tmp/seen
    [ "$(cat /mnt/etc/added /mnt/etc/hostname)" = newfox ] || fail "the files read otherwise"
    cat /mnt/etc/passwd 2>/dev/null && fail "a file that did not change is there"
    return 0
}

check_diff_after_restart() {
    cd /mnt/etc || exit 1
    echo @restart >/dev/ttyS1
    read -r answer </dev/ttyS1
    [ "$answer" = restarted ] || fail "the host says: $answer"
    forget_caches
    [ "$(cat added)" = new ] || fail "the working directory reads otherwise after the restart"
    check_diff
}

# Crossing from the served root into a snapshot changes the fsid: the client mounts the snapshot by itself.
check_from_root() {
    mount_nfs confuse:/ /mnt -o "ro,$ports,nolock"
    ls /mnt | grep -qx snap || fail "no snap in /: $(ls /mnt | tr '\n' ' ')"
    ls /mnt/snap | grep -qx "$SNAP" || fail "the snapshot is not listed in /snap"
    cmp -s "/mnt/snap/$SNAP/etc/hostname" /test/hostname || fail "etc/hostname differs"
    grep -q " /mnt/snap/$SNAP nfs " /proc/mounts || fail "the snapshot has no file system of its own"
}

# --- /at ---

check_mount_latest() { mount_nfs "confuse:/at/$NAMESPACE/latest" /mnt -o "ro,$ports,nolock"; }
check_latest() { cmp -s /mnt/etc/hostname /test/hostname || fail "etc/hostname differs"; }
check_mount_time() { mount_nfs "confuse:/at/$NAMESPACE/2001-06" /mnt -o "ro,$ports,nolock"; }
check_time() { [ "$(cat /mnt/etc/hostname)" = older ] || fail "etc/hostname is $(cat /mnt/etc/hostname)"; }

check_restart_time() {
    echo @restart >/dev/ttyS1
    read -r answer </dev/ttyS1
    [ "$answer" = restarted ] || fail "the host says: $answer"
    forget_caches
    check_time
}

# Through links of the store's own file system into versions, which are mounted by the client itself.
check_mount_history() { mount_nfs confuse:/ /mnt -o "ro,$ports,nolock"; }
check_history() {
    ls "/mnt/at/$NAMESPACE" | sort | tr '\n' ' ' >/tmp/listed
    [ "$(cat /tmp/listed)" = "2001-01-01T00:00:00Z $TIME another latest " ] || fail "listed: $(cat /tmp/listed)"
    [ "$(readlink "/mnt/at/$NAMESPACE/latest")" = "$TIME" ] || fail "latest is $(readlink "/mnt/at/$NAMESPACE/latest")"
    cmp -s "/mnt/at/$NAMESPACE/latest/etc/hostname" /test/hostname || fail "etc/hostname of latest differs"
    [ "$(cat "/mnt/at/$NAMESPACE/2002-02-02/etc/hostname")" = older ] || fail "etc/hostname of 2002 differs"
    [ ! -e "/mnt/at/$NAMESPACE/2000" ] || fail "there is something in 2000"
    grep -q " /mnt/at/$NAMESPACE/$TIME nfs " /proc/mounts || fail "the version has no file system of its own"
}

check_umount_all() {
    awk '$3 == "nfs" { print $2 }' /proc/mounts | sort -r | while read -r at; do umount "$at" || fail "umount $at"; done
}

# --- what is there ---

check_find() {
    start=$(now)
    (cd /mnt && find . -printf '%P\t%y\t%m\t%n\t%U\t%G\t%s\t%T@\t%l\n') | sort >/tmp/seen
    echo "# find: $(wc -l </tmp/seen) nodes in $((($(now) - start) * 10)) ms" >>/tmp/notes
    same /test/find /tmp/seen
}

check_fileids() {
    find /mnt -printf '%i\n' | sort | uniq -d >/tmp/twice
    [ ! -s /tmp/twice ] || fail "$(wc -l </tmp/twice) fileids are not unique, the first is $(head -n 1 /tmp/twice)"
    ! find /mnt -inum 0 | grep -q . || fail "fileid 0"
}

check_cat() { cat /mnt/etc/hostname | cmp -s - /test/hostname || fail "etc/hostname: $(head -c 100 /mnt/etc/hostname)"; }

check_stat() {
    seen=$(stat -c '%A %u %g %s %Y' /mnt/usr/bin/su)
    [ "$seen" = '-rwsr-xr-x 0 0 35128 1600000000' ] || fail "usr/bin/su: $seen"
    seen=$(stat -c '%F %t %T' /mnt/run/sda)
    [ "$seen" = 'block special file 0 0' ] || fail "run/sda: $seen"
    [ "$(stat -f -c %T /mnt)" = nfs ] || fail "statfs: $(stat -f -c %T /mnt)"
}

check_links() {
    [ "$(readlink /mnt/home/dangling)" = no-where ] || fail "home/dangling"
    [ "$(cat /mnt/etc/os-release)" = ID=debian ] || fail "etc/os-release is not followed"
    refused 'Too many levels' cat /mnt/home/loop
}

# ls -l asks for attributes (READDIRPLUS), ls -f for names only; the client mixes both over one directory's cookies.
check_large_directory() {
    forget_caches
    start=$(now)
    [ "$(ls -l /mnt/srv/big | grep -c ' entry-')" = 5000 ] || fail "ls -l: $(ls -l /mnt/srv/big | grep -c ' entry-') entries"
    echo "# ls -l of 5,000: $((($(now) - start) * 10)) ms" >>/tmp/notes
    forget_caches
    [ "$(ls -1 /mnt/srv/big | sort -u | wc -l)" = 5000 ] || fail "ls: $(ls -1 /mnt/srv/big | sort -u | wc -l) entries"
}

check_md5() {
    start=$(now)
    while IFS="$tab" read -r sum path; do
        seen=$(md5sum <"/mnt/$path") || fail "$path cannot be read"
        [ "${seen%% *}" = "$sum" ] || fail "$path differs"
    done </test/sums
    echo "# md5sum of $(wc -l </test/sums) files: $((($(now) - start) * 10)) ms" >>/tmp/notes
}

# --- what is refused ---

# Known, not captured: EACCES for root too, at ACCESS, open and READ.
check_absent() {
    sed -n '1,5p;$p' /test/absent | while read -r path; do
        refused 'Permission denied' cat "/mnt/$path"
        [ ! -r "/mnt/$path" ] || fail "access(2) says that $path can be read"
    done
}

# Modes are the captured ones, and hold for others than root.
check_modes() {
    [ "$(cat /mnt/etc/secret)" = only-root-reads-this ] || fail "root cannot read etc/secret"
    refused 'Permission denied' setpriv --reuid 1000 --regid 1000 --clear-groups cat /mnt/etc/secret
    refused 'Permission denied' setpriv --reuid 1001 --regid 1001 --clear-groups ls /mnt/home
    setpriv --reuid 1000 --regid 1000 --clear-groups ls /mnt/home >/dev/null || fail "the owner of home cannot list it"
    setpriv --reuid 1001 --regid 1001 --clear-groups cat /mnt/etc/passwd >/dev/null || fail "etc/passwd is for all"
}

check_read_only() { refused 'Read-only file system' touch /mnt/tmp/new; }

# On a mount without `ro` it is the server that says no. A file's own content is different: the client asks ACCESS before
# it opens for writing, so EACCES is as good an answer.
check_refused_writes() {
    refused 'Read-only file system' touch /mnt/tmp/new
    refused 'Read-only file system' mkdir /mnt/tmp/new
    refused 'Read-only file system' ln -s x /mnt/tmp/new
    refused 'Read-only file system' ln /mnt/etc/hostname /mnt/tmp/new
    refused 'Read-only file system' mknod /mnt/tmp/new p
    refused 'Read-only file system' rm -f /mnt/etc/hostname
    refused 'Read-only file system' rmdir /mnt/etc/conf.d
    refused 'Read-only file system' mv /mnt/etc/hostname /mnt/tmp/new
    refused 'Read-only file system' chmod 600 /mnt/etc/hostname
    refused 'Read-only file system|Permission denied' sh -c 'echo x >>/mnt/etc/hostname'
    cmp -s /mnt/etc/hostname /test/hostname || fail "etc/hostname changed"
}

# --- the server goes away and comes back ---

# Handles must hold: a file that is open, a directory that is the working one, inode numbers.
check_restart() {
    large=/mnt/srv/data/large
    before=$(stat -c %i "$large")
    exec 3<"$large"
    cd /mnt/srv/big || exit 1
    dd bs=1000 count=1 of=/tmp/read <&3 2>/dev/null
    echo @restart >/dev/ttyS1
    read -r answer </dev/ttyS1
    [ "$answer" = restarted ] || fail "the host says: $answer"
    forget_caches
    cat <&3 >>/tmp/read || fail "the open file cannot be read after the restart"
    [ "$(md5sum </tmp/read | cut -c 1-32)" = "$(sed -n 's,\tsrv/data/large$,,p' /test/sums)" ] ||
        fail "the open file reads otherwise after the restart"
    [ "$(ls | wc -l)" = 5000 ] || fail "the working directory has $(ls | wc -l) entries"
    [ "$(stat -c %i "$large")" = "$before" ] || fail "the inode number changed"
}

# --- locks ---

check_lock_shared() {
    start=$(now)
    timeout 10 flock -s /mnt/etc/passwd true || fail "flock -s: $?"
    took=$((($(now) - start) * 10))
    echo "# flock -s: $took ms" >>/tmp/notes
    [ "$took" -le 1000 ] || fail "flock -s took $took ms"
}

check_lock_exclusive() {
    timeout 10 flock -x /mnt/etc/passwd true 2>/tmp/said && fail "flock -x was granted"
    status=$?
    echo "# flock -x: $(cat /tmp/said) ($status)" >>/tmp/notes
    [ "$status" != 124 ] && [ "$status" != 143 ] || fail "flock -x was left waiting"
}

check_lock_after_lock() { timeout 10 flock -s /mnt/etc/passwd timeout 10 flock -s /mnt/etc/passwd true || fail "second reader: $?"; }

# --- /cache, which takes writes ---

digest() { printf '%064x' "$1"; }

check_mount_cache() {
    mount_nfs confuse:/cache /mnt -o "rw,$ports,nolock"
    mkdir -p /mnt/scan-1 || fail "no directory for a scanner"
}

# As scripts publish: written aside, then renamed.
check_cache_publish() {
    cd /mnt/scan-1 || fail "no directory"
    echo clean >x.tmp && mv x.tmp "$(digest 1)" || fail "not published"
    forget_caches
    [ "$(cat "$(digest 1)")" = clean ] || fail "it says $(cat "$(digest 1)")"
    [ ! -e x.tmp ] || fail "still there under its old name"
    echo infected >y.tmp && mv -f y.tmp "$(digest 1)" || fail "not replaced"
    [ "$(cat "$(digest 1)")" = infected ] || fail "it says $(cat "$(digest 1)")"
    dd if=/dev/urandom of=/tmp/large bs=1000 count=1000 2>/dev/null
    cp /tmp/large z.tmp && mv z.tmp "$(digest 2)" || fail "a large one is not published"
    forget_caches
    cmp -s /tmp/large "$(digest 2)" || fail "a large one is another one"
}

check_cache_claim() {
    cd /mnt/scan-1 || fail "no directory"
    (set -o noclobber; echo me >"$(digest 3).claim") || fail "not claimed"
    (set -o noclobber; echo you >"$(digest 3).claim") 2>/dev/null && fail "claimed twice"
    [ "$(cat "$(digest 3).claim")" = me ] || fail "it says $(cat "$(digest 3).claim")"
    refused 'ermission denied|not permitted' rm "$(digest 3).claim"
    echo clean >x.tmp && mv x.tmp "$(digest 3)" || fail "not published"
    forget_caches
    [ ! -e "$(digest 3).claim" ] || fail "the claim is still there"
}

check_cache_remove() {
    cd /mnt/scan-1 || fail "no directory"
    echo clean >"$(digest 4)" && rm "$(digest 4)" || fail "not removed"
    [ ! -e "$(digest 4)" ] || fail "still there"
    echo open >x.tmp && exec 3<x.tmp && rm x.tmp || fail "an open one is not removed"
    [ "$(cat <&3)" = open ] || fail "an open one lost its bytes"
    exec 3<&-
    [ -z "$(ls -A | grep nfs)" ] || fail "left: $(ls -A)"
    mkdir /mnt/scan-2 && rmdir /mnt/scan-2 || fail "a directory does not come and go"
    refused 'not empty' rmdir /mnt/scan-1
}

check_cache_limits() {
    cd /mnt/scan-1 || fail "no directory"
    refused 'Invalid argument' sh -c 'echo clean >verdict'
    refused 'too large' dd if=/dev/zero of=x.tmp bs=1M count=2
    refused 'Operation not permitted' ln -s target link.tmp
    mv "$(digest 1)" verdict 2>/dev/null && fail "renamed to no digest"
    df /mnt >/dev/null || fail "df: $?"
    rm -f x.tmp
}

# What pjdfstest asks of open, rename, unlink, chmod and truncate, with the names that may be here.

is() { [ "$2" = "$3" ] || fail "$1: $2, not $3"; }
as_1000="setpriv --reuid 1000 --regid 1000 --clear-groups"   # without quotes: words
stamps() { stat -c '%y %z' "$1"; }
moved() { [ "$(stamps "$1")" != "$2" ] || fail "the times of $1 stay"; }
stayed() { is "the times of $1" "$(stamps "$1")" "$2"; }

check_cache_create() {
    mkdir -m 777 /mnt/open && mkdir -m 755 /mnt/shut || fail "no directories"
    cd /mnt/open || fail "no directory"
    before=$(stamps .)
    (umask 027; : >a.tmp) || fail "not created"
    moved . "$before"
    is "a new file" "$(stat -c '%F %a %u %g %h %s' a.tmp)" 'regular empty file 640 0 0 1 0'
    $as_1000 sh -c 'umask 0; : >b.tmp' || fail "not created by another user"
    is "another user's" "$(stat -c '%a %u %g' b.tmp)" '666 1000 1000'
    before=$(stamps .)
    refused 'File name too long' touch "$(printf '%0252d' 0).tmp"
    refused 'No such file' touch /mnt/none/x.tmp
    refused 'Not a directory' touch a.tmp/x.tmp
    refused 'Is a directory|File exists' sh -c ': >/mnt/open'
    refused 'Operation not permitted' mknod x.tmp p
    refused 'Operation not permitted' ln a.tmp x.tmp
    refused 'Permission denied' mkdir below
    refused 'File exists' mkdir /mnt/open
    stayed . "$before"
    cd /mnt/shut || fail "no directory"
    refused 'Permission denied' $as_1000 touch x.tmp
    echo 1 >a.tmp && before=$(stamps a.tmp)
    echo 2 >>a.tmp
    is "what was appended to" "$(cat a.tmp | tr '\n' ' ')" '1 2 '
    moved a.tmp "$before"
    refused 'Permission denied' $as_1000 sh -c 'echo 3 >>a.tmp'
    before=$(stamps a.tmp)
    : >a.tmp
    is "what was truncated" "$(stat -c %s a.tmp)" 0
    moved a.tmp "$before"
    rm a.tmp
}

check_cache_rename() {
    name=$(digest 5)
    cd /mnt/open || fail "no directory"
    (echo one >c.tmp && chmod 604 c.tmp) || fail "not written"
    before=$(stat -c '%i %a %u %g %h %s' c.tmp)
    stamps=$(stamps .)
    mv c.tmp "$name" || fail "not renamed"
    is "what was renamed" "$(stat -c '%i %a %u %g %h %s' "$name")" "$before"
    moved . "$stamps"
    [ ! -e c.tmp ] || fail "it has its old name, too"
    exec 3<"$name"
    echo two >c.tmp && mv -f c.tmp "$name" || fail "what is open is not replaced"
    is "what replaced it" "$(cat "$name")" two
    is "what was replaced and is open" "$(cat <&3)" one
    exec 3<&-
    is "what is left of it" "$(ls -A | grep -c nfs)" 0
    # From one scanner to another.
    before=$(stat -c %i "$name")
    stamps=$(stamps .)
    other=$(stamps /mnt/shut)
    mv "$name" /mnt/shut/ || fail "not moved"
    is "what was moved" "$(stat -c %i "/mnt/shut/$name")" "$before"
    moved . "$stamps"
    moved /mnt/shut "$other"
    stamps=$(stamps /mnt/shut)
    refused 'Permission denied' $as_1000 mv "/mnt/shut/$name" d.tmp
    refused 'Permission denied' $as_1000 mv b.tmp /mnt/shut/d.tmp
    refused 'No such file' mv none.tmp d.tmp
    refused 'subdirectory of itself' mv b.tmp verdict   # what mv makes of EINVAL
    refused 'Permission denied' mv b.tmp "$name.claim"
    refused 'cannot overwrite' mv -T b.tmp /mnt/shut
    refused 'Permission denied' mv -T /mnt/shut /mnt/other
    stayed /mnt/shut "$stamps"
    [ -e b.tmp ] && [ -e "/mnt/shut/$name" ] || fail "what was not renamed is gone"
    rm "/mnt/shut/$name"
}

check_cache_exclusive() {
    cd /mnt/open || fail "no directory"
    set -o noclobber
    (umask 022; echo mine >e.tmp) || fail "not created"
    # What the client kept its verifier in is not to be seen.
    is "its mode" "$(stat -c %a e.tmp)" 644
    [ "$(stat -c %Y e.tmp)" -gt 1700000000 ] && [ "$(stat -c %X e.tmp)" -gt 1700000000 ] || fail "its times are $(stamps e.tmp)"
    before=$(stamps e.tmp)
    (echo yours >e.tmp) 2>/dev/null && fail "created again"
    refused 'File exists' $as_1000 sh -C -c 'echo yours >e.tmp'
    stayed e.tmp "$before"
    is "what it says" "$(cat e.tmp)" mine
    refused 'File exists|Is a directory' sh -C -c ': >/mnt/open'
    # The name is free again when the file is gone, and then it is another file.
    before=$(stat -c %i e.tmp)
    rm e.tmp && (echo theirs >e.tmp) || fail "not created anew"
    [ "$(stat -c %i e.tmp)" != "$before" ] || fail "it is the old file"
    # Twenty at once: one of them.
    for i in $(seq 20); do (echo "$i" >f.tmp) 2>/dev/null && echo "$i" >>/tmp/winners & done
    wait
    set +o noclobber
    is "how many made it" "$(wc -l </tmp/winners)" 1
    is "what it says" "$(cat f.tmp)" "$(cat /tmp/winners)"
    rm e.tmp f.tmp
}

check_cache_unlink() {
    cd /mnt/open || fail "no directory"
    before=$(stamps .)
    rm b.tmp || fail "not removed"
    moved . "$before"
    refused 'No such file' rm b.tmp
    refused 'Is a directory' rm /mnt/shut
    refused 'Not a directory' rmdir a.tmp
    echo x >/mnt/shut/x.tmp && chmod 666 /mnt/shut/x.tmp || fail "not written"
    refused 'Permission denied' $as_1000 rm -f /mnt/shut/x.tmp
    rm a.tmp /mnt/shut/x.tmp && rmdir /mnt/open || fail "not removed"
    [ ! -e /mnt/open ] || fail "still there"
}

check_cache_attributes() {
    cd /mnt/shut || fail "no directory"
    echo 12345 >a.tmp && before=$(stamps a.tmp)
    chmod 600 a.tmp || fail "chmod: $?"
    moved a.tmp "$before"
    touch -d @1700000000 a.tmp || fail "touch: $?"
    truncate -s 3 a.tmp && is "cut" "$(cat a.tmp)" 123
    truncate -s 5 a.tmp && is "made longer" "$(md5sum <a.tmp)" "$(printf '123\0\0' | md5sum)"
    touch -d @1700000000 a.tmp
    is "what was set" "$(stat -c '%a %s %Y' a.tmp)" '600 5 1700000000'
    forget_caches
    is "what was set, asked for again" "$(stat -c '%a %s %Y' a.tmp)" '600 5 1700000000'
    refused 'Operation not permitted' $as_1000 chmod 666 a.tmp
    refused 'Permission denied' $as_1000 cat a.tmp
    rm a.tmp && rmdir /mnt/shut || fail "not removed"
}

# Which another process has put there while the server ran.
check_cache_many() {
    start=$(now)
    count=$(ls -f /mnt/many | wc -l)
    echo "# ls of 100,000: $((($(now) - start) * 10)) ms" >>/tmp/notes
    [ "$count" = 100002 ] || fail "$count names"
    [ "$(cat /mnt/many/"$(digest 777)")" = clean ] || fail "one of them says $(cat /mnt/many/"$(digest 777)")"
}

run_checks "$1"
