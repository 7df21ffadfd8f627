#!/bin/sh
# Writes DIR/frame, a frame whose every answer is known, and what a client must see of it:
#   DIR/find      each node as find -printf '%P\t%y\t%m\t%n\t%U\t%G\t%s\t%T@\t%l\n' shows it, sorted bytewise
#   DIR/sums      md5sum of each captured file, relative paths
#   DIR/absent    paths whose content was never captured
# Wanted in it: a directory of 5,000, every type of node, names that break careless quoting, owners of all kinds, times before 1971
# and after 2038, a size above 4 GiB, content below and above what a store keeps inside its database.
set -eu
export LC_ALL=C

dir=${1:?usage: frame.sh DIR}
rm -rf "$dir"
mkdir -p "$dir/content"

# Fields of a plan line: type mode uid gid size time link path content. "-" is none; content is text, @N for N bytes of
# numbered lines, "absent" or, for what has none, "-". Parents come before their children. The empty directories are those that
# crawlers leave out: an importer may add them, so they are here.
plan() {
    tr -s ' ' '\t' <<'PLAN'
d 0755 0 0 4096 1700000000.250000 - . -
d 0755 0 0 4096 1700000000.500000 - boot -
d 0755 0 0 4096 1700000000.500000 - dev -
d 0755 0 0 4096 1700000001.000001 - etc -
f 0644 0 0 - 1699999999.123456 - etc/passwd root:x:0:0:root:/root:/bin/bash
f 0644 0 0 - 1699999999.123457 - etc/hostname box
f 0640 0 42 612 1699999998.500000 - etc/shadow absent
f 0600 0 0 - 1699999998.750000 - etc/secret only-root-reads-this
f 0644 0 0 0 1600000000.000000 - etc/empty -
l 0777 0 0 21 1600000000.000000 ../usr/lib/os-release etc/os-release -
d 0755 0 0 4096 1600000000.000000 - etc/conf.d -
f 0644 0 0 - 1600000000.000000 - etc/conf.d/00-local setting=1
d 0755 0 0 4096 1600000000.000000 - usr -
d 0755 0 0 4096 1600000000.000000 - usr/bin -
f 4755 0 0 35128 1600000000.000000 - usr/bin/su absent
f 2755 0 43 22680 1600000000.000000 - usr/bin/wall absent
f 0755 0 0 5368709120 1600000000.000000 - usr/bin/huge absent
d 0755 0 0 4096 1600000000.000000 - usr/lib -
f 0644 0 0 - 1600000000.000000 - usr/lib/os-release ID=debian
d 0755 0 0 4096 1600000000.000000 - usr/share -
d 0755 0 0 4096 1600000000.000000 - usr/share/doc -
d 0755 0 0 4096 1600000000.000000 - usr/share/man -
d 0755 0 0 4096 1600000000.000000 - usr/share/mime -
d 0755 0 0 4096 1700000002.000000 - var -
d 0755 0 0 4096 1700000002.000000 - var/cache -
d 0755 0 0 4096 1700000002.000000 - mnt -
d 0555 0 0 4096 1700000002.000000 - proc -
d 0555 0 0 4096 1700000002.000000 - sys -
d 1777 0 0 4096 1700000002.999999 - tmp -
d 0755 0 0 4096 1700000003.000000 - run -
s 0755 0 0 0 1700000003.100000 - run/app.sock -
p 0600 7 7 0 1700000003.200000 - run/fifo -
b 0660 0 6 0 1700000003.300000 - run/sda -
c 0666 0 0 0 1700000003.400000 - run/null -
d 0700 1000 1000 4096 1700000004.000000 - home -
f 0644 1000 1000 - 0.000000 - home/epoch written-in-1970
f 0644 4294967294 65534 - 4102444800.000000 - home/later written-in-2100
f 0644 1000 1000 - 1700000005.000000 - home/a␣name␣with␣␣spaces spaces
f 0644 1000 1000 - 1700000005.000000 - home/"quoted"␣'$(name)'&\back quotes
f 0644 1000 1000 - 1700000005.000000 - home/-rf dash
f 0644 1000 1000 - 1700000005.000000 - home/naïve-Ελλάδα-日本-🐧 unicode-名
l 0777 1000 1000 8 1700000005.000000 no-where home/dangling -
l 0777 1000 1000 4 1700000005.000000 loop home/loop -
d 0755 0 0 4096 1700000006.000000 - srv -
d 0755 0 0 4096 1700000006.000000 - srv/data -
f 0644 33 33 - 1700000006.000000 - srv/data/small @1000
f 0644 33 33 - 1700000006.000000 - srv/data/below @65000
f 0644 33 33 - 1700000006.000000 - srv/data/above @70000
f 0644 33 33 - 1700000006.000000 - srv/data/large @1500000
d 0755 33 33 4096 1700000007.000000 - srv/big -
PLAN
    # One in ten of the big directory has content.
    awk 'BEGIN { for (i = 1; i <= 5000; i++)
        printf "f\t0644\t%d\t%d\t%s\t17000%05d.000000\t-\tsrv/big/entry-%05d\t%s\n", i % 7, i % 11, i % 10 ? i : "-", i, i,
            i % 10 ? "absent" : "entry-" i }'
}

