#!/bin/sh
# What GNU tar writes is read as GNU tar unpacks it, in each of its formats, plain and compressed, and from standard
# input; broken archives are refused and publish nothing.
set -u
here=${srcdir:-.}/tests
case $here in /*) ;; *) here=$PWD/$here ;; esac
for tool in tar python3 gzip xz; do
    command -v $tool >/dev/null || { echo "no $tool"; exit 77; }
done
tar --version | grep -q GNU || { echo "no GNU tar"; exit 77; }
scratch=$(mktemp -d /tmp/confuse-tar-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
export CONFUSE_STORE="$scratch/store"
failures=0
owner=
[ "$(id -u)" -eq 0 ] || owner=--no-owner

wrong()
{
    failures=$((failures + 1))
    echo "WRONG: $*"
    sed 's/^/    /' out err | cut -c1-400 | head -12
}

# same NAMESPACE ARCHIVE: its newest snapshot is what tar makes of the archive
same()
{
    rm -rf unpacked
    mkdir unpacked
    tar --numeric-owner -xpf "$2" -C unpacked 2>err || wrong "$2: tar cannot unpack it"
    "$CONFUSE" manifest "$1@latest" 2>err | python3 "$here/e2e/tree_oracle.py" $owner unpacked >out ||
        wrong "$2: not what tar unpacks"
}

mkdir tree
python3 "$here/e2e/make_tree.py" tree || exit 1

for format in gnu oldgnu pax; do
    tar -C tree --sparse --format=$format -cf $format.tar . || exit 1
    "$CONFUSE" import $format.tar >out 2>err || wrong "$format: not imported"
    [ -s err ] && wrong "$format: a warning"
    same $format $format.tar
done
# ustar and v7 know no long names, no long targets, no large ids.
rm -rf tree/far tree/nnn* tree/ooo* tree/a/b/c/mmm* tree/link?* tree/size-1
for format in ustar v7; do
    files=.
    [ $format = ustar ] || files='a empty many size-0 size-65537 sticky zzz'
    # shellcheck disable=SC2086 # a list of words
    tar -C tree --format=$format -cf $format.tar $files 2>err || [ $format = v7 ] || exit 1
    "$CONFUSE" import $format.tar >out 2>err || wrong "$format: not imported"
done
same ustar ustar.tar

"$CONFUSE" show pax@latest >out 2>err
grep -q "sha256:$(sha256sum <pax.tar | cut -d' ' -f1)" out || wrong 'the source is not what sha256sum says'

# However it is compressed and comes in, it is the same source: one snapshot, and the same id.
for compress in 'cat' 'gzip' 'xz' 'bzip2' 'zstd -q'; do
    command -v ${compress%% *} >/dev/null || continue
    $compress <pax.tar >packed
    "$CONFUSE" import --namespace pax packed >out 2>err || wrong "$compress: not imported"
    "$CONFUSE" import --namespace pax - <packed >>out 2>err || wrong "$compress from standard input: not imported"
    [ "$(sort -u out | wc -l)" -eq 1 ] || wrong "$compress: two ids"
done
[ "$("$CONFUSE" --json log pax | wc -l)" -eq 1 ] || wrong 'the same source is several snapshots'

# An entry twice, and what was linked to the first: the last one counts.
mkdir twice
echo one >twice/f
ln twice/f twice/l
tar -C twice -cf twice.tar f l
rm twice/f
echo another >twice/f
mkdir twice/d
tar -C twice -rf twice.tar ./f d
"$CONFUSE" import twice.tar >out 2>err || wrong 'an entry twice: not imported'
rm -rf unpacked && mkdir unpacked && tar -C unpacked -xf twice.tar
[ "$("$CONFUSE" cat twice@latest:/f)" = another ] || wrong 'an entry twice: not the last one'
[ "$("$CONFUSE" cat twice@latest:/l)" = one ] || wrong 'an entry twice: its link changed'
"$CONFUSE" manifest twice@latest >out
grep -q '"nlink":2,.*"known"' out && grep '"type":"file"' out | grep -q '"nlink":2' && wrong 'an entry twice: still linked'

# Absolute names, and those that climb.
tar -P -C twice --transform 's,^f$,/abs/f,;s,^l$,../../climb,' -cf names.tar f l 2>err
"$CONFUSE" import names.tar >out 2>err || wrong 'absolute names: not imported'
[ "$("$CONFUSE" cat names@latest:/abs/f)" = another ] || wrong 'absolute names: not there'
[ "$("$CONFUSE" cat names@latest:/climb)" = one ] || wrong 'a name that climbs: not inside'

# A link to what is not there.
rm twice/l && ln twice/f twice/l
tar -C twice -cf dangling.tar f l
tar --delete -f dangling.tar f
"$CONFUSE" import dangling.tar >out 2>err || wrong 'a dangling link: not imported'
grep -q 'warning: 1 entry left out' err || wrong 'a dangling link: no warning'
"$CONFUSE" manifest dangling@latest >out
grep -q '"path":"/l","note":{"record":"entry","what":"left-out"' out || wrong 'a dangling link: no note'
"$CONFUSE" import --strict dangling.tar >out 2>err
[ $? -eq 3 ] || wrong '--strict: not exit 3'
"$CONFUSE" import --strip-prefix /abs --namespace stripped names.tar >out 2>err || wrong '--strip-prefix: not imported'
[ "$("$CONFUSE" cat stripped@latest:/f)" = another ] || wrong '--strip-prefix: not there'

# refused FILE REGEX [OPTIONS...]: as a file and from standard input
refused()
{
    file=$1 regex=$2
    shift 2
    for source in "$file" -; do
        "$CONFUSE" import --namespace refused "$@" $source <"$file" >out 2>err
        got=$?
        [ $got -eq 3 ] || wrong "$file ($source): exit $got"
        [ "$(wc -l <err)" -eq 1 ] || wrong "$file ($source): not one line"
        [ -s out ] && wrong "$file ($source): printed something"
        name=$source
        [ "$source" = - ] && name='<stdin>'
        grep -Eq "^confuse import: $name: .*$regex" err || wrong "$file ($source): not '$name: …$regex'"
        "$CONFUSE" log refused >out 2>err && [ -s out ] && wrong "$file ($source): published"
    done
}

for file in "$here"/should-fail/tar/*.txt; do
    archive=${file%.txt}
    cp "$archive" . && refused "${archive##*/}" "$(cat "$file")" --format tar
done
# Cut anywhere, plain or packed, and with a byte changed.
tar -C tree --format=pax -cf small.tar a empty many
gzip -c small.tar >small.tar.gz
for at in 600 5000 20000 100000; do
    head -c $at small.tar >cut.tar
    refused cut.tar '' --format tar
done
head -c 3000 small.tar.gz >cut.tar.gz
refused cut.tar.gz '' --format tar
"$CONFUSE" import --partial --namespace partial cut.tar >out 2>err || wrong '--partial: not imported'
"$CONFUSE" --json log partial | grep -q '"partial":true' || wrong '--partial: not marked'
# A bomb: a GiB of zeros in a MB.
{ head -c 512 gnu.tar; head -c 300000000 /dev/zero; } | gzip -1 >bomb.tar.gz
refused bomb.tar.gz 'max-size' --format tar --max-size 100M

"$CONFUSE" import - <pax.tar >out 2>err
[ $? -eq 3 ] || wrong 'a tar without a name: not exit 3'
grep -q 'namespace is needed' err || wrong 'a tar without a name: not told'
"$CONFUSE" fsck >out 2>err || wrong 'fsck after all that'
[ $failures -eq 0 ]
