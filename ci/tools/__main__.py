"""`python -m ci.tools build [NAME...]` and `python -m ci.tools path NAME [PROGRAM]`."""

from __future__ import annotations

import argparse
import sys

from ci.errors import main_guard
from ci.tools.build import ensure, path
from ci.tools.table import CLUSTER_TOOLS, TOOLS


def main() -> None:
    """Parse and do."""
    parser = argparse.ArgumentParser(prog="python -m ci.tools", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build what the cache lacks")
    build.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(TOOLS)}")
    where = commands.add_parser("path", help="print a program's path, built if need be")
    where.add_argument("name", choices=TOOLS)
    where.add_argument("program", nargs="?")
    asked = parser.parse_args()
    if asked.command == "path":
        print(program_path(asked.name, asked.program))
        return
    if unknown := set(asked.names) - set(TOOLS):
        parser.error(f"unknown tools: {', '.join(sorted(unknown))}")
    ensure(asked.names or CLUSTER_TOOLS)


def program_path(name: str, program: str | None) -> str:
    """Build first, with progress on stderr, so that $(...) gets the path alone."""
    stdout, sys.stdout = sys.stdout, sys.stderr
    try:
        ensure([name])
    finally:
        sys.stdout = stdout
    return str(path(name, program))


if __name__ == "__main__":
    sys.exit(main_guard(main))
