"""Checks that go on after one that fails, and tell at the end."""
import shutil
import sys
import tempfile


class Wrong(Exception):
    """What was expected, and is not so."""


def expect(what, expected, got):
    if expected != got:
        raise Wrong(f"{what}: expected {expected!r}, got {got!r}")


def run_checks(name, *checks):
    """Of (function, argument…), each with a directory that all share before its arguments; ends the program."""
    work, failures = tempfile.mkdtemp(prefix=f"confuse-{name}-"), 0
    try:
        for check, *arguments in checks:
            try:
                check(work, *arguments)
            except Wrong as wrong:
                failures += 1
                print(f"WRONG: {check.__name__}: {wrong}")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(1 if failures else 0)
