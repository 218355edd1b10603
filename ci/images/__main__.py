"""`python -m ci.images build|load [NAME...]`: all images by default, operators' included."""

from __future__ import annotations

import argparse
import sys

from ci.cluster.providers import provider, running
from ci.cluster.system import alone, install_packages, require_root
from ci.errors import Refused, main_guard
from ci.images.build import build_all, have_buildah
from ci.images.renew import renew
from ci.images.table import images, loadable


def main() -> None:
    """Parse and do."""
    parser = argparse.ArgumentParser(prog="python -m ci.images", description=__doc__)
    parser.add_argument("command", choices=("build", "load", "list"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(images())}")
    asked = parser.parse_args()
    known = images()
    if unknown := set(asked.names) - set(known):
        parser.error(f"unknown images: {', '.join(sorted(unknown))}")
    names = asked.names or loadable(known)
    if asked.command == "list":
        print("\n".join(f"{name}\t{known[name].ref}" for name in names))
        return
    with alone():
        build_or_load(asked.command, names)


def build_or_load(command: str, names: list[str]) -> None:
    """Loading builds first what is missing or out of date."""
    if command == "load" and running() is None:
        raise Refused("no cluster is up", "`make up` first")
    if command == "load" and not provider().loads:
        print("the existing cluster pulls its images itself: " + ", ".join(images()[name].ref for name in names))
        return
    if not have_buildah():
        require_root()
        install_packages()
    archives = build_all(names)
    if command == "load":
        provider().load(archives)
        renew(archives)
    else:
        print("\n".join(f"{archive.ref}\t{archive.path}" for archive in archives))


if __name__ == "__main__":
    sys.exit(main_guard(main))
