#!/usr/bin/env python3
"""What guests that raced for claims told (claims.sh), as checks: `claims.py CLAIMS FILE…`, a file of each guest.

`won NAME`: this one won the claim of a name. `sum MD5`: of all that the directory held in the end, in the order of names.
"""
import collections
import hashlib
import sys

FILLER = "0" * 6000  # as in claims.sh


def told(path, what):
    with open(path, encoding="ascii") as lines:
        return [line.split()[1] for line in lines if line.startswith(what + " ")]


def main():
    claims, paths = int(sys.argv[1]), sys.argv[2:]
    won = [told(path, "won") for path in paths]
    times = collections.Counter(name for names in won for name in names)
    names = [f"{number:064x}" for number in range(1, claims + 1)]
    wrong = [f"{name} {times[name]} times" for name in names if times[name] != 1]
    print("ok each_claim_is_won_once" if not wrong and len(times) == claims
          else f"not ok each_claim_is_won_once: {len(wrong)} are not, the first {wrong[:1]}")
    print("ok all_win_some" if all(won) else f"not ok all_win_some: {list(map(len, won))}")
    winner = {name: guest for guest, names_won in enumerate(won, 1) for name in names_won}
    whole = "".join(f"{name} by {winner.get(name)} {FILLER} {name} by {winner.get(name)}\n" for name in names)
    sums = {hashlib.md5(whole.encode()).hexdigest(), *(line for path in paths for line in told(path, "sum") or ["none"])}
    print("ok each_verdict_is_whole" if len(sums) == 1 else f"not ok each_verdict_is_whole: sums {sorted(sums)}")


main()
