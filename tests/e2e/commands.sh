#!/bin/sh
# The command line as scripts use it: exit codes, messages, --json, and the same id for the same source however it
# comes in.
set -u
here=$(dirname "$CONFUSE")/tests/e2e
sources=$(cd "${srcdir:-.}" && pwd)
scratch=$(mktemp -d /tmp/confuse-commands-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
unset CONFUSE_STORE XDG_DATA_HOME NO_COLOR
failures=0

wrong()
{
    failures=$((failures + 1))
    echo "WRONG: $*"
    sed 's/^/    /' out err | head -12
}

# try CODE REGEX ARGUMENTS...: the exit code, and standard output and error together match. A message is one line that
# begins with "confuse".
try()
{
    code=$1 regex=$2
    shift 2
    "$CONFUSE" "$@" >out 2>err
    got=$?
    [ $got -eq "$code" ] || wrong "confuse $*: exit $got, expected $code"
    cat out err | grep -Eq -e "$regex" || wrong "confuse $*: does not say '$regex'"
    if [ "$code" -gt 1 ]; then
        [ "$(grep -vc warning: err)" -eq 1 ] || wrong "confuse $*: not one line of error"
        grep -q '^confuse' err || wrong "confuse $*: an error without its origin"
        [ -s out ] && wrong "confuse $*: output beside an error"
    fi
}

# lines COUNT 'KEY...' ARGUMENTS...: with --json there are so many lines (or at least one: +), each with these members
lines()
{
    count=$1 keys=$2
    shift 2
    "$CONFUSE" --json "$@" >out 2>err || wrong "confuse --json $*: exit $?"
    # shellcheck disable=SC2086
    got=$("$here/json_lines" $keys <out 2>>err) || wrong "confuse --json $*: not JSON lines"
    case $count in
    +) [ "${got:-0}" -gt 0 ] ;;
    *) [ "${got:-x}" = "$count" ] ;;
    esac || wrong "confuse --json $*: $got lines, expected $count"
}

same()
{
    [ "$2" = "$3" ] || wrong "$1: '$2' and '$3'"
}

# --- Help, and what makes no sense ---------------------------------------------------------------------------------

