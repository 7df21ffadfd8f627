#!/bin/sh
# Tags, pins, forgetting, gc and repair as people and scripts give the commands; and images on one base that come and go
# for $CONFUSE_SOAK seconds (3) beside gc and fsck.
set -u
here=${srcdir:-.}/tests/e2e
case $here in /*) ;; *) here=$PWD/$here ;; esac
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
scratch=$(mktemp -d /tmp/confuse-keep-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
export CONFUSE_STORE="$scratch/store" PYTHONDONTWRITEBYTECODE=1
cd "$scratch" || exit 1
failures=0

wrong()
{
    failures=$((failures + 1))
    echo "WRONG: $*"
    sed 's/^/    /' out err
}

# expect CODE ARGUMENTS…: confuse ends with it, and an error is one line
expect()
{
    code=$1
    shift
    "$CONFUSE" "$@" >out 2>err
    got=$?
    [ $got -eq "$code" ] || wrong "$*: exit $got instead of $code"
    [ "$code" -eq 0 ] || [ "$(wc -l <err)" -eq 1 ] || wrong "$*: not one line"
}

# says TEXT: the last command printed it
says()
{
    grep -q -- "$1" out || wrong "nothing says $1"
}

# --- Names, pins, policies --------------------------------------------------------------------------------------------

mkdir tree
for day in 01 02 03 04 05; do
    echo $day >tree/day
    head -c 100000 /dev/urandom >tree/large
    expect 0 import --namespace days --time "2026-03-${day}T12:00:00Z" tree
done
expect 0 tag days@2026-03-02 second
expect 0 show days:second
expect 0 tag days@2026-03-01 second
expect 0 --json log days
says '"time":"2026-03-01T12:00:00Z".*"pinned":false,"tags":\["second"\]'
expect 3 tag --delete days:other
expect 3 tag days@latest 'no tag'
expect 3 tag nothing@latest tag
expect 2 tag days@latest
expect 2 tag --pin --unpin days@latest
expect 0 tag --pin days@2026-03-02
expect 1 forget days@2026-03-02
expect 0 forget --keep-last 1 --dry-run
says '2 would be forgotten'
expect 0 --json forget --keep-daily 2 --namespace days
python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin]
assert [line["reasons"] for line in lines] == [["daily"], ["daily"], [], ["pinned"], ["tagged"]], lines
assert [line["kept"] for line in lines] == [True, True, False, True, True]' <out 2>>err || wrong 'not what is kept'
expect 3 forget days@2026-03-03T13:00:00Z-no
expect 0 tag --unpin days@2026-03-02
expect 0 forget days@2026-03-02 days:second
expect 3 show days:second
expect 0 forget --keep-within 1d --namespace days
expect 2 forget
expect 2 forget --namespace days
expect 2 forget --keep-last 0
expect 2 forget --keep-last 1x
expect 2 forget --keep-within 1w
expect 2 forget --keep-last 1 days@latest
expect 0 forget --keep-last 1 --namespace nobody
expect 4 --store nowhere forget --keep-last 1
expect 4 --store nowhere gc
expect 2 gc days
expect 0 --json gc
says '"files":3,'
expect 0 gc
says '^dropped 0 images.* 0 files'
expect 0 fsck
[ "$(find store/blobs -type f | wc -l)" -eq 2 ] || wrong 'other files than those of two snapshots'

# --- Repair -----------------------------------------------------------------------------------------------------------

expect 0 cat days@latest:/large
cp out large
file=$(find store/blobs -type f -name "$(sha256sum <large | cut -d' ' -f1)")
chmod u+w "$file"
printf 'other' | dd of="$file" conv=notrunc status=none
"$CONFUSE" fsck --repair >out 2>err
[ $? -eq 1 ] || wrong 'fsck --repair found nothing'
grep -q 'snapshot .* (days) lacks the content' err || wrong 'the snapshot is not named'
expect 4 cat days@latest:/large
expect 0 cat days@latest:/day
expect 1 fsck
expect 0 find --text 05
mkdir healed
cp large healed/elsewhere
expect 0 import --namespace healed healed
expect 0 fsck
expect 0 cat days@latest:/large
cmp -s out large || wrong 'it is not healed'

# --- Images that come and go ------------------------------------------------------------------------------------------

python3 "$here/base_images.py" "$scratch" 20 300 8 100 3 || exit 1

# repeat NAME COMMAND…: until there is a file "stop"; what fails is told in NAME.failed
repeat()
{
    name=$1
    shift
    while [ ! -e stop ]; do
        "$@" >"$name.out" 2>&1 || { cp "$name.out" "$name.failed"; echo "$* failed" >>"$name.failed"; }
    done
}

come_and_go()
{
    "$CONFUSE" import --namespace "gone/$1" "$1" && "$CONFUSE" forget "gone/$1@latest"
}

stay()
{
    turn=$((${turn:-0} + 1))
    "$CONFUSE" import --namespace "stays/$turn" b
}

# It may be nowhere just now.
look()
{
    "$CONFUSE" find --text '1 of base' || [ $? -eq 1 ]
}

for name in a b; do repeat "go-$name" come_and_go $name & done
repeat stay stay &
repeat gc "$CONFUSE" gc &
repeat fsck "$CONFUSE" fsck &
repeat find look &
sleep "${CONFUSE_SOAK:-3}"
touch stop
wait
for failed in *.failed; do [ -e "$failed" ] && { cp "$failed" err; : >out; wrong "$failed"; }; done
expect 0 fsck
expect 0 --store other import --namespace stays/1 b
expect 0 --store other manifest stays/1@latest
cp out expected
"$CONFUSE" --json log | sed -n 's/.*"namespace":"\(stays[^"]*\)".*/\1/p' >stays
[ -s stays ] || wrong 'no image stays'
for namespace in $(head -n 5 stays) $(tail -n 5 stays); do
    expect 0 manifest "$namespace@latest"
    cmp -s out expected || wrong "$namespace is another"
done
for namespace in $(cat stays); do expect 0 forget "$namespace@latest"; done
expect 0 gc
expect 0 fsck
says ' 0 images, 0 layers, 0 chains,'

[ $failures -eq 0 ] || { echo "$failures wrong"; exit 1; }
