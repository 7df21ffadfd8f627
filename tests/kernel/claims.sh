# The checks of a race for claims, as each of two guests runs them at once; see checks.sh. $guest, from the kernel's command line,
# is the number of this one. A line @meet asks the host to wait for the other guest, @kill to kill the server and start it
# again, which nobody waits for. Lines @told are what claims.py looks at in the end.
set -u

. /test/checks.sh
checks="mount_cache race read umount"

limit_of() { case $1 in mount_*) echo 60 ;; *) echo 400 ;; esac; }

meet() {
    echo @meet >/dev/ttyS1
    read -r answer </dev/ttyS1
    [ "$answer" = met ] || fail "the host says: $answer"
}

tell() { sed "s/^/@told $1 /" >/dev/ttyS1; }

check_mount_cache() {
    mount_nfs confuse:/cache /mnt -o "rw,$ports,nolock"
    mkdir -p /mnt/claims /mnt/verdicts || fail "no directory"
}

# After how many claims a guest wants the server killed.
kills_after() { [ "$guest" = 1 ] && echo " 100 500 900 " || echo " 300 700 "; }

# Linux makes the verifier of an exclusive creation of its clock, which began with the boot, and the process's number. Guests that boot at
# once and do the same would be one to the server.
be_another_process() { for _ in $(seq $((guest * 20))); do (:); done; }

# What is in a verdict: more than a page of the database, with its end known.
verdict_of() { echo "$1 by $guest $filler $1 by $guest"; }

# As scripts do it: claimed by noclobber, written aside, renamed. Verdicts have a directory of their own, since publishing one
# ends its claim, and whoever comes too late would win it once more.
check_race() {
    filler=$(printf '%06000d' 0)
    kills=$(kills_after)
    tried=0
    cd /mnt/verdicts || fail "no directory"
    meet
    start=$(now)
    set -o noclobber
    while read -r name; do
        tried=$((tried + 1))
        case $kills in *" $tried "*) echo @kill >/dev/ttyS1 ;; esac
        { echo "$guest" >"../claims/$name.claim"; } 2>/dev/null || continue
        verdict_of "$name" >"$guest.tmp" && mv "$guest.tmp" "$name" || fail "$name is not published"
        echo "$name" >>/tmp/won
    done </test/names
    set +o noclobber
    echo "# $(wc -l </tmp/won) of $tried claims won: $((($(now) - start) * 10)) ms" >>/tmp/notes
    tell won </tmp/won
}

# All there is: nothing temporary either.
check_read() {
    cd /mnt/verdicts || fail "no directory"
    meet
    forget_caches
    [ "$(ls ../claims | wc -l)" = "$(wc -l </test/names)" ] || fail "$(ls ../claims | wc -l) claims"
    cat ./* | md5sum | tell sum
}

check_umount() { umount /mnt || fail "/mnt is in use"; }

(be_another_process; run_checks "$1")