commands=$("$CONFUSE" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
same 'how many commands --help lists' "$(echo "$commands" | wc -l)" 18
try 0 '^Usage: confuse ' --help
for command in $commands; do
    try 0 "^Usage: confuse $command \\[" "$command" --help
    cp out long
    try 0 "^Usage: confuse $command " help "$command"
    cmp -s long out || wrong "help $command is not $command --help"
    for option in --store --json --help; do
        grep -q -e "$option" out || wrong "$command --help does not name $option"
    done
    try 0 "^ *$command " --help
    try 2 'unknown option --bogus' "$command" --bogus
    try 2 'unknown option -Z' "$command" -Z
    try 2 'needs an argument' "$command" --store
    try 2 'takes no argument' "$command" --json=yes
done
for option in namespace time format strip-prefix partial strict cross-mounts; do
    "$CONFUSE" import --help | grep -q -e "--$option" || wrong "import --help does not name --$option"
done
for option in listen allow exports portmap threads cache key-file log; do
    "$CONFUSE" serve --help | grep -q -e "--$option" || wrong "serve --help does not name --$option"
done
for option in net server tools; do
    "$CONFUSE" run --help | grep -q -e "--$option" || wrong "run --help does not name --$option"
done
for option in stat name-only name-status packages unified drift made measured no-renames mount-path no-pager; do
    "$CONFUSE" diff --help | grep -q -e "--$option" || wrong "diff --help does not name --$option"
done
"$CONFUSE" ls --help | grep -q -e '-l.*--long' || wrong 'ls --help does not name -l'
"$CONFUSE" ls --help | grep -q -e '-R.*--recursive' || wrong 'ls --help does not name -R'
try 0 '^confuse [0-9]' --version
"$CONFUSE" >out 2>err
same 'without a command: exit' "$?" 2
try 2 'no command "bogus"' bogus
try 2 'no command "bogus"' help bogus
try 2 'unknown option --bogus' --bogus
try 2 'unknown option -x' -xl

export CONFUSE_STORE="$scratch/store"
try 2 'nothing to import' import
try 2 'format' import --format sculpture x
try 2 'no time such as' import --time yesterday x
try 2 'component' import --namespace a//b x
try 2 'component' import --namespace .. x
try 2 'absolute' import --strip-prefix etc /dev/null
try 2 'one namespace' log a b
try 2 'nothing to name' fsck x
try 2 'nothing to name' serve x
try 2 'a snapshot and a command' run
try 2 'a snapshot and a command' run x
try 2 'threads' serve --threads 0
try 2 'threads' serve --threads 65
try 2 'threads' serve --threads two
try 2 'no size' serve --cache 5Q
for listen in 127.0.0.1:99999 127.0.0.1:-18446744073709551615 '127.0.0.1: 0' 127.0.0.1:+0 127.0.0.1: '[::1]2049' \
    '[::1' '[]:0'; do
    try 2 'ADDR:PORT' serve --listen "$listen"
done
try 2 'text or json' serve --log xml
try 2 'prefix length' serve --allow 10.0.0.0/99
try 2 'such as 10.0.0.0/8' serve --allow 10.0.0
try 2 'no option of a rule; there are .*insecure.*cache=rw' serve --allow 10.0.0.0/8,ro
try 4 'No such file' serve --key-file /nonexistent
try 4 'No such file' serve --exports /nonexistent
for command in ls show cat manifest; do
    try 2 'one snapshot is needed' "$command"
    try 2 'one snapshot is needed' "$command" a b
done
rm -rf store

# --- Stores ---------------------------------------------------------------------------------------------------------

for command in log fsck 'diff deadbeef deadbeef' 'ls deadbeef' 'show deadbeef' 'cat deadbeef:/x' 'manifest deadbeef'; do
    # shellcheck disable=SC2086
    try 4 "no store in $scratch/store; .confuse import. makes one" $command
done
[ -e store ] && wrong 'looking for a store made one'
try 4 'Permission denied|Not a directory' --store /proc/version/x import x
try 4 'No such file' import /nonexistent
try 4 'Is a directory' import --format frame /tmp
try 4 'Not a directory' import --format dir /dev/null
try 2 'name' import --format dir /
try 2 'not for directories' import --partial /tmp
same 'the rights of a new store' "$(stat -c %a store)" 700

# --- Importing -------------------------------------------------------------------------------------------------------

"$here/make_capture" web/one 1 300 60 30 >frame.csv
gzip -k frame.csv
try 0 '^[0-9a-f]{32} web/one 2026-11-21T16:43:01Z$' import frame.csv
id=$(cut -d' ' -f1 out)
for again in frame.csv frame.csv.gz; do
    try 0 "^$id web/one 2026-11-21T16:43:01Z\$" import $again
    "$CONFUSE" import - <$again >out 2>err
    same "import - <$again" "$(cat out)" "$id web/one 2026-11-21T16:43:01Z"
    "$CONFUSE" --store fresh import - <$again >out 2>err
    same "the id of $again in another store" "$(cut -d' ' -f1 out)" "$id"
    rm -rf fresh
done
cat frame.csv frame.csv >twice.csv
try 0 . import twice.csv
same 'one frame twice in a file' "$(sort -u out | wc -l) $(wc -l <out)" '1 2'
try 0 . --json log
same 'snapshots after all that' "$(wc -l <out)" 1
lines 1 'id namespace time new' import frame.csv
grep -q '"new":false' out || wrong 'an old snapshot is called new'
lines 1 'id namespace time new' import --namespace web/two frame.csv
grep -q '"new":true' out || wrong 'a new snapshot is called old'
lines 1 'id namespace time new' import --time 2020-02-02T02:02:02Z --namespace web/three frame.csv
grep -q '"time":"2020-02-02T02:02:02Z"' out || wrong 'not the time that was given'

# Records in another order are another source, but the same tree.
sort frame.csv >sorted.csv
try 0 . import --namespace web/sorted sorted.csv
same 'the root of sorted records' "$("$CONFUSE" show web/sorted@latest | grep ^root)" "$("$CONFUSE" show "$id" | grep ^root)"

# While a big import runs, and beside itself.
"$here/make_capture" web/big 1 100000 300 0 >big.csv
"$CONFUSE" import big.csv >big1 2>&1 &
one=$!
"$CONFUSE" import big.csv >big2 2>&1 &
two=$!
try 0 "^$id " import frame.csv
"$CONFUSE" import --namespace web/beside frame.csv >out 2>err || wrong 'an import beside a big one failed'
beside=$(cut -d' ' -f1 out)
wait $one || wrong "the first of two imports failed: $(cat big1)"
wait $two || wrong "the second of two imports failed: $(cat big2)"
same 'the ids of two imports at once' "$(cat big1)" "$(cat big2)"
same 'snapshots of two imports at once' "$("$CONFUSE" --json log web/big | wc -l)" 1
"$CONFUSE" --store fresh import --namespace web/beside frame.csv >out 2>err
same 'the id of an import beside a big one' "$beside" "$(cut -d' ' -f1 out)"
try 0 ' 0 bad$' fsck

# --- Which snapshot --------------------------------------------------------------------------------------------------

"$here/make_capture" web/one 5 300 60 30 >later.csv
later=$("$CONFUSE" import later.csv | cut -d' ' -f1)
prefix=$(echo "$id" | cut -c1-8)
for snap in "$id" "$prefix" "$(echo "$id" | tr a-f A-F)" web/one@2026-11-21T16:43:01Z web/one@2026-11-21T16:43:04Z \
    web/one@2026-11-21T17:43:01+01:00; do
    try 0 "^id *$id\$" show "$snap"
done
for snap in web/one@latest web/one@2026 web/one@2026-11 web/one@2026-11-21 web/one@2026-11-21T16:43 web/one@2030; do
    try 0 "^id *$later\$" show "$snap"
done
try 3 'at least 8' show "$(echo "$id" | cut -c1-7)"
try 3 'no snapshot has the id 0123456789abcdef' show 0123456789abcdef
try 3 'is no snapshot' show web/one
try 3 'is no snapshot' show "${id}0"
try 3 'is that old' show web/one@2025
try 3 'neither' show web/one@yesterday
try 3 'neither' show web/one@
try 3 'is here' show web/nobody@latest
try 3 'too long' show "$(head -c 1200 /dev/zero | tr '\0' n)@latest"

# --- What is in it ---------------------------------------------------------------------------------------------------

cat >links.csv <<END
metadata	"metadata"	{"namespace":"links","timestamp":"2020-01-01T00:00:00+0000","system_type":"container","features":"file"}
file	"/"	{"mode":16877,"uid":0,"gid":0,"size":4096,"mtime":1.5,"name":"","path":"/","type":"dir","linksto":null}
file	"/etc/hostname"	{"mode":33188,"uid":0,"gid":0,"size":5,"mtime":1.5,"type":"file","linksto":null}
file	"/etc/absent"	{"mode":33188,"uid":0,"gid":0,"size":77,"mtime":1.5,"type":"file","linksto":null}
file	"/conf"	{"mode":41471,"uid":0,"gid":0,"size":3,"mtime":1.5,"type":"link","linksto":"etc"}
file	"/deep"	{"mode":41471,"uid":0,"gid":0,"size":20,"mtime":1.5,"type":"link","linksto":"/../conf/../hostname"}
file	"/name"	{"mode":41471,"uid":0,"gid":0,"size":13,"mtime":1.5,"type":"link","linksto":"conf/hostname"}
file	"/loop"	{"mode":41471,"uid":0,"gid":0,"size":4,"mtime":1.5,"type":"link","linksto":"loop"}
file	"/dangling"	{"mode":41471,"uid":0,"gid":0,"size":4,"mtime":1.5,"type":"link","linksto":"none"}
file	"/with:/colon"	{"mode":33188,"uid":0,"gid":0,"size":0,"mtime":1.5,"type":"file","linksto":null}
config	"/etc/hostname"	{"name":"hostname","path":"/etc/hostname","content":"web1\n"}
os	"linux"	{"os":"debian"}
END
try 0 ' links ' import links.csv
for path in /etc/hostname /conf/hostname /name //etc/./hostname /etc/../../name; do
    try 0 '^web1$' cat "links@latest:$path"
done
try 3 'No such file' cat links@latest:/dangling
try 3 'No such file' cat links@latest:/none
try 3 'Not a directory' cat links@latest:/name/x
try 3 'symbolic links' cat links@latest:/loop
try 3 'no regular file' cat links@latest:/etc
try 3 'no regular file' cat links@latest
try 3 'too long' cat "links@latest:/$(head -c 5000 /dev/zero | tr '\0' n)"
try 1 'was not captured \(77 bytes\)' cat links@latest:/etc/absent
[ -s out ] && wrong 'absent content was written'
try 0 '^hostname$' ls links@latest:/conf
try 0 '^/name -> |^-rw-r--r-- .* captured /etc/hostname$' ls -l links@latest:/name
try 0 '^l.* captured loop -> loop$' ls -l links@latest
try 0 '^etc/hostname$' ls -R links@latest
try 0 '^-rw-r--r-- .* absent .*etc/absent$' ls -lR links@latest
try 3 'No such file' ls links@latest:/none
lines + 'path type mode uid gid size mtime known' ls -R links@latest
lines + 'path' manifest links@latest
grep -q '"path":"/etc/absent",.*"known":"absent"' out || wrong 'the manifest does not know what is absent'
lines 1 'id namespace time imported format partial tags source root files content held features' show links@latest
lines 1 'id namespace time imported format partial tags files features' log links
try 3 'nothing of "nobody" is here' log nobody
try 3 'nothing of "nobody" is here' --json log nobody
lines 1 'snapshots images layers chains blobs nodes frames bytes bad' fsck
try 0 '^ID ' log
try 0 '^[0-9a-f]{32} .* web/one$' log web/one

# --- What changed ------------------------------------------------------------------------------------------------------

mkdir -p one/etc one/usr/bin two/etc two/usr/bin two/dir
printf 'a\nb\tc\n' >one/etc/conf
printf 'a\nb\td\033[31m\nend' >two/etc/conf
head -c 100 /dev/zero | tr '\0' x >one/usr/bin/tool
cp -p one/usr/bin/tool two/usr/bin/renamed
printf '\0one' >one/binary
printf '\0two' >two/binary
ln one/usr/bin/tool one/usr/bin/other
ln two/usr/bin/renamed two/usr/bin/other
for side in one two; do
    find $side -exec touch -hd 2020-01-01T00:00:00Z {} +
done
one=$("$CONFUSE" import --namespace diff/one one | cut -d' ' -f1)
two=$("$CONFUSE" import --namespace diff/two two | cut -d' ' -f1)
cat >expected <<END
M /binary  content
M /etc/conf  content, size
A /dir/
R /usr/bin/tool -> /usr/bin/renamed
L /usr/bin/other  hard links: -/usr/bin/tool +/usr/bin/renamed
END
try 1 . diff "$one" "$two"
sort out >sorted
sort expected | cmp -s - sorted || wrong 'diff does not tell what changed'
same 'diff in the order of a walk' "$(head -3 out | cut -c1-6 | tr '\n' ' ')" 'M /bin A /dir M /etc '
same 'a snapshot and itself' "$("$CONFUSE" diff "$one" "$one"; echo $?)" 0
same 'packages where there are none' "$("$CONFUSE" diff --packages "$one" "$two"; echo $?)" 0
try 1 '^files  *1 added, 2 modified, 1 renamed' diff --stat "$one" "$two"
try 1 '^hard links  *1 groups changed' diff --stat "$one" "$two"
for count in 2 70; do
    printf 'metadata\t"metadata"\t{"namespace":"types/%s","timestamp":"2026-01-05T09:30:00+0000"}\n' $count
    seq -f 'type%02.0f' $count | sed 's/.*/&\t"key"\t{}/'
done >types
sed '/types.70/,$d' types >few
sed '1,/types.70/{/types.70/!d}' types >many
few=$("$CONFUSE" import --format frame few | cut -d' ' -f1)
many=$("$CONFUSE" import --format frame many | cut -d' ' -f1)
try 1 '^type64  *1 added$' diff --stat "$few" "$many"
same 'types that are not counted one by one' "$(tail -1 out)" 'other types      6 added'
try 1 . diff --name-only --no-renames "$two" "$one"
same 'diff --name-only' "$(sort out | tr '\n' ' ')" '/binary /dir /etc/conf /usr/bin/renamed /usr/bin/tool '
try 1 "$(printf '^R\t/usr/bin/tool\t/usr/bin/renamed$')" diff --name-status "$one" "$two"
"$CONFUSE" --json diff "$one" "$two" >out 2>err
same 'diff --json: exit' $? 1
same 'diff --json: lines' "$("$here/json_lines" change path <out)" 5
# patch(1) would take it: labels, tabs, and bytes as they are.
"$CONFUSE" diff --unified "$one" "$two" >out 2>err
same 'diff --unified: exit' $? 1
diff -u --label a/etc/conf --label b/etc/conf one/etc/conf two/etc/conf >hunk
grep -A7 '^--- a/etc/conf' out | head -n "$(wc -l <hunk)" >told
cmp -s hunk told || wrong 'diff --unified is not what diff -u says'
grep -q '^(no text' out || wrong 'diff --unified of no text says nothing'
try 0 "^/diff/$one..$two\$" diff --mount-path "$(echo "$one" | cut -c1-8)" diff/two@latest
try 3 'import that, or give two' diff --drift "$one"
try 3 'no snapshot has the id 0123456789abcdef' diff "$one" 0123456789abcdef
try 3 'is no snapshot' diff nothing "$two"
try 3 '64 hex digits' diff /layer/12 "$two"
try 3 'is not in the store' diff "/chain/$one$two" "$two"
try 2 'two snapshots are needed' diff "$one"
try 2 'two snapshots are needed' diff "$one" "$two" "$one"
try 2 '--drift needs one' diff --drift "$one" "$two"
try 2 'exclude one another' diff --stat --name-only "$one" "$two"
try 2 'tells of no files' diff --packages --unified "$one" "$two"
try 2 'a form of its own' --json diff --stat "$one" "$two"
# The log of one namespace tells of changes, that of all only if asked.
try 0 'since 2026-11-21T16:43:01Z: ' log web/one
same 'what the first version changed' "$(grep -c since out)" 1
try 0 . log
grep -q since out && wrong 'log tells of changes without being asked'
try 0 'since 2026-11-21T16:43:01Z: ' log --stat
"$CONFUSE" --json log web/one | head -1 | grep -q "\"changes\":{\"since\":\"$id\"" || wrong 'log --json does not tell since what'
# One file through time.
try 0 '^ID ' log --follow diff/one:/etc/conf
try 0 "^$one  2[0-9TZ:.-]*  A\$" log --follow diff/one:/etc/conf
lines 1 'id namespace time imported format partial tags change path new' log --follow diff/one://etc/./conf
same 'a file that never was there' "$("$CONFUSE" log --follow diff/one:/etc/none; echo $?)" 1
same 'a path below a file' "$("$CONFUSE" log --follow diff/one:/etc/conf/x; echo $?)" 1
try 2 'takes NAMESPACE:PATH' log --follow
try 2 'takes NAMESPACE:PATH' log --follow diff/one
try 2 'exclude one another' log --follow --stat diff/one:/etc/conf
try 3 'nothing of "nobody" is here' log --follow nobody:/etc
try 3 'cannot be followed' log --follow diff/one:/etc/../etc/conf
# On a terminal it goes through the pager, in colour; a snapshot's bytes are shown, not obeyed.
export TERM=xterm
script -qec "PAGER='sed s/^/page:/' '$CONFUSE' diff -u $one $two" /dev/null </dev/null >seen
same 'diff on a terminal: exit' $? 1
grep -q 'page:.*R.* /usr/bin/tool -> /usr/bin/renamed' seen || wrong 'diff on a terminal does not use the pager'
grep -q "page:$(printf '\033')" seen || wrong 'diff on a terminal has no colour'
grep -q "d$(printf '\033')\[31m" seen && wrong 'an escape of a capture reaches the terminal'
TERM=dumb script -qec "PAGER='sed s/^/page:/' '$CONFUSE' diff -u $one $two" /dev/null </dev/null >seen
grep -q 'R.* /usr/bin/tool' seen || wrong 'diff on a dumb terminal says nothing'
grep -q "page:\|$(printf '\033')" seen && wrong 'a dumb terminal gets escape sequences, or a pager'
# Names that would command a terminal, or turn what stands beside them around, in each form that there is.
mkdir names
: >"names/$(printf 'c1\302\233m')"
: >"names/$(printf 'rtl\342\200\256exe')"
try 0 '^[0-9a-f]{32} names/all ' import --namespace names/all names
for command in 'log' 'log names/all' 'find --name rtl*' 'log --follow names/all:/' 'forget --dry-run --keep-last 1'; do
    # shellcheck disable=SC2086
    try 0 'T[0-9:]{8}Z  ' $command
    grep -q 'T[0-9:]*\.' out && wrong "$command: a time that does not fit its column"
done
for command in 'ls' 'ls -l' '--json ls' 'manifest'; do
    script -qec "'$CONFUSE' $command names/all@latest" /dev/null </dev/null >seen
    grep -q rtl seen || wrong "$command on a terminal does not show names"
    LC_ALL=C grep -q "$(printf '\302\233\|\342\200\256')" seen && wrong "$command lets a name reach the terminal as it is"
done
"$CONFUSE" --json ls names/all@latest >piped
script -qec "'$CONFUSE' --json ls names/all@latest" /dev/null </dev/null >seen
python3 -c 'import json; a, b = ([json.loads(l) for l in open(f, "rb")] for f in ("piped", "seen")); exit(a != b)' ||
    wrong 'JSON on a terminal is other JSON'
try 3 'no-c1\?\?m: No such file' cat "names/all@latest:/$(printf 'no-c1\302\233m')"
NO_COLOR=1 script -qec "PAGER='sed s/^/page:/' '$CONFUSE' diff -u $one $two" /dev/null </dev/null >seen
grep -q 'page:+b' seen || wrong 'diff on a terminal without colours shows no lines'
grep -q "$(printf '\033')" seen && wrong 'an escape of a capture reaches the terminal by a pager without colours'

# --- A command in a snapshot: as far as it goes without an NFS client --------------------------------------------------

# The run itself, then its refusals, which come before anything is made. In its namespaces a leak checker finds no threads.
asan=${ASAN_OPTIONS-}
export ASAN_OPTIONS="${asan:+$asan:}detect_leaks=0"
if [ "$(id -u)" -eq 0 ] && unshare --net --mount --pid --fork true 2>/dev/null; then
    mkdir tools
    "$CONFUSE" run --tools tools "$id" -- no-such-command >out 2>err
    case $? in
    4) grep -q '^confuse run: this kernel has no NFS client' err ;;
    127) grep -q '^confuse run: no-such-command: No such file' err ;;
    *) false ;;
    esac || wrong 'confuse run does not say why it did not'
    [ "$(wc -l <err)" -eq 1 ] || wrong 'confuse run: not one line of error'
    pgrep -f -- "--store $CONFUSE_STORE serve" >out && wrong 'confuse run leaves its server'
    try 4 '^confuse run: nowhere: No such file' run --tools nowhere "$id" -- true
    try 3 'is no snapshot' run --server 127.0.0.1 nothing -- true
    try 3 'a full id of 32 digits' --store none run --server 127.0.0.1 web/one@latest -- true
    try 2 'no ADDR or ADDR:PORT' run --server 127.0.0.1:x "$id" -- true
