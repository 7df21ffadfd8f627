#!/bin/sh
# A power cut takes what was not synced. So the order of an import's system calls is checked: the file of a large blob
# is synced before it gets its name, and the directory with that name (or all of the file system, for many blobs) before
# anything is written to the WAL that could tell of it; the WAL is synced before the id is printed, and a new store's own
# name is, too. And that of a server's, whose clients change the scan cache: the WAL is synced before they are answered.
# Skipped where strace cannot trace.
set -u
here=$(dirname "$CONFUSE")/tests/e2e
scratch=$(mktemp -d /tmp/confuse-durable-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" # its leak check is a tracer, too
export ASAN_OPTIONS

strace -f -y -o probe -e trace=write true 2>/dev/null || exit 77

# trace NAME ARGUMENTS...: the calls of one import to NAME.calls, what it prints to NAME.out
trace()
{
    name=$1
    shift
    strace -f -y -s 64 -o "$name.calls" -e signal=none \
        -e trace=write,pwrite64,writev,pwritev,fsync,fdatasync,syncfs,rename,renameat,renameat2,ftruncate,mkdir,mkdirat \
        "$CONFUSE" --store "$scratch/store" import "$@" >"$name.out" || {
        echo "import of $* failed under strace"
        exit 1
    }
}

cat >order.awk <<'END'
function path(text) { sub(/^[^<]*</, "", text); sub(/>.*/, "", text); return text }
function broken(why) { print FILENAME ":" FNR ": " why; print; bad = 1 }
{ sub(/^[0-9]+ +/, "") }
/^(write|pwrite64|writev|pwritev)\([0-9]+<.*\/store\/blobs\// { unsynced_file = 1 }
/^(fsync|fdatasync)\([0-9]+<.*\/store\/blobs\/new-[0-9a-f]+>/ { unsynced_file = 0 }
/^rename.*blobs\/new/ {
    if (unsynced_file) broken("renamed before it was synced")
    unsynced_name = 1
    blobs++
}
/^fsync\([0-9]+<.*\/store\/blobs\/[0-9a-f][0-9a-f]>/ { unsynced_name = 0 }
/^syncfs\([0-9]+<.*\/store\/blobs\// { unsynced_file = unsynced_name = 0 }
/^mkdirat.*blobs\/[0-9a-f][0-9a-f]/ { unsynced_directory = 1 }
/^fsync\([0-9]+<.*\/store\/blobs>/ { unsynced_directory = 0 }
/^(write|pwrite64|writev|pwritev)\([0-9]+<.*\/store\/confuse.db-wal>/ {
    if (unsynced_name || unsynced_directory) broken("written to the WAL while a blob is not durable")
    unsynced_wal = 1
}
/^(fsync|fdatasync)\([0-9]+<.*\/store\/confuse.db-wal>/ { unsynced_wal = 0; wal_syncs++ }
/^rename.*"new\.db"/ { unsynced_store = 1; made = 1 }
/^fsync\([0-9]+<.*\/store>/ { unsynced_store = 0 }
/^fsync\([0-9]+</ && path($0) == scratch { above = 1 }
/^write\(1</ {
    if (unsynced_wal) broken("printed before the WAL was synced")
    if (unsynced_store || (made && !above)) broken("printed before the store has a durable name")
    if (!wal_syncs) broken("printed, and nothing was synced")
    printed++
}
END { print blobs + 0, printed + 0, made + 0; exit bad }
END

# check NAME EXPECTED: the order holds, and so many blobs, ids and new stores were seen
check()
{
    seen=$(awk -v scratch="$scratch" -f order.awk "$1.calls") || {
        echo "$seen"
        exit 1
    }
    if [ "$seen" != "$2" ]; then
        echo "$1: saw '$seen' (blobs, ids, stores), expected '$2'; is this what strace prints?"
        grep -v confuse.db "$1.calls" | head -40
        exit 1
    fi
}

"$here/make_capture" durable/a 0 400 200 20 >a.csv
"$here/make_capture" durable/b 1 400 200 40 >b.csv
trace first a.csv
check first '10 1 1'
trace second b.csv a.csv
check second '5 2 0'

# Contents of archives and directories become durable many at a time: those of one piece, and those that are written
# while they come.
mkdir tree
for size in 70000 100000 1048576 1048577 9000000; do head -c $size /dev/urandom >tree/$size; done
for i in 1 2 3; do echo $i >tree/small$i; done
tar -cf tree.tar tree
trace archive tree.tar
check archive '5 1 0'
head -c 80000 /dev/urandom >tree/another
trace directory tree
check directory '1 1 0'

# serve NAME COMMAND...: a server, run by a command; its log is NAME.log
serve()
{
    name=$1
    shift
    "$@" "$CONFUSE" --store "$scratch/store" serve --listen 127.0.0.1:0 --portmap off --threads 1 --allow 127.0.0.1,insecure,cache=rw 2>"$name.log" &
    server=$!
    trap 'kill $server 2>/dev/null; rm -rf "$scratch"' EXIT
    tries=0
    until grep -q listening "$name.log" 2>/dev/null || [ $tries -gt 100 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
}

# What ends with it.
end()
{
    kill $server
    wait $server || {
        echo 'the server did not end well'
        cat "$name.log"
        exit 1
    }
}

# While somebody else has the store open, the WAL stays, and with it what a killed importer may have left unsynced.
serve beside env
"$here/make_capture" durable/c 2 400 200 20 >c.csv
"$CONFUSE" --store "$scratch/store" import c.csv >c.out || exit 1
trace again c.csv
check again '0 1 0'
cmp c.out again.out || exit 1
end

cat >cache.awk <<'END'
{ sub(/^[0-9]+ +/, "") }
/^(write|pwrite64|writev|pwritev)\([0-9]+<.*\/store\/verdicts.db-wal>/ { unsynced = 1 }
/^fdatasync\([0-9]+<.*\/store\/verdicts.db-wal>/ { if (unsynced) synced++; unsynced = 0 }
/^send(msg|to)\([0-9]+<(socket|TCP)/ {
    if (unsynced) { print FILENAME ":" FNR ": answered before the WAL was synced"; print; bad = 1 }
    answered++
}
END { print synced + 0, answered + 0; exit bad }
END

# One call at a time: a directory's, and for each number six that are durable when they are answered and one that need not be.
serve cache strace -D -f -y -s 64 -o cache.calls -e signal=none -e trace=write,pwrite64,writev,pwritev,fdatasync,sendmsg,sendto
"$here/make_verdicts" "$(sed -n 's/.*listening for=nfs .*port=//p' cache.log)" 10 || exit 1
end
# strace ends after the server (-D), and the last thing that it writes is how the first thread ended.
tries=0
until grep -q "^$server .*+++ exited" cache.calls || [ $tries -gt 100 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
seen=$(awk -f cache.awk cache.calls) || {
    echo "$seen"
    exit 1
}
if [ "${seen% *}" -lt 61 ] || [ "${seen#* }" != 72 ]; then
    echo "saw '$seen' (syncs, answers), expected 61 or more, and 72"
    exit 1
fi
