#!/bin/sh
# Images in every form they come in: layouts, tars of them, docker's archives of three generations; from files, from
# standard input, compressed. What is chosen, what they are called, what is not read again, and what is refused.
set -u
here=${srcdir:-.}/tests
case $here in /*) ;; *) here=$PWD/$here ;; esac
for tool in python3 gzip tar; do
    command -v $tool >/dev/null || { echo "no $tool"; exit 77; }
done
case $(uname -m) in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
*) arch=$(uname -m) ;;
esac
scratch=$(mktemp -d /tmp/confuse-oci-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
export CONFUSE_STORE="$scratch/store"
failures=0
python3 "$here/e2e/make_images.py" "$arch" || exit 1

wrong()
{
    failures=$((failures + 1))
    echo "WRONG: $*"
    sed 's/^/    /' out err | cut -c1-400 | head -12
}

# imports LINES ARGUMENTS...: so many snapshots, and no word
imports()
{
    lines=$1
    shift
    "$CONFUSE" import "$@" >out 2>err || wrong "import $*: exit $?"
    [ -s err ] && wrong "import $*: said something"
    [ "$(wc -l <out)" -eq "$lines" ] || wrong "import $*: not $lines snapshots"
}

# printed LINE NAMESPACE: what stands in a line of what was printed
printed()
{
    [ "$(sed -n "$1p" out | cut -d' ' -f2)" = "$2" ] || wrong "line $1 is not of $2"
}

# holds SNAP PATH TEXT
holds()
{
    [ "$("$CONFUSE" cat "$1:$2" 2>err)" = "$3" ] || wrong "$1:$2 is not $3"
}

# --- Every form ------------------------------------------------------------------------------------------------------

imports 2 one
printed 1 one
printed 2 docker.io/library/two
cp out all
holds one:v1 /app/n 1
holds docker.io/library/two:2.0 /app/n 2
"$CONFUSE" cat one:v1:/usr/gone >out 2>err && wrong 'what a whiteout takes away is there'
"$CONFUSE" show one:v1 >out 2>err
grep -q '^format  *oci' out || wrong 'not of format oci'
grep -q '2020-02-02T02:02:02Z' out || wrong 'not of the time it was made'
for source in one.tar one-dot.tar; do
    imports 2 $source
    printed 1 "${source%.tar}"
    [ "$(tail -n 1 out)" = "$(tail -n 1 all)" ] || wrong "$source is another image"
done
imports 1 --ref v1 --namespace renamed one.tar
printed 1 renamed
holds renamed:v1 /app/n 1
gzip -c one.tar >one.tar.gz
for source in one.tar one.tar.gz; do
    imports 1 --ref two - <$source
    [ "$(cat out)" = "$(tail -n 1 all)" ] || wrong "$source from standard input is another image"
    cat $source | "$CONFUSE" import --ref two:2.0 - >out 2>err
    [ "$(cat out)" = "$(tail -n 1 all)" ] || wrong "$source from a pipe is another image"
done

imports 2 docker-old.tar
printed 1 docker.io/library/app
printed 2 docker.io/other/app
for name in library/app:1 library/app:2 other/app:1; do
    holds docker.io/$name /app/n 1
done
"$CONFUSE" show docker.io/library/app:1 >out 2>err
grep -q '^format  *docker' out || wrong 'not of format docker'
grep -q ', 3 layers' out || wrong 'not three layers'
imports 1 docker-new.tar
printed 1 docker.io/library/new
imports 1 --format docker docker-new.tar
mkdir unpacked && tar -C unpacked -xf docker-new.tar
imports 1 unpacked
printed 1 docker.io/library/new
imports 1 --format docker --ref new unpacked
imports 2 docker-ancient.tar
holds docker.io/old/app:2 /app/n 1
holds docker.io/library/base:latest /usr/gone 'soon gone'
cat docker-ancient.tar | "$CONFUSE" import --ref old/app - >out 2>err || wrong 'an ancient archive from a pipe'
[ "$(wc -l <out)" -eq 1 ] || wrong 'two tags of one image are not one snapshot'

# --- Platforms -------------------------------------------------------------------------------------------------------

imports 1 multi
printed 1 reg.example:5000/multi
holds reg.example:5000/multi:1 /app/n 1
imports 1 --platform plan9/mips multi
holds reg.example:5000/multi:1 /usr/gone 'soon gone'
"$CONFUSE" import --platform all multi >out 2>err || wrong '--platform all'
[ "$(wc -l <out)" -eq 2 ] || wrong '--platform all: not two'
grep -q '^confuse import: warning: multi: 1 passed over (first: sha256:.*: a layer is a application/vnd.in-toto' err ||
    wrong '--platform all: the attestation is not told'
holds reg.example:5000/multi:1 /app/n 1

# --- Layers that are there are not opened --------------------------------------------------------------------------

imports 1 base-gone
holds docker.io/library/third:3 /app/n 3
"$CONFUSE" --store other import base-gone >out 2>err
[ $? -eq 3 ] || wrong 'a layer that is nowhere: not exit 3'
"$CONFUSE" --store other --json log >out 2>err
[ -s out ] && wrong 'a layer that is nowhere: published'

# --- What is no image, and what has no name -------------------------------------------------------------------------

"$CONFUSE" import scratch >out 2>err || wrong 'an image without layers: not imported'
printed 1 scratch
grep -q '"not a reference" is no reference of an image' err || wrong 'a name that is none: not told'
grep -q '1 passed over (first: sha256:.*: it is a application/vnd.example.thing)' err || wrong 'a thing: not told'
"$CONFUSE" ls scratch@latest:/ >out 2>err || wrong 'an image without layers: cannot be read'
[ -s out ] && wrong 'an image without layers holds something'

imports 1 plain.tar
printed 1 plain
holds plain@latest /oci-layouts no
cat plain.tar | "$CONFUSE" import --namespace plain - >out 2>err || wrong 'a plain tar from a pipe'
[ "$("$CONFUSE" --json log plain | wc -l)" -eq 1 ] || wrong 'a plain tar from a pipe is another one'
imports 1 --namespace as-tar --format tar one.tar
holds as-tar@latest /oci-layout '{"imageLayoutVersion":"1.0.0"}'
imports 1 --namespace as-dir --format dir one
holds as-dir@latest /oci-layout '{"imageLayoutVersion":"1.0.0"}'

# said CODE TEXT ARGUMENTS...: it ends with the code, and says the text
said()
{
    code=$1 text=$2
    shift 2
    "$CONFUSE" import "$@" >out 2>err
    got=$?
    [ $got -eq "$code" ] || wrong "import $*: exit $got"
    [ "$(cat err)" = "confuse import: $text" ] || wrong "import $*: does not say '$text'"
    [ -s out ] && wrong "import $*: printed something"
}

said 3 'one: no image "v9"; there are v1, docker.io/library/two:2.0' --ref v9 one
said 3 "multi: no image for linux/sparc; there are plan9/mips, linux/$arch" --platform linux/sparc multi
said 3 'plain.tar: there is no image in it' --ref x plain.tar
said 3 'plain.tar: no OCI image layout, it has no oci-layout and index.json' --format oci plain.tar
said 3 'plain.tar: manifest.json: not a list of images, as docker writes it' --format docker plain.tar
said 3 'as: no OCI image layout, it has no oci-layout and index.json' --format oci "$(mkdir as && echo as)"
said 2 'one: --strip-prefix and --partial are not for images' --partial one
said 2 '--platform linux is no platform such as linux/arm64, nor all' --platform linux one
said 2 'as: --ref and --platform are for images, which this is not' --ref x as
said 3 'one.tar.gz: more than 4096 bytes uncompressed; --max-size allows more' --max-size 4K one.tar.gz
"$CONFUSE" import --ref v1 - <one.tar >out 2>err
[ $? -eq 3 ] || wrong 'an image without a name: not exit 3'
grep -q '^confuse import: <stdin>: the image has no name of its own, --namespace is needed$' err ||
    wrong 'an image without a name: not told'

# --- What is refused -------------------------------------------------------------------------------------------------

published()
{
    "$CONFUSE" fsck | sed 's/,[^,]* blobs.*//'
    "$CONFUSE" --json log
}

published >before
for text in bad/*.txt; do
    archive=${text%.txt}
    for source in "$archive" -; do
        "$CONFUSE" import --namespace refused $source <"$archive" >out 2>err
        got=$?
        name=$source
        [ "$source" = - ] && name='<stdin>'
        [ $got -eq 3 ] || wrong "$archive ($source): exit $got"
        [ -s out ] && wrong "$archive ($source): printed something"
        [ "$(cat err)" = "confuse import: $name$(sed 's/^FILE//' "$text")" ] ||
            wrong "$archive ($source): not $(cat "$text")"
        published >after
        cmp -s before after || wrong "$archive ($source): something was published"
    done
done
"$CONFUSE" fsck >out 2>err || wrong 'fsck after all that'
[ $failures -eq 0 ]
