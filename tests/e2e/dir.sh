#!/bin/sh
# A directory with every kind of file, against what lstat, read, find and sha256sum say of it: in the manifest, in
# listings, and over NFS. What the machine or the user may not make is left out.
set -u
here=$(dirname "$CONFUSE")/tests/e2e
scratch=$(mktemp -d /tmp/confuse-dir-XXXXXX)
server=
cleanup()
{
    [ -n "$server" ] && kill "$server" 2>/dev/null
    umount "$scratch/tree/mounted" 2>/dev/null
    chmod -R u+rwx "$scratch/tree" 2>/dev/null
    rm -rf "$scratch"
}
trap cleanup EXIT
cd "$scratch" || exit 1
store=$scratch/store
failures=0

wrong()
{
    failures=$((failures + 1))
    echo "WRONG: $*"
}

# import ARGUMENTS...: the id alone
import()
{
    "$CONFUSE" --store "$store" import "$@" 2>err >out || wrong "import $*: exit $?, $(cat err)"
    cut -d' ' -f1 out
}

# --- A tree with all that a file can be ------------------------------------------------------------------------------

mkdir -p tree/etc tree/many tree/empty tree/deep tree/links/sub tree/mounted
printf 'root:x:0:0\n' >tree/etc/passwd
: >tree/etc/nothing
head -c 65536 /dev/urandom >tree/row
head -c 65537 /dev/urandom >tree/file
head -c 3000001 /dev/urandom >tree/large
cp -p tree/large tree/large-again
truncate -s 40000000 tree/sparse
printf 'end' >>tree/sparse
for i in $(seq 300); do echo "$i" >"tree/many/f$i"; done
ln -s /etc/passwd tree/absolute
ln -s ../nowhere tree/links/dangling
ln -s . tree/links/self
ln tree/large tree/links/large
ln tree/etc/passwd tree/links/sub/passwd
ln tree/etc/passwd tree/zzz
ln tree/links/dangling tree/links/sub/dangling 2>/dev/null
mkfifo tree/links/fifo
ln tree/links/fifo tree/links/sub/fifo
name=$(printf '%0255d' 7)
echo long >"tree/$name"
echo 'odd' >"tree/with
newline"
printf 'x' >"tree/$(printf 'not\377utf8')"
echo ' ' >'tree/ '
touch -d '2001-09-09 01:46:40.123456789 UTC' tree/etc/passwd
touch -h -d '1999-12-31 23:59:59.999999999 UTC' tree/absolute
touch -d '2030-01-01 00:00:00.000000001 UTC' tree/empty
chmod 4711 tree/row
chmod 1777 tree/deep
chmod 0 tree/etc/nothing
d=tree/deep
for i in $(seq 80); do d=$d/d$i; done
mkdir -p "$d"
echo bottom >"$d/bottom"
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("tree/socket")' 2>/dev/null
python3 -c 'import os; os.setxattr("tree/row", "user.b", b"two"); os.setxattr("tree/row", "user.a", b"\0one")' 2>/dev/null
if [ "$(id -u)" -eq 0 ]; then
    mknod tree/null c 1 3 2>/dev/null
    mknod tree/disk b 259 70000 2>/dev/null
    chown 3000000:4000000 tree/many/f7 2>/dev/null
    chown -h 12:34 tree/absolute 2>/dev/null
fi

# --- Imported: twice the same, and what was once and is again is news -------------------------------------------------

id=$(import tree)
[ "$(cut -d' ' -f2 out)" = tree ] || wrong "the namespace is $(cut -d' ' -f2 out)"
[ -s err ] && wrong "a warning about a directory that nobody touches: $(cat err)"
[ "$(import tree/../tree/)" = "$id" ] || wrong 'the same directory again has another id'
echo more >tree/many/f301
other=$(import --namespace tree tree)
[ "$other" = "$id" ] && wrong 'a changed directory has the same id'
rm tree/many/f301
touch -d "$(stat -c %y tree/etc/passwd)" tree/etc/passwd
back=$(import tree)
[ "$back" = "$other" ] && wrong 'a directory that is as it was has the id of the newest'
[ "$(import tree)" = "$back" ] || wrong 'the newest is not found'
[ "$(import --time 2020-02-02T02:02:02Z --namespace other tree | wc -c)" -eq 33 ] || wrong 'no id with --time'
grep -q ' other 2020-02-02T02:02:02Z$' out || wrong "--time and --namespace: $(cat out)"

# --- Against find and sha256sum ---------------------------------------------------------------------------------------

"$CONFUSE" --store "$store" manifest "$back" >manifest || wrong 'manifest'
"$CONFUSE" --store "$store" fsck >fsck.out || wrong "fsck: $(cat fsck.out)"
expected=$(find tree -printf x | wc -c)
[ "$(grep -c '^{"path"' manifest)" -eq "$expected" ] || wrong "$(grep -c '^{"path"' manifest) paths, expected $expected"
"$CONFUSE" --store "$store" ls -lR "$back" >listing || wrong 'ls -lR'
[ "$(wc -l <listing)" -eq $((expected - 1)) ] || wrong "$(wc -l <listing) lines, expected $((expected - 1))"
find tree -type f -name 'f*' -exec sha256sum {} + | while read -r sum path; do
    grep -F "\"path\":\"/${path#tree/}\"" manifest | grep -q "\"sha256\":\"$sum\"" || echo "$path"