else
    try 4 'only root' run "$id" -- true
fi
export ASAN_OPTIONS="$asan"

# --- Output that does not arrive -------------------------------------------------------------------------------------

for command in --version --help 'help ls' 'ls --help' log '--json log' "ls -R $id" "--json ls -R $id" "show $id" \
    "--json show $id" "cat $id:/d0/f30" 'cat links@latest:/name' "manifest $id" "diff $id $later" "--json diff $id $later" fsck '--json fsck' 'import links.csv' \
    '--json import links.csv'; do
    # shellcheck disable=SC2086
    "$CONFUSE" $command >/dev/full 2>err
    same "confuse $command >/dev/full: exit" $? 4
    grep -q '^confuse.*: cannot write to standard output' err || wrong "confuse $command >/dev/full: says nothing"
done

# --- What is wrong in the store ---------------------------------------------------------------------------------------

large=$(find store/blobs -type f | head -1)
chmod u+w "$large"
printf X | dd of="$large" bs=1 seek=100 conv=notrunc 2>dd.log
"$CONFUSE" fsck >out 2>err
same 'fsck with a damaged blob: exit' $? 1
grep -q 'holds other bytes than its name says' err || wrong 'fsck does not say what is damaged'
grep -q ' 1 bad$' out || wrong 'fsck does not count what is damaged'
rm -f "$large"
"$CONFUSE" fsck >out 2>err
same 'fsck without a blob: exit' $? 1

# --- What the README shows ------------------------------------------------------------------------------------------

id=$("$CONFUSE" --store "$scratch/sample" import "$sources/samples/web-1.frame" 2>err | cut -d' ' -f1)
grep -q "^    $id demo/web-1 " "$sources/README.md" || wrong "README.md shows another id for samples/web-1.frame than $id"

[ $failures -eq 0 ] || {
    echo "$failures things are wrong"
    exit 1
}
