#!/bin/sh
# What --help says and what the man pages say are the same options, both ways round, letters too; and --help fits a
# terminal of 110 columns.
set -u
sources=$(cd "${srcdir:-.}" && pwd)
scratch=$(mktemp -d /tmp/confuse-manual-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failures=0
export LC_ALL=C.UTF-8

wrong()
{
    failures=$((failures + 1))
    echo "WRONG: $*"
}

# Options of the command itself, a line each: "--name", and "-l" if it has a letter.
own_options()
{
    sed -n '/^Options:/,/^$/p' help | sed -nE 's/^  (-[a-zA-Z])?,? +(--[a-z0-9-]+).*/\1\n\2/p' |
        grep -vx -e '' -e --store -e --json -e --help -e -h
}

# The page $1 names them as mdoc has it: .Fl l , -name; several letters may stand together, as in .Fl lR.
in_page()
{
    case $2 in
    --*) grep -Eq -e "Fl ([a-zA-Z] , )?${2#-}( |\$)" "$1" ;;
    *) grep -Eq -e "Fl [a-zA-Z]*${2#-}[a-zA-Z]*( |\$)" "$1" ;;
    esac
}

commands=$("$CONFUSE" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ -n "$commands" ] || wrong '--help lists no commands'
for command in $commands; do
    "$CONFUSE" "$command" --help >help
    awk -v command="$command" 'length($0) > 110 || / $/ { print "WRONG: " command " --help: too long, or ends in a blank: " $0; bad = 1 }
        END { exit bad }' help || failures=$((failures + 1))
    page=$sources/doc/confuse.1
    for own in "$sources/doc/confuse-$command".[18]; do [ -f "$own" ] && page=$own; done
    own_options >options
    while read -r option; do
        in_page "$page" "$option" || wrong "${page##*/} does not tell of $command $option"
    done <options
    [ "$page" != "$sources/doc/confuse.1" ] || continue
    sed -nE 's/^\.It Fl ([a-zA-Z] , Fl )?-([a-z][a-z0-9-]*).*/--\2/p' "$page" | grep -vx -e --store -e --json -e --help |
        sort -u >told
    while read -r option; do
        grep -qx -e "$option" options || wrong "${page##*/} tells of $option, $command --help does not"
    done <told
done
for page in "$sources"/doc/confuse-*.[18]; do
    name=${page##*/}
    grep -q "^\.Xr ${name%.*} " "$sources/doc/confuse.1" || wrong "confuse.1 does not refer to $name"
done
[ $failures -eq 0 ]
