#!/bin/sh
# What is no frame is refused: exit 3, one line that says where, and nothing of it in the store.
set -u
here=$(dirname "$CONFUSE")/tests/e2e
scratch=$(mktemp -d /tmp/confuse-bad-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
export CONFUSE_STORE="$scratch/store"
failures=0

counts()
{
    "$CONFUSE" --json fsck
}

wrong()
{
    failures=$((failures + 1))
    echo "WRONG: $*"
    sed 's/^/    /' err | cut -c1-300 | head -5
}

# refused FILE LINE REGEX [OPTIONS...]: as a file and from standard input
refused()
{
    file=$1 line=$2 regex=$3
    shift 3
    for source in "$file" -; do
        "$CONFUSE" import "$@" $source <"$file" >out 2>err
        got=$?
        [ $got -eq 3 ] || wrong "$file ($source): exit $got"
        [ "$(wc -l <err)" -eq 1 ] || wrong "$file ($source): not one line"
        [ -s out ] && wrong "$file ($source): printed something"
        name=$source
        [ "$source" = - ] && name='<stdin>'
        grep -Eq "^confuse import: $name:$line: .*$regex" err || wrong "$file ($source): not '$name:$line: …$regex'"
        [ "$(counts)" = "$before" ] || wrong "$file ($source): the store changed"
    done
}

"$here/make_capture" good 0 50 20 10 >good.csv
"$CONFUSE" import good.csv >/dev/null || exit 1
before=$(counts)
"$here/make_capture" bad 1 200 80 20 >whole.csv
total=$(wc -l <whole.csv)

# Cut short: in the last record, in the middle of a record, within gzip data.
head -c -5 whole.csv >short.csv
refused short.csv "$total" 'cut short'
head -n 150 whole.csv | head -c -9 >middle.csv
refused middle.csv 150 'cut short'
gzip -c whole.csv | head -c 3000 >short.csv.gz
refused short.csv.gz '[0-9]+' ''
gzip -c whole.csv | head -c -6 >tail.csv.gz
refused tail.csv.gz '[0-9]+' 'cut short'

# Broken in the middle.
sed '120s/"mode":/"mode"/' whole.csv >broken.csv
refused broken.csv 120 broken
sed '120s/.*/{"a":/' whole.csv >half.csv
refused half.csv 120 ''
sed '120s/	/ /g' whole.csv >spaces.csv
refused spaces.csv 120 ''
sed '1s/.*/{"a":{}}/' whole.csv >nothing.csv
refused nothing.csv 1 'not a record of a frame'

# No frame at all.
: >empty
refused empty 1 empty
printf '\n\n  \n' >blank
refused blank 1 empty
head -c 100000 /dev/zero | tr '\0' '\377' >binary
refused binary 1 ''
printf '\177ELF\1\2\3\n\n\n' >elf
refused elf 1 ''
printf 'hello\nworld\n' >text
refused text 1 ''
tar cf some.tar good.csv
refused some.tar 1 '' --format frame
gzip -c whole.csv >bomb.gz
refused bomb.gz '[0-9]+' 'more than 1024 bytes' --max-size 1K
printf '10_0_2_15.cpu-0.idle 97.1 1489251869\n10_0_2_15.cpu-0.user 1.1 1489251869\n' >metrics.graphite
refused metrics.graphite 1 graphite
printf '\37\213\10\0garbage that is no deflate stream' >garbage.gz
refused garbage.gz 1 gzip

# Metadata.
sed 1d whole.csv >headless.csv
refused headless.csv '[0-9]+' 'no metadata'
sed '1s/"namespace":"bad",//' whole.csv >nameless.csv
refused nameless.csv '[0-9]+' 'namespace'
sed '1s/"namespace":"bad"/"namespace":"..\/..\/etc"/' whole.csv >climbing.csv
refused climbing.csv '[0-9]+' 'namespace'
# What no path of ours can be.
for namespace in '' . .. / /a a/ a//b a/../b 'a\\u0000b' "$(head -c 4096 /dev/zero | tr '\0' n)" "a/$(head -c 256 /dev/zero | tr '\0' n)"; do
    sed "1s|\"namespace\":\"bad\"|\"namespace\":\"$namespace\"|" whole.csv >hostile.csv
    cmp -s whole.csv hostile.csv && wrong "the namespace $namespace is not tried"
    refused hostile.csv '[0-9]+' '[Nn]amespace'
done
sed '1s/"timestamp":"[^"]*",//' whole.csv >timeless.csv
refused timeless.csv 1 'timestamp'
sed '1s/"timestamp":"[^"]*"/"timestamp":"soon"/' whole.csv >soon.csv
refused soon.csv 1 'timestamp'

# A line without an end. Memory stays bounded: 100 MB are not taken.
{ head -n 5 whole.csv && printf 'config\t"/x"\t{"content":"' && head -c 100000000 /dev/zero | tr '\0' x; } >endless.csv
(
    failures=0
    # A sanitizer's shadow takes terabytes of addresses.
    grep -q -e __asan_init -e __tsan_init "$CONFUSE" || ulimit -v 1000000
    refused endless.csv 6 'more than 64 MiB'
    exit $failures
) || failures=$((failures + 1))

# Wrong as a whole.
"$CONFUSE" import --strip-prefix /nowhere whole.csv >out 2>err
[ $? -eq 3 ] || wrong 'a prefix that nothing is below: not exit 3'
grep -q '^confuse import: whole.csv: no file record lies below' err || wrong 'a prefix that nothing is below'
[ "$(counts)" = "$before" ] || wrong 'a prefix that nothing is below: the store changed'

# A good frame before a bad one in one stream is imported and printed.
cat whole.csv broken.csv >both.csv
"$CONFUSE" import both.csv >out 2>err
[ $? -eq 3 ] || wrong 'a bad frame behind a good one: not exit 3'
[ "$(wc -l <out)" -eq 1 ] || wrong 'a bad frame behind a good one: the good one was not printed'
"$CONFUSE" --json log bad | grep -q "$(cut -d' ' -f1 out)" || wrong 'what was printed is not there'

# Questions about what nobody can have: one line, exit 3, and no output.
"$CONFUSE" import --namespace good --time 2030-01-01T00:00:00Z good.csv >out 2>err || wrong 'a second version'
asked()
{
    regex=$1
    shift
    "$CONFUSE" "$@" >out 2>err
    got=$?
    [ $got -eq 3 ] || wrong "$1: exit $got"
    [ "$(wc -l <err)" -eq 1 ] || wrong "$1: not one line"
    [ -s out ] && wrong "$1: printed something"
    grep -Eq "^confuse $1: .*$regex" err || wrong "$1: does not say '$regex'"
    [ "$(wc -c <err)" -lt 5000 ] || wrong "$1: a long line"
}
long=$(head -c 4096 /dev/zero | tr '\0' n)
for namespace in '' . .. / /a a/ a//b a/../b "$long" "$(printf 'a\033[31m\nb/..')"; do
    asked 'namespace' log "$namespace"
    asked 'namespace|too long' log --follow "$namespace:/etc"
    for snap in "$namespace@latest" "$namespace@2020" "$namespace:tag"; do
        asked '' diff "$snap" good@latest
        asked '' diff good@latest "$snap"
        asked '' diff --mount-path "$snap" good@latest
    done
done
grep -q "$(printf '\033')" err && wrong 'an escape of a name reaches the terminal'
asked 'nothing of "nobody"' log --follow nobody:/etc
asked 'too long' log --follow "good:/$long"
asked 'no snapshot has the id' diff 0123456789abcdef good@latest
asked 'at least 8' diff 0123 good@latest
asked 'is that old' diff good@1980 good@latest
asked 'neither' diff good@yesterday good@latest
asked 'needed' diff /layer/.. good@latest
same=$("$CONFUSE" diff good@latest good@latest) || wrong 'a version and itself: not exit 0'
[ -z "$same" ] || wrong "a version and itself: $same"
"$CONFUSE" find --name "$long" >out 2>err
[ $? -eq 1 ] || wrong 'find --name of 4 KB: not exit 1'
[ -s out ] && wrong 'find --name of 4 KB printed something'
for digest in '' 12 "$long" ../../../etc/passwd; do
    "$CONFUSE" find --sha256 "$digest" >out 2>err
    got=$?
    [ $got -eq 2 ] || wrong "find --sha256 '$digest': exit $got"
    [ "$(wc -l <err)" -eq 1 ] || wrong "find --sha256 '$digest': not one line"
done

# What --partial is for.
"$CONFUSE" import --namespace part --partial short.csv >out 2>err || wrong '--partial does not take a short frame'
"$CONFUSE" --json log part | grep -q '"partial":true' || wrong 'a partial snapshot is not marked'
"$CONFUSE" fsck >out 2>err || wrong 'fsck after all that'
[ $failures -eq 0 ]
