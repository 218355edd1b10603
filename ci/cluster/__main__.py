"""`python -m ci.cluster up [--nodes N] [--provider P]`, `down`, `status`, `metrics`."""

from __future__ import annotations

import argparse
import sys
import time

from ci.cluster.local import Local
from ci.cluster.providers import CHOSEN, Provider, provider, running
from ci.cluster.system import alone
from ci.errors import main_guard
from ci.paths import DAVIT, KUBECONFIG


def main() -> None:
    """Parse and do."""
    parser = argparse.ArgumentParser(prog="python -m ci.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="have a cluster; resumes, and is quick when all is there")
    up.add_argument("--nodes", type=int, help="1 to 3 (default: as it is, or 1)")
    names = ("auto", "existing", "kind", "local")
    up.add_argument("--provider", default="auto", choices=names)
    commands.add_parser("down", help="remove every trace of it but the cache")
    commands.add_parser("metrics", help="add `kubectl top` to a local cluster")
    commands.add_parser("status", help="say what runs and where its files are")
    asked = parser.parse_args()
    if asked.command == "status":
        status(provider())
    elif asked.command == "metrics":
        with alone():
            Local().metrics()
    elif asked.command == "down":
        with alone():
            down(provider())
    else:
        with alone():
            bring_up(provider(asked.provider), asked.nodes)


def bring_up(chosen: Provider, count: int | None) -> None:
    """Write down the provider before anything is started."""
    began = time.monotonic()
    chosen.check(count)
    DAVIT.mkdir(exist_ok=True)
    CHOSEN.write_text(chosen.name + "\n")
    chosen.up(count)
    status(chosen)
    print(f"up after {time.monotonic() - began:.1f} s: export KUBECONFIG={KUBECONFIG}")


def down(chosen: Provider) -> None:
    """The note of the provider goes last, so that a broken `down` can be repeated."""
    chosen.down()
    CHOSEN.unlink(missing_ok=True)
    if DAVIT.exists() and not any(DAVIT.iterdir()):
        DAVIT.rmdir()


def status(chosen: Provider) -> None:
    """Lines of `key: value`."""
    print(f"provider: {chosen.name}{'' if running() else ' (not up)'}")
    print(f"kubeconfig: {KUBECONFIG if KUBECONFIG.exists() else 'none'}")
    print("\n".join(chosen.status()))


if __name__ == "__main__":
    sys.exit(main_guard(main))