done >unlike
[ -s unlike ] && wrong "content differs: $(cat unlike)"
for path in row large file; do
    "$CONFUSE" --store "$store" cat "$back:/$path" | cmp - "tree/$path" || wrong "cat $path"
done
# A file of one hole takes no room.
large=$(du -sk "$store/blobs" | cut -f1)
[ "$large" -lt 20000 ] || wrong "blobs/ takes $large KiB"

# --- Over NFS ---------------------------------------------------------------------------------------------------------

"$CONFUSE" --store "$store" serve --listen 127.0.0.1:0 --allow 127.0.0.0/8,insecure --portmap off --threads 1 2>server.log &
server=$!
tries=0
until grep -q listening server.log 2>/dev/null || [ $tries -gt 100 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
port=$(sed -n 's/.*listening for=nfs address=127\.0\.0\.1 port=//p' server.log)
"$here/compare_tree" "$port" "/snap/$back" tree >compared 2>&1 || wrong "served: $(head -20 compared)"
[ "$(cut -d' ' -f1 compared | tail -1)" -eq "$expected" ] || wrong "compared $(tail -1 compared)"
kill "$server" && wait "$server" || wrong "the server did not end well: $(cat server.log)"
server=

# --- What is not taken as it stands has a note ------------------------------------------------------------------------

# noted PATH WHAT: the last import's manifest says so
noted()
{
    "$CONFUSE" --store "$store" manifest "$(cut -d' ' -f1 out)" >manifest
    grep -F "\"$1\"" manifest | grep -q "$2" || wrong "no note '$2' on $1: $(grep -F "\"$1\"" manifest)"
}

if [ "$(id -u)" -eq 0 ] && mount -t tmpfs none tree/mounted 2>/dev/null; then
    echo inside >tree/mounted/file
    import --namespace mounts tree >/dev/null
    noted /mounted not-entered
    grep -q '"/mounted/file"' manifest && wrong 'a mount was crossed'
    import --namespace mounts --cross-mounts tree >/dev/null
    noted /mounted/file captured
    umount tree/mounted
fi
mkdir inner
echo x >inner/x
"$CONFUSE" --store inner/store import inner >out 2>err || wrong "a store inside the directory: $(cat err)"
[ "$("$CONFUSE" --store inner/store manifest "$(cut -d' ' -f1 out)" | grep -c '"path":"/store')" -le 2 ] ||
    wrong 'a store was imported into itself'

# Who is not root cannot read everything; that is noted, too.
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    mkdir -p private/closed private/open
    echo secret >private/secret
    echo hidden >private/closed/hidden
    chmod 700 private/closed
    chmod 600 private/secret
    chmod 755 . private
    mkdir nobody && chown 65534:65534 nobody
    setpriv --reuid 65534 --regid 65534 --clear-groups "$CONFUSE" --store nobody/store import private >out 2>err
    if [ -s out ]; then
        store=$scratch/nobody/store
        noted /secret unreadable
        grep -F '"/secret"' manifest | grep -q absent || wrong 'what cannot be read is not absent'
        noted /closed unreadable
        grep -q '2 files could not be taken' err || wrong "no warning: $(cat err)"
        store=$scratch/store
    fi
fi

# A path longer than PATH_MAX cannot be served.
if python3 - 2>/dev/null <<'PY'; then
import os
os.mkdir("abyss"); os.chdir("abyss")
for i in range(20):
    os.mkdir("d" * 250); os.chdir("d" * 250)
open("bottom", "w").close()
PY
    import abyss >/dev/null
    grep -q 'left-out' err || wrong "nothing said of a path that is too long: $(cat err)"
    "$CONFUSE" --store "$store" import --strict abyss >out 2>err
    [ $? -eq 3 ] || wrong "--strict with a path that is too long: $(cat err)"
fi

# --- Killed: nothing is published that is not whole, and nothing stays aside -------------------------------------------

store=$scratch/killed
"$CONFUSE" --store "$store" import tree/empty >/dev/null
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    head -c 3000000 /dev/urandom >tree/large-new
    "$CONFUSE" --store "$store" import tree >/dev/null 2>&1 &
    sleep "0.0$((i * 7 % 10))"
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
done
head -c 3000000 /dev/urandom >tree/large-new
import tree >/dev/null
"$CONFUSE" --store "$store" fsck >fsck.out || wrong "fsck after kills: $(cat fsck.out)"
[ -z "$(find "$store/blobs" -name 'new*')" ] || wrong 'what killed importers wrote aside is still there'
store=$scratch/store

# --- What makes no sense ----------------------------------------------------------------------------------------------

for bad in '--format dir tree/row' '--format dir nowhere' '--strip-prefix /x tree' '--partial tree'; do
    # shellcheck disable=SC2086
    "$CONFUSE" --store "$store" import $bad >out 2>err && wrong "import $bad: done"
    [ "$(wc -l <err)" -eq 1 ] && [ ! -s out ] || wrong "import $bad: $(cat err)"
done

[ $failures -eq 0 ] || exit 1
