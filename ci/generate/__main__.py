"""`python -m ci.generate` writes every generated file; `--check` fails on a difference; `images` lists every image."""

from __future__ import annotations

import argparse
import sys

from ci.generate.charts import all_images
from ci.generate.outputs import differences, write
from ci.paths import REPO

COMMAND = "python -m ci.generate"


def main(argv: list[str] | None = None) -> int:
    """Parse and do; the exit code."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("what", nargs="?", choices=("files", "images"), default="files")
    parser.add_argument("--check", action="store_true", help="change nothing; show differences and exit with 1")
    asked = parser.parse_args(argv)
    if asked.what == "images":
        print("\n".join(all_images()))
        return 0
    if asked.check:
        return check()
    for path in write():
        print(path.relative_to(REPO))
    return 0


def check() -> int:
    """1 and a diff if anything generated is not as on disk."""
    found = differences()
    if found:
        sys.stdout.write(found)
        print(f"\ngenerated files differ; run: {COMMAND}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