plan | awk -F '\t' -v dir="$dir" '
function json(text) {
    gsub(/\\/, "&&", text); gsub(/"/, "\\\"", text); gsub(/\n/, "\\n", text)
    for (letter in ascii) gsub(letter, ascii[letter], text)
    return text
}
function octal(digits,   i, n) { for (i = 1; i <= length(digits); i++) n = n * 8 + substr(digits, i, 1); return n }
function lines(bytes,   text, n) { while (length(text) < bytes) text = text sprintf("%09d\n", ++n); return substr(text, 1, bytes) }
BEGIN {
    # Frames are ASCII: the letters used here, in the order UTF-16 has them.
    ascii["ï"] = "\\u00ef"; ascii["Ε"] = "\\u0395"; ascii["λ"] = "\\u03bb"; ascii["ά"] = "\\u03ac"; ascii["δ"] = "\\u03b4"
    ascii["α"] = "\\u03b1"; ascii["日"] = "\\u65e5"; ascii["本"] = "\\u672c"; ascii["🐧"] = "\\ud83d\\udc27"; ascii["名"] = "\\u540d"
    kind["f"] = 32768; kind["d"] = 16384; kind["l"] = 40960; kind["b"] = 24576; kind["c"] = 8192; kind["p"] = 4096; kind["s"] = 49152
    # A crawler calls a socket a file; only its mode tells.
    word["f"] = word["s"] = "file"; word["d"] = "dir"; word["l"] = "link"; word["b"] = "block"; word["c"] = "char"; word["p"] = "pipe"
    frame = dir "/frame"
    print "metadata\t\"metadata\"\t{\"system_type\":\"container\",\"timestamp\":\"2023-11-15T01:02:03+0000\"," \
        "\"namespace\":\"test/kernel-box\",\"features\":\"file,config\",\"uuid\":\"7c2f4d0e-0000-4000-8000-000000000001\"}" > frame
}
{
    path = $8; gsub(/␣/, " ", path)
    name = path; sub(/.*\//, "", name)
    full = path == "." ? "/" : "/" path
    if (path == ".") path = name = ""
    size = $5
    content = $9 ~ /^@/ ? lines(substr($9, 2)) : $9 "\n"
    if (size == "-") size = length(content)
    link = $7 == "-" ? "" : $7
    print "file\t\"" json(full) "\"\t{\"atime\":" $6 ",\"ctime\":" $6 ",\"gid\":" $4 ",\"linksto\":" (link == "" ? "null" : "\"" link "\"") \
        ",\"mode\":" kind[$1] + octal($2) ",\"mtime\":" $6 ",\"name\":\"" json(name) "\",\"path\":\"" json(full) "\",\"size\":" size \
        ",\"type\":\"" word[$1] "\",\"uid\":" $3 "}" > frame
    if ($9 == "absent") print path > (dir "/absent")
    else if ($9 != "-") {
        file = sprintf("%s/content/%05d", dir, ++held)
        printf "%s", content > file; close(file)
        print file "\t" path > (dir "/content.list")
        print "config\t\"" json(full) "\"\t{\"name\":\"" json(name) "\",\"content\":\"" json(content) "\",\"path\":\"" json(full) "\"}" > frame
    }
    parent = path; if (!sub(/\/[^\/]*$/, "", parent)) parent = ""
    node[NR] = path; type[path] = $1; links[path] += $1 == "d" ? 2 : 1
    if ($1 == "d" && path != "") links[parent]++
    sub(/^0*/, "", $2)
    before[path] = path "\t" $1 "\t" $2; after[path] = $3 "\t" $4 "\t" size "\t" $6 "0000\t" link
}
END { for (i = 1; i <= NR; i++) print before[node[i]] "\t" links[node[i]] "\t" after[node[i]] > (dir "/find.unsorted") }
'
sort "$dir/find.unsorted" >"$dir/find"
# md5sum escapes a name with a backslash in it; a sum and a path, as they are, are what the guest compares.
cut -f 1 "$dir/content.list" | xargs md5sum | cut -c 1-32 | paste - "$dir/content.list" | cut -f 1,3 | sort -k 2 >"$dir/sums"
